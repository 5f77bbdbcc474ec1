/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_json.h"


static const xr_json_limits_t  limits = {
    XR_JSON_MAX_DEPTH, XR_JSON_MAX_MEMBERS
};


static const struct {
    const char      *in;
    xr_json_type_t   type;
    const char      *raw;
} valid[] = {
    { "null",                   XR_JSON_NULL,   "null" },
    { "false",                  XR_JSON_FALSE,  "false" },
    { " \t\r\ntrue \t\r\n",     XR_JSON_TRUE,   "true" },

    { "0",                      XR_JSON_NUMBER, "0" },
    { "-0",                     XR_JSON_NUMBER, "-0" },
    { " 7 ",                    XR_JSON_NUMBER, "7" },
    { "123456789012345678901234567890", XR_JSON_NUMBER,
      "123456789012345678901234567890" },
    { "-1.50",                  XR_JSON_NUMBER, "-1.50" },
    { "0.0e0",                  XR_JSON_NUMBER, "0.0e0" },
    { "0e+00",                  XR_JSON_NUMBER, "0e+00" },
    { "1E-400",                 XR_JSON_NUMBER, "1E-400" },
    { "1e400",                  XR_JSON_NUMBER, "1e400" },

    { "\"\"",                   XR_JSON_STRING, "" },
    { "\"a\"",                  XR_JSON_STRING, "a" },
    { "\"eightbytes, twice and a bit\"", XR_JSON_STRING,
      "eightbytes, twice and a bit" },
    { "\"'/#{[,:]}\"",          XR_JSON_STRING, "'/#{[,:]}" },
    { "\"\177\"",               XR_JSON_STRING, "\177" },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", XR_JSON_STRING,
      "\\\"\\\\\\/\\b\\f\\n\\r\\t" },
    { "\"\\u0000\\uabCD\\uFFFF\"", XR_JSON_STRING, "\\u0000\\uabCD\\uFFFF" },
    { "\"\\ud7ff\\ue000\"",     XR_JSON_STRING, "\\ud7ff\\ue000" },
    { "\"\\ud800\\udc00\"",     XR_JSON_STRING, "\\ud800\\udc00" },
    { "\"\\uDBFF\\uDFFFx\"",    XR_JSON_STRING, "\\uDBFF\\uDFFFx" },
    { "\"\\\\u12\"",            XR_JSON_STRING, "\\\\u12" },
    { "\"\xc2\x80\xdf\xbf\"",   XR_JSON_STRING, "\xc2\x80\xdf\xbf" },
    { "\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"", XR_JSON_STRING,
      "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf" },
    { "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"", XR_JSON_STRING,
      "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },

    { "[]",                     XR_JSON_ARRAY,  "[]" },
    { " [ ] ",                  XR_JSON_ARRAY,  "[ ]" },
    { "[1,\"a\",null,true,false,[],{}]", XR_JSON_ARRAY,
      "[1,\"a\",null,true,false,[],{}]" },
    { "\n[ 1\n,\t2\r]\n",       XR_JSON_ARRAY,  "[ 1\n,\t2\r]" },
    { "[[[]],[[],[]]]",         XR_JSON_ARRAY,  "[[[]],[[],[]]]" },

    { "{}",                     XR_JSON_OBJECT, "{}" },
    { "{ }",                    XR_JSON_OBJECT, "{ }" },
    { " { \"a\" : 1 , \"b\" : [ ] } ", XR_JSON_OBJECT,
      "{ \"a\" : 1 , \"b\" : [ ] }" },
    { "{\"\":0}",               XR_JSON_OBJECT, "{\"\":0}" },
    { "{\"a\":{\"a\":{\"a\":0}},\"b\":{\"a\":0}}", XR_JSON_OBJECT,
      "{\"a\":{\"a\":{\"a\":0}},\"b\":{\"a\":0}}" },
    { "{\"a\":[{\"a\":0},{\"a\":0}]}", XR_JSON_OBJECT,
      "{\"a\":[{\"a\":0},{\"a\":0}]}" },
    { "{\"a\":0,\"A\":0,\"a\\u0000\":0,\"\\\\u0061\":0}", XR_JSON_OBJECT,
      "{\"a\":0,\"A\":0,\"a\\u0000\":0,\"\\\\u0061\":0}" },

    /* the same letter to a reader of text, but not the same characters */

    { "{\"\xc3\xa4\":0,\"a\\u0308\":0}", XR_JSON_OBJECT,
      "{\"\xc3\xa4\":0,\"a\\u0308\":0}" }
};


