/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_table_image.h"

#include <string.h>


/* A key that a tenant has, and whether others may have it too. */

typedef struct {
    uint8_t  digest[XR_SHA256_SIZE];
    bool     shareable;
} xr_table_owner_t;


/* The string that a value of one of the maps stands for. */

static xr_str_t
xr_table_entry_key(const xr_table_builder_t *b, const xr_table_heap_t *heap,
    uint32_t value)
{
    const uint8_t           *p;
    const xr_table_entry_t  *entry;

    entry = (const void *) (heap->data
                            + (value - 1) * sizeof(xr_table_entry_t));
    p = b->image.data + entry->region + entry->name;

    return xr_table_take(&p);
}


static xr_str_t
xr_table_name_key(const xr_table_builder_t *b, uint32_t value)
{
    return xr_table_entry_key(b, &b->names, value);
}


static xr_str_t
xr_table_host_key(const xr_table_builder_t *b, uint32_t value)
{
    return xr_table_entry_key(b, &b->hosts, value);
}


static xr_str_t
xr_table_owner_key(const xr_table_builder_t *b, uint32_t value)
{
    return xr_str_of(b->owners.data + (value - 1) * sizeof(xr_table_owner_t),
                     XR_SHA256_SIZE);
}


static xr_str_t
xr_table_audience_key(const xr_table_builder_t *b, uint32_t value)
{
    return xr_str_of(b->audiences.data + (value - 1) * XR_SHA256_SIZE,
                     XR_SHA256_SIZE);
}


xr_table_builder_t *
xr_table_builder_create(const xr_table_memory_t *memory)
{
    xr_table_builder_t  *b;

    b = memory->alloc(sizeof(xr_table_builder_t));

    if (b != NULL) {
        memset(b, 0, sizeof(xr_table_builder_t));
        b->memory = *memory;

        b->by_name.key_of = xr_table_name_key;
        b->by_host.key_of = xr_table_host_key;
        b->by_key.key_of = xr_table_owner_key;
        b->by_audience.key_of = xr_table_audience_key;
    }

    return b;
}


void
xr_table_builder_free(xr_table_builder_t *b)
{
    if (b == NULL) {
        return;
    }

    xr_table_heap_free(&b->memory, &b->image);
    xr_table_heap_free(&b->memory, &b->names);
    xr_table_heap_free(&b->memory, &b->hosts);
    xr_table_heap_free(&b->memory, &b->owners);
    xr_table_heap_free(&b->memory, &b->audiences);
    xr_table_heap_free(&b->memory, &b->proofs);

    b->memory.free(b->by_name.slots);
    b->memory.free(b->by_host.slots);
    b->memory.free(b->by_key.slots);
    b->memory.free(b->by_audience.slots);

    b->memory.free(b);
}


size_t
xr_table_count(const xr_table_builder_t *b)
{
    return b->n;
}


static bool
xr_table_shareable(const xr_tenant_t *t, const xr_key_t *key)
{
    return key->kind == XR_KIND_JWT && key->hmac == NULL
           && t->audiences.n != 0;
}


static xr_rc_t
xr_table_audience(const xr_key_t *key, xr_str_t audience,
    uint8_t digest[XR_HASH_MAX_SIZE])
{
    xr_str_t  parts[2];

    parts[0] = xr_str_of(key->digest, sizeof(key->digest));
    parts[1] = audience;

    return xr_hash(XR_SHA256, parts, 2, digest);
}


static const char *
xr_table_check_key(const xr_table_builder_t *b, const xr_tenant_t *t,
    const xr_key_t *key)
{
    size_t            i;
    uint8_t           digest[XR_HASH_MAX_SIZE];
    uint32_t          value;
    xr_table_owner_t  owner;

    value = xr_table_map_find(b, &b->by_key,
                              xr_str_of(key->digest, sizeof(key->digest)));

    if (value == 0) {
        return NULL;
    }

    memcpy(&owner, b->owners.data + (value - 1) * sizeof(owner),
           sizeof(owner));

    if (!owner.shareable || !xr_table_shareable(t, key)) {
        return "has a key that another tenant has: one could sign for the "
               "other; only public JWT keys can be shared, by tenants that "
               "each have an \"audience\"";
    }

    for (i = 0; i < t->audiences.n; i++) {

        if (xr_table_audience(key, t->audiences.list[i], digest) != XR_OK) {
            return "SHA-256 failed";
        }

        if (xr_table_map_find(b, &b->by_audience,
                              xr_str_of(digest, XR_SHA256_SIZE))
            != 0)
        {
            return "has a JWT key and an audience that another tenant has: "
                   "one's tokens would open the other";
        }
    }

    return NULL;
}


