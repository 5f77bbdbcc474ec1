/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_device.h"
#include "ngx_http_xr_explain.h"
#include "ngx_http_xr_replica.h"
#include "ngx_http_xr_variant.h"

#include "xr_variant.h"


/* Which variant of an object a client gets. */

static ngx_uint_t ngx_http_xr_variant_wanted(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_variant_again(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_manifest_variant_t *variant);
static ngx_int_t ngx_http_xr_variant_begin(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static void ngx_http_xr_variant_wish(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_select_wish_t *wish);
static ngx_int_t ngx_http_xr_variant_choose(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_manifest_t *manifest);
static ngx_int_t ngx_http_xr_variant_keep(ngx_http_request_t *r,
    ngx_http_xr_variant_t *v, xr_select_t *chosen);
static ngx_int_t ngx_http_xr_variant_serve(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_uint_t ngx_http_xr_variant_reachable(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_variant_object(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_manifest_variant_t *variant);
static xr_encoding_t ngx_http_xr_variant_coding(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_manifest_variant_t *variant);
static ngx_int_t ngx_http_xr_variant_parts(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_manifest_t *manifest,
    const xr_manifest_variant_t *variant, const xr_device_t *device);


/* The last step before content: what the client gets is settled here. */

ngx_int_t
ngx_http_xr_variant_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_int_t                 rc;
    xr_manifest_t             manifest;
    xr_manifest_variant_t     variant;
    ngx_http_xr_variant_t    *v;
    ngx_http_xr_loc_conf_t   *xlcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (xlcf->variant.mode == NGX_HTTP_XR_VARIANTS_OFF) {
        return NGX_OK;
    }

    v = ctx->variant;

    if (v == NULL) {

        if (!ngx_http_xr_variant_wanted(r, ctx)) {
            return NGX_OK;
        }

        if (ngx_http_xr_variant_begin(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        v = ctx->variant;

        rc = ngx_http_xr_variant_known_get(r, ctx, &variant);

        if (rc != NGX_DECLINED) {
            return (rc == NGX_OK) ? ngx_http_xr_variant_again(r, ctx, &variant)
                                  : rc;
        }
    }

    if (v->fetch != NULL && ngx_http_xr_manifest_fetch_waits(v->fetch)) {
        return NGX_AGAIN;
    }

    v->fetch = NULL;

    rc = ngx_http_xr_manifest_get(r, ctx, &manifest, &v->wish.missing);

    if (rc == NGX_DECLINED) {

        if (v->manifest) {
            return ngx_http_xr_deny(r, ctx, XR_DENY_ORIGIN_NOT_FOUND,
                                    NGX_HTTP_NOT_FOUND);
        }

        return ngx_http_xr_variant_fit_texture(r, ctx);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (v->manifest) {
        v->state = NGX_HTTP_XR_VARIANT_MANIFEST;
        return ngx_http_xr_variant_object(r, ctx, NULL);
    }

    if (ngx_http_xr_variant_choose(r, ctx, &manifest) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_xr_variant_serve(r, ctx);
}


/* A client of a device like another before it. */

static ngx_int_t
ngx_http_xr_variant_again(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_variant_t *variant)
{
    if (xr_variant_has_levels(variant->path)
        && ngx_http_xr_cut_wish(r, ctx, ctx->device->dim_max) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return (ngx_http_xr_variant_object(r, ctx, variant) == NGX_OK)
           ? ngx_http_xr_variant_serve(r, ctx) : NGX_ERROR;
}


/* Models, pictures and what else has variants; not variants themselves. */

static ngx_uint_t
ngx_http_xr_variant_wanted(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_str_t  object;

    if (r != r->main || !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return 0;
    }

    object = ngx_http_xr_view(&ctx->object);

    if (xr_variant_immutable(object)) {
        ctx->immutable = 1;
        return 0;
    }

    return xr_variant_wanted(object);
}


static ngx_int_t
ngx_http_xr_variant_begin(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_variant_t    *v;
    ngx_http_xr_main_conf_t  *xmcf;

    v = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_variant_t));
    if (v == NULL) {
        return NGX_ERROR;
    }

    v->object = ctx->object;
    v->index = XR_MANIFEST_NONE;

    ctx->variant = v;

    ngx_http_xr_variant_wish(r, ctx, &v->wish);

    if (ngx_http_xr_purge_begin(r) != NGX_OK) {
        return NGX_ERROR;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    ngx_http_xr_manifest_tag(xmcf, ctx->purge.generation, ctx->tenant,
                             ngx_http_xr_view(&v->object), v->tag);

    return NGX_OK;
}


/* What the query says, and what the credential allows. */

static void
ngx_http_xr_variant_wish(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_select_wish_t *wish)
{
    size_t    i;
    xr_str_t  query, values[6];

    static const xr_str_t  names[] = {
        XR_STR("maxq"), XR_STR("maxdim"), XR_STR("maxbytes"),
        XR_STR("variant"), XR_STR("xr_manifest"), XR_STR("part")
    };

    xr_select_wish_init(wish);

    query = ngx_http_xr_view(&r->args);

    if (query.len != 0) {

        xr_variant_args(query, names, XR_COUNT(names), values);

        for (i = 0; i < 3; i++) {

            if (values[i].data != NULL) {
                (void) xr_select_wish_set(wish, names[i], values[i]);
            }
        }

        wish->variant = values[3];

        ctx->variant->manifest = (values[4].data != NULL);
        ctx->variant->part = (values[5].data != NULL);
    }

    if (!ctx->public && ctx->value.ceiling != 0) {
        wish->ceiling = (uint32_t) ctx->value.ceiling - 1;
    }
}


static ngx_int_t
ngx_http_xr_variant_choose(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_manifest_t *manifest)
{
    xr_str_t                subject;
    xr_select_t             chosen;
    xr_principal_t         *who;
    const xr_device_t      *device;
    ngx_http_xr_variant_t  *v;
    xr_manifest_variant_t   variant;

    v = ctx->variant;

    device = ngx_http_xr_variant_fit_device(r, ctx);
    if (device == NULL) {
        return NGX_ERROR;
    }

    if (manifest->narms != 0) {
        who = ctx->public ? NULL : ngx_http_xr_auth_who(r, ctx);

        subject = (who != NULL && who->subject.len != 0)
                  ? who->subject : ngx_http_xr_view(&r->connection->addr_text);

        v->split = 1;
        v->wish.seed = xr_select_seed(ctx->tenant->name,
                                      ngx_http_xr_view(&v->object), subject);
    }

    v->wish.missing |= v->missing;

    if (v->wish.variant.data == NULL) {
        ctx->vary |= NGX_HTTP_XR_VARY_DEVICE;
    }

    if (ctx->explain != NULL
        && ngx_http_xr_explain_choice_note(r, ctx, manifest, device) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_xr_variant_known_select(r, ctx, manifest, &chosen, &variant)
        != XR_OK)
    {
        v->state = NGX_HTTP_XR_VARIANT_UNFIT;
        v->index = XR_MANIFEST_NONE;

        return NGX_OK;
    }

    v->state = NGX_HTTP_XR_VARIANT_CHOSEN;
    v->instead = xr_select_instead(manifest, device, &v->wish, &chosen);

    v->index = chosen.variant;
    v->swayed = ngx_http_xr_variant_fit_swayed(r, ctx, manifest, &variant);

    if (ngx_http_xr_variant_keep(r, v, &chosen) != NGX_OK
        || ngx_http_xr_variant_link_set(r, ctx, manifest, &variant) != NGX_OK
        || ngx_http_xr_variant_parts(r, ctx, manifest, &variant, device)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_xr_variant_known_keep(r, ctx, &variant);

    return ngx_http_xr_variant_object(r, ctx, &variant);
}


/* Of a model its head may be wanted, of a texture what the device can use. */

static ngx_int_t
ngx_http_xr_variant_parts(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_manifest_t *manifest, const xr_manifest_variant_t *variant,
    const xr_device_t *device)
{
    size_t                 i;
    xr_manifest_segment_t  segment;

    if (xr_variant_has_levels(variant->path)) {

        /* one that was asked for by its name is the same for all */

        return (ctx->variant->wish.variant.data == NULL)
               ? ngx_http_xr_cut_wish(r, ctx, device->dim_max) : NGX_OK;
    }

    if (!ctx->variant->part) {
        return NGX_OK;
    }

    for (i = 0; i < variant->nsegments; i++) {

        if (xr_manifest_segment(manifest, variant, i, &segment)
            && segment.offset == 0
            && xr_str_eq(segment.name, xr_str("head")))
        {
            return ngx_http_xr_cut_head(r, ctx, segment.bytes);
        }
    }

    return NGX_OK;
}


/* Copies what is needed of it: the image is gone with the next request. */

static ngx_int_t
ngx_http_xr_variant_keep(ngx_http_request_t *r, ngx_http_xr_variant_t *v,
    xr_select_t *chosen)
{
    xr_buf_t  b;

    v->reason = ngx_http_xr_ngx(xr_select_reason_name(chosen->reason));

    b = xr_buf(ngx_pnalloc(r->pool, XR_SELECT_FIELD_MAX),
               XR_SELECT_FIELD_MAX);

    if (b.data == NULL) {
        return NGX_ERROR;
    }

    xr_select_field(chosen, &b);
    v->field = ngx_http_xr_ngx(xr_buf_str(&b));

    v->id.data = v->field.data;         /* it begins with that */
    v->id.len = chosen->id.len;

    v->arm = ngx_http_xr_ngx(chosen->arm);
    v->arm.data = ngx_pstrdup(r->pool, &v->arm);

    return (v->arm.data != NULL) ? NGX_OK : NGX_ERROR;
}


/* From here on the request is for the variant; NULL: for the manifest. */

static ngx_int_t
ngx_http_xr_variant_object(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_variant_t *variant)
{
    size_t                  size;
    xr_buf_t                b;
    ngx_http_xr_variant_t  *v;

    v = ctx->variant;

    size = v->object.len + sizeof(".xr/manifest.json")
           + ((variant != NULL) ? variant->path.len : 0);

    b = xr_buf(ngx_pnalloc(r->pool, size), size);
    if (b.data == NULL) {
        return NGX_ERROR;
    }

    if (variant == NULL) {
        xr_manifest_name(ngx_http_xr_view(&v->object), &b);

        r->headers_in.range = NULL;     /* it is small, and may change */
        r->headers_in.if_range = NULL;

    } else {
        xr_manifest_variant_name(ngx_http_xr_view(&v->object), variant,
                                 ngx_http_xr_variant_coding(r, ctx, variant),
                                 &b);

        v->path.data = b.data + v->object.len + sizeof(".xr/") - 1;
        v->path.len = variant->path.len;
    }

    ctx->object = ngx_http_xr_ngx(xr_buf_str(&b));

    return NGX_OK;
}


/* Of siblings beside the variant the smallest that the client accepts. */

static xr_encoding_t
ngx_http_xr_variant_coding(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_variant_t *variant)
{
    xr_encoding_t         coding;
    xr_encoding_accept_t  accept;

    ctx->sibling = 0;
    ctx->encoding = XR_ENCODING_IDENTITY;

    if (ctx->variant->part || !xr_variant_siblings(variant)) {
        return XR_ENCODING_IDENTITY;
    }

    ctx->vary |= NGX_HTTP_XR_VARY_ACCEPT_ENCODING;

    ngx_http_xr_encoding_accept(r, &accept);

    coding = xr_encoding_choose(&accept,
                                xr_manifest_variant_encodings(variant),
                                variant->encoded);

    if (coding == XR_ENCODING_NONE || coding == XR_ENCODING_IDENTITY) {
        return XR_ENCODING_IDENTITY;
    }

    ctx->sibling = 1;
    ctx->encoding = coding;
    ctx->decoded = (off_t) variant->bytes;

    return coding;
}


static ngx_int_t
ngx_http_xr_variant_serve(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (ctx->variant->state == NGX_HTTP_XR_VARIANT_UNFIT) {
        r->content_handler = ngx_http_xr_variant_answer_unfit;

    } else if (xlcf->variant.mode == NGX_HTTP_XR_VARIANTS_REDIRECT
               && ngx_http_xr_variant_reachable(r, ctx))
    {
        r->content_handler = ngx_http_xr_variant_answer_redirect;
    }

    return NGX_OK;
}


/*
 * A client is sent only to where its credential lets it in; one that is for
 * the object alone gets the variant in the object's place.
 */

static ngx_uint_t
ngx_http_xr_variant_reachable(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    u_char    *p;
    xr_str_t   query;

    query = ctx->credential.query;      /* without credentials */
    p = NULL;

    if (query.len != 0) {
        p = ngx_pnalloc(r->pool, query.len + 1);
        if (p == NULL) {
            return 0;
        }
    }

    query = ngx_http_xr_variant_answer_rest(r, query, p);

    return ngx_http_xr_variant_cover_path(r, ctx,
                                       ngx_http_xr_view(&ctx->variant->path),
                                       query);
}


/*
 * The origin does not have the variant's object.  1: the request is for
 * another one now.
 */

ngx_uint_t
ngx_http_xr_variant_missing(ngx_http_request_t *r)
{
    uint64_t                bit, version, missing;
    xr_manifest_t           manifest;
    ngx_http_xr_ctx_t      *ctx;
    ngx_http_xr_variant_t  *v;

    ctx = ngx_http_xr_get_ctx(r);
    v = ctx->variant;

    if (v == NULL || v->state != NGX_HTTP_XR_VARIANT_CHOSEN) {
        return 0;
    }

    bit = (uint64_t) 1 << v->index;

    if (v->missing & bit) {
        return 0;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "xr: variant \"%V\" of \"%V\" is missing: \"%V\"",
                  &v->id, &v->object, &ctx->object);

    v->missing |= bit;
    v->tries = NGX_MAX_INT_T_VALUE;
    version = v->version;

    ngx_http_xr_manifest_note(r, v->tag, version, bit);

    if (ngx_http_xr_manifest_get(r, ctx, &manifest, &missing) != NGX_OK) {
        return 0;
    }

    if (v->version != version && !v->renewed) {
        /* published anew meanwhile: its bits are other ones, and clear */
        v->renewed = 1;
        v->missing = 0;
        v->wish.missing = missing;
    }

    return ngx_http_xr_variant_choose(r, ctx, &manifest) == NGX_OK
           && v->state == NGX_HTTP_XR_VARIANT_CHOSEN
           && !(v->missing & (uint64_t) 1 << v->index);
}


/*
 * A client asked for a variant by its own URL, as a redirect may have told it
 * to, and the origin said just now that it is not there: whoever asks for the
 * object from now on gets another one.
 */

void
ngx_http_xr_variant_lost(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    size_t                    i;
    uint64_t                  generation;
    xr_str_t                  object, path;
    xr_manifest_t             manifest;
    xr_store_info_t           info;
    xr_manifest_variant_t     variant;
    ngx_http_xr_main_conf_t  *xmcf;
    u_char                    tag[XR_SIPHASH_SIZE];

    if (!ctx->immutable || ctx->deny != XR_DENY_ORIGIN_NOT_FOUND) {
        return;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    xr_variant_parts(ngx_http_xr_view(&ctx->object), &object, &path);

    generation = (xmcf->purge.table != NULL)
                 ? xr_purge_generation(xmcf->purge.table, ctx->tenant->tag,
                                       object) : 0;

    ngx_http_xr_manifest_tag(xmcf, generation, ctx->tenant, object, tag);

    if (xr_store_get(xmcf->manifests, tag, ngx_http_xr_manifest_image,
                     XR_MANIFEST_IMAGE_MAX, &info)
        != XR_OK
        || info.absent
        || !xr_manifest_open(xr_str_of(ngx_http_xr_manifest_image, info.len),
                             &manifest))
    {
        return;
    }

    for (i = 0; i < manifest.n; i++) {

        if (xr_manifest_variant(&manifest, i, &variant)
            && xr_str_eq(variant.path, path)
            && !(info.note & (uint64_t) 1 << i))
        {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "xr: variant \"%V\" is missing", &ctx->object);

            ngx_http_xr_manifest_note(r, tag, info.version,
                                      (uint64_t) 1 << i);
        }
    }
}


/* Whether the object is a variant's: one that is missing is noted by us. */

ngx_uint_t
ngx_http_xr_variant_chosen(ngx_http_request_t *r)
{
    ngx_http_xr_ctx_t  *ctx;

    ctx = ngx_http_xr_get_ctx(r);

    return ctx->variant != NULL
           && ctx->variant->state == NGX_HTTP_XR_VARIANT_CHOSEN;
}


/*
 * The same, while the origin answers the client's own request: what comes in
 * its place is asked for at once, and not stored under the other's key.
 */

ngx_uint_t
ngx_http_xr_variant_instead(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    if (r != r->main || !ngx_http_xr_variant_missing(r)) {
        return 0;
    }

    exchange = r->upstream->input_filter_ctx;

    exchange->cacheable = 0;
    exchange->replicas->rewrite = 1;
    exchange->replicas->chosen = 1;
    exchange->replicas->next = exchange->replicas->current;

    ngx_http_xr_replica_again(r);

    return 1;
}


xr_str_t
ngx_http_xr_variant_var_id(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return (ctx->variant != NULL) ? ngx_http_xr_view(&ctx->variant->id)
                                  : xr_str_of(NULL, 0);
}


xr_str_t
ngx_http_xr_variant_var_reason(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return (ctx->variant != NULL) ? ngx_http_xr_view(&ctx->variant->reason)
                                  : xr_str_of(NULL, 0);
}


xr_str_t
ngx_http_xr_variant_var_arm(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return (ctx->variant != NULL) ? ngx_http_xr_view(&ctx->variant->arm)
                                  : xr_str_of(NULL, 0);
}
