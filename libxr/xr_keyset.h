/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_KEYSET_H
#define XR_KEYSET_H


#include "xr.h"
#include "xr_crypto.h"
#include "xr_json.h"


/* What a key may verify; a bit each. */

typedef enum {
    XR_KIND_EDGEAUTH = 1,
    XR_KIND_JWT = 2,
    XR_KIND_CLOUDFRONT = 4,
    XR_KIND_PURGE = 8               /* orders to purge: lets no client in */
} xr_kind_t;

/* Any kind that lets a client in. */

#define XR_KIND_ANY  (XR_KIND_EDGEAUTH|XR_KIND_JWT|XR_KIND_CLOUDFRONT)

/* "edgeauth", "jwt", "cloudfront", "purge"; "" for anything else. */
xr_str_t xr_kind_name(xr_kind_t kind);


/* JOSE algorithms, RFC 7518 section 3.1 and RFC 8037.  There is no "none". */

typedef enum {
    XR_ALG_NOT_SET = 0,             /* keys of other kinds */
    XR_ALG_HS256,
    XR_ALG_HS384,
    XR_ALG_HS512,
    XR_ALG_RS256,
    XR_ALG_RS384,
    XR_ALG_RS512,
    XR_ALG_PS256,
    XR_ALG_PS384,
    XR_ALG_PS512,
    XR_ALG_ES256,
    XR_ALG_ES384,
    XR_ALG_ES512,
    XR_ALG_EDDSA,
    XR_ALG_COUNT
} xr_alg_t;

/* Exact, as RFC 7515 wants it; XR_ALG_NOT_SET when the name is not known. */
xr_alg_t xr_alg_of(xr_str_t name);
xr_str_t xr_alg_name(xr_alg_t alg);
xr_hash_t xr_alg_hash(xr_alg_t alg);            /* 0 for EdDSA */
bool xr_alg_symmetric(xr_alg_t alg);
xr_signature_t xr_alg_signature(xr_alg_t alg);  /* of asymmetric ones */

/*
 * Whether the libjwt that is loaded knows the algorithm.  What it does not
 * know is refused when keys are loaded.
 */
bool xr_alg_supported(xr_alg_t alg);


#define XR_KEYSET_MAX       32          /* keys of one tenant */
#define XR_KEY_MIN_SIZE     16          /* bytes of a symmetric one */
#define XR_KEY_MAX_SIZE     128
#define XR_KEY_ID_MAX_SIZE  256

/*
 * A key.  Bound to one kind and, for JWT, to one algorithm when it is loaded.
 * "digest" tells keys apart: SHA-256 over kind of key and key; two keys that
 * verify the same signatures have the same.
 */

typedef struct {
    xr_str_t          id;               /* may be empty; opaque bytes */
    xr_kind_t         kind;
    xr_alg_t          alg;
    uint8_t           digest[XR_SHA256_SIZE];
    const xr_hmac_t  *hmac;             /* NULL: it is a public key */
    xr_pubkey_t       pub;
} xr_key_t;


/* Keys in the order in which they were added. */

typedef struct {
    size_t    n;
    xr_key_t  keys[XR_KEYSET_MAX];
} xr_keyset_t;


/* Told of each key that is left out: an offset into the text, and why. */

typedef struct {
    void  (*note)(void *ctx, size_t pos, const char *what);
    void   *ctx;
} xr_notes_t;


/*
 * Each of these adds to "set"; memory comes from "mem", and secrets in it are
 * wiped by xr_keyset_wipe().  On failure err->pos is an offset into "text",
 * and the set is as it was.  The same key twice, the same id twice for one
 * kind, and more than XR_KEYSET_MAX keys are refused.
 */

/*
 * EdgeAuth keys, a file of lines:
 *
 *     # comment
 *     2026-11  5f0c...e1        key id, then the key in hexadecimal
 *     aa94...07                 an id is optional; [A-Za-z0-9._-]{1,64}
 *
 * Keys have XR_KEY_MIN_SIZE to 64 bytes; at least one is required.  Any of
 * them verifies, so that keys can be rotated with an overlap; the first is
 * the one that signers should use.
 */
