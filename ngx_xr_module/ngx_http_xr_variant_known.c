/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_variant.h"


/*
 * What was chosen before in this worker, of the same text of a manifest for
 * the same record of a device.  Only of those who wish for nothing in
 * particular: the others are few.
 */

#define NGX_HTTP_XR_VARIANT_KNOWN  4096


struct ngx_http_xr_variant_known_s {
    uint64_t             version;       /* of the manifest; 0: nothing */
    uint64_t             device;
    int                  variant;
    xr_select_reason_t   reason;
    xr_class_t           class;
};


static ngx_http_xr_variant_known_t *ngx_http_xr_variant_known_at(
    ngx_http_xr_main_conf_t *xmcf, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_t *manifest);


ngx_int_t
ngx_http_xr_variant_known_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    xmcf->known_variants = ngx_pcalloc(cf->pool,
                                       NGX_HTTP_XR_VARIANT_KNOWN
                                       * sizeof(ngx_http_xr_variant_known_t));

    return (xmcf->known_variants != NULL) ? NGX_OK : NGX_ERROR;
}


/* As xr_select(): XR_NOT_FOUND: none of them will do. */

xr_rc_t
ngx_http_xr_variant_known_select(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_t *manifest, xr_select_t *chosen,
    xr_manifest_variant_t *variant)
{
    xr_rc_t                       rc;
    ngx_http_xr_main_conf_t      *xmcf;
    ngx_http_xr_variant_known_t  *known;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    known = ngx_http_xr_variant_known_at(xmcf, ctx, manifest);

    if (known != NULL
        && known->version == ctx->variant->version
        && known->device == ctx->device_serial
        && xr_manifest_variant(manifest, (size_t) known->variant, variant))
    {
        *chosen = (xr_select_t) {
            .variant = known->variant,
            .reason = known->reason,
            .class = known->class,
            .id = variant->id
        };

        return XR_OK;
    }

    rc = xr_select(manifest, ctx->device, &ctx->variant->wish, chosen);

    if (rc != XR_OK) {
        return rc;
    }

    if (!xr_manifest_variant(manifest, (size_t) chosen->variant, variant)) {
        return XR_NOT_FOUND;
    }

    if (known != NULL) {
        *known = (ngx_http_xr_variant_known_t) {
            ctx->variant->version, ctx->device_serial, chosen->variant,
            chosen->reason, chosen->class
        };
    }

    return XR_OK;
}


/* Where it would be; NULL: more decides than manifest and device. */

static ngx_http_xr_variant_known_t *
ngx_http_xr_variant_known_at(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_ctx_t *ctx, const xr_manifest_t *manifest)
{
    uint64_t                 hash;
    const xr_select_wish_t  *wish;

    wish = &ctx->variant->wish;

    if (ctx->device_serial == 0
        || manifest->narms != 0
        || wish->missing != 0
        || wish->variant.data != NULL
        || wish->maxq != XR_SELECT_ANY
        || wish->maxdim != XR_SELECT_ANY
        || wish->maxbytes != UINT64_MAX
        || wish->ceiling != XR_SELECT_ANY)
    {
        return NULL;
    }

    hash = xr_mix64(ctx->variant->version + (ctx->device_serial << 48));

    return &xmcf->known_variants[hash % NGX_HTTP_XR_VARIANT_KNOWN];
}
