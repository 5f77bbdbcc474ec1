/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/* A slice under way, as those see it who follow it. */

/*
 * NGX_OK: one more follows it, until it leaves; NGX_BUSY: so many do already;
 * NGX_DECLINED: it is over.
 */

ngx_int_t
ngx_http_xr_slice_view_join(ngx_http_request_t *r,
    ngx_http_xr_flight_view_t *view, ngx_uint_t max)
{
    ngx_int_t                 rc;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    ngx_shmtx_lock(xmcf->flights->mutex);

    if (view->slot->id != view->id) {
        rc = NGX_DECLINED;

    } else if (max != 0 && view->slot->followers >= max) {
        rc = NGX_BUSY;

    } else {
        view->slot->followers++;
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(xmcf->flights->mutex);

    return rc;
}


void
ngx_http_xr_slice_view_leave(ngx_http_request_t *r,
    ngx_http_xr_flight_view_t *view)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    ngx_shmtx_lock(xmcf->flights->mutex);

    if (view->slot->id == view->id && view->slot->followers > 0) {
        view->slot->followers--;
    }

    ngx_shmtx_unlock(xmcf->flights->mutex);
}


/* Where it is; 0: it is over, and what was known of it may be old. */

ngx_uint_t
ngx_http_xr_slice_view_look(ngx_http_request_t *r,
    ngx_http_xr_flight_view_t *view)
{
    ngx_uint_t                under_way;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    ngx_shmtx_lock(xmcf->flights->mutex);

    under_way = (view->slot->id == view->id);

    if (under_way && view->slot->path[0] != '\0') {
        view->written = (off_t) view->slot->written;
        view->body_start = view->slot->body_start;
        view->length = view->slot->length;

        if (view->path[0] == '\0') {
            ngx_memcpy(view->path, view->slot->path, NGX_HTTP_XR_FLIGHT_PATH);
        }
    }

    ngx_shmtx_unlock(xmcf->flights->mutex);

    return under_way;
}


/*
 * Who wants no more of it than up to a place in the file is told when that is
 * there.  1: it is there by now, or it is over.
 */

ngx_uint_t
ngx_http_xr_slice_view_mark(ngx_http_request_t *r,
    ngx_http_xr_flight_view_t *view, off_t place)
{
    ngx_uint_t                  there;
    ngx_http_xr_main_conf_t    *xmcf;
    ngx_http_xr_flight_slot_t  *slot;

    slot = view->slot;
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    ngx_shmtx_lock(xmcf->flights->mutex);

    there = (slot->id != view->id);

    if (!there) {

        if (slot->mark == 0 || place < (off_t) slot->mark) {
            slot->mark = place;
        }

        ngx_memory_barrier();

        there = ((off_t) slot->written >= place);
    }

    ngx_shmtx_unlock(xmcf->flights->mutex);

    return there;
}