static xr_rc_t
xr_table_check(const xr_table_builder_t *b, const xr_tenant_t *t,
    xr_err_t *err)
{
    size_t       i, j;
    const char  *what;

    if (xr_table_map_find(b, &b->by_name, t->name) != 0) {
        return xr_fail(err, XR_INVALID, 0, "is a duplicate tenant");
    }

    for (i = 0; i < t->nhosts; i++) {

        if (xr_table_map_find(b, &b->by_host, t->hosts[i]) != 0) {
            return xr_fail(err, XR_INVALID, i,
                           "has a host that another tenant has");
        }

        for (j = 0; j < i; j++) {

            if (xr_str_eq(t->hosts[i], t->hosts[j])) {
                return xr_fail(err, XR_INVALID, i, "has a duplicate host");
            }
        }
    }

    for (i = 0; i < t->keys.n; i++) {
        what = xr_table_check_key(b, t, &t->keys.keys[i]);

        if (what != NULL) {
            return xr_fail(err, XR_INVALID, i, what);
        }
    }

    return XR_OK;
}


/* "name" is where "key" stands, counted, in the region. */

static bool
xr_table_add_entry(xr_table_builder_t *b, xr_table_heap_t *heap,
    uint32_t region, uint32_t name, xr_str_t key)
{
    xr_table_entry_t  *entry;

    entry = (void *) xr_table_heap_push(&b->memory, heap,
                                        sizeof(xr_table_entry_t));

    if (entry == NULL) {
        return false;
    }

    entry->hash = xr_table_hash(key);
    entry->region = region;
    entry->name = name;

    return true;
}


static bool
xr_table_add_names(xr_table_builder_t *b, const xr_tenant_t *t,
    uint32_t region)
{
    size_t    i;
    uint32_t  name;

    /* the list has its own length in front */

    name = (uint32_t) (sizeof(xr_table_record_t) + sizeof(uint16_t));

    for (i = 0; i < t->nhosts; i++) {

        if (!xr_table_add_entry(b, &b->hosts, region, name, t->hosts[i])) {
            return false;
        }

        name += (uint32_t) XR_STRS_PACKED_SIZE(t->hosts[i].len);
    }

    return xr_table_add_entry(b, &b->names, region, name, t->name);
}


static bool
xr_table_add_owners(xr_table_builder_t *b, const xr_tenant_t *t)
{
    size_t             i, j;
    uint8_t            digest[XR_HASH_MAX_SIZE], *p;
    const xr_key_t    *key;
    xr_table_owner_t  *owner;

    for (i = 0; i < t->keys.n; i++) {
        key = &t->keys.keys[i];

        owner = (void *) xr_table_heap_push(&b->memory, &b->owners,
                                            sizeof(xr_table_owner_t));

        if (owner == NULL) {
            return false;
        }

        memcpy(owner->digest, key->digest, sizeof(owner->digest));
        owner->shareable = xr_table_shareable(t, key);

        for (j = 0; owner->shareable && j < t->audiences.n; j++) {
            p = xr_table_heap_push(&b->memory, &b->audiences, XR_SHA256_SIZE);

            if (p == NULL
                || xr_table_audience(key, t->audiences.list[j], digest)
                   != XR_OK)
            {
                return false;
            }

            memcpy(p, digest, XR_SHA256_SIZE);
        }
    }

    return true;
}


/* How much there was, to go back to when a tenant cannot be added. */

typedef struct {
    size_t  image;
    size_t  names;
    size_t  hosts;
    size_t  owners;
    size_t  audiences;
    size_t  payload;
} xr_table_mark_t;


static xr_table_mark_t
xr_table_mark(const xr_table_builder_t *b)
{
    return (xr_table_mark_t) { b->image.len, b->names.len, b->hosts.len,
                               b->owners.len, b->audiences.len, b->payload };
}


static void
xr_table_rewind(xr_table_builder_t *b, const xr_table_mark_t *mark)
{
    /* beyond its length nothing is wiped later on */

    if (b->image.len > mark->image) {
        xr_wipe(b->image.data + mark->image, b->image.len - mark->image);
    }

    b->image.len = mark->image;
    b->names.len = mark->names;
    b->hosts.len = mark->hosts;
    b->owners.len = mark->owners;
    b->audiences.len = mark->audiences;
    b->payload = mark->payload;
}


static void
xr_table_enter_new(xr_table_builder_t *b, xr_table_map_t *map, uint32_t n)
{
    uint32_t  i;

    for (i = (uint32_t) map->used + 1; i <= n; i++) {
        xr_table_map_put(b, map, i);
    }
}


/* Room first: nothing after it can fail. */

