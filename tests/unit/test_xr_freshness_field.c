/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "freshness.h"


#define BIT(d)  (1u << XR_FRESHNESS_ ## d)


/*
 * What Cache-Control says: the four in seconds, those that are not in "has"
 * being 0.
 */

static const struct {
    const char  *lines;
    uint32_t     has;
    int64_t      seconds[XR_FRESHNESS_SECONDS];
} cache_control[] = {
    { "~", 0, { 0 } },
    { " , ,, ", 0, { 0 } },
    { "max-age=60", BIT(MAX_AGE), { 60 } },
    { "s-maxage=60", BIT(S_MAXAGE), { 0, 60 } },
    { "max-age=1,s-maxage=2, stale-while-revalidate=3 ,stale-if-error=4",
      BIT(MAX_AGE)|BIT(S_MAXAGE)|BIT(STALE_WHILE_REVALIDATE)
      |BIT(STALE_IF_ERROR), { 1, 2, 3, 4 } },
    { "no-store, no-cache, private, must-revalidate, proxy-revalidate, "
      "public, immutable",
      BIT(NO_STORE)|BIT(NO_CACHE)|BIT(PRIVATE)|BIT(MUST_REVALIDATE)
      |BIT(PROXY_REVALIDATE)|BIT(PUBLIC)|BIT(IMMUTABLE), { 0 } },

    /* RFC 9111, section 5.2: names in any case, tokens and quoted strings */

    { "MaX-aGe=60, No-StOrE", BIT(MAX_AGE)|BIT(NO_STORE), { 60 } },
    { "max-age=\"60\"", BIT(MAX_AGE), { 60 } },
    { "max-age=0060", BIT(MAX_AGE), { 60 } },
    { "x=\"max-age=3600\", max-age=1", BIT(MAX_AGE), { 1 } },
    { "max-age=1, x=\"max-age=3600\"", BIT(MAX_AGE), { 1 } },
    { "x=\"a\\\", no-store, \\\"\", max-age=1", BIT(MAX_AGE), { 1 } },
    { "max-age=60|no-cache", BIT(MAX_AGE)|BIT(NO_CACHE), { 60 } },

    /* section 5.2.3: extensions are ignored */

    { "foobar, max-age=60, foo=bar", BIT(MAX_AGE), { 60 } },
    { "no-transform, must-understand", 0, { 0 } },
    { "xno-store, no-storex, no-stor", 0, { 0 } },
    { "no-store\x01", 0, { 0 } },

    /* sections 5.2.2.4 and 5.2.2.7: a list of fields is not looked at */

    { "private=\"set-cookie\", no-cache=\"a, b\"", BIT(PRIVATE)|BIT(NO_CACHE),
      { 0 } },
    { "private=set-cookie, no-cache=", BIT(PRIVATE)|BIT(NO_CACHE), { 0 } },
    { "no-store=\"\"", BIT(NO_STORE), { 0 } },

    /* section 4.2.1: the smallest of several */

    { "max-age=1800, max-age=1", BIT(MAX_AGE), { 1 } },
    { "max-age=1, max-age=1800", BIT(MAX_AGE), { 1 } },
    { "max-age=1800|max-age=1", BIT(MAX_AGE), { 1 } },
    { "stale-if-error=2|stale-if-error=1", BIT(STALE_IF_ERROR), { 0, 0, 0, 1 } },
    { "max-age=5, max-age=x", BIT(MAX_AGE), { 0 } },
    { "max-age=x, max-age=5", BIT(MAX_AGE), { 0 } },

    /* section 4.2.1: what is invalid is stale */

    { "max-age", BIT(MAX_AGE), { 0 } },
    { "max-age=", BIT(MAX_AGE), { 0 } },
    { "max-age=\"\"", BIT(MAX_AGE), { 0 } },
    { "max-age=-1", BIT(MAX_AGE), { 0 } },
    { "max-age=+60", BIT(MAX_AGE), { 0 } },
    { "max-age=60.0", BIT(MAX_AGE), { 0 } },
    { "max-age=60a", BIT(MAX_AGE), { 0 } },
    { "max-age=a60", BIT(MAX_AGE), { 0 } },
    { "max-age='60'", BIT(MAX_AGE), { 0 } },
    { "max-age=\" 60\"", BIT(MAX_AGE), { 0 } },
    { "max-age=\"6\\0\"", BIT(MAX_AGE), { 0 } },
    { "max-age =60", BIT(MAX_AGE), { 0 } },
    { "max-age= 60", BIT(MAX_AGE), { 0 } },
    { "max-age = 60", BIT(MAX_AGE), { 0 } },
    { "s-maxage=x, stale-while-revalidate=x",
      BIT(S_MAXAGE)|BIT(STALE_WHILE_REVALIDATE), { 0 } },

    /* section 1.2.2: too large is as large as can be */

    { "max-age=2147483647", BIT(MAX_AGE), { MAX - 1 } },
    { "max-age=2147483648", BIT(MAX_AGE), { MAX } },
    { "max-age=2147483649", BIT(MAX_AGE), { MAX } },
    { "max-age=99999999999", BIT(MAX_AGE), { MAX } },
    { "max-age=18446744073709551616", BIT(MAX_AGE), { MAX } },
    { "max-age=99999999999999999999999999999999999999", BIT(MAX_AGE),
      { MAX } },

    /* not the grammar, but what was meant */

    { "max-age=60; private", BIT(MAX_AGE)|BIT(PRIVATE), { 60 } },
    { "max-age=60;private", BIT(MAX_AGE)|BIT(PRIVATE), { 60 } },
    { "max-age=60 no-store", BIT(MAX_AGE)|BIT(NO_STORE), { 60 } },
    { "public s-maxage=300", BIT(PUBLIC)|BIT(S_MAXAGE), { 0, 300 } },
    { "\tmax-age=60\t,\tno-cache", BIT(MAX_AGE)|BIT(NO_CACHE), { 60 } },
    { "=5, max-age=60", BIT(MAX_AGE), { 60 } }
};


