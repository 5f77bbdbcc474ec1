/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_KEYSET_H
#define XR_KEYSET_H


#include "xr.h"
#include "xr_crypto.h"


/*
 * The signing keys of one tenant, read from a key file:
 *
 *     # comment
 *     2026-11  5f0c...e1        key id, then the key in hexadecimal
 *     aa94...07                 an id is optional
 *
 * Any listed key verifies, so that keys can be rotated with an overlap; the
 * first one is the one that signers should use.
 */

#define XR_KEYSET_MAX       16          /* keys in a file */
#define XR_KEY_MIN_SIZE     16          /* bytes */
#define XR_KEY_MAX_SIZE     64
#define XR_KEY_ID_MAX_SIZE  64          /* [A-Za-z0-9._-] */


typedef struct {
    xr_str_t    id;                         /* may be empty */
    xr_hmac_t  *hmac;
    uint8_t     digest[XR_SHA256_SIZE];     /* of the key: to compare keys */
} xr_key_t;


typedef struct {
    size_t     n;
    xr_key_t   keys[XR_KEYSET_MAX];
} xr_keyset_t;


/*
 * Reads the text of a key file.  Ids are copied into "mem"; the HMAC states
 * belong to the set and are released by xr_keyset_free().  Refuses bad hex,
 * keys outside the size limits, the same key or id twice, no key at all and
 * too many; err->pos is an offset into "text".  On failure the set is empty.
 */
xr_rc_t xr_keyset_parse(xr_str_t text, const xr_mem_t *mem,
    xr_keyset_t *set, xr_err_t *err);

void xr_keyset_free(xr_keyset_t *set);


#endif /* XR_KEYSET_H */
