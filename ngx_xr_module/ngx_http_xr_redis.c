/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_redis.h"


#define NGX_HTTP_XR_REDIS_FAILURES  5       /* in a row */
#define NGX_HTTP_XR_REDIS_QUIET     10000   /* milliseconds */
#define NGX_HTTP_XR_REDIS_TEXT      128     /* of an error, in the log */


/* Errors that have a meaning here; all others are one kind. */

#define NGX_HTTP_XR_REDIS_NOSCRIPT  0
#define NGX_HTTP_XR_REDIS_MOVED     1
#define NGX_HTTP_XR_REDIS_ASK       2
#define NGX_HTTP_XR_REDIS_TRYAGAIN  3

static ngx_str_t  ngx_http_xr_redis_errors[] = {
    ngx_string("NOSCRIPT"),
    ngx_string("MOVED"),
    ngx_string("ASK"),
    ngx_string("TRYAGAIN"),
    ngx_string("LOADING"),
    ngx_string("OOM"),
    ngx_string("NOAUTH"),
    ngx_string("NOPERM"),
    ngx_string("WRONGPASS"),
    ngx_string("READONLY"),
    ngx_string("BUSY"),
    ngx_string("MASTERDOWN"),
    ngx_string("CLUSTERDOWN"),
    ngx_string("MISCONF"),
    ngx_string("NOREPLICAS")
};


static void ngx_http_xr_redis_wait(ngx_http_xr_redis_call_t *call);
static void ngx_http_xr_redis_forget(ngx_http_xr_redis_call_t *call);
static void ngx_http_xr_redis_finish(ngx_http_xr_redis_call_t *call,
    redisReply *reply);
static void ngx_http_xr_redis_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_xr_redis_error(ngx_http_xr_redis_node_t *node,
    ngx_http_xr_redis_call_t *call, redisReply *reply);
static ngx_uint_t ngx_http_xr_redis_error_kind(redisReply *reply);
static void ngx_http_xr_redis_error_log(ngx_http_xr_redis_node_t *node,
    ngx_uint_t kind, redisReply *reply, const char *why);


/* In a worker: connects, so that the first call finds a connection. */

ngx_int_t
ngx_http_xr_redis_init(ngx_http_xr_redis_t *redis, ngx_log_t *log)
{
    ngx_http_xr_redis_node_t  *node;

    redis->log = log;

    ngx_queue_init(&redis->waiting);
    ngx_queue_init(&redis->free);

    redis->dummy.fd = (ngx_socket_t) -1;
    redis->dummy.data = redis;

    redis->timer.handler = ngx_http_xr_redis_timer_handler;
    redis->timer.data = &redis->dummy;
    redis->timer.log = log;
    redis->timer.cancelable = 1;

    redis->input = ngx_alloc(NGX_HTTP_XR_REDIS_INPUT, log);
    if (redis->input == NULL) {
        return NGX_ERROR;
    }

    node = ngx_http_xr_redis_conn_add(redis, redis->addrs, redis->naddrs);
    if (node == NULL) {
        return NGX_ERROR;
    }

    redis->nodes[0] = node;
    redis->nnodes = 1;

    ngx_http_xr_redis_conn_open(node);

    return NGX_OK;
}


/* Nobody is told of calls that are still out: the worker ends. */

