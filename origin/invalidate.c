/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "invalidate.h"
#include "s3_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define XR_INVALIDATE_ANSWER   65536    /* bytes; no answer is longer */
#define XR_INVALIDATE_CONNECT  10       /* seconds */
#define XR_INVALIDATE_PATH     512


/* One request, and what came of it. */

typedef struct {
    const xr_invalidate_t   *api;
    const char              *method;
    char                     path[XR_INVALIDATE_PATH];
    xr_str_t                 body;
    struct curl_slist       *headers;
    xr_invalidate_answer_t  *out;
    char                     code[65];  /* of an error */
    char                     message[128];
    size_t                   len;
    char                     curl_error[CURL_ERROR_SIZE];
    char                     answer[XR_INVALIDATE_ANSWER];
} xr_invalidate_call_t;


static size_t
xr_invalidate_write(char *data, size_t size, size_t n, void *ctx)
{
    xr_invalidate_call_t *call = ctx;

    n *= size;

    if (n > sizeof(call->answer) - call->len) {
        return 0;
    }

    memcpy(call->answer + call->len, data, n);
    call->len += n;

    return n;
}


static bool
xr_invalidate_header(xr_invalidate_call_t *call, const char *name,
    xr_str_t value)
{
    char                line[2048 + XR_SIGV4_AUTHORIZATION_SIZE];
    int                 n;
    struct curl_slist  *list;

    n = snprintf(line, sizeof(line), "%s: %.*s", name, (int) value.len,
                 (const char *) value.data);

    list = (n > 0 && (size_t) n < sizeof(line))
           ? curl_slist_append(call->headers, line) : NULL;

    xr_wipe(line, sizeof(line));

    if (list == NULL) {
        return false;
    }

    call->headers = list;

    return true;
}


/* What there is of a URL behind "://", up to the path. */

static xr_str_t
xr_invalidate_host(const char *endpoint)
{
    size_t       n;
    const char  *host;

    host = strstr(endpoint, "://");
    host = (host != NULL) ? host + 3 : endpoint;
    n = strcspn(host, "/?#");

    return xr_str_of(host, n);
}


static const char *
xr_invalidate_sign(xr_invalidate_call_t *call)
{
    char                 hash[XR_SHA256_SIZE * 2];
    bool                 ok;
    uint8_t              digest[XR_SHA256_SIZE];
    xr_buf_t             b;
    xr_err_t             err;
    xr_str_t             token;
    xr_sigv4_t           signature;
    xr_sigv4_key_t       key;
    xr_sigv4_request_t   req;

    static const xr_sigv4_header_t  type[] = {
        { XR_STR("content-type"), XR_STR("application/xml") }
    };

    if (xr_sha256(call->body, digest) != XR_OK) {
        return "SHA-256 failed";
    }

    b = xr_buf(hash, sizeof(hash));
    xr_buf_hex(&b, xr_str_of(digest, sizeof(digest)));

    req = (xr_sigv4_request_t) {
        .method = xr_str(call->method),
        .host = xr_invalidate_host(call->api->endpoint),
        .path = xr_str(call->path),
        .headers = type,
        .nheaders = (call->body.len > 0) ? 1 : 0,
        .payload_hash = xr_buf_str(&b),
        .region = xr_str("us-east-1"),      /* of all that is global */
        .service = xr_str("cloudfront"),
        .now = (int64_t) time(NULL)
    };

    memset(&key, 0, sizeof(key));

    if (xr_sigv4_sign(&req, call->api->credentials, &key, &signature, &err)
        != XR_OK)
    {
        xr_wipe(&key, sizeof(key));
        return err.what;
    }

    xr_wipe(&key, sizeof(key));
    token = call->api->credentials->session_token;

    ok = xr_invalidate_header(call, "host", req.host)
         && xr_invalidate_header(call, "x-amz-content-sha256",
                                 req.payload_hash)
         && xr_invalidate_header(call, "x-amz-date", xr_str(signature.date))
         && xr_invalidate_header(call, "authorization",
                                 xr_str_of(signature.authorization,
                                           signature.authorization_len))
         && (req.nheaders == 0
             || xr_invalidate_header(call, "content-type", type[0].value))
         && (token.len == 0
             || xr_invalidate_header(call, "x-amz-security-token", token));

    return ok ? NULL : "a header cannot be made";
}


