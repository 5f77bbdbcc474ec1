/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_TENANTS_TAKE_H
#define XRW_TENANTS_TAKE_H


#include "xr_table.h"


/* What NGINX would make of a tenants file, and how much of it there is. */

typedef struct {
    size_t            edgeauth;
    size_t            jwt;
    size_t            cloudfront;
    size_t            purge;
    size_t            limits;
    xr_table_stats_t  stats;
} xrw_tenants_take_t;

/* False: it has been said why NGINX would not take it. */
bool xrw_tenants_take(const char *file, xrw_tenants_take_t *out);


#endif /* XRW_TENANTS_TAKE_H */
