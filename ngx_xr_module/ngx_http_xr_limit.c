/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/*
 * A client's request and its limits: each of them is taken in turn, leased
 * ones from this edge, exact ones in one call to Redis.  If one refuses, the
 * others get back what they gave.  It happens once, however often the request
 * is redirected inside NGINX, and never for subrequests.
 */

/* While an answer of Redis is under way; it takes about as long. */

#define NGX_HTTP_XR_LIMIT_PAUSE  1          /* milliseconds */


static ngx_int_t ngx_http_xr_limit_run(ngx_http_xr_limited_t *l);
static ngx_int_t ngx_http_xr_limit_use(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t cost);
static ngx_int_t ngx_http_xr_limit_refused(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use);
static ngx_int_t ngx_http_xr_limit_deny(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, xr_deny_t deny, ngx_uint_t status);
static void ngx_http_xr_limit_pass(ngx_http_xr_limited_t *l);
static void ngx_http_xr_limit_timer(ngx_event_t *ev);
static void ngx_http_xr_limit_cleanup(void *data);


ngx_int_t
ngx_http_xr_limit_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (r != r->main
        || (ctx->limited == NULL && xlcf->limits == NULL
            && ctx->tenant->nlimits == 0))
    {
        return NGX_OK;
    }

    if (ctx->limited == NULL) {
        ctx->limited = ngx_http_xr_limit_key_gather(r, ctx);

        if (ctx->limited == NULL) {
            return NGX_ERROR;
        }
    }

    return ctx->limited->done ? NGX_OK : ngx_http_xr_limit_run(ctx->limited);
}


