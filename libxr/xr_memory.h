/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_MEMORY_H
#define XR_MEMORY_H


#include "xr_crypto.h"


/*
 * A memory of verified credentials: a hash table of fixed size in the
 * caller's memory, which several processes share.  Set-associative, without
 * locks: entries are guarded by a sequence number, a torn read is a miss, and
 * a writer that meets another gives up.  It is only ever told of credentials
 * that were good, so nobody can fill it with garbage.
 *
 * Entries are found by a keyed hash (SipHash, 128 bits) of whatever the
 * caller puts under it: credential, tenant epoch, scope.
 */

#define XR_MEMORY_ENTRY_SIZE  64
#define XR_MEMORY_WAYS        8

typedef struct xr_memory_s  xr_memory_t;

/* What is remembered of a credential. */

typedef struct {
    int64_t   expires;              /* Unix time; forgotten from then on, and
                                       from XR_MEMORY_EXPIRES_MAX at latest */
    uint64_t  subject;              /* keyed hashes, 0: none */
    uint64_t  token_id;
    uint64_t  key_id;
    uint64_t  ceiling;              /* of quality, and one, so that 0 is none;
                                       up to 255 */
} xr_memory_value_t;

#define XR_MEMORY_EXPIRES_MAX  ((INT64_C(1) << 55) - 1)


/*
 * Makes a table of as many entries as "size" bytes hold, at "p", which is
 * zeroed and aligned to 64.  The same call on memory that holds a table
 * already returns that table as it is.  NULL: not even one set fits, or the
 * memory holds something else, such as a table of another size.
 */
xr_memory_t *xr_memory_create(void *p, size_t size);

size_t xr_memory_entries(const xr_memory_t *m);

/* XR_NOT_FOUND: not known, or expired at "now". */
xr_rc_t xr_memory_get(xr_memory_t *m, const uint8_t tag[XR_SIPHASH_SIZE],
    int64_t now, xr_memory_value_t *out);

/*
 * Remembers; in the place of an entry that is free, expired or was not used
 * for the longest time.  May do nothing when another process writes there,
 * and does nothing when "value" expired already.
 */
void xr_memory_put(xr_memory_t *m, const uint8_t tag[XR_SIPHASH_SIZE],
    int64_t now, const xr_memory_value_t *value);


#endif /* XR_MEMORY_H */
