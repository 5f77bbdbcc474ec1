/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_explain.h"


#define NOW     INT64_C(1800000000)

/* HMAC-SHA256, made by another program */

#define VECTOR  "JHswiZJ_LIX2Zm_eY4A4xdeODb8_v5n1WH6LVe5KSa0"


static xr_key_t   keys[3];
static xr_hmac_t  hmacs[2];

static const xr_explain_request_t  request = {
    XR_STR("GET"), XR_STR("edge.example"), XR_STR("/acme/1.glb?xr=d3")
};


static int
setup(void **state)
{
    (void) state;

    assert_int_equal(xr_hmac_init(&hmacs[0], XR_SHA256,
                                  xr_str("one key of thirty-two bytes....")),
                     XR_OK);
    assert_int_equal(xr_hmac_init(&hmacs[1], XR_SHA256,
                                  xr_str("another of thirty-two bytes....")),
                     XR_OK);

    keys[0].hmac = &hmacs[0];
    keys[2].hmac = &hmacs[1];           /* between them one without */

    return 0;
}


static xr_str_t
sign(const xr_key_t *key, const xr_explain_request_t *req, int64_t now)
{
    xr_buf_t  b;

    static uint8_t  value[XR_EXPLAIN_VALUE_MAX];

    b = xr_buf(value, sizeof(value));
    assert_int_equal(xr_explain_sign(key, req, now, &b), XR_OK);

    return xr_buf_str(&b);
}


static const xr_key_t *
verify(xr_str_t value, const xr_explain_request_t *req, int64_t now)
{
    const char      *why;
    const xr_key_t  *key;

    key = xr_explain_verify(value, req, keys, XR_COUNT(keys), now, &why);

    if (key == NULL) {
        assert_non_null(why);
    }

    return key;
}


static void
test_signed(void **state)
{
    xr_buf_t  b;
    uint8_t   small[XR_EXPLAIN_VALUE_MAX];

    (void) state;

    assert_ptr_equal(verify(sign(&keys[0], &request, NOW), &request, NOW),
                     &keys[0]);
    assert_ptr_equal(verify(sign(&keys[2], &request, NOW), &request, NOW),
                     &keys[2]);

    /* the same bytes for whoever makes one elsewhere */

    XR_CHECK_STR(sign(&keys[0], &request, NOW),
                 "1.1800000000." VECTOR, "vector");

    b = xr_buf(small, 40);
    assert_int_equal(xr_explain_sign(&keys[0], &request, NOW, &b),
                     XR_NO_SPACE);
}


static void
test_times(void **state)
{
    size_t    i;
    xr_str_t  value;

    static const struct {
        int64_t  after;
        bool     good;
    } cases[] = {
        { 0, true }, { XR_EXPLAIN_LIFE, true }, { -XR_EXPLAIN_LIFE, true },
        { XR_EXPLAIN_LIFE + 1, false }, { -XR_EXPLAIN_LIFE - 1, false },
        { NOW, false }, { -NOW, false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        value = sign(&keys[0], &request, NOW);
        XR_CHECK_EQ(verify(value, &request, NOW + cases[i].after) != NULL,
                    cases[i].good, "time");
    }
}


/* It is good for nothing else. */

static void
test_bound(void **state)
{
    size_t                i;
    xr_explain_request_t  others[4];

    (void) state;

    for (i = 0; i < XR_COUNT(others); i++) {
        others[i] = request;
    }

    others[0].method = xr_str("HEAD");
    others[1].host = xr_str("other.example");
    others[2].target = xr_str("/acme/2.glb?xr=d3");
    others[3].host = xr_str("edge.example\n/acme");

    for (i = 0; i < XR_COUNT(others); i++) {
        assert_null(verify(sign(&keys[0], &request, NOW), &others[i], NOW));
    }
}


static void
test_malformed(void **state)
{
    size_t    i, bit;
    uint8_t   copy[XR_EXPLAIN_VALUE_MAX];
    xr_str_t  value;

    static const char *const  cases[] = {
        "", ".", "..", "1", "1.", "1.1800000000", "1.1800000000.",
        "2.1800000000.AAAA", "1.1800000000.AAAA", "1.-1.AAAA",
        "1.99999999999999999999999.AAAA", "1.18446744073709551615.AAAA",
        "1.1800000000x.AAAA", "1..AAAA", "x"
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        assert_null(verify(xr_str(cases[i]), &request, NOW));
    }

    value = sign(&keys[0], &request, NOW);
    memcpy(copy, value.data, value.len);

    for (i = 0; i < value.len; i++) {

        assert_null(verify(xr_str_of(copy, i), &request, NOW));

        for (bit = 0; bit < 8; bit++) {
            copy[i] ^= (uint8_t) (1u << bit);
            assert_null(verify(xr_str_of(copy, value.len), &request, NOW));
            copy[i] ^= (uint8_t) (1u << bit);
        }
    }

    assert_null(xr_explain_verify(value, &request, keys, 0, NOW,
                                  &(const char *) { NULL }));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_malformed)
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
