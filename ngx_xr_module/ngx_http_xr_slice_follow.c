/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/*
 * A slice that somebody else is fetching is read from the file that it comes
 * in, as far as that is, and on with each word of more.  The file is what it
 * will be in the cache, so what is checked of one is checked of the other.
 */

/* How often a request may begin to follow a slice in vain. */

#define NGX_HTTP_XR_FOLLOW_TRIES  3

/* When one that was refused may come again, in milliseconds. */

#define NGX_HTTP_XR_FOLLOW_RETRY  1000

/* What NGINX writes between its own header and the key. */

#define NGX_HTTP_XR_FOLLOW_LABEL  "\nKEY: "


struct ngx_http_xr_follow_s {
    ngx_http_xr_waiter_t           waiter;
    ngx_http_xr_slice_part_t      *part;
    ngx_http_xr_flight_view_t      flight;
    ngx_event_t                    event;
    off_t                          sent;        /* up to there in the file */
    ngx_uint_t                     headed;
    ngx_uint_t                     counted;
};


static ngx_int_t ngx_http_xr_follow_refuse(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s);
static void ngx_http_xr_follow_wake(ngx_http_xr_waiter_t *waiter);
static void ngx_http_xr_follow_event(ngx_event_t *ev);
static void ngx_http_xr_follow_continue(ngx_http_xr_follow_t *f);
static void ngx_http_xr_follow_wait(ngx_http_xr_follow_t *f);
static void ngx_http_xr_follow_mark(ngx_http_xr_follow_t *f);
static void ngx_http_xr_follow_body(ngx_http_xr_follow_t *f,
    ngx_uint_t under_way);
static ngx_int_t ngx_http_xr_follow_send(ngx_http_xr_follow_t *f, off_t end);
static void ngx_http_xr_follow_writer(ngx_http_request_t *r);
static void ngx_http_xr_follow_leave(ngx_http_xr_follow_t *f);
static void ngx_http_xr_follow_end(ngx_http_xr_follow_t *f, ngx_int_t rc);
static void ngx_http_xr_follow_cleanup(void *data);
static ngx_int_t ngx_http_xr_follow_open(ngx_http_xr_follow_t *f);
static ngx_int_t ngx_http_xr_follow_file(ngx_http_xr_follow_t *f,
    ngx_http_cache_t *c);
static u_char *ngx_http_xr_follow_read(ngx_http_request_t *r, size_t size);
static ngx_uint_t ngx_http_xr_follow_is(ngx_http_request_t *r,
    u_char *p, u_char *end);
static ngx_int_t ngx_http_xr_follow_headers(ngx_http_request_t *r);


/*
 * NGX_DONE: the slice will come; NGX_OK: it will come to others, and to nobody
 * here; NGX_DECLINED: nobody fetches it; a status, or NGX_ERROR.
 */

ngx_int_t
ngx_http_xr_slice_follow_begin(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_int_t                   rc;
    ngx_pool_cleanup_t         *cln;
    ngx_http_xr_follow_t       *f;
    ngx_http_xr_slice_t        *s;
    ngx_http_xr_loc_conf_t     *xlcf;
    ngx_http_xr_flight_view_t   view;

    s = part->slice;
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (!part->ahead && s->followed != part->number) {
        s->followed = part->number;
        s->follows = 0;
    }

    if (part->request != r || part->whole || part->refresh || part->uncached
        || s->size == 0 || s->alone || !xlcf->upstream.cache_lock
        || s->follows >= NGX_HTTP_XR_FOLLOW_TRIES
        || ngx_http_xr_slice_run_brings(part)
        || !ngx_http_xr_slice_flight_find(r, part,
                                          xlcf->upstream.cache_lock_age, &view))
    {
        return NGX_DECLINED;
    }

    if (part->ahead) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_follow_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    f = cln->data;
    ngx_memzero(f, sizeof(ngx_http_xr_follow_t));

    /* who has a part of the object already is not left without the rest */

    rc = ngx_http_xr_slice_view_join(r, &view,
                                     s->headed ? 0 : xlcf->followers);

    if (rc != NGX_OK) {
        return (rc == NGX_BUSY) ? ngx_http_xr_follow_refuse(r, s) : rc;
    }

    cln->handler = ngx_http_xr_follow_cleanup;

    f->counted = 1;
    f->part = part;
    f->flight.slot = view.slot;
    f->flight.id = view.id;
    ngx_memcpy(f->flight.key, view.key, NGX_HTTP_XR_WAKE_KEY);

    f->event.handler = ngx_http_xr_follow_event;
    f->event.data = f;
    f->event.log = r->connection->log;

    f->waiter.key = f->flight.key;
    f->waiter.wake = ngx_http_xr_follow_wake;
    f->waiter.request = r;

    part->follow = f;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_xr_follow_writer;

    r->main->count++;

    ngx_http_xr_wake_link(&f->waiter);
    ngx_post_event(&f->event, &ngx_posted_events);

    return NGX_DONE;
}


