/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_json.h"


static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };


static xr_json_t
check(xr_str_t text)
{
    xr_err_t   err;
    xr_json_t  v;

    if (xr_json_check(text, &limits, &v, &err) != XR_OK) {
        fail_msg("%.*s: %s at %zu", (int) text.len, (const char *) text.data,
                 err.what, err.pos);
    }

    return v;
}


static const char *
type_name(xr_json_type_t type)
{
    static const char *const  names[] = {
        [XR_JSON_NULL] = "null",
        [XR_JSON_FALSE] = "false",
        [XR_JSON_TRUE] = "true",
        [XR_JSON_NUMBER] = "number",
        [XR_JSON_STRING] = "string",
        [XR_JSON_ARRAY] = "array",
        [XR_JSON_OBJECT] = "object"
    };

    return names[type];
}


/* What an iterator sees of "text", a line for each element. */

static void
walk(xr_str_t text, xr_buf_t *out)
{
    xr_json_t       root, name, value;
    xr_json_iter_t  it;

    root = check(text);
    it = xr_json_iter(&root);

    assert_int_equal(it.object, root.type == XR_JSON_OBJECT);

    while (xr_json_next(&it, it.object ? &name : NULL, &value)) {

        if (it.object) {
            assert_int_equal(name.type, XR_JSON_STRING);
            xr_buf_put(out, name.raw);
            xr_buf_puts(out, name.escaped ? "!=" : "=");
        }

        xr_buf_puts(out, type_name(value.type));
        xr_buf_puts(out, value.escaped ? "!<" : "<");
        xr_buf_put(out, value.raw);
        xr_buf_puts(out, ">\n");
    }

    assert_false(xr_json_next(&it, NULL, &value));
    assert_true(xr_buf_ok(out));
}


static void
test_iterate(void **state)
{
    size_t    i;
    char      memory[1024];
    xr_buf_t  b;
    xr_str_t  in;

    static const struct {
        const char  *in;
        const char  *out;
    } cases[] = {
        { "[]", "" },
        { "[ \n]", "" },
        { "{}", "" },
        { "{\t}", "" },
        { "[1]", "number<1>\n" },
        { "[ 1 ]", "number<1>\n" },
        { "[null,true,false,-0.5e+3]",
          "null<null>\ntrue<true>\nfalse<false>\nnumber<-0.5e+3>\n" },
        { "[ null\n,\ttrue ,false\r, 0 ]",
          "null<null>\ntrue<true>\nfalse<false>\nnumber<0>\n" },
        { "[\"\",\"a\",\"\\\\\",\"\\\"\",\"]\",\"\\\\\\\"]\"]",
          "string<>\nstring<a>\nstring!<\\\\>\nstring!<\\\">\nstring<]>\n"
          "string!<\\\\\\\"]>\n" },
        { "[[],{},[[]],[1,[2,{}],3],{\"a\":{\"b\":[]}}]",
          "array<[]>\nobject<{}>\narray<[[]]>\narray<[1,[2,{}],3]>\n"
          "object<{\"a\":{\"b\":[]}}>\n" },
        { "[ [ ] , { \"a\" : [ ] } , 1 ]",
          "array<[ ]>\nobject<{ \"a\" : [ ] }>\nnumber<1>\n" },

        /* brackets and quotes in strings end nothing */

        { "[[\"]\"],[\"\\\"]\"],{\"}\":\"\\\\\"},[\"12345678]\\\"]\"]]",
          "array<[\"]\"]>\narray<[\"\\\"]\"]>\nobject<{\"}\":\"\\\\\"}>\n"
          "array<[\"12345678]\\\"]\"]>\n" },
        { "[\"\xc3\xa4\",[\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"]]",
          "string<\xc3\xa4>\n"
          "array<[\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"]>\n" },

        { "{\"a\":1}", "a=number<1>\n" },
        { " { \"a\" : 1 , \"b\" :\n\"x\" } ", "a=number<1>\nb=string<x>\n" },
        { "{\"\":[],\"a,:\":{\"a\":1},\"\\u0061\":null}",
          "=array<[]>\na,:=object<{\"a\":1}>\n\\u0061!=null<null>\n" },
        { "{\"a\":1,\"a\":2}", "a=number<1>\na=number<2>\n" },

        /* what is neither has no elements */

        { "1", "" },
        { "\"[1]\"", "" },
        { "\"\"", "" },
        { "null", "" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        in = xr_test_copy(xr_str(cases[i].in));
        b = xr_buf(memory, sizeof(memory));

        walk(in, &b);

        XR_CHECK_STR(xr_buf_str(&b), cases[i].out, cases[i].in);

        xr_test_copy_free(in);
    }
}


