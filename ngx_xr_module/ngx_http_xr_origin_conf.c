/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


/* 503 is how S3 asks for less: it is not answered with one more at once. */

#define NGX_HTTP_XR_FT_RETRY                                                  \
    (NGX_CONF_BITMASK_SET|NGX_HTTP_UPSTREAM_FT_ERROR                          \
     |NGX_HTTP_UPSTREAM_FT_TIMEOUT|NGX_HTTP_UPSTREAM_FT_INVALID_HEADER        \
     |NGX_HTTP_UPSTREAM_FT_HTTP_502|NGX_HTTP_UPSTREAM_FT_HTTP_503             \
     |NGX_HTTP_UPSTREAM_FT_HTTP_504)


static void ngx_http_xr_origin_merge_base(ngx_http_upstream_conf_t *prev,
    ngx_http_upstream_conf_t *conf);
static char *ngx_http_xr_origin_merge_buffers(ngx_conf_t *cf,
    ngx_http_upstream_conf_t *prev, ngx_http_upstream_conf_t *conf);
static char *ngx_http_xr_origin_merge_cache(ngx_conf_t *cf,
    ngx_http_upstream_conf_t *prev, ngx_http_upstream_conf_t *conf);
static char *ngx_http_xr_origin_cache_valid(ngx_conf_t *cf,
    ngx_http_upstream_conf_t *conf);


static ngx_path_init_t  ngx_http_xr_origin_temp_path = {
    ngx_string(NGX_HTTP_PROXY_TEMP_PATH), { 1, 2, 0 }
};


/* A 500 of the origin is a 502 of ours: it goes by either name. */

ngx_conf_bitmask_t  ngx_http_xr_origin_next_masks[] = {
    { ngx_string("error"), NGX_HTTP_UPSTREAM_FT_ERROR },
    { ngx_string("timeout"), NGX_HTTP_UPSTREAM_FT_TIMEOUT },
    { ngx_string("invalid_header"), NGX_HTTP_UPSTREAM_FT_INVALID_HEADER },
    { ngx_string("http_500"), NGX_HTTP_UPSTREAM_FT_HTTP_502 },
    { ngx_string("http_502"), NGX_HTTP_UPSTREAM_FT_HTTP_502 },
    { ngx_string("http_503"), NGX_HTTP_UPSTREAM_FT_HTTP_503 },
    { ngx_string("http_504"), NGX_HTTP_UPSTREAM_FT_HTTP_504 },
    { ngx_string("updating"), NGX_HTTP_UPSTREAM_FT_UPDATING },
    { ngx_string("off"), NGX_HTTP_UPSTREAM_FT_OFF },
    { ngx_null_string, 0 }
};


/*
 * What NGINX's upstream machinery is told.  Fields that are constant here are
 * set in the create function; ngx_pcalloc() has zeroed the others.
 */

void
ngx_http_xr_origin_create_conf(ngx_http_xr_loc_conf_t *conf)
{
    ngx_http_upstream_conf_t  *u;

    u = &conf->upstream;

    u->buffering = 1;
    u->request_buffering = 1;
    u->force_ranges = 1;
    u->intercept_errors = 1;
    u->intercept_404 = 1;
    u->cache_convert_head = 1;
    u->cache_methods = NGX_HTTP_GET|NGX_HTTP_HEAD;
    u->ignore_headers = NGX_HTTP_UPSTREAM_IGN_CACHE_CONTROL
                        |NGX_HTTP_UPSTREAM_IGN_EXPIRES
                        |NGX_HTTP_UPSTREAM_IGN_XA_EXPIRES
                        |NGX_HTTP_UPSTREAM_IGN_SET_COOKIE
                        |NGX_HTTP_UPSTREAM_IGN_VARY;
    u->cache_max_range_offset = NGX_MAX_OFF_T_VALUE;
    u->hide_headers = NGX_CONF_UNSET_PTR;
    u->pass_headers = NGX_CONF_UNSET_PTR;
    u->change_buffering = 0;
    u->store_access = 0600;
    u->ssl_server_name = 1;

    ngx_str_set(&u->module, "xr_origin");

    u->next_upstream_tries = NGX_CONF_UNSET_UINT;
    u->next_upstream_timeout = NGX_CONF_UNSET_MSEC;
    u->ignore_client_abort = NGX_CONF_UNSET;
    u->local = NGX_CONF_UNSET_PTR;
    u->socket_keepalive = NGX_CONF_UNSET;
    u->connect_timeout = NGX_CONF_UNSET_MSEC;
    u->send_timeout = NGX_CONF_UNSET_MSEC;
    u->read_timeout = NGX_CONF_UNSET_MSEC;
    u->buffer_size = NGX_CONF_UNSET_SIZE;
    u->busy_buffers_size_conf = NGX_CONF_UNSET_SIZE;
    u->max_temp_file_size_conf = NGX_CONF_UNSET_SIZE;
    u->temp_file_write_size_conf = NGX_CONF_UNSET_SIZE;

    u->cache = NGX_CONF_UNSET;
    u->cache_min_uses = NGX_CONF_UNSET_UINT;
    u->cache_bypass = NGX_CONF_UNSET_PTR;
    u->no_cache = NGX_CONF_UNSET_PTR;
    u->cache_valid = NGX_CONF_UNSET_PTR;
    u->cache_lock = NGX_CONF_UNSET;
    u->cache_lock_timeout = NGX_CONF_UNSET_MSEC;
    u->cache_lock_age = NGX_CONF_UNSET_MSEC;
    u->cache_revalidate = NGX_CONF_UNSET;
    u->cache_background_update = NGX_CONF_UNSET;
}


