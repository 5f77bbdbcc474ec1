/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_glb.h"


/* The first 4 bytes are what the file is longer by than what there is of it. */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_rc_t   rc;
    uint32_t  more;
    uint64_t  head, length;
    xr_err_t  err;
    xr_str_t  prefix;
    xr_glb_t  glb;

    if (size < sizeof(more)) {
        return 0;
    }

    memcpy(&more, data, sizeof(more));

    prefix = xr_fuzz_copy(data + sizeof(more), size - sizeof(more));
    length = prefix.len + (uint64_t) more;

    rc = xr_glb_parse(prefix, length, &glb, &err);

    if (rc != XR_OK) {
        assert(err.what != NULL);
        assert(rc != XR_NO_SPACE || prefix.len < xr_glb_need(prefix));

    } else {
        assert(glb.json + glb.json_length <= prefix.len);
        assert(glb.bin_length == 0 || glb.bin + glb.bin_length <= length);

        if (xr_glb_head(prefix, &glb, &head, &err) == XR_OK) {
            assert(head >= glb.json + glb.json_length && head <= length);
        }
    }

    xr_fuzz_free(prefix);

    return 0;
}
