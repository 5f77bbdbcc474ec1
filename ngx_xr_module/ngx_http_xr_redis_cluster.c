/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_redis.h"


#define NGX_HTTP_XR_REDIS_CLUSTER_HOPS  3


static ngx_int_t ngx_http_xr_redis_cluster_parse(
    ngx_http_xr_redis_node_t *node, redisReply *reply, ngx_uint_t *slot,
    ngx_sockaddr_t *sa, socklen_t *socklen);
static ngx_int_t ngx_http_xr_redis_cluster_address(
    ngx_http_xr_redis_node_t *node, u_char *host, size_t len, in_port_t port,
    ngx_sockaddr_t *sa, socklen_t *socklen);
static ngx_http_xr_redis_node_t *ngx_http_xr_redis_cluster_find(
    ngx_http_xr_redis_t *redis, ngx_sockaddr_t *sa, socklen_t socklen);
static ngx_http_xr_redis_node_t *ngx_http_xr_redis_cluster_add(
    ngx_http_xr_redis_t *redis, ngx_sockaddr_t *sa, socklen_t socklen);
static ngx_int_t ngx_http_xr_redis_cluster_remember(
    ngx_http_xr_redis_node_t *node, ngx_uint_t slot);


/*
 * Whom to ask: whoever has the slot, or anybody who will tell who has.  The
 * map is learned from what nodes say, slot by slot.
 */

ngx_http_xr_redis_node_t *
ngx_http_xr_redis_cluster_node(ngx_http_xr_redis_t *redis, xr_str_t key)
{
    u_char                     number;
    ngx_uint_t                 i;
    ngx_http_xr_redis_node_t  *node;

    if (redis->slots == NULL) {
        return redis->nodes[0];
    }

    number = redis->slots[xr_limit_slot(key)];

    if (number != 0) {
        return redis->nodes[number - 1];
    }

    for (i = 0; i < redis->nnodes; i++) {

        node = redis->nodes[i];

        if (node != NULL && node->state <= NGX_HTTP_XR_REDIS_UP) {
            return node;
        }
    }

    return NULL;
}


/* Sends the call to where the answer points; or says why it does not. */

const char *
ngx_http_xr_redis_cluster_follow(ngx_http_xr_redis_call_t *call,
    redisReply *reply, ngx_uint_t ask)
{
    socklen_t                  socklen;
    ngx_uint_t                 slot;
    ngx_sockaddr_t             sa;
    ngx_http_xr_redis_t       *redis;
    ngx_http_xr_redis_node_t  *node;

    redis = call->redis;

    if (ngx_http_xr_redis_cluster_parse(call->node, reply, &slot, &sa,
                                        &socklen)
        != NGX_OK)
    {
        return ", it does not name a server by its address";
    }

    node = ngx_http_xr_redis_cluster_find(redis, &sa, socklen);

    if (node == NULL) {
        node = ngx_http_xr_redis_cluster_add(redis, &sa, socklen);
    }

    if (node == NULL
        || (!ask && ngx_http_xr_redis_cluster_remember(node, slot) != NGX_OK))
    {
        return ", there are too many servers, or no memory";
    }

    if (node->state > NGX_HTTP_XR_REDIS_UP) {
        return ", that server is down";
    }

    if (call->hops == NGX_HTTP_XR_REDIS_CLUSTER_HOPS) {
        return ", each points to another";
    }

    call->hops++;
    call->asked = ask;

    return (ngx_http_xr_redis_call_send(node, call) == NGX_OK)
           ? NULL : ", no memory";
}


/*
 * "MOVED 3999 127.0.0.1:6381" or "ASK ...".  A name would have to be looked
 * up, which blocks; no host at all is that of who answers.
 */

static ngx_int_t
ngx_http_xr_redis_cluster_parse(ngx_http_xr_redis_node_t *node,
    redisReply *reply, ngx_uint_t *slot, ngx_sockaddr_t *sa,
    socklen_t *socklen)
{
    u_char     *p, *last, *host, *colon;
    ngx_int_t   n, port;

    last = (u_char *) reply->str + reply->len;
    p = ngx_strlchr((u_char *) reply->str, last, ' ');
    host = (p != NULL) ? ngx_strlchr(p + 1, last, ' ') : NULL;

    if (host == NULL) {
        return NGX_ERROR;
    }

    n = ngx_atoi(p + 1, host - p - 1);
    host++;

    for (colon = last; colon > host && colon[-1] != ':'; colon--) {
        /* void */
    }

    port = ngx_atoi(colon, last - colon);

    if (n == NGX_ERROR
        || n >= NGX_HTTP_XR_REDIS_SLOTS
        || colon == host
        || port < 1
        || port > 65535)
    {
        return NGX_ERROR;
    }

    *slot = n;

    return ngx_http_xr_redis_cluster_address(node, host, colon - host - 1,
                                             (in_port_t) port, sa, socklen);
}