bool
xr_invalidate_id_ok(xr_str_t id)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < id.len; i++) {
        c = id.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return false;
        }
    }

    return id.len > 0 && id.len < XR_INVALIDATE_ID;
}


static void
xr_invalidate_element(void *ctx, const char *parent, const char *name,
    xr_str_t text)
{
    xr_invalidate_call_t *call = ctx;

    text = xr_str_trim(text);

    if (strcmp(parent, "Invalidation") == 0) {

        if (strcmp(name, "Id") == 0 && xr_invalidate_id_ok(text)) {
            xr_s3_copy(call->out->id, sizeof(call->out->id), text);

        } else if (strcmp(name, "Status") == 0) {
            call->out->completed = xr_str_eq(text, xr_str("Completed"));
        }

    } else if (strcmp(parent, "Error") == 0) {

        if (strcmp(name, "Code") == 0) {
            xr_s3_copy(call->code, sizeof(call->code), text);

        } else if (strcmp(name, "Message") == 0) {
            xr_s3_copy(call->message, sizeof(call->message), text);
        }
    }
}


/* What the service calls it, and otherwise what the status says. */

static xr_invalidate_rc_t
xr_invalidate_judge(const xr_invalidate_call_t *call)
{
    size_t  i;
    long    status;

    static const struct {
        const char          *code;
        xr_invalidate_rc_t   rc;
    } codes[] = {
        { "TooManyInvalidationsInProgress", XR_INVALIDATE_QUOTA },
        { "Throttling", XR_INVALIDATE_THROTTLED },
        { "ThrottlingException", XR_INVALIDATE_THROTTLED },
        { "RequestLimitExceeded", XR_INVALIDATE_THROTTLED },
        { "ServiceUnavailable", XR_INVALIDATE_AGAIN },
        { "RequestTimeout", XR_INVALIDATE_AGAIN },
        { "RequestExpired", XR_INVALIDATE_AGAIN },
        { "SignatureDoesNotMatch", XR_INVALIDATE_CREDENTIALS },
        { "InvalidClientTokenId", XR_INVALIDATE_CREDENTIALS },
        { "ExpiredToken", XR_INVALIDATE_CREDENTIALS },
        { "MissingAuthenticationToken", XR_INVALIDATE_CREDENTIALS },
        { "AccessDenied", XR_INVALIDATE_CREDENTIALS }
    };

    status = call->out->status;

    for (i = 0; i < XR_COUNT(codes); i++) {
        if (strcmp(call->code, codes[i].code) == 0) {
            return codes[i].rc;
        }
    }

    return (status == 401 || status == 403) ? XR_INVALIDATE_CREDENTIALS
           : (status == 429) ? XR_INVALIDATE_THROTTLED
           : (status >= 500 || status == 408) ? XR_INVALIDATE_AGAIN
           : XR_INVALIDATE_REFUSED;
}


static xr_invalidate_rc_t
xr_invalidate_answered(xr_invalidate_call_t *call)
{
    bool                     read;
    xr_invalidate_answer_t  *out;

    out = call->out;

    read = xr_s3_xml(xr_str_of(call->answer, call->len),
                     xr_invalidate_element, call) == XR_OK;

    if (out->status == 200 || out->status == 201) {

        if (read && out->id[0] != '\0') {
            return XR_INVALIDATE_DONE;
        }

        /* it may have been carried out: to repeat it does no harm */

        (void) snprintf(out->error, sizeof(out->error),
                        "the answer makes no sense");
        return XR_INVALIDATE_AGAIN;
    }

    (void) snprintf(out->error, sizeof(out->error), "%ld%s%s%s%s",
                    out->status, call->code[0] != '\0' ? " " : "", call->code,
                    call->message[0] != '\0' ? ": " : "", call->message);

    return xr_invalidate_judge(call);
}


