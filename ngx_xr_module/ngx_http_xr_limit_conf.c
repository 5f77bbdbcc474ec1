/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/* The directives, and the memory that workers share. */

#define NGX_HTTP_XR_LIMIT_ZONE      (16 * 1024 * 1024)
#define NGX_HTTP_XR_LIMIT_ZONE_MIN  (1024 * 1024)
#define NGX_HTTP_XR_LIMIT_ARGS      16

/* One part of the zone in so many is for counting streams. */

#define NGX_HTTP_XR_LIMIT_STREAMS   8


static ngx_int_t ngx_http_xr_limit_zone_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_array_t *ngx_http_xr_limit_create_list(ngx_conf_t *cf);
static ngx_uint_t ngx_http_xr_limit_is_there(ngx_array_t *list,
    xr_limit_t *limit);


/* xr_limit_zone size; */

char *
ngx_http_xr_limit_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    if (xmcf->limit_size != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;
    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR || size < NGX_HTTP_XR_LIMIT_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\": it is at least 1m",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    xmcf->limit_size = size;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_xr_limit_conf_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    size_t           size;
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("xr_limit");

    size = (xmcf->limit_size != 0) ? xmcf->limit_size
                                   : NGX_HTTP_XR_LIMIT_ZONE;

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_xr_limit_zone_init;
    zone->data = xmcf;

    return NGX_OK;
}


/* A reload goes on with what there is: nobody gets a second burst by one. */

static ngx_int_t
ngx_http_xr_limit_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_xr_main_conf_t *old = data;

    u_char                      *p;
    size_t                       size, streams;
    ngx_slab_pool_t             *slab;
    ngx_http_xr_main_conf_t     *xmcf;
    ngx_http_xr_limit_shared_t  *shared;

    xmcf = zone->data;
    slab = (ngx_slab_pool_t *) zone->shm.addr;

    if (old != NULL) {
        xmcf->limit = old->limit;
        return NGX_OK;
    }

    if (zone->shm.exists) {
        xmcf->limit = slab->data;
        return NGX_OK;
    }

    shared = ngx_slab_calloc(slab, sizeof(ngx_http_xr_limit_shared_t));
    if (shared == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_xr_memory_rest(zone, &size);

    if (p == NULL) {
        return NGX_ERROR;
    }

    streams = ngx_align(size / NGX_HTTP_XR_LIMIT_STREAMS, ngx_pagesize);

    shared->streams = xr_streams_create(p, streams);
    shared->buckets = xr_buckets_create(p + streams, size - streams);

    if (shared->streams == NULL || shared->buckets == NULL) {
        return NGX_ERROR;
    }

    slab->data = shared;
    xmcf->limit = shared;

    return NGX_OK;
}


/* What each worker does before it serves. */

void
ngx_http_xr_limit_conf_process(ngx_http_xr_main_conf_t *xmcf, ngx_log_t *log)
{
    if (xmcf->redis != NULL) {
        xmcf->redis->stats = &xmcf->limit->redis[ngx_worker
                                                 % NGX_HTTP_XR_LIMIT_WORKERS];
    }

    ngx_http_xr_limit_name_init(xmcf);
    ngx_http_xr_limit_conn_init(xmcf);
    ngx_http_xr_limit_lease_init(xmcf, log);
    ngx_http_xr_limit_rate_init(log);
}


/* The limits of a level, which are known to the main configuration, too. */

static ngx_array_t *
ngx_http_xr_limit_create_list(ngx_conf_t *cf)
{
    ngx_array_t              *list, **lp;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    list = ngx_array_create(cf->pool, 4, sizeof(ngx_http_xr_limit_conf_t));
    lp = ngx_array_push(&xmcf->limit_lists);

    if (list == NULL || lp == NULL) {
        return NULL;
    }

    *lp = list;

    return list;
}


/* xr_limit off | parameter=value ...; */

