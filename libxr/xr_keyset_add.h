/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_KEYSET_ADD_H
#define XR_KEYSET_ADD_H


#include "xr_keyset.h"


/*
 * What the readers of key files share.  A key that was read, as it is put
 * into a set; its views are copied.
 */

typedef struct {
    xr_str_t            id;
    xr_kind_t           kind;
    xr_alg_t            alg;            /* XR_ALG_NOT_SET: HMAC-SHA256 */
    xr_str_t            secret;         /* of a symmetric key, or empty */
    const xr_pubkey_t  *pub;            /* or else: checked */
    size_t              id_pos;         /* for errors */
    size_t              key_pos;
} xr_keyset_entry_t;


/* On failure the set is as it was. */
xr_rc_t xr_keyset_add(xr_keyset_t *set, const xr_keyset_entry_t *e,
    const xr_mem_t *mem, xr_err_t *err);

/* Takes the keys away that came after the first "n". */
void xr_keyset_cut(xr_keyset_t *set, size_t n);


#endif /* XR_KEYSET_ADD_H */
