/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_redis.h"


/* Milliseconds. */

#define NGX_HTTP_XR_REDIS_CONN_TIMEOUT    1000  /* TCP and TLS */
#define NGX_HTTP_XR_REDIS_CONN_PAUSE_MIN  100
#define NGX_HTTP_XR_REDIS_CONN_PAUSE_MAX  5000

#define NGX_HTTP_XR_REDIS_CONN_OUTPUT     16384
#define NGX_HTTP_XR_REDIS_CONN_PENDING    65536 /* of one answer */
#define NGX_HTTP_XR_REDIS_CONN_PUSHED     (2 * 1024 * 1024)
#define NGX_HTTP_XR_REDIS_CONN_READS      16    /* in a turn of the loop */

#define NGX_HTTP_XR_REDIS_CONN_CODE       16


static void ngx_http_xr_redis_conn_made(ngx_http_xr_redis_node_t *node);
static void ngx_http_xr_redis_conn_secure(ngx_http_xr_redis_node_t *node);
static void ngx_http_xr_redis_conn_secured(ngx_connection_t *c);
static void ngx_http_xr_redis_conn_greet(ngx_http_xr_redis_node_t *node);
static ngx_int_t ngx_http_xr_redis_conn_greeted(
    ngx_http_xr_redis_node_t *node, redisReply *reply);
static void ngx_http_xr_redis_conn_read_handler(ngx_event_t *rev);
static ngx_int_t ngx_http_xr_redis_conn_feed(ngx_http_xr_redis_node_t *node,
    size_t len);
static void ngx_http_xr_redis_conn_write_handler(ngx_event_t *wev);
static void ngx_http_xr_redis_conn_flush_handler(ngx_event_t *ev);
static void ngx_http_xr_redis_conn_flush(ngx_http_xr_redis_node_t *node);
static void ngx_http_xr_redis_conn_timer_handler(ngx_event_t *ev);
static void ngx_http_xr_redis_conn_set_timer(ngx_http_xr_redis_node_t *node,
    ngx_msec_t timer);
static void ngx_http_xr_redis_conn_close(ngx_http_xr_redis_node_t *node);


ngx_http_xr_redis_node_t *
ngx_http_xr_redis_conn_add(ngx_http_xr_redis_t *redis, ngx_addr_t *addrs,
    ngx_uint_t naddrs)
{
    ngx_http_xr_redis_node_t  *node;

    node = ngx_calloc(sizeof(ngx_http_xr_redis_node_t), redis->log);
    if (node == NULL) {
        return NULL;
    }

    node->redis = redis;
    node->addrs = addrs;
    node->naddrs = naddrs;
    node->dummy.fd = (ngx_socket_t) -1;
    node->dummy.data = node;

    node->timer.handler = ngx_http_xr_redis_conn_timer_handler;
    node->timer.data = &node->dummy;
    node->timer.log = redis->log;
    node->timer.cancelable = 1;

    node->flush.handler = ngx_http_xr_redis_conn_flush_handler;
    node->flush.data = &node->dummy;
    node->flush.log = redis->log;

    ngx_queue_init(&node->calls);

    return node;
}


/* It has no calls. */

void
ngx_http_xr_redis_conn_free(ngx_http_xr_redis_node_t *node)
{
    ngx_http_xr_redis_conn_close(node);

    if (node->timer.timer_set) {
        ngx_del_timer(&node->timer);
    }

    if (node->reply != NULL) {
        ngx_free(node->reply);
    }

    if (node->out != NULL) {
        ngx_free(node->out);
    }

    ngx_free(node);
}


/* Whatever goes wrong is told by the node's state. */

