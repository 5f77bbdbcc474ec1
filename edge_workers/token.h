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

/* "file" is the help of --key. */
size_t xrw_token_key_options(xrw_token_key_t *key, const char *file,
    xrw_option_t *options);

/*
 * What the configuration says of --tenant; nothing where there is none.
 * XRW_OK, or what to exit with; the same holds below.
 */
int xrw_token_tenant(xrw_arena_t *arena, const xrw_token_key_t *key,
    xrw_tenant_t *out);

/*
 * Adds EdgeAuth keys to a set: those of --key-hex, --key or the tenant, the
 * first that is given; or the one of XR_EDGEAUTH_KEY.
 */
int xrw_token_key(xrw_arena_t *arena, const xrw_token_key_t *key,
    const xrw_tenant_t *tenant, xr_keyset_t *set);
int xrw_token_environment(xrw_arena_t *arena, xr_keyset_t *set);


#endif /* XRW_TOKEN_H */
