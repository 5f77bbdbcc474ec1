/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * A saved SHA-2 state is restored for each message.  EVP's contexts allocate
 * for each message and cannot be saved, so the plain states are used, for
 * which OpenSSL 3 has no other names than the deprecated ones.
 */

#define OPENSSL_SUPPRESS_DEPRECATED

#include "xr_crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <limits.h>
#include <string.h>


#define XR_CRYPTO_MAX_BLOCK  128        /* of SHA-512, RFC 2104's B */


typedef union {
    SHA_CTX     sha1;
    SHA256_CTX  sha256;
    SHA512_CTX  sha512;                 /* SHA-384, too */
} xr_crypto_md_t;


static bool
xr_crypto_start(xr_crypto_md_t *md, xr_hash_t hash)
{
    switch (hash) {

    case XR_SHA1:
        return SHA1_Init(&md->sha1) == 1;

    case XR_SHA256:
        return SHA256_Init(&md->sha256) == 1;

    case XR_SHA384:
        return SHA384_Init(&md->sha512) == 1;

    case XR_SHA512:
        return SHA512_Init(&md->sha512) == 1;

    default:
        return false;
    }
}


static bool
xr_crypto_update(xr_crypto_md_t *md, xr_hash_t hash, const xr_str_t *parts,
    size_t n)
{
    int     ok;
    size_t  i;

    ok = 1;

    for (i = 0; i < n && ok == 1; i++) {

        switch (hash) {

        case XR_SHA1:
            ok = SHA1_Update(&md->sha1, parts[i].data, parts[i].len);
            break;

        case XR_SHA256:
            ok = SHA256_Update(&md->sha256, parts[i].data, parts[i].len);
            break;

        default: /* XR_SHA384, XR_SHA512 */
            ok = SHA512_Update(&md->sha512, parts[i].data, parts[i].len);
            break;
        }
    }

    return ok == 1;
}


static bool
xr_crypto_end(xr_crypto_md_t *md, xr_hash_t hash,
    uint8_t out[XR_HASH_MAX_SIZE])
{
    switch (hash) {

    case XR_SHA1:
        return SHA1_Final(out, &md->sha1) == 1;

    case XR_SHA256:
        return SHA256_Final(out, &md->sha256) == 1;

    default: /* the state knows which of the two it is */
        return SHA512_Final(out, &md->sha512) == 1;
    }
}


size_t
xr_hash_size(xr_hash_t hash)
{
    switch (hash) {

    case XR_SHA1:
        return SHA_DIGEST_LENGTH;

    case XR_SHA256:
        return SHA256_DIGEST_LENGTH;

    case XR_SHA384:
        return SHA384_DIGEST_LENGTH;

    case XR_SHA512:
        return SHA512_DIGEST_LENGTH;

    default:
        return 0;
    }
}


xr_rc_t
xr_hash(xr_hash_t hash, const xr_str_t *parts, size_t n,
    uint8_t out[XR_HASH_MAX_SIZE])
{
    xr_crypto_md_t  md;

    if (!xr_crypto_start(&md, hash)
        || !xr_crypto_update(&md, hash, parts, n)
        || !xr_crypto_end(&md, hash, out))
    {
        return XR_ERROR;
    }

    return XR_OK;
}


