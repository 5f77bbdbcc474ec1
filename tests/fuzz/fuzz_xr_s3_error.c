/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_s3_error.h"


/*
 * An error document as it comes, in parts: what is found in one of its
 * beginnings is found in all that are longer, and can go into a log.
 */


static void
check_code(xr_str_t body, xr_str_t code)
{
    size_t   i;
    uint8_t  c;

    assert(code.len <= 64);
    assert(code.data >= body.data
           && code.data + code.len < body.data + body.len);

    for (i = 0; i < code.len; i++) {
        c = code.data[i];

        assert((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
               || (c >= '0' && c <= '9') || c == '.');
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    n, len;
    xr_str_t  body, code, part;

    body = xr_fuzz_copy(data, size);
    code = xr_s3_error_code(body);
    len = code.len;
    n = 0;

    if (len != 0) {
        check_code(body, code);

        /* the least that it is found in ends with the "<" behind it */

        n = (size_t) (code.data - body.data) + len + 1;
    }

    (void) xr_s3_error_kind(code);
    xr_fuzz_free(body);

    if (n == 0) {
        return 0;
    }

    part = xr_fuzz_copy(data, n);
    assert(xr_s3_error_code(part).len == len);
    xr_fuzz_free(part);

    part = xr_fuzz_copy(data, n - 1);
    assert(xr_s3_error_code(part).len == 0);
    xr_fuzz_free(part);

    return 0;
}
