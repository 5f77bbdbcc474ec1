/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_DEVICE_H
#define NGX_HTTP_XR_DEVICE_H


#include "ngx_http_xr.h"


char *ngx_http_xr_device_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_xr_device_add(ngx_conf_t *cf);

/* The table that the records are made by, as it is read and replaced. */
ngx_int_t ngx_http_xr_device_open(xr_str_t image, ngx_http_xr_image_t *out);
void ngx_http_xr_device_check(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log);

/* Read when it is first asked for; NULL: out of memory. */
const xr_device_t *ngx_http_xr_device_get(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);


/* What it is read from. */
void ngx_http_xr_device_input(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_device_input_t *in);


#endif /* NGX_HTTP_XR_DEVICE_H */
