/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_origin.h"


#define S3    XR_ORIGIN_S3
#define HTTP  XR_ORIGIN_HTTP
#define PATH  XR_ORIGIN_PATH_STYLE
#define VIRT  XR_ORIGIN_VIRTUAL_STYLE

#define L63   "a23456789b123456789c123456789d123456789e123456789f123456789g123"


static xr_test_mem_t  memory;


static int
setup(void **state)
{
    (void) state;

    xr_test_mem_init(&memory, SIZE_MAX);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    xr_test_mem_free(&memory);

    return 0;
}


/* From copies, of which nothing may be left in "out". */

static xr_rc_t
parse(const char *url, const char *region, const char *endpoint,
    const char *style, xr_origin_t *out, xr_err_t *err)
{
    size_t    i;
    xr_rc_t   rc;
    xr_str_t  args[4];

    args[0] = xr_test_copy(xr_str(url));
    args[1] = xr_test_copy(xr_str(region));
    args[2] = xr_test_copy(xr_str(endpoint));
    args[3] = xr_test_copy(xr_str(style));

    rc = xr_origin_parse(args[0], args[1], args[2], args[3], &memory.mem, out,
                         err);

    for (i = 0; i < XR_COUNT(args); i++) {
        xr_test_copy_free(args[i]);
    }

    return rc;
}


