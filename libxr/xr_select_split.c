/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_select.h"


/*
 * A constant: all edges, and all versions of them, have to agree.  What is
 * decided here is no secret, and worth no forgery.
 */

static const uint8_t  xr_select_key[XR_SIPHASH_KEY_SIZE] = "xr-select-split";


uint64_t
xr_select_seed(xr_str_t tenant, xr_str_t object, xr_str_t subject)
{
    uint64_t  seed;

    seed = xr_siphash_64(xr_select_key, 0, tenant);
    seed = xr_siphash_64(xr_select_key, seed, object);

    return xr_siphash_64(xr_select_key, seed, subject);
}


int
xr_select_arm(const xr_manifest_t *m, uint64_t seed)
{
    size_t             i;
    uint64_t           at, total;
    xr_manifest_arm_t  arm;

    total = 0;

    for (i = 0; xr_manifest_arm(m, i, &arm); i++) {
        total += arm.weight;
    }

    if (total == 0) {
        return XR_MANIFEST_NONE;
    }

    at = xr_siphash_64(xr_select_key, seed, m->salt) % total;

    for (i = 0; xr_manifest_arm(m, i, &arm); i++) {

        if (at < arm.weight) {
            return (int) i;
        }

        at -= arm.weight;
    }

    return XR_MANIFEST_NONE;
}
