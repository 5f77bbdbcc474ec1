/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "keys.h"


/* Places that are told of lie in the text. */

static void
fuzz_note(void *ctx, size_t pos, const char *what)
{
    const xr_str_t *in = ctx;

    assert(what != NULL && pos < in->len);
}


/* No word of private material may be in what was taken. */

static void
fuzz_public(xr_str_t in)
{
    size_t          i;
    xr_json_t       root, keys, key, value;
    xr_json_iter_t  it;

    static const char              *const names[] = { "d", "p", "q", "dp", "dq", "qi", "oth" };
    static const xr_json_limits_t   limits = { XR_JSON_MAX_DEPTH, 0 };

    assert(xr_json_check(in, &limits, &root, NULL) == XR_OK);
    assert(xr_json_get(&root, xr_str("keys"), &keys) == XR_OK);

    it = xr_json_iter(&keys);

    while (xr_json_next(&it, NULL, &key)) {

        for (i = 0; i < XR_COUNT(names); i++) {
            assert(xr_json_get(&key, xr_str(names[i]), &value) == XR_NOT_FOUND);
        }
    }
}


static void
fuzz_taken(const xr_keyset_t *set, xr_str_t in)
{
    size_t  i;

    xr_fuzz_keyset(set, XR_KIND_JWT);
    fuzz_public(in);

    for (i = 0; i < set->n; i++) {
        assert(xr_alg_supported(set->keys[i].alg));
        assert(!xr_fuzz_within(set->keys[i].id, in) || set->keys[i].id.len == 0);
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
    xr_notes_t     notes;
    xr_keyset_t    set;
    xr_fuzz_mem_t  m;

    mem.alloc = xr_fuzz_alloc;
    mem.ctx = &m;

    in = xr_fuzz_copy(data, size);
    notes = (xr_notes_t) { fuzz_note, &in };
    memset(&set, 0, sizeof(set));

    m.n = 0;
    limit = XR_FUZZ_BLOCKS;

    do {
        m.limit = limit;
        err = (xr_err_t) { NULL, 0 };

        rc = xr_keyset_jwks_text(&set, in, &mem, &notes, &err);

        if (rc == XR_OK) {
            fuzz_taken(&set, in);
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
