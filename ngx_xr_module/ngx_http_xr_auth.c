/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


static xr_deny_t ngx_http_xr_auth_edgeauth(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static void ngx_http_xr_auth_address(ngx_http_request_t *r,
    xr_addr_t *address);


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

    if (ctx->tokens == 0) {
        deny = XR_DENY_TOKEN_MISSING;

    } else if (ctx->tokens > 1) {
        deny = XR_DENY_TOKEN_DUPLICATE;

    } else if (ctx->malformed) {
        deny = XR_DENY_TOKEN_MALFORMED;

    } else {
        deny = ngx_http_xr_auth_edgeauth(r, ctx);
    }

    if (deny != XR_DENY_NONE) {
        return ngx_http_xr_deny(r, ctx, deny, NGX_HTTP_FORBIDDEN);
    }

    ctx->granted = 1;

    return NGX_OK;
}


static xr_deny_t
ngx_http_xr_auth_edgeauth(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_addr_t           address;
    xr_edgeauth_t       token;
    xr_auth_request_t   req;
    const xr_tenant_t  *t;

    if (xr_edgeauth_parse(ngx_http_xr_view(&ctx->token), &token, NULL)
        != XR_OK)
    {
        return XR_DENY_TOKEN_MALFORMED;
    }

    ngx_http_xr_auth_address(r, &address);

    req.raw_path = ngx_http_xr_view(&ctx->raw_path);
    req.path = ngx_http_xr_view(&r->uri);
    req.address = &address;
    req.now = ngx_time();

    t = &ctx->tenant->tenant;

    return xr_edgeauth_verify(&token, &req, &t->limits, &t->keys, &ctx->who);
}


/* The peer's address, which the realip module may have set. */

static void
ngx_http_xr_auth_address(ngx_http_request_t *r, xr_addr_t *address)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    ngx_memzero(address, sizeof(xr_addr_t));

    switch (r->connection->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) r->connection->sockaddr;
        ngx_memcpy(address->bytes, sin6->sin6_addr.s6_addr, 16);
        break;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) r->connection->sockaddr;
        address->bytes[10] = 0xff;
        address->bytes[11] = 0xff;
        ngx_memcpy(address->bytes + 12, &sin->sin_addr.s_addr, 4);
        break;
    }
}