xr_rc_t
xr_sha256(xr_str_t in, uint8_t out[XR_SHA256_SIZE])
{
    SHA256_CTX  ctx;

    if (SHA256_Init(&ctx) != 1
        || SHA256_Update(&ctx, in.data, in.len) != 1
        || SHA256_Final(out, &ctx) != 1)
    {
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


static size_t
xr_hmac_block(xr_hash_t hash)
{
    return (hash == XR_SHA256) ? SHA256_CBLOCK : SHA512_CBLOCK;
}


/* A state that has taken in the key, XORed with RFC 2104's ipad or opad. */

static bool
xr_hmac_save(xr_hash_t hash, const uint8_t key[XR_CRYPTO_MAX_BLOCK],
    uint8_t pad, uint64_t state[8])
{
    bool            ok;
    size_t          i;
    uint8_t         block[XR_CRYPTO_MAX_BLOCK];
    xr_str_t        in;
    xr_crypto_md_t  md;

    for (i = 0; i < sizeof(block); i++) {
        block[i] = key[i] ^ pad;
    }

    in = xr_str_of(block, xr_hmac_block(hash));

    ok = xr_crypto_start(&md, hash) && xr_crypto_update(&md, hash, &in, 1);

    if (ok && hash == XR_SHA256) {
        memcpy(state, md.sha256.h, sizeof(md.sha256.h));

    } else if (ok) {
        memcpy(state, md.sha512.h, sizeof(md.sha512.h));
    }

    xr_wipe(block, sizeof(block));
    xr_wipe(&md, sizeof(md));

    return ok;
}


/* As it was after one block, of which it has to know the length in bits. */

static void
xr_hmac_restore(xr_crypto_md_t *md, xr_hash_t hash, const uint64_t state[8])
{
    if (hash == XR_SHA256) {
        memcpy(md->sha256.h, state, sizeof(md->sha256.h));
        md->sha256.Nl = SHA256_CBLOCK * CHAR_BIT;
        md->sha256.Nh = 0;
        md->sha256.num = 0;
        md->sha256.md_len = SHA256_DIGEST_LENGTH;

    } else {
        memcpy(md->sha512.h, state, sizeof(md->sha512.h));
        md->sha512.Nl = SHA512_CBLOCK * CHAR_BIT;
        md->sha512.Nh = 0;
        md->sha512.num = 0;
        md->sha512.md_len = (unsigned) xr_hash_size(hash);
    }
}


xr_rc_t
xr_hmac_init(xr_hmac_t *hmac, xr_hash_t hash, xr_str_t key)
{
    bool     ok;
    uint8_t  block[XR_CRYPTO_MAX_BLOCK];

    if (hash != XR_SHA256 && hash != XR_SHA384 && hash != XR_SHA512) {
        return XR_ERROR;
    }

    memset(hmac, 0, sizeof(xr_hmac_t));
    memset(block, 0, sizeof(block));
    ok = true;

    if (key.len > xr_hmac_block(hash)) {
        ok = xr_hash(hash, &key, 1, block) == XR_OK;

    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }

    ok = ok && xr_hmac_save(hash, block, 0x36, hmac->inner)
         && xr_hmac_save(hash, block, 0x5c, hmac->outer);

    xr_wipe(block, sizeof(block));

    return ok ? XR_OK : XR_ERROR;
}


/* The highest byte first. */

static void
xr_hmac_put(uint8_t *p, uint32_t word)
{
    p[0] = (uint8_t) (word >> 24);
    p[1] = (uint8_t) (word >> 16);
    p[2] = (uint8_t) (word >> 8);
    p[3] = (uint8_t) word;
}


/*
 * What the outer hash still has to take in is one block: the inner digest and
 * the padding of FIPS 180-4, section 5.1, with the length in bits at its end.
 */

static void
xr_hmac_finish(const xr_hmac_t *hmac, xr_hash_t hash, const uint8_t *digest,
    uint8_t out[XR_HASH_MAX_SIZE])
{
    size_t          i, size, len, bits;
    uint8_t         block[XR_CRYPTO_MAX_BLOCK];
    xr_crypto_md_t  md;

    size = xr_hmac_block(hash);
    len = xr_hash_size(hash);
    bits = (size + len) * CHAR_BIT;

    memset(block, 0, sizeof(block));
    memcpy(block, digest, len);

    block[len] = 0x80;
    block[size - 2] = (uint8_t) (bits >> 8);
    block[size - 1] = (uint8_t) bits;

    if (hash == XR_SHA256) {
        memcpy(md.sha256.h, hmac->outer, sizeof(md.sha256.h));
        SHA256_Transform(&md.sha256, block);

        for (i = 0; i < len / 4; i++) {
            xr_hmac_put(out + 4 * i, md.sha256.h[i]);
        }

        return;
    }

    memcpy(md.sha512.h, hmac->outer, sizeof(md.sha512.h));
    SHA512_Transform(&md.sha512, block);

    for (i = 0; i < len / 8; i++) {
        xr_hmac_put(out + 8 * i, (uint32_t) (md.sha512.h[i] >> 32));
        xr_hmac_put(out + 8 * i + 4, (uint32_t) md.sha512.h[i]);
    }
}


xr_rc_t
xr_hmac_sign(const xr_hmac_t *hmac, xr_hash_t hash, const xr_str_t *parts,
    size_t n, uint8_t out[XR_HASH_MAX_SIZE])
{
    uint8_t         digest[XR_HASH_MAX_SIZE];
    xr_crypto_md_t  md;

    if (hash == XR_SHA1 || xr_hash_size(hash) == 0) {
        return XR_ERROR;
    }

    xr_hmac_restore(&md, hash, hmac->inner);

    if (!xr_crypto_update(&md, hash, parts, n)
        || !xr_crypto_end(&md, hash, digest))
    {
        return XR_ERROR;
    }

    xr_hmac_finish(hmac, hash, digest, out);

    return XR_OK;
}


xr_rc_t
xr_hmac_sha256(xr_str_t key, xr_str_t in, uint8_t out[XR_SHA256_SIZE])
{
    xr_rc_t    rc;
    uint8_t    mac[XR_HASH_MAX_SIZE];
    xr_hmac_t  hmac;

    rc = xr_hmac_init(&hmac, XR_SHA256, key);

    if (rc == XR_OK) {
        rc = xr_hmac_sign(&hmac, XR_SHA256, &in, 1, mac);
    }

    if (rc == XR_OK) {
        memcpy(out, mac, XR_SHA256_SIZE);
    }

    xr_wipe(&hmac, sizeof(hmac));
    xr_wipe(mac, sizeof(mac));

    return rc;
}


xr_rc_t
xr_random(void *out, size_t len)
{
    if (len > INT_MAX || RAND_priv_bytes(out, (int) len) != 1) {
        return XR_ERROR;
    }

    return XR_OK;
}


/* The same number, but the compiler cannot know what it is. */

static inline uint64_t
xr_crypto_opaque(uint64_t n)
{
    __asm__ volatile ("" : "+r" (n));

    return n;
}


/* As CRYPTO_memcmp(), but not byte by byte: what differs is only gathered. */

bool
xr_equal(const void *a, const void *b, size_t len)
{
    size_t          i;
    uint64_t        v, w, differ;
    const uint8_t  *p, *q;

    p = a;
    q = b;
    differ = 0;

    for (i = 0; len - i >= sizeof(v); i += sizeof(v)) {
        memcpy(&v, p + i, sizeof(v));
        memcpy(&w, q + i, sizeof(w));
        differ = xr_crypto_opaque(differ | (v ^ w));
    }

    for ( /* void */ ; i < len; i++) {
        differ = xr_crypto_opaque(differ | (uint8_t) (p[i] ^ q[i]));
    }

    return differ == 0;
}


void
xr_wipe(void *p, size_t len)
{
    if (len > 0) {
        OPENSSL_cleanse(p, len);
    }
}
