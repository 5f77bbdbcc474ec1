/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_sigv4.h"

#include <time.h>


/*
 * Lines: time, method, host, path, query, payload hash, region, service,
 * access key, secret key, session token; then headers, "name:value" each.
 */


typedef struct {
    xr_sigv4_request_t  req;
    xr_credentials_t    credentials;
    xr_sigv4_header_t   headers[XR_SIGV4_MAX_HEADERS + 1];
} input_t;


static void
read_input(input_t *in, xr_str_t rest)
{
    size_t    i;
    uint64_t  now;
    xr_str_t  line;

    xr_str_t  *fields[] = {
        &in->req.method, &in->req.host, &in->req.path, &in->req.query,
        &in->req.payload_hash, &in->req.region, &in->req.service,
        &in->credentials.access_key, &in->credentials.secret_key,
        &in->credentials.session_token
    };

    memset(in, 0, sizeof(input_t));

    line = xr_str_cut(&rest, '\n');

    if (xr_str_uint(&line, &now) == XR_OK) {
        in->req.now = (int64_t) now;
    }

    for (i = 0; i < XR_COUNT(fields); i++) {
        *fields[i] = xr_str_cut(&rest, '\n');
    }

    for (i = 0; i < XR_COUNT(in->headers) && rest.len > 0; i++) {
        line = xr_str_cut(&rest, '\n');
        in->headers[i].name = xr_str_cut(&line, ':');
        in->headers[i].value = xr_str_trim(line);
    }

    in->req.headers = in->headers;
    in->req.nheaders = i;
}


/* Against the C library's calendar. */

static void
check_date(int64_t now, const char *date)
{
    char       text[64];
    time_t     t;
    struct tm  tm;

    t = (time_t) now;
    assert(gmtime_r(&t, &tm) != NULL);
    assert(strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm) == 16);
    assert(strcmp(text, date) == 0);
}


/* Whatever the fields hold, the number of lines is that of the format. */

static void
check_canonical(const input_t *in, const char *date)
{
    size_t    i, lines;
    uint8_t   memory[16384];
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));

    assert(xr_sigv4_canonical(&in->req, &in->credentials, date, &b) == XR_OK);

    lines = 0;

    for (i = 0; i < b.len; i++) {
        lines += (b.data[i] == '\n');
    }

    assert(lines == 3 + in->req.nheaders + 3
                    + (in->credentials.session_token.len > 0) + 2);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          i;
    input_t         in;
    xr_rc_t         rc;
    xr_err_t        err;
    xr_sigv4_t      out, again;
    xr_sigv4_key_t  key;

    read_input(&in, xr_str_of(data, size));

    memset(&key, 0, sizeof(key));
    err.what = NULL;

    rc = xr_sigv4_sign(&in.req, &in.credentials, &key, &out, &err);

    if (rc != XR_OK) {
        assert(rc == XR_INVALID || rc == XR_NO_SPACE);
        assert(err.what != NULL && out.authorization_len == 0);
        return 0;
    }

    check_date(in.req.now, out.date);
    check_canonical(&in, out.date);

    assert(out.authorization_len <= sizeof(out.authorization));

    for (i = 0; i < out.authorization_len; i++) {
        assert(out.authorization[i] >= 0x20 && out.authorization[i] != 0x7f);
    }

    /* the key that was kept signs alike */

    assert(xr_sigv4_sign(&in.req, &in.credentials, &key, &again, NULL)
           == XR_OK);
    assert(again.authorization_len == out.authorization_len);
    assert(memcmp(again.authorization, out.authorization,
                  out.authorization_len)
           == 0);

    return 0;
}
