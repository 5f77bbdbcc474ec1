/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


static ngx_int_t ngx_http_xr_module_init(ngx_conf_t *cf);
static void *ngx_http_xr_module_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_xr_module_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_xr_module_create_srv_conf(ngx_conf_t *cf);
static char *ngx_http_xr_module_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void *ngx_http_xr_module_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_xr_module_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_xr_enable(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_conf_bitmask_t  ngx_http_xr_auth_masks[] = {
    { ngx_string("edgeauth"), NGX_HTTP_XR_AUTH_EDGEAUTH },
    { ngx_string("public"), NGX_HTTP_XR_AUTH_PUBLIC },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_xr_from_masks[] = {
    { ngx_string("host"), NGX_HTTP_XR_FROM_HOST },
    { ngx_string("path"), NGX_HTTP_XR_FROM_PATH },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_xr_ssl_masks[] = {
    { ngx_string("TLSv1.2"), NGX_SSL_TLSv1_2 },
    { ngx_string("TLSv1.3"), NGX_SSL_TLSv1_3 },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_xr_commands[] = {

    { ngx_string("xr_tenant"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_xr_tenant_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xr"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_xr_enable,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, enable),
      NULL },

    { ngx_string("xr_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, auth),
      &ngx_http_xr_auth_masks },

    { ngx_string("xr_tenant_from"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, tenant_from),
      &ngx_http_xr_from_masks },

    { ngx_string("xr_token_name"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_TAKE1,
      ngx_http_xr_token_name,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xr_cache_control"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_xr_headers_cache_control_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, cache_control),
      NULL },

    { ngx_string("xr_cache_path"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_file_cache_set_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_xr_main_conf_t, caches),
      &ngx_http_xr_module },

    { ngx_string("xr_cache"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_xr_cache,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xr_cache_valid"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_file_cache_valid_set_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.cache_valid),
      NULL },

    { ngx_string("xr_cache_min_uses"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.cache_min_uses),
      NULL },

    { ngx_string("xr_cache_use_stale"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.cache_use_stale),
      &ngx_http_xr_origin_next_masks },

    { ngx_string("xr_cache_lock"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.cache_lock),
      NULL },

    { ngx_string("xr_cache_lock_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.cache_lock_timeout),
      NULL },

    { ngx_string("xr_cache_lock_age"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.cache_lock_age),
      NULL },

    { ngx_string("xr_cache_revalidate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.cache_revalidate),
      NULL },

    { ngx_string("xr_cache_background_update"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.cache_background_update),
      NULL },

    { ngx_string("xr_cache_bypass"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_set_predicate_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.cache_bypass),
      NULL },

    { ngx_string("xr_no_cache"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_set_predicate_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.no_cache),
      NULL },

    { ngx_string("xr_origin_keepalive"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_xr_endpoint_keepalive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_xr_main_conf_t, keepalive),
      NULL },

    { ngx_string("xr_origin_bind"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_upstream_bind_set_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.local),
      NULL },

    { ngx_string("xr_origin_socket_keepalive"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.socket_keepalive),
      NULL },

    { ngx_string("xr_origin_connect_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.connect_timeout),
      NULL },

    { ngx_string("xr_origin_send_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.send_timeout),
      NULL },

    { ngx_string("xr_origin_read_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.read_timeout),
      NULL },

    { ngx_string("xr_origin_next_upstream"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.next_upstream),
      &ngx_http_xr_origin_next_masks },

    { ngx_string("xr_origin_next_upstream_tries"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.next_upstream_tries),
      NULL },

    { ngx_string("xr_origin_next_upstream_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.next_upstream_timeout),
      NULL },

    { ngx_string("xr_origin_ignore_client_abort"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.ignore_client_abort),
      NULL },

    { ngx_string("xr_origin_buffer_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.buffer_size),
      NULL },

    { ngx_string("xr_origin_buffers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_conf_set_bufs_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.bufs),
      NULL },

    { ngx_string("xr_origin_busy_buffers_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.busy_buffers_size_conf),
      NULL },

    { ngx_string("xr_origin_temp_path"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1234,
      ngx_conf_set_path_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.temp_path),
      NULL },

    { ngx_string("xr_origin_max_temp_file_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.max_temp_file_size_conf),
      NULL },

    { ngx_string("xr_origin_temp_file_write_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_xr_loc_conf_t, upstream.temp_file_write_size_conf),
      NULL },

    { ngx_string("xr_origin_ssl_verify"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_xr_main_conf_t, tls.verify),
      NULL },

    { ngx_string("xr_origin_ssl_verify_depth"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_xr_main_conf_t, tls.verify_depth),
      NULL },

    { ngx_string("xr_origin_ssl_trusted_certificate"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_xr_main_conf_t, tls.certificate),
      NULL },

    { ngx_string("xr_origin_ssl_protocols"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_xr_main_conf_t, tls.protocols),
      &ngx_http_xr_ssl_masks },

    { ngx_string("xr_origin_ssl_ciphers"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_xr_main_conf_t, tls.ciphers),
      NULL },

    { ngx_string("xr_origin_ssl_session_reuse"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_xr_main_conf_t, tls.session_reuse),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_xr_module_ctx = {
    ngx_http_xr_var_add,                    /* preconfiguration */
    ngx_http_xr_module_init,                /* postconfiguration */

    ngx_http_xr_module_create_main_conf,    /* create main configuration */
    ngx_http_xr_module_init_main_conf,      /* init main configuration */

    ngx_http_xr_module_create_srv_conf,     /* create server configuration */
    ngx_http_xr_module_merge_srv_conf,      /* merge server configuration */

    ngx_http_xr_module_create_loc_conf,     /* create location configuration */
    ngx_http_xr_module_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_http_xr_module = {
    NGX_MODULE_V1,
    &ngx_http_xr_module_ctx,                /* module context */
    ngx_http_xr_commands,                   /* module directives */
    NGX_HTTP_MODULE,                        /* module type */
    NULL,                                   /* init master */
    NULL,                                   /* init module */
    NULL,                                   /* init process */
    NULL,                                   /* init thread */
    NULL,                                   /* exit thread */
    NULL,                                   /* exit process */
    NULL,                                   /* exit master */
    NGX_MODULE_V1_PADDING
};


/* Without an "xr on" anywhere the module leaves no trace in a request. */

static ngx_int_t
ngx_http_xr_module_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_xr_main_conf_t    *xmcf;
    ngx_http_core_main_conf_t  *cmcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    if (!xmcf->enable) {
        return NGX_OK;
    }

    if (xmcf->tenants.n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr on\" needs at least one \"xr_tenant\"");
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

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

    if (ngx_http_xr_response_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_xr_headers_init(cf);
}


static void *
ngx_http_xr_module_alloc(void *pool, size_t size)
{
    return ngx_pcalloc(pool, size);
}


static void *
ngx_http_xr_module_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_main_conf_t));
    if (xmcf == NULL) {
        return NULL;
    }

    xmcf->mem.alloc = ngx_http_xr_module_alloc;
    xmcf->mem.ctx = cf->pool;
    xmcf->keepalive = NGX_CONF_UNSET;

    ngx_http_xr_tls_create(&xmcf->tls);

    if (ngx_array_init(&xmcf->endpoints, cf->pool, 4,
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


static char *
ngx_http_xr_module_init_main_conf(ngx_conf_t *cf, void *conf)
{
    return ngx_http_xr_tls_init(cf, conf);
}


static void *
ngx_http_xr_module_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_xr_srv_conf_t  *xscf;

    xscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_srv_conf_t));
    if (xscf == NULL) {
        return NULL;
    }

    xscf->enable = NGX_CONF_UNSET;

    return xscf;
}


static char *
ngx_http_xr_module_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_xr_srv_conf_t *prev = parent;
    ngx_http_xr_srv_conf_t *conf = child;

    ngx_conf_merge_value(conf->enable, prev->enable, 0);
    ngx_conf_merge_str_value(conf->token_name, prev->token_name, "xr_token");

    return NGX_CONF_OK;
}


static void *
ngx_http_xr_module_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_loc_conf_t));
    if (xlcf == NULL) {
        return NULL;
    }

    xlcf->enable = NGX_CONF_UNSET;

    ngx_http_xr_origin_create_conf(xlcf);

    return xlcf;
}


static char *
ngx_http_xr_module_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_xr_loc_conf_t *prev = parent;
    ngx_http_xr_loc_conf_t *conf = child;

    ngx_conf_merge_value(conf->enable, prev->enable, 0);

    ngx_conf_merge_bitmask_value(conf->auth, prev->auth,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_HTTP_XR_AUTH_EDGEAUTH));

    if ((conf->auth & NGX_HTTP_XR_AUTH_PUBLIC)
        && (conf->auth & NGX_HTTP_XR_AUTH_EDGEAUTH))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_auth public\" asks for no credential, it "
                           "cannot stand beside another kind");
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_bitmask_value(conf->tenant_from, prev->tenant_from,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_HTTP_XR_FROM_HOST
                                  |NGX_HTTP_XR_FROM_PATH));

    ngx_conf_merge_str_value(conf->cache_control, prev->cache_control,
                             "public, max-age=60, "
                             "stale-while-revalidate=600");

    return ngx_http_xr_origin_merge_conf(cf, prev, conf);
}


/* "xr on" is also known to its server, which takes tokens off requests. */

static char *
ngx_http_xr_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
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
