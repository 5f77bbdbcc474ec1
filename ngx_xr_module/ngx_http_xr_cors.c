/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


static ngx_str_t  ngx_http_xr_cors_allow_origin =
    ngx_string("Access-Control-Allow-Origin");
static ngx_str_t  ngx_http_xr_cors_expose =
    ngx_string("Access-Control-Expose-Headers");
static ngx_str_t  ngx_http_xr_cors_exposed =
    ngx_string("Content-Length, Content-Range, Accept-Ranges, ETag, "
               "X-File-Size, XR-Variant, Content-Encoding, Age, Retry-After, "
               "RateLimit, RateLimit-Policy, Link");
static ngx_str_t  ngx_http_xr_cors_any = ngx_string("*");


static ngx_str_t  ngx_http_xr_cors_credentials =
    ngx_string("Access-Control-Allow-Credentials");
static ngx_str_t  ngx_http_xr_cors_true = ngx_string("true");
static ngx_str_t  ngx_http_xr_cors_age = ngx_string("Access-Control-Max-Age");


/* Sent on a preflight answer only. */

static ngx_str_t  ngx_http_xr_cors_allowed[][2] = {
    { ngx_string("Access-Control-Allow-Methods"),
      ngx_string("GET, HEAD, OPTIONS") },
    { ngx_string("Access-Control-Allow-Headers"),
      ngx_string("Range, If-Range, If-None-Match, If-Modified-Since, "
                 "Authorization, XR-Hints") }
};


static ngx_int_t ngx_http_xr_cors_preflight(ngx_http_request_t *r,
    xr_site_t *t);


/*
 * Answers a preflight (Fetch standard, section 3.2) before a credential is
 * asked for: browsers send none with it, and the answer tells nothing that
 * the tenant's configuration does not tell everybody.
 */

ngx_int_t
ngx_http_xr_cors_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    static ngx_str_t  origin = ngx_string("origin");
    static ngx_str_t  method = ngx_string("access-control-request-method");

    if (!(r->method & NGX_HTTP_OPTIONS)) {
        return NGX_OK;
    }

    if (ctx->tenant->cors == XR_CORS_OFF
        || ngx_http_xr_headers_find(r, &origin) == NULL
        || ngx_http_xr_headers_find(r, &method) == NULL)
    {
        return ngx_http_xr_deny(r, ctx, XR_DENY_METHOD, NGX_HTTP_NOT_ALLOWED);
    }

    ctx->preflight = 1;

    return NGX_HTTP_NO_CONTENT;
}


/* Whatever the status is, so that scripts can read it. */

ngx_int_t
ngx_http_xr_cors_headers(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_str_t        *value;
    xr_site_t        *t;
    ngx_table_elt_t  *h;

    static ngx_str_t  origin = ngx_string("origin");

    t = ctx->tenant;

    if (t->cors == XR_CORS_OFF) {
        return NGX_OK;
    }

    value = &ngx_http_xr_cors_any;

    if (t->cors == XR_CORS_LIST) {
        ctx->vary |= NGX_HTTP_XR_VARY_ORIGIN;

        h = ngx_http_xr_headers_find(r, &origin);

        if (h == NULL
            || !xr_site_cors_allows(t, ngx_http_xr_view(&h->value)))
        {
            return NGX_OK;
        }

        value = &h->value;
    }

    if (ngx_http_xr_headers_push(r, &ngx_http_xr_cors_allow_origin, value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* without it browsers keep cookies, and answers to them, to themselves */

    if (t->cors_credentials
        && ngx_http_xr_headers_push(r, &ngx_http_xr_cors_credentials,
                                    &ngx_http_xr_cors_true)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ctx->preflight) {
        return ngx_http_xr_headers_push(r, &ngx_http_xr_cors_expose,
                                        &ngx_http_xr_cors_exposed);
    }

    return ngx_http_xr_cors_preflight(r, t);
}


static ngx_int_t
ngx_http_xr_cors_preflight(ngx_http_request_t *r, xr_site_t *t)
{
    ngx_str_t   age;
    ngx_uint_t  i;

    for (i = 0; i < 2; i++) {

        if (ngx_http_xr_headers_push(r, &ngx_http_xr_cors_allowed[i][0],
                                     &ngx_http_xr_cors_allowed[i][1])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    age.data = ngx_pnalloc(r->pool, NGX_INT32_LEN);
    if (age.data == NULL) {
        return NGX_ERROR;
    }

    age.len = ngx_sprintf(age.data, "%uD", t->cors_max_age) - age.data;

    return ngx_http_xr_headers_push(r, &ngx_http_xr_cors_age, &age);
}
