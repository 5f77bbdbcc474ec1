/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_ARENA_H
#define XRW_ARENA_H


#include "xr.h"


/*
 * Memory that lives as long as a command, or one file of it.  A program that
 * is out of memory has nothing better to do than to say so and end, so the
 * calls below never return NULL.
 */

typedef struct xrw_block_s  xrw_block_t;

typedef struct {
    xrw_block_t  *blocks;
} xrw_arena_t;


/* Zeroed. */
void *xrw_alloc(xrw_arena_t *arena, size_t size);

char *xrw_format(xrw_arena_t *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A NUL-terminated copy. */
char *xrw_text(xrw_arena_t *arena, xr_str_t s);

/* For the calls of libxr that keep what they build. */
xr_mem_t xrw_mem(xrw_arena_t *arena);

/* All memory of "from" is "to"'s from now on. */
void xrw_arena_move(xrw_arena_t *to, xrw_arena_t *from);

/* Wipes: what is built from a secret may be one. */
void xrw_arena_free(xrw_arena_t *arena);


#endif /* XRW_ARENA_H */
