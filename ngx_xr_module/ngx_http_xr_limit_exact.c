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

#define NGX_HTTP_XR_EXACT_BLOCK     100     /* milliseconds at most */
#define NGX_HTTP_XR_EXACT_DEADLINE  1000    /* of what nobody waits for */


static ngx_int_t ngx_http_xr_exact_prepare(ngx_http_xr_limited_t *l);
static ngx_int_t ngx_http_xr_exact_send(ngx_http_xr_limited_t *l);
static void ngx_http_xr_exact_answer(void *data, redisReply *reply);
static ngx_int_t ngx_http_xr_exact_judge(ngx_http_xr_limited_t *l);
static ngx_int_t ngx_http_xr_exact_degrade(ngx_http_xr_limited_t *l);
static void ngx_http_xr_exact_part(ngx_http_xr_limit_use_t *use, int64_t want,
    int64_t due, ngx_http_xr_limit_part_t *part);
static void ngx_http_xr_exact_booked(void *data, redisReply *reply);


/* NGX_OK, NGX_AGAIN, NGX_BUSY with l->refuser, or the status of an answer. */

ngx_int_t
ngx_http_xr_limit_exact_run(ngx_http_xr_limited_t *l)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_xr_limit_use_t  *use;

    if (l->uses[l->nleased].ask == NULL
        && ngx_http_xr_exact_prepare(l) != NGX_OK)
    {
        return NGX_ERROR;
    }

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

        use->ask->want = (use->limit->unit == XR_LIMIT_BYTES)
                         ? -ngx_http_xr_limit_bytes_reserve(l->request,
                                                            use->limit)
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

        if ((rc != NGX_OK
             || !xr_bucket_key(use->bucket, use->tag, use->ask->key))
            && ngx_http_xr_limit_key_redis(l->request, l->ctx, use->limit,
                                           use->ask->key)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_xr_exact_send(l);
}


static ngx_int_t
ngx_http_xr_exact_prepare(ngx_http_xr_limited_t *l)
{
    ngx_uint_t                i, n;
    ngx_http_xr_limit_ask_t  *asks;

    n = l->n - l->nleased;

    asks = ngx_palloc(l->request->pool, n * sizeof(ngx_http_xr_limit_ask_t));
    if (asks == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        l->uses[l->nleased + i].ask = &asks[i];
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_exact_send(ngx_http_xr_limited_t *l)
{
    ngx_uint_t                 i, n;
    ngx_http_xr_limit_use_t   *use;
    ngx_http_xr_limit_part_t   parts[NGX_HTTP_XR_LIMIT_MAX];
    ngx_http_xr_main_conf_t   *xmcf;

    xmcf = ngx_http_get_module_main_conf(l->request, ngx_http_xr_module);

    if (ngx_http_xr_limit_suspend(l) != NGX_OK) {
        return NGX_ERROR;
    }

    use = &l->uses[l->nleased];
    n = l->n - l->nleased;

    for (i = 0; i < n; i++) {
        ngx_http_xr_exact_part(&use[i], use[i].ask->want, 0, &parts[i]);
    }

    l->pause->call = ngx_http_xr_limit_script_call(xmcf->redis, "take", parts,
                                                   n, xmcf->redis->timeout,
                                                   ngx_http_xr_exact_answer,
                                                   l);
    if (l->pause->call == NULL) {
        return ngx_http_xr_exact_degrade(l);
    }

    l->reply = NGX_HTTP_XR_EXACT_ASKED;

    return ngx_http_xr_limit_sleep(l);
}


static void
ngx_http_xr_exact_answer(void *data, redisReply *reply)
{
    ngx_http_xr_limited_t *l = data;

    ngx_uint_t                   i, n;
    ngx_http_xr_limit_use_t     *use;
    ngx_http_xr_limit_answer_t   answers[NGX_HTTP_XR_LIMIT_MAX];

    l->pause->call = NULL;

    use = &l->uses[l->nleased];
    n = l->n - l->nleased;

    if (ngx_http_xr_limit_script_answer(reply, answers, n) == NGX_OK) {

        for (i = 0; i < n; i++) {
            use[i].ask->granted = answers[i].granted;
            use[i].left = answers[i].balance;
            use[i].ask->wait = answers[i].wait;
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

        if (use->ask->wait > wait
            || (l->refuser == NULL && use->ask->granted == 0))
        {
            wait = use->ask->wait;
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
        l->uses[i].charged = l->uses[i].ask->granted;
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

        rc = ngx_http_xr_limit_degrade(l, use, ngx_abs(use->ask->want));

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
    ngx_http_xr_limit_part_t  part;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(l->request, ngx_http_xr_module);

    ngx_http_xr_exact_part(use, 0, amount, &part);

    if (ngx_http_xr_limit_script_call(xmcf->redis, "lease", &part, 1,
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


static void
ngx_http_xr_exact_part(ngx_http_xr_limit_use_t *use, int64_t want,
    int64_t due, ngx_http_xr_limit_part_t *part)
{
    part->key = use->ask->key;
    part->rate = use->limit->rate;
    part->burst = use->limit->burst;
    part->want = want;
    part->due = due;
}
