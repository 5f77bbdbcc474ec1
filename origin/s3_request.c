/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "s3_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define XR_S3_ANSWER_MAX      (32 * 1024 * 1024)
#define XR_S3_CONNECT         10        /* seconds */
#define XR_S3_PATIENCE        600       /* seconds, to put parts together */
#define XR_S3_PAUSE           250       /* milliseconds, doubled each time */
#define XR_S3_PAUSE_MAX       8000
#define XR_S3_RETRY_AFTER     30        /* seconds, what a server may ask */


/* What a transfer needs while curl_easy_perform() runs. */

typedef struct {
    xr_s3_t            *s3;
    xr_str_t            body;
    size_t              sent;
    struct curl_slist  *headers;
    bool                failed;         /* a header could not be built */
} xr_s3_transfer_t;


static size_t
xr_s3_write(char *data, size_t size, size_t n, void *ctx)
{
    xr_s3_transfer_t *t = ctx;

    size_t    wanted;
    uint8_t  *p;
    xr_s3_t  *s3;

    s3 = t->s3;
    n *= size;

    if (n > XR_S3_ANSWER_MAX - s3->answer_len) {
        return 0;
    }

    wanted = s3->answer_len + n;

    if (wanted > s3->answer_size) {
        wanted = (wanted + 65535) / 65536 * 65536;
        p = realloc(s3->answer, wanted);

        if (p == NULL) {
            return 0;
        }

        s3->answer = p;
        s3->answer_size = wanted;
    }

    if (n > 0) {
        memcpy(s3->answer + s3->answer_len, data, n);
        s3->answer_len += n;
    }

    return n;
}


static size_t
xr_s3_read(char *data, size_t size, size_t n, void *ctx)
{
    xr_s3_transfer_t *t = ctx;

    n *= size;

    if (n > t->body.len - t->sent) {
        n = t->body.len - t->sent;
    }

    if (n > 0) {
        memcpy(data, t->body.data + t->sent, n);
        t->sent += n;
    }

    return n;
}


/* A kept connection may turn out to be dead: curl then begins again. */

static int
xr_s3_seek(void *ctx, curl_off_t offset, int origin)
{
    xr_s3_transfer_t *t = ctx;

    if (origin != SEEK_SET || offset < 0
        || (size_t) offset > t->body.len)
    {
        return CURL_SEEKFUNC_FAIL;
    }

    t->sent = (size_t) offset;

    return CURL_SEEKFUNC_OK;
}


static bool
xr_s3_go_on(xr_s3_t *s3, uint64_t sent)
{
    if (s3->options.progress != NULL
        && !s3->options.progress(s3->options.ctx, sent))
    {
        s3->stopped = true;
    }

    return !s3->stopped;
}


static int
xr_s3_progress(void *ctx, curl_off_t dltotal, curl_off_t dlnow,
    curl_off_t ultotal, curl_off_t ulnow)
{
    xr_s3_transfer_t *t = ctx;

    (void) dltotal;
    (void) dlnow;
    (void) ultotal;

    return xr_s3_go_on(t->s3, (uint64_t) ulnow) ? 0 : 1;
}


static void
xr_s3_header(xr_s3_transfer_t *t, const char *name, xr_str_t value)
{
    char               *line;
    size_t              size;
    struct curl_slist  *list;

    size = strlen(name) + value.len + 3;
    line = malloc(size);

    if (line == NULL) {
        t->failed = true;
        return;
    }

    (void) snprintf(line, size, "%s: %.*s", name, (int) value.len,
                    (const char *) value.data);

    list = curl_slist_append(t->headers, line);

    if (list == NULL) {
        t->failed = true;

    } else {
        t->headers = list;
    }

    xr_wipe(line, size);
    free(line);
}


/* The session token is a credential. */

static void
xr_s3_headers_free(struct curl_slist *headers)
{
    struct curl_slist  *h;

    for (h = headers; h != NULL; h = h->next) {
        xr_wipe(h->data, strlen(h->data));
    }

    curl_slist_free_all(headers);
}


static xr_rc_t
xr_s3_payload_hash(xr_str_t body, char hex[XR_SHA256_SIZE * 2])
{
    uint8_t   digest[XR_SHA256_SIZE];
    xr_buf_t  buf;

    if (xr_sha256(body, digest) != XR_OK) {
        return XR_ERROR;
    }

    buf = xr_buf(hex, XR_SHA256_SIZE * 2);
    xr_buf_hex(&buf, xr_str_of(digest, sizeof(digest)));

    return XR_OK;
}


