/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_TENANTS_H
#define XRW_TENANTS_H


#include "arena.h"
#include "xr_tenant.h"


/*
 * A tenants file, read as NGINX reads it: neither it nor a file that it names
 * may be open to every user of the machine.
 */

#define XRW_TENANTS_FILE(kind)  (1u << (kind))

#define XRW_TENANTS_KEYS                                                      \
    (XRW_TENANTS_FILE(XR_TENANT_FILE_KEYS)                                    \
     | XRW_TENANTS_FILE(XR_TENANT_FILE_PURGE)                                 \
     | XRW_TENANTS_FILE(XR_TENANT_FILE_JWKS)                                  \
     | XRW_TENANTS_FILE(XR_TENANT_FILE_CLOUDFRONT))

#define XRW_TENANTS_ALL                                                       \
    (XRW_TENANTS_KEYS | XRW_TENANTS_FILE(XR_TENANT_FILE_CREDENTIALS))


typedef struct {
    const char  *file;
    const char  *name;              /* of the only tenant to tell of, whose
                                       files are read; NULL: all of them */
    unsigned     files;             /* which of these; keys that are left out
                                       are reported where any are read */

    /*
     * A tenant with what its files say, not finished.  It lies in "memory",
     * which is freed afterwards; a callee that keeps it moves this memory and
     * leaves "t" zeroed.  On failure err->what is a reason that begins with a
     * verb, or NULL where the callee has reported it.
     */
    xr_rc_t    (*tenant)(void *ctx, xr_tenant_t *t, xrw_arena_t *memory,
                         xr_err_t *err);

    void        *ctx;
} xrw_tenants_t;


/*
 * Goes through a file.  XR_NOT_FOUND: there is none; anything else but XR_OK
 * has been reported, as FILE:LINE.
 */
xr_rc_t xrw_tenants_each(const xrw_tenants_t *tenants);

/*
 * One tenant, with the keys that its files hold; its credentials file is only
 * named.  It is not finished, and the caller wipes it.  XR_NOT_FOUND: there is
 * no such tenant, or no such file; anything else but XR_OK has been reported.
 */
xr_rc_t xrw_tenants_find(xrw_arena_t *arena, const char *file,
    const char *name, xr_tenant_t *out);

/* The file that is meant: "option", XR_TENANTS, or the one in /etc/ngx_xr. */
const char *xrw_tenants_file(const char *option);

/* "s3://bucket/prefix", "https://host/prefix" */
char *xrw_tenants_origin(xrw_arena_t *arena, const xr_origin_t *origin);


#endif /* XRW_TENANTS_H */