void
ngx_http_xr_redis_exit(ngx_http_xr_redis_t *redis)
{
    ngx_uint_t                 i;
    ngx_queue_t               *q;
    ngx_http_xr_redis_node_t  *node;
    ngx_http_xr_redis_call_t  *call;

    xr_wipe(redis->greeting.data, redis->greeting.len);

    if (redis->log == NULL) {
        return;
    }

    for (i = 0; i < redis->nnodes; i++) {

        node = redis->nodes[i];

        if (node == NULL) {
            continue;
        }

        while (!ngx_queue_empty(&node->calls)) {
            q = ngx_queue_head(&node->calls);
            call = ngx_queue_data(q, ngx_http_xr_redis_call_t, queue);

            ngx_queue_remove(q);
            ngx_http_xr_redis_call_free(call);
        }

        ngx_http_xr_redis_conn_free(node);
        redis->nodes[i] = NULL;
    }

    redis->nnodes = 0;

    while (!ngx_queue_empty(&redis->free)) {
        q = ngx_queue_head(&redis->free);
        call = ngx_queue_data(q, ngx_http_xr_redis_call_t, queue);

        ngx_queue_remove(q);
        ngx_free(call);
    }

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    if (redis->slots != NULL) {
        ngx_free(redis->slots);
        redis->slots = NULL;
    }

    if (redis->input != NULL) {
        ngx_free(redis->input);
    }

    redis->log = NULL;
}


ngx_uint_t
ngx_http_xr_redis_usable(ngx_http_xr_redis_t *redis)
{
    ngx_uint_t                 i;
    ngx_http_xr_redis_node_t  *node;

    for (i = 0; i < redis->nnodes; i++) {

        node = redis->nodes[i];

        if (node != NULL && node->state <= NGX_HTTP_XR_REDIS_UP) {
            return 1;
        }
    }

    return 0;
}


ngx_http_xr_redis_call_t *
ngx_http_xr_redis_eval(ngx_http_xr_redis_t *redis,
    ngx_http_xr_redis_args_t *args, ngx_msec_t deadline,
    ngx_http_xr_redis_pt handler, void *data)
{
    ngx_http_xr_redis_node_t  *node;
    ngx_http_xr_redis_call_t  *call;

    node = ngx_http_xr_redis_cluster_node(redis, args->keys[0]);

    if (node == NULL
        || node->state > NGX_HTTP_XR_REDIS_UP
        || redis->ncalls >= redis->queue)
    {
        (void) ngx_atomic_fetch_add(&redis->stats->refused, 1);
        return NULL;
    }

    call = ngx_http_xr_redis_call_make(redis, args);
    if (call == NULL) {
        (void) ngx_atomic_fetch_add(&redis->stats->refused, 1);
        return NULL;
    }

    if (ngx_http_xr_redis_call_send(node, call) != NGX_OK) {
        ngx_http_xr_redis_call_free(call);
        (void) ngx_atomic_fetch_add(&redis->stats->refused, 1);
        return NULL;
    }

    call->handler = handler;
    call->data = data;
    call->deadline = ngx_current_msec + deadline;

    ngx_http_xr_redis_wait(call);

    (void) ngx_atomic_fetch_add(&redis->stats->calls, 1);

    return call;
}


void
ngx_http_xr_redis_cancel(ngx_http_xr_redis_call_t *call)
{
    if (call->handler != NULL) {
        ngx_http_xr_redis_forget(call);
    }
}


/* Most have the same time to wait, so the place is at the end. */

static void
ngx_http_xr_redis_wait(ngx_http_xr_redis_call_t *call)
{
    ngx_event_t               *timer;
    ngx_queue_t               *q;
    ngx_http_xr_redis_t       *redis;
    ngx_http_xr_redis_call_t  *other;

    redis = call->redis;

    for (q = ngx_queue_last(&redis->waiting);
         q != ngx_queue_sentinel(&redis->waiting);
         q = ngx_queue_prev(q))
    {
        other = ngx_queue_data(q, ngx_http_xr_redis_call_t, waiting);

        if ((ngx_msec_int_t) (other->deadline - call->deadline) <= 0) {
            break;
        }
    }

    ngx_queue_insert_after(q, &call->waiting);

    /* somebody waits, which a worker that quits must not cut short */

    timer = &redis->timer;
    timer->cancelable = 0;

    if (timer->timer_set) {

        if ((ngx_msec_int_t) (timer->timer.key - call->deadline) <= 0) {
            return;
        }

        ngx_del_timer(timer);
    }

    ngx_add_timer(timer, call->deadline - ngx_current_msec);
}


