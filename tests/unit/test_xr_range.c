/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_range.h"


#define MAX        8
#define MAX_TEXT   1024

#define TWO_63     "9223372036854775808"
#define TWO_64     "18446744073709551616"
#define LAST_64    "18446744073709551615"
#define TWO_128    "340282366920938463463374607431768211456"


/* Members as a header has them, but for what exceeded 64 bits: "max". */

static const char *
specs_text(const xr_range_spec_t *specs, size_t n, char *out)
{
    char    *p;
    size_t   i;

    p = out;
    *p = '\0';

    for (i = 0; i < n; i++) {

        if (i > 0) {
            *p++ = ',';
        }

        if (!specs[i].suffix && specs[i].first != UINT64_MAX) {
            p += snprintf(p, 32, "%llu", (unsigned long long) specs[i].first);

        } else if (!specs[i].suffix) {
            p += snprintf(p, 32, "max");
        }

        *p++ = '-';
        *p = '\0';

        if (specs[i].suffix && specs[i].first != UINT64_MAX) {
            p += snprintf(p, 32, "%llu", (unsigned long long) specs[i].first);

        } else if (specs[i].suffix) {
            p += snprintf(p, 32, "max");

        } else if (specs[i].last != UINT64_MAX) {
            p += snprintf(p, 32, "%llu", (unsigned long long) specs[i].last);
        }
    }

    return out;
}


static const char *
ranges_text(const xr_range_t *ranges, size_t n, char *out)
{
    char    *p;
    size_t   i;

    p = out;
    *p = '\0';

    for (i = 0; i < n; i++) {
        p += snprintf(p, 64, "%s%llu-%llu", i > 0 ? "," : "",
                      (unsigned long long) ranges[i].first,
                      (unsigned long long) ranges[i].last);
    }

    return out;
}


