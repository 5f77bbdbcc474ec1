/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_path.h"


static const struct {
    const char  *raw;
    const char  *decoded;               /* NULL: refused, at "pos" */
    size_t       pos;
} cases[] = {
    { "/",                      "/", 0 },
    { "/a",                     "/a", 0 },
    { "/a/",                    "/a/", 0 },
    { "/a/b.glb",               "/a/b.glb", 0 },
    { "/a%20b.glb",             "/a b.glb", 0 },
    { "/%61%2D%5f",             "/a-_", 0 },
    { "/%C3%BC/\303\274",       "/\303\274/\303\274", 0 },
    { "/a%3Fb%23c",             "/a?b#c", 0 },
    { "/a;b=1,c@d:e+f&g$h!i*j'k(l)", "/a;b=1,c@d:e+f&g$h!i*j'k(l)", 0 },
    { "/\"<>^`{|}",             "/\"<>^`{|}", 0 },
    { "/.a",                    "/.a", 0 },
    { "/a.",                    "/a.", 0 },
    { "/...",                   "/...", 0 },
    { "/..a/b..",               "/..a/b..", 0 },
    { "/a.b./..c.d/e...f.",     "/a.b./..c.d/e...f.", 0 },
    { "/%2e%2e%2e",             "/...", 0 },
    { "/%2ea",                  "/.a", 0 },
    { "/100%25.glb",            "/100%.glb", 0 },
    { "/100%25",                "/100%", 0 },
    { "/50%25ab",               "/50%ab", 0 },
    { "/50%2541",               "/50%41", 0 },
    { "/%25/2f",                "/%/2f", 0 },
    { "/%252/f",                "/%2/f", 0 },
    { "/%25%25",                "/%%", 0 },
    { "/%252g",                 "/%2g", 0 },

    { "",                       NULL, 0 },
    { "a",                      NULL, 0 },
    { "a/b",                    NULL, 0 },
    { "*",                      NULL, 0 },
    { "%2fa",                   NULL, 0 },
    { "http://edge/a",          NULL, 0 },

    /* segments */

    { "//",                     NULL, 1 },
    { "//a",                    NULL, 1 },
    { "/a//b",                  NULL, 3 },
    { "/a//",                   NULL, 3 },
    { "/.",                     NULL, 2 },
    { "/..",                    NULL, 3 },
    { "/./a",                   NULL, 2 },
    { "/../a",                  NULL, 3 },
    { "/a/./b",                 NULL, 4 },
    { "/a/../b",                NULL, 5 },
    { "/a/..",                  NULL, 5 },
    { "/a/../",                 NULL, 5 },
    { "/a/%2e",                 NULL, 6 },
    { "/a/%2e%2E/b",            NULL, 9 },
    { "/a./..",                 NULL, 6 },
    { "/a.b/./c",               NULL, 6 },
    { "/a/.%2e/b",              NULL, 7 },
    { "/a/%2e./b",              NULL, 7 },

    /* UTF-8, RFC 3629 */

    { "/%F0%9F%98%80",          "/\360\237\230\200", 0 },
    { "/%E6%BC%A2/%c3%a9",      "/\346\274\242/\303\251", 0 },
    { "/%ED%9F%BF%EE%80%80",    "/\355\237\277\356\200\200", 0 },
    { "/%F4%8F%BF%BF",          "/\364\217\277\277", 0 },
    { "/a%ff",                  NULL, 2 },
    { "/a%80",                  NULL, 2 },
    { "/%c0%ae%c0%ae",          NULL, 1 },
    { "/%c1%bf",                NULL, 1 },
    { "/%e0%80%af",             NULL, 4 },
    { "/%f0%80%80%af",          NULL, 4 },
    { "/%ed%a0%80",             NULL, 4 },
    { "/%f4%90%80%80",          NULL, 4 },
    { "/%f5%80%80%80",          NULL, 1 },
    { "/%c3a",                  NULL, 4 },
    { "/%c3/a",                 NULL, 4 },
    { "/a%e6%bc",               NULL, 8 },

    /* separators and control characters, encoded or not */

    { "/a%2fb",                 NULL, 2 },
    { "/a%2Fb",                 NULL, 2 },
    { "/a%5cb",                 NULL, 2 },
    { "/a\\b",                  NULL, 2 },
    { "/a b",                   NULL, 2 },
    { "/a?b",                   NULL, 2 },
    { "/a#b",                   NULL, 2 },
    { "/a%00",                  NULL, 2 },
    { "/a%0a",                  NULL, 2 },
    { "/a%0D%0Ab",              NULL, 2 },
    { "/a%1f",                  NULL, 2 },
    { "/a.b.%00",               NULL, 5 },
    { "/a%7f",                  NULL, 2 },
    { "/a\001",                 NULL, 2 },
    { "/a\t",                   NULL, 2 },
    { "/a\177",                 NULL, 2 },

    /* broken escapes */

    { "/%",                     NULL, 1 },
    { "/%2",                    NULL, 1 },
    { "/%2g",                   NULL, 1 },
    { "/%g2",                   NULL, 1 },
    { "/%%41",                  NULL, 1 },
    { "/a%u0041",               NULL, 2 },

    /* a second layer */

    { "/a%252fb",               NULL, 6 },
    { "/a%252Fb",               NULL, 6 },
    { "/a%25%32%66b",           NULL, 8 },
    { "/a%25%32fb",             NULL, 8 },
    { "/a%252%66b",             NULL, 6 },
    { "/a%255cb",               NULL, 6 },
    { "/%252e%252e/b",          NULL, 5 },
    { "/.%252e/b",              NULL, 6 },
    { "/a%2500",                NULL, 6 },
    { "/a%250a",                NULL, 6 },
    { "/a%257f",                NULL, 6 },
    { "/a%2525",                NULL, 6 },
    { "/a%25252f",              NULL, 6 },
    { "/%25%252f",              NULL, 8 }
};


