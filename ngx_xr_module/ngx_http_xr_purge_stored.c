/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/*
 * What is stored has a line of its own, which says when it was asked for and
 * its tags: by that it is found out, when it is read, that it was purged since
 * then by a tag, or softly.  Only what is read for a client's request for the
 * first time is judged, as that request can begin anew.
 */


static ngx_int_t ngx_http_xr_purge_stored_bump(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_purge_stored_soften(ngx_http_request_t *r,
    uint64_t some);
static ngx_int_t ngx_http_xr_purge_stored_mark(ngx_http_request_t *r,
    uint64_t generation);


/* An exchange begins: what is purged from now on is newer. */

void
ngx_http_xr_purge_stored_since(ngx_http_request_t *r,
    ngx_http_xr_purge_answer_t *answer)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->purge.table != NULL) {
        answer->last = xr_purge_last(xmcf->purge.table);
    }
}


/* A header of the origin with tags, or the line of what is stored. */

ngx_int_t
ngx_http_xr_purge_stored_header(ngx_http_request_t *r, ngx_uint_t tags,
    u_char *value, size_t len)
{
    u_char                      *p;
    xr_buf_t                     b;
    ngx_http_xr_origin_t        *exchange;
    ngx_http_xr_main_conf_t     *xmcf;
    ngx_http_xr_purge_answer_t  *answer;

    exchange = r->upstream->input_filter_ctx;
    answer = &exchange->purge;

    if (!tags) {

        if (r->cached) {
            answer->stored.data = value;
            answer->stored.len = len;
        }

        return NGX_OK;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (r->cached || xmcf->purge.table == NULL) {
        return NGX_OK;
    }

    if (answer->tags.data == NULL) {
        p = ngx_pnalloc(r->pool, XR_PURGE_STORED_MAX);
        if (p == NULL) {
            return NGX_ERROR;
        }

        answer->tags.data = p;
        answer->tags.len = 0;
    }

    b = xr_buf(answer->tags.data, XR_PURGE_STORED_MAX);
    b.len = answer->tags.len;

    xr_purge_stored_tags(xr_str_of(value, len), &answer->ntags, &b);

    answer->tags.len = b.len;

    return NGX_OK;
}


size_t
ngx_http_xr_purge_stored_size(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t     *exchange;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    exchange = r->upstream->input_filter_ctx;

    return (xmcf->purge.table == NULL)
           ? 0 : sizeof("Xr:" CRLF) - 1 + XR_PURGE_STORED_DIGITS
                 + exchange->purge.tags.len;
}


/* The line, into the header that is about to be stored. */

void
ngx_http_xr_purge_stored_put(ngx_http_request_t *r, xr_buf_t *b)
{
    u_char                      *p;
    ngx_http_xr_origin_t        *exchange;
    ngx_http_xr_main_conf_t     *xmcf;
    ngx_http_xr_purge_answer_t  *answer;
    u_char                       digits[XR_PURGE_STORED_DIGITS];

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->purge.table == NULL) {
        return;
    }

    exchange = r->upstream->input_filter_ctx;
    answer = &exchange->purge;
    p = digits;

    xr_purge_stored_digits(answer->last, p);

    xr_buf_puts(b, "Xr:");
    xr_buf_put(b, xr_str_of(p, sizeof(digits)));
    xr_buf_put(b, ngx_http_xr_view(&answer->tags));
    xr_buf_puts(b, CRLF);
}


/* NGX_OK: it counts; NGX_ERROR: the client's request has to begin anew. */

ngx_int_t
ngx_http_xr_purge_stored_judge(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    uint64_t                  some;
    ngx_int_t                 rc;
    ngx_http_xr_ctx_t        *ctx;
    ngx_http_xr_slice_t      *s;
    ngx_http_xr_origin_t     *exchange;
    ngx_http_xr_main_conf_t  *xmcf;

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx->purge.some == 0) {
        return NGX_OK;
    }

    s = part->slice;

    if (part->number != 0 || part->request != r || part != s->part
        || s->headed)
    {
        return NGX_OK;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    exchange = r->upstream->input_filter_ctx;

    /* first, as all that it tells of can be found by then */

    some = xr_purge_some(xmcf->purge.table, ctx->tenant->tag);

    switch (xr_purge_stored_judge(xmcf->purge.table, ctx->tenant->tag,
                           ngx_http_xr_view(&ctx->object),
                           ngx_http_xr_view(&exchange->purge.stored)))
    {

    case XR_PURGE_GOOD:
        return NGX_OK;

    case XR_PURGE_STALE:

        if (r->upstream->cache_status != NGX_HTTP_CACHE_HIT) {
            return NGX_OK;              /* the origin is being asked */
        }

        rc = ngx_http_xr_purge_stored_soften(r, some);
        break;

    default: /* XR_PURGE_GONE */
        rc = NGX_DECLINED;
        break;
    }

    if (rc != NGX_OK && ngx_http_xr_purge_stored_bump(r) != NGX_OK) {
        return NGX_ERROR;
    }

    s->changed = 1;
    s->purged = 1;

    return NGX_ERROR;
}


/* Its object gets keys that nothing is stored under. */

static ngx_int_t
ngx_http_xr_purge_stored_bump(ngx_http_request_t *r)
{
    uint64_t                  tenant, generation;
    ngx_time_t               *tp;
    ngx_slab_pool_t          *slab;
    ngx_http_xr_ctx_t        *ctx;
    xr_purge_record_t         record;
    ngx_http_xr_purge_t      *purge;
    ngx_http_xr_main_conf_t  *xmcf;

    ctx = ngx_http_xr_get_ctx(r);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    purge = &xmcf->purge;
    slab = (ngx_slab_pool_t *) purge->zone->shm.addr;
    tenant = ctx->tenant->tag;
    tp = ngx_timeofday();

    ngx_shmtx_lock(&slab->mutex);

    /* unless another request found out before */

    generation = xr_purge_generation(purge->table, tenant,
                                     ngx_http_xr_view(&ctx->object));

    if (generation <= ctx->purge.generation) {
        generation = xr_purge_next(purge->table,
                                   (int64_t) tp->sec * 1000 + tp->msec);

        xr_purge_record(purge->table, generation, tenant, XR_PURGE_OBJECT,
                        false, ngx_http_xr_view(&ctx->object), &record);

        (void) ngx_http_xr_purge_record(purge, &record, 1,
                                        r->connection->log);
    }

    ngx_shmtx_unlock(&slab->mutex);

    return ngx_http_xr_purge_begin(r->main);
}


/*
 * The file's own header says that its time is over, so that all goes the way
 * of what is stale; and its line that this has been done.
 */

static ngx_int_t
ngx_http_xr_purge_stored_soften(ngx_http_request_t *r, uint64_t some)
{
    time_t             valid;
    ngx_http_cache_t  *c;

    c = r->cache;
    valid = c->valid_sec;

    c->valid_sec = ngx_time() - 1;

    ngx_http_file_cache_update_header(r);

    if (ngx_http_xr_purge_stored_mark(r, some) == NGX_OK) {
        return NGX_OK;
    }

    c->valid_sec = valid;

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_xr_purge_stored_mark(ngx_http_request_t *r, uint64_t generation)
{
    ngx_http_xr_origin_t  *exchange;
    u_char                 digits[XR_PURGE_STORED_DIGITS];

    exchange = r->upstream->input_filter_ctx;

    xr_purge_stored_digits(generation, digits);

    return ngx_http_xr_stored_patch(r, exchange->purge.stored.data, digits,
                                    sizeof(digits));
}
