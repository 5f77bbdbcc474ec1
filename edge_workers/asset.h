/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_ASSET_H
#define XRW_ASSET_H


#include "arena.h"


/*
 * Whether the file "fd" of "size" bytes is what "key" says it is: its header,
 * and of glTF the JSON too.  NULL, or what is wrong.
 */
const char *xrw_asset_check(xrw_arena_t *arena, int fd, uint64_t size,
    const char *key);


#endif /* XRW_ASSET_H */
