/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_table_image.h"

#include <string.h>


/* The slot that holds "key", or the free one where it belongs. */

static uint32_t *
xr_table_map_slot(const xr_table_builder_t *b, const xr_table_map_t *map,
    xr_str_t key)
{
    uint32_t  i, *slot;

    for (i = xr_table_hash(key); ; i++) {
        slot = &map->slots[i & (map->size - 1)];

        if (*slot == 0 || xr_str_eq(map->key_of(b, *slot), key)) {
            return slot;
        }
    }
}


uint32_t
xr_table_map_find(const xr_table_builder_t *b, const xr_table_map_t *map,
    xr_str_t key)
{
    return (map->size == 0) ? 0 : *xr_table_map_slot(b, map, key);
}


bool
xr_table_map_reserve(xr_table_builder_t *b, xr_table_map_t *map, size_t n)
{
    size_t          i;
    xr_table_map_t  new;

    new = *map;

    while ((map->used + n) * 2 > new.size) {
        new.size = (new.size == 0) ? 16 : new.size * 2;
    }

    if (new.size == map->size) {
        return true;
    }

    new.slots = b->memory.alloc(new.size * sizeof(uint32_t));

    if (new.slots == NULL) {
        return false;
    }

    memset(new.slots, 0, new.size * sizeof(uint32_t));

    for (i = 0; i < map->size; i++) {

        if (map->slots[i] != 0) {
            *xr_table_map_slot(b, &new, map->key_of(b, map->slots[i]))
                = map->slots[i];
        }
    }

    b->memory.free(map->slots);
    *map = new;

    return true;
}


void
xr_table_map_put(const xr_table_builder_t *b, xr_table_map_t *map,
    uint32_t value)
{
    *xr_table_map_slot(b, map, map->key_of(b, value)) = value;
    map->used++;
}
