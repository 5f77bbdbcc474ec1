/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_encode.h"
#include "ngx_http_xr_slice.h"

#include "xr_mime.h"


/* In which coding a client gets an object, and what it is told about that. */

#define NGX_HTTP_XR_NOT_ACCEPTABLE  406


static ngx_uint_t ngx_http_xr_encoding_weighed(ngx_http_request_t *r);
static ngx_uint_t ngx_http_xr_encoding_compressible(
    ngx_http_xr_encoding_conf_t *conf, xr_str_t type);
static ngx_uint_t ngx_http_xr_encoding_compresses(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_xr_loc_conf_t *xlcf);
static ngx_table_elt_t *ngx_http_xr_encoding_line(ngx_http_request_t *r);


/* In front of the keys of what is stored encoded. */

static ngx_str_t  ngx_http_xr_encoding_keys[XR_ENCODINGS] = {
    ngx_null_string,
    ngx_string("=gzip\n"),
    ngx_string("=br\n"),
    ngx_string("=zstd\n")
};


/*
 * Before the cache is asked: which coding is wanted, as it is part of the
 * key.  A sibling has been chosen before.
 */

ngx_int_t
ngx_http_xr_encoding_begin(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_loc_conf_t *xlcf)
{
    xr_str_t              inner;
    unsigned              available;
    xr_encoding_t         e;
    xr_encoding_accept_t  accept;

    ctx->compress = XR_ENCODING_IDENTITY;

    if (ctx->sibling) {
        return NGX_OK;
    }

    ctx->encoding = XR_ENCODING_IDENTITY;

    if (xlcf->encoding.names) {
        e = xr_encoding_of_path(ngx_http_xr_view(&ctx->object), &inner);

        if (e != XR_ENCODING_IDENTITY && xr_mime_type(inner).len != 0) {
            ctx->vary |= NGX_HTTP_XR_VARY_ACCEPT_ENCODING;
            ngx_http_xr_encoding_accept(r, &accept);

            /* to others it is a file */

            if (accept.q[e] != 0) {
                ctx->encoding = e;
                return NGX_OK;
            }
        }
    }

    available = XR_ENCODING_BIT(XR_ENCODING_IDENTITY);

    if (ngx_http_xr_encoding_compresses(r, ctx, xlcf)) {
        ctx->vary |= NGX_HTTP_XR_VARY_ACCEPT_ENCODING;

        if (r->headers_in.range == NULL
            && ngx_http_xr_encode_room(xlcf->encoding.concurrency))
        {
            available |= xlcf->encoding.codings;
        }

    } else if (!ngx_http_xr_encoding_weighed(r)) {
        return NGX_OK;
    }

    ngx_http_xr_encoding_accept(r, &accept);

    e = xr_encoding_choose(&accept, available, xlcf->encoding.places);

    if (e == XR_ENCODING_NONE) {
        return ngx_http_xr_deny(r, ctx, XR_DENY_ENCODING,
                                NGX_HTTP_XR_NOT_ACCEPTABLE);
    }

    ctx->compress = e;

    return NGX_OK;
}


/* The first line of Accept-Encoding, or NULL. */

static ngx_table_elt_t *
ngx_http_xr_encoding_line(ngx_http_request_t *r)
{
#if (NGX_HTTP_GZIP)

    return r->headers_in.accept_encoding;

#else

    static ngx_str_t  name = ngx_string("accept-encoding");

    return ngx_http_xr_headers_find(r, &name);

#endif
}


void
ngx_http_xr_encoding_accept(ngx_http_request_t *r,
    xr_encoding_accept_t *accept)
{
    ngx_table_elt_t  *h;

    h = ngx_http_xr_encoding_line(r);

    if (h == NULL) {
        xr_encoding_accept_none(accept);

    } else {
        xr_encoding_accept(ngx_http_xr_slice_header_value(r, h), accept);
    }
}


/* Without a weight identity is always acceptable. */

