/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TEST_KEYS_H
#define XR_TEST_KEYS_H


/* Key pairs for tests, made by OpenSSL: what they sign has to verify. */

#include "test.h"

#include "xr_crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>


#define XR_TEST_SIGNATURE_SIZE  512

typedef struct {
    EVP_PKEY     *pair;
    xr_pubkey_t   pub;
    uint8_t       memory[XR_PUBKEY_MAX_SIZE];
} xr_test_key_t;


static inline size_t
xr_test_key_number(EVP_PKEY *pair, const char *name, uint8_t *out, size_t size)
{
    BIGNUM  *n;

    n = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(pair, name, &n), 1);

    if (size == 0) {
        size = (size_t) BN_num_bytes(n);
    }

    assert_int_equal(BN_bn2binpad(n, out, (int) size), (int) size);
    BN_free(n);

    return size;
}


/* "bits" is for RSA only. */

static inline void
xr_test_key_make(xr_test_key_t *k, xr_pubkey_kind_t kind, size_t bits)
{
    size_t       n;
    const char  *curve;

    memset(k, 0, sizeof(xr_test_key_t));
    k->pub.kind = kind;

    if (kind == XR_PUBKEY_RSA) {
        k->pair = EVP_RSA_gen((unsigned) bits);
        assert_non_null(k->pair);

        n = xr_test_key_number(k->pair, OSSL_PKEY_PARAM_RSA_N, k->memory, 0);
        k->pub.n = xr_str_of(k->memory, n);
        k->pub.e = xr_str_of(k->memory + n,
                             xr_test_key_number(k->pair, OSSL_PKEY_PARAM_RSA_E, k->memory + n, 0));
        return;
    }

    if (kind == XR_PUBKEY_ED25519) {
        k->pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        assert_non_null(k->pair);

        n = 32;
        assert_int_equal(EVP_PKEY_get_raw_public_key(k->pair, k->memory, &n), 1);
        k->pub.n = xr_str_of(k->memory, n);
        return;
    }

    curve = (kind == XR_PUBKEY_P256) ? "P-256" : (kind == XR_PUBKEY_P384) ? "P-384" : "P-521";
    n = (kind == XR_PUBKEY_P256) ? 32 : (kind == XR_PUBKEY_P384) ? 48 : 66;

    k->pair = EVP_EC_gen(curve);
    assert_non_null(k->pair);

    xr_test_key_number(k->pair, OSSL_PKEY_PARAM_EC_PUB_X, k->memory, n);
    xr_test_key_number(k->pair, OSSL_PKEY_PARAM_EC_PUB_Y, k->memory + n, n);
    k->pub.n = xr_str_of(k->memory, 2 * n);
}


static inline void
xr_test_key_free(xr_test_key_t *k)
{
    EVP_PKEY_free(k->pair);
}


/* SubjectPublicKeyInfo in PEM, as "openssl pkey -pubout" writes it. */

static inline size_t
xr_test_key_pem(xr_test_key_t *k, char *out, size_t size)
{
    int   n;
    BIO  *bio;

    bio = BIO_new(BIO_s_mem());
    assert_non_null(bio);
    assert_int_equal(PEM_write_bio_PUBKEY(bio, k->pair), 1);

    n = BIO_read(bio, out, (int) size - 1);
    assert_true(n > 0 && (size_t) n < size - 1);
    out[n] = '\0';
    BIO_free(bio);

    return (size_t) n;
}


static inline const EVP_MD *
xr_test_key_md(xr_hash_t hash)
{
    return (hash == XR_SHA1) ? EVP_sha1()
           : (hash == XR_SHA256) ? EVP_sha256()
           : (hash == XR_SHA384) ? EVP_sha384()
           : (hash == XR_SHA512) ? EVP_sha512() : NULL;
}


static inline size_t
xr_test_key_raw(xr_test_key_t *k, const uint8_t *der, size_t len, uint8_t *out)
{
    int         n;
    ECDSA_SIG  *sig;

    n = (int) k->pub.n.len / 2;
    sig = d2i_ECDSA_SIG(NULL, &der, (long) len);
    assert_non_null(sig);

    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, n), n);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + n, n), n);
    ECDSA_SIG_free(sig);

    return 2 * (size_t) n;
}


/* Signs the message itself; returns the length of the signature. */

static inline size_t
xr_test_key_sign(xr_test_key_t *k, xr_signature_t scheme, xr_hash_t hash, xr_str_t message,
    uint8_t out[XR_TEST_SIGNATURE_SIZE])
{
    size_t         len;
    uint8_t        der[XR_TEST_SIGNATURE_SIZE];
    EVP_MD_CTX    *md;
    EVP_PKEY_CTX  *ctx;

    md = EVP_MD_CTX_new();
    assert_non_null(md);
    assert_int_equal(EVP_DigestSignInit(md, &ctx, xr_test_key_md(hash), NULL, k->pair), 1);

    if (scheme == XR_SIGNATURE_RSA_PSS) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    }

    len = XR_TEST_SIGNATURE_SIZE;
    assert_int_equal(EVP_DigestSign(md, der, &len, message.data, message.len), 1);
    EVP_MD_CTX_free(md);

    if (scheme == XR_SIGNATURE_ECDSA_RAW) {
        return xr_test_key_raw(k, der, len, out);
    }

    memcpy(out, der, len);

    return len;
}


/* base64url of literals in tests; the length is returned. */

static inline size_t
xr_test_base64(const char *text, uint8_t *out, size_t size)
{
    size_t  len;

    assert_int_equal(xr_base64url_decode(xr_str(text), out, size, &len), XR_OK);

    return len;
}


#endif /* XR_TEST_KEYS_H */
