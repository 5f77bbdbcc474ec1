/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_variant.h"


/*
 * What else the credential of a request is good for.  A client is sent to a
 * variant, or told of a companion file, only if it could have asked for that
 * itself, in the same way.
 */

static ngx_int_t ngx_http_xr_cover_request(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_str_t path, xr_str_t query,
    xr_auth_request_t *req);
static xr_str_t ngx_http_xr_cover_below(ngx_http_request_t *r, xr_str_t object,
    xr_str_t path);
static ngx_uint_t ngx_http_xr_cover_edgeauth(ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req);
static ngx_uint_t ngx_http_xr_cover_signed(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_auth_request_t *req);


/* What carries the credential of a request that was let in. */

ngx_http_xr_cover_t
ngx_http_xr_variant_cover_carrier(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_credential_t  *c;

    static const ngx_http_xr_cover_t  carriers[NGX_HTTP_XR_CARRIERS] = {
        [NGX_HTTP_XR_QUERY] = NGX_HTTP_XR_COVER_QUERY,
        [NGX_HTTP_XR_PATH] = NGX_HTTP_XR_COVER_NOTHING,
        [NGX_HTTP_XR_HEADER] = NGX_HTTP_XR_COVER_HEADER,
        [NGX_HTTP_XR_COOKIE] = NGX_HTTP_XR_COVER_COOKIE
    };

    if (ctx->public) {
        return NGX_HTTP_XR_COVER_NOTHING;
    }

    c = &ctx->credential;

    if (c->kind == XR_KIND_CLOUDFRONT) {
        return (c->url != NULL && c->signed_by == &c->url->params)
               ? NGX_HTTP_XR_COVER_QUERY : NGX_HTTP_XR_COVER_COOKIE;
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    for (i = 0; i < NGX_HTTP_XR_CARRIERS; i++) {

        if (c->carried[i].n != 0 && (xlcf->token_from & NGX_HTTP_XR_IN(i))) {
            return carriers[i];
        }
    }

    return NGX_HTTP_XR_COVER_HEADER;
}


/*
 * "path" is below "<object>.xr/", and "query" the application's own part of
 * the query that it would be asked for with.
 */

ngx_uint_t
ngx_http_xr_variant_cover_path(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_str_t path, xr_str_t query)
{
    xr_auth_request_t  req;

    if (ctx->public) {
        return 1;
    }

    if (ngx_http_xr_cover_request(r, ctx, path, query, &req) != NGX_OK) {
        return 0;
    }

    return (ctx->credential.kind == XR_KIND_EDGEAUTH)
           ? ngx_http_xr_cover_edgeauth(ctx, &req)
           : ngx_http_xr_cover_signed(r, ctx, &req);
}


/* The request that would be judged then. */

static ngx_int_t
ngx_http_xr_cover_request(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_str_t path, xr_str_t query, xr_auth_request_t *req)
{
    xr_str_t  raw;

    ngx_http_xr_auth_request(r, ctx, req, 1);

    raw = req->raw_path;
    req->raw_path = ngx_http_xr_cover_below(r, raw, path);
    req->path = xr_str_eq(raw, req->path)
                ? req->raw_path : ngx_http_xr_cover_below(r, req->path, path);
    req->query = query;

    return (req->raw_path.data != NULL && req->path.data != NULL) ? NGX_OK
                                                                  : NGX_ERROR;
}


static xr_str_t
ngx_http_xr_cover_below(ngx_http_request_t *r, xr_str_t object, xr_str_t path)
{
    size_t    size;
    xr_buf_t  b;

    size = object.len + sizeof(".xr/") - 1 + path.len;
    b = xr_buf(ngx_pnalloc(r->pool, size), size);

    if (b.data == NULL) {
        return xr_str_of(NULL, 0);
    }

    xr_buf_put(&b, object);
    xr_buf_puts(&b, ".xr/");
    xr_buf_put(&b, path);

    return xr_buf_str(&b);
}


/* Its MAC has been checked; a token for a URL is for no other. */

static ngx_uint_t
ngx_http_xr_cover_edgeauth(ngx_http_xr_ctx_t *ctx, xr_auth_request_t *req)
{
    xr_edgeauth_t     token;
    xr_constraints_t  ignored;

    return xr_edgeauth_parse(ngx_http_xr_view(&ctx->credential.token), &token,
                             NULL)
           == XR_OK
           && token.acl.data != NULL
           && xr_edgeauth_judge(&token, req, &ctx->tenant->policy, &ignored)
              == XR_DENY_NONE;
}


/* What was found is remembered, and the request that follows need not ask. */

static ngx_uint_t
ngx_http_xr_cover_signed(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req)
{
    u_char             *p;
    xr_buf_t            memory;
    xr_deny_t           deny;
    xr_principal_t      who, *granted;
    xr_memory_value_t   value;
    u_char              tag[XR_SIPHASH_SIZE];

    ngx_http_xr_memory_tag(r, ctx, req, NGX_HTTP_XR_MEMORY_REQUEST, tag);

    if (ngx_http_xr_memory_get(r, tag, &value) == NGX_OK) {
        return 1;
    }

    granted = ngx_http_xr_auth_who(r, ctx);

    if (granted == NULL || granted->expires == 0) {
        return 0;                       /* it could not be read again */
    }

    if (ctx->credential.kind == XR_KIND_CLOUDFRONT) {

        /* a canned policy is for one URL */

        if (!ctx->parsed->cloudfront.custom) {
            return 0;
        }

        deny = xr_cloudfront_judge(&ctx->parsed->cloudfront, req,
                                   &ctx->tenant->policy, &who);

    } else {
        p = ngx_pnalloc(r->pool, ctx->credential.token.len);
        if (p == NULL) {
            return 0;
        }

        memory = xr_buf(p, ctx->credential.token.len);

        deny = xr_jwt_judge(&ctx->parsed->jwt, req, &ctx->tenant->policy,
                            &memory, &who);
    }

    if (deny != XR_DENY_NONE) {
        return 0;
    }

    ngx_http_xr_verify_remember(r, ctx, tag);

    return 1;
}
