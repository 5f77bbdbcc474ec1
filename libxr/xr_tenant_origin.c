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
        XR_STR("upstream")
    };

    xr_str_t  *values[XR_COUNT(names)] = {
        &a->region, &a->endpoint, &a->style, &a->upstream
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


static xr_rc_t
xr_tenant_origin_read(const xr_str_t *args, size_t n, const xr_mem_t *mem,
    xr_origin_t *origin, xr_str_t *upstream, xr_err_t *err)
{
    size_t                   i;
    xr_rc_t                  rc;
    xr_err_t                 why;
    xr_tenant_origin_args_t  a;

    memset(&a, 0, sizeof(a));

    for (i = 2; i < n; i++) {

        if (xr_tenant_origin_arg(&a, args[i]) != XR_OK) {
            return xr_fail(err, XR_INVALID, i, "is none of region=, "
                           "endpoint=, style= and upstream=, each once");
        }
    }

    rc = xr_origin_parse(args[1], a.region, a.endpoint, a.style, mem, origin,
                         &why);

    if (rc != XR_OK) {
        return xr_fail(err, rc, xr_tenant_origin_fault(args, n, why.what),
                       why.what);
    }

    if (a.upstream.len != 0
        && xr_str_dup(mem, a.upstream, upstream) != XR_OK)
    {
        return xr_fail(err, XR_NO_SPACE, 1, "out of memory");
    }

    return XR_OK;
}


xr_rc_t
xr_tenant_origin_set(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t  rc;

    if (t->has_origin) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    rc = xr_tenant_origin_read(args, n, mem, &t->origin, &t->upstream, err);

    t->has_origin = (rc == XR_OK);

    return rc;
}


/* replica URL [region=] [endpoint=] [style=] [upstream=], once for each */

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
    rc = xr_tenant_origin_read(args, n, mem, &replica->origin,
                               &replica->upstream, err);

    t->nreplicas += (rc == XR_OK);

    return rc;
}
