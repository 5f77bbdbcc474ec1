/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_jwt.h"


static bool
xr_jwt_hmac_ok(const xr_jwt_t *t, const xr_key_t *key)
{
    size_t     size;
    uint8_t    mac[XR_HASH_MAX_SIZE];
    xr_hash_t  hash;

    hash = xr_alg_hash(t->alg);
    size = xr_hash_size(hash);

    return t->signature.len == size
           && xr_hmac_sign(key->hmac, hash, &t->input, 1, mac) == XR_OK
           && xr_equal(mac, t->signature.data, size);
}


static bool
xr_jwt_public_ok(const xr_jwt_t *t, const xr_key_t *key,
    xr_verifiers_t *verifiers)
{
    uint8_t         digest[XR_HASH_MAX_SIZE];
    xr_str_t        in;
    xr_hash_t       hash;
    xr_verifier_t  *v;

    hash = xr_alg_hash(t->alg);
    in = t->input;

    if (hash != 0) {

        if (xr_hash(hash, &t->input, 1, digest) != XR_OK) {
            return false;
        }

        in = xr_str_of(digest, xr_hash_size(hash));
    }

    v = xr_verifiers_get(verifiers, key, xr_alg_signature(t->alg), hash);

    return v != NULL && xr_verifier_check(v, in, t->signature) == XR_OK;
}


/*
 * Keys are bound to their algorithm when they are loaded; what a public key
 * is never used for is a MAC, even if one were bound to the wrong algorithm.
 */

static bool
xr_jwt_key_ok(const xr_jwt_t *t, const xr_key_t *key,
    xr_verifiers_t *verifiers)
{
    if (xr_alg_symmetric(t->alg)) {
        return key->hmac != NULL && xr_jwt_hmac_ok(t, key);
    }

    return key->hmac == NULL && xr_jwt_public_ok(t, key, verifiers);
}


/* An empty kid names no key: keys without an id have an empty one. */

static bool
xr_jwt_names(const xr_jwt_t *t, const xr_key_t *key)
{
    return !t->has_kid || (t->kid.len > 0 && xr_str_eq(t->kid, key->id));
}


xr_deny_t
xr_jwt_signature(const xr_jwt_t *t, const xr_key_t *keys, size_t nkeys,
    xr_verifiers_t *verifiers, const xr_key_t **key)
{
    size_t     i, tries;
    xr_deny_t  deny;

    deny = XR_DENY_TOKEN_KEY;
    tries = 0;

    for (i = 0; i < nkeys && tries < XR_JWT_TRIES; i++) {

        if (keys[i].kind != XR_KIND_JWT || !xr_jwt_names(t, &keys[i])) {
            continue;
        }

        if (keys[i].alg != t->alg) {

            if (deny == XR_DENY_TOKEN_KEY) {
                deny = XR_DENY_TOKEN_ALGORITHM;
            }

            continue;
        }

        deny = XR_DENY_TOKEN_SIGNATURE;
        tries++;

        if (xr_jwt_key_ok(t, &keys[i], verifiers)) {
            *key = &keys[i];
            return XR_DENY_NONE;
        }
    }

    return deny;
}
