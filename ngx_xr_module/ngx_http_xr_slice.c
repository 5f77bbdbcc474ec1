/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_degrade.h"
#include "ngx_http_xr_variant.h"


/* The way of a client's request through its slices. */

#define NGX_HTTP_XR_SLICE_RESTARTS  3


static ngx_int_t ngx_http_xr_slice_ranges(ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_begin(ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_open(ngx_http_xr_slice_t *s,
    uint64_t first);
static uint64_t ngx_http_xr_slice_first(ngx_http_xr_slice_t *s,
    ngx_uint_t *probe);
static ngx_int_t ngx_http_xr_slice_ended(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_slice_other(ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_left(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_slice_again(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_slice_restart(ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_send(ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_next(ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_header_filter(ngx_http_request_t *r);


static ngx_http_output_header_filter_pt  ngx_http_xr_slice_next_header;


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
    return ctx->slice != NULL && ctx->slice->headed
           && ctx->slice->result == XR_RANGE_MANY;
}


/* Of the first slice that was asked for; 0: there is none yet. */

ngx_uint_t
ngx_http_xr_slice_cache_status(ngx_http_xr_ctx_t *ctx)
{
    return ctx->slice->cache_status;
}


/*
 * Whether a request is ours: where slices are stored all are.  Of what is
 * stored whole it is those that ask for parts, for a header, or on conditions.
 */

ngx_uint_t
ngx_http_xr_slice_wanted(ngx_http_request_t *r, ngx_http_xr_loc_conf_t *xlcf)
{
    ngx_http_xr_ctx_t      *ctx;
    ngx_http_headers_in_t  *in;

    if (r != r->main) {
        return 0;
    }

    ctx = ngx_http_xr_get_ctx(r);

    if (ngx_http_xr_cut_active(ctx)) {
        return 1;
    }

    if (!xlcf->upstream.cache) {
        return 0;
    }

    in = &r->headers_in;

    return (xlcf->slice_size != 0 && ctx->compress == XR_ENCODING_IDENTITY)
           || ctx->purge.some != 0
           || r->method == NGX_HTTP_HEAD || in->range != NULL
           || in->if_match != NULL
           || in->if_none_match != NULL
           || in->if_modified_since != NULL
           || in->if_unmodified_since != NULL;
}


/* The content handler of such requests. */

ngx_int_t
ngx_http_xr_slice_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_xr_ctx_t            *ctx;
    ngx_pool_cleanup_t           *cln;
    ngx_http_xr_slice_t          *s;
    ngx_http_xr_loc_conf_t       *xlcf;
    ngx_http_xr_version_state_t   state;

    ctx = ngx_http_xr_get_ctx(r);
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_slice_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    s = cln->data;
    ngx_memzero(s, sizeof(ngx_http_xr_slice_t));

    cln->handler = ngx_http_xr_slice_part_end;

    s->request = r;
    s->cut = ngx_http_xr_cut_active(ctx) ? ctx->cut : NULL;
    s->size = (s->cut != NULL || ctx->compress != XR_ENCODING_IDENTITY)
              ? 0 : xlcf->slice_size;
    s->whole = (s->size == 0);
    s->bare = r->header_only;

    if (ngx_http_xr_slice_ranges(s) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!s->whole) {
        ngx_http_xr_slice_version_object(r, s);

        state = ngx_http_xr_slice_version_get(r, s);
        s->known = (state == NGX_HTTP_XR_VERSION_IS_KNOWN);
        s->refresh = (state == NGX_HTTP_XR_VERSION_IS_DIRTY);
    }

    ctx->slice = s;

    r->main->count++;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_xr_slice_continue;

    rc = ngx_http_xr_slice_begin(s);

    if (rc == NGX_OK) {
        rc = ngx_http_xr_slice_next(s);
    }

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

    if (range == NULL || !(r->method & NGX_HTTP_GET)) {
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


/* NGX_AGAIN, NGX_OK: the header is out, or what to finish with. */

static ngx_int_t
ngx_http_xr_slice_begin(ngx_http_xr_slice_t *s)
{
    uint64_t    first;
    ngx_int_t   rc;
    ngx_uint_t  probe;

    first = ngx_http_xr_slice_first(s, &probe);

    if (s->known && !s->whole && !probe) {
        rc = ngx_http_xr_slice_open(s, first);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    s->part = ngx_http_xr_slice_part_fetch(s, s->whole ? 0 : first / s->size,
                                           probe, 0);

    return (s->part != NULL) ? NGX_AGAIN : NGX_ERROR;
}


/*
 * Of the slice where the client's response begins the file is open: then the
 * header needs no subrequest, unless it is for one to judge on conditions.
 */

static ngx_int_t
ngx_http_xr_slice_open(ngx_http_xr_slice_t *s, uint64_t first)
{
    ngx_int_t                rc;
    ngx_http_headers_in_t   *in;
    ngx_http_xr_loc_conf_t  *xlcf;

    in = &s->request->headers_in;
    xlcf = ngx_http_get_module_loc_conf(s->request, ngx_http_xr_module);

    if (in->if_match != NULL
        || in->if_none_match != NULL
        || in->if_modified_since != NULL
        || in->if_unmodified_since != NULL
        || in->if_range != NULL
        || xlcf->upstream.cache_bypass != NULL)
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_xr_slice_file_header(s, first / s->size);

    if (rc != NGX_OK) {
        return rc;
    }

    s->result = XR_RANGE_ONE;

    if (s->nspecs == 0) {
        s->result = XR_RANGE_NONE;
        s->ranges[0].first = 0;
        s->ranges[0].last = s->version.length - 1;
    }

    s->nranges = 1;
    s->next = first;

    return ngx_http_xr_slice_header_out(s);
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


void
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

    if (ngx_http_xr_slice_flush_queued(r)) {
        ngx_http_xr_slice_flush_run(r);
        return;
    }

    s->part = NULL;

    rc = (part != NULL) ? ngx_http_xr_slice_ended(s, part) : NGX_OK;

    ngx_http_xr_slice_part_sweep(s);

    if (rc == NGX_OK) {
        rc = ngx_http_xr_slice_next(s);
    }

    if (rc == NGX_ERROR && s->headed && !r->connection->error) {

        /* what it has of it already is the client's */

        (void) ngx_http_send_special(r, NGX_HTTP_FLUSH);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_xr_slice_bare_end(s, rc);
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

    if (ngx_http_xr_degrade_part(part)) {
        return ngx_http_xr_slice_again(s, part);
    }

    if (!s->headed
        && (s->status == NGX_HTTP_NOT_FOUND || part->rc == NGX_HTTP_NOT_FOUND)
        && ngx_http_xr_variant_missing(s->request))
    {
        return ngx_http_xr_slice_other(s);
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

    if (part->follow != NULL && part->offset < part->end) {
        return ngx_http_xr_slice_left(s, part);
    }

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


/* Another object than the one that was begun with; nothing went out of it. */

static ngx_int_t
ngx_http_xr_slice_other(ngx_http_xr_slice_t *s)
{
    ngx_http_xr_ctx_t  *ctx;

    ctx = ngx_http_xr_get_ctx(s->request);

    if (ngx_http_xr_purge_begin(s->request) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->deny = XR_DENY_NONE;

    ngx_http_xr_slice_run_at(s, XR_RANGE_UNKNOWN);

    s->status = 0;
    s->changed = 0;
    s->known = 0;
    s->root = NULL;
    s->etag.len = 0;
    s->whole = (s->size == 0);

    if (!s->whole) {
        ngx_http_xr_slice_version_object(s->request, s);
    }

    return ngx_http_xr_slice_begin(s);
}


/* Who fetched it has given up: the rest of it is fetched here. */

static ngx_int_t
ngx_http_xr_slice_left(ngx_http_xr_slice_t *s, ngx_http_xr_slice_part_t *part)
{
    s->follows++;

    /* of several ranges of what is whole it is known from what was passed on */

    if (!(s->whole && s->result == XR_RANGE_MANY)) {
        s->next = ngx_max(part->first, part->offset);
    }

    return NGX_OK;
}


/* The same slice past the cache, from where it ended. */

static ngx_int_t
ngx_http_xr_slice_again(ngx_http_xr_slice_t *s, ngx_http_xr_slice_part_t *part)
{
    s->part = ngx_http_xr_slice_part_fetch(s, part->number, part->probe, 0);

    if (s->part == NULL) {
        return NGX_ERROR;
    }

    if (part->headed && part->end > part->first) {
        s->begun = 1;
        s->next = ngx_min(ngx_max(part->offset, part->first), part->end);
        part->first = s->next;
    }

    s->part->uncached = 1;
    s->part->first = part->first;
    s->part->end = part->end;

    return NGX_AGAIN;
}


/*
 * What came belongs to another version.  The client has got nothing yet, or
 * learns that it will not get the rest; and who comes next begins anew.
 */

static ngx_int_t
ngx_http_xr_slice_restart(ngx_http_xr_slice_t *s)
{
    uint64_t    tag;
    ngx_uint_t  purged, renewed;

    if (s->cut != NULL) {
        return ngx_http_xr_cut_restart(s);
    }
    ngx_http_xr_slice_run_at(s, XR_RANGE_UNKNOWN);

    purged = s->purged;
    s->changed = 0;
    s->root = NULL;
    renewed = 0;

    if (s->purged) {
        s->purged = 0;
        s->whole = (s->size == 0);
        renewed = 1;

        if (!s->whole) {
            ngx_http_xr_slice_version_object(s->request, s);
        }

    } else if (!s->whole && !s->outdated) {
        tag = s->version.tag;

        /* others may have found out before, and know the version by now */

        renewed = ngx_http_xr_slice_version_get(s->request, s)
                  == NGX_HTTP_XR_VERSION_IS_KNOWN
                  && s->version.tag != tag;

        if (!renewed) {
            ngx_http_xr_slice_version_put(s->request, s,
                                          NGX_HTTP_XR_VERSION_IS_DIRTY, 0);
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

    s->known = renewed && !purged;
    s->refresh = !renewed && !s->outdated;
    s->outdated = 0;
    s->etag.len = 0;

    return ngx_http_xr_slice_begin(s);
}


/*
 * Slices that are open, as long as the client takes them at once: NGX_OK, if
 * these were the last ones, NGX_AGAIN, or NGX_DECLINED, as the next one is not
 * open.
 */

static ngx_int_t
ngx_http_xr_slice_send(ngx_http_xr_slice_t *s)
{
    uint64_t    end, last;
    ngx_int_t   rc;

    if (!s->headed || s->whole || s->result == XR_RANGE_MANY
        || s->nranges != 1)
    {
        return NGX_DECLINED;
    }

    last = s->ranges[0].last + 1;

    while (s->next < last) {
        end = ngx_min(last, (s->next / s->size + 1) * s->size);

        rc = ngx_http_xr_slice_file_send(s, end, end == last);

        if (rc != NGX_OK) {
            return rc;
        }

        s->begun = 1;

        if (end == last) {
            return NGX_OK;
        }

        if (ngx_http_xr_slice_flush_queued(s->request)) {
            return (ngx_http_xr_slice_flush_wait(s->request) == NGX_OK)
                   ? NGX_AGAIN : NGX_ERROR;
        }
    }

    return NGX_DECLINED;
}


/* NGX_AGAIN, or what to finish with. */

static ngx_int_t
ngx_http_xr_slice_next(ngx_http_xr_slice_t *s)
{
    uint64_t                   last, number;
    ngx_int_t                  rc;
    ngx_http_xr_slice_part_t  *part;

    if (s->bare) {
        return NGX_OK;
    }

    rc = ngx_http_xr_slice_send(s);

    if (rc != NGX_DECLINED) {
        return rc;
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

        if (s->result == XR_RANGE_MANY
            && ngx_http_xr_slice_body_boundary(s->request, s, 1) != NGX_OK)
        {
            return NGX_ERROR;
        }

        return (ngx_http_send_special(s->request, NGX_HTTP_LAST) == NGX_ERROR)
               ? NGX_ERROR : NGX_OK;
    }

    number = s->whole ? 0 : s->next / s->size;

    ngx_http_xr_slice_run_at(s, number);

    part = ngx_http_xr_slice_part_fetch(s, number, 0, 0);
    if (part == NULL) {
        return NGX_ERROR;
    }

    if (s->begun && !s->whole) {
        ngx_http_xr_slice_part_ahead(s, part->number);
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

    part = (r != r->main && !r->filter_finalize) ? ngx_http_xr_slice_part_of(r)
                                                 : NULL;

    if (part == NULL) {
        return ngx_http_xr_slice_next_header(r);
    }

    return (part->request == r) ? ngx_http_xr_slice_header_take(r, part)
                                : NGX_OK;
}
