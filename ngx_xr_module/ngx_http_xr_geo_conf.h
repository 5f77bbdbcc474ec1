/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_GEO_CONF_H
#define NGX_HTTP_XR_GEO_CONF_H


#include "ngx_http_xr.h"

#include "xr_location.h"


/* "xr_geo", "xr_geo_edge" */

struct ngx_http_xr_geo_s {
    ngx_str_t                      file;        /* empty: no database */
    time_t                         max_age;     /* 0: any */
    ngx_http_xr_live_t             live;
    ngx_http_xr_watch_t            watch;
    time_t                         retry;       /* not before, after a fault */
    ngx_uint_t                     again;       /* though it did not change */
    ngx_uint_t                     old;         /* the manager has said so */
    xr_location_t                  edge;        /* where we are */
};


/* geo */
ngx_http_xr_geo_t *ngx_http_xr_geo_create(ngx_conf_t *cf);
char *ngx_http_xr_geo_database(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_geo_edge(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_xr_geo_init(ngx_cycle_t *cycle,
    ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_geo_check(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log);

/* load */
ngx_int_t ngx_http_xr_load_note(ngx_http_xr_load_t *load, ngx_str_t *path,
    ngx_file_info_t *fi);

/* geo_place */
xr_geo_place_t *ngx_http_xr_geo_place_of(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
void ngx_http_xr_geo_place_release(ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_geo_place_step(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_geo_place_country(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_geo_place_continent(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_geo_place_region(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_geo_place_city(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_geo_place_asn(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_geo_place_source(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_int_t ngx_http_xr_geo_place_watch(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

#define NGX_HTTP_XR_GEO_AGE  ((uintptr_t) -1)


#endif /* NGX_HTTP_XR_GEO_CONF_H */