/* The timer stays: it costs less to let it come to nothing. */

static void
ngx_http_xr_redis_forget(ngx_http_xr_redis_call_t *call)
{
    call->handler = NULL;

    ngx_queue_remove(&call->waiting);

    if (ngx_queue_empty(&call->redis->waiting)) {
        call->redis->timer.cancelable = 1;
    }
}


static void
ngx_http_xr_redis_finish(ngx_http_xr_redis_call_t *call, redisReply *reply)
{
    ngx_http_xr_redis_pt  handler;

    handler = call->handler;

    if (handler != NULL) {
        ngx_http_xr_redis_forget(call);
        handler(call->data, reply);
    }
}


/* A call whose time is over stays in the queue of its node for its answer. */

static void
ngx_http_xr_redis_timer_handler(ngx_event_t *ev)
{
    ngx_queue_t               *q;
    ngx_msec_int_t             left;
    ngx_connection_t          *dummy;
    ngx_http_xr_redis_t       *redis;
    ngx_http_xr_redis_node_t  *node;
    ngx_http_xr_redis_call_t  *call;

    dummy = ev->data;
    redis = dummy->data;

    while (!ngx_queue_empty(&redis->waiting)) {

        q = ngx_queue_head(&redis->waiting);
        call = ngx_queue_data(q, ngx_http_xr_redis_call_t, waiting);

        left = (ngx_msec_int_t) (call->deadline - ngx_current_msec);

        if (left > 0) {

            if (ev->timer_set) {
                ngx_del_timer(ev);
            }

            ngx_add_timer(ev, left);
            return;
        }

        node = call->node;

        (void) ngx_atomic_fetch_add(&redis->stats->timeouts, 1);
        ngx_http_xr_redis_finish(call, NULL);

        if (++node->failures >= NGX_HTTP_XR_REDIS_FAILURES) {
            ngx_http_xr_redis_conn_fail(node, 0, "does not answer in time");
        }
    }
}


