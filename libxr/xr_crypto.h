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


/*
 * A key that signs many messages: the inner and outer states are computed
 * once, so a message costs no set-up and no allocation.
 */

typedef struct xr_hmac_s  xr_hmac_t;

xr_hmac_t *xr_hmac_create(xr_str_t key);        /* NULL: out of memory */
void xr_hmac_free(xr_hmac_t *hmac);             /* wipes; NULL is allowed */

/* The MAC of the concatenation of "n" parts. */
xr_rc_t xr_hmac_sign(const xr_hmac_t *hmac, const xr_str_t *parts, size_t n,
    uint8_t out[XR_SHA256_SIZE]);


/* Compares in a time that depends on "len" only. */
bool xr_equal(const void *a, const void *b, size_t len);

/* Clears secrets so that the compiler cannot drop the write. */
void xr_wipe(void *p, size_t len);


#endif /* XR_CRYPTO_H */
