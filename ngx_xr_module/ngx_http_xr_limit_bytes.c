/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"

#include "xr_range.h"

#if (NGX_LINUX)
#include <linux/sockios.h>
#endif


/*
 * Limits in bytes.  What is asked for is reserved; when the length of the
 * answer is known that counts, and at the end what was really sent, whatever
 * has happened in between.
 */

/* What is reserved until it is known how long the object is. */

#define NGX_HTTP_XR_BYTES_UNKNOWN  (1024 * 1024)


static int64_t ngx_http_xr_bytes_amount(off_t bytes);
static off_t ngx_http_xr_bytes_asked(ngx_http_request_t *r);
static off_t ngx_http_xr_bytes_sent(ngx_http_request_t *r);
static void ngx_http_xr_bytes_book(ngx_http_xr_limited_t *l, off_t bytes);


int64_t
ngx_http_xr_limit_bytes_reserve(ngx_http_request_t *r, const xr_limit_t *limit)
{
    off_t  asked;

    asked = ngx_http_xr_bytes_asked(r);

    /* nobody may ask for so much that he would never be let in */

    return ngx_min(ngx_http_xr_bytes_amount(asked), limit->burst);
}


static int64_t
ngx_http_xr_bytes_amount(off_t bytes)
{
    return (bytes < XR_LIMIT_MAX / XR_LIMIT_BYTE) ? bytes * XR_LIMIT_BYTE
                                                  : XR_LIMIT_MAX;
}


/* What the client's ranges come to at most. */

static off_t
ngx_http_xr_bytes_asked(ngx_http_request_t *r)
{
    size_t                   n;
    uint64_t                 most;
    xr_range_spec_t          specs[XR_RANGE_MEMBERS_MAX];
    ngx_http_xr_loc_conf_t  *xlcf;

    if (r->method & NGX_HTTP_HEAD) {
        return 0;
    }

    if (r->headers_in.range == NULL) {
        return NGX_HTTP_XR_BYTES_UNKNOWN;
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    n = xr_range_parse(ngx_http_xr_view(&r->headers_in.range->value), specs,
                       xlcf->max_ranges);
    most = xr_range_most(specs, n);

    return (n != 0 && most <= XR_RANGE_LENGTH_MAX)
           ? (off_t) most : NGX_HTTP_XR_BYTES_UNKNOWN;
}


/* The answer's length is known. */

void
ngx_http_xr_limit_bytes_length(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    if (ctx->limited != NULL
        && !ctx->limited->settled
        && r->headers_out.content_length_n >= 0
        && !r->header_only)
    {
        ngx_http_xr_bytes_book(ctx->limited, r->headers_out.content_length_n);
    }
}


/* In the log phase, which every request of a client ends with. */

ngx_int_t
ngx_http_xr_limit_bytes_settle(ngx_http_request_t *r)
{
    ngx_http_xr_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx != NULL && ctx->limited != NULL && !ctx->limited->settled) {
        ctx->limited->settled = 1;

        if (ctx->limited->done) {
            ngx_http_xr_bytes_book(ctx->limited, ngx_http_xr_bytes_sent(r));

        } else {
            ngx_http_xr_limit_give_back(ctx->limited);
        }
    }

    return NGX_OK;
}


static void
ngx_http_xr_bytes_book(ngx_http_xr_limited_t *l, off_t bytes)
{
    ngx_uint_t                i;
    ngx_http_xr_limit_use_t  *use;

    if (!l->bytes) {
        return;
    }

    for (i = 0; i < l->n; i++) {
        use = &l->uses[i];

        if (use->limit->unit == XR_LIMIT_BYTES && use->taken
            && l->outcome != NGX_HTTP_XR_LIMIT_REJECTED)
        {
            ngx_http_xr_limit_charge(l, use, ngx_http_xr_bytes_amount(bytes)
                                             - use->charged);
        }
    }
}


/*
 * What was written to the connection, without what the system has not sent of
 * it if the connection is broken: the client will never get that.
 */

static off_t
ngx_http_xr_bytes_sent(ngx_http_request_t *r)
{
    off_t              sent;
    ngx_uint_t         streams;
    ngx_connection_t  *c;
#ifdef SIOCOUTQNSD
    int                unsent;
#endif

    c = r->connection;
    sent = c->sent;
    streams = 1;

#if (NGX_HTTP_V2)

    if (r->stream != NULL) {
        c = r->stream->connection->connection;
        streams = ngx_max(r->stream->connection->processing, 1);
    }

#endif

#ifdef SIOCOUTQNSD

    if ((c->error || c->timedout)
        && c->type == SOCK_STREAM
        && r->http_version <= NGX_HTTP_VERSION_20
        && ioctl(c->fd, SIOCOUTQNSD, &unsent) == 0)
    {
        sent -= ngx_min((off_t) unsent / (off_t) streams, sent);
    }

#endif

    return sent;
}
