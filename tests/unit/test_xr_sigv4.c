/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_path.h"
#include "xr_sigv4.h"


#define ACCESS_KEY  "AKIAIOSFODNN7EXAMPLE"
#define SECRET_KEY  "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

#define DAY         86400
#define Y2013       1369353600      /* 2013-05-24T00:00:00Z */


typedef struct {
    const char  *method;
    const char  *host;
    const char  *key;
    const char  *path;
    const char  *query;
    const char  *payload;
    const char  *region;
    const char  *service;
    const char  *token;
    const char  *date;
    const char  *authorization;
    int64_t      now;
    size_t       nheaders;
    struct {
        const char  *name;
        const char  *value;
    } headers[4];
} vector_t;


static const vector_t  vectors[] = {
#include "../fixtures/sigv4-vectors.h"
};


static xr_sigv4_request_t
request(const char *path, const char *query)
{
    return (xr_sigv4_request_t) {
        .method = xr_str("GET"),
        .host = xr_str("examplebucket.s3.amazonaws.com"),
        .path = xr_str(path),
        .query = xr_str(query),
        .payload_hash = xr_sigv4_empty_payload,
        .region = xr_str("us-east-1"),
        .service = xr_str("s3"),
        .now = Y2013
    };
}


static xr_credentials_t
credentials(const char *token)
{
    return (xr_credentials_t) {
        .access_key = xr_str(ACCESS_KEY),
        .secret_key = xr_str(SECRET_KEY),
        .session_token = xr_str(token)
    };
}


/* The signature of "req", or what went wrong, in a buffer of the caller. */

static const char *
sign(const xr_sigv4_request_t *req, const xr_credentials_t *c,
    xr_sigv4_key_t *key, char out[65])
{
    xr_err_t    err;
    xr_sigv4_t  s;

    err.what = NULL;

    if (xr_sigv4_sign(req, c, key, &s, &err) != XR_OK) {
        assert_int_equal(s.authorization_len, 0);
        return err.what;
    }

    assert_true(s.authorization_len > 64);
    memcpy(out, s.authorization + s.authorization_len - 64, 64);
    out[64] = '\0';

    return out;
}


/* "Signature Calculations for the Authorization Header", the S3 manual. */

