/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_variant.h"

#include "xr_manifest.h"
#include "xr_store.h"


/*
 * Manifests, as all workers know them: compiled, in a store in shared memory.
 * One that is not there is asked for as any object is, through the cache, by
 * one request for all that want it.
 */

#define NGX_HTTP_XR_MANIFEST_ZONE  (8 * 1024 * 1024)
#define NGX_HTTP_XR_MANIFEST_TAG   256  /* bytes that a tag is mostly of */

static ngx_int_t ngx_http_xr_manifest_zone(ngx_shm_zone_t *zone, void *data);


/* An image that was copied from the store, or compiled: one at a time. */

u_char  ngx_http_xr_manifest_image[XR_MANIFEST_IMAGE_MAX];


ngx_int_t
ngx_http_xr_manifest_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("xr_manifests");

    if (!xmcf->variants) {
        return NGX_OK;
    }

    ngx_conf_init_size_value(xmcf->manifest_size, NGX_HTTP_XR_MANIFEST_ZONE);

    if (xmcf->manifest_size < 1024 * 1024) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xr_manifest_zone\" is too small: it needs at "
                           "least 1m");
        return NGX_ERROR;
    }

    zone = ngx_shared_memory_add(cf, &name, xmcf->manifest_size,
                                 &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->noreuse = 1;                  /* tags are made with the secret */
    zone->init = ngx_http_xr_manifest_zone;
    zone->data = xmcf;

    xmcf->manifest_zone = zone;

    return ngx_http_xr_variant_known_init(cf, xmcf);
}


static ngx_int_t
ngx_http_xr_manifest_zone(ngx_shm_zone_t *zone, void *data)
{
    void                     *p;
    size_t                    size;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = zone->data;

    p = ngx_http_xr_memory_rest(zone, &size);

    xmcf->manifests = (p != NULL) ? xr_store_create(p, size) : NULL;

    return (xmcf->manifests != NULL) ? NGX_OK : NGX_ERROR;
}


/* Writers exclude each other by the zone's mutex, as the master frees it. */

ngx_shmtx_t *
ngx_http_xr_manifest_mutex(ngx_http_xr_main_conf_t *xmcf)
{
    return &((ngx_slab_pool_t *) xmcf->manifest_zone->shm.addr)->mutex;
}


/* What was purged is not found any more: its generation is part of the tag. */

void
ngx_http_xr_manifest_tag(ngx_http_xr_main_conf_t *xmcf, uint64_t generation,
    const xr_site_t *site, xr_str_t object, u_char tag[XR_SIPHASH_SIZE])
{
    u_char    text[NGX_HTTP_XR_MANIFEST_TAG], *p;
    xr_str_t  parts[3];

    /* the prefix ends in LF, which none of its parts has within */

    parts[0] = xr_str_of((u_char *) &generation, sizeof(uint64_t));
    parts[1] = site->cache_prefix;
    parts[2] = object;

    if (parts[0].len + parts[1].len + parts[2].len > sizeof(text)) {
        xr_siphash(xmcf->secret, parts, 3, tag);
        return;
    }

    /* the same, and quicker of one part */

    p = ngx_cpymem(text, parts[0].data, parts[0].len);
    p = ngx_cpymem(p, parts[1].data, parts[1].len);
    p = ngx_cpymem(p, parts[2].data, parts[2].len);

    parts[0] = xr_str_of(text, p - text);

    xr_siphash(xmcf->secret, parts, 1, tag);
}


/*
 * The manifest of the object that a client asks for: a view into memory that
 * the next call uses again.  NGX_DECLINED: there is none, or none to be had;
 * NGX_AGAIN: it is being fetched.
 */

