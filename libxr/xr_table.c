/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_table.h"
#include "xr_table_image.h"

#include <string.h>


/* Eight bytes at a time; each step can be undone, so none loses anything. */

uint32_t
xr_table_hash(xr_str_t s)
{
    uint64_t  h, word;

    h = s.len;

    while (s.len > 0) {
        word = 0;

        if (s.len >= sizeof(word)) {
            memcpy(&word, s.data, sizeof(word));
            s = xr_str_of(s.data + sizeof(word), s.len - sizeof(word));

        } else {
            memcpy(&word, s.data, s.len);
            s.len = 0;
        }

        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }

    return (uint32_t) ((h * 0xd6e8feb86659fd93u) >> 32);
}


xr_rc_t
xr_table_open(xr_str_t image, xr_table_t *table)
{
    xr_table_header_t  h;

    if (image.len < sizeof(h)) {
        return XR_INVALID;
    }

    memcpy(&h, image.data, sizeof(h));

    if (memcmp(h.magic, XR_TABLE_MAGIC, sizeof(h.magic)) != 0
        || h.abi != XR_TABLE_ABI || h.size != image.len)
    {
        return XR_INVALID;
    }

    memset(table, 0, sizeof(xr_table_t));

    table->base = image.data;
    table->generation = h.generation;
    table->n = h.n;
    table->names = (const void *) (image.data + h.names);
    table->names_size = h.names_size;
    table->hosts = (const void *) (image.data + h.hosts);
    table->hosts_size = h.hosts_size;
    table->proofs = image.data + h.proofs;
    table->nproofs = h.nproofs;

    return XR_OK;
}


bool
xr_table_proves(const xr_table_t *table, xr_str_t secret)
{
    bool     found;
    size_t   i;
    uint8_t  digest[XR_SHA256_SIZE];

    if (secret.len == 0 || xr_sha256(secret, digest) != XR_OK) {
        return false;
    }

    found = false;

    for (i = 0; i < table->nproofs; i++) {
        found |= xr_equal(digest, table->proofs + i * sizeof(digest),
                          sizeof(digest));
    }

    return found;
}


static const xr_table_record_t *
xr_table_record(const uint8_t *region)
{
    return (const xr_table_record_t *) (const void *) region;
}


static xr_strs_t
xr_table_take_list(const uint8_t **p)
{
    return (xr_strs_t) { xr_table_take(p) };
}


static void
xr_table_site(const uint8_t *region, xr_site_t *site)
{
    const uint8_t            *p;
    const xr_table_record_t  *rec;

    rec = xr_table_record(region);
    p = region + sizeof(xr_table_record_t);

    site->region = region;
    site->policy.names = xr_table_take_list(&p);
    site->name = xr_str_of(p - rec->name_len, rec->name_len);

    p += 1 + rec->host_len + rec->base_len + 1;

    site->cache_prefix = xr_str_of(site->name.data,
                                   (size_t) (p - site->name.data));
    site->policy.issuers = xr_table_take_list(&p);
    site->policy.audiences = xr_table_take_list(&p);
    site->policy.cloudfront_hosts = xr_table_take_list(&p);
    site->cors_origins = xr_table_take_list(&p);
    site->cache_control = xr_table_take(&p);

    site->tag = rec->tag;
    site->endpoint = rec->endpoint;
    site->origin_kind = (xr_origin_kind_t) rec->origin_kind;
    site->policy.leeway = rec->leeway;
    site->policy.max_lifetime = rec->max_lifetime;
    site->policy.cloudfront_sha1 = (rec->flags & XR_TABLE_SHA1) != 0;
    site->kinds = rec->kinds;
    site->epoch = rec->epoch;
    site->cors = (xr_cors_mode_t) rec->cors;
    site->cors_credentials = (rec->flags & XR_TABLE_CORS_CREDENTIALS) != 0;
    site->cors_max_age = rec->cors_max_age;
    site->nlimits = rec->nlimits;
    site->geo = (rec->flags & XR_TABLE_GEO) != 0;
}


static xr_rc_t
xr_table_find(const xr_table_t *table, const xr_table_entry_t *slots,
    size_t size, xr_str_t key, xr_site_t *site)
{
    size_t                   i;
    uint32_t                 hash;
    const uint8_t           *name;
    const xr_table_entry_t  *entry;

    if (size == 0) {
        return XR_NOT_FOUND;
    }

    hash = xr_table_hash(key);

    for (i = xr_table_slot(hash, size); ; i = (i + 1 == size) ? 0 : i + 1) {
        entry = &slots[i];

        if (entry->region == 0) {
            return XR_NOT_FOUND;
        }

        if (entry->hash != hash) {
            continue;
        }

        name = table->base + entry->region + entry->name;

        if (xr_str_eq(xr_table_take(&name), key)) {
            xr_table_site(table->base + entry->region, site);
            return XR_OK;
        }
    }
}