static void
xr_invalidate_setup(CURL *curl, xr_invalidate_call_t *call, const char *url)
{
    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                            (long) CURL_HTTP_VERSION_1_1);
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, call->curl_error);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                            (long) XR_INVALIDATE_CONNECT);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT, call->api->timeout);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, xr_invalidate_write);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);

    if (call->body.len > 0) {
        (void) curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.data);
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                                (curl_off_t) call->body.len);
    }
}


static xr_invalidate_rc_t
xr_invalidate_perform(CURL *curl, xr_invalidate_call_t *call)
{
    char                     url[XR_INVALIDATE_PATH + 512];
    CURLcode                 code;
    curl_off_t               asked;
    xr_str_t                 host;
    xr_invalidate_answer_t  *out;

    out = call->out;
    host = xr_invalidate_host(call->api->endpoint);

    if (snprintf(url, sizeof(url), "%.*s%s",
                 (int) ((const char *) host.data + host.len
                        - call->api->endpoint),
                 call->api->endpoint, call->path) >= (int) sizeof(url))
    {
        (void) snprintf(out->error, sizeof(out->error),
                        "the endpoint is too long");
        return XR_INVALIDATE_REFUSED;
    }

    xr_invalidate_setup(curl, call, url);

    code = curl_easy_perform(curl);

    if (code != CURLE_OK) {
        (void) snprintf(out->error, sizeof(out->error), "no answer: %s",
                        call->curl_error[0] != '\0' ? call->curl_error
                                                    : curl_easy_strerror(code));
        return XR_INVALIDATE_AGAIN;
    }

    asked = 0;
    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    (void) curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &asked);
    out->retry_after = (long) asked;

    return xr_invalidate_answered(call);
}


static xr_invalidate_rc_t
xr_invalidate_run(xr_invalidate_call_t *call)
{
    CURL                *curl;
    const char          *why;
    xr_invalidate_rc_t   rc;

    curl = curl_easy_init();
    why = (curl != NULL) ? xr_invalidate_sign(call) : "out of memory";

    if (why != NULL) {
        (void) snprintf(call->out->error, sizeof(call->out->error), "%s",
                        why);
        rc = XR_INVALIDATE_AGAIN;

    } else {
        rc = xr_invalidate_perform(curl, call);
    }

    xr_s3_headers_free(call->headers);
    curl_easy_cleanup(curl);

    return rc;
}


static xr_invalidate_rc_t
xr_invalidate_call(const xr_invalidate_t *api, const char *method,
    const char *id, xr_str_t body, xr_invalidate_answer_t *out)
{
    xr_invalidate_rc_t     rc;
    xr_invalidate_call_t  *call;

    memset(out, 0, sizeof(xr_invalidate_answer_t));

    call = calloc(1, sizeof(xr_invalidate_call_t));

    if (call == NULL) {
        (void) snprintf(out->error, sizeof(out->error), "out of memory");
        return XR_INVALIDATE_AGAIN;
    }

    call->api = api;
    call->method = method;
    call->body = body;
    call->out = out;

    (void) snprintf(call->path, sizeof(call->path),
                    "/2020-05-31/distribution/%s/invalidation%s%s",
                    api->distribution, id[0] != '\0' ? "/" : "", id);

    rc = xr_invalidate_run(call);
    free(call);

    return rc;
}


xr_invalidate_rc_t
xr_invalidate_create(const xr_invalidate_t *api, xr_str_t body,
    xr_invalidate_answer_t *out)
{
    return xr_invalidate_call(api, "POST", "", body, out);
}


xr_invalidate_rc_t
xr_invalidate_look(const xr_invalidate_t *api, const char *id,
    xr_invalidate_answer_t *out)
{
    return xr_invalidate_call(api, "GET", id, xr_str_of(NULL, 0), out);
}
