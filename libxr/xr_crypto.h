/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_CRYPTO_H
#define XR_CRYPTO_H


#include "xr.h"


/* The only door to the cryptographic library: nothing else includes it. */

#define XR_SHA256_SIZE  32
#define XR_MD5_SIZE     16


xr_rc_t xr_sha256(xr_str_t in, uint8_t out[XR_SHA256_SIZE]);

/* For the ETags of S3 and nothing else: MD5 protects nothing. */
xr_rc_t xr_md5(xr_str_t in, uint8_t out[XR_MD5_SIZE]);

/* One HMAC-SHA256 (RFC 2104) with a key that is used once; any key length. */
xr_rc_t xr_hmac_sha256(xr_str_t key, xr_str_t in,
    uint8_t out[XR_SHA256_SIZE]);


typedef enum {
    XR_SHA1 = 1,                    /* CloudFront's default, and nothing else */
    XR_SHA256,
    XR_SHA384,
    XR_SHA512
} xr_hash_t;

#define XR_HASH_MAX_SIZE  64

size_t xr_hash_size(xr_hash_t hash);

/* The digest of the concatenation of "n" parts. */
xr_rc_t xr_hash(xr_hash_t hash, const xr_str_t *parts, size_t n,
    uint8_t out[XR_HASH_MAX_SIZE]);


/*
 * A key that signs many messages: the inner and outer states are computed
 * once, so a message costs no set-up and no allocation.  Plain data: it may
 * be copied, stored and mapped elsewhere, and is as secret as its key.
 */

typedef struct {
    uint64_t  inner[8];
    uint64_t  outer[8];
} xr_hmac_t;

/* Any key length; "hash" is not XR_SHA1. */
xr_rc_t xr_hmac_init(xr_hmac_t *hmac, xr_hash_t hash, xr_str_t key);

/* The MAC of the concatenation of "n" parts: xr_hash_size(hash) bytes. */
xr_rc_t xr_hmac_sign(const xr_hmac_t *hmac, xr_hash_t hash,
    const xr_str_t *parts, size_t n, uint8_t out[XR_HASH_MAX_SIZE]);


/*
 * Public keys as numbers.  Reading one from PEM, and all checks, happen when
 * a key is loaded; a request never parses a key.
 */

typedef enum {
    XR_PUBKEY_RSA = 1,
    XR_PUBKEY_P256,
    XR_PUBKEY_P384,
    XR_PUBKEY_P521,
    XR_PUBKEY_ED25519
} xr_pubkey_kind_t;

#define XR_RSA_MIN_BITS   2048
#define XR_RSA_MAX_BITS   4096
#define XR_PUBKEY_MAX_SIZE  (XR_RSA_MAX_BITS / 8 + 8)

typedef struct {
    xr_pubkey_kind_t  kind;
    xr_str_t          n;            /* RSA: the modulus, big-endian, no zeros
                                       in front; ECDSA: X then Y, each of full
                                       length; Ed25519: the 32 bytes */
    xr_str_t          e;            /* RSA: the exponent; otherwise empty */
} xr_pubkey_t;

/*
 * Refuses RSA outside XR_RSA_MIN_BITS to XR_RSA_MAX_BITS, an even modulus, an
 * exponent that is even, below 65537 or longer than 8 bytes; a point that is
 * not on its curve; wrong lengths.  XR_DENIED: well formed, but too weak.
 */
xr_rc_t xr_pubkey_check(const xr_pubkey_t *key, xr_err_t *err);

/*
 * Reads one PEM block, "PUBLIC KEY" or "RSA PUBLIC KEY", into "memory" and
 * checks it.  Private keys, certificates and further blocks are refused by
 * name.
 */
xr_rc_t xr_pubkey_pem(xr_str_t text, uint8_t memory[XR_PUBKEY_MAX_SIZE],
    xr_pubkey_t *out, xr_err_t *err);


typedef enum {
    XR_SIGNATURE_RSA_PKCS1 = 1,
    XR_SIGNATURE_RSA_PSS,           /* salt as long as the digest */
    XR_SIGNATURE_ECDSA_RAW,         /* r then s, RFC 7518 section 3.4 */
    XR_SIGNATURE_ECDSA_DER,         /* strict DER */
    XR_SIGNATURE_EDDSA              /* hash is 0, "in" is the message */
} xr_signature_t;

/*
 * A public key ready for use.  Making one from its numbers takes 10 to 25 us;
 * it is kept and belongs to one thread.
 */

typedef struct xr_verifier_s  xr_verifier_t;

/* NULL: out of memory, or the scheme does not go with the key. */
xr_verifier_t *xr_verifier_create(const xr_pubkey_t *key,
    xr_signature_t scheme, xr_hash_t hash);
void xr_verifier_free(xr_verifier_t *v);        /* NULL is allowed */

/* "in" is the digest by the verifier's hash.  XR_OK, or XR_DENIED. */
xr_rc_t xr_verifier_check(xr_verifier_t *v, xr_str_t in, xr_str_t signature);


/*
 * Signing, for the program that makes tokens: an edge verifies only.  "pem" is
 * a private key that is not encrypted, of a kind and size that verifiers take.
 */

#define XR_CRYPTO_SIGN_MAX_SIZE  (XR_RSA_MAX_BITS / 8)

xr_rc_t xr_crypto_sign_kind(xr_str_t pem, xr_pubkey_kind_t *kind,
    xr_err_t *err);

/* RSA by PKCS #1, P-256, P-384 and P-521 in DER; no other kind. */
xr_rc_t xr_crypto_sign(xr_str_t pem, xr_hash_t hash, xr_str_t in,
    uint8_t out[XR_CRYPTO_SIGN_MAX_SIZE], size_t *len, xr_err_t *err);


/* Ed25519 signs messages, not hashes; no other kind of key. */

#define XR_CRYPTO_ED25519_SIZE  64

xr_rc_t xr_crypto_sign_message(xr_str_t pem, xr_str_t in,
    uint8_t out[XR_CRYPTO_ED25519_SIZE], xr_err_t *err);


/*
 * SipHash-2-4 with 128 bits of result (a keyed hash that nobody can aim at
 * without the key) over the concatenation of "n" parts.
 */

#define XR_SIPHASH_KEY_SIZE  16
#define XR_SIPHASH_SIZE      16

void xr_siphash(const uint8_t key[XR_SIPHASH_KEY_SIZE], const xr_str_t *parts,
    size_t n, uint8_t out[XR_SIPHASH_SIZE]);

/*
 * The first 64 bits of it, as a number: of "head", which says what the value
 * is one of, and of the value.
 */
uint64_t xr_siphash_64(const uint8_t key[XR_SIPHASH_KEY_SIZE], uint64_t head,
    xr_str_t value);

/*
 * Each bit depends on all of "n".  Of a sum of keyed hashes, which nobody
 * outside knows, it is as good as a hash of what they are of.
 */
static inline uint64_t
xr_mix64(uint64_t n)
{
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9u;
    n = (n ^ n >> 27) * 0x94d049bb133111ebu;

    return n ^ n >> 31;
}


/* Bytes that nobody can guess. */
xr_rc_t xr_random(void *out, size_t len);


/* Compares in a time that depends on "len" only. */
bool xr_equal(const void *a, const void *b, size_t len);

/* Clears secrets so that the compiler cannot drop the write. */
void xr_wipe(void *p, size_t len);


#endif /* XR_CRYPTO_H */
