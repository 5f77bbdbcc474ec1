/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_geo_conf.h"

#include "xr_web.h"


/* How many MACs a token may take to be checked before that is counted. */

#define NGX_HTTP_XR_AUTH_MACS  8

/* What is not about a credential may be over after so many milliseconds. */

#define NGX_HTTP_XR_AUTH_RETRY  1000


static xr_deny_t ngx_http_xr_auth_check(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_deny_t ngx_http_xr_auth_edgeauth(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_auth_refuse(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_deny_t deny);
static xr_str_t ngx_http_xr_auth_embed(ngx_http_request_t *r);


/* One credential, valid for this tenant, this path and this client. */

ngx_int_t
ngx_http_xr_auth_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_deny_t                deny;
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (xlcf->auth & NGX_HTTP_XR_AUTH_PUBLIC) {
        ctx->public = 1;
        return NGX_OK;
    }

    if (ngx_http_xr_credential_collect(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->parsed = NULL;
    ctx->remembered = 0;
    ngx_memzero(&ctx->who, sizeof(xr_principal_t));

    deny = ngx_http_xr_auth_check(r, ctx);

    if (deny != XR_DENY_NONE) {
        return ngx_http_xr_auth_refuse(r, ctx, deny);
    }

    ctx->granted = 1;
    ctx->decided = ngx_time();

    return NGX_OK;
}


static xr_deny_t
ngx_http_xr_auth_check(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_deny_t                  deny;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_credential_t  *c;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);
    c = &ctx->credential;

    if (c->n == 0) {
        return XR_DENY_TOKEN_MISSING;
    }

    if (c->n > 1) {
        return XR_DENY_TOKEN_DUPLICATE;
    }

    if (c->malformed) {
        return XR_DENY_TOKEN_MALFORMED;
    }

    if (!(xlcf->auth & NGX_HTTP_XR_AUTH(c->kind))) {
        return XR_DENY_TOKEN_KIND;
    }

    deny = (c->kind == XR_KIND_EDGEAUTH)
           ? ngx_http_xr_auth_edgeauth(r, ctx)
           : ngx_http_xr_verify_credential(r, ctx);

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    return ngx_http_xr_revocation_judge(r, ctx);
}


/*
 * Its MAC costs no more than to look it up would: it is not remembered.  Many
 * keys, or the spellings of a URL, make it dear enough to be counted.
 */

static xr_deny_t
ngx_http_xr_auth_edgeauth(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    size_t                    n;
    uint64_t                  started;
    xr_deny_t                 deny;
    xr_key_t                  keys[XR_KEYSET_MAX];
    ngx_uint_t                dear;
    xr_edgeauth_t             token;
    xr_auth_request_t         req;
    ngx_http_xr_main_conf_t  *xmcf;

    if (xr_edgeauth_parse(ngx_http_xr_view(&ctx->credential.token), &token,
                          NULL)
        != XR_OK)
    {
        return XR_DENY_TOKEN_MALFORMED;
    }

    ngx_http_xr_auth_request(r, ctx, &req, token.data.len != 0);

    n = xr_site_keys(ctx->tenant, XR_KIND_EDGEAUTH, keys);

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    dear = n * (token.acl.data != NULL ? 1 : 4) > NGX_HTTP_XR_AUTH_MACS;
    started = 0;

    if (dear) {

        if (!ngx_http_xr_throttle_allows(xmcf, &ctx->client.address)) {
            return XR_DENY_TOKEN_THROTTLED;
        }

        started = ngx_http_xr_throttle_start(xmcf);
    }

    deny = xr_edgeauth_verify(&token, &req, &ctx->tenant->policy, keys, n,
                              &ctx->who);

    if (deny == XR_DENY_NONE) {
        ngx_http_xr_memory_value(r, ctx, &ctx->value);

    } else if (dear && deny == XR_DENY_TOKEN_SIGNATURE) {
        ngx_http_xr_throttle_failed(xmcf, &ctx->client.address, started);
    }

    return deny;
}


static ngx_int_t
ngx_http_xr_auth_refuse(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_deny_t deny)
{
    ngx_int_t  status;

    switch (deny) {

    case XR_DENY_TOKEN_DUPLICATE:
        status = NGX_HTTP_BAD_REQUEST;
        break;

    case XR_DENY_TOKEN_THROTTLED:
        status = NGX_HTTP_TOO_MANY_REQUESTS;
        break;

    case XR_DENY_REVOCATION:
        status = NGX_HTTP_SERVICE_UNAVAILABLE;
        break;

    default:
        return ngx_http_xr_deny(r, ctx, deny, NGX_HTTP_FORBIDDEN);
    }

    /* these are not about this credential: it may be tried again */

    if (deny != XR_DENY_TOKEN_DUPLICATE
        && ngx_http_xr_headers_retry_after(r, NGX_HTTP_XR_AUTH_RETRY)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_xr_deny(r, ctx, deny, status);
}


/*
 * What verifiers are told.  The page that asks and the country are looked for
 * only where a credential may be "narrowed" to some.
 */

void
ngx_http_xr_auth_request(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_auth_request_t *req, ngx_uint_t narrowed)
{
    ngx_http_xr_client_t  *client;

    client = ngx_http_xr_trust_client(r, ctx);

    req->raw_path = ngx_http_xr_view(&ctx->raw_path);
    req->path = ngx_http_xr_view(&ctx->uri);
    req->query = ctx->credential.query;
    req->host = ngx_http_xr_view(&r->headers_in.server);
    req->address = &client->address;
    req->embed = narrowed ? ngx_http_xr_auth_embed(r) : xr_str_of(NULL, 0);
    req->country = narrowed ? ngx_http_xr_geo_place_country(r, ctx)
                            : xr_str_of(NULL, 0);
    req->now = ctx->granted ? ctx->decided : ngx_time();
}


/* Browsers send Origin with requests by scripts, and Referer with others. */

static xr_str_t
ngx_http_xr_auth_embed(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  origin = ngx_string("origin");

    h = ngx_http_xr_headers_find(r, &origin);

    if (h == NULL || h->value.len == 0) {
        h = r->headers_in.referer;
    }

    return (h == NULL) ? xr_str_of(NULL, 0)
                       : xr_web_url_host(ngx_http_xr_view(&h->value));
}


/* Who was let in; read again from a credential that is remembered. */

xr_principal_t *
ngx_http_xr_auth_who(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    if (!ctx->granted) {
        return NULL;
    }

    if (ctx->remembered) {
        ctx->remembered = 0;

        if (ngx_http_xr_verify_read(r, ctx) != XR_DENY_NONE) {

            /* it is what was judged before, so only memory can lack */

            ngx_memzero(&ctx->who, sizeof(xr_principal_t));
            ctx->who.kind = ctx->credential.kind;
        }
    }

    return &ctx->who;
}


/* A claim by name, whatever the kind; empty where there is none. */

xr_str_t
ngx_http_xr_auth_claim(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_str_t name)
{
    xr_buf_t        b;
    u_char         *p;
    xr_str_t        value;
    xr_edgeauth_t   token;

    if (ngx_http_xr_auth_who(r, ctx) == NULL) {
        return xr_str_of(NULL, 0);
    }

    if (ctx->who.kind == XR_KIND_EDGEAUTH) {

        if (xr_edgeauth_parse(ngx_http_xr_view(&ctx->credential.token), &token,
                              NULL)
            == XR_OK
            && xr_edgeauth_claim(&token, name, &value) == XR_OK)
        {
            return value;
        }

    } else if (ctx->who.kind == XR_KIND_JWT && ctx->parsed != NULL) {

        p = ngx_pnalloc(r->pool, XR_JWT_CLAIM_MAX);
        b = xr_buf(p, (p == NULL) ? 0 : XR_JWT_CLAIM_MAX);

        if (xr_jwt_claim(&ctx->parsed->jwt, name, &b, &value) == XR_OK) {
            return value;
        }
    }

    return xr_str_of(NULL, 0);
}