static void
test_check(void **state)
{
    size_t    i;
    xr_rc_t   rc;
    xr_err_t  err;
    xr_str_t  raw;

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        raw = xr_test_copy(xr_str(cases[i].raw));
        err = (xr_err_t) { NULL, 99 };

        rc = xr_path_check(raw, &err);

        if (cases[i].decoded != NULL) {
            XR_CHECK_EQ(rc, XR_OK, cases[i].raw);

        } else {
            XR_CHECK_EQ(rc, XR_INVALID, cases[i].raw);
            XR_CHECK(err.what != NULL, cases[i].raw);
            XR_CHECK_EQ(err.pos, cases[i].pos, cases[i].raw);
            XR_CHECK_EQ(xr_path_check(raw, NULL), XR_INVALID, cases[i].raw);
        }

        xr_test_copy_free(raw);
    }

    assert_int_equal(xr_path_check(xr_str_of(NULL, 0), &err), XR_INVALID);
    assert_int_equal(xr_path_check(xr_str_of("/a\0b", 4), &err), XR_INVALID);
}


/* Each byte, as it is and encoded, against the rules in one line each. */

static void
test_check_bytes(void **state)
{
    int   c;
    bool  alone, raw_ok, escaped_ok;
    char  raw[] = "/a?b", escaped[] = "/a%..b";

    static const char  digits[] = "0123456789abcdef";

    (void) state;

    for (c = 0; c < 256; c++) {
        alone = (c >= 0x20 && c < 0x7f);    /* neither control nor UTF-8 */
        raw_ok = alone && strchr(" \\?#%", c) == NULL;
        escaped_ok = alone && c != '/' && c != '\\';

        raw[2] = (char) c;
        escaped[3] = digits[c >> 4];
        escaped[4] = digits[c & 0x0f];

        assert_int_equal(xr_path_check(xr_str_of(raw, 4), NULL),
                         raw_ok ? XR_OK : XR_INVALID);
        assert_int_equal(xr_path_check(xr_str_of(escaped, 6), NULL),
                         escaped_ok ? XR_OK : XR_INVALID);
    }
}


static void
test_check_decoded(void **state)
{
    size_t    i;
    xr_err_t  err;

    static const struct {
        const char  *path;
        bool         ok;
        size_t       pos;
    } paths[] = {
        { "/",                   true,  0 },
        { "/a/b c?d#e%2fg.glb",  true,  0 },
        { "/a/",                 true,  0 },
        { "/.../..a",            true,  0 },
        { "/\303\274",           true,  0 },
        { "",                    false, 0 },
        { "a",                   false, 0 },
        { "//",                  false, 1 },
        { "/a//b",               false, 3 },
        { "/a/./b",              false, 4 },
        { "/a/../b",             false, 5 },
        { "/a/..",               false, 5 },
        { "/a\\b",               false, 2 },
        { "/a\nb",               false, 2 },
        { "/a\177",              false, 2 },
        { "/a\377",              false, 2 },
        { "/\303/a",             false, 2 },
        { "/\303",               false, 2 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(paths); i++) {
        err.pos = 0;

        XR_CHECK_EQ(xr_path_check_decoded(xr_str(paths[i].path), &err)
                    == XR_OK,
                    paths[i].ok, paths[i].path);
        XR_CHECK_EQ(err.pos, paths[i].pos, paths[i].path);
    }
}


static void
test_decode(void **state)
{
    size_t     i, size;
    char       memory[64];
    xr_buf_t   b;
    xr_err_t   err;

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        if (cases[i].decoded == NULL) {
            continue;
        }

        size = strlen(cases[i].decoded);
        b = xr_buf(memory, size);

        XR_CHECK_EQ(xr_path_decode(xr_str(cases[i].raw), &b, NULL), XR_OK,
                    cases[i].raw);
        XR_CHECK_STR(xr_buf_str(&b), cases[i].decoded, cases[i].raw);

        b = xr_buf(memory, size - 1);

        XR_CHECK_EQ(xr_path_decode(xr_str(cases[i].raw), &b, &err),
                    XR_NO_SPACE, cases[i].raw);
    }
}


