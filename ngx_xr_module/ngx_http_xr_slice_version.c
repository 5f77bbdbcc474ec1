/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/*
 * Which version of an object there is: known to all workers for as long as the
 * root is fresh, so that a range is read without it.
 */

#define NGX_HTTP_XR_VERSION_ZONE   (4 * 1024 * 1024)
#define NGX_HTTP_XR_VERSION_DIRTY  600      /* seconds */

/* In the place of "dirty": an entry that stands for none. */

#define NGX_HTTP_XR_VERSION_NONE   2


static ngx_int_t ngx_http_xr_version_zone(ngx_shm_zone_t *zone, void *data);


ngx_int_t
ngx_http_xr_slice_version_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("xr_slice_versions");

    zone = ngx_shared_memory_add(cf, &name, NGX_HTTP_XR_VERSION_ZONE,
                                 &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    /* its tags are made with the secret of this configuration */

    zone->noreuse = 1;
    zone->init = ngx_http_xr_version_zone;
    zone->data = xmcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_version_zone(ngx_shm_zone_t *zone, void *data)
{
    void                     *p;
    size_t                    size;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = zone->data;

    p = ngx_http_xr_memory_rest(zone, &size);

    xmcf->versions = (p != NULL) ? xr_memory_create(p, size) : NULL;

    return (xmcf->versions != NULL) ? NGX_OK : NGX_ERROR;
}


void
ngx_http_xr_slice_version_object(ngx_http_request_t *r, ngx_http_xr_slice_t *s)
{
    xr_str_t                  parts[3];
    ngx_http_xr_ctx_t        *ctx;
    ngx_http_xr_main_conf_t  *xmcf;

    ctx = ngx_http_xr_get_ctx(r);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    parts[0] = xr_str_of(&s->size, sizeof(s->size));
    parts[1] = ctx->tenant->cache_prefix;
    parts[2] = ngx_http_xr_view(&ctx->object);

    xr_siphash(xmcf->secret, parts, 3, s->object);
}


/* It is part of cache keys, so it stays the same: no secret is in it. */

uint64_t
ngx_http_xr_slice_version_tag(ngx_str_t *etag)
{
    static const u_char  none[XR_SIPHASH_KEY_SIZE];

    return xr_siphash_64(none, 0, ngx_http_xr_view(etag));
}


/* What is remembered is what a credential is remembered as, by other names. */

ngx_int_t
ngx_http_xr_slice_version_get(ngx_http_request_t *r, ngx_http_xr_slice_t *s)
{
    xr_memory_value_t         value;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xr_memory_get(xmcf->versions, s->object, ngx_time(), &value) != XR_OK
        || value.key_id == NGX_HTTP_XR_VERSION_NONE)
    {
        return NGX_DECLINED;
    }

    s->version.tag = value.subject;
    s->version.length = value.token_id;
    s->version.dirty = value.key_id;

    return NGX_OK;
}


void
ngx_http_xr_slice_version_put(ngx_http_request_t *r, ngx_http_xr_slice_t *s,
    time_t expires)
{
    xr_memory_value_t         value;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    value.expires = s->version.dirty ? ngx_time() + NGX_HTTP_XR_VERSION_DIRTY
                                     : expires;
    value.subject = s->version.tag;
    value.token_id = s->version.length;
    value.key_id = s->version.dirty;

    xr_memory_put(xmcf->versions, s->object, ngx_time(), &value);
}


/* Takes back that the root is out of date: it is there, and is no slice. */

void
ngx_http_xr_slice_version_forget(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s)
{
    xr_memory_value_t         value;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    value.expires = ngx_time() + 1;
    value.subject = 0;
    value.token_id = 0;
    value.key_id = NGX_HTTP_XR_VERSION_NONE;

    xr_memory_put(xmcf->versions, s->object, ngx_time(), &value);
}