static void
test_cache_control(void **state)
{
    size_t                i, j;
    xr_freshness_field_t  f;

    (void) state;

    for (i = 0; i < XR_COUNT(cache_control); i++) {
        read_field(cache_control[i].lines, &f,
                   xr_freshness_field_cache_control);

        XR_CHECK_EQ(f.has, cache_control[i].has, cache_control[i].lines);
        XR_CHECK(!f.unreadable && f.wrong == 0, cache_control[i].lines);

        for (j = 0; j < XR_FRESHNESS_SECONDS; j++) {
            XR_CHECK_EQ(f.seconds[j], cache_control[i].seconds[j],
                        cache_control[i].lines);
        }
    }
}


/* Quotes that may hide a directive. */

static void
test_unreadable(void **state)
{
    size_t                i;
    xr_freshness_field_t  f;

    static const char *const  lines[] = {
        "no-cache=\"a, private",
        "max-age=\"60",
        "max-age=60\"",
        "max-age=\"60\"0",
        "max-age=6\"0\"",
        "x=\"\\\"",
        "x=\"",
        "\"private\"",
        "private\"",
        "max-age=60, \"no-store",
        "x=\"a\"b",
        "max-age=60|x=\"|no-cache"
    };

    (void) state;

    for (i = 0; i < XR_COUNT(lines); i++) {
        read_field(lines[i], &f, xr_freshness_field_cache_control);
        XR_CHECK(f.unreadable, lines[i]);
    }
}


