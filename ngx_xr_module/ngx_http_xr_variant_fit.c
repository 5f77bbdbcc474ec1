/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_device.h"
#include "ngx_http_xr_variant.h"

#include "xr_variant.h"


/* The device that something is to fit, and who else would get the same. */

static void ngx_http_xr_fit_url(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_device_t *device);


/* The record of the device, for a choice; NULL: out of memory. */

const xr_device_t *
ngx_http_xr_variant_fit_device(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    const xr_device_t  *device;

    device = ngx_http_xr_device_get(r, ctx);

    ctx->variant->wish.devices = (ctx->devices != NULL)
                                 ? ctx->devices->u.devices : NULL;

    return device;
}


/* An object without a manifest: a texture no larger than its class has. */

ngx_int_t
ngx_http_xr_variant_fit_texture(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    uint32_t                dim;
    xr_device_t             url;
    const xr_device_t      *device;
    ngx_http_xr_variant_t  *v;

    if (!xr_variant_has_levels(ngx_http_xr_view(&ctx->object))) {
        return NGX_OK;
    }

    device = ngx_http_xr_variant_fit_device(r, ctx);
    if (device == NULL) {
        return NGX_ERROR;
    }

    v = ctx->variant;
    dim = xr_select_budgets(device, &v->wish).dim;

    ctx->vary |= NGX_HTTP_XR_VARY_DEVICE;

    v->fitted = (v->wish.maxdim == XR_SELECT_ANY);

    if (v->fitted && device->source == XR_SOURCE_QUERY) {
        ngx_http_xr_fit_url(r, ctx, &url);
        v->swayed = (xr_select_budgets(&url, &v->wish).dim != dim);
    }

    return ngx_http_xr_cut_wish(r, ctx, dim);
}


/*
 * Whether headers had a say in the choice where the URL names a class: a cache
 * that keys on URLs must not keep it for those who do not send them.
 */

ngx_uint_t
ngx_http_xr_variant_fit_swayed(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_t *manifest, const xr_manifest_variant_t *variant)
{
    xr_select_t             chosen;
    xr_device_t             url;
    ngx_http_xr_variant_t  *v;

    v = ctx->variant;

    if (v->wish.variant.data != NULL
        || ctx->device->source != XR_SOURCE_QUERY)
    {
        return 0;
    }

    ngx_http_xr_fit_url(r, ctx, &url);

    if (xr_variant_has_levels(variant->path)
        && url.dim_max != ctx->device->dim_max)
    {
        return 1;
    }

    return xr_select(manifest, &url, &v->wish, &chosen) != XR_OK
           || chosen.variant != v->index;
}


/* The record of who says nothing but what is in the URL. */

static void
ngx_http_xr_fit_url(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_device_t *device)
{
    xr_device_input_t    in;
    const xr_devices_t  *devices;

    ngx_memzero(&in, sizeof(xr_device_input_t));
    in.query = xr_variant_arg(ngx_http_xr_view(&r->args), xr_str("xr"));

    devices = ctx->variant->wish.devices;

    xr_device_read((devices != NULL) ? devices : xr_devices_default(), &in,
                   device);
}
