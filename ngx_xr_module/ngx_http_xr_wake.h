/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_WAKE_H
#define NGX_HTTP_XR_WAKE_H


#include "ngx_http_xr.h"


/* A request that waits for what another one fetches. */

#define NGX_HTTP_XR_WAKE_KEY  16

typedef struct ngx_http_xr_waiter_s  ngx_http_xr_waiter_t;

struct ngx_http_xr_waiter_s {
    ngx_queue_t                    queue;
    u_char                        *key;
    void                         (*wake)(ngx_http_xr_waiter_t *waiter);
    ngx_http_request_t            *request;
    ngx_uint_t                     linked;
};


ngx_int_t ngx_http_xr_wake_conf(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf);
ngx_int_t ngx_http_xr_wake_init(ngx_cycle_t *cycle,
    ngx_http_xr_main_conf_t *xmcf);
ngx_int_t ngx_http_xr_wake_process(ngx_cycle_t *cycle,
    ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_wake_exit(void);
void ngx_http_xr_wake_others(ngx_http_xr_main_conf_t *xmcf, u_char *key);
ngx_int_t ngx_http_xr_wake_wait(ngx_http_request_t *r);
void ngx_http_xr_wake_link(ngx_http_xr_waiter_t *waiter);
void ngx_http_xr_wake_unlink(void *data);


#endif /* NGX_HTTP_XR_WAKE_H */