void
ngx_http_xr_redis_conn_open(ngx_http_xr_redis_node_t *node)
{
    u_char                 *p;
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_http_xr_redis_t    *redis;
    ngx_peer_connection_t   peer;

    static ngx_log_t  silent;               /* we say it, and less often */

    redis = node->redis;

    ngx_memzero(&peer, sizeof(ngx_peer_connection_t));

    peer.sockaddr = node->addrs[node->addr].sockaddr;
    peer.socklen = node->addrs[node->addr].socklen;
    peer.name = &node->addrs[node->addr].name;
    peer.get = ngx_event_get_peer;
    peer.log = &silent;
    peer.log_error = NGX_ERROR_INFO;
    peer.so_keepalive = (peer.sockaddr->sa_family != AF_UNIX);

    rc = ngx_event_connect_peer(&peer);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_http_xr_redis_conn_fail(node, ngx_socket_errno, "cannot connect");
        return;
    }

    c = peer.connection;

    c->data = node;
    c->log = redis->log;
    c->read->log = redis->log;
    c->write->log = redis->log;
    c->read->handler = ngx_http_xr_redis_conn_read_handler;
    c->write->handler = ngx_http_xr_redis_conn_write_handler;

    c->idle = (redis->push != NULL);    /* closed when a worker quits */

    node->connection = c;
    node->reader = ngx_http_xr_redis_reply_reader(node);

    p = ngx_http_xr_redis_conn_reserve(node, redis->greeting.len);

    if (node->reader == NULL || p == NULL) {
        ngx_http_xr_redis_conn_fail(node, 0, "no memory for a connection");
        return;
    }

    ngx_memcpy(p, redis->greeting.data, redis->greeting.len);
    node->out_len += redis->greeting.len;
    node->greetings = redis->greetings;

    ngx_http_xr_redis_conn_set_timer(node, NGX_HTTP_XR_REDIS_CONN_TIMEOUT);

    if (rc == NGX_OK) {
        ngx_http_xr_redis_conn_made(node);
    }
}


static void
ngx_http_xr_redis_conn_made(ngx_http_xr_redis_node_t *node)
{
    if (ngx_tcp_nodelay(node->connection) != NGX_OK) {
        ngx_http_xr_redis_conn_fail(node, ngx_socket_errno, "cannot connect");
        return;
    }

    if (node->redis->ssl != NULL) {
        ngx_http_xr_redis_conn_secure(node);
        return;
    }

    ngx_http_xr_redis_conn_greet(node);
}


static void
ngx_http_xr_redis_conn_secure(ngx_http_xr_redis_node_t *node)
{
    ngx_connection_t     *c;
    ngx_http_xr_redis_t  *redis;

    c = node->connection;
    redis = node->redis;

    c->pool = ngx_create_pool(NGX_MIN_POOL_SIZE, redis->log);

    if (c->pool == NULL
        || ngx_ssl_create_connection(redis->ssl, c, NGX_SSL_CLIENT) != NGX_OK
        || SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) redis->tls_name.data)
           == 0)
    {
        ngx_http_xr_redis_conn_fail(node, 0, "cannot set up TLS");
        return;
    }

    c->ssl->handler = ngx_http_xr_redis_conn_secured;

    if (ngx_ssl_handshake(c) != NGX_AGAIN) {
        ngx_http_xr_redis_conn_secured(c);
    }
}


static void
ngx_http_xr_redis_conn_secured(ngx_connection_t *c)
{
    long                       rc;
    ngx_http_xr_redis_node_t  *node;

    node = c->data;

    if (!c->ssl->handshaked) {
        ngx_http_xr_redis_conn_fail(node, 0, "TLS handshake failed");
        return;
    }

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        ngx_http_xr_redis_conn_fail(node, 0,
                                    X509_verify_cert_error_string(rc));
        return;
    }

    if (ngx_ssl_check_host(c, &node->redis->tls_name) != NGX_OK) {
        ngx_http_xr_redis_conn_fail(node, 0,
                                    "certificate is for another name");
        return;
    }

    c->read->handler = ngx_http_xr_redis_conn_read_handler;
    c->write->handler = ngx_http_xr_redis_conn_write_handler;

    ngx_http_xr_redis_conn_greet(node);
}