static const struct {
    const char  *lines;
    bool         valid;
    uint32_t     has;
    int64_t      max_age;
} targeted[] = {

    /* RFC 9213, section 2.1 */

    { "max-age=60", true, BIT(MAX_AGE), 60 },
    { "max-age=60, no-store", true, BIT(MAX_AGE)|BIT(NO_STORE), 60 },
    { "max-age=60|no-store", true, BIT(MAX_AGE)|BIT(NO_STORE), 60 },
    { "max-age=60;a=b", true, BIT(MAX_AGE), 60 },
    { "none", true, 0, 0 },
    { "foo=(a b);c, bar=:YQ==:", true, 0, 0 },
    { "no-cache=\"a\", private=\"b\"", true, BIT(NO_CACHE)|BIT(PRIVATE), 0 },
    { "max-age=0060", true, BIT(MAX_AGE), 60 },
    { "max-age=99999999999", true, BIT(MAX_AGE), MAX },
    { "max-age=-5", true, BIT(MAX_AGE), 0 },

    /* RFC 8941, section 3.2: the last of several */

    { "max-age=1, max-age=60", true, BIT(MAX_AGE), 60 },
    { "max-age=60, max-age=1", true, BIT(MAX_AGE), 1 },
    { "max-age=\"1\", max-age=60", true, BIT(MAX_AGE), 60 },

    /* a restriction with a strange value is one */

    { "private=a, no-store=1, no-cache=()", true,
      BIT(PRIVATE)|BIT(NO_STORE)|BIT(NO_CACHE), 0 },

    /* a value that violates the constraints of its directive */

    { "max-age", false, BIT(MAX_AGE), 0 },
    { "max-age=\"60\"", false, BIT(MAX_AGE), 0 },
    { "max-age=60.0", false, BIT(MAX_AGE), 0 },
    { "max-age=a", false, BIT(MAX_AGE), 0 },
    { "max-age=60, max-age=\"1\"", false, BIT(MAX_AGE), 0 },
    { "no-store=?0", false, BIT(NO_STORE), 0 },
    { "stale-if-error=?1", false, BIT(STALE_IF_ERROR), 0 },

    /* empty, or no dictionary */

    { "~", false, 0, 0 },
    { "max-age=60|~", false, BIT(MAX_AGE), 60 },
    { "~|max-age=60", false, BIT(MAX_AGE), 60 },
    { "max-age=60, &&&&&", false, BIT(MAX_AGE), 60 },
    { "max-age=60|&", false, BIT(MAX_AGE), 60 },
    { "max-age=60,", false, 0, 0 },
    { "max-age=60; private", true, BIT(MAX_AGE), 60 },
    { "public s-maxage=300", false, 0, 0 },
    { "Max-Age=60", false, 0, 0 },
    { "max-age =60", false, 0, 0 },
    { "max-age= 60", false, 0, 0 }
};


static void
test_targeted(void **state)
{
    bool                  valid;
    size_t                i;
    xr_freshness_field_t  f;

    (void) state;

    for (i = 0; i < XR_COUNT(targeted); i++) {
        read_field(targeted[i].lines, &f, xr_freshness_field_targeted);

        valid = f.members && !f.unreadable && f.wrong == 0;

        XR_CHECK_EQ(valid, targeted[i].valid, targeted[i].lines);
        XR_CHECK_EQ(f.has, targeted[i].has, targeted[i].lines);
        XR_CHECK_EQ(f.seconds[XR_FRESHNESS_MAX_AGE], targeted[i].max_age,
                    targeted[i].lines);
    }
}


static void
test_nul(void **state)
{
    xr_freshness_field_t  f;

    (void) state;

    memset(&f, 0, sizeof(f));
    xr_freshness_field_cache_control(&f, xr_str_of("max-age=60\0", 11));
    assert_int_equal(f.has, BIT(MAX_AGE));
    assert_int_equal(f.seconds[XR_FRESHNESS_MAX_AGE], 0);

    xr_freshness_field_cache_control(&f, xr_str_of(NULL, 0));
    assert_int_equal(f.has, BIT(MAX_AGE));

    memset(&f, 0, sizeof(f));
    xr_freshness_field_targeted(&f, xr_str_of(NULL, 0));
    assert_true(f.unreadable);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cache_control),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_targeted),
        cmocka_unit_test(test_nul)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
