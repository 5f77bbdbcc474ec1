/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_variant.h"
#include "ngx_http_xr_wake.h"

#include "xr_manifest.h"
#include "xr_store.h"


/* A manifest is asked for: as an object of nobody, by a subrequest. */

/* How long others wait for whoever fetches one, and a fault is remembered. */

#define NGX_HTTP_XR_MANIFEST_WAIT   5
#define NGX_HTTP_XR_MANIFEST_FAULT  2


/* A manifest on its way, or the wait for it. */

struct ngx_http_xr_fetch_s {
    ngx_http_xr_waiter_t           waiter;      /* of one who waits */
    ngx_event_t                    timer;       /* likewise */
    ngx_http_request_t            *client;
    ngx_http_xr_ctx_t             *ctx;         /* of the subrequest */
    u_char                         tag[XR_SIPHASH_SIZE];
    uint64_t                       changes;
    time_t                         asked;
    ngx_uint_t                     status;
    u_char                        *text;
    size_t                         len;
    time_t                         max;         /* to be stored for, at most */
    unsigned                       leads:1;
    unsigned                       refresh:1;   /* not from the cache */
    unsigned                       large:1;
    unsigned                       broken:1;
    unsigned                       done:1;
};


static ngx_int_t ngx_http_xr_fetch_ask(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_xr_fetch_t *fetch,
    ngx_uint_t background);
static ngx_int_t ngx_http_xr_fetch_wait(ngx_http_request_t *r,
    ngx_http_xr_fetch_t *fetch);
