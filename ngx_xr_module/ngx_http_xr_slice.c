/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/* The way of a client's request through its slices. */

#define NGX_HTTP_XR_SLICE_RESTARTS  3

/* Slices that a worker reads ahead at a time, for all its clients. */

#define NGX_HTTP_XR_SLICE_AHEAD     64


static ngx_int_t ngx_http_xr_slice_ranges(ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_begin(ngx_http_xr_slice_t *s);
static uint64_t ngx_http_xr_slice_first(ngx_http_xr_slice_t *s,
    ngx_uint_t *probe);
static ngx_http_xr_slice_part_t *ngx_http_xr_slice_fetch(
    ngx_http_xr_slice_t *s, uint64_t number, ngx_uint_t probe,
    ngx_uint_t ahead);
static void ngx_http_xr_slice_ahead(ngx_http_xr_slice_t *s, uint64_t number);
static void ngx_http_xr_slice_ahead_end(void *data);
static void ngx_http_xr_slice_sweep(ngx_http_xr_slice_t *s);
static void ngx_http_xr_slice_release(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_slice_key(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_slice_done(ngx_http_request_t *r, void *data,
    ngx_int_t rc);
static void ngx_http_xr_slice_continue(ngx_http_request_t *r);
static ngx_uint_t ngx_http_xr_slice_queued(ngx_http_request_t *r);
static void ngx_http_xr_slice_flush(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_slice_ended(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_slice_restart(ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_next(ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_header_filter(ngx_http_request_t *r);


static ngx_http_output_header_filter_pt  ngx_http_xr_slice_next_header;

static ngx_uint_t  ngx_http_xr_slices_ahead;


ngx_int_t
ngx_http_xr_slice_init(ngx_conf_t *cf)
{
    ngx_http_xr_slice_next_header = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_xr_slice_header_filter;

    return ngx_http_xr_slice_body_init(cf);
}


/* Whether what goes out is not the object but several parts of it. */

ngx_uint_t
ngx_http_xr_slice_many(ngx_http_xr_ctx_t *ctx)
{
    return ctx->slice != NULL && ctx->slice->many;
}


/* Of the first slice that was asked for. */

xr_str_t
ngx_http_xr_slice_cache_status(ngx_http_xr_ctx_t *ctx)
{
    ngx_uint_t  status;

    status = ctx->slice->cache_status;

    return (status != 0)
           ? ngx_http_xr_view(&ngx_http_cache_status[status - 1])
           : xr_str_of(NULL, 0);
}


/*
 * Whether a request is ours: where slices are stored all are.  Of what is
 * stored whole it is those that ask for parts, or on conditions.
 */

ngx_uint_t
ngx_http_xr_slice_wanted(ngx_http_request_t *r, ngx_http_xr_loc_conf_t *xlcf)
{
    ngx_http_headers_in_t  *in;

    if (r != r->main || !xlcf->upstream.cache) {
        return 0;
    }

    in = &r->headers_in;

    return xlcf->slice_size != 0
           || in->range != NULL
           || in->if_match != NULL
           || in->if_none_match != NULL
           || in->if_modified_since != NULL
           || in->if_unmodified_since != NULL;
}


/* The content handler of such requests. */

ngx_int_t
ngx_http_xr_slice_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_xr_ctx_t       *ctx;
    ngx_http_xr_slice_t     *s;
    ngx_http_xr_loc_conf_t  *xlcf;

    ctx = ngx_http_xr_get_ctx(r);
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_slice_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    s->request = r;
    s->size = xlcf->slice_size;
    s->whole = (s->size == 0);
    s->bare = r->header_only;

    if (ngx_http_xr_slice_ranges(s) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!s->whole) {
        ngx_http_xr_slice_version_object(r, s);

        if (ngx_http_xr_slice_version_get(r, s) == NGX_OK) {
            s->known = !s->version.dirty;
            s->refresh = s->version.dirty;
        }
    }

    ctx->slice = s;

    r->main->count++;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_xr_slice_continue;

    rc = ngx_http_xr_slice_begin(s);

    if (rc != NGX_AGAIN) {
        r->main->count--;
        return rc;
    }

    return NGX_DONE;
}


/* Range is read here, and judged when the length is known. */

static ngx_int_t
ngx_http_xr_slice_ranges(ngx_http_xr_slice_t *s)
{
    size_t                   max;
    ngx_table_elt_t         *range;
    ngx_http_request_t      *r;
    ngx_http_xr_loc_conf_t  *xlcf;

    r = s->request;
    range = r->headers_in.range;
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);
    max = xlcf->max_ranges;

    if (range == NULL || !(r->method & NGX_HTTP_GET) || max == 0) {
        max = 0;
    }

#if (nginx_version >= 1023000)

    if (max != 0 && range->next != NULL) {
        max = 0;
    }

#endif

    /* the object as a whole is a range, too */

    s->ranges = ngx_palloc(r->pool, ngx_max(max, 1) * sizeof(xr_range_t));
    if (s->ranges == NULL) {
        return NGX_ERROR;
    }

    if (max != 0) {
        s->specs = ngx_palloc(r->pool, max * sizeof(xr_range_spec_t));
        if (s->specs == NULL) {
            return NGX_ERROR;
        }

        s->nspecs = xr_range_parse(ngx_http_xr_view(&range->value), s->specs,
                                   max);
    }

    return NGX_OK;
}


/* NGX_AGAIN, or what to finish with. */

static ngx_int_t
ngx_http_xr_slice_begin(ngx_http_xr_slice_t *s)
{
    uint64_t    first;
    ngx_uint_t  probe;

    first = ngx_http_xr_slice_first(s, &probe);

    s->part = ngx_http_xr_slice_fetch(s, s->whole ? 0 : first / s->size,
                                      probe, 0);

    return (s->part != NULL) ? NGX_AGAIN : NGX_ERROR;
}


/*
 * The byte of which the slice is asked for first.  Where it is not the root,
 * and the version is not known, the root's header is asked for.
 */

static uint64_t
ngx_http_xr_slice_first(ngx_http_xr_slice_t *s, ngx_uint_t *probe)
{
    size_t             n;
    uint64_t           first;
    xr_range_result_t  rc;

    *probe = s->bare || (s->nspecs > 1 && !s->whole);

    if (*probe || s->whole || s->nspecs == 0) {
        return 0;
    }

    if (s->known) {
        rc = xr_range_resolve(s->specs, s->nspecs, s->version.length,
                              s->ranges, &n);
        *probe = (rc == XR_RANGE_UNSATISFIABLE);

        return (rc == XR_RANGE_ONE) ? s->ranges[0].first : 0;
    }

    *probe = !xr_range_begin(s->specs, s->nspecs, &first) || first >= s->size;

    return 0;
}


/* "probe": what the client gets of it is its header, at most. */

static ngx_http_xr_slice_part_t *
ngx_http_xr_slice_fetch(ngx_http_xr_slice_t *s, uint64_t number,
    ngx_uint_t probe, ngx_uint_t ahead)
{
    ngx_uint_t                   flags;
    ngx_http_request_t          *r, *sr;
    ngx_http_post_subrequest_t  *ps;
    ngx_http_xr_slice_part_t    *part;

    r = s->request;

    part = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_slice_part_t));
    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));

    if (part == NULL || ps == NULL) {
        return NULL;
    }

    part->slice = s;
    part->number = number;
    part->offset = number * s->size;
    part->whole = s->whole;
    part->refresh = s->refresh && number == 0;
    part->probe = probe;
    part->ahead = ahead;

    if (s->size != 0 && ngx_http_xr_slice_key(s, part) != NGX_OK) {
        return NULL;
    }

    ps->handler = ngx_http_xr_slice_done;
    ps->data = part;

    flags = NGX_HTTP_SUBREQUEST_CLONE;

    if (probe) {
        flags |= NGX_HTTP_SUBREQUEST_BACKGROUND;
    }

    if (ngx_http_subrequest(r, &r->uri, &r->args, &sr, ps, flags) != NGX_OK) {
        return NULL;
    }

    sr->method = NGX_HTTP_GET;
    sr->method_name = ngx_http_core_get_method;

    part->request = sr;

    part->next = s->parts;
    s->parts = part;

    return part;
}


/* The client has all that was passed on of slices that are over. */

static void
ngx_http_xr_slice_sweep(ngx_http_xr_slice_t *s)
{
    ngx_http_xr_slice_part_t  *part, **next;

    next = &s->parts;

    while (*next != NULL) {
        part = *next;

        if (part->request->done) {
            *next = part->next;
            ngx_http_xr_slice_release(part->request);

        } else {
            next = &part->next;
        }
    }
}


/*
 * What takes most of the memory, and the files, would stay until the request
 * ends, as slices live in its pool: HTTP/2 keeps there what it sends of them.
 */

static void
ngx_http_xr_slice_release(ngx_http_request_t *r)
{
    ngx_fd_t          fd;
    ngx_chain_t      *cl;
    ngx_event_pipe_t *p;

    if (r->cache != NULL && r->cache->file.fd != NGX_INVALID_FILE) {
        ngx_pool_run_cleanup_file(r->pool, r->cache->file.fd);
    }

    p = (r->upstream != NULL) ? r->upstream->pipe : NULL;

    if (p == NULL) {
        return;
    }

    if (p->temp_file != NULL && p->temp_file->file.fd != NGX_INVALID_FILE) {
        fd = p->temp_file->file.fd;
        p->temp_file->file.fd = NGX_INVALID_FILE;

        ngx_pool_run_cleanup_file(r->pool, fd);
    }

    for (cl = p->free_raw_bufs; cl; cl = cl->next) {
        (void) ngx_pfree(r->pool, cl->buf->start);
    }

    p->free_raw_bufs = NULL;
}


/*
 * A client that has taken a slice will want the next ones of its range: they
 * are fetched while it takes this one.  One that stalls does not get here.
 */

static void
ngx_http_xr_slice_ahead(ngx_http_xr_slice_t *s, uint64_t number)
{
    uint64_t                   last;
    ngx_pool_cleanup_t        *cln;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_slice_part_t  *part;

    xlcf = ngx_http_get_module_loc_conf(s->request, ngx_http_xr_module);

    last = ngx_min(number + xlcf->prefetch, s->ranges[s->i].last / s->size);

    for (s->ahead = ngx_max(s->ahead, number + 1);
         s->ahead <= last
         && ngx_http_xr_slices_ahead < NGX_HTTP_XR_SLICE_AHEAD;
         s->ahead++)
    {
        cln = ngx_pool_cleanup_add(s->request->pool, 0);

        if (cln == NULL) {
            return;
        }

        part = ngx_http_xr_slice_fetch(s, s->ahead, 1, 1);

        if (part == NULL) {
            return;
        }

        cln->handler = ngx_http_xr_slice_ahead_end;
        cln->data = part;

        ngx_http_xr_slices_ahead++;
    }
}


/* Once, when it is fetched or the request is gone. */

static void
ngx_http_xr_slice_ahead_end(void *data)
{
    ngx_http_xr_slice_part_t *part = data;

    if (part->ahead) {
        part->ahead = 0;
        ngx_http_xr_slices_ahead--;
    }
}


/* How a slice's key in the cache begins; tenant and object follow. */

static ngx_int_t
ngx_http_xr_slice_key(ngx_http_xr_slice_t *s, ngx_http_xr_slice_part_t *part)
{
    u_char  *p;

    p = ngx_pnalloc(s->request->pool, NGX_HTTP_XR_SLICE_KEY_SIZE);

    if (p == NULL) {
        return NGX_ERROR;
    }

    part->key.data = p;
    part->key.len = ngx_sprintf(p, "@%uL:%uL:%uxL\n", s->size, part->number,
                                (part->number == 0) ? 0 : s->version.tag)
                    - p;

    return NGX_OK;
}


/*
 * The part that a request fetches, or the one that it updates in the
 * background.
 */

ngx_http_xr_slice_part_t *
ngx_http_xr_slice_part(ngx_http_request_t *r)
{
    for ( /* void */ ; r != r->main; r = r->parent) {

        if (r->post_subrequest != NULL
            && r->post_subrequest->handler == ngx_http_xr_slice_done)
        {
            return r->post_subrequest->data;
        }
    }

    return NULL;
}


/* It may be called more than once, and fails for the client's request only. */

static ngx_int_t
ngx_http_xr_slice_done(ngx_http_request_t *r, void *data, ngx_int_t rc)
{
    ngx_http_xr_slice_part_t *part = data;

    if (rc != NGX_OK && rc != NGX_AGAIN && part->rc == NGX_OK) {
        part->rc = rc;
    }

    if (part->ahead) {
        ngx_http_xr_slice_ahead_end(part);
    }

    if (part->probe && part == part->slice->part) {
        part->over = 1;

        if (ngx_http_post_request(r->main, NULL) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_xr_slice_continue(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_xr_slice_t       *s;
    ngx_http_xr_slice_part_t  *part;

    s = ngx_http_xr_get_ctx(r)->slice;
    part = s->part;

    if (part != NULL && !(part->probe ? part->over : part->request->done)) {
        return;
    }

    if (ngx_http_xr_slice_queued(r)) {
        ngx_http_xr_slice_flush(r);
        return;
    }

    s->part = NULL;

    rc = (part != NULL) ? ngx_http_xr_slice_ended(s, part) : NGX_OK;

    ngx_http_xr_slice_sweep(s);

    if (rc == NGX_OK) {
        rc = ngx_http_xr_slice_next(s);
    }

    if (rc == NGX_ERROR && s->headed && !r->connection->error) {

        /* what it has of it already is the client's */

        (void) ngx_http_send_special(r, NGX_HTTP_FLUSH);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }
}


/* "postpone_output" keeps back a little that counts as buffered nowhere. */

static ngx_uint_t
ngx_http_xr_slice_queued(ngx_http_request_t *r)
{
    return r->buffered || r->connection->buffered || r->out != NULL;
}


/*
 * A slice is over when all of it was passed on, which is not yet with the
 * client: until it is, nothing more is opened or asked for.
 */

static void
ngx_http_xr_slice_flush(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    wev = c->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!wev->delayed && !r->aio
        && ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (!ngx_http_xr_slice_queued(r)) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        r->write_event_handler = ngx_http_xr_slice_continue;
        ngx_http_xr_slice_continue(r);

        return;
    }

    r->write_event_handler = ngx_http_xr_slice_flush;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* NGX_OK: on to the next one. */

static ngx_int_t
ngx_http_xr_slice_ended(ngx_http_xr_slice_t *s, ngx_http_xr_slice_part_t *part)
{
    if (s->request->connection->error) {
        return NGX_ERROR;
    }

    if (s->changed) {
        return ngx_http_xr_slice_restart(s);
    }

    if (s->status != 0) {
        return s->headed ? NGX_ERROR : s->status;
    }

    if (!part->headed) {

        if (s->cache_status == 0 && part->request->upstream != NULL) {
            s->cache_status = part->request->upstream->cache_status;
        }

        return s->headed ? NGX_ERROR
               : (part->rc >= NGX_HTTP_SPECIAL_RESPONSE)
                 ? part->rc : NGX_HTTP_BAD_GATEWAY;
    }

    if (part->probe || s->bare || part->end <= part->first) {
        return NGX_OK;
    }

    s->begun = 1;

    /* an origin that breaks off is not one that ends */

    if (part->end == XR_RANGE_UNKNOWN) {
        return (part->rc == NGX_OK) ? NGX_OK : NGX_ERROR;
    }

    if (part->offset < part->end) {
        return NGX_ERROR;
    }

    s->next = part->end;

    return NGX_OK;
}


/*
 * What came belongs to another version.  The client has got nothing yet, or
 * learns that it will not get the rest; and who comes next begins anew.
 */

static ngx_int_t
ngx_http_xr_slice_restart(ngx_http_xr_slice_t *s)
{
    uint64_t    tag;
    ngx_uint_t  renewed;

    s->changed = 0;
    renewed = 0;

    if (!s->whole) {
        tag = s->version.tag;

        /* others may have found out before, and know the version by now */

        renewed = ngx_http_xr_slice_version_get(s->request, s) == NGX_OK
                  && !s->version.dirty && s->version.tag != tag;

        if (!renewed) {
            s->version.tag = tag;
            s->version.dirty = 1;
            ngx_http_xr_slice_version_put(s->request, s, 0);
        }
    }

    if (s->headed) {
        ngx_log_error(NGX_LOG_ERR, s->request->connection->log, 0,
                      "xr: object has changed while it was sent");
        return NGX_ERROR;
    }

    if (s->restarts++ == NGX_HTTP_XR_SLICE_RESTARTS) {
        ngx_log_error(NGX_LOG_ERR, s->request->connection->log, 0,
                      "xr: object changes faster than it can be read");
        return NGX_HTTP_BAD_GATEWAY;
    }

    s->known = renewed;
    s->refresh = !renewed;
    s->etag.len = 0;

    return ngx_http_xr_slice_begin(s);
}


/* NGX_AGAIN, or what to finish with. */

static ngx_int_t
ngx_http_xr_slice_next(ngx_http_xr_slice_t *s)
{
    uint64_t                   last;
    ngx_http_xr_slice_part_t  *part;

    if (s->bare) {
        return NGX_OK;
    }

    while (s->i < s->nranges && s->next > s->ranges[s->i].last) {
        s->i++;

        if (s->i < s->nranges) {
            s->next = s->ranges[s->i].first;
        }
    }

    if (s->i == s->nranges
        || (s->begun && s->version.length == XR_RANGE_UNKNOWN))
    {

        if (s->many
            && ngx_http_xr_slice_body_boundary(s->request, s, 1) != NGX_OK)
        {
            return NGX_ERROR;
        }

        return (ngx_http_send_special(s->request, NGX_HTTP_LAST) == NGX_ERROR)
               ? NGX_ERROR : NGX_OK;
    }

    part = ngx_http_xr_slice_fetch(s, s->whole ? 0 : s->next / s->size, 0, 0);
    if (part == NULL) {
        return NGX_ERROR;
    }

    if (s->begun && !s->whole) {
        ngx_http_xr_slice_ahead(s, part->number);
    }

    /* all of what is stored whole is passed on at once */

    last = s->whole ? s->ranges[s->nranges - 1].last
                    : ngx_min(s->ranges[s->i].last,
                              (part->number + 1) * s->size - 1);

    part->first = s->next;
    part->end = last + 1;
    s->part = part;

    return NGX_AGAIN;
}


/* A subrequest's header is taken here, and goes no further. */

static ngx_int_t
ngx_http_xr_slice_header_filter(ngx_http_request_t *r)
{
    ngx_http_xr_slice_part_t  *part;

    part = (r != r->main && !r->filter_finalize) ? ngx_http_xr_slice_part(r)
                                                 : NULL;

    if (part == NULL) {
        return ngx_http_xr_slice_next_header(r);
    }

    return (part->request == r) ? ngx_http_xr_slice_header_take(r, part)
                                : NGX_OK;
}