static void
test_get(void **state)
{
    size_t     i;
    xr_rc_t    rc;
    xr_json_t  root, out, before;

    static const struct {
        const char  *in;
        const char  *name;
        const char  *raw;               /* NULL: not found */
    } cases[] = {
        { "{\"a\":1,\"b\":2}",      "a",    "1" },
        { "{\"a\":1,\"b\":2}",      "b",    "2" },
        { "{\"a\":1,\"a\":2}",      "a",    "1" },
        { "{\"\":1}",               "",     "1" },
        { "{\"\\u0061b\":[1]}",     "ab",   "[1]" },
        { "{\"\\\\u0061\":1}",      "\\u0061", "1" },
        { "{\"a\":{\"b\":1},\"c\":2}", "c", "2" },
        { "{}",                     "a",    NULL },
        { "{\"a\":1}",              "",     NULL },
        { "{\"a\":1}",              "A",    NULL },
        { "{\"a\":1}",              "ab",   NULL },
        { "{\"ab\":1}",             "a",    NULL },
        { "{\"\\u0061\":1}",        "\\u0061", NULL },
        { "{\"a\":{\"b\":1}}",      "b",    NULL },
        { "{\"a\":\"b\"}",          "b",    NULL },
        { "[\"a\",1]",              "a",    NULL },
        { "\"a\"",                  "a",    NULL },
        { "null",                   "a",    NULL }
    };

    (void) state;

    memset(&before, 0xee, sizeof(before));

    for (i = 0; i < XR_COUNT(cases); i++) {
        root = check(xr_str(cases[i].in));
        out = before;

        rc = xr_json_get(&root, xr_str(cases[i].name), &out);

        if (cases[i].raw == NULL) {
            XR_CHECK_EQ(rc, XR_NOT_FOUND, cases[i].in);
            XR_CHECK(memcmp(&out, &before, sizeof(out)) == 0, cases[i].in);
            continue;
        }

        XR_CHECK_EQ(rc, XR_OK, cases[i].in);
        XR_CHECK_STR(out.raw, cases[i].raw, cases[i].in);
    }
}


static const struct {
    const char  *in;
    xr_str_t     out;
} texts[] = {
    { "\"\"",                       XR_STR("") },
    { "\"a b\"",                    XR_STR("a b") },
    { "\"\xc3\xa4\"",               XR_STR("\xc3\xa4") },
    { "\"\\\"\\\\\\/\"",            XR_STR("\"\\/") },
    { "\"\\b\\f\\n\\r\\t\"",        XR_STR("\b\f\n\r\t") },
    { "\"a\\nb\"",                  XR_STR("a\nb") },
    { "\"\\\\n\"",                  XR_STR("\\n") },
    { "\"\\u0041\\u005C\\u0022\"",  XR_STR("A\\\"") },
    { "\"a\\u0000b\"",              XR_STR("a\0b") },
    { "\"\\u007f\\u0080\"",         XR_STR("\x7f\xc2\x80") },
    { "\"\\u07ff\\u0800\"",         XR_STR("\xdf\xbf\xe0\xa0\x80") },
    { "\"\\ud7ff\\ue000\"",         XR_STR("\xed\x9f\xbf\xee\x80\x80") },
    { "\"\\ufFfF\"",                XR_STR("\xef\xbf\xbf") },
    { "\"\\ud800\\udc00\"",         XR_STR("\xf0\x90\x80\x80") },
    { "\"\\udbff\\udfff\"",         XR_STR("\xf4\x8f\xbf\xbf") },
    { "\"x\\uD83D\\uDE00y\xe2\x82\xac\"",
                                    XR_STR("x\xf0\x9f\x98\x80y\xe2\x82\xac") }
};


