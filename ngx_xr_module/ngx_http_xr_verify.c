/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


static xr_deny_t ngx_http_xr_verify_parse(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_rc_t ngx_http_xr_verify_parse_cloudfront(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_err_t *err);
static xr_deny_t ngx_http_xr_verify_signature(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_auth_request_t *req);
static ngx_uint_t ngx_http_xr_verify_is_cheap(ngx_http_xr_ctx_t *ctx);
static ngx_uint_t ngx_http_xr_verify_is_whole(ngx_http_xr_ctx_t *ctx);
static xr_deny_t ngx_http_xr_verify_judge(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_auth_request_t *req);


/*
 * JWTs and CloudFront's signatures: parsed, their signature checked, judged.
 * What was all right for the very same request is remembered as a whole, and
 * a signature that was good for others is not checked again.
 */

xr_deny_t
ngx_http_xr_verify_credential(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_deny_t           deny;
    xr_auth_request_t   req;
    u_char              tag[XR_SIPHASH_SIZE], alone[XR_SIPHASH_SIZE];

    ngx_http_xr_auth_request(r, ctx, &req, 0);
    ngx_http_xr_memory_tag(r, ctx, &req, tag);

    if (ngx_http_xr_memory_get(r, tag, &ctx->value) == NGX_OK) {
        ctx->remembered = 1;
        return XR_DENY_NONE;
    }

    deny = ngx_http_xr_verify_parse(r, ctx);

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    ngx_http_xr_memory_tag(r, ctx, NULL, alone);

    if (ngx_http_xr_memory_get(r, alone, &ctx->value) != NGX_OK) {

        deny = ngx_http_xr_verify_signature(r, ctx, &req);

        if (deny != XR_DENY_NONE) {
            return deny;
        }

        if (ngx_http_xr_verify_is_whole(ctx)) {
            ngx_http_xr_memory_put_signature(r, alone);
        }
    }

    deny = ngx_http_xr_verify_judge(r, ctx, &req);

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    ngx_http_xr_memory_value(r, ctx, &ctx->value);

    /* the page that asks and its country are not part of the tag */

    if (ctx->who.constraints.origin.len == 0
        && ctx->who.constraints.country.len == 0)
    {
        ngx_http_xr_memory_put(r, tag, &ctx->value);
    }

    return XR_DENY_NONE;
}


/* All but the signature, for one that was found good before. */

xr_deny_t
ngx_http_xr_verify_read(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_deny_t           deny;
    xr_auth_request_t   req;

    ngx_http_xr_auth_request(r, ctx, &req, 0);

    deny = ngx_http_xr_verify_parse(r, ctx);

    return (deny != XR_DENY_NONE) ? deny
                                  : ngx_http_xr_verify_judge(r, ctx, &req);
}


static xr_deny_t
ngx_http_xr_verify_parse(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    void       *memory;
    xr_rc_t     rc;
    xr_err_t    err;
    xr_str_t    token;

    ctx->parsed = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_parsed_t));
    if (ctx->parsed == NULL) {
        return XR_DENY_TOKEN_MALFORMED;
    }

    if (ctx->credential.kind == XR_KIND_JWT) {

        token = ngx_http_xr_view(&ctx->credential.token);

        memory = ngx_palloc(r->pool, XR_JWT_MEMORY(token.len) + 1);
        if (memory == NULL) {
            return XR_DENY_TOKEN_MALFORMED;
        }

        rc = xr_jwt_parse(token, memory, &ctx->parsed->jwt, &err);

    } else {
        rc = ngx_http_xr_verify_parse_cloudfront(r, ctx, &err);
    }

    if (rc == XR_OK) {
        return XR_DENY_NONE;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "xr: credential refused: %s at offset %uz",
                  err.what, err.pos);

    return (rc == XR_DENIED) ? XR_DENY_TOKEN_ALGORITHM
                             : XR_DENY_TOKEN_MALFORMED;
}


