/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TENANT_H
#define XR_TENANT_H


#include "xr_auth.h"
#include "xr_credentials.h"
#include "xr_keyset.h"
#include "xr_origin.h"


/*
 * A tenant: whose objects they are, where they lie, who may have them.  It is
 * built option by option, finished once, and read-only from then on.
 */

#define XR_TENANT_NAME_MAX  63
#define XR_TENANT_HOSTS     32          /* host names of one tenant */
#define XR_TENANT_ORIGINS   32          /* CORS origins of one tenant */


typedef enum {
    XR_CORS_ANY = 0,                    /* Access-Control-Allow-Origin: * */
    XR_CORS_LIST,                       /* echoed when listed */
    XR_CORS_OFF
} xr_cors_mode_t;


typedef struct {
    xr_str_t           name;
    xr_str_t           hosts[XR_TENANT_HOSTS];
    size_t             nhosts;

    bool               has_origin;
    xr_origin_t        origin;
    xr_str_t           upstream;        /* where to connect instead; or empty */

    xr_str_t           credentials_file;
    xr_str_t           profile;
    xr_credentials_t   credentials;

    xr_str_t           keys_file;
    bool               keys_none;       /* "keys none": public objects only */
    xr_keyset_t        keys;

    bool               has_cors;
    xr_cors_mode_t     cors;
    xr_str_t           cors_origins[XR_TENANT_ORIGINS];
    size_t             ncors_origins;

    xr_str_t           cache_control;   /* what clients are told; or empty */
    bool               has_leeway;
    xr_auth_limits_t   limits;

    void              *data;            /* the caller's own */
} xr_tenant_t;


/* Whether "name" is [a-z0-9] and then up to 62 of [a-z0-9-]. */
bool xr_tenant_name_ok(xr_str_t name);

/* A tenant without options; XR_INVALID on a bad name. */
xr_rc_t xr_tenant_init(xr_tenant_t *t, xr_str_t name, const xr_mem_t *mem,
    xr_err_t *err);

/*
 * Applies one option: args[0] is its name, the others its arguments, all of
 * them copied into "mem".  Files are only named here: the caller reads them
 * and hands their text to the two functions below.  On failure err->pos is
 * the index of the argument at fault.
 */
xr_rc_t xr_tenant_option(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err);

/* The text of credentials_file; err->pos is an offset into it. */
xr_rc_t xr_tenant_credentials(xr_tenant_t *t, xr_str_t text,
    const xr_mem_t *mem, xr_err_t *err);

/* The text of keys_file; likewise. */
xr_rc_t xr_tenant_keys(xr_tenant_t *t, xr_str_t text, const xr_mem_t *mem,
    xr_err_t *err);

/* Checks that nothing is missing or contradictory. */
xr_rc_t xr_tenant_finish(const xr_tenant_t *t, xr_err_t *err);

/* Releases what the keys hold and wipes the secrets. */
void xr_tenant_free(xr_tenant_t *t);


/* Whether pages of "origin" (the header's value) may read responses. */
bool xr_tenant_cors_allows(const xr_tenant_t *t, xr_str_t origin);


#endif /* XR_TENANT_H */
