/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_degrade.h"
#include "ngx_http_xr_encode.h"
#include "ngx_http_xr_replica.h"
#include "ngx_http_xr_slice.h"
#include "ngx_http_xr_wake.h"


#define NGX_HTTP_XR_ORIGIN_HEADERS  6
#define NGX_HTTP_XR_CONDITION_MAX   1024

/* S3's own limit; and what a cache key and a request line have room for. */

#define NGX_HTTP_XR_KEY_MAX_S3      1024
#define NGX_HTTP_XR_KEY_MAX         4096
/* Seconds after which a date of change tells one version from the next. */

#define NGX_HTTP_XR_ORIGIN_SETTLED  60

#define NGX_HTTP_XR_DATE_SIZE       sizeof("Mon, 28 Sep 1970 06:00:00 GMT")


/* A request being built; names are in lower case, as they are signed. */

typedef struct {
    ngx_http_xr_ctx_t        *ctx;
    xr_origin_t               origin;
    xr_credentials_t          credentials;
    xr_str_t                  method;
    ngx_str_t                 path;
    xr_sigv4_header_t         headers[NGX_HTTP_XR_ORIGIN_HEADERS];
    size_t                    nheaders;
    ngx_str_t                 date;
    u_char                    date_text[NGX_HTTP_XR_DATE_SIZE];
    u_char                    etag_text[NGX_HTTP_XR_ENCODE_ETAG];
    ngx_str_t                 range;
    u_char                    range_text[NGX_HTTP_XR_SLICE_RANGE_SIZE];
} ngx_http_xr_origin_request_t;


static ngx_int_t ngx_http_xr_origin_ask(ngx_http_request_t *r,
    ngx_http_xr_loc_conf_t *xlcf);
static ngx_int_t ngx_http_xr_origin_create_request(ngx_http_request_t *r);
static void ngx_http_xr_origin_conditions(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req);
static void ngx_http_xr_origin_prefix(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req, ngx_http_xr_cut_t *cut);
static void ngx_http_xr_origin_revalidate(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req);
static void ngx_http_xr_origin_client_conditions(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req);
static void ngx_http_xr_origin_condition(ngx_http_xr_origin_request_t *req,
    const char *name, ngx_table_elt_t *h);
static ngx_int_t ngx_http_xr_origin_sign(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req, xr_sigv4_t *signature);
static ngx_int_t ngx_http_xr_origin_write(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req, xr_sigv4_t *signature);


/* The content handler: the object from the cache, or from the origin. */