static void ngx_http_xr_fetch_woken(ngx_http_xr_waiter_t *waiter);
static void ngx_http_xr_fetch_late(ngx_event_t *ev);
static void ngx_http_xr_fetch_go_on(ngx_http_xr_fetch_t *fetch);
static void ngx_http_xr_fetch_cleanup(void *data);
static void ngx_http_xr_fetch_begin(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_fetch_done(ngx_http_request_t *r, void *data,
    ngx_int_t rc);
static void ngx_http_xr_fetch_keep(ngx_http_request_t *r,
    ngx_http_xr_fetch_t *fetch);
static ngx_uint_t ngx_http_xr_fetch_extend(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_fetch_t *fetch, xr_store_info_t *info);
static ngx_uint_t ngx_http_xr_fetch_read(ngx_http_request_t *r,
    ngx_http_xr_fetch_t *fetch, xr_store_info_t *info);
static ngx_http_xr_fetch_t *ngx_http_xr_fetch_of(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_fetch_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_fetch_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static void ngx_http_xr_fetch_take(ngx_http_request_t *r,
    ngx_http_xr_fetch_t *fetch, ngx_buf_t *b);


static ngx_http_output_header_filter_pt  ngx_http_xr_fetch_next_header;
static ngx_http_output_body_filter_pt    ngx_http_xr_fetch_next_body;


ngx_int_t
ngx_http_xr_manifest_fetch_init(ngx_conf_t *cf)
{
    ngx_http_xr_fetch_next_header = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_xr_fetch_header_filter;

    ngx_http_xr_fetch_next_body = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_xr_fetch_body_filter;

    return NGX_OK;
}


/* NGX_DECLINED: what there is will do. */

ngx_int_t
ngx_http_xr_manifest_fetch_get(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_uint_t refresh, ngx_uint_t background)
{
    bool                      leads;
    ngx_shmtx_t              *mutex;
    ngx_pool_cleanup_t       *cln;
    ngx_http_xr_fetch_t      *fetch;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    mutex = ngx_http_xr_manifest_mutex(xmcf);

    ngx_shmtx_lock(mutex);
    leads = xr_store_claim(xmcf->manifests, ctx->variant->tag, ngx_time(),
                           ngx_time() + NGX_HTTP_XR_MANIFEST_WAIT);
    ngx_shmtx_unlock(mutex);

    if (!leads && background) {
        return NGX_DECLINED;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_fetch_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    fetch = cln->data;
    ngx_memzero(fetch, sizeof(ngx_http_xr_fetch_t));

    cln->handler = ngx_http_xr_fetch_cleanup;

    fetch->client = r;
    fetch->leads = leads;
    fetch->refresh = refresh;
    ngx_memcpy(fetch->tag, ctx->variant->tag, XR_SIPHASH_SIZE);

    ctx->variant->fetch = background ? NULL : fetch;

    if (!leads) {
        ctx->variant->tries++;
        return ngx_http_xr_fetch_wait(r, fetch);
    }

    ctx->variant->tries = NGX_HTTP_XR_MANIFEST_TRIES;

    if (ngx_http_xr_fetch_ask(r, ctx, fetch, background) != NGX_OK) {
        return NGX_ERROR;
    }

    return background ? NGX_DECLINED : NGX_AGAIN;
}


/* Whether the request still waits: it may be called for other reasons. */

ngx_uint_t
ngx_http_xr_manifest_fetch_waits(ngx_http_xr_fetch_t *fetch)
{
    return fetch->leads ? !fetch->done
                        : fetch->waiter.linked || fetch->timer.timer_set;
}


/* A subrequest for another object than the client's, and as nobody's. */

static ngx_int_t
ngx_http_xr_fetch_ask(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_fetch_t *fetch, ngx_uint_t background)
{
    size_t                       size;
    xr_buf_t                     b;
    ngx_http_request_t          *sr;
    ngx_http_xr_ctx_t           *c;
    ngx_http_headers_in_t       *in;
    ngx_http_xr_loc_conf_t      *xlcf;
    ngx_http_xr_main_conf_t     *xmcf;
    ngx_http_post_subrequest_t  *ps;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    size = ctx->variant->object.len + sizeof(".xr/manifest.json");

    c = ngx_palloc(r->pool, sizeof(ngx_http_xr_ctx_t));
    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));
    b = xr_buf(ngx_pnalloc(r->pool, size), size);

    if (c == NULL || ps == NULL || b.data == NULL) {
        return NGX_ERROR;
    }

    xr_manifest_name(ngx_http_xr_view(&ctx->variant->object), &b);

    /* of the client's context it has whose object it is, and that it may */

    ngx_memzero(c, offsetof(ngx_http_xr_ctx_t, site));
    ngx_memzero(&c->who, sizeof(xr_principal_t));

    c->step = ctx->step;
    c->conf = ctx->conf;
    c->tenant = ctx->tenant;
    c->image = ctx->image;
    c->granted = ctx->granted;
    c->public = ctx->public;
    c->client = ctx->client;
    c->known = ctx->known;
    c->object = ngx_http_xr_ngx(xr_buf_str(&b));

    ps->handler = ngx_http_xr_fetch_done;
    ps->data = fetch;

    fetch->ctx = c;
    fetch->asked = ngx_time();
    fetch->changes = xr_store_changes(xmcf->manifests);
    fetch->max = xlcf->variant.valid;

    if (ngx_http_subrequest(r, &r->uri, NULL, &sr, ps,
                            background ? NGX_HTTP_SUBREQUEST_BACKGROUND
                                       : NGX_HTTP_SUBREQUEST_WAITED)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_set_ctx(sr, c, ngx_http_xr_module);

    in = &sr->headers_in;

    in->range = NULL;
    in->if_range = NULL;
    in->if_match = NULL;
    in->if_none_match = NULL;
    in->if_modified_since = NULL;
    in->if_unmodified_since = NULL;

    sr->write_event_handler = ngx_http_xr_fetch_begin;

    return NGX_OK;
}


static void
ngx_http_xr_fetch_begin(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, ngx_http_xr_origin_handler(r));
}


/* Somebody else fetches it. */

static ngx_int_t
ngx_http_xr_fetch_wait(ngx_http_request_t *r, ngx_http_xr_fetch_t *fetch)
{
    fetch->waiter.key = fetch->tag;
    fetch->waiter.wake = ngx_http_xr_fetch_woken;
    fetch->waiter.request = r;

    fetch->timer.handler = ngx_http_xr_fetch_late;
    fetch->timer.data = fetch;
    fetch->timer.log = r->connection->log;

    ngx_http_xr_wake_link(&fetch->waiter);
    ngx_add_timer(&fetch->timer, NGX_HTTP_XR_MANIFEST_WAIT * 1000);

    return NGX_AGAIN;
}


/* Any word from another worker wakes all: whether it is this one's is seen. */

static void
ngx_http_xr_fetch_woken(ngx_http_xr_waiter_t *waiter)
{
    ngx_http_xr_fetch_t      *fetch;
    ngx_http_xr_main_conf_t  *xmcf;

    fetch = (ngx_http_xr_fetch_t *) waiter;
    xmcf = ngx_http_get_module_main_conf(fetch->client, ngx_http_xr_module);

    if (!xr_store_claimed(xmcf->manifests, fetch->tag, ngx_time())) {
        ngx_http_xr_fetch_go_on(fetch);
    }
}


static void
ngx_http_xr_fetch_late(ngx_event_t *ev)
{
    ngx_http_xr_fetch_go_on(ev->data);
}


/* By a timer that is due, as whoever wakes may be in the middle of things. */

static void
ngx_http_xr_fetch_go_on(ngx_http_xr_fetch_t *fetch)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    ngx_http_xr_wake_unlink(&fetch->waiter);

    if (!fetch->timer.timedout) {
        ngx_del_timer(&fetch->timer);
        ngx_add_timer(&fetch->timer, 0);
        return;
    }

    r = fetch->client;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_xr_fetch_cleanup(void *data)
{
    ngx_http_xr_fetch_t *fetch = data;

    ngx_shmtx_t              *mutex;
    ngx_http_xr_main_conf_t  *xmcf;

    ngx_http_xr_wake_unlink(&fetch->waiter);

    if (fetch->timer.timer_set) {
        ngx_del_timer(&fetch->timer);
    }

    if (fetch->leads && !fetch->done) {

        /* the client left: somebody else is to fetch it */

        xmcf = ngx_http_get_module_main_conf(fetch->client,
                                             ngx_http_xr_module);
        mutex = ngx_http_xr_manifest_mutex(xmcf);

        ngx_shmtx_lock(mutex);
        xr_store_release(xmcf->manifests, fetch->tag);
        ngx_shmtx_unlock(mutex);

        ngx_http_xr_wake_others(xmcf, fetch->tag);
    }
}


/* Called when the subrequest ends, perhaps more than once. */

static ngx_int_t
ngx_http_xr_fetch_done(ngx_http_request_t *r, void *data, ngx_int_t rc)
{
    ngx_http_xr_fetch_t *fetch = data;

    if (rc == NGX_AGAIN || fetch->done || r->connection->error) {
        return NGX_OK;
    }

    if (rc == NGX_ERROR || (rc >= NGX_HTTP_SPECIAL_RESPONSE
                            && fetch->status == 0))
    {
        fetch->status = (rc == NGX_ERROR) ? NGX_HTTP_BAD_GATEWAY
                                          : (ngx_uint_t) rc;
        fetch->broken = (fetch->status == NGX_HTTP_BAD_GATEWAY);
    }

    if (r->headers_out.content_length_n >= 0
        && fetch->len != (size_t) r->headers_out.content_length_n)
    {
        fetch->broken = 1;
    }

    fetch->done = 1;

    ngx_http_xr_fetch_keep(r, fetch);

    return NGX_OK;
}


static void
ngx_http_xr_fetch_keep(ngx_http_request_t *r, ngx_http_xr_fetch_t *fetch)
{
    time_t                    now;
    ngx_uint_t                good;
    ngx_shmtx_t              *mutex;
    xr_store_info_t           info;
    ngx_http_xr_loc_conf_t   *xlcf;
    ngx_http_xr_main_conf_t  *xmcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    mutex = ngx_http_xr_manifest_mutex(xmcf);
    now = ngx_time();
    good = 0;

    if (fetch->status == NGX_HTTP_NOT_FOUND) {
        info.absent = 1;
        info.fresh = now + xlcf->variant.absent;
        info.kept = info.fresh;
        good = 1;

    } else if (fetch->status == NGX_HTTP_OK && !fetch->broken) {
        info.absent = 0;
        good = ngx_http_xr_fetch_read(r, fetch, &info);
        info.fresh = now + fetch->max;
        info.kept = info.fresh + xlcf->variant.stale;
    }

    if (!good) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: manifest \"%V\" could not be read, status %ui%s",
                      &fetch->ctx->object, fetch->status,
                      fetch->large ? ", it is too large"
                                   : fetch->broken ? ", it broke off" : "");
    }

    ngx_shmtx_lock(mutex);

    if (good || !ngx_http_xr_fetch_extend(xmcf, fetch, &info)) {
        info.fetched = fetch->asked;
        (void) xr_store_put(xmcf->manifests, fetch->tag, fetch->changes, &info,
                            ngx_http_xr_manifest_image);
    }

    xr_store_release(xmcf->manifests, fetch->tag);

    ngx_shmtx_unlock(mutex);

    ngx_http_xr_wake_others(xmcf, fetch->tag);
}


