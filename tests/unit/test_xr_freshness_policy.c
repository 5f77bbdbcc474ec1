/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "freshness.h"


static const struct {
    const char             *line;
    xr_freshness_policy_t   p;
} right[] = {
    { "", { 600, 10, 0, MAX, 30, DAY, 50, false } },
    { "ttl=1h negative=10s stale_while_revalidate=30s stale_if_error=1d "
      "min=1m max=30d jitter=5% origin=honour",
      { 3600, 10, 60, 30 * DAY, 30, DAY, 50, false } },
    { "origin=override jitter=0% stale_if_error=0 stale_while_revalidate=0s "
      "negative=0 ttl=1y",
      { 365 * DAY, 0, 0, MAX, 0, 0, 0, true } },

    /* times */

    { "ttl=90", { 90, 10, 0, MAX, 30, DAY, 50, false } },
    { "ttl=0090s", { 90, 10, 0, MAX, 30, DAY, 50, false } },
    { "ttl=1y1M1w1d1h1m1s",
      { 365 * DAY + 30 * DAY + 7 * DAY + DAY + 3600 + 60 + 1, 10, 0, MAX, 30,
        DAY, 50, false } },
    { "ttl=1d12h", { DAY + DAY / 2, 10, 0, MAX, 30, DAY, 50, false } },
    { "ttl=1m30", { 90, 10, 0, MAX, 30, DAY, 50, false } },
    { "ttl=2147483648", { MAX, 10, 0, MAX, 30, DAY, 50, false } },
    { "ttl=68y", { 68 * 365 * DAY, 10, 0, MAX, 30, DAY, 50, false } },
    { "ttl=0", { 0, 10, 0, MAX, 30, DAY, 50, false } },
    { "max=0", { 600, 10, 0, 0, 30, DAY, 50, false } },
    { "min=5 max=5", { 600, 10, 5, 5, 30, DAY, 50, false } },

    /* percentages */

    { "jitter=50%", { 600, 10, 0, MAX, 30, DAY, 500, false } },
    { "jitter=50.0%", { 600, 10, 0, MAX, 30, DAY, 500, false } },
    { "jitter=2.5%", { 600, 10, 0, MAX, 30, DAY, 25, false } },
    { "jitter=0.1%", { 600, 10, 0, MAX, 30, DAY, 1, false } },
    { "jitter=49.9%", { 600, 10, 0, MAX, 30, DAY, 499, false } }
};


static void
test_right(void **state)
{
    size_t                        i;
    xr_err_t                      err;
    xr_freshness_policy_t         p;
    const xr_freshness_policy_t  *w;

    (void) state;

    for (i = 0; i < XR_COUNT(right); i++) {
        w = &right[i].p;

        if (parse(right[i].line, &p, &err) != XR_OK) {
            fail_msg("%s: %s", right[i].line, err.what);
        }

        XR_CHECK_EQ(p.ttl, w->ttl, right[i].line);
        XR_CHECK_EQ(p.negative, w->negative, right[i].line);
        XR_CHECK_EQ(p.min, w->min, right[i].line);
        XR_CHECK_EQ(p.max, w->max, right[i].line);
        XR_CHECK_EQ(p.stale_while_revalidate, w->stale_while_revalidate,
                    right[i].line);
        XR_CHECK_EQ(p.stale_if_error, w->stale_if_error, right[i].line);
        XR_CHECK_EQ(p.jitter, w->jitter, right[i].line);
        XR_CHECK_EQ(p.override, w->override, right[i].line);
    }
}


#define NONE    "is none of ttl=, negative=, min=, max=, "                    \
                "stale_while_revalidate=, stale_if_error=, jitter= and "      \
                "origin="
#define TIME    "is not a time of up to 68 years, such as 30s, 10m or 1d12h"
#define SHARE   "is not a percentage from 0% to 50%, such as jitter=5% or "   \
                "jitter=2.5%"
#define ORIGIN  "is neither origin=honour nor origin=override"

