/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_encoding.h"


/* More can only make a coding that is named less acceptable, never more. */

static void
fuzz_longer(xr_str_t in, const xr_encoding_accept_t *a)
{
    uint8_t               *memory;
    xr_encoding_t          e;
    xr_encoding_accept_t   b;

    static const char  more[] = ",gzip;q=0,br;q=0,zstd;q=0,identity;q=0";

    memory = malloc(in.len + sizeof(more) - 1);
    assert(memory != NULL);

    if (in.len > 0) {
        memcpy(memory, in.data, in.len);
    }

    memcpy(memory + in.len, more, sizeof(more) - 1);

    xr_encoding_accept(xr_str_of(memory, in.len + sizeof(more) - 1), &b);

    for (e = 0; e < XR_ENCODINGS; e++) {
        assert(b.q[e] == 0);
    }

    xr_encoding_accept(xr_str_of(memory, in.len + 1), &b);
    assert(memcmp(&b, a, sizeof(b)) == 0);

    free(memory);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned              available;
    uint64_t              sizes[XR_ENCODINGS];
    xr_str_t              in, inner;
    xr_encoding_t         e, best;
    xr_encoding_accept_t  a;

    in = xr_fuzz_copy(data, size);

    xr_encoding_accept(in, &a);
    fuzz_longer(in, &a);

    for (e = 0; e < XR_ENCODINGS; e++) {
        assert(a.q[e] <= XR_ENCODING_Q);
        sizes[e] = (size > (size_t) e) ? data[e] : 0;
    }

    for (available = 0; available < 1u << XR_ENCODINGS; available++) {
        best = xr_encoding_choose(&a, available, sizes);

        assert(best == XR_ENCODING_NONE
               || (a.q[best] != 0 && (available & XR_ENCODING_BIT(best))));

        for (e = 0; e < XR_ENCODINGS; e++) {

            if (available & XR_ENCODING_BIT(e) && a.q[e] != 0) {
                assert(best != XR_ENCODING_NONE && a.q[e] <= a.q[best]);
            }
        }
    }

    e = xr_encoding_of_path(in, &inner);
    assert(xr_fuzz_within(inner, in));
    assert(inner.len + xr_encoding_suffix(e).len == in.len);

    xr_fuzz_free(in);

    return 0;
}
