/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


static ngx_table_elt_t *ngx_http_xr_cors_find(ngx_http_request_t *r,
    ngx_str_t *lowcase);


static ngx_str_t  ngx_http_xr_cors_allow_origin =
    ngx_string("Access-Control-Allow-Origin");
static ngx_str_t  ngx_http_xr_cors_expose =
    ngx_string("Access-Control-Expose-Headers");
static ngx_str_t  ngx_http_xr_cors_exposed =
    ngx_string("Content-Length, Content-Range, Accept-Ranges, ETag, "
               "X-File-Size, XR-Variant, Content-Encoding, Age");
static ngx_str_t  ngx_http_xr_cors_vary = ngx_string("Vary");
static ngx_str_t  ngx_http_xr_cors_origin = ngx_string("Origin");
static ngx_str_t  ngx_http_xr_cors_any = ngx_string("*");


/* Sent on a preflight answer only. */

static ngx_str_t  ngx_http_xr_cors_preflight[][2] = {
    { ngx_string("Access-Control-Allow-Methods"),
      ngx_string("GET, HEAD, OPTIONS") },
    { ngx_string("Access-Control-Allow-Headers"),
      ngx_string("Range, If-Range, If-None-Match, If-Modified-Since, "
                 "Authorization, XR-Hints") },
    { ngx_string("Access-Control-Max-Age"), ngx_string("86400") }
};


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

    if (ctx->tenant->tenant.cors == XR_CORS_OFF
        || ngx_http_xr_cors_find(r, &origin) == NULL
        || ngx_http_xr_cors_find(r, &method) == NULL)
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
    ngx_uint_t        i;
    xr_tenant_t      *t;
    ngx_table_elt_t  *h;

    static ngx_str_t  origin = ngx_string("origin");

    t = &ctx->tenant->tenant;

    if (t->cors == XR_CORS_OFF) {
        return NGX_OK;
    }

    value = &ngx_http_xr_cors_any;

    if (t->cors == XR_CORS_LIST) {

        if (ngx_http_xr_headers_push(r, &ngx_http_xr_cors_vary,
                                     &ngx_http_xr_cors_origin)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        h = ngx_http_xr_cors_find(r, &origin);

        if (h == NULL
            || !xr_tenant_cors_allows(t, ngx_http_xr_view(&h->value)))
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

    if (!ctx->preflight) {
        return ngx_http_xr_headers_push(r, &ngx_http_xr_cors_expose,
                                        &ngx_http_xr_cors_exposed);
    }

    for (i = 0; i < 3; i++) {

        if (ngx_http_xr_headers_push(r, &ngx_http_xr_cors_preflight[i][0],
                                     &ngx_http_xr_cors_preflight[i][1])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_xr_cors_find(ngx_http_request_t *r, ngx_str_t *lowcase)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == lowcase->len
                && ngx_memcmp(h[i].lowcase_key, lowcase->data, lowcase->len)
                   == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}
