/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_table_image.h"

#include <string.h>


/* A tenant being written: the region starts at "start" of the image. */

typedef struct {
    xr_table_builder_t  *b;
    const xr_tenant_t   *t;
    size_t               start;
    size_t               lists;             /* of the policy, in the image */
    size_t               lists_end;
    bool                 failed;
    xr_table_record_t    rec;
} xr_table_writer_t;


/* Appends to the region; the offset in it, or 0 when there is no memory. */

static uint32_t
xr_table_write(xr_table_writer_t *w, const void *data, size_t len)
{
    size_t    offset;
    uint8_t  *p;

    offset = w->b->image.len - w->start;
    p = xr_table_heap_push(&w->b->memory, &w->b->image, len);

    if (p == NULL) {
        w->failed = true;
        return 0;
    }

    if (data != NULL && len > 0) {
        memcpy(p, data, len);
    }

    return (uint32_t) offset;
}


static void
xr_table_align(xr_table_writer_t *w)
{
    size_t  n;

    n = w->b->image.len % XR_TABLE_ALIGN;

    if (n != 0) {
        (void) xr_table_write(w, NULL, XR_TABLE_ALIGN - n);
    }
}


static uint32_t
xr_table_write_count(xr_table_writer_t *w, size_t n)
{
    uint16_t  count;

    if (n > UINT16_MAX) {
        w->failed = true;
    }

    count = (uint16_t) n;

    return xr_table_write(w, &count, sizeof(count));
}


static uint32_t
xr_table_write_string(xr_table_writer_t *w, xr_str_t s)
{
    uint32_t  offset;

    offset = xr_table_write_count(w, s.len);
    (void) xr_table_write(w, s.data, s.len);
    w->b->payload += s.len;

    return offset;
}


static void
xr_table_write_list(xr_table_writer_t *w, const xr_str_t *list, size_t n)
{
    size_t  i, len;

    len = 0;

    for (i = 0; i < n; i++) {
        len += XR_STRS_PACKED_SIZE(list[i].len);
    }

    (void) xr_table_write_count(w, len);

    for (i = 0; i < n; i++) {
        (void) xr_table_write_string(w, list[i]);
    }
}


/* Hosts, and the prefix of cache keys: no two of these start alike. */

static void
xr_table_write_names(xr_table_writer_t *w)
{
    xr_str_t            names[XR_TENANT_HOSTS + 1];
    const xr_tenant_t  *t;

    t = w->t;

    memcpy(names, t->hosts, t->nhosts * sizeof(xr_str_t));
    names[t->nhosts] = t->name;

    xr_table_write_list(w, names, t->nhosts + 1);

    /* neither a name nor a host or a base can hold a LF */

    (void) xr_table_write(w, "\n", 1);
    (void) xr_table_write(w, t->origin.host.data, t->origin.host.len);
    (void) xr_table_write(w, t->origin.base.data, t->origin.base.len);
    (void) xr_table_write(w, "\n", 1);

    w->b->payload += t->origin.host.len + t->origin.base.len;
}


static void
xr_table_write_replicas(xr_table_writer_t *w)
{
    size_t                      i;
    uint8_t                     n;
    const xr_tenant_replica_t  *r;

    n = (uint8_t) w->t->nreplicas;

    if (n == 0) {
        return;
    }

    w->rec.flags |= XR_TABLE_REPLICAS;
    (void) xr_table_write(w, &n, 1);
    (void) xr_table_write(w, &w->t->location, sizeof(xr_location_t));

    for (i = 0; i < n; i++) {
        r = &w->t->replicas[i];

        (void) xr_table_write(w, &r->endpoint, sizeof(r->endpoint));
        (void) xr_table_write(w, &r->location, sizeof(xr_location_t));
        (void) xr_table_write_string(w, r->origin.host);
        (void) xr_table_write_string(w, r->origin.base);
        (void) xr_table_write_string(w, r->origin.region);
    }
}


