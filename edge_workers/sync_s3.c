/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sync_s3.h"
#include "credentials_file.h"
#include "io.h"
#include "loop.h"
#include "s3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


typedef struct {
    xrw_source_t           *s;
    xr_origin_t             origin;
    xr_str_t                key;
    xr_credentials_file_t   file;
    xr_s3_t                *s3;
    int64_t                 until;
} xrw_sync_s3_t;


bool
xrw_sync_s3_is(const char *url)
{
    return strncmp(url, "s3://", 5) == 0;
}


static xr_str_t
xrw_sync_s3_option(const char *value)
{
    return xr_str(value != NULL ? value : "");
}


/* What is behind the last "/" is the key, and before it is the origin. */

static bool
xrw_sync_s3_origin(xrw_sync_s3_t *t, const char *url)
{
    char          *host;
    xr_err_t       err;
    xr_mem_t       mem;
    const char    *slash;
    xrw_source_t  *s;

    s = t->s;
    mem = xrw_mem(&s->arena);
    slash = strrchr(url, '/');
    t->key = xr_str(slash + 1);

    if (t->key.len == 0
        || xr_origin_parse(xr_str_of(url, (size_t) (slash - url)),
                           xrw_sync_s3_option(s->conf->region),
                           xrw_sync_s3_option(s->conf->endpoint),
                           xrw_sync_s3_option(s->conf->style), &mem,
                           &t->origin, &err)
           != XR_OK)
    {
        return xrw_source_fail(s, "%s: %s", url,
                               t->key.len == 0 ? "there is no key in it"
                               : err.what);
    }

    host = xrw_text(&s->arena, t->origin.endpoint);

    if (!t->origin.tls && !(s->conf->http && xrw_http_is_loopback(host))) {
        return xrw_source_fail(s, "%s: the endpoint is not of https", url);
    }

    return true;
}


static bool
xrw_sync_s3_go_on(void *ctx, uint64_t sent)
{
    const xrw_sync_s3_t *t = ctx;

    (void) sent;

    return !atomic_load(&t->s->set->stop) && xrw_loop_now() < t->until;
}


static bool
xrw_sync_s3_open(xrw_sync_s3_t *t)
{
    xr_err_t          err;
    const char       *profile;
    xrw_source_t     *s;
    xr_s3_options_t   options;

    s = t->s;
    profile = (s->conf->profile != NULL) ? s->conf->profile : "default";

    if (xr_credentials_file_read(s->conf->credentials, profile, &t->file, &err)
        != XR_OK)
    {
        return xrw_source_fail(s, "%s, profile \"%s\": %s",
                               s->conf->credentials, profile, err.what);
    }

    options = (xr_s3_options_t) {
        .origin = &t->origin,
        .credentials = &t->file.value,
        .tries = 1,
        .timeout = (long) s->conf->timeout,
        .progress = xrw_sync_s3_go_on,
        .ctx = t
    };

    t->until = xrw_loop_now() + s->conf->timeout * 1000;
    t->s3 = xr_s3_create(&options);

    if (t->s3 == NULL) {
        exit(xrw_error("out of memory"));
    }

    return true;
}


static bool
xrw_sync_s3_read(xrw_sync_s3_t *t, int fd, uint64_t size, xrw_bytes_t *out)
{
    uint8_t     *data;
    const char  *why;

    data = malloc(size + 1);

    if (data == NULL) {
        exit(xrw_error("out of memory"));
    }

    *out = (xrw_bytes_t) { data, (size_t) size, (size_t) size + 1 };
    why = xrw_io_read(fd, data, (size_t) size, 0);

    return (why == NULL) || xrw_source_fail(t->s, "%s", why);
}


static bool
xrw_sync_s3_fetch(xrw_sync_s3_t *t, size_t max, bool conditional,
    xrw_fetched_t *got)
{
    int       fd;
    bool      ok;
    char      etag[XR_S3_ETAG_SIZE];
    xr_rc_t   rc;
    uint64_t  size;

    if (conditional && t->s->etag[0] != '\0' && xrw_source_kept(t->s)
        && xr_s3_head(t->s3, t->key, &size, etag) == XR_OK
        && strcmp(etag, t->s->etag) == 0)
    {
        got->same = true;
        return true;
    }

    fd = memfd_create("xr", MFD_CLOEXEC);

    if (fd == -1) {
        return xrw_source_fail(t->s, "%s", strerror(errno));
    }

    rc = xr_s3_get(t->s3, t->key, NULL, fd, max, &size, etag);

    ok = (rc == XR_OK) ? xrw_sync_s3_read(t, fd, size, &got->body)
                       : xrw_source_fail(t->s, "%s", xr_s3_error(t->s3));

    (void) close(fd);

    if (ok && conditional) {
        memcpy(got->etag, etag, sizeof(etag));
    }

    return ok;
}


bool
xrw_sync_s3_get(xrw_source_t *s, const char *url, size_t max,
    bool conditional, xrw_fetched_t *got)
{
    bool           ok;
    xrw_sync_s3_t  t;

    memset(&t, 0, sizeof(t));
    t.s = s;

    ok = xrw_sync_s3_origin(&t, url) && xrw_sync_s3_open(&t)
         && xrw_sync_s3_fetch(&t, max, conditional, got);

    xr_s3_free(t.s3);
    xr_credentials_file_free(&t.file);

    return ok;
}
