/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_SEAL_H
#define XR_SEAL_H


#include "xr_buf.h"
#include "xr_crypto.h"


/*
 * A signature of a tenants file, in a file of its own (docs/formats.md):
 *
 *     xr-tenants-signature 1
 *     serial 1785000000
 *     sha256 9f86d0...
 *     ed25519 base64url
 *
 * What is signed (RFC 8032, Ed25519) are the lines before the last one, line
 * ends included.  A file that takes another one's place has a higher serial.
 */

#define XR_SEAL_MAX_SERIAL      ((uint64_t) 1 << 53)
#define XR_SEAL_MAX_SIZE        256
#define XR_SEAL_SIGNATURE_SIZE  64


typedef struct {
    uint64_t  serial;                               /* at least 1 */
    uint8_t   sha256[XR_SHA256_SIZE];               /* of the tenants file */
    uint8_t   signature[XR_SEAL_SIGNATURE_SIZE];
    xr_str_t  text;                                 /* what it is of */
} xr_seal_t;


/* Strict: there is one way to write a seal.  out->text is a view. */
xr_rc_t xr_seal_parse(xr_str_t text, xr_seal_t *out, xr_err_t *err);

/*
 * XR_DENIED: the signature is not by this key; XR_INVALID: it is no key of
 * Ed25519.
 */
xr_rc_t xr_seal_check(const xr_seal_t *seal, const xr_pubkey_t *key);

/*
 * Makes one for a file; "pem" is a private key of Ed25519.  On failure err->pos
 * is 0.
 */
xr_rc_t xr_seal_make(xr_str_t file, uint64_t serial, xr_str_t pem,
    xr_buf_t *out, xr_err_t *err);


#endif /* XR_SEAL_H */
