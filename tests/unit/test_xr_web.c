/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_web.h"


#define LABEL   "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopq"
#define HOST    LABEL "." LABEL "." LABEL "." LABEL        /* 255 characters */


static void
test_host(void **state)
{
    size_t    i;
    xr_str_t  s;

    static const struct {
        xr_str_t  host;
        bool      ok;
    } hosts[] = {
        { XR_STR("a"),                  true },
        { XR_STR("a.example"),          true },
        { XR_STR("x_y.b-1.example"),    true },
        { XR_STR("192.0.2.1"),          true },
        { XR_STR("xn--3e0b707e.example"), true },
        { { NULL, 0 },                  false },
        { XR_STR(""),                   false },
        { XR_STR("."),                  false },
        { XR_STR("a."),                 false },
        { XR_STR(".a"),                 false },
        { XR_STR("a..b"),               false },
        { XR_STR("A.example"),          false },
        { XR_STR("a.example:80"),       false },
        { XR_STR("*.example"),          false },
        { XR_STR("a.example/"),         false },
        { XR_STR("a b"),                false },
        { XR_STR("a\0b"),               false },
        { XR_STR("a\n"),                false },
        { XR_STR("[::1]"),              false },
        { XR_STR("\303\274.example"),   false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(hosts); i++) {
        s = xr_test_copy(hosts[i].host);
        assert_int_equal(xr_web_host_ok(s), hosts[i].ok);
        xr_test_copy_free(s);
    }

    assert_true(xr_web_host_ok(xr_str_of(HOST, 253)));
    assert_false(xr_web_host_ok(xr_str_of(HOST, 254)));
}


static void
test_origin(void **state)
{
    size_t    i;
    xr_str_t  s;

    static const struct {
        const char  *origin;
        bool         ok;
    } origins[] = {
        { "https://shop.example",           true },
        { "http://localhost:8080",          true },
        { "https://shop.example:80",        true },
        { "http://shop.example:443",        true },
        { "http://192.0.2.1:65535",         true },
        { "http://[::1]",                   true },
        { "https://[2001:db8::1]:8443",     true },
        { "",                               false },
        { "null",                           false },
        { "*",                              false },
        { "https:",                         false },
        { "https://",                       false },
        { "shop.example",                   false },
        { "ftp://shop.example",             false },
        { "HTTPS://shop.example",           false },
        { "https://Shop.example",           false },
        { "https://*.example",              false },
        { "https://shop.example/",          false },
        { "https://u@shop.example",         false },
        { "https://shop..example",          false },
        { "https://shop.example ",          false },
        { "https://shop.example:",          false },
        { "https://shop.example:443",       false },
        { "http://shop.example:80",         false },
        { "https://shop.example:0",         false },
        { "https://shop.example:0443",      false },
        { "https://shop.example:65536",     false },
        { "https://shop.example:8443x",     false },
        { "https://shop.example:1:2",       false },
        { "https://:8443",                  false },
        { "http://[::1",                    false },
        { "http://[]",                      false },
        { "http://[",                       false },
        { "http://]",                       false },
        { "http://[192.0.2.1]",             false },
        { "http://[::1]x",                  false },
        { "http://[::1]:80",                false },
        { "http://::1",                     false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(origins); i++) {
        s = xr_test_copy(xr_str(origins[i].origin));
        XR_CHECK_EQ(xr_web_origin_ok(s), origins[i].ok, origins[i].origin);
        xr_test_copy_free(s);
    }

    assert_false(xr_web_origin_ok(xr_str_of(NULL, 0)));
}


/* "" for what has no host, or has one that browsers see differently. */

static const struct {
    const char  *url;
    const char  *host;
} urls[] = {
    { "https://shop.example",                   "shop.example" },
    { "http://shop.example",                    "shop.example" },
    { "https://Shop.Example",                   "Shop.Example" },
    { "https://shop.example:8443",              "shop.example" },
    { "https://shop.example/",                  "shop.example" },
    { "https://shop.example/a@b/c?d=e@f#g",     "shop.example" },
    { "https://shop.example:8443/a@b",          "shop.example" },
    { "https://shop.example?a",                 "shop.example" },
    { "https://shop.example#a",                 "shop.example" },
    { "https://192.0.2.1/",                     "192.0.2.1" },
    { "http://a_b-c.example/",                  "a_b-c.example" },
    { "http://localhost",                       "localhost" },

    { "",                                       "" },
    { "null",                                   "" },
    { "about:blank",                            "" },
    { "shop.example",                           "" },
    { "//shop.example",                         "" },
    { "ftp://shop.example",                     "" },
    { "file:///etc/passwd",                     "" },
    { "https:/shop.example",                    "" },
    { "https:shop.example",                     "" },
    { "https://",                               "" },
    { "https:///shop.example",                  "" },
    { "https://:443/",                          "" },
    { "https://?shop.example",                  "" },
    { " https://shop.example",                  "" },

    { "https://shop.example@evil.example/",     "" },
    { "https://shop.example:80@evil.example/",  "" },
    { "https://shop.example:@evil.example",     "" },
    { "https://@shop.example/",                 "" },
    { "https://shop.example?@evil.example/",    "" },
    { "https://shop.example#@evil.example/",    "" },
    { "https://evil.example\\@shop.example/",   "" },
    { "https://evil.example\\.shop.example/",   "" },
    { "https://shop.example:80\\@evil.example", "" },
    { "https://evil.example\t.shop.example",    "" },
    { "https://shop.example\n",                 "" },
    { "https://shop.example ",                  "" },
    { "https://shop.exam\303\274ple/",          "" },
    { "https://shop.exam%2eple/",               "" },
    { "https://shop.example;a/",                "" },
    { "https://[2001:db8::1]/",                 "" },
    { "https://[::1]:443",                      "" }
};


static void
test_url_host(void **state)
{
    size_t    i;
    xr_str_t  s, host;

    (void) state;

    for (i = 0; i < XR_COUNT(urls); i++) {
        s = xr_test_copy(xr_str(urls[i].url));
        host = xr_web_url_host(s);

        XR_CHECK_STR(host, urls[i].host, urls[i].url);
        XR_CHECK(host.len == 0 || (host.data >= s.data
                                   && host.data + host.len <= s.data + s.len),
                 urls[i].url);
        xr_test_copy_free(s);
    }

    assert_int_equal(xr_web_url_host(xr_str_of(NULL, 0)).len, 0);
    assert_int_equal(xr_web_url_host(xr_str_of("https://a\0b", 11)).len, 0);
    XR_CHECK_STR(xr_web_url_host(xr_str_of("https://a/\0", 11)), "a", "NUL");
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_url_host)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