static ngx_int_t
ngx_http_xr_limit_run(ngx_http_xr_limited_t *l)
{
    int64_t                   cost;
    ngx_int_t                 rc;
    ngx_uint_t                i, shared;
    ngx_http_xr_limit_use_t  *use;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(l->request, ngx_http_xr_module);

    shared = xmcf->redis != NULL && ngx_http_xr_redis_usable(xmcf->redis);

    for (i = 0; i < l->nleased; i++) {
        use = &l->uses[i];

        if (use->taken) {
            continue;
        }

        cost = (use->limit->unit == XR_LIMIT_BYTES)
               ? ngx_http_xr_limit_bytes_reserve(l->request, use->limit)
               : use->limit->cost;

        if (shared && use->bucket != NULL
            && xr_bucket_spend(use->bucket, use->tag, use->limit, cost,
                               (int64_t) ngx_current_msec, &use->left))
        {
            use->charged = cost;
            use->taken = 1;
            continue;
        }

        rc = ngx_http_xr_limit_use(l, use, cost);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (l->nleased < l->n && !l->uses[l->nleased].taken) {
        rc = ngx_http_xr_limit_exact_run(l);

        if (rc == NGX_BUSY) {
            rc = ngx_http_xr_limit_refused(l, l->refuser);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_xr_limit_pass(l);

    return NGX_OK;
}


/* A leased limit that is not just spent from. */

static ngx_int_t
ngx_http_xr_limit_use(ngx_http_xr_limited_t *l, ngx_http_xr_limit_use_t *use,
    int64_t cost)
{
    ngx_int_t  rc;

    use->bucket = NULL;

    rc = ngx_http_xr_limit_lease_take(l, use, cost);

    if (rc == NGX_AGAIN) {
        return ngx_http_xr_limit_wait(l, NGX_HTTP_XR_LIMIT_PAUSE);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_xr_limit_degrade(l, use, cost);
    }

    if (rc == NGX_BUSY) {
        return ngx_http_xr_limit_refused(l, use);
    }

    use->taken = 1;

    return rc;
}


/*
 * Nobody knows what there is.  NGX_OK, NGX_BUSY, or the status of an answer.
 */

ngx_int_t
ngx_http_xr_limit_degrade(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t cost)
{
    ngx_int_t                 rc;
    xr_bucket_result_t        res;
    ngx_http_xr_main_conf_t  *xmcf;

    if (!use->degraded) {
        use->degraded = 1;
        ngx_http_xr_limit_count(use, NGX_HTTP_XR_LIMIT_DEGRADED);
    }

    if (use->limit->failure == XR_LIMIT_CLOSED) {
        l->retry = 1000;
        return ngx_http_xr_limit_deny(l, use, XR_DENY_LIMIT_UNKNOWN,
                                      NGX_HTTP_SERVICE_UNAVAILABLE);
    }

    if (use->limit->failure == XR_LIMIT_OPEN) {
        use->bucket = NULL;                 /* nothing is booked, either */
        return NGX_OK;
    }

    rc = ngx_http_xr_limit_lease_bucket(l, use);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    xmcf = ngx_http_get_module_main_conf(l->request, ngx_http_xr_module);

    xr_bucket_fill(use->bucket, use->limit, (uint32_t) xmcf->redis->edges,
                   ngx_current_msec);

    return ngx_http_xr_limit_lease_spend(l, use, cost, &res);
}


/* Waits, if the limit lets it, passes all the same, or is sent away. */

static ngx_int_t
ngx_http_xr_limit_refused(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use)
{
    ngx_msec_t               waited;
    ngx_http_xr_loc_conf_t  *xlcf;

    waited = (l->pause != NULL) ? ngx_current_msec - l->pause->began : 0;

    if (use->limit->delay > waited
        && l->retry <= use->limit->delay - waited)
    {
        l->delayed = 1;

        return ngx_http_xr_limit_wait(l, l->retry);
    }

    xlcf = ngx_http_get_module_loc_conf(l->request, ngx_http_xr_module);

    if (xlcf->limit_dry_run) {
        ngx_http_xr_limit_count(use, NGX_HTTP_XR_LIMIT_DRY_RUN);
        ngx_http_xr_limit_log(l, use, "would be limited");

        l->dry_run = 1;
        use->taken = 1;

        return NGX_OK;
    }

    return ngx_http_xr_limit_deny(l, use, XR_DENY_LIMIT, xlcf->limit_status);
}


static ngx_int_t
ngx_http_xr_limit_deny(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, xr_deny_t deny, ngx_uint_t status)
{
    ngx_http_xr_limit_count(use, NGX_HTTP_XR_LIMIT_REJECTED);
    ngx_http_xr_limit_log(l, use, "limited");

    ngx_http_xr_limit_give_back(l);

    l->done = 1;
    l->outcome = NGX_HTTP_XR_LIMIT_REJECTED;
    l->refuser = use;

    if (ngx_http_xr_headers_retry_after(l->request, l->retry) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_xr_deny(l->request, l->ctx, deny, (ngx_int_t) status);
}


static void
ngx_http_xr_limit_pass(ngx_http_xr_limited_t *l)
{
    ngx_uint_t                   i;
    ngx_http_xr_limit_use_t     *use;
    ngx_http_xr_limit_outcome_t  outcome;

    outcome = l->delayed ? NGX_HTTP_XR_LIMIT_DELAYED
                         : NGX_HTTP_XR_LIMIT_PASSED;

    for (i = 0; i < l->n; i++) {
        use = &l->uses[i];

        ngx_http_xr_limit_count(use, outcome);

        if (use->left * 5 < use->limit->burst) {
            l->near = 1;
            ngx_http_xr_limit_count(use, NGX_HTTP_XR_LIMIT_NEAR);
        }

        if (use->degraded) {
            outcome = NGX_HTTP_XR_LIMIT_DEGRADED;
        }
    }

    l->done = 1;
    l->outcome = l->dry_run ? NGX_HTTP_XR_LIMIT_DRY_RUN : outcome;
}


/* What one limit refused costs nothing at the others. */

void
ngx_http_xr_limit_give_back(ngx_http_xr_limited_t *l)
{
    ngx_uint_t  i;

    for (i = 0; i < l->n; i++) {
        ngx_http_xr_limit_charge(l, &l->uses[i], -l->uses[i].charged);
    }
}


/* Books more, or gives back. */

void
ngx_http_xr_limit_charge(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t amount)
{
    if (amount == 0) {
        return;
    }

    use->charged += amount;

    if (use->exact && !use->degraded) {
        ngx_http_xr_limit_exact_charge(l, use, amount);

    } else if (use->bucket != NULL) {
        xr_bucket_charge(use->bucket, use->tag, amount);
    }
}


void
ngx_http_xr_limit_log(ngx_http_xr_limited_t *l, ngx_http_xr_limit_use_t *use,
    const char *what)
{
    ngx_str_t                name, tenant;
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_http_get_module_loc_conf(l->request, ngx_http_xr_module);

    name = ngx_http_xr_ngx(use->limit->name);
    tenant = ngx_http_xr_ngx(l->ctx->tenant->name);

    ngx_log_error(xlcf->limit_log_level, l->request->connection->log, 0,
                  "xr: %s by \"%V\", tenant %V, for %M ms", what, &name,
                  &tenant, l->retry);
}


/* NGX_AGAIN: the request goes on after so long, or when it is resumed. */

ngx_int_t
ngx_http_xr_limit_wait(ngx_http_xr_limited_t *l, ngx_msec_t ms)
{
    if (ngx_http_xr_limit_suspend(l) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_add_timer(&l->pause->timer, ngx_max(ms, 1));

    return ngx_http_xr_limit_sleep(l);
}


/*
 * NGX_AGAIN: until it is resumed, all that is looked for is that the client is
 * there, who may have gone already.
 */

ngx_int_t
ngx_http_xr_limit_sleep(ngx_http_xr_limited_t *l)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = l->request;
    rev = r->connection->read;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* What is under way for a request must not outlive it. */

ngx_int_t
ngx_http_xr_limit_suspend(ngx_http_xr_limited_t *l)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_xr_limit_pause_t  *pause;

    if (l->pause != NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(l->request->pool,
                               sizeof(ngx_http_xr_limit_pause_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    pause = cln->data;
    ngx_memzero(pause, sizeof(ngx_http_xr_limit_pause_t));

    pause->timer.handler = ngx_http_xr_limit_timer;
    pause->timer.data = l->request->connection;
    pause->timer.log = l->request->connection->log;
    pause->began = ngx_current_msec;

    cln->handler = ngx_http_xr_limit_cleanup;
    l->pause = pause;

    return NGX_OK;
}


static void
ngx_http_xr_limit_timer(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_xr_ctx_t   *ctx;
    ngx_http_request_t  *r;

    c = ev->data;
    r = c->data;

    ctx = ngx_http_xr_get_ctx(r->main);

    ngx_http_xr_limit_resume(ctx->limited);
}


void
ngx_http_xr_limit_resume(ngx_http_xr_limited_t *l)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = l->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_xr_limit_cleanup(void *data)
{
    ngx_http_xr_limit_pause_t *pause = data;

    if (pause->timer.timer_set) {
        ngx_del_timer(&pause->timer);
    }

    if (pause->call != NULL) {
        ngx_http_xr_redis_cancel(pause->call);
    }
}
