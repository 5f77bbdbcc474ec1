/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_degrade.h"
#include "ngx_http_xr_replica.h"


/*
 * A stored file that cannot be opened or read, and an entry for which there is
 * no memory, are a 500 to NGINX.  Nothing has been sent by then, so that the
 * request begins anew, as though there were no cache.
 */


static ngx_int_t ngx_http_xr_degrade_zone_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_http_xr_degrade_header_filter(ngx_http_request_t *r);
static ngx_uint_t ngx_http_xr_degrade_unread(ngx_http_request_t *r,
    ngx_http_upstream_t *u);
static void ngx_http_xr_degrade_again(ngx_http_request_t *r);
static void ngx_http_xr_degrade_count(ngx_http_request_t *r);


static ngx_http_output_header_filter_pt  ngx_http_xr_degrade_next_header;


ngx_int_t
ngx_http_xr_degrade_zone(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("xr_cache_faults");

    zone = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                 &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_xr_degrade_zone_init;
    zone->data = xmcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_degrade_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t          *slab;
    ngx_http_xr_main_conf_t  *xmcf, *old;

    xmcf = zone->data;
    old = data;

    if (old != NULL) {
        xmcf->degrade = old->degrade;
        return NGX_OK;
    }

    slab = (ngx_slab_pool_t *) zone->shm.addr;

    xmcf->degrade = ngx_slab_calloc(slab, sizeof(ngx_http_xr_degrade_t));

    return (xmcf->degrade != NULL) ? NGX_OK : NGX_ERROR;
}


/* In front of the other filters: what is taken back is nobody's answer. */

ngx_int_t
ngx_http_xr_degrade_init(ngx_conf_t *cf)
{
    ngx_http_xr_degrade_next_header = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_xr_degrade_header_filter;

    return NGX_OK;
}


/* Settings by which the cache is neither read nor written. */

void
ngx_http_xr_degrade_settings(ngx_http_upstream_conf_t *conf)
{
    conf->cache = 0;
}


/* The origin is asked: because a file that is there is of no use? */

void
ngx_http_xr_degrade_asked(ngx_http_request_t *r)
{
    ngx_http_xr_main_conf_t  *xmcf;

    if (r->cache != NULL
        && r->cache->file.fd != NGX_INVALID_FILE
        && r->upstream->cache_status == NGX_HTTP_CACHE_MISS)
    {
        xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

        (void) ngx_atomic_fetch_add(&xmcf->degrade->damaged, 1);

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "xr: \"%V\" is damaged, it is fetched anew",
                      &r->cache->file.name);
    }
}


/* The 500 of a client's request, or the error page that is sent for it. */

static ngx_int_t
ngx_http_xr_degrade_header_filter(ngx_http_request_t *r)
{
    ngx_http_xr_ctx_t     *ctx;
    ngx_http_xr_origin_t  *exchange;

    if (r->headers_out.status != NGX_HTTP_INTERNAL_SERVER_ERROR
        || r->err_status != NGX_HTTP_INTERNAL_SERVER_ERROR
        || r != r->main || r->upstream == NULL || r->filter_finalize)
    {
        return ngx_http_xr_degrade_next_header(r);
    }

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL || ctx->uncached
        || !ngx_http_xr_degrade_unread(r, r->upstream))
    {
        return ngx_http_xr_degrade_next_header(r);
    }

    exchange = r->upstream->input_filter_ctx;

    if (ctx->uri.data != exchange->uri.data) {

        /* something else was decided on since then */

        return ngx_http_xr_degrade_next_header(r);
    }

    ctx->uncached = 1;

    ngx_http_xr_degrade_count(r);

    /* the answer ends here, and the request begins anew after that */

    r->write_event_handler = ngx_http_xr_degrade_again;
    r->header_only = 1;
    r->main->count++;

    return (ngx_http_post_request(r, NULL) == NGX_OK) ? NGX_DONE : NGX_ERROR;
}


/* Whether it was the cache that failed: the origin was not asked yet. */

static ngx_uint_t
ngx_http_xr_degrade_unread(ngx_http_request_t *r, ngx_http_upstream_t *u)
{
    return u->finalize_request == ngx_http_xr_origin_try_end
           && u->conf != NULL && u->conf->cache
           && u->cleanup == NULL && u->request_bufs == NULL
           && r->upstream_states == NULL;
}


static void
ngx_http_xr_degrade_again(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    r->write_event_handler = ngx_http_request_empty_handler;

    /* an error page may have led somewhere else */

    r->uri = exchange->uri;
    r->loc_conf = exchange->loc_conf;

    ngx_http_update_location_config(r);

    r->content_handler = ngx_http_xr_origin_handler;
    r->keepalive = exchange->keepalive;
    r->header_only = 0;
    r->err_status = 0;
    r->error_page = 0;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.status = 0;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_type.len = 0;
    r->headers_out.content_type_len = 0;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.last_modified_time = -1;

    r->cache = NULL;
    r->cached = 0;

    ngx_http_finalize_request(r, ngx_http_xr_origin_handler(r));
}


/*
 * Whether a slice is to be asked for again without the cache: it could not be
 * read, or not be written, and the client has nothing of it that is missing.
 */

ngx_uint_t
ngx_http_xr_degrade_part(ngx_http_xr_slice_part_t *part)
{
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = part->request;
    u = r->upstream;

    if (part->uncached || u == NULL || r->connection->error) {
        return 0;
    }

    if (!part->headed) {

        if (part->rc != NGX_HTTP_INTERNAL_SERVER_ERROR
            || !ngx_http_xr_degrade_unread(r, u))
        {
            return 0;
        }

        ngx_http_xr_degrade_count(r);

        return 1;
    }

    return !part->slice->whole && part->slice->result != XR_RANGE_MANY
           && ngx_http_xr_degrade_lost(u, part->rc);
}


/* Whether an exchange ended as its file could not be written. */

ngx_uint_t
ngx_http_xr_degrade_lost(ngx_http_upstream_t *u, ngx_int_t rc)
{
    ngx_event_pipe_t      *p;
    ngx_http_xr_origin_t  *exchange;

    p = u->pipe;
    exchange = u->input_filter_ctx;

    return rc == NGX_ERROR && u->cacheable && !exchange->invalid
           && p != NULL && p->temp_file != NULL && !p->downstream_error;
}


static void
ngx_http_xr_degrade_count(ngx_http_request_t *r)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    (void) ngx_atomic_fetch_add(&xmcf->degrade->unread, 1);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "xr: the cache failed, the origin is asked");
}
