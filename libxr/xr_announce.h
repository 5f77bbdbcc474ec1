/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_ANNOUNCE_H
#define XR_ANNOUNCE_H


#include "xr_purge_order.h"


/*
 * What a publisher announces: that the origin has something newer of one
 * object, or of its manifest.
 *
 *     {"v":1,"tenant":"acme","object":"robots/r2.glb"}
 *
 * Or an order to purge, which is worth what its signature is; nothing else of
 * the message counts then.
 *
 *     {"v":1,"order":"eyJhbGciOi..."}
 *
 * Other members are left for later versions, and mean nothing.
 */

#define XR_ANNOUNCE_MAX        4096     /* bytes of a message, */
#define XR_ANNOUNCE_ORDER_MAX  (XR_JWT_MAX_SIZE + 64)   /* of one with an
                                                           order */

typedef struct {
    xr_str_t  tenant;
    xr_str_t  object;                   /* without a "/" in front */
    xr_str_t  order;                    /* empty: there is none */
} xr_announce_t;


/*
 * Reads a message, which anybody may have written.  NULL, or what is wrong
 * with it.  What is escaped in it is unescaped into "memory", of as many bytes
 * as it has.
 */
const char *xr_announce_read(xr_str_t text, xr_buf_t *memory,
    xr_announce_t *out);


#endif /* XR_ANNOUNCE_H */