static void
test_accepted(void **state)
{
    size_t       i;
    xr_err_t     err;
    xr_origin_t  o;

    static const struct {
        const char         *url;
        const char         *region;
        const char         *endpoint;
        const char         *style;

        xr_origin_kind_t    kind;
        xr_origin_style_t   style_is;
        bool                tls;
        uint16_t            port;
        const char         *connect;
        const char         *host;
        const char         *base;
    } rows[] = {
        { "s3://assets", "", "", "",
          S3, VIRT, true, 443, "s3.us-east-1.amazonaws.com",
          "assets.s3.us-east-1.amazonaws.com", "" },
        { "s3://assets/", "eu-west-1", "", "",
          S3, VIRT, true, 443, "s3.eu-west-1.amazonaws.com",
          "assets.s3.eu-west-1.amazonaws.com", "" },
        { "s3://assets/a/b", "eu-west-1", "", "virtual",
          S3, VIRT, true, 443, "s3.eu-west-1.amazonaws.com",
          "assets.s3.eu-west-1.amazonaws.com", "/a/b" },
        { "s3://assets/a/b/", "eu-west-1", "", "path",
          S3, PATH, true, 443, "s3.eu-west-1.amazonaws.com",
          "s3.eu-west-1.amazonaws.com", "/assets/a/b" },
        { "s3://as.se.ts", "", "", "path",
          S3, PATH, true, 443, "s3.us-east-1.amazonaws.com",
          "s3.us-east-1.amazonaws.com", "/as.se.ts" },
        { "s3://as.se.ts", "", "http://s3.test", "virtual",
          S3, VIRT, false, 80, "s3.test", "as.se.ts.s3.test", "" },
        { "s3://assets", "RegionOne", "http://127.0.0.1:9000", "",
          S3, PATH, false, 9000, "127.0.0.1", "127.0.0.1:9000", "/assets" },
        { "s3://assets/x", "auto", "https://S3.Example.COM:443", "",
          S3, PATH, true, 443, "s3.example.com", "s3.example.com",
          "/assets/x" },
        { "s3://assets", "", "https://s3.example.com:80", "virtual",
          S3, VIRT, true, 80, "s3.example.com", "assets.s3.example.com:80",
          "" },
        { "s3://assets", "", "http://[::1]:9000", "path",
          S3, PATH, false, 9000, "[::1]", "[::1]:9000", "/assets" },
        { "s3://0-1", "", "http://localhost", "",
          S3, PATH, false, 80, "localhost", "localhost", "/0-1" },
        { "s3://" L63, "", "http://s3", "",
          S3, PATH, false, 80, "s3", "s3", "/" L63 },
        { "s3://1.2.3.4.5", "", "http://s3", "",
          S3, PATH, false, 80, "s3", "s3", "/1.2.3.4.5" },
        { "s3://assets/a%20b/%C3%BC+%2B%25", "", "http://s3", "",
          S3, PATH, false, 80, "s3", "s3",
          "/assets/a%20b/%C3%BC%2B%2B%25" },
        { "s3://assets/\303\274(1)", "", "http://s3", "",
          S3, PATH, false, 80, "s3", "s3", "/assets/%C3%BC%281%29" },
        { "s3://assets/user@host:1", "", "http://s3", "",
          S3, PATH, false, 80, "s3", "s3", "/assets/user%40host%3A1" },

        { "http://origin.test", "", "", "",
          HTTP, 0, false, 80, "origin.test", "origin.test", "" },
        { "http://origin.test/", "", "", "",
          HTTP, 0, false, 80, "origin.test", "origin.test", "" },
        { "https://Origin.Test:8443/a/b/", "", "", "",
          HTTP, 0, true, 8443, "origin.test", "origin.test:8443", "/a/b" },
        { "https://origin.test:443", "", "", "",
          HTTP, 0, true, 443, "origin.test", "origin.test", "" },
        { "http://origin.test:443", "", "", "",
          HTTP, 0, false, 443, "origin.test", "origin.test:443", "" },
        { "http://origin.test:00080", "", "", "",
          HTTP, 0, false, 80, "origin.test", "origin.test", "" },
        { "http://origin_1.test-2:65535/%7Ex", "", "", "",
          HTTP, 0, false, 65535, "origin_1.test-2", "origin_1.test-2:65535",
          "/~x" },
        { "http://192.0.2.1:1", "", "", "",
          HTTP, 0, false, 1, "192.0.2.1", "192.0.2.1:1", "" },
        { "https://[2001:DB8::1]/x", "", "", "",
          HTTP, 0, true, 443, "[2001:db8::1]", "[2001:db8::1]", "/x" },
        { "http://3f2a91bc04de:81", "", "", "",
          HTTP, 0, false, 81, "3f2a91bc04de", "3f2a91bc04de:81", "" },
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        memset(&err, 0, sizeof(err));

        if (parse(rows[i].url, rows[i].region, rows[i].endpoint,
                  rows[i].style, &o, &err)
            != XR_OK)
        {
            fail_msg("%s: %s", rows[i].url, err.what);
        }

        XR_CHECK_EQ(o.kind, rows[i].kind, rows[i].url);
        XR_CHECK_EQ(o.style, rows[i].style_is, rows[i].url);
        XR_CHECK_EQ(o.tls, rows[i].tls, rows[i].url);
        XR_CHECK_EQ(o.port, rows[i].port, rows[i].url);
        XR_CHECK_STR(o.endpoint, rows[i].connect, rows[i].url);
        XR_CHECK_STR(o.host, rows[i].host, rows[i].url);
        XR_CHECK_STR(o.base, rows[i].base, rows[i].url);

        if (o.kind == HTTP) {
            XR_CHECK_STR(o.bucket, "", rows[i].url);
            XR_CHECK_STR(o.region, "", rows[i].url);
            continue;
        }

        XR_CHECK(xr_str_starts(xr_str(rows[i].url + 5), o.bucket),
                 rows[i].url);
        XR_CHECK(strchr("/", rows[i].url[5 + o.bucket.len]), rows[i].url);
        XR_CHECK_STR(o.region,
                     rows[i].region[0] == '\0' ? "us-east-1" : rows[i].region,
                     rows[i].url);
    }
}


