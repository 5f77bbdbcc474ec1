/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_auth.h"


#define L63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"


static void
test_read(void **state)
{
    size_t            i;
    xr_rc_t           rc;
    xr_str_t          data;
    xr_constraints_t  c, before;

    static const struct {
        const char  *data;
        xr_rc_t      rc;
        const char  *origin;
        const char  *country;
        const char  *quality;
        const char  *rate;
    } cases[] = {
        { "",                           XR_OK, "", "", "", "" },
        { "opaque",                     XR_OK, "", "", "", "" },
        { "a,b,c",                      XR_OK, "", "", "", "" },
        { "origin",                     XR_OK, "", "", "", "" },
        { "plan:gold,x:,:y,:",          XR_OK, "", "", "", "" },
        { "originx:a b,xorigin:!",      XR_OK, "", "", "", "" },
        { "{\"a\":1,\"b\":[2]}",        XR_OK, "", "", "", "" },
        { "origin:a.example",           XR_OK, "a.example", "", "", "" },
        { "origin:A.example|*.b|c_-1",  XR_OK, "A.example|*.b|c_-1",
          "", "", "" },
        { "country:DE",                 XR_OK, "", "DE", "", "" },
        { "country:DE|FR",              XR_OK, "", "DE|FR", "", "" },
        { "quality:high",               XR_OK, "", "", "high", "" },
        { "rate:Gold_1.2-x",            XR_OK, "", "", "", "Gold_1.2-x" },
        { "rate:" L63 "b",              XR_OK, "", "", "", L63 "b" },
        { "plan:x,rate:r,quality:q,,country:AT,other,origin:o",
          XR_OK, "o", "AT", "q", "r" },
        { "origin:" L63 "." L63 "." L63 "." L63, XR_INVALID,
          "", "", "", "" },

        /* ours, but not as they can be */

        { "origin:",                    XR_INVALID, "", "", "", "" },
        { "origin:|a",                  XR_INVALID, "", "", "", "" },
        { "origin:a|",                  XR_INVALID, "", "", "", "" },
        { "origin:a||b",                XR_INVALID, "", "", "", "" },
        { "origin:*",                   XR_INVALID, "", "", "", "" },
        { "origin:*.",                  XR_INVALID, "", "", "", "" },
        { "origin:*.*.a",               XR_INVALID, "", "", "", "" },
        { "origin:a.*",                 XR_INVALID, "", "", "", "" },
        { "origin:*a",                  XR_INVALID, "", "", "", "" },
        { "origin:a.",                  XR_INVALID, "", "", "", "" },
        { "origin:.a",                  XR_INVALID, "", "", "", "" },
        { "origin:a..b",                XR_INVALID, "", "", "", "" },
        { "origin:a:443",               XR_INVALID, "", "", "", "" },
        { "origin:https://a",           XR_INVALID, "", "", "", "" },
        { "origin:a b",                 XR_INVALID, "", "", "", "" },
        { "origin:a%7cb",               XR_INVALID, "", "", "", "" },
        { "origin:\303\274.example",    XR_INVALID, "", "", "", "" },
        { "country:",                   XR_INVALID, "", "", "", "" },
        { "country:de",                 XR_INVALID, "", "", "", "" },
        { "country:D",                  XR_INVALID, "", "", "", "" },
        { "country:DEU",                XR_INVALID, "", "", "", "" },
        { "country:DE|",                XR_INVALID, "", "", "", "" },
        { "country:DE FR",              XR_INVALID, "", "", "", "" },
        { "country:*",                  XR_INVALID, "", "", "", "" },
        { "quality:",                   XR_INVALID, "", "", "", "" },
        { "quality:a|b",                XR_INVALID, "", "", "", "" },
        { "rate:",                      XR_INVALID, "", "", "", "" },
        { "rate:a b",                   XR_INVALID, "", "", "", "" },
        { "rate:a/b",                   XR_INVALID, "", "", "", "" },
        { "rate:" L63 "bc",             XR_INVALID, "", "", "", "" },
        { "rate:a,rate:a",              XR_INVALID, "", "", "", "" },
        { "country:DE,country:FR",      XR_INVALID, "", "", "", "" },
        { "Origin:a",                   XR_INVALID, "", "", "", "" },
        { "x:y, origin:a",              XR_INVALID, "", "", "", "" },
        { "COUNTRY :DE",                XR_INVALID, "", "", "", "" }
    };

    (void) state;

    memset(&before, 0xee, sizeof(before));

    for (i = 0; i < XR_COUNT(cases); i++) {
        data = xr_test_copy(xr_str(cases[i].data));
        c = before;

        rc = xr_constraints_read(data, &c);

        XR_CHECK_EQ(rc, cases[i].rc, cases[i].data);

        if (rc == XR_OK) {
            XR_CHECK_STR(c.origin, cases[i].origin, cases[i].data);
            XR_CHECK_STR(c.country, cases[i].country, cases[i].data);
            XR_CHECK_STR(c.quality, cases[i].quality, cases[i].data);
            XR_CHECK_STR(c.rate, cases[i].rate, cases[i].data);

        } else {
            XR_CHECK(memcmp(&c, &before, sizeof(c)) == 0, cases[i].data);
        }

        xr_test_copy_free(data);
    }

    assert_int_equal(xr_constraints_read(xr_str_of(NULL, 0), &c), XR_OK);
    assert_int_equal(c.origin.len, 0);
}


