/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/*
 * The least that a client has to take of an answer in a second.  NGINX's
 * send_timeout is about two writes, so that a client which reads a byte now
 * and then keeps its connection, and what is buffered for it, for ever.
 *
 * Answers under way are looked at once a second, one after the other; what
 * waits for the origin, or for "limit_rate", is not the client's fault.
 */

#define NGX_HTTP_XR_RATE_TICK  1000         /* milliseconds */


typedef struct {
    ngx_queue_t          queue;
    ngx_http_request_t  *request;
    off_t                sent;              /* at "since" */
    ngx_msec_t           since;
    ngx_msec_t           after;
    size_t               rate;
} ngx_http_xr_rate_t;


static void ngx_http_xr_rate_tick(ngx_event_t *ev);
static void ngx_http_xr_rate_look(ngx_http_xr_rate_t *rate);
static void ngx_http_xr_rate_cleanup(void *data);


static ngx_queue_t       ngx_http_xr_rate_queue;
static ngx_event_t       ngx_http_xr_rate_event;
static ngx_connection_t  ngx_http_xr_rate_dummy;


void
ngx_http_xr_limit_rate_init(ngx_log_t *log)
{
    ngx_http_xr_rate_event.log = log;

    /* a process without a master goes on with what it has under way */

    if (ngx_http_xr_rate_event.handler != NULL) {
        return;
    }

    ngx_queue_init(&ngx_http_xr_rate_queue);

    ngx_http_xr_rate_dummy.fd = (ngx_socket_t) -1;

    ngx_http_xr_rate_event.handler = ngx_http_xr_rate_tick;
    ngx_http_xr_rate_event.data = &ngx_http_xr_rate_dummy;
}


/* The answer begins. */

ngx_int_t
ngx_http_xr_limit_rate_watch(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_xr_rate_t      *rate;
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (xlcf->min_rate == 0 || ctx->watched || r->header_only) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_rate_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    rate = cln->data;

    rate->request = r;
    rate->sent = r->connection->sent;
    rate->since = ngx_current_msec;
    rate->after = xlcf->min_rate_after;
    rate->rate = xlcf->min_rate;

    ngx_queue_insert_tail(&ngx_http_xr_rate_queue, &rate->queue);

    cln->handler = ngx_http_xr_rate_cleanup;
    ctx->watched = 1;

    if (!ngx_http_xr_rate_event.timer_set) {
        ngx_add_timer(&ngx_http_xr_rate_event, NGX_HTTP_XR_RATE_TICK);
    }

    return NGX_OK;
}


static void
ngx_http_xr_rate_cleanup(void *data)
{
    ngx_http_xr_rate_t *rate = data;

    ngx_queue_remove(&rate->queue);

    if (ngx_queue_empty(&ngx_http_xr_rate_queue)
        && ngx_http_xr_rate_event.timer_set)
    {
        ngx_del_timer(&ngx_http_xr_rate_event);
    }
}


static void
ngx_http_xr_rate_tick(ngx_event_t *ev)
{
    ngx_queue_t         *q;
    ngx_http_xr_rate_t  *rate;

    for (q = ngx_queue_head(&ngx_http_xr_rate_queue);
         q != ngx_queue_sentinel(&ngx_http_xr_rate_queue);
         q = ngx_queue_next(q))
    {
        rate = ngx_queue_data(q, ngx_http_xr_rate_t, queue);

        if (ngx_current_msec - rate->since >= rate->after) {
            ngx_http_xr_rate_look(rate);
        }
    }

    if (!ngx_queue_empty(&ngx_http_xr_rate_queue)) {
        ngx_add_timer(ev, NGX_HTTP_XR_RATE_TICK);
    }
}


/* As if "send_timeout" had passed, whose event NGINX knows how to handle. */

static void
ngx_http_xr_rate_look(ngx_http_xr_rate_t *rate)
{
    uint64_t           least;
    ngx_event_t       *wev;
    ngx_connection_t  *c;

    c = rate->request->connection;
    wev = c->write;

    least = (uint64_t) rate->rate * (ngx_current_msec - rate->since) / 1000;

    if ((uint64_t) (c->sent - rate->sent) >= least
        || !(c->buffered & NGX_HTTP_WRITE_BUFFERED)
        || wev->delayed)
    {
        rate->sent = c->sent;
        rate->since = ngx_current_msec;
        return;
    }

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "xr: client took %O bytes in %M ms, less than "
                  "\"xr_limit_min_rate\"", c->sent - rate->sent,
                  ngx_current_msec - rate->since);

    rate->since = ngx_current_msec;

    wev->timedout = 1;
    ngx_post_event(wev, &ngx_posted_events);
}
