/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_degrade.h"
#include "ngx_http_xr_replica.h"
#include "ngx_http_xr_slice.h"
#include "ngx_http_xr_variant.h"

#include "xr_s3_error.h"


/*
 * What a client is told when the origin did not send an object: a status and
 * nothing else.  The origin's own words go to the log.
 */

#define NGX_HTTP_XR_GONE  410


typedef struct {
    ngx_uint_t  from;
    ngx_uint_t  to;
    xr_deny_t   deny;
    ngx_uint_t  status;
    ngx_uint_t  asked;          /* only in answer to a condition or range */
} ngx_http_xr_status_rule_t;


static ngx_int_t ngx_http_xr_status_finish(ngx_http_request_t *r,
    ngx_uint_t complete);
static ngx_uint_t ngx_http_xr_status_complete(ngx_http_request_t *r);
static xr_str_t ngx_http_xr_status_code(ngx_http_upstream_t *u);
static void ngx_http_xr_status_refused(xr_str_t code, xr_deny_t *deny,
    ngx_uint_t *status);
static void ngx_http_xr_status_remember(ngx_http_request_t *r,
    ngx_uint_t status);


static const ngx_http_xr_status_rule_t  ngx_http_xr_status_rules[] = {
    { 300, 399, XR_DENY_ORIGIN_REDIRECT, NGX_HTTP_BAD_GATEWAY, 0 },
    { 401, 401, XR_DENY_ORIGIN_CREDENTIALS, NGX_HTTP_BAD_GATEWAY, 0 },
    { 403, 403, XR_DENY_ORIGIN_FORBIDDEN, NGX_HTTP_NOT_FOUND, 0 },
    { 404, 404, XR_DENY_ORIGIN_NOT_FOUND, NGX_HTTP_NOT_FOUND, 0 },
    { 410, 410, XR_DENY_ORIGIN_NOT_FOUND, NGX_HTTP_NOT_FOUND, 0 },
    { 412, 412, XR_DENY_NONE, NGX_HTTP_PRECONDITION_FAILED, 1 },
    { 416, 416, XR_DENY_NONE, NGX_HTTP_RANGE_NOT_SATISFIABLE, 1 },
    { 429, 429, XR_DENY_ORIGIN_THROTTLED, NGX_HTTP_SERVICE_UNAVAILABLE, 0 },
    { 503, 503, XR_DENY_ORIGIN_THROTTLED, NGX_HTTP_SERVICE_UNAVAILABLE, 0 },
    { 504, 504, XR_DENY_ORIGIN_ERROR, NGX_HTTP_GATEWAY_TIME_OUT, 0 },
    { 0, 999, XR_DENY_ORIGIN_ERROR, NGX_HTTP_BAD_GATEWAY, 0 }
};


/*
 * The header of an answer without an object is complete.  Where S3's error
 * code decides what the status means, the body is read up to it.
 */

ngx_int_t
ngx_http_xr_status_map(ngx_http_request_t *r)
{
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    exchange = u->input_filter_ctx;

    if (exchange->head
        || (u->headers_in.status_n != NGX_HTTP_FORBIDDEN
            && u->headers_in.status_n != NGX_HTTP_BAD_REQUEST))
    {
        return ngx_http_xr_status_finish(r, ngx_http_xr_status_complete(r));
    }

    u->process_header = ngx_http_xr_status_error;

    return ngx_http_xr_status_error(r);
}


/* Called again with each part of the body. */

ngx_int_t
ngx_http_xr_status_error(ngx_http_request_t *r)
{
    ngx_uint_t            complete;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    complete = ngx_http_xr_status_complete(r);

    if (!complete
        && u->buffer.last != u->buffer.end
        && (u->headers_in.chunked || u->headers_in.content_length_n != -1)
        && ngx_http_xr_status_code(u).len == 0)
    {
        return NGX_AGAIN;
    }

    return ngx_http_xr_status_finish(r, complete);
}


