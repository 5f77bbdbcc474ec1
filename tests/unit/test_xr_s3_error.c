/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_s3_error.h"


#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"


static void
test_code(void **state)
{
    size_t  i;

    static const struct {
        const char  *body;
        const char  *code;
    } cases[] = {
        { "<?xml version=\"1.0\"?>\n<Error><Code>ExpiredToken</Code>"
          "<Message>x</Message></Error>", "ExpiredToken" },
        { "<Code>A</Code>", "A" },
        { "<Code>Not.Found9<", "Not.Found9" },
        { "<<Code>A<", "A" },
        { "<Code<Code>A<", "A" },
        { "<Code>A</Code><Code>B</Code>", "A" },
        { "<Code>" X64 "<", X64 },

        { "", "" },
        { "<", "" },
        { "Code", "" },
        { "<Code", "" },
        { "<Code>", "" },
        { "<Code><", "" },
        { "<Code></Code>", "" },
        { "<Code>Expired", "" },
        { "<Code>Expired Token<", "" },
        { "<Code>Expired\nToken<", "" },
        { "<Code>&amp;<", "" },
        { "<Code>\"<", "" },
        { "<code>A<", "" },
        { "<Code>" X64 "x<", "" },
        { "<Code> A <Code>B<", "" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_STR(xr_s3_error_code(xr_str(cases[i].body)), cases[i].code,
                     cases[i].body);
    }
}


/* Each beginning of a document, in memory of just that size. */

static void
test_code_is_cut(void **state)
{
    size_t    n;
    uint8_t  *p;
    xr_str_t  code, body;

    (void) state;

    body = xr_str("<Error><Code>NoSuchKey</Code></Error>");

    for (n = 0; n <= body.len; n++) {
        p = malloc(n + (n == 0));
        assert_non_null(p);
        memcpy(p, body.data, n);

        code = xr_s3_error_code(xr_str_of(p, n));

        XR_CHECK_STR(code, n > 22 ? "NoSuchKey" : "", "cut");
        free(p);
    }
}


static void
test_kind(void **state)
{
    (void) state;

    assert_int_equal(xr_s3_error_kind(xr_str("ExpiredToken")),
                     XR_S3_ERROR_CREDENTIALS);
    assert_int_equal(xr_s3_error_kind(xr_str("InvalidAccessKeyId")),
                     XR_S3_ERROR_CREDENTIALS);
    assert_int_equal(xr_s3_error_kind(xr_str("RequestTimeTooSkewed")),
                     XR_S3_ERROR_CLOCK);
    assert_int_equal(xr_s3_error_kind(xr_str("AllAccessDisabled")),
                     XR_S3_ERROR_DISABLED);
    assert_int_equal(xr_s3_error_kind(xr_str("AccessDenied")),
                     XR_S3_ERROR_OTHER);
    assert_int_equal(xr_s3_error_kind(xr_str("")), XR_S3_ERROR_OTHER);
    assert_int_equal(xr_s3_error_kind(xr_str("expiredtoken")),
                     XR_S3_ERROR_OTHER);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_code_is_cut),
        cmocka_unit_test(test_kind)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