/*
 * The last command is a PING, to be answered as soon as a call would have to
 * be: a server that is too slow for calls does not come up.
 */

static void
ngx_http_xr_redis_conn_greet(ngx_http_xr_redis_node_t *node)
{
    node->ready = 1;

    ngx_http_xr_redis_conn_set_timer(node,
                                     ngx_min(node->redis->timeout,
                                             NGX_HTTP_XR_REDIS_CONN_TIMEOUT));

    if (node->connection->read->ready) {
        ngx_post_event(node->connection->read, &ngx_posted_events);
    }

    ngx_http_xr_redis_conn_flush(node);
}


/*
 * Of an error only the code is told, as the text may repeat the password.  Who
 * is not allowed to PING was understood nevertheless.
 */

static ngx_int_t
ngx_http_xr_redis_conn_greeted(ngx_http_xr_redis_node_t *node,
    redisReply *reply)
{
    size_t                i;
    ngx_http_xr_redis_t  *redis;

    static char  code[NGX_HTTP_XR_REDIS_CONN_CODE + sizeof("refused us: ")]
        = "refused us: ";

    redis = node->redis;

    node->greetings--;

    if (reply->type == REDIS_REPLY_ERROR
        && (node->greetings > 0 || ngx_strncmp(reply->str, "NOPERM ", 7) != 0))
    {
        for (i = 0; i < NGX_HTTP_XR_REDIS_CONN_CODE; i++) {

            if (reply->str[i] < 'A' || reply->str[i] > 'Z') {
                break;
            }

            code[sizeof("refused us: ") - 1 + i] = reply->str[i];
        }

        code[sizeof("refused us: ") - 1 + i] = '\0';

        ngx_http_xr_redis_conn_fail(node, 0, code);
        return NGX_ERROR;
    }

    if (node->greetings > 0) {
        return NGX_OK;
    }

    if (node->timer.timer_set) {
        ngx_del_timer(&node->timer);
    }

    if (node->again) {
        (void) ngx_atomic_fetch_add(&redis->stats->reconnects, 1);
    }

    if (node->state == NGX_HTTP_XR_REDIS_PROBE
        && ngx_http_xr_redis_logs(redis, NGX_HTTP_XR_REDIS_LOG_BACK))
    {
        ngx_log_error(NGX_LOG_NOTICE, redis->log, 0, "xr: Redis %V is back",
                      &node->addrs[node->addr].name);
    }

    node->state = NGX_HTTP_XR_REDIS_UP;
    node->since = ngx_current_msec;
    node->failures = 0;
    node->again = 1;

    return NGX_OK;
}


static void
ngx_http_xr_redis_conn_read_handler(ngx_event_t *rev)
{
    ssize_t                    n;
    ngx_uint_t                 reads;
    ngx_connection_t          *c;
    ngx_http_xr_redis_node_t  *node;

    c = rev->data;
    node = c->data;
    reads = 0;

    if (c->close) {
        ngx_http_xr_redis_conn_fail(node, 0, "worker is shutting down");
        return;
    }

    if (!node->ready) {
        return;                         /* the write event tells */
    }

    do {
        n = c->recv(c, node->redis->input, NGX_HTTP_XR_REDIS_INPUT);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR) {
            ngx_http_xr_redis_conn_fail(node, c->ssl ? 0 : ngx_socket_errno,
                                        "connection is lost");
            return;
        }

        if (n == 0) {
            ngx_http_xr_redis_conn_fail(node, 0, "closed the connection");
            return;
        }

        if (ngx_http_xr_redis_conn_feed(node, n) != NGX_OK) {
            return;
        }

    } while (rev->ready && ++reads < NGX_HTTP_XR_REDIS_CONN_READS);

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_xr_redis_conn_fail(node, 0, "connection is lost");
    }
}


