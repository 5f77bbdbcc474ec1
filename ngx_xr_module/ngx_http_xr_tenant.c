/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


typedef xr_rc_t (*ngx_http_xr_tenant_text_pt)(xr_tenant_t *t, xr_str_t text,
    const xr_mem_t *mem, xr_err_t *err);


static char *ngx_http_xr_tenant_option(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_http_xr_tenant_finish(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf, ngx_http_xr_tenant_t *xt);
static char *ngx_http_xr_tenant_file(ngx_conf_t *cf, xr_mem_t *mem,
    xr_tenant_t *t, xr_str_t name, ngx_http_xr_tenant_text_pt parse);
static ngx_int_t ngx_http_xr_tenant_cache_prefix(ngx_conf_t *cf,
    ngx_http_xr_tenant_t *xt);
static void ngx_http_xr_tenant_cleanup(void *data);
static xr_tenant_t *ngx_http_xr_tenant_in_path(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_tenant_table_t *table);


/* xr_tenant name { ... } */

char *
ngx_http_xr_tenant_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    char                  *rv;
    xr_err_t               err;
    ngx_str_t             *value;
    ngx_conf_t             save;
    ngx_pool_cleanup_t    *cln;
    ngx_http_xr_tenant_t  *xt;

    value = cf->args->elts;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_xr_tenant_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    xt = cln->data;
    ngx_memzero(xt, sizeof(ngx_http_xr_tenant_t));

    if (xr_tenant_init(&xt->tenant, ngx_http_xr_view(&value[1]), &xmcf->mem,
                       &err)
        != XR_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid tenant name \"%V\": %s",
                           &value[1], err.what);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_xr_tenant_cleanup;
    xt->tenant.data = xt;

    save = *cf;
    cf->handler = ngx_http_xr_tenant_option;
    cf->handler_conf = (void *) xt;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_xr_tenant_finish(cf, xmcf, xt);
}


static char *
ngx_http_xr_tenant_option(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_xr_tenant_t *xt = conf;

    xr_err_t                  err;
    xr_str_t                 *args;
    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_http_xr_main_conf_t  *xmcf;

    value = cf->args->elts;

    if (ngx_strcmp(value[0].data, "include") == 0 && cf->args->nelts == 2) {
        return ngx_conf_include(cf, dummy, conf);
    }

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    args = ngx_palloc(cf->temp_pool, cf->args->nelts * sizeof(xr_str_t));
    if (args == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < cf->args->nelts; i++) {
        args[i] = ngx_http_xr_view(&value[i]);
    }

    if (xr_tenant_option(&xt->tenant, args, cf->args->nelts, &xmcf->mem, &err)
        != XR_OK)
    {
        if (err.pos == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s",
                               &value[0], err.what);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" has an invalid argument \"%V\": %s",
                               &value[0], &value[err.pos], err.what);
        }

        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* At the closing brace: files are read, the whole is checked and entered. */

static char *
ngx_http_xr_tenant_finish(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_tenant_t *xt)
{
    xr_err_t      err;
    ngx_str_t     name;
    xr_tenant_t  *t;

    t = &xt->tenant;
    name = ngx_http_xr_ngx(t->name);

    if (t->keys_file.len != 0
        && ngx_http_xr_tenant_file(cf, &xmcf->mem, t, t->keys_file,
                                   xr_tenant_keys)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (t->credentials_file.len != 0
        && ngx_http_xr_tenant_file(cf, &xmcf->mem, t, t->credentials_file,
                                   xr_tenant_credentials)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (xr_tenant_finish(t, &err) != XR_OK
        || xr_tenant_table_add(&xmcf->tenants, t, &xmcf->mem, &err) != XR_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "tenant \"%V\" %s",
                           &name, err.what);
        return NGX_CONF_ERROR;
    }

    xt->endpoint = ngx_http_xr_endpoint_add(cf, t);
    if (xt->endpoint == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_xr_tenant_cache_prefix(cf, xt) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_xr_tenant_file(ngx_conf_t *cf, xr_mem_t *mem, xr_tenant_t *t,
    xr_str_t name, ngx_http_xr_tenant_text_pt parse)
{
    xr_rc_t    rc;
    xr_err_t   err;
    ngx_str_t  path, text;

    if (ngx_http_xr_file_read(cf, name, &path, &text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rc = parse(t, ngx_http_xr_view(&text), mem, &err);

    if (rc != XR_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V:%uz: %s", &path,
                           xr_str_line(ngx_http_xr_view(&text), err.pos),
                           err.what);
    }

    xr_wipe(text.data, text.len);

    return (rc == XR_OK) ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/*
 * The front of each cache key: tenant and origin.  Names cannot hold a LF,
 * so no two tenants and no two origins of one tenant share a key.
 */

static ngx_int_t
ngx_http_xr_tenant_cache_prefix(ngx_conf_t *cf, ngx_http_xr_tenant_t *xt)
{
    u_char       *p;
    size_t        len;
    xr_tenant_t  *t;

    t = &xt->tenant;

    len = t->name.len + t->origin.host.len + t->origin.base.len + 4;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    xt->cache_prefix.data = p;

    p = ngx_cpymem(p, t->name.data, t->name.len);
    *p++ = LF;
    p = ngx_cpymem(p, t->origin.host.data, t->origin.host.len);
    p = ngx_cpymem(p, t->origin.base.data, t->origin.base.len);
    *p++ = LF;

    xt->cache_prefix.len = p - xt->cache_prefix.data;

    return NGX_OK;
}


static void
ngx_http_xr_tenant_cleanup(void *data)
{
    ngx_http_xr_tenant_t *xt = data;

    xr_tenant_free(&xt->tenant);
    xr_wipe(&xt->signing_key, sizeof(xr_sigv4_key_t));
}


/* By host name or by the first segment of the path, as the location says. */

ngx_int_t
ngx_http_xr_tenant_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_tenant_t              *t;
    ngx_http_xr_loc_conf_t   *xlcf;
    ngx_http_xr_main_conf_t  *xmcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    t = NULL;
    ctx->tenant = NULL;

    if (xlcf->tenant_from & NGX_HTTP_XR_FROM_HOST) {
        t = xr_tenant_table_by_host(&xmcf->tenants,
                              ngx_http_xr_view(&r->headers_in.server));

        ctx->object.data = r->uri.data + 1;
        ctx->object.len = r->uri.len - 1;
    }

    if (t == NULL && (xlcf->tenant_from & NGX_HTTP_XR_FROM_PATH)) {
        t = ngx_http_xr_tenant_in_path(r, ctx, &xmcf->tenants);
    }

    if (t == NULL && r->uri.len > 1 && r->uri.data[1] == '~') {

        /* no tenant's name starts so: it was to be a path token */

        return ngx_http_xr_deny(r, ctx, XR_DENY_TOKEN_MALFORMED,
                                NGX_HTTP_FORBIDDEN);
    }

    if (t == NULL) {
        return ngx_http_xr_deny(r, ctx, XR_DENY_TENANT, NGX_HTTP_NOT_FOUND);
    }

    ctx->tenant = t->data;

    return NGX_OK;
}


static xr_tenant_t *
ngx_http_xr_tenant_in_path(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_tenant_table_t *table)
{
    xr_str_t  name, rest;

    rest = xr_str_of(r->uri.data + 1, r->uri.len - 1);
    name = xr_str_cut(&rest, '/');

    ctx->object = ngx_http_xr_ngx(rest);

    return xr_tenant_table_by_name(table, name);
}
