/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "s3_request.h"
#include "xr_s3_error.h"

#include <stdio.h>
#include <string.h>


/* What an answer means, and what the absence of one does. */

/* The Error document's fields that tell a reason. */

typedef struct {
    char  code[64];
    char  message[256];
} xr_s3_reason_t;


xr_rc_t
xr_s3_fail(xr_s3_t *s3, xr_rc_t rc, const char *what)
{
    (void) snprintf(s3->error, sizeof(s3->error), "%s", what);

    return rc;
}


void
xr_s3_copy(char *out, size_t size, xr_str_t s)
{
    size_t  i, n;

    n = (s.len < size) ? s.len : size - 1;

    for (i = 0; i < n; i++) {
        out[i] = (s.data[i] < 0x20 || s.data[i] == 0x7f)
                 ? ' ' : (char) s.data[i];
    }

    out[n] = '\0';
}


xr_str_t
xr_s3_unquote(xr_str_t s)
{
    return (s.len >= 2 && s.data[0] == '"' && s.data[s.len - 1] == '"')
           ? xr_str_of(s.data + 1, s.len - 2) : s;
}


static void
xr_s3_reason_element(void *ctx, const char *parent, const char *name,
    xr_str_t text)
{
    xr_s3_reason_t *reason = ctx;

    if (strcmp(parent, "Error") != 0) {
        return;
    }

    if (strcmp(name, "Code") == 0) {
        xr_s3_copy(reason->code, sizeof(reason->code), text);

    } else if (strcmp(name, "Message") == 0) {
        xr_s3_copy(reason->message, sizeof(reason->message), text);
    }
}


/* The answers of proxies and load balancers have no reason to read. */

static void
xr_s3_reason(xr_s3_t *s3, xr_s3_reason_t *reason)
{
    *reason = (xr_s3_reason_t) { { 0 }, { 0 } };

    if (s3->answer_len > 0) {
        (void) xr_s3_xml(xr_str_of(s3->answer, s3->answer_len),
                         xr_s3_reason_element, reason);
    }
}


static xr_rc_t
xr_s3_refused(xr_s3_t *s3, const xr_s3_reason_t *reason, bool *again)
{
    long  status;

    status = s3->status;

    (void) snprintf(s3->error, sizeof(s3->error), "%ld%s%s%s%s", status,
                    reason->code[0] != '\0' ? " " : "", reason->code,
                    reason->message[0] != '\0' ? ": " : "", reason->message);

    *again = (status >= 500 && status != 501) || status == 429
             || strcmp(reason->code, "RequestTimeout") == 0;

    /* the answer to HEAD has no reason */

    s3->refused = xr_s3_error_kind(xr_str(reason->code))
                  == XR_S3_ERROR_CREDENTIALS
                  || (reason->code[0] == '\0'
                      && (status == 401 || status == 403));

    if (status >= 500) {
        return XR_ERROR;
    }

    if (status == 404) {
        return XR_NOT_FOUND;
    }

    return (status == 401 || status == 403) ? XR_DENIED : XR_INVALID;
}


xr_rc_t
xr_s3_unanswered(xr_s3_t *s3, CURLcode code, bool *again)
{
    const char         *what;
    const xr_origin_t  *origin;

    if (s3->stopped) {
        return xr_s3_fail(s3, XR_ERROR, "interrupted");
    }

    origin = s3->options.origin;
    what = (s3->curl_error[0] != '\0') ? s3->curl_error
                                       : curl_easy_strerror(code);

    (void) snprintf(s3->error, sizeof(s3->error), "no answer from %.*s: %s",
                    (int) origin->host.len, (const char *) origin->host.data,
                    what);

    switch (code) {

    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_WRITE_ERROR:
        *again = false;
        break;

    default:
        *again = true;
    }

    return XR_ERROR;
}


/* 200 is not the end of it: a completion may fail after the head was sent. */

xr_rc_t
xr_s3_answered(xr_s3_t *s3, const xr_s3_request_t *req, bool *again)
{
    bool            ok;
    xr_s3_reason_t  reason;

    (void) curl_easy_getinfo(s3->curl, CURLINFO_RESPONSE_CODE, &s3->status);

    ok = s3->status >= 200 && s3->status < 300;

    if (ok && strcmp(req->method, "POST") != 0) {
        return XR_OK;
    }

    xr_s3_reason(s3, &reason);

    if (ok && reason.code[0] == '\0') {
        return XR_OK;
    }

    if (ok) {
        s3->status = 500;
    }

    return xr_s3_refused(s3, &reason, again);
}


xr_rc_t
xr_s3_etag(xr_s3_t *s3, char etag[XR_S3_ETAG_SIZE])
{
    xr_str_t             s;
    struct curl_header  *h;

    if (curl_easy_header(s3->curl, "etag", 0, CURLH_HEADER, -1, &h)
        != CURLHE_OK)
    {
        return xr_s3_fail(s3, XR_INVALID, "the answer has no ETag");
    }

    s = xr_s3_unquote(xr_str_trim(xr_str(h->value)));

    if (s.len == 0 || s.len >= XR_S3_ETAG_SIZE) {
        return xr_s3_fail(s3, XR_INVALID, "the answer has no usable ETag");
    }

    xr_s3_copy(etag, XR_S3_ETAG_SIZE, s);

    return XR_OK;
}
