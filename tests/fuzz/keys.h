/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_FUZZ_KEYS_H
#define XR_FUZZ_KEYS_H


#include "fuzz.h"

#include "xr_keyset.h"


/* Memory for as many objects as "limit" says: four for each key at most. */

#define XR_FUZZ_BLOCKS  (4 * XR_KEYSET_MAX)

typedef struct {
    size_t   n;
    size_t   limit;
    void    *blocks[XR_FUZZ_BLOCKS];
} xr_fuzz_mem_t;


static inline void *
xr_fuzz_alloc(void *ctx, size_t size)
{
    xr_fuzz_mem_t *m = ctx;

    if (m->n == m->limit) {
        return NULL;
    }

    assert(m->n < XR_FUZZ_BLOCKS);

    m->blocks[m->n] = calloc(1, size);
    assert(m->blocks[m->n] != NULL);

    return m->blocks[m->n++];
}


static inline void
xr_fuzz_mem_free(xr_fuzz_mem_t *m)
{
    while (m->n > 0) {
        free(m->blocks[--m->n]);
    }
}


/* What holds for every key, wherever it was read from. */

static inline void
xr_fuzz_key(const xr_key_t *key)
{
    uint8_t    mac[XR_HASH_MAX_SIZE];
    xr_str_t   in;
    xr_hash_t  hash;

    in = xr_str("message");
    hash = (key->alg == XR_ALG_NOT_SET) ? XR_SHA256 : xr_alg_hash(key->alg);

    assert(key->id.len <= XR_KEY_ID_MAX_SIZE);

    if (key->hmac != NULL) {
        assert(key->alg == XR_ALG_NOT_SET || xr_alg_symmetric(key->alg));
        assert(key->pub.n.len == 0);
        assert(xr_hmac_sign(key->hmac, hash, &in, 1, mac) == XR_OK);

    } else {
        assert(!xr_alg_symmetric(key->alg));
        assert(xr_pubkey_check(&key->pub, NULL) == XR_OK);
    }
}


static inline void
xr_fuzz_keyset(const xr_keyset_t *set, xr_kind_t kind)
{
    size_t           i, j;
    const xr_key_t  *key;

    assert(set->n >= 1 && set->n <= XR_KEYSET_MAX);

    for (i = 0; i < set->n; i++) {
        key = &set->keys[i];

        assert(key->kind == kind);
        xr_fuzz_key(key);

        for (j = 0; j < i; j++) {
            assert(key->id.len == 0 || !xr_str_eq(key->id, set->keys[j].id));
            assert(memcmp(key->digest, set->keys[j].digest, XR_SHA256_SIZE) != 0);
        }
    }
}


#endif /* XR_FUZZ_KEYS_H */
