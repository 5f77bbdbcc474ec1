/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PACK_TOOL_H
#define XRW_PACK_TOOL_H


#include "arena.h"


/*
 * The program that makes textures, in "tools": textures.mjs and what it
 * needs.  It works in the current folder.
 */

bool xrw_tool_there(xrw_arena_t *arena, const char *tools);

/*
 * Runs it; NULL, or why it did not do its work.  "*damaged": it is an image
 * that is at fault.
 */
const char *xrw_tool_run(xrw_arena_t *arena, const char *tools,
    bool *damaged);


#endif /* XRW_PACK_TOOL_H */