static ngx_int_t
ngx_http_xr_redis_conn_feed(ngx_http_xr_redis_node_t *node, size_t len)
{
    void         *reply;
    size_t        max;
    ngx_int_t     rc;
    redisReader  *reader;

    reader = node->reader;
    max = (node->redis->push != NULL) ? NGX_HTTP_XR_REDIS_CONN_PUSHED
                                      : NGX_HTTP_XR_REDIS_CONN_PENDING;

    if (redisReaderFeed(reader, (char *) node->redis->input, len) != REDIS_OK)
    {
        ngx_http_xr_redis_conn_fail(node, 0, "no memory for an answer");
        return NGX_ERROR;
    }

    for ( ;; ) {
        reply = NULL;

        if (redisReaderGetReply(reader, &reply) != REDIS_OK
            || (reply == NULL && reader->len - reader->pos > max))
        {
            ngx_http_xr_redis_conn_fail(node, 0,
                                        "sent what is not an answer");
            return NGX_ERROR;
        }

        if (reply == NULL) {
            return NGX_OK;
        }

        rc = (node->greetings > 0)
             ? ngx_http_xr_redis_conn_greeted(node, reply)
             : ngx_http_xr_redis_answer(node, reply);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        node->reply_len = 0;
    }
}


static void
ngx_http_xr_redis_conn_write_handler(ngx_event_t *wev)
{
    int                        err;
    socklen_t                  len;
    ngx_connection_t          *c;
    ngx_http_xr_redis_node_t  *node;

    c = wev->data;
    node = c->data;

    if (node->ready) {
        ngx_http_xr_redis_conn_flush(node);
        return;
    }

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err != 0) {
        ngx_http_xr_redis_conn_fail(node, err, "cannot connect");
        return;
    }

    ngx_http_xr_redis_conn_made(node);
}


/* Room behind what waits to be sent; the caller adds to node->out_len. */

u_char *
ngx_http_xr_redis_conn_reserve(ngx_http_xr_redis_node_t *node, size_t size)
{
    u_char  *p;
    size_t   len;

    if (node->out_pos > node->out_size / 2) {
        node->out_len -= node->out_pos;
        ngx_memmove(node->out, node->out + node->out_pos, node->out_len);
        node->out_pos = 0;
    }

    if (size <= node->out_size - node->out_len) {
        return node->out + node->out_len;
    }

    len = ngx_max(node->out_len + size, 2 * node->out_size);
    len = ngx_max(len, NGX_HTTP_XR_REDIS_CONN_OUTPUT);

    p = ngx_alloc(len, node->redis->log);
    if (p == NULL) {
        return NULL;
    }

    if (node->out != NULL) {
        ngx_memcpy(p, node->out, node->out_len);
        xr_wipe(node->out, node->out_len);
        ngx_free(node->out);
    }

    node->out = p;
    node->out_size = len;

    return p + node->out_len;
}


/* What is written in one turn of the event loop goes at its end, as one. */

void
ngx_http_xr_redis_conn_post(ngx_http_xr_redis_node_t *node)
{
    if (node->ready && node->connection->write->ready) {
        ngx_post_event(&node->flush, &ngx_posted_events);
    }
}


static void
ngx_http_xr_redis_conn_flush_handler(ngx_event_t *ev)
{
    ngx_connection_t  *dummy;

    dummy = ev->data;

    ngx_http_xr_redis_conn_flush(dummy->data);
}


static void
ngx_http_xr_redis_conn_flush(ngx_http_xr_redis_node_t *node)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = node->connection;

    while (node->out_pos < node->out_len) {

        n = c->send(c, node->out + node->out_pos,
                    node->out_len - node->out_pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_xr_redis_conn_fail(node, c->ssl ? 0 : ngx_socket_errno,
                                        "connection is lost");
            return;
        }

        node->out_pos += n;
    }

    if (node->out_pos == node->out_len) {

        if (node->greetings > 0) {
            xr_wipe(node->out, node->out_len);
        }

        node->out_pos = 0;
        node->out_len = 0;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_xr_redis_conn_fail(node, 0, "connection is lost");
    }
}


