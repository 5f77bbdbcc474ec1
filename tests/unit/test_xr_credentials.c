/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_credentials.h"


#define PAIR  "aws_access_key_id=AK\naws_secret_access_key=SK\n"


static void
test_accepted(void **state)
{
    size_t            i;
    xr_err_t          err;
    xr_credentials_t  c;

    static const struct {
        const char  *text;
        const char  *profile;
        const char  *access_key;
        const char  *secret_key;
        const char  *token;
    } rows[] = {
        { "[default]\n" PAIR, "default", "AK", "SK", "" },
        { "[default]\naws_secret_access_key=SK\naws_access_key_id=AK",
          "default", "AK", "SK", "" },
        { "[default]\r\naws_access_key_id = AK \r\n"
          "aws_secret_access_key\t=\tSK\r\naws_session_token = T==\r\n\r\n",
          "default", "AK", "SK", "T==" },
        { "# one\n; two\n  # three\n\n[ default ]\n" PAIR,
          "default", "AK", "SK", "" },
        { "[a]\n" PAIR "[b]\naws_access_key_id=BK\n"
          "aws_secret_access_key=S/+=\n[c]\n" PAIR,
          "b", "BK", "S/+=", "" },
        { "[a]\nregion = eu-west-1\n" PAIR "s3 =\n  max = 10\n",
          "a", "AK", "SK", "" },
        { "[a]\n" PAIR "aws_session_token =\n", "a", "AK", "SK", "" },
        { "[a]\nAWS_ACCESS_KEY_ID=AK\nAws_Secret_Access_Key=SK\n",
          "a", "AK", "SK", "" },
        { "  [a]\n  aws_access_key_id=AK\n  aws_secret_access_key=SK\n",
          "a", "AK", "SK", "" },
        { "[b]\nx=\x01\n" "[a]\n" PAIR, "a", "AK", "SK", "" },
        { "[b]\n" PAIR PAIR "[b]\n[a]\n" PAIR, "a", "AK", "SK", "" },
        { "[a]\naws_access_key_id=test:tester\n"
          "aws_secret_access_key=#;[x]\n", "a", "test:tester", "#;[x]", "" },
        { "[profile a]\n" PAIR, "profile a", "AK", "SK", "" },
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        memset(&err, 0, sizeof(err));
        memset(&c, 0, sizeof(c));

        if (xr_credentials_parse(xr_str(rows[i].text), xr_str(rows[i].profile),
                                 &c, &err)
            != XR_OK)
        {
            fail_msg("%s: %s at %zu", rows[i].text, err.what, err.pos);
        }

        XR_CHECK_STR(c.access_key, rows[i].access_key, rows[i].text);
        XR_CHECK_STR(c.secret_key, rows[i].secret_key, rows[i].text);
        XR_CHECK_STR(c.session_token, rows[i].token, rows[i].text);
    }
}


static void
test_refused(void **state)
{
    size_t            i;
    xr_rc_t           rc;
    xr_err_t          err;
    xr_credentials_t  c, before;

    static const struct {
        const char  *text;
        size_t       pos;
        const char  *what;                  /* part of it */
    } rows[] = {
        { "[a]\naws_access_key_id\n", 4, "no [profile], no comment" },
        { "[a]\n" PAIR "junk", 50, "no [profile], no comment" },
        { "\xef\xbb\xbf[a]\n" PAIR, 0, "no [profile], no comment" },
        { "[a\n" PAIR, 0, "does not end with" },
        { "[a] # mine\n" PAIR, 0, "does not end with" },
        { "[\n" PAIR, 0, "does not end with" },
        { PAIR "[a]\n", 0, "before the first" },
        { "[a]\n = x\n" PAIR, 5, "a value without a key" },
        { "[a]\n" PAIR "aws_access_key_id=B\n", 68, "twice in the profile" },
        { "[a]\n" PAIR "AWS_SECRET_ACCESS_KEY=B\n", 72, "twice in the prof" },
        { "[a]\naws_session_token=\n" PAIR "aws_session_token=T\n", 87,
          "twice in the profile" },
        { "[a]\n" PAIR "[b]\n[a]\n", 54, "twice in the file" },
        { "[a]\n", 0, "no aws_access_key_id" },
        { "[b]\n[a]\naws_secret_access_key=SK\n", 4, "no aws_access_key_id" },
        { "[a]\naws_access_key_id=AK\n", 0, "no aws_secret_access_key" },
        { "[a]\naws_access_key_id=AK\naws_secret_access_key=\n", 0,
          "no aws_secret_access_key" },
        { "[a]\naws_access_key_id=A K\n", 23, "holds a space" },
        { "[a]\naws_access_key_id=A\x01\n", 23, "holds a space" },
        { "[a]\naws_access_key_id=A\rK\n", 23, "holds a space" },
        { "[a]\naws_access_key_id=\303\274\n", 22, "holds a space" },
    };

    (void) state;

    memset(&c, 0x5a, sizeof(c));
    memset(&before, 0x5a, sizeof(before));

    for (i = 0; i < XR_COUNT(rows); i++) {
        memset(&err, 0, sizeof(err));

        rc = xr_credentials_parse(xr_str(rows[i].text), xr_str("a"), &c, &err);

        if (rc != XR_INVALID || strstr(err.what, rows[i].what) == NULL
            || err.pos != rows[i].pos)
        {
            fail_msg("%s: %d, %s at %zu", rows[i].text, rc, err.what, err.pos);
        }

        assert_memory_equal(&c, &before, sizeof(c));
    }
}