static xr_rc_t
ngx_http_xr_verify_parse_cloudfront(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_err_t *err)
{
    void                    *memory;
    size_t                   len;
    xr_cloudfront_params_t  *params;

    params = ctx->credential.signed_by;
    len = params->values[XR_CLOUDFRONT_POLICY].len;

    if (len > XR_CLOUDFRONT_MAX_POLICY) {
        return xr_fail(err, XR_INVALID, 0, "the policy is too long");
    }

    memory = ngx_palloc(r->pool, XR_CLOUDFRONT_MEMORY(len) + 1);
    if (memory == NULL) {
        return xr_fail(err, XR_NO_SPACE, 0, "no memory");
    }

    return xr_cloudfront_parse(params, memory, &ctx->parsed->cloudfront, err);
}


static ngx_uint_t
ngx_http_xr_verify_is_cheap(ngx_http_xr_ctx_t *ctx)
{
    return ctx->credential.kind == XR_KIND_JWT
           && xr_alg_symmetric(ctx->parsed->jwt.alg);
}


/* Whether the signature covers nothing of the request itself. */

static ngx_uint_t
ngx_http_xr_verify_is_whole(ngx_http_xr_ctx_t *ctx)
{
    return ctx->credential.kind == XR_KIND_JWT
           || ctx->parsed->cloudfront.custom;
}


static xr_deny_t
ngx_http_xr_verify_signature(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req)
{
    size_t                    n;
    uint64_t                  started;
    xr_deny_t                 deny;
    xr_key_t                  keys[XR_KEYSET_MAX];
    const xr_key_t           *key;
    xr_addr_t                *address;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    address = &ctx->client.address;

    n = xr_site_keys(ctx->tenant, ctx->credential.kind, keys);

    if (ngx_http_xr_verify_is_cheap(ctx)) {
        return xr_jwt_signature(&ctx->parsed->jwt, keys, n, xmcf->verifiers,
                                &key);
    }

    if (!ngx_http_xr_throttle_allows(xmcf, address)) {
        return XR_DENY_TOKEN_THROTTLED;
    }

    started = ngx_http_xr_throttle_clock();

    if (ctx->credential.kind == XR_KIND_JWT) {
        deny = xr_jwt_signature(&ctx->parsed->jwt, keys, n, xmcf->verifiers,
                                &key);

    } else {
        deny = xr_cloudfront_signature(&ctx->parsed->cloudfront, req,
                                       &ctx->tenant->policy, keys, n,
                                       xmcf->verifiers, &key);
    }

    if (deny == XR_DENY_TOKEN_SIGNATURE) {
        ngx_http_xr_throttle_failed(xmcf, address, started);
    }

    return deny;
}


/*
 * A key is known by the id that the credential names it with: there are no
 * two of one id, and the one of no id has none to tell.
 */

static xr_deny_t
ngx_http_xr_verify_judge(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req)
{
    u_char     *p;
    xr_buf_t    memory;
    xr_deny_t   deny;

    ngx_http_xr_auth_request(r, ctx, req, 1);

    if (ctx->credential.kind == XR_KIND_CLOUDFRONT) {

        deny = xr_cloudfront_judge(&ctx->parsed->cloudfront, req,
                                   &ctx->tenant->policy, &ctx->who);

        ctx->who.key_id = ctx->parsed->cloudfront.key_pair_id;

        return deny;
    }

    p = ngx_pnalloc(r->pool, ctx->credential.token.len);
    if (p == NULL) {
        return XR_DENY_TOKEN_MALFORMED;
    }

    memory = xr_buf(p, ctx->credential.token.len);

    deny = xr_jwt_judge(&ctx->parsed->jwt, req, &ctx->tenant->policy, &memory,
                        &ctx->who);

    ctx->who.key_id = ctx->parsed->jwt.kid;

    return deny;
}
