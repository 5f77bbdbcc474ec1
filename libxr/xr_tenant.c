/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenant.h"

#include <string.h>


bool
xr_tenant_name_ok(xr_str_t name)
{
    size_t   i;
    uint8_t  c;

    if (name.len == 0 || name.len > XR_TENANT_NAME_MAX || name.data[0] == '-') {
        return false;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }

    return true;
}


xr_rc_t
xr_tenant_init(xr_tenant_t *t, xr_str_t name, const xr_mem_t *mem,
    xr_err_t *err)
{
    memset(t, 0, sizeof(xr_tenant_t));

    if (!xr_tenant_name_ok(name)) {
        return xr_fail(err, XR_INVALID, 0,
                       "a tenant's name is 1 to 63 of a-z, 0-9 and \"-\", "
                       "and does not start with \"-\"");
    }

    t->leeway = -1;
    t->cors_max_age = -1;
    t->location = XR_LOCATION_UNKNOWN;

    if (xr_str_dup(mem, name, &t->name) != XR_OK) {
        return xr_fail(err, XR_NO_SPACE, 0, "out of memory");
    }

    return XR_OK;
}


xr_rc_t
xr_tenant_credentials(xr_tenant_t *t, const xr_credentials_t *c,
    const xr_mem_t *mem, xr_err_t *err)
{
    if (xr_str_dup(mem, c->access_key, &t->credentials.access_key) != XR_OK
        || xr_str_dup(mem, c->secret_key, &t->credentials.secret_key) != XR_OK
        || xr_str_dup(mem, c->session_token, &t->credentials.session_token)
           != XR_OK)
    {
        return xr_fail(err, XR_NO_SPACE, 0, "out of memory");
    }

    return XR_OK;
}


xr_rc_t
xr_tenant_file(xr_tenant_t *t, size_t i, xr_str_t text, const xr_mem_t *mem,
    const xr_notes_t *notes, xr_err_t *err)
{
    xr_rc_t                  rc;
    xr_credentials_t         c;
    const xr_tenant_file_t  *file;

    file = &t->files[i];

    switch (file->kind) {

    case XR_TENANT_FILE_KEYS:
        return xr_keyset_edgeauth(&t->keys, text, mem, err);

    case XR_TENANT_FILE_PURGE:
        return xr_keyset_purge(&t->keys, text, mem, err);

    case XR_TENANT_FILE_JWKS:
        return xr_keyset_jwks_text(&t->keys, text, mem, notes, err);

    case XR_TENANT_FILE_CLOUDFRONT:
        return xr_keyset_cloudfront(&t->keys, file->id, text, mem, err);

    default: /* XR_TENANT_FILE_CREDENTIALS */
        rc = xr_credentials_parse(text, file->id, &c, err);

        return (rc == XR_OK) ? xr_tenant_credentials(t, &c, mem, err) : rc;
    }
}


/* Keys that let clients in, among all that there are. */

static size_t
xr_tenant_clients_keys(const xr_tenant_t *t)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < t->keys.n; i++) {
        n += ((t->keys.keys[i].kind & XR_KIND_ANY) != 0);
    }

    return n;
}


static bool
xr_tenant_has_kind(const xr_tenant_t *t, xr_kind_t kind)
{
    size_t  i;

    for (i = 0; i < t->keys.n; i++) {

        if (t->keys.keys[i].kind == kind) {
            return true;
        }
    }

    return false;
}


static bool
xr_tenant_has_credentials_file(const xr_tenant_t *t)
{
    size_t  i;

    for (i = 0; i < t->nfiles; i++) {

        if (t->files[i].kind == XR_TENANT_FILE_CREDENTIALS) {
            return true;
        }
    }

    return false;
}


static const char *
xr_tenant_check_origin(const xr_tenant_t *t)
{
    bool    given;
    size_t  i;

    if (!t->has_origin) {
        return "has no \"origin\"";
    }

    given = t->credentials.secret_key.len != 0
            || xr_tenant_has_credentials_file(t);

    if (t->origin.kind == XR_ORIGIN_S3 && t->credentials.secret_key.len == 0) {
        return "has an s3 origin but no \"credentials\": nothing is ever sent "
               "unsigned";
    }

    if (t->origin.kind != XR_ORIGIN_S3 && given) {
        return "has \"credentials\" that only an s3 origin can use";
    }

    for (i = 0; i < t->nreplicas; i++) {

        if (t->replicas[i].origin.kind != t->origin.kind) {
            return "has a \"replica\" that is signed and an \"origin\" that "
                   "is not, or the other way round";
        }
    }

    return NULL;
}


static const char *
xr_tenant_check_keys(const xr_tenant_t *t)
{
    size_t  n;

    n = xr_tenant_clients_keys(t);

    if (n == 0 && !t->keys_none) {
        return "has no \"keys\", \"jwks\" or \"cloudfront_key\"; say \"keys "
               "none\" if all its objects are public";
    }

    if (n != 0 && t->keys_none) {
        return "says \"keys none\" but has others";
    }

    if ((t->issuers.n != 0 || t->audiences.n != 0)
        && !xr_tenant_has_kind(t, XR_KIND_JWT))
    {
        return "has \"issuer\" or \"audience\", which only a \"jwks\" can use";
    }

    if ((t->cloudfront_hosts.n != 0 || t->has_cloudfront_sha1)
        && !xr_tenant_has_kind(t, XR_KIND_CLOUDFRONT))
    {
        return "has \"cloudfront_hosts\" or \"cloudfront_sha1\", which only a "
               "\"cloudfront_key\" can use";
    }

    return NULL;
}


xr_rc_t
xr_tenant_finish(const xr_tenant_t *t, xr_err_t *err)
{
    const char  *what;

    what = xr_tenant_check_origin(t);

    if (what == NULL) {
        what = xr_tenant_check_keys(t);
    }

    if (what == NULL && t->cors_credentials && t->cors != XR_CORS_LIST) {
        what = "has \"cors_credentials on\" without a list of web origins in "
               "\"cors\": browsers refuse that";
    }

    return (what == NULL) ? XR_OK : xr_fail(err, XR_INVALID, 0, what);
}


void
xr_tenant_wipe(xr_tenant_t *t)
{
    xr_keyset_wipe(&t->keys);

    /* the copies are ours, whatever the views' type says */

    xr_wipe((void *) (uintptr_t) t->credentials.secret_key.data,
            t->credentials.secret_key.len);
    xr_wipe((void *) (uintptr_t) t->credentials.session_token.data,
            t->credentials.session_token.len);
}
