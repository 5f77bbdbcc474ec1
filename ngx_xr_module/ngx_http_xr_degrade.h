/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_DEGRADE_H
#define NGX_HTTP_XR_DEGRADE_H


#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/*
 * A cache that fails takes no request with it: what cannot be read is asked of
 * the origin, what cannot be stored is passed on without that.
 */

/* In shared memory. */

struct ngx_http_xr_degrade_s {
    ngx_atomic_t          unstored;     /* answers there was no room for */
    ngx_atomic_t          unread;       /* requests the cache failed */
    ngx_atomic_t          damaged;      /* files that were not what they
                                           should be */
    ngx_atomic_t          failing;      /* cannot be written */
    ngx_atomic_t          failed;       /* Unix time: when it could not */
};


/* status: of what is stored, and is no answer any more */
void ngx_http_xr_status_forget(ngx_http_cache_t *c);

/* degrade */
ngx_int_t ngx_http_xr_degrade_zone(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf);
ngx_int_t ngx_http_xr_degrade_init(ngx_conf_t *cf);
void ngx_http_xr_degrade_settings(ngx_http_upstream_conf_t *conf);
void ngx_http_xr_degrade_asked(ngx_http_request_t *r);
ngx_uint_t ngx_http_xr_degrade_lost(ngx_http_upstream_t *u, ngx_int_t rc);
ngx_uint_t ngx_http_xr_degrade_part(ngx_http_xr_slice_part_t *part);

/* degrade_store */
void ngx_http_xr_degrade_store_begin(ngx_http_request_t *r);
void ngx_http_xr_degrade_store_room(ngx_event_pipe_t *p);
void ngx_http_xr_degrade_store_end(ngx_http_request_t *r, ngx_int_t rc);


#endif /* NGX_HTTP_XR_DEGRADE_H */
