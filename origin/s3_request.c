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
#include <unistd.h>


#define XR_S3_ANSWER_MAX      (32 * 1024 * 1024)
#define XR_S3_CONNECT         10        /* seconds */
#define XR_S3_PATIENCE        600       /* seconds, to put parts together */
#define XR_S3_PAUSE           250       /* milliseconds, doubled each time */
#define XR_S3_PAUSE_MAX       8000
#define XR_S3_RETRY_AFTER     30        /* seconds, what a server may ask */

/*
 * What a retry costs of the budget, to which each success gives one: where more
 * than a sixth of the requests fail, for long, they are not repeated any more.
 */
#define XR_S3_RETRY_COST      5


/* Errors have a body as well, which is not what was asked for. */

static bool
xr_s3_is_file(const xr_s3_transfer_t *t)
{
    long  status;

    status = 0;
    (void) curl_easy_getinfo(t->s3->curl, CURLINFO_RESPONSE_CODE, &status);

    return t->req->file && status == 200;
}


static size_t
xr_s3_store(xr_s3_transfer_t *t, const char *data, size_t n)
{
    size_t   done;
    ssize_t  wrote;

    if (n > t->req->max - t->stored) {
        t->why = "the object is too large";
        return 0;
    }

    for (done = 0; done < n; done += (size_t) wrote) {
        wrote = pwrite(t->req->fd, data + done, n - done,
                       (off_t) (t->stored + done));

        if (wrote == -1 && errno == EINTR) {
            wrote = 0;

        } else if (wrote <= 0) {
            t->why = strerror(errno);
            return 0;
        }
    }

    t->stored += n;

    return n;
}


static size_t
xr_s3_write(char *data, size_t size, size_t n, void *ctx)
{
    xr_s3_transfer_t *t = ctx;

    size_t    wanted;
    uint8_t  *p;
    xr_s3_t  *s3;

    s3 = t->s3;
    n *= size;

    if (xr_s3_is_file(t)) {
        return xr_s3_store(t, data, n);
    }

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

    s3->refused = false;

    t = (xr_s3_transfer_t) { .s3 = s3, .body = req->body, .req = req };
    url = xr_s3_url(s3, req);
    connect_to = xr_s3_connect_to(s3->options.origin);

    if (url == NULL || connect_to == NULL) {
        rc = xr_s3_fail(s3, XR_NO_SPACE, "out of memory");

    } else if (req->file && ftruncate(req->fd, 0) == -1) {
        rc = xr_s3_fail(s3, XR_NO_SPACE, strerror(errno));

    } else {
        rc = xr_s3_sign(s3, req, &t);
    }

    if (rc == XR_OK) {
        xr_s3_setup(s3, req, &t, url, connect_to);

        code = curl_easy_perform(s3->curl);
        rc = (code == CURLE_OK) ? xr_s3_answered(s3, req, again)
             : (t.why != NULL) ? xr_s3_fail(s3, XR_NO_SPACE, t.why)
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


/* Whether others are worth a try: those that were renewed by now count. */

static bool
xr_s3_renew(xr_s3_t *s3)
{
    bool  renewed;

    if (s3->options.renew == NULL) {
        return false;
    }

    (void) pthread_mutex_lock(&s3->shared->mutex);

    renewed = s3->generation != s3->shared->generation;

    if (!renewed && s3->options.renew(s3->options.renew_ctx)) {
        s3->shared->generation++;
        renewed = true;
    }

    (void) pthread_mutex_unlock(&s3->shared->mutex);

    return renewed;
}


/* Whether the budget has what a retry costs; a success pays something in. */

static bool
xr_s3_pay(xr_s3_t *s3, bool success)
{
    bool             ok;
    xr_s3_shared_t  *shared;

    ok = true;
    shared = s3->shared;

    (void) pthread_mutex_lock(&shared->mutex);

    if (success) {
        shared->budget += (shared->budget < XR_S3_BUDGET);

    } else {
        ok = shared->budget >= XR_S3_RETRY_COST;
        shared->budget -= ok ? XR_S3_RETRY_COST : 0;
    }

    (void) pthread_mutex_unlock(&shared->mutex);

    return ok;
}


xr_rc_t
xr_s3_send(xr_s3_t *s3, const xr_s3_request_t *req)
{
    bool      again, renewed;
    size_t    len;
    xr_rc_t   rc;
    unsigned  tried;

    s3->stopped = false;
    renewed = false;

    for (tried = 1; /* void */ ; tried++) {
        rc = xr_s3_try(s3, req, &again);

        if (rc != XR_OK && s3->refused && !renewed && xr_s3_renew(s3)) {
            renewed = true;
            continue;
        }

        if (rc == XR_OK) {
            (void) xr_s3_pay(s3, true);
            break;
        }

        if (!again || tried >= s3->options.tries || !xr_s3_pay(s3, false)) {
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
