/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_encode.h"
#include "ngx_http_xr_replica.h"
#include "ngx_http_xr_slice.h"


/* What is done with a response header of the origin; others are dropped. */

#define NGX_HTTP_XR_HEADER_FRAMING    0x01  /* read for every status */
#define NGX_HTTP_XR_HEADER_COPY       0x02  /* passed on with an object */
#define NGX_HTTP_XR_HEADER_ROOT       0x04  /* counts for all its slices */
#define NGX_HTTP_XR_HEADER_STORED     0x08  /* ours, in stored ones only */
#define NGX_HTTP_XR_HEADER_RANGE      0x10  /* 416 has it too */
#define NGX_HTTP_XR_HEADER_SLICE      0x20  /* stored with slices only */
#define NGX_HTTP_XR_HEADER_DATE       0x40  /* the clock it is signed by */
#define NGX_HTTP_XR_HEADER_TAGS       0x80  /* what it can be purged by */
#define NGX_HTTP_XR_HEADER_OURS       0x100 /* copied from stored ones only */

/* What it says about freshness is heard, and for what it is kept otherwise. */

#define NGX_HTTP_XR_HEADER_KIND       9
#define NGX_HTTP_XR_HEADER_SAYS(kind)                                         \
    ((ngx_uint_t) NGX_HTTP_XR_FRESHNESS_##kind << NGX_HTTP_XR_HEADER_KIND)


static ngx_http_xr_origin_header_t *ngx_http_xr_response_slot(
    ngx_http_xr_main_conf_t *xmcf, ngx_uint_t hash, u_char *lowcase,
    size_t len);
static ngx_int_t ngx_http_xr_response_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_response_line(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_response_take(ngx_http_request_t *r,
    ngx_http_xr_origin_header_t *oh);
static ngx_int_t ngx_http_xr_response_push(ngx_http_request_t *r,
    ngx_http_xr_origin_header_t *oh, u_char *value, size_t len);
static ngx_http_request_t *ngx_http_xr_response_root(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_response_root_lines(ngx_http_request_t *r,
    ngx_http_request_t *root);
static ngx_int_t ngx_http_xr_response_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_response_keep(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_response_stored(ngx_http_request_t *r);


static const struct {
    ngx_str_t   name;
    ngx_uint_t  flags;
} ngx_http_xr_response_headers[] = {
    { ngx_string("Content-Length"), NGX_HTTP_XR_HEADER_FRAMING },
    { ngx_string("Transfer-Encoding"), NGX_HTTP_XR_HEADER_FRAMING },
    { ngx_string("Connection"), NGX_HTTP_XR_HEADER_FRAMING },
    { ngx_string("Date"), NGX_HTTP_XR_HEADER_COPY|NGX_HTTP_XR_HEADER_SLICE
       |NGX_HTTP_XR_HEADER_DATE|NGX_HTTP_XR_HEADER_SAYS(DATE) },
    { ngx_string("ETag"), NGX_HTTP_XR_HEADER_COPY },
    { ngx_string("Last-Modified"), NGX_HTTP_XR_HEADER_COPY },
    { ngx_string("Content-Type"), NGX_HTTP_XR_HEADER_COPY },
    { ngx_string("Content-Range"),
      NGX_HTTP_XR_HEADER_COPY|NGX_HTTP_XR_HEADER_RANGE },
    { ngx_string("Content-Encoding"), NGX_HTTP_XR_HEADER_COPY },
    { ngx_string("Content-Language"), NGX_HTTP_XR_HEADER_COPY },
    { ngx_string("Content-Disposition"), NGX_HTTP_XR_HEADER_COPY },
    { ngx_string("Cache-Control"),
      NGX_HTTP_XR_HEADER_COPY|NGX_HTTP_XR_HEADER_ROOT
      |NGX_HTTP_XR_HEADER_SAYS(CACHE_CONTROL) },
    { ngx_string("CDN-Cache-Control"),
      NGX_HTTP_XR_HEADER_COPY|NGX_HTTP_XR_HEADER_ROOT
      |NGX_HTTP_XR_HEADER_SAYS(TARGETED) },
    { ngx_string("Expires"),
      NGX_HTTP_XR_HEADER_COPY|NGX_HTTP_XR_HEADER_ROOT
      |NGX_HTTP_XR_HEADER_SAYS(EXPIRES) },
    { ngx_string("Age"), NGX_HTTP_XR_HEADER_SAYS(AGE) },
    { ngx_string("Cache-Tag"), NGX_HTTP_XR_HEADER_TAGS },
    { ngx_string("Surrogate-Key"), NGX_HTTP_XR_HEADER_TAGS },
    { ngx_string("X-Amz-Meta-Cache-Tag"), NGX_HTTP_XR_HEADER_TAGS },
    { ngx_string("Xr"), NGX_HTTP_XR_HEADER_STORED },
    { ngx_string("X-File-Size"), NGX_HTTP_XR_HEADER_OURS },
    { ngx_string("Set-Cookie"), NGX_HTTP_XR_HEADER_SAYS(COOKIE) },
    { ngx_string("Vary"), NGX_HTTP_XR_HEADER_SAYS(VARY) }
};


/* Enters the table into slots by hash: most headers are in none of them. */

ngx_int_t
ngx_http_xr_response_init(ngx_conf_t *cf)
{
    u_char                         *lowcase;
    ngx_str_t                      *name;
    ngx_uint_t                      i, n, hash;
    ngx_http_xr_main_conf_t        *xmcf;
    ngx_http_xr_origin_header_t    *oh;
    ngx_http_upstream_main_conf_t  *umcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);
    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);

    n = sizeof(ngx_http_xr_response_headers)
        / sizeof(ngx_http_xr_response_headers[0]);

    for (i = 0; i < n; i++) {
        name = (ngx_str_t *) &ngx_http_xr_response_headers[i].name;

        lowcase = ngx_pnalloc(cf->pool, name->len);
        if (lowcase == NULL) {
            return NGX_ERROR;
        }

        hash = ngx_hash_strlow(lowcase, name->data, name->len);

        oh = ngx_http_xr_response_slot(xmcf, hash, lowcase, name->len);

        oh->name = *name;
        oh->lowcase = lowcase;
        oh->hash = hash;
        oh->flags = ngx_http_xr_response_headers[i].flags;
        oh->header = ngx_hash_find(&umcf->headers_in_hash, hash, lowcase,
                                   name->len);
    }

    return NGX_OK;
}


/* The slot of a header, or the empty one where it would be. */

static ngx_http_xr_origin_header_t *
ngx_http_xr_response_slot(ngx_http_xr_main_conf_t *xmcf, ngx_uint_t hash,
    u_char *lowcase, size_t len)
{
    ngx_uint_t                    i;
    ngx_http_xr_origin_header_t  *oh;

    for (i = hash; /* void */; i++) {
        oh = &xmcf->origin_headers[i % NGX_HTTP_XR_ORIGIN_SLOTS];

        if (oh->name.len == 0
            || (oh->hash == hash && oh->name.len == len
                && ngx_memcmp(oh->lowcase, lowcase, len) == 0))
        {
            return oh;
        }
    }
}


/* HTTP/1.x only: what is not a status line is not taken for a body. */

ngx_int_t
ngx_http_xr_response_status_line(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    exchange = u->input_filter_ctx;

    if (r->cached && ngx_http_xr_stored_open(r) != NGX_OK) {
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    rc = ngx_http_parse_status_line(r, &u->buffer, &exchange->status);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_ERROR || exchange->status.code < 100) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: origin sent no valid status line");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (u->state && u->state->status < NGX_HTTP_OK) {
        u->state->status = exchange->status.code;
    }

    u->headers_in.status_n = exchange->status.code;

    if (exchange->status.http_version < NGX_HTTP_VERSION_11) {
        u->headers_in.connection_close = 1;
    }

    u->process_header = ngx_http_xr_response_header;

    return ngx_http_xr_response_header(r);
}


static ngx_int_t
ngx_http_xr_response_header(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    for ( ;; ) {

        rc = ngx_http_parse_header_line(r, &r->upstream->buffer, 1);

        if (rc == NGX_OK) {
            rc = ngx_http_xr_response_line(r);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (rc == NGX_HTTP_PARSE_HEADER_DONE) {
            return ngx_http_xr_response_done(r);
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: origin sent an invalid header line");

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }
}


static ngx_int_t
ngx_http_xr_response_line(ngx_http_request_t *r)
{
    size_t                        len;
    ngx_http_xr_main_conf_t      *xmcf;
    ngx_http_xr_origin_header_t  *oh;

    len = r->header_name_end - r->header_name_start;

    if (len != r->lowcase_index) {
        return NGX_OK;                  /* longer than any that we know */
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    oh = ngx_http_xr_response_slot(xmcf, r->header_hash, r->lowcase_header,
                                   len);

    return (oh->name.len != 0) ? ngx_http_xr_response_take(r, oh) : NGX_OK;
}


static ngx_int_t
ngx_http_xr_response_take(ngx_http_request_t *r,
    ngx_http_xr_origin_header_t *oh)
{
    u_char                        *value;
    size_t                         len;
    ngx_http_upstream_t           *u;
    ngx_http_xr_freshness_kind_t   kind;

    u = r->upstream;

    value = r->header_start;
    len = r->header_end - value;

    if (u->headers_in.status_n < NGX_HTTP_OK) {
        return NGX_OK;
    }

    if (oh->flags & NGX_HTTP_XR_HEADER_DATE
        && u->headers_in.status_n >= NGX_HTTP_BAD_REQUEST)
    {
        ngx_http_xr_resign_date(r, value, len);
    }

    if (oh->flags & NGX_HTTP_XR_HEADER_OURS && !r->cached) {
        return NGX_OK;
    }

    if (oh->flags & (NGX_HTTP_XR_HEADER_TAGS|NGX_HTTP_XR_HEADER_STORED)) {
        return ngx_http_xr_purge_stored_header(r,
                                          oh->flags & NGX_HTTP_XR_HEADER_TAGS,
                                          value, len);
    }

    kind = (ngx_http_xr_freshness_kind_t)
           (oh->flags >> NGX_HTTP_XR_HEADER_KIND);

    if (kind != NGX_HTTP_XR_FRESHNESS_NOTHING) {

        if (!r->cached) {
            ngx_http_xr_freshness_hear(r, kind, xr_str_of(value, len));
        }

        if (!(oh->flags & NGX_HTTP_XR_HEADER_COPY)
            || (r->cached && oh->flags & NGX_HTTP_XR_HEADER_ROOT
                && ngx_http_xr_response_root(r) != NULL))
        {
            return NGX_OK;
        }
    }

    if (oh->flags & NGX_HTTP_XR_HEADER_SLICE
        && ngx_http_xr_slice_part_of(r) == NULL)
    {
        return NGX_OK;
    }

    if (u->headers_in.status_n >= NGX_HTTP_SPECIAL_RESPONSE
        && u->headers_in.status_n != NGX_HTTP_NOT_MODIFIED
        && !(oh->flags & NGX_HTTP_XR_HEADER_FRAMING)
        && !(u->headers_in.status_n == NGX_HTTP_RANGE_NOT_SATISFIABLE
             && oh->flags & NGX_HTTP_XR_HEADER_RANGE))
    {
        return NGX_OK;              /* an error's headers are not an object's */
    }

    if (oh->flags & NGX_HTTP_XR_HEADER_RANGE
        && ngx_http_xr_cut_origin_place(r, value, len) == NGX_OK)
    {
        return NGX_OK;
    }

    if (!r->cached) {

        /* the buffer is used again for the body */

        value = ngx_pnalloc(r->pool, len + 1);
        if (value == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(value, r->header_start, len);
    }

    value[len] = '\0';              /* a stored line has been read: its CR */

    return ngx_http_xr_response_push(r, oh, value, len);
}


static ngx_int_t
ngx_http_xr_response_push(ngx_http_request_t *r,
    ngx_http_xr_origin_header_t *oh, u_char *value, size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->upstream->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = oh->hash;
    h->key = oh->name;
    h->lowcase_key = oh->lowcase;
    h->value.data = value;
    h->value.len = len;

    if (oh->flags >> NGX_HTTP_XR_HEADER_KIND == NGX_HTTP_XR_FRESHNESS_TARGETED
        && ngx_http_xr_get_ctx(r)->tenant->cache_control.len != 0)
    {
        h->hash = 0;                /* it would overrule the tenant's own */
    }

    return (oh->header != NULL)
           ? oh->header->handler(r, h, oh->header->offset) : NGX_OK;
}


/* The root whose lines about freshness stand for those of a stored slice. */

static ngx_http_request_t *
ngx_http_xr_response_root(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_slice_part_t  *part;

    exchange = r->upstream->input_filter_ctx;
    part = ngx_http_xr_slice_part_of(r);

    return (part != NULL && part->number != 0 && !part->slice->headed
            && part->slice->lines
               != ngx_http_xr_slice_version_lines(exchange->freshness.lines))
           ? part->slice->root : NULL;
}


static ngx_int_t
ngx_http_xr_response_root_lines(ngx_http_request_t *r,
    ngx_http_request_t *root)
{
    ngx_uint_t                    i, hash;
    ngx_list_part_t              *part;
    ngx_table_elt_t              *h;
    ngx_http_xr_main_conf_t      *xmcf;
    ngx_http_xr_origin_header_t  *oh;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    for (part = &root->upstream->headers_in.headers.part;
         part;
         part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            hash = ngx_hash_key(h[i].lowcase_key, h[i].key.len);
            oh = ngx_http_xr_response_slot(xmcf, hash, h[i].lowcase_key,
                                           h[i].key.len);

            if (oh->flags & NGX_HTTP_XR_HEADER_ROOT
                && ngx_http_xr_response_push(r, oh, h[i].value.data,
                                             h[i].value.len)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_response_done(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_upstream_t       *u;
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_slice_part_t  *part;

    u = r->upstream;
    exchange = u->input_filter_ctx;

    if (u->headers_in.status_n < NGX_HTTP_OK) {

        /* 103 and the like, RFC 9110 section 15.2: the answer follows */

        ngx_memzero(&exchange->status, sizeof(ngx_http_status_t));
        r->state = 0;

        u->process_header = ngx_http_xr_response_status_line;

        return ngx_http_xr_response_status_line(r);
    }

    if (u->headers_in.chunked) {
        u->headers_in.content_length_n = -1;
    }

    if (r->cached) {
        return ngx_http_xr_response_stored(r);
    }

    if (ngx_http_xr_status_doubts(r)) {
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    part = ngx_http_xr_slice_part_of(r);

    if (part != NULL) {
        rc = ngx_http_xr_slice_origin_answer(r, part);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    switch (u->headers_in.status_n) {

    case NGX_HTTP_OK:

        if (!u->headers_in.chunked && u->headers_in.content_length_n == -1) {

            /* the end of such a body cannot be told from a cut */

            u->cacheable = 0;
        }

        break;

    case NGX_HTTP_PARTIAL_CONTENT:

        if (!exchange->ranged) {
            return ngx_http_xr_status_map(r);
        }

        if (part == NULL || part->asked) {
            u->cacheable = 0;
        }

        break;

    case NGX_HTTP_NOT_MODIFIED:

        if (!exchange->conditional) {
            return ngx_http_xr_status_map(r);
        }

        break;

    default:
        return ngx_http_xr_status_map(r);
    }

    /* no body: the connection can be kept even if nobody reads one */

    if (u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED
        || exchange->head
        || u->headers_in.content_length_n == 0)
    {
        u->keepalive = !u->headers_in.connection_close
                       && u->buffer.pos == u->buffer.last;
    }

    return ngx_http_xr_response_keep(r);
}


/* What of a good answer is for others, too. */

static ngx_int_t
ngx_http_xr_response_keep(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED) {
        return (u->cache_status == NGX_HTTP_CACHE_EXPIRED)
               ? ngx_http_xr_freshness_renew(r) : NGX_OK;
    }

    ngx_http_xr_freshness_keep(r);

    if (r->cache == NULL || !u->cacheable) {
        return NGX_OK;
    }

    if (ngx_http_xr_encode_header(r) != NGX_OK) {
        return NGX_ERROR;
    }

    return u->cacheable ? ngx_http_xr_stored_write(r) : NGX_OK;
}


/*
 * A stored response.  Its length is the file's, so that clients always learn
 * it; a file that is not as long as its header says is fetched again.
 */

static ngx_int_t
ngx_http_xr_response_stored(ngx_http_request_t *r)
{
    off_t                      length;
    ngx_http_xr_ctx_t         *ctx;
    ngx_http_request_t        *root;
    ngx_http_upstream_t       *u;
    ngx_http_xr_slice_part_t  *part;

    u = r->upstream;

    length = r->cache->length - (off_t) r->cache->body_start;

    if (u->headers_in.content_length_n != -1
        && u->headers_in.content_length_n != length)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: cache file \"%V\" has %O bytes of body, not %O",
                      &r->cache->file.name, length,
                      u->headers_in.content_length_n);

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    u->headers_in.content_length_n = length;

    part = ngx_http_xr_slice_part_of(r);

    if (part != NULL && ngx_http_xr_slice_origin_stored(r, part) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: cache file \"%V\" is of another slice",
                      &r->cache->file.name);

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (part != NULL && ngx_http_xr_purge_stored_judge(r, part) != NGX_OK) {
        return NGX_ERROR;
    }

    root = ngx_http_xr_response_root(r);

    if (root != NULL && ngx_http_xr_response_root_lines(r, root) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx = ngx_http_xr_get_ctx(r);
    ctx->deny = XR_DENY_NONE;           /* stale, in place of an error */

    return NGX_OK;
}