static void
test_text(void **state)
{
    size_t     i, size;
    xr_rc_t    rc;
    uint8_t   *memory;
    xr_buf_t   b;
    xr_str_t   out, before, wanted;
    xr_json_t  v;

    (void) state;

    before = xr_str("before");

    for (i = 0; i < XR_COUNT(texts); i++) {
        v = check(xr_str(texts[i].in));
        wanted = texts[i].out;

        for (size = 0; size <= wanted.len; size++) {
            memory = malloc(size > 0 ? size : 1);
            assert_non_null(memory);

            b = xr_buf(memory, size);
            out = before;
            rc = xr_json_text(&v, &b, &out);

            if (!v.escaped) {
                XR_CHECK(out.data == v.raw.data && b.len == 0, texts[i].in);
            }

            if (v.escaped && size < wanted.len) {
                XR_CHECK_EQ(rc, XR_NO_SPACE, texts[i].in);
                XR_CHECK(out.data == before.data, texts[i].in);

            } else {
                XR_CHECK_EQ(rc, XR_OK, texts[i].in);
                XR_CHECK(xr_str_eq(out, wanted), texts[i].in);
            }

            free(memory);
        }
    }
}


/* What is in the buffer already stays, and so do views of it. */

static void
test_text_appends(void **state)
{
    char       memory[8];
    xr_buf_t   b;
    xr_str_t   first, second;
    xr_json_t  v;

    (void) state;

    b = xr_buf(memory, sizeof(memory));
    v = check(xr_str("\"a\\tb\""));

    assert_int_equal(xr_json_text(&v, &b, &first), XR_OK);
    assert_int_equal(xr_json_text(&v, &b, &second), XR_OK);

    XR_CHECK_STR(first, "a\tb", "first");
    XR_CHECK_STR(second, "a\tb", "second");
    assert_int_equal(b.len, 6);

    assert_int_equal(xr_json_text(&v, &b, &second), XR_NO_SPACE);
    XR_CHECK_STR(first, "a\tb", "first");

    v = check(xr_str("[\"\\t\"]"));
    assert_int_equal(xr_json_text(&v, &b, &first), XR_INVALID);
}


static void
test_is(void **state)
{
    size_t     i;
    uint8_t    longer[64];
    xr_str_t   s;
    xr_json_t  v;

    (void) state;

    for (i = 0; i < XR_COUNT(texts); i++) {
        v = check(xr_str(texts[i].in));
        s = texts[i].out;

        XR_CHECK(xr_json_is(&v, s), texts[i].in);

        if (s.len > 0) {
            memcpy(longer, s.data, s.len);
            longer[s.len] = 'x';

            XR_CHECK(!xr_json_is(&v, xr_str_of(longer, s.len + 1)),
                     texts[i].in);
            XR_CHECK(!xr_json_is(&v, xr_str_of(longer, s.len - 1)),
                     texts[i].in);

            longer[s.len - 1] ^= 1;
            XR_CHECK(!xr_json_is(&v, xr_str_of(longer, s.len)), texts[i].in);
        }

        if (v.escaped) {
            XR_CHECK(!xr_json_is(&v, v.raw), texts[i].in);
        }
    }

    v = check(xr_str("null"));
    assert_false(xr_json_is(&v, xr_str("null")));
    v = check(xr_str("[]"));
    assert_false(xr_json_is(&v, xr_str("[]")));
    v = check(xr_str("1"));
    assert_false(xr_json_is(&v, xr_str("1")));
}


#define MAX  9007199254740992

