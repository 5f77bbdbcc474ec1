/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenant_origin.h"

#include <string.h>


/* Where the objects of a tenant lie: the options "origin" and "replica". */


typedef struct {
    xr_str_t  region;
    xr_str_t  endpoint;
    xr_str_t  style;
    xr_str_t  location;
    xr_str_t  upstream;
} xr_tenant_origin_args_t;


static xr_rc_t
xr_tenant_origin_arg(xr_tenant_origin_args_t *a, xr_str_t arg)
{
    size_t     i;
    xr_str_t   name, value;
    xr_str_t  *out;

    static const xr_str_t  names[] = {
        XR_STR("region"), XR_STR("endpoint"), XR_STR("style"),
        XR_STR("location"), XR_STR("upstream")
    };

    xr_str_t  *values[XR_COUNT(names)] = {
        &a->region, &a->endpoint, &a->style, &a->location, &a->upstream
    };

    value = arg;
    name = xr_str_cut(&value, '=');

    for (i = 0; i < XR_COUNT(names); i++) {

        if (xr_str_eq(name, names[i])) {
            out = values[i];

            if (value.len == 0 || out->len != 0) {
                return XR_INVALID;
            }

            *out = value;

            return XR_OK;
        }
    }

    return XR_INVALID;
}


/* What xr_origin_parse() says about an option starts with "name=". */

static size_t
xr_tenant_origin_fault(const xr_str_t *args, size_t n, const char *what)
{
    size_t    i;
    xr_str_t  arg, name;

    for (i = 2; i < n; i++) {
        arg = args[i];
        name = xr_str_cut(&arg, '=');

        if (xr_str_starts(xr_str(what), xr_str_of(name.data, name.len + 1))) {
            return i;
        }
    }

    return 1;
}


/* Where a bucket is, its region says, too. */

static xr_rc_t
xr_tenant_origin_location(const xr_str_t *args, size_t n,
    const xr_tenant_origin_args_t *a, xr_tenant_replica_t *place,
    xr_err_t *err)
{
    if (a->location.len == 0) {
        (void) xr_location_region(place->origin.region, &place->location);
        return XR_OK;
    }

    if (xr_location_parse(a->location, &place->location) == XR_OK) {
        return XR_OK;
    }

    return xr_fail(err, XR_INVALID,
                   xr_tenant_origin_fault(args, n, "location=..."),
                   "location= is neither LATITUDE,LONGITUDE in degrees nor a "
                   "known AWS region");
}


static xr_rc_t
xr_tenant_origin_read(const xr_str_t *args, size_t n, const xr_mem_t *mem,
    xr_tenant_replica_t *place, xr_err_t *err)
{
    size_t                   i;
    xr_rc_t                  rc;
    xr_err_t                 why;
    xr_tenant_origin_args_t  a;

    memset(&a, 0, sizeof(a));

    for (i = 2; i < n; i++) {

        if (xr_tenant_origin_arg(&a, args[i]) != XR_OK) {
            return xr_fail(err, XR_INVALID, i, "is none of region=, "
                           "endpoint=, style=, location= and upstream=, each "
                           "once");
        }
    }

    rc = xr_origin_parse(args[1], a.region, a.endpoint, a.style, mem,
                         &place->origin, &why);

    if (rc != XR_OK) {
        return xr_fail(err, rc, xr_tenant_origin_fault(args, n, why.what),
                       why.what);
    }

    if (xr_tenant_origin_location(args, n, &a, place, err) != XR_OK) {
        return XR_INVALID;
    }

    if (a.upstream.len != 0
        && xr_str_dup(mem, a.upstream, &place->upstream) != XR_OK)
    {
        return xr_fail(err, XR_NO_SPACE, 1, "out of memory");
    }

    return XR_OK;
}


xr_rc_t
xr_tenant_origin_set(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t              rc;
    xr_tenant_replica_t  place;

    if (t->has_origin) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    memset(&place, 0, sizeof(place));

    rc = xr_tenant_origin_read(args, n, mem, &place, err);

    if (rc != XR_OK) {
        return rc;
    }

    t->has_origin = true;
    t->origin = place.origin;
    t->upstream = place.upstream;
    t->location = place.location;

    return XR_OK;
}


/* replica URL [region=] [endpoint=] [style=] ..., once for each */

xr_rc_t
xr_tenant_origin_replica(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t               rc;
    xr_tenant_replica_t  *replica;

    if (t->nreplicas == XR_TENANT_REPLICAS) {
        return xr_fail(err, XR_INVALID, 0, "is one more than 4");
    }

    replica = &t->replicas[t->nreplicas];
    rc = xr_tenant_origin_read(args, n, mem, replica, err);

    t->nreplicas += (rc == XR_OK);

    return rc;
}