static void
test_parse(void **state)
{
    char             text[MAX_TEXT];
    size_t           i, n;
    xr_str_t         copy;
    xr_range_spec_t  specs[MAX];

    static const struct {
        const char  *value;
        const char  *specs;             /* empty: the header is ignored */
    } cases[] = {
        { "bytes=0-0", "0-0" },
        { "bytes=0-499", "0-499" },
        { "bytes=500-", "500-" },
        { "bytes=-500", "-500" },
        { "bytes=-0", "-0" },
        { "bytes=0-", "0-" },
        { "BYTES=0-1", "0-1" },
        { "Bytes=0-1", "0-1" },
        { "bytes=007-0010", "7-10" },
        { "bytes=000-000", "0-0" },
        { "bytes=-000", "-0" },
        { "bytes=5-5", "5-5" },

        /* lists, with what the examples of the RFC have */

        { "bytes=0-0,-1", "0-0,-1" },
        { "bytes= 0-999, 4500-5499, -1000", "0-999,4500-5499,-1000" },
        { "bytes=500-600,601-999", "500-600,601-999" },
        { "bytes=500-700,601-999", "500-700,601-999" },
        { "bytes=9-,0-1", "9-,0-1" },
        { "bytes=\t0-1 \t,\t 2-3\t", "0-1,2-3" },
        { "bytes=,0-1", "0-1" },
        { "bytes=0-1,", "0-1" },
        { "bytes=,,, ,0-1, ,\t,,2-3,,", "0-1,2-3" },
        { "bytes=0-,0-,0-,0-,0-,0-,0-,0-", "0-,0-,0-,0-,0-,0-,0-,0-" },
        { "bytes=,0-0,,1-1,,2-2,,3-3,,4-4,,5-5,,6-6,,7-7,",
          "0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7" },
        { "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", "" },

        /* numbers beyond what a program can hold */

        { "bytes=0-" TWO_63, "0-" TWO_63 },
        { "bytes=" TWO_63 "-", TWO_63 "-" },
        { "bytes=0-" LAST_64, "0-" },
        { "bytes=0-" TWO_64, "0-" },
        { "bytes=0-" TWO_128, "0-" },
        { "bytes=" LAST_64 "-", "max-" },
        { "bytes=" TWO_64 "-", "max-" },
        { "bytes=" TWO_128 "-", "max-" },
        { "bytes=" TWO_64 "-" TWO_128, "max-" },
        { "bytes=" TWO_128 "-" TWO_128, "max-" },
        { "bytes=-" TWO_63, "-" TWO_63 },
        { "bytes=-" TWO_64, "-max" },
        { "bytes=-" TWO_128, "-max" },
        { "bytes=9999999999999999999-", "9999999999999999999-" },
        { "bytes=00000000000000000000000000000000000001-2", "1-2" },

        /* a member that ends before it begins spoils them all */

        { "bytes=1-0", "" },
        { "bytes=10-9", "" },
        { "bytes=0-1,9-8", "" },
        { "bytes=9-8,0-1", "" },
        { "bytes=" TWO_64 "-" LAST_64, "" },
        { "bytes=" TWO_128 "-" TWO_64, "" },
        { "bytes=18446744073709551618-18446744073709551617", "" },
        { "bytes=" TWO_64 "-1", "" },

        /* and so does one that is malformed */

        { "", "" },
        { "bytes", "" },
        { "bytes=", "" },
        { "bytes= ", "" },
        { "bytes=,", "" },
        { "bytes= , ,\t", "" },
        { "bytes=-", "" },
        { "bytes=--1", "" },
        { "bytes=1", "" },
        { "bytes=1,2-3", "" },
        { "bytes=0-1,2", "" },
        { "bytes=0-1,-", "" },
        { "bytes=0-1;2-3", "" },
        { "bytes=0-1 2-3", "" },
        { "bytes=0 -1", "" },
        { "bytes=0- 1", "" },
        { "bytes=- 1", "" },
        { "bytes=0--1", "" },
        { "bytes=-1-", "" },
        { "bytes=-1-2", "" },
        { "bytes=0-1-2", "" },
        { "bytes=+0-1", "" },
        { "bytes=0-+1", "" },
        { "bytes=0x0-1", "" },
        { "bytes=0-1a", "" },
        { "bytes=a-b", "" },
        { "bytes=0.5-1", "" },
        { "bytes=*", "" },
        { "bytes=0-1\n", "" },
        { "bytes=0-1,\v2-3", "" },
        { "bytes=\xd9\xa0-\xd9\xa1", "" },
        { "bytes=0-1, bytes=2-3", "" },
        { "bytes=bytes=0-1", "" },

        /* units are not ours to guess */

        { "bytes =0-1", "" },
        { " bytes=0-1", "" },
        { "byte=0-1", "" },
        { "bytess=0-1", "" },
        { "bytes:0-1", "" },
        { "bytes 0-1", "" },
        { "items=0-1", "" },
        { "none", "" },
        { "=0-1", "" },
        { "0-1", "" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(xr_str(cases[i].value));
        n = xr_range_parse(copy, specs, MAX);

        XR_CHECK_STR(xr_str(specs_text(specs, n, text)), cases[i].specs,
                     cases[i].value);

        xr_test_copy_free(copy);
    }
}


/* A NUL is a character like any other. */

static void
test_parse_nul(void **state)
{
    xr_range_spec_t  specs[MAX];

    (void) state;

    assert_int_equal(xr_range_parse(xr_str_of("bytes=0-1\0", 10), specs, MAX),
                     0);
    assert_int_equal(xr_range_parse(xr_str_of("bytes=0-\0001", 10), specs,
                                    MAX), 0);
    assert_int_equal(xr_range_parse(xr_str_of(NULL, 0), specs, MAX), 0);
}


static void
test_parse_max(void **state)
{
    size_t           max;
    xr_range_spec_t  specs[MAX];

    (void) state;

    for (max = 0; max <= MAX; max++) {
        assert_int_equal(xr_range_parse(xr_str("bytes=0-0"), specs, max),
                         max >= 1 ? 1 : 0);
        assert_int_equal(xr_range_parse(xr_str("bytes=,0-0,,"), specs, max),
                         max >= 1 ? 1 : 0);
        assert_int_equal(xr_range_parse(xr_str("bytes=0-0,4-4,-1"), specs,
                                        max), max >= 3 ? 3 : 0);
    }
}


static void
test_resolve(void **state)
{
    char               text[MAX_TEXT];
    size_t             i, n, k;
    xr_range_t         ranges[MAX];
    xr_range_spec_t    specs[MAX];
    xr_range_result_t  result;

    static const struct {
        const char         *value;
        uint64_t            length;
        xr_range_result_t   result;
        const char         *ranges;
    } cases[] = {
        { "bytes=0-0", 10, XR_RANGE_ONE, "0-0" },
        { "bytes=0-9", 10, XR_RANGE_ONE, "0-9" },
        { "bytes=0-", 10, XR_RANGE_ONE, "0-9" },
        { "bytes=3-5", 10, XR_RANGE_ONE, "3-5" },
        { "bytes=9-9", 10, XR_RANGE_ONE, "9-9" },
        { "bytes=9-", 10, XR_RANGE_ONE, "9-9" },
        { "bytes=5-100", 10, XR_RANGE_ONE, "5-9" },
        { "bytes=0-" TWO_128, 10, XR_RANGE_ONE, "0-9" },
        { "bytes=-1", 10, XR_RANGE_ONE, "9-9" },
        { "bytes=-9", 10, XR_RANGE_ONE, "1-9" },
        { "bytes=-10", 10, XR_RANGE_ONE, "0-9" },
        { "bytes=-11", 10, XR_RANGE_ONE, "0-9" },
        { "bytes=-" TWO_128, 10, XR_RANGE_ONE, "0-9" },

        { "bytes=10-", 10, XR_RANGE_UNSATISFIABLE, "" },
        { "bytes=10-10", 10, XR_RANGE_UNSATISFIABLE, "" },
        { "bytes=" TWO_63 "-", 10, XR_RANGE_UNSATISFIABLE, "" },
        { "bytes=" TWO_64 "-", 10, XR_RANGE_UNSATISFIABLE, "" },
        { "bytes=" TWO_128 "-" TWO_128, 10, XR_RANGE_UNSATISFIABLE, "" },
        { "bytes=-0", 10, XR_RANGE_UNSATISFIABLE, "" },
        { "bytes=-0,10-,99-100", 10, XR_RANGE_UNSATISFIABLE, "" },

        /* those that cannot be satisfied do not count */

        { "bytes=10-,2-3", 10, XR_RANGE_ONE, "2-3" },
        { "bytes=2-3,-0", 10, XR_RANGE_ONE, "2-3" },
        { "bytes=2-3,10-,5-6,-0", 10, XR_RANGE_MANY, "2-3,5-6" },

        /* in ascending order, merged where they overlap or touch */

        { "bytes=0-0,9-9", 10, XR_RANGE_MANY, "0-0,9-9" },
        { "bytes=0-0,-1", 10, XR_RANGE_MANY, "0-0,9-9" },
        { "bytes=9-9,0-0", 10, XR_RANGE_MANY, "0-0,9-9" },
        { "bytes=8-9,4-5,0-1", 10, XR_RANGE_MANY, "0-1,4-5,8-9" },
        { "bytes=0-1,2-3", 10, XR_RANGE_ONE, "0-3" },
        { "bytes=2-3,0-1", 10, XR_RANGE_ONE, "0-3" },
        { "bytes=0-1,3-4", 10, XR_RANGE_MANY, "0-1,3-4" },
        { "bytes=0-4,2-6", 20, XR_RANGE_ONE, "0-6" },
        { "bytes=0-8,2-3", 20, XR_RANGE_ONE, "0-8" },
        { "bytes=2-3,0-8", 20, XR_RANGE_ONE, "0-8" },
        { "bytes=2-3,2-3", 10, XR_RANGE_ONE, "2-3" },
        { "bytes=6-7,0-1,4-5,2-3", 10, XR_RANGE_ONE, "0-7" },
        { "bytes=0-4,5-9", 10, XR_RANGE_ONE, "0-9" },
        { "bytes=0-8,2-3,11-12,5-6,10-10", 20, XR_RANGE_MANY,
          "0-8,10-12" },
        { "bytes=500-600,601-999", 10000, XR_RANGE_ONE, "500-999" },
        { "bytes=500-700,601-999", 10000, XR_RANGE_ONE, "500-999" },
        { "bytes= 0-999, 4500-5499, -1000", 10000, XR_RANGE_MANY,
          "0-999,4500-5499,9000-9999" },

        /* more than the whole */

        { "bytes=0-,0-0", 10, XR_RANGE_NONE, "" },
        { "bytes=0-,-1", 10, XR_RANGE_NONE, "" },
        { "bytes=0-4,4-9", 10, XR_RANGE_NONE, "" },
        { "bytes=0-,0-,0-,0-,0-,0-,0-,0-", 10, XR_RANGE_NONE, "" },
        { "bytes=-10,99-", 10, XR_RANGE_ONE, "0-9" },
        { "bytes=0-,0-", UINT64_MAX, XR_RANGE_NONE, "" },
        { "bytes=0-9223372036854775807,9223372036854775808-", UINT64_MAX,
          XR_RANGE_ONE, "0-18446744073709551614" },
        { "bytes=0-9223372036854775807,9223372036854775807-", UINT64_MAX,
          XR_RANGE_NONE, "" },

        /* long objects */

        { "bytes=9223372036854775806-", INT64_MAX, XR_RANGE_ONE,
          "9223372036854775806-9223372036854775806" },
        { "bytes=9223372036854775807-", INT64_MAX, XR_RANGE_UNSATISFIABLE,
          "" },
        { "bytes=-1", INT64_MAX, XR_RANGE_ONE,
          "9223372036854775806-9223372036854775806" },
        { "bytes=0-,-1", INT64_MAX, XR_RANGE_NONE, "" },

        /* of nothing, only an end can be had, and that is nothing */

        { "bytes=0-", 0, XR_RANGE_UNSATISFIABLE, "" },
        { "bytes=0-0", 0, XR_RANGE_UNSATISFIABLE, "" },
        { "bytes=-0", 0, XR_RANGE_UNSATISFIABLE, "" },
        { "bytes=-1", 0, XR_RANGE_NONE, "" },
        { "bytes=0-0,-1", 0, XR_RANGE_NONE, "" },

        { "bytes=-1", 1, XR_RANGE_ONE, "0-0" },
        { "bytes=0-1", 1, XR_RANGE_ONE, "0-0" },
        { "bytes=1-", 1, XR_RANGE_UNSATISFIABLE, "" },

        { "bytes=1-0", 10, XR_RANGE_NONE, "" },
        { "items=0-1", 10, XR_RANGE_NONE, "" },
        { "items=0-1", 0, XR_RANGE_NONE, "" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        n = xr_range_parse(xr_str(cases[i].value), specs, MAX);
        k = MAX + 1;
        result = xr_range_resolve(specs, n, cases[i].length, ranges, &k);

        XR_CHECK_EQ(result, cases[i].result, cases[i].value);
        XR_CHECK_STR(xr_str(ranges_text(ranges, k, text)), cases[i].ranges,
                     cases[i].value);
    }
}


static void
test_begin(void **state)
{
    size_t           i, n;
    uint64_t         first;
    xr_range_spec_t  specs[MAX];

    static const struct {
        const char  *value;
        bool         known;
        uint64_t     first;
    } cases[] = {
        { "bytes=7-9", true, 7 },
        { "bytes=7-", true, 7 },
        { "bytes=9-,7-8,8-", true, 7 },
        { "bytes=-0", true, 0 },
        { "bytes=7-9,-0", true, 7 },
        { "bytes=0-0,-1", true, 0 },
        { "bytes=-1,5-,0-0", true, 0 },
        { "bytes=-1", false, 0 },
        { "bytes=7-9,-1", false, 7 },
        { "bytes=-5,9-,7-9", false, 7 },
        { "bytes=9223372036854775807-", true, INT64_MAX },
        { "bytes=" TWO_63 "-", true, 0 },
        { "bytes=" TWO_128 "-", true, 0 },
        { "bytes=" TWO_128 "-,7-9", true, 7 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        n = xr_range_parse(xr_str(cases[i].value), specs, MAX);

        XR_CHECK_EQ(xr_range_begin(specs, n, &first), cases[i].known,
                    cases[i].value);
        XR_CHECK_EQ(first, cases[i].first, cases[i].value);
    }
}


static void
test_most(void **state)
{
    size_t           i, n;
    xr_range_spec_t  specs[MAX];

    static const struct {
        const char  *value;
        uint64_t     most;
    } cases[] = {
        { "bytes=0-0", 1 },
        { "bytes=7-9", 3 },
        { "bytes=-9", 9 },
        { "bytes=-0", 0 },
        { "bytes=7-9,7-9,-9", 15 },
        { "bytes=7-", XR_RANGE_UNKNOWN },
        { "bytes=7-9,7-", XR_RANGE_UNKNOWN },
        { "bytes=0-9223372036854775807", (uint64_t) INT64_MAX + 1 },
        { "bytes=0-9223372036854775807,0-9223372036854775806", UINT64_MAX },
        { "bytes=0-9223372036854775807,0-9223372036854775807",
          XR_RANGE_UNKNOWN },
        { "bytes=0-18446744073709551614", UINT64_MAX },
        { "bytes=-" TWO_128, XR_RANGE_UNKNOWN },
        { "bytes=-" TWO_128 ",-1", XR_RANGE_UNKNOWN }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        n = xr_range_parse(xr_str(cases[i].value), specs, MAX);
        XR_CHECK(xr_range_most(specs, n) == cases[i].most, cases[i].value);
    }
}


static void
test_content_parse(void **state)
{
    size_t              i;
    xr_rc_t             rc;
    xr_str_t            copy;
    xr_range_content_t  c;

    static const struct {
        const char          *value;
        xr_rc_t              rc;
        xr_range_content_t   content;
    } cases[] = {
        { "bytes 0-0/1", XR_OK, { { 0, 0 }, 1, false } },
        { "bytes 42-1233/1234", XR_OK, { { 42, 1233 }, 1234, false } },
        { "bytes 42-1233/*", XR_OK, { { 42, 1233 }, XR_RANGE_UNKNOWN, false } },
        { "bytes */1234", XR_OK, { { 0, 0 }, 1234, true } },
        { "bytes */0", XR_OK, { { 0, 0 }, 0, true } },
        { "BYTES 0-1/2", XR_OK, { { 0, 1 }, 2, false } },
        { "bytes 00-01/02", XR_OK, { { 0, 1 }, 2, false } },
        { "bytes 0-9223372036854775806/9223372036854775807", XR_OK,
          { { 0, INT64_MAX - 1 }, INT64_MAX, false } },
        { "bytes 9223372036854775807-9223372036854775807/*", XR_OK,
          { { INT64_MAX, INT64_MAX }, XR_RANGE_UNKNOWN, false } },
        { "bytes */9223372036854775807", XR_OK,
          { { 0, 0 }, INT64_MAX, true } },

        { "", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes ", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-0", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-0/", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes -1/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes /1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-0/1 ", XR_INVALID, { { 0, 0 }, 0, false } },
        { " bytes 0-0/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes  0-0/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0 - 0 / 1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes\t0-0/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes=0-0/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "items 0-0/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes */*", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes */", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes *", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes *-0/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes */1x", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-0/1,1-1/2", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-0/*x", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 1-0/2", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-0/0", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-1/1", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 5-9/9", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-0/" TWO_63, XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes */" TWO_63, XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes */" LAST_64, XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes */" TWO_64, XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-" TWO_63 "/*", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes 0-" TWO_64 "/*", XR_INVALID, { { 0, 0 }, 0, false } },
        { "bytes " TWO_128 "-" TWO_128 "/*", XR_INVALID, { { 0, 0 }, 0, false } }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(xr_str(cases[i].value));
        c = (xr_range_content_t) { { 77, 78 }, 79, true };
        rc = xr_range_content_parse(copy, &c);

        XR_CHECK_EQ(rc, cases[i].rc, cases[i].value);

        if (rc == XR_OK) {
            XR_CHECK_EQ(c.range.first, cases[i].content.range.first,
                        cases[i].value);
            XR_CHECK_EQ(c.range.last, cases[i].content.range.last,
                        cases[i].value);
            XR_CHECK_EQ(c.length, cases[i].content.length, cases[i].value);
            XR_CHECK_EQ(c.unsatisfied, cases[i].content.unsatisfied,
                        cases[i].value);

        } else {
            XR_CHECK(c.range.first == 77 && c.length == 79, cases[i].value);
        }

        xr_test_copy_free(copy);
    }
}


static void
test_content(void **state)
{
    uint8_t   memory[XR_RANGE_CONTENT_SIZE];
    xr_buf_t  b;

    (void) state;

    b = xr_buf(memory, sizeof(memory));
    xr_range_content(&b, (xr_range_t) { 42, 1233 }, 1234);
    XR_CHECK_STR(xr_buf_str(&b), "bytes 42-1233/1234", "range");

    b = xr_buf(memory, sizeof(memory));
    xr_range_content_unsatisfied(&b, 0);
    XR_CHECK_STR(xr_buf_str(&b), "bytes */0", "no range");

    b = xr_buf(memory, sizeof(memory));
    xr_range_content(&b, (xr_range_t) { UINT64_MAX, UINT64_MAX }, UINT64_MAX);
    assert_true(xr_buf_ok(&b));
    assert_int_equal(b.len, sizeof(memory));
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_nul),
        cmocka_unit_test(test_parse_max),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_most),
        cmocka_unit_test(test_content_parse),
        cmocka_unit_test(test_content)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
