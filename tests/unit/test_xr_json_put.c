/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_json.h"
#include "xr_json_put.h"


static uint8_t  memory[4096];


static xr_str_t
string(const char *s, size_t len)
{
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));
    xr_json_put_string(&b, xr_str_of(s, len));

    return xr_buf_str(&b);
}


static void
test_strings(void **state)
{
    size_t  i;

    static const struct {
        const char  *in;
        const char  *out;
    } cases[] = {
        { "", "\"\"" },
        { "model", "\"model\"" },
        { "a \"b\" \\c", "\"a \\\"b\\\" \\\\c\"" },
        { "\n\x1f\x7f", "\"\\u000a\\u001f\x7f\"" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { "a\xff", "\"a\xef\xbf\xbd\"" },
        { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_STR(string(cases[i].in, strlen(cases[i].in)), cases[i].out,
                     cases[i].out);
    }

    XR_CHECK_STR(string("\0", 1), "\"\\u0000\"", "NUL");
}


/* Whatever the bytes are, it is JSON. */

static void
test_any_bytes(void **state)
{
    size_t     i, n;
    char       text[64];
    unsigned   seed;
    xr_err_t   err;
    xr_json_t  v;

    static const xr_json_limits_t  limits = { 8, 8 };

    (void) state;
    seed = 1;

    for (n = 0; n < 20000; n++) {

        for (i = 0; i < sizeof(text); i++) {
            seed = seed * 1103515245 + 12345;
            text[i] = (char) (seed >> 16);
        }

        assert_int_equal(xr_json_check(string(text, n % sizeof(text)),
                                       &limits, &v, &err),
                         XR_OK);
    }
}


static void
test_members(void **state)
{
    char      text[300];
    xr_buf_t  b;

    (void) state;

    b = xr_buf(memory, sizeof(memory));
    xr_buf_putc(&b, '{');
    xr_json_put_uint(&b, "a", 7);
    xr_json_put_some(&b, "none", xr_str(""));
    xr_json_put_name(&b, "b");
    xr_buf_putc(&b, '[');
    xr_json_put_next(&b);
    xr_buf_puts(&b, "{}");
    xr_json_put_next(&b);
    xr_buf_putc(&b, '{');
    xr_json_put_bool(&b, "c", true);
    xr_buf_puts(&b, "}]}");

    XR_CHECK_STR(xr_buf_str(&b), "{\"a\":7,\"b\":[{},{\"c\":true}]}", "all");

    memset(text, 'x', sizeof(text));
    b = xr_buf(memory, sizeof(memory));
    xr_json_put_short(&b, xr_str_of(text, sizeof(text)));
    assert_int_equal(b.len, XR_JSON_PUT_SHORT + 2
                            + sizeof("... (300 bytes)") - 1);
}


/* Where it does not fit it says so, and nothing is written behind the end. */

static void
test_no_room(void **state)
{
    size_t    size;
    xr_buf_t  b;

    (void) state;

    for (size = 0; size < 20; size++) {
        memset(memory, 0xa5, 64);
        b = xr_buf(memory, size);
        xr_json_put_text(&b, "name", xr_str("a\x01\xff\xc3\xa9 \"q\""));
        assert_false(xr_buf_ok(&b));
        assert_int_equal(memory[size], 0xa5);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_no_room)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
