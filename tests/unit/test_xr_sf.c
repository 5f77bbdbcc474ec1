/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_sf.h"


static const struct {
    const char    *in;
    xr_sf_type_t   type;
    int64_t        number;
    const char    *text;
    const char    *params;
} one[] = {

    /* RFC 8941, section 3.3.6: a member without a value is true */

    { "a", XR_SF_BOOLEAN, 1, "", "" },
    { "  a  ", XR_SF_BOOLEAN, 1, "", "" },
    { "a\t", XR_SF_BOOLEAN, 1, "", "" },
    { "a=?1", XR_SF_BOOLEAN, 1, "", "" },
    { "a=?0", XR_SF_BOOLEAN, 0, "", "" },
    { "a;b", XR_SF_BOOLEAN, 1, "", ";b" },

    /* section 3.3.1 */

    { "a=0", XR_SF_INTEGER, 0, "", "" },
    { "a=-0", XR_SF_INTEGER, 0, "", "" },
    { "a=042", XR_SF_INTEGER, 42, "", "" },
    { "a=-42", XR_SF_INTEGER, -42, "", "" },
    { "a=999999999999999", XR_SF_INTEGER, INT64_C(999999999999999), "", "" },
    { "a=-999999999999999", XR_SF_INTEGER, INT64_C(-999999999999999), "", "" },

    /* section 3.3.2 */

    { "a=1.5", XR_SF_DECIMAL, 1500, "", "" },
    { "a=-1.50", XR_SF_DECIMAL, -1500, "", "" },
    { "a=0.001", XR_SF_DECIMAL, 1, "", "" },
    { "a=999999999999.999", XR_SF_DECIMAL, INT64_C(999999999999999), "", "" },

    /* section 3.3.3 */

    { "a=\"\"", XR_SF_STRING, 0, "", "" },
    { "a=\"b, c\"", XR_SF_STRING, 0, "b, c", "" },
    { "a=\"b\\\"\\\\\"", XR_SF_STRING, 0, "b\\\"\\\\", "" },

    /* section 3.3.4 */

    { "a=b", XR_SF_TOKEN, 0, "b", "" },
    { "a=*", XR_SF_TOKEN, 0, "*", "" },
    { "a=A", XR_SF_TOKEN, 0, "A", "" },
    { "a=zZ", XR_SF_TOKEN, 0, "zZ", "" },
    { "a=Z", XR_SF_TOKEN, 0, "Z", "" },
    { "a=B1:/!#$%&'*+-.^_`|~", XR_SF_TOKEN, 0, "B1:/!#$%&'*+-.^_`|~", "" },

    /* section 3.3.5 */

    { "a=::", XR_SF_BYTES, 0, "", "" },
    { "a=:aGVsbG8=:", XR_SF_BYTES, 0, "aGVsbG8=", "" },

    /* section 3.1.1 */

    { "a=()", XR_SF_LIST, 0, "", "" },
    { "a=( 1  b;c=\"d\" )", XR_SF_LIST, 0, " 1  b;c=\"d\" ", "" },
    { "a=(1);b;c=2", XR_SF_LIST, 0, "1", ";b;c=2" },

    /* section 3.1.2 */

    { "a=1; b=?0;  c ", XR_SF_INTEGER, 1, "", "; b=?0;  c" }
};


static void
test_one(void **state)
{
    size_t          i;
    xr_str_t        in, s;
    xr_sf_member_t  m;

    (void) state;

    for (i = 0; i < XR_COUNT(one); i++) {
        in = xr_test_copy(xr_str(one[i].in));
        s = in;

        XR_CHECK_EQ(xr_sf_next(&s, &m), XR_OK, one[i].in);
        XR_CHECK_STR(m.key, "a", one[i].in);
        XR_CHECK_EQ(m.value.type, one[i].type, one[i].in);
        XR_CHECK_EQ(m.value.number, one[i].number, one[i].in);
        XR_CHECK_STR(m.value.text, one[i].text, one[i].in);
        XR_CHECK_STR(m.params, one[i].params, one[i].in);

        XR_CHECK_EQ(xr_sf_next(&s, &m), XR_NOT_FOUND, one[i].in);
        xr_test_copy_free(in);
    }
}


/* How many members there are before the end; -1: it is no dictionary. */