char *
ngx_http_xr_origin_merge_conf(ngx_conf_t *cf, ngx_http_xr_loc_conf_t *prev,
    ngx_http_xr_loc_conf_t *conf)
{
    ngx_hash_init_t  hash;

    static ngx_str_t  hidden[] = { ngx_string("Date"), ngx_null_string };

    ngx_http_xr_origin_merge_base(&prev->upstream, &conf->upstream);

    if (ngx_http_xr_origin_merge_buffers(cf, &prev->upstream, &conf->upstream)
        != NGX_CONF_OK
        || ngx_http_xr_origin_merge_cache(cf, &prev->upstream,
                                          &conf->upstream)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_merge_path_value(cf, &conf->upstream.temp_path,
                                  prev->upstream.temp_path,
                                  &ngx_http_xr_origin_temp_path)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* the others that are let in, by an allow-list, are for clients */

    hash.max_size = 16;
    hash.bucket_size = ngx_align(64, ngx_cacheline_size);
    hash.name = "xr_origin_hide_headers_hash";

    if (ngx_http_upstream_hide_headers_hash(cf, &conf->upstream,
                                            &prev->upstream, hidden, &hash)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void
ngx_http_xr_origin_merge_base(ngx_http_upstream_conf_t *prev,
    ngx_http_upstream_conf_t *conf)
{
    ngx_conf_merge_uint_value(conf->next_upstream_tries,
                              prev->next_upstream_tries, 2);

    ngx_conf_merge_msec_value(conf->next_upstream_timeout,
                              prev->next_upstream_timeout, 0);

    ngx_conf_merge_value(conf->ignore_client_abort,
                         prev->ignore_client_abort, 0);

    ngx_conf_merge_ptr_value(conf->local, prev->local, NULL);

    ngx_conf_merge_value(conf->socket_keepalive, prev->socket_keepalive, 0);

    ngx_conf_merge_msec_value(conf->connect_timeout, prev->connect_timeout,
                              5000);

    ngx_conf_merge_msec_value(conf->send_timeout, prev->send_timeout, 30000);

    ngx_conf_merge_msec_value(conf->read_timeout, prev->read_timeout, 30000);

    ngx_conf_merge_bitmask_value(conf->next_upstream, prev->next_upstream,
                                 NGX_HTTP_XR_FT_RETRY);

    if (conf->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF) {
        conf->next_upstream = NGX_CONF_BITMASK_SET|NGX_HTTP_UPSTREAM_FT_OFF;
    }
}


static char *
ngx_http_xr_origin_merge_buffers(ngx_conf_t *cf,
    ngx_http_upstream_conf_t *prev, ngx_http_upstream_conf_t *conf)
{
    size_t  size;

    /* S3 allows keys of 1 KiB and 2 KiB of metadata: a page is not enough */

    ngx_conf_merge_size_value(conf->buffer_size, prev->buffer_size, 8192);

    ngx_conf_merge_bufs_value(conf->bufs, prev->bufs, 16, 16384);

    size = ngx_max(conf->buffer_size, conf->bufs.size);

    ngx_conf_merge_size_value(conf->busy_buffers_size_conf,
                              prev->busy_buffers_size_conf,
                              NGX_CONF_UNSET_SIZE);
    ngx_conf_merge_size_value(conf->temp_file_write_size_conf,
                              prev->temp_file_write_size_conf,
                              NGX_CONF_UNSET_SIZE);
    ngx_conf_merge_size_value(conf->max_temp_file_size_conf,
                              prev->max_temp_file_size_conf,
                              NGX_CONF_UNSET_SIZE);

    conf->busy_buffers_size =
        (conf->busy_buffers_size_conf == NGX_CONF_UNSET_SIZE)
        ? 2 * size : conf->busy_buffers_size_conf;

    conf->temp_file_write_size =
        (conf->temp_file_write_size_conf == NGX_CONF_UNSET_SIZE)
        ? 2 * size : conf->temp_file_write_size_conf;

    conf->max_temp_file_size =
        (conf->max_temp_file_size_conf == NGX_CONF_UNSET_SIZE)
        ? 1024 * 1024 * 1024 : conf->max_temp_file_size_conf;

    if (conf->bufs.num < 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "there must be at least 2 \"xr_origin_buffers\"");
        return NGX_CONF_ERROR;
    }

    if (conf->busy_buffers_size < size
        || conf->busy_buffers_size > (conf->bufs.num - 1) * conf->bufs.size)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_origin_busy_buffers_size\" must be at least "
                           "\"xr_origin_buffer_size\" and one of the "
                           "\"xr_origin_buffers\", and at most all of these "
                           "but one");
        return NGX_CONF_ERROR;
    }

    if (conf->temp_file_write_size < size
        || (conf->max_temp_file_size != 0 && conf->max_temp_file_size < size))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_origin_max_temp_file_size\" must be 0 or, as "
                           "\"xr_origin_temp_file_write_size\", at least "
                           "\"xr_origin_buffer_size\" and one of the "
                           "\"xr_origin_buffers\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_xr_origin_merge_cache(ngx_conf_t *cf,
    ngx_http_upstream_conf_t *prev, ngx_http_upstream_conf_t *conf)
{
    if (conf->cache == NGX_CONF_UNSET) {
        ngx_conf_merge_value(conf->cache, prev->cache, 0);
        conf->cache_zone = prev->cache_zone;
    }

    if (conf->cache_zone && conf->cache_zone->data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_cache\" zone \"%V\" is unknown, "
                           "\"xr_cache_path\" defines zones",
                           &conf->cache_zone->shm.name);
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_uint_value(conf->cache_min_uses, prev->cache_min_uses, 1);

    ngx_conf_merge_ptr_value(conf->cache_bypass, prev->cache_bypass, NULL);
    ngx_conf_merge_ptr_value(conf->no_cache, prev->no_cache, NULL);
    ngx_conf_merge_ptr_value(conf->cache_valid, prev->cache_valid, NULL);
    ngx_conf_merge_value(conf->cache_lock, prev->cache_lock, 1);
    ngx_conf_merge_msec_value(conf->cache_lock_timeout,
                              prev->cache_lock_timeout, 5000);
    ngx_conf_merge_msec_value(conf->cache_lock_age, prev->cache_lock_age,
                              5000);
    ngx_conf_merge_value(conf->cache_revalidate, prev->cache_revalidate, 1);
    ngx_conf_merge_value(conf->cache_background_update,
                         prev->cache_background_update, 1);

    if (conf->cache_valid == NULL) {
        return ngx_http_xr_origin_cache_valid(cf, conf);
    }

    return NGX_CONF_OK;
}


