/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "keys.h"


static void
fuzz_ids(const xr_keyset_t *set)
{
    size_t    i, j;
    xr_str_t  id;

    for (i = 0; i < set->n; i++) {
        id = set->keys[i].id;

        for (j = 0; j < id.len; j++) {
            assert(id.data[j] > 0x20 && id.data[j] < 0x7f);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         limit;
    xr_rc_t        rc;
    xr_mem_t       mem;
    xr_err_t       err;
    xr_str_t       in;
    xr_keyset_t    set;
    xr_fuzz_mem_t  m;

    mem.alloc = xr_fuzz_alloc;
    mem.ctx = &m;

    in = xr_fuzz_copy(data, size);
    memset(&set, 0, sizeof(set));

    /* with all the memory it wants, then with less */

    m.n = 0;
    limit = XR_FUZZ_BLOCKS;

    do {
        m.limit = limit;
        err = (xr_err_t) { NULL, 0 };

        rc = xr_keyset_edgeauth(&set, in, &mem, &err);

        if (rc == XR_OK) {
            xr_fuzz_keyset(&set, XR_KIND_EDGEAUTH);
            fuzz_ids(&set);
            limit = m.n - 1;

        } else {
            assert(rc == XR_INVALID || (rc == XR_NO_SPACE && m.n == m.limit));
            assert(set.n == 0);
            assert(err.what != NULL && err.pos <= size);
        }

        xr_keyset_wipe(&set);
        xr_fuzz_mem_free(&m);

    } while (rc == XR_OK);

    xr_fuzz_free(in);

    return 0;
}