static void
xr_table_write_strings(xr_table_writer_t *w)
{
    const xr_tenant_t  *t;

    t = w->t;

    xr_table_write_names(w);

    w->lists = w->b->image.len;

    xr_table_write_list(w, t->issuers.list, t->issuers.n);
    xr_table_write_list(w, t->audiences.list, t->audiences.n);
    xr_table_write_list(w, t->cloudfront_hosts.list, t->cloudfront_hosts.n);

    w->lists_end = w->b->image.len;

    xr_table_write_list(w, t->cors_origins, t->ncors_origins);
    (void) xr_table_write_string(w, t->cache_control);
    (void) xr_table_write_string(w, xr_str_of(&t->cache_policy,
                        t->has_cache_policy ? sizeof(t->cache_policy) : 0));
    (void) xr_table_write_string(w, xr_str_of(&t->geo,
                                         t->has_geo ? sizeof(t->geo) : 0));

    w->rec.origin = xr_table_write_string(w, t->origin.region);
    (void) xr_table_write_string(w, t->credentials.access_key);
    (void) xr_table_write_string(w, t->credentials.secret_key);
    (void) xr_table_write_string(w, t->credentials.session_token);

    xr_table_write_replicas(w);
}


/* Their strings are in front of them, so that the keys are right behind. */

static void
xr_table_write_limits(xr_table_writer_t *w)
{
    size_t             i;
    uint32_t           names[XR_TENANT_LIMITS];
    xr_table_limit_t   rec;
    const xr_limit_t  *l;

    w->rec.nlimits = (uint8_t) w->t->nlimits;

    for (i = 0; i < w->t->nlimits; i++) {
        l = &w->t->limits[i];

        names[i] = xr_table_write_string(w, l->name);
        (void) xr_table_write_string(w, l->rate_class);
    }

    xr_table_align(w);

    for (i = 0; i < w->t->nlimits; i++) {
        l = &w->t->limits[i];

        memset(&rec, 0, sizeof(rec));
        rec.rate = l->rate;
        rec.burst = l->burst;
        rec.cost = l->cost;
        rec.delay = l->delay;
        rec.name = names[i];
        rec.key = (uint8_t) l->key;
        rec.unit = (uint8_t) l->unit;
        rec.mode = (uint8_t) l->mode;
        rec.failure = (uint8_t) l->failure;

        (void) xr_table_write(w, &rec, sizeof(rec));
    }
}


/* Right behind the limits, wherever these end. */

static void
xr_table_write_keys(xr_table_writer_t *w)
{
    size_t           i, offset;
    xr_table_key_t   k;
    const xr_key_t  *key;

    w->rec.nkeys = (uint8_t) w->t->keys.n;
    w->rec.keys = xr_table_write(w, NULL, w->t->keys.n * sizeof(k));

    for (i = 0; i < w->t->keys.n; i++) {
        key = &w->t->keys.keys[i];

        memset(&k, 0, sizeof(k));
        memcpy(k.digest, key->digest, sizeof(k.digest));
        k.kind = (uint8_t) key->kind;
        k.alg = (uint8_t) key->alg;
        k.id = xr_table_write_string(w, key->id);

        if (key->hmac != NULL) {
            xr_table_align(w);
            k.material = xr_table_write(w, key->hmac, sizeof(xr_hmac_t));
            w->b->payload += sizeof(xr_hmac_t);

        } else {
            k.pub_kind = (uint8_t) key->pub.kind;
            k.material = xr_table_write_string(w, key->pub.n);
            (void) xr_table_write_string(w, key->pub.e);
        }

        w->rec.kinds |= k.kind;

        if (!w->failed) {
            offset = w->start + w->rec.keys + i * sizeof(k);
            memcpy(w->b->image.data + offset, &k, sizeof(k));
        }
    }

    xr_table_align(w);
}


/* Whoever names a tenant cannot have it share 64 bits with a certain other. */

static const uint8_t  xr_table_no_key[XR_SIPHASH_KEY_SIZE];