static int
count(xr_str_t in)
{
    int             n;
    xr_rc_t         rc;
    xr_str_t        copy, s;
    xr_sf_member_t  m;

    copy = xr_test_copy(in);
    s = copy;

    for (n = 0; (rc = xr_sf_next(&s, &m)) == XR_OK; n++) {
        /* void */
    }

    xr_test_copy_free(copy);

    return (rc == XR_NOT_FOUND) ? n : -1;
}


static const struct {
    const char  *in;
    int          n;
} counts[] = {

    /* section 4.2.2 */

    { "", 0 },
    { "   ", 0 },
    { "a, b=1 \t,\t c;d=e", 3 },
    { "a,b,a", 3 },
    { "\ta", -1 },
    { "\t", -1 },
    { ",", -1 },
    { "a,", -1 },
    { "a, ", -1 },
    { ",a", -1 },
    { "a,,b", -1 },
    { "a b", -1 },
    { "a=1 b=2", -1 },
    { "a;b, c=1;", -1 },

    /* keys, section 4.2.3.3 */

    { "*a-_.*0, z, az", 3 },
    { "A", -1 },
    { "aA", -1 },
    { "0a", -1 },
    { "-a", -1 },
    { "_a", -1 },
    { "\xc3\xa4", -1 },
    { "=1", -1 },
    { "a =1", -1 },
    { "a= 1", -1 },
    { "a=", -1 },
    { "a=,b", -1 },

    /* items */

    { "a=-", -1 },
    { "a=--1", -1 },
    { "a=+1", -1 },
    { "a=.5", -1 },
    { "a=1.", -1 },
    { "a=1..2", -1 },
    { "a=1.2.3", -1 },
    { "a=1.2345", -1 },
    { "a=1000000000000000", -1 },
    { "a=1000000000000.0", -1 },
    { "a=1e3", -1 },
    { "a=\"b", -1 },
    { "a=\"b\\", -1 },
    { "a=\"b\\\"", -1 },
    { "a=\"\\b\"", -1 },
    { "a=\"\t\"", -1 },
    { "a=\"\x7f\"", -1 },
    { "a=\"\xc3\xa4\"", -1 },
    { "a=\"b\"c", -1 },
    { "a='b'", -1 },
    { "a=:YQ==", -1 },
    { "a=:YQ==:", 1 },
    { "a=:YQ:", 1 },
    { "a=:YWI:", 1 },
    { "a=:YWJj:", 1 },
    { "a=:Y_:", -1 },
    { "a=:Y:", -1 },
    { "a=:Y===:", -1 },
    { "a=:YQ=:", -1 },
    { "a=:YQ===:", -1 },
    { "a=:YQ======:", -1 },
    { "a=:YWJj====:", -1 },
    { "a=:Y=Q=:", -1 },
    { "a=:====:", -1 },
    { "a=:YQ ==:", -1 },
    { "a=?", -1 },
    { "a=?2", -1 },
    { "a=?true", -1 },
    { "a=&", -1 },

    /* inner lists */

    { "a=(", -1 },
    { "a=(1", -1 },
    { "a=(1 ", -1 },
    { "a=(1,2)", -1 },
    { "a=(1\t2)", -1 },
    { "a=((1))", -1 },
    { "a=(1)2", -1 },
    { "a=(1\"b\")", -1 },
    { "a=(\"b\"c)", -1 },

    /* parameters */

    { "a;", -1 },
    { "a;B", -1 },
    { "a;b=", -1 },
    { "a;b=()", -1 },
    { "a ;b", -1 },
    { "a;\tb", -1 },

    /* later types are not of these fields, RFC 9651, sections 3.3.7, 3.3.8 */

    { "a=@1", -1 },
    { "a=%\"b\"", -1 }
};


static void
test_counts(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < XR_COUNT(counts); i++) {
        XR_CHECK_EQ(count(xr_str(counts[i].in)), counts[i].n, counts[i].in);
    }
}


static void
test_nul(void **state)
{
    (void) state;

    assert_int_equal(count(xr_str_of(NULL, 0)), 0);
    assert_int_equal(count(xr_str_of("a\0", 2)), -1);
    assert_int_equal(count(xr_str_of("a=b\0", 4)), -1);
    assert_int_equal(count(xr_str_of("a=\"\0\"", 5)), -1);
    assert_int_equal(count(xr_str_of("a=?\0", 4)), -1);
    assert_int_equal(count(xr_str_of("a=\"\\\0\"", 6)), -1);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_nul)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
