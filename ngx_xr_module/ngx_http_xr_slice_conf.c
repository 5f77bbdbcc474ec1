/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


#define NGX_HTTP_XR_SLICE_MIN     4096
#define NGX_HTTP_XR_SLICE_MAX     (1024 * 1024 * 1024)

#define NGX_HTTP_XR_MAX_RANGES    16
#define NGX_HTTP_XR_PREFETCH_MAX  16


static char *ngx_http_xr_slice_conf_bytes(ngx_conf_t *cf, size_t *bytes);


/* xr_slice size | off; */

char *
ngx_http_xr_slice_conf_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    char                     *rv;
    ngx_http_xr_main_conf_t  *xmcf;

    rv = ngx_http_xr_slice_conf_bytes(cf, &xlcf->slice_size);

    if (rv == NGX_CONF_OK && xlcf->slice_size != 0) {
        xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);
        xmcf->slices = 1;
    }

    return rv;
}


/* xr_slice_run size | off; */

char *
ngx_http_xr_slice_conf_run(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    return ngx_http_xr_slice_conf_bytes(cf, &xlcf->slice_run);
}


/* The one argument, a size or "off", which is 0. */

static char *
ngx_http_xr_slice_conf_bytes(ngx_conf_t *cf, size_t *bytes)
{
    ssize_t     size;
    ngx_str_t  *value;

    if (*bytes != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        *bytes = 0;
        return NGX_CONF_OK;
    }

    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR
        || size < NGX_HTTP_XR_SLICE_MIN || size > NGX_HTTP_XR_SLICE_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\": it is \"off\", or from 4k to "
                           "1g", &value[1]);
        return NGX_CONF_ERROR;
    }

    *bytes = size;

    return NGX_CONF_OK;
}


char *
ngx_http_xr_slice_conf_merge(ngx_conf_t *cf, ngx_http_xr_loc_conf_t *prev,
    ngx_http_xr_loc_conf_t *conf)
{
    ngx_conf_merge_size_value(conf->slice_size, prev->slice_size, 0);
    ngx_conf_merge_uint_value(conf->max_ranges, prev->max_ranges,
                              NGX_HTTP_XR_MAX_RANGES);

    ngx_conf_merge_uint_value(conf->prefetch, prev->prefetch, 0);
    ngx_conf_merge_size_value(conf->slice_run, prev->slice_run, 0);
    ngx_conf_merge_uint_value(conf->followers, prev->followers, 1024);

    if (conf->prefetch > NGX_HTTP_XR_PREFETCH_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_prefetch\" is at most %d",
                           NGX_HTTP_XR_PREFETCH_MAX);
        return NGX_CONF_ERROR;
    }

    if (conf->max_ranges > XR_RANGE_MEMBERS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_max_ranges\" is at most %d",
                           XR_RANGE_MEMBERS_MAX);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