/* The headers that were signed, and what the signer added. */

static xr_rc_t
xr_s3_headers(xr_s3_t *s3, const xr_sigv4_request_t *sigv4,
    const xr_sigv4_t *signature, xr_s3_transfer_t *t)
{
    size_t    i;
    xr_str_t  session;

    for (i = 0; i < sigv4->nheaders; i++) {
        xr_s3_header(t, (const char *) sigv4->headers[i].name.data,
                     sigv4->headers[i].value);
    }

    /* curl would call a POST a form */

    if (sigv4->nheaders == 0) {
        xr_s3_header(t, "content-type", xr_str_of("", 0));
    }

    xr_s3_header(t, "host", sigv4->host);
    xr_s3_header(t, "x-amz-content-sha256", sigv4->payload_hash);
    xr_s3_header(t, "x-amz-date", xr_str(signature->date));
    xr_s3_header(t, "authorization",
                 xr_str_of(signature->authorization,
                           signature->authorization_len));

    session = s3->options.credentials->session_token;

    if (session.len > 0) {
        xr_s3_header(t, "x-amz-security-token", session);
    }

    return t->failed ? xr_s3_fail(s3, XR_NO_SPACE, "out of memory") : XR_OK;
}


/* Signs for the time that it is now. */

static xr_rc_t
xr_s3_sign(xr_s3_t *s3, const xr_s3_request_t *req, xr_s3_transfer_t *t)
{
    char                 hash[XR_SHA256_SIZE * 2];
    size_t               n;
    xr_rc_t              rc;
    xr_err_t             err;
    xr_sigv4_t           signature;
    xr_sigv4_header_t    headers[2];
    xr_sigv4_request_t   sigv4;

    n = 0;

    if (req->meta != NULL && req->meta->cache_control != NULL) {
        headers[n].name = xr_str("cache-control");
        headers[n++].value = xr_str_trim(xr_str(req->meta->cache_control));
    }

    if (req->meta != NULL) {
        headers[n].name = xr_str("content-type");
        headers[n++].value = xr_str_trim(xr_str(req->meta->type));
    }

    if (xr_s3_payload_hash(req->body, hash) != XR_OK) {
        return xr_s3_fail(s3, XR_ERROR, "SHA-256 failed");
    }

    sigv4 = (xr_sigv4_request_t) {
        .method = xr_str(req->method),
        .host = s3->options.origin->host,
        .path = req->path,
        .query = req->query,
        .headers = headers,
        .nheaders = n,
        .payload_hash = xr_str_of(hash, sizeof(hash)),
        .region = s3->options.origin->region,
        .service = xr_str("s3"),
        .now = (int64_t) time(NULL)
    };

    rc = xr_sigv4_sign(&sigv4, s3->options.credentials, &s3->key, &signature,
                       &err);

    if (rc != XR_OK) {
        return xr_s3_fail(s3, rc, err.what);
    }

    return xr_s3_headers(s3, &sigv4, &signature, t);
}


char *
xr_s3_path(const xr_s3_t *s3, xr_str_t key, xr_str_t *out)
{
    char      *path;
    size_t     size;
    xr_buf_t   buf;

    size = xr_origin_path_size(s3->options.origin, key);
    path = malloc(size);

    if (path != NULL) {
        buf = xr_buf(path, size);
        xr_origin_path(s3->options.origin, key, &buf);
        *out = xr_buf_str(&buf);
    }

    return path;
}


/* The Host may be a name that only the endpoint's own server knows. */

static char *
xr_s3_url(xr_s3_t *s3, const xr_s3_request_t *req)
{
    char               *url;
    size_t              size;
    const xr_origin_t  *origin;

    origin = s3->options.origin;
    size = sizeof("https://?") + origin->host.len + req->path.len
           + req->query.len;
    url = malloc(size);

    if (url != NULL) {
        (void) snprintf(url, size, "%s://%.*s%.*s%s%.*s",
                        origin->tls ? "https" : "http",
                        (int) origin->host.len,
                        (const char *) origin->host.data,
                        (int) req->path.len, (const char *) req->path.data,
                        req->query.len > 0 ? "?" : "",
                        (int) req->query.len, (const char *) req->query.data);
    }

    return url;
}


static struct curl_slist *
xr_s3_connect_to(const xr_origin_t *origin)
{
    char  line[300];
    int   n;

    n = snprintf(line, sizeof(line), "::%.*s:%u", (int) origin->endpoint.len,
                 (const char *) origin->endpoint.data,
                 (unsigned) origin->port);

    return (n > 0 && (size_t) n < sizeof(line))
           ? curl_slist_append(NULL, line) : NULL;
}