static void
test_refused(void **state)
{
    size_t       i;
    xr_err_t     err;
    xr_origin_t  o, before;

    static const struct {
        const char  *url;
        const char  *region;
        const char  *endpoint;
        const char  *style;
        size_t       pos;
        const char  *what;                  /* part of it */
    } rows[] = {
        { "", "", "", "", 0, "does not start with s3://" },
        { "s3", "", "", "", 0, "does not start with s3://" },
        { "s3:/assets", "", "", "", 0, "does not start with s3://" },
        { "S3://assets", "", "", "", 0, "does not start with s3://" },
        { "ftp://host", "", "", "", 0, "does not start with s3://" },
        { "file:///etc/passwd", "", "", "", 0, "does not start with s3://" },
        { "//host/x", "", "", "", 0, "does not start with s3://" },
        { " s3://assets", "", "", "", 0, "does not start with s3://" },

        { "s3://", "", "", "", 5, "3 to 63" },
        { "s3:///key", "", "", "", 5, "3 to 63" },
        { "s3://ab", "", "", "", 5, "3 to 63" },
        { "s3://" L63 "4", "", "", "", 5, "3 to 63" },
        { "s3://Assets", "", "", "", 5, "consists of" },
        { "s3://as_sets", "", "", "", 7, "consists of" },
        { "s3://user@assets", "", "", "", 9, "consists of" },
        { "s3://assets:80", "", "", "", 11, "consists of" },
        { "s3://ass%41", "", "", "", 8, "consists of" },
        { "s3://ass\nets", "", "", "", 8, "consists of" },
        { "s3://as..sets", "", "", "path", 8, "two dots" },
        { "s3://-assets", "", "", "", 5, "starts and ends" },
        { "s3://assets-", "", "", "", 5, "starts and ends" },
        { "s3://.assets", "", "", "", 5, "starts and ends" },
        { "s3://assets.", "", "", "", 5, "starts and ends" },
        { "s3://192.0.2.1", "", "", "path", 5, "not an address" },

        { "s3://assets?x", "", "", "", 11, "a query or a fragment" },
        { "s3://assets/a#b", "", "", "", 13, "a query or a fragment" },
        { "s3://assets//", "", "", "", 12, "an empty segment" },
        { "s3://assets//a", "", "", "", 12, "an empty segment" },
        { "s3://assets/a//b", "", "", "", 14, "an empty segment" },
        { "s3://assets/a/..", "", "", "", 16, "segment" },
        { "s3://assets/./a", "", "", "", 13, "segment" },
        { "s3://assets/%2e%2e/a", "", "", "", 18, "segment" },
        { "s3://assets/a%2fb", "", "", "", 13, "encoded" },
        { "s3://assets/a%00", "", "", "", 13, "control" },
        { "s3://assets/a%252e", "", "", "", 17, "second layer" },
        { "s3://assets/a%zz", "", "", "", 13, "hexadecimal" },
        { "s3://assets/a b", "", "", "", 13, "encoded" },

        { "s3://assets", "eu west", "", "", 0, "region=" },
        { "s3://assets", "-eu", "", "", 0, "region=" },
        { "s3://assets", "eu/west", "http://s3", "", 0, "region=" },
        { "s3://assets", "eu.west", "", "", 0, "region=" },
        { "s3://assets", L63 "4", "http://s3", "", 0, "region=" },

        { "s3://assets", "", "s3.test", "", 0, "endpoint=" },
        { "s3://assets", "", "s3://s3.test", "", 0, "endpoint=" },
        { "s3://assets", "", "http://", "", 0, "endpoint=" },
        { "s3://assets", "", "http://s3.test/", "", 0, "endpoint=" },
        { "s3://assets", "", "http://s3.test/x", "", 0, "endpoint=" },
        { "s3://assets", "", "http://s3.test?x", "", 0, "endpoint=" },
        { "s3://assets", "", "http://s3.test#x", "", 0, "endpoint=" },
        { "s3://assets", "", "http://u:p@s3.test", "", 0, "endpoint=" },
        { "s3://assets", "", "http://s3.test:0", "", 0, "endpoint=" },
        { "s3://assets", "", "http://s3.test:", "", 0, "endpoint=" },
        { "s3://assets", "", "http://s3..test", "", 0, "endpoint=" },

        { "s3://assets", "", "", "Path", 0, "style=" },
        { "s3://assets", "", "", "dns", 0, "style=" },
        { "s3://as.sets", "", "", "", 0, "style=path" },
        { "s3://as.sets", "", "https://s3.test", "virtual", 0, "style=path" },
        { "s3://assets", "", "http://127.0.0.1", "virtual", 0,
          "style=virtual needs" },
        { "s3://assets", "", "http://[::1]:1", "virtual", 0,
          "style=virtual needs" },
        { "s3://" L63, "", "http://" L63 "." L63 "." L63, "virtual", 0,
          "style=virtual makes" },

        { "http://host", "us-east-1", "", "", 0, "region= is for s3" },
        { "http://host", "", "http://s3", "", 0, "endpoint= is for s3" },
        { "https://host", "", "", "path", 0, "style= is for s3" },

        { "http://", "", "", "", 7, "the host is neither" },
        { "https:///x", "", "", "", 8, "the host is neither" },
        { "http://:80", "", "", "", 7, "the host is neither" },
        { "http://-a.test", "", "", "", 7, "the host is neither" },
        { "http://a-.test", "", "", "", 7, "the host is neither" },
        { "http://a..test", "", "", "", 7, "the host is neither" },
        { "http://.test", "", "", "", 7, "the host is neither" },
        { "http://test.", "", "", "", 7, "the host is neither" },
        { "http://a b", "", "", "", 7, "the host is neither" },
        { "http://a%2eb", "", "", "", 7, "the host is neither" },
        { "http://\303\274.test", "", "", "", 7, "the host is neither" },
        { "http://a\r\nb", "", "", "", 7, "the host is neither" },
        { "http://" L63 "4", "", "", "", 7, "the host is neither" },
        { "http://" L63 "." L63 "." L63 "." L63, "", "", "", 7,
          "the host is neither" },
        { "http://127.1", "", "", "", 7, "the host is neither" },
        { "http://2130706433", "", "", "", 7, "the host is neither" },
        { "http://0x7f.0x1", "", "", "", 7, "the host is neither" },
        { "http://0X7F000001", "", "", "", 7, "the host is neither" },
        { "http://192.0.2.256", "", "", "", 7, "the host is neither" },
        { "http://[::1", "", "", "", 7, "the host is neither" },
        { "http://[::1]x", "", "", "", 7, "the host is neither" },
        { "http://[127.0.0.1]", "", "", "", 7, "the host is neither" },
        { "http://[fe80::1%25eth0]", "", "", "", 7, "the host is neither" },
        { "http://[]", "", "", "", 7, "the host is neither" },
        { "http://[", "", "", "", 7, "the host is neither" },
        { "http://::1", "", "", "", 7, "the host is neither" },
        { "http://user@host", "", "", "", 7, "user information" },
        { "http://user:secret@host/", "", "", "", 7, "user information" },
        { "https://host:", "", "", "", 13, "the port" },
        { "https://host:0", "", "", "", 13, "the port" },
        { "https://host:65536", "", "", "", 13, "the port" },
        { "https://host:99999999999999999999", "", "", "", 13, "the port" },
        { "https://host:80x/", "", "", "", 13, "the port" },
        { "https://host:-1", "", "", "", 13, "the port" },
        { "https://[::1]:x", "", "", "", 14, "the port" },
        { "http://host?x=/", "", "", "", 11, "a query or a fragment" },
        { "http://host#/", "", "", "", 11, "a query or a fragment" },
        { "http://host/a/../b", "", "", "", 16, "segment" },
        { "http://host/a\\b", "", "", "", 13, "encoded" },
    };

    (void) state;

    memset(&o, 0x5a, sizeof(o));
    memset(&before, 0x5a, sizeof(before));

    for (i = 0; i < XR_COUNT(rows); i++) {
        memset(&err, 0, sizeof(err));

        if (parse(rows[i].url, rows[i].region, rows[i].endpoint,
                  rows[i].style, &o, &err)
            != XR_INVALID)
        {
            fail_msg("accepted: %s", rows[i].url);
        }

        if (strstr(err.what, rows[i].what) == NULL || err.pos != rows[i].pos) {
            fail_msg("%s: %s at %zu", rows[i].url, err.what, err.pos);
        }

        assert_memory_equal(&o, &before, sizeof(o));

        assert_int_equal(parse(rows[i].url, rows[i].region, rows[i].endpoint,
                               rows[i].style, &o, NULL),
                         XR_INVALID);
    }
}


