/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * A saved SHA-256 state is copied for each message.  EVP's copy allocates
 * twice, wipes twice and costs a third more, so the plain state is used, for
 * which OpenSSL 3 has no other name than the deprecated one.
 */

#define OPENSSL_SUPPRESS_DEPRECATED

#include "xr_crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <limits.h>
#include <string.h>


#define XR_CRYPTO_BLOCK_SIZE  64        /* of SHA-256, RFC 2104's B */


struct xr_hmac_s {
    SHA256_CTX  inner;
    SHA256_CTX  outer;
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

static bool
xr_crypto_keyed(SHA256_CTX *ctx, const uint8_t key[XR_CRYPTO_BLOCK_SIZE],
    uint8_t pad)
{
    bool     ok;
    size_t   i;
    uint8_t  block[XR_CRYPTO_BLOCK_SIZE];

    for (i = 0; i < sizeof(block); i++) {
        block[i] = key[i] ^ pad;
    }

    ok = SHA256_Init(ctx) == 1
         && SHA256_Update(ctx, block, sizeof(block)) == 1;

    xr_wipe(block, sizeof(block));

    return ok;
}


xr_hmac_t *
xr_hmac_create(xr_str_t key)
{
    bool        ok;
    uint8_t     block[XR_CRYPTO_BLOCK_SIZE];
    xr_hmac_t  *hmac;

    hmac = OPENSSL_zalloc(sizeof(xr_hmac_t));

    if (hmac == NULL) {
        return NULL;
    }

    memset(block, 0, sizeof(block));
    ok = true;

    if (key.len > sizeof(block)) {
        ok = xr_sha256(key, block) == XR_OK;

    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }

    ok = ok && xr_crypto_keyed(&hmac->inner, block, 0x36)
         && xr_crypto_keyed(&hmac->outer, block, 0x5c);

    xr_wipe(block, sizeof(block));

    if (!ok) {
        xr_hmac_free(hmac);
        return NULL;
    }

    return hmac;
}


void
xr_hmac_free(xr_hmac_t *hmac)
{
    if (hmac != NULL) {
        OPENSSL_clear_free(hmac, sizeof(xr_hmac_t));
    }
}


xr_rc_t
xr_hmac_sign(const xr_hmac_t *hmac, const xr_str_t *parts, size_t n,
    uint8_t out[XR_SHA256_SIZE])
{
    size_t      i;
    uint8_t     digest[XR_SHA256_SIZE];
    SHA256_CTX  ctx;

    ctx = hmac->inner;

    for (i = 0; i < n; i++) {

        if (SHA256_Update(&ctx, parts[i].data, parts[i].len) != 1) {
            return XR_ERROR;
        }
    }

    if (SHA256_Final(digest, &ctx) != 1) {
        return XR_ERROR;
    }

    ctx = hmac->outer;

    if (SHA256_Update(&ctx, digest, sizeof(digest)) != 1
        || SHA256_Final(out, &ctx) != 1)
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