xr_rc_t
xr_table_by_name(const xr_table_t *table, xr_str_t name, xr_site_t *site)
{
    return xr_table_find(table, table->names, table->names_size, name, site);
}


xr_rc_t
xr_table_by_host(const xr_table_t *table, xr_str_t host, xr_site_t *site)
{
    return xr_table_find(table, table->hosts, table->hosts_size, host, site);
}


static void
xr_table_key(const uint8_t *region, const xr_table_key_t *k, xr_key_t *key)
{
    const uint8_t  *p;

    memset(key, 0, sizeof(xr_key_t));

    p = region + k->id;

    key->id = xr_table_take(&p);
    key->kind = (xr_kind_t) k->kind;
    key->alg = (xr_alg_t) k->alg;
    memcpy(key->digest, k->digest, sizeof(key->digest));

    p = region + k->material;

    if (k->pub_kind == 0) {
        key->hmac = (const xr_hmac_t *) (const void *) p;
        return;
    }

    key->pub.kind = (xr_pubkey_kind_t) k->pub_kind;
    key->pub.n = xr_table_take(&p);
    key->pub.e = xr_table_take(&p);
}


size_t
xr_site_keys(const xr_site_t *site, xr_kind_t kind,
    xr_key_t keys[XR_KEYSET_MAX])
{
    size_t                    i, n;
    const xr_table_key_t     *k;
    const xr_table_record_t  *rec;

    rec = xr_table_record(site->region);
    k = (const xr_table_key_t *) (const void *) (site->region + rec->keys);
    n = 0;

    for (i = 0; i < rec->nkeys; i++) {

        if (k[i].kind == kind) {
            xr_table_key(site->region, &k[i], &keys[n++]);
        }
    }

    return n;
}


size_t
xr_site_limits(const xr_site_t *site, xr_limit_t limits[XR_TENANT_LIMITS])
{
    size_t                    i;
    xr_limit_t               *l;
    const uint8_t            *p;
    const xr_table_limit_t   *rec;
    const xr_table_record_t  *tenant;

    tenant = xr_table_record(site->region);
    rec = (const void *) (site->region + tenant->keys);
    rec -= site->nlimits;

    for (i = 0; i < site->nlimits; i++) {
        l = &limits[i];
        p = site->region + rec[i].name;

        l->name = xr_table_take(&p);
        l->rate_class = xr_table_take(&p);
        l->key = (xr_limit_key_t) rec[i].key;
        l->unit = (xr_limit_unit_t) rec[i].unit;
        l->mode = (xr_limit_mode_t) rec[i].mode;
        l->failure = (xr_limit_failure_t) rec[i].failure;
        l->rate = rec[i].rate;
        l->burst = rec[i].burst;
        l->cost = rec[i].cost;
        l->delay = rec[i].delay;
    }

    return site->nlimits;
}


xr_rc_t
xr_site_cache_policy(const xr_site_t *site, xr_freshness_policy_t *policy)
{
    xr_str_t        bytes;
    const uint8_t  *p;

    p = site->cache_control.data + site->cache_control.len;
    bytes = xr_table_take(&p);

    if (bytes.len != sizeof(xr_freshness_policy_t)) {
        return XR_NOT_FOUND;
    }

    memcpy(policy, bytes.data, sizeof(xr_freshness_policy_t));

    return XR_OK;
}


xr_rc_t
xr_site_geo(const xr_site_t *site, xr_geo_policy_t *policy)
{
    xr_str_t        bytes;
    const uint8_t  *p;

    if (!site->geo) {
        return XR_NOT_FOUND;
    }

    p = site->cache_control.data + site->cache_control.len;
    (void) xr_table_take(&p);
    bytes = xr_table_take(&p);

    memcpy(policy, bytes.data, sizeof(xr_geo_policy_t));

    return XR_OK;
}


void
xr_site_origin(const xr_site_t *site, xr_origin_t *origin,
    xr_credentials_t *credentials)
{
    const uint8_t            *p;
    const xr_table_record_t  *rec;

    rec = xr_table_record(site->region);

    memset(origin, 0, sizeof(xr_origin_t));

    p = site->name.data + site->name.len + 1;

    origin->kind = site->origin_kind;
    origin->host = xr_str_of(p, rec->host_len);
    origin->base = xr_str_of(p + rec->host_len, rec->base_len);

    p = site->region + rec->origin;

    origin->region = xr_table_take(&p);
    credentials->access_key = xr_table_take(&p);
    credentials->secret_key = xr_table_take(&p);
    credentials->session_token = xr_table_take(&p);
}


