/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenant_table.h"


/* FNV-1a; the keys come from the operator, so flooding is not a concern. */

static uint64_t
xr_tenant_hash(xr_str_t key)
{
    size_t    i;
    uint64_t  h;

    h = 0xcbf29ce484222325U;

    for (i = 0; i < key.len; i++) {
        h = (h ^ key.data[i]) * 0x100000001b3U;
    }

    return h ^ (h >> 32);
}


/* The slot that holds "key", or the free one where it belongs. */

static xr_tenant_slot_t *
xr_tenant_slot(const xr_tenant_map_t *map, xr_str_t key)
{
    size_t             i;
    xr_tenant_slot_t  *slot;

    i = (size_t) xr_tenant_hash(key);

    for ( ;; ) {
        slot = &map->slots[i & (map->size - 1)];

        if (slot->tenant == NULL || xr_str_eq(slot->key, key)) {
            return slot;
        }

        i++;
    }
}


static xr_tenant_t *
xr_tenant_map_get(const xr_tenant_map_t *map, xr_str_t key)
{
    return (map->size == 0) ? NULL : xr_tenant_slot(map, key)->tenant;
}


/* Makes room for "n" more keys; half of the slots stay free. */

static xr_rc_t
xr_tenant_map_reserve(xr_tenant_map_t *map, size_t n, const xr_mem_t *mem)
{
    size_t            i;
    xr_tenant_map_t   new;

    new = *map;

    while ((map->used + n) * 2 > new.size) {
        new.size = (new.size == 0) ? 16 : new.size * 2;
    }

    if (new.size == map->size) {
        return XR_OK;
    }

    new.slots = mem->alloc(mem->ctx, new.size * sizeof(xr_tenant_slot_t));

    if (new.slots == NULL) {
        return XR_NO_SPACE;
    }

    for (i = 0; i < map->size; i++) {

        if (map->slots[i].tenant != NULL) {
            *xr_tenant_slot(&new, map->slots[i].key) = map->slots[i];
        }
    }

    *map = new;

    return XR_OK;
}


/* "key" must stay where it is; it is not in the map, which has room for it. */

static void
xr_tenant_map_put(xr_tenant_map_t *map, xr_str_t key, xr_tenant_t *t)
{
    xr_tenant_slot_t  *slot;

    slot = xr_tenant_slot(map, key);
    slot->key = key;
    slot->tenant = t;

    map->used++;
}


static xr_str_t
xr_tenant_key(const xr_tenant_t *t, size_t i)
{
    return xr_str_of(t->keys.keys[i].digest, XR_SHA256_SIZE);
}


static xr_rc_t
xr_tenant_table_check(const xr_tenant_table_t *table, const xr_tenant_t *t,
    xr_err_t *err)
{
    size_t  i, j;

    if (xr_tenant_table_by_name(table, t->name) != NULL) {
        return xr_fail(err, XR_INVALID, 0, "is a duplicate tenant");
    }

    for (i = 0; i < t->nhosts; i++) {

        if (xr_tenant_table_by_host(table, t->hosts[i]) != NULL) {
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

        if (xr_tenant_map_get(&table->keys, xr_tenant_key(t, i)) != NULL) {
            return xr_fail(err, XR_INVALID, i, "has a signing key that "
                           "another tenant has: one could sign for the other");
        }
    }

    return XR_OK;
}


xr_rc_t
xr_tenant_table_add(xr_tenant_table_t *table, xr_tenant_t *t,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t   i;
    xr_rc_t  rc;

    rc = xr_tenant_table_check(table, t, err);

    if (rc != XR_OK) {
        return rc;
    }

    if (xr_tenant_map_reserve(&table->names, 1, mem) != XR_OK
        || xr_tenant_map_reserve(&table->hosts, t->nhosts, mem) != XR_OK
        || xr_tenant_map_reserve(&table->keys, t->keys.n, mem) != XR_OK)
    {
        return xr_fail(err, XR_NO_SPACE, 0, "out of memory");
    }

    xr_tenant_map_put(&table->names, t->name, t);

    for (i = 0; i < t->nhosts; i++) {
        xr_tenant_map_put(&table->hosts, t->hosts[i], t);
    }

    for (i = 0; i < t->keys.n; i++) {
        xr_tenant_map_put(&table->keys, xr_tenant_key(t, i), t);
    }

    table->n++;

    return XR_OK;
}


xr_tenant_t *
xr_tenant_table_by_name(const xr_tenant_table_t *table, xr_str_t name)
{
    return xr_tenant_map_get(&table->names, name);
}


xr_tenant_t *
xr_tenant_table_by_host(const xr_tenant_table_t *table, xr_str_t host)
{
    return xr_tenant_map_get(&table->hosts, host);
}