static void
test_no_such_profile(void **state)
{
    size_t            i;
    xr_err_t          err;
    xr_credentials_t  c;

    static const char *const  rows[] = {
        "", "\n", "# [a]\n", "[b]\n" PAIR, "[A]\n" PAIR, "[a b]\n" PAIR,
        "[]\n" PAIR
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        assert_int_equal(xr_credentials_parse(xr_str(rows[i]), xr_str("a"),
                                              &c, &err),
                         XR_NOT_FOUND);
        assert_string_equal(err.what, "the file has no such profile");
    }

    assert_int_equal(xr_credentials_parse(xr_str_of(NULL, 0), xr_str("a"),
                                          &c, NULL),
                     XR_NOT_FOUND);
}


static void
test_nul(void **state)
{
    xr_err_t          err;
    xr_credentials_t  c;

    static const xr_str_t  text = XR_STR("[a]\naws_access_key_id=A\0K\n");

    (void) state;

    assert_int_equal(xr_credentials_parse(text, xr_str("a"), &c, &err),
                     XR_INVALID);
    assert_int_equal(err.pos, 23);
}


static void
test_sizes(void **state)
{
    size_t            i;
    xr_rc_t           rc;
    char              text[8192];
    xr_credentials_t  c;

    static const struct {
        const char  *head;
        size_t       max;
    } rows[] = {
        { "[a]\naws_secret_access_key=S\naws_access_key_id=", 128 },
        { "[a]\naws_access_key_id=A\naws_secret_access_key=", 128 },
        { "[a]\n" PAIR "aws_session_token=", 4096 },
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        memset(text, 'x', sizeof(text));
        memcpy(text, rows[i].head, strlen(rows[i].head));

        rc = xr_credentials_parse(xr_str_of(text, strlen(rows[i].head)
                                                  + rows[i].max),
                                  xr_str("a"), &c, NULL);
        assert_int_equal(rc, XR_OK);

        rc = xr_credentials_parse(xr_str_of(text, strlen(rows[i].head)
                                                  + rows[i].max + 1),
                                  xr_str("a"), &c, NULL);
        assert_int_equal(rc, XR_INVALID);
    }
}


/* Credentials that come from elsewhere. */

static void
test_check(void **state)
{
    size_t            i;
    xr_err_t          err;
    uint8_t           memory[4097];
    xr_credentials_t  c;

    static const struct {
        xr_credentials_t  c;
        size_t            pos;          /* 3: nothing is wrong */
    } checks[] = {
        { { XR_STR("A"), XR_STR("s"), { NULL, 0 } }, 3 },
        { { XR_STR("A"), XR_STR("s/+="), XR_STR("t") }, 3 },
        { { { NULL, 0 }, XR_STR("s"), { NULL, 0 } }, 0 },
        { { XR_STR("A"), XR_STR(""), { NULL, 0 } }, 1 },
        { { XR_STR("A B"), XR_STR("s"), { NULL, 0 } }, 0 },
        { { XR_STR("A"), XR_STR("s\n"), { NULL, 0 } }, 1 },
        { { XR_STR("A"), XR_STR("s"), XR_STR("\177") }, 2 },
        { { XR_STR("A"), XR_STR("s"), XR_STR("t\0") }, 2 },
        { { XR_STR("\303\274"), XR_STR("s"), { NULL, 0 } }, 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(checks); i++) {
        err = (xr_err_t) { NULL, 3 };

        assert_int_equal(xr_credentials_check(&checks[i].c, &err),
                         checks[i].pos == 3 ? XR_OK : XR_INVALID);
        assert_int_equal(err.pos, checks[i].pos);
        assert_int_equal(err.what == NULL, checks[i].pos == 3);
    }

    /* the lengths that a file may have */

    memset(memory, 'x', sizeof(memory));
    c.access_key = xr_str_of(memory, 128);
    c.secret_key = xr_str_of(memory, 128);
    c.session_token = xr_str_of(memory, 4096);
    assert_int_equal(xr_credentials_check(&c, NULL), XR_OK);

    c.session_token.len++;
    assert_int_equal(xr_credentials_check(&c, &err), XR_INVALID);
    assert_int_equal(err.pos, 2);

    c.secret_key.len++;
    assert_int_equal(xr_credentials_check(&c, &err), XR_INVALID);
    assert_int_equal(err.pos, 1);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_such_profile),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_check)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
