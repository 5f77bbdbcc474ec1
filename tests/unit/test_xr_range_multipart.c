/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_range.h"


#define MAX_TEXT  1024


static void
test_multipart(void **state)
{
    uint8_t               memory[MAX_TEXT];
    xr_buf_t              b;
    xr_range_multipart_t  m;

    static const xr_range_t  ranges[] = { { 0, 1 }, { 8, 10 } };

    (void) state;

    m.boundary = xr_str("B0undary");
    m.type = xr_str("model/gltf-binary");
    m.length = 11;

    b = xr_buf(memory, sizeof(memory));
    xr_range_multipart_type(&b, &m);
    XR_CHECK_STR(xr_buf_str(&b), "multipart/byteranges; boundary=B0undary",
                 "type");

    b = xr_buf(memory, sizeof(memory));

    xr_range_multipart_part(&b, &m, ranges[0]);
    assert_int_equal(b.len, xr_range_multipart_part_size(&m, ranges[0]));

    xr_buf_puts(&b, "ab");
    xr_range_multipart_part(&b, &m, ranges[1]);
    xr_buf_puts(&b, "ijk");
    xr_range_multipart_end(&b, &m);

    XR_CHECK_STR(xr_buf_str(&b),
                 "\r\n--B0undary\r\n"
                 "Content-Type: model/gltf-binary\r\n"
                 "Content-Range: bytes 0-1/11\r\n"
                 "\r\n"
                 "ab"
                 "\r\n--B0undary\r\n"
                 "Content-Type: model/gltf-binary\r\n"
                 "Content-Range: bytes 8-10/11\r\n"
                 "\r\n"
                 "ijk"
                 "\r\n--B0undary--\r\n", "body");
    assert_int_equal(b.len, xr_range_multipart_length(&m, ranges, 2));

    m.type = xr_str("");
    b = xr_buf(memory, sizeof(memory));
    xr_range_multipart_part(&b, &m, ranges[1]);
    XR_CHECK_STR(xr_buf_str(&b),
                 "\r\n--B0undary\r\n"
                 "Content-Range: bytes 8-10/11\r\n"
                 "\r\n", "no type");
    assert_int_equal(b.len, xr_range_multipart_part_size(&m, ranges[1]));

    b = xr_buf(memory, sizeof(memory));
    xr_range_multipart_end(&b, &m);
    assert_int_equal(b.len, xr_range_multipart_end_size(&m));
}


/* Sizes at every change of the number of digits. */

static void
test_multipart_sizes(void **state)
{
    size_t                i;
    uint8_t               memory[MAX_TEXT];
    uint64_t              edge;
    xr_buf_t              b;
    xr_range_t            r;
    xr_range_multipart_t  m;

    (void) state;

    m.boundary = xr_str("b");
    m.type = xr_str("x/y");
    edge = 1;

    for (i = 0; i < 19; i++, edge *= 10) {

        for (r.last = edge - 1; r.last <= edge; r.last++) {
            r.first = r.last - r.last / 2;
            m.length = r.last + 1;

            b = xr_buf(memory, sizeof(memory));
            xr_range_multipart_part(&b, &m, r);

            assert_int_equal(b.len, xr_range_multipart_part_size(&m, r));
            assert_int_equal(xr_range_multipart_length(&m, &r, 1),
                             b.len + xr_range_bytes(r)
                             + xr_range_multipart_end_size(&m));
        }
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_multipart),
        cmocka_unit_test(test_multipart_sizes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