ngx_int_t
ngx_http_xr_manifest_get(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_manifest_t *manifest, uint64_t *missing)
{
    time_t                      now;
    xr_rc_t                     rc;
    ngx_int_t                   asked;
    ngx_uint_t                  known, refresh;
    xr_store_info_t             info;
    ngx_http_xr_variant_t      *v;
    ngx_http_xr_main_conf_t    *xmcf;

    v = ctx->variant;
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    now = ngx_time();

    rc = xr_store_get(xmcf->manifests, v->tag, ngx_http_xr_manifest_image,
                      XR_MANIFEST_IMAGE_MAX, &info);

    known = (rc == XR_OK && now < info.kept
             && (info.absent
                 || xr_manifest_open(xr_str_of(ngx_http_xr_manifest_image,
                                               info.len), manifest)));

    if (known && ctx->purge.some / 1000 >= (uint64_t) info.fetched) {
        info.fresh = 0;                 /* something was purged softly */
    }

    if ((!known || now >= info.fresh)
        && v->tries < NGX_HTTP_XR_MANIFEST_TRIES)
    {
        /*
         * One that is a little old does until it is renewed; if it may be of
         * before something was announced the client waits.  Of one that is
         * not known nobody can tell whether the cache has the newest.
         */

        refresh = known ? (info.fresh == 0 || info.outdated)
                        : (xmcf->announce != NULL);

        asked = ngx_http_xr_manifest_fetch_get(r, ctx, refresh,
                                               known && info.fresh != 0);

        if (asked != NGX_DECLINED) {
            return asked;
        }
    }

    if (!known || info.absent) {
        return NGX_DECLINED;
    }

    v->version = info.version;
    *missing = info.note;

    return NGX_OK;
}


/*
 * Whether it is known, there is nothing to ask for or to wait for, and all of
 * its objects are there, as far as is known: of which text it is is enough.
 */

ngx_uint_t
ngx_http_xr_manifest_fresh(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_store_info_t           info;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    /* a text that has no room is there */

    if (xr_store_get(xmcf->manifests, ctx->variant->tag, NULL, 0, &info)
        != XR_NO_SPACE
        || ngx_time() >= ngx_min(info.fresh, info.kept)
        || ctx->purge.some / 1000 >= (uint64_t) info.fetched
        || info.note != 0)
    {
        return 0;
    }

    ctx->variant->version = info.version;

    return 1;
}


/*
 * Objects of the text of that version are missing: they are passed over until
 * it is read anew.
 */

void
ngx_http_xr_manifest_note(ngx_http_request_t *r, u_char *tag,
    uint64_t version, uint64_t missing)
{
    ngx_shmtx_t              *mutex;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    mutex = ngx_http_xr_manifest_mutex(xmcf);

    ngx_shmtx_lock(mutex);
    xr_store_note(xmcf->manifests, tag, version, missing);
    ngx_shmtx_unlock(mutex);
}


/* There is a newer one: that of here is asked for past the cache. */

void
ngx_http_xr_manifest_outdate(ngx_http_xr_main_conf_t *xmcf,
    const xr_site_t *site, xr_str_t object)
{
    u_char        tag[XR_SIPHASH_SIZE];
    uint64_t      generation;
    ngx_shmtx_t  *mutex;

    if (xmcf->manifests == NULL) {
        return;
    }

    generation = (xmcf->purge.table != NULL)
                 ? xr_purge_generation(xmcf->purge.table, site->tag, object)
                 : 0;

    ngx_http_xr_manifest_tag(xmcf, generation, site, object, tag);

    mutex = ngx_http_xr_manifest_mutex(xmcf);

    ngx_shmtx_lock(mutex);
    xr_store_outdate(xmcf->manifests, tag);
    ngx_shmtx_unlock(mutex);
}


void
ngx_http_xr_manifest_expire(ngx_http_xr_main_conf_t *xmcf)
{
    ngx_shmtx_t  *mutex;

    if (xmcf->manifests == NULL) {
        return;
    }

    mutex = ngx_http_xr_manifest_mutex(xmcf);

    ngx_shmtx_lock(mutex);
    xr_store_expire(xmcf->manifests, ngx_time());
    ngx_shmtx_unlock(mutex);
}
