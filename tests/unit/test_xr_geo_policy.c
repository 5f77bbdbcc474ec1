/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_geo_policy.h"


static xr_rc_t
parse(const char *text, xr_geo_policy_t *policy, xr_err_t *err)
{
    size_t    n;
    xr_str_t  s, args[4];

    s = xr_str(text);

    for (n = 0; s.len > 0 && n < XR_COUNT(args); n++) {
        args[n] = xr_str_cut(&s, ' ');
    }

    return xr_geo_policy_parse(args, n, policy, err);
}


static void
test_text(void **state)
{
    char             room[XR_GEO_POLICY_SIZE];
    size_t           i;
    xr_buf_t         b;
    xr_geo_policy_t  policy, again;

    static const struct {
        const char  *given;
        const char  *text;
    } cases[] = {
        { "allow=DE", "allow=DE unknown=deny" },
        { "deny=DE", "deny=DE unknown=allow" },
        { "allow=FR,DE,FR", "allow=DE,FR unknown=deny" },
        { "allow=AD,ZW unknown=allow", "allow=AD,ZW unknown=allow" },
        { "unknown=deny deny=DE", "deny=DE unknown=deny" },
        { "allow=continent:SA,US,continent:AF",
          "allow=US,continent:AF,continent:SA unknown=deny" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(parse(cases[i].given, &policy, NULL), XR_OK,
                    cases[i].given);

        b = xr_buf(room, sizeof(room));
        xr_geo_policy_text(&policy, &b);
        XR_CHECK(xr_buf_ok(&b), cases[i].given);
        XR_CHECK_STR(xr_buf_str(&b), cases[i].text, cases[i].given);

        XR_CHECK_EQ(parse(cases[i].text, &again, NULL), XR_OK, cases[i].text);
        assert_memory_equal(&policy, &again, sizeof(policy));
    }
}


static void
test_refused(void **state)
{
    size_t           i;
    xr_err_t         err;
    xr_geo_policy_t  policy, before;

    static const struct {
        const char  *given;
        size_t       pos;
    } cases[] = {
        { "unknown=deny", 0 }, { "allow=", 0 }, { "allow=,DE", 0 },
        { "allow=DE,", 0 }, { "allow=DE,,FR", 0 }, { "allow=de", 0 },
        { "allow=UK", 0 }, { "allow=DE;FR", 0 }, { "allow=continent:", 0 },
        { "allow=continent:eu", 0 }, { "allow", 0 }, { "=DE", 0 },
        { "allow=DE deny=FR", 1 }, { "allow=DE allow=FR", 1 },
        { "allow=DE unknown=", 1 }, { "allow=DE unknown=maybe", 1 },
        { "allow=DE unknown=deny unknown=deny", 2 }, { "ALLOW=DE", 0 }
    };

    (void) state;

    memset(&policy, 0x55, sizeof(policy));
    before = policy;

    for (i = 0; i < XR_COUNT(cases); i++) {
        err = (xr_err_t) { NULL, 99 };

        XR_CHECK_EQ(parse(cases[i].given, &policy, &err), XR_INVALID,
                    cases[i].given);
        XR_CHECK_EQ(err.pos, cases[i].pos, cases[i].given);
        XR_CHECK(err.what != NULL, cases[i].given);
        assert_memory_equal(&policy, &before, sizeof(policy));
    }

    assert_int_equal(xr_geo_policy_parse(NULL, 0, &policy, NULL), XR_INVALID);
}


static void
test_judge(void **state)
{
    size_t           i;
    xr_geo_policy_t  policy;

    static const struct {
        const char  *policy;
        const char  *country;
        const char  *continent;
        xr_deny_t    deny;
    } cases[] = {
        { "allow=DE", "DE", "EU", XR_DENY_NONE },
        { "allow=DE", "FR", "EU", XR_DENY_GEO },
        { "allow=DE", "", "EU", XR_DENY_GEO_UNKNOWN },
        { "allow=DE", "", "", XR_DENY_GEO_UNKNOWN },
        { "allow=DE unknown=allow", "", "", XR_DENY_NONE },
        { "allow=DE unknown=allow", "FR", "", XR_DENY_GEO },
        { "allow=continent:EU", "FR", "EU", XR_DENY_NONE },
        { "allow=continent:EU", "", "EU", XR_DENY_NONE },
        { "allow=continent:EU", "", "AS", XR_DENY_GEO_UNKNOWN },
        { "allow=continent:EU", "FR", "", XR_DENY_GEO },

        { "deny=DE", "DE", "EU", XR_DENY_GEO },
        { "deny=DE", "FR", "EU", XR_DENY_NONE },
        { "deny=DE", "", "EU", XR_DENY_NONE },
        { "deny=DE unknown=deny", "", "EU", XR_DENY_GEO_UNKNOWN },
        { "deny=continent:EU", "", "EU", XR_DENY_GEO },
        { "deny=continent:EU unknown=deny", "", "AS", XR_DENY_GEO_UNKNOWN },
        { "deny=continent:EU", "JP", "AS", XR_DENY_NONE },

        /* what no list can name is a country all the same */

        { "deny=DE unknown=deny", "QQ", "", XR_DENY_NONE }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(parse(cases[i].policy, &policy, NULL), XR_OK,
                    cases[i].policy);
        XR_CHECK_EQ(xr_geo_policy_judge(&policy, xr_str(cases[i].country),
                                        xr_str(cases[i].continent)),
                    cases[i].deny, cases[i].policy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_judge)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