static ngx_uint_t
ngx_http_xr_encoding_weighed(ngx_http_request_t *r)
{
    xr_str_t          s;
    ngx_table_elt_t  *h;

    h = ngx_http_xr_encoding_line(r);

#if (NGX_HTTP_GZIP && nginx_version >= 1023000)

    if (h != NULL && h->next != NULL) {
        return 1;
    }

#endif

    if (h == NULL) {
        return 0;
    }

    s = ngx_http_xr_view(&h->value);

    return xr_str_find(s, ';') != s.len;
}


static ngx_uint_t
ngx_http_xr_encoding_compressible(ngx_http_xr_encoding_conf_t *conf,
    xr_str_t type)
{
    ngx_str_t   *types;
    ngx_uint_t   i;

    types = conf->types->elts;

    for (i = 0; i < conf->types->nelts; i++) {

        if (xr_str_eq(type, ngx_http_xr_view(&types[i]))) {
            return 1;
        }
    }

    return 0;
}


/*
 * Only what goes into the cache is encoded, so that it costs once; and so
 * nothing is that was made for one client.
 */

static ngx_uint_t
ngx_http_xr_encoding_compresses(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_loc_conf_t *xlcf)
{
    return xlcf->encoding.codings != 0
           && xlcf->upstream.cache
           && xlcf->upstream.no_cache == NULL
           && !ctx->uncached
           && ngx_http_xr_encoding_compressible(&xlcf->encoding,
                            xr_mime_type(ngx_http_xr_view(&ctx->object)));
}


/* What is stored encoded has a key of its own. */

ngx_int_t
ngx_http_xr_encoding_key(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_str_t  *key;

    if (ctx->compress == XR_ENCODING_IDENTITY) {
        return NGX_OK;
    }

    key = ngx_array_push(&r->cache->keys);
    if (key == NULL) {
        return NGX_ERROR;
    }

    *key = ngx_http_xr_encoding_keys[ctx->compress];

    return NGX_OK;
}


/* Whether the response was encoded by us: its parts are nobody's. */

ngx_uint_t
ngx_http_xr_encoding_whole(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return ctx->compress != XR_ENCODING_IDENTITY
           && r->headers_out.content_encoding != NULL;
}


/* The object's name without what its coding adds to it. */

xr_str_t
ngx_http_xr_encoding_name(ngx_http_xr_ctx_t *ctx)
{
    xr_str_t  path, inner;

    path = ngx_http_xr_view(&ctx->object);

    if (ctx->encoding != XR_ENCODING_IDENTITY
        && xr_encoding_of_path(path, &inner) == ctx->encoding)
    {
        return inner;
    }

    return path;
}


/* Of an object that is there: its coding and its size when decoded. */

ngx_int_t
ngx_http_xr_encoding_headers(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    u_char     *p;
    ngx_str_t   value;

    static ngx_str_t  encoding = ngx_string("Content-Encoding");
    static ngx_str_t  size = ngx_string("X-File-Size");

    if (ngx_http_xr_encoding_whole(r, ctx)) {
        r->allow_ranges = 0;
        return NGX_OK;
    }

    if (ctx->encoding == XR_ENCODING_IDENTITY
        || r->headers_out.status == NGX_HTTP_NOT_MODIFIED)
    {
        return NGX_OK;
    }

    /* whoever uploaded it may have said so, too, or something else */

    if (r->headers_out.content_encoding != NULL) {
        r->headers_out.content_encoding->hash = 0;
    }

    value = ngx_http_xr_ngx(xr_encoding_name(ctx->encoding));

    r->headers_out.content_encoding = ngx_http_xr_headers_add(r, &encoding,
                                                              &value);
    if (r->headers_out.content_encoding == NULL) {
        return NGX_ERROR;
    }

    if (ctx->decoded == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%O", ctx->decoded) - p;

    return ngx_http_xr_headers_push(r, &size, &value);
}


/* "br", or "identity"; none where there is no object. */

xr_str_t
ngx_http_xr_encoding_value(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    if (ctx->object.len == 0 || r->headers_out.status == 0
        || r->headers_out.status >= NGX_HTTP_BAD_REQUEST)
    {
        return xr_str_of(NULL, 0);
    }

    h = r->headers_out.content_encoding;

    return (h != NULL && h->hash != 0) ? ngx_http_xr_view(&h->value)
                                       : xr_encoding_name(XR_ENCODING_IDENTITY);
}
