/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


static char *ngx_http_xr_tenant_option(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_http_xr_tenant_finish(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf, xr_tenant_t *t);
static xr_rc_t ngx_http_xr_tenant_in_path(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);


/* xr_tenant name { ... } */

char *
ngx_http_xr_tenant_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    char          *rv;
    xr_err_t       err;
    ngx_str_t     *value;
    ngx_conf_t     save;
    xr_tenant_t   *t;

    value = cf->args->elts;

    t = ngx_palloc(cf->pool, sizeof(xr_tenant_t));
    if (t == NULL) {
        return NGX_CONF_ERROR;
    }

    if (xr_tenant_init(t, ngx_http_xr_view(&value[1]), &xmcf->mem, &err)
        != XR_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid tenant name \"%V\": %s",
                           &value[1], err.what);
        return NGX_CONF_ERROR;
    }

    save = *cf;
    cf->handler = ngx_http_xr_tenant_option;
    cf->handler_conf = (void *) t;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_xr_tenant_finish(cf, xmcf, t);
}


static char *
ngx_http_xr_tenant_option(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    xr_tenant_t *t = conf;

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

    if (xr_tenant_option(t, args, cf->args->nelts, &xmcf->mem, &err)
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


/*
 * At the closing brace: a copy is completed from the files and entered; the
 * tenant itself stays as it was said, for when the files change.
 */

static char *
ngx_http_xr_tenant_finish(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf,
    xr_tenant_t *t)
{
    xr_err_t       err;
    ngx_str_t      name;
    xr_tenant_t   *copy, **block;

    block = ngx_array_push(&xmcf->tenants);
    copy = ngx_palloc(cf->temp_pool, sizeof(xr_tenant_t));

    if (block == NULL || copy == NULL) {
        return NGX_CONF_ERROR;
    }

    *block = t;
    *copy = *t;

    xmcf->load->cf = cf;

    if (ngx_http_xr_tenants_enter(xmcf->load, copy, &err) != NGX_OK) {

        if (err.what != NULL) {
            name = ngx_http_xr_ngx(t->name);
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "tenant \"%V\" %s",
                               &name, err.what);
        }

        return NGX_CONF_ERROR;
    }

    ngx_reset_pool(xmcf->load->tenant_pool);

    return NGX_CONF_OK;
}


/*
 * By host name or by the first segment of the path, as the location says.  A
 * request looks at one table, from its beginning to its end.
 */

ngx_int_t
ngx_http_xr_tenant_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_rc_t                   rc;
    ngx_http_xr_loc_conf_t   *xlcf;
    ngx_http_xr_main_conf_t  *xmcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (ctx->image == NULL) {
        xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
        ctx->image = ngx_http_xr_live_acquire(&xmcf->live,
                                              r->connection->log);
    }

    rc = XR_NOT_FOUND;
    ctx->tenant = NULL;

    if (xlcf->tenant_from & NGX_HTTP_XR_FROM_HOST) {
        rc = xr_table_by_host(&ctx->image->u.table,
                              ngx_http_xr_view(&r->headers_in.server),
                              &ctx->site);

        ctx->object.data = r->uri.data + 1;
        ctx->object.len = r->uri.len - 1;
    }

    if (rc != XR_OK && (xlcf->tenant_from & NGX_HTTP_XR_FROM_PATH)) {
        rc = ngx_http_xr_tenant_in_path(r, ctx);
    }

    if (rc != XR_OK && r->uri.len > 1 && r->uri.data[1] == '~') {

        /* no tenant's name starts so: it was to be a path token */

        return ngx_http_xr_deny(r, ctx, XR_DENY_TOKEN_MALFORMED,
                                NGX_HTTP_FORBIDDEN);
    }

    if (rc != XR_OK) {
        return ngx_http_xr_deny(r, ctx, XR_DENY_TENANT, NGX_HTTP_NOT_FOUND);
    }

    ctx->tenant = &ctx->site;

    return NGX_OK;
}


static xr_rc_t
ngx_http_xr_tenant_in_path(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_str_t  name, rest;

    rest = xr_str_of(r->uri.data + 1, r->uri.len - 1);
    name = xr_str_cut(&rest, '/');

    ctx->object = ngx_http_xr_ngx(rest);

    return xr_table_by_name(&ctx->image->u.table, name, &ctx->site);
}