static void
test_value(void **state)
{
    size_t  i;

    static const struct {
        const char  *name;
        const char  *value;
        bool         ok;
    } cases[] = {
        { "origin",     "*.acme.example",   true },
        { "origin",     "a b",              false },
        { "origin",     "",                 false },
        { "country",    "DE|FR",            true },
        { "country",    "Germany",          false },
        { "quality",    "high",             true },
        { "quality",    "a,b",              false },
        { "rate",       "gold",             true },
        { "rate",       "",                 false },
        { "Rate",       "gold",             false },
        { "rate ",      "gold",             false },
        { "plan",       "gold",             false },
        { "",           "gold",             false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_constraints_value_ok(xr_str(cases[i].name),
                                            xr_str(cases[i].value)),
                    cases[i].ok, cases[i].value);
    }
}


static void
test_judge(void **state)
{
    size_t             i;
    xr_constraints_t   c;
    xr_auth_request_t  req;

    static const struct {
        const char  *data;
        const char  *embed;
        const char  *country;
        xr_deny_t    deny;
    } cases[] = {
        { "",                       "",                 "", XR_DENY_NONE },
        { "",                       "x.example",        "XX", XR_DENY_NONE },
        { "quality:q,rate:r",       "",                 "", XR_DENY_NONE },

        { "origin:a.example",       "a.example",        "", XR_DENY_NONE },
        { "origin:a.example",       "A.Example",        "", XR_DENY_NONE },
        { "origin:A.EXAMPLE",       "a.example",        "", XR_DENY_NONE },
        { "origin:a.example|b.example", "b.example",    "", XR_DENY_NONE },
        { "origin:a.example",       "", "",             XR_DENY_TOKEN_EMBED },
        { "origin:a.example",       "b.example", "",    XR_DENY_TOKEN_EMBED },
        { "origin:a.example",       "xa.example", "",   XR_DENY_TOKEN_EMBED },
        { "origin:a.example",       "x.a.example", "",  XR_DENY_TOKEN_EMBED },
        { "origin:a.example",       "a.example.", "",   XR_DENY_TOKEN_EMBED },
        { "origin:a.example|b",     "a.example|b", "",  XR_DENY_TOKEN_EMBED },

        { "origin:*.a.example",     "x.a.example",      "", XR_DENY_NONE },
        { "origin:*.a.example",     "x.y.a.example",    "", XR_DENY_NONE },
        { "origin:*.A.example",     "X.a.EXAMPLE",      "", XR_DENY_NONE },
        { "origin:b|*.a.example",   "x.a.example",      "", XR_DENY_NONE },
        { "origin:*.a.example|b",   "b",                "", XR_DENY_NONE },
        { "origin:*.a.example",     "a.example", "",    XR_DENY_TOKEN_EMBED },
        { "origin:*.a.example",     ".a.example", "",   XR_DENY_TOKEN_EMBED },
        { "origin:*.a.example",     "xa.example", "",   XR_DENY_TOKEN_EMBED },
        { "origin:*.a.example",     "x.a.example.evil.example", "",
          XR_DENY_TOKEN_EMBED },
        { "origin:*.a.example",     "*.b.example", "",  XR_DENY_TOKEN_EMBED },

        { "country:DE",             "",     "DE",       XR_DENY_NONE },
        { "country:DE|FR",          "",     "FR",       XR_DENY_NONE },
        { "country:DE",             "",     "",     XR_DENY_TOKEN_COUNTRY },
        { "country:DE",             "",     "FR",   XR_DENY_TOKEN_COUNTRY },
        { "country:DE",             "",     "de",   XR_DENY_TOKEN_COUNTRY },
        { "country:DE|FR",          "",     "DE|FR", XR_DENY_TOKEN_COUNTRY },
        { "country:DE",             "",     "D",    XR_DENY_TOKEN_COUNTRY },

        { "origin:a,country:DE",    "a",    "DE",       XR_DENY_NONE },
        { "origin:a,country:DE",    "b",    "DE",   XR_DENY_TOKEN_EMBED },
        { "origin:a,country:DE",    "a",    "FR",   XR_DENY_TOKEN_COUNTRY },
        { "origin:a,country:DE",    "b",    "FR",   XR_DENY_TOKEN_EMBED }
    };

    (void) state;

    memset(&req, 0, sizeof(req));

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_constraints_read(xr_str(cases[i].data), &c), XR_OK,
                    cases[i].data);

        req.embed = xr_test_copy(xr_str(cases[i].embed));
        req.country = xr_test_copy(xr_str(cases[i].country));

        if (xr_constraints_judge(&c, &req) != cases[i].deny) {
            fail_msg("\"%s\" for \"%s\" and \"%s\"", cases[i].data,
                     cases[i].embed, cases[i].country);
        }

        xr_test_copy_free(req.embed);
        xr_test_copy_free(req.country);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_value),
        cmocka_unit_test(test_judge)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
