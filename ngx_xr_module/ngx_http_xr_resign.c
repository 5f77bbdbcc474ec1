/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_replica.h"

#include "xr_http_date.h"
#include "xr_s3_error.h"


/*
 * A signature that the origin refused is made again once, by its clock or with
 * credentials that have come in the meantime, before anything was sent to the
 * client.
 */

/* Seconds: a clock that is further away is not believed, */

#define NGX_HTTP_XR_RESIGN_FAR   86400

/* one that is nearer changes nothing, */

#define NGX_HTTP_XR_RESIGN_NEAR  30

/* and S3 refuses from here on. */

#define NGX_HTTP_XR_RESIGN_S3    900


static ngx_uint_t ngx_http_xr_resign_clock(ngx_http_request_t *r,
    ngx_int_t least);
static ngx_uint_t ngx_http_xr_resign_credentials(ngx_http_request_t *r);
static ngx_uint_t ngx_http_xr_resign_same(xr_credentials_t *a,
    xr_credentials_t *b);
static void ngx_http_xr_resign_release(void *data);


/* The Date of an answer, of which only refusals are looked at. */

void
ngx_http_xr_resign_date(ngx_http_request_t *r, u_char *value, size_t len)
{
    int64_t                date;
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    if (xr_http_date(xr_str_of(value, len), ngx_time(), &date) == XR_OK) {
        exchange->date = (time_t) date;
    }
}


/* "code" is S3's; HEAD has none, and is signed again if anything is new. */

ngx_uint_t
ngx_http_xr_resign_wanted(ngx_http_request_t *r, xr_str_t code)
{
    ngx_uint_t                wanted;
    ngx_http_xr_origin_t     *exchange;
    ngx_http_xr_replicas_t   *replicas;

    exchange = r->upstream->input_filter_ctx;
    replicas = exchange->replicas;

    if (replicas->resigned
        || replicas->list[0].origin.kind != XR_ORIGIN_S3
        || (r->upstream->headers_in.status_n != NGX_HTTP_FORBIDDEN
            && r->upstream->headers_in.status_n != NGX_HTTP_BAD_REQUEST))
    {
        return 0;
    }

    switch (xr_s3_error_kind(code)) {

    case XR_S3_ERROR_CLOCK:
        wanted = ngx_http_xr_resign_clock(r, NGX_HTTP_XR_RESIGN_NEAR);
        break;

    case XR_S3_ERROR_CREDENTIALS:
        wanted = ngx_http_xr_resign_credentials(r);
        break;

    default:
        wanted = exchange->head
                 && (ngx_http_xr_resign_clock(r, NGX_HTTP_XR_RESIGN_S3)
                     || ngx_http_xr_resign_credentials(r));
    }

    if (wanted) {
        replicas->resigned = 1;
        replicas->rewrite = 1;
        replicas->chosen = 1;
        replicas->next = replicas->current;

        ngx_http_xr_replica_again(r);
    }

    return wanted;
}


/* The difference is kept for the endpoint, and for as long as it holds. */

static ngx_uint_t
ngx_http_xr_resign_clock(ngx_http_request_t *r, ngx_int_t least)
{
    ngx_int_t                skew, change;
    ngx_http_xr_origin_t    *exchange;
    ngx_http_xr_endpoint_t  *endpoint;

    exchange = r->upstream->input_filter_ctx;
    endpoint = ngx_http_xr_replica_current(r)->endpoint;

    if (exchange->date == 0) {
        return 0;
    }

    skew = exchange->date - ngx_time();
    change = skew - (ngx_int_t) endpoint->health->skew;

    if (ngx_abs(skew) > NGX_HTTP_XR_RESIGN_FAR || ngx_abs(change) < least) {
        return 0;
    }

    endpoint->health->skew = (ngx_atomic_uint_t) skew;

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "xr: the clock of endpoint \"%V\" is %i s from ours, "
                  "requests are signed by its", &endpoint->name, skew);

    return 1;
}


/* The table in use may be newer than the one that the request began with. */

static ngx_uint_t
ngx_http_xr_resign_credentials(ngx_http_request_t *r)
{
    xr_site_t                 site;
    ngx_str_t                 tenant;
    xr_origin_t               origin;
    xr_credentials_t          c;
    ngx_pool_cleanup_t       *cln;
    ngx_http_xr_ctx_t        *ctx;
    ngx_http_xr_image_t      *image;
    ngx_http_xr_origin_t     *exchange;
    ngx_http_xr_main_conf_t  *xmcf;

    ctx = ngx_http_xr_get_ctx(r);
    exchange = r->upstream->input_filter_ctx;
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return 0;
    }

    image = ngx_http_xr_live_acquire(&xmcf->live, r->connection->log);

    cln->handler = ngx_http_xr_resign_release;
    cln->data = image;

    if (xr_table_by_name(&image->u.table, ctx->tenant->name, &site) != XR_OK
        || site.origin_kind != XR_ORIGIN_S3)
    {
        return 0;
    }

    xr_site_origin(&site, &origin, &c);

    if (ngx_http_xr_resign_same(&c, &exchange->replicas->credentials)) {
        return 0;
    }

    exchange->replicas->credentials = c;
    tenant = ngx_http_xr_ngx(ctx->tenant->name);

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "xr: tenant %V has other credentials now, signing again",
                  &tenant);

    return 1;
}


static ngx_uint_t
ngx_http_xr_resign_same(xr_credentials_t *a, xr_credentials_t *b)
{
    return xr_str_eq(a->access_key, b->access_key)
           && xr_str_eq(a->secret_key, b->secret_key)
           && xr_str_eq(a->session_token, b->session_token);
}


static void
ngx_http_xr_resign_release(void *data)
{
    ngx_http_xr_live_release(data);
}
