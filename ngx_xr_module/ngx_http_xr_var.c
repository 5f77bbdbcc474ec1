/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


static ngx_int_t ngx_http_xr_var_tenant(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_object(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_uri(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_subject(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_auth_kind(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_auth_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_deny_reason(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_expires(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_key_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_cache_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_http_xr_vars[] = {
    { ngx_string("xr_tenant"), NULL, ngx_http_xr_var_tenant, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("xr_object"), NULL, ngx_http_xr_var_object, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("xr_uri"), NULL, ngx_http_xr_var_uri, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("xr_subject"), NULL, ngx_http_xr_var_subject, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("xr_auth_kind"), NULL, ngx_http_xr_var_auth_kind, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("xr_auth_status"), NULL, ngx_http_xr_var_auth_status, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("xr_deny_reason"), NULL, ngx_http_xr_var_deny_reason, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("xr_expires"), NULL, ngx_http_xr_var_expires, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("xr_key_id"), NULL, ngx_http_xr_var_key_id, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("xr_cache_status"), NULL, ngx_http_xr_var_cache_status, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
      ngx_http_null_variable
};


ngx_int_t
ngx_http_xr_var_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_xr_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* An empty view is "not found", which logs show as "-". */

static ngx_int_t
ngx_http_xr_var_set(ngx_http_variable_value_t *v, xr_str_t s)
{
    v->valid = (s.len != 0);
    v->not_found = (s.len == 0);
    v->no_cacheable = 1;
    v->len = s.len;
    v->data = (u_char *) s.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_var_none(ngx_http_variable_value_t *v)
{
    return ngx_http_xr_var_set(v, xr_str_of(NULL, 0));
}


static ngx_int_t
ngx_http_xr_var_tenant(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_xr_ctx_t  *ctx;

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL || ctx->tenant == NULL) {
        return ngx_http_xr_var_none(v);
    }

    return ngx_http_xr_var_set(v, ctx->tenant->tenant.name);
}


static ngx_int_t
ngx_http_xr_var_object(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_xr_ctx_t  *ctx;

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL || ctx->tenant == NULL) {
        return ngx_http_xr_var_none(v);
    }

    return ngx_http_xr_var_set(v, ngx_http_xr_view(&ctx->object));
}


static ngx_int_t
ngx_http_xr_var_uri(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    return ngx_http_xr_var_set(v, ngx_http_xr_token_uri(r));
}


static ngx_int_t
ngx_http_xr_var_subject(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_xr_ctx_t  *ctx;

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL || !ctx->granted) {
        return ngx_http_xr_var_none(v);
    }

    return ngx_http_xr_var_set(v, ctx->who.subject);
}


static ngx_int_t
ngx_http_xr_var_auth_kind(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_xr_ctx_t  *ctx;

    static const xr_str_t  edgeauth = XR_STR("edgeauth");

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL || !ctx->granted) {
        return ngx_http_xr_var_none(v);
    }

    return ngx_http_xr_var_set(v, edgeauth);
}


static ngx_int_t
ngx_http_xr_var_auth_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_xr_ctx_t  *ctx;

    static const xr_str_t  granted = XR_STR("GRANTED");
    static const xr_str_t  public = XR_STR("PUBLIC");
    static const xr_str_t  denied = XR_STR("DENIED");

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL) {
        return ngx_http_xr_var_none(v);
    }

    if (ctx->granted || ctx->public) {
        return ngx_http_xr_var_set(v, ctx->granted ? granted : public);
    }

    if (ctx->deny != XR_DENY_NONE) {
        return ngx_http_xr_var_set(v, denied);
    }

    return ngx_http_xr_var_none(v);
}


static ngx_int_t
ngx_http_xr_var_deny_reason(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_xr_ctx_t  *ctx;

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL) {
        return ngx_http_xr_var_none(v);
    }

    return ngx_http_xr_var_set(v, xr_deny_name(ctx->deny));
}


static ngx_int_t
ngx_http_xr_var_expires(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char             *p;
    ngx_http_xr_ctx_t  *ctx;

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL || !ctx->granted) {
        return ngx_http_xr_var_none(v);
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_xr_var_set(v,
               xr_str_of(p, ngx_sprintf(p, "%L", ctx->who.expires) - p));
}


static ngx_int_t
ngx_http_xr_var_key_id(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_xr_ctx_t  *ctx;

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL || !ctx->granted) {
        return ngx_http_xr_var_none(v);
    }

    return ngx_http_xr_var_set(v, ctx->who.key_id);
}


/* MISS, HIT, EXPIRED, STALE, UPDATING, REVALIDATED, BYPASS */

static ngx_int_t
ngx_http_xr_var_cache_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t  s;

    if (ngx_http_xr_get_ctx(r) == NULL
        || r->upstream == NULL
        || r->upstream->cache_status == 0)
    {
        return ngx_http_xr_var_none(v);
    }

    s = ngx_http_cache_status[r->upstream->cache_status - 1];

    return ngx_http_xr_var_set(v, ngx_http_xr_view(&s));
}