static void
test_prefix_size(void **state)
{
    char         url[2048];
    size_t       i;
    xr_err_t     err;
    xr_origin_t  o;

    (void) state;

    memset(url, 0, sizeof(url));
    memcpy(url, "s3://assets/", 12);

    for (i = 12; i < 11 + 1024; i++) {
        url[i] = (i % 20 == 0) ? '/' : '(';
    }

    assert_int_equal(parse(url, "", "", "path", &o, &err), XR_OK);
    assert_in_range(o.base.len, 1024, 7 + 3 * 1024);

    url[i] = 'x';
    assert_int_equal(parse(url, "", "", "path", &o, &err), XR_INVALID);
    assert_int_equal(err.pos, 11);
}


static void
test_out_of_memory(void **state)
{
    size_t       i;
    xr_rc_t      rc;
    xr_err_t     err;
    xr_origin_t  o;

    (void) state;

    rc = XR_ERROR;

    for (i = 0; rc != XR_OK; i++) {
        assert_true(i < 10);

        xr_test_mem_free(&memory);
        xr_test_mem_init(&memory, i);
        rc = parse("s3://assets/x", "", "", "", &o, &err);

        if (rc != XR_OK) {
            assert_int_equal(rc, XR_NO_SPACE);
            assert_string_equal(err.what, "out of memory");
        }
    }

    assert_true(i > 1);
}


