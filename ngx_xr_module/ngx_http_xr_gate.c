/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_explain.h"
#include "ngx_http_xr_variant.h"
#include "ngx_http_xr_geo_conf.h"


static ngx_int_t ngx_http_xr_gate_method(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_gate_path(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_gate_internal(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_gate_served(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static void ngx_http_xr_gate_cleanup(void *data);
static void ngx_http_xr_gate_release(void *data);


/* The way of a request; a step that returns NGX_OK lets it go on. */

static const ngx_http_xr_step_pt  ngx_http_xr_steps[] = {
    ngx_http_xr_credential_step,
    ngx_http_xr_gate_method,
    ngx_http_xr_gate_path,
    ngx_http_xr_tenant_step,
    ngx_http_xr_cors_step,
    ngx_http_xr_auth_step,
    ngx_http_xr_geo_place_step,
    ngx_http_xr_limit_conn_step,
    ngx_http_xr_limit_step,
    ngx_http_xr_variant_step
};


#define NGX_HTTP_XR_STEPS                                                     \
    (sizeof(ngx_http_xr_steps) / sizeof(ngx_http_xr_steps[0]))


/*
 * Runs in the preaccess phase: subrequests pass it too, "satisfy any" has no
 * say in it, and limit_req, which follows, can use the variables.
 */

ngx_int_t
ngx_http_xr_gate_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_xr_ctx_t       *ctx;
    ngx_http_xr_explain_t   *explain;
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (!xlcf->enable) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_xr_make_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    /* a redirect inside NGINX may not reach beyond what was granted */

    if (ctx->step > 0
        && (ctx->conf != xlcf
            || ctx->uri.len != r->uri.len
            || ngx_memcmp(ctx->uri.data, r->uri.data, r->uri.len) != 0))
    {
        ctx->step = 0;
        ctx->granted = 0;
        ctx->public = 0;
        ctx->variant = NULL;
        ctx->immutable = 0;
    }

    ctx->uri = r->uri;
    ctx->conf = xlcf;
    explain = ctx->explain;

    while (ctx->step < NGX_HTTP_XR_STEPS) {

        if (explain != NULL) {
            ngx_http_xr_explain_enter(r, ctx, NGX_HTTP_XR_STEPS);
        }

        rc = ngx_http_xr_steps[ctx->step](r, ctx);

        if (rc != NGX_OK) {
            return rc;                      /* NGX_AGAIN: same step, later */
        }

        if (++ctx->step == NGX_HTTP_XR_STEPS) {
            ctx->deny = XR_DENY_NONE;       /* what led here is made up for */
        }
    }

    if (explain != NULL) {
        ngx_http_xr_explain_enter(r, ctx, NGX_HTTP_XR_STEPS);
    }

    if (r->content_handler == NULL) {
        r->content_handler = ngx_http_xr_origin_handler;
    }

    return NGX_DECLINED;                    /* on to the other handlers */
}


/* What takes how long, for explanations; NULL: it is no step. */

const char *
ngx_http_xr_gate_name(ngx_uint_t step)
{
    static const char *const  names[NGX_HTTP_XR_STEPS] = {
        "credential_us", "method_us", "path_us", "tenant_us", "cors_us",
        "auth_us", "geo_us", "streams_us", "limits_us", "variant_us"
    };

    return (step < NGX_HTTP_XR_STEPS) ? names[step] : NULL;
}


ngx_int_t
ngx_http_xr_deny(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_deny_t deny, ngx_int_t status)
{
    ngx_str_t  reason, tenant;

    if (ctx->deny == XR_DENY_NONE) {
        ctx->deny = deny;                   /* the first one is the cause */
    }

    /* what is logged below, and at the end, shows no credential */

    if (ngx_http_xr_credential_step(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    reason = ngx_http_xr_ngx(xr_deny_name(deny));

    if (ctx->tenant) {
        tenant = ngx_http_xr_ngx(ctx->tenant->name);

    } else {
        ngx_str_set(&tenant, "-");
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "xr: denied, %V, tenant %V, status %i",
                  &reason, &tenant, status);

    return status;
}


static ngx_int_t
ngx_http_xr_gate_method(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_OPTIONS)) {
        return NGX_OK;
    }

    return ngx_http_xr_deny(r, ctx, XR_DENY_METHOD, NGX_HTTP_NOT_ALLOWED);
}


/*
 * What the client sent must have one reading, and that must be what NGINX
 * looks up.  After a rewrite or a redirect inside NGINX the URI is the
 * configuration's, and is taken as it is.
 */

static ngx_int_t
ngx_http_xr_gate_path(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_err_t  err;

    if (r != r->main) {
        return ngx_http_xr_gate_internal(r, ctx);
    }

    if (!ctx->checked
        && xr_path_check(ngx_http_xr_view(&ctx->target), &err) != XR_OK)
    {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "xr: path refused: %s at offset %uz", err.what, err.pos);

        return ngx_http_xr_deny(r, ctx, XR_DENY_PATH, NGX_HTTP_BAD_REQUEST);
    }

    ctx->checked = 1;

    if (r->internal) {
        return ngx_http_xr_gate_internal(r, ctx);
    }

    ctx->raw_path = ctx->target;

    return ngx_http_xr_gate_served(r, ctx);
}


/* A rewrite may have put together what no client could have sent. */

static ngx_int_t
ngx_http_xr_gate_internal(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_err_t  err;

    if (xr_path_check_decoded(ngx_http_xr_view(&r->uri), &err) != XR_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: internal path refused: %s at offset %uz",
                      err.what, err.pos);

        return ngx_http_xr_deny(r, ctx, XR_DENY_PATH, NGX_HTTP_BAD_REQUEST);
    }

    ctx->raw_path = r->uri;

    return NGX_OK;
}


/* The target, decoded once, must be the URI that NGINX made of it. */

static ngx_int_t
ngx_http_xr_gate_served(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_buf_t   b;
    xr_str_t   raw, decoded;
    u_char    *p;

    raw = ngx_http_xr_view(&ctx->target);
    decoded = raw;

    if (xr_str_find(raw, '%') != raw.len) {

        p = ngx_pnalloc(r->pool, raw.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        b = xr_buf(p, raw.len);

        if (xr_path_decode(raw, &b, NULL) != XR_OK) {
            return ngx_http_xr_deny(r, ctx, XR_DENY_PATH,
                                    NGX_HTTP_BAD_REQUEST);
        }

        decoded = xr_buf_str(&b);
    }

    if (!xr_str_eq(decoded, ngx_http_xr_view(&r->uri))) {
        return ngx_http_xr_deny(r, ctx, XR_DENY_PATH, NGX_HTTP_BAD_REQUEST);
    }

    return NGX_OK;
}


/*
 * The context of a request: its own, or its parent's for clones such as
 * background updates, which continue in the content phase.  NULL if none.
 */

ngx_http_xr_ctx_t *
ngx_http_xr_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_xr_ctx_t   *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_xr_module);

    if (ctx != NULL) {
        return ctx;
    }

    if (r != r->main) {
        return ngx_http_xr_get_ctx(r->parent);
    }

    if (!r->internal && !r->filter_finalize) {
        return NULL;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_http_xr_gate_cleanup) {
            ctx = cln->data;
            ngx_http_set_ctx(r, ctx, ngx_http_xr_module);

            return ctx;
        }
    }

    return NULL;
}