static void
test_valid(void **state)
{
    size_t     i;
    xr_rc_t    rc;
    xr_str_t   in;
    xr_err_t   err;
    xr_json_t  root;

    (void) state;

    for (i = 0; i < XR_COUNT(valid); i++) {
        in = xr_test_copy(xr_str(valid[i].in));

        memset(&root, 0xee, sizeof(root));
        rc = xr_json_check(in, &limits, &root, &err);

        XR_CHECK_EQ(rc, XR_OK, valid[i].in);
        XR_CHECK_EQ(root.type, valid[i].type, valid[i].in);
        XR_CHECK_STR(root.raw, valid[i].raw, valid[i].in);
        XR_CHECK_EQ(root.escaped,
                    root.type == XR_JSON_STRING
                    && strchr(valid[i].raw, '\\') != NULL,
                    valid[i].in);

        xr_test_copy_free(in);
    }
}


#define VALUE     "a value is missing"
#define WORD      "not a JSON value"
#define DIGIT     "a digit is missing"
#define BEHIND    "something behind the value"
#define END       "a string does not end"
#define ESCAPE    "not an escape sequence"
#define PAIR      "half a surrogate pair"
#define CONTROL   "a control character in a string"
#define UTF8      "not UTF-8"
#define ARRAY     "neither , nor ]"
#define OBJECT    "neither , nor }"
#define NAME      "a member name is missing"
#define COLON     "a colon is missing"
#define TWICE     "a member occurs twice"

