/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_REDIS_H
#define NGX_HTTP_XR_REDIS_H


#include <hiredis/hiredis.h>

#include "ngx_http_xr.h"


/*
 * A client of Redis on NGINX's event loop: one connection for a worker and
 * server, calls in a pipeline, each with its own deadline.  Nothing blocks.
 *
 * The protocol is read by hiredis's reader.  Its asynchronous contexts are not
 * used: they end the process when a server says what it was not asked.
 */

typedef struct ngx_http_xr_redis_call_s  ngx_http_xr_redis_call_t;
typedef struct ngx_http_xr_redis_node_s  ngx_http_xr_redis_node_t;

/*
 * Called once for a call that was not cancelled, and never before _eval() has
 * returned.  "reply" is gone when this function returns; it is no error, but
 * may be of any other type.  NULL: no answer in time, connection lost,
 * refused.
 */

typedef void (*ngx_http_xr_redis_pt)(void *data, redisReply *reply);

/*
 * Of a connection that is not for calls: called with all that comes once the
 * server is up, and with NULL when the connection is lost.  NGX_ERROR: the
 * node has failed.
 */

typedef ngx_int_t (*ngx_http_xr_redis_push_pt)(ngx_http_xr_redis_node_t *node,
    redisReply *reply);


/* In shared memory, a line for each worker. */

typedef struct {
    ngx_atomic_t                   calls;       /* accepted */
    ngx_atomic_t                   replies;     /* in time */
    ngx_atomic_t                   failures;    /* errors, lost connections */
    ngx_atomic_t                   timeouts;
    ngx_atomic_t                   refused;     /* at once */
    ngx_atomic_t                   reconnects;  /* that succeeded */
    ngx_atomic_t                   unused[2];
} ngx_http_xr_redis_stats_t;


/* What is logged once in a while only; errors of Redis come on top. */

#define NGX_HTTP_XR_REDIS_LOG_LOST    0
#define NGX_HTTP_XR_REDIS_LOG_BACK    1
#define NGX_HTTP_XR_REDIS_LOG_ERROR   2
#define NGX_HTTP_XR_REDIS_LOG_KINDS   20

#define NGX_HTTP_XR_REDIS_NODES       64
#define NGX_HTTP_XR_REDIS_SLOTS       16384
#define NGX_HTTP_XR_REDIS_INPUT       16384


/* "xr_redis", and what a worker has of it */

struct ngx_http_xr_redis_s {
    ngx_addr_t                    *addrs;
    ngx_uint_t                     naddrs;
    ngx_str_t                      greeting;    /* with the password */
    ngx_uint_t                     greetings;   /* commands in it */
    ngx_str_t                      evalsha;     /* how calls begin, */
    ngx_str_t                      eval;        /* with the script's text */
    ngx_msec_t                     timeout;
    ngx_uint_t                     queue;
    ngx_uint_t                     edges;
    ngx_ssl_t                     *ssl;         /* NULL: no TLS */
    ngx_str_t                      tls_name;
    ngx_http_xr_redis_push_pt      push;        /* NULL: it is for calls */

    ngx_log_t                     *log;         /* NULL: not in a worker */
    ngx_uint_t                     ncalls;      /* not answered */
    ngx_queue_t                    waiting;     /* of them, by deadline */
    ngx_queue_t                    free;
    ngx_event_t                    timer;
    ngx_connection_t               dummy;       /* of the timer */
    u_char                        *input;
    ngx_http_xr_redis_node_t      *nodes[NGX_HTTP_XR_REDIS_NODES];
    ngx_uint_t                     nnodes;
    u_char                        *slots;       /* node + 1; NULL: no cluster */
    ngx_http_xr_redis_stats_t     *stats;
    ngx_msec_t                     logged[NGX_HTTP_XR_REDIS_LOG_KINDS];
};


/* The breaker of a node. */

typedef enum {
    NGX_HTTP_XR_REDIS_FIRST = 0,                /* closed: it connects */
    NGX_HTTP_XR_REDIS_UP,                       /* closed */
    NGX_HTTP_XR_REDIS_DOWN,                     /* open, for a while */
    NGX_HTTP_XR_REDIS_PROBE                     /* half open: it connects */
} ngx_http_xr_redis_state_t;


/* A server: the configured one, or one that a cluster's has named. */

struct ngx_http_xr_redis_node_s {
    ngx_http_xr_redis_t           *redis;
    ngx_uint_t                     number;      /* in redis->nodes */
    ngx_uint_t                     slots;       /* that are known as its */

    ngx_addr_t                    *addrs;       /* tried in turns */
    ngx_uint_t                     naddrs;
    ngx_uint_t                     addr;
    ngx_addr_t                     named;       /* by a cluster */
    ngx_sockaddr_t                 sockaddr;
    u_char                         text[NGX_SOCKADDR_STRLEN];

    ngx_http_xr_redis_state_t      state;
    ngx_uint_t                     failures;    /* in a row */
    ngx_msec_t                     pause;       /* the last one */
    ngx_msec_t                     since;       /* when it came up */
    ngx_event_t                    timer;
    ngx_event_t                    flush;
    ngx_connection_t               dummy;       /* of both */

