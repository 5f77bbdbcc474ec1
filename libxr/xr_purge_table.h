/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_PURGE_TABLE_H
#define XR_PURGE_TABLE_H


#include "xr_purge.h"
#include "xr_sets.h"


/* The layout of the table, for the xr_purge*.c files only. */

#define XR_PURGE_WAYS   8
#define XR_PURGE_HINTS  4096

/* For records that wait for a place: one under way at a time, and its own. */

#define XR_PURGE_SPARES  4


/*
 * A record, or none where the first word of its hash is 0.  A hash is in one
 * of two sets, by its two words, whichever has more room.
 */

typedef struct {
    uint64_t  hash[2];
    uint64_t  tenant;
    uint64_t  hard;
    uint64_t  soft;
    uint64_t  scope;
} xr_purge_entry_t;

struct xr_purge_s {
    uint64_t          last;
    uint64_t          floor;            /* hard, of all tenants */
    uint64_t          folded;
    uint64_t          unused;
    uint8_t           key[XR_SIPHASH_KEY_SIZE];
    uint64_t          unused2[2];
    xr_purge_entry_t  spares[XR_PURGE_SPARES];
    uint8_t           hints[XR_PURGE_HINTS];    /* bits: scopes that tenants
                                                   have records of */
    xr_sets_t         sets;
    xr_purge_entry_t  entries[];
};

_Static_assert(offsetof(xr_purge_t, sets) % 64 == 0,
               "tables begin on a cache line");


/* Two generations of a scope; 0: none. */

typedef struct {
    uint64_t  hard;
    uint64_t  soft;
} xr_purge_pair_t;

/* "pair" becomes what it was, or what the scope says where that is newer. */
void xr_purge_add(const xr_purge_t *p, uint64_t tenant,
    xr_purge_scope_t scope, xr_str_t value, xr_purge_pair_t *pair);

/* Of an object by all its scopes but tags. */
xr_purge_pair_t xr_purge_object(const xr_purge_t *p, uint64_t tenant,
    xr_str_t object);


#endif /* XR_PURGE_TABLE_H */