static const struct {
    const char  *in;
    const char  *what;
    size_t       pos;
} invalid[] = {
    { "",                       VALUE,    0 },
    { " \n",                    VALUE,    2 },
    { "nul",                    WORD,     0 },
    { "nULL",                   WORD,     0 },
    { "True",                   WORD,     0 },
    { "tru]",                   WORD,     0 },
    { "nan",                    WORD,     0 },
    { "NaN",                    WORD,     0 },
    { "Infinity",               WORD,     0 },
    { "'a'",                    WORD,     0 },
    { "a",                      WORD,     0 },
    { "]",                      WORD,     0 },
    { ",",                      WORD,     0 },
    { "\xef\xbb\xbf{}",         WORD,     0 },
    { "/**/1",                  WORD,     0 },
    { "\v1",                    WORD,     0 },
    { "\xc2\xa0" "1",           WORD,     0 },

    { "-",                      DIGIT,    1 },
    { "-a",                     DIGIT,    1 },
    { "--1",                    DIGIT,    1 },
    { "-Infinity",              DIGIT,    1 },
    { "+1",                     WORD,     0 },
    { ".5",                     WORD,     0 },
    { "-.5",                    DIGIT,    1 },
    { "1.",                     DIGIT,    2 },
    { "1.e1",                   DIGIT,    2 },
    { "1e",                     DIGIT,    2 },
    { "1e+",                    DIGIT,    3 },
    { "1e+-1",                  DIGIT,    3 },
    { "[1e]",                   DIGIT,    3 },
    { "01",                     BEHIND,   1 },
    { "-01",                    BEHIND,   2 },
    { "00",                     BEHIND,   1 },
    { "0x1",                    BEHIND,   1 },
    { "1e1.5",                  BEHIND,   3 },
    { "1.5.5",                  BEHIND,   3 },
    { "1_000",                  BEHIND,   1 },
    { "1f",                     BEHIND,   1 },
    { "truetrue",               BEHIND,   4 },
    { "nullx",                  BEHIND,   4 },
    { "1 2",                    BEHIND,   2 },
    { "\"\"\"",                 BEHIND,   2 },
    { "[] // end",              BEHIND,   3 },
    { "{}}",                    BEHIND,   2 },
    { "[]]",                    BEHIND,   2 },
    { "{},",                    BEHIND,   2 },
    { "[]\f",                   BEHIND,   2 },

    { "\"",                     END,      1 },
    { "\"abc",                  END,      4 },
    { "\"\\",                   END,      1 },
    { "\"\\\"",                 END,      3 },
    { "\"\\x41\"",              ESCAPE,   1 },
    { "\"\\a\"",                ESCAPE,   1 },
    { "\"\\'\"",                ESCAPE,   1 },
    { "\"\\\n\"",               ESCAPE,   1 },
    { "\"\\U0041\"",            ESCAPE,   1 },
    { "\"\\u\"",                ESCAPE,   1 },
    { "\"\\u004\"",             ESCAPE,   1 },
    { "\"\\u004",               ESCAPE,   1 },
    { "\"\\u004g\"",            ESCAPE,   1 },
    { "\"\\u 041\"",            ESCAPE,   1 },
    { "\"\\u+041\"",            ESCAPE,   1 },
    { "\"\\\xc3\xa4\"",         ESCAPE,   1 },
    { "\"\\ud800\"",            PAIR,     1 },
    { "\"\\ud800",              PAIR,     1 },
    { "\"ab\\udbffcdefghij\"",  PAIR,     3 },
    { "\"\\ud800\\n\"",         PAIR,     1 },
    { "\"\\ud800\\u0041\"",     PAIR,     1 },
    { "\"\\ud800\\ud800\"",     PAIR,     1 },
    { "\"\\ud800\\udc0\"",      PAIR,     1 },
    { "\"\\ud800\\ue000\"",     PAIR,     1 },
    { "\"\\udc00\"",            PAIR,     1 },
    { "\"\\udfff\\ud800\"",     PAIR,     1 },
    { "\"\\ud800\\udc00\\udc00\"", PAIR, 13 },
    { "\"a\nb\"",               CONTROL,  2 },
    { "\"\t\"",                 CONTROL,  1 },
    { "\"\x1f\"",               CONTROL,  1 },
    { "\"12345678\x01\"",       CONTROL,  9 },
    { "{\"a\n\":1}",            CONTROL,  3 },

    { "\"\x80\"",               UTF8,     1 },
    { "\"a\xbf\"",              UTF8,     2 },
    { "\"\xc0\x80\"",           UTF8,     1 },
    { "\"\xc1\xbf\"",           UTF8,     1 },
    { "\"\xc3\"",               UTF8,     1 },
    { "\"\xc3",                 UTF8,     1 },
    { "\"\xc3\x28\"",           UTF8,     1 },
    { "\"\xc3\xc3\xa4\"",       UTF8,     1 },
    { "\"\xe0\x9f\xbf\"",       UTF8,     1 },
    { "\"\xe2\x82\"",           UTF8,     1 },
    { "\"\xe2\x82",             UTF8,     1 },
    { "\"\xed\xa0\x80\"",       UTF8,     1 },
    { "\"\xed\xbf\xbf\"",       UTF8,     1 },
    { "\"\xf0\x8f\xbf\xbf\"",   UTF8,     1 },
    { "\"\xf0\x90\x80\"",       UTF8,     1 },
    { "\"\xf4\x90\x80\x80\"",   UTF8,     1 },
    { "\"\xf5\x80\x80\x80\"",   UTF8,     1 },
    { "\"\xf8\x88\x80\x80\x80\"", UTF8,   1 },
    { "\"\xff\"",               UTF8,     1 },
    { "\"1234567\xc3\xa4\xff\"", UTF8,   10 },

    { "[",                      VALUE,    1 },
    { "[1",                     ARRAY,    2 },
    { "[1,",                    VALUE,    3 },
    { "[1,]",                   WORD,     3 },
    { "[,1]",                   WORD,     1 },
    { "[1,,2]",                 WORD,     3 },
    { "[1 2]",                  ARRAY,    3 },
    { "[1}",                    ARRAY,    2 },
    { "[\"a\":1]",              ARRAY,    4 },
    { "[[]",                    ARRAY,    3 },
    { "[}",                     WORD,     1 },
    { "[1,\n2\n3]",             ARRAY,    6 },

    { "{",                      NAME,     1 },
    { "{ ",                     NAME,     2 },
    { "{]",                     NAME,     1 },
    { "{a:1}",                  NAME,     1 },
    { "{'a':1}",                NAME,     1 },
    { "{1:1}",                  NAME,     1 },
    { "{null:1}",               NAME,     1 },
    { "{,\"a\":1}",             NAME,     1 },
    { "{\"a\":1,}",             NAME,     7 },
    { "{\"a\":1,",              NAME,     7 },
    { "{\"a\":1,,\"b\":1}",     NAME,     7 },
    { "{\"a\"}",                COLON,    4 },
    { "{\"a\"",                 COLON,    4 },
    { "{\"a\" 1}",              COLON,    5 },
    { "{\"a\",1}",              COLON,    4 },
    { "{\"a\":}",               WORD,     5 },
    { "{\"a\":",                VALUE,    5 },
    { "{\"a\"::1}",             WORD,     5 },
    { "{\"a\":1",               OBJECT,   6 },
    { "{\"a\":1]",              OBJECT,   6 },
    { "{\"a\":1 \"b\":2}",      OBJECT,   7 },
    { "{\"a\":[1}",             ARRAY,    7 },
    { "{\"a\":{}",              OBJECT,   7 },

    { "{\"a\":1,\"a\":1}",      TWICE,    7 },
    { "{\"a\":1,\"b\":2,\"a\":3}", TWICE, 13 },
    { "{\"\":1,\"\":1}",        TWICE,    6 },
    { "{\"a\":1,\"\\u0061\":1}", TWICE,   7 },
    { "{\"\\u0061\":1,\"a\":1}", TWICE,  12 },
    { "{\"\\u0061\":1,\"\\u0061\":1}", TWICE, 12 },
    { "{\"\\n\":1,\"\\u000A\":1}", TWICE, 8 },
    { "{\"/\":1,\"\\/\":1}",    TWICE,    7 },
    { "{\"\xc3\xa4\":1,\"\\u00e4\":1}", TWICE, 8 },
    { "{\"\xe2\x82\xac\":1,\"\\u20AC\":1}", TWICE, 9 },
    { "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":1}", TWICE, 10 },
    { "{\"\\u0000\":1,\"\\u0000\":1}", TWICE, 12 },
    { "{\"a\":{\"b\":1,\"c\":[{}],\"b\":1}}", TWICE, 21 },
    { "{\"a\":{\"b\":{\"c\":1}},\"a\":1}", TWICE, 19 },
    { "[{\"a\":1},{\"a\":1,\"a\":1}]", TWICE, 16 }
};


