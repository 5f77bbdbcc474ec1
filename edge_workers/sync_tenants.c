/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "io.h"
#include "secret.h"
#include "sync_file.h"
#include "sync_s3.h"
#include "tenants_take.h"
#include "xr_seal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>


/*
 * A tenants file, and its signature in a file beside it, here as there.  The
 * signature is looked at first: it says which version there is, and one that
 * is older than what we have is refused.
 */

#define XRW_SYNC_SEAL  ".sig"
#define XRW_SYNC_KEY   8192             /* bytes of a file with a key */


static bool
xrw_sync_tenants_get(xrw_source_t *s, const char *url, size_t max,
    xrw_fetched_t *got)
{
    xrw_http_request_t  request;

    if (xrw_sync_s3_is(url)) {
        return xrw_sync_s3_get(s, url, max, false, got);
    }

    xrw_source_request(s, url, &request);
    request.max = max;

    return xrw_source_send(s, &request, false, got);
}


/* By the key that the configuration says; "whose" is for the reason. */

static bool
xrw_sync_tenants_seal(xrw_source_t *s, xr_str_t text, const char *whose,
    xr_seal_t *out)
{
    uint8_t      memory[XR_PUBKEY_MAX_SIZE];
    xr_err_t     err;
    xr_str_t     pem;
    xr_pubkey_t  key;

    if (!xrw_io_text(&s->arena, s->conf->key, XRW_SYNC_KEY, &pem)) {
        return xrw_source_fail(s, "%s cannot be read", s->conf->key);
    }

    if (xr_pubkey_pem(pem, memory, &key, &err) != XR_OK) {
        return xrw_source_fail(s, "%s: %s", s->conf->key, err.what);
    }

    if (key.kind != XR_PUBKEY_ED25519) {
        return xrw_source_fail(s, "%s: not a key of Ed25519", s->conf->key);
    }

    if (xr_seal_parse(text, out, &err) != XR_OK) {
        return xrw_source_fail(s, "%s, line %zu: %s", whose,
                               xr_str_line(text, err.pos), err.what);
    }

    return xr_seal_check(out, &key) == XR_OK
           || xrw_source_fail(s, "%s: it is not by the key in %s", whose,
                              s->conf->key);
}


/*
 * That of the file that we have: whether there is one.  One that is no good
 * counts for nothing, but one that cannot be read may be newer than all.
 */

static bool
xrw_sync_tenants_kept(xrw_source_t *s, const char *path, xr_seal_t *out,
    bool *there)
{
    xr_str_t  text;

    *there = false;

    if (access(path, R_OK) == -1) {
        return errno == ENOENT
               || xrw_source_fail(s, "%s: %s", path, strerror(errno));
    }

    if (!xrw_io_text(&s->arena, path, XR_SEAL_MAX_SIZE + 1, &text)) {
        return xrw_source_fail(s, "%s cannot be read", path);
    }

    *there = xrw_sync_tenants_seal(s, text, path, out);

    return true;
}


static bool
xrw_sync_tenants_same(const xr_seal_t *a, const xr_seal_t *b)
{
    return a->serial == b->serial
           && memcmp(a->sha256, b->sha256, XR_SHA256_SIZE) == 0;
}


/* Whether the file is the one that was signed: nobody needs to send it. */

static bool
xrw_sync_tenants_has(xrw_source_t *s, const xr_seal_t *seal)
{
    uint8_t       digest[XR_SHA256_SIZE];
    const char   *why;
    struct stat   st;
    xr_secret_t   text;

    if (xrw_source_kept(s)) {
        return true;
    }

    if (stat(s->conf->file, &st) == -1
        || xr_secret_read_max(s->conf->file, (size_t) s->conf->size, &text,
                              &why)
           != XR_OK)
    {
        return false;
    }

    s->known = xr_sha256(xr_secret_str(&text), digest) == XR_OK
               && memcmp(digest, seal->sha256, sizeof(digest)) == 0;
    s->st = st;

    xr_secret_free(&text);

    return s->known;
}


/* Whether "seal" may take the place of what we have. */

static bool
xrw_sync_tenants_newer(xrw_source_t *s, const xr_seal_t *seal,
    xrw_fetched_t *got)
{
    bool         there;
    xr_seal_t    kept;
    const char  *path;

    path = xrw_format(&s->arena, "%s%s", s->conf->file, XRW_SYNC_SEAL);

    if (!xrw_sync_tenants_kept(s, path, &kept, &there)) {
        return false;
    }

    if (!there) {
        return true;
    }

    if (xrw_sync_tenants_same(seal, &kept)) {
        got->same = xrw_sync_tenants_has(s, seal);
        return true;
    }

    return seal->serial > kept.serial
           || xrw_source_fail(s, "serial %llu is not newer than %llu, which "
                              "we have", (unsigned long long) seal->serial,
                              (unsigned long long) kept.serial);
}


static bool
xrw_sync_tenants_body(xrw_source_t *s, const xr_seal_t *seal,
    xrw_fetched_t *got)
{
    int64_t  fresh;
    uint8_t  digest[XR_SHA256_SIZE];

    fresh = got->fresh;

    if (!xrw_sync_tenants_get(s, s->conf->url, (size_t) s->conf->size, got)) {
        return false;
    }

    got->fresh = fresh;

    return (xr_sha256(xrw_bytes_str(&got->body), digest) == XR_OK
            && memcmp(digest, seal->sha256, sizeof(digest)) == 0)
           || xrw_source_fail(s, "the file is not the one that was signed");
}


static bool
xrw_sync_tenants_fetch(xrw_source_t *s, xrw_fetched_t *got)
{
    bool           ok;
    xr_seal_t      seal;
    const char    *url;
    xrw_fetched_t  signature;

    memset(&signature, 0, sizeof(signature));
    signature.fresh = -1;
    url = xrw_format(&s->arena, "%s%s", s->conf->url, XRW_SYNC_SEAL);

    ok = xrw_sync_tenants_get(s, url, XR_SEAL_MAX_SIZE, &signature);

    got->signature = signature.body;
    got->fresh = signature.fresh;
    got->retry_after = signature.retry_after;

    if (!ok) {
        return false;
    }

    ok = xrw_sync_tenants_seal(s, xrw_bytes_str(&got->signature), url, &seal)
         && xrw_sync_tenants_newer(s, &seal, got);

    return ok && (got->same || xrw_sync_tenants_body(s, &seal, got));
}


/* The signature goes first: what has been seen is never forgotten. */

static bool
xrw_sync_tenants_check(xrw_source_t *s, xrw_fetched_t *got, const char *path)
{
    const char          *why, *seal;
    xrw_sync_file_t      file;
    xrw_tenants_take_t   take;

    if (!xrw_tenants_take(path, &take)) {
        return xrw_source_fail(s, "NGINX would not take what was fetched");
    }

    /* from here on it may be another file's than that of the one there */

    s->known = false;

    seal = xrw_format(&s->arena, "%s%s", s->conf->file, XRW_SYNC_SEAL);
    why = xrw_sync_file_write(&file, &s->arena, seal,
                              xrw_bytes_str(&got->signature), 0640, 0027);

    if (why == NULL) {
        why = xrw_sync_file_keep(&file, &s->arena);
    }

    return why == NULL || xrw_source_fail(s, "%s: %s", seal, why);
}


const xrw_source_kind_t  xrw_source_tenants = {
    xrw_sync_tenants_fetch, xrw_sync_tenants_check, 0640, 0027
};
