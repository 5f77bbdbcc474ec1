/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_slice.h"


/* Of a slice, or of a whole object, the client gets what it asked for. */

#define NGX_HTTP_XR_BOUNDARY_SIZE  20


static ngx_int_t ngx_http_xr_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_xr_body_add(ngx_http_request_t *r, ngx_buf_t *b,
    ngx_chain_t ***last);
static ngx_int_t ngx_http_xr_body_one(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_buf_t *b, ngx_chain_t ***last);
static ngx_int_t ngx_http_xr_body_many(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_buf_t *b, ngx_chain_t ***last);
static ngx_buf_t *ngx_http_xr_body_copy(ngx_http_request_t *r, ngx_buf_t *b,
    off_t head, off_t tail);
static void ngx_http_xr_body_cut(ngx_buf_t *b, off_t head, off_t tail);
static void ngx_http_xr_body_drop(ngx_buf_t *b);
static ngx_buf_t *ngx_http_xr_body_between(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s, ngx_uint_t last);


static ngx_http_output_body_filter_pt  ngx_http_xr_body_next;


ngx_int_t
ngx_http_xr_slice_body_init(ngx_conf_t *cf)
{
    ngx_http_xr_body_next = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_xr_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                  rc;
    ngx_buf_t                 *b;
    ngx_chain_t               *cl, *out, **last;
    ngx_http_xr_slice_part_t  *part;

    part = (r != r->main && in != NULL) ? ngx_http_xr_slice_part_of(r) : NULL;

    if (part == NULL || part->request != r) {
        return ngx_http_xr_body_next(r, in);
    }

    if (part->slice->probing) {
        return ngx_http_xr_cut_probe_body(r, part, in);
    }

    out = NULL;
    last = &out;

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (ngx_buf_special(b)) {
            rc = ngx_http_xr_body_add(r, b, &last);

        } else if (part->slice->whole
                   && part->slice->result == XR_RANGE_MANY)
        {
            rc = ngx_http_xr_body_many(r, part, b, &last);

        } else {
            rc = ngx_http_xr_body_one(r, part, b, &last);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (part->end > part->first && part->offset >= part->end
        && r->upstream->pipe != NULL && !r->upstream->cacheable)
    {
        /* nobody wants the rest */

        r->upstream->pipe->upstream_done = 1;
    }

    if (out == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_xr_body_next(r, out);

    while (out != NULL) {
        cl = out;
        out = out->next;
        ngx_free_chain(r->pool, cl);
    }

    return rc;
}


static ngx_int_t
ngx_http_xr_body_add(ngx_http_request_t *r, ngx_buf_t *b, ngx_chain_t ***last)
{
    ngx_chain_t  *cl;

    cl = (b != NULL) ? ngx_alloc_chain_link(r->pool) : NULL;

    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    **last = cl;
    *last = &cl->next;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_body_one(ngx_http_request_t *r, ngx_http_xr_slice_part_t *part,
    ngx_buf_t *b, ngx_chain_t ***last)
{
    uint64_t  from, to;

    from = part->offset;
    to = from + ngx_buf_size(b);

    part->offset = to;

    if (to <= part->first || from >= part->end) {
        ngx_http_xr_body_drop(b);
        return NGX_OK;
    }

    ngx_http_xr_body_cut(b,
                    (from < part->first) ? (off_t) (part->first - from) : 0,
                    (to > part->end) ? (off_t) (to - part->end) : 0);

    return ngx_http_xr_body_add(r, b, last);
}


/*
 * Ranges are in ascending order, so one pass is enough.  A buffer can be cut
 * once: what of it belongs to more than one range is copied, but for the last.
 */

static ngx_int_t
ngx_http_xr_body_many(ngx_http_request_t *r, ngx_http_xr_slice_part_t *part,
    ngx_buf_t *b, ngx_chain_t ***last)
{
    off_t                 head, tail;
    uint64_t              from, to, end;
    ngx_buf_t            *piece;
    ngx_uint_t            used;
    xr_range_t           *range;
    ngx_http_xr_slice_t  *s;

    s = part->slice;
    from = part->offset;
    to = from + ngx_buf_size(b);
    used = 0;

    part->offset = to;

    while (s->i < s->nranges && s->next < to) {
        range = &s->ranges[s->i];
        end = ngx_min(to, range->last + 1);

        if (s->next == range->first
            && ngx_http_xr_body_add(r, ngx_http_xr_body_between(r, s, 0), last)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        head = (off_t) (s->next - from);
        tail = (off_t) (to - end);
        piece = b;

        s->next = end;

        if (end > range->last && ++s->i < s->nranges) {
            s->next = s->ranges[s->i].first;

            if (s->next < to) {
                piece = ngx_http_xr_body_copy(r, b, head, tail);
            }
        }

        if (piece == b) {
            used = 1;
            ngx_http_xr_body_cut(b, head, tail);
        }

        if (ngx_http_xr_body_add(r, piece, last) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (!used) {
        ngx_http_xr_body_drop(b);
    }

    return NGX_OK;
}


static ngx_buf_t *
ngx_http_xr_body_copy(ngx_http_request_t *r, ngx_buf_t *b, off_t head,
    off_t tail)
{
    size_t      size;
    ngx_buf_t  *copy;

    if (!ngx_buf_in_memory(b)) {
        copy = ngx_calloc_buf(r->pool);

        if (copy != NULL) {
            copy->in_file = 1;
            copy->file = b->file;
            copy->file_pos = b->file_pos + head;
            copy->file_last = b->file_last - tail;
        }

        return copy;
    }

    size = (size_t) (ngx_buf_size(b) - head - tail);
    copy = ngx_create_temp_buf(r->pool, size);

    if (copy != NULL) {
        copy->last = ngx_cpymem(copy->pos, b->pos + head, size);
    }

    return copy;
}


static void
ngx_http_xr_body_cut(ngx_buf_t *b, off_t head, off_t tail)
{
    if (b->in_file) {
        b->file_pos += head;
        b->file_last -= tail;
    }

    if (ngx_buf_in_memory(b)) {
        b->pos += head;
        b->last -= tail;
    }
}


static void
ngx_http_xr_body_drop(ngx_buf_t *b)
{
    b->pos = b->last;
    b->file_pos = b->file_last;
    b->sync = 1;
}


/* The type and the length of a response with several ranges. */

ngx_int_t
ngx_http_xr_slice_body_multipart(ngx_http_request_t *r, ngx_http_xr_slice_t *s)
{
    u_char    *p;
    size_t     size;
    xr_buf_t   b;
    uint64_t   random;

    static const size_t  type_size = sizeof("multipart/byteranges; boundary=");

    if (xr_random(&random, sizeof(random)) != XR_OK) {
        return NGX_ERROR;
    }

    size = type_size + 2 * NGX_HTTP_XR_BOUNDARY_SIZE;

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "%020uL", random);

    s->multipart.boundary = xr_str_of(p, NGX_HTTP_XR_BOUNDARY_SIZE);
    s->multipart.length = s->version.length;

    /* the type that goes out with each part is the one of whole objects */

    ngx_http_xr_headers_type(r, ngx_http_xr_get_ctx(r));
    s->multipart.type = ngx_http_xr_view(&r->headers_out.content_type);

    b = xr_buf(p + NGX_HTTP_XR_BOUNDARY_SIZE, size
                                              - NGX_HTTP_XR_BOUNDARY_SIZE);

    xr_range_multipart_type(&b, &s->multipart);

    r->headers_out.status = NGX_HTTP_PARTIAL_CONTENT;
    r->headers_out.content_type = ngx_http_xr_ngx(xr_buf_str(&b));
    r->headers_out.content_type_len = b.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = (off_t)
        xr_range_multipart_length(&s->multipart, s->ranges, s->nranges);

    return NGX_OK;
}


/* Sends what stands before a part of several, or behind the last. */

ngx_int_t
ngx_http_xr_slice_body_boundary(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s, ngx_uint_t last)
{
    ngx_chain_t  out;

    out.buf = ngx_http_xr_body_between(r, s, last);
    out.next = NULL;

    return (out.buf != NULL && ngx_http_xr_body_next(r, &out) != NGX_ERROR)
           ? NGX_OK : NGX_ERROR;
}


static ngx_buf_t *
ngx_http_xr_body_between(ngx_http_request_t *r, ngx_http_xr_slice_t *s,
    ngx_uint_t last)
{
    size_t      size;
    xr_buf_t    b;
    ngx_buf_t  *buf;

    size = last ? xr_range_multipart_end_size(&s->multipart)
                : xr_range_multipart_part_size(&s->multipart,
                                               s->ranges[s->i]);

    buf = ngx_create_temp_buf(r->pool, size);
    if (buf == NULL) {
        return NULL;
    }

    b = xr_buf(buf->pos, size);

    if (last) {
        xr_range_multipart_end(&b, &s->multipart);

    } else {
        xr_range_multipart_part(&b, &s->multipart, s->ranges[s->i]);
    }

    buf->last += b.len;

    return buf;
}
