/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_FUZZ_TENANT_H
#define XR_FUZZ_TENANT_H


#include "fuzz.h"

#include "xr_table.h"
#include "xr_web.h"


/* What holds of every tenant, whatever it was read from. */


/* Memory of a size that the input chooses. */

typedef struct {
    max_align_t  area[8192];
    size_t       used;
    size_t       size;                  /* of what may be used */
} xr_fuzz_arena_t;


static inline void *
xr_fuzz_arena_alloc(void *ctx, size_t size)
{
    xr_fuzz_arena_t *a = ctx;

    void  *p;

    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t);

    if (size > a->size - a->used) {
        return NULL;
    }

    p = &a->area[a->used];
    memset(p, 0, size * sizeof(max_align_t));
    a->used += size;

    return p;
}


/* "size" is a number of bytes, or anything else for all there are. */

static inline void
xr_fuzz_arena_init(xr_fuzz_arena_t *a, xr_str_t size)
{
    uint64_t  n;

    a->used = 0;
    a->size = XR_COUNT(a->area);

    if (xr_str_uint(&size, &n) == XR_OK && n < sizeof(a->area)) {
        a->size = (size_t) n / sizeof(max_align_t);
    }
}


/* Nothing of a tenant points to what it was read from. */

static inline void
xr_fuzz_own(const xr_fuzz_arena_t *a, xr_str_t s)
{
    assert(xr_fuzz_within(s, xr_str_of(a->area, sizeof(a->area))));
}


static inline void
xr_fuzz_own_names(const xr_fuzz_arena_t *a, const xr_tenant_names_t *names)
{
    size_t  i;

    assert(names->n <= XR_TENANT_NAMES);

    for (i = 0; i < names->n; i++) {
        xr_fuzz_own(a, names->list[i]);
        assert(names->list[i].len > 0 && names->list[i].len <= 1024);
    }
}


static inline void
xr_fuzz_tenant_origin(const xr_fuzz_arena_t *a, const xr_tenant_t *t)
{
    xr_fuzz_own(a, t->upstream);

    if (!t->has_origin) {
        return;
    }

    xr_fuzz_own(a, t->origin.host);
    xr_fuzz_own(a, t->origin.endpoint);
    xr_fuzz_own(a, t->origin.base);

    if (t->origin.kind == XR_ORIGIN_S3) {
        xr_fuzz_own(a, t->origin.bucket);
        xr_fuzz_own(a, t->origin.region);
        assert(t->origin.bucket.len > 0 && t->origin.region.len > 0);
    }

    assert(t->origin.port != 0 && t->origin.endpoint.len > 0);
    assert(!xr_str_has_control(t->origin.host));
    assert(!xr_str_has_control(t->origin.base));
}


static inline void
xr_fuzz_tenant_web(const xr_fuzz_arena_t *a, const xr_tenant_t *t)
{
    size_t  i;

    assert(t->nhosts <= XR_TENANT_HOSTS);

    for (i = 0; i < t->nhosts; i++) {
        xr_fuzz_own(a, t->hosts[i]);
        assert(xr_web_host_ok(t->hosts[i]));
    }

    assert(t->ncors_origins <= XR_TENANT_ORIGINS);
    assert(t->ncors_origins == 0 || t->cors == XR_CORS_LIST);

    for (i = 0; i < t->ncors_origins; i++) {
        xr_fuzz_own(a, t->cors_origins[i]);
        assert(xr_web_origin_ok(t->cors_origins[i]));
        assert(xr_web_url_host(t->cors_origins[i]).len > 0
               || xr_str_find(t->cors_origins[i], '[')
                  < t->cors_origins[i].len);
    }

    for (i = 0; i < t->cloudfront_hosts.n; i++) {
        assert(xr_web_host_ok(t->cloudfront_hosts.list[i]));
    }

    xr_fuzz_own(a, t->cache_control);

    for (i = 0; i < t->cache_control.len; i++) {
        assert(t->cache_control.data[i] >= 0x20
               && t->cache_control.data[i] < 0x7f);
    }
}


static inline void
xr_fuzz_tenant_keys(const xr_fuzz_arena_t *a, const xr_tenant_t *t)
{
    size_t           i;
    const xr_key_t  *key;

    assert(t->keys.n <= XR_KEYSET_MAX);

    for (i = 0; i < t->keys.n; i++) {
        key = &t->keys.keys[i];

        xr_fuzz_own(a, key->id);
        xr_fuzz_own(a, key->pub.n);
        xr_fuzz_own(a, key->pub.e);

        assert((key->kind == XR_KIND_JWT) == (key->alg != XR_ALG_NOT_SET));
        assert((key->hmac == NULL) == (key->pub.kind != 0));
        assert(key->kind != XR_KIND_EDGEAUTH || key->hmac != NULL);
        assert(key->kind != XR_KIND_CLOUDFRONT || key->hmac == NULL);
    }
}


