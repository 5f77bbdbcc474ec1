/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <limits.h>
#include <string.h>


#define XR_CRYPTO_BLOCK_SIZE  64        /* of SHA-256, RFC 2104's B */


struct xr_hmac_s {
    EVP_MD      *md;
    EVP_MD_CTX  *inner;
    EVP_MD_CTX  *outer;
    EVP_MD_CTX  *scratch;
};


xr_rc_t
xr_sha256(xr_str_t in, uint8_t out[XR_SHA256_SIZE])
{
    if (EVP_Digest(in.data, in.len, out, NULL, EVP_sha256(), NULL) != 1) {
        return XR_ERROR;
    }

    return XR_OK;
}


xr_rc_t
xr_md5(xr_str_t in, uint8_t out[XR_MD5_SIZE])
{
    if (EVP_Digest(in.data, in.len, out, NULL, EVP_md5(), NULL) != 1) {
        return XR_ERROR;
    }

    return XR_OK;
}


xr_rc_t
xr_hmac_sha256(xr_str_t key, xr_str_t in, uint8_t out[XR_SHA256_SIZE])
{
    if (key.len > INT_MAX) {
        return XR_ERROR;
    }

    if (HMAC(EVP_sha256(), key.data, (int) key.len, in.data, in.len, out, NULL)
        == NULL)
    {
        return XR_ERROR;
    }

    return XR_OK;
}


/* A state that has taken in the key, XORed with RFC 2104's ipad or opad. */

static EVP_MD_CTX *
xr_crypto_keyed(const EVP_MD *md, const uint8_t key[XR_CRYPTO_BLOCK_SIZE],
    uint8_t pad)
{
    size_t       i;
    uint8_t      block[XR_CRYPTO_BLOCK_SIZE];
    EVP_MD_CTX  *ctx;

    for (i = 0; i < sizeof(block); i++) {
        block[i] = key[i] ^ pad;
    }

    ctx = EVP_MD_CTX_new();

    if (ctx != NULL
        && (EVP_DigestInit_ex2(ctx, md, NULL) != 1
            || EVP_DigestUpdate(ctx, block, sizeof(block)) != 1))
    {
        EVP_MD_CTX_free(ctx);
        ctx = NULL;
    }

    xr_wipe(block, sizeof(block));

    return ctx;
}


xr_hmac_t *
xr_hmac_create(xr_str_t key)
{
    xr_rc_t     rc;
    uint8_t     block[XR_CRYPTO_BLOCK_SIZE];
    xr_hmac_t  *hmac;

    hmac = OPENSSL_zalloc(sizeof(xr_hmac_t));

    if (hmac == NULL) {
        return NULL;
    }

    memset(block, 0, sizeof(block));
    rc = XR_OK;

    if (key.len > sizeof(block)) {
        rc = xr_sha256(key, block);

    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }

    /* fetched here, as EVP_sha256() would be looked up for each message */

    hmac->md = EVP_MD_fetch(NULL, "SHA256", NULL);

    if (rc == XR_OK && hmac->md != NULL) {
        hmac->inner = xr_crypto_keyed(hmac->md, block, 0x36);
        hmac->outer = xr_crypto_keyed(hmac->md, block, 0x5c);
        hmac->scratch = EVP_MD_CTX_new();
    }

    xr_wipe(block, sizeof(block));

    if (hmac->inner == NULL || hmac->outer == NULL || hmac->scratch == NULL) {
        xr_hmac_free(hmac);
        return NULL;
    }

    return hmac;
}


void
xr_hmac_free(xr_hmac_t *hmac)
{
    if (hmac == NULL) {
        return;
    }

    /* the library cleanses the states as it frees them */

    EVP_MD_CTX_free(hmac->inner);
    EVP_MD_CTX_free(hmac->outer);
    EVP_MD_CTX_free(hmac->scratch);
    EVP_MD_free(hmac->md);

    OPENSSL_clear_free(hmac, sizeof(xr_hmac_t));
}


xr_rc_t
xr_hmac_sign(xr_hmac_t *hmac, const xr_str_t *parts, size_t n,
    uint8_t out[XR_SHA256_SIZE])
{
    size_t   i;
    uint8_t  digest[XR_SHA256_SIZE];

    if (EVP_MD_CTX_copy_ex(hmac->scratch, hmac->inner) != 1) {
        return XR_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (EVP_DigestUpdate(hmac->scratch, parts[i].data, parts[i].len) != 1)
        {
            return XR_ERROR;
        }
    }

    if (EVP_DigestFinal_ex(hmac->scratch, digest, NULL) != 1
        || EVP_MD_CTX_copy_ex(hmac->scratch, hmac->outer) != 1
        || EVP_DigestUpdate(hmac->scratch, digest, sizeof(digest)) != 1
        || EVP_DigestFinal_ex(hmac->scratch, out, NULL) != 1)
    {
        return XR_ERROR;
    }

    return XR_OK;
}


bool
xr_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}


void
xr_wipe(void *p, size_t len)
{
    if (len > 0) {
        OPENSSL_cleanse(p, len);
    }
}
