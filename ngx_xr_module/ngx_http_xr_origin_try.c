/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_replica.h"
#include "ngx_http_xr_slice.h"
#include "ngx_http_xr_variant.h"
#include "ngx_http_xr_wake.h"
#include "ngx_http_xr_degrade.h"
#include "ngx_http_xr_encode.h"


/* How an exchange with the origin is tried again, and how it ends. */


/* Those of the location, unless what is in the cache is known to be old. */

ngx_http_upstream_conf_t *
ngx_http_xr_origin_try_settings(ngx_http_request_t *r,
    ngx_http_xr_loc_conf_t *xlcf)
{
    ngx_uint_t                 uncached, refresh;
    ngx_http_upstream_conf_t  *conf;
    ngx_http_xr_slice_part_t  *part;

    part = ngx_http_xr_slice_part_of(r);

    uncached = (part != NULL) ? part->uncached
                              : ngx_http_xr_get_ctx(r)->uncached;

    refresh = (part != NULL) ? part->refresh
                             : ngx_http_xr_manifest_fetch_refreshes(r);

    if (!uncached && !refresh) {
        return &xlcf->upstream;
    }

    conf = ngx_palloc(r->pool, sizeof(ngx_http_upstream_conf_t));

    if (conf == NULL) {
        return NULL;
    }

    *conf = xlcf->upstream;

    if (uncached) {
        ngx_http_xr_degrade_settings(conf);

    } else {
        ngx_http_xr_slice_origin_bypass(conf);
    }

    return conf;
}


/* Another try, or a stored response to be read instead. */

ngx_int_t
ngx_http_xr_origin_try_again(ngx_http_request_t *r)
{
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    exchange = u->input_filter_ctx;

    ngx_memzero(&exchange->status, sizeof(ngx_http_status_t));
    ngx_memzero(&exchange->chunked, sizeof(ngx_http_chunked_t));
    exchange->purge.tags.len = 0;
    exchange->purge.ntags = 0;

    ngx_http_xr_cut_origin_again(r);

    u->process_header = ngx_http_xr_response_status_line;
    u->pipe->input_filter = ngx_http_xr_response_body_copy;
    r->state = 0;

    /* a failed try decides nothing about the next one */

    u->cacheable = exchange->cacheable;

    ngx_http_xr_encode_again(r);

    if (ngx_http_xr_freshness_begin(r) != NGX_OK) {
        return NGX_ERROR;
    }

    /* after a 304 the stored response is read, and is as fresh as that says */

    if (r->cache != NULL
        && u->headers_in.status_n != NGX_HTTP_NOT_MODIFIED)
    {
        r->cache->error = 0;
        r->cache->valid_sec = 0;
        r->cache->updating_sec = 0;
        r->cache->error_sec = 0;
    }

    if (!r->background) {
        ngx_http_xr_get_ctx(r)->deny = XR_DENY_NONE;
    }

    return NGX_OK;
}


void
ngx_http_xr_origin_try_abort(ngx_http_request_t *r)
{
    /* NGINX wants one; the connection is closed by the caller */
}


void
ngx_http_xr_origin_try_end(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_xr_ctx_t         *ctx;
    ngx_http_xr_slice_part_t  *part;

    ctx = ngx_http_xr_get_ctx(r);
    part = ngx_http_xr_slice_part_of(r);

    if (part != NULL && part->request == r && rc != NGX_DECLINED) {
        part->rc = rc;
    }

    ngx_http_xr_encode_end(r);
    ngx_http_xr_degrade_store_end(r, rc);
    ngx_http_xr_slice_flight_end(r);

    if (r->cache != NULL) {
        ngx_http_xr_wake_others(ngx_http_get_module_main_conf(r,
                                                         ngx_http_xr_module),
                                r->cache->key);
    }

    if (ctx != NULL
        && ctx->deny == XR_DENY_NONE
        && !r->background
        && (rc == NGX_HTTP_BAD_GATEWAY || rc == NGX_HTTP_GATEWAY_TIME_OUT))
    {
        ctx->deny = XR_DENY_ORIGIN_UNREACHABLE;
    }
}