static void
test_invalid(void **state)
{
    size_t     i;
    xr_rc_t    rc;
    xr_str_t   in;
    xr_err_t   err;
    xr_json_t  root, before;

    (void) state;

    memset(&before, 0xee, sizeof(before));

    for (i = 0; i < XR_COUNT(invalid); i++) {
        in = xr_test_copy(xr_str(invalid[i].in));

        root = before;
        rc = xr_json_check(in, &limits, &root, &err);

        XR_CHECK_EQ(rc, XR_INVALID, invalid[i].in);
        XR_CHECK_STR(xr_str(err.what), invalid[i].what, invalid[i].in);
        XR_CHECK_EQ(err.pos, invalid[i].pos, invalid[i].in);
        XR_CHECK(memcmp(&root, &before, sizeof(root)) == 0, invalid[i].in);

        XR_CHECK_EQ(xr_json_check(in, &limits, &root, NULL), XR_INVALID,
                    invalid[i].in);

        xr_test_copy_free(in);
    }
}


/* No beginning of a text that ends with a bracket is a text. */

static void
test_cut_short(void **state)
{
    size_t      len;
    xr_str_t    in, cut;
    xr_json_t   root;
    const char *text = "{\"a\\u0061\":[1.5e-7,true,\"\xc3\xa4 \\ud83d\\ude00\","
                       "null,{}],\"c\":{\"d\":[[\"eightbytes\"]]}}";

    (void) state;

    in = xr_str(text);

    for (len = 0; len < in.len; len++) {
        cut = xr_test_copy(xr_str_of(in.data, len));
        XR_CHECK_EQ(xr_json_check(cut, &limits, &root, NULL), XR_INVALID, text);
        xr_test_copy_free(cut);
    }

    XR_CHECK_EQ(xr_json_check(in, &limits, &root, NULL), XR_OK, text);
    XR_CHECK_EQ(xr_json_check(xr_str_of(NULL, 0), &limits, &root, NULL),
                XR_INVALID, "NULL");
}


/* Bytes that C strings cannot hold. */

static void
test_nul(void **state)
{
    size_t     i;
    xr_json_t  root;

    static const xr_str_t  texts[] = {
        XR_STR("\0"), XR_STR("1\0"), XR_STR("\"\0\""), XR_STR("{}\0"),
        XR_STR("[\0]"), XR_STR("\"\\\0\""), XR_STR("\"\\u\0\0\0\0\"")
    };

    (void) state;

    for (i = 0; i < XR_COUNT(texts); i++) {
        assert_int_equal(xr_json_check(texts[i], &limits, &root, NULL),
                         XR_INVALID);
    }
}


/* Every byte, at every offset from where eight are looked at together. */

static void
test_bytes(void **state)
{
    int        c;
    size_t     at;
    bool       plain;
    char       text[20];
    xr_rc_t    rc;
    xr_json_t  root;

    (void) state;

    for (c = 0; c < 256; c++) {
        plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

        for (at = 1; at < sizeof(text) - 1; at++) {
            memset(text, 'x', sizeof(text));
            text[0] = '"';
            text[sizeof(text) - 1] = '"';
            text[at] = (char) c;

            rc = xr_json_check(xr_str_of(text, sizeof(text)), &limits, &root,
                               NULL);
            assert_int_equal(rc == XR_OK, plain);
        }
    }
}