/* The pause of an open breaker is over, or a connection is not made in time. */

static void
ngx_http_xr_redis_conn_timer_handler(ngx_event_t *ev)
{
    ngx_connection_t          *dummy;
    ngx_http_xr_redis_node_t  *node;

    dummy = ev->data;
    node = dummy->data;

    if (node->state == NGX_HTTP_XR_REDIS_DOWN) {

        if (ngx_exiting && node->redis->push != NULL) {
            return;
        }

        node->state = NGX_HTTP_XR_REDIS_PROBE;
        ngx_http_xr_redis_conn_open(node);
        return;
    }

    ngx_http_xr_redis_conn_fail(node, 0, "does not answer");
}


/* NGINX keeps a timer as it is if the new one is not far from it. */

static void
ngx_http_xr_redis_conn_set_timer(ngx_http_xr_redis_node_t *node,
    ngx_msec_t timer)
{
    if (node->timer.timer_set) {
        ngx_del_timer(&node->timer);
    }

    ngx_add_timer(&node->timer, timer);
}


/*
 * The breaker opens.  Its pause grows from one failure to the next, and starts
 * anew when a call has been answered or the server was up for long.
 */

void
ngx_http_xr_redis_conn_fail(ngx_http_xr_redis_node_t *node, ngx_err_t err,
    const char *why)
{
    ngx_uint_t            useless;
    ngx_msec_t            pause;
    ngx_http_xr_redis_t  *redis;

    redis = node->redis;

    if (node->state == NGX_HTTP_XR_REDIS_UP
        && ngx_current_msec - node->since > NGX_HTTP_XR_REDIS_CONN_PAUSE_MAX)
    {
        node->pause = 0;
    }

    useless = (node->state == NGX_HTTP_XR_REDIS_PROBE
               && node->pause == NGX_HTTP_XR_REDIS_CONN_PAUSE_MAX);

    node->pause = ngx_min(2 * node->pause, NGX_HTTP_XR_REDIS_CONN_PAUSE_MAX);
    node->pause = ngx_max(node->pause, NGX_HTTP_XR_REDIS_CONN_PAUSE_MIN);

    /* workers, and edges, do not come back all at once */

    pause = node->pause * 3 / 4 + (ngx_msec_t) ngx_random() % node->pause / 2;

    if (ngx_http_xr_redis_logs(redis, NGX_HTTP_XR_REDIS_LOG_LOST)) {
        ngx_log_error(NGX_LOG_ERR, redis->log, err,
                      "xr: Redis %V: %s, not asked for %M ms",
                      &node->addrs[node->addr].name, why, pause);
    }

    ngx_http_xr_redis_conn_close(node);

    node->state = NGX_HTTP_XR_REDIS_DOWN;
    node->addr = (node->addr + 1) % node->naddrs;

    ngx_http_xr_redis_conn_set_timer(node, pause);
    ngx_http_xr_redis_abandon(node);
    ngx_http_xr_redis_cluster_lost(node, useless);
}


static void
ngx_http_xr_redis_conn_close(ngx_http_xr_redis_node_t *node)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = node->connection;

    if (c != NULL) {
        pool = c->pool;

        if (c->ssl != NULL) {
            c->ssl->no_wait_shutdown = 1;
            c->ssl->no_send_shutdown = 1;
            (void) ngx_ssl_shutdown(c);
        }

        ngx_close_connection(c);

        if (pool != NULL) {
            ngx_destroy_pool(pool);
        }

        node->connection = NULL;
    }

    if (node->reader != NULL) {
        redisReaderFree(node->reader);
        node->reader = NULL;
    }

    if (node->flush.posted) {
        ngx_delete_posted_event(&node->flush);
    }

    if (node->out_len > 0) {
        xr_wipe(node->out, node->out_len);
    }

    node->out_pos = 0;
    node->out_len = 0;
    node->greetings = 0;
    node->ready = 0;
}