/* As above, but makes one: a subrequest is decided on its own. */

ngx_http_xr_ctx_t *
ngx_http_xr_make_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_xr_ctx_t   *ctx, *main;

    ctx = ngx_http_get_module_ctx(r, ngx_http_xr_module);

    if (ctx != NULL) {
        return ctx;
    }

    main = ngx_http_xr_get_ctx(r);

    if (r == r->main && main != NULL) {
        return main;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, offsetof(ngx_http_xr_ctx_t, site));

    if (r != r->main) {

        if (main != NULL) {
            ctx->credential = main->credential;
            ctx->client = main->client;
            ctx->known = main->known;
        }

        /* not ours to be found for the main request */

        cln->handler = ngx_http_xr_gate_release;

        ngx_http_set_ctx(r, ctx, ngx_http_xr_module);

        return ctx;
    }

    cln->handler = ngx_http_xr_gate_cleanup;

    ctx->target.data = r->unparsed_uri.data;
    ctx->target.len = xr_str_find(ngx_http_xr_view(&r->unparsed_uri), '?');

    ngx_http_set_ctx(r, ctx, ngx_http_xr_module);

    return ctx;
}


/* The address of this handler marks the context of a client's request. */

static void
ngx_http_xr_gate_cleanup(void *data)
{
    ngx_http_xr_gate_release(data);
}


static void
ngx_http_xr_gate_release(void *data)
{
    ngx_http_xr_ctx_t *ctx = data;

    ngx_http_xr_geo_place_release(ctx);

    if (ctx->image != NULL) {
        ngx_http_xr_live_release(ctx->image);
    }

    if (ctx->devices != NULL) {
        ngx_http_xr_live_release(ctx->devices);
    }
}
