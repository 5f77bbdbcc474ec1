/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TENANT_TABLE_H
#define XR_TENANT_TABLE_H


#include "xr_tenant.h"


/*
 * All tenants of an installation, found by name or by host name in constant
 * time.  The table refers to the tenants, it does not copy them.
 */

typedef struct {
    xr_str_t           key;
    xr_tenant_t       *tenant;          /* NULL: the slot is free */
} xr_tenant_slot_t;


typedef struct {
    xr_tenant_slot_t  *slots;
    size_t             size;            /* a power of two, or 0 */
    size_t             used;
} xr_tenant_map_t;


typedef struct {
    xr_tenant_map_t    names;
    xr_tenant_map_t    hosts;
    xr_tenant_map_t    keys;            /* by the digest of a signing key */
    size_t             n;
} xr_tenant_table_t;


/*
 * Adds a finished tenant, which must stay where it is.  Refuses a name or host
 * that is taken and a signing key that another tenant has: it would let one
 * sign for the other.  A tenant that is refused leaves nothing in the table.
 */
xr_rc_t xr_tenant_table_add(xr_tenant_table_t *table, xr_tenant_t *t,
    const xr_mem_t *mem, xr_err_t *err);

/* NULL: none.  Host names are looked up in lower case, without a port. */
xr_tenant_t *xr_tenant_table_by_name(const xr_tenant_table_t *table,
    xr_str_t name);
xr_tenant_t *xr_tenant_table_by_host(const xr_tenant_table_t *table,
    xr_str_t host);


#endif /* XR_TENANT_TABLE_H */
