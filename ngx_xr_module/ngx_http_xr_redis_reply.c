/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_redis.h"


/*
 * What hiredis's reader makes of an answer, in memory of fixed size that is
 * used again for the next one: no allocation, and no answer, whatever the
 * server sends, takes more.
 */

#define NGX_HTTP_XR_REDIS_REPLY_SIZE  16384
#define NGX_HTTP_XR_REDIS_REPLY_PUSH  8192      /* bytes of what is pushed */

#if (HIREDIS_MAJOR >= 1)
typedef size_t  ngx_http_xr_redis_reply_count_t;
#else
typedef int     ngx_http_xr_redis_reply_count_t;
#endif


static void *ngx_http_xr_redis_reply_alloc(const redisReadTask *task,
    size_t size);
static redisReply *ngx_http_xr_redis_reply_object(const redisReadTask *task,
    int type);
static void *ngx_http_xr_redis_reply_string(const redisReadTask *task,
    char *text, size_t len);
static void *ngx_http_xr_redis_reply_array(const redisReadTask *task,
    ngx_http_xr_redis_reply_count_t elements);
static void *ngx_http_xr_redis_reply_integer(const redisReadTask *task,
    long long value);
static void *ngx_http_xr_redis_reply_nil(const redisReadTask *task);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_http_xr_redis_reply_double(const redisReadTask *task,
    double value, char *text, size_t len);
static void *ngx_http_xr_redis_reply_bool(const redisReadTask *task,
    int value);
#endif
static void ngx_http_xr_redis_reply_free(void *reply);


static redisReplyObjectFunctions  ngx_http_xr_redis_reply_functions = {
    .createString = ngx_http_xr_redis_reply_string,
    .createArray = ngx_http_xr_redis_reply_array,
    .createInteger = ngx_http_xr_redis_reply_integer,
    .createNil = ngx_http_xr_redis_reply_nil,
#if (HIREDIS_MAJOR >= 1)
    .createDouble = ngx_http_xr_redis_reply_double,
    .createBool = ngx_http_xr_redis_reply_bool,
#endif
    .freeObject = ngx_http_xr_redis_reply_free
};


redisReader *
ngx_http_xr_redis_reply_reader(ngx_http_xr_redis_node_t *node)
{
    redisReader  *reader;

    if (node->reply == NULL) {
        node->reply = ngx_alloc(NGX_HTTP_XR_REDIS_REPLY_SIZE,
                                node->redis->log);
        if (node->reply == NULL) {
            return NULL;
        }
    }

    reader = redisReaderCreateWithFunctions(
                                          &ngx_http_xr_redis_reply_functions);

    if (reader != NULL) {
        reader->privdata = node;
    }

    node->reply_len = 0;

    return reader;
}


/* NULL, for the reader, is lack of memory, after which it reads no more. */

static void *
ngx_http_xr_redis_reply_alloc(const redisReadTask *task, size_t size)
{
    u_char                    *p;
    ngx_http_xr_redis_node_t  *node;

    node = task->privdata;

    if (size > NGX_HTTP_XR_REDIS_REPLY_SIZE - node->reply_len) {
        return NULL;
    }

    p = node->reply + node->reply_len;
    node->reply_len += ngx_align(size, NGX_ALIGNMENT);
    node->reply_len = ngx_min(node->reply_len, NGX_HTTP_XR_REDIS_REPLY_SIZE);

    return p;
}


static redisReply *
ngx_http_xr_redis_reply_object(const redisReadTask *task, int type)
{
    redisReply  *reply, *parent;

    reply = ngx_http_xr_redis_reply_alloc(task, sizeof(redisReply));
    if (reply == NULL) {
        return NULL;
    }

    ngx_memzero(reply, sizeof(redisReply));

    reply->type = type;

    if (task->parent != NULL) {
        parent = task->parent->obj;
        parent->element[task->idx] = reply;
    }

    return reply;
}


static void *
ngx_http_xr_redis_reply_string(const redisReadTask *task, char *text,
    size_t len)
{
    redisReply                *reply;
    ngx_http_xr_redis_node_t  *node;

    node = task->privdata;

    reply = ngx_http_xr_redis_reply_object(task, task->type);
    if (reply == NULL) {
        return NULL;
    }

    reply->len = len;

    /* anybody may push: what is too long is known by its length only */

    if (node->redis->push != NULL) {
        len = ngx_min(len, NGX_HTTP_XR_REDIS_REPLY_PUSH);
    }

    reply->str = (len < NGX_HTTP_XR_REDIS_REPLY_SIZE)
                 ? ngx_http_xr_redis_reply_alloc(task, len + 1) : NULL;
    if (reply->str == NULL) {
        return NULL;
    }

    *ngx_cpymem(reply->str, text, len) = '\0';

    return reply;
}


static void *
ngx_http_xr_redis_reply_array(const redisReadTask *task,
    ngx_http_xr_redis_reply_count_t elements)
{
    size_t       n;
    redisReply  *reply;

    n = (size_t) elements;

    reply = ngx_http_xr_redis_reply_object(task, task->type);

    if (reply == NULL
        || n > NGX_HTTP_XR_REDIS_REPLY_SIZE / sizeof(redisReply *))
    {
        return NULL;
    }

    reply->element = ngx_http_xr_redis_reply_alloc(task,
                                                   n * sizeof(redisReply *));
    if (reply->element == NULL) {
        return NULL;
    }

    ngx_memzero(reply->element, n * sizeof(redisReply *));
    reply->elements = n;

    return reply;
}


static void *
ngx_http_xr_redis_reply_integer(const redisReadTask *task, long long value)
{
    redisReply  *reply;

    reply = ngx_http_xr_redis_reply_object(task, REDIS_REPLY_INTEGER);

    if (reply != NULL) {
        reply->integer = value;
    }

    return reply;
}


static void *
ngx_http_xr_redis_reply_nil(const redisReadTask *task)
{
    return ngx_http_xr_redis_reply_object(task, REDIS_REPLY_NIL);
}


#if (HIREDIS_MAJOR >= 1)

/* Of RESP3, which is not spoken here. */

static void *
ngx_http_xr_redis_reply_double(const redisReadTask *task, double value,
    char *text, size_t len)
{
    return NULL;
}


static void *
ngx_http_xr_redis_reply_bool(const redisReadTask *task, int value)
{
    return NULL;
}

#endif


static void
ngx_http_xr_redis_reply_free(void *reply)
{
    /* the memory is the node's */
}