/* One more would cost memory, and the origin is no place to send it to. */

static ngx_int_t
ngx_http_xr_follow_refuse(ngx_http_request_t *r, ngx_http_xr_slice_t *s)
{
    if (ngx_http_xr_headers_retry_after(s->request,
                                        NGX_HTTP_XR_FOLLOW_RETRY)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_xr_deny(r, ngx_http_xr_get_ctx(r),
                            XR_DENY_SLICE_FOLLOWERS,
                            NGX_HTTP_SERVICE_UNAVAILABLE);
}


/* What is to be done may end other requests, so it is not done in between. */

static void
ngx_http_xr_follow_wake(ngx_http_xr_waiter_t *waiter)
{
    ngx_http_xr_follow_t  *f;

    f = (ngx_http_xr_follow_t *) ((u_char *) waiter
                                - offsetof(ngx_http_xr_follow_t, waiter));

    ngx_post_event(&f->event, &ngx_posted_events);
}


static void
ngx_http_xr_follow_event(ngx_event_t *ev)
{
    ngx_connection_t      *c;
    ngx_http_request_t    *r;
    ngx_http_xr_follow_t  *f;

    f = ev->data;
    r = f->waiter.request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ev->timedout) {
        ev->timedout = 0;

        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "xr: a slice that another request fetches does not come");

        f->part->slice->alone = 1;
        ngx_http_xr_follow_leave(f);

    } else {
        ngx_http_xr_follow_continue(f);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_xr_follow_continue(ngx_http_xr_follow_t *f)
{
    ngx_int_t            rc;
    ngx_uint_t           under_way;
    ngx_http_request_t  *r;

    r = f->waiter.request;

    under_way = ngx_http_xr_slice_view_look(r, &f->flight);

    if (!f->headed) {

        if (!under_way) {
            ngx_http_xr_follow_leave(f);
            return;
        }

        if (f->flight.path[0] == '\0') {
            ngx_http_xr_follow_wait(f);
            return;
        }

        if (ngx_http_xr_follow_open(f) != NGX_OK) {
            ngx_http_xr_follow_leave(f);
            return;
        }

        f->headed = 1;
        rc = ngx_http_send_header(r);

        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            ngx_http_xr_follow_end(f, rc);
            return;
        }
    }

    ngx_http_xr_follow_body(f, under_way);
}


/* For more; who sends nothing for as long is not waited for. */

static void
ngx_http_xr_follow_wait(ngx_http_xr_follow_t *f)
{
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_http_get_module_loc_conf(f->waiter.request, ngx_http_xr_module);

    ngx_add_timer(&f->event, xlcf->upstream.cache_lock_timeout);
}


static void
ngx_http_xr_follow_body(ngx_http_xr_follow_t *f, ngx_uint_t under_way)
{
    off_t                end;
    ngx_file_info_t      fi;
    ngx_http_request_t  *r;

    r = f->waiter.request;
    end = f->flight.written;

    if (!under_way) {

        /* it is complete, or will never be: the file itself knows */

        if (ngx_fd_info(r->cache->file.fd, &fi) == NGX_FILE_ERROR) {
            ngx_http_xr_follow_end(f, NGX_ERROR);
            return;
        }

        end = ngx_min(ngx_file_size(&fi), f->flight.length);
    }

    if (end > f->sent && ngx_http_xr_follow_send(f, end) != NGX_OK) {
        ngx_http_xr_follow_end(f, NGX_ERROR);
        return;
    }

    if (!under_way
        || f->sent == f->flight.length
        || f->part->offset >= f->part->end)
    {
        ngx_http_xr_follow_end(f, NGX_OK);
        return;
    }

    ngx_http_xr_follow_wait(f);
    ngx_http_xr_follow_mark(f);
    ngx_http_xr_follow_writer(r);
}


/* A range that ends within the slice does not wait for much more than that. */