static void
xr_table_write_record(xr_table_writer_t *w)
{
    const xr_tenant_t  *t;
    xr_table_record_t  *rec;

    t = w->t;
    rec = &w->rec;

    rec->tag = xr_siphash_64(xr_table_no_key, 0, t->name);
    rec->endpoint = t->endpoint;
    rec->name_len = (uint8_t) t->name.len;
    rec->host_len = (uint16_t) t->origin.host.len;
    rec->base_len = (uint16_t) t->origin.base.len;
    rec->origin_kind = (uint8_t) t->origin.kind;
    rec->leeway = (uint8_t) (t->leeway != -1 ? t->leeway : XR_TENANT_LEEWAY);
    rec->max_lifetime = (uint32_t) (t->max_lifetime != 0
                                    ? t->max_lifetime
                                    : XR_TENANT_MAX_LIFETIME);
    rec->cors = (uint8_t) t->cors;
    rec->cors_max_age = (uint32_t) (t->cors_max_age != -1
                                    ? t->cors_max_age
                                    : XR_TENANT_CORS_MAX_AGE);

    if (t->cloudfront_sha1) {
        rec->flags |= XR_TABLE_SHA1;
    }

    if (t->cors_credentials) {
        rec->flags |= XR_TABLE_CORS_CREDENTIALS;
    }

    if (t->has_geo) {
        rec->flags |= XR_TABLE_GEO;
    }
}


typedef struct {
    uint8_t   digest[XR_SHA256_SIZE];
    uint16_t  id_len;
    uint8_t   kind;
    uint8_t   alg;
} xr_table_epoch_key_t;


/*
 * All that decides whether a credential is good, and nothing else: who moves
 * to another place of the table or to another endpoint keeps his epoch.
 */

static xr_rc_t
xr_table_write_epoch(xr_table_writer_t *w)
{
    size_t                    i, n;
    uint8_t                   digest[XR_HASH_MAX_SIZE];
    uint64_t                  rules[4];
    xr_str_t                  parts[3 + 2 * XR_KEYSET_MAX];
    const uint8_t            *p, *names;
    const xr_key_t           *key;
    xr_table_epoch_key_t     *k, keys[XR_KEYSET_MAX];
    const xr_table_record_t  *rec;

    rec = &w->rec;

    rules[0] = rec->leeway;
    rules[1] = rec->max_lifetime;
    rules[2] = rec->flags & XR_TABLE_SHA1;
    rules[3] = rec->nkeys;

    /* lengths in front of all lists: none of them can be taken for another */

    p = w->b->image.data + w->start + sizeof(xr_table_record_t);
    names = p;
    (void) xr_table_take(&p);

    parts[0] = xr_str_of(rules, sizeof(rules));
    parts[1] = xr_str_of(names, (size_t) (p - names));
    parts[2] = xr_str_of(w->b->image.data + w->lists, w->lists_end - w->lists);

    for (i = 0, n = 3; i < w->t->keys.n; i++) {
        key = &w->t->keys.keys[i];
        k = &keys[i];

        memcpy(k->digest, key->digest, sizeof(k->digest));
        k->id_len = (uint16_t) key->id.len;
        k->kind = (uint8_t) key->kind;
        k->alg = (uint8_t) key->alg;

        parts[n++] = xr_str_of(k, sizeof(xr_table_epoch_key_t));
        parts[n++] = key->id;
    }

    if (xr_hash(XR_SHA256, parts, n, digest) != XR_OK) {
        return XR_ERROR;
    }

    memcpy(w->rec.epoch, digest, XR_TABLE_EPOCH_SIZE);

    return XR_OK;
}


xr_rc_t
xr_table_region(xr_table_builder_t *b, const xr_tenant_t *t,
    uint32_t *region)
{
    xr_table_writer_t  w;

    memset(&w, 0, sizeof(w));

    w.b = b;
    w.t = t;

    if (b->image.len == 0) {
        (void) xr_table_write(&w, NULL, sizeof(xr_table_header_t));
        xr_table_align(&w);
    }

    w.start = b->image.len;

    (void) xr_table_write(&w, NULL, sizeof(w.rec));
    xr_table_write_record(&w);
    xr_table_write_strings(&w);
    xr_table_write_limits(&w);
    xr_table_write_keys(&w);

    if (w.failed || xr_table_write_epoch(&w) != XR_OK) {
        return XR_NO_SPACE;
    }

    memcpy(b->image.data + w.start, &w.rec, sizeof(w.rec));

    *region = (uint32_t) w.start;

    return XR_OK;
}