static const struct {
    const char  *line;
    size_t       pos;
    const char  *what;
} wrong[] = {
    { "ttl", 0, NONE },
    { "=5", 0, NONE },
    { "ttl=1h TTL=1h", 1, NONE },
    { "ttl=1h x=5", 1, NONE },
    { "ttl=1h stale-if-error=5", 1, NONE },
    { "ttl=1h  min=1", 1, NONE },
    { "ttl=1h ttl=1h", 1, "is duplicate" },
    { "ttl=1h jitter=5% jitter=5%", 2, "is duplicate" },

    { "ttl=", 0, TIME },
    { "ttl=s", 0, TIME },
    { "ttl=-1", 0, TIME },
    { "ttl=1.5h", 0, TIME },
    { "ttl=1ms", 0, TIME },
    { "ttl=1x", 0, TIME },
    { "ttl=1H", 0, TIME },
    { "ttl=1h1h", 0, TIME },
    { "ttl=1m1h", 0, TIME },
    { "ttl=1s1", 0, TIME },
    { "ttl=1h=1", 0, TIME },
    { "ttl=forever", 0, TIME },
    { "ttl=2147483649", 0, TIME },
    { "ttl=69y", 0, TIME },
    { "ttl=68y1y", 0, TIME },
    { "ttl=68y12M", 0, TIME },
    { "ttl=18446744073709551615y", 0, TIME },
    { "ttl=18446744073709551616", 0, TIME },
    { "ttl=1h max=x", 1, TIME },
    { "negative=x", 0, TIME },
    { "min=x", 0, TIME },
    { "stale_while_revalidate=x", 0, TIME },
    { "stale_if_error=x", 0, TIME },

    { "jitter=", 0, SHARE },
    { "jitter=5", 0, SHARE },
    { "jitter=%", 0, SHARE },
    { "jitter=-5%", 0, SHARE },
    { "jitter=51%", 0, SHARE },
    { "jitter=50.1%", 0, SHARE },
    { "jitter=5.%", 0, SHARE },
    { "jitter=5.05%", 0, SHARE },
    { "jitter=.5%", 0, SHARE },
    { "jitter=5.x%", 0, SHARE },
    { "jitter=5%%", 0, SHARE },
    { "jitter=18446744073709551616%", 0, SHARE },

    { "origin=", 0, ORIGIN },
    { "origin=Honour", 0, ORIGIN },
    { "ttl=1h origin=ignore", 1, ORIGIN },

    { "max=1m min=2m", 1, "is more than max=" },
    { "min=2m max=1m", 0, "is more than max=" },
    { "origin=override ttl=0", 1, "goes with origin=honour only: with "
      "origin=override no object would be stored" }
};


static void
test_wrong(void **state)
{
    size_t                 i;
    xr_err_t               err;
    xr_freshness_policy_t  p, before;

    (void) state;

    memset(&before, 0x55, sizeof(before));

    for (i = 0; i < XR_COUNT(wrong); i++) {
        p = before;
        err = (xr_err_t) { "", SIZE_MAX };

        XR_CHECK_EQ(parse(wrong[i].line, &p, &err), XR_INVALID,
                    wrong[i].line);
        XR_CHECK_STR(xr_str(err.what), wrong[i].what, wrong[i].line);
        XR_CHECK_EQ(err.pos, wrong[i].pos, wrong[i].line);
        XR_CHECK(memcmp(&p, &before, sizeof(p)) == 0, wrong[i].line);
    }
}


static void
test_nul(void **state)
{
    xr_str_t               word;
    xr_freshness_policy_t  p;

    (void) state;

    word = xr_str_of("ttl=60\0", 7);
    assert_int_equal(xr_freshness_policy_parse(&word, 1, &p, NULL),
                     XR_INVALID);

    word = xr_str_of("ttl\0=60", 7);
    assert_int_equal(xr_freshness_policy_parse(&word, 1, &p, NULL),
                     XR_INVALID);
}


/* What is written reads as what it was. */

static void
test_text(void **state)
{
    size_t                 i, n;
    char                   text[XR_FRESHNESS_POLICY_SIZE + 1];
    xr_buf_t               b;
    xr_err_t               err;
    xr_freshness_policy_t  p, again;

    static const char *const  lines[] = {
        "", "ttl=1h negative=0 min=3s max=2d stale_while_revalidate=0 "
        "stale_if_error=1w jitter=2.5% origin=override",
        "ttl=2147483648 negative=2147483648 min=2147483648 max=2147483648 "
        "stale_while_revalidate=2147483648 stale_if_error=2147483648 "
        "jitter=50% origin=override"
    };

    (void) state;

    for (i = 0; i < XR_COUNT(lines); i++) {
        memset(&p, 0, sizeof(p));
        memset(&again, 0, sizeof(again));
        XR_CHECK_EQ(parse(lines[i], &p, &err), XR_OK, lines[i]);

        b = xr_buf(text, XR_FRESHNESS_POLICY_SIZE);
        xr_freshness_policy_text(&p, &b);
        XR_CHECK(xr_buf_ok(&b), lines[i]);

        n = b.len;
        text[n] = '\0';

        XR_CHECK_EQ(parse(text, &again, &err), XR_OK, text);
        XR_CHECK(memcmp(&p, &again, sizeof(p)) == 0, text);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_text)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
