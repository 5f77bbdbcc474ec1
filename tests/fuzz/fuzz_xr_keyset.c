/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_keyset.h"


typedef struct {
    size_t   n;
    size_t   limit;
    void    *blocks[XR_KEYSET_MAX];
} fuzz_mem_t;


static void *
fuzz_alloc(void *ctx, size_t size)
{
    fuzz_mem_t *m = ctx;

    if (m->n == m->limit) {
        return NULL;
    }

    assert(m->n < XR_KEYSET_MAX);       /* an id per key, nothing else */

    m->blocks[m->n] = calloc(1, size);
    assert(m->blocks[m->n] != NULL);

    return m->blocks[m->n++];
}


static void
fuzz_mem_free(fuzz_mem_t *m)
{
    while (m->n > 0) {
        free(m->blocks[--m->n]);
    }
}


static void
fuzz_check(const xr_keyset_t *set)
{
    size_t    i, j;
    uint8_t   mac[XR_SHA256_SIZE];
    xr_str_t  id, in;

    assert(set->n >= 1 && set->n <= XR_KEYSET_MAX);

    in = xr_str("message");

    for (i = 0; i < set->n; i++) {
        id = set->keys[i].id;

        assert(id.len <= XR_KEY_ID_MAX_SIZE);
        assert(xr_hmac_sign(set->keys[i].hmac, &in, 1, mac) == XR_OK);

        for (j = 0; j < id.len; j++) {
            assert(id.data[j] > 0x20 && id.data[j] < 0x7f);
        }

        for (j = 0; j < i; j++) {
            assert(id.len == 0 || !xr_str_eq(id, set->keys[j].id));
            assert(memcmp(set->keys[i].digest, set->keys[j].digest,
                          XR_SHA256_SIZE) != 0);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        limit;
    xr_rc_t       rc;
    xr_mem_t      mem;
    xr_err_t      err;
    xr_str_t      in;
    fuzz_mem_t    m;
    xr_keyset_t   set;

    mem.alloc = fuzz_alloc;
    mem.ctx = &m;

    in = xr_fuzz_copy(data, size);

    /* with all the memory it wants, then with less and less */

    m.n = 0;
    limit = XR_KEYSET_MAX;

    do {
        m.limit = limit;
        err = (xr_err_t) { NULL, 0 };

        rc = xr_keyset_parse(in, &mem, &set, &err);

        if (rc == XR_OK) {
            fuzz_check(&set);
            limit = (m.n > 0) ? m.n - 1 : 0;

        } else {
            assert(rc == XR_INVALID || (rc == XR_NO_SPACE && m.n == m.limit));
            assert(set.n == 0);
            assert(err.what != NULL && err.pos <= size);
        }

        xr_keyset_free(&set);

        if (m.n == 0) {
            rc = XR_INVALID;            /* no id: nothing left to take away */
        }

        fuzz_mem_free(&m);

    } while (rc == XR_OK);

    xr_fuzz_free(in);

    return 0;
}
