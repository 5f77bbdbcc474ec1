/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_tenant.h"


#define LABEL   "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopq"
#define HOST    LABEL "." LABEL "." LABEL "." LABEL        /* 255 characters */
#define K16     "00112233445566778899aabbccddeeff"
#define K20     "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"

#define AWS_FILE                                                              \
    "[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\n"   \
    "[temporary]\naws_access_key_id = ASIA\naws_secret_access_key = hidden\n" \
    "aws_session_token = session\n"

#define JWKS                                                                  \
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"                     \
    "\"IZyaU3WZ_aRV3yfhHX4snFhI7jL8pTmieodVR6VNyTs\",\"y\":"                  \
    "\"7ITAwyKpf-zfW7wWuJCU5mQg5dLCb5W2OeHmIUS1bRg\"},{\"kty\":\"EC\","       \
    "\"use\":\"enc\"}]}"

#define PEM                                                                   \
    "-----BEGIN PUBLIC KEY-----\n"                                            \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeg42FK3Gd0jc4vEQrbB+SnwcPV/w\n"      \
    "jQ3z9VC1xHPtI/mrGfvwteX6YYQu5vOw1oVXloLz8jBLjqxJ27V3ITEfvg==\n"          \
    "-----END PUBLIC KEY-----\n"

#define ARGS_MAX  40


typedef struct {
    xr_test_mem_t  m;
    xr_tenant_t    t;
} fixture_t;


/* Splits "line" at its blanks; "~" is an empty word, "^" a blank. */

static size_t
split(char *line, xr_str_t *args)
{
    char    *word, *p, *save;
    size_t   n;

    n = 0;

    for (word = strtok_r(line, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save))
    {
        assert_true(n < ARGS_MAX);

        for (p = word; *p != '\0'; p++) {
            *p = (*p == '^') ? ' ' : *p;
        }

        args[n++] = xr_test_copy(xr_str(strcmp(word, "~") == 0 ? "" : word));
    }

    return n;
}


/* Applies one line; its words are gone when this returns. */

static xr_rc_t
option(fixture_t *f, const char *line, xr_err_t *err)
{
    char      copy[16384];
    size_t    i, n;
    xr_rc_t   rc;
    xr_str_t  args[ARGS_MAX];

    assert_true(strlen(line) < sizeof(copy));
    memcpy(copy, line, strlen(line) + 1);

    n = split(copy, args);
    rc = xr_tenant_option(&f->t, args, n, &f->m.mem, err);

    for (i = 0; i < n; i++) {
        memset((void *) (uintptr_t) args[i].data, 0, args[i].len);
        xr_test_copy_free(args[i]);
    }

    return rc;
}


static void
start(fixture_t *f)
{
    xr_test_mem_init(&f->m, SIZE_MAX);

    assert_int_equal(xr_tenant_init(&f->t, xr_str("acme"), &f->m.mem, NULL),
                     XR_OK);
}


static void
stop(fixture_t *f)
{
    xr_tenant_wipe(&f->t);
    xr_test_mem_free(&f->m);
}


/* Applies several lines, separated by ";", that must all be right. */

static void
options(fixture_t *f, const char *text)
{
    char      copy[1024], *line, *save;
    xr_err_t  err;

    assert_true(strlen(text) < sizeof(copy));
    memcpy(copy, text, strlen(text) + 1);

    for (line = strtok_r(copy, ";", &save); line != NULL;
         line = strtok_r(NULL, ";", &save))
    {
        if (option(f, line, &err) != XR_OK) {
            fail_msg("%s: %s", line, err.what);
        }
    }
}


