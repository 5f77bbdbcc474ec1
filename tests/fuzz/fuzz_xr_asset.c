/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_asset.h"


/* A file, judged as each of the kinds; with its head alone, too. */


static void
check_kind(xr_asset_kind_t kind, xr_str_t head, uint64_t size)
{
    xr_rc_t     rc;
    xr_err_t    err;
    xr_asset_t  out;

    err = (xr_err_t) { NULL, 0 };
    out = (xr_asset_t) { 1, 1 };

    rc = xr_asset_check(kind, head, size, &out, &err);

    if (rc == XR_OK) {
        assert(out.json_pos <= size && out.json_size <= size - out.json_pos);
        assert(kind != XR_ASSET_OTHER || out.json_size == 0);
        return;
    }

    assert(rc == XR_INVALID && kind != XR_ASSET_OTHER);
    assert(err.what != NULL && err.pos <= size);
    assert(out.json_pos == 1 && out.json_size == 1);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t           n;
    xr_str_t         head;
    xr_asset_kind_t  kind;

    for (kind = XR_ASSET_OTHER; kind <= XR_ASSET_USDZ; kind++) {

        for (n = 0; n < 2; n++) {
            head = xr_fuzz_copy(data, n == 0 ? size : size / 2);
            check_kind(kind, head, size);
            xr_fuzz_free(head);
        }
    }

    (void) xr_asset_kind(xr_str_of(data, size));

    return 0;
}
