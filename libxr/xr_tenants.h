/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TENANTS_H
#define XR_TENANTS_H


#include "xr_json.h"
#include "xr_tenant.h"


/*
 * A tenants file (docs/formats.md): one JSON object
 *
 *     {"tenants": {"acme": {"origin": "s3://...", ...}, "zenith": {...}}}
 *
 * whose members are the options of "xr_tenant" blocks.  Keys may stand in it
 * or in files that it names.
 */

/* Larger ones are refused. */
#define XR_TENANTS_MAX_SIZE  ((size_t) 1 << 30)


typedef struct {
    /*
     * Memory for a tenant's strings.  reset() is called after each tenant and
     * frees, and wipes, all that alloc() gave since.
     */
    xr_mem_t   mem;
    void     (*reset)(void *ctx);

    /*
     * Told of each tenant, whose options have been applied; it reads the
     * files that are named, finishes and enters it.  Anything but XR_OK ends
     * the reading; err->what is then a reason about this tenant ("has no
     * ..."), or NULL where the callee has reported it.
     */
    xr_rc_t  (*tenant)(void *ctx, xr_tenant_t *t, xr_err_t *err);

    /* Keys of an inline JWK set that are left out; may be NULL. */
    void     (*note)(void *ctx, size_t pos, const char *what);

    void      *ctx;
} xr_tenants_reader_t;


/*
 * Reads all of "text".  "t" is room for one tenant.  On failure err->pos is
 * an offset into "text": of the value at fault, or of the tenant's name.
 * Unknown and repeated members are refused; two tenants of one name are for
 * tenant() to refuse, as xr_table_add() does.
 */
xr_rc_t xr_tenants_read(xr_str_t text, xr_tenant_t *t,
    const xr_tenants_reader_t *reader, xr_err_t *err);


#endif /* XR_TENANTS_H */
