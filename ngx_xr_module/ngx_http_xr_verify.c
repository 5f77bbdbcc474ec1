/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_ask.h"


static xr_deny_t ngx_http_xr_verify_parse(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_rc_t ngx_http_xr_verify_parse_cloudfront(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_err_t *err);
static xr_deny_t ngx_http_xr_verify_signature(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_auth_request_t *req);
static xr_deny_t ngx_http_xr_verify_crypto(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_auth_request_t *req);
static xr_deny_t ngx_http_xr_verify_judge(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static void ngx_http_xr_verify_key(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, uint64_t hash);


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
    u_char              tag[XR_SIPHASH_SIZE];

    ngx_http_xr_auth_request(r, ctx, &req, 0);
    ngx_http_xr_memory_tag(r, ctx, &req, NGX_HTTP_XR_MEMORY_REQUEST, tag);

    if (ngx_http_xr_memory_get(r, tag, &ctx->value) == NGX_OK) {
        ctx->remembered = 1;
        return XR_DENY_NONE;
    }

    deny = ngx_http_xr_verify_parse(r, ctx);

    if (deny == XR_DENY_NONE) {
        deny = ngx_http_xr_verify_signature(r, ctx, &req);
    }

    if (deny == XR_DENY_NONE) {
        deny = ngx_http_xr_verify_judge(r, ctx);
    }

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    ngx_http_xr_memory_value(r, ctx, &ctx->value);
    ngx_http_xr_verify_remember(r, ctx, tag);

    return XR_DENY_NONE;
}


/*
 * The page that asks and its country are not part of a tag: what is narrowed
 * to some is judged for each request.
 */

void
ngx_http_xr_verify_remember(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    u_char *tag)
{
    if (ctx->who.constraints.origin.len == 0
        && ctx->who.constraints.country.len == 0)
    {
        ngx_http_xr_memory_put(r, tag, &ctx->value);
    }
}


/* Who it was that was let in: all but the signature is read again. */

xr_deny_t
ngx_http_xr_verify_read(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_deny_t  deny;

    ngx_http_xr_verify_key(r, ctx, ctx->value.key_id);

    deny = ngx_http_xr_verify_parse(r, ctx);

    return (deny != XR_DENY_NONE) ? deny : ngx_http_xr_verify_judge(r, ctx);
}


/* The id of a key that is remembered by its hash. */

static void
ngx_http_xr_verify_key(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    uint64_t hash)
{
    size_t    i, n;
    xr_key_t  keys[XR_KEYSET_MAX];

    ctx->key_id = xr_str_of(NULL, 0);

    if (hash == 0) {
        return;
    }

    n = xr_site_keys(ctx->tenant, ctx->credential.kind, keys);

    for (i = 0; i < n; i++) {

        if (ngx_http_xr_memory_key_id(r, keys[i].id) == hash) {
            ctx->key_id = keys[i].id;
            return;
        }
    }
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


/*
 * The signature, unless it is known to be good: a JWT's and a custom policy's
 * for any request, a canned policy's for this URL.
 */

static xr_deny_t
ngx_http_xr_verify_signature(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req)
{
    xr_deny_t           deny;
    ngx_uint_t          scope;
    xr_memory_value_t   value;
    u_char              tag[XR_SIPHASH_SIZE];

    scope = (ctx->credential.kind == XR_KIND_JWT
             || ctx->parsed->cloudfront.custom) ? NGX_HTTP_XR_MEMORY_ALONE
                                                : NGX_HTTP_XR_MEMORY_URL;

    ngx_http_xr_memory_tag(r, ctx, req, scope, tag);

    if (ngx_http_xr_memory_get(r, tag, &value) == NGX_OK) {
        ngx_http_xr_verify_key(r, ctx, value.key_id);
        return XR_DENY_NONE;
    }

    deny = ngx_http_xr_verify_crypto(r, ctx, req);

    if (deny == XR_DENY_NONE) {
        ngx_http_xr_memory_put_signature(r, ctx, tag);
    }

    return deny;
}


/* What costs time, and what bad signatures are given of it. */

static xr_deny_t
ngx_http_xr_verify_crypto(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req)
{
    size_t                    n;
    uint64_t                  started;
    xr_deny_t                 deny;
    xr_key_t                  keys[XR_KEYSET_MAX];
    ngx_uint_t                cheap;
    const xr_key_t           *key;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    cheap = (ctx->credential.kind == XR_KIND_JWT
             && xr_alg_symmetric(ctx->parsed->jwt.alg));

    if (!cheap && !ngx_http_xr_throttle_allows(xmcf, &ctx->client.address)) {
        return XR_DENY_TOKEN_THROTTLED;
    }

    n = xr_site_keys(ctx->tenant, ctx->credential.kind, keys);
    started = ngx_http_xr_throttle_start(xmcf);

    if (ctx->credential.kind == XR_KIND_JWT) {
        deny = xr_jwt_signature(&ctx->parsed->jwt, keys, n, xmcf->verifiers,
                                &key);

    } else {
        deny = xr_cloudfront_signature(&ctx->parsed->cloudfront, req,
                                       &ctx->tenant->policy, keys, n,
                                       xmcf->verifiers, &key);
    }

    if (deny == XR_DENY_NONE) {
        ctx->key_id = key->id;

    } else if (!cheap && deny == XR_DENY_TOKEN_SIGNATURE) {
        ngx_http_xr_throttle_failed(xmcf, &ctx->client.address, started);

    } else if (deny == XR_DENY_TOKEN_KEY
               && ctx->credential.kind == XR_KIND_JWT
               && ctx->parsed->jwt.has_kid)
    {
        ngx_http_xr_ask_keys(r, ctx->tenant->name);
    }

    return deny;
}


static xr_deny_t
ngx_http_xr_verify_judge(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    u_char             *p;
    xr_buf_t            memory;
    xr_deny_t           deny;
    xr_auth_request_t   req;

    ngx_http_xr_auth_request(r, ctx, &req, 1);

    if (ctx->credential.kind == XR_KIND_CLOUDFRONT) {

        deny = xr_cloudfront_judge(&ctx->parsed->cloudfront, &req,
                                   &ctx->tenant->policy, &ctx->who);

    } else {
        p = ngx_pnalloc(r->pool, ctx->credential.token.len);
        if (p == NULL) {
            return XR_DENY_TOKEN_MALFORMED;
        }

        memory = xr_buf(p, ctx->credential.token.len);

        deny = xr_jwt_judge(&ctx->parsed->jwt, &req, &ctx->tenant->policy,
                            &memory, &ctx->who);
    }

    ctx->who.key_id = ctx->key_id;

    return deny;
}
