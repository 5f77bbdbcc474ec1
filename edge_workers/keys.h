/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_KEYS_H
#define XRW_KEYS_H


#include "arena.h"
#include "xr_keyset.h"


/*
 * The keys of a file or of a line of a key file.  What goes wrong has been
 * reported.  The set is released by xr_keyset_free(), ids with the arena.
 */

xr_rc_t xrw_keys_file(xrw_arena_t *arena, const char *path, xr_keyset_t *set);

xr_rc_t xrw_keys_hex(xrw_arena_t *arena, const char *what, const char *hex,
    xr_keyset_t *set);


#endif /* XRW_KEYS_H */