/*
 * Whether the whole answer is in the buffer, and nothing else: only then may
 * the connection carry another request, which may be another tenant's.
 */

static ngx_uint_t
ngx_http_xr_status_complete(ngx_http_request_t *r)
{
    off_t                  size;
    ngx_int_t              rc;
    ngx_buf_t              b;
    ngx_http_chunked_t     chunked;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    exchange = u->input_filter_ctx;
    b = u->buffer;

    if (exchange->head) {
        return b.pos == b.last;
    }

    if (!u->headers_in.chunked) {
        return b.last - b.pos == u->headers_in.content_length_n;
    }

    ngx_memzero(&chunked, sizeof(ngx_http_chunked_t));

    while ((rc = ngx_http_xr_response_body_parse(r, &b, &chunked)) == NGX_OK)
    {
        size = ngx_min(b.last - b.pos, chunked.size);
        b.pos += size;
        chunked.size -= size;
    }

    return rc == NGX_DONE && b.pos == b.last;
}


static ngx_int_t
ngx_http_xr_status_finish(ngx_http_request_t *r, ngx_uint_t complete)
{
    xr_str_t                          said;
    ngx_str_t                         code, tenant, reason;
    ngx_uint_t                        status, level, asked;
    xr_deny_t                         deny;
    ngx_http_xr_ctx_t                *ctx;
    ngx_http_upstream_t              *u;
    ngx_http_xr_origin_t             *exchange;
    ngx_http_xr_slice_part_t         *part;
    const ngx_http_xr_status_rule_t  *rule;

    u = r->upstream;
    exchange = u->input_filter_ctx;
    ctx = ngx_http_xr_get_ctx(r);
    said = ngx_http_xr_status_code(u);
    code = ngx_http_xr_ngx(said);
    part = ngx_http_xr_slice_part_of(r);

    /* of slices it is us who ask, for what has to be there */

    asked = (exchange->conditional || exchange->ranged)
            && (part == NULL || part->asked);

    rule = ngx_http_xr_status_rules;

    while (u->headers_in.status_n < rule->from
           || u->headers_in.status_n > rule->to
           || (rule->asked && !asked))
    {
        rule++;
    }

    deny = rule->deny;
    status = rule->status;

    if (u->headers_in.status_n == NGX_HTTP_FORBIDDEN
        || u->headers_in.status_n == NGX_HTTP_BAD_REQUEST)
    {
        ngx_http_xr_status_refused(said, &deny, &status);
    }

    if (ngx_http_xr_resign_wanted(r, said)
        || (status == NGX_HTTP_NOT_FOUND
            && (ngx_http_xr_replica_doubts(r)
                || ngx_http_xr_variant_instead(r))))
    {
        u->keepalive = complete && !u->headers_in.connection_close;

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "xr: origin answered %ui \"%V\", asking again",
                      u->headers_in.status_n, &code);

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (!r->background) {
        ctx->deny = deny;           /* else the client was served already */
    }

    tenant = ngx_http_xr_ngx(ctx->tenant->name);
    reason = ngx_http_xr_ngx(xr_deny_name(deny));
    level = (status == NGX_HTTP_NOT_FOUND || deny == XR_DENY_NONE)
            ? NGX_LOG_INFO : NGX_LOG_ERR;

    ngx_log_error(level, r->connection->log, 0,
                  "xr: origin answered %ui \"%V\", %V, tenant %V, status %ui",
                  u->headers_in.status_n, &code, &reason, &tenant, status);

    if (complete || code.len != 0 || deny == XR_DENY_ORIGIN_NOT_FOUND) {
        ngx_http_xr_status_remember(r, status);
    }

    u->cacheable = 0;

    if (u->headers_in.status_n < NGX_HTTP_INTERNAL_SERVER_ERROR
        && u->headers_in.status_n != NGX_HTTP_TOO_MANY_REQUESTS)
    {
        u->peer.tries = 0;          /* it would be the same answer */
    }

    if (status != NGX_HTTP_RANGE_NOT_SATISFIABLE) {
        u->headers_in.headers.part.nelts = 0;
        u->headers_in.headers.part.next = NULL;
        u->headers_in.headers.last = &u->headers_in.headers.part;
    }

    u->headers_in.status_n = status;
    u->headers_in.content_length_n = 0;
    u->headers_in.chunked = 0;
    u->buffer.last = u->buffer.pos;
    u->keepalive = complete && !u->headers_in.connection_close;

    return NGX_OK;
}


