/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_explain.h"
#include "ngx_http_xr_geo_conf.h"
#include "ngx_http_xr_variant.h"

#include "xr_json_put.h"


/*
 * What was asked for, by whom, and with which credential: of that never what
 * signs it.
 */

static void ngx_http_xr_explain_url(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_buf_t *b);
static void ngx_http_xr_explain_client(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_buf_t *b);
static void ngx_http_xr_explain_credential(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_buf_t *b);
static const char *ngx_http_xr_explain_carrier(
    ngx_http_xr_credential_t *c);
static void ngx_http_xr_explain_granted(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_buf_t *b);
static void ngx_http_xr_explain_claimed(ngx_http_request_t *r,
    ngx_http_xr_credential_t *c, xr_buf_t *b);
static void ngx_http_xr_explain_claimed_jwt(ngx_http_request_t *r,
    xr_str_t token, xr_buf_t *b);
static void ngx_http_xr_explain_number(xr_buf_t *b, const char *name,
    xr_str_t digits);


void
ngx_http_xr_explain_who_put(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    xr_json_put_name(b, "url");
    xr_buf_putc(b, '{');
    ngx_http_xr_explain_url(r, ctx, b);
    xr_buf_putc(b, '}');

    xr_json_put_name(b, "client");
    xr_buf_putc(b, '{');
    ngx_http_xr_explain_client(r, ctx, b);
    xr_buf_putc(b, '}');

    xr_json_put_name(b, "credential");
    xr_buf_putc(b, '{');
    ngx_http_xr_explain_credential(r, ctx, b);
    xr_buf_putc(b, '}');
}


/* Of a tenant by its host the object is all of the path. */

static void
ngx_http_xr_explain_url(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    ngx_str_t  *object;

    xr_json_put_text(b, "host", ngx_http_xr_view(&r->headers_in.server));

    if (ctx->tenant != NULL) {
        object = (ctx->variant != NULL) ? &ctx->variant->object
                                        : &ctx->object;

        xr_json_put_text(b, "tenant", ctx->tenant->name);
        xr_json_put_text(b, "tenant_by",
                         xr_str((object->data == ctx->uri.data + 1)
                                ? "host" : "path"));
        xr_json_put_text(b, "object", ngx_http_xr_view(object));

        if (object != &ctx->object
            && !xr_str_eq(ngx_http_xr_view(object),
                          ngx_http_xr_view(&ctx->object)))
        {
            xr_json_put_text(b, "served", ngx_http_xr_view(&ctx->object));
        }
    }

    xr_explain_choice_arguments(ngx_http_xr_view(&r->args), b);
}


static void
ngx_http_xr_explain_client(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    ngx_http_xr_client_t  *client;

    client = ngx_http_xr_trust_client(r, ctx);

    xr_json_put_text(b, "method", ngx_http_xr_view(&r->method_name));
    xr_json_put_text(b, "scheme", xr_str(client->https ? "https" : "http"));
    xr_json_put_text(b, "address", ngx_http_xr_var_client_addr(r, ctx));
    xr_json_put_bool(b, "trusted", client->proved != 0);
    xr_json_put_some(b, "country", ngx_http_xr_geo_place_country(r, ctx));
    xr_json_put_some(b, "country_by", ngx_http_xr_geo_place_source(r, ctx));
}


static void
ngx_http_xr_explain_credential(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    ngx_http_xr_credential_t  *c;

    c = &ctx->credential;

    if (ctx->public) {
        xr_json_put_text(b, "kind", xr_str("public"));
        return;
    }

    if (ctx->deny != XR_DENY_NONE && ctx->deny < XR_DENY_TOKEN_MISSING) {
        xr_json_put_text(b, "kind", xr_str("not looked at"));
        return;
    }

    if (c->n == 0) {
        xr_json_put_text(b, "kind", xr_str("none"));

    } else {
        xr_json_put_text(b, "kind", xr_kind_name(c->kind));
        xr_json_put_text(b, "in", xr_str(ngx_http_xr_explain_carrier(c)));
        xr_json_put_bool(b, "verified", ctx->granted);

        if (c->n > 1) {
            xr_json_put_uint(b, "credentials", c->n);
        }
    }

    if (ctx->granted) {
        ngx_http_xr_explain_granted(r, ctx, b);
        return;
    }

    xr_json_put_some(b, "denied", xr_deny_name(ctx->deny));

    if (c->n == 1 && !c->malformed) {
        ngx_http_xr_explain_claimed(r, c, b);
    }
}