static void
xr_s3_setup(xr_s3_t *s3, const xr_s3_request_t *req, xr_s3_transfer_t *t,
    const char *url, struct curl_slist *connect_to)
{
    CURL  *curl;
    long   timeout;

    curl = s3->curl;
    timeout = s3->options.timeout;

    if (req->patient && timeout < XR_S3_PATIENCE) {
        timeout = XR_S3_PATIENCE;
    }

    curl_easy_reset(curl);
    s3->curl_error[0] = '\0';

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                            (long) CURL_HTTP_VERSION_1_1);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to);
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, s3->curl_error);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                            (long) XR_S3_CONNECT);
    (void) curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, timeout);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, xr_s3_write);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    (void) curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, xr_s3_progress);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);

    if (strcmp(req->method, "HEAD") == 0) {
        (void) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);

    } else if (req->method[0] == 'P') {
        (void) curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
                                (curl_off_t) t->body.len);
        (void) curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 524288L);
        (void) curl_easy_setopt(curl, CURLOPT_READFUNCTION, xr_s3_read);
        (void) curl_easy_setopt(curl, CURLOPT_READDATA, t);
        (void) curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, xr_s3_seek);
        (void) curl_easy_setopt(curl, CURLOPT_SEEKDATA, t);
        (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, req->method);

    } else {
        (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, req->method);
    }
}


static xr_rc_t
xr_s3_try(xr_s3_t *s3, const xr_s3_request_t *req, bool *again)
{
    char               *url;
    xr_rc_t             rc;
    CURLcode            code;
    xr_s3_transfer_t    t;
    struct curl_slist  *connect_to;

    *again = false;
    s3->status = 0;
    s3->answer_len = 0;

    t = (xr_s3_transfer_t) { s3, req->body, 0, NULL, false };
    url = xr_s3_url(s3, req);
    connect_to = xr_s3_connect_to(s3->options.origin);

    if (url == NULL || connect_to == NULL) {
        rc = xr_s3_fail(s3, XR_NO_SPACE, "out of memory");

    } else {
        rc = xr_s3_sign(s3, req, &t);
    }

    if (rc == XR_OK) {
        xr_s3_setup(s3, req, &t, url, connect_to);

        code = curl_easy_perform(s3->curl);
        rc = (code == CURLE_OK) ? xr_s3_answered(s3, req, again)
                                : xr_s3_unanswered(s3, code, again);
    }

    xr_s3_headers_free(t.headers);
    curl_slist_free_all(connect_to);
    free(url);

    return rc;
}


/* Half of the pause is by chance, so that clients do not come back at once. */

static void
xr_s3_pause(xr_s3_t *s3, unsigned tried)
{
    long             ms;
    curl_off_t       asked;
    struct timespec  ts;

    ms = (tried > 5) ? XR_S3_PAUSE_MAX : XR_S3_PAUSE << (tried - 1);
    ms = ms / 2 + (long) arc4random_uniform((uint32_t) (ms / 2 + 1));

    asked = 0;
    (void) curl_easy_getinfo(s3->curl, CURLINFO_RETRY_AFTER, &asked);

    if (asked > XR_S3_RETRY_AFTER) {
        asked = XR_S3_RETRY_AFTER;
    }

    if (asked * 1000 > ms) {
        ms = (long) asked * 1000;
    }

    ts.tv_sec = ms / 1000;
    ts.tv_nsec = ms % 1000 * 1000000;

    while (xr_s3_go_on(s3, 0) && nanosleep(&ts, &ts) == -1
           && errno == EINTR)
    {
        /* a signal: go_on() knows whether it matters */
    }
}


xr_rc_t
xr_s3_send(xr_s3_t *s3, const xr_s3_request_t *req)
{
    bool      again;
    size_t    len;
    xr_rc_t   rc;
    unsigned  tried;

    s3->stopped = false;

    for (tried = 1; /* void */ ; tried++) {
        rc = xr_s3_try(s3, req, &again);

        if (rc == XR_OK || !again || tried >= s3->options.tries) {
            break;
        }

        xr_s3_pause(s3, tried);

        if (s3->stopped) {
            return xr_s3_fail(s3, XR_ERROR, "interrupted");
        }
    }

    if (rc != XR_OK && tried > 1) {
        len = strlen(s3->error);
        (void) snprintf(s3->error + len, sizeof(s3->error) - len,
                        " (tried %u times)", tried);
    }

    return rc;
}
