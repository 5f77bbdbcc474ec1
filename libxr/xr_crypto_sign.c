/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_crypto.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>


typedef struct {
    const char        *group;
    xr_pubkey_kind_t   kind;
} xr_crypto_sign_curve_t;


static const xr_crypto_sign_curve_t  xr_crypto_sign_curves[] = {
    { "prime256v1", XR_PUBKEY_P256 },
    { "secp384r1", XR_PUBKEY_P384 },
    { "secp521r1", XR_PUBKEY_P521 }
};


/* Without it OpenSSL would ask whoever sits at the terminal. */

static int
xr_crypto_sign_passphrase(char *text, int size, int writing, void *encrypted)
{
    (void) text;
    (void) size;
    (void) writing;

    *(bool *) encrypted = true;

    return -1;
}


static EVP_PKEY *
xr_crypto_sign_read(xr_str_t pem, xr_err_t *err)
{
    BIO       *bio;
    bool       encrypted;
    EVP_PKEY  *key;

    key = NULL;
    encrypted = false;
    bio = (pem.len < INT32_MAX) ? BIO_new_mem_buf(pem.data, (int) pem.len)
                                : NULL;

    if (bio != NULL) {
        key = PEM_read_bio_PrivateKey(bio, NULL, xr_crypto_sign_passphrase,
                                      &encrypted);
        BIO_free(bio);
    }

    if (key == NULL) {
        (void) xr_fail(err, XR_INVALID, 0, encrypted
                       ? "the private key is encrypted"
                       : "not a private key in PEM");
    }

    ERR_clear_error();

    return key;
}


static xr_rc_t
xr_crypto_sign_curve(const EVP_PKEY *key, xr_pubkey_kind_t *kind,
    xr_err_t *err)
{
    char    group[64];
    size_t  i;

    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                       sizeof(group), NULL)
        == 1)
    {
        for (i = 0; i < XR_COUNT(xr_crypto_sign_curves); i++) {

            if (strcmp(group, xr_crypto_sign_curves[i].group) == 0) {
                *kind = xr_crypto_sign_curves[i].kind;
                return XR_OK;
            }
        }
    }

    return xr_fail(err, XR_INVALID, 0, "a curve that is none of P-256, P-384 "
                   "and P-521");
}


static xr_rc_t
xr_crypto_sign_what(const EVP_PKEY *key, xr_pubkey_kind_t *kind,
    xr_err_t *err)
{
    switch (EVP_PKEY_get_base_id(key)) {

    case EVP_PKEY_RSA:

        if (EVP_PKEY_get_bits(key) < XR_RSA_MIN_BITS
            || EVP_PKEY_get_bits(key) > XR_RSA_MAX_BITS)
        {
            return xr_fail(err, XR_DENIED, 0,
                           "RSA with less than 2048 or more than 4096 bits");
        }

        *kind = XR_PUBKEY_RSA;
        return XR_OK;

    case EVP_PKEY_EC:
        return xr_crypto_sign_curve(key, kind, err);

    case EVP_PKEY_ED25519:
        *kind = XR_PUBKEY_ED25519;
        return XR_OK;

    default:
        return xr_fail(err, XR_INVALID, 0,
                       "a key that is neither RSA, ECDSA nor Ed25519");
    }
}


xr_rc_t
xr_crypto_sign_kind(xr_str_t pem, xr_pubkey_kind_t *kind, xr_err_t *err)
{
    xr_rc_t    rc;
    EVP_PKEY  *key;

    key = xr_crypto_sign_read(pem, err);

    if (key == NULL) {
        return XR_INVALID;
    }

    rc = xr_crypto_sign_what(key, kind, err);

    EVP_PKEY_free(key);

    return rc;
}


static const EVP_MD *
xr_crypto_sign_md(xr_hash_t hash)
{
    switch (hash) {

    case XR_SHA1:
        return EVP_sha1();

    case XR_SHA256:
        return EVP_sha256();

    case XR_SHA384:
        return EVP_sha384();

    default: /* XR_SHA512 */
        return EVP_sha512();
    }
}


static xr_rc_t
xr_crypto_sign_make(EVP_PKEY *key, const EVP_MD *hash, xr_str_t in,
    uint8_t *out, size_t *len, xr_err_t *err)
{
    bool         ok;
    size_t       n;
    EVP_MD_CTX  *md;

    n = *len;
    md = EVP_MD_CTX_new();

    ok = md != NULL
         && EVP_DigestSignInit(md, NULL, hash, NULL, key) == 1
         && EVP_DigestSign(md, out, &n, in.data, in.len) == 1;

    EVP_MD_CTX_free(md);
    ERR_clear_error();

    if (!ok) {
        return xr_fail(err, XR_ERROR, 0, "the signature cannot be made");
    }

    *len = n;

    return XR_OK;
}


xr_rc_t
xr_crypto_sign(xr_str_t pem, xr_hash_t hash, xr_str_t in,
    uint8_t out[XR_CRYPTO_SIGN_MAX_SIZE], size_t *len, xr_err_t *err)
{
    xr_rc_t            rc;
    EVP_PKEY          *key;
    xr_pubkey_kind_t   kind;

    key = xr_crypto_sign_read(pem, err);

    if (key == NULL) {
        return XR_INVALID;
    }

    rc = xr_crypto_sign_what(key, &kind, err);

    if (rc == XR_OK && kind == XR_PUBKEY_ED25519) {
        rc = xr_fail(err, XR_INVALID, 0, "Ed25519 signs messages, not hashes");
    }

    if (rc == XR_OK) {
        *len = XR_CRYPTO_SIGN_MAX_SIZE;
        rc = xr_crypto_sign_make(key, xr_crypto_sign_md(hash), in, out, len,
                                 err);
    }

    EVP_PKEY_free(key);

    return rc;
}


xr_rc_t
xr_crypto_sign_message(xr_str_t pem, xr_str_t in,
    uint8_t out[XR_CRYPTO_ED25519_SIZE], xr_err_t *err)
{
    size_t             len;
    xr_rc_t            rc;
    EVP_PKEY          *key;
    xr_pubkey_kind_t   kind;

    key = xr_crypto_sign_read(pem, err);

    if (key == NULL) {
        return XR_INVALID;
    }

    rc = xr_crypto_sign_what(key, &kind, err);

    if (rc == XR_OK && kind != XR_PUBKEY_ED25519) {
        rc = xr_fail(err, XR_INVALID, 0, "not a key of Ed25519");
    }

    if (rc == XR_OK) {
        len = XR_CRYPTO_ED25519_SIZE;
        rc = xr_crypto_sign_make(key, NULL, in, out, &len, err);
    }

    EVP_PKEY_free(key);

    return rc;
}
