/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_degrade.h"


/*
 * NGINX gives a request up when it cannot write its temporary file, and by
 * then has lost what was to be written.  So the room is taken before there is
 * anything to write, piece by piece; where there is none, what comes is passed
 * on without being stored, from the first byte or from any other.
 */

#define NGX_HTTP_XR_STORE_PIECE    (8 * 1024 * 1024)
#define NGX_HTTP_XR_STORE_UNKNOWN  (1024 * 1024)    /* of an unknown length */

/* Milliseconds for which nothing is tried after a failure, by this process. */

#define NGX_HTTP_XR_STORE_HOLD     1000
#define NGX_HTTP_XR_STORE_PATHS    16

/* Seconds without a failure, after which it is well again. */

#define NGX_HTTP_XR_STORE_WELL     10


typedef struct {
    ngx_path_t           *path;
    ngx_msec_t            until;
    ngx_uint_t            held;
} ngx_http_xr_store_hold_t;


static ngx_int_t ngx_http_xr_store_reserve(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_store_allocate(ngx_http_request_t *r, off_t size);
static void ngx_http_xr_store_unstore(ngx_http_request_t *r);
static void ngx_http_xr_store_failed(ngx_http_request_t *r, ngx_err_t err);
static void ngx_http_xr_store_worked(ngx_http_request_t *r);
static ngx_uint_t ngx_http_xr_store_client_waits(ngx_event_pipe_t *p);
static ngx_http_xr_store_hold_t *ngx_http_xr_store_hold(ngx_path_t *path);


static ngx_http_xr_store_hold_t
                             ngx_http_xr_store_holds[NGX_HTTP_XR_STORE_PATHS];


/* Before the first byte of what may be stored. */

void
ngx_http_xr_degrade_store_begin(ngx_http_request_t *r)
{
    ngx_event_pipe_t     *p;
    ngx_temp_file_t      *tf;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    p = u->pipe;
    tf = p->temp_file;

    if (!u->cacheable) {
        return;
    }

    if (ngx_http_xr_store_reserve(r) == NGX_OK) {
        return;
    }

    ngx_http_xr_store_unstore(r);

    if (tf->file.fd != NGX_INVALID_FILE) {
        ngx_pool_run_cleanup_file(r->pool, tf->file.fd);
    }

    /* from here on as NGINX does it with what is never stored */

    ngx_memzero(tf, sizeof(ngx_temp_file_t));

    tf->file.fd = NGX_INVALID_FILE;
    tf->file.log = r->connection->log;
    tf->path = u->conf->temp_path;
    tf->pool = r->pool;
    tf->log_level = NGX_LOG_WARN;
    tf->warn = "an upstream response is buffered to a temporary file";

    if (r->header_only) {

        /* it was to be stored and nothing else */

        p->upstream_done = 1;
        u->length = 0;
        u->keepalive = 0;
    }
}


/* Before each buffer of a body. */

void
ngx_http_xr_degrade_store_room(ngx_event_pipe_t *p)
{
    ngx_http_request_t  *r;

    r = p->input_ctx;

    if (p->cacheable) {

        if (ngx_http_xr_store_reserve(r) != NGX_OK) {
            ngx_http_xr_store_unstore(r);
            p->max_temp_file_size = 0;      /* what is in it is still sent */
        }

    } else if (p->max_temp_file_size != 0
               && ngx_http_xr_store_client_waits(p)
               && ngx_http_xr_store_reserve(r) != NGX_OK)
    {
        p->max_temp_file_size = 0;          /* the origin waits, too */
    }
}


/*
 * An exchange ends.  A file of unknown length may have more room than it
 * needs; one without may have found the disk full.
 */

void
ngx_http_xr_degrade_store_end(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_temp_file_t           *tf;
    ngx_http_upstream_t       *u;
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_store_hold_t  *hold;

    u = r->upstream;
    exchange = u->input_filter_ctx;
    tf = (u->pipe != NULL) ? u->pipe->temp_file : NULL;

    if (ngx_http_xr_degrade_lost(u, rc)) {
        hold = ngx_http_xr_store_hold(tf->path);
        hold->until = ngx_current_msec + NGX_HTTP_XR_STORE_HOLD;
        hold->held = 1;

        ngx_http_xr_store_failed(r, 0);
        return;
    }

    if (u->cacheable && tf != NULL && tf->file.fd != NGX_INVALID_FILE
        && exchange->reserved != NGX_MAX_OFF_T_VALUE
        && exchange->reserved > tf->offset
        && ftruncate(tf->file.fd, tf->offset) == -1)
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, ngx_errno,
                      "ftruncate() \"%V\" failed", &tf->file.name);
    }
}


/* Room for all that may be written before this is called again. */