/* Decoding does not check: once, and only what is an escape. */

static void
test_decode_any(void **state)
{
    size_t    i;
    char      memory[16];
    xr_rc_t   rc;
    xr_buf_t  b;
    xr_err_t  err;

    static const struct {
        const char  *raw;
        const char  *decoded;
        size_t       pos;
    } any[] = {
        { "",               "", 0 },
        { "../%2e%2e%2f",   "../../", 0 },
        { "%252f",          "%2f", 0 },
        { "a+b",            "a+b", 0 },
        { "%",              NULL, 0 },
        { "%4",             NULL, 0 },
        { "a%4g",           NULL, 1 },
        { "%41%41%",        NULL, 6 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(any); i++) {
        b = xr_buf(memory, sizeof(memory));
        err.pos = 99;

        rc = xr_path_decode(xr_str(any[i].raw), &b, &err);

        if (any[i].decoded != NULL) {
            XR_CHECK_EQ(rc, XR_OK, any[i].raw);
            XR_CHECK_STR(xr_buf_str(&b), any[i].decoded, any[i].raw);

        } else {
            XR_CHECK_EQ(rc, XR_INVALID, any[i].raw);
            XR_CHECK_EQ(err.pos, any[i].pos, any[i].raw);
        }
    }

    b = xr_buf(memory, sizeof(memory));

    assert_int_equal(xr_path_decode(xr_str_of(NULL, 0), &b, NULL), XR_OK);
    assert_int_equal(b.len, 0);

    assert_int_equal(xr_path_decode(xr_str("%00"), &b, NULL), XR_OK);
    assert_int_equal(b.len, 1);
    assert_int_equal(memory[0], 0);
}


static void
test_encode(void **state)
{
    size_t    i;
    char      memory[64];
    xr_buf_t  b;

    static const struct {
        const char  *in;
        const char  *path;
        const char  *value;
        const char  *sent;
    } encoded[] = {
        { "",               "", "", "" },
        { "/a/b.glb",       "/a/b.glb", "%2Fa%2Fb.glb", "/a/b.glb" },
        { "AZaz09-._~",     "AZaz09-._~", "AZaz09-._~", "AZaz09-._~" },
        { "/a b+c",         "/a%20b%2Bc", "%2Fa%20b%2Bc", "/a%20b+c" },
        { "/100%/%41",      "/100%25/%2541", "%2F100%25%2F%2541",
          "/100%/%41" },
        { "/\303\274",      "/%C3%BC", "%2F%C3%BC", "/%C3%BC" },
        { "/!*'()",         "/%21%2A%27%28%29", "%2F%21%2A%27%28%29",
          "/!*'()" },
        { "?a=b&c;$,@:",    "%3Fa%3Db%26c%3B%24%2C%40%3A",
          "%3Fa%3Db%26c%3B%24%2C%40%3A", "?a=b&c;$,@:" },
        { "<\">[]^`{|}\\#",
          "%3C%22%3E%5B%5D%5E%60%7B%7C%7D%5C%23",
          "%3C%22%3E%5B%5D%5E%60%7B%7C%7D%5C%23",
          "%3C%22%3E%5B%5D%5E%60%7B%7C%7D%5C%23" },
        { "\n\177",         "%0A%7F", "%0A%7F", "%0A%7F" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(encoded); i++) {
        b = xr_buf(memory, sizeof(memory));
        xr_path_encode(xr_str(encoded[i].in), &b);
        XR_CHECK_STR(xr_buf_str(&b), encoded[i].path, encoded[i].in);

        b = xr_buf(memory, sizeof(memory));
        xr_path_encode_value(xr_str(encoded[i].in), &b);
        XR_CHECK_STR(xr_buf_str(&b), encoded[i].value, encoded[i].in);

        b = xr_buf(memory, sizeof(memory));
        xr_path_encode_sent(xr_str(encoded[i].in), &b);
        XR_CHECK_STR(xr_buf_str(&b), encoded[i].sent, encoded[i].in);
    }

    b = xr_buf(memory, 4);
    xr_path_encode(xr_str("/ /"), &b);
    assert_false(xr_buf_ok(&b));
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_bytes),
        cmocka_unit_test(test_check_decoded),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_decode_any),
        cmocka_unit_test(test_encode)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
