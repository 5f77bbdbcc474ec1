/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_CONF_H
#define NGX_HTTP_XR_CONF_H


#include "ngx_http_xr.h"


char *ngx_http_xr_conf_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void *ngx_http_xr_conf_create_main_conf(ngx_conf_t *cf);
char *ngx_http_xr_conf_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_xr_conf_create_srv_conf(ngx_conf_t *cf);
char *ngx_http_xr_conf_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
void *ngx_http_xr_conf_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_xr_conf_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
ngx_int_t ngx_http_xr_conf_init(ngx_conf_t *cf);

/*
 * Which of "n" names, each with its "=", "value" begins with; "rest" is what
 * stands behind.  "n": none, or nothing does.
 */
ngx_uint_t ngx_http_xr_conf_param(const ngx_str_t *value,
    const ngx_str_t *names, ngx_uint_t n, ngx_str_t *rest);


#endif /* NGX_HTTP_XR_CONF_H */
