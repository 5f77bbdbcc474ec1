/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_auth.h"

#include <time.h>


#define NOW  1767225600


static void
test_deny_name(void **state)
{
    int       i, j;
    size_t    k;
    xr_str_t  name;

    static const struct {
        xr_deny_t    deny;
        const char  *name;
    } cases[] = {
        { XR_DENY_NONE,                 "" },
        { XR_DENY_METHOD,               "method" },
        { XR_DENY_PATH,                 "path" },
        { XR_DENY_TENANT,               "tenant" },
        { XR_DENY_TOKEN_MISSING,        "token_missing" },
        { XR_DENY_TOKEN_DUPLICATE,      "token_duplicate" },
        { XR_DENY_TOKEN_MALFORMED,      "token_malformed" },
        { XR_DENY_TOKEN_KIND,           "token_kind" },
        { XR_DENY_TOKEN_ALGORITHM,      "token_algorithm" },
        { XR_DENY_TOKEN_KEY,            "token_key" },
        { XR_DENY_TOKEN_SIGNATURE,      "token_signature" },
        { XR_DENY_TOKEN_CLAIM,          "token_claim" },
        { XR_DENY_TOKEN_ISSUER,         "token_issuer" },
        { XR_DENY_TOKEN_AUDIENCE,       "token_audience" },
        { XR_DENY_TOKEN_EXPIRED,        "token_expired" },
        { XR_DENY_TOKEN_EARLY,          "token_early" },
        { XR_DENY_TOKEN_LIFETIME,       "token_lifetime" },
        { XR_DENY_TOKEN_SCOPE,          "token_scope" },
        { XR_DENY_TOKEN_ADDRESS,        "token_address" },
        { XR_DENY_TOKEN_EMBED,          "token_embed" },
        { XR_DENY_TOKEN_COUNTRY,        "token_country" },
        { XR_DENY_TOKEN_REVOKED,        "token_revoked" },
        { XR_DENY_TOKEN_THROTTLED,      "token_throttled" },
        { XR_DENY_REVOCATION,           "revocation" },
        { XR_DENY_ENCODING,             "encoding" },
        { XR_DENY_GEO,                  "geo" },
        { XR_DENY_GEO_UNKNOWN,          "geo_unknown" },
        { XR_DENY_VARIANT,              "variant" },
        { XR_DENY_LIMIT,                "limit" },
        { XR_DENY_LIMIT_STREAMS,        "limit_streams" },
        { XR_DENY_LIMIT_UNKNOWN,        "limit_unknown" },
        { XR_DENY_SLICE_FOLLOWERS,      "slice_followers" },
        { XR_DENY_ORIGIN_NOT_FOUND,     "origin_not_found" },
        { XR_DENY_ORIGIN_FORBIDDEN,     "origin_forbidden" },
        { XR_DENY_ORIGIN_CREDENTIALS,   "origin_credentials" },
        { XR_DENY_ORIGIN_DISABLED,      "origin_disabled" },
        { XR_DENY_ORIGIN_REDIRECT,      "origin_redirect" },
        { XR_DENY_ORIGIN_THROTTLED,     "origin_throttled" },
        { XR_DENY_ORIGIN_ERROR,         "origin_error" },
        { XR_DENY_ORIGIN_UNREACHABLE,   "origin_unreachable" }
    };

    (void) state;

    assert_int_equal(XR_COUNT(cases), XR_DENY_COUNT);

    for (i = 0; i < XR_DENY_COUNT; i++) {
        XR_CHECK_EQ(cases[i].deny, i, cases[i].name);
        XR_CHECK_STR(xr_deny_name(cases[i].deny), cases[i].name,
                     cases[i].name);

        name = xr_deny_name(cases[i].deny);

        for (k = 0; k < name.len; k++) {
            XR_CHECK((name.data[k] >= 'a' && name.data[k] <= 'z')
                     || name.data[k] == '_', cases[i].name);
        }

        for (j = 0; j < i; j++) {
            XR_CHECK(!xr_str_eq(xr_deny_name(cases[j].deny), name),
                     cases[i].name);
        }
    }
}


