/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_slice.h"
#include "ngx_http_xr_degrade.h"
#include "ngx_http_xr_encode.h"


/* The body of an origin's answer, on its way through NGINX's pipe. */


static ngx_buf_t *ngx_http_xr_body_chunk(ngx_event_pipe_t *p,
    ngx_buf_t *buf, ngx_http_chunked_t *chunked);
static ngx_int_t ngx_http_xr_body_chunked(ngx_event_pipe_t *p,
    ngx_buf_t *buf);


ngx_int_t
ngx_http_xr_response_body_init(void *data)
{
    ngx_http_request_t *r = data;

    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    exchange = u->input_filter_ctx;

    /* RFC 9112, section 6.3 */

    if (u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED || exchange->head) {
        u->pipe->length = 0;
        u->length = 0;

    } else if (u->headers_in.chunked) {
        u->pipe->input_filter = ngx_http_xr_body_chunked;
        u->pipe->length = 3;                /* "0" LF LF */
        u->length = 1;

    } else {
        u->pipe->length = u->headers_in.content_length_n;
        u->length = u->headers_in.content_length_n;

        /* of what has no body "keepalive" is decided already */
    }

    ngx_http_xr_encode_body(r);
    ngx_http_xr_cut_origin_body(r);
    ngx_http_xr_degrade_store_begin(r);
    ngx_http_xr_slice_flight_body(r);

    return NGX_OK;
}


/*
 * How every filter of the pipe begins: 0 if "buf" holds nothing to pass on.
 * What comes behind the end of a body is nobody's.
 */

ngx_uint_t
ngx_http_xr_response_body_begin(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    ngx_http_request_t  *r;

    if (buf->pos == buf->last || p->upstream_done) {
        return 0;
    }

    if (p->length == 0) {
        r = p->input_ctx;
        r->upstream->keepalive = 0;
        p->upstream_done = 1;

        return 0;
    }

    ngx_http_xr_degrade_store_room(p);

    return 1;
}


ngx_int_t
ngx_http_xr_response_body_copy(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    ngx_buf_t           *b;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    if (!ngx_http_xr_response_body_begin(p, buf)) {
        return NGX_OK;
    }

    r = p->input_ctx;

    cl = ngx_chain_get_free_buf(p->pool, &p->free);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = cl->buf;

    ngx_memcpy(b, buf, sizeof(ngx_buf_t));
    b->shadow = buf;
    b->tag = p->tag;
    b->last_shadow = 1;
    b->recycled = 1;
    buf->shadow = b;

    if (p->in) {
        *p->last_in = cl;

    } else {
        p->in = cl;
    }

    p->last_in = &cl->next;

    ngx_http_xr_slice_flight_more(r);

    if (p->length == -1) {
        return NGX_OK;
    }

    if (b->last - b->pos > p->length) {
        ngx_log_error(NGX_LOG_WARN, p->log, 0,
                      "xr: origin sent more than its Content-Length");

        b->last = b->pos + p->length;
        p->upstream_done = 1;

        return NGX_OK;
    }

    p->length -= b->last - b->pos;

    if (p->length == 0) {
        r->upstream->keepalive = !r->upstream->headers_in.connection_close;
    }

    return NGX_OK;
}


/* NGINX's parser, whose arguments differ by version. */

ngx_int_t
ngx_http_xr_response_body_parse(ngx_http_request_t *r, ngx_buf_t *b,
    ngx_http_chunked_t *chunked)
{
#if (nginx_version >= 1029003)

    return ngx_http_parse_chunked(r, b, chunked, 0);

#else

    return ngx_http_parse_chunked(r, b, chunked);

#endif
}


/* A buffer over bytes that are passed on until "buf" is free again. */

ngx_buf_t *
ngx_http_xr_response_body_add(ngx_event_pipe_t *p, ngx_buf_t *buf,
    u_char *start, size_t size)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_chain_get_free_buf(p->pool, &p->free);
    if (cl == NULL) {
        return NULL;
    }

    b = cl->buf;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = buf->start;
    b->end = buf->end;
    b->pos = start;
    b->last = start + size;
    b->tag = p->tag;
    b->temporary = 1;
    b->recycled = 1;
    b->num = buf->num;

    if (p->in) {
        *p->last_in = cl;

    } else {
        p->in = cl;
    }

    p->last_in = &cl->next;

    return b;
}


/* A buffer over the part of a chunk that lies in "buf". */

static ngx_buf_t *
ngx_http_xr_body_chunk(ngx_event_pipe_t *p, ngx_buf_t *buf,
    ngx_http_chunked_t *chunked)
{
    size_t      size;
    ngx_buf_t  *b;

    size = (size_t) ngx_min(buf->last - buf->pos, chunked->size);

    b = ngx_http_xr_response_body_add(p, buf, buf->pos, size);

    if (b != NULL) {
        buf->pos += size;
        chunked->size -= size;
    }

    return b;
}


static ngx_int_t
ngx_http_xr_body_chunked(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    ngx_int_t              rc;
    ngx_buf_t             *b, *next, **prev;
    ngx_http_request_t    *r;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    if (!ngx_http_xr_response_body_begin(p, buf)) {
        return NGX_OK;
    }

    r = p->input_ctx;
    u = r->upstream;
    exchange = u->input_filter_ctx;

    b = NULL;
    prev = &buf->shadow;

    while ((rc = ngx_http_xr_response_body_parse(r, buf, &exchange->chunked))
           == NGX_OK)
    {
        next = ngx_http_xr_body_chunk(p, buf, &exchange->chunked);
        if (next == NULL) {
            return NGX_ERROR;
        }

        b = next;
        *prev = b;
        prev = &b->shadow;
    }

    if (rc == NGX_DONE) {
        p->length = 0;
        u->keepalive = !u->headers_in.connection_close && buf->pos == buf->last;

    } else if (rc == NGX_AGAIN) {
        p->length = exchange->chunked.length;   /* the least still to come */

    } else {
        exchange->invalid = 1;

        ngx_log_error(NGX_LOG_ERR, p->log, 0,
                      "xr: origin sent an invalid chunked body");
        return NGX_ERROR;
    }

    if (b == NULL) {
        return ngx_event_pipe_add_free_buf(p, buf);
    }

    b->shadow = buf;
    b->last_shadow = 1;

    return NGX_OK;
}
