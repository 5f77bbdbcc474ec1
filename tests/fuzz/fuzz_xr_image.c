/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_image.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_err_t    err;
    xr_str_t    image;
    xr_image_t  out;

    image = xr_fuzz_copy(data, size);

    if (xr_image_read(image, &out, &err) == XR_OK) {
        assert(out.width > 0 && out.height > 0);
        assert(xr_image_type(out.kind).len > 0);

    } else {
        assert(err.what != NULL);
    }

    xr_fuzz_free(image);

    return 0;
}
