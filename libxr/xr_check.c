/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_check.h"
#include "xr_le.h"

#include <string.h>


#define XR_CHECK_PRIME  UINT64_C(0x9e3779b97f4a7c15)
#define XR_CHECK_LANES  4


/* For one word this has an inverse, as it has for one state. */

static inline uint64_t
xr_check_word(uint64_t h, uint64_t word)
{
    h = (h ^ word) * XR_CHECK_PRIME;

    return h << 29 | h >> 35;
}


/* Four lanes, as each multiplication waits for the last one of its lane. */

uint64_t
xr_check(uint64_t seed, xr_str_t s)
{
    size_t          n;
    uint8_t         word[8];
    uint64_t        h, a, b, c, d;
    const uint8_t  *p;

    p = s.data;
    n = s.len;

    h = seed ^ s.len;
    a = seed;
    b = ~seed;
    c = seed + XR_CHECK_PRIME;
    d = ~c;

    while (n >= XR_CHECK_LANES * sizeof(word)) {
        a = xr_check_word(a, xr_le64(p));
        b = xr_check_word(b, xr_le64(p + 8));
        c = xr_check_word(c, xr_le64(p + 16));
        d = xr_check_word(d, xr_le64(p + 24));

        p += XR_CHECK_LANES * sizeof(word);
        n -= XR_CHECK_LANES * sizeof(word);
    }

    while (n >= sizeof(word)) {
        h = xr_check_word(h, xr_le64(p));

        p += sizeof(word);
        n -= sizeof(word);
    }

    if (n > 0) {
        memset(word, 0, sizeof(word));
        memcpy(word, p, n);
        h = xr_check_word(h, xr_le64(word));
    }

    h = xr_check_word(xr_check_word(h, a), b);
    h = xr_check_word(xr_check_word(h, c), d);

    h = (h ^ h >> 32) * XR_CHECK_PRIME;

    return h ^ h >> 32;
}
