/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include <time.h>

#include "xr_http_date.h"


#define NOW       1785000000            /* July 2026 */
#define DATE      784111777             /* that of the RFC's examples */
#define DAY       86400
#define MAX_TEXT  64


static void
test_read(void **state)
{
    size_t    i;
    int64_t   t;
    xr_rc_t   rc;
    xr_str_t  copy;

    static const struct {
        const char  *date;
        xr_rc_t      rc;
        int64_t      t;
    } cases[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", XR_OK, DATE },
        { "Sunday, 06-Nov-94 08:49:37 GMT", XR_OK, DATE },
        { "Sun Nov  6 08:49:37 1994", XR_OK, DATE },
        { "Sun Nov 06 08:49:37 1994", XR_OK, DATE },
        { "Wed Nov 16 08:49:37 1994", XR_OK, DATE + 10 * DAY },
        { "Wednesday, 16-Nov-94 08:49:37 GMT", XR_OK, DATE + 10 * DAY },
        { "Thu, 01 Jan 1970 00:00:00 GMT", XR_OK, 0 },
        { "Wednesday, 01-Jan-70 00:00:00 GMT", XR_OK, 3155760000 },
        { "Thu Jan  1 00:00:00 1970", XR_OK, 0 },
        { "Wed, 31 Dec 1969 23:59:59 GMT", XR_OK, -1 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", XR_OK, 253402300799 },
        { "Mon, 01 Jan 0001 00:00:00 GMT", XR_OK, -62135596800 },
        { "Sat, 01 Jan 0000 00:00:00 GMT", XR_OK, -62167219200 },
        { "Tue, 29 Feb 2000 00:00:00 GMT", XR_OK, 951782400 },
        { "Thu, 29 Feb 2024 12:00:00 GMT", XR_OK, 1709208000 },
        { "Tue, 19 Jan 2038 03:14:08 GMT", XR_OK, 2147483648 },
        { "Sat, 31 Dec 2016 23:59:60 GMT", XR_OK, 1483228800 },

        /* a wrong day of the week is one */

        { "Mon, 06 Nov 1994 08:49:37 GMT", XR_OK, DATE },
        { "Friday, 06-Nov-94 08:49:37 GMT", XR_OK, DATE },

        { "", XR_INVALID, 0 },
        { "0", XR_INVALID, 0 },
        { "784111777", XR_INVALID, 0 },
        { "Sun", XR_INVALID, 0 },
        { "Sunday", XR_INVALID, 0 },
        { "Sun,", XR_INVALID, 0 },
        { "Sunday,", XR_INVALID, 0 },
        { "Xyz, 06 Nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "sun, 06 Nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "SUN, 06 NOV 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06 nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nox 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06 anF 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:49:37 gmt", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:49:37 UTC", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:49:37 EST", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:49:37 +0000", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:49:37", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:49:37 GMT ", XR_INVALID, 0 },
        { " Sun, 06 Nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun,  6 Nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 6 Nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun 06 Nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 94 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06-Nov-1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06-Nov-94 08:49:37 GMT", XR_INVALID, 0 },
        { "Sunday, 06 Nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sunday, 06-Nov-1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sundax, 06-Nov-94 08:49:37 GMT", XR_INVALID, 0 },
        { "Sunday,06-Nov-94 08:49:37 GMT", XR_INVALID, 0 },
        { "Sunday 06-Nov-94 08:49:37 GMT", XR_INVALID, 0 },
        { "Sunday,  6-Nov-94 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun Nov 6 08:49:37 1994", XR_INVALID, 0 },
        { "Sun Nov    08:49:37 1994", XR_INVALID, 0 },
        { "Sun Nov  x 08:49:37 1994", XR_INVALID, 0 },
        { "Sun Nov  6 08:49:37 1994 GMT", XR_INVALID, 0 },
        { "Sun Nov  6 08:49:37 94", XR_INVALID, 0 },
        { "Sun, 00 Nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 31 Nov 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 32 Dec 1994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 29 Feb 1900 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 29 Feb 2023 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 30 Feb 2024 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 24:00:00 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:60:00 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:49:61 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08.49.37 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 -8:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov +994 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 19 4 08:49:37 GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:49:3x GMT", XR_INVALID, 0 },
        { "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
          XR_INVALID, 0 },
        { "1994-11-06T08:49:37Z", XR_INVALID, 0 },
        { "\"etag\"", XR_INVALID, 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(xr_str(cases[i].date));
        t = 77;
        rc = xr_http_date(copy, NOW, &t);

        XR_CHECK_EQ(rc, cases[i].rc, cases[i].date);
        XR_CHECK_EQ(t, rc == XR_OK ? cases[i].t : 77, cases[i].date);

        xr_test_copy_free(copy);
    }
}


/* The same as the C library says, from "first" to "last". */

static void
check_days(int64_t first, int64_t last, int64_t step)
{
    char       text[MAX_TEXT];
    int64_t    t, read;
    time_t     time;
    struct tm  tm;

    for (t = first; t <= last; t += step) {
        time = (time_t) t;
        assert_non_null(gmtime_r(&time, &tm));

        /* strftime() would write the year 33 as "33" */

        strftime(text, sizeof(text), "%a, %d %b ", &tm);
        snprintf(text + 12, sizeof(text) - 12, "%04d %02d:%02d:%02d GMT",
                 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);

        XR_CHECK_EQ(xr_http_date(xr_str(text), NOW, &read), XR_OK, text);
        XR_CHECK_EQ(read, t, text);
    }
}


static void
test_days(void **state)
{
    (void) state;

    /* every day of 400 years, and some of all that can be written */

    check_days(0, (int64_t) 146097 * DAY, DAY);
    check_days(-62167219200, 253402300799, 31 * DAY + 3661);
}


/* Years of two digits, which are to lie between 50 years ago and ahead. */

static void
test_short_years(void **state)
{
    char       text[MAX_TEXT];
    size_t     i, k;
    int64_t    t, now, read;
    time_t     time;
    struct tm  tm;

    static const int64_t  nows[] = {
        0, 1, 820454400, 946684799, 946684800, 951782400, NOW, 2147483648,
        4102444799, 4102444800, 4107542400
    };

    (void) state;

    for (i = 0; i < XR_COUNT(nows); i++) {
        now = nows[i];

        for (k = 0; k <= 98; k++) {
            t = now + ((int64_t) k - 49) * 365 * DAY;
            time = (time_t) t;
            assert_non_null(gmtime_r(&time, &tm));
            strftime(text, sizeof(text), "%A, %d-%b-%y %H:%M:%S GMT", &tm);

            XR_CHECK_EQ(xr_http_date(xr_str(text), now, &read), XR_OK, text);
            XR_CHECK_EQ(read, t, text);
        }
    }
}


static void
test_short_years_edge(void **state)
{
    size_t   i;
    int64_t  t, now;

    static const struct {
        const char  *now;
        const char  *date;
        const char  *meant;
    } cases[] = {
        { "Sat, 15 Aug 2026 00:00:00 GMT", "Friday, 14-Aug-76 00:00:00 GMT",
          "Fri, 14 Aug 2076 00:00:00 GMT" },
        { "Sat, 15 Aug 2026 00:00:00 GMT", "Monday, 17-Aug-76 00:00:00 GMT",
          "Tue, 17 Aug 1976 00:00:00 GMT" },
        { "Sat, 15 Aug 2026 00:00:00 GMT", "Friday, 31-Dec-76 00:00:00 GMT",
          "Fri, 31 Dec 1976 00:00:00 GMT" },
        { "Sat, 15 Aug 2026 00:00:00 GMT", "Friday, 01-Jan-77 00:00:00 GMT",
          "Sat, 01 Jan 1977 00:00:00 GMT" },
        { "Sat, 15 Aug 2026 00:00:00 GMT", "Friday, 01-Jan-99 00:00:00 GMT",
          "Fri, 01 Jan 1999 00:00:00 GMT" },
        { "Fri, 31 Dec 1999 23:59:59 GMT", "Saturday, 01-Jan-00 00:00:00 GMT",
          "Sat, 01 Jan 2000 00:00:00 GMT" },
        { "Thu, 01 Jan 2099 00:00:00 GMT", "Friday, 01-Jan-00 00:00:00 GMT",
          "Fri, 01 Jan 2100 00:00:00 GMT" },
        { "Thu, 01 Jan 2099 00:00:00 GMT", "Monday, 01-Jan-70 00:00:00 GMT",
          "Thu, 01 Jan 2070 00:00:00 GMT" },
        { "Thu, 01 Jan 1970 00:00:00 GMT", "Sunday, 01-Jan-20 00:00:00 GMT",
          "Wed, 01 Jan 2020 00:00:00 GMT" },
        { "Tue, 30 Dec 2053 21:00:00 GMT", "Tuesday, 01-Jan-04 00:00:00 GMT",
          "Tue, 01 Jan 2104 00:00:00 GMT" },
        { "Sat, 15 Aug 2026 00:00:00 GMT", "Tuesday, 29-Feb-00 00:00:00 GMT",
          "Tue, 29 Feb 2000 00:00:00 GMT" },
        { "Thu, 01 Jan 2099 00:00:00 GMT", "Tuesday, 29-Feb-00 00:00:00 GMT",
          NULL }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        assert_int_equal(xr_http_date(xr_str(cases[i].now), 0, &now), XR_OK);

        if (cases[i].meant == NULL) {
            XR_CHECK_EQ(xr_http_date(xr_str(cases[i].date), now, &t),
                        XR_INVALID, cases[i].date);
            continue;
        }

        XR_CHECK_EQ(xr_http_date(xr_str(cases[i].date), now, &t), XR_OK,
                    cases[i].date);
        assert_int_equal(xr_http_date(xr_str(cases[i].meant), 0, &now),
                         XR_OK);
        XR_CHECK_EQ(t, now, cases[i].date);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_short_years),
        cmocka_unit_test(test_short_years_edge)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
