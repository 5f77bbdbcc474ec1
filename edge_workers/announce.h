/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_ANNOUNCE_H
#define XRW_ANNOUNCE_H


#include "redis.h"


/*
 * Tells edges that the origin has something newer of an object.  False: Redis
 * did not take it.
 */
bool xrw_announce(xrw_redis_t *r, const char *channel, xr_str_t tenant,
    xr_str_t object);


#endif /* XRW_ANNOUNCE_H */