size_t
xr_site_replicas(const xr_site_t *site,
    xr_tenant_replica_t replicas[XR_TENANT_REPLICAS],
    xr_location_t *location)
{
    size_t                    i, n;
    const uint8_t            *p;
    xr_tenant_replica_t      *r;
    const xr_table_record_t  *rec;

    rec = xr_table_record(site->region);

    if ((rec->flags & XR_TABLE_REPLICAS) == 0) {
        return 0;
    }

    p = site->region + rec->origin;

    /* behind region, access key, secret key and session token */

    for (i = 0; i < 4; i++) {
        (void) xr_table_take(&p);
    }

    n = *p++;
    memcpy(location, p, sizeof(xr_location_t));
    p += sizeof(xr_location_t);

    for (i = 0; i < n; i++) {
        r = &replicas[i];

        memset(r, 0, sizeof(xr_tenant_replica_t));
        memcpy(&r->endpoint, p, sizeof(r->endpoint));
        p += sizeof(r->endpoint);
        memcpy(&r->location, p, sizeof(r->location));
        p += sizeof(r->location);

        r->origin.kind = site->origin_kind;
        r->origin.host = xr_table_take(&p);
        r->origin.base = xr_table_take(&p);
        r->origin.region = xr_table_take(&p);
    }

    return n;
}


bool
xr_site_cors_allows(const xr_site_t *site, xr_str_t origin)
{
    return site->cors == XR_CORS_ANY
           || xr_strs_has(site->cors_origins, origin);
}


static size_t
xr_site_list(xr_strs_t packed, xr_str_t *list, size_t max)
{
    size_t  n;

    for (n = 0; n < max && xr_strs_next(&packed, &list[n]); n++) {
        /* void */
    }

    return n;
}


void
xr_site_tenant(const xr_site_t *site, xr_tenant_t *t)
{
    xr_str_t                  names[XR_TENANT_HOSTS + 1];
    const xr_auth_policy_t   *p;

    memset(t, 0, sizeof(xr_tenant_t));

    p = &site->policy;

    /* the last of the names is the tenant's own */

    t->name = site->name;
    t->nhosts = xr_site_list(p->names, names, XR_COUNT(names)) - 1;
    memcpy(t->hosts, names, t->nhosts * sizeof(xr_str_t));

    t->has_origin = true;
    t->endpoint = site->endpoint;
    xr_site_origin(site, &t->origin, &t->credentials);
    t->location = XR_LOCATION_UNKNOWN;
    t->nreplicas = xr_site_replicas(site, t->replicas, &t->location);

    t->keys.n = xr_site_keys(site, XR_KIND_EDGEAUTH, t->keys.keys);
    t->keys.n += xr_site_keys(site, XR_KIND_JWT, &t->keys.keys[t->keys.n]);
    t->keys.n += xr_site_keys(site, XR_KIND_PURGE, &t->keys.keys[t->keys.n]);
    t->keys.n += xr_site_keys(site, XR_KIND_CLOUDFRONT,
                              &t->keys.keys[t->keys.n]);
    t->keys_none = (t->keys.n == 0);

    t->issuers.n = xr_site_list(p->issuers, t->issuers.list, XR_TENANT_NAMES);
    t->audiences.n = xr_site_list(p->audiences, t->audiences.list,
                                  XR_TENANT_NAMES);
    t->cloudfront_hosts.n = xr_site_list(p->cloudfront_hosts,
                                         t->cloudfront_hosts.list,
                                         XR_TENANT_NAMES);
    t->cloudfront_sha1 = p->cloudfront_sha1;

    t->cors = site->cors;
    t->ncors_origins = xr_site_list(site->cors_origins, t->cors_origins,
                                    XR_TENANT_ORIGINS);
    t->cors_credentials = site->cors_credentials;
    t->cors_max_age = site->cors_max_age;

    t->cache_control = site->cache_control;
    t->has_cache_policy = xr_site_cache_policy(site, &t->cache_policy)
                          == XR_OK;
    t->has_geo = xr_site_geo(site, &t->geo) == XR_OK;
    t->leeway = p->leeway;
    t->max_lifetime = p->max_lifetime;
    t->nlimits = xr_site_limits(site, t->limits);
}
