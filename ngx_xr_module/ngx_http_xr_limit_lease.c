/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/*
 * Leased limits: requests spend tokens that this edge has already, and one
 * worker asks Redis for more before they are gone.
 */

#define NGX_HTTP_XR_LEASE_DEADLINE  250     /* milliseconds */
#define NGX_HTTP_XR_LEASE_SWEEP     200     /* milliseconds */
#define NGX_HTTP_XR_LEASE_PORTION   4096    /* entries looked at in a sweep */
#define NGX_HTTP_XR_LEASE_AHEAD     8       /* entries fetched meanwhile */
#define NGX_HTTP_XR_LEASE_RETURNS   64      /* calls made in a sweep */


static void ngx_http_xr_lease_ask(ngx_http_xr_main_conf_t *xmcf,
    xr_bucket_t *bucket);
static void ngx_http_xr_lease_send(ngx_http_xr_main_conf_t *xmcf,
    xr_bucket_ask_t *ask);
static void ngx_http_xr_lease_answer(void *data, redisReply *reply);
static void ngx_http_xr_lease_sweep(ngx_event_t *ev);


/* NGX_DECLINED: the table has no place for it. */

ngx_int_t
ngx_http_xr_limit_lease_bucket(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use)
{
    u_char                    key[XR_LIMIT_KEY_SIZE];
    ngx_http_xr_main_conf_t  *xmcf;

    if (use->bucket != NULL) {
        return NGX_OK;
    }

    xmcf = ngx_http_get_module_main_conf(l->request, ngx_http_xr_module);

    use->bucket = xr_buckets_get(xmcf->limit->buckets, use->tag, NULL,
                                 use->limit, ngx_current_msec);

    if (use->bucket == NULL) {

        if (ngx_http_xr_limit_key_redis(l->request, l->ctx, use->limit, key)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        use->bucket = xr_buckets_get(xmcf->limit->buckets, use->tag, key,
                                     use->limit, ngx_current_msec);
    }

    return (use->bucket != NULL) ? NGX_OK : NGX_DECLINED;
}


/*
 * NGX_OK; NGX_BUSY: l->retry says when it may help to try again; NGX_AGAIN:
 * nobody knows, as Redis has been asked and has not answered; NGX_DECLINED:
 * nobody will know.
 */

ngx_int_t
ngx_http_xr_limit_lease_take(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t cost)
{
    ngx_int_t                 rc;
    ngx_msec_int_t            waited;
    xr_bucket_result_t        res;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(l->request, ngx_http_xr_module);

    rc = ngx_http_xr_limit_lease_bucket(l, use);

    if (rc != NGX_OK) {
        return rc;
    }

    if (xmcf->redis == NULL) {
        xr_bucket_fill(use->bucket, use->limit, 1, ngx_current_msec);

    } else if (!ngx_http_xr_redis_usable(xmcf->redis)) {
        return NGX_DECLINED;
    }

    rc = ngx_http_xr_limit_lease_spend(l, use, cost, &res);

    if (res.ask && xmcf->redis != NULL) {
        ngx_http_xr_lease_ask(xmcf, use->bucket);
    }

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (res.known || xmcf->redis == NULL) {
        return NGX_BUSY;
    }

    /* the clock of who has asked may be ahead of ours */

    waited = (ngx_msec_int_t) (ngx_current_msec - (ngx_msec_t) res.since);

    /* an answer that has not come in time is not waited for any more */

    return (res.since != 0
            && waited < (ngx_msec_int_t) xmcf->redis->timeout) ? NGX_AGAIN
                                                               : NGX_DECLINED;
}


/* NGX_OK, or NGX_BUSY with l->retry; more of it is in "res". */

ngx_int_t
ngx_http_xr_limit_lease_spend(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t cost, xr_bucket_result_t *res)
{
    xr_bucket_take(use->bucket, use->limit, cost, ngx_current_msec, res);

    use->left = res->left;

    if (res->admitted) {
        use->charged = cost;
        return NGX_OK;
    }

    l->retry = (ngx_msec_t) res->wait;

    return NGX_BUSY;
}


static void
ngx_http_xr_lease_ask(ngx_http_xr_main_conf_t *xmcf, xr_bucket_t *bucket)
{
    xr_bucket_ask_t  ask;

    if (xr_bucket_ask(bucket, ngx_current_msec, &ask)) {
        ngx_http_xr_lease_send(xmcf, &ask);
    }
}


static void
ngx_http_xr_lease_send(ngx_http_xr_main_conf_t *xmcf, xr_bucket_ask_t *ask)
{
    xr_bucket_ask_t           *sent;
    ngx_http_xr_limit_part_t   part;

    sent = ngx_alloc(sizeof(xr_bucket_ask_t), ngx_cycle->log);

    if (sent != NULL) {
        *sent = *ask;

        part.key = sent->key;
        part.rate = sent->rate;
        part.burst = sent->burst;
        part.want = sent->want;
        part.due = sent->due;

        if (ngx_http_xr_limit_script_call(xmcf->redis, "lease", &part, 1,
                                          NGX_HTTP_XR_LEASE_DEADLINE,
                                          ngx_http_xr_lease_answer, sent)
            != NULL)
        {
            return;
        }

        ngx_free(sent);
    }

    xr_bucket_failed(ask, ngx_current_msec);
}


static void
ngx_http_xr_lease_answer(void *data, redisReply *reply)
{
    xr_bucket_ask_t *ask = data;

    ngx_http_xr_limit_answer_t  answer;

    if (ngx_http_xr_limit_script_answer(reply, &answer, 1) == NGX_OK) {
        xr_bucket_answered(ask, answer.granted, answer.balance,
                           ngx_current_msec);

    } else {
        xr_bucket_failed(ask, ngx_current_msec);
    }

    ngx_free(ask);
}


/* What lies idle goes back, so that other edges can have it. */

void
ngx_http_xr_limit_lease_init(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log)
{
    static ngx_event_t       sweep;
    static ngx_connection_t  dummy;

    if (xmcf->redis == NULL || ngx_worker != 0) {
        return;
    }

    dummy.fd = (ngx_socket_t) -1;

    sweep.handler = ngx_http_xr_lease_sweep;
    sweep.data = &dummy;
    sweep.log = log;
    sweep.cancelable = 1;

    ngx_add_timer(&sweep, NGX_HTTP_XR_LEASE_SWEEP);
}


static void
ngx_http_xr_lease_sweep(ngx_event_t *ev)
{
    size_t                    i, n;
    ngx_uint_t                returns;
    xr_bucket_ask_t           ask;
    ngx_http_xr_main_conf_t  *xmcf;

    static size_t  next;

    xmcf = ngx_http_xr_process_conf((ngx_cycle_t *) ngx_cycle);

    if (xmcf == NULL || xmcf->redis == NULL) {
        return;
    }

    n = xr_buckets_used(xmcf->limit->buckets);
    returns = 0;

    for (i = 0;
         i < ngx_min(n, NGX_HTTP_XR_LEASE_PORTION)
         && returns < NGX_HTTP_XR_LEASE_RETURNS
         && ngx_http_xr_redis_usable(xmcf->redis);
         i++)
    {
        next = (next + 1) % n;

        xr_buckets_fetch(xmcf->limit->buckets,
                         (next + NGX_HTTP_XR_LEASE_AHEAD) % n);

        if (xr_bucket_return(xr_buckets_at(xmcf->limit->buckets, next),
                             ngx_current_msec, &ask))
        {
            ngx_http_xr_lease_send(xmcf, &ask);
            returns++;
        }
    }

    if (!ngx_exiting) {
        ngx_add_timer(ev, NGX_HTTP_XR_LEASE_SWEEP);
    }
}
