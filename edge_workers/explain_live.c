/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "explain.h"
#include "keys.h"
#include "sign.h"
#include "xr_explain.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>


/* The same request, signed, to an edge that is running. */

#define XRW_EXPLAIN_ANSWER   ((size_t) 512 * 1024)
#define XRW_EXPLAIN_TIMEOUT  20L        /* seconds */


typedef struct {
    xrw_explain_t      *e;
    const char         *url;
    const char         *target;         /* as it is signed, and sent */
    struct curl_slist  *fields;
    xr_buf_t            answer;
    long                status;
    char                error[CURL_ERROR_SIZE];
} xrw_explain_live_t;


/* --key, or XR_EXPLAIN_KEY, which is a key itself. */

static int
xrw_explain_key(const xrw_command_t *cmd, xrw_explain_t *e, xr_keyset_t *keys)
{
    xr_rc_t      rc;
    const char  *hex;

    hex = getenv("XR_EXPLAIN_KEY");

    if (e->flags->key != NULL) {
        rc = xrw_keys_purge(e->arena, e->flags->key, keys);

    } else if (hex != NULL && hex[0] != '\0') {
        rc = xrw_keys_purge_hex(e->arena, "XR_EXPLAIN_KEY", hex, keys);

    } else {
        return xrw_usage(cmd, "no key: say --key, or set XR_EXPLAIN_KEY");
    }

    return (rc == XR_OK) ? XRW_OK : XRW_FAILED;
}


/* What is signed: a "Host" of the caller's counts, as it does for the edge. */

static int
xrw_explain_sign(xrw_explain_live_t *live, const xr_key_t *key)
{
    char                  value[XR_EXPLAIN_VALUE_MAX];
    xr_buf_t              b;
    xr_explain_request_t  req;

    req.method = xr_str("GET");
    req.target = xr_str(live->target);
    req.host = live->e->host.len > 0 ? live->e->host : live->e->sent.host;

    b = xr_buf(value, sizeof(value));

    if (xr_explain_sign(key, &req, (int64_t) time(NULL), &b) != XR_OK) {
        return xrw_error("the request cannot be signed");
    }

    live->fields = curl_slist_append(live->fields,
                                     xrw_format(live->e->arena,
                                                "X-XR-Explain: %.*s",
                                                (int) b.len, value));

    return (live->fields != NULL) ? XRW_OK : xrw_error("out of memory");
}


/* libcurl's own Accept would be one of the client's. */

static int
xrw_explain_fields(xrw_explain_live_t *live)
{
    struct curl_slist        *fields;
    const xrw_explain_line_t *line;

    live->fields = curl_slist_append(NULL, "Accept:");

    for (line = live->e->lines; line != NULL; line = line->next) {

        if (live->fields == NULL) {
            return xrw_error("out of memory");
        }

        fields = curl_slist_append(live->fields, line->text);

        if (fields == NULL) {
            return xrw_error("out of memory");
        }

        live->fields = fields;
    }

    return XRW_OK;
}


static size_t
xrw_explain_write_answer(char *data, size_t size, size_t n, void *ctx)
{
    xrw_explain_live_t *live = ctx;

    xr_buf_put(&live->answer, xr_str_of(data, size * n));

    return xr_buf_ok(&live->answer) ? size * n : 0;
}


static int
xrw_explain_fetch(xrw_explain_live_t *live)
{
    CURL                      *curl;
    CURLcode                   code;
    struct curl_slist         *connect;
    const xrw_explain_flags_t *flags;

    flags = live->e->flags;
    curl = curl_easy_init();

    if (curl == NULL) {
        return xrw_error("out of memory");
    }

    connect = NULL;

    if (flags->edge != NULL) {
        connect = curl_slist_append(NULL, xrw_format(live->e->arena, "::%s",
                                                     flags->edge));
        (void) curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect);
    }

    (void) curl_easy_setopt(curl, CURLOPT_URL, live->url);
    (void) curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, live->target);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, live->fields);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, live->error);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT, XRW_EXPLAIN_TIMEOUT);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION,
                            xrw_explain_write_answer);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, live);

    code = curl_easy_perform(curl);

    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &live->status);

    curl_slist_free_all(connect);
    curl_easy_cleanup(curl);

    /* what is too long is an object, not an explanation */

    if (code == CURLE_OK || code == CURLE_WRITE_ERROR) {
        return XRW_OK;
    }

    return xrw_error("%s", live->error[0] != '\0' ? live->error
                                                  : curl_easy_strerror(code));
}


static int
xrw_explain_read(xrw_explain_live_t *live)
{
    json_t  *out;

    out = json_loadb((const char *) live->answer.data, live->answer.len, 0,
                     NULL);

    if (live->status != 200 || !xr_buf_ok(&live->answer)
        || !json_is_object(json_object_get(out, "explain")))
    {
        json_decref(out);
        return xrw_error("the edge answers %ld and explains nothing: has it "
                         "an xr_explain_key, is this one in it, and are both "
                         "clocks right?", live->status);
    }

    (void) json_object_update(live->e->out, out);
    json_decref(out);

    return XRW_OK;
}


int
xrw_explain_live(const xrw_command_t *cmd, const char *url, xrw_explain_t *e)
{
    int                 status;
    size_t              site;
    xr_str_t            target;
    xr_keyset_t         keys;
    xrw_explain_live_t  live;

    memset(&keys, 0, sizeof(keys));
    memset(&live, 0, sizeof(live));

    site = xrw_site(xr_str(url));

    if (site == 0) {
        return xrw_usage(cmd, "%.60s: not a URL", url);
    }

    target = xr_str(url + site);
    target.len = xr_str_find(target, '#');

    live.e = e;
    live.url = url;
    live.answer = xr_buf(xrw_alloc(e->arena, XRW_EXPLAIN_ANSWER),
                         XRW_EXPLAIN_ANSWER);
    live.target = xrw_format(e->arena, "%s%.*s",
                             target.len > 0 && target.data[0] == '/' ? ""
                                                                     : "/",
                             (int) target.len, (const char *) target.data);

    status = xrw_explain_key(cmd, e, &keys);

    if (status == XRW_OK) {
        status = xrw_explain_fields(&live);
    }

    if (status == XRW_OK) {
        status = xrw_explain_sign(&live, &keys.keys[0]);
    }

    if (status == XRW_OK) {
        status = xrw_explain_fetch(&live);
    }

    if (status == XRW_OK) {
        status = xrw_explain_read(&live);
    }

    curl_slist_free_all(live.fields);
    xr_keyset_wipe(&keys);

    return status;
}
