/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_announce.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_degrade.h"
#include "ngx_http_xr_device.h"
#include "ngx_http_xr_encode.h"
#include "ngx_http_xr_explain.h"
#include "ngx_http_xr_geo_conf.h"
#include "ngx_http_xr_limit.h"
#include "ngx_http_xr_variant.h"


/* A variable's value; empty, which logs show as "-", where it has none. */

typedef xr_str_t (*ngx_http_xr_var_pt)(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);


static ngx_int_t ngx_http_xr_var_get(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_http_request_t *ngx_http_xr_var_owner(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_var_uri(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_counter(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_fault(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_announce(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, void *shared, size_t offset);
static ngx_int_t ngx_http_xr_var_claim(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_xr_var_set(ngx_http_variable_value_t *v,
    xr_str_t s);

static xr_str_t ngx_http_xr_var_tenant(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_object(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_subject(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_auth_kind(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_auth_status(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_deny_reason(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_expires(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_key_id(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_cache_status(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_token_id(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_quality(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_rate_class(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_country(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_var_scheme(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);


static const struct {
    ngx_str_t            name;
    ngx_http_xr_var_pt   value;
} ngx_http_xr_vars[] = {
    { ngx_string("xr_tenant"), ngx_http_xr_var_tenant },
    { ngx_string("xr_object"), ngx_http_xr_var_object },
    { ngx_string("xr_subject"), ngx_http_xr_var_subject },
    { ngx_string("xr_auth_kind"), ngx_http_xr_var_auth_kind },
    { ngx_string("xr_auth_status"), ngx_http_xr_var_auth_status },
    { ngx_string("xr_deny_reason"), ngx_http_xr_var_deny_reason },
    { ngx_string("xr_expires"), ngx_http_xr_var_expires },
    { ngx_string("xr_key_id"), ngx_http_xr_var_key_id },
    { ngx_string("xr_token_id"), ngx_http_xr_var_token_id },
    { ngx_string("xr_quality"), ngx_http_xr_var_quality },
    { ngx_string("xr_rate_class"), ngx_http_xr_var_rate_class },
    { ngx_string("xr_client_addr"), ngx_http_xr_var_client_addr },
    { ngx_string("xr_country"), ngx_http_xr_var_country },
    { ngx_string("xr_scheme"), ngx_http_xr_var_scheme },
    { ngx_string("xr_geo_country"), ngx_http_xr_geo_place_country },
    { ngx_string("xr_geo_continent"), ngx_http_xr_geo_place_continent },
    { ngx_string("xr_geo_region"), ngx_http_xr_geo_place_region },
    { ngx_string("xr_geo_city"), ngx_http_xr_geo_place_city },
    { ngx_string("xr_geo_asn"), ngx_http_xr_geo_place_asn },
    { ngx_string("xr_geo_source"), ngx_http_xr_geo_place_source },
    { ngx_string("xr_cache_status"), ngx_http_xr_var_cache_status },
    { ngx_string("xr_encoding"), ngx_http_xr_encoding_value },
    { ngx_string("xr_cut"), ngx_http_xr_cut_var },
    { ngx_string("xr_variant"), ngx_http_xr_variant_var_id },
    { ngx_string("xr_variant_reason"), ngx_http_xr_variant_var_reason },
    { ngx_string("xr_variant_arm"), ngx_http_xr_variant_var_arm },
    { ngx_string("xr_limit_status"), ngx_http_xr_limit_fields_status },
    { ngx_string("xr_limit_name"), ngx_http_xr_limit_fields_name },
    { ngx_string("xr_limit_near"), ngx_http_xr_limit_fields_near },
    { ngx_string("xr_explain"), ngx_http_xr_explain_var }
};


/* Counters of what is shared by all processes; no request is needed. */

static const struct {
    ngx_str_t            name;
    size_t               live;              /* in the main configuration */
    size_t               counter;           /* in what is shared of it */
} ngx_http_xr_counters[] = {
    { ngx_string("xr_tenants_generation"),
      offsetof(ngx_http_xr_main_conf_t, live),
      offsetof(ngx_http_xr_live_shared_t, generation) },
    { ngx_string("xr_tenants_loads"),
      offsetof(ngx_http_xr_main_conf_t, live),
      offsetof(ngx_http_xr_live_shared_t, loads) },
    { ngx_string("xr_tenants_failures"),
      offsetof(ngx_http_xr_main_conf_t, live),
      offsetof(ngx_http_xr_live_shared_t, failures) },
    { ngx_string("xr_tenants_failed"),
      offsetof(ngx_http_xr_main_conf_t, live),
      offsetof(ngx_http_xr_live_shared_t, failed) },
    { ngx_string("xr_revocations_generation"),
      offsetof(ngx_http_xr_main_conf_t, revocation.live),
      offsetof(ngx_http_xr_live_shared_t, generation) },
    { ngx_string("xr_revocations_loads"),
      offsetof(ngx_http_xr_main_conf_t, revocation.live),
      offsetof(ngx_http_xr_live_shared_t, loads) },
    { ngx_string("xr_revocations_failures"),
      offsetof(ngx_http_xr_main_conf_t, revocation.live),
      offsetof(ngx_http_xr_live_shared_t, failures) },
    { ngx_string("xr_revocations_failed"),
      offsetof(ngx_http_xr_main_conf_t, revocation.live),
      offsetof(ngx_http_xr_live_shared_t, failed) },
    { ngx_string("xr_devices_generation"),
      offsetof(ngx_http_xr_main_conf_t, devices.live),
      offsetof(ngx_http_xr_live_shared_t, generation) },
    { ngx_string("xr_devices_loads"),
      offsetof(ngx_http_xr_main_conf_t, devices.live),
      offsetof(ngx_http_xr_live_shared_t, loads) },
    { ngx_string("xr_devices_failures"),
      offsetof(ngx_http_xr_main_conf_t, devices.live),
      offsetof(ngx_http_xr_live_shared_t, failures) },
    { ngx_string("xr_devices_failed"),
      offsetof(ngx_http_xr_main_conf_t, devices.live),
      offsetof(ngx_http_xr_live_shared_t, failed) }
};


static ngx_http_variable_t  ngx_http_xr_var_shared[] = {

    { ngx_string("xr_purge_generation"), NULL,
      ngx_http_xr_purge_var_generation, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_purge_orders"), NULL, ngx_http_xr_purge_var_count,
      NGX_HTTP_XR_PURGE_COUNT_ORDERS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_purge_refused"), NULL, ngx_http_xr_purge_var_count,
      NGX_HTTP_XR_PURGE_COUNT_REFUSED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_purge_folded"), NULL, ngx_http_xr_purge_var_count,
      NGX_HTTP_XR_PURGE_COUNT_FOLDED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_announce_received"), NULL, ngx_http_xr_var_announce,
      offsetof(ngx_http_xr_announce_shared_t, received),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_announce_bad"), NULL, ngx_http_xr_var_announce,
      offsetof(ngx_http_xr_announce_shared_t, bad),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_announce_connected"), NULL, ngx_http_xr_var_announce,
      offsetof(ngx_http_xr_announce_shared_t, connected),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_geo_age"), NULL, ngx_http_xr_geo_place_watch,
      NGX_HTTP_XR_GEO_AGE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_geo_generation"), NULL, ngx_http_xr_geo_place_watch,
      offsetof(ngx_http_xr_live_shared_t, generation),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_geo_loads"), NULL, ngx_http_xr_geo_place_watch,
      offsetof(ngx_http_xr_live_shared_t, loads),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_geo_failures"), NULL, ngx_http_xr_geo_place_watch,
      offsetof(ngx_http_xr_live_shared_t, failures),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("xr_geo_failed"), NULL, ngx_http_xr_geo_place_watch,
      offsetof(ngx_http_xr_live_shared_t, failed),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


/* Counters of the faults of the cache, likewise. */

static const struct {
    ngx_str_t            name;
    size_t               counter;
} ngx_http_xr_faults[] = {
    { ngx_string("xr_cache_unstored"),
      offsetof(ngx_http_xr_degrade_t, unstored) },
    { ngx_string("xr_cache_unread"),
      offsetof(ngx_http_xr_degrade_t, unread) },
    { ngx_string("xr_cache_damaged"),
      offsetof(ngx_http_xr_degrade_t, damaged) },
    { ngx_string("xr_cache_failing"),
      offsetof(ngx_http_xr_degrade_t, failing) }
};


ngx_int_t
ngx_http_xr_var_add(ngx_conf_t *cf)
{
    ngx_str_t             name;
    ngx_uint_t            i, n;
    ngx_http_variable_t  *var, *v;

    static ngx_str_t  uri = ngx_string("xr_uri");
    static ngx_str_t  claim = ngx_string("xr_claim_");

    n = sizeof(ngx_http_xr_vars) / sizeof(ngx_http_xr_vars[0]);

    for (i = 0; i < n; i++) {
        name = ngx_http_xr_vars[i].name;

        var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_http_xr_var_get;
        var->data = i;
    }

    n = sizeof(ngx_http_xr_counters) / sizeof(ngx_http_xr_counters[0]);

    for (i = 0; i < n; i++) {
        name = ngx_http_xr_counters[i].name;

        var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_http_xr_var_counter;
        var->data = i;
    }

    for (v = ngx_http_xr_var_shared; v->name.len != 0; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    n = sizeof(ngx_http_xr_faults) / sizeof(ngx_http_xr_faults[0]);

    for (i = 0; i < n; i++) {
        name = ngx_http_xr_faults[i].name;

        var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_http_xr_var_fault;
        var->data = i;
    }

    var = ngx_http_add_variable(cf, &uri, NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_xr_var_uri;

    var = ngx_http_add_variable(cf, &claim, NGX_HTTP_VAR_NOCACHEABLE
                                            |NGX_HTTP_VAR_PREFIX);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_xr_var_claim;

    return ngx_http_xr_device_add(cf);
}


static ngx_int_t
ngx_http_xr_var_get(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_xr_ctx_t  *ctx;

    r = ngx_http_xr_var_owner(r);
    ctx = ngx_http_xr_get_ctx(r);

    return ngx_http_xr_var_set(v, (ctx != NULL)
                                  ? ngx_http_xr_vars[data].value(r, ctx)
                                  : xr_str_of(NULL, 0));
}


/* What is read for a slice is kept for the request, which outlives it. */

static ngx_http_request_t *
ngx_http_xr_var_owner(ngx_http_request_t *r)
{
    return (r != r->main && ngx_http_xr_slice_part_of(r) != NULL) ? r->main : r;
}


/* Has a value for requests, too, that never reach the module's first phase. */

static ngx_int_t
ngx_http_xr_var_uri(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    return ngx_http_xr_var_set(v, ngx_http_xr_token_uri(r));
}


static ngx_int_t
ngx_http_xr_var_counter(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_xr_live_t       *live;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    live = (ngx_http_xr_live_t *) ((u_char *) xmcf
                                   + ngx_http_xr_counters[data].live);

    return ngx_http_xr_var_number(r, v, live->shared,
                                  ngx_http_xr_counters[data].counter);
}


static ngx_int_t
ngx_http_xr_var_fault(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    return ngx_http_xr_var_number(r, v, xmcf->degrade,
                                  ngx_http_xr_faults[data].counter);
}


/* "shared" is NULL where nothing is counted. */

static ngx_int_t
ngx_http_xr_var_announce(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    return ngx_http_xr_var_number(r, v, (xmcf->announce != NULL)
                                        ? xmcf->announce->shared : NULL,
                                  data);
}


static ngx_int_t
ngx_http_xr_var_number(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    void *shared, size_t offset)
{
    u_char        *p;
    ngx_atomic_t  *counter;

    p = (shared != NULL) ? ngx_pnalloc(r->pool, NGX_ATOMIC_T_LEN) : NULL;

    if (p == NULL) {
        return ngx_http_xr_var_set(v, xr_str_of(NULL, 0));
    }

    counter = (ngx_atomic_t *) ((u_char *) shared + offset);

    return ngx_http_xr_var_set(v, xr_str_of(p, ngx_sprintf(p, "%uA", *counter)
                                               - p));
}


/* $xr_claim_NAME: whatever the credential says under that name. */

static ngx_int_t
ngx_http_xr_var_claim(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t *name = (ngx_str_t *) data;

    size_t              skip;
    ngx_http_xr_ctx_t  *ctx;

    r = ngx_http_xr_var_owner(r);
    ctx = ngx_http_xr_get_ctx(r);
    skip = sizeof("xr_claim_") - 1;

    return ngx_http_xr_var_set(v, (ctx != NULL)
                  ? ngx_http_xr_auth_claim(r, ctx,
                                           xr_str_of(name->data + skip,
                                                     name->len - skip))
                  : xr_str_of(NULL, 0));
}


static ngx_int_t
ngx_http_xr_var_set(ngx_http_variable_value_t *v, xr_str_t s)
{
    v->valid = (s.len != 0);
    v->not_found = (s.len == 0);
    v->no_cacheable = 1;
    v->len = s.len;
    v->data = (u_char *) s.data;

    return NGX_OK;
}


static xr_str_t
ngx_http_xr_var_tenant(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return (ctx->tenant != NULL) ? ctx->tenant->name
                                 : xr_str_of(NULL, 0);
}


static xr_str_t
ngx_http_xr_var_object(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return (ctx->tenant != NULL) ? ngx_http_xr_view(&ctx->object)
                                 : xr_str_of(NULL, 0);
}


static xr_str_t
ngx_http_xr_var_subject(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_principal_t  *who;

    who = ngx_http_xr_auth_who(r, ctx);

    return (who != NULL) ? who->subject : xr_str_of(NULL, 0);
}


static xr_str_t
ngx_http_xr_var_token_id(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_principal_t  *who;

    who = ngx_http_xr_auth_who(r, ctx);

    return (who != NULL) ? who->token_id : xr_str_of(NULL, 0);
}


static xr_str_t
ngx_http_xr_var_quality(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_principal_t  *who;

    who = ngx_http_xr_auth_who(r, ctx);

    return (who != NULL) ? who->constraints.quality : xr_str_of(NULL, 0);
}


static xr_str_t
ngx_http_xr_var_rate_class(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_principal_t  *who;

    who = ngx_http_xr_auth_who(r, ctx);

    return (who != NULL) ? who->constraints.rate : xr_str_of(NULL, 0);
}


static xr_str_t
ngx_http_xr_var_auth_kind(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return ctx->granted ? xr_kind_name(ctx->credential.kind)
                        : xr_str_of(NULL, 0);
}


static xr_str_t
ngx_http_xr_var_auth_status(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    if (ctx->granted || ctx->public) {
        return xr_str(ctx->granted ? "GRANTED" : "PUBLIC");
    }

    return xr_str(ctx->deny != XR_DENY_NONE ? "DENIED" : "");
}


static xr_str_t
ngx_http_xr_var_deny_reason(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return xr_deny_name(ctx->deny);
}


static xr_str_t
ngx_http_xr_var_expires(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    u_char   *p;
    int64_t   expires;

    p = ctx->granted ? ngx_pnalloc(r->pool, NGX_INT64_LEN) : NULL;

    if (p == NULL) {
        return xr_str_of(NULL, 0);
    }

    expires = ctx->value.expires - ctx->tenant->policy.leeway;

    return xr_str_of(p, ngx_sprintf(p, "%L", expires) - p);
}


static xr_str_t
ngx_http_xr_var_key_id(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_principal_t  *who;

    who = ngx_http_xr_auth_who(r, ctx);

    return (who != NULL) ? who->key_id : xr_str_of(NULL, 0);
}


/* The client as the trusted tier in front says, or the peer. */

xr_str_t
ngx_http_xr_var_client_addr(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    size_t                 len;
    u_char                *p, *b;
    ngx_http_xr_client_t  *client;

    client = ngx_http_xr_trust_client(r, ctx);

    p = ngx_pnalloc(r->pool, NGX_INET6_ADDRSTRLEN);
    if (p == NULL) {
        return xr_str_of(NULL, 0);
    }

    b = client->address.bytes;

    if (xr_addr_is_v4(&client->address)) {
        len = ngx_sprintf(p, "%ud.%ud.%ud.%ud", b[12], b[13], b[14], b[15])
              - p;

    } else {
        len = ngx_inet6_ntop(b, p, NGX_INET6_ADDRSTRLEN);
    }

    return xr_str_of(p, len);
}


static xr_str_t
ngx_http_xr_var_country(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_client_t  *client;

    client = ngx_http_xr_trust_client(r, ctx);

    return xr_str_of(client->country, (client->country[0] == 0) ? 0 : 2);
}


static xr_str_t
ngx_http_xr_var_scheme(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return xr_str(ngx_http_xr_trust_client(r, ctx)->https ? "https" : "http");
}


/* MISS, HIT, EXPIRED, STALE, UPDATING, REVALIDATED, BYPASS */

static xr_str_t
ngx_http_xr_var_cache_status(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_uint_t  status;

    status = (ctx->slice != NULL) ? ngx_http_xr_slice_cache_status(ctx)
             : (r->upstream != NULL) ? r->upstream->cache_status : 0;

    return (status != 0)
           ? ngx_http_xr_view(&ngx_http_cache_status[status - 1])
           : xr_str_of(NULL, 0);
}
