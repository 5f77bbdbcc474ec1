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

/* Seconds: an entry that stands for none need only take another's place. */

#define NGX_HTTP_XR_VERSION_DIRTY  600
#define NGX_HTTP_XR_VERSION_NONE   1

/* Where the state is, with a hash above it and a time above that. */

#define NGX_HTTP_XR_VERSION_STATE  UINT32_C(3)


ngx_int_t
ngx_http_xr_slice_version_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    static ngx_str_t  name = ngx_string("xr_slice_versions");

    return ngx_http_xr_memory_add(cf, &name, NGX_HTTP_XR_VERSION_ZONE,
                                  &xmcf->versions);
}


void
ngx_http_xr_slice_version_object(ngx_http_request_t *r, ngx_http_xr_slice_t *s)
{
    xr_str_t                  parts[5];
    ngx_http_xr_ctx_t        *ctx;
    ngx_http_xr_main_conf_t  *xmcf;

    ctx = ngx_http_xr_get_ctx(r);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    parts[0] = xr_str_of(&s->size, sizeof(s->size));
    parts[1] = ctx->tenant->cache_prefix;
    parts[2] = ngx_http_xr_view(&ctx->object);

    /* what it was before a purge is not known any more */

    parts[3] = ngx_http_xr_view(&ctx->purge.key);
    parts[4] = xr_str_of(&ctx->purge.some, sizeof(ctx->purge.some));

    xr_siphash(xmcf->secret, parts, (ctx->purge.some != 0) ? 5 : 4, s->object);
}


/* It is part of cache keys, so it stays the same: no secret is in it. */

uint64_t
ngx_http_xr_slice_version_tag(ngx_str_t *etag)
{
    static const u_char  none[XR_SIPHASH_KEY_SIZE];

    return xr_siphash_64(none, 0, ngx_http_xr_view(etag));
}


/* As much of a hash as is remembered. */

uint32_t
ngx_http_xr_slice_version_lines(uint32_t hash)
{
    return hash & ~NGX_HTTP_XR_VERSION_STATE;
}


/*
 * What is remembered is what a credential is remembered as, by other names.
 * Of a version that is known "s->version" is filled in, and what is known of
 * its root.
 */

ngx_http_xr_version_state_t
ngx_http_xr_slice_version_get(ngx_http_request_t *r, ngx_http_xr_slice_t *s)
{
    xr_memory_value_t             value;
    ngx_http_xr_main_conf_t      *xmcf;
    ngx_http_xr_version_state_t   state;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xr_memory_get(xmcf->versions, s->object, ngx_time(), &value) != XR_OK)
    {
        return NGX_HTTP_XR_VERSION_IS_NONE;
    }

    state = (ngx_http_xr_version_state_t)
            (value.key_id & NGX_HTTP_XR_VERSION_STATE);

    if (state == NGX_HTTP_XR_VERSION_IS_KNOWN) {
        s->version.tag = value.subject;
        s->version.length = value.token_id;
        s->expires = value.expires;
        s->lines = ngx_http_xr_slice_version_lines((uint32_t) value.key_id);
        s->born = (time_t) (value.key_id >> 32);
        s->stored = 1;
    }

    return state;
}


/*
 * How long an object is fresh is a matter of its root, and so is what clients
 * are told about that.  Other slices were stored at other times: one that says
 * something else needs the root beside it.
 */

ngx_uint_t
ngx_http_xr_slice_version_current(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_http_xr_slice_t   *s;
    ngx_http_xr_origin_t  *exchange;

    s = part->slice;
    exchange = r->upstream->input_filter_ctx;

    if (part->number == 0) {
        s->born = exchange->freshness.born;
        s->lines = ngx_http_xr_slice_version_lines(exchange->freshness.lines);
        s->stored = r->cached;

        return 1;
    }

    if (s->headed || s->root != NULL || !r->cached
        || s->lines
           == ngx_http_xr_slice_version_lines(exchange->freshness.lines))
    {
        return 1;
    }

    s->outdated = 1;

    return 0;
}


/* "expires" is that of a version which is known. */

void
ngx_http_xr_slice_version_put(ngx_http_request_t *r, ngx_http_xr_slice_t *s,
    ngx_http_xr_version_state_t state, time_t expires)
{
    xr_memory_value_t         value;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    switch (state) {

    case NGX_HTTP_XR_VERSION_IS_DIRTY:
        expires = ngx_time() + NGX_HTTP_XR_VERSION_DIRTY;
        break;

    case NGX_HTTP_XR_VERSION_IS_NONE:
        expires = ngx_time() + NGX_HTTP_XR_VERSION_NONE;
        break;

    default: /* NGX_HTTP_XR_VERSION_IS_KNOWN */
        break;
    }

    s->expires = expires;

    value.expires = expires;
    value.subject = s->version.tag;
    value.token_id = s->version.length;
    value.key_id = (uint64_t) (uint32_t) s->born << 32
                   | ngx_http_xr_slice_version_lines(s->lines) | state;

    xr_memory_put(xmcf->versions, s->object, ngx_time(), &value);
}
