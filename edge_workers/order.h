/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_ORDER_H
#define XRW_ORDER_H


#include "arena.h"
#include "xr_keyset.h"
#include "xr_purge_order.h"


/* Orders to purge, as they are made. */

typedef struct {
    const char         *tenant;
    const char *const  *objects;
    size_t              nobjects;
    const char *const  *prefixes;
    size_t              nprefixes;
    const char *const  *tags;
    size_t              ntags;
    bool                all;
    bool                soft;
    int64_t             now;                /* Unix time, seconds */
    int64_t             life;               /* seconds */
    const char         *id;                 /* NULL: one by chance */
} xrw_order_t;


/*
 * The order, signed by the first of "keys", with a name of its own.  Whatever
 * an edge would refuse is refused here: NULL, "*why" is what is wrong with
 * "*item", or with all of it if that is NULL.
 */
const char *xrw_order_make(xrw_arena_t *arena, const xrw_order_t *order,
    const xr_keyset_t *keys, const char **item, const char **why);


/* And as they are read; all of it is in memory of the arena. */

typedef struct {
    const char        *text;
    xr_str_t           tenant;
    xr_str_t           key_id;              /* of what signed it */
    xr_jwt_t           jwt;
    xr_purge_order_t   order;
} xrw_order_said_t;


/* What it says of itself: nothing of that is to be believed. */
const char *xrw_order_parse(xrw_arena_t *arena, xr_str_t text,
    xrw_order_said_t *out);

/*
 * Whether one of "keys" has signed it, and not too long ago: an order may have
 * waited for "age" seconds since its time was over.  NULL, or why it is none.
 */
const char *xrw_order_judge(xrw_arena_t *arena, const xr_keyset_t *keys,
    int64_t now, int64_t age, xrw_order_said_t *said);


#endif /* XRW_ORDER_H */
