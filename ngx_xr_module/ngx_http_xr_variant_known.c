/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_device.h"
#include "ngx_http_xr_variant.h"

#include "xr_variant.h"


/*
 * What was chosen before in this worker, of the same text of a manifest for
 * the same record of a device, and what an answer says of it: a hit need not
 * look into the manifest.  Only of those who wish for nothing in particular:
 * the others are few.
 */

#define NGX_HTTP_XR_VARIANT_KNOWN  4096
#define NGX_HTTP_XR_VARIANT_WAYS   4
#define NGX_HTTP_XR_VARIANT_TEXT   192  /* bytes of a field and a path; those
                                           of more are looked up */


struct ngx_http_xr_variant_known_s {
    uint64_t             version;       /* of the manifest; 0: nothing */
    uint64_t             device;
    int                  variant;
    xr_select_reason_t   reason;
    xr_class_t           class;
    ngx_uint_t           swayed;

    uint16_t             id;            /* lengths: the field begins with it */
    uint16_t             field;
    uint16_t             path;          /* 0: the manifest has to be looked
                                           into for what is below */
    uint64_t             bytes;
    uint64_t             encoded[XR_ENCODINGS];
    u_char               text[NGX_HTTP_XR_VARIANT_TEXT];
};


static ngx_http_xr_variant_known_t *ngx_http_xr_variant_known_at(
    ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx);


ngx_int_t
ngx_http_xr_variant_known_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    xmcf->known_variants = ngx_pcalloc(cf->pool,
                                       NGX_HTTP_XR_VARIANT_KNOWN
                                       * sizeof(ngx_http_xr_variant_known_t));

    return (xmcf->known_variants != NULL) ? NGX_OK : NGX_ERROR;
}


/*
 * A variant that was chosen before; of "variant" only what its object's name
 * is made of is set, and views last for as long as nothing else is chosen.
 * NGX_DECLINED: the manifest has to be looked into.
 */

ngx_int_t
ngx_http_xr_variant_known_get(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_manifest_variant_t *variant)
{
    ngx_http_xr_variant_t        *v;
    ngx_http_xr_variant_known_t  *known;

    v = ctx->variant;

    if (v->manifest || v->part || ctx->explain != NULL
        || !ngx_http_xr_manifest_fresh(r, ctx))
    {
        return NGX_DECLINED;
    }

    if (ngx_http_xr_device_get(r, ctx) == NULL) {
        return NGX_ERROR;
    }

    known = ngx_http_xr_variant_known_at(r, ctx);

    if (known == NULL || known->path == 0) {
        return NGX_DECLINED;
    }

    v->field.len = known->field;
    v->field.data = ngx_pnalloc(r->pool, known->field);

    if (v->field.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(v->field.data, known->text, known->field);

    v->id.data = v->field.data;
    v->id.len = known->id;
    v->reason = ngx_http_xr_ngx(xr_select_reason_name(known->reason));
    v->index = known->variant;
    v->swayed = known->swayed;
    v->state = NGX_HTTP_XR_VARIANT_CHOSEN;

    ctx->vary |= NGX_HTTP_XR_VARY_DEVICE;

    ngx_memzero(variant, sizeof(xr_manifest_variant_t));

    variant->path = xr_str_of(known->text + known->field, known->path);
    variant->bytes = known->bytes;
    ngx_memcpy(variant->encoded, known->encoded, sizeof(known->encoded));

    return NGX_OK;
}


/* As xr_select(): XR_NOT_FOUND: none of them will do. */

xr_rc_t
ngx_http_xr_variant_known_select(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_t *manifest, xr_select_t *chosen,
    xr_manifest_variant_t *variant)
{
    xr_rc_t                       rc;
    ngx_http_xr_variant_known_t  *known;

    known = (manifest->narms == 0) ? ngx_http_xr_variant_known_at(r, ctx)
                                   : NULL;

    if (known != NULL
        && known->version != 0
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
        known->version = ctx->variant->version;
        known->device = ctx->device_serial;
        known->variant = chosen->variant;
        known->reason = chosen->reason;
        known->class = chosen->class;
    }

    return XR_OK;
}


/* What an answer says of the variant that was chosen just now. */

void
ngx_http_xr_variant_known_keep(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_variant_t *variant)
{
    u_char                       *p;
    ngx_http_xr_variant_t        *v;
    ngx_http_xr_variant_known_t  *known;

    v = ctx->variant;

    /* links are good for some credentials only */

    if (v->split || v->instead || variant->nlinks != 0
        || v->field.len + variant->path.len > NGX_HTTP_XR_VARIANT_TEXT)
    {
        return;
    }

    known = ngx_http_xr_variant_known_at(r, ctx);

    if (known == NULL || known->version == 0 || known->path != 0) {
        return;
    }

    known->swayed = v->swayed;
    known->id = (uint16_t) v->id.len;
    known->field = (uint16_t) v->field.len;
    known->path = (uint16_t) variant->path.len;
    known->bytes = variant->bytes;

    ngx_memzero(known->encoded, sizeof(known->encoded));

    if (xr_variant_siblings(variant)) {
        ngx_memcpy(known->encoded, variant->encoded, sizeof(known->encoded));
    }

    p = ngx_cpymem(known->text, v->field.data, v->field.len);
    ngx_memcpy(p, variant->path.data, variant->path.len);
}


/*
 * Where it is or would be, of no version then.  NULL: more decides than
 * manifest and device.
 */

static ngx_http_xr_variant_known_t *
ngx_http_xr_variant_known_at(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    uint64_t                      hash;
    ngx_uint_t                    i;
    const xr_select_wish_t       *wish;
    ngx_http_xr_main_conf_t      *xmcf;
    ngx_http_xr_variant_known_t  *known;

    wish = &ctx->variant->wish;

    if (ctx->device_serial == 0
        || wish->missing != 0
        || wish->variant.data != NULL
        || wish->maxq != XR_SELECT_ANY
        || wish->maxdim != XR_SELECT_ANY
        || wish->maxbytes != UINT64_MAX
        || wish->ceiling != XR_SELECT_ANY)
    {
        return NULL;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    hash = xr_mix64(ctx->variant->version + (ctx->device_serial << 48));

    known = &xmcf->known_variants[hash % NGX_HTTP_XR_VARIANT_KNOWN
                                  & ~(NGX_HTTP_XR_VARIANT_WAYS - 1)];

    for (i = 0; i < NGX_HTTP_XR_VARIANT_WAYS; i++) {

        if (known[i].version == ctx->variant->version
            && known[i].device == ctx->device_serial)
        {
            return &known[i];
        }
    }

    /* a free one, or any */

    for (i = 0; i < NGX_HTTP_XR_VARIANT_WAYS - 1; i++) {

        if (known[i].version == 0) {
            break;
        }
    }

    if (known[i].version != 0) {
        i = (hash >> 32) % NGX_HTTP_XR_VARIANT_WAYS;
    }

    known[i].version = 0;
    known[i].path = 0;

    return &known[i];
}
