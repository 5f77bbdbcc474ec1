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
    xr_str_t *keys, ngx_uint_t nkeys, xr_str_t *args, ngx_uint_t nargs);
static u_char *ngx_http_xr_redis_call_number(u_char *p, u_char type,
    size_t n);
static u_char *ngx_http_xr_redis_call_bulk(u_char *p, xr_str_t *s);


/* A call with its text, which is kept, as it may have to be sent again. */

ngx_http_xr_redis_call_t *
ngx_http_xr_redis_call_make(ngx_http_xr_redis_t *redis, xr_str_t *keys,
    ngx_uint_t nkeys, xr_str_t *args, ngx_uint_t nargs)
{
    size_t                     len;
    ngx_uint_t                 i;
    ngx_http_xr_redis_call_t  *call;

    len = 2 * NGX_HTTP_XR_REDIS_CALL_BULK(0);

    for (i = 0; i < nkeys; i++) {
        len += NGX_HTTP_XR_REDIS_CALL_BULK(keys[i].len);
    }

    for (i = 0; i < nargs; i++) {
        len += NGX_HTTP_XR_REDIS_CALL_BULK(args[i].len);
    }

    call = ngx_http_xr_redis_call_alloc(redis, len);

    if (call != NULL) {
        ngx_http_xr_redis_call_write(call, keys, nkeys, args, nargs);
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
ngx_http_xr_redis_call_write(ngx_http_xr_redis_call_t *call, xr_str_t *keys,
    ngx_uint_t nkeys, xr_str_t *args, ngx_uint_t nargs)
{
    u_char      *p, number[NGX_SIZE_T_LEN + sizeof("*\r\n")];
    xr_str_t     s;
    ngx_uint_t   i;

    p = ngx_http_xr_redis_call_number(call->text, '*', 3 + nkeys + nargs);
    call->head = p - call->text;

    s.data = number + 1;
    s.len = ngx_http_xr_redis_call_number(number, '$', nkeys) - number
            - (sizeof("$\r\n") - 1);

    p = ngx_http_xr_redis_call_bulk(p, &s);

    for (i = 0; i < nkeys; i++) {
        p = ngx_http_xr_redis_call_bulk(p, &keys[i]);
    }

    for (i = 0; i < nargs; i++) {
        p = ngx_http_xr_redis_call_bulk(p, &args[i]);
    }

    call->len = p - call->text;
}


static u_char *
ngx_http_xr_redis_call_number(u_char *p, u_char type, size_t n)
{
    u_char  *d, digits[NGX_SIZE_T_LEN];

    d = digits + NGX_SIZE_T_LEN;

    do {
        *--d = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    *p++ = type;
    p = ngx_cpymem(p, d, digits + NGX_SIZE_T_LEN - d);
    *p++ = CR;
    *p++ = LF;

    return p;
}


static u_char *
ngx_http_xr_redis_call_bulk(u_char *p, xr_str_t *s)
{
    p = ngx_http_xr_redis_call_number(p, '$', s->len);
    p = ngx_cpymem(p, s->data, s->len);
    *p++ = CR;
    *p++ = LF;

    return p;
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
