/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


#define NGX_HTTP_XR_REVOCATION_MAX_SIZE  ((size_t) 1 << 30)

/* A manager process that did not look for as long is none. */

#define NGX_HTTP_XR_REVOCATION_SILENCE   15


static ngx_int_t ngx_http_xr_revocation_load(ngx_http_xr_load_t *load,
    u_char *secret, xr_str_t *image);
static void ngx_http_xr_revocation_cleanup(void *data);
static ngx_uint_t ngx_http_xr_revocation_stale(ngx_http_xr_revocation_t *rv);
static ngx_uint_t ngx_http_xr_revocation_has(xr_revoked_t *list,
    xr_memory_value_t *value, uint64_t tenant);


/* xr_revocation_file path [max_age=time] [fail=closed|open]; */

char *
ngx_http_xr_revocation_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    xr_str_t                   image;
    ngx_int_t                  rc;
    ngx_str_t                 *value, s;
    ngx_uint_t                 i;
    ngx_http_xr_load_t        *load;
    ngx_http_xr_revocation_t  *rv;

    static u_char  unkeyed[XR_SIPHASH_KEY_SIZE];

    rv = &xmcf->revocation;

    if (rv->file.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    rv->file = value[1];

    if (ngx_conf_full_name(cf->cycle, &rv->file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "max_age=", 8) == 0) {
            s.data = value[i].data + 8;
            s.len = value[i].len - 8;

            rv->max_age = ngx_parse_time(&s, 1);

            if (rv->max_age != (time_t) NGX_ERROR && rv->max_age > 0) {
                continue;
            }

        } else if (ngx_strcmp(value[i].data, "fail=open") == 0) {
            rv->open = 1;
            continue;

        } else if (ngx_strcmp(value[i].data, "fail=closed") == 0) {
            rv->open = 0;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\": "
                           "it is max_age=TIME, fail=closed or fail=open",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    /* what is read here for its errors only is not watched */

    load = ngx_http_xr_load_create(xmcf, cf, &cf->cycle->conf_prefix, cf->log);
    if (load == NULL) {
        return NGX_CONF_ERROR;
    }

    rc = ngx_http_xr_revocation_load(load, unkeyed, &image);

    ngx_http_xr_load_destroy(load);

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_free((void *) image.data);

    return NGX_CONF_OK;
}


/*
 * Before workers start: the list they start with.  The file was good when the
 * configuration was read; to fail here would end NGINX in a reload.
 */

ngx_int_t
ngx_http_xr_revocation_init(ngx_cycle_t *cycle, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_int_t                  rc;
    xr_str_t                   view;
    ngx_pool_cleanup_t        *cln;
    ngx_http_xr_load_t        *load;
    ngx_http_xr_image_t       *image;
    ngx_http_xr_revocation_t  *rv;

    rv = &xmcf->revocation;

    if (rv->file.len == 0) {
        return NGX_OK;
    }

    image = ngx_pcalloc(cycle->pool, sizeof(ngx_http_xr_image_t));
    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    load = ngx_http_xr_load_create(xmcf, NULL, &cycle->conf_prefix,
                                   cycle->log);

    if (image == NULL || cln == NULL || load == NULL) {
        return NGX_ERROR;
    }

    image->refs = 1;
    rv->live.current = image;

    rc = ngx_http_xr_revocation_load(load, xmcf->secret, &view);

    if (rc == NGX_OK) {
        cln->handler = ngx_http_xr_revocation_cleanup;
        cln->data = (void *) view.data;
        rc = rv->live.open(view, image);
    }

    rv->live.shared->failed = (rc != NGX_OK);

    rc = ngx_http_xr_load_watch(load, &rv->watch, rc);

    ngx_http_xr_load_destroy(load);

    return rc;
}


static void
ngx_http_xr_revocation_cleanup(void *data)
{
    ngx_free(data);
}


/* The image of the file, in memory that the caller frees. */

static ngx_int_t
ngx_http_xr_revocation_load(ngx_http_xr_load_t *load, u_char *secret,
    xr_str_t *image)
{
    void                      *p;
    size_t                     size, used;
    xr_rc_t                    rc;
    xr_err_t                   err;
    ngx_str_t                  text;
    ngx_http_xr_revocation_t  *rv;

    rv = &load->xmcf->revocation;

    if (ngx_http_xr_load_file(load, &rv->file,
                              NGX_HTTP_XR_REVOCATION_MAX_SIZE, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    size = xr_revoked_room(ngx_http_xr_view(&text));

    p = ngx_alloc(size, load->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    rc = xr_revoked_build(ngx_http_xr_view(&text), secret, ngx_time(), p,
                          size, &used, &err);

    if (rc != XR_OK) {
        ngx_http_xr_load_error(load, 0, "%V:%uz: %s", &rv->file,
                               xr_str_line(ngx_http_xr_view(&text), err.pos),
                               err.what);
        ngx_free(p);
        return NGX_ERROR;
    }

    if (rv->live.shared != NULL) {
        rv->live.shared->modified = load->modified;
    }

    *image = xr_str_of(p, used);

    return NGX_OK;
}


/* In the manager process, likewise ngx_http_xr_tenants_check(). */

void
ngx_http_xr_revocation_check(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log)
{
    ngx_int_t                   rc, watch;
    xr_str_t                    image;
    ngx_http_xr_load_t         *load;
    ngx_http_xr_revocation_t   *rv;
    ngx_http_xr_live_shared_t  *shared;

    rv = &xmcf->revocation;

    if (rv->file.len == 0) {
        return;
    }

    shared = rv->live.shared;
    shared->checked = ngx_time();

    if (!ngx_http_xr_load_changed(&rv->watch)) {
        return;
    }

    load = ngx_http_xr_load_create(xmcf, NULL,
                                   (ngx_str_t *) &ngx_cycle->conf_prefix, log);
    if (load == NULL) {
        return;
    }

    rc = ngx_http_xr_revocation_load(load, xmcf->secret, &image);

    watch = rc;

    if (rc == NGX_OK) {
        rc = ngx_http_xr_live_publish(&rv->live, image, log);
        ngx_free((void *) image.data);
    }

    /* a full disk is not the fault of the file: it is tried again */

    if (watch == rc) {
        (void) ngx_http_xr_load_watch(load, &rv->watch, rc);
    }

    ngx_http_xr_load_destroy(load);

    (void) ngx_atomic_fetch_add((rc == NGX_OK) ? &shared->loads
                                               : &shared->failures, 1);
    shared->failed = (rc != NGX_OK);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "xr: the list of what is revoked is that of before%s",
                      rv->open ? "" : ", and nobody is let in by it");
    }
}


/* Whether what is known can be relied on. */

static ngx_uint_t
ngx_http_xr_revocation_stale(ngx_http_xr_revocation_t *rv)
{
    ngx_http_xr_live_shared_t  *shared;

    shared = rv->live.shared;

    return shared->failed
           || ngx_time() - (time_t) shared->checked
              > NGX_HTTP_XR_REVOCATION_SILENCE
           || (rv->max_age != 0
               && ngx_time() - (time_t) shared->modified > rv->max_age);
}


/* Whether somebody who was let in still is. */

xr_deny_t
ngx_http_xr_revocation_judge(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_uint_t                 revoked;
    ngx_http_xr_image_t       *image;
    ngx_http_xr_main_conf_t   *xmcf;
    ngx_http_xr_revocation_t  *rv;

    static const xr_str_t  all = XR_STR("*");

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    rv = &xmcf->revocation;

    if (rv->file.len == 0) {
        return XR_DENY_NONE;
    }

    if (!rv->open && ngx_http_xr_revocation_stale(rv)) {
        return XR_DENY_REVOCATION;
    }

    image = ngx_http_xr_live_acquire(&rv->live, r->connection->log);

    if (!rv->open && rv->live.generation != rv->live.shared->generation) {

        /* there is a newer list, which this worker could not map */

        ngx_http_xr_live_release(image);
        return XR_DENY_REVOCATION;
    }

    revoked = image->u.revoked.n != 0
              && (ngx_http_xr_revocation_has(&image->u.revoked, &ctx->value,
                                             xr_revoked_tenant(xmcf->secret,
                                                       ctx->tenant->name))
                  || ngx_http_xr_revocation_has(&image->u.revoked,
                                                &ctx->value,
                                                xr_revoked_tenant(xmcf->secret,
                                                                  all)));

    ngx_http_xr_live_release(image);

    return revoked ? XR_DENY_TOKEN_REVOKED : XR_DENY_NONE;
}


static ngx_uint_t
ngx_http_xr_revocation_has(xr_revoked_t *list, xr_memory_value_t *value,
    uint64_t tenant)
{
    size_t    i;
    uint64_t  values[3];

    values[0] = value->subject;
    values[1] = value->token_id;
    values[2] = value->key_id;

    for (i = 0; i < XR_COUNT(values); i++) {

        if (values[i] != 0
            && xr_revoked_has(list, xr_revoked_join(tenant, values[i]),
                              ngx_time()))
        {
            return 1;
        }
    }

    return 0;
}
