/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_job.h"


#define SHA  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"


typedef struct {
    const char  *tenant;
    const char  *key;
    const char  *sha256;
    const char  *etag;
    const char  *preset;
} row_t;


static xr_job_t
job_of(const row_t *row)
{
    return (xr_job_t) { xr_str(row->tenant), xr_str(row->key),
                        xr_str(row->sha256), xr_str(row->etag),
                        xr_str(row->preset) };
}


static void
test_good(void **state)
{
    size_t    i;
    xr_job_t  job;

    static const row_t  rows[] = {
        { "acme", "robots/r2.glb", SHA, "", "default" },
        { "a", "x", "", "d41d8cd98f00b204e9800998ecf8427e-3", "p" },
        { "acme", "100% \xc3\xa9 #?.glb", "", "abc", "m-1_2.b" },
        { "acme", "r2.xr.glb", SHA, "", "default" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        job = job_of(&rows[i]);
        assert_null(xr_job_check(&job));
    }
}


static void
test_bad(void **state)
{
    size_t    i;
    xr_job_t  job;

    static const row_t  rows[] = {
        { "", "a.glb", SHA, "", "default" },
        { "Acme", "a.glb", SHA, "", "default" },
        { "../acme", "a.glb", SHA, "", "default" },
        { "acme", "", SHA, "", "default" },
        { "acme", "/a.glb", SHA, "", "default" },
        { "acme", "a/", SHA, "", "default" },
        { "acme", "a//b", SHA, "", "default" },
        { "acme", "a/../b", SHA, "", "default" },
        { "acme", "./b", SHA, "", "default" },
        { "acme", "a.glb.xr/manifest.json", SHA, "", "default" },
        { "acme", "a\nb", SHA, "", "default" },
        { "acme", "a\xff", SHA, "", "default" },
        { "acme", "a.glb", "", "", "default" },
        { "acme", "a.glb", SHA, "abc", "default" },
        { "acme", "a.glb", SHA "0", "", "default" },
        { "acme", "a.glb", "ABCD", "", "default" },
        { "acme", "a.glb", "", "a\"b", "default" },
        { "acme", "a.glb", "", "a\r\nb", "default" },
        { "acme", "a.glb", SHA, "", "" },
        { "acme", "a.glb", SHA, "", "-x" },
        { "acme", "a.glb", SHA, "", "A" },
        { "acme", "a.glb", SHA, "", "a b" },
        { "acme", "a.glb", SHA, "", "012345678901234567890123456789012" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        job = job_of(&rows[i]);
        XR_CHECK(xr_job_check(&job) != NULL, rows[i].key);
    }
}


static void
test_long_keys(void **state)
{
    char      key[XR_JOB_KEY_MAX + 1];
    xr_job_t  job;

    (void) state;

    memset(key, 'a', sizeof(key));
    job = (xr_job_t) { xr_str("acme"), xr_str_of(key, XR_JOB_KEY_MAX),
                       xr_str(SHA), xr_str(""), xr_str("default") };
    assert_null(xr_job_check(&job));

    job.key.len++;
    assert_non_null(xr_job_check(&job));
}


static void
test_id(void **state)
{
    char      ids[6][XR_JOB_ID_SIZE], source[6][XR_JOB_ID_SIZE];
    size_t    i, j;
    xr_job_t  job;

    static const row_t  rows[] = {
        { "acme", "a.glb", SHA, "", "default" },
        { "acme", "a.glb", "", "abc", "default" },
        { "acme", "a.glb", "", "abd", "default" },
        { "acme", "b.glb", "", "abc", "default" },
        { "acm", "ea.glb", "", "abc", "default" },
        { "acme", "a.glb", "", "abc", "mobile" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        job = job_of(&rows[i]);
        assert_int_equal(xr_job_id(&job, ids[i]), XR_OK);
        assert_true(xr_job_id_ok(xr_str_of(ids[i], XR_JOB_ID_SIZE)));

        for (j = 0; j < i; j++) {
            assert_memory_not_equal(ids[i], ids[j], XR_JOB_ID_SIZE);
        }
    }

    for (i = 0; i < XR_COUNT(rows); i++) {
        job = job_of(&rows[i]);
        assert_int_equal(xr_job_source_id(&job, source[i]), XR_OK);
    }

    /* content and preset do not matter, tenant and key do */

    assert_memory_equal(source[0], source[1], XR_JOB_ID_SIZE);
    assert_memory_equal(source[0], source[5], XR_JOB_ID_SIZE);
    assert_memory_not_equal(source[0], source[3], XR_JOB_ID_SIZE);
    assert_memory_not_equal(source[0], source[4], XR_JOB_ID_SIZE);
    assert_false(xr_job_id_ok(xr_str("")));
    assert_false(xr_job_id_ok(xr_str("0123456789ABCDEF0123456789abcdef")));
    assert_false(xr_job_id_ok(xr_str("0123456789abcdef0123456789abcdefa")));
}


static void
test_backoff(void **state)
{
    (void) state;

    assert_int_equal(xr_job_backoff(1, 1000, 60000, 0), 500);
    assert_int_equal(xr_job_backoff(1, 1000, 60000, UINT32_MAX), 1000);
    assert_int_equal(xr_job_backoff(2, 1000, 60000, UINT32_MAX), 2000);
    assert_int_equal(xr_job_backoff(4, 1000, 60000, 0), 4000);
    assert_int_equal(xr_job_backoff(7, 1000, 60000, UINT32_MAX), 60000);
    assert_int_equal(xr_job_backoff(UINT32_MAX, 1000, INT64_MAX / 4,
                                    UINT32_MAX), 1000LL << 19);
    assert_int_equal(xr_job_backoff(0, 1000, 60000, UINT32_MAX), 1000);
    assert_int_equal(xr_job_backoff(3, 0, 60000, UINT32_MAX), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_backoff)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