static void
ngx_http_xr_follow_mark(ngx_http_xr_follow_t *f)
{
    off_t                      end;
    ngx_http_xr_slice_part_t  *part;

    part = f->part;
    end = f->sent + (off_t) (part->end - part->offset);

    if (end < f->flight.length
        && ngx_http_xr_slice_view_mark(f->waiter.request, &f->flight, end))
    {
        ngx_post_event(&f->event, &ngx_posted_events);
    }
}


static ngx_int_t
ngx_http_xr_follow_send(ngx_http_xr_follow_t *f, off_t end)
{
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = f->waiter.request;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->file = &r->cache->file;
    b->file_pos = f->sent;
    b->file_last = end;
    b->in_file = 1;
    b->flush = 1;
    b->last_in_chain = (end == f->flight.length);

    out.buf = b;
    out.next = NULL;

    f->sent = end;

    return (ngx_http_output_filter(r, &out) != NGX_ERROR) ? NGX_OK : NGX_ERROR;
}


/* What the client did not take at once. */

static void
ngx_http_xr_follow_writer(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_xr_follow_t      *f;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    wev = c->write;
    f = ngx_http_xr_slice_part_of(r)->follow;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_xr_follow_end(f, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!wev->delayed && !r->aio
        && ngx_http_output_filter(r, NULL) == NGX_ERROR)
    {
        ngx_http_xr_follow_end(f, NGX_ERROR);
        return;
    }

    if (!(r->buffered || c->buffered)) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        return;
    }

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_xr_follow_end(f, NGX_ERROR);
    }
}


/* The slice, or the rest of it, has to come by another way. */

static void
ngx_http_xr_follow_leave(ngx_http_xr_follow_t *f)
{
    ngx_http_request_t        *r;
    ngx_http_xr_slice_part_t  *part;

    r = f->waiter.request;
    part = f->part;

    if (f->headed) {
        ngx_http_xr_follow_end(f, NGX_OK);
        return;
    }

    ngx_http_xr_follow_cleanup(f);

    part->follow = NULL;
    part->slice->follows++;

    ngx_http_finalize_request(r, ngx_http_xr_origin_handler(r));
}


static void
ngx_http_xr_follow_end(ngx_http_xr_follow_t *f, ngx_int_t rc)
{
    ngx_http_xr_follow_cleanup(f);
    ngx_http_finalize_request(f->waiter.request, rc);
}


static void
ngx_http_xr_follow_cleanup(void *data)
{
    ngx_http_xr_follow_t *f = data;

    ngx_http_xr_wake_unlink(&f->waiter);

    if (f->counted) {
        f->counted = 0;
        ngx_http_xr_slice_view_leave(f->waiter.request, &f->flight);
    }

    if (f->event.timer_set) {
        ngx_del_timer(&f->event);
    }

    if (f->event.posted) {
        ngx_delete_posted_event(&f->event);
    }
}


/*
 * Makes of the request one that has found its entry in the cache, and of the
 * header in the file its own.
 */