/* Whose fault it is that the origin refuses. */

static void
ngx_http_xr_status_refused(xr_str_t code, xr_deny_t *deny, ngx_uint_t *status)
{
    switch (xr_s3_error_kind(code)) {

    case XR_S3_ERROR_CREDENTIALS:
    case XR_S3_ERROR_CLOCK:
        *deny = XR_DENY_ORIGIN_CREDENTIALS;
        *status = NGX_HTTP_BAD_GATEWAY;
        break;

    case XR_S3_ERROR_DISABLED:
        *deny = XR_DENY_ORIGIN_DISABLED;
        *status = NGX_HTTP_BAD_GATEWAY;
        break;

    default: /* XR_S3_ERROR_OTHER: as its status says */
        break;
    }
}


/*
 * Whether a replica's answer says less than the origin's would: before it is
 * taken for the end of a slice's version.
 */

ngx_uint_t
ngx_http_xr_status_doubts(ngx_http_request_t *r)
{
    switch (r->upstream->headers_in.status_n) {

    case NGX_HTTP_NOT_FOUND:
    case NGX_HTTP_XR_GONE:
    case NGX_HTTP_PRECONDITION_FAILED:
    case NGX_HTTP_RANGE_NOT_SATISFIABLE:
        return ngx_http_xr_replica_doubts(r);

    default:
        return 0;
    }
}


/* A missing object is remembered, briefly. */

static void
ngx_http_xr_status_remember(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (ngx_http_xr_replica_is_other(r)) {
        return;                     /* it may only lag behind */
    }

    if (status == NGX_HTTP_NOT_FOUND && r->cache != NULL && u->cacheable
        && !ngx_http_xr_variant_chosen(r))
    {

        if (ngx_http_xr_freshness_absent(r)) {
            r->cache->error = status;
        }

        if (u->cache_status == NGX_HTTP_CACHE_EXPIRED) {
            ngx_http_xr_status_forget(r->cache);
        }
    }
}


/*
 * Drops the file of an object that is no more, or its old bytes would be
 * stale content again when the 404 has had its time.
 */

void
ngx_http_xr_status_forget(ngx_http_cache_t *c)
{
    ngx_http_file_cache_t  *cache;

    cache = c->file_cache;

    ngx_shmtx_lock(&cache->shpool->mutex);

    if (c->node->exists) {
        cache->sh->size -= c->node->fs_size;

        c->node->exists = 0;
        c->node->fs_size = 0;
        c->node->uniq = 0;
        c->node->body_start = 0;
    }

    ngx_shmtx_unlock(&cache->shpool->mutex);

    if (ngx_delete_file(c->file.name.data) == NGX_FILE_ERROR
        && ngx_errno != NGX_ENOENT)
    {
        ngx_log_error(NGX_LOG_CRIT, c->file.log, ngx_errno,
                      ngx_delete_file_n " \"%V\" failed", &c->file.name);
    }
}


/* S3's error code; empty if there is none. */

static xr_str_t
ngx_http_xr_status_code(ngx_http_upstream_t *u)
{
    if (u->headers_in.status_n < NGX_HTTP_BAD_REQUEST) {
        return xr_str_of(NULL, 0);
    }

    return xr_s3_error_code(xr_str_of(u->buffer.pos,
                                      u->buffer.last - u->buffer.pos));
}
