/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_JWK_H
#define XR_JWK_H


#include "xr_keyset_add.h"


/* One JSON Web Key, RFC 7517 section 4, for the reader of sets. */

typedef enum {
    XR_JWK_KTY = 0,
    XR_JWK_USE,
    XR_JWK_KEY_OPS,
    XR_JWK_ALG,
    XR_JWK_KID,
    XR_JWK_CRV,
    XR_JWK_X,
    XR_JWK_Y,
    XR_JWK_N,
    XR_JWK_E,
    XR_JWK_K,
    XR_JWK_FIELDS
} xr_jwk_field_t;


typedef struct xr_jwk_type_s  xr_jwk_type_t;

typedef struct {
    xr_json_t             self;
    xr_json_t             fields[XR_JWK_FIELDS];    /* raw.data NULL: none */

    const char           *what;         /* why it is left out */
    xr_json_t             at;           /* what that is about */

    const xr_jwk_type_t  *type;
    xr_alg_t              alg;
    xr_str_t              id;
    xr_str_t              secret;       /* or else ... */
    xr_pubkey_t           pub;          /* ... this, in "memory" */
    size_t                len;          /* of what is in it */
    uint8_t               memory[XR_PUBKEY_MAX_SIZE];
    uint8_t               id_memory[XR_KEY_ID_MAX_SIZE];
} xr_jwk_t;


/* Which member a name is; XR_JWK_FIELDS: none that matters. */
xr_jwk_field_t xr_jwk_field(const xr_json_t *name);

/* Whether a member of this name belongs into private keys only. */
bool xr_jwk_private(const xr_json_t *name);

/*
 * Reads "self" and "fields" into what is below "at".  XR_DENIED: the key is
 * to be left out; XR_ERROR.  Both set "what" and "at".
 */
xr_rc_t xr_jwk_read(xr_jwk_t *k);


#endif /* XR_JWK_H */