/*
 * After a fault the one that is there will do for a while; 0: there is none,
 * and objects are served as if they had none.
 */

static ngx_uint_t
ngx_http_xr_fetch_extend(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_fetch_t *fetch, xr_store_info_t *info)
{
    time_t  until;

    until = ngx_time() + NGX_HTTP_XR_MANIFEST_FAULT;

    if (xr_store_get(xmcf->manifests, fetch->tag, NULL, 0, info)
        == XR_NO_SPACE
        && ngx_time() < info->kept)
    {
        xr_store_extend(xmcf->manifests, fetch->tag, until);
        return 1;
    }

    info->absent = 1;
    info->fresh = until;
    info->kept = until;

    return 0;
}


/* Compiles what came: 0, and a line in the log, if it is no manifest. */

static ngx_uint_t
ngx_http_xr_fetch_read(ngx_http_request_t *r, ngx_http_xr_fetch_t *fetch,
    xr_store_info_t *info)
{
    xr_buf_t  b;
    xr_err_t  err;
    xr_str_t  text;

    if (fetch->large) {
        return 0;
    }

    text = xr_str_of(fetch->text, fetch->len);
    b = xr_buf(ngx_http_xr_manifest_image, XR_MANIFEST_IMAGE_MAX);

    if (xr_manifest_compile(text, &b, &err) != XR_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: manifest \"%V\", line %uz: %s", &fetch->ctx->object,
                      xr_str_line(text, err.pos), err.what);
        return 0;
    }

    info->len = b.len;

    return 1;
}


