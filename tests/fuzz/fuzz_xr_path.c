/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_path.h"


static size_t
fuzz_count(xr_str_t s, uint8_t c)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < s.len; i++) {
        n += (s.data[i] == c);
    }

    return n;
}


/* What careless code does: decodes what it can, and keeps the rest. */

static xr_str_t
fuzz_decode_leniently(xr_str_t s, uint8_t *out)
{
    int     high, low;
    size_t  i, n;

    n = 0;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] == '%' && s.len - i > 2) {
            high = xr_hex_digit(s.data[i + 1]);
            low = xr_hex_digit(s.data[i + 2]);

            if (high >= 0 && low >= 0) {
                out[n++] = (uint8_t) (high << 4 | low);
                i += 2;
                continue;
            }
        }

        out[n++] = s.data[i];
    }

    return xr_str_of(out, n);
}


/* The decoded path has no segment and no byte that would be cleaned up. */

static void
fuzz_check_decoded(xr_str_t path)
{
    size_t    i;
    xr_str_t  rest, segment;

    assert(path.len > 0 && path.data[0] == '/');

    for (i = 0; i < path.len; i++) {
        assert(path.data[i] >= 0x20 && path.data[i] != 0x7f);
        assert(path.data[i] != '\\');
    }

    rest = xr_str_of(path.data + 1, path.len - 1);

    while (rest.len > 0) {
        segment = xr_str_cut(&rest, '/');

        assert(segment.len > 0);
        assert(!xr_str_eq(segment, xr_str(".")));
        assert(!xr_str_eq(segment, xr_str("..")));
    }
}


static void
fuzz_check_good(xr_str_t raw)
{
    uint8_t   *memory, *again;
    xr_buf_t   decoded, encoded, back;
    xr_str_t   path, twice;

    memory = malloc(raw.len * 2);
    again = malloc(raw.len * 3);
    assert(memory != NULL && again != NULL);

    decoded = xr_buf(memory, raw.len);
    assert(xr_path_decode(raw, &decoded, NULL) == XR_OK);

    path = xr_buf_str(&decoded);
    fuzz_check_decoded(path);
    assert(fuzz_count(path, '/') == fuzz_count(raw, '/'));

    /* a second decoding moves nothing to another place */

    twice = fuzz_decode_leniently(path, again);
    assert(fuzz_count(twice, '/') == fuzz_count(path, '/'));
    assert(fuzz_count(twice, '.') == fuzz_count(path, '.'));
    fuzz_check_decoded(twice);

    assert(xr_path_check_decoded(path, NULL) == XR_OK);

    /* what is sent to the origin reads as what was checked */

    encoded = xr_buf(again, raw.len * 3);
    xr_path_encode(path, &encoded);
    assert(xr_buf_ok(&encoded));
    assert(xr_path_check(xr_buf_str(&encoded), NULL) == XR_OK);

    back = xr_buf(memory + path.len, raw.len);
    assert(xr_path_decode(xr_buf_str(&encoded), &back, NULL) == XR_OK);
    assert(xr_str_eq(xr_buf_str(&back), path));

    free(memory);
    free(again);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t   *memory;
    xr_rc_t    rc;
    xr_buf_t   b, value;
    xr_err_t   err;
    xr_str_t   raw;

    raw = xr_fuzz_copy(data, size);

    if (xr_path_check(raw, &err) == XR_OK) {
        fuzz_check_good(raw);

    } else {
        assert(err.what != NULL && err.pos <= size);
    }

    memory = malloc(size * 4 + 1);
    assert(memory != NULL);

    b = xr_buf(memory, size);
    rc = xr_path_decode(raw, &b, &err);

    assert(rc == XR_OK || (rc == XR_INVALID && err.pos < size));

    /* any bytes survive as a query value */

    value = xr_buf(memory, size * 3);
    xr_path_encode_value(raw, &value);
    assert(xr_buf_ok(&value));
    assert(xr_str_find(xr_buf_str(&value), '/') == value.len);

    b = xr_buf(memory + value.len, size);
    assert(xr_path_decode(xr_buf_str(&value), &b, NULL) == XR_OK);
    assert(xr_str_eq(xr_buf_str(&b), raw));

    free(memory);
    xr_fuzz_free(raw);

    return 0;
}
