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

static xr_str_t ngx_http_xr_fit_token(ngx_http_request_t *r);
static const xr_devices_t *ngx_http_xr_fit_devices(ngx_http_xr_ctx_t *ctx);


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


/*
 * An object without a manifest: a texture no larger than its class has, unless
 * a variant is named, which is what it is for everybody.
 */

ngx_int_t
ngx_http_xr_variant_fit_texture(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    uint32_t                dim;
    xr_device_t             url;
    const xr_device_t      *device;
    ngx_http_xr_variant_t  *v;

    if (!xr_variant_has_levels(ngx_http_xr_view(&ctx->object))
        || ctx->variant->wish.variant.data != NULL)
    {
        return NGX_OK;
    }

    device = ngx_http_xr_variant_fit_device(r, ctx);
    if (device == NULL) {
        return NGX_ERROR;
    }

    v = ctx->variant;
    dim = xr_select_budgets(device, &v->wish).dim;

    ctx->vary |= NGX_HTTP_XR_VARY_DEVICE;

    v->fitted = !ngx_http_xr_cut_named(r);

    if (v->fitted && device->source == XR_SOURCE_QUERY) {
        xr_device_read_url(ngx_http_xr_fit_devices(ctx),
                           ngx_http_xr_fit_token(r), &url);
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
    ngx_http_xr_variant_t  *v;

    v = ctx->variant;

    return xr_select_swayed(manifest, ngx_http_xr_fit_devices(ctx),
                            ngx_http_xr_fit_token(r), ctx->device, &v->wish,
                            v->index, xr_variant_has_levels(variant->path));
}


static xr_str_t
ngx_http_xr_fit_token(ngx_http_request_t *r)
{
    return xr_variant_arg(ngx_http_xr_view(&r->args), xr_str("xr"));
}


static const xr_devices_t *
ngx_http_xr_fit_devices(ngx_http_xr_ctx_t *ctx)
{
    const xr_devices_t  *devices;

    devices = ctx->variant->wish.devices;

    return (devices != NULL) ? devices : xr_devices_default();
}
