/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


#define NGX_HTTP_XR_PURGE_ZONE    (1024 * 1024)
#define NGX_HTTP_XR_PURGE_MIN     (256 * 1024)

/* Of the zone: what is in front of the table. */

#define NGX_HTTP_XR_PURGE_SHARED  1024
#define NGX_HTTP_XR_PURGE_ORDERS  (64 * 1024)


static size_t ngx_http_xr_purge_kept(ngx_conf_t *cf, ngx_str_t *name,
    size_t size);
static ngx_int_t ngx_http_xr_purge_zone(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_xr_purge_var_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t n);


/* xr_purge on | off */

char *
ngx_http_xr_purge_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    ngx_str_t                 *value;
    ngx_http_xr_main_conf_t   *xmcf;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") != 0) {
        return "is neither \"on\" nor \"off\"";
    }

    /* orders are no requests for objects: what lets these in is not asked */

    if (xlcf->enable != NGX_CONF_UNSET) {
        return "cannot stand beside \"xr\"";
    }

    xlcf->enable = 0;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);
    xmcf->purge.enable = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_xr_purge_order_handler;

    return NGX_CONF_OK;
}


/* xr_purge_zone size */

char *
ngx_http_xr_purge_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    if (xmcf->purge.size != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;
    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR || size < NGX_HTTP_XR_PURGE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\": it is at least 256k",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    xmcf->purge.size = size;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_xr_purge_init(ngx_conf_t *cf)
{
    u_char                   *p;
    ngx_http_xr_purge_t      *purge;
    ngx_http_xr_main_conf_t  *xmcf;

    static ngx_str_t  name = ngx_string("xr_purge");
    static ngx_str_t  file = ngx_string("/purge.journal");

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);
    purge = &xmcf->purge;
    purge->fd = NGX_INVALID_FILE;

    if (!purge->enable) {
        return NGX_OK;
    }

    if (purge->path.len == 0) {
        p = ngx_pnalloc(cf->pool, xmcf->state->name.len + file.len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        purge->path.data = p;
        purge->path.len = ngx_sprintf(p, "%V%V%Z", &xmcf->state->name, &file)
                          - p - 1;

    } else if (ngx_conf_full_name(cf->cycle, &purge->path, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (purge->size == 0) {
        purge->size = NGX_HTTP_XR_PURGE_ZONE;
    }

    purge->size = ngx_http_xr_purge_kept(cf, &name, purge->size);

    purge->zone = ngx_shared_memory_add(cf, &name, purge->size,
                                        &ngx_http_xr_module);
    if (purge->zone == NULL) {
        return NGX_ERROR;
    }

    purge->core = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                                   ngx_core_module);
    purge->zone->init = ngx_http_xr_purge_zone;
    purge->zone->data = purge;

    return NGX_OK;
}


/*
 * The size of the zone that there is, if there is one: NGINX would begin anew
 * with another size.  An order that a worker of the old configuration carries
 * out meanwhile would be unknown to the new ones then, and the other way round.
 */

static size_t
ngx_http_xr_purge_kept(ngx_conf_t *cf, ngx_str_t *name, size_t size)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *zones;
    ngx_list_part_t  *part;

    for (part = &cf->cycle->old_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        zones = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (zones[i].tag != &ngx_http_xr_module
                || zones[i].shm.size == size
                || zones[i].shm.name.len != name->len
                || ngx_strncmp(zones[i].shm.name.data, name->data, name->len)
                   != 0)
            {
                continue;
            }

            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "xr: \"xr_purge_zone\" is %uz from the next start "
                          "on, and %uz until then, with what was purged",
                          size, zones[i].shm.size);

            return zones[i].shm.size;
        }
    }

    return size;
}


/* A zone that was there before has it all; a new one has it from the file. */

