/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/*
 * Exact limits: one call to Redis decides all of them for a request, which
 * waits for it no longer than "xr_redis timeout=" says.
 */

#define NGX_HTTP_XR_EXACT_NUMBERS  4        /* of a key, in a call */
#define NGX_HTTP_XR_EXACT_ANSWERS  3        /* likewise, in an answer */
#define NGX_HTTP_XR_EXACT_BLOCK    100      /* milliseconds at most */
#define NGX_HTTP_XR_EXACT_DEADLINE 1000     /* of what nobody waits for */


static ngx_int_t ngx_http_xr_exact_send(ngx_http_xr_limited_t *l);
static void ngx_http_xr_exact_answer(void *data, redisReply *reply);
static ngx_int_t ngx_http_xr_exact_judge(ngx_http_xr_limited_t *l);
static ngx_int_t ngx_http_xr_exact_degrade(ngx_http_xr_limited_t *l);
static ngx_http_xr_redis_call_t *ngx_http_xr_exact_call(
    ngx_http_xr_limited_t *l, ngx_str_t *mode, ngx_http_xr_limit_use_t *uses,
    ngx_uint_t n, int64_t due, ngx_msec_t deadline,
    ngx_http_xr_redis_pt handler, void *data);
static void ngx_http_xr_exact_booked(void *data, redisReply *reply);


static ngx_str_t  ngx_http_xr_exact_take = ngx_string("take");
static ngx_str_t  ngx_http_xr_exact_lease = ngx_string("lease");


/* NGX_OK, NGX_AGAIN, NGX_BUSY with l->refuser, or the status of an answer. */

ngx_int_t
ngx_http_xr_limit_exact_run(ngx_http_xr_limited_t *l)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_xr_limit_use_t  *use;

    switch (l->reply) {

    case NGX_HTTP_XR_EXACT_ASKED:
        return NGX_AGAIN;

    case NGX_HTTP_XR_EXACT_ANSWERED:
        l->reply = NGX_HTTP_XR_EXACT_NONE;
        return ngx_http_xr_exact_judge(l);

    case NGX_HTTP_XR_EXACT_FAILED:
        return ngx_http_xr_exact_degrade(l);

    default: /* NGX_HTTP_XR_EXACT_NONE */
        break;
    }

    for (i = l->nleased; i < l->n; i++) {
        use = &l->uses[i];

        /* of bytes any will do, whatever they cost */

        use->want = (use->limit->unit == XR_LIMIT_BYTES)
                    ? -ngx_http_xr_limit_bytes_reserve(l->request, use->limit)
                    : use->limit->cost;

        rc = ngx_http_xr_limit_lease_bucket(l, use);

        if (rc == NGX_ERROR) {
            return rc;
        }

        /* what Redis refused a moment ago it would refuse again */

        if (rc == NGX_OK
            && xr_bucket_blocked(use->bucket, ngx_current_msec, &l->retry))
        {
            l->refuser = use;
            return NGX_BUSY;
        }

        if ((rc != NGX_OK || !xr_bucket_key(use->bucket, use->tag, use->key))
            && ngx_http_xr_limit_key_redis(l->request, l->ctx, use) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_xr_exact_send(l);
}


static ngx_int_t
ngx_http_xr_exact_send(ngx_http_xr_limited_t *l)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(l->request, ngx_http_xr_module);

    if (ngx_http_xr_limit_suspend(l) != NGX_OK) {
        return NGX_ERROR;
    }

    l->call = ngx_http_xr_exact_call(l, &ngx_http_xr_exact_take,
                                     &l->uses[l->nleased], l->n - l->nleased,
                                     0, xmcf->redis->timeout,
                                     ngx_http_xr_exact_answer, l);
    if (l->call == NULL) {
        return ngx_http_xr_exact_degrade(l);
    }

    l->reply = NGX_HTTP_XR_EXACT_ASKED;

    return ngx_http_xr_limit_sleep(l);
}


static void
ngx_http_xr_exact_answer(void *data, redisReply *reply)
{
    ngx_http_xr_limited_t *l = data;

    int64_t                  *p;
    ngx_uint_t                i, n;
    ngx_http_xr_limit_use_t  *use;
    int64_t                   numbers[NGX_HTTP_XR_EXACT_ANSWERS
                                      * NGX_HTTP_XR_LIMIT_MAX];

    l->call = NULL;
    n = l->n - l->nleased;

    if (ngx_http_xr_limit_lease_integers(reply, numbers,
                                   NGX_HTTP_XR_EXACT_ANSWERS * n)
        == NGX_OK)
    {
        for (i = 0; i < n; i++) {
            use = &l->uses[l->nleased + i];
            p = &numbers[NGX_HTTP_XR_EXACT_ANSWERS * i];

            use->granted = p[0];
            use->left = p[1];
            use->wait = p[2];
        }

        l->reply = NGX_HTTP_XR_EXACT_ANSWERED;

    } else {
        l->reply = NGX_HTTP_XR_EXACT_FAILED;
    }

    ngx_http_xr_limit_resume(l);
}


