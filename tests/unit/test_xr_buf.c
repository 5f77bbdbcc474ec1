/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_buf.h"


static void
test_put(void **state)
{
    char      memory[32];
    xr_buf_t  b;

    (void) state;

    b = xr_buf(memory, sizeof(memory));

    xr_buf_put(&b, xr_str("ab"));
    xr_buf_put(&b, xr_str_of(NULL, 0));
    xr_buf_puts(&b, "c");
    xr_buf_putc(&b, '=');
    xr_buf_uint(&b, 0);
    xr_buf_uint(&b, UINT64_MAX);

    assert_true(xr_buf_ok(&b));
    XR_CHECK_STR(xr_buf_str(&b), "abc=018446744073709551615", "put");
}


/* What does not fit leaves no trace, and nothing is written after it. */

static void
test_overflow(void **state)
{
    size_t  i, size;

    static const struct {
        const char  *in;
        size_t       size;
    } cases[] = {
        { "put",        3 },
        { "putc",       1 },
        { "uint",      10 },
        { "hex",        6 },
        { "base64url",  4 },
        { "packed",     5 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        for (size = 0; size <= cases[i].size; size++) {
            uint8_t   *memory = malloc(size > 0 ? size : 1);
            xr_buf_t   b = xr_buf(memory, size);

            assert_non_null(memory);

            switch (i) {

            case 0:
                xr_buf_put(&b, xr_str("abc"));
                break;

            case 1:
                xr_buf_putc(&b, 'a');
                break;

            case 2:
                xr_buf_uint(&b, 1234567890);
                break;

            case 3:
                xr_buf_hex(&b, xr_str("abc"));
                break;

            case 4:
                xr_buf_base64url(&b, xr_str("abc"));
                break;

            default:
                xr_buf_packed(&b, xr_str("abc"));
            }

            XR_CHECK_EQ(xr_buf_ok(&b), size == cases[i].size, cases[i].in);
            XR_CHECK_EQ(b.len, size == cases[i].size ? size : 0, cases[i].in);

            if (!xr_buf_ok(&b)) {
                xr_buf_put(&b, xr_str_of(NULL, 0));
                xr_buf_putc(&b, 'x');

                XR_CHECK(!xr_buf_ok(&b), cases[i].in);
                XR_CHECK_EQ(b.len, 0, cases[i].in);
            }

            free(memory);
        }
    }
}


static void
test_hex(void **state)
{
    char      memory[16];
    xr_buf_t  b;

    (void) state;

    b = xr_buf(memory, sizeof(memory));

    xr_buf_hex(&b, xr_str_of("\x00\x0f\xab\xff", 4));
    xr_buf_hex(&b, xr_str_of(NULL, 0));

    XR_CHECK_STR(xr_buf_str(&b), "000fabff", "hex");
}


static void
test_base64url(void **state)
{
    size_t    i, n, len;
    uint8_t   in[64], back[64];
    uint8_t   memory[XR_BASE64_ENCODED(64)];
    xr_buf_t  b;

    static const struct {
        const char  *in;
        const char  *out;
    } cases[] = {
        { "",       "" },
        { "f",      "Zg" },
        { "fo",     "Zm8" },
        { "foo",    "Zm9v" },
        { "foob",   "Zm9vYg" },
        { "fooba",  "Zm9vYmE" },
        { "foobar", "Zm9vYmFy" },
        { "\xff\xef", "_-8" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        b = xr_buf(memory, XR_BASE64_ENCODED(strlen(cases[i].in)));
        xr_buf_base64url(&b, xr_str(cases[i].in));

        XR_CHECK(xr_buf_ok(&b), cases[i].in);
        XR_CHECK_STR(xr_buf_str(&b), cases[i].out, cases[i].in);
    }

    for (n = 0; n <= sizeof(in); n++) {

        for (i = 0; i < n; i++) {
            in[i] = (uint8_t) (i * 37 + n * 11);
        }

        b = xr_buf(memory, sizeof(memory));
        xr_buf_base64url(&b, xr_str_of(in, n));

        assert_int_equal(b.len, XR_BASE64_ENCODED(n));
        assert_int_equal(xr_base64url_decode(xr_buf_str(&b), back, n, &len),
                         XR_OK);
        assert_int_equal(len, n);

        if (n > 0) {
            assert_memory_equal(back, in, n);
        }
    }
}


static void
test_packed(void **state)
{
    char       memory[64];
    xr_buf_t   b;
    xr_str_t   one;
    xr_strs_t  list;

    (void) state;

    b = xr_buf(memory, sizeof(memory));

    xr_buf_packed(&b, xr_str("ab"));
    xr_buf_packed(&b, xr_str_of(NULL, 0));
    xr_buf_packed(&b, xr_str_of("c\0d", 3));

    assert_true(xr_buf_ok(&b));
    assert_int_equal(b.len, XR_STRS_PACKED_SIZE(2) + XR_STRS_PACKED_SIZE(0)
                            + XR_STRS_PACKED_SIZE(3));
    assert_memory_equal(memory, "\2\0ab\0\0\3\0c\0d", b.len);

    list.packed = xr_buf_str(&b);

    assert_true(xr_strs_next(&list, &one));
    XR_CHECK_STR(one, "ab", "first");
    assert_true(xr_strs_next(&list, &one));
    XR_CHECK_STR(one, "", "second");
    assert_true(xr_strs_next(&list, &one));
    assert_true(xr_str_eq(one, xr_str_of("c\0d", 3)));
    assert_false(xr_strs_next(&list, &one));
}


/* The longest string that 16 bits can tell the length of, and one more. */

static void
test_packed_longest(void **state)
{
    size_t     size;
    uint8_t   *in, *out;
    xr_buf_t   b;
    xr_str_t   one;
    xr_strs_t  list;

    (void) state;

    size = XR_STRS_PACKED_SIZE(65536);
    in = malloc(size);
    out = malloc(size);

    assert_non_null(in);
    assert_non_null(out);
    memset(in, 'x', size);

    b = xr_buf(out, size);
    xr_buf_packed(&b, xr_str_of(in, 65535));

    assert_true(xr_buf_ok(&b));
    list.packed = xr_buf_str(&b);
    assert_true(xr_strs_next(&list, &one));
    assert_true(xr_str_eq(one, xr_str_of(in, 65535)));
    assert_false(xr_strs_next(&list, &one));

    b = xr_buf(out, size);
    xr_buf_packed(&b, xr_str_of(in, 65536));

    assert_false(xr_buf_ok(&b));
    assert_int_equal(b.len, 0);

    free(in);
    free(out);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_packed_longest)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
