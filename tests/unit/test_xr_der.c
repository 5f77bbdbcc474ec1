/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_der.h"


static void
test_next(void **state)
{
    bool      ok;
    size_t    i;
    xr_str_t  in, s, out;

    static const struct {
        xr_str_t  in;
        bool      ok;
        size_t    len;                  /* of what is inside */
        size_t    rest;
    } cases[] = {
        { XR_STR("\x30\x00"),                 true,  0, 0 },
        { XR_STR("\x30\x01x"),                true,  1, 0 },
        { XR_STR("\x30\x01xyz"),              true,  1, 2 },
        { XR_STR("\x30\x02x"),                false, 0, 0 },
        { XR_STR("\x30"),                     false, 0, 0 },
        { XR_STR(""),                         false, 0, 0 },
        { XR_STR("\x31\x00"),                 false, 0, 0 },

        /* a longer form than is needed, no end, more than two bytes */

        { XR_STR("\x30\x81\x01x"),            false, 0, 0 },
        { XR_STR("\x30\x82\x00\x01x"),        false, 0, 0 },
        { XR_STR("\x30\x81"),                 false, 0, 0 },
        { XR_STR("\x30\x82\x01"),             false, 0, 0 },
        { XR_STR("\x30\x80\x00\x00"),         false, 0, 0 },
        { XR_STR("\x30\x83\x00\x00\x01x"),    false, 0, 0 },
        { XR_STR("\x30\xff"),                 false, 0, 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        in = xr_test_copy(cases[i].in);
        s = in;
        out = xr_str("untouched");

        ok = xr_der_next(&s, XR_DER_SEQUENCE, &out);

        assert_int_equal(ok, cases[i].ok);
        assert_int_equal(s.len, ok ? cases[i].rest : in.len);
        assert_int_equal(out.len, ok ? cases[i].len : 9);

        xr_test_copy_free(in);
    }
}


/* Every length that there is has one spelling. */

static void
test_lengths(void **state)
{
    bool      ok;
    size_t    i, n, head;
    uint8_t  *memory;
    xr_str_t  s, out;

    static const size_t  lengths[] = {
        0, 1, 126, 127, 128, 129, 254, 255, 256, 257, 65534, 65535
    };

    (void) state;

    memory = calloc(1, 70000);
    assert_non_null(memory);

    for (i = 0; i < XR_COUNT(lengths); i++) {

        for (head = 2; head <= 4; head++) {
            n = lengths[i];
            memory[0] = XR_DER_BIT_STRING;

            if (head == 2 && n < 0x100) {
                memory[1] = (uint8_t) n;

            } else if (head == 3 && n < 0x100) {
                memory[1] = 0x81;
                memory[2] = (uint8_t) n;

            } else if (head == 4) {
                memory[1] = 0x82;
                memory[2] = (uint8_t) (n >> 8);
                memory[3] = (uint8_t) n;

            } else {
                continue;
            }

            s = xr_str_of(memory, head + n);
            ok = xr_der_next(&s, XR_DER_BIT_STRING, &out);

            if (head == 2 ? n < 0x80 : head == 3 ? n >= 0x80 : n >= 0x100) {
                assert_true(ok);
                assert_int_equal(out.len, n);
                assert_int_equal(s.len, 0);

            } else {
                assert_false(ok && out.len == n);
            }
        }
    }

    free(memory);
}


static void
test_uint(void **state)
{
    bool      ok;
    size_t    i;
    xr_str_t  in, s, out;

    static const struct {
        xr_str_t  in;
        bool      ok;
        xr_str_t  n;
    } cases[] = {
        { XR_STR("\x02\x01\x00"),             true,  XR_STR("") },
        { XR_STR("\x02\x01\x01"),             true,  XR_STR("\x01") },
        { XR_STR("\x02\x01\x7f"),             true,  XR_STR("\x7f") },
        { XR_STR("\x02\x02\x00\x80"),         true,  XR_STR("\x80") },
        { XR_STR("\x02\x02\x01\x00"),         true,  XR_STR("\x01\x00") },

        { XR_STR("\x02\x00"),                 false, XR_STR("") },
        { XR_STR("\x02\x01\x80"),             false, XR_STR("") },
        { XR_STR("\x02\x02\xff\x7f"),         false, XR_STR("") },
        { XR_STR("\x02\x02\x00\x7f"),         false, XR_STR("") },
        { XR_STR("\x02\x02\x00\x00"),         false, XR_STR("") },
        { XR_STR("\x02\x03\x00\x00\x80"),     false, XR_STR("") },
        { XR_STR("\x03\x01\x01"),             false, XR_STR("") },
        { XR_STR("\x02\x02\x01"),             false, XR_STR("") }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        in = xr_test_copy(cases[i].in);
        s = in;

        ok = xr_der_uint(&s, &out);
        assert_int_equal(ok, cases[i].ok);

        if (ok) {
            assert_true(xr_str_eq(out, cases[i].n));
            assert_int_equal(s.len, 0);

        } else {
            assert_int_equal(s.len, in.len);
        }

        xr_test_copy_free(in);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_uint)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
