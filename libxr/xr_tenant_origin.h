/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TENANT_ORIGIN_H
#define XR_TENANT_ORIGIN_H


#include "xr_tenant.h"


/*
 * Options of xr_tenant_option(), which is where to go in: "args" are the
 * option's name and what follows it, of the number that it takes.  What is
 * kept is copied with "mem".  XR_INVALID: "err" says which argument, and why;
 * XR_NO_SPACE.
 */
xr_rc_t xr_tenant_origin_set(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err);
xr_rc_t xr_tenant_origin_replica(xr_tenant_t *t, const xr_str_t *args,
    size_t n, const xr_mem_t *mem, xr_err_t *err);


#endif /* XR_TENANT_ORIGIN_H */
