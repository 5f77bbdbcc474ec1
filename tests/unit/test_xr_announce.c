/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_announce.h"


static uint8_t        memory[XR_ANNOUNCE_ORDER_MAX + 1];
static xr_announce_t  said;


static const char *
read_text(xr_str_t text)
{
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));

    return xr_announce_read(text, &b, &said);
}


static void
test_good(void **state)
{
    (void) state;

    assert_null(read_text(xr_str("{\"v\":1,\"tenant\":\"acme\","
                                 "\"object\":\"robots/r2.glb\"}")));
    XR_CHECK_STR(said.tenant, "acme", "tenant");
    XR_CHECK_STR(said.object, "robots/r2.glb", "object");

    assert_null(read_text(xr_str(" {\"object\":\"\\u002fa b%2f\\u00e9\","
                                 "\"at\":[1],\"tenant\":\"a\\u0063me\","
                                 "\"v\":1}\n")));
    XR_CHECK_STR(said.tenant, "acme", "unescaped");
    XR_CHECK_STR(said.object, "a b%2f\xc3\xa9", "unescaped, no slash");
}


static void
test_bad(void **state)
{
    size_t  i;

    static const char  *texts[] = {
        "", " ", "{", "[]", "1", "\"acme\"", "null", "{}", "{}x",
        "{\"v\":1}",
        "{\"v\":1,\"tenant\":\"acme\"}",
        "{\"v\":2,\"order\":\"a.b.c\"}",
        "{\"v\":1,\"order\":\"\"}",
        "{\"v\":1,\"order\":7}",
        "{\"v\":1,\"order\":[\"a.b.c\"]}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a\",\"order\":null}",
        "{\"v\":1,\"object\":\"a\"}",
        "{\"v\":2,\"tenant\":\"acme\",\"object\":\"a\"}",
        "{\"v\":1.5,\"tenant\":\"acme\",\"object\":\"a\"}",
        "{\"v\":\"1\",\"tenant\":\"acme\",\"object\":\"a\"}",
        "{\"v\":true,\"tenant\":\"acme\",\"object\":\"a\"}",
        "{\"tenant\":\"acme\",\"object\":\"a\"}",
        "{\"v\":1,\"tenant\":7,\"object\":\"a\"}",
        "{\"v\":1,\"tenant\":null,\"object\":\"a\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":[\"a\"]}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":{}}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"/\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a/\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a//b\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"../a\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a/../b\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a/\\u002e\\u002e/b\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a\\u0000\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a\\n\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a\\\\b\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"\\ud800\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"\xff\"}",
        "{\"v\":1,\"v\":1,\"tenant\":\"acme\",\"object\":\"a\"}",
        "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a\","
        "\"x\":[[[[[[[[]]]]]]]]}",
    };

    (void) state;

    for (i = 0; i < XR_COUNT(texts); i++) {

        if (read_text(xr_str(texts[i])) == NULL) {
            fail_msg("%s", texts[i]);
        }
    }
}


static void
test_long(void **state)
{
    size_t   len;
    uint8_t  text[XR_ANNOUNCE_MAX + 1];

    (void) state;

    len = strlen("{\"v\":1,\"tenant\":\"acme\",\"object\":\"");
    memset(text, 'a', sizeof(text));
    memcpy(text, "{\"v\":1,\"tenant\":\"acme\",\"object\":\"", len);

    memcpy(text + len + XR_PURGE_ORDER_NAME, "\"}", 2);
    assert_null(read_text(xr_str_of(text, len + XR_PURGE_ORDER_NAME + 2)));

    text[len + XR_PURGE_ORDER_NAME] = 'a';
    memcpy(text + len + XR_PURGE_ORDER_NAME + 1, "\"}", 2);
    assert_non_null(read_text(xr_str_of(text,
                                        len + XR_PURGE_ORDER_NAME + 3)));

    memset(text, ' ', sizeof(text));
    memcpy(text, "{\"v\":1,\"tenant\":\"acme\",\"object\":\"a\"}", len + 3);
    assert_null(read_text(xr_str_of(text, XR_ANNOUNCE_MAX)));
    assert_non_null(read_text(xr_str_of(text, XR_ANNOUNCE_MAX + 1)));
}


/* What else there is counts no more: nothing of it is signed. */

static void
test_order(void **state)
{
    size_t   len;
    uint8_t  text[XR_ANNOUNCE_ORDER_MAX + 1];

    (void) state;

    assert_null(read_text(xr_str("{\"v\":1,\"order\":\"a.b.c\"}")));
    XR_CHECK_STR(said.order, "a.b.c", "order");
    assert_int_equal(said.tenant.len, 0);

    assert_null(read_text(xr_str("{\"tenant\":\"acme\",\"object\":\"a\","
                                 "\"v\":1,\"order\":\"a\\u002eb.c\"}")));
    XR_CHECK_STR(said.order, "a.b.c", "unescaped");
    assert_int_equal(said.tenant.len, 0);
    assert_int_equal(said.object.len, 0);

    /* the longest order there can be */

    len = strlen("{\"v\":1,\"order\":\"");
    memset(text, 'a', sizeof(text));
    memcpy(text, "{\"v\":1,\"order\":\"", len);
    memcpy(text + len + XR_JWT_MAX_SIZE, "\"}", 2);
    assert_null(read_text(xr_str_of(text, len + XR_JWT_MAX_SIZE + 2)));
    assert_int_equal(said.order.len, XR_JWT_MAX_SIZE);

    memset(text, ' ', sizeof(text));
    memcpy(text, "{\"v\":1,\"order\":\"a\"}", len + 3);
    assert_null(read_text(xr_str_of(text, XR_ANNOUNCE_ORDER_MAX)));
    assert_non_null(read_text(xr_str_of(text, XR_ANNOUNCE_ORDER_MAX + 1)));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_order)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