static bool
xr_table_enter(xr_table_builder_t *b, const xr_table_mark_t *mark)
{
    uint32_t  i, names, hosts, owners, audiences;

    names = (uint32_t) (b->names.len / sizeof(xr_table_entry_t));
    hosts = (uint32_t) (b->hosts.len / sizeof(xr_table_entry_t));
    owners = (uint32_t) (b->owners.len / sizeof(xr_table_owner_t));
    audiences = (uint32_t) (b->audiences.len / XR_SHA256_SIZE);

    if (!xr_table_map_reserve(b, &b->by_name, names - b->by_name.used)
        || !xr_table_map_reserve(b, &b->by_host, hosts - b->by_host.used)
        || !xr_table_map_reserve(b, &b->by_key, XR_KEYSET_MAX)
        || !xr_table_map_reserve(b, &b->by_audience,
                                 audiences - b->by_audience.used))
    {
        return false;
    }

    xr_table_enter_new(b, &b->by_name, names);
    xr_table_enter_new(b, &b->by_host, hosts);
    xr_table_enter_new(b, &b->by_audience, audiences);

    for (i = (uint32_t) (mark->owners / sizeof(xr_table_owner_t)) + 1;
         i <= owners;
         i++)
    {
        /* of a key that is shared the first owner stands for all */

        if (xr_table_map_find(b, &b->by_key, xr_table_owner_key(b, i)) == 0) {
            xr_table_map_put(b, &b->by_key, i);
        }
    }

    return true;
}


xr_rc_t
xr_table_add(xr_table_builder_t *b, const xr_tenant_t *t, xr_err_t *err)
{
    xr_rc_t          rc;
    uint32_t         region;
    xr_table_mark_t  mark;

    rc = xr_table_check(b, t, err);

    if (rc != XR_OK) {
        return rc;
    }

    mark = xr_table_mark(b);

    if (xr_table_region(b, t, &region) != XR_OK
        || !xr_table_add_names(b, t, region)
        || !xr_table_add_owners(b, t)
        || !xr_table_enter(b, &mark))
    {
        xr_table_rewind(b, &mark);
        return xr_fail(err, XR_NO_SPACE, 0, "does not fit: out of memory");
    }

    b->n++;

    return XR_OK;
}


xr_rc_t
xr_table_add_proof(xr_table_builder_t *b, const uint8_t digest[XR_SHA256_SIZE],
    xr_err_t *err)
{
    uint8_t  *p;

    p = xr_table_heap_push(&b->memory, &b->proofs, XR_SHA256_SIZE);

    if (p == NULL) {
        return xr_fail(err, XR_NO_SPACE, 0, "out of memory");
    }

    memcpy(p, digest, XR_SHA256_SIZE);

    return XR_OK;
}


/* The hash table that the image has of names or hosts. */

static bool
xr_table_finish_entries(xr_table_builder_t *b, const xr_table_heap_t *heap,
    uint32_t *offset, uint32_t *size)
{
    size_t                   i, k, n, slots;
    uint8_t                 *p;
    xr_table_entry_t        *table;
    const xr_table_entry_t  *entries;

    n = heap->len / sizeof(xr_table_entry_t);
    slots = XR_TABLE_SLOTS(n);

    p = xr_table_heap_push(&b->memory, &b->image,
                           slots * sizeof(xr_table_entry_t));

    if (p == NULL) {
        return false;
    }

    entries = (const void *) heap->data;
    table = (void *) p;

    for (i = 0; i < n; i++) {
        k = xr_table_slot(entries[i].hash, slots);

        while (table[k].region != 0) {
            k = (k + 1 == slots) ? 0 : k + 1;
        }

        table[k] = entries[i];
    }

    *offset = (uint32_t) (p - b->image.data);
    *size = (uint32_t) slots;

    return true;
}


static bool
xr_table_finish_proofs(xr_table_builder_t *b, uint32_t *offset)
{
    uint8_t  *p;

    p = xr_table_heap_push(&b->memory, &b->image, b->proofs.len);

    if (p == NULL) {
        return false;
    }

    if (b->proofs.len > 0) {
        memcpy(p, b->proofs.data, b->proofs.len);
    }

    *offset = (uint32_t) (p - b->image.data);

    return true;
}


xr_rc_t
xr_table_finish(xr_table_builder_t *b, uint64_t generation, xr_str_t *image,
    xr_table_stats_t *stats)
{
    xr_table_header_t  h;

    memset(&h, 0, sizeof(h));

    if (b->image.len == 0
        && xr_table_heap_push(&b->memory, &b->image, sizeof(h)) == NULL)
    {
        return XR_NO_SPACE;
    }

    if (!xr_table_finish_entries(b, &b->names, &h.names, &h.names_size)
        || !xr_table_finish_entries(b, &b->hosts, &h.hosts, &h.hosts_size)
        || !xr_table_finish_proofs(b, &h.proofs))
    {
        return XR_NO_SPACE;
    }

    memcpy(h.magic, XR_TABLE_MAGIC, sizeof(h.magic));
    h.abi = XR_TABLE_ABI;
    h.n = (uint32_t) b->n;
    h.size = b->image.len;
    h.generation = generation;
    h.nproofs = (uint32_t) (b->proofs.len / XR_SHA256_SIZE);

    memcpy(b->image.data, &h, sizeof(h));

    *image = xr_str_of(b->image.data, b->image.len);

    if (stats != NULL) {
        *stats = (xr_table_stats_t) { b->n, b->image.len, b->payload };
    }

    return XR_OK;
}