static ngx_int_t
ngx_http_xr_redis_cluster_address(ngx_http_xr_redis_node_t *node,
    u_char *host, size_t len, in_port_t port, ngx_sockaddr_t *sa,
    socklen_t *socklen)
{
    in_addr_t    addr;
    ngx_addr_t  *own;

    ngx_memzero(sa, sizeof(ngx_sockaddr_t));

    own = &node->addrs[node->addr];
    addr = ngx_inet_addr(host, len);

    if (len == 0) {

        if (own->sockaddr->sa_family == AF_UNIX) {
            return NGX_ERROR;
        }

        ngx_memcpy(sa, own->sockaddr, own->socklen);
        *socklen = own->socklen;

    } else if (addr != INADDR_NONE) {
        sa->sockaddr_in.sin_family = AF_INET;
        sa->sockaddr_in.sin_addr.s_addr = addr;
        *socklen = sizeof(struct sockaddr_in);

#if (NGX_HAVE_INET6)

    } else if (ngx_inet6_addr(host, len,
                              sa->sockaddr_in6.sin6_addr.s6_addr)
               == NGX_OK)
    {
        sa->sockaddr_in6.sin6_family = AF_INET6;
        *socklen = sizeof(struct sockaddr_in6);

#endif

    } else {
        return NGX_ERROR;
    }

    ngx_inet_set_port(&sa->sockaddr, port);

    return NGX_OK;
}


static ngx_http_xr_redis_node_t *
ngx_http_xr_redis_cluster_find(ngx_http_xr_redis_t *redis,
    ngx_sockaddr_t *sa, socklen_t socklen)
{
    ngx_addr_t                *addr;
    ngx_uint_t                 i;
    ngx_http_xr_redis_node_t  *node;

    for (i = 0; i < redis->nnodes; i++) {

        node = redis->nodes[i];

        if (node == NULL) {
            continue;
        }

        addr = &node->addrs[node->addr];

        if (ngx_cmp_sockaddr(addr->sockaddr, addr->socklen, &sa->sockaddr,
                             socklen, 1)
            == NGX_OK)
        {
            return node;
        }
    }

    return NULL;
}


static ngx_http_xr_redis_node_t *
ngx_http_xr_redis_cluster_add(ngx_http_xr_redis_t *redis,
    ngx_sockaddr_t *sa, socklen_t socklen)
{
    ngx_uint_t                 i;
    ngx_http_xr_redis_node_t  *node;

    for (i = 0; i < redis->nnodes && redis->nodes[i] != NULL; i++) {
        /* void */
    }

    if (i == NGX_HTTP_XR_REDIS_NODES) {
        return NULL;
    }

    node = ngx_http_xr_redis_conn_add(redis, NULL, 1);
    if (node == NULL) {
        return NULL;
    }

    ngx_memcpy(&node->sockaddr, sa, sizeof(ngx_sockaddr_t));

    node->named.sockaddr = &node->sockaddr.sockaddr;
    node->named.socklen = socklen;
    node->named.name.data = node->text;
    node->named.name.len = ngx_sock_ntop(&sa->sockaddr, socklen, node->text,
                                         NGX_SOCKADDR_STRLEN, 1);
    node->addrs = &node->named;
    node->number = i;

    redis->nodes[i] = node;
    redis->nnodes = ngx_max(redis->nnodes, i + 1);

    ngx_http_xr_redis_conn_open(node);

    return node;
}


static ngx_int_t
ngx_http_xr_redis_cluster_remember(ngx_http_xr_redis_node_t *node,
    ngx_uint_t slot)
{
    u_char               *number;
    ngx_http_xr_redis_t  *redis;

    redis = node->redis;

    if (redis->slots == NULL) {
        redis->slots = ngx_calloc(NGX_HTTP_XR_REDIS_SLOTS, redis->log);
        if (redis->slots == NULL) {
            return NGX_ERROR;
        }
    }

    number = &redis->slots[slot];

    if (*number != 0) {
        redis->nodes[*number - 1]->slots--;
    }

    *number = (u_char) (node->number + 1);
    node->slots++;

    return NGX_OK;
}


/*
 * Somebody else may have its slots now: others are asked once after each
 * failure.  A node that stays away, and that others do not name any more, is
 * given up.
 */

void
ngx_http_xr_redis_cluster_lost(ngx_http_xr_redis_node_t *node,
    ngx_uint_t useless)
{
    ngx_uint_t            i;
    ngx_http_xr_redis_t  *redis;

    redis = node->redis;

    if (node->slots == 0) {

        if (useless && node->number != 0) {
            redis->nodes[node->number] = NULL;
            ngx_http_xr_redis_conn_free(node);
        }

        return;
    }

    for (i = 0; i < NGX_HTTP_XR_REDIS_SLOTS; i++) {

        if (redis->slots[i] == node->number + 1) {
            redis->slots[i] = 0;
        }
    }

    node->slots = 0;
}