xr_rc_t xr_keyset_edgeauth(xr_keyset_t *set, xr_str_t text,
    const xr_mem_t *mem, xr_err_t *err);

/*
 * One EdgeAuth key: "id" may be empty, "hex" is in hexadecimal.  err->pos is
 * 0 for the id, 1 for the key.
 */
xr_rc_t xr_keyset_edgeauth_key(xr_keyset_t *set, xr_str_t id, xr_str_t hex,
    const xr_mem_t *mem, xr_err_t *err);

/*
 * Keys for orders to purge, HS256: a file as above, but keys have at least
 * XR_KEY_PURGE_MIN_SIZE bytes.
 */
#define XR_KEY_PURGE_MIN_SIZE  32

xr_rc_t xr_keyset_purge(xr_keyset_t *set, xr_str_t text,
    const xr_mem_t *mem, xr_err_t *err);
xr_rc_t xr_keyset_purge_key(xr_keyset_t *set, xr_str_t id, xr_str_t hex,
    const xr_mem_t *mem, xr_err_t *err);

/*
 * JWT keys: a JWK set, RFC 7517 section 5.  A key without "alg" is bound to
 * the one that goes with it (RSA: RS256, P-256: ES256, P-384: ES384, P-521:
 * ES512, Ed25519: EdDSA); symmetric ones ("oct") must name theirs and be at
 * least as long as its digest (RFC 7518 section 3.2).
 *
 * Left out with a note: keys for encryption ("use": "enc", or "key_ops"
 * without "verify"), types, curves and algorithms that are not known or that
 * libjwt does not have, keys too weak, numbers that are malformed.  Refused
 * as a whole: what is not a JWK set, is larger than XR_JWKS_MAX_SIZE or
 * deeper than such a set is, repeats a member, a key or an id, holds private
 * material ("d", "p", ...), or leaves no key at all.
 * "notes" may be NULL.
 *
 * "jwks" is a value of the checked JSON "text", which err->pos counts into;
 * duplicate members need not have been looked for.
 */

#define XR_JWKS_MAX_SIZE  65536
#define XR_JWKS_MAX_KEYS  128       /* those that are left out included */

xr_rc_t xr_keyset_jwks(xr_keyset_t *set, xr_str_t text,
    const xr_json_t *jwks, const xr_mem_t *mem, const xr_notes_t *notes,
    xr_err_t *err);

/* As above, from the text of a file. */
xr_rc_t xr_keyset_jwks_text(xr_keyset_t *set, xr_str_t text,
    const xr_mem_t *mem, const xr_notes_t *notes, xr_err_t *err);

/*
 * One CloudFront key of a trusted key group, in PEM: RSA, or ECDSA P-256.
 * "id" is the Key-Pair-Id, 1 to 64 of [A-Za-z0-9].  err->pos counts into
 * "pem"; it is 0 for what is wrong with the id.
 */
xr_rc_t xr_keyset_cloudfront(xr_keyset_t *set, xr_str_t id, xr_str_t pem,
    const xr_mem_t *mem, xr_err_t *err);

void xr_keyset_wipe(xr_keyset_t *set);


/*
 * Public keys ready for use, made at their first use and kept, the least
 * recently used being dropped.  Belongs to one thread.
 */

typedef struct xr_verifiers_s  xr_verifiers_t;

xr_verifiers_t *xr_verifiers_create(size_t max);    /* NULL: no memory */
void xr_verifiers_free(xr_verifiers_t *v);

/*
 * By digest, scheme and hash, for use before the next call.  NULL: no memory,
 * or the scheme does not go with the key.
 */
xr_verifier_t *xr_verifiers_get(xr_verifiers_t *v, const xr_key_t *key,
    xr_signature_t scheme, xr_hash_t hash);


#endif /* XR_KEYSET_H */
