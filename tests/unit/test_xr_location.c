/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_location.h"


static void
test_parse(void **state)
{
    char           room[XR_LOCATION_SIZE];
    size_t         i;
    xr_buf_t       b;
    xr_location_t  l;

    static const struct {
        const char  *given;
        const char  *text;              /* NULL: refused */
    } cases[] = {
        { "50.11,8.68", "50.11,8.68" }, { "50,8", "50.00,8.00" },
        { "-33.9,151.2", "-33.90,151.20" }, { "0,0", "0.00,0.00" },
        { "90,180", "90.00,180.00" }, { "-90,-180.00", "-90.00,-180.00" },
        { "1.23456,-0.5", "1.23,-0.50" }, { "eu-central-1", "50.11,8.68" },

        { "", NULL }, { "50.11", NULL }, { "50.11,", NULL }, { ",8", NULL },
        { "90.01,0", NULL }, { "91,0", NULL }, { "0,180.5", NULL },
        { "1.,2", NULL }, { "1.x,2", NULL }, { "1,2,3", NULL },
        { " 1,2", NULL }, { "1, 2", NULL }, { "+1,2", NULL }, { "--1,2", NULL },
        { "99999999999999999999,0", NULL }, { "eu-central", NULL },
        { "EU-CENTRAL-1", NULL }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        if (cases[i].text == NULL) {
            XR_CHECK_EQ(xr_location_parse(xr_str(cases[i].given), &l),
                        XR_INVALID, cases[i].given);
            continue;
        }

        XR_CHECK_EQ(xr_location_parse(xr_str(cases[i].given), &l), XR_OK,
                    cases[i].given);

        b = xr_buf(room, sizeof(room));
        xr_location_text(l, &b);
        XR_CHECK_STR(xr_buf_str(&b), cases[i].text, cases[i].given);
    }
}


static void
test_distance(void **state)
{
    size_t         i;
    uint32_t       km;
    xr_location_t  a, b;

    static const struct {
        const char  *from;
        const char  *to;
        uint32_t     km;
    } cases[] = {
        { "52.52,13.40", "48.86,2.35", 878 },       /* Berlin, Paris */
        { "40.71,-74.01", "51.51,-0.13", 5570 },    /* New York, London */
        { "-33.87,151.21", "35.68,139.69", 7824 },  /* Sydney, Tokyo */
        { "0,179.5", "0,-179.5", 111 },             /* across the date line */
        { "90,0", "-90,0", 20015 }, { "0,0", "0,180", 20015 },
        { "50,8", "50,8", 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        assert_int_equal(xr_location_parse(xr_str(cases[i].from), &a), XR_OK);
        assert_int_equal(xr_location_parse(xr_str(cases[i].to), &b), XR_OK);

        km = xr_location_distance(a, b);
        XR_CHECK(km + 5 >= cases[i].km && km <= cases[i].km + 5,
                 cases[i].from);
        assert_int_equal(xr_location_distance(b, a), km);
    }

    assert_int_equal(xr_location_distance(a, XR_LOCATION_UNKNOWN),
                     XR_LOCATION_FAR);
}


static void
test_region(void **state)
{
    xr_location_t  l;

    (void) state;

    assert_int_equal(xr_location_region(xr_str("us-east-1"), &l), XR_OK);
    assert_int_equal(l.lon, -7749);

    assert_int_equal(xr_location_region(xr_str("moon-1"), &l), XR_NOT_FOUND);
    assert_int_equal(l.lat, XR_LOCATION_NONE);

    assert_int_equal(xr_location_region(xr_str_of(NULL, 0), &l), XR_NOT_FOUND);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_region)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
