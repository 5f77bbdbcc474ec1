/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_RETRY_H
#define NGX_HTTP_XR_RETRY_H


#include <ngx_config.h>
#include <ngx_core.h>


/* "xr_origin_retry": once more, after a pause. */

typedef struct {
    ngx_uint_t                     tries;       /* 0: none */
    ngx_msec_t                     pause;       /* the least */
    ngx_msec_t                     max;
    ngx_uint_t                     set;
} ngx_http_xr_retry_conf_t;


void ngx_http_xr_retry_create(ngx_http_xr_retry_conf_t *conf);
char *ngx_http_xr_retry_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* NGX_HTTP_XR_RETRY_H */
