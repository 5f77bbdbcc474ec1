/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_KEYS_H
#define XRW_KEYS_H


#include "arena.h"
#include "xr_keyset.h"


/*
 * These add keys to a set, of which the caller has zeroed the first: of a key
 * file, of a line of one, of a JWK set, and CloudFront's of "ID=FILE".  What
 * goes wrong has been reported.  The set is wiped by xr_keyset_wipe() before
 * the arena is freed.
 */

xr_rc_t xrw_keys_file(xrw_arena_t *arena, const char *path, xr_keyset_t *set);

xr_rc_t xrw_keys_hex(xrw_arena_t *arena, const char *what, const char *hex,
    xr_keyset_t *set);

/* As the two above, but keys for orders to purge. */
xr_rc_t xrw_keys_purge(xrw_arena_t *arena, const char *path, xr_keyset_t *set);
xr_rc_t xrw_keys_purge_hex(xrw_arena_t *arena, const char *what,
    const char *hex, xr_keyset_t *set);

xr_rc_t xrw_keys_jwks(xrw_arena_t *arena, const char *path, xr_keyset_t *set);

xr_rc_t xrw_keys_cloudfront(xrw_arena_t *arena, const char *pair,
    xr_keyset_t *set);


#endif /* XRW_KEYS_H */