static inline void
xr_fuzz_tenant_check(const xr_fuzz_arena_t *a, const xr_tenant_t *t)
{
    size_t  i;

    xr_fuzz_own(a, t->name);
    assert(xr_tenant_name_ok(t->name));

    xr_fuzz_tenant_origin(a, t);
    xr_fuzz_tenant_web(a, t);
    xr_fuzz_tenant_keys(a, t);

    xr_fuzz_own_names(a, &t->issuers);
    xr_fuzz_own_names(a, &t->audiences);
    xr_fuzz_own_names(a, &t->cloudfront_hosts);

    xr_fuzz_own(a, t->credentials.access_key);
    xr_fuzz_own(a, t->credentials.secret_key);
    xr_fuzz_own(a, t->credentials.session_token);

    assert(t->nfiles <= XR_TENANT_FILES);

    for (i = 0; i < t->nfiles; i++) {
        xr_fuzz_own(a, t->files[i].path);
        xr_fuzz_own(a, t->files[i].id);
        assert(t->files[i].path.len > 0);
    }

    assert(t->nlimits <= XR_TENANT_LIMITS);

    for (i = 0; i < t->nlimits; i++) {
        xr_fuzz_own(a, t->limits[i].name);
        xr_fuzz_own(a, t->limits[i].rate_class);
        assert(xr_tenant_name_ok(t->limits[i].name));
        assert(t->limits[i].rate > 0 && t->limits[i].burst > 0);
    }

    assert(!t->keys_none || t->has_keys);
    assert(t->leeway >= -1 && t->leeway <= 60);
    assert(t->cors_max_age >= -1 && t->cors_max_age <= 7 * 86400);
    assert(t->max_lifetime >= 0 && t->max_lifetime <= 3650LL * 86400);
}


static inline void
xr_fuzz_strs_check(xr_strs_t strs, const xr_str_t *list, size_t n)
{
    size_t    i;
    xr_str_t  s;

    for (i = 0; xr_strs_next(&strs, &s); i++) {
        assert(i < n && xr_str_eq(s, list[i]));
    }

    assert(i == n);
}


static inline void
xr_fuzz_limits_check(const xr_site_t *site, const xr_tenant_t *t)
{
    size_t             i;
    xr_limit_t         limits[XR_TENANT_LIMITS];
    const xr_limit_t  *is, *was;

    assert(xr_site_limits(site, limits) == t->nlimits);
    assert(site->nlimits == t->nlimits);

    for (i = 0; i < t->nlimits; i++) {
        is = &limits[i];
        was = &t->limits[i];

        assert(xr_str_eq(is->name, was->name));
        assert(xr_str_eq(is->rate_class, was->rate_class));
        assert(is->key == was->key && is->unit == was->unit);
        assert(is->mode == was->mode && is->failure == was->failure);
        assert(is->rate == was->rate && is->burst == was->burst);
        assert(is->cost == was->cost && is->delay == was->delay);
    }
}


/* A tenant of a table is the one that was added to it. */

static inline void
xr_fuzz_site_check(const xr_site_t *site, const xr_tenant_t *t)
{
    size_t            i, k, n;
    xr_key_t          keys[XR_KEYSET_MAX];
    xr_origin_t       origin;
    xr_geo_policy_t   geo;
    xr_credentials_t  c;

    static const xr_kind_t  kinds[] = {
        XR_KIND_EDGEAUTH, XR_KIND_JWT, XR_KIND_CLOUDFRONT
    };

    assert(xr_str_eq(site->name, t->name));
    assert(xr_str_starts(site->cache_prefix, t->name));
    assert(xr_str_eq(site->cache_control, t->cache_control));
    assert(site->geo == t->has_geo);
    assert((xr_site_geo(site, &geo) == XR_OK) == t->has_geo);
    assert(!t->has_geo || memcmp(&geo, &t->geo, sizeof(geo)) == 0);

    xr_fuzz_strs_check(site->policy.issuers, t->issuers.list, t->issuers.n);
    xr_fuzz_strs_check(site->policy.audiences, t->audiences.list,
                       t->audiences.n);
    xr_fuzz_strs_check(site->policy.cloudfront_hosts, t->cloudfront_hosts.list,
                       t->cloudfront_hosts.n);
    xr_fuzz_strs_check(site->cors_origins, t->cors_origins, t->ncors_origins);
    assert(xr_strs_has(site->policy.names, t->name));

    for (i = 0; i < t->nhosts; i++) {
        assert(xr_strs_has(site->policy.names, t->hosts[i]));
    }

    for (i = 0, n = 0; i < XR_COUNT(kinds); i++) {
        k = xr_site_keys(site, kinds[i], keys);
        assert((k > 0) == ((site->kinds & kinds[i]) != 0));
        n += k;
    }

    assert(n == t->keys.n);

    xr_fuzz_limits_check(site, t);

    xr_site_origin(site, &origin, &c);
    assert(xr_str_eq(origin.host, t->origin.host));
    assert(xr_str_eq(origin.base, t->origin.base));
    assert(xr_str_eq(c.secret_key, t->credentials.secret_key));
}


#endif /* XR_FUZZ_TENANT_H */
