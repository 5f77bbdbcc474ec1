/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_degrade.h"


/*
 * What is cut, at its origin: one range from the first byte on, of the version
 * whose beginning was read.  Of the answer that comes one is made as if the
 * origin had what was cut, before anybody else sees it.
 */

#define NGX_HTTP_XR_CUT_MARK  "-xr."


static ngx_int_t ngx_http_xr_cut_source(ngx_http_request_t *r,
    ngx_str_t *etag);
static ngx_int_t ngx_http_xr_cut_changed(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_cut_convert(ngx_http_request_t *r,
    ngx_http_xr_cut_t *cut);
static ngx_int_t ngx_http_xr_cut_filter(ngx_event_pipe_t *p, ngx_buf_t *buf);
static ngx_buf_t *ngx_http_xr_cut_pieces(ngx_event_pipe_t *p, ngx_buf_t *buf,
    ngx_http_xr_cut_t *cut, ngx_http_xr_cut_flow_t *flow, uint64_t to);
static ngx_int_t ngx_http_xr_cut_add(ngx_event_pipe_t *p, ngx_buf_t *buf,
    ngx_buf_t **last, u_char *start, size_t size);


/*
 * An entity tag that was made here, as the object's own.  NGX_DECLINED: it is
 * none.
 */

static ngx_int_t
ngx_http_xr_cut_source(ngx_http_request_t *r, ngx_str_t *etag)
{
    size_t   n, len;
    u_char  *p;

    len = sizeof(NGX_HTTP_XR_CUT_MARK) - 1;

    for (n = etag->len; n > len; n--) {

        if (ngx_memcmp(etag->data + n - len, NGX_HTTP_XR_CUT_MARK, len) != 0) {
            continue;
        }

        p = ngx_pnalloc(r->pool, n - len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        *ngx_cpymem(p, etag->data, n - len) = '"';

        etag->data = p;
        etag->len = n - len + 1;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* A stored entity tag, as the origin knows it. */

ngx_str_t
ngx_http_xr_cut_origin_etag(ngx_http_request_t *r)
{
    ngx_str_t  etag;

    etag = r->cache->etag;

    if (ngx_http_xr_cut_of(ngx_http_xr_slice_part_of(r)) != NULL) {
        (void) ngx_http_xr_cut_source(r, &etag);
    }

    return etag;
}


/*
 * Before the origin is asked for the first time.  It cannot be if only the key
 * of what is stored was known, and nothing is stored.
 */

ngx_int_t
ngx_http_xr_cut_origin_begin(ngx_http_request_t *r)
{
    ngx_str_t                  etag;
    ngx_uint_t                 unless;
    ngx_http_xr_cut_t         *cut;
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_slice_part_t  *part;

    part = ngx_http_xr_slice_part_of(r);
    cut = ngx_http_xr_cut_of(part);

    if (cut == NULL) {
        return NGX_OK;
    }

    exchange = r->upstream->input_filter_ctx;

    exchange->cut = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_cut_flow_t));
    if (exchange->cut == NULL) {
        return NGX_ERROR;
    }

    etag = ngx_http_xr_cut_origin_condition(r, cut, &unless);

    if (cut->planned || (unless && etag.len != 0)) {
        return NGX_OK;
    }

    cut->unknown = 1;

    return ngx_http_xr_cut_changed(r, part);
}


/* Each answer is cut from its own beginning. */

void
ngx_http_xr_cut_origin_again(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    if (exchange->cut != NULL) {
        ngx_memzero(exchange->cut, sizeof(ngx_http_xr_cut_flow_t));
    }
}


/* The entity tag it is asked for by; "unless": if it is that one no more. */

ngx_str_t
ngx_http_xr_cut_origin_condition(ngx_http_request_t *r, ngx_http_xr_cut_t *cut,
    ngx_uint_t *unless)
{
    ngx_str_t  etag;

    *unless = 0;

    if (r->cache != NULL && r->cache->etag.len != 0
        && r->upstream->cache_status == NGX_HTTP_CACHE_EXPIRED
        && r->upstream->conf->cache_revalidate)
    {
        etag = r->cache->etag;

        if (ngx_http_xr_cut_source(r, &etag) == NGX_OK) {
            *unless = 1;
            return etag;
        }
    }

    return cut->etag;
}


/*
 * What is asked for; nothing beside a condition where no more is known: then
 * it is renewed, or of another version.
 */

ngx_str_t
ngx_http_xr_cut_origin_range(ngx_http_xr_cut_t *cut, u_char *text)
{
    ngx_str_t  range;

    range.data = text;
    range.len = 0;

    if (cut->planned) {
        range.len = ngx_sprintf(text, "bytes=0-%uL", cut->plan.prefix - 1)
                    - text;
    }

    return range;
}


/* Content-Range: it is read, and goes no further.  NGX_DECLINED: not ours. */

ngx_int_t
ngx_http_xr_cut_origin_place(ngx_http_request_t *r, u_char *value, size_t len)
{
    ngx_str_t              text;
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    if (exchange->cut == NULL || r->cached) {
        return NGX_DECLINED;
    }

    text.data = value;
    text.len = len;

    exchange->cut->placed =
        ngx_http_xr_slice_origin_place(&text, &exchange->cut->content)
        == NGX_OK;

    return NGX_OK;
}


/*
 * The header of an answer is complete.  NGX_OK: it goes its usual way, as what
 * was cut if it is good; NGX_ERROR: it is of no use, and the client's request
 * knows why.
 */

ngx_int_t
ngx_http_xr_cut_origin_answer(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_http_xr_cut_t     *cut;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;

    if (part->slice->probing) {

        /* a beginning that is the whole is not worth to be stored for it */

        if (u->headers_in.status_n != NGX_HTTP_OK) {
            return NGX_DECLINED;
        }

        u->cacheable = 0;

        return NGX_OK;
    }

    cut = part->slice->cut;
    exchange = u->input_filter_ctx;

    switch (u->headers_in.status_n) {

    case NGX_HTTP_NOT_MODIFIED:
        return exchange->conditional ? NGX_OK
                                     : ngx_http_xr_cut_changed(r, part);

    case NGX_HTTP_PARTIAL_CONTENT:

        if (!cut->planned || !exchange->ranged || u->headers_in.chunked
            || !exchange->cut->placed
            || exchange->cut->content.range.first != 0
            || exchange->cut->content.range.last != cut->plan.prefix - 1
            || exchange->cut->content.length != cut->source
            || u->headers_in.content_length == NULL
            || u->headers_in.content_length_n != (off_t) cut->plan.prefix
            || u->headers_in.etag == NULL
            || !xr_str_eq(ngx_http_xr_view(&u->headers_in.etag->value),
                          ngx_http_xr_view(&cut->etag)))
        {
            return ngx_http_xr_cut_changed(r, part);
        }

        return ngx_http_xr_cut_convert(r, cut);

    case NGX_HTTP_OK:
    case NGX_HTTP_NOT_FOUND:
    case 410:
    case NGX_HTTP_PRECONDITION_FAILED:
    case NGX_HTTP_RANGE_NOT_SATISFIABLE:
        return ngx_http_xr_cut_changed(r, part);

    default:
        return NGX_OK;
    }
}


/* In the background nobody begins anew: who comes next does. */

static ngx_int_t
ngx_http_xr_cut_changed(ngx_http_request_t *r, ngx_http_xr_slice_part_t *part)
{
    if (part->request == r && part == part->slice->part) {
        part->slice->changed = 1;
    }

    return NGX_ERROR;
}


/* Status, length and entity tag of what will be sent. */

static ngx_int_t
ngx_http_xr_cut_convert(ngx_http_request_t *r, ngx_http_xr_cut_t *cut)
{
    u_char               *p;
    ngx_str_t            *etag, *length;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    etag = &u->headers_in.etag->value;
    length = &u->headers_in.content_length->value;

    p = ngx_pnalloc(r->pool, etag->len + sizeof(NGX_HTTP_XR_CUT_MARK) + 1
                             + 2 * NGX_INT64_LEN + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    length->data = p;
    length->len = ngx_sprintf(p, "%uL%Z", cut->plan.length) - p - 1;

    p += length->len + 1;

    etag->len = ngx_sprintf(p, "%*s" NGX_HTTP_XR_CUT_MARK "%c%uL\"%Z",
                            etag->len - 1, etag->data,
                            (cut->kind == NGX_HTTP_XR_CUT_TEXTURE) ? 'k' : 'h',
                            cut->number)
                - p - 1;
    etag->data = p;

    u->headers_in.status_n = NGX_HTTP_OK;
    u->headers_in.content_length_n = (off_t) cut->plan.length;

    return NGX_OK;
}


/* Of the answer more is read than is passed on. */

void
ngx_http_xr_cut_origin_body(ngx_http_request_t *r)
{
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    exchange = u->input_filter_ctx;

    if (exchange->cut == NULL || u->headers_in.status_n != NGX_HTTP_OK) {
        return;
    }

    u->pipe->length = (off_t) (exchange->cut->content.range.last + 1);
    u->pipe->input_filter = ngx_http_xr_cut_filter;
    u->length = u->pipe->length;
}


static ngx_int_t
ngx_http_xr_cut_filter(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    off_t                    size;
    ngx_buf_t               *b;
    ngx_http_request_t      *r;
    ngx_http_xr_cut_t       *cut;
    ngx_http_upstream_t     *u;
    ngx_http_xr_origin_t    *exchange;
    ngx_http_xr_cut_flow_t  *flow;

    if (!ngx_http_xr_response_body_begin(p, buf)) {
        return NGX_OK;
    }

    r = p->input_ctx;
    u = r->upstream;
    exchange = u->input_filter_ctx;
    flow = exchange->cut;
    cut = ngx_http_xr_slice_part_of(r)->slice->cut;

    size = ngx_min(buf->last - buf->pos, p->length);

    b = ngx_http_xr_cut_pieces(p, buf, cut, flow, flow->at + size);

    if (b == NULL) {
        return NGX_ERROR;
    }

    if (b != buf) {
        b->shadow = buf;
        b->last_shadow = 1;
    }

    p->length -= size;

    if (size < buf->last - buf->pos) {
        ngx_log_error(NGX_LOG_WARN, p->log, 0,
                      "xr: origin sent more than its Content-Length");
        p->upstream_done = 1;

    } else if (p->length == 0) {
        u->keepalive = !u->headers_in.connection_close;
    }

    return (b == buf) ? ngx_event_pipe_add_free_buf(p, buf) : NGX_OK;
}


/*
 * What of the object up to "to" is passed on.  Returns the last buffer, which
 * is "buf" itself where there is none, or NULL.
 */

static ngx_buf_t *
ngx_http_xr_cut_pieces(ngx_event_pipe_t *p, ngx_buf_t *buf,
    ngx_http_xr_cut_t *cut, ngx_http_xr_cut_flow_t *flow, uint64_t to)
{
    u_char           *zeros;
    uint64_t          from, first, last;
    ngx_buf_t        *b;
    xr_ktx2_piece_t  *piece;

    from = flow->at;
    flow->at = to;

    b = buf;

    if (!flow->begun) {
        flow->begun = 1;

        if (cut->start.len != 0
            && ngx_http_xr_cut_add(p, buf, &b, cut->start.data, cut->start.len)
               != NGX_OK)
        {
            return NULL;
        }
    }

    while (flow->piece < cut->plan.n && cut->plan.pieces[flow->piece].from < to)
    {
        piece = &cut->plan.pieces[flow->piece];

        first = ngx_max(piece->from, from);
        last = ngx_min(piece->from + piece->length, to);

        if (first == piece->from && piece->zeros != 0) {
            zeros = ngx_pcalloc(p->pool, (size_t) piece->zeros);

            if (zeros == NULL
                || ngx_http_xr_cut_add(p, buf, &b, zeros,
                                       (size_t) piece->zeros)
                   != NGX_OK)
            {
                return NULL;
            }
        }

        if (ngx_http_xr_cut_add(p, buf, &b, buf->pos + (first - from),
                                (size_t) (last - first))
            != NGX_OK)
        {
            return NULL;
        }

        if (last < piece->from + piece->length) {
            break;
        }

        flow->piece++;
    }

    return b;
}


static ngx_int_t
ngx_http_xr_cut_add(ngx_event_pipe_t *p, ngx_buf_t *buf, ngx_buf_t **last,
    u_char *start, size_t size)
{
    ngx_buf_t  *b;

    b = ngx_http_xr_response_body_add(p, buf, start, size);

    if (b == NULL) {
        return NGX_ERROR;
    }

    (*last)->shadow = b;
    *last = b;

    return NGX_OK;
}