static void
test_documented(void **state)
{
    char                out[65];
    xr_sigv4_key_t      key;
    xr_credentials_t    c;
    xr_sigv4_request_t  req;

    static const xr_sigv4_header_t  range[] = {
        { XR_STR("range"), XR_STR("bytes=0-9") }
    };
    static const xr_sigv4_header_t  put[] = {
        { XR_STR("date"), XR_STR("Fri, 24 May 2013 00:00:00 GMT") },
        { XR_STR("x-amz-storage-class"), XR_STR("REDUCED_REDUNDANCY") }
    };

    (void) state;

    memset(&key, 0, sizeof(key));
    c = credentials("");

    req = request("/test.txt", "");
    req.headers = range;
    req.nheaders = 1;
    assert_string_equal(sign(&req, &c, &key, out), "f0e8bdb87c964420e857bd35"
                        "b5d6ed310bd44f0170aba48dd91039c6036bdb41");

    req = request("/test%24file.text", "");
    req.method = xr_str("PUT");
    req.payload_hash = xr_str("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e4"
                              "2034a8b803f8b072");
    req.headers = put;
    req.nheaders = 2;
    assert_string_equal(sign(&req, &c, &key, out), "98ad721746da40c64f1a55b7"
                        "8f14c238d841ea1380cd77a1b5971af0ece108bd");

    req = request("/", "lifecycle=");
    assert_string_equal(sign(&req, &c, &key, out), "fea454ca298b7da1c68078a5"
                        "d1bdbfbbe0d65c699e0f91ac7a200a0136783543");

    req = request("/", "max-keys=2&prefix=J");
    assert_string_equal(sign(&req, &c, &key, out), "34b48302e7b5fa45bde8084f"
                        "4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}


static void
test_vectors(void **state)
{
    size_t              i, j;
    uint8_t             path[8192];
    xr_buf_t            b;
    xr_sigv4_t          out;
    const vector_t     *v;
    xr_sigv4_key_t      key;
    xr_credentials_t    c;
    xr_sigv4_header_t   headers[4];
    xr_sigv4_request_t  req;

    (void) state;

    memset(&key, 0, sizeof(key));

    for (i = 0; i < XR_COUNT(vectors); i++) {
        v = &vectors[i];
        c = credentials(v->token);

        b = xr_buf(path, sizeof(path));
        xr_buf_putc(&b, '/');
        xr_path_encode(xr_str(v->key), &b);
        assert_true(xr_str_eq(xr_buf_str(&b), xr_str(v->path)));

        for (j = 0; j < v->nheaders; j++) {
            headers[j].name = xr_str(v->headers[j].name);
            headers[j].value = xr_str(v->headers[j].value);
        }

        req = (xr_sigv4_request_t) {
            .method = xr_str(v->method),
            .host = xr_str(v->host),
            .path = xr_buf_str(&b),
            .query = xr_str(v->query),
            .headers = headers,
            .nheaders = v->nheaders,
            .payload_hash = xr_str(v->payload),
            .region = xr_str(v->region),
            .service = xr_str(v->service),
            .now = v->now
        };

        assert_int_equal(xr_sigv4_sign(&req, &c, &key, &out, NULL), XR_OK);
        assert_string_equal(out.date, v->date);
        assert_int_equal(out.authorization_len, strlen(v->authorization));
        assert_memory_equal(out.authorization, v->authorization,
                            out.authorization_len);
    }
}


/* A key that was kept signs as a fresh one would, whatever has changed. */

static void
test_cached_key(void **state)
{
    char                kept[65], fresh[65];
    size_t              i;
    xr_sigv4_key_t      key, before, empty;
    xr_credentials_t    c;
    xr_sigv4_request_t  req;

    static const struct {
        const char  *region;
        const char  *service;
        const char  *secret;
        int64_t      now;
        bool         same;              /* the key is kept */
    } rows[] = {
        { "us-east-1", "s3", SECRET_KEY, Y2013, false },
        { "us-east-1", "s3", SECRET_KEY, Y2013, true },
        { "us-east-1", "s3", SECRET_KEY, Y2013 + DAY - 1, true },
        { "us-east-1", "s3", SECRET_KEY, Y2013 + DAY, false },
        { "us-east-1", "s3", SECRET_KEY, Y2013 + DAY - 1, false },
        { "us-west-1", "s3", SECRET_KEY, Y2013 + DAY - 1, false },
        { "us-west-1", "s4", SECRET_KEY, Y2013 + DAY - 1, false },
        { "us-west-1", "s4", "another", Y2013 + DAY - 1, false },
        { "us-east-1", "s3", SECRET_KEY, 0, false },
    };

    (void) state;

    memset(&key, 0, sizeof(key));
    c = credentials("");
    req = request("/test.txt", "");

    for (i = 0; i < XR_COUNT(rows); i++) {
        c.secret_key = xr_str(rows[i].secret);
        req.region = xr_str(rows[i].region);
        req.service = xr_str(rows[i].service);
        req.now = rows[i].now;

        before = key;
        assert_ptr_equal(sign(&req, &c, &key, kept), kept);
        assert_int_equal(memcmp(&before, &key, sizeof(key)) == 0,
                         rows[i].same);

        memset(&empty, 0, sizeof(empty));
        assert_ptr_equal(sign(&req, &c, &empty, fresh), fresh);
        assert_string_equal(kept, fresh);
    }
}


static void
test_canonical(void **state)
{
    char                memory[1024];
    size_t              size;
    xr_buf_t            b;
    xr_credentials_t    c;
    xr_sigv4_request_t  req;

    static const xr_sigv4_header_t  headers[] = {
        { XR_STR("accept"), XR_STR("*/*") },
        { XR_STR("if-match"), XR_STR("\"a \t b\"") },
        { XR_STR("x-amz-meta"), XR_STR("") },
        { XR_STR("x-z"), XR_STR("1") }
    };
    static const char  expected[] =
        "GET\n"
        "/a%20b//..\n"
        "list-type=2\n"
        "accept:*/*\n"
        "host:examplebucket.s3.amazonaws.com\n"
        "if-match:\"a b\"\n"
        "x-amz-content-sha256:UNSIGNED-PAYLOAD\n"
        "x-amz-date:20130524T000000Z\n"
        "x-amz-meta:\n"
        "x-amz-security-token:token\n"
        "x-z:1\n"
        "\n"
        "accept;host;if-match;x-amz-content-sha256;x-amz-date;x-amz-meta;"
        "x-amz-security-token;x-z\n"
        "UNSIGNED-PAYLOAD";

    (void) state;

    c = credentials("token");
    req = request("/a%20b//..", "list-type=2");
    req.payload_hash = xr_str("UNSIGNED-PAYLOAD");
    req.headers = headers;
    req.nheaders = XR_COUNT(headers);

    for (size = 0; size < sizeof(memory); size++) {
        b = xr_buf(memory, size);

        assert_int_equal(xr_sigv4_canonical(&req, &c, "20130524T000000Z", &b),
                         size < sizeof(expected) - 1 ? XR_NO_SPACE : XR_OK);
    }

    assert_int_equal(b.len, sizeof(expected) - 1);
    assert_memory_equal(b.data, expected, b.len);
}


static void
test_refused_headers(void **state)
{
    char                out[65];
    size_t              i;
    xr_sigv4_key_t      key;
    xr_credentials_t    c;
    xr_sigv4_request_t  req;
    xr_sigv4_header_t   many[XR_SIGV4_MAX_HEADERS + 1];

    static const char *const  names[] = {
        "h01", "h02", "h03", "h04", "h05", "h06", "h07", "h08", "h09", "h10",
        "h11", "h12", "h13", "h14", "h15", "h16", "h17"
    };
    static const xr_sigv4_header_t  wrong[][2] = {
        { { XR_STR("b"), XR_STR("1") }, { XR_STR("a"), XR_STR("1") } },
        { { XR_STR("ab"), XR_STR("1") }, { XR_STR("a"), XR_STR("1") } },
        { { XR_STR("a"), XR_STR("1") }, { XR_STR("a"), XR_STR("1") } },
        { { XR_STR("a"), XR_STR("1") }, { XR_STR("host"), XR_STR("1") } },
        { { XR_STR("a"), XR_STR("1") }, { XR_STR("Range"), XR_STR("1") } },
        { { XR_STR("a"), XR_STR("1") }, { XR_STR("b c"), XR_STR("1") } },
        { { XR_STR("a"), XR_STR("1") }, { XR_STR("b:"), XR_STR("1") } },
        { { XR_STR(""), XR_STR("1") }, { XR_STR("b"), XR_STR("1") } },
        { { XR_STR("a"), XR_STR("1") }, { XR_STR("b"), XR_STR("1\nc:2") } },
        { { XR_STR("a"), XR_STR("1") }, { XR_STR("b"), XR_STR("\r") } },
        { { XR_STR("a"), XR_STR("1\0") }, { XR_STR("b"), XR_STR("1") } },
        { { XR_STR("x-amz-content-sha256"), XR_STR("1") },
          { XR_STR("x-b"), XR_STR("1") } },
        { { XR_STR("a"), XR_STR("1") }, { XR_STR("x-amz-date"), XR_STR("1") } },
        { { XR_STR("a"), XR_STR("1") },
          { XR_STR("x-amz-security-token"), XR_STR("1") } }
    };

    (void) state;

    memset(&key, 0, sizeof(key));
    c = credentials("token");
    req = request("/test.txt", "");
    req.nheaders = 2;

    for (i = 0; i < XR_COUNT(wrong); i++) {
        req.headers = wrong[i];
        assert_ptr_not_equal(sign(&req, &c, &key, out), out);
    }

    assert_int_equal(key.day, 0);

    for (i = 0; i < XR_COUNT(many); i++) {
        many[i].name = xr_str(names[i]);
        many[i].value = xr_str("1");
    }

    req.headers = many;
    req.nheaders = XR_SIGV4_MAX_HEADERS;
    assert_ptr_equal(sign(&req, &c, &key, out), out);

    req.nheaders = XR_SIGV4_MAX_HEADERS + 1;
    assert_string_equal(sign(&req, &c, &key, out), "too many headers to sign");
}


/* Without a token in the credentials a header of that name is still ours. */

static void
test_stray_token(void **state)
{
    char                out[65];
    xr_sigv4_key_t      key;
    xr_credentials_t    c;
    xr_sigv4_request_t  req;

    static const xr_sigv4_header_t  token[] = {
        { XR_STR("x-amz-security-token"), XR_STR("mine") }
    };

    (void) state;

    memset(&key, 0, sizeof(key));
    c = credentials("");
    req = request("/test.txt", "");
    req.headers = token;
    req.nheaders = 1;

    assert_ptr_not_equal(sign(&req, &c, &key, out), out);
}


static void
test_refused(void **state)
{
    char                out[65], large[20000];
    size_t              i;
    xr_sigv4_key_t      key;
    xr_credentials_t    c;
    xr_sigv4_request_t  req;

    static const xr_str_t  wrong[] = {
        XR_STR(""), XR_STR("a b"), XR_STR("a\nb"), XR_STR("a\x7f"),
        XR_STR("\0")
    };

    xr_str_t  *fields[] = {
        &req.method, &req.host, &req.path, &req.query, &req.payload_hash,
        &req.region, &req.service, &c.access_key, &c.secret_key,
        &c.session_token
    };

    (void) state;

    memset(&key, 0, sizeof(key));
    memset(large, '/', sizeof(large));

    for (i = 0; i < XR_COUNT(fields) * XR_COUNT(wrong); i++) {
        c = credentials("token");
        req = request("/test.txt", "acl=");
        *fields[i / XR_COUNT(wrong)] = wrong[i % XR_COUNT(wrong)];

        /* a query and a token may be empty, a secret is not sent */

        if (req.query.len == 0 || c.session_token.len == 0
            || (c.secret_key.data == wrong[i % XR_COUNT(wrong)].data
                && c.secret_key.len > 0))
        {
            assert_ptr_equal(sign(&req, &c, &key, out), out);
            continue;
        }

        assert_ptr_not_equal(sign(&req, &c, &key, out), out);
    }

    for (i = 0; i < XR_COUNT(fields); i++) {
        c = credentials("token");
        req = request("/test.txt", "acl=");
        *fields[i] = xr_str_of(large, sizeof(large));
        assert_ptr_not_equal(sign(&req, &c, &key, out), out);
    }

    c = credentials("");
    req = request("test.txt", "");
    assert_string_equal(sign(&req, &c, &key, out),
                        "the path does not start with \"/\"");
}


static void
test_time_bounds(void **state)
{
    char                out[65];
    size_t              i;
    xr_sigv4_key_t      key;
    xr_credentials_t    c;
    xr_sigv4_request_t  req;

    static const int64_t  wrong[] = {
        -1, INT64_MIN, 253402300800, INT64_MAX
    };

    (void) state;

    memset(&key, 0, sizeof(key));
    c = credentials("");
    req = request("/test.txt", "");

    for (i = 0; i < XR_COUNT(wrong); i++) {
        req.now = wrong[i];
        assert_string_equal(sign(&req, &c, &key, out),
                            "the time lies outside the years 1970 to 9999");
    }

    req.now = 253402300799;
    assert_ptr_equal(sign(&req, &c, &key, out), out);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_documented),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_cached_key),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_refused_headers),
        cmocka_unit_test(test_stray_token),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_time_bounds)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
