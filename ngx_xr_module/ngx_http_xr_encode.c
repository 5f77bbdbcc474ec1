/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_degrade.h"
#include "ngx_http_xr_encode.h"

#include "xr_encoder.h"
#include "xr_precondition.h"


/*
 * An object that is encoded on its way from the origin: what NGINX stores and
 * sends is the outcome.
 */

/* What is encoded before others have their turn, a millisecond's work. */

#define NGX_HTTP_XR_ENCODE_TURN  (128 * 1024)


struct ngx_http_xr_encode_s {
    xr_encoder_t                   encoder;
    ngx_http_request_t            *request;
    ngx_event_t                    event;       /* the next turn */
    size_t                         turn;        /* bytes so far in this one */
    off_t                          length;      /* before it is encoded */
    unsigned                       counted:1;
    unsigned                       active:1;
};


static void ngx_http_xr_encode_cleanup(void *data);
static ngx_uint_t ngx_http_xr_encode_can(ngx_http_request_t *r);
static void ngx_http_xr_encode_pass(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_encode_lines(ngx_http_request_t *r,
    xr_encoding_t coding);
static void ngx_http_xr_encode_line(ngx_table_elt_t *h, ngx_str_t *name,
    u_char *lowcase);
static ngx_int_t ngx_http_xr_encode_etag(ngx_http_request_t *r,
    ngx_table_elt_t *h, xr_encoding_t coding);
static ngx_int_t ngx_http_xr_encode_input(ngx_event_pipe_t *p,
    ngx_buf_t *buf);
static ngx_int_t ngx_http_xr_encode_run(ngx_event_pipe_t *p,
    ngx_http_xr_encode_t *e, xr_str_t in, ngx_uint_t last, ngx_buf_t *buf);
static ngx_buf_t *ngx_http_xr_encode_buffer(ngx_event_pipe_t *p,
    ngx_buf_t *buf);
static ngx_int_t ngx_http_xr_encode_pass_on(ngx_event_pipe_t *p,
    ngx_buf_t *raw, size_t len);
static void ngx_http_xr_encode_pause(ngx_event_pipe_t *p,
    ngx_http_xr_encode_t *e, size_t size);
static void ngx_http_xr_encode_resume(ngx_event_t *ev);


/* Under way in this worker. */

static ngx_uint_t  ngx_http_xr_encodes;


/* Whether one more may begin. */

ngx_uint_t
ngx_http_xr_encode_room(ngx_uint_t max)
{
    return ngx_http_xr_encodes < max;
}


/* The origin is about to be asked for what is to be encoded. */

ngx_int_t
ngx_http_xr_encode_reserve(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_upstream_t     *u;
    ngx_http_xr_origin_t    *exchange;
    ngx_http_xr_encode_t    *e;
    ngx_http_xr_loc_conf_t  *xlcf;

    u = r->upstream;
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (ngx_http_xr_get_ctx(r)->compress == XR_ENCODING_IDENTITY
        || r->cache == NULL || !u->cacheable
        || !ngx_http_xr_encode_room(xlcf->encoding.concurrency))
    {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_encode_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    e = cln->data;
    ngx_memzero(e, sizeof(ngx_http_xr_encode_t));

    cln->handler = ngx_http_xr_encode_cleanup;

    e->request = r;
    e->event.handler = ngx_http_xr_encode_resume;
    e->event.data = e;
    e->event.log = r->connection->log;
    e->counted = 1;

    ngx_http_xr_encodes++;

    exchange = u->input_filter_ctx;
    exchange->encode = e;

    return NGX_OK;
}


static void
ngx_http_xr_encode_cleanup(void *data)
{
    ngx_http_xr_encode_t *e = data;

    xr_encoder_end(&e->encoder);
    e->active = 0;

    if (e->event.posted) {
        ngx_delete_posted_event(&e->event);
    }

    if (e->counted) {
        e->counted = 0;
        ngx_http_xr_encodes--;
    }
}


/* The exchange with the origin is over. */

void
ngx_http_xr_encode_end(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    if (exchange->encode != NULL) {
        ngx_http_xr_encode_cleanup(exchange->encode);
    }
}


/* Another try: what an earlier one said does not count. */

void
ngx_http_xr_encode_again(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    if (exchange->encode != NULL) {
        xr_encoder_end(&exchange->encode->encoder);
        exchange->encode->active = 0;
    }
}


/*
 * The header of an answer that will be stored.  What cannot be encoded, such
 * as an object that is too short, is stored under the same key as it is.
 */

ngx_int_t
ngx_http_xr_encode_header(ngx_http_request_t *r)
{
    xr_rc_t                  rc;
    ngx_http_xr_ctx_t       *ctx;
    ngx_http_upstream_t     *u;
    ngx_http_xr_origin_t    *exchange;
    ngx_http_xr_encode_t    *e;
    ngx_http_xr_loc_conf_t  *xlcf;

    u = r->upstream;
    ctx = ngx_http_xr_get_ctx(r);

    if (ctx->compress == XR_ENCODING_IDENTITY || !ngx_http_xr_encode_can(r)) {
        return NGX_OK;
    }

    exchange = u->input_filter_ctx;
    e = exchange->encode;

    if (e == NULL || !e->counted) {
        ngx_http_xr_encode_pass(r);
        return NGX_OK;
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    e->length = u->headers_in.content_length_n;

    rc = xr_encoder_begin(&e->encoder, ctx->compress, xlcf->encoding.level,
                          (uint64_t) e->length);
    if (rc != XR_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: cannot begin to compress");
        ngx_http_xr_encode_pass(r);

        return NGX_OK;
    }

    e->active = 1;

    return ngx_http_xr_encode_lines(r, ctx->compress);
}


/*
 * A length is needed to tell an end from a cut, and a strong entity tag to
 * make one of: two codings of an object must not look the same.
 */

static ngx_uint_t
ngx_http_xr_encode_can(ngx_http_request_t *r)
{
    off_t                     length;
    ngx_uint_t                i;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *h;
    ngx_http_upstream_t      *u;
    ngx_http_xr_origin_t     *exchange;
    ngx_http_xr_loc_conf_t   *xlcf;
    xr_precondition_etag_t    etag;

    u = r->upstream;
    exchange = u->input_filter_ctx;
    length = u->headers_in.content_length_n;
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (u->headers_in.status_n != NGX_HTTP_OK || exchange->head
        || u->headers_in.chunked || u->headers_in.etag == NULL
        || length < (off_t) ngx_max(xlcf->encoding.min_length, 1)
        || length > (off_t) xlcf->encoding.max_length)
    {
        return 0;
    }

    if (xr_precondition_etag(ngx_http_xr_view(&u->headers_in.etag->value),
                             &etag)
        != XR_OK || etag.weak)
    {
        return 0;
    }

    for (part = &u->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (xr_str_eq(ngx_http_xr_view(&h[i].key),
                          xr_str("Content-Encoding")))
            {
                return 0;
            }
        }
    }

    return 1;
}


/* Nobody can encode it now: it is passed on, and the next one may. */

static void
ngx_http_xr_encode_pass(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;
    u->cacheable = 0;

    if (u->cache_status == NGX_HTTP_CACHE_EXPIRED) {
        ngx_http_xr_status_forget(r->cache);
    }
}


/*
 * What is said of the outcome.  Its length is not known; that of the object
 * has a name of its own.  There is no date of change any more: one who asks
 * for a range on condition of it would get bytes of another coding.
 */

static ngx_int_t
ngx_http_xr_encode_lines(ngx_http_request_t *r, xr_encoding_t coding)
{
    ngx_uint_t            i;
    ngx_list_part_t      *part;
    ngx_table_elt_t      *h;
    ngx_http_upstream_t  *u;

    static ngx_str_t  encoding = ngx_string("Content-Encoding");
    static ngx_str_t  size = ngx_string("X-File-Size");
    static ngx_str_t  none = ngx_null_string;

    u = r->upstream;

    for (part = &u->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (&h[i] == u->headers_in.content_length) {
                ngx_http_xr_encode_line(&h[i], &size,
                                        (u_char *) "x-file-size");

            } else if (&h[i] == u->headers_in.etag) {

                if (ngx_http_xr_encode_etag(r, &h[i], coding) != NGX_OK) {
                    return NGX_ERROR;
                }

            } else if (xr_str_eq(ngx_http_xr_view(&h[i].key),
                                 xr_str("Last-Modified"))
                       || xr_str_eq(ngx_http_xr_view(&h[i].key),
                                    xr_str("Content-Length"))
                       || xr_str_eq(ngx_http_xr_view(&h[i].key),
                                    xr_str("ETag")))
            {
                ngx_http_xr_encode_line(&h[i], &none, (u_char *) "");
            }
        }
    }

    u->headers_in.content_length = NULL;
    u->headers_in.content_length_n = -1;
    u->headers_in.last_modified = NULL;
    u->headers_in.last_modified_time = -1;

    h = ngx_list_push(&u->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    ngx_http_xr_encode_line(h, &encoding, (u_char *) "content-encoding");
    h->value = ngx_http_xr_ngx(xr_encoding_name(coding));

    return NGX_OK;
}


/* Another name for a line; an empty one takes it away. */

static void
ngx_http_xr_encode_line(ngx_table_elt_t *h, ngx_str_t *name, u_char *lowcase)
{
    h->key = *name;
    h->lowcase_key = lowcase;
    h->hash = (name->len != 0) ? ngx_hash_key(lowcase, name->len) : 0;
}


static ngx_int_t
ngx_http_xr_encode_etag(ngx_http_request_t *r, ngx_table_elt_t *h,
    xr_encoding_t coding)
{
    u_char    *p;
    size_t     size;
    xr_buf_t   b;

    size = h->value.len + 1 + xr_encoding_name(coding).len;

    /* as all values, with a zero behind it */

    p = ngx_pcalloc(r->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    b = xr_buf(p, size);

    xr_buf_put(&b, xr_str_of(h->value.data, h->value.len - 1));
    xr_buf_putc(&b, '-');
    xr_buf_put(&b, xr_encoding_name(coding));
    xr_buf_putc(&b, '"');

    h->value = ngx_http_xr_ngx(xr_buf_str(&b));

    return NGX_OK;
}


/*
 * The entity tag that the origin knows what is stored by; "text" has room for
 * it where it is another one.
 */

xr_str_t
ngx_http_xr_encode_source(ngx_http_xr_ctx_t *ctx, ngx_str_t *etag,
    u_char *text)
{
    size_t    n;
    xr_str_t  name;

    name = xr_encoding_name(ctx->compress);

    if (ctx->compress == XR_ENCODING_IDENTITY
        || etag->len > NGX_HTTP_XR_ENCODE_ETAG
        || etag->len < name.len + sizeof("\"-\"") - 1)
    {
        return ngx_http_xr_view(etag);
    }

    n = etag->len - name.len - (sizeof("-\"") - 1);

    if (etag->data[n] != '-'
        || ngx_memcmp(&etag->data[n + 1], name.data, name.len) != 0)
    {
        return ngx_http_xr_view(etag);
    }

    ngx_memcpy(text, etag->data, n);
    text[n] = '"';

    return xr_str_of(text, n + 1);
}


/* Before the first byte of a body. */

void
ngx_http_xr_encode_body(ngx_http_request_t *r)
{
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    exchange = u->input_filter_ctx;

    if (exchange->encode != NULL && exchange->encode->active) {
        u->pipe->length = exchange->encode->length;
        u->length = exchange->encode->length;
        u->pipe->input_filter = ngx_http_xr_encode_input;
    }
}


static ngx_int_t
ngx_http_xr_encode_input(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    size_t                 size;
    ngx_uint_t             over;
    ngx_http_request_t    *r;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    if (!ngx_http_xr_response_body_begin(p, buf)) {
        return NGX_OK;
    }

    r = p->input_ctx;
    u = r->upstream;
    exchange = u->input_filter_ctx;

    size = buf->last - buf->pos;
    over = ((off_t) size > p->length);

    if (over) {
        ngx_log_error(NGX_LOG_WARN, p->log, 0,
                      "xr: origin sent more than its Content-Length");
        size = (size_t) p->length;
    }

    if (ngx_http_xr_encode_run(p, exchange->encode, xr_str_of(buf->pos, size),
                               (off_t) size == p->length, buf)
        != NGX_OK)
    {
        exchange->invalid = 1;

        ngx_log_error(NGX_LOG_ERR, p->log, 0, "xr: cannot compress");
        return NGX_ERROR;
    }

    p->length -= size;

    if (p->length == 0) {
        u->keepalive = !u->headers_in.connection_close && !over;

    } else {
        ngx_http_xr_encode_pause(p, exchange->encode, size);
    }

    return ngx_event_pipe_add_free_buf(p, buf);
}


/* "buf" is where "in" lies. */

static ngx_int_t
ngx_http_xr_encode_run(ngx_event_pipe_t *p, ngx_http_xr_encode_t *e,
    xr_str_t in, ngx_uint_t last, ngx_buf_t *buf)
{
    xr_rc_t     rc;
    xr_buf_t    out;
    ngx_buf_t  *raw;

    do {
        raw = ngx_http_xr_encode_buffer(p, buf);
        if (raw == NULL) {
            return NGX_ERROR;
        }

        out = xr_buf(raw->pos, raw->end - raw->pos);
        rc = xr_encoder_run(&e->encoder, &in, last, &out);

        if (((out.len != 0) ? ngx_http_xr_encode_pass_on(p, raw, out.len)
                            : ngx_event_pipe_add_free_buf(p, raw))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } while (rc == XR_NO_SPACE);

    return (rc == XR_OK) ? NGX_OK : NGX_ERROR;
}


/*
 * A buffer as those that are read into, so that all that is done with these,
 * whoever has to wait, is done with it.  One that holds nothing is taken, or
 * made: there are as many in the end as have been filled at a time.
 */

static ngx_buf_t *
ngx_http_xr_encode_buffer(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl, **next;

    for (next = &p->free_raw_bufs; *next; next = &(*next)->next) {
        cl = *next;
        b = cl->buf;

        if (b != buf && b->pos == b->last && b->pos != b->end) {
            *next = cl->next;
            ngx_free_chain(p->pool, cl);

            return b;
        }
    }

    if (p->allocated < p->bufs.num) {
        p->allocated++;
    }

    return ngx_create_temp_buf(p->pool, p->bufs.size);
}


/* "len" bytes of a buffer have been filled. */

static ngx_int_t
ngx_http_xr_encode_pass_on(ngx_event_pipe_t *p, ngx_buf_t *raw, size_t len)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_chain_get_free_buf(p->pool, &p->free);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    raw->last = raw->pos + len;
    raw->num = p->num++;

    b = cl->buf;

    ngx_memcpy(b, raw, sizeof(ngx_buf_t));
    b->shadow = raw;
    b->tag = p->tag;
    b->last_shadow = 1;
    b->recycled = 1;
    raw->shadow = b;

    if (p->in) {
        *p->last_in = cl;

    } else {
        p->in = cl;
    }

    p->last_in = &cl->next;

    return NGX_OK;
}


/*
 * An origin may be faster than we are: then reading stops as though there were
 * nothing to read, and goes on in the next turn of the event loop.
 */

static void
ngx_http_xr_encode_pause(ngx_event_pipe_t *p, ngx_http_xr_encode_t *e,
    size_t size)
{
    e->turn += size;

    if (e->turn < NGX_HTTP_XR_ENCODE_TURN || p->upstream == NULL) {
        return;
    }

    p->upstream->read->ready = 0;

    if (!e->event.posted) {
        ngx_post_event(&e->event, &ngx_posted_next_events);
    }
}


static void
ngx_http_xr_encode_resume(ngx_event_t *ev)
{
    ngx_connection_t      *c;
    ngx_http_xr_encode_t  *e;

    e = ev->data;
    c = e->request->upstream->peer.connection;

    e->turn = 0;

    if (c != NULL) {
        c->read->ready = 1;
        c->read->handler(c->read);
    }
}