ngx_int_t
ngx_http_xr_origin_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_xr_ctx_t         *ctx;

    ctx = ngx_http_xr_get_ctx(r);

    /* whatever led here, nothing is served that was not decided on */

    if (ctx == NULL || ctx->tenant == NULL || !(ctx->granted || ctx->public)) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "xr: content requested without a decision");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->object.len == 0
        || ctx->object.len > (ctx->tenant->origin_kind == XR_ORIGIN_S3
                              ? NGX_HTTP_XR_KEY_MAX_S3 : NGX_HTTP_XR_KEY_MAX))
    {
        return ngx_http_xr_deny(r, ctx, XR_DENY_ORIGIN_NOT_FOUND,
                                NGX_HTTP_NOT_FOUND);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_xr_purge_begin(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_xr_cut_begin(r, ctx);

    return (rc == NGX_DECLINED) ? ngx_http_xr_origin_serve(r) : rc;
}


/* When it is known what of the object is wanted. */

ngx_int_t
ngx_http_xr_origin_serve(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_xr_ctx_t         *ctx;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_slice_part_t  *part;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (r == r->main) {
        ctx = ngx_http_xr_get_ctx(r);
        ctx->slice = NULL;

        rc = ngx_http_xr_encoding_begin(r, ctx, xlcf);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_http_xr_slice_wanted(r, xlcf)) {
        return ngx_http_xr_slice_handler(r);
    }

    part = ngx_http_xr_slice_part_of(r);

    if (part != NULL) {
        rc = ngx_http_xr_slice_follow_begin(r, part);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    return ngx_http_xr_origin_ask(r, xlcf);
}


static ngx_int_t
ngx_http_xr_origin_ask(ngx_http_request_t *r, ngx_http_xr_loc_conf_t *xlcf)
{
    ngx_http_upstream_t      *u;
    ngx_http_xr_origin_t     *origin;
    ngx_http_xr_main_conf_t  *xmcf;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    origin = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_origin_t));
    if (origin == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    origin->uri = r->uri;
    origin->loc_conf = r->loc_conf;
    origin->keepalive = r->keepalive;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    u = r->upstream;

    ngx_str_set(&u->schema, "http://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_xr_module;

    u->conf = ngx_http_xr_origin_try_settings(r, xlcf);

    if (u->conf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u->caches = &xmcf->caches;
    u->create_key = ngx_http_xr_origin_create_key;
    u->create_request = ngx_http_xr_origin_create_request;
    u->reinit_request = ngx_http_xr_origin_try_again;
    u->process_header = ngx_http_xr_response_status_line;
    u->abort_request = ngx_http_xr_origin_try_abort;
    u->finalize_request = ngx_http_xr_origin_try_end;
    r->state = 0;

    u->buffering = 1;

    u->pipe = ngx_pcalloc(r->pool, sizeof(ngx_event_pipe_t));
    if (u->pipe == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u->pipe->input_filter = ngx_http_xr_response_body_copy;
    u->pipe->input_ctx = r;
    u->input_filter_init = ngx_http_xr_response_body_init;
    u->input_filter_ctx = origin;

    r->main->count++;

    ngx_http_upstream_init(r);

    if (r->cache != NULL && r->cache->waiting
        && ngx_http_xr_wake_wait(r) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "xr: no memory to wait for the cache");
    }

    return NGX_DONE;
}


/* Tenant, origin and object: never Host, token, query or a header. */

ngx_int_t
ngx_http_xr_origin_create_key(ngx_http_request_t *r)
{
    ngx_http_xr_slice_part_t  *part;

    part = ngx_http_xr_slice_part_of(r);

    return ngx_http_xr_origin_keys(r, ngx_http_xr_get_ctx(r),
                                   (part != NULL) ? &part->key : NULL);
}


/* "slice" is its part of them, or NULL. */

ngx_int_t
ngx_http_xr_origin_keys(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_str_t *slice)
{
    ngx_str_t  *keys;

    if (ctx->purge.key.len != 0) {

        keys = ngx_array_push(&r->cache->keys);
        if (keys == NULL) {
            return NGX_ERROR;
        }

        *keys = ctx->purge.key;
    }

    if (slice != NULL && slice->len != 0) {

        keys = ngx_array_push(&r->cache->keys);
        if (keys == NULL) {
            return NGX_ERROR;
        }

        *keys = *slice;
    }

    keys = (ngx_http_xr_encoding_key(r, ctx) == NGX_OK)
           ? ngx_array_push_n(&r->cache->keys, 2) : NULL;
    if (keys == NULL) {
        return NGX_ERROR;
    }

    keys[0] = ngx_http_xr_ngx(ctx->tenant->cache_prefix);
    keys[1] = ctx->object;

    return NGX_OK;
}


/*
 * Called once per client request that misses, after the cache was asked and
 * before a peer is chosen.
 */

static ngx_int_t
ngx_http_xr_origin_create_request(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_slice_part_t  *part;

    exchange = r->upstream->input_filter_ctx;
    exchange->cacheable = r->upstream->cacheable;

    if (ngx_http_xr_replica_start(r) != NGX_OK
        || ngx_http_xr_freshness_begin(r) != NGX_OK
        || ngx_http_xr_encode_reserve(r) != NGX_OK
        || ngx_http_xr_cut_origin_begin(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_xr_degrade_asked(r);

    part = ngx_http_xr_slice_part_of(r);

    if (part != NULL && ngx_http_xr_slice_run_take(r, part)) {
        ngx_http_xr_slice_flight_begin(r, part);
        return NGX_OK;
    }

    return ngx_http_xr_origin_rewrite(r);
}


/* The request for the current place, signed at the time it is sent. */

ngx_int_t
ngx_http_xr_origin_rewrite(ngx_http_request_t *r)
{
    size_t                         size;
    xr_buf_t                       b;
    xr_sigv4_t                     signature;
    xr_origin_t                   *origin;
    ngx_http_xr_origin_t          *exchange;
    ngx_http_xr_slice_part_t      *part;
    ngx_http_xr_origin_request_t   req;

    ngx_memzero(&req, sizeof(ngx_http_xr_origin_request_t));

    exchange = r->upstream->input_filter_ctx;

    req.ctx = ngx_http_xr_get_ctx(r);
    req.origin = ngx_http_xr_replica_current(r)->origin;
    req.credentials = exchange->replicas->credentials;

    if (r->cache != NULL) {
        ngx_http_xr_purge_stored_since(r, &exchange->purge);
    }

    /* a HEAD that is to be cached has been made a GET */

    if (r->method == NGX_HTTP_HEAD && r->upstream->method.len == 0) {
        req.method = xr_str("HEAD");
        exchange->head = 1;

    } else {
        req.method = xr_str("GET");
    }

    origin = &req.origin;

    size = xr_origin_path_size(origin, ngx_http_xr_view(&req.ctx->object));

    req.path.data = ngx_pnalloc(r->pool, size);
    if (req.path.data == NULL) {
        return NGX_ERROR;
    }

    b = xr_buf(req.path.data, size);
    xr_origin_path(origin, ngx_http_xr_view(&req.ctx->object), &b);

    if (!xr_buf_ok(&b)) {
        return NGX_ERROR;
    }

    req.path.len = b.len;

    ngx_http_xr_origin_conditions(r, &req);

    if (origin->kind == XR_ORIGIN_S3
        && ngx_http_xr_origin_sign(r, &req, &signature) != NGX_OK)
    {
        return NGX_ERROR;
    }

    part = ngx_http_xr_slice_part_of(r);

    if (part != NULL) {
        ngx_http_xr_slice_flight_begin(r, part);
    }

    return ngx_http_xr_origin_write(r, &req,
                        origin->kind == XR_ORIGIN_S3 ? &signature : NULL);
}


/* What cannot be signed or sent is left out: the answer is whole then. */

static ngx_uint_t
ngx_http_xr_origin_header(ngx_http_xr_origin_request_t *req, const char *name,
    ngx_str_t *value)
{
    size_t  i;

    if (value->len > NGX_HTTP_XR_CONDITION_MAX) {
        return 0;
    }

    for (i = 0; i < value->len; i++) {

        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return 0;
        }
    }

    req->headers[req->nheaders].name = xr_str(name);
    req->headers[req->nheaders].value = ngx_http_xr_view(value);
    req->nheaders++;

    return 1;
}


/*
 * The only request headers that depend on the request, in sorted order.  With
 * the cache in between these are our own, to revalidate what is stored.
 */

static void
ngx_http_xr_origin_conditions(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req)
{
    ngx_http_upstream_t       *u;
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_slice_part_t  *part;

    u = r->upstream;
    exchange = u->input_filter_ctx;
    part = ngx_http_xr_slice_part_of(r);

    if (ngx_http_xr_cut_of(part) != NULL) {
        ngx_http_xr_origin_prefix(r, req, part->slice->cut);
        return;
    }

    if (part != NULL && part->number != 0 && part->slice->etag.len != 0) {
        (void) ngx_http_xr_origin_header(req, "if-match", &part->slice->etag);
    }

    if ((part != NULL)
        ? ngx_http_xr_slice_origin_asks(r, part)
        : (r->cache == NULL
           || (!u->cacheable && u->cache_status != NGX_HTTP_CACHE_EXPIRED)))
    {
        ngx_http_xr_origin_client_conditions(r, req);
        return;
    }

    if (r->cache != NULL
        && u->cache_status == NGX_HTTP_CACHE_EXPIRED
        && u->conf->cache_revalidate)
    {
        ngx_http_xr_origin_revalidate(r, req);
    }

    if (part != NULL) {
        req->range = ngx_http_xr_slice_origin_range(r, part, req->range_text);
        exchange->ranged = (req->range.len != 0)
                           && ngx_http_xr_origin_header(req, "range",
                                                        &req->range);
    }
}


/* The first bytes of a version that was seen before. */

static void
ngx_http_xr_origin_prefix(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req, ngx_http_xr_cut_t *cut)
{
    ngx_str_t              etag;
    ngx_uint_t             unless;
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    etag = ngx_http_xr_cut_origin_condition(r, cut, &unless);

    exchange->conditional = ngx_http_xr_origin_header(req,
                                         unless ? "if-none-match" : "if-match",
                                         &etag)
                            && unless;

    req->range = ngx_http_xr_cut_origin_range(cut, req->range_text);
    exchange->ranged = (req->range.len != 0)
                       && ngx_http_xr_origin_header(req, "range", &req->range);
}


static void
ngx_http_xr_origin_revalidate(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req)
{
    ngx_str_t              etag;
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    if (r->cache->etag.len != 0) {
        etag = ngx_http_xr_ngx(ngx_http_xr_encode_source(req->ctx,
                                                         &r->cache->etag,
                                                         req->etag_text));
        exchange->conditional = ngx_http_xr_origin_header(req, "if-none-match",
                                                          &etag);
    }

    /* what was stored soon after it changed may have changed since then */

    if (!exchange->conditional
        && r->cache->last_modified != -1
        && r->cache->date - r->cache->last_modified
           >= NGX_HTTP_XR_ORIGIN_SETTLED)
    {
        req->date.data = req->date_text;
        req->date.len = ngx_http_time(req->date_text, r->cache->last_modified)
                        - req->date_text;

        exchange->conditional = ngx_http_xr_origin_header(req,
                                              "if-modified-since", &req->date);
    }
}


/*
 * Of what will not be stored the client's own are passed on, if they are
 * plain: nothing is read from the origin that nobody asked for.
 */

static void
ngx_http_xr_origin_client_conditions(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req)
{
    ngx_http_headers_in_t  *in;
    ngx_http_xr_origin_t   *exchange;

    in = &r->headers_in;
    exchange = r->upstream->input_filter_ctx;

    ngx_http_xr_origin_condition(req, "if-match", in->if_match);
    ngx_http_xr_origin_condition(req, "if-modified-since",
                                 in->if_modified_since);
    ngx_http_xr_origin_condition(req, "if-none-match", in->if_none_match);
    ngx_http_xr_origin_condition(req, "if-unmodified-since",
                                 in->if_unmodified_since);

    exchange->conditional = (req->nheaders != 0);

    /* S3 servers ignore If-Range: the whole object is asked for instead */

    if (in->range != NULL
        && in->if_range == NULL
        && ngx_http_xr_slice_origin_plain(&in->range->value))
    {
        exchange->ranged = ngx_http_xr_origin_header(req, "range",
                                                     &in->range->value);
    }
}


static void
ngx_http_xr_origin_condition(ngx_http_xr_origin_request_t *req,
    const char *name, ngx_table_elt_t *h)
{
    if (h != NULL) {
        (void) ngx_http_xr_origin_header(req, name, &h->value);
    }
}


static ngx_int_t
ngx_http_xr_origin_sign(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req, xr_sigv4_t *signature)
{
    uint32_t                  slot;
    xr_err_t                  err;
    xr_sigv4_request_t        s;
    ngx_http_xr_replica_t    *place;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    place = ngx_http_xr_replica_current(r);

    /* a key that is another one's is made anew, so slots may be shared */

    slot = ngx_crc32_short((u_char *) req->credentials.access_key.data,
                           req->credentials.access_key.len)
           % NGX_HTTP_XR_SIGNING_KEYS;

    ngx_memzero(&s, sizeof(xr_sigv4_request_t));

    s.method = req->method;
    s.host = req->origin.host;
    s.path = ngx_http_xr_view(&req->path);
    s.headers = req->headers;
    s.nheaders = req->nheaders;
    s.payload_hash = xr_sigv4_empty_payload;
    s.region = req->origin.region;
    s.service = xr_str("s3");
    s.now = ngx_time() + (ngx_int_t) place->endpoint->health->skew;

    if (xr_sigv4_sign(&s, &req->credentials, &xmcf->signing_keys[slot],
                      signature, &err)
        != XR_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: cannot sign a request: %s", err.what);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_xr_origin_line(xr_buf_t *b, const char *name, xr_str_t value)
{
    xr_buf_puts(b, name);
    xr_buf_puts(b, ": ");
    xr_buf_put(b, value);
    xr_buf_puts(b, CRLF);
}


static ngx_int_t
ngx_http_xr_origin_write(ngx_http_request_t *r,
    ngx_http_xr_origin_request_t *req, xr_sigv4_t *signature)
{
    size_t         i, size;
    xr_buf_t       b;
    ngx_buf_t     *out;
    ngx_chain_t   *cl;

    size = req->path.len + req->origin.host.len
           + req->credentials.session_token.len
           + XR_SIGV4_AUTHORIZATION_SIZE + 512;

    for (i = 0; i < req->nheaders; i++) {
        size += req->headers[i].name.len + req->headers[i].value.len + 4;
    }

    out = ngx_create_temp_buf(r->pool, size);
    cl = ngx_alloc_chain_link(r->pool);

    if (out == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b = xr_buf(out->pos, size);

    xr_buf_put(&b, req->method);
    xr_buf_putc(&b, ' ');
    xr_buf_put(&b, ngx_http_xr_view(&req->path));
    xr_buf_puts(&b, " HTTP/1.1" CRLF);

    ngx_http_xr_origin_line(&b, "Host", req->origin.host);
    ngx_http_xr_origin_line(&b, "User-Agent", xr_str("ngx_xr"));
    ngx_http_xr_origin_line(&b, "Accept-Encoding", xr_str("identity"));

    for (i = 0; i < req->nheaders; i++) {
        xr_buf_put(&b, req->headers[i].name);
        ngx_http_xr_origin_line(&b, "", req->headers[i].value);
    }

    if (signature != NULL) {
        ngx_http_xr_origin_line(&b, "x-amz-content-sha256",
                                xr_sigv4_empty_payload);
        ngx_http_xr_origin_line(&b, "x-amz-date", xr_str(signature->date));

        if (req->credentials.session_token.len != 0) {
            ngx_http_xr_origin_line(&b, "x-amz-security-token",
                                    req->credentials.session_token);
        }

        ngx_http_xr_origin_line(&b, "Authorization",
                                xr_str_of(signature->authorization,
                                          signature->authorization_len));
    }

    xr_buf_puts(&b, CRLF);

    if (!xr_buf_ok(&b)) {
        return NGX_ERROR;
    }

    out->last = out->pos + b.len;
    out->flush = 1;                 /* TLS gathers buffers until one says so */

    cl->buf = out;
    cl->next = NULL;

    r->upstream->request_bufs = cl;

    return NGX_OK;
}