static void
test_name(void **state)
{
    size_t         i;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_tenant_t    t;
    xr_test_mem_t  m;

    static const struct {
        const char  *name;
        bool         ok;
    } names[] = {
        { "a",          true },
        { "0",          true },
        { "acme",       true },
        { "acme-2",     true },
        { "a-",         true },
        { "2--x",       true },
        { LABEL,        true },
        { "",           false },
        { "-a",         false },
        { "-",          false },
        { LABEL "0",    false },
        { "Acme",       false },
        { "a_b",        false },
        { "a.b",        false },
        { "a/b",        false },
        { "a b",        false },
        { "a\n",        false },
        { "\303\274",   false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(names); i++) {
        xr_test_mem_init(&m, SIZE_MAX);
        memset(&t, 0xee, sizeof(t));
        err = (xr_err_t) { NULL, 999 };

        rc = xr_tenant_init(&t, xr_str(names[i].name), &m.mem, &err);

        XR_CHECK_EQ(rc, names[i].ok ? XR_OK : XR_INVALID, names[i].name);
        XR_CHECK_EQ(xr_tenant_name_ok(xr_str(names[i].name)), names[i].ok,
                    names[i].name);

        if (rc == XR_OK) {
            XR_CHECK_STR(t.name, names[i].name, names[i].name);
            XR_CHECK_EQ(t.leeway, -1, names[i].name);
            XR_CHECK_EQ(t.max_lifetime, 0, names[i].name);
            XR_CHECK_EQ(t.cors_max_age, -1, names[i].name);
            XR_CHECK_EQ(t.cors, XR_CORS_ANY, names[i].name);

        } else {
            XR_CHECK(err.what != NULL && err.pos == 0, names[i].name);
        }

        /* one that was refused may be wiped as well, and twice */

        xr_tenant_wipe(&t);
        xr_tenant_wipe(&t);
        xr_test_mem_free(&m);
    }

    assert_false(xr_tenant_name_ok(xr_str_of("a\0b", 3)));
    assert_false(xr_tenant_name_ok(xr_str_of(NULL, 0)));
}


/* One line on a fresh tenant; "pos" is the argument at fault. */

static const struct {
    const char  *line;
    xr_rc_t      rc;
    size_t       pos;
} lines[] = {
    { "~",                                          XR_INVALID, 0 },
    { "hosts a.example",                            XR_INVALID, 0 },
    { "Host a.example",                             XR_INVALID, 0 },
    { "hos a.example",                              XR_INVALID, 0 },

    { "host a.example",                             XR_OK, 0 },
    { "host a",                                     XR_OK, 0 },
    { "host a.example b-1.example x_y.example",     XR_OK, 0 },
    { "host 192.0.2.1 xn--3e0b707e.example",        XR_OK, 0 },
    { "host",                                       XR_INVALID, 0 },
    { "host ~",                                     XR_INVALID, 1 },
    { "host a.example ~",                           XR_INVALID, 2 },
    { "host a.example A.example",                   XR_INVALID, 2 },
    { "host a.example:80",                          XR_INVALID, 1 },
    { "host a.example b.example .c.example",        XR_INVALID, 3 },
    { "host *.example",                             XR_INVALID, 1 },
    { "host a..example",                            XR_INVALID, 1 },
    { "host a.example.",                            XR_INVALID, 1 },
    { "host .",                                     XR_INVALID, 1 },
    { "host https://a.example",                     XR_INVALID, 1 },
    { "host a.example/x",                           XR_INVALID, 1 },
    { "host a_.example/",                           XR_INVALID, 1 },
    { "host [::1]",                                 XR_INVALID, 1 },
    { "host \303\274.example",                      XR_INVALID, 1 },
    { "host " HOST,                                 XR_INVALID, 1 },

    { "origin s3://bucket",                         XR_OK, 0 },
    { "origin s3://bucket/a/b region=eu-west-1",    XR_OK, 0 },
    { "origin http://127.0.0.1:9000/x",             XR_OK, 0 },
    { "origin https://o.example upstream=pool",     XR_OK, 0 },
    { "replica https://o.example upstream=pool",    XR_OK, 0 },
    { "replica s3://bucket region=r",               XR_OK, 0 },
    { "replica",                                    XR_INVALID, 0 },
    { "replica o.example",                          XR_INVALID, 1 },
    { "replica s3://bucket x=y",                    XR_INVALID, 2 },
    { "replica s3://bucket region=-",               XR_INVALID, 2 },
    { "origin s3://bucket upstream=u style=path endpoint=http://o:1 region=r",
                                                    XR_OK, 0 },
    { "origin",                                     XR_INVALID, 0 },
    { "origin s3://bucket region=r endpoint=http://o:1 style=path upstream=u "
      "location=1,2 upstream=v",                    XR_INVALID, 0 },
    { "origin http://o.example location=1,2",       XR_OK, 0 },
    { "origin s3://bucket location=eu-west-1",      XR_OK, 0 },
    { "origin s3://bucket region=r location=moon",  XR_INVALID, 3 },
    { "geo allow=DE,FR",                            XR_OK, 0 },
    { "geo unknown=allow deny=continent:AS",        XR_OK, 0 },
    { "geo",                                        XR_INVALID, 0 },
    { "geo allow=DE unknown=no",                    XR_INVALID, 2 },
    { "origin ~",                                   XR_INVALID, 1 },
    { "origin bucket",                              XR_INVALID, 1 },
    { "origin s3://b",                              XR_INVALID, 1 },
    { "origin region=r",                            XR_INVALID, 1 },
    { "origin s3://bucket/../x region=r",           XR_INVALID, 1 },
    { "origin http://u@o.example upstream=u",       XR_INVALID, 1 },
    { "origin s3://bucket ~",                       XR_INVALID, 2 },
    { "origin s3://bucket region",                  XR_INVALID, 2 },
    { "origin s3://bucket region=",                 XR_INVALID, 2 },
    { "origin s3://bucket upstream=",               XR_INVALID, 2 },
    { "origin s3://bucket =r",                      XR_INVALID, 2 },
    { "origin s3://bucket Region=r",                XR_INVALID, 2 },
    { "origin s3://bucket regional=r",              XR_INVALID, 2 },
    { "origin s3://bucket reg=r",                   XR_INVALID, 2 },
    { "origin s3://bucket key=value",               XR_INVALID, 2 },
    { "origin s3://bucket region=r region=r",       XR_INVALID, 3 },
    { "origin s3://bucket region=r endpoint=",      XR_INVALID, 3 },
    { "origin http://o.example upstream=u upstream=v",
                                                    XR_INVALID, 3 },
    { "origin s3://bucket style=path endpoint=http://o:1 style=path",
                                                    XR_INVALID, 4 },

    /* values that only the whole of the origin can judge */

    { "origin s3://bucket region=r.e",              XR_INVALID, 2 },
    { "origin s3://bucket upstream=u region=-",     XR_INVALID, 3 },
    { "origin s3://bucket region=a=b",              XR_INVALID, 2 },
    { "origin s3://bucket region=r endpoint=o.example",
                                                    XR_INVALID, 3 },
    { "origin s3://bucket endpoint=http://o/x style=path",
                                                    XR_INVALID, 2 },
    { "origin s3://bucket region=r upstream=u style=both",
                                                    XR_INVALID, 4 },
    { "origin s3://bucket endpoint=https://192.0.2.1 style=virtual",
                                                    XR_INVALID, 3 },
    { "origin s3://b.cket style=virtual",           XR_INVALID, 2 },
    { "origin s3://b.cket upstream=u",              XR_INVALID, 1 },
    { "origin http://o.example upstream=u region=r", XR_INVALID, 3 },
    { "origin http://o.example style=path",         XR_INVALID, 2 },
    { "origin http://o.example upstream=u endpoint=http://p",
                                                    XR_INVALID, 3 },

    { "credentials aws.ini",                        XR_OK, 0 },
    { "credentials /etc/my_aws.ini profile=acme",   XR_OK, 0 },
    { "credentials",                                XR_INVALID, 0 },
    { "credentials a profile=b c",                  XR_INVALID, 0 },
    { "credentials ~",                              XR_INVALID, 1 },
    { "credentials ~ profile=acme",                 XR_INVALID, 1 },
    { "credentials aws.ini profile=",               XR_INVALID, 2 },
    { "credentials aws.ini profile",                XR_INVALID, 2 },
    { "credentials aws.ini acme",                   XR_INVALID, 2 },
    { "credentials aws.ini ~",                      XR_INVALID, 2 },

    { "keys acme.keys",                             XR_OK, 0 },
    { "keys none",                                  XR_OK, 0 },
    { "keys None",                                  XR_OK, 0 },
    { "keys",                                       XR_INVALID, 0 },
    { "keys a b",                                   XR_INVALID, 0 },
    { "keys none a",                                XR_INVALID, 0 },
    { "keys ~",                                     XR_INVALID, 1 },

    { "jwks acme.json",                             XR_OK, 0 },
    { "jwks none",                                  XR_OK, 0 },
    { "jwks",                                       XR_INVALID, 0 },
    { "jwks a b",                                   XR_INVALID, 0 },
    { "jwks ~",                                     XR_INVALID, 1 },
    { "issuer https://idp.example",                 XR_OK, 0 },
    { "issuer a b^c",                               XR_OK, 0 },
    { "issuer",                                     XR_INVALID, 0 },
    { "issuer ~",                                   XR_INVALID, 1 },
    { "issuer a ~",                                 XR_INVALID, 2 },
    { "audience a b",                               XR_OK, 0 },
    { "audience",                                   XR_INVALID, 0 },
    { "audience a b ~",                             XR_INVALID, 3 },
    { "cloudfront_key KAB12 cf.pem",                XR_OK, 0 },
    { "cloudfront_key",                             XR_INVALID, 0 },
    { "cloudfront_key KAB12",                       XR_INVALID, 0 },
    { "cloudfront_key KAB12 a b",                   XR_INVALID, 0 },
    { "cloudfront_key KAB12 ~",                     XR_INVALID, 2 },
    { "cloudfront_hosts d1.cloudfront.example d2",  XR_OK, 0 },
    { "cloudfront_hosts",                           XR_INVALID, 0 },
    { "cloudfront_hosts d1 D2",                     XR_INVALID, 2 },
    { "cloudfront_hosts *.example",                 XR_INVALID, 1 },
    { "cloudfront_hosts d1:443",                    XR_INVALID, 1 },
    { "cloudfront_sha1 on",                         XR_OK, 0 },
    { "cloudfront_sha1 off",                        XR_OK, 0 },
    { "cloudfront_sha1",                            XR_INVALID, 0 },
    { "cloudfront_sha1 on on",                      XR_INVALID, 0 },
    { "cloudfront_sha1 On",                         XR_INVALID, 1 },
    { "cloudfront_sha1 ~",                          XR_INVALID, 1 },

    { "cors_credentials on",                        XR_OK, 0 },
    { "cors_credentials off",                       XR_OK, 0 },
    { "cors_credentials",                           XR_INVALID, 0 },
    { "cors_credentials true",                      XR_INVALID, 1 },
    { "cors_max_age",                               XR_INVALID, 0 },
    { "cors_max_age 1 2",                           XR_INVALID, 0 },

    { "cors *",                                     XR_OK, 0 },
    { "cors off",                                   XR_OK, 0 },
    { "cors https://shop.example http://localhost:8080",
                                                    XR_OK, 0 },
    { "cors https://shop.example:80",               XR_OK, 0 },
    { "cors http://shop.example:443",               XR_OK, 0 },
    { "cors http://192.0.2.1:65535",                XR_OK, 0 },
    { "cors http://[::1] https://[2001:db8::1]:8443", XR_OK, 0 },
    { "cors",                                       XR_INVALID, 0 },
    { "cors ~",                                     XR_INVALID, 1 },
    { "cors on",                                    XR_INVALID, 1 },
    { "cors OFF",                                   XR_INVALID, 1 },
    { "cors null",                                  XR_INVALID, 1 },
    { "cors * https://shop.example",                XR_INVALID, 1 },
    { "cors off off",                               XR_INVALID, 1 },
    { "cors https://shop.example *",                XR_INVALID, 2 },
    { "cors https://shop.example off",              XR_INVALID, 2 },
    { "cors https://a https://b https://",          XR_INVALID, 3 },
    { "cors shop.example",                          XR_INVALID, 1 },
    { "cors ftp://shop.example",                    XR_INVALID, 1 },
    { "cors HTTPS://shop.example",                  XR_INVALID, 1 },
    { "cors https://Shop.example",                  XR_INVALID, 1 },
    { "cors https://*.example",                     XR_INVALID, 1 },
    { "cors https://shop.example/",                 XR_INVALID, 1 },
    { "cors https://shop.example/x",                XR_INVALID, 1 },
    { "cors https://u@shop.example",                XR_INVALID, 1 },
    { "cors https://shop..example",                 XR_INVALID, 1 },
    { "cors https://shop.example^",                 XR_INVALID, 1 },
    { "cors https://shop.example:",                 XR_INVALID, 1 },
    { "cors https://shop.example:443",              XR_INVALID, 1 },
    { "cors http://shop.example:80",                XR_INVALID, 1 },
    { "cors https://shop.example:0",                XR_INVALID, 1 },
    { "cors https://shop.example:0443",             XR_INVALID, 1 },
    { "cors https://shop.example:65536",            XR_INVALID, 1 },
    { "cors https://shop.example:8443x",            XR_INVALID, 1 },
    { "cors https://shop.example:1:2",              XR_INVALID, 1 },
    { "cors https://:8443",                         XR_INVALID, 1 },
    { "cors http://[::1",                           XR_INVALID, 1 },
    { "cors http://[]",                             XR_INVALID, 1 },
    { "cors http://[",                              XR_INVALID, 1 },
    { "cors http://]",                              XR_INVALID, 1 },
    { "cors http://[192.0.2.1]",                    XR_INVALID, 1 },
    { "cors http://[::1]x",                         XR_INVALID, 1 },
    { "cors http://::1",                            XR_INVALID, 1 },

    { "cache_control no-store",                     XR_OK, 0 },
    { "cache_control public,^max-age=60",           XR_OK, 0 },
    { "cache_control",                              XR_INVALID, 0 },
    { "cache_control public, max-age=60",           XR_INVALID, 0 },
    { "cache_control ~",                            XR_INVALID, 1 },
    { "cache_control a\r\nSet-Cookie:x",            XR_INVALID, 1 },
    { "cache_control a\tb",                         XR_INVALID, 1 },
    { "cache_control a\177",                        XR_INVALID, 1 },
    { "cache_control \303\274",                     XR_INVALID, 1 },

    { "cache_policy ttl=1h",                        XR_OK, 0 },
    { "cache_policy jitter=1% origin=override max=1d min=1s negative=0",
                                                    XR_OK, 0 },
    { "cache_policy",                               XR_INVALID, 0 },
    { "cache_policy ttl",                           XR_INVALID, 1 },
    { "cache_policy ttl=1h off",                    XR_INVALID, 2 },
    { "cache_policy min=2 ttl=1h max=1",            XR_INVALID, 1 },

    { "leeway",                                     XR_INVALID, 0 },
    { "leeway 1 2",                                 XR_INVALID, 0 },
    { "max_lifetime",                               XR_INVALID, 0 },
    { "max_lifetime 1 h",                           XR_INVALID, 0 },

    { "limit rate=20r/s",                           XR_OK, 0 },
    { "limit key=subject rate=5m/s burst=10m mode=exact failure=closed "
      "delay=1s class=gold name=bytes",             XR_OK, 0 },
    { "limit",                                      XR_INVALID, 0 },
    { "limit ~",                                    XR_INVALID, 1 },
    { "limit off",                                  XR_INVALID, 1 },
    { "limit key=subject",                          XR_INVALID, 1 },
    { "limit rate=0r/s",                            XR_INVALID, 1 },
    { "limit key=subject rate=0r/s",                XR_INVALID, 2 },
    { "limit key=subject rate=1r/s burst=0",        XR_INVALID, 3 },
    { "limit rate=1r/s nodelay delay=1s",           XR_INVALID, 3 },
    { "limit rate=1r/s zone=limits",                XR_INVALID, 2 }
};


static void
test_lines(void **state)
{
    size_t     i;
    xr_rc_t    rc;
    xr_err_t   err;
    fixture_t  f;

    (void) state;

    for (i = 0; i < XR_COUNT(lines); i++) {
        start(&f);
        err = (xr_err_t) { NULL, 999 };

        rc = option(&f, lines[i].line, &err);

        XR_CHECK_EQ(rc, lines[i].rc, lines[i].line);

        if (rc == XR_OK) {
            XR_CHECK(err.what == NULL, lines[i].line);

        } else {
            XR_CHECK(err.what != NULL, lines[i].line);
            XR_CHECK_EQ(err.pos, lines[i].pos, lines[i].line);

            /* nobody has to ask why */

            XR_CHECK_EQ(option(&f, lines[i].line, NULL), rc, lines[i].line);
        }

        stop(&f);
    }
}


/* What may stand once only; other lists add up. */

static void
test_duplicates(void **state)
{
    size_t     i;
    xr_err_t   err;
    fixture_t  f;

    static const char  *pairs[][2] = {
        { "origin s3://bucket",         "origin s3://bucket" },
        { "origin s3://bucket",         "origin http://o.example" },
        { "credentials a",              "credentials a" },
        { "credentials a",              "credentials b profile=c" },
        { "keys a",                     "keys b" },
        { "keys a",                     "keys none" },
        { "keys none",                  "keys a" },
        { "keys none",                  "keys none" },
        { "cors *",                     "cors *" },
        { "cors *",                     "cors https://a.example" },
        { "cors off",                   "cors *" },
        { "cors https://a.example",     "cors https://b.example" },
        { "cache_control a",            "cache_control b" },
        { "leeway 30",                  "leeway 30" },
        { "leeway 0",                   "leeway 1" },
        { "max_lifetime 1d",            "max_lifetime 2d" },
        { "jwks a",                     "jwks a" },
        { "cloudfront_sha1 on",         "cloudfront_sha1 on" },
        { "cloudfront_sha1 off",        "cloudfront_sha1 on" },
        { "cors_credentials off",       "cors_credentials off" },
        { "cors_max_age 0",             "cors_max_age 0" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(pairs); i++) {
        start(&f);
        options(&f, pairs[i][0]);

        XR_CHECK_EQ(option(&f, pairs[i][1], &err), XR_INVALID, pairs[i][1]);
        XR_CHECK_EQ(err.pos, 0, pairs[i][1]);
        XR_CHECK_STR(xr_str(err.what), "is duplicate", pairs[i][1]);

        stop(&f);
    }
}


/* Two limits of one name would be one bucket. */

static void
test_limits(void **state)
{
    size_t     i;
    char       line[64];
    xr_err_t   err;
    fixture_t  f;

    static const char  *again[] = {
        "limit rate=20r/s", "limit rate=1200r/m mode=exact failure=open",
        "limit rate=20r/s burst=20 delay=1s", "limit rate=1m/s name=n",
        "limit rate=1r/s name=tenant-20r-s-20"
    };

    static const char  *others[] = {
        "limit rate=20r/s key=subject", "limit rate=20r/s key=address",
        "limit rate=20r/s burst=21", "limit rate=20/s",
        "limit rate=20r/s class=gold", "limit rate=20r/s class=Gold"
    };

    (void) state;

    start(&f);
    options(&f, "limit rate=20r/s;limit key=subject rate=5m/s name=n");

    assert_int_equal(f.t.nlimits, 2);
    XR_CHECK_STR(f.t.limits[0].name, "tenant-20r-s-20", "name");
    XR_CHECK_STR(f.t.limits[1].name, "n", "name");
    assert_int_equal(f.t.limits[1].key, XR_LIMIT_SUBJECT);
    assert_int_equal(f.t.limits[1].unit, XR_LIMIT_BYTES);

    for (i = 0; i < XR_COUNT(again); i++) {
        XR_CHECK_EQ(option(&f, again[i], &err), XR_INVALID, again[i]);
        XR_CHECK_EQ(err.pos, 0, again[i]);
        XR_CHECK(xr_str_starts(xr_str(err.what),
                               xr_str("has the name of another one")),
                 again[i]);
        assert_int_equal(f.t.nlimits, 2);
    }

    for (i = 0; i < XR_COUNT(others); i++) {
        options(&f, others[i]);
    }

    assert_int_equal(f.t.nlimits, XR_TENANT_LIMITS);
    snprintf(line, sizeof(line), "limit rate=1r/s name=n%zu", i);
    assert_int_equal(option(&f, line, &err), XR_INVALID);
    assert_int_equal(err.pos, 0);
    assert_string_equal(err.what, "is one more than 8");
    assert_int_equal(f.t.nlimits, XR_TENANT_LIMITS);

    stop(&f);
}


static void
check_file(const xr_tenant_t *t, size_t i, xr_tenant_file_kind_t kind,
    const char *path, const char *id)
{
    XR_CHECK_EQ(t->files[i].kind, kind, path);
    XR_CHECK_STR(t->files[i].path, path, path);
    XR_CHECK_STR(t->files[i].id, id, path);
}


/* Separated by blanks. */

static void
check_names(const xr_tenant_names_t *names, const char *wanted)
{
    size_t    i;
    xr_str_t  rest;

    rest = xr_str(wanted);

    for (i = 0; i < names->n; i++) {
        XR_CHECK(xr_str_eq(names->list[i], xr_str_cut(&rest, ' ')), wanted);
    }

    XR_CHECK_EQ(rest.len, 0, wanted);
}


static void
test_values(void **state)
{
    fixture_t  f;

    (void) state;

    start(&f);
    options(&f, "host a.example b.example;host c.example;"
            "origin s3://models/acme upstream=pool region=eu-west-1;"
            "credentials aws.ini profile=acme;keys acme.keys;"
            "cors https://shop.example http://localhost:8080;"
            "cache_control public,^max-age=60;leeway 5;max_lifetime 7d;"
            "jwks acme.json;issuer i;issuer j k;audience x;"
            "cloudfront_key KA a.pem;cloudfront_key KB b.pem;"
            "cloudfront_hosts d1;cloudfront_hosts d2;cloudfront_sha1 on;"
            "cors_credentials on;cors_max_age 2h");

    assert_int_equal(f.t.nhosts, 3);
    XR_CHECK_STR(f.t.hosts[0], "a.example", "host");
    XR_CHECK_STR(f.t.hosts[2], "c.example", "host");

    assert_true(f.t.has_origin);
    assert_int_equal(f.t.origin.kind, XR_ORIGIN_S3);
    XR_CHECK_STR(f.t.origin.host, "models.s3.eu-west-1.amazonaws.com",
                 "origin");
    XR_CHECK_STR(f.t.origin.base, "/acme", "origin");
    XR_CHECK_STR(f.t.origin.region, "eu-west-1", "region");
    XR_CHECK_STR(f.t.upstream, "pool", "upstream");

    assert_int_equal(f.t.nfiles, 5);
    check_file(&f.t, 0, XR_TENANT_FILE_CREDENTIALS, "aws.ini", "acme");
    check_file(&f.t, 1, XR_TENANT_FILE_KEYS, "acme.keys", "");
    check_file(&f.t, 2, XR_TENANT_FILE_JWKS, "acme.json", "");
    check_file(&f.t, 3, XR_TENANT_FILE_CLOUDFRONT, "a.pem", "KA");
    check_file(&f.t, 4, XR_TENANT_FILE_CLOUDFRONT, "b.pem", "KB");
    assert_true(f.t.has_keys);
    assert_false(f.t.keys_none);

    check_names(&f.t.issuers, "i j k");
    check_names(&f.t.audiences, "x");
    check_names(&f.t.cloudfront_hosts, "d1 d2");
    assert_true(f.t.cloudfront_sha1);
    assert_true(f.t.cors_credentials);
    assert_int_equal(f.t.cors_max_age, 7200);

    assert_true(f.t.has_cors);
    assert_int_equal(f.t.cors, XR_CORS_LIST);
    assert_int_equal(f.t.ncors_origins, 2);
    XR_CHECK_STR(f.t.cors_origins[1], "http://localhost:8080", "cors");

    XR_CHECK_STR(f.t.cache_control, "public, max-age=60", "cache_control");
    assert_int_equal(f.t.leeway, 5);
    assert_int_equal(f.t.max_lifetime, 7 * 86400);

    stop(&f);

    /* file names are C strings to those who open them */

    start(&f);
    options(&f, "credentials aws.ini;keys none;cloudfront_sha1 off");

    check_file(&f.t, 0, XR_TENANT_FILE_CREDENTIALS, "aws.ini", "default");
    assert_string_equal((const char *) f.t.files[0].path.data, "aws.ini");
    assert_int_equal(f.t.nfiles, 1);
    assert_true(f.t.keys_none && f.t.has_keys);
    assert_false(f.t.cloudfront_sha1);
    assert_true(f.t.has_cloudfront_sha1);

    stop(&f);
}


/* The one that is too many is at fault, not the line. */

static void
test_too_many(void **state)
{
    size_t     i, k, n, len;
    char       line[4096];
    xr_err_t   err;
    fixture_t  f;

    static const struct {
        const char  *name;
        const char  *prefix;
        size_t       max;
    } many[] = {
        { "host", "", XR_TENANT_HOSTS },
        { "cors", "https://", XR_TENANT_ORIGINS },
        { "issuer", "", XR_TENANT_NAMES },
        { "audience", "", XR_TENANT_NAMES },
        { "cloudfront_hosts", "", XR_TENANT_NAMES }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(many); i++) {

        for (n = many[i].max - 1; n <= many[i].max + 2; n++) {
            start(&f);
            len = (size_t) snprintf(line, sizeof(line), "%s", many[i].name);

            for (k = 0; k < n; k++) {
                len += (size_t) snprintf(line + len, sizeof(line) - len,
                                         " %sh%zu.example", many[i].prefix, k);
            }

            if (n <= many[i].max) {
                XR_CHECK_EQ(option(&f, line, &err), XR_OK, line);

            } else {
                XR_CHECK_EQ(option(&f, line, &err), XR_INVALID, line);
                XR_CHECK_EQ(err.pos, many[i].max + 1, line);
            }

            stop(&f);
        }
    }

    start(&f);

    for (n = 0; n < XR_TENANT_HOSTS; n++) {
        snprintf(line, sizeof(line), "host h%zu.example", n);
        options(&f, line);
    }

    assert_int_equal(option(&f, "host last.example", &err), XR_INVALID);
    assert_int_equal(err.pos, 1);
    assert_string_equal(err.what, "more than 32 host names");
    assert_int_equal(f.t.nhosts, XR_TENANT_HOSTS);

    for (n = 0; n < XR_TENANT_FILES; n++) {
        snprintf(line, sizeof(line), "cloudfront_key K%zu f%zu.pem", n, n);
        options(&f, line);
    }

    assert_int_equal(option(&f, "cloudfront_key K f.pem", &err), XR_INVALID);
    assert_int_equal(err.pos, 2);
    assert_int_equal(option(&f, "jwks f.json", &err), XR_INVALID);
    assert_int_equal(err.pos, 1);
    assert_string_equal(err.what, "is one file too many");
    assert_int_equal(f.t.nfiles, XR_TENANT_FILES);

    stop(&f);
}


/* Values whose length alone is wrong. */

static void
test_lengths(void **state)
{
    size_t     i, len;
    char       line[2048];
    xr_err_t   err;
    fixture_t  f;

    static const char  *names[] = { "issuer", "audience", "cache_control" };

    (void) state;

    for (i = 0; i < XR_COUNT(names); i++) {

        for (len = 1023; len <= 1025; len++) {
            start(&f);
            snprintf(line, sizeof(line), "%s %0*d", names[i], (int) len, 0);

            XR_CHECK_EQ(option(&f, line, &err),
                        len <= 1024 ? XR_OK : XR_INVALID, names[i]);
            stop(&f);
        }
    }
}


static void
test_host_length(void **state)
{
    char       line[300];
    size_t     len;
    xr_err_t   err;
    fixture_t  f;

    (void) state;

    for (len = 253; len <= 254; len++) {
        start(&f);
        snprintf(line, sizeof(line), "host %.*s", (int) len, HOST);

        assert_int_equal(option(&f, line, &err),
                         (len == 253) ? XR_OK : XR_INVALID);
        stop(&f);
    }
}


/* Lines cannot hold them, words can. */

static void
test_nul(void **state)
{
    size_t     i;
    xr_str_t   args[2];
    xr_err_t   err;
    fixture_t  f;

    static const struct {
        xr_str_t  name;
        xr_str_t  value;
        size_t    pos;
    } words[] = {
        { XR_STR("host"), XR_STR("a\0b.example"), 1 },
        { XR_STR("host\0"), XR_STR("a.example"), 0 },
        { XR_STR("cors"), XR_STR("https://a\0b"), 1 },
        { XR_STR("cors"), XR_STR("*\0"), 1 },
        { XR_STR("cache_control"), XR_STR("a\0b"), 1 },
        { XR_STR("leeway"), XR_STR("1\0"), 1 },
        { XR_STR("cors_max_age"), XR_STR("1\0"), 1 },
        { XR_STR("cors_credentials"), XR_STR("on\0"), 1 },
        { XR_STR("cloudfront_hosts"), XR_STR("a\0b"), 1 },
        { XR_STR("max_lifetime"), XR_STR("1d\0"), 1 },
        { XR_STR("origin"), XR_STR("s3://buc\0ket"), 1 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(words); i++) {
        start(&f);
        args[0] = words[i].name;
        args[1] = words[i].value;

        assert_int_equal(xr_tenant_option(&f.t, args, 2, &f.m.mem, &err),
                         XR_INVALID);
        assert_int_equal(err.pos, words[i].pos);

        stop(&f);
    }
}


static void
test_seconds(void **state)
{
    size_t     i;
    char       line[100];
    xr_rc_t    rc;
    xr_err_t   err;
    fixture_t  f;

    /* -1: refused */

    static const struct {
        const char  *time;
        int64_t      leeway;
        int64_t      max_lifetime;
    } times[] = {
        { "0",                      0,  -1 },
        { "0s",                     0,  -1 },
        { "0w",                     0,  -1 },
        { "1",                      1,  1 },
        { "007",                    7,  7 },
        { "30s",                    30, 30 },
        { "59",                     59, 59 },
        { "60",                     60, 60 },
        { "60s",                    60, 60 },
        { "1m",                     60, 60 },
        { "61",                     -1, 61 },
        { "2m",                     -1, 120 },
        { "2h",                     -1, 7200 },
        { "7d",                     -1, 604800 },
        { "4w",                     -1, 2419200 },
        { "315360000",              -1, 315360000 },
        { "315360001",              -1, -1 },
        { "3650d",                  -1, 315360000 },
        { "3651d",                  -1, -1 },
        { "521w",                   -1, 315100800 },
        { "522w",                   -1, -1 },
        { "87600h",                 -1, 315360000 },
        { "87601h",                 -1, -1 },
        { "5256000m",               -1, 315360000 },
        { "5256001m",               -1, -1 },
        { "18446744073709551615",   -1, -1 },
        { "18446744073709551616",   -1, -1 },
        { "18446744073709551615w",  -1, -1 },

        /* n * 604800 is 2^64 and something small: 30 s, 3600 s */

        { "30500568904943w",        -1, -1 },
        { "213503982334601d",       -1, -1 },
        { "307445734561825861m",    -1, -1 },
        { "5124095576030432h",      -1, -1 },
        { "~",                      -1, -1 },
        { "s",                      -1, -1 },
        { "-1",                     -1, -1 },
        { "+1",                     -1, -1 },
        { "1S",                     -1, -1 },
        { "1y",                     -1, -1 },
        { "1M",                     -1, -1 },
        { "1ms",                    -1, -1 },
        { "1.5",                    -1, -1 },
        { "1h30m",                  -1, -1 },
        { "1^s",                    -1, -1 },
        { "^1",                     -1, -1 },
        { "0x1",                    -1, -1 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(times); i++) {
        start(&f);

        snprintf(line, sizeof(line), "leeway %s", times[i].time);
        rc = option(&f, line, &err);

        if (times[i].leeway >= 0) {
            XR_CHECK_EQ(rc, XR_OK, line);
            XR_CHECK_EQ(f.t.leeway, times[i].leeway, line);

        } else {
            XR_CHECK_EQ(rc, XR_INVALID, line);
            XR_CHECK_EQ(err.pos, 1, line);
            XR_CHECK_EQ(f.t.leeway, -1, line);
        }

        snprintf(line, sizeof(line), "max_lifetime %s", times[i].time);
        rc = option(&f, line, &err);

        if (times[i].max_lifetime >= 0) {
            XR_CHECK_EQ(rc, XR_OK, line);
            XR_CHECK_EQ(f.t.max_lifetime, times[i].max_lifetime, line);

        } else {
            XR_CHECK_EQ(rc, XR_INVALID, line);
            XR_CHECK_EQ(err.pos, 1, line);
            XR_CHECK_EQ(f.t.max_lifetime, 0, line);
        }

        stop(&f);
    }
}


static void
test_cors(void **state)
{
    size_t     i;
    fixture_t  f;

    static const struct {
        const char      *line;          /* NULL: no such option */
        xr_cors_mode_t   mode;
        size_t           n;
    } modes[] = {
        { NULL, XR_CORS_ANY, 0 },
        { "cors *", XR_CORS_ANY, 0 },
        { "cors off", XR_CORS_OFF, 0 },
        { "cors https://a.example", XR_CORS_LIST, 1 },
        { "cors https://a.example http://b.example:8080", XR_CORS_LIST, 2 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(modes); i++) {
        start(&f);

        if (modes[i].line != NULL) {
            options(&f, modes[i].line);
        }

        XR_CHECK_EQ(f.t.has_cors, modes[i].line != NULL, modes[i].line);
        XR_CHECK_EQ(f.t.cors, modes[i].mode, modes[i].line);
        XR_CHECK_EQ(f.t.ncors_origins, modes[i].n, modes[i].line);

        stop(&f);
    }
}


static void
test_cors_max_age(void **state)
{
    size_t     i;
    char       line[100];
    xr_rc_t    rc;
    xr_err_t   err;
    fixture_t  f;

    static const struct {
        const char  *time;
        int64_t      seconds;           /* -1: refused */
    } times[] = {
        { "0", 0 }, { "1", 1 }, { "5m", 300 }, { "24h", 86400 },
        { "7d", 604800 }, { "1w", 604800 }, { "604800s", 604800 },
        { "604801", -1 }, { "8d", -1 }, { "2w", -1 }, { "~", -1 },
        { "-1", -1 }, { "1y", -1 }, { "18446744073709551616", -1 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(times); i++) {
        start(&f);

        snprintf(line, sizeof(line), "cors_max_age %s", times[i].time);
        rc = option(&f, line, &err);

        XR_CHECK_EQ(rc, times[i].seconds >= 0 ? XR_OK : XR_INVALID, line);
        XR_CHECK_EQ(f.t.cors_max_age, times[i].seconds, line);
        XR_CHECK(rc == XR_OK || err.pos == 1, line);

        stop(&f);
    }
}


/* The text of file "i" is gone when this returns. */

static xr_rc_t
file(fixture_t *f, size_t i, const char *s, const xr_notes_t *notes,
    xr_err_t *err)
{
    xr_rc_t   rc;
    xr_str_t  text;

    text = xr_test_copy(xr_str(s));
    rc = xr_tenant_file(&f->t, i, text, &f->m.mem, notes, err);
    memset((void *) (uintptr_t) text.data, 0, text.len);
    xr_test_copy_free(text);

    return rc;
}


static void
test_credentials_file(void **state)
{
    xr_err_t   err;
    fixture_t  f;

    (void) state;

    start(&f);
    options(&f, "credentials aws.ini profile=temporary");
    assert_int_equal(file(&f, 0, AWS_FILE, NULL, &err), XR_OK);

    XR_CHECK_STR(f.t.credentials.access_key, "ASIA", "access key");
    XR_CHECK_STR(f.t.credentials.secret_key, "hidden", "secret key");
    XR_CHECK_STR(f.t.credentials.session_token, "session", "session token");

    /* memory outlives the tenant; its secrets do not */

    xr_tenant_wipe(&f.t);
    assert_memory_equal(f.t.credentials.secret_key.data, "\0\0\0\0\0\0", 6);
    assert_memory_equal(f.t.credentials.session_token.data,
                        "\0\0\0\0\0\0\0", 7);
    xr_test_mem_free(&f.m);

    start(&f);
    options(&f, "credentials aws.ini");
    assert_int_equal(file(&f, 0, AWS_FILE, NULL, &err), XR_OK);
    XR_CHECK_STR(f.t.credentials.access_key, "AKID", "access key");
    assert_int_equal(f.t.credentials.session_token.len, 0);
    stop(&f);

    start(&f);
    options(&f, "credentials aws.ini profile=other");
    assert_int_equal(file(&f, 0, AWS_FILE, NULL, &err), XR_NOT_FOUND);
    assert_int_equal(err.pos, strlen(AWS_FILE));
    assert_int_equal(f.t.credentials.secret_key.len, 0);
    stop(&f);

    start(&f);
    options(&f, "credentials aws.ini");
    assert_int_equal(file(&f, 0, "[default]\nx", NULL, &err), XR_INVALID);
    assert_int_equal(err.pos, 10);
    stop(&f);
}


static void
test_credentials(void **state)
{
    fixture_t         f;
    xr_credentials_t  c;

    (void) state;

    start(&f);
    c = (xr_credentials_t) { XR_STR("A"), XR_STR("s"), { NULL, 0 } };
    assert_int_equal(xr_tenant_credentials(&f.t, &c, &f.m.mem, NULL), XR_OK);

    XR_CHECK_STR(f.t.credentials.access_key, "A", "access key");
    XR_CHECK_STR(f.t.credentials.secret_key, "s", "secret key");
    assert_int_equal(f.t.credentials.session_token.len, 0);
    assert_ptr_not_equal(f.t.credentials.secret_key.data, c.secret_key.data);

    stop(&f);
}


static void
count_note(void *ctx, size_t pos, const char *what)
{
    size_t *last = ctx;

    assert_non_null(what);
    *last = pos;
}


static void
test_key_files(void **state)
{
    size_t      at;
    xr_err_t    err;
    fixture_t   f;
    xr_notes_t  notes;

    (void) state;

    start(&f);
    options(&f, "keys k;jwks j;cloudfront_key KA a.pem;cloudfront_key KB b");

    assert_int_equal(file(&f, 0, "a " K16 "\n" K20 "\n", NULL, &err), XR_OK);
    assert_int_equal(f.t.keys.n, 2);
    XR_CHECK_STR(f.t.keys.keys[0].id, "a", "id");

    at = 0;
    notes = (xr_notes_t) { count_note, &at };

    assert_int_equal(file(&f, 1, JWKS, &notes, &err), XR_OK);
    assert_int_equal(f.t.keys.n, 3);
    assert_int_equal(f.t.keys.keys[2].kind, XR_KIND_JWT);
    assert_int_equal(f.t.keys.keys[2].alg, XR_ALG_ES256);
    assert_true(at > 100 && at < strlen(JWKS));

    assert_int_equal(file(&f, 2, PEM, NULL, &err), XR_OK);
    assert_int_equal(f.t.keys.n, 4);
    XR_CHECK_STR(f.t.keys.keys[3].id, "KA", "id");
    assert_int_equal(f.t.keys.keys[3].kind, XR_KIND_CLOUDFRONT);

    /* what is refused adds nothing */

    assert_int_equal(file(&f, 3, PEM, NULL, &err), XR_INVALID);
    assert_int_equal(file(&f, 3, "x", NULL, &err), XR_INVALID);
    assert_int_equal(file(&f, 1, JWKS, NULL, &err), XR_INVALID);
    assert_int_equal(file(&f, 1, "{\"keys\":[]}", NULL, &err), XR_INVALID);
    assert_int_equal(f.t.keys.n, 4);
    stop(&f);

    start(&f);
    options(&f, "keys k");
    assert_int_equal(file(&f, 0, "a " K16 "\nb x\n", NULL, &err), XR_INVALID);
    assert_int_equal(f.t.keys.n, 0);
    assert_int_equal(err.pos, 37);
    stop(&f);
}


/* Options on top of which files are read: [c]redentials, [k]eys, ... */

static const struct {
    const char  *options;
    const char  *files;
    const char  *why;                   /* NULL: right; how it starts */
} finished[] = {
    { "origin http://o.example;keys none", "", NULL },
    { "origin http://o.example;keys k", "k", NULL },
    { "origin http://o.example;jwks j", "j", NULL },
    { "origin http://o.example;cloudfront_key K p", "p", NULL },
    { "origin http://o.example;keys k;jwks j;cloudfront_key K p", "kjp",
      NULL },
    { "origin s3://bucket;credentials c;keys k", "ck", NULL },
    { "keys none;credentials c;origin s3://bucket", "c", NULL },
    { "origin http://o;jwks j;issuer i;audience a", "j", NULL },
    { "origin http://o;cloudfront_key K p;cloudfront_hosts d;"
      "cloudfront_sha1 on", "p", NULL },
    { "origin http://o;keys none;cors https://a;cors_credentials on", "",
      NULL },
    { "origin http://o;keys none;cors *;cors_credentials off", "", NULL },

    { "", "", "has no \"origin\"" },
    { "keys none", "", "has no \"origin\"" },
    { "credentials c;keys k", "ck", "has no \"origin\"" },
    { "origin s3://bucket;keys none", "",
      "has an s3 origin but no \"credentials\"" },
    { "origin s3://bucket;keys k", "k",
      "has an s3 origin but no \"credentials\"" },
    { "origin s3://bucket;credentials c;keys k", "-k",
      "has an s3 origin but no \"credentials\"" },
    { "origin http://o.example;credentials c;keys k", "ck",
      "has \"credentials\" that only" },
    { "origin http://o.example;credentials c;keys k", "-k",
      "has \"credentials\" that only" },
    { "origin https://o.example;credentials c;keys none", "c",
      "has \"credentials\" that only" },
    { "origin http://o.example", "", "has no \"keys\"" },
    { "origin http://o.example;keys k", "-", "has no \"keys\"" },
    { "origin http://o.example;jwks k", "-", "has no \"keys\"" },
    { "origin s3://bucket;credentials c", "c", "has no \"keys\"" },
    { "origin http://o;keys none;jwks j", "j", "says \"keys none\" but" },
    { "origin http://o;cloudfront_key K p;keys none", "p",
      "says \"keys none\" but" },
    { "origin http://o;keys k;issuer i", "k", "has \"issuer\" or" },
    { "origin http://o;keys none;audience a", "", "has \"issuer\" or" },
    { "origin http://o;cloudfront_key K p;audience a", "p",
      "has \"issuer\" or" },
    { "origin http://o;jwks j;cloudfront_hosts d", "j",
      "has \"cloudfront_hosts\" or" },
    { "origin http://o;keys k;cloudfront_sha1 off", "k",
      "has \"cloudfront_hosts\" or" },
    { "origin http://o;keys none;cors_credentials on", "",
      "has \"cors_credentials on\"" },
    { "origin http://o;keys none;cors *;cors_credentials on", "",
      "has \"cors_credentials on\"" },
    { "origin http://o;keys none;cors off;cors_credentials on", "",
      "has \"cors_credentials on\"" }
};


static void
test_finish(void **state)
{
    size_t       i, k;
    xr_rc_t      rc;
    xr_err_t     err;
    fixture_t    f;
    const char  *text;

    (void) state;

    for (i = 0; i < XR_COUNT(finished); i++) {
        start(&f);
        options(&f, finished[i].options);

        for (k = 0; finished[i].files[k] != '\0'; k++) {
            text = (finished[i].files[k] == 'c') ? AWS_FILE
                   : (finished[i].files[k] == 'k') ? K16
                   : (finished[i].files[k] == 'j') ? JWKS
                   : (finished[i].files[k] == 'p') ? PEM : NULL;

            if (text != NULL) {
                XR_CHECK_EQ(file(&f, k, text, NULL, &err), XR_OK,
                            finished[i].options);
            }
        }

        err = (xr_err_t) { NULL, 999 };
        rc = xr_tenant_finish(&f.t, &err);

        if (finished[i].why == NULL) {
            XR_CHECK_EQ(rc, XR_OK, finished[i].options);

        } else {
            XR_CHECK_EQ(rc, XR_INVALID, finished[i].options);
            XR_CHECK(xr_str_starts(xr_str(err.what), xr_str(finished[i].why)),
                     finished[i].options);
            XR_CHECK_EQ(err.pos, 0, finished[i].options);
        }

        stop(&f);
    }
}


/* A tenant with everything, up to the step that fails. */

static xr_rc_t
build(fixture_t *f, xr_err_t *err)
{
    size_t   i;
    xr_rc_t  rc;

    static const char  *all[] = {
        "host a.example b.example",
        "origin s3://models/acme region=eu-west-1 upstream=pool",
        "credentials aws.ini profile=temporary",
        "keys acme.keys",
        "cors https://shop.example https://b.example",
        "cache_control public,^max-age=60",
        "leeway 5",
        "max_lifetime 7d",
        "jwks acme.json",
        "cloudfront_key KA a.pem",
        "issuer i",
        "audience x y",
        "cloudfront_hosts d",
        "limit rate=20r/s class=gold"
    };

    static const char  *texts[] = {
        AWS_FILE, "a " K16 "\nb " K20, JWKS, PEM
    };

    rc = xr_tenant_init(&f->t, xr_str("acme"), &f->m.mem, err);

    for (i = 0; rc == XR_OK && i < XR_COUNT(all); i++) {
        rc = option(f, all[i], err);
    }

    for (i = 0; rc == XR_OK && i < XR_COUNT(texts); i++) {
        rc = file(f, i, texts[i], NULL, err);
    }

    return (rc == XR_OK) ? xr_tenant_finish(&f->t, err) : rc;
}


static void
test_no_memory(void **state)
{
    size_t     i, total;
    xr_rc_t    rc;
    xr_err_t   err;
    fixture_t  f;

    (void) state;

    xr_test_mem_init(&f.m, SIZE_MAX);
    assert_int_equal(build(&f, &err), XR_OK);
    total = f.m.n;
    stop(&f);

    for (i = 0; i <= total; i++) {
        xr_test_mem_init(&f.m, i);
        err = (xr_err_t) { NULL, 999 };

        rc = build(&f, &err);

        if (i == total) {
            assert_int_equal(rc, XR_OK);

        } else {
            assert_int_equal(rc, XR_NO_SPACE);
            assert_string_equal(err.what, "out of memory");
            assert_int_equal(f.m.n, i);
        }

        stop(&f);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_host_length),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_seconds),
        cmocka_unit_test(test_cors),
        cmocka_unit_test(test_cors_max_age),
        cmocka_unit_test(test_credentials_file),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_finish),
        cmocka_unit_test(test_no_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
