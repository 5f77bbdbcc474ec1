/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "tenants_take.h"
#include "cli.h"
#include "tenants.h"

#include <stdlib.h>


typedef struct {
    xr_table_builder_t  *builder;
    xrw_tenants_take_t  *out;
} xrw_tenants_taken_t;


static xr_rc_t
xrw_tenants_take_add(void *ctx, xr_tenant_t *t, xrw_arena_t *memory,
    xr_err_t *err)
{
    size_t   i;
    xr_rc_t  rc;

    xrw_tenants_taken_t *taken = ctx;

    (void) memory;

    rc = xr_tenant_finish(t, err);

    if (rc == XR_OK) {
        rc = xr_table_add(taken->builder, t, err);
    }

    if (rc == XR_OK) {
        taken->out->limits += t->nlimits;
    }

    for (i = 0; rc == XR_OK && i < t->keys.n; i++) {

        switch (t->keys.keys[i].kind) {

        case XR_KIND_EDGEAUTH:
            taken->out->edgeauth++;
            break;

        case XR_KIND_JWT:
            taken->out->jwt++;
            break;

        case XR_KIND_CLOUDFRONT:
            taken->out->cloudfront++;
            break;

        case XR_KIND_PURGE:
            taken->out->purge++;
            break;
        }
    }

    return rc;
}


bool
xrw_tenants_take(const char *file, xrw_tenants_take_t *out)
{
    xr_rc_t              rc;
    xr_str_t             image;
    xrw_tenants_t        tenants;
    xrw_tenants_taken_t  taken;

    static const xr_table_memory_t  memory = { malloc, free };

    memset(out, 0, sizeof(xrw_tenants_take_t));
    taken = (xrw_tenants_taken_t) { xr_table_builder_create(&memory), out };

    if (taken.builder == NULL) {
        (void) xrw_error("out of memory");
        return false;
    }

    tenants = (xrw_tenants_t) {
        file, NULL, XRW_TENANTS_ALL, xrw_tenants_take_add, &taken
    };

    rc = xrw_tenants_each(&tenants);

    if (rc == XR_NOT_FOUND) {
        (void) xrw_error("%s: there is no such file", file);

    } else if (rc == XR_OK) {
        rc = xr_table_finish(taken.builder, 1, &image, &out->stats);

        if (rc != XR_OK) {
            (void) xrw_error("%s: the table cannot be made", file);
        }
    }

    xr_table_builder_free(taken.builder);

    return rc == XR_OK;
}
