/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_ANNOUNCE_H
#define NGX_HTTP_XR_ANNOUNCE_H


#include "ngx_http_xr_redis.h"


/*
 * What publishers announce in a channel of Redis, to which one worker listens
 * for all.
 */

/* Of all workers, and kept over a reload. */

typedef struct {
    ngx_atomic_t                   received;
    ngx_atomic_t                   bad;         /* of these */
    ngx_atomic_t                   connected;   /* 1: somebody listens, */
    ngx_atomic_t                   pid;         /* and who that is */
} ngx_http_xr_announce_shared_t;


/* "xr_announce", and what a worker has of it */

struct ngx_http_xr_announce_s {
    ngx_http_xr_redis_t            redis;       /* a connection of its own */
    ngx_http_xr_redis_stats_t      stats;
    ngx_http_xr_main_conf_t       *conf;
    ngx_str_t                      channel;     /* empty: off */
    ngx_http_xr_announce_shared_t *shared;
    ngx_event_t                    timer;
    ngx_connection_t               dummy;       /* of the timer */
    unsigned                       only_signed:1;   /* orders purge, only */
    unsigned                       asked:1;     /* and nothing came since */
    unsigned                       subscribed:1;
};


char *ngx_http_xr_announce(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_xr_announce_init(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf);
ngx_int_t ngx_http_xr_announce_process(ngx_http_xr_main_conf_t *xmcf,
    ngx_log_t *log);
void ngx_http_xr_announce_exit(ngx_http_xr_announce_t *announce);


#endif /* NGX_HTTP_XR_ANNOUNCE_H */