/* S3 objects mostly carry no Cache-Control; they are cached all the same. */

static char *
ngx_http_xr_origin_cache_valid(ngx_conf_t *cf, ngx_http_upstream_conf_t *conf)
{
    ngx_uint_t               i;
    ngx_http_cache_valid_t  *valid;

    static const struct {
        ngx_uint_t  status;
        time_t      seconds;
    } defaults[] = {
        { NGX_HTTP_OK, 600 },
        { NGX_HTTP_NOT_FOUND, 10 }
    };

    conf->cache_valid = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_http_cache_valid_t));
    if (conf->cache_valid == NULL) {
        return NGX_CONF_ERROR;
    }

    valid = ngx_array_push_n(conf->cache_valid, 2);
    if (valid == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < 2; i++) {
        valid[i].status = defaults[i].status;
        valid[i].valid = defaults[i].seconds;
    }

    return NGX_CONF_OK;
}


/* xr_cache zone | off */

char *
ngx_http_xr_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_loc_conf_t *xlcf = conf;

    ngx_str_t  *value;

    if (xlcf->upstream.cache != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        xlcf->upstream.cache = 0;
        return NGX_CONF_OK;
    }

    xlcf->upstream.cache = 1;

    xlcf->upstream.cache_zone = ngx_shared_memory_add(cf, &value[1], 0,
                                                      &ngx_http_xr_module);
    if (xlcf->upstream.cache_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