static ngx_int_t
ngx_http_xr_purge_zone(ngx_shm_zone_t *zone, void *data)
{
    u_char               *p;
    size_t                size;
    ngx_slab_pool_t      *slab;
    ngx_http_xr_purge_t  *purge, *old;

    purge = zone->data;
    old = data;

    slab = (ngx_slab_pool_t *) zone->shm.addr;

    if (old != NULL) {
        purge->shared = old->shared;
        purge->orders = old->orders;
        purge->table = old->table;

        if (old->path.len == purge->path.len
            && ngx_strncmp(old->path.data, purge->path.data, old->path.len)
               == 0)
        {
            return NGX_OK;
        }

        return ngx_http_xr_purge_journal_open(purge, zone->shm.log);
    }

    p = ngx_http_xr_memory_rest(zone, &size);

    if (p == NULL
        || size < NGX_HTTP_XR_PURGE_SHARED + 2 * NGX_HTTP_XR_PURGE_ORDERS)
    {
        return NGX_ERROR;
    }

    slab->data = p;

    purge->shared = (ngx_http_xr_purge_shared_t *) p;
    p += NGX_HTTP_XR_PURGE_SHARED;
    size -= NGX_HTTP_XR_PURGE_SHARED;

    purge->orders = xr_memory_create(p, NGX_HTTP_XR_PURGE_ORDERS);
    p += NGX_HTTP_XR_PURGE_ORDERS;
    size -= NGX_HTTP_XR_PURGE_ORDERS;

    purge->table = xr_purge_create(p, size);

    if (purge->orders == NULL || purge->table == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_xr_purge_journal_open(purge, zone->shm.log);
}


/*
 * A client's request learns what was purged of its object, once: all of its
 * slices, and what is fetched for it in the background, go by the same keys.
 */

ngx_int_t
ngx_http_xr_purge_begin(ngx_http_request_t *r)
{
    u_char                   *p;
    uint64_t                  tenant;
    xr_str_t                  object;
    ngx_http_xr_ctx_t        *ctx;
    ngx_http_xr_purge_ctx_t  *purged;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->purge.table == NULL || xr_purge_last(xmcf->purge.table) == 0) {
        return NGX_OK;
    }

    ctx = ngx_http_xr_get_ctx(r);

    if (ngx_http_get_module_ctx(r, ngx_http_xr_module) != ctx) {
        return NGX_OK;
    }

    purged = &ctx->purge;
    tenant = ctx->tenant->tag;
    object = ngx_http_xr_view(&ctx->object);

    purged->some = xr_purge_some(xmcf->purge.table, tenant);
    purged->generation = xr_purge_generation(xmcf->purge.table, tenant, object);
    purged->key.len = 0;

    if (purged->generation != 0) {
        p = ngx_pnalloc(r->pool, NGX_HTTP_XR_PURGE_KEY_SIZE);
        if (p == NULL) {
            return NGX_ERROR;
        }

        purged->key.data = p;
        purged->key.len = ngx_sprintf(p, "#%xL\n", purged->generation) - p;
    }

    return NGX_OK;
}


/*
 * Records what is purged from now on, under the mutex.  NGX_DECLINED: it is,
 * but will not be after a restart.
 */

ngx_int_t
ngx_http_xr_purge_record(ngx_http_xr_purge_t *purge,
    xr_purge_record_t *records, size_t n, ngx_log_t *log)
{
    size_t     i;
    uint64_t   folded;
    ngx_int_t  rc;

    folded = xr_purge_folded(purge->table);

    rc = ngx_http_xr_purge_journal_append(purge, records, n, log);

    for (i = 0; i < n; i++) {
        xr_purge_put(purge->table, &records[i]);
    }

    folded = xr_purge_folded(purge->table) - folded;

    if (folded != 0) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "xr: \"xr_purge_zone\" is full, %uL records became ones "
                      "of their tenants as a whole", folded);
    }

    return (rc == NGX_OK) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_xr_purge_var_generation(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_xr_ctx_t  *ctx;

    ctx = ngx_http_xr_get_ctx(r);

    if (ctx == NULL || ctx->purge.generation == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_xr_purge_var_number(r, v, ctx->purge.generation);
}


ngx_int_t
ngx_http_xr_purge_var_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_xr_purge_t      *purge;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    purge = &xmcf->purge;

    if (purge->table == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_XR_PURGE_COUNT_ORDERS:
        return ngx_http_xr_purge_var_number(r, v, purge->shared->orders);

    case NGX_HTTP_XR_PURGE_COUNT_REFUSED:
        return ngx_http_xr_purge_var_number(r, v, purge->shared->refused);

    default: /* NGX_HTTP_XR_PURGE_COUNT_FOLDED */
        return ngx_http_xr_purge_var_number(r, v,
                                            xr_purge_folded(purge->table));
    }
}


static ngx_int_t
ngx_http_xr_purge_var_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t n)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = ngx_sprintf(p, "%uL", n) - p;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}
