/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_TOKEN_H
#define XRW_TOKEN_H


#include "keys.h"
#include "target.h"


/* Where the "xr token" commands take their key from. */

typedef struct {
    const char  *file;
    const char  *hex;
    const char  *tenant;
    const char  *config;
} xrw_token_key_t;

#define XRW_TOKEN_KEY_OPTIONS  4

size_t xrw_token_key_options(xrw_token_key_t *key, xrw_option_t *options);

/*
 * Reads the keys: --key-hex, --key, the tenant's, XR_EDGEAUTH_KEY.  A tenant
 * also sets "*base", where it is not set already and not NULL.  XRW_OK, or
 * what to exit with; the set is to be released after XRW_OK only.
 */
int xrw_token_key(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_token_key_t *key, xr_keyset_t *set, const char **base);


#endif /* XRW_TOKEN_H */