static ngx_int_t
ngx_http_xr_follow_open(ngx_http_xr_follow_t *f)
{
    u_char                *p;
    ngx_http_cache_t      *c;
    ngx_http_request_t    *r;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    r = f->waiter.request;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_ERROR;
    }

    c = ngx_pcalloc(r->pool, sizeof(ngx_http_cache_t));
    exchange = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_origin_t));

    if (c == NULL || exchange == NULL
        || ngx_http_xr_follow_file(f, c) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->cache = c;
    p = ngx_http_xr_follow_read(r, (size_t) f->flight.body_start);

    if (p == NULL
        || !ngx_http_xr_follow_is(r, p, p + f->flight.body_start))
    {
        r->cache = NULL;
        return NGX_ERROR;
    }

    c->length = f->flight.length;
    f->sent = f->flight.body_start;

    u = r->upstream;

    u->conf = &((ngx_http_xr_loc_conf_t *)
                ngx_http_get_module_loc_conf(r, ngx_http_xr_module))->upstream;
    u->input_filter_ctx = exchange;
    u->cache_status = NGX_HTTP_CACHE_HIT;
    u->headers_in.content_length_n = -1;
    u->headers_in.last_modified_time = -1;

    u->buffer.start = p;
    u->buffer.pos = p + c->header_start;
    u->buffer.last = p + c->body_start;
    u->buffer.end = u->buffer.last;
    u->buffer.temporary = 1;

    if (ngx_list_init(&u->headers_in.headers, r->pool, 8,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->cached = 1;
    r->state = 0;

    if (ngx_http_xr_response_status_line(r) != NGX_OK
        || ngx_http_xr_follow_headers(r) != NGX_OK)
    {
        r->cached = 0;
        r->cache = NULL;

        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_follow_file(ngx_http_xr_follow_t *f, ngx_http_cache_t *c)
{
    ngx_http_request_t       *r;
    ngx_pool_cleanup_t       *cln;
    ngx_pool_cleanup_file_t  *clnf;

    r = f->waiter.request;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_pool_cleanup_file_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    c->file.fd = ngx_open_file(f->flight.path, NGX_FILE_RDONLY, NGX_FILE_OPEN,
                               0);
    if (c->file.fd == NGX_INVALID_FILE) {

        /* it has just been moved to where it is to stay */

        return NGX_ERROR;
    }

    c->file.name.data = f->flight.path;
    c->file.name.len = ngx_strlen(f->flight.path);
    c->file.log = r->connection->log;

    cln->handler = ngx_pool_cleanup_file;
    clnf = cln->data;
    clnf->fd = c->file.fd;
    clnf->name = f->flight.path;
    clnf->log = r->pool->log;

    return NGX_OK;
}


/* What stands before the body, which is in the system's memory still. */

static u_char *
ngx_http_xr_follow_read(ngx_http_request_t *r, size_t size)
{
    u_char  *p;

    p = (size > sizeof(ngx_http_file_cache_header_t))
        ? ngx_pnalloc(r->pool, size) : NULL;

    return (p != NULL && ngx_read_file(&r->cache->file, p, size, 0)
                         == (ssize_t) size)
           ? p : NULL;
}


/* Whether it is this slice of this object; its header is read then. */

static ngx_uint_t
ngx_http_xr_follow_is(ngx_http_request_t *r, u_char *p, u_char *end)
{
    u_char                        *header;
    size_t                         len;
    ngx_str_t                     *keys;
    ngx_uint_t                     i;
    ngx_http_cache_t              *c;
    ngx_http_file_cache_header_t   h;

    c = r->cache;

    ngx_memcpy(&h, p, sizeof(ngx_http_file_cache_header_t));

    if (h.version != NGX_HTTP_CACHE_VERSION
        || h.body_start != end - p || h.header_start >= h.body_start)
    {
        return 0;
    }

    c->header_start = h.header_start;
    c->body_start = h.body_start;
    c->date = h.date;
    c->valid_sec = h.valid_sec;
    c->last_modified = h.last_modified;

    header = p + h.header_start;
    p += sizeof(ngx_http_file_cache_header_t);

    if (ngx_array_init(&c->keys, r->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_http_xr_origin_create_key(r) != NGX_OK)
    {
        return 0;
    }

    keys = c->keys.elts;
    len = sizeof(NGX_HTTP_XR_FOLLOW_LABEL) - 1;

    for (i = 0; i < c->keys.nelts; i++) {
        len += keys[i].len;
    }

    if ((size_t) (header - p) != len + 1 || header[-1] != LF
        || ngx_memcmp(p, NGX_HTTP_XR_FOLLOW_LABEL,
                      sizeof(NGX_HTTP_XR_FOLLOW_LABEL) - 1)
           != 0)
    {
        return 0;
    }

    p += sizeof(NGX_HTTP_XR_FOLLOW_LABEL) - 1;

    for (i = 0; i < c->keys.nelts; i++) {

        if (ngx_memcmp(p, keys[i].data, keys[i].len) != 0) {
            return 0;
        }

        p += keys[i].len;
    }

    return 1;
}


/* As NGINX does it with those of an upstream. */

static ngx_int_t
ngx_http_xr_follow_headers(ngx_http_request_t *r)
{
    ngx_uint_t                      i;
    ngx_list_part_t                *part;
    ngx_table_elt_t                *h;
    ngx_http_upstream_t            *u;
    ngx_http_upstream_header_t     *hh;
    ngx_http_upstream_main_conf_t  *umcf;

    u = r->upstream;
    umcf = ngx_http_get_module_main_conf(r, ngx_http_upstream_module);

    for (part = &u->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_hash_find(&u->conf->hide_headers_hash, h[i].hash,
                              h[i].lowcase_key, h[i].key.len))
            {
                continue;
            }

            hh = ngx_hash_find(&umcf->headers_in_hash, h[i].hash,
                               h[i].lowcase_key, h[i].key.len);

            if (ngx_http_xr_headers_copy(r, hh, &h[i]) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    r->headers_out.status = u->headers_in.status_n;
    r->headers_out.content_length_n = u->headers_in.content_length_n;

    return NGX_OK;
}