    ngx_connection_t              *connection;  /* NULL: none */
    redisReader                   *reader;
    u_char                        *reply;       /* what it makes, and */
    size_t                         reply_len;
    ngx_uint_t                     greetings;   /* not answered yet */
    ngx_queue_t                    calls;       /* likewise, in order */
    u_char                        *out;         /* not sent yet: from */
    size_t                         out_pos;     /* here */
    size_t                         out_len;     /* to there */
    size_t                         out_size;
    unsigned                       ready:1;     /* for sending */
    unsigned                       again:1;     /* it was up before */
};


struct ngx_http_xr_redis_call_s {
    ngx_queue_t                    queue;       /* of its node */
    ngx_queue_t                    waiting;
    ngx_http_xr_redis_t           *redis;
    ngx_http_xr_redis_node_t      *node;
    ngx_http_xr_redis_pt           handler;     /* NULL: nobody waits */
    void                          *data;
    ngx_msec_t                     deadline;
    size_t                         head;        /* "*12\r\n" of the text, */
    size_t                         len;         /* which is so long */
    size_t                         size;
    unsigned                       eval:1;      /* with the script's text */
    unsigned                       asked:1;     /* sent behind ASKING, */
    unsigned                       asking:1;    /* which is not answered */
    unsigned                       hops:2;
    u_char                         text[];
};


/* redis */
ngx_int_t ngx_http_xr_redis_init(ngx_http_xr_redis_t *redis, ngx_log_t *log);
void ngx_http_xr_redis_exit(ngx_http_xr_redis_t *redis);

/* What the script of xr_limit_script() is given. */

typedef struct {
    xr_str_t                      *keys;        /* all are in one slot */
    ngx_uint_t                     nkeys;
    xr_str_t                       mode;
    xr_str_t                       numbers;
} ngx_http_xr_redis_args_t;

/*
 * Runs it.  What "args" says is copied.  NULL: refused at once, the handler is
 * not called.
 */
ngx_http_xr_redis_call_t *ngx_http_xr_redis_eval(ngx_http_xr_redis_t *redis,
    ngx_http_xr_redis_args_t *args, ngx_msec_t deadline,
    ngx_http_xr_redis_pt handler, void *data);

/* The caller is gone; what is answered later is dropped. */
void ngx_http_xr_redis_cancel(ngx_http_xr_redis_call_t *call);

/* Whether a breaker is closed. */
ngx_uint_t ngx_http_xr_redis_usable(ngx_http_xr_redis_t *redis);


/*
 * The rest is for ngx_http_xr_redis*.c.  NGX_ERROR of _answer(): the node has
 * failed, and may be gone.
 */
ngx_int_t ngx_http_xr_redis_answer(ngx_http_xr_redis_node_t *node,
    redisReply *reply);
void ngx_http_xr_redis_abandon(ngx_http_xr_redis_node_t *node);
ngx_uint_t ngx_http_xr_redis_logs(ngx_http_xr_redis_t *redis,
    ngx_uint_t kind);

/* redis_call */
ngx_http_xr_redis_call_t *ngx_http_xr_redis_call_make(
    ngx_http_xr_redis_t *redis, ngx_http_xr_redis_args_t *args);
ngx_int_t ngx_http_xr_redis_call_send(ngx_http_xr_redis_node_t *node,
    ngx_http_xr_redis_call_t *call);
void ngx_http_xr_redis_call_free(ngx_http_xr_redis_call_t *call);

/* redis_conf */
char *ngx_http_xr_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* redis_conn */
ngx_http_xr_redis_node_t *ngx_http_xr_redis_conn_add(
    ngx_http_xr_redis_t *redis, ngx_addr_t *addrs, ngx_uint_t naddrs);
void ngx_http_xr_redis_conn_free(ngx_http_xr_redis_node_t *node);
void ngx_http_xr_redis_conn_open(ngx_http_xr_redis_node_t *node);
u_char *ngx_http_xr_redis_conn_reserve(ngx_http_xr_redis_node_t *node,
    size_t size);
void ngx_http_xr_redis_conn_post(ngx_http_xr_redis_node_t *node);

/* The node may be gone after that. */
void ngx_http_xr_redis_conn_fail(ngx_http_xr_redis_node_t *node,
    ngx_err_t err, const char *why);

/* redis_reply */
redisReader *ngx_http_xr_redis_reply_reader(ngx_http_xr_redis_node_t *node);

/* redis_cluster */
ngx_http_xr_redis_node_t *ngx_http_xr_redis_cluster_node(
    ngx_http_xr_redis_t *redis, xr_str_t key);
const char *ngx_http_xr_redis_cluster_follow(ngx_http_xr_redis_call_t *call,
    redisReply *reply, ngx_uint_t ask);
void ngx_http_xr_redis_cluster_lost(ngx_http_xr_redis_node_t *node,
    ngx_uint_t useless);


#endif /* NGX_HTTP_XR_REDIS_H */
