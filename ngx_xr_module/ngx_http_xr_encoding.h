/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_ENCODING_H
#define NGX_HTTP_XR_ENCODING_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "xr_encoding.h"


/*
 * Content codings: of siblings that lie beside an object, of names that tell
 * one, and of what is encoded on its way from the origin into the cache.
 */

typedef struct {
    ngx_uint_t      codings;            /* mask of XR_ENCODING_BIT(); with 0:
                                           nothing is encoded */
    uint64_t        places[XR_ENCODINGS];   /* of them in the list, from 1 */
    ngx_array_t    *types;              /* ngx_str_t */
    ngx_uint_t      level;
    size_t          min_length;
    size_t          max_length;
    ngx_uint_t      concurrency;        /* of each worker */
    ngx_flag_t      names;              /* "xr_encoded_names" */
} ngx_http_xr_encoding_conf_t;


/* What a response is chosen by; each is a bit in the context's "vary". */

#define NGX_HTTP_XR_VARY_ORIGIN           0x01
#define NGX_HTTP_XR_VARY_ACCEPT_ENCODING  0x02
#define NGX_HTTP_XR_VARY_DEVICE           0x04


typedef struct ngx_http_xr_encode_s  ngx_http_xr_encode_t;


/* encoding: see ngx_http_xr_encode.h, too */
void ngx_http_xr_encoding_accept(ngx_http_request_t *r,
    xr_encoding_accept_t *accept);

/* encoding_conf */
void ngx_http_xr_encoding_conf_create(ngx_http_xr_encoding_conf_t *conf);
char *ngx_http_xr_encoding_conf_merge(ngx_conf_t *cf,
    ngx_http_xr_encoding_conf_t *prev, ngx_http_xr_encoding_conf_t *conf);
char *ngx_http_xr_encoding_conf_codings(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_encoding_conf_types(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

#endif /* NGX_HTTP_XR_ENCODING_H */
