/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "secret.h"
#include "sync_s3.h"
#include "xr_crypto.h"
#include "xr_geo.h"
#include "xr_tar.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>


/* A MaxMind database: bare, compressed, or in an archive. */

#define XRW_SYNC_GEO_SUM    4096        /* bytes of a file with a digest */
#define XRW_SYNC_GEO_BLOCK  262144


/* "ACCOUNT:LICENSE", for basic authentication. */

static bool
xrw_sync_geo_login(xrw_source_t *s, const char **login)
{
    xr_str_t      text;
    const char   *why;
    xr_secret_t   secret;

    *login = NULL;

    if (s->conf->login == NULL) {
        return true;
    }

    if (xr_secret_read(s->conf->login, &secret, &why) != XR_OK) {
        return xrw_source_fail(s, "%s: %s", s->conf->login, why);
    }

    text = xr_str_trim(xr_secret_str(&secret));

    if (!xr_str_has_control(text) && xr_str_find(text, ':') < text.len) {
        *login = xrw_text(&s->arena, text);
    }

    xr_secret_free(&secret);

    return *login != NULL
           || xrw_source_fail(s, "%s: it is no \"ACCOUNT:LICENSE\"",
                              s->conf->login);
}


static bool
xrw_sync_geo_get(xrw_source_t *s, const char *url, size_t max,
    bool conditional, xrw_fetched_t *got)
{
    xrw_http_request_t  request;

    if (xrw_sync_s3_is(url)) {
        return xrw_sync_s3_get(s, url, max, conditional, got);
    }

    xrw_source_request(s, url, &request);
    request.max = max;
    request.redirect = &s->conf->redirect;

    return xrw_sync_geo_login(s, &request.login)
           && xrw_source_send(s, &request, conditional, got);
}


/* "HEX  NAME", as sha256sum writes it. */

static bool
xrw_sync_geo_sum(xrw_source_t *s, xr_str_t body)
{
    bool           ok;
    uint8_t        digest[XR_SHA256_SIZE], stated[XR_SHA256_SIZE];
    xr_str_t       text;
    xrw_fetched_t  sum;

    memset(&sum, 0, sizeof(sum));

    ok = xrw_sync_geo_get(s, s->conf->sha256, XRW_SYNC_GEO_SUM, false, &sum);

    if (ok) {
        text = xr_str_trim(xrw_bytes_str(&sum.body));
        text = xr_str_cut(&text, ' ');

        ok = text.len == 2 * XR_SHA256_SIZE
             && xr_hex_decode(text, stated, sizeof(stated)) == XR_OK;

        if (!ok) {
            (void) xrw_source_fail(s, "%s: it is no digest", s->conf->sha256);

        } else if (xr_sha256(body, digest) != XR_OK
                   || memcmp(digest, stated, sizeof(digest)) != 0)
        {
            ok = xrw_source_fail(s, "what was fetched has another digest");
        }
    }

    xrw_source_free(&sum.body);

    return ok;
}


static bool
xrw_sync_geo_fetch(xrw_source_t *s, xrw_fetched_t *got)
{
    return xrw_sync_geo_get(s, s->conf->url, (size_t) s->conf->size, true, got)
           && (got->same || s->conf->sha256 == NULL
               || xrw_sync_geo_sum(s, xrw_bytes_str(&got->body)));
}


/* What would be larger than "max" is refused before it is. */

static const char *
xrw_sync_geo_inflate(z_stream *z, size_t max, xrw_bytes_t *out)
{
    int       rc;
    size_t    n;
    uint8_t  *block;

    block = malloc(XRW_SYNC_GEO_BLOCK);

    if (block == NULL) {
        exit(xrw_error("out of memory"));
    }

    do {
        z->next_out = block;
        z->avail_out = XRW_SYNC_GEO_BLOCK;
        rc = inflate(z, Z_NO_FLUSH);
        n = XRW_SYNC_GEO_BLOCK - z->avail_out;

        if (n > max - out->len) {
            rc = Z_MEM_ERROR;
            break;
        }

        xrw_bytes_add(out, xr_str_of(block, n));

    } while (rc == Z_OK);

    free(block);

    return (rc == Z_STREAM_END) ? NULL
           : (rc == Z_MEM_ERROR) ? "it is too large when it is unpacked"
           : "its compression is damaged, or cut off";
}


static bool
xrw_sync_geo_gunzip(xrw_source_t *s, xrw_bytes_t *body)
{
    z_stream      z;
    const char   *why;
    xrw_bytes_t   out;

    memset(&z, 0, sizeof(z));
    memset(&out, 0, sizeof(out));

    /* 16: gzip */

    if (inflateInit2(&z, 15 + 16) != Z_OK) {
        exit(xrw_error("out of memory"));
    }

    z.next_in = body->data;
    z.avail_in = (uInt) body->len;

    why = xrw_sync_geo_inflate(&z, (size_t) s->conf->size, &out);
    (void) inflateEnd(&z);

    xrw_bytes_free(body);
    *body = out;

    return why == NULL || xrw_source_fail(s, "%s", why);
}


/* The database is moved to the front of what it was found in. */

static bool
xrw_sync_geo_untar(xrw_source_t *s, xrw_bytes_t *body)
{
    xr_err_t  err;
    xr_str_t  file;

    if (!xr_tar_is(xrw_bytes_str(body))) {
        return true;
    }

    if (xr_tar_find(xrw_bytes_str(body), xr_str(".mmdb"), &file, &err)
        != XR_OK)
    {
        return xrw_source_fail(s, "the archive: %s", err.what);
    }

    memmove(body->data, file.data, file.len);
    body->len = file.len;

    return true;
}


static bool
xrw_sync_geo_unpack(xrw_source_t *s, xrw_fetched_t *got)
{
    xrw_bytes_t  *body;

    body = &got->body;

    if (body->len > 2 && body->data[0] == 0x1f && body->data[1] == 0x8b
        && !xrw_sync_geo_gunzip(s, body))
    {
        return false;
    }

    return xrw_sync_geo_untar(s, body);
}


static bool
xrw_sync_geo_whole(xrw_source_t *s, xrw_fetched_t *got)
{
    return xrw_sync_geo_fetch(s, got)
           && (got->same || xrw_sync_geo_unpack(s, got));
}


/* What NGINX makes of it, which is thrown away. */

static bool
xrw_sync_geo_check(xrw_source_t *s, xrw_fetched_t *got, const char *path)
{
    xr_rc_t         rc;
    xr_err_t        err;
    xr_str_t        image;
    xr_geo_info_t   info;

    rc = xr_geo_build(path, xrw_bytes_str(&got->body), &image, &info, &err);

    if (rc != XR_OK) {
        return xrw_source_fail(s, "the database: %s", err.what);
    }

    free((void *) (uintptr_t) image.data);

    return true;
}


const xrw_source_kind_t  xrw_source_geo = {
    xrw_sync_geo_whole, xrw_sync_geo_check, 0644, 0022
};
