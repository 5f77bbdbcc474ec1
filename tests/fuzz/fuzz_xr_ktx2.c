/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_ktx2.h"


/* A cut takes what it says from within the prefix, in order, and no more. */

static void
fuzz_plan(const xr_ktx2_t *k, uint32_t first, xr_str_t prefix)
{
    size_t          i;
    uint8_t         memory[XR_KTX2_HEAD_SIZE];
    xr_buf_t        b;
    uint64_t        length, at;
    xr_ktx2_plan_t  plan;

    xr_ktx2_plan(k, first, &plan);

    assert(plan.head <= XR_KTX2_HEAD_SIZE);
    assert(plan.prefix <= k->length && plan.length <= k->length);
    assert(plan.n <= XR_KTX2_PIECES_MAX);

    length = plan.head;
    at = 0;

    for (i = 0; i < plan.n; i++) {
        assert(plan.pieces[i].from >= at);
        assert(plan.pieces[i].zeros < 16384);

        at = plan.pieces[i].from + plan.pieces[i].length;
        length += plan.pieces[i].zeros + plan.pieces[i].length;
    }

    assert(at == plan.prefix && length == plan.length);

    b = xr_buf(memory, (size_t) plan.head);
    xr_ktx2_head(k, &plan, prefix, &b);
    assert(xr_buf_ok(&b) && b.len == plan.head);
}


/* The first 8 bytes are the length of the file. */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t     need;
    uint32_t   i, level;
    uint64_t   length;
    xr_rc_t    rc;
    xr_err_t   err;
    xr_str_t   prefix;
    xr_ktx2_t  k;

    if (size < sizeof(length)) {
        return 0;
    }

    memcpy(&length, data, sizeof(length));
    length &= INT64_MAX;

    size -= sizeof(length);

    if (length < size) {
        size = (size_t) length;
    }

    prefix = xr_fuzz_copy(data + sizeof(length), size);

    need = xr_ktx2_need(prefix);
    assert(need <= XR_KTX2_PREFIX_MAX);

    rc = xr_ktx2_parse(prefix, length, &k, &err);

    if (rc != XR_OK) {
        assert(err.what != NULL);
        assert(rc != XR_NO_SPACE || prefix.len < need);

    } else {
        assert(k.levels >= 1 && k.levels <= XR_KTX2_LEVELS_MAX);

        for (i = 0; i < k.levels; i++) {
            fuzz_plan(&k, i, prefix);
        }

        if (xr_ktx2_level(k.edge, k.levels, 64, &level) == XR_OK) {
            assert(level < k.levels && k.edge >> level <= 64);
        }
    }

    xr_fuzz_free(prefix);

    return 0;
}
