/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenant_table.h"

#include <string.h>


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


static xr_tenant_slot_t *
xr_tenant_slot(const xr_tenant_map_t *map, xr_str_t key)
{
    size_t             i;
    xr_tenant_slot_t  *slot;

    i = (size_t) xr_tenant_hash(key);

    for ( ;; ) {
        slot = &map->slots[i & (map->size - 1)];

        if (slot->key == NULL || xr_str_eq(*slot->key, key)) {
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


static xr_rc_t
xr_tenant_map_grow(xr_tenant_map_t *map, const xr_mem_t *mem)
{
    size_t            i;
    xr_tenant_map_t   new;

    new = *map;
    new.size = (map->size == 0) ? 16 : map->size * 2;
    new.slots = mem->alloc(mem->ctx, new.size * sizeof(xr_tenant_slot_t));

    if (new.slots == NULL) {
        return XR_NO_SPACE;
    }

    for (i = 0; i < map->size; i++) {

        if (map->slots[i].key != NULL) {
            *xr_tenant_slot(&new, *map->slots[i].key) = map->slots[i];
        }
    }

    *map = new;

    return XR_OK;
}


/* "key" must stay where it is, and must not be in the map. */

static xr_rc_t
xr_tenant_map_put(xr_tenant_map_t *map, const xr_str_t *key, xr_tenant_t *t,
    const xr_mem_t *mem)
{
    xr_tenant_slot_t  *slot;

    if ((map->used + 1) * 2 > map->size
        && xr_tenant_map_grow(map, mem) != XR_OK)
    {
        return XR_NO_SPACE;
    }

    slot = xr_tenant_slot(map, *key);
    slot->key = key;
    slot->tenant = t;
    map->used++;

    return XR_OK;
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

    for (i = 0; i < table->n; i++) {

        if (xr_keyset_overlap(&table->tenants[i]->keys, &t->keys)) {
            return xr_fail(err, XR_INVALID, 0, "has a signing key that "
                           "another tenant has: one could sign for the other");
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_tenant_table_push(xr_tenant_table_t *table, xr_tenant_t *t,
    const xr_mem_t *mem)
{
    size_t         size;
    xr_tenant_t  **tenants;

    if (table->n == table->size) {
        size = (table->size == 0) ? 16 : table->size * 2;
        tenants = mem->alloc(mem->ctx, size * sizeof(xr_tenant_t *));

        if (tenants == NULL) {
            return XR_NO_SPACE;
        }

        if (table->n > 0) {
            memcpy(tenants, table->tenants, table->n * sizeof(xr_tenant_t *));
        }

        table->tenants = tenants;
        table->size = size;
    }

    table->tenants[table->n++] = t;

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

    rc = xr_tenant_table_push(table, t, mem);

    if (rc == XR_OK) {
        rc = xr_tenant_map_put(&table->names, &t->name, t, mem);
    }

    for (i = 0; rc == XR_OK && i < t->nhosts; i++) {
        rc = xr_tenant_map_put(&table->hosts, &t->hosts[i], t, mem);
    }

    return (rc == XR_OK) ? XR_OK : xr_fail(err, rc, 0, "out of memory");
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
