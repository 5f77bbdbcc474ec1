/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_SETS_H
#define XR_SETS_H


#include "xr.h"


/*
 * What the tables in shared memory have in common: a cache line that says
 * what the memory holds, and behind it sets of entries, as many as there is
 * room for.  A hash chooses the set.
 */

typedef struct {
    uint64_t  magic;
    uint64_t  n;                        /* sets */
    uint64_t  taken;                    /* xr_buckets.c: that have a place */
    uint64_t  unused[5];
} xr_sets_t;


/*
 * True: "p", of "size" bytes and zeroed, has become a table of that magic, or
 * was one of that size already.
 */

static inline bool
xr_sets_create(void *p, size_t size, uint64_t magic, size_t set_size)
{
    xr_sets_t *s = p;

    uint64_t  n, is;

    if (size < sizeof(xr_sets_t) + set_size) {
        return false;
    }

    n = (size - sizeof(xr_sets_t)) / set_size;

    if (n > UINT32_MAX) {
        n = UINT32_MAX;
    }

    is = __atomic_load_n(&s->magic, __ATOMIC_ACQUIRE);

    if (is == 0) {
        s->n = n;
        __atomic_store_n(&s->magic, magic, __ATOMIC_RELEASE);

        return true;
    }

    return is == magic && s->n == n;
}


/* The number of the set that a hash is in, by its upper half. */

static inline size_t
xr_sets_of(const xr_sets_t *s, uint64_t hash)
{
    return (size_t) ((hash >> 32) * s->n >> 32);
}


#endif /* XR_SETS_H */