static const char *
ngx_http_xr_explain_carrier(ngx_http_xr_credential_t *c)
{
    ngx_uint_t  i;

    static const char *const  names[NGX_HTTP_XR_CARRIERS] = {
        [NGX_HTTP_XR_QUERY] = "query",
        [NGX_HTTP_XR_PATH] = "path",
        [NGX_HTTP_XR_HEADER] = "header",
        [NGX_HTTP_XR_COOKIE] = "cookie"
    };

    if (c->signed_by != NULL) {
        return (c->url != NULL && c->signed_by == &c->url->params)
               ? "query" : "cookie";
    }

    for (i = 0; i < NGX_HTTP_XR_CARRIERS; i++) {

        if (c->carried[i].n != 0 && c->carried[i].token.data == c->token.data)
        {
            return names[i];
        }
    }

    return "nothing";
}


static void
ngx_http_xr_explain_granted(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    int64_t          expires;
    xr_principal_t  *who;

    who = ngx_http_xr_auth_who(r, ctx);
    expires = ctx->value.expires - ctx->tenant->policy.leeway;

    xr_json_put_some(b, "key_id", who->key_id);
    xr_json_put_some(b, "subject", who->subject);
    xr_json_put_some(b, "token_id", who->token_id);
    xr_json_put_uint(b, "expires", (expires > 0) ? (uint64_t) expires : 0);
    xr_json_put_some(b, "quality", who->constraints.quality);
    xr_json_put_some(b, "rate_class", who->constraints.rate);
    xr_json_put_some(b, "country", who->constraints.country);
    xr_json_put_some(b, "origin", who->constraints.origin);
}


/* Of what was refused: what it says of itself, which nobody believes. */

static void
ngx_http_xr_explain_claimed(ngx_http_request_t *r,
    ngx_http_xr_credential_t *c, xr_buf_t *b)
{
    xr_edgeauth_t            token;
    xr_cloudfront_params_t  *params;

    switch (c->kind) {

    case XR_KIND_EDGEAUTH:

        if (xr_edgeauth_parse(ngx_http_xr_view(&c->token), &token, NULL)
            == XR_OK)
        {
            xr_json_put_some(b, "subject", token.id);
            xr_json_put_uint(b, "expires", (uint64_t) token.exp);
        }

        break;

    case XR_KIND_JWT:
        ngx_http_xr_explain_claimed_jwt(r, ngx_http_xr_view(&c->token), b);
        break;

    case XR_KIND_CLOUDFRONT:
        params = c->signed_by;

        xr_json_put_some(b, "key_id",
                         params->values[XR_CLOUDFRONT_KEY_PAIR_ID]);
        ngx_http_xr_explain_number(b, "expires",
                                   params->values[XR_CLOUDFRONT_EXPIRES]);
        break;

    default:
        break;
    }
}


static void
ngx_http_xr_explain_claimed_jwt(ngx_http_request_t *r, xr_str_t token,
    xr_buf_t *b)
{
    void      *p;
    size_t     i, size;
    xr_buf_t   memory;
    xr_jwt_t   t;
    xr_str_t   value;

    static const char *const  claims[][2] = {
        { "sub", "subject" }, { "jti", "token_id" }, { "exp", "expires" }
    };

    size = XR_JWT_MEMORY(token.len) + XR_COUNT(claims) * token.len;

    p = ngx_palloc(r->pool, size + 1);

    if (p == NULL || xr_jwt_parse(token, p, &t, NULL) != XR_OK) {
        return;
    }

    memory = xr_buf((u_char *) p + XR_JWT_MEMORY(token.len),
                    XR_COUNT(claims) * token.len);

    if (t.has_kid) {
        xr_json_put_some(b, "key_id", t.kid);
    }

    for (i = 0; i < XR_COUNT(claims); i++) {

        if (xr_jwt_claim(&t, xr_str(claims[i][0]), &memory, &value) != XR_OK) {
            continue;
        }

        if (i == 2) {
            ngx_http_xr_explain_number(b, claims[i][1], value);

        } else {
            xr_json_put_some(b, claims[i][1], value);
        }
    }
}


static void
ngx_http_xr_explain_number(xr_buf_t *b, const char *name, xr_str_t digits)
{
    uint64_t  n;

    if (digits.len != 0 && xr_str_uint(&digits, &n) == XR_OK) {
        xr_json_put_uint(b, name, n);
    }
}