static ngx_int_t
ngx_http_xr_store_reserve(ngx_http_request_t *r)
{
    off_t                      need, size;
    ngx_int_t                  rc;
    ngx_temp_file_t           *tf;
    ngx_event_pipe_t          *p;
    ngx_http_upstream_t       *u;
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_store_hold_t  *hold;

    u = r->upstream;
    p = u->pipe;
    tf = p->temp_file;
    exchange = u->input_filter_ctx;

    need = tf->offset + (off_t) (p->bufs.num * p->bufs.size)
           + (off_t) u->conf->buffer_size;

    if (u->headers_in.content_length_n != -1) {
        size = u->headers_in.content_length_n
               + (p->cacheable ? (off_t) r->cache->body_start : 0);
        need = ngx_min(need, size);

    } else {
        size = NGX_MAX_OFF_T_VALUE;
    }

    if (exchange->reserved >= need) {
        return NGX_OK;
    }

    hold = ngx_http_xr_store_hold(tf->path);

    if (hold->held && (ngx_msec_int_t) (hold->until - ngx_current_msec) > 0) {
        return NGX_ERROR;
    }

    if (size == NGX_MAX_OFF_T_VALUE) {
        size = need + NGX_HTTP_XR_STORE_UNKNOWN;

    } else {
        size = ngx_min(size, need + NGX_HTTP_XR_STORE_PIECE);
    }

    /* one tries, and all others wait for what becomes of that */

    hold->until = ngx_current_msec + NGX_HTTP_XR_STORE_HOLD;

    rc = ngx_http_xr_store_allocate(r, size);

    hold->held = (rc != NGX_OK);

    return rc;
}


static ngx_int_t
ngx_http_xr_store_allocate(ngx_http_request_t *r, off_t size)
{
    ngx_err_t              err;
    ngx_temp_file_t       *tf;
    ngx_http_xr_origin_t  *exchange;

    tf = r->upstream->pipe->temp_file;
    exchange = r->upstream->input_filter_ctx;

    if (tf->file.fd == NGX_INVALID_FILE) {

        if (ngx_create_temp_file(&tf->file, tf->path, tf->pool,
                                 tf->persistent, tf->clean, tf->access)
            != NGX_OK)
        {
            ngx_http_xr_store_failed(r, ngx_errno);
            return NGX_ERROR;
        }

        if (tf->log_level) {
            ngx_log_error(tf->log_level, tf->file.log, 0, "%s %V",
                          tf->warn, &tf->file.name);
        }
    }

    /* the file's own length is that of what was written */

    while (fallocate(tf->file.fd, FALLOC_FL_KEEP_SIZE, exchange->reserved,
                     size - exchange->reserved)
           == -1)
    {
        err = ngx_errno;

        if (err == NGX_EINTR) {
            continue;
        }

        if (err == EOPNOTSUPP || err == ENOSYS || err == NGX_EINVAL) {

            /* no way to know: such a file system has to be large enough */

            exchange->reserved = NGX_MAX_OFF_T_VALUE;
            return NGX_OK;
        }

        ngx_http_xr_store_failed(r, err);
        return NGX_ERROR;
    }

    exchange->reserved = size;

    ngx_http_xr_store_worked(r);

    return NGX_OK;
}


/*
 * What comes will not be stored.  Nor is what is stored an answer any more,
 * as nothing can take its place.
 */

static void
ngx_http_xr_store_unstore(ngx_http_request_t *r)
{
    ngx_http_cache_t         *c;
    ngx_http_upstream_t      *u;
    ngx_http_xr_main_conf_t  *xmcf;

    u = r->upstream;
    c = r->cache;

    if (c->node != NULL && c->node->exists) {
        ngx_http_xr_status_forget(c);
    }

    ngx_http_file_cache_free(c, u->pipe->temp_file);

    ngx_http_xr_slice_flight_end(r);

    u->cacheable = 0;
    u->pipe->cacheable = 0;
    u->pipe->buf_to_file = NULL;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    (void) ngx_atomic_fetch_add(&xmcf->degrade->unstored, 1);
}


/* One line when it begins, whichever process finds out. */

static void
ngx_http_xr_store_failed(ngx_http_request_t *r, ngx_err_t err)
{
    ngx_path_t               *path;
    ngx_http_xr_degrade_t    *degrade;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    degrade = xmcf->degrade;

    degrade->failed = (ngx_atomic_t) ngx_time();

    if (ngx_atomic_cmp_set(&degrade->failing, 0, 1)) {
        path = r->upstream->pipe->temp_file->path;

        ngx_log_error(NGX_LOG_ERR, r->connection->log, err,
                      "xr: cannot write to \"%V\", what there is no room for "
                      "is passed on without being stored", &path->name);
    }
}


static void
ngx_http_xr_store_worked(ngx_http_request_t *r)
{
    ngx_http_xr_degrade_t    *degrade;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    degrade = xmcf->degrade;

    if (degrade->failing
        && (ngx_atomic_t) ngx_time()
           >= degrade->failed + NGX_HTTP_XR_STORE_WELL
        && ngx_atomic_cmp_set(&degrade->failing, 1, 0))
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "xr: files can be written again");
    }
}


/* Whether the next buffer may go to a file, as the client is slow. */

static ngx_uint_t
ngx_http_xr_store_client_waits(ngx_event_pipe_t *p)
{
    return p->allocated >= p->bufs.num
           && !(p->downstream->data == p->output_ctx
                && p->downstream->write->ready
                && !p->downstream->write->delayed);
}


/* The paths of a configuration are few; the last place is anybody's. */

static ngx_http_xr_store_hold_t *
ngx_http_xr_store_hold(ngx_path_t *path)
{
    ngx_uint_t                 i;
    ngx_http_xr_store_hold_t  *hold;

    for (i = 0; i < NGX_HTTP_XR_STORE_PATHS - 1; i++) {

        if (ngx_http_xr_store_holds[i].path == path
            || ngx_http_xr_store_holds[i].path == NULL)
        {
            break;
        }
    }

    hold = &ngx_http_xr_store_holds[i];

    if (hold->path != path) {
        hold->path = path;
        hold->held = 0;
    }

    return hold;
}
