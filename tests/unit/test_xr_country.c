/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_country.h"


static void
test_continent(void **state)
{
    size_t  i;

    static const struct {
        const char      *country;
        xr_continent_t   continent;
    } cases[] = {
        { "DE", XR_CONTINENT_EU }, { "XK", XR_CONTINENT_EU },
        { "AO", XR_CONTINENT_AF }, { "ZW", XR_CONTINENT_AF },
        { "AQ", XR_CONTINENT_AN }, { "JP", XR_CONTINENT_AS },
        { "US", XR_CONTINENT_NA }, { "AU", XR_CONTINENT_OC },
        { "VE", XR_CONTINENT_SA },

        { "", XR_CONTINENT_NONE }, { "D", XR_CONTINENT_NONE },
        { "DEU", XR_CONTINENT_NONE }, { "de", XR_CONTINENT_NONE },
        { "UK", XR_CONTINENT_NONE }, { "EU", XR_CONTINENT_NONE },
        { "XX", XR_CONTINENT_NONE }, { "OB", XR_CONTINENT_NONE },
        { "A1", XR_CONTINENT_NONE }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_country_continent(xr_str(cases[i].country)),
                    cases[i].continent, cases[i].country);
    }
}


/* As many as ISO 3166-1 has, and XK; none is in two continents. */

static void
test_all(void **state)
{
    char              code[2];
    size_t            n;
    xr_str_t          s;
    xr_country_set_t  set;

    (void) state;

    memset(&set, 0, sizeof(set));
    s = xr_str_of(code, sizeof(code));
    n = 0;

    for (code[0] = 'A'; code[0] <= 'Z'; code[0]++) {
        for (code[1] = 'A'; code[1] <= 'Z'; code[1]++) {

            assert_false(xr_country_set_has(&set, s));
            xr_country_set_add(&set, s);
            assert_true(xr_country_set_has(&set, s));

            n += (xr_country_continent(s) != XR_CONTINENT_NONE);
        }
    }

    assert_int_equal(n, 250);
}


static void
test_names(void **state)
{
    int       i;
    xr_str_t  name;

    (void) state;

    for (i = XR_CONTINENT_AF; i < XR_CONTINENTS; i++) {
        name = xr_country_continent_name((xr_continent_t) i);
        assert_int_equal(xr_country_continent_of(name), i);
    }

    assert_int_equal(xr_country_continent_of(xr_str("")), XR_CONTINENT_NONE);
    assert_int_equal(xr_country_continent_of(xr_str("eu")), XR_CONTINENT_NONE);
    assert_int_equal(xr_country_continent_name(XR_CONTINENT_NONE).len, 0);
}


static void
test_set_of_what_is_none(void **state)
{
    size_t            i;
    xr_country_set_t  set, empty;

    static const char *const  bad[] = {
        "", "D", "DEU", "de", "D1", "@A", "[A"
    };

    (void) state;

    memset(&set, 0, sizeof(set));
    memset(&empty, 0, sizeof(empty));

    for (i = 0; i < XR_COUNT(bad); i++) {
        xr_country_set_add(&set, xr_str(bad[i]));
        XR_CHECK(!xr_country_set_has(&set, xr_str(bad[i])), bad[i]);
    }

    assert_memory_equal(&set, &empty, sizeof(set));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_continent),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_set_of_what_is_none)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
