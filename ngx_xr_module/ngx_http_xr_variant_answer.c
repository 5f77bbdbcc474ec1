/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_variant.h"

#include "xr_device.h"
#include "xr_variant.h"


/* How a client learns which variant it got, or where it is. */

static ngx_str_t *ngx_http_xr_answer_resolved(ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_answer_location(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_uint_t query, ngx_str_t *out);
static void ngx_http_xr_answer_args(xr_str_t query, xr_str_t token_name,
    xr_buf_t *b);


static ngx_str_t  ngx_http_xr_answer_immutable =
    ngx_string(XR_VARIANT_IMMUTABLE);

/* What a cache that does not key on our hints must not keep for others. */

static ngx_str_t  ngx_http_xr_answer_private =
    ngx_string(XR_VARIANT_PRIVATE);

/* What nobody should keep for longer than its cause may last. */

static ngx_str_t  ngx_http_xr_answer_instead =
    ngx_string(XR_VARIANT_INSTEAD);


/* "xr_variants redirect": bytes are cached by everybody, once. */

ngx_int_t
ngx_http_xr_variant_answer_redirect(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    ngx_str_t           location, *policy;
    ngx_table_elt_t    *h;
    ngx_http_xr_ctx_t  *ctx;

    static ngx_str_t  name = ngx_string("Location");
    static ngx_str_t  cc = ngx_string("Cache-Control");
    static ngx_str_t  all = ngx_string(XR_VARIANT_RESOLVED);

    ctx = ngx_http_xr_get_ctx(r);

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_xr_answer_location(r, ctx, 1, &location) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_clear_location(r);

    h = ngx_http_xr_headers_add(r, &name, &location);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* what is in a query may be a credential, which others must not see */

    policy = ngx_http_xr_answer_resolved(ctx);

    if (policy == NULL) {
        policy = (ngx_strlchr(location.data, location.data + location.len, '?')
                  != NULL) ? &ngx_http_xr_answer_private : &all;
    }

    if (ngx_http_xr_headers_push(r, &cc, policy) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.location = h;
    r->headers_out.status = NGX_HTTP_TEMPORARY_REDIRECT;
    r->headers_out.content_length_n = 0;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


/* Never bytes that a client said it cannot decode. */

ngx_int_t
ngx_http_xr_variant_answer_unfit(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    ngx_buf_t          *b;
    ngx_http_xr_ctx_t  *ctx;

    static ngx_str_t  type = ngx_string("application/problem+json");

    static u_char  problem[] =
        "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
        "\"detail\":\"There is no variant of this asset that the client "
        "can show.\"}" CRLF;

    ctx = ngx_http_xr_get_ctx(r);

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    (void) ngx_http_xr_deny(r, ctx, XR_DENY_VARIANT, NGX_HTTP_NOT_FOUND);

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = problem;
    b->last = problem + sizeof(problem) - 1;
    b->memory = 1;

    return ngx_http_xr_headers_text(r, NGX_HTTP_NOT_FOUND, &type, b);
}


/* What an answer that depends on the device says about that. */

ngx_int_t
ngx_http_xr_variant_answer_headers(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx)
{
    ngx_str_t                location;
    ngx_http_xr_variant_t   *v;
    ngx_http_xr_loc_conf_t  *xlcf;

    static ngx_str_t  variant = ngx_string("XR-Variant");
    static ngx_str_t  at = ngx_string("Content-Location");
    static ngx_str_t  link = ngx_string("Link");
    static ngx_str_t  accept = ngx_string("Accept-CH");
    static ngx_str_t  critical = ngx_string("Critical-CH");
    static ngx_str_t  hints = ngx_string(XR_VARIANT_ACCEPT_CH);
    static ngx_str_t  needed = ngx_string(XR_VARIANT_CRITICAL_CH);

    v = ctx->variant;

    if (v == NULL || v->state == NGX_HTTP_XR_VARIANT_NONE
        || v->state == NGX_HTTP_XR_VARIANT_MANIFEST)
    {
        return NGX_OK;
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (xlcf->variant.hints
        && (ngx_http_xr_headers_push(r, &accept, &hints) != NGX_OK
            || ngx_http_xr_headers_push(r, &critical, &needed) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (v->state == NGX_HTTP_XR_VARIANT_UNFIT) {
        return NGX_OK;
    }

    if (ngx_http_xr_headers_push(r, &variant, &v->field) != NGX_OK) {
        return NGX_ERROR;
    }

    if (v->links.len != 0
        && (r->headers_out.status == NGX_HTTP_OK
            || r->headers_out.status == NGX_HTTP_TEMPORARY_REDIRECT)
        && ngx_http_xr_headers_push(r, &link, &v->links) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->headers_out.status != NGX_HTTP_OK
        && r->headers_out.status != NGX_HTTP_PARTIAL_CONTENT
        && r->headers_out.status != NGX_HTTP_NOT_MODIFIED)
    {
        return NGX_OK;
    }

    return ngx_http_xr_answer_location(r, ctx, 0, &location) == NGX_OK
           ? ngx_http_xr_headers_push(r, &at, &location) : NGX_ERROR;
}


/* The Cache-Control of what is or depends on a variant; NULL: neither. */

ngx_str_t *
ngx_http_xr_variant_answer_policy(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx)
{
    if (ctx->immutable) {
        return &ngx_http_xr_answer_immutable;
    }

    return (ctx->variant != NULL
            && (ctx->variant->state == NGX_HTTP_XR_VARIANT_CHOSEN
                || ctx->variant->fitted))
           ? ngx_http_xr_answer_resolved(ctx) : NULL;
}


/*
 * What the URL says, or a tier in front that keys on it, may be stored for
 * all; other caches would have to heed Vary, and not all do.
 */

ngx_uint_t
ngx_http_xr_variant_answer_private(ngx_http_xr_ctx_t *ctx)
{
    return ctx->variant->split
           || ctx->variant->swayed
           || (ctx->variant->wish.variant.data == NULL
               && ctx->device != NULL
               && ctx->device->source != XR_SOURCE_QUERY);
}


static ngx_str_t *
ngx_http_xr_answer_resolved(ngx_http_xr_ctx_t *ctx)
{
    if (ctx->variant->instead) {
        return &ngx_http_xr_answer_instead;
    }

    return ngx_http_xr_variant_answer_private(ctx)
           ? &ngx_http_xr_answer_private : NULL;
}


/*
 * The variant, relative to the request's URL: a token in the path stays, and
 * one in the query is passed on; of the query our own arguments are left out.
 */

static ngx_int_t
ngx_http_xr_answer_location(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_uint_t query, ngx_str_t *out)
{
    size_t    size;
    xr_buf_t  b;
    xr_str_t  target, path, raw, token;

    ngx_http_xr_srv_conf_t  *xscf;

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);

    target = ngx_http_xr_view(&ctx->target);
    path = ngx_http_xr_view(&ctx->variant->path);
    raw = xr_str_of(NULL, 0);
    token = xr_str_of(NULL, 0);

    if (query) {
        raw = (ctx->credential.raw_query.len != 0)
              ? ctx->credential.raw_query : ngx_http_xr_view(&r->args);
        token = ngx_http_xr_view(
                        &ctx->credential.carried[NGX_HTTP_XR_QUERY].token);
    }

    size = XR_VARIANT_LOCATION(target.len, path.len) + raw.len
           + 3 * token.len + xscf->token_name.len + sizeof("?&=");

    b = xr_buf(ngx_pnalloc(r->pool, size), size);
    if (b.data == NULL) {
        return NGX_ERROR;
    }

    xr_variant_location(target, path, &b);
    ngx_http_xr_answer_args(raw, ngx_http_xr_view(&xscf->token_name), &b);

    /* the request's own has been masked */

    if (token.len != 0) {
        xr_buf_putc(&b, (xr_str_find(xr_buf_str(&b), '?') == b.len) ? '?'
                                                                    : '&');
        xr_buf_put(&b, ngx_http_xr_view(&xscf->token_name));
        xr_buf_putc(&b, '=');
        xr_path_encode_value(token, &b);
    }

    *out = ngx_http_xr_ngx(xr_buf_str(&b));

    return xr_buf_ok(&b) ? NGX_OK : NGX_ERROR;
}


/* A query without what is ours: "memory" has a byte more than that. */

xr_str_t
ngx_http_xr_variant_answer_rest(ngx_http_request_t *r, xr_str_t query,
    u_char *memory)
{
    xr_buf_t                 b;
    xr_str_t                 rest;
    ngx_http_xr_srv_conf_t  *xscf;

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);

    b = xr_buf(memory, query.len + 1);
    ngx_http_xr_answer_args(query, ngx_http_xr_view(&xscf->token_name), &b);

    if (b.len == 0) {
        return xr_str_of(NULL, 0);
    }

    rest = xr_buf_str(&b);
    xr_str_skip(&rest, 1);              /* "?" */

    return rest;
}


/* "?" and the arguments that are not ours; nothing if there are none. */

static void
ngx_http_xr_answer_args(xr_str_t query, xr_str_t token_name, xr_buf_t *b)
{
    size_t    n;
    bool      ours;
    char      between;
    xr_str_t  arg, name;

    static const xr_str_t  own[] = {
        XR_STR("xr"), XR_STR("variant"), XR_STR("maxq"), XR_STR("maxdim"),
        XR_STR("maxbytes"), XR_STR("part")
    };

    between = '?';

    while (query.len != 0) {
        arg = xr_str_cut(&query, '&');
        name = xr_str_of(arg.data, xr_str_find(arg, '='));

        ours = (arg.len == 0) || xr_str_eq(name, token_name);

        for (n = 0; n < XR_COUNT(own); n++) {
            ours = ours || xr_str_eq(name, own[n]);
        }

        if (!ours) {
            xr_buf_putc(b, between);
            xr_buf_put(b, arg);
            between = '&';
        }
    }
}