/* How long what is fetched may be fresh in the cache; 0: no manifest is. */

time_t
ngx_http_xr_manifest_fetch_max(ngx_http_request_t *r)
{
    ngx_http_xr_fetch_t  *fetch;

    fetch = (r != r->main) ? ngx_http_xr_fetch_of(r) : NULL;

    return (fetch != NULL) ? fetch->max : 0;
}


/* The cache does not know what was announced meanwhile. */

ngx_uint_t
ngx_http_xr_manifest_fetch_refreshes(ngx_http_request_t *r)
{
    ngx_http_xr_fetch_t  *fetch;

    fetch = (r != r->main) ? ngx_http_xr_fetch_of(r) : NULL;

    return fetch != NULL && fetch->refresh;
}


static ngx_http_xr_fetch_t *
ngx_http_xr_fetch_of(ngx_http_request_t *r)
{
    for ( /* void */ ; r != r->main; r = r->parent) {

        if (r->post_subrequest != NULL
            && r->post_subrequest->handler == ngx_http_xr_fetch_done)
        {
            return r->post_subrequest->data;
        }
    }

    return NULL;
}


/* What is answered is for us. */

static ngx_int_t
ngx_http_xr_fetch_header_filter(ngx_http_request_t *r)
{
    size_t                size;
    ngx_http_xr_fetch_t  *fetch;

    fetch = (r != r->main) ? ngx_http_xr_fetch_of(r) : NULL;

    if (fetch == NULL) {
        return ngx_http_xr_fetch_next_header(r);
    }

    if (r->post_subrequest == NULL || r->post_subrequest->data != fetch
        || fetch->status != 0)
    {
        return NGX_OK;                  /* the cache is renewed, for instance */
    }

    fetch->status = r->headers_out.status;

    if (fetch->status != NGX_HTTP_OK) {
        return NGX_OK;
    }

    if (r->cache != NULL && r->cache->valid_sec != 0) {
        fetch->max = ngx_max(ngx_min(fetch->max,
                                     r->cache->valid_sec - ngx_time()), 1);
    }

    if (r->headers_out.content_length_n > XR_MANIFEST_TEXT_MAX) {
        fetch->large = 1;
        return NGX_OK;
    }

    size = (r->headers_out.content_length_n >= 0)
           ? (size_t) r->headers_out.content_length_n : XR_MANIFEST_TEXT_MAX;

    fetch->text = ngx_pnalloc(r->pool, ngx_max(size, 1));

    return (fetch->text != NULL) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_xr_fetch_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_xr_fetch_t  *fetch;

    fetch = (r != r->main) ? ngx_http_xr_fetch_of(r) : NULL;

    if (fetch == NULL) {
        return ngx_http_xr_fetch_next_body(r, in);
    }

    for ( /* void */ ; in; in = in->next) {

        if (fetch->status == NGX_HTTP_OK && !ngx_buf_special(in->buf)
            && r->post_subrequest != NULL
            && r->post_subrequest->data == fetch)
        {
            ngx_http_xr_fetch_take(r, fetch, in->buf);
        }

        in->buf->pos = in->buf->last;
        in->buf->file_pos = in->buf->file_last;
    }

    return NGX_OK;
}


static void
ngx_http_xr_fetch_take(ngx_http_request_t *r, ngx_http_xr_fetch_t *fetch,
    ngx_buf_t *b)
{
    size_t   size, room;
    ssize_t  n;

    size = (size_t) ngx_buf_size(b);

    room = (r->headers_out.content_length_n >= 0)
           ? (size_t) r->headers_out.content_length_n : XR_MANIFEST_TEXT_MAX;

    if (fetch->large || fetch->text == NULL || size > room - fetch->len) {
        fetch->large = 1;
        return;
    }

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(fetch->text + fetch->len, b->pos, size);

    } else {
        n = ngx_read_file(b->file, fetch->text + fetch->len, size,
                          b->file_pos);

        if (n != (ssize_t) size) {
            fetch->broken = 1;
            return;
        }
    }

    fetch->len += size;
}
