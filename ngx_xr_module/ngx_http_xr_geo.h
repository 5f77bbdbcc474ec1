/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_GEO_H
#define NGX_HTTP_XR_GEO_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "xr_geo.h"


/* Where clients are; included by ngx_http_xr.h. */

struct ngx_http_xr_image_s;

typedef struct ngx_http_xr_geo_s  ngx_http_xr_geo_t;


typedef enum {
    NGX_HTTP_XR_GEO_UNKNOWN = 0,
    NGX_HTTP_XR_GEO_MMDB,
    NGX_HTTP_XR_GEO_TRUSTED
} ngx_http_xr_geo_source_t;


/* What a request has been told; once for each address that it may have. */

typedef struct {
    struct ngx_http_xr_image_s    *image;       /* or NULL */
    xr_addr_t                      address;
    xr_geo_place_t                 place;
    ngx_http_xr_geo_source_t       source;      /* of the country */
    ngx_uint_t                     found;       /* it was looked for */
} ngx_http_xr_geo_ctx_t;


#endif /* NGX_HTTP_XR_GEO_H */
