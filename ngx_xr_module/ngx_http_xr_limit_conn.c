/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/*
 * Caps of responses at a time, on this edge: a client that opens many and
 * reads none holds connections and buffers, whatever its rate is.
 */

#define NGX_HTTP_XR_CONN_RETRY  1000        /* milliseconds */


typedef struct {
    xr_stream_t  *stream;
    size_t        column;
} ngx_http_xr_conn_cleanup_t;


static size_t ngx_http_xr_conn_column(void);
static ngx_int_t ngx_http_xr_conn_enter(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_xr_limit_cap_t *cap);
static void ngx_http_xr_conn_cleanup(void *data);


/*
 * Of NGINX's processes, living ones have different slots, also those of two
 * configurations.  The last column is for all that there is no other for.
 */

static size_t
ngx_http_xr_conn_column(void)
{
    return ngx_min((size_t) ngx_process_slot, XR_STREAMS_COLUMNS - 1);
}


/* Whoever had this slot before has died, and left what it did. */

void
ngx_http_xr_limit_conn_init(ngx_http_xr_main_conf_t *xmcf)
{
    size_t  column;

    column = ngx_http_xr_conn_column();

    if (column < XR_STREAMS_COLUMNS - 1) {
        xr_streams_clear(xmcf->limit->streams, column);
    }
}


ngx_int_t
ngx_http_xr_limit_conn_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_xr_loc_conf_t   *xlcf;
    ngx_http_xr_limit_cap_t  *caps;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (r != r->main || xlcf->caps == NULL || ctx->counted) {
        return NGX_OK;
    }

    caps = xlcf->caps->elts;

    for (i = 0; i < xlcf->caps->nelts; i++) {
        rc = ngx_http_xr_conn_enter(r, ctx, &caps[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ctx->counted = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_conn_enter(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_limit_cap_t *cap)
{
    xr_rc_t                      rc;
    uint64_t                     tag;
    ngx_pool_cleanup_t          *cln;
    ngx_http_xr_loc_conf_t      *xlcf;
    ngx_http_xr_main_conf_t     *xmcf;
    ngx_http_xr_conn_cleanup_t  *c;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_conn_cleanup_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    c = cln->data;
    c->column = ngx_http_xr_conn_column();

    tag = ngx_http_xr_limit_key_of(xmcf, xr_str("streams"), cap->key,
                                   XR_LIMIT_REQUESTS);
    tag = ngx_http_xr_limit_key_tag(r, ctx, tag, cap->key);

    rc = xr_streams_enter(xmcf->limit->streams, tag, c->column,
                          (uint32_t) cap->max, &c->stream);

    if (rc == XR_OK) {
        cln->handler = ngx_http_xr_conn_cleanup;
        return NGX_OK;
    }

    if (rc == XR_NO_SPACE) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "xr: streams are not counted, \"xr_limit_zone\" is "
                      "full");
        return NGX_OK;
    }

    if (xlcf->limit_dry_run) {
        return NGX_OK;
    }

    if (ngx_http_xr_headers_retry_after(r, NGX_HTTP_XR_CONN_RETRY) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_xr_deny(r, ctx, XR_DENY_LIMIT_STREAMS,
                            (ngx_int_t) xlcf->limit_status);
}


/* The response is over, before the request is. */

void
ngx_http_xr_limit_conn_leave(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_http_xr_conn_cleanup) {
            cln->handler(cln->data);
            cln->handler = NULL;
        }
    }
}


static void
ngx_http_xr_conn_cleanup(void *data)
{
    ngx_http_xr_conn_cleanup_t *c = data;

    xr_streams_leave(c->stream, c->column);
}
