/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_announce.h"
#include "ngx_http_xr_geo_conf.h"
#include "ngx_http_xr_redis.h"
#include "ngx_http_xr_slice.h"
#include "ngx_http_xr_wake.h"
#include "ngx_http_xr_replica.h"


#define NGX_HTTP_XR_PROCESS_KEYS  1024      /* public keys ready for use */


static void ngx_http_xr_process_manage(ngx_event_t *ev);


/* NULL where the module is not in use. */

ngx_http_xr_main_conf_t *
ngx_http_xr_process_conf(ngx_cycle_t *cycle)
{
    ngx_http_xr_main_conf_t  *xmcf;

    if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == NULL) {
        return NULL;
    }

    xmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_xr_module);

    return (xmcf != NULL && xmcf->enable) ? xmcf : NULL;
}


/* Shared memory is there, workers are not. */

ngx_int_t
ngx_http_xr_process_init_module(ngx_cycle_t *cycle)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_xr_process_conf(cycle);

    if (xmcf == NULL) {
        return NGX_OK;
    }

    if (ngx_http_xr_wake_init(cycle, xmcf) != NGX_OK
        || ngx_http_xr_revocation_init(cycle, xmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_xr_geo_init(cycle, xmcf);
}


/* What a worker has for itself. */

ngx_int_t
ngx_http_xr_process_init(ngx_cycle_t *cycle)
{
    ngx_http_xr_main_conf_t  *xmcf;

    static ngx_event_t       manage;
    static ngx_connection_t  dummy;

    xmcf = ngx_http_xr_process_conf(cycle);

    if (xmcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    xmcf->verifiers = xr_verifiers_create(NGX_HTTP_XR_PROCESS_KEYS);
    xmcf->throttle = ngx_http_xr_throttle_create(cycle->log);
    xmcf->signing_keys = ngx_calloc(NGX_HTTP_XR_SIGNING_KEYS
                                    * sizeof(xr_sigv4_key_t), cycle->log);

    if (xmcf->verifiers == NULL
        || xmcf->throttle == NULL
        || xmcf->signing_keys == NULL)
    {
        return NGX_ERROR;
    }

    ngx_http_xr_limit_conf_process(xmcf, cycle->log);
    ngx_http_xr_slice_flight_process(xmcf);
    ngx_http_xr_resolve_process(xmcf);

    if (ngx_http_xr_wake_process(cycle, xmcf) != NGX_OK
        || ngx_http_xr_slice_file_process(xmcf, cycle->log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (xmcf->redis != NULL
        && ngx_http_xr_redis_init(xmcf->redis, cycle->log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_xr_announce_process(xmcf, cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_process == NGX_PROCESS_SINGLE) {

        /* there is no other process to look at files */

        dummy.fd = (ngx_socket_t) -1;

        manage.handler = ngx_http_xr_process_manage;
        manage.data = &dummy;
        manage.log = cycle->log;
        manage.cancelable = 1;

        ngx_add_timer(&manage, 1);
    }

    return NGX_OK;
}


static void
ngx_http_xr_process_manage(ngx_event_t *ev)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_xr_process_conf((ngx_cycle_t *) ngx_cycle);

    if (xmcf != NULL && !ngx_exiting) {
        ngx_add_timer(ev, ngx_http_xr_live_manage(xmcf));
    }
}


/* A worker ends, and leaves no connection open. */

void
ngx_http_xr_process_exit(ngx_cycle_t *cycle)
{
    ngx_http_xr_main_conf_t  *xmcf;

    ngx_http_xr_wake_exit();

    xmcf = ngx_http_xr_process_conf(cycle);

    if (xmcf != NULL && xmcf->announce != NULL) {
        ngx_http_xr_announce_exit(xmcf->announce);
    }

    if (xmcf != NULL && xmcf->redis != NULL) {
        ngx_http_xr_redis_exit(xmcf->redis);
    }
}


/* The manager process has ended: its files go, too. */

void
ngx_http_xr_process_exit_master(ngx_cycle_t *cycle)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_xr_process_conf(cycle);

    if (xmcf != NULL) {
        ngx_http_xr_live_clean(xmcf, 1, cycle->log);
    }
}


/* With the configuration goes all that was made of it. */

void
ngx_http_xr_process_cleanup(void *data)
{
    ngx_http_xr_main_conf_t *xmcf = data;

    if (xmcf->live.current != NULL) {
        ngx_http_xr_live_release(xmcf->live.current);
    }

    if (xmcf->revocation.live.current != NULL) {
        ngx_http_xr_live_release(xmcf->revocation.live.current);
    }

    if (xmcf->geo != NULL) {

        if (xmcf->geo->live.current != NULL) {
            ngx_http_xr_live_release(xmcf->geo->live.current);
        }

        ngx_http_xr_load_forget(&xmcf->geo->watch);
    }

    if (xmcf->devices.live.current != NULL) {
        ngx_http_xr_live_release(xmcf->devices.live.current);
    }

    ngx_http_xr_load_forget(&xmcf->devices.watch);
    ngx_http_xr_load_forget(&xmcf->watch);
    ngx_http_xr_load_forget(&xmcf->revocation.watch);

    if (xmcf->announce != NULL) {
        ngx_http_xr_redis_exit(&xmcf->announce->redis);
    }

    if (xmcf->redis != NULL) {
        ngx_http_xr_redis_exit(xmcf->redis);
    }

    xr_verifiers_free(xmcf->verifiers);

    if (xmcf->throttle != NULL) {
        ngx_free(xmcf->throttle);
    }

    if (xmcf->signing_keys != NULL) {
        xr_wipe(xmcf->signing_keys, NGX_HTTP_XR_SIGNING_KEYS
                                    * sizeof(xr_sigv4_key_t));
        ngx_free(xmcf->signing_keys);
    }

    if (xmcf->load != NULL) {
        ngx_http_xr_load_destroy(xmcf->load);
    }

    xr_table_builder_free(xmcf->builder);
}
