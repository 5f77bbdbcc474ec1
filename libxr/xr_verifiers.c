/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_keyset.h"

#include <stdlib.h>


/*
 * Entries lie in an array and refer to each other by index, 0 being none: a
 * ring in the order of use, through entry 0, and a list for each bucket.
 */

typedef struct {
    xr_verifier_t   *verifier;
    uint8_t          digest[XR_SHA256_SIZE];
    xr_signature_t   scheme;
    xr_hash_t        hash;
    size_t           newer;
    size_t           older;
    size_t           next;              /* in the bucket */
} xr_verifiers_entry_t;


struct xr_verifiers_s {
    size_t                 max;
    size_t                 n;           /* entries in use, but for 0 */
    size_t                *buckets;     /* "max" of them */
    xr_verifiers_entry_t  *entries;     /* "max" and entry 0 */
};


xr_verifiers_t *
xr_verifiers_create(size_t max)
{
    xr_verifiers_t  *v;

    if (max == 0) {
        max = 1;
    }

    if (max >= SIZE_MAX / sizeof(xr_verifiers_entry_t)) {
        return NULL;
    }

    v = calloc(1, sizeof(xr_verifiers_t));

    if (v == NULL) {
        return NULL;
    }

    v->max = max;
    v->buckets = calloc(max, sizeof(size_t));
    v->entries = calloc(max + 1, sizeof(xr_verifiers_entry_t));

    if (v->buckets == NULL || v->entries == NULL) {
        xr_verifiers_free(v);
        return NULL;
    }

    return v;
}


void
xr_verifiers_free(xr_verifiers_t *v)
{
    size_t  i;

    if (v == NULL) {
        return;
    }

    for (i = 1; i <= v->n; i++) {
        xr_verifier_free(v->entries[i].verifier);
    }

    free(v->entries);
    free(v->buckets);
    free(v);
}


/* The digest is as good as random already. */

static size_t *
xr_verifiers_bucket(xr_verifiers_t *v, const uint8_t digest[XR_SHA256_SIZE])
{
    uint64_t  n;

    memcpy(&n, digest, sizeof(n));

    return &v->buckets[n % v->max];
}


static size_t
xr_verifiers_find(xr_verifiers_t *v, const xr_key_t *key,
    xr_signature_t scheme, xr_hash_t hash)
{
    size_t                       i;
    const xr_verifiers_entry_t  *e;

    i = *xr_verifiers_bucket(v, key->digest);

    while (i != 0) {
        e = &v->entries[i];

        if (e->scheme == scheme && e->hash == hash
            && memcmp(e->digest, key->digest, XR_SHA256_SIZE) == 0)
        {
            break;
        }

        i = e->next;
    }

    return i;
}


/* Out of the ring, and in again as the newest. */

static void
xr_verifiers_unlink(xr_verifiers_t *v, size_t i)
{
    xr_verifiers_entry_t  *e;

    e = &v->entries[i];

    v->entries[e->newer].older = e->older;
    v->entries[e->older].newer = e->newer;
}


static void
xr_verifiers_link(xr_verifiers_t *v, size_t i)
{
    xr_verifiers_entry_t  *e;

    e = &v->entries[i];

    e->newer = 0;
    e->older = v->entries[0].older;
    v->entries[e->older].newer = i;
    v->entries[0].older = i;
}


/* An entry that is free, or was used least recently: neither linked nor set. */

static size_t
xr_verifiers_vacate(xr_verifiers_t *v)
{
    size_t                 i, *link;
    xr_verifiers_entry_t  *e;

    if (v->n < v->max) {
        return ++v->n;
    }

    i = v->entries[0].newer;
    e = &v->entries[i];

    for (link = xr_verifiers_bucket(v, e->digest); *link != i;
         link = &v->entries[*link].next)
    {
        /* void */
    }

    *link = e->next;

    xr_verifiers_unlink(v, i);
    xr_verifier_free(e->verifier);

    return i;
}


xr_verifier_t *
xr_verifiers_get(xr_verifiers_t *v, const xr_key_t *key,
    xr_signature_t scheme, xr_hash_t hash)
{
    size_t                 i, *bucket;
    xr_verifier_t         *verifier;
    xr_verifiers_entry_t  *e;

    i = xr_verifiers_find(v, key, scheme, hash);

    if (i != 0) {
        xr_verifiers_unlink(v, i);
        xr_verifiers_link(v, i);

        return v->entries[i].verifier;
    }

    verifier = xr_verifier_create(&key->pub, scheme, hash);

    if (verifier == NULL) {
        return NULL;
    }

    i = xr_verifiers_vacate(v);
    e = &v->entries[i];

    e->verifier = verifier;
    e->scheme = scheme;
    e->hash = hash;
    memcpy(e->digest, key->digest, XR_SHA256_SIZE);

    bucket = xr_verifiers_bucket(v, key->digest);
    e->next = *bucket;
    *bucket = i;

    xr_verifiers_link(v, i);

    return verifier;
}
