/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"


static void
test_fail(void **state)
{
    xr_err_t  err;

    (void) state;

    assert_int_equal(xr_fail(&err, XR_DENIED, 7, "why"), XR_DENIED);
    assert_string_equal(err.what, "why");
    assert_int_equal(err.pos, 7);

    assert_int_equal(xr_fail(NULL, XR_ERROR, 0, "why"), XR_ERROR);
}


static void
test_compare(void **state)
{
    size_t  i;

    static const struct {
        const char  *a;
        const char  *b;
        bool         eq;
        bool         nocase;
        bool         starts;
        bool         ends;
    } cases[] = {
        { "",     "",     true,  true,  true,  true },
        { "a",    "",     false, false, true,  true },
        { "",     "a",    false, false, false, false },
        { "abc",  "abc",  true,  true,  true,  true },
        { "abc",  "ab",   false, false, true,  false },
        { "abc",  "bc",   false, false, false, true },
        { "abc",  "aBC",  false, true,  false, false },
        { "az@[", "AZ@[", false, true,  false, false },
        { "@[`{", "`{@[", false, false, false, false },
        { "\303\244", "\303\204", false, false, false, false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        xr_str_t  a = xr_test_copy(xr_str(cases[i].a));
        xr_str_t  b = xr_test_copy(xr_str(cases[i].b));

        XR_CHECK_EQ(xr_str_eq(a, b), cases[i].eq, cases[i].a);
        XR_CHECK_EQ(xr_str_eq_nocase(a, b), cases[i].nocase, cases[i].a);
        XR_CHECK_EQ(xr_str_starts(a, b), cases[i].starts, cases[i].a);
        XR_CHECK_EQ(xr_str_ends(a, b), cases[i].ends, cases[i].a);

        xr_test_copy_free(a);
        xr_test_copy_free(b);
    }
}


static void
test_empty(void **state)
{
    xr_str_t                s, rest;
    static const xr_str_t   none = { NULL, 0 };

    (void) state;

    rest = none;

    assert_true(xr_str_eq(none, xr_str("")));
    assert_int_equal(xr_str_find(none, 'a'), 0);
    assert_int_equal(xr_str_trim(none).len, 0);

    s = xr_str_cut(&rest, 'a');

    assert_int_equal(s.len, 0);
    assert_int_equal(rest.len, 0);
}


static void
test_line(void **state)
{
    xr_str_t  text;

    (void) state;

    text = xr_str("a\nb\n");

    assert_int_equal(xr_str_line(text, 0), 1);
    assert_int_equal(xr_str_line(text, 1), 1);
    assert_int_equal(xr_str_line(text, 2), 2);
    assert_int_equal(xr_str_line(text, 4), 3);
    assert_int_equal(xr_str_line(text, 99), 3);
    assert_int_equal(xr_str_line(xr_str_of(NULL, 0), 0), 1);
}


static void
test_find_trim(void **state)
{
    size_t  i;

    static const struct {
        const char  *in;
        size_t       find;
        const char  *trimmed;
    } cases[] = {
        { "",               0, "" },
        { "=",              0, "=" },
        { "abc",            3, "abc" },
        { "a=b=c",          1, "a=b=c" },
        { " \t\r\n ",       5, "" },
        { "  a b\t ",       7, "a b" },
        { "\r\na\vb\r\n",   7, "a\vb" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        xr_str_t  in = xr_str(cases[i].in);

        XR_CHECK_EQ(xr_str_find(in, '='), cases[i].find, cases[i].in);
        XR_CHECK_STR(xr_str_trim(in), cases[i].trimmed, cases[i].in);
    }
}


static void
test_cut(void **state)
{
    size_t  i;

    static const struct {
        const char  *in;
        const char  *head;
        const char  *rest;
    } cases[] = {
        { "",      "",    "" },
        { "a",     "a",   "" },
        { "a,",    "a",   "" },
        { ",a",    "",    "a" },
        { "a,b,c", "a",   "b,c" },
        { ",,",    "",    "," }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        xr_str_t  rest = xr_str(cases[i].in);
        xr_str_t  head = xr_str_cut(&rest, ',');

        XR_CHECK_STR(head, cases[i].head, cases[i].in);
        XR_CHECK_STR(rest, cases[i].rest, cases[i].in);
    }
}


static void
test_uint(void **state)
{
    size_t    i;
    uint64_t  n;

    static const struct {
        const char  *in;
        xr_rc_t      rc;
        uint64_t     n;
        const char  *rest;
    } cases[] = {
        { "0",                      XR_OK, 0, "" },
        { "007x",                   XR_OK, 7, "x" },
        { "12 ",                    XR_OK, 12, " " },
        { "18446744073709551615",   XR_OK, UINT64_MAX, "" },
        { "18446744073709551616",   XR_INVALID, 1, "18446744073709551616" },
        { "99999999999999999999",   XR_INVALID, 1, "99999999999999999999" },
        { "184467440737095516150",  XR_INVALID, 1, "184467440737095516150" },
        { "",                       XR_INVALID, 1, "" },
        { "-1",                     XR_INVALID, 1, "-1" },
        { "+1",                     XR_INVALID, 1, "+1" },
        { " 1",                     XR_INVALID, 1, " 1" },
        { "x",                      XR_INVALID, 1, "x" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        xr_str_t  s = xr_str(cases[i].in);

        n = 1;

        XR_CHECK_EQ(xr_str_uint(&s, &n), cases[i].rc, cases[i].in);
        XR_CHECK(n == cases[i].n, cases[i].in);
        XR_CHECK_STR(s, cases[i].rest, cases[i].in);
    }
}


static void
test_dup(void **state)
{
    xr_str_t       out;
    xr_test_mem_t  m;

    (void) state;

    xr_test_mem_init(&m, 2);
    out = xr_str("before");

    assert_int_equal(xr_str_dup(&m.mem, xr_str("abc"), &out), XR_OK);
    XR_CHECK_STR(out, "abc", "dup");

    assert_int_equal(xr_str_dup(&m.mem, xr_str_of(NULL, 0), &out), XR_OK);
    XR_CHECK_STR(out, "", "dup of nothing");
    assert_non_null(out.data);

    assert_int_equal(xr_str_dup(&m.mem, xr_str("x"), &out), XR_NO_SPACE);
    XR_CHECK_STR(out, "", "dup without memory");

    xr_test_mem_free(&m);
}


static void
test_hex(void **state)
{
    int      c;
    size_t   i;
    uint8_t  out[4];

    static const struct {
        const char  *in;
        size_t       size;
        xr_rc_t      rc;
    } cases[] = {
        { "",           0, XR_OK },
        { "00ffAb9c",   4, XR_OK },
        { "00ffab9c",   3, XR_NO_SPACE },
        { "0",          4, XR_INVALID },
        { "0g",         4, XR_INVALID },
        { "g0",         4, XR_INVALID },
        { " 0",         4, XR_INVALID },
        { "0x",         4, XR_INVALID },
        { "-1",         4, XR_INVALID }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_hex_decode(xr_str(cases[i].in), out, cases[i].size),
                    cases[i].rc, cases[i].in);
    }

    assert_int_equal(xr_hex_decode(xr_str("00ffAb9c"), out, 4), XR_OK);
    assert_memory_equal(out, "\x00\xff\xab\x9c", 4);

    for (c = 0; c < 256; c++) {
        const char  *digits = "0123456789abcdefABCDEF";
        const char  *p = (c == 0) ? NULL : strchr(digits, c);
        int          value = -1;

        if (p != NULL) {
            value = (int) (p - digits);
            value -= (value > 15) ? 6 : 0;
        }

        assert_int_equal(xr_hex_digit((uint8_t) c), value);

        for (i = 0; i < 2; i++) {
            uint8_t  pair[2] = { '0', '0' };

            pair[i] = (uint8_t) c;

            assert_int_equal(xr_hex_decode(xr_str_of(pair, 2), out, 1),
                             value < 0 ? XR_INVALID : XR_OK);

            if (value >= 0) {
                assert_int_equal(out[0], i == 0 ? value * 16 : value);
            }
        }
    }
}


/* Each byte in each place, among others that are nearly controls. */

static void
test_control(void **state)
{
    int       c;
    size_t    i, j, len;
    uint8_t  *p;

    static const uint8_t  others[] = { ' ', '~', 0x80, 0x9f, 0xff };

    (void) state;

    assert_false(xr_str_has_control(xr_str_of(NULL, 0)));

    for (len = 1; len <= 20; len++) {
        p = malloc(len);
        assert_non_null(p);

        for (j = 0; j < XR_COUNT(others); j++) {
            memset(p, others[j], len);
            assert_false(xr_str_has_control(xr_str_of(p, len)));

            for (i = 0; i < len; i++) {

                for (c = 0; c < 256; c++) {
                    p[i] = (uint8_t) c;
                    assert_int_equal(xr_str_has_control(xr_str_of(p, len)),
                                     c < 0x20 || c == 0x7f);
                }

                p[i] = others[j];
            }
        }

        free(p);
    }
}


static void
test_base64url(void **state)
{
    size_t   i, len;
    uint8_t  out[16];

    /* RFC 4648, section 10, without padding; then what has to be refused */

    static const struct {
        const char  *in;
        size_t       size;
        xr_rc_t      rc;
        const char  *out;
    } cases[] = {
        { "",           0, XR_OK, "" },
        { "Zg",         1, XR_OK, "f" },
        { "Zm8",        2, XR_OK, "fo" },
        { "Zm9v",       3, XR_OK, "foo" },
        { "Zm9vYg",     4, XR_OK, "foob" },
        { "Zm9vYmE",    5, XR_OK, "fooba" },
        { "Zm9vYmFy",   6, XR_OK, "foobar" },
        { "_-8",        2, XR_OK, "\xff\xef" },
        { "Zm9vYmFy",   5, XR_NO_SPACE, "" },
        { "Zg",         0, XR_NO_SPACE, "" },
        { "Z",          9, XR_INVALID, "" },
        { "Zm9vY",      9, XR_INVALID, "" },
        { "Zh",         9, XR_INVALID, "" },
        { "Zm9",        9, XR_INVALID, "" },
        { "Zg==",       9, XR_INVALID, "" },
        { "Zm8=",       9, XR_INVALID, "" },
        { "+/8",        9, XR_INVALID, "" },
        { "Zm 9",       9, XR_INVALID, "" },
        { "Zm9v\n",     9, XR_INVALID, "" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        xr_str_t  in = xr_test_copy(xr_str(cases[i].in));

        len = 99;

        XR_CHECK_EQ(xr_base64url_decode(in, out, cases[i].size, &len),
                    cases[i].rc, cases[i].in);

        if (cases[i].rc == XR_OK) {
            XR_CHECK_STR(xr_str_of(out, len), cases[i].out, cases[i].in);

        } else {
            XR_CHECK_EQ(len, 99, cases[i].in);
        }

        xr_test_copy_free(in);
    }
}


static void
test_strs(void **state)
{
    size_t     i, n;
    xr_str_t   one, copy;
    xr_strs_t  list;

    /* each with its length, little endian, in front; then what is broken */

    static const struct {
        const char  *what;
        xr_str_t     packed;
        size_t       n;
        xr_str_t     last;
        bool         has_a;
        bool         has_empty;
    } cases[] = {
        { "none", XR_STR(""), 0, XR_STR(""), false, false },
        { "one", XR_STR("\1\0a"), 1, XR_STR("a"), true, false },
        { "empty one", XR_STR("\0\0"), 1, XR_STR(""), false, true },
        { "two", XR_STR("\1\0a\2\0bc"), 2, XR_STR("bc"), true, false },
        { "longer", XR_STR("\2\0ab"), 1, XR_STR("ab"), false, false },
        { "last", XR_STR("\0\0\1\0b\1\0a"), 3, XR_STR("a"), true, true },
        { "lengths within", XR_STR("\3\0\1\0a"), 1, XR_STR("\1\0a"),
          false, false },

        { "half a length", XR_STR("\1"), 0, XR_STR(""), false, false },
        { "a length only", XR_STR("\1\0"), 0, XR_STR(""), false, false },
        { "too short", XR_STR("\2\0a"), 0, XR_STR(""), false, false },
        { "high byte", XR_STR("\1\1a"), 0, XR_STR(""), false, false },
        { "second too short", XR_STR("\1\0a\2\0b"), 1, XR_STR("a"),
          true, false },
        { "half a second", XR_STR("\1\0a\1"), 1, XR_STR("a"), true, false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(cases[i].packed);
        list.packed = copy;

        XR_CHECK_EQ(xr_strs_has(list, xr_str("a")), cases[i].has_a,
                    cases[i].what);
        XR_CHECK_EQ(xr_strs_has(list, xr_str_of(NULL, 0)), cases[i].has_empty,
                    cases[i].what);

        one = xr_str("");

        for (n = 0; xr_strs_next(&list, &one); n++) {
            /* void */
        }

        XR_CHECK_EQ(n, cases[i].n, cases[i].what);
        XR_CHECK(xr_str_eq(one, cases[i].last), cases[i].what);
        XR_CHECK(!xr_strs_next(&list, &one), cases[i].what);

        xr_test_copy_free(copy);
    }
}


/* Nothing at all, as an xr_strs_t of zeros has it. */

static void
test_strs_none(void **state)
{
    xr_str_t   one;
    xr_strs_t  list;

    (void) state;

    memset(&list, 0, sizeof(list));

    assert_false(xr_strs_has(list, xr_str("")));
    assert_false(xr_strs_next(&list, &one));
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_find_trim),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_uint),
        cmocka_unit_test(test_dup),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_strs),
        cmocka_unit_test(test_strs_none)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