static void
test_match(void **state)
{
    size_t    i;
    xr_str_t  pattern, path;

    static const struct {
        const char  *pattern;
        const char  *path;
        bool         match;
    } cases[] = {
        { "",                   "",                     true },
        { "",                   "/",                    false },
        { "/",                  "",                     false },
        { "*",                  "",                     true },
        { "*",                  "/a/b",                 true },
        { "**",                 "",                     true },
        { "?",                  "",                     false },
        { "?",                  "a",                    true },
        { "?",                  "/",                    false },
        { "?",                  "ab",                   false },
        { "*?",                 "",                     false },
        { "*?",                 "/",                    false },
        { "*?",                 "/a",                   true },
        { "?*",                 "a/",                   true },

        { "/a/b.glb",           "/a/b.glb",             true },
        { "/a/b.glb",           "/a/b.gl",              false },
        { "/a/b.glb",           "/a/b.glbx",            false },
        { "/a/b.glb",           "/A/b.glb",             false },
        { "/a/b.glb",           "/a/bxglb",             false },

        /* a prefix ends where its author ended it */

        { "/tenant1/*",         "/tenant1/a",           true },
        { "/tenant1/*",         "/tenant1/",            true },
        { "/tenant1/*",         "/tenant1",             false },
        { "/tenant1/*",         "/tenant10/a",          false },
        { "/tenant1*",          "/tenant10/a",          true },
        { "/tenant1",           "/tenant10",            false },
        { "/tenant1",           "/tenant1/",            false },

        { "/a/*.glb",           "/a/b/c.glb",           true },
        { "/a/*.glb",           "/a/.glb",              true },
        { "/a/*.glb",           "/a/b.glb.xr/m.json",   false },
        { "/a/*.glb",           "/b/a/x.glb",           false },
        { "/a/*/c",             "/a/b/c",               true },
        { "/a/*/c",             "/a//c",                true },
        { "/a/*/c",             "/a/c",                 false },
        { "*/c",                "/a/b/c",               true },
        { "*a",                 "aaa",                  true },
        { "a*a",                "a",                    false },
        { "a*a",                "aa",                   true },
        { "*ab*ba*",            "abba",                 true },
        { "*ab*ba*",            "aba",                  false },
        { "*a?c*",              "xxabbabc",             true },
        { "*a?c*",              "xxa/c",                false },
        { "/*/tex?.ktx2",       "/a/b/tex1.ktx2",       true },
        { "/*/tex?.ktx2",       "/a/b/tex12.ktx2",      false },
        { "/*/tex?.ktx2",       "/a/b/tex/.ktx2",       false },
        { "*abc*abc",           "abcabc",               true },
        { "*abc*abc",           "abcab",                false },
        { "*abc*abc",           "abc",                  false },
        { "/a/*b*/c",           "/a/xbx/c",             true },

        /* nothing else is special, and the path holds no pattern */

        { "/a/[bc]",            "/a/b",                 false },
        { "/a/[bc]",            "/a/[bc]",              true },
        { "/a/\\*",             "/a/*",                 false },
        { "/a/\\*",             "/a/\\x",               true },
        { "/a/b",               "/a/*",                 false },
        { "/a/b",               "/a/?",                 false },
        { "/a/.",               "/a/b",                 false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        pattern = xr_test_copy(xr_str(cases[i].pattern));
        path = xr_test_copy(xr_str(cases[i].path));

        if (xr_auth_match(pattern, path) != cases[i].match) {
            fail_msg("\"%s\" and \"%s\": not %d", cases[i].pattern,
                     cases[i].path, cases[i].match);
        }

        xr_test_copy_free(pattern);
        xr_test_copy_free(path);
    }

    assert_true(xr_auth_match(xr_str("*"), xr_str_of(NULL, 0)));
    assert_true(xr_auth_match(xr_str("***"), xr_str_of(NULL, 0)));
    assert_true(xr_auth_match(xr_str_of(NULL, 0), xr_str_of(NULL, 0)));
    assert_false(xr_auth_match(xr_str_of(NULL, 0), xr_str("/")));
}


/* In a URL "?" may be any byte, a "/" and a "?" too. */

static void
test_match_url(void **state)
{
    size_t  i, steps;

    static const struct {
        const char  *pattern;
        const char  *url;
        bool         match;
    } cases[] = {
        { "",                   "",                             true },
        { "*",                  "https://a.example/b?c=d",      true },
        { "?",                  "",                             false },
        { "?",                  "/",                            true },
        { "?",                  "//",                           false },
        { "http?://a/b",        "https://a/b",                  true },
        { "http?://a/b",        "http://a/b",                   false },
        { "http*://a/b",        "http://a/b",                   true },
        { "https://a?b",        "https://a/b",                  true },
        { "https://a/b?c=d",    "https://a/b?c=d",              true },
        { "https://a/b?c=d",    "https://a/bxc=d",              true },
        { "https://a/b?c=*",    "https://a/b?c=",               true },
        { "https://a/*?c",      "https://a/b",                  false },
        { "https://a/*.glb",    "https://a/b/c.glb",            true },
        { "https://a/*.glb",    "https://a/b/c.glb?x",          false },
        { "https://a/*.glb",    "http://a/b/c.glb",             false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        steps = 1000;

        XR_CHECK_EQ(xr_auth_match_url(xr_str(cases[i].pattern),
                                      xr_str(cases[i].url), &steps),
                    cases[i].match, cases[i].pattern);
        XR_CHECK(steps > 0 && steps <= 1000, cases[i].pattern);
    }
}


/* What is anchored costs nothing, each place that is tried its length. */

static void
test_match_steps(void **state)
{
    size_t  steps;

    (void) state;

    steps = 0;
    assert_true(xr_auth_match_url(xr_str("a?c*d"), xr_str("abcd"), &steps));
    assert_true(xr_auth_match_url(xr_str("*ab*"), xr_str("ab"), &steps));
    assert_false(xr_auth_match_url(xr_str("*ab*"), xr_str("aab"), &steps));
    assert_int_equal(steps, 0);

    steps = 6;
    assert_true(xr_auth_match_url(xr_str("*ab*"), xr_str("aaab"), &steps));
    assert_int_equal(steps, 0);

    steps = 5;
    assert_false(xr_auth_match_url(xr_str("*ab*"), xr_str("aaab"), &steps));
    assert_int_equal(steps, 2);
}


/* Every pattern over a small alphabet, against a plain recursive matcher. */

static bool
model(const char *pattern, const char *path, char except)
{
    if (*pattern == '\0') {
        return *path == '\0';
    }

    if (*pattern == '*') {
        return model(pattern + 1, path, except)
               || (*path != '\0' && model(pattern, path + 1, except));
    }

    return *path != '\0'
           && (*pattern == '?' ? *path != except : *pattern == *path)
           && model(pattern + 1, path + 1, except);
}


static void
word(size_t n, const char *alphabet, char out[8])
{
    size_t  i, base;

    base = strlen(alphabet) + 1;

    for (i = 0; n > 0; n /= base) {

        if (n % base != 0) {
            out[i++] = alphabet[n % base - 1];
        }
    }

    out[i] = '\0';
}


static void
test_match_model(void **state)
{
    char    pattern[8], path[8];
    size_t  i, j, steps;

    (void) state;

    for (i = 0; i < 3125; i++) {                /* 5 of "", a, /, *, ? */
        word(i, "a/*?", pattern);

        for (j = 0; j < 729; j++) {             /* 6 of "", a, / */
            word(j, "a/", path);

            steps = SIZE_MAX;

            if (xr_auth_match(xr_str(pattern), xr_str(path))
                != model(pattern, path, '/')
                || xr_auth_match_url(xr_str(pattern), xr_str(path), &steps)
                   != model(pattern, path, '\n'))
            {
                fail_msg("\"%s\" and \"%s\"", pattern, path);
            }
        }
    }
}


/*
 * A matcher that tries every split would need longer than the universe has
 * existed; pattern.len * path.len steps take milliseconds.
 */

static void
test_match_cost(void **state)
{
    size_t    i;
    char      pattern[2048], path[8192];
    clock_t   start;

    (void) state;

    memset(path, 'a', sizeof(path));

    for (i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (i % 8 == 0) ? '*' : 'a';
    }

    pattern[sizeof(pattern) - 1] = 'b';

    start = clock();

    assert_false(xr_auth_match(xr_str_of(pattern, sizeof(pattern)),
                               xr_str_of(path, sizeof(path))));

    /* one "*" and a long tail that fails at its end only */

    memset(pattern, 'a', sizeof(pattern));
    pattern[0] = '*';
    pattern[1] = 'b';

    for (i = 0; i < 1000; i++) {
        assert_false(xr_auth_match(xr_str_of(pattern, sizeof(pattern)),
                                   xr_str_of(path, sizeof(path))));
    }

    assert_true((double) (clock() - start) / CLOCKS_PER_SEC < 5.0);
}


static void
test_covers(void **state)
{
    size_t             i;
    xr_auth_request_t  req;

    static const struct {
        const char  *pattern;
        const char  *raw_path;
        const char  *path;
        bool         covers;
    } cases[] = {
        { "/a b/*",     "/a%20b/c",     "/a b/c",       true },
        { "/a%20b/*",   "/a%20b/c",     "/a b/c",       true },
        { "/a%2520b/*", "/a%20b/c",     "/a b/c",       false },
        { "/a/*",       "/a",           "/a",           false },
        { "/a/*",       "/aa/b",        "/aa/b",        false },
        { "/*",         "/a",           "/a",           true },
        { "",           "/a",           "/a",           false }
    };

    (void) state;

    memset(&req, 0, sizeof(req));

    for (i = 0; i < XR_COUNT(cases); i++) {
        req.raw_path = xr_str(cases[i].raw_path);
        req.path = xr_str(cases[i].path);

        XR_CHECK_EQ(xr_auth_covers(xr_str(cases[i].pattern), &req),
                    cases[i].covers, cases[i].pattern);
    }
}


static void
test_times(void **state)
{
    char               what[16];
    size_t             i;
    xr_auth_policy_t   policy;
    xr_auth_request_t  req;

    static const int64_t  far = (int64_t) 1 << 53;

    static const struct {
        int64_t    not_before;
        int64_t    issued;
        int64_t    expires;
        int64_t    leeway;
        int64_t    max_lifetime;
        xr_deny_t  deny;
    } cases[] = {
        { 0, 0, NOW + 1,                    0, 0,   XR_DENY_NONE },
        { 0, 0, NOW,                        0, 0,   XR_DENY_TOKEN_EXPIRED },
        { 0, 0, NOW,                        1, 0,   XR_DENY_NONE },
        { 0, 0, NOW - 30,                   30, 0,  XR_DENY_TOKEN_EXPIRED },
        { 0, 0, NOW - 29,                   30, 0,  XR_DENY_NONE },
        { 0, 0, 0,                          60, 0,  XR_DENY_TOKEN_EXPIRED },
        { 0, 0, -far,                       60, 0,  XR_DENY_TOKEN_EXPIRED },
        { 0, 0, far,                        0, 0,   XR_DENY_NONE },

        { NOW, 0, NOW + 1,                  0, 0,   XR_DENY_NONE },
        { NOW + 1, 0, NOW + 1,              0, 0,   XR_DENY_TOKEN_EARLY },
        { NOW + 30, 0, NOW + 60,            30, 0,  XR_DENY_NONE },
        { NOW + 31, 0, NOW + 60,            30, 0,  XR_DENY_TOKEN_EARLY },
        { far, 0, far,                      30, 0,  XR_DENY_TOKEN_EARLY },
        { NOW + 1, 0, NOW - 1,              0, 0,   XR_DENY_TOKEN_EARLY },
        { -far, -far, NOW + 1,              0, 0,   XR_DENY_NONE },

        { 0, NOW, NOW + 1,                  0, 0,   XR_DENY_NONE },
        { 0, NOW + 1, NOW + 1,              0, 0,   XR_DENY_TOKEN_EARLY },
        { 0, NOW + 30, NOW + 60,            30, 0,  XR_DENY_NONE },
        { 0, NOW + 31, NOW + 60,            30, 0,  XR_DENY_TOKEN_EARLY },

        { 0, 0, NOW + 60,                   0, 60,  XR_DENY_NONE },
        { 0, 0, NOW + 61,                   0, 60,  XR_DENY_TOKEN_LIFETIME },
        { 0, 0, NOW + 61,                   30, 60, XR_DENY_TOKEN_LIFETIME },
        { 0, 0, far,                        0, 60,  XR_DENY_TOKEN_LIFETIME }
    };

    (void) state;

    memset(&req, 0, sizeof(req));
    memset(&policy, 0, sizeof(policy));

    req.now = NOW;

    for (i = 0; i < XR_COUNT(cases); i++) {
        policy.leeway = cases[i].leeway;
        policy.max_lifetime = cases[i].max_lifetime;

        snprintf(what, sizeof(what), "case %zu", i);

        XR_CHECK_EQ(xr_auth_times(cases[i].not_before, cases[i].issued,
                                  cases[i].expires, &req, &policy),
                    cases[i].deny, what);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_deny_name),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_match_url),
        cmocka_unit_test(test_match_steps),
        cmocka_unit_test(test_match_model),
        cmocka_unit_test(test_match_cost),
        cmocka_unit_test(test_covers),
        cmocka_unit_test(test_times)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
