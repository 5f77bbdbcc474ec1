/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"

#include "xr_encoder.h"


/* Directives of codings. */

#define NGX_HTTP_XR_ENCODING_LEVEL  3
#define NGX_HTTP_XR_ENCODING_MIN    1024
#define NGX_HTTP_XR_ENCODING_MAX    (16 * 1024 * 1024)
#define NGX_HTTP_XR_ENCODING_AT_A_TIME  8


static ngx_int_t ngx_http_xr_encoding_conf_type(ngx_conf_t *cf,
    ngx_str_t *type);


/* JSON: what comes as text, is large, and mostly has no sibling. */

static ngx_str_t  ngx_http_xr_encoding_types[] = {
    ngx_string("application/json"),
    ngx_string("model/gltf+json")
};


static ngx_array_t  ngx_http_xr_encoding_types_default = {
    ngx_http_xr_encoding_types, 2, sizeof(ngx_str_t), 2, NULL
};


void
ngx_http_xr_encoding_conf_create(ngx_http_xr_encoding_conf_t *conf)
{
    conf->codings = NGX_CONF_UNSET_UINT;
    conf->types = NGX_CONF_UNSET_PTR;
    conf->level = NGX_CONF_UNSET_UINT;
    conf->min_length = NGX_CONF_UNSET_SIZE;
    conf->max_length = NGX_CONF_UNSET_SIZE;
    conf->concurrency = NGX_CONF_UNSET_UINT;
    conf->names = NGX_CONF_UNSET;
}


char *
ngx_http_xr_encoding_conf_merge(ngx_conf_t *cf,
    ngx_http_xr_encoding_conf_t *prev, ngx_http_xr_encoding_conf_t *conf)
{
    if (conf->codings == NGX_CONF_UNSET_UINT
        && prev->codings != NGX_CONF_UNSET_UINT)
    {
        conf->codings = prev->codings;
        ngx_memcpy(conf->places, prev->places, sizeof(conf->places));
    }

    ngx_conf_init_uint_value(conf->codings, 0);

    ngx_conf_merge_ptr_value(conf->types, prev->types,
                             &ngx_http_xr_encoding_types_default);
    ngx_conf_merge_uint_value(conf->level, prev->level,
                              NGX_HTTP_XR_ENCODING_LEVEL);
    ngx_conf_merge_size_value(conf->min_length, prev->min_length,
                              NGX_HTTP_XR_ENCODING_MIN);
    ngx_conf_merge_size_value(conf->max_length, prev->max_length,
                              NGX_HTTP_XR_ENCODING_MAX);
    ngx_conf_merge_uint_value(conf->concurrency, prev->concurrency,
                              NGX_HTTP_XR_ENCODING_AT_A_TIME);
    ngx_conf_merge_value(conf->names, prev->names, 0);

    if (conf->level < XR_ENCODER_LEVEL_MIN
        || conf->level > XR_ENCODER_LEVEL_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_compress_level\" must be from %d to %d",
                           XR_ENCODER_LEVEL_MIN, XR_ENCODER_LEVEL_MAX);
        return NGX_CONF_ERROR;
    }

    if (conf->min_length > conf->max_length) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_compress_min_length\" must not exceed "
                           "\"xr_compress_max_length\"");
        return NGX_CONF_ERROR;
    }

    if (conf->concurrency == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_compress_concurrency\" must not be 0, "
                           "\"xr_compress off\" turns it off");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* xr_compress coding ... | off */

char *
ngx_http_xr_encoding_conf_codings(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    ngx_str_t                    *value;
    ngx_uint_t                    i;
    xr_encoding_t                 e;
    ngx_http_xr_encoding_conf_t  *ec;

    ec = &xlcf->encoding;

    if (ec->codings != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    ec->codings = 0;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        e = xr_encoding_of(ngx_http_xr_view(&value[i]));

        if (e == XR_ENCODING_NONE || e == XR_ENCODING_IDENTITY) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid coding \"%V\": it is \"zstd\", "
                               "\"br\" or \"gzip\", or \"off\" alone",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (ec->codings & XR_ENCODING_BIT(e)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "coding \"%V\" is given twice", &value[i]);
            return NGX_CONF_ERROR;
        }

        ec->codings |= XR_ENCODING_BIT(e);
        ec->places[e] = i;
    }

    ec->places[XR_ENCODING_IDENTITY] = i;

    return NGX_CONF_OK;
}


/* xr_compress_types type ... */

char *
ngx_http_xr_encoding_conf_types(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    ngx_str_t   *value, *type;
    ngx_int_t    rc;
    ngx_uint_t   i;

    if (xlcf->encoding.types != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    xlcf->encoding.types = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                            sizeof(ngx_str_t));
    if (xlcf->encoding.types == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        rc = ngx_http_xr_encoding_conf_type(cf, &value[i]);

        if (rc == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        if (rc == NGX_OK) {
            type = ngx_array_push(xlcf->encoding.types);
            *type = value[i];
        }
    }

    return NGX_CONF_OK;
}


/* NGX_DECLINED: it is not compressed, whatever the list says. */

static ngx_int_t
ngx_http_xr_encoding_conf_type(ngx_conf_t *cf, ngx_str_t *type)
{
    xr_str_t  s;

    ngx_strlow(type->data, type->data, type->len);

    s = ngx_http_xr_view(type);

    if (xr_str_find(s, '/') == s.len || xr_str_find(s, ';') != s.len
        || xr_str_find(s, '*') != s.len)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid type \"%V\": a media type without "
                           "parameters and wildcards is meant", type);
        return NGX_ERROR;
    }

    if (!xr_encoding_gains(s)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" is not compressed: such bytes do not "
                           "become smaller", type);
        return NGX_DECLINED;
    }

    return NGX_OK;
}
