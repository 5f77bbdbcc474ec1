/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_redis.h"


#define NGX_HTTP_XR_REDIS_CALL_SIZE  2048       /* memory of most calls */
#define NGX_HTTP_XR_REDIS_CALL_MAX   65536

/* A string of the protocol: "$3\r\nabc\r\n" */

#define NGX_HTTP_XR_REDIS_CALL_BULK(len)                                      \
    (sizeof("$\r\n\r\n") - 1 + NGX_SIZE_T_LEN + (len))


static ngx_http_xr_redis_call_t *ngx_http_xr_redis_call_alloc(
    ngx_http_xr_redis_t *redis, size_t len);
static void ngx_http_xr_redis_call_write(ngx_http_xr_redis_call_t *call,
    ngx_http_xr_redis_args_t *args);
static u_char *ngx_http_xr_redis_call_line(u_char *p, u_char type, size_t n);
static u_char *ngx_http_xr_redis_call_bulk(u_char *p, const u_char *data,
    size_t len);
static u_char *ngx_http_xr_redis_call_digits(u_char *end, uint64_t n);


/* A call with its text, which is kept, as it may have to be sent again. */

ngx_http_xr_redis_call_t *
ngx_http_xr_redis_call_make(ngx_http_xr_redis_t *redis,
    ngx_http_xr_redis_args_t *args)
{
    size_t                     len;
    ngx_uint_t                 i;
    ngx_http_xr_redis_call_t  *call;

    len = NGX_HTTP_XR_REDIS_CALL_BULK(0)
          + NGX_HTTP_XR_REDIS_CALL_BULK(NGX_INT64_LEN)
          + NGX_HTTP_XR_REDIS_CALL_BULK(args->mode.len)
          + NGX_HTTP_XR_REDIS_CALL_BULK(args->numbers.len);

    for (i = 0; i < args->nkeys; i++) {
        len += NGX_HTTP_XR_REDIS_CALL_BULK(args->keys[i].len);
    }

    call = ngx_http_xr_redis_call_alloc(redis, len);

    if (call != NULL) {
        ngx_http_xr_redis_call_write(call, args);
    }

    return call;
}


/* What is used up is kept for the next ones. */

static ngx_http_xr_redis_call_t *
ngx_http_xr_redis_call_alloc(ngx_http_xr_redis_t *redis, size_t len)
{
    size_t                     size;
    ngx_queue_t               *q;
    ngx_http_xr_redis_call_t  *call;

    if (len > NGX_HTTP_XR_REDIS_CALL_MAX) {
        return NULL;
    }

    size = sizeof(ngx_http_xr_redis_call_t) + len;

    if (size <= NGX_HTTP_XR_REDIS_CALL_SIZE
        && !ngx_queue_empty(&redis->free))
    {
        q = ngx_queue_head(&redis->free);
        call = ngx_queue_data(q, ngx_http_xr_redis_call_t, queue);

        ngx_queue_remove(q);

    } else {
        size = ngx_max(size, NGX_HTTP_XR_REDIS_CALL_SIZE);

        call = ngx_alloc(size, redis->log);
        if (call == NULL) {
            return NULL;
        }

        call->redis = redis;
        call->size = size;
    }

    call->eval = 0;
    call->asked = 0;
    call->hops = 0;

    redis->ncalls++;

    return call;
}


void
ngx_http_xr_redis_call_free(ngx_http_xr_redis_call_t *call)
{
    ngx_http_xr_redis_t  *redis;

    redis = call->redis;
    redis->ncalls--;

    if (call->size > NGX_HTTP_XR_REDIS_CALL_SIZE) {
        ngx_free(call);
        return;
    }

    ngx_queue_insert_head(&redis->free, &call->queue);
}


/* The command without its name, which may have to be another one later. */

static void
ngx_http_xr_redis_call_write(ngx_http_xr_redis_call_t *call,
    ngx_http_xr_redis_args_t *args)
{
    u_char      *d, *end, *p, digits[NGX_INT64_LEN];
    ngx_uint_t   i;

    p = ngx_http_xr_redis_call_line(call->text, '*', 5 + args->nkeys);
    call->head = p - call->text;

    end = digits + NGX_INT64_LEN;
    d = ngx_http_xr_redis_call_digits(end, args->nkeys);
    p = ngx_http_xr_redis_call_bulk(p, d, end - d);

    for (i = 0; i < args->nkeys; i++) {
        p = ngx_http_xr_redis_call_bulk(p, args->keys[i].data,
                                        args->keys[i].len);
    }

    p = ngx_http_xr_redis_call_bulk(p, args->mode.data, args->mode.len);

    p = ngx_http_xr_redis_call_bulk(p, args->numbers.data, args->numbers.len);

    call->len = p - call->text;
}


/* What follows is written for each call: ngx_sprintf() takes far longer. */

static u_char *
ngx_http_xr_redis_call_line(u_char *p, u_char type, size_t n)
{
    u_char  *d, digits[NGX_INT64_LEN];

    *p++ = type;

    if (n < 10) {
        *p++ = (u_char) ('0' + n);

    } else {
        d = ngx_http_xr_redis_call_digits(digits + NGX_INT64_LEN, n);

        while (d < digits + NGX_INT64_LEN) {
            *p++ = *d++;
        }
    }

    *p++ = CR;
    *p++ = LF;

    return p;
}


static u_char *
ngx_http_xr_redis_call_bulk(u_char *p, const u_char *data, size_t len)
{
    p = ngx_http_xr_redis_call_line(p, '$', len);
    p = ngx_cpymem(p, data, len);
    *p++ = CR;
    *p++ = LF;

    return p;
}


/* They end before "end"; says where they begin. */

static u_char *
ngx_http_xr_redis_call_digits(u_char *end, uint64_t n)
{
    do {
        *--end = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    return end;
}


/* NGX_ERROR: there is no memory, and nothing was sent. */

ngx_int_t
ngx_http_xr_redis_call_send(ngx_http_xr_redis_node_t *node,
    ngx_http_xr_redis_call_t *call)
{
    u_char     *p;
    ngx_str_t  *name;

    static ngx_str_t  asking = ngx_string("*1\r\n$6\r\nASKING\r\n");

    name = call->eval ? &call->redis->eval : &call->redis->evalsha;

    p = ngx_http_xr_redis_conn_reserve(node,
                                       asking.len + name->len + call->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (call->asked) {
        p = ngx_cpymem(p, asking.data, asking.len);
    }

    p = ngx_cpymem(p, call->text, call->head);
    p = ngx_cpymem(p, name->data, name->len);
    p = ngx_cpymem(p, call->text + call->head, call->len - call->head);

    node->out_len = p - node->out;

    call->node = node;
    call->asking = call->asked;
    ngx_queue_insert_tail(&node->calls, &call->queue);

    ngx_http_xr_redis_conn_post(node);

    return NGX_OK;
}
