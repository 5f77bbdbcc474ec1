/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TEST_JWT_VECTORS_H
#define XR_TEST_JWT_VECTORS_H


#include "jwt_run.h"

#define JWT_VECTORS_KEYS
#include "../fixtures/jwt-vectors.h"
#undef JWT_VECTORS_KEYS


typedef struct {
    const char  *signer;
    const char  *alg;
    const char  *kid;
    const char  *sub;
    const char  *jti;
    int64_t      nbf;
    int64_t      exp;
    const char  *token;
} vector_t;


static const vector_t  vectors[] = {
#include "../fixtures/jwt-vectors.h"
};


/* The keys of the vectors, and a request that all of them are granted. */

typedef struct {
    xr_test_mem_t      m;
    xr_keyset_t        keys;
    xr_verifiers_t    *verifiers;
    xr_addr_t          address;
    uint8_t            names[256];
    xr_auth_policy_t   policy;
    xr_auth_request_t  req;
    uint64_t           random;
} fixture_t;


/* The bytes that a member of a JWK stands for. */

static inline xr_str_t
jwk_bytes(fixture_t *f, const xr_json_t *jwk, const char *name)
{
    size_t     len;
    uint8_t   *out;
    xr_json_t  v;

    if (xr_json_get(jwk, xr_str(name), &v) != XR_OK) {
        return xr_str_of(NULL, 0);
    }

    out = f->m.mem.alloc(f->m.mem.ctx, v.raw.len);
    assert_int_equal(xr_base64url_decode(v.raw, out, v.raw.len, &len), XR_OK);

    return xr_str_of(out, len);
}


/*
 * Keys of algorithms that the libjwt here does not know are left out of a key
 * set; what we do with them where it does is tested all the same.
 */

static inline void
add_unsupported(fixture_t *f)
{
    xr_str_t        text;
    xr_key_t       *key;
    xr_json_t       root, keys, jwk, kid, alg;
    xr_json_iter_t  it;

    static const xr_json_limits_t  limits = { 4, 0 };

    text = xr_str(jwt_jwks);
    assert_int_equal(xr_json_check(text, &limits, &root, NULL), XR_OK);
    assert_int_equal(xr_json_get(&root, xr_str("keys"), &keys), XR_OK);

    it = xr_json_iter(&keys);

    while (xr_json_next(&it, NULL, &jwk)) {
        assert_int_equal(xr_json_get(&jwk, xr_str("kid"), &kid), XR_OK);
        assert_int_equal(xr_json_get(&jwk, xr_str("alg"), &alg), XR_OK);

        if (xr_alg_supported(xr_alg_of(alg.raw))) {
            continue;
        }

        key = &f->keys.keys[f->keys.n++];
        key->id = kid.raw;
        key->kind = XR_KIND_JWT;
        key->alg = xr_alg_of(alg.raw);
        key->pub.n = jwk_bytes(f, &jwk, "n");
        key->pub.e = jwk_bytes(f, &jwk, "e");
        key->pub.kind = XR_PUBKEY_RSA;

        if (key->pub.n.len == 0) {
            key->pub.n = jwk_bytes(f, &jwk, "x");
            key->pub.kind = XR_PUBKEY_ED25519;
        }

        assert_int_equal(xr_pubkey_check(&key->pub, NULL), XR_OK);
        assert_int_equal(xr_sha256(key->pub.n, key->digest), XR_OK);
    }
}


static inline int
setup(void **state)
{
    fixture_t  *f;

    f = calloc(1, sizeof(fixture_t));
    assert_non_null(f);

    xr_test_mem_init(&f->m, SIZE_MAX);

    assert_int_equal(xr_keyset_jwks_text(&f->keys, xr_str(jwt_jwks),
                                         &f->m.mem, NULL, NULL), XR_OK);
    add_unsupported(f);

    f->verifiers = xr_verifiers_create(64);
    assert_non_null(f->verifiers);

    assert_int_equal(xr_addr_parse(xr_str("192.0.2.1"), &f->address), XR_OK);

    f->policy.names = jwt_strs("acme,xr.acme.example", f->names);

    f->req.raw_path = xr_str("/acme/r2.glb");
    f->req.path = f->req.raw_path;
    f->req.host = xr_str("xr.acme.example");
    f->req.address = &f->address;
    f->req.now = NOW;

    f->random = 88172645463325252U;

    *state = f;

    return 0;
}


static inline int
teardown(void **state)
{
    fixture_t *f = *state;

    xr_verifiers_free(f->verifiers);
    xr_keyset_wipe(&f->keys);
    xr_test_mem_free(&f->m);
    free(f);

    return 0;
}


static inline xr_deny_t
run(fixture_t *f, jwt_run_t *r, xr_str_t token)
{
    return jwt_run(r, token, f->keys.keys, f->keys.n, f->verifiers, &f->req,
                   &f->policy);
}


static inline xr_deny_t
verify(fixture_t *f, xr_str_t token)
{
    xr_deny_t  deny;
    jwt_run_t  r;

    deny = run(f, &r, token);
    jwt_run_free(&r);

    return deny;
}


/* The first of three vectors of an algorithm by each signer, two by two. */

static inline const vector_t *
vector(const char *alg)
{
    size_t  i;

    for (i = 0; i < XR_COUNT(vectors); i++) {

        if (strcmp(vectors[i].alg, alg) == 0) {
            return &vectors[i];
        }
    }

    fail_msg("no vector of %s", alg);

    return NULL;
}


#endif /* XR_TEST_JWT_VECTORS_H */
