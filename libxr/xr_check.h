/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_CHECK_H
#define XR_CHECK_H


#include "xr.h"


/*
 * A checksum that tells damage, not malice: three instructions for eight
 * bytes.  A change within one word of eight bytes is always noticed in the 64
 * bits of the result.  "seed" may be the checksum of what stands before.
 */

uint64_t xr_check(uint64_t seed, xr_str_t s);


#endif /* XR_CHECK_H */