char *
ngx_http_xr_limit_conf_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    size_t                     i, n;
    xr_err_t                   err;
    xr_str_t                   args[NGX_HTTP_XR_LIMIT_ARGS];
    ngx_str_t                 *value, name;
    ngx_array_t               *list;
    ngx_http_xr_main_conf_t   *xmcf;
    ngx_http_xr_limit_conf_t  *limit;

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    if (n == 1 && ngx_strcmp(value[1].data, "off") == 0) {

        if (xlcf->limits != NGX_CONF_UNSET_PTR) {
            return "says \"off\" beside others";
        }

        xlcf->limits = NULL;
        return NGX_CONF_OK;
    }

    if (xlcf->limits == NULL) {
        return "stands beside \"off\"";
    }

    if (n > NGX_HTTP_XR_LIMIT_ARGS) {
        return "has too many parameters";
    }

    list = xlcf->limits;

    if (list == NGX_CONF_UNSET_PTR) {
        list = ngx_http_xr_limit_create_list(cf);

        if (list == NULL) {
            return NGX_CONF_ERROR;
        }

        xlcf->limits = list;
    }

    if (list->nelts == NGX_HTTP_XR_LIMIT_MAX - XR_TENANT_LIMITS) {
        return "stands here too often";
    }

    limit = ngx_array_push(list);
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    for (i = 0; i < n; i++) {
        args[i] = ngx_http_xr_view(&value[i + 1]);
    }

    if (xr_limit_parse(args, n, &xmcf->mem, &limit->limit, &err) != XR_OK) {

        if (err.pos < n) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": %s",
                               &value[err.pos + 1], err.what);
        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"xr_limit\" %s",
                               err.what);
        }

        return NGX_CONF_ERROR;
    }

    limit->counts = NULL;

    if (ngx_http_xr_limit_is_there(list, &limit->limit)) {
        name = ngx_http_xr_ngx(limit->limit.name);

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_limit\" \"%V\" of this key stands here "
                           "already, another one needs a name= of its own",
                           &name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Whether one before the last is the same bucket. */

static ngx_uint_t
ngx_http_xr_limit_is_there(ngx_array_t *list, xr_limit_t *limit)
{
    ngx_uint_t                 i;
    ngx_http_xr_limit_conf_t  *limits;

    limits = list->elts;

    for (i = 0; i < list->nelts - 1; i++) {

        if (limits[i].limit.key == limit->key
            && xr_str_eq(limits[i].limit.name, limit->name))
        {
            return 1;
        }
    }

    return 0;
}


/* xr_limit_conn off | key=tenant|subject|address max=N; */

char *
ngx_http_xr_limit_conf_conn(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    ngx_int_t                 n;
    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_array_t              *list;
    ngx_http_xr_limit_cap_t  *cap;

    static ngx_str_t  keys[] = {
        [XR_LIMIT_TENANT] = ngx_string("key=tenant"),
        [XR_LIMIT_SUBJECT] = ngx_string("key=subject"),
        [XR_LIMIT_ADDRESS] = ngx_string("key=address")
    };

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {

        if (xlcf->caps != NGX_CONF_UNSET_PTR) {
            return "says \"off\" beside others";
        }

        xlcf->caps = NULL;
        return NGX_CONF_OK;
    }

    if (xlcf->caps == NULL) {
        return "stands beside \"off\"";
    }

    if (cf->args->nelts != 3) {
        return "has two parameters, key= and max=, or is \"off\"";
    }

    list = xlcf->caps;

    if (list == NGX_CONF_UNSET_PTR) {
        list = ngx_array_create(cf->pool, 2, sizeof(ngx_http_xr_limit_cap_t));

        if (list == NULL) {
            return NGX_CONF_ERROR;
        }

        xlcf->caps = list;
    }

    cap = ngx_array_push(list);
    if (cap == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {

        if (value[1].len == keys[i].len
            && ngx_strcmp(value[1].data, keys[i].data) == 0)
        {
            break;
        }
    }

    if (i == sizeof(keys) / sizeof(keys[0])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": it is key=tenant, "
                           "key=subject or key=address", &value[1]);
        return NGX_CONF_ERROR;
    }

    n = (ngx_strncmp(value[2].data, "max=", 4) == 0)
        ? ngx_atoi(value[2].data + 4, value[2].len - 4) : NGX_ERROR;

    if (n < 1 || n > NGX_HTTP_XR_LIMIT_CAP) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": it is max= and a number "
                           "from 1 to %d", &value[2], NGX_HTTP_XR_LIMIT_CAP);
        return NGX_CONF_ERROR;
    }

    cap->key = (xr_limit_key_t) i;
    cap->max = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


/* xr_limit_min_rate rate [after=time]; */

char *
ngx_http_xr_limit_conf_min_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    ngx_str_t   *value, s;
    ngx_msec_t   after;

    if (xlcf->min_rate != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    xlcf->min_rate = ngx_parse_size(&value[1]);

    if (xlcf->min_rate == (size_t) NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rate \"%V\": it is bytes a second, such "
                           "as \"16k\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {
        s.data = value[2].data + (sizeof("after=") - 1);
        s.len = value[2].len - (sizeof("after=") - 1);

        after = (ngx_strncmp(value[2].data, "after=", 6) == 0)
                ? (ngx_msec_t) ngx_parse_time(&s, 0)
                : (ngx_msec_t) NGX_ERROR;

        if (after == (ngx_msec_t) NGX_ERROR || after == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": it is after= and a "
                               "time above 0", &value[2]);
            return NGX_CONF_ERROR;
        }

        xlcf->min_rate_after = after;
    }

    return NGX_CONF_OK;
}


void
ngx_http_xr_limit_conf_create(ngx_http_xr_loc_conf_t *conf)
{
    conf->limits = NGX_CONF_UNSET_PTR;
    conf->caps = NGX_CONF_UNSET_PTR;
    conf->limit_status = NGX_CONF_UNSET_UINT;
    conf->limit_log_level = NGX_CONF_UNSET_UINT;
    conf->limit_dry_run = NGX_CONF_UNSET;
    conf->limit_headers = NGX_CONF_UNSET;
    conf->min_rate = NGX_CONF_UNSET_SIZE;
}


char *
ngx_http_xr_limit_conf_merge(ngx_conf_t *cf, ngx_http_xr_loc_conf_t *prev,
    ngx_http_xr_loc_conf_t *conf)
{
    ngx_conf_merge_ptr_value(conf->limits, prev->limits, NULL);
    ngx_conf_merge_ptr_value(conf->caps, prev->caps, NULL);
    ngx_conf_merge_uint_value(conf->limit_status, prev->limit_status,
                              NGX_HTTP_TOO_MANY_REQUESTS);
    ngx_conf_merge_uint_value(conf->limit_log_level, prev->limit_log_level,
                              NGX_LOG_WARN);
    ngx_conf_merge_value(conf->limit_dry_run, prev->limit_dry_run, 0);
    ngx_conf_merge_value(conf->limit_headers, prev->limit_headers, 0);

    if (conf->min_rate == NGX_CONF_UNSET_SIZE) {
        conf->min_rate = (prev->min_rate == NGX_CONF_UNSET_SIZE)
                         ? 0 : prev->min_rate;
        conf->min_rate_after = prev->min_rate_after;
    }

    if (conf->min_rate_after == 0) {
        conf->min_rate_after = NGX_HTTP_XR_LIMIT_AFTER;
    }

    return NGX_CONF_OK;
}
