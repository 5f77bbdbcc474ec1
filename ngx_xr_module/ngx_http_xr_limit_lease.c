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
#define NGX_HTTP_XR_LEASE_RETURNS   64      /* calls made in a sweep */
#define NGX_HTTP_XR_LEASE_ARGS      5


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
    ngx_http_xr_main_conf_t  *xmcf;

    if (use->bucket != NULL) {
        return NGX_OK;
    }

    xmcf = ngx_http_get_module_main_conf(l->request, ngx_http_xr_module);

    use->bucket = xr_buckets_get(xmcf->limit->buckets, use->tag, NULL,
                                 use->limit, ngx_current_msec);

    if (use->bucket == NULL) {

        if (ngx_http_xr_limit_key_redis(l->request, l->ctx, use) != NGX_OK) {
            return NGX_ERROR;
        }

        use->bucket = xr_buckets_get(xmcf->limit->buckets, use->tag, use->key,
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

    xr_bucket_take(use->bucket, use->limit, cost, ngx_current_msec, &res);

    if (res.ask && xmcf->redis != NULL) {
        ngx_http_xr_lease_ask(xmcf, use->bucket);
    }

    use->left = res.left;

    if (res.admitted) {
        use->charged = cost;
        return NGX_OK;
    }

    l->retry = (ngx_msec_t) res.wait;

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
    u_char           *p;
    xr_str_t          key, args[NGX_HTTP_XR_LEASE_ARGS];
    int64_t           numbers[NGX_HTTP_XR_LEASE_ARGS - 1];
    ngx_uint_t        i;
    xr_bucket_ask_t  *sent;
    u_char            text[NGX_HTTP_XR_LEASE_ARGS][NGX_INT64_LEN];

    sent = ngx_alloc(sizeof(xr_bucket_ask_t), ngx_cycle->log);

    if (sent != NULL) {
        *sent = *ask;

        numbers[0] = ask->rate;
        numbers[1] = ask->burst;
        numbers[2] = ask->want;
        numbers[3] = ask->due;

        args[0] = xr_str("lease");

        for (i = 1; i < NGX_HTTP_XR_LEASE_ARGS; i++) {
            p = ngx_sprintf(text[i], "%L", numbers[i - 1]);
            args[i] = xr_str_of(text[i], p - text[i]);
        }

        key = xr_str_of(ask->key, sizeof(ask->key));

        if (ngx_http_xr_redis_eval(xmcf->redis, &key, 1, args,
                                   NGX_HTTP_XR_LEASE_ARGS,
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

    int64_t  numbers[3];

    if (ngx_http_xr_limit_lease_integers(reply, numbers, 3) == NGX_OK) {
        xr_bucket_answered(ask, numbers[0], numbers[1], ngx_current_msec);

    } else {
        xr_bucket_failed(ask, ngx_current_msec);
    }

    ngx_free(ask);
}


/* The answer of the script: so many integers, and nothing else. */

ngx_int_t
ngx_http_xr_limit_lease_integers(redisReply *reply, int64_t *out, ngx_uint_t n)
{
    ngx_uint_t  i;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != n)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (reply->element[i]->type != REDIS_REPLY_INTEGER
            || reply->element[i]->integer < -XR_LIMIT_MAX
            || reply->element[i]->integer > XR_LIMIT_MAX)
        {
            return NGX_ERROR;
        }

        out[i] = reply->element[i]->integer;
    }

    return NGX_OK;
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
    dummy.data = xmcf;

    ngx_memzero(&sweep, sizeof(ngx_event_t));

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
    ngx_connection_t         *c;
    xr_bucket_ask_t           ask;
    ngx_http_xr_main_conf_t  *xmcf;

    static size_t  next;

    c = ev->data;
    xmcf = c->data;

    n = xr_buckets_entries(xmcf->limit->buckets);
    returns = 0;

    for (i = 0;
         i < ngx_min(n, NGX_HTTP_XR_LEASE_PORTION)
         && returns < NGX_HTTP_XR_LEASE_RETURNS
         && ngx_http_xr_redis_usable(xmcf->redis);
         i++)
    {
        next = (next + 1) % n;

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
