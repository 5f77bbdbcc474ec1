/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_ENCODE_H
#define NGX_HTTP_XR_ENCODE_H


#include "ngx_http_xr.h"


/* Of an entity tag that is made for a coding. */

#define NGX_HTTP_XR_ENCODE_ETAG  1024


/* encoding */
ngx_int_t ngx_http_xr_encoding_begin(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_xr_loc_conf_t *xlcf);
ngx_int_t ngx_http_xr_encoding_key(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_encoding_whole(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_encoding_name(ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_encoding_headers(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_encoding_value(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* encode */
ngx_uint_t ngx_http_xr_encode_room(ngx_uint_t max);
ngx_int_t ngx_http_xr_encode_reserve(ngx_http_request_t *r);
void ngx_http_xr_encode_end(ngx_http_request_t *r);
void ngx_http_xr_encode_again(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_encode_header(ngx_http_request_t *r);
xr_str_t ngx_http_xr_encode_source(ngx_http_xr_ctx_t *ctx, ngx_str_t *etag,
    u_char *text);
void ngx_http_xr_encode_body(ngx_http_request_t *r);


#endif /* NGX_HTTP_XR_ENCODE_H */