/* All were granted what they want, or none was. */

static ngx_int_t
ngx_http_xr_exact_judge(ngx_http_xr_limited_t *l)
{
    int64_t                   wait;
    ngx_uint_t                i;
    ngx_http_xr_limit_use_t  *use;

    wait = 0;
    l->refuser = NULL;

    for (i = l->nleased; i < l->n; i++) {
        use = &l->uses[i];

        if (use->wait > wait || (l->refuser == NULL && use->granted == 0)) {
            wait = use->wait;
            l->refuser = use;
        }
    }

    if (wait > 0) {
        l->retry = (ngx_msec_t) ((wait + 999) / 1000);

        if (l->refuser->bucket != NULL) {
            xr_bucket_block(l->refuser->bucket, ngx_current_msec,
                            ngx_min(l->retry, NGX_HTTP_XR_EXACT_BLOCK));
        }

        return NGX_BUSY;
    }

    for (i = l->nleased; i < l->n; i++) {
        l->uses[i].charged = l->uses[i].granted;
        l->uses[i].taken = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_exact_degrade(ngx_http_xr_limited_t *l)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_xr_limit_use_t  *use;

    l->reply = NGX_HTTP_XR_EXACT_FAILED;

    for (i = l->nleased; i < l->n; i++) {
        use = &l->uses[i];

        if (use->taken) {
            continue;
        }

        rc = ngx_http_xr_limit_degrade(l, use, (use->want < 0) ? -use->want
                                                               : use->want);

        if (rc != NGX_OK) {
            l->refuser = use;
            return rc;
        }

        use->taken = 1;
    }

    return NGX_OK;
}


/* Books what has become of it; nobody waits for that. */

void
ngx_http_xr_limit_exact_charge(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t amount)
{
    use->want = 0;

    if (ngx_http_xr_exact_call(l, &ngx_http_xr_exact_lease, use, 1, amount,
                               NGX_HTTP_XR_EXACT_DEADLINE,
                               ngx_http_xr_exact_booked, NULL)
        == NULL)
    {
        ngx_http_xr_limit_count(use, NGX_HTTP_XR_LIMIT_DEGRADED);
    }
}


static void
ngx_http_xr_exact_booked(void *data, redisReply *reply)
{
    /* the request is gone, and what could not be booked is forgiven */
}


static ngx_http_xr_redis_call_t *
ngx_http_xr_exact_call(ngx_http_xr_limited_t *l, ngx_str_t *mode,
    ngx_http_xr_limit_use_t *uses, ngx_uint_t n, int64_t due,
    ngx_msec_t deadline, ngx_http_xr_redis_pt handler, void *data)
{
    u_char                   *p, *last;
    int64_t                   numbers[NGX_HTTP_XR_EXACT_NUMBERS];
    xr_str_t                  keys[NGX_HTTP_XR_LIMIT_MAX], *arg;
    ngx_uint_t                i, j;
    xr_str_t                  args[1 + NGX_HTTP_XR_EXACT_NUMBERS
                                       * NGX_HTTP_XR_LIMIT_MAX];
    u_char                    text[NGX_HTTP_XR_EXACT_NUMBERS
                                   * NGX_HTTP_XR_LIMIT_MAX * NGX_INT64_LEN];
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(l->request, ngx_http_xr_module);

    arg = args;
    *arg++ = ngx_http_xr_view(mode);
    p = text;

    for (i = 0; i < n; i++) {
        keys[i] = xr_str_of(uses[i].key, sizeof(uses[i].key));

        numbers[0] = uses[i].limit->rate;
        numbers[1] = uses[i].limit->burst;
        numbers[2] = uses[i].want;
        numbers[3] = due;

        for (j = 0; j < NGX_HTTP_XR_EXACT_NUMBERS; j++) {
            last = ngx_sprintf(p, "%L", numbers[j]);
            *arg++ = xr_str_of(p, last - p);
            p = last;
        }
    }

    return ngx_http_xr_redis_eval(xmcf->redis, keys, n, args,
                                  (ngx_uint_t) (arg - args), deadline, handler,
                                  data);
}
