/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_FRESHNESS_H
#define NGX_HTTP_XR_FRESHNESS_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "xr_freshness.h"


/* What a header of the origin says about freshness. */

typedef enum {
    NGX_HTTP_XR_FRESHNESS_NOTHING = 0,
    NGX_HTTP_XR_FRESHNESS_CACHE_CONTROL,
    NGX_HTTP_XR_FRESHNESS_TARGETED,
    NGX_HTTP_XR_FRESHNESS_EXPIRES,
    NGX_HTTP_XR_FRESHNESS_DATE,
    NGX_HTTP_XR_FRESHNESS_AGE,
    NGX_HTTP_XR_FRESHNESS_COOKIE,
    NGX_HTTP_XR_FRESHNESS_VARY
} ngx_http_xr_freshness_kind_t;


/* Of a location. */

typedef struct {
    ngx_uint_t                use_stale;    /* "xr_cache_use_stale" */
    xr_freshness_policy_t    *policy;       /* "xr_cache_policy", or what
                                               "xr_cache_valid" makes of it */
    ngx_uint_t                given;        /* the first of these two */
} ngx_http_xr_freshness_conf_t;


/* Of an exchange with the origin, or of what is in the cache. */

typedef struct {
    xr_freshness_response_t  *heard;        /* NULL: the origin was not asked */
    time_t                    born;         /* when Age was 0; 0: not known */
    uint32_t                  lines;        /* a hash of what clients are told
                                               about freshness */
} ngx_http_xr_freshness_t;


/* freshness */
void ngx_http_xr_freshness_create(ngx_http_xr_freshness_conf_t *conf);
char *ngx_http_xr_freshness_merge(ngx_conf_t *cf,
    ngx_http_xr_freshness_conf_t *prev, ngx_http_xr_freshness_conf_t *conf,
    ngx_http_upstream_conf_t *upstream);
char *ngx_http_xr_freshness_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_xr_freshness_begin(ngx_http_request_t *r);
void ngx_http_xr_freshness_windows(ngx_http_request_t *r,
    ngx_http_upstream_conf_t *conf);
void ngx_http_xr_freshness_hear(ngx_http_request_t *r,
    ngx_http_xr_freshness_kind_t kind, xr_str_t value);
void ngx_http_xr_freshness_keep(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_freshness_renew(ngx_http_request_t *r);
ngx_uint_t ngx_http_xr_freshness_absent(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_freshness_age(ngx_http_request_t *r, time_t born,
    ngx_uint_t stored);

/* stored */
ngx_int_t ngx_http_xr_stored_open(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_stored_write(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_stored_merge(ngx_http_request_t *r, xr_str_t *text);
ngx_int_t ngx_http_xr_stored_patch(ngx_http_request_t *r, u_char *at,
    u_char *data, size_t len);
ngx_int_t ngx_http_xr_stored_file(ngx_http_request_t *r, u_char *p,
    size_t size, size_t offset, ngx_uint_t write);
void ngx_http_xr_stored_save(ngx_http_request_t *r, xr_str_t text);
ngx_uint_t ngx_http_xr_stored_line(xr_str_t *text, xr_str_t *name,
    xr_str_t *value);


#endif /* NGX_HTTP_XR_FRESHNESS_H */
