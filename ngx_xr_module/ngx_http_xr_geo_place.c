/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_geo_conf.h"

#include "xr_geo_policy.h"


/* Where a client is, and whether the tenant serves it there. */


static void ngx_http_xr_geo_place_find(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_xr_client_t *client);
static void ngx_http_xr_geo_place_told(xr_geo_place_t *place,
    xr_str_t country);
static xr_str_t ngx_http_xr_geo_place_number(ngx_http_request_t *r,
    ngx_uint_t n);


/*
 * Looked up once, when something asks for it; again only if realip has put
 * another address in the place of the peer's since.
 */

xr_geo_place_t *
ngx_http_xr_geo_place_of(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_client_t  *client;

    client = ngx_http_xr_trust_client(r, ctx);

    if (!ctx->geo.found || !xr_addr_eq(&ctx->geo.address, &client->address)) {
        ngx_http_xr_geo_place_release(ctx);
        ngx_http_xr_geo_place_find(r, ctx, client);
    }

    return &ctx->geo.place;
}


void
ngx_http_xr_geo_place_release(ngx_http_xr_ctx_t *ctx)
{
    if (ctx->geo.image != NULL) {
        ngx_http_xr_live_release(ctx->geo.image);
        ctx->geo.image = NULL;
    }
}


/* A proved tier in front knows best; what it does not say is looked up. */

static void
ngx_http_xr_geo_place_find(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_client_t *client)
{
    time_t                    age;
    xr_geo_t                 *geo;
    ngx_http_xr_geo_t        *conf;
    ngx_http_xr_geo_ctx_t    *g;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    conf = xmcf->geo;
    g = &ctx->geo;

    g->found = 1;
    g->address = client->address;
    g->source = NGX_HTTP_XR_GEO_UNKNOWN;
    ngx_memzero(&g->place, sizeof(xr_geo_place_t));

    if (conf->file.len != 0) {
        g->image = ngx_http_xr_live_acquire(&conf->live, r->connection->log);

        geo = &g->image->u.geo;
        age = ngx_time() - (time_t) geo->built;

        if ((conf->max_age == 0 || age <= conf->max_age)
            && xr_geo_find(geo, &g->address, &g->place) == XR_OK
            && g->place.country.len != 0)
        {
            g->source = NGX_HTTP_XR_GEO_MMDB;
        }
    }

    if (client->country[0] != 0) {
        g->source = NGX_HTTP_XR_GEO_TRUSTED;
        ngx_http_xr_geo_place_told(&g->place,
                                   xr_str_of(client->country,
                                             XR_COUNTRY_SIZE));
    }
}


/* What the database says of another country does not go with this one. */

static void
ngx_http_xr_geo_place_told(xr_geo_place_t *place, xr_str_t country)
{
    if (xr_str_eq(place->country, country)) {
        return;
    }

    place->country = country;
    place->continent = xr_country_continent_name(xr_country_continent(country));
    place->region = xr_str_of(NULL, 0);
    place->city = xr_str_of(NULL, 0);
}


/*
 * The decision is this request's: it is made for a hit as for a miss, and is
 * no part of what is stored.
 */

ngx_int_t
ngx_http_xr_geo_place_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_deny_t                deny;
    xr_geo_place_t          *place;
    xr_geo_policy_t          policy;
    ngx_http_xr_loc_conf_t  *xlcf;

    if (xr_site_geo(ctx->tenant, &policy) != XR_OK) {
        return NGX_OK;
    }

    place = ngx_http_xr_geo_place_of(r, ctx);
    deny = xr_geo_policy_judge(&policy, place->country, place->continent);

    if (deny == XR_DENY_NONE) {
        return NGX_OK;
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    return ngx_http_xr_deny(r, ctx, deny, xlcf->geo_status);
}


xr_str_t
ngx_http_xr_geo_place_country(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return ngx_http_xr_geo_place_of(r, ctx)->country;
}


xr_str_t
ngx_http_xr_geo_place_continent(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return ngx_http_xr_geo_place_of(r, ctx)->continent;
}


xr_str_t
ngx_http_xr_geo_place_region(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return ngx_http_xr_geo_place_of(r, ctx)->region;
}


xr_str_t
ngx_http_xr_geo_place_city(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return ngx_http_xr_geo_place_of(r, ctx)->city;
}


xr_str_t
ngx_http_xr_geo_place_asn(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    uint32_t  asn;

    asn = ngx_http_xr_geo_place_of(r, ctx)->asn;

    return (asn != 0) ? ngx_http_xr_geo_place_number(r, asn)
                      : xr_str_of(NULL, 0);
}


xr_str_t
ngx_http_xr_geo_place_source(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    (void) ngx_http_xr_geo_place_of(r, ctx);

    switch (ctx->geo.source) {

    case NGX_HTTP_XR_GEO_MMDB:
        return xr_str("mmdb");

    case NGX_HTTP_XR_GEO_TRUSTED:
        return xr_str("trusted");

    default: /* NGX_HTTP_XR_GEO_UNKNOWN */
        return xr_str("unknown");
    }
}


/*
 * Of the database, for whoever watches it: how old it is, in seconds since it
 * was made, or what stands at an offset of what processes share.
 */

ngx_int_t
ngx_http_xr_geo_place_watch(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    time_t                    age;
    xr_str_t                  s;
    ngx_http_xr_geo_t        *geo;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    geo = xmcf->geo;
    s = xr_str_of(NULL, 0);

    if (geo->file.len == 0 || geo->live.shared == NULL) {
        /* void */

    } else if (data != NGX_HTTP_XR_GEO_AGE) {
        s = ngx_http_xr_geo_place_number(r,
                   *(ngx_atomic_t *) ((u_char *) geo->live.shared + data));

    } else if (geo->live.shared->modified != 0) {
        age = ngx_time() - (time_t) geo->live.shared->modified;
        s = ngx_http_xr_geo_place_number(r, (ngx_uint_t) ngx_max(age, 0));
    }

    v->valid = (s.len != 0);
    v->not_found = (s.len == 0);
    v->no_cacheable = 1;
    v->len = s.len;
    v->data = (u_char *) s.data;

    return NGX_OK;
}


static xr_str_t
ngx_http_xr_geo_place_number(ngx_http_request_t *r, ngx_uint_t n)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);

    return xr_str_of(p, (p != NULL) ? ngx_sprintf(p, "%ui", n) - p : 0);
}