static void
test_depth(void **state)
{
    size_t            i, depth;
    char              text[3 * (XR_JSON_MAX_DEPTH + 1)];
    xr_rc_t           rc;
    xr_buf_t          b;
    xr_err_t          err;
    xr_json_t         root;
    xr_json_limits_t  l;

    (void) state;

    for (depth = 1; depth <= XR_JSON_MAX_DEPTH + 1; depth++) {
        b = xr_buf(text, sizeof(text));

        for (i = 0; i < depth; i++) {
            xr_buf_putc(&b, '[');
        }

        for (i = 0; i < depth; i++) {
            xr_buf_putc(&b, ']');
        }

        l.depth = depth;
        l.members = 0;
        rc = xr_json_check(xr_buf_str(&b), &l, &root, &err);

        /* what is allowed cannot exceed what there is room for */

        assert_int_equal(rc, depth > XR_JSON_MAX_DEPTH ? XR_INVALID : XR_OK);

        l.depth = depth - 1;
        rc = xr_json_check(xr_buf_str(&b), &l, &root, &err);

        assert_int_equal(rc, XR_INVALID);
        assert_string_equal(err.what, "nested too deeply");
        assert_int_equal(err.pos, depth - 1);
    }

    l.depth = 2;

    assert_int_equal(xr_json_check(xr_str("{\"a\":[1],\"b\":{\"c\":[]}}"), &l,
                                   &root, &err), XR_INVALID);
    assert_int_equal(err.pos, 18);
    assert_int_equal(xr_json_check(xr_str("[[],[],{\"a\":0},[[]]]"), &l, &root,
                                   &err), XR_INVALID);
    assert_int_equal(err.pos, 16);
    assert_int_equal(xr_json_check(xr_str("[[],[],[],{},[]]"), &l, &root,
                                   &err), XR_OK);
}


/* Objects of "each" members, one behind the other. */

static xr_str_t
test_members_text(xr_buf_t *b, size_t n, size_t each)
{
    size_t  i;

    b->len = 0;
    xr_buf_puts(b, "[{");

    for (i = 0; i < n; i++) {

        if (i > 0) {
            xr_buf_puts(b, i % each == 0 ? "},{" : ",");
        }

        xr_buf_puts(b, "\"");
        xr_buf_uint(b, i % each);
        xr_buf_puts(b, "\":0");
    }

    xr_buf_puts(b, "}]");
    assert_true(xr_buf_ok(b));

    return xr_buf_str(b);
}


static void
test_members(void **state)
{
    size_t            i, n;
    xr_rc_t           rc;
    uint8_t           memory[4096];
    xr_buf_t          b;
    xr_err_t          err;
    xr_json_t         root;
    xr_json_limits_t  l;

    static const size_t  each[] = { 1, 3, XR_JSON_MAX_MEMBERS + 1 };

    (void) state;

    b = xr_buf(memory, sizeof(memory));
    l.depth = 2;

    for (i = 0; i < XR_COUNT(each); i++) {

        for (n = 1; n <= XR_JSON_MAX_MEMBERS + 1; n++) {
            test_members_text(&b, n, each[i]);

            l.members = n;
            rc = xr_json_check(xr_buf_str(&b), &l, &root, &err);
            assert_int_equal(rc, n > XR_JSON_MAX_MEMBERS ? XR_INVALID : XR_OK);

            l.members = 0;
            rc = xr_json_check(xr_buf_str(&b), &l, &root, &err);
            assert_int_equal(rc, XR_OK);

            if (n > 1) {
                l.members = n - 1;
                rc = xr_json_check(xr_buf_str(&b), &l, &root, &err);
                assert_int_equal(rc, XR_INVALID);
                assert_string_equal(err.what, "too many members");
                assert_int_equal(memory[err.pos], '"');
            }
        }
    }
}


/* Without a limit, whoever reads finds duplicates. */

static void
test_no_member_limit(void **state)
{
    xr_json_t                      root;
    static const xr_json_limits_t  none = { 2, 0 };

    (void) state;

    assert_int_equal(xr_json_check(xr_str("{\"a\":1,\"a\":2}"), &none, &root,
                                   NULL), XR_OK);
    assert_int_equal(xr_json_check(xr_str("{\"a\":1,\"a\"}"), &none, &root,
                                   NULL), XR_INVALID);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_no_member_limit)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