ngx_int_t
ngx_http_xr_redis_answer(ngx_http_xr_redis_node_t *node, redisReply *reply)
{
    ngx_queue_t               *q;
    ngx_http_xr_redis_call_t  *call;

    if (node->redis->push != NULL) {
        return node->redis->push(node, reply);
    }

    if (ngx_queue_empty(&node->calls)) {
        ngx_http_xr_redis_conn_fail(node, 0, "says what it was not asked");
        return NGX_ERROR;
    }

    q = ngx_queue_head(&node->calls);
    call = ngx_queue_data(q, ngx_http_xr_redis_call_t, queue);

    if (call->asking) {
        call->asking = 0;
        return NGX_OK;
    }

    ngx_queue_remove(q);

    if (reply->type == REDIS_REPLY_ERROR && call->handler != NULL) {
        return ngx_http_xr_redis_error(node, call, reply);
    }

    if (call->handler != NULL) {
        (void) ngx_atomic_fetch_add(&node->redis->stats->replies, 1);
        node->failures = 0;
        node->pause = 0;

        ngx_http_xr_redis_finish(call, reply);
    }

    ngx_http_xr_redis_call_free(call);

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_redis_error(ngx_http_xr_redis_node_t *node,
    ngx_http_xr_redis_call_t *call, redisReply *reply)
{
    ngx_uint_t   kind, healthy;
    const char  *why;

    why = "";
    healthy = 0;
    kind = ngx_http_xr_redis_error_kind(reply);

    switch (kind) {

    case NGX_HTTP_XR_REDIS_NOSCRIPT:

        if (!call->eval) {
            call->eval = 1;
            why = (ngx_http_xr_redis_call_send(node, call) == NGX_OK)
                  ? NULL : ", no memory";
        }

        break;

    case NGX_HTTP_XR_REDIS_MOVED:
    case NGX_HTTP_XR_REDIS_ASK:
        healthy = 1;
        why = ngx_http_xr_redis_cluster_follow(call, reply,
                                               kind == NGX_HTTP_XR_REDIS_ASK);
        break;

    case NGX_HTTP_XR_REDIS_TRYAGAIN:
        healthy = 1;
        break;
    }

    if (healthy) {
        node->failures = 0;
    }

    if (why == NULL) {
        return NGX_OK;
    }

    ngx_http_xr_redis_error_log(node, kind, reply, why);

    (void) ngx_atomic_fetch_add(&node->redis->stats->failures, 1);

    ngx_http_xr_redis_finish(call, NULL);
    ngx_http_xr_redis_call_free(call);

    if (!healthy && ++node->failures >= NGX_HTTP_XR_REDIS_FAILURES) {
        ngx_http_xr_redis_conn_fail(node, 0, "refuses calls");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_xr_redis_error_kind(redisReply *reply)
{
    ngx_str_t   *e;
    ngx_uint_t   i;

    e = ngx_http_xr_redis_errors;

    for (i = 0; i < XR_COUNT(ngx_http_xr_redis_errors); i++) {

        if (ngx_strncmp(reply->str, e[i].data, e[i].len) == 0
            && (reply->str[e[i].len] == ' ' || reply->str[e[i].len] == '\0'))
        {
            break;
        }
    }

    return i;
}


/* A call holds no secret, so its error may be told. */

static void
ngx_http_xr_redis_error_log(ngx_http_xr_redis_node_t *node, ngx_uint_t kind,
    redisReply *reply, const char *why)
{
    size_t     i;
    ngx_str_t  text;

    if (!ngx_http_xr_redis_logs(node->redis,
                                NGX_HTTP_XR_REDIS_LOG_ERROR + kind))
    {
        return;
    }

    text.data = (u_char *) reply->str;
    text.len = ngx_min(reply->len, NGX_HTTP_XR_REDIS_TEXT);

    for (i = 0; i < text.len; i++) {

        if (text.data[i] < 0x20 || text.data[i] > 0x7e) {
            text.data[i] = '?';
        }
    }

    ngx_log_error(NGX_LOG_ERR, node->redis->log, 0,
                  "xr: Redis %V refused a call: \"%V\"%s",
                  &node->addrs[node->addr].name, &text, why);
}


/* The connection is gone, and with it the answers. */

void
ngx_http_xr_redis_abandon(ngx_http_xr_redis_node_t *node)
{
    ngx_queue_t               *q, calls;
    ngx_http_xr_redis_call_t  *call;

    if (node->redis->push != NULL) {
        (void) node->redis->push(node, NULL);
    }

    ngx_queue_init(&calls);

    if (!ngx_queue_empty(&node->calls)) {
        ngx_queue_add(&calls, &node->calls);
        ngx_queue_init(&node->calls);
    }

    while (!ngx_queue_empty(&calls)) {
        q = ngx_queue_head(&calls);
        call = ngx_queue_data(q, ngx_http_xr_redis_call_t, queue);

        ngx_queue_remove(q);

        if (call->handler != NULL) {
            (void) ngx_atomic_fetch_add(&node->redis->stats->failures, 1);
            ngx_http_xr_redis_finish(call, NULL);
        }

        ngx_http_xr_redis_call_free(call);
    }
}


/* Whether what is to be logged was not for a while. */

ngx_uint_t
ngx_http_xr_redis_logs(ngx_http_xr_redis_t *redis, ngx_uint_t kind)
{
    ngx_msec_t  *logged;

    logged = &redis->logged[kind];

    if (ngx_exiting && redis->push != NULL) {
        return 0;                       /* it is to end */
    }

    if (*logged != 0 && ngx_current_msec - *logged < NGX_HTTP_XR_REDIS_QUIET) {
        return 0;
    }

    *logged = ngx_current_msec;

    return 1;
}
