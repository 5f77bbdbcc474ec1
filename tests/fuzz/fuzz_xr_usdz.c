/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_usdz.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_str_t      file;
    xr_usdz_t     usdz;
    xr_refusal_t  why;

    file = xr_fuzz_copy(data, size);

    if (xr_usdz_check(file, &usdz, &why) == XR_OK) {
        assert(usdz.entries > 0 && usdz.entries <= XR_USDZ_ENTRIES_MAX);
        assert(usdz.images <= usdz.entries);

    } else {
        assert(why.code != NULL && why.what != NULL);
    }

    xr_fuzz_free(file);

    return 0;
}
