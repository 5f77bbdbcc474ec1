/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sync_source.h"
#include "xr_keyset.h"


/* A JWK set: what an issuer publishes is what NGINX reads. */


static bool
xrw_sync_jwks_fetch(xrw_source_t *s, xrw_fetched_t *got)
{
    return xrw_source_get(s, s->conf->url, true, got);
}


static bool
xrw_sync_jwks_check(xrw_source_t *s, xrw_fetched_t *got, const char *path)
{
    xr_rc_t      rc;
    xr_err_t     err;
    xr_mem_t     mem;
    xr_str_t     text;
    xr_keyset_t  keys;

    (void) path;

    keys.n = 0;
    mem = xrw_mem(&s->arena);
    text = xrw_bytes_str(&got->body);

    rc = xr_keyset_jwks_text(&keys, text, &mem, NULL, &err);
    xr_keyset_wipe(&keys);

    return (rc == XR_OK)
           || xrw_source_fail(s, "line %zu of the key set: %s",
                              xr_str_line(text, err.pos), err.what);
}


const xrw_source_kind_t  xrw_source_jwks = {
    xrw_sync_jwks_fetch, xrw_sync_jwks_check, 0640, 0027
};
