/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_gltf_parse.h"
#include "xr_le.h"

#include <math.h>


uint32_t
xr_gltf_values_uint(const uint8_t *p, uint8_t size)
{
    switch (size) {

    case 1:
        return p[0];

    case 2:
        return xr_le16(p);

    default:
        return xr_le32(p);
    }
}


const uint8_t *
xr_gltf_values_element(const xr_gltf_t *g, const xr_gltf_accessor_t *a,
    uint32_t i)
{
    return (a->view == XR_GLTF_NONE)
           ? NULL : g->views[a->view].data.data + a->offset
                    + (uint64_t) i * a->stride;
}


static bool
xr_gltf_values_finite(const uint8_t *p, uint32_t n)
{
    float     f;
    uint32_t  bits;

    for ( /* void */ ; n > 0; n--, p += 4) {
        bits = xr_le32(p);
        memcpy(&f, &bits, sizeof(f));

        if (!isfinite(f)) {
            return false;
        }
    }

    return true;
}


/* In order, so that each is there once, and none beyond the end. */

static xr_rc_t
xr_gltf_values_sparse(const xr_gltf_t *g, uint32_t n, xr_refusal_t *why)
{
    uint32_t                   i, is, least;
    const uint8_t             *p;
    const xr_gltf_accessor_t  *a;

    a = &g->accessors[n];

    if (a->sparse == 0) {
        return XR_OK;
    }

    least = 0;
    p = g->views[a->sparse_view].data.data + a->sparse_offset;

    for (i = 0; i < a->sparse; i++, p += a->sparse_size) {
        is = xr_gltf_values_uint(p, a->sparse_size);

        if (is < least || is >= a->count) {
            return xr_refuse(why, XR_INVALID, "gltf.sparse", "accessor",
                             n, "has sparse indices that are not in "
                             "order, or too large");
        }

        least = is + 1;
    }

    return XR_OK;
}


static xr_rc_t
xr_gltf_values_floats(const xr_gltf_t *g, uint32_t n, xr_refusal_t *why)
{
    bool                       ok;
    uint32_t                   i;
    const uint8_t             *p;
    const xr_gltf_accessor_t  *a;

    a = &g->accessors[n];

    if (a->component != 5126) {
        return XR_OK;
    }

    ok = true;

    for (i = 0; ok && a->view != XR_GLTF_NONE && i < a->count; i++) {
        p = xr_gltf_values_element(g, a, i);
        ok = xr_gltf_values_finite(p, a->components);
    }

    if (ok && a->sparse > 0) {
        p = g->views[a->values_view].data.data + a->values_offset;
        ok = xr_gltf_values_finite(p, a->sparse * a->components);
    }

    return ok ? XR_OK
              : xr_refuse(why, XR_INVALID, "gltf.value", "accessor", n,
                          "has values that are no numbers, or infinite");
}


/* The largest value of an index stands for "begin anew", and is not one. */

static xr_rc_t
xr_gltf_values_indices(const xr_gltf_t *g, const xr_gltf_primitive_t *prim,
    xr_refusal_t *why)
{
    uint32_t                   i;
    const uint8_t             *p;
    const xr_gltf_accessor_t  *a;

    if (prim->indices == XR_GLTF_NONE) {
        return XR_OK;
    }

    a = &g->accessors[prim->indices];

    if (a->sparse > 0) {
        return xr_refuse(why, XR_DENIED, "gltf.indices", "accessor",
                         prim->indices, "has sparse indices, which are "
                         "not handled");
    }

    if (a->view == XR_GLTF_NONE) {
        return (prim->vertices > 0) ? XR_OK
               : xr_refuse(why, XR_INVALID, "gltf.indices", "mesh",
                           prim->mesh, "has indices but no vertices");
    }

    for (i = 0; i < a->count; i++) {
        p = xr_gltf_values_element(g, a, i);

        if (xr_gltf_values_uint(p, a->size) >= prim->vertices) {
            return xr_refuse(why, XR_INVALID, "gltf.indices", "mesh",
                             prim->mesh, "has an index of a vertex that "
                             "does not exist");
        }
    }

    return XR_OK;
}


xr_rc_t
xr_gltf_values_check(const xr_gltf_t *g, xr_refusal_t *why)
{
    xr_rc_t   rc;
    uint32_t  n;

    rc = XR_OK;

    for (n = 0; rc == XR_OK && n < g->naccessors; n++) {
        rc = xr_gltf_values_sparse(g, n, why);

        if (rc == XR_OK) {
            rc = xr_gltf_values_floats(g, n, why);
        }
    }

    for (n = 0; rc == XR_OK && n < g->nprimitives; n++) {
        rc = xr_gltf_values_indices(g, &g->primitives[n], why);
    }

    return rc;
}
