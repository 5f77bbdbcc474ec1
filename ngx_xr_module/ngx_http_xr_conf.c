/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_announce.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_conf.h"
#include "ngx_http_xr_degrade.h"
#include "ngx_http_xr_geo_conf.h"
#include "ngx_http_xr_limit.h"
#include "ngx_http_xr_replica.h"
#include "ngx_http_xr_slice.h"
#include "ngx_http_xr_variant.h"
#include "ngx_http_xr_wake.h"


/* The size of the hash of variables, at least. */

#define NGX_HTTP_XR_VARIABLES  2048


static void *ngx_http_xr_conf_alloc(void *pool, size_t size);
static ngx_int_t ngx_http_xr_conf_merge_auth(ngx_conf_t *cf,
    ngx_http_xr_loc_conf_t *prev, ngx_http_xr_loc_conf_t *conf);


static void *
ngx_http_xr_conf_alloc(void *pool, size_t size)
{
    return ngx_pcalloc(pool, size);
}


void *
ngx_http_xr_conf_create_main_conf(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_main_conf_t));
    if (xmcf == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_xr_process_cleanup;
    cln->data = xmcf;

    xmcf->load = ngx_http_xr_load_create(xmcf, cf, &cf->cycle->conf_prefix,
                                         cf->log);
    if (xmcf->load == NULL) {
        return NULL;
    }

    xmcf->memory_size = NGX_CONF_UNSET_SIZE;
    xmcf->open_slices = NGX_CONF_UNSET_UINT;
    xmcf->manifest_size = NGX_CONF_UNSET_SIZE;
    xmcf->fail_limit.share = NGX_CONF_UNSET_UINT;
    xmcf->fail_limit.rate = NGX_HTTP_XR_THROTTLE_RATE;
    xmcf->fail_limit.burst = NGX_HTTP_XR_THROTTLE_BURST;

    xmcf->mem.alloc = ngx_http_xr_conf_alloc;
    xmcf->mem.ctx = cf->pool;
    xmcf->keepalive = NGX_CONF_UNSET;

    ngx_http_xr_tls_create(&xmcf->tls);
    ngx_http_xr_retry_create(&xmcf->origin_retry);

    xmcf->geo = ngx_http_xr_geo_create(cf);
    if (xmcf->geo == NULL) {
        return NULL;
    }

    if (ngx_array_init(&xmcf->limit_lists, cf->pool, 4, sizeof(ngx_array_t *))
        != NGX_OK
        || ngx_array_init(&xmcf->tenants, cf->pool, 4, sizeof(xr_tenant_t *))
           != NGX_OK
        || ngx_array_init(&xmcf->endpoints, cf->pool, 4,
                          sizeof(ngx_http_xr_endpoint_t *))
           != NGX_OK
        || ngx_array_init(&xmcf->caches, cf->pool, 4,
                          sizeof(ngx_http_file_cache_t *))
           != NGX_OK)
    {
        return NULL;
    }

    return xmcf;
}


char *
ngx_http_xr_conf_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    static ngx_path_init_t  state = { ngx_string("xr_state"), { 0, 0, 0 } };

    ngx_conf_init_uint_value(xmcf->fail_limit.share,
                             NGX_HTTP_XR_THROTTLE_SHARE);

    if (ngx_http_xr_tenants_init(cf, xmcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (xmcf->enable
        && ngx_conf_merge_path_value(cf, &xmcf->state, NULL, &state)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_xr_tls_init(cf, xmcf);
}


void *
ngx_http_xr_conf_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_xr_srv_conf_t  *xscf;

    xscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_srv_conf_t));
    if (xscf == NULL) {
        return NULL;
    }

    xscf->enable = NGX_CONF_UNSET;
    xscf->trusted = NGX_CONF_UNSET_PTR;

    return xscf;
}


