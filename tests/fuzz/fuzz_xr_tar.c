/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_tar.h"


/* The first byte says how many headers get the sum that they ought to have. */

#define BLOCK  512
#define SUM    148
#define SIZE   8


static void
repair(uint8_t *header)
{
    size_t    i;
    unsigned  sum;

    memset(header + SUM, ' ', SIZE);

    sum = 0;

    for (i = 0; i < BLOCK; i++) {
        sum += header[i];
    }

    for (i = SUM + 6; i > SUM; sum /= 8) {
        header[--i] = (uint8_t) ('0' + sum % 8);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i, n;
    uint8_t  *copy;
    xr_rc_t   rc;
    xr_err_t  err;
    xr_str_t  archive, out;

    if (size == 0) {
        return 0;
    }

    n = data[0];
    archive = xr_fuzz_copy(data + 1, size - 1);
    copy = (uint8_t *) (uintptr_t) archive.data;

    for (i = 0; i < n && (i + 1) * BLOCK <= archive.len; i++) {
        repair(copy + i * BLOCK);
    }

    err.what = NULL;
    rc = xr_tar_find(archive, xr_str(".mmdb"), &out, &err);

    if (rc == XR_OK) {
        assert(xr_fuzz_within(out, archive));

    } else {
        assert(rc == XR_INVALID || rc == XR_NOT_FOUND);
        assert(err.what != NULL && err.pos <= archive.len);
    }

    (void) xr_tar_is(archive);

    free(copy);

    return 0;
}
