/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "arena.h"
#include "cli.h"
#include "xr_crypto.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


struct xrw_block_s {
    xrw_block_t                    *next;
    size_t                          size;
    _Alignas(max_align_t) uint8_t   data[];
};


void *
xrw_alloc(xrw_arena_t *arena, size_t size)
{
    xrw_block_t  *block;

    block = (size < SIZE_MAX / 2) ? calloc(1, sizeof(xrw_block_t) + size)
                                  : NULL;

    if (block == NULL) {
        exit(xrw_error("out of memory"));
    }

    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;

    return block->data;
}


char *
xrw_format(xrw_arena_t *arena, const char *format, ...)
{
    int      n;
    char    *text;
    va_list  args;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);

    if (n < 0) {
        exit(xrw_error("text cannot be formatted"));
    }

    text = xrw_alloc(arena, (size_t) n + 1);

    va_start(args, format);
    (void) vsnprintf(text, (size_t) n + 1, format, args);
    va_end(args);

    return text;
}


char *
xrw_text(xrw_arena_t *arena, xr_str_t s)
{
    char  *text;

    text = xrw_alloc(arena, s.len + 1);

    if (s.len > 0) {
        memcpy(text, s.data, s.len);
    }

    return text;
}


static void *
xrw_arena_alloc(void *ctx, size_t size)
{
    return xrw_alloc(ctx, size);
}


xr_mem_t
xrw_mem(xrw_arena_t *arena)
{
    return (xr_mem_t) { xrw_arena_alloc, arena };
}


void
xrw_arena_move(xrw_arena_t *to, xrw_arena_t *from)
{
    xrw_block_t  **last;

    for (last = &from->blocks; *last != NULL; last = &(*last)->next) {
        /* void */
    }

    *last = to->blocks;
    to->blocks = from->blocks;
    from->blocks = NULL;
}


void
xrw_arena_free(xrw_arena_t *arena)
{
    xrw_block_t  *block;

    while (arena->blocks != NULL) {
        block = arena->blocks;
        arena->blocks = block->next;

        xr_wipe(block->data, block->size);
        free(block);
    }
}