char *
ngx_http_xr_conf_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_xr_srv_conf_t *prev = parent;
    ngx_http_xr_srv_conf_t *conf = child;

    ngx_conf_merge_value(conf->enable, prev->enable, 0);
    ngx_conf_merge_str_value(conf->token_name, prev->token_name, "xr_token");
    ngx_conf_merge_ptr_value(conf->trusted, prev->trusted, NULL);
    ngx_conf_merge_str_value(conf->country, prev->country, "");

    return NGX_CONF_OK;
}


void *
ngx_http_xr_conf_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_loc_conf_t));
    if (xlcf == NULL) {
        return NULL;
    }

    xlcf->enable = NGX_CONF_UNSET;
    xlcf->geo_status = NGX_CONF_UNSET_UINT;

    xlcf->slice_size = NGX_CONF_UNSET_SIZE;
    xlcf->max_ranges = NGX_CONF_UNSET_UINT;
    xlcf->prefetch = NGX_CONF_UNSET_UINT;
    xlcf->cut = NGX_CONF_UNSET;
    xlcf->slice_run = NGX_CONF_UNSET_SIZE;
    xlcf->followers = NGX_CONF_UNSET_UINT;

    ngx_http_xr_limit_conf_create(xlcf);
    ngx_http_xr_origin_create_conf(xlcf);
    ngx_http_xr_freshness_create(&xlcf->freshness);
    ngx_http_xr_variant_conf_create(&xlcf->variant);
    ngx_http_xr_encoding_conf_create(&xlcf->encoding);

    return xlcf;
}


char *
ngx_http_xr_conf_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_xr_loc_conf_t *prev = parent;
    ngx_http_xr_loc_conf_t *conf = child;

    ngx_conf_merge_value(conf->enable, prev->enable, 0);
    ngx_conf_merge_value(conf->cut, prev->cut, 1);

    if (ngx_http_xr_conf_merge_auth(cf, prev, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_bitmask_value(conf->token_from, prev->token_from,
                                 (NGX_CONF_BITMASK_SET|NGX_HTTP_XR_IN_ANY));

    ngx_conf_merge_bitmask_value(conf->tenant_from, prev->tenant_from,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_HTTP_XR_FROM_HOST
                                  |NGX_HTTP_XR_FROM_PATH));

    ngx_conf_merge_str_value(conf->cache_control, prev->cache_control,
                             "public, max-age=60, "
                             "stale-while-revalidate=600");

    ngx_conf_merge_uint_value(conf->geo_status, prev->geo_status,
                              NGX_HTTP_FORBIDDEN);

    ngx_http_xr_variant_conf_merge(&prev->variant, &conf->variant);

    if (ngx_http_xr_limit_conf_merge(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_xr_slice_conf_merge(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_xr_encoding_conf_merge(cf, &prev->encoding,
                                           &conf->encoding)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_xr_origin_merge_conf(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_xr_freshness_merge(cf, &prev->freshness, &conf->freshness,
                                       &conf->upstream);
}


/*
 * Without "xr_auth" all kinds are accepted for which a tenant has keys; "off"
 * goes back to that.
 */

static ngx_int_t
ngx_http_xr_conf_merge_auth(ngx_conf_t *cf, ngx_http_xr_loc_conf_t *prev,
    ngx_http_xr_loc_conf_t *conf)
{
    ngx_uint_t  kinds;

    ngx_conf_merge_bitmask_value(conf->auth, prev->auth,
                                 (NGX_CONF_BITMASK_SET|NGX_HTTP_XR_AUTH_ANY));

    kinds = conf->auth & ~(ngx_uint_t) NGX_CONF_BITMASK_SET;

    if ((kinds & NGX_HTTP_XR_AUTH_PUBLIC) && kinds != NGX_HTTP_XR_AUTH_PUBLIC)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_auth public\" asks for no credential, it "
                           "cannot stand beside another kind");
        return NGX_ERROR;
    }

    if ((kinds & NGX_HTTP_XR_AUTH_OFF) && kinds != NGX_HTTP_XR_AUTH_OFF) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_auth off\" forgets what was said before, it "
                           "cannot stand beside a kind");
        return NGX_ERROR;
    }

    if (kinds & NGX_HTTP_XR_AUTH_OFF) {
        conf->auth = NGX_CONF_BITMASK_SET|NGX_HTTP_XR_AUTH_ANY;
    }

    return NGX_OK;
}