static void
test_int(void **state)
{
    size_t     i;
    int64_t    n;
    xr_rc_t    rc;
    xr_str_t   in;
    xr_json_t  v;

    static const struct {
        const char  *in;
        xr_rc_t      rc;
        int64_t      n;
    } cases[] = {
        { "0",                          XR_OK, 0 },
        { "-0",                         XR_OK, 0 },
        { "7",                          XR_OK, 7 },
        { "-7",                         XR_OK, -7 },
        { "1767225600",                 XR_OK, 1767225600 },
        { "1.5",                        XR_OK, 1 },
        { "-1.5",                       XR_OK, -1 },
        { "1.999999999999999999999999", XR_OK, 1 },
        { "-0.5",                       XR_OK, 0 },
        { "0.0",                        XR_OK, 0 },
        { "1767225600.123",             XR_OK, 1767225600 },

        { "1e3",                        XR_OK, 1000 },
        { "1E+3",                       XR_OK, 1000 },
        { "-1e3",                       XR_OK, -1000 },
        { "1e0",                        XR_OK, 1 },
        { "1e-0",                       XR_OK, 1 },
        { "1e15",                       XR_OK, 1000000000000000 },
        { "1.7672256e9",                XR_OK, 1767225600 },
        { "1.76722560055e9",            XR_OK, 1767225600 },
        { "12.345e1",                   XR_OK, 123 },
        { "12.345e2",                   XR_OK, 1234 },
        { "12.345e3",                   XR_OK, 12345 },
        { "12.345e4",                   XR_OK, 123450 },
        { "12345e-3",                   XR_OK, 12 },
        { "12345e-5",                   XR_OK, 0 },
        { "12345e-6",                   XR_OK, 0 },
        { "12.5e-1",                    XR_OK, 1 },
        { "0.0012e4",                   XR_OK, 12 },
        { "0.000000000000000000001e21", XR_OK, 1 },
        { "1000000000000000000000e-21", XR_OK, 1 },
        { "9007199254740993e-1",        XR_OK, 900719925474099 },

        { "9007199254740991",           XR_OK, MAX - 1 },
        { "9007199254740992",           XR_OK, MAX },
        { "-9007199254740992",          XR_OK, -MAX },
        { "9007199254740992.9",         XR_OK, MAX },
        { "9.007199254740992e15",       XR_OK, MAX },
        { "9007199254740993",           XR_INVALID, 0 },
        { "-9007199254740993",          XR_INVALID, 0 },
        { "900719925474099.3e1",        XR_INVALID, 0 },
        { "90071992547409920",          XR_INVALID, 0 },
        { "9223372036854775807",        XR_INVALID, 0 },
        { "9223372036854775808",        XR_INVALID, 0 },
        { "18446744073709551617",       XR_INVALID, 0 },
        { "1e16",                       XR_INVALID, 0 },
        { "1e400",                      XR_INVALID, 0 },
        { "-1e400",                     XR_INVALID, 0 },
        { "1e-400",                     XR_OK, 0 },
        { "0e400",                      XR_OK, 0 },
        { "0.000e99999999999999999999", XR_OK, 0 },
        { "1e99999999999999999999",     XR_INVALID, 0 },
        { "1e9223372036854775807",      XR_INVALID, 0 },
        { "1e-9223372036854775808",     XR_OK, 0 },
        { "1e00000000000000000000001",  XR_OK, 10 },

        { "\"1\"",                      XR_INVALID, 0 },
        { "null",                       XR_INVALID, 0 },
        { "true",                       XR_INVALID, 0 },
        { "[1]",                        XR_INVALID, 0 },
        { "{}",                         XR_INVALID, 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        in = xr_test_copy(xr_str(cases[i].in));
        v = check(in);
        n = 99;

        rc = xr_json_int(&v, &n);

        XR_CHECK_EQ(rc, cases[i].rc, cases[i].in);
        XR_CHECK_EQ(n, rc == XR_OK ? cases[i].n : 99, cases[i].in);

        xr_test_copy_free(in);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_iterate),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_appends),
        cmocka_unit_test(test_is),
        cmocka_unit_test(test_int)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
