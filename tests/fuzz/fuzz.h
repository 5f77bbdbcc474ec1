/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_FUZZ_H
#define XR_FUZZ_H


/* the invariants are the point: they hold in every build */

#undef NDEBUG

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "xr.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/*
 * A view of a copy of exact size, so that ASan sees one byte too far.  Freed
 * by xr_fuzz_free().
 */

static inline xr_str_t
xr_fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t  *copy;

    copy = calloc(1, size);
    assert(copy != NULL || size == 0);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    return xr_str_of(copy, size);
}


static inline void
xr_fuzz_free(xr_str_t s)
{
    free((void *) (uintptr_t) s.data);
}


/* Whether the view "s" lies within "in", as an empty one anywhere does. */

static inline bool
xr_fuzz_within(xr_str_t s, xr_str_t in)
{
    return s.len == 0
           || (s.data >= in.data && s.data + s.len <= in.data + in.len);
}


#endif /* XR_FUZZ_H */
