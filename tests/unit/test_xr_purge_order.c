/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_purge_order.h"


#define NOW     1800000000
#define TIMES   "\"iat\":1800000000,\"exp\":1800000060,"
#define HEAD    "{\"iss\":\"acme\"," TIMES "\"jti\":\"1\""
#define LEEWAY  30


static uint8_t           memory[32 * 1024];
static xr_purge_order_t  order;
static const char       *why;


/* What is said of claims that are known to be signed. */

static xr_deny_t
read_order(const char *claims)
{
    xr_buf_t  b;
    xr_jwt_t  t;

    static const xr_json_limits_t  limits = { 8, XR_JWT_MAX_CLAIMS };

    memset(&t, 0, sizeof(t));
    why = NULL;

    assert_int_equal(xr_json_check(xr_str(claims), &limits, &t.claims, NULL),
                     XR_OK);

    b = xr_buf(memory, sizeof(memory));

    return xr_purge_order_read(&t, NOW, LEEWAY, &b, &order, &why);
}


static void
test_read(void **state)
{
    (void) state;

    assert_int_equal(read_order(HEAD ",\"objects\":[\"/a/b.glb\",\"c\"],"
                                "\"prefixes\":[\"d/\"],\"tags\":[\"e\"],"
                                "\"all\":true,\"soft\":true}"),
                     XR_DENY_NONE);

    assert_int_equal(order.n, 5);
    assert_true(order.soft);
    assert_int_equal(order.expires, NOW + 60);
    XR_CHECK_STR(order.id, "1", "id");
    XR_CHECK_STR(order.items[0].value, "a/b.glb", "without its slash");
    assert_int_equal(order.items[0].scope, XR_PURGE_OBJECT);
    XR_CHECK_STR(order.items[2].value, "d/", "prefix");
    assert_int_equal(order.items[2].scope, XR_PURGE_PREFIX);
    assert_int_equal(order.items[3].scope, XR_PURGE_TAG);
    assert_int_equal(order.items[4].scope, XR_PURGE_TENANT);
    assert_int_equal(order.counts[XR_PURGE_OBJECT], 2);
    assert_int_equal(order.counts[XR_PURGE_TENANT], 1);

    assert_int_equal(read_order(HEAD ",\"objects\":[\"a\\u0062\"],"
                                "\"soft\":false,\"all\":false}"),
                     XR_DENY_NONE);
    XR_CHECK_STR(order.items[0].value, "ab", "escaped");
    assert_false(order.soft);
}


static void
test_refused(void **state)
{
    size_t  i;

    static const struct {
        const char  *claims;
        xr_deny_t    deny;
    } cases[] = {
        { HEAD "}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"all\":false}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"all\":1}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"all\":true,\"soft\":\"true\"}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"all\":true,\"sotf\":true}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":\"a\"}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[1]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[[\"a\"]]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[\"a\",\"\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[\"/\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[\"a/\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[\"a/../b\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[\"../b\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[\"a/./b\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[\"a//b\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"objects\":[\"a\\u0000b\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"prefixes\":[\"a\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"prefixes\":[\"/\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"tags\":[\"a,b\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"tags\":[\"*\"]}", XR_DENY_TOKEN_CLAIM },
        { HEAD ",\"tags\":[\"\"]}", XR_DENY_TOKEN_CLAIM },

        { "{" TIMES "\"all\":true}", XR_DENY_TOKEN_CLAIM },
        { "{" TIMES "\"jti\":\"\",\"all\":true}", XR_DENY_TOKEN_CLAIM },
        { "{" TIMES "\"jti\":\"a b\",\"all\":true}", XR_DENY_TOKEN_CLAIM },
        { "{" TIMES "\"jti\":\"a\\u000ab\",\"all\":true}",
          XR_DENY_TOKEN_CLAIM },
        { "{" TIMES "\"jti\":\"a\\\"\",\"all\":true}", XR_DENY_TOKEN_CLAIM },
        { "{\"jti\":\"1\",\"all\":true}", XR_DENY_TOKEN_CLAIM },
        { "{\"iat\":1800000000,\"exp\":1800000301,\"jti\":\"1\","
          "\"all\":true}", XR_DENY_TOKEN_LIFETIME },
        { "{\"iat\":1800000000,\"exp\":1800000000,\"jti\":\"1\","
          "\"all\":true}", XR_DENY_TOKEN_LIFETIME },
        { "{\"iat\":-1,\"exp\":60,\"jti\":\"1\","
          "\"all\":true}", XR_DENY_TOKEN_LIFETIME }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        if (read_order(cases[i].claims) != cases[i].deny || why == NULL) {
            fail_msg("%s: %s", cases[i].claims, why ? why : "taken");
        }
    }
}


/* Before, within and after its time; the clocks may differ by the leeway. */

static void
test_times(void **state)
{
    size_t   i;
    int64_t  issued;
    char     claims[256];

    static const struct {
        int64_t  issued;                /* from now */
        int64_t  life;
        bool     good;
    } cases[] = {
        { 0, 300, true },
        { -200, 200, true },
        { -200 - LEEWAY - 1, 200, false },
        { LEEWAY, 60, true },
        { LEEWAY + 1, 60, false },
        { 9000000000000000000, 60, false },
        { -NOW + 1, 60, false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        issued = NOW + cases[i].issued;

        (void) snprintf(claims, sizeof(claims), "{\"iat\":%lld,\"exp\":%lld,"
                        "\"jti\":\"1\",\"all\":true}", (long long) issued,
                        (long long) (issued + cases[i].life));

        if ((read_order(claims) == XR_DENY_NONE) != cases[i].good) {
            fail_msg("%s: %s", claims, why ? why : "taken");
        }
    }
}


static void
test_many(void **state)
{
    char      claims[2048];
    size_t    i, j, n;
    xr_buf_t  b;

    static const char  *const ends[] = { "]}", "],\"all\":true}" };

    (void) state;

    for (i = 0; i < 4; i++) {
        n = XR_PURGE_ORDER_ITEMS + i / 2;

        b = xr_buf(claims, sizeof(claims));
        xr_buf_puts(&b, HEAD ",\"tags\":[\"t\"");

        for (j = 1; j < n; j++) {
            xr_buf_puts(&b, ",\"t\"");
        }

        xr_buf_puts(&b, ends[i % 2]);
        xr_buf_putc(&b, '\0');
        assert_true(xr_buf_ok(&b));

        assert_int_equal(read_order(claims),
                         i == 0 ? XR_DENY_NONE : XR_DENY_TOKEN_CLAIM);
    }
}


/* Keys for anything else verify no order. */

static void
test_kinds(void **state)
{
    xr_jwt_t  t;
    xr_key_t  keys[2];
    xr_str_t  id;

    (void) state;

    memset(&t, 0, sizeof(t));
    memset(keys, 0, sizeof(keys));

    keys[0].kind = XR_KIND_JWT;
    keys[1].kind = XR_KIND_EDGEAUTH;

    assert_int_not_equal(xr_purge_order_signature(&t, keys, 2, &id),
                         XR_DENY_NONE);
    assert_int_equal(keys[0].kind, 0);
    assert_int_equal(keys[1].kind, 0);

    assert_int_not_equal(xr_purge_order_signature(&t, keys, 0, &id),
                         XR_DENY_NONE);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_kinds)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
