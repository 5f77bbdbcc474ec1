/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_variant.h"

#include "xr_variant.h"


/* Companion files of a variant, which its viewer is told of beforehand. */

static ngx_int_t ngx_http_xr_link_query(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_str_t *out);
static void ngx_http_xr_link_signed(xr_str_t raw, xr_buf_t *b);


/*
 * A link that cannot be followed is worth nothing.  A token in the path is
 * part of what the link is relative to, and cookies are sent by themselves;
 * nobody sends "Authorization" with a preload; and what is in the query has to
 * be in the link, which caches must not show to others then.
 */

ngx_int_t
ngx_http_xr_variant_link_set(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_t *manifest, const xr_manifest_variant_t *variant)
{
    size_t                i;
    xr_buf_t              b;
    xr_str_t              query;
    ngx_uint_t            cookies;
    xr_manifest_link_t    link;
    ngx_http_xr_cover_t   carrier;

    static ngx_str_t  origin = ngx_string("origin");

    ngx_str_null(&ctx->variant->links);

    if (variant->nlinks == 0) {
        return NGX_OK;
    }

    query = xr_str_of(NULL, 0);
    carrier = ngx_http_xr_variant_cover_carrier(r, ctx);

    if (carrier == NGX_HTTP_XR_COVER_HEADER
        || (carrier == NGX_HTTP_XR_COVER_QUERY
            && !ngx_http_xr_variant_answer_private(ctx)))
    {
        return NGX_OK;
    }

    if (carrier == NGX_HTTP_XR_COVER_QUERY
        && ngx_http_xr_link_query(r, ctx, &query) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a page of this site sends them anyway, and names no origin */

    cookies = (carrier == NGX_HTTP_XR_COVER_COOKIE
               && ngx_http_xr_headers_find(r, &origin) != NULL);

    b = xr_buf(ngx_pnalloc(r->pool, XR_VARIANT_LINKS_MAX),
               XR_VARIANT_LINKS_MAX);

    if (b.data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < variant->nlinks; i++) {

        if (xr_manifest_link(manifest, variant, i, &link)
            && ngx_http_xr_variant_cover_path(r, ctx, link.path,
                                              xr_str_of(NULL, 0))
            && !xr_variant_link(ngx_http_xr_view(&ctx->target), &link, query,
                                cookies, &b))
        {
            break;                      /* the first ones matter most */
        }
    }

    ctx->variant->links = ngx_http_xr_ngx(xr_buf_str(&b));

    return NGX_OK;
}


/* "?" and the credential, which has been masked in the request. */

static ngx_int_t
ngx_http_xr_link_query(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_str_t *out)
{
    size_t                     size;
    xr_buf_t                   b;
    xr_str_t                   name, token;
    ngx_http_xr_srv_conf_t    *xscf;
    ngx_http_xr_credential_t  *c;

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);
    c = &ctx->credential;

    name = ngx_http_xr_view(&xscf->token_name);
    token = ngx_http_xr_view(&c->token);

    size = sizeof("?=") + name.len + 3 * token.len + c->raw_query.len;
    b = xr_buf(ngx_pnalloc(r->pool, size), size);

    if (b.data == NULL) {
        return NGX_ERROR;
    }

    if (c->kind == XR_KIND_CLOUDFRONT) {
        ngx_http_xr_link_signed(c->raw_query, &b);

    } else {
        xr_buf_putc(&b, '?');
        xr_buf_put(&b, name);
        xr_buf_putc(&b, '=');
        xr_path_encode_value(token, &b);
    }

    *out = xr_buf_str(&b);

    return NGX_OK;
}


/* CloudFront's parameters, as they were sent. */

static void
ngx_http_xr_link_signed(xr_str_t raw, xr_buf_t *b)
{
    bool      exact;
    xr_str_t  arg, name;

    while (raw.len > 0) {
        arg = xr_str_cut(&raw, '&');
        name = xr_str_of(arg.data, xr_str_find(arg, '='));

        if (xr_cloudfront_param(name, &exact) != XR_CLOUDFRONT_PARAMS) {
            xr_buf_putc(b, (b->len == 0) ? '?' : '&');
            xr_buf_put(b, arg);
        }
    }
}