static void
test_path(void **state)
{
    char         out[256];
    size_t       i, size;
    xr_buf_t     b;
    xr_origin_t  o;

    static const struct {
        const char  *url;
        const char  *key;
        const char  *path;
    } rows[] = {
        { "s3://assets", "r2.glb", "/assets/r2.glb" },
        { "s3://assets", "", "/assets/" },
        { "s3://assets/a%20b", "c d/e", "/assets/a%20b/c%20d/e" },
        { "s3://assets", "a+b&c=d'(1)~", "/assets/a%2Bb%26c%3Dd%27%281%29~" },
        { "s3://assets", "100%/\303\274", "/assets/100%25/%C3%BC" },
        { "http://host", "r2.glb", "/r2.glb" },
        { "http://host/", "a/b", "/a/b" },
        { "http://host/x/", "a/b", "/x/a/b" },
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        assert_int_equal(parse(rows[i].url, "",
                               rows[i].url[0] == 's' ? "http://s3" : "", "",
                               &o, NULL),
                         XR_OK);

        size = xr_origin_path_size(&o, xr_str(rows[i].key));
        assert_true(size <= sizeof(out));

        b = xr_buf(out, size);
        xr_origin_path(&o, xr_str(rows[i].key), &b);
        assert_true(xr_buf_ok(&b));
        XR_CHECK_STR(xr_buf_str(&b), rows[i].path, rows[i].url);
    }

    b = xr_buf(out, xr_origin_path_size(&o, xr_str("\377\377")));
    xr_origin_path(&o, xr_str("\377\377"), &b);
    assert_true(xr_buf_ok(&b));
    assert_int_equal(b.len, b.size);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prefix_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_path, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