/* "xr on" is also known to its server, which takes tokens off requests. */

char *
ngx_http_xr_conf_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                     *rv;
    ngx_http_xr_loc_conf_t   *xlcf;
    ngx_http_xr_srv_conf_t   *xscf;
    ngx_http_xr_main_conf_t  *xmcf;

    rv = ngx_conf_set_flag_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    xlcf = conf;
    xscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_xr_module);
    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    if (xlcf->enable) {
        xscf->enable = 1;
        xmcf->enable = 1;

    } else if (cf->cmd_type == NGX_HTTP_SRV_CONF
               && xscf->enable == NGX_CONF_UNSET)
    {
        xscf->enable = 0;               /* whatever "http" says */
    }

    return NGX_CONF_OK;
}


/* Without an "xr on" anywhere the module leaves no trace in a request. */

ngx_int_t
ngx_http_xr_conf_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_xr_main_conf_t    *xmcf;
    ngx_http_core_main_conf_t  *cmcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* NGINX's own is for fewer variables, and it would warn of that */

    cmcf->variables_hash_max_size = ngx_max(cmcf->variables_hash_max_size,
                                            NGX_HTTP_XR_VARIABLES);

    if (!xmcf->enable) {

        if (xmcf->purge.enable) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"xr_purge on\" needs an \"xr on\"");
            return NGX_ERROR;
        }

        if (xmcf->announce != NULL && xmcf->announce->channel.len != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"xr_announce\" needs an \"xr on\"");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (xr_table_count(xmcf->builder) == 0
        && xmcf->tenants_file.len == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr on\" needs at least one \"xr_tenant\", or "
                           "an \"xr_tenants_file\"");
        return NGX_ERROR;
    }

    if (ngx_http_xr_live_init(cf, xmcf) != NGX_OK
        || ngx_http_xr_health_init(cf, xmcf) != NGX_OK
        || ngx_http_xr_memory_init(cf, xmcf) != NGX_OK
        || ngx_http_xr_limit_conf_init(cf, xmcf) != NGX_OK
        || ngx_http_xr_degrade_zone(cf, xmcf) != NGX_OK
        || ngx_http_xr_manifest_init(cf, xmcf) != NGX_OK
        || ((xmcf->caches.nelts != 0 || xmcf->variants)
            && ngx_http_xr_wake_conf(cf, xmcf) != NGX_OK)
        || ngx_http_xr_purge_init(cf) != NGX_OK
        || ngx_http_xr_announce_init(cf, xmcf) != NGX_OK
        || ngx_http_xr_cut_init(cf, xmcf) != NGX_OK
        || (xmcf->slices
            && (ngx_http_xr_slice_version_init(cf, xmcf) != NGX_OK
                || ngx_http_xr_slice_flight_init(cf, xmcf) != NGX_OK)))
    {
        return NGX_ERROR;
    }

    if (xmcf->trust) {
        h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_xr_trust_handler;
    }

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_SERVER_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_xr_token_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_xr_gate_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_xr_limit_bytes_settle;

    if (ngx_http_xr_response_init(cf) != NGX_OK
        || ngx_http_xr_headers_init(cf) != NGX_OK
        || ngx_http_xr_slice_init(cf) != NGX_OK
        || (xmcf->variants && ngx_http_xr_manifest_fetch_init(cf) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_http_xr_degrade_init(cf);
}


ngx_uint_t
ngx_http_xr_conf_param(const ngx_str_t *value, const ngx_str_t *names,
    ngx_uint_t n, ngx_str_t *rest)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {

        if (value->len > names[i].len
            && ngx_strncmp(value->data, names[i].data, names[i].len) == 0)
        {
            rest->data = value->data + names[i].len;
            rest->len = value->len - names[i].len;

            break;
        }
    }

    return i;
}
