/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "keys.h"


#define MAX_PEM  8192


/* PKCS #8 in PEM; encrypted where there is a passphrase. */

static xr_str_t
private_pem(EVP_PKEY *pair, const char *passphrase, char out[MAX_PEM])
{
    int   n;
    BIO  *bio;

    bio = BIO_new(BIO_s_mem());
    assert_non_null(bio);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pair, passphrase ? EVP_aes_128_cbc() : NULL,
                                              (const unsigned char *) passphrase,
                                              passphrase ? (int) strlen(passphrase) : 0, NULL,
                                              NULL), 1);

    n = BIO_read(bio, out, MAX_PEM);
    assert_true(n > 0 && n < MAX_PEM);
    BIO_free(bio);

    return xr_str_of(out, (size_t) n);
}


static void
test_signatures_verify(void **state)
{
    size_t             i, j, len;
    char               text[MAX_PEM];
    uint8_t            digest[XR_HASH_MAX_SIZE], out[XR_CRYPTO_SIGN_MAX_SIZE];
    xr_err_t           err;
    xr_str_t           pem, in = XR_STR("what is signed");
    xr_test_key_t      k;
    xr_verifier_t     *v;
    xr_signature_t     scheme;
    xr_pubkey_kind_t   kind;

    static const struct {
        xr_pubkey_kind_t  kind;
        size_t            bits;
    } cases[] = {
        { XR_PUBKEY_RSA, 2048 }, { XR_PUBKEY_RSA, 4096 }, { XR_PUBKEY_P256, 0 },
        { XR_PUBKEY_P384, 0 }, { XR_PUBKEY_P521, 0 }
    };

    static const xr_hash_t  hashes[] = { XR_SHA1, XR_SHA256, XR_SHA384, XR_SHA512 };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        xr_test_key_make(&k, cases[i].kind, cases[i].bits);
        pem = xr_test_copy(private_pem(k.pair, NULL, text));
        scheme = (cases[i].bits > 0) ? XR_SIGNATURE_RSA_PKCS1 : XR_SIGNATURE_ECDSA_DER;

        assert_int_equal(xr_crypto_sign_kind(pem, &kind, &err), XR_OK);
        assert_int_equal(kind, cases[i].kind);

        for (j = 0; j < XR_COUNT(hashes); j++) {
            v = xr_verifier_create(&k.pub, scheme, hashes[j]);
            assert_non_null(v);

            assert_int_equal(xr_crypto_sign(pem, hashes[j], in, out, &len, &err), XR_OK);
            assert_int_equal(xr_hash(hashes[j], &in, 1, digest), XR_OK);
            assert_int_equal(xr_verifier_check(v, xr_str_of(digest, xr_hash_size(hashes[j])),
                                               xr_str_of(out, len)), XR_OK);

            out[len / 2] ^= 1;
            assert_int_equal(xr_verifier_check(v, xr_str_of(digest, xr_hash_size(hashes[j])),
                                               xr_str_of(out, len)), XR_DENIED);
            xr_verifier_free(v);
        }

        xr_test_copy_free(pem);
        xr_test_key_free(&k);
    }
}


static void
test_ed25519_signs_no_hash(void **state)
{
    char               text[MAX_PEM];
    size_t             len;
    uint8_t            out[XR_CRYPTO_SIGN_MAX_SIZE];
    xr_err_t           err;
    xr_str_t           pem;
    xr_test_key_t      k;
    xr_pubkey_kind_t   kind;

    (void) state;

    xr_test_key_make(&k, XR_PUBKEY_ED25519, 0);
    pem = private_pem(k.pair, NULL, text);

    assert_int_equal(xr_crypto_sign_kind(pem, &kind, &err), XR_OK);
    assert_int_equal(kind, XR_PUBKEY_ED25519);
    assert_int_equal(xr_crypto_sign(pem, XR_SHA256, pem, out, &len, &err), XR_INVALID);
    assert_string_equal(err.what, "Ed25519 signs messages, not hashes");

    xr_test_key_free(&k);
}


/* Both calls refuse alike, and nothing is asked of a terminal. */

static void
refuse(xr_str_t pem, xr_rc_t rc, const char *what)
{
    size_t             len;
    uint8_t            out[XR_CRYPTO_SIGN_MAX_SIZE];
    xr_err_t           err;
    xr_pubkey_kind_t   kind;

    pem = xr_test_copy(pem);

    XR_CHECK_EQ(xr_crypto_sign_kind(pem, &kind, &err), rc, what);
    assert_string_equal(err.what, what);
    XR_CHECK_EQ(xr_crypto_sign(pem, XR_SHA256, pem, out, &len, &err), rc, what);
    assert_string_equal(err.what, what);

    xr_test_copy_free(pem);
}


static void
test_other_keys_are_refused(void **state)
{
    size_t          n;
    char            text[MAX_PEM];
    EVP_PKEY       *pair;
    xr_str_t        pem;
    xr_test_key_t   k;

    (void) state;

    xr_test_key_make(&k, XR_PUBKEY_P256, 0);

    refuse(private_pem(k.pair, "secret", text), XR_INVALID, "the private key is encrypted");

    pem = private_pem(k.pair, NULL, text);
    pem.len /= 2;
    refuse(pem, XR_INVALID, "not a private key in PEM");

    n = xr_test_key_pem(&k, text, sizeof(text));
    refuse(xr_str_of(text, n), XR_INVALID, "not a private key in PEM");
    refuse(xr_str(""), XR_INVALID, "not a private key in PEM");
    xr_test_key_free(&k);

    xr_test_key_make(&k, XR_PUBKEY_RSA, 1024);
    refuse(private_pem(k.pair, NULL, text), XR_DENIED,
           "RSA with less than 2048 or more than 4096 bits");
    xr_test_key_free(&k);

    pair = EVP_EC_gen("secp256k1");
    assert_non_null(pair);
    refuse(private_pem(pair, NULL, text), XR_INVALID,
           "a curve that is none of P-256, P-384 and P-521");
    EVP_PKEY_free(pair);

    pair = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    assert_non_null(pair);
    refuse(private_pem(pair, NULL, text), XR_INVALID,
           "a key that is neither RSA, ECDSA nor Ed25519");
    EVP_PKEY_free(pair);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_signatures_verify),
        cmocka_unit_test(test_ed25519_signs_no_hash),
        cmocka_unit_test(test_other_keys_are_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
