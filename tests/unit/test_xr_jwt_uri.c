/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_buf.h"
#include "xr_crypto.h"
#include "xr_jwt_uri.h"


/* What is not said is what most cases have. */

typedef struct {
    const char  *host;                  /* "xr.acme.example" */
    const char  *name;                  /* "xr.acme.example" */
    const char  *raw_path;              /* "/acme/r2.glb" */
    const char  *query;                 /* none */
} request_t;


static const struct {
    xr_hash_t    hash;
    const char  *name;
} hashes[] = {
    { XR_SHA256, "sha-256" },
    { XR_SHA384, "sha-384" },
    { XR_SHA512, "sha-512" }
};


static xr_str_t
or_else(const char *s, const char *other)
{
    return xr_str((s != NULL) ? s : other);
}


static xr_deny_t
judge(xr_str_t container, const request_t *r)
{
    uint8_t            memory[64];
    xr_buf_t           b;
    xr_deny_t          deny;
    xr_auth_policy_t   policy;
    xr_auth_request_t  req;

    memset(&policy, 0, sizeof(policy));
    memset(&req, 0, sizeof(req));

    b = xr_buf(memory, sizeof(memory));
    xr_buf_packed(&b, xr_str("acme"));
    xr_buf_packed(&b, or_else(r->name, "xr.acme.example"));
    policy.names.packed = xr_buf_str(&b);

    req.raw_path = xr_test_copy(or_else(r->raw_path, "/acme/r2.glb"));
    req.path = req.raw_path;
    req.host = or_else(r->host, "xr.acme.example");

    if (r->query != NULL) {
        req.query = xr_str(r->query);
    }

    container = xr_test_copy(container);
    deny = xr_jwt_uri_judge(container, &req, &policy);

    xr_test_copy_free(container);
    xr_test_copy_free(req.raw_path);

    return deny;
}


/* The container of a URL, as a signer makes it. */

static xr_str_t
container(const char *url, size_t hash, uint8_t memory[128])
{
    uint8_t   digest[XR_HASH_MAX_SIZE];
    xr_buf_t  b;
    xr_str_t  text;

    text = xr_str(url);
    assert_int_equal(xr_hash(hashes[hash].hash, &text, 1, digest), XR_OK);

    b = xr_buf(memory, 128);
    xr_buf_puts(&b, "hash:");
    xr_buf_puts(&b, hashes[hash].name);
    xr_buf_putc(&b, ';');
    xr_buf_base64url(&b, xr_str_of(digest, xr_hash_size(hashes[hash].hash)));
    assert_true(xr_buf_ok(&b));

    return xr_buf_str(&b);
}


static void
test_url(void **state)
{
    size_t   i, n;
    uint8_t  memory[128];

    static const struct {
        const char  *url;
        request_t    r;
        xr_deny_t    deny;
    } cases[] = {
        { "https://xr.acme.example/acme/r2.glb", { .host = NULL }, XR_DENY_NONE },
        { "http://xr.acme.example/acme/r2.glb", { .host = NULL }, XR_DENY_NONE },
        { "https://xr.acme.example/acme/r2.glb", { .host = "edge.example" }, XR_DENY_NONE },
        { "https://edge.example/acme/r2.glb", { .host = "edge.example" }, XR_DENY_NONE },
        { "https://edge.example/acme/r2.glb", { .host = NULL }, XR_DENY_TOKEN_SCOPE },
        { "https://acme/acme/r2.glb", { .host = NULL }, XR_DENY_TOKEN_SCOPE },
        { "https://localhost/acme/r2.glb", { .host = "localhost" }, XR_DENY_NONE },
        { "https://xr.acme.example/x/acme/r2.glb",
          { .name = "xr.acme.example/x" }, XR_DENY_TOKEN_SCOPE },
        { "https://XR.acme.example/acme/r2.glb", { .host = NULL }, XR_DENY_TOKEN_SCOPE },
        { "ftp://xr.acme.example/acme/r2.glb", { .host = NULL }, XR_DENY_TOKEN_SCOPE },
        { "https://xr.acme.example:8443/acme/r2.glb", { .host = NULL }, XR_DENY_TOKEN_SCOPE },
        { "//xr.acme.example/acme/r2.glb", { .host = NULL }, XR_DENY_TOKEN_SCOPE },
        { "/acme/r2.glb", { .host = NULL }, XR_DENY_TOKEN_SCOPE },
        { "", { .host = NULL }, XR_DENY_TOKEN_SCOPE },
        { "https://xr.acme.example/acme/r2.glb2", { .host = NULL }, XR_DENY_TOKEN_SCOPE },

        /* the query is a part of it, and so is its absence */

        { "https://xr.acme.example/acme/r2.glb?a=1&b", { .query = "a=1&b" }, XR_DENY_NONE },
        { "https://xr.acme.example/acme/r2.glb?a=1&b", { .query = "a=2&b" }, XR_DENY_TOKEN_SCOPE },
        { "https://xr.acme.example/acme/r2.glb?a=1&b", { .host = NULL }, XR_DENY_TOKEN_SCOPE },
        { "https://xr.acme.example/acme/r2.glb", { .query = "a=1" }, XR_DENY_TOKEN_SCOPE },
        { "https://xr.acme.example/acme/r2.glb?", { .query = "" }, XR_DENY_NONE },
        { "https://xr.acme.example/acme/r2.glb", { .query = "" }, XR_DENY_TOKEN_SCOPE },

        /* as sent, and normalized */

        { "https://xr.acme.example/a%2db%c3%bc",
          { .raw_path = "/a%2db%c3%bc" }, XR_DENY_NONE },
        { "https://xr.acme.example/a-b%C3%BC",
          { .raw_path = "/a%2db%c3%bc" }, XR_DENY_NONE },
        { "https://xr.acme.example/a%2Db%C3%BC",
          { .raw_path = "/a%2db%c3%bc" }, XR_DENY_TOKEN_SCOPE },
        { "https://xr.acme.example/a?x=%2B~&y=%",
          { .raw_path = "/a", .query = "x=%2b%7e&y=%" }, XR_DENY_NONE },
        { "https://xr.acme.example/a?x=%4z%4",
          { .raw_path = "/%61", .query = "x=%4z%4" }, XR_DENY_NONE },
        { "https://xr.acme.example/a?x=+",
          { .raw_path = "/a", .query = "x=%2b" }, XR_DENY_TOKEN_SCOPE }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        for (n = 0; n < XR_COUNT(hashes); n++) {
            XR_CHECK_EQ(judge(container(cases[i].url, n, memory), &cases[i].r), cases[i].deny,
                        cases[i].url);
        }
    }
}


/* No bit of a digest is left out of the comparison. */

static void
test_digest(void **state)
{
    size_t     i, n;
    uint8_t    memory[128];
    xr_str_t   text;
    request_t  r;

    (void) state;

    memset(&r, 0, sizeof(r));

    for (n = 0; n < XR_COUNT(hashes); n++) {
        text = container("https://xr.acme.example/acme/r2.glb", n, memory);
        assert_int_equal(judge(text, &r), XR_DENY_NONE);

        for (i = 0; i < text.len; i++) {
            memory[i] ^= 1;
            assert_int_not_equal(judge(text, &r), XR_DENY_NONE);
            memory[i] ^= 1;

            assert_int_equal(judge(xr_str_of(text.data, i), &r), XR_DENY_TOKEN_CLAIM);
        }
    }
}


#define DIGEST  "2tderfWPa86Ku7YnzW51YUp7dGUjBS_3SW3ELx4hmWY"

static void
test_form(void **state)
{
    size_t     i;
    request_t  r;

    static const struct {
        const char  *container;
        xr_deny_t    deny;
    } cases[] = {

        /* RFC 9246, section 5.1 */

        { "hash:sha-256;" DIGEST, XR_DENY_NONE },

        { "HASH:sha-256;" DIGEST, XR_DENY_TOKEN_CLAIM },
        { "hash:SHA-256;" DIGEST, XR_DENY_TOKEN_CLAIM },
        { "hash:sha256;" DIGEST, XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256:" DIGEST, XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256; " DIGEST, XR_DENY_TOKEN_CLAIM },
        { " hash:sha-256;" DIGEST, XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256;" DIGEST "=", XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256;" DIGEST "AA", XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256;" DIGEST "?ct=a/b", XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256;" DIGEST ",", XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256;2tderfWPa86Ku7YnzW51YUp7dGUjBS/3SW3ELx4hmWY", XR_DENY_TOKEN_CLAIM },
        { "hash:sha-384;" DIGEST, XR_DENY_TOKEN_CLAIM },
        { "hash:sha-512;" DIGEST, XR_DENY_TOKEN_CLAIM },
        { "hash:sha3-256;" DIGEST, XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256-128;2tderfWPa86Ku7YnzW51YQ", XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256-32;2tderQ", XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256;2tderQ", XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256;", XR_DENY_TOKEN_CLAIM },
        { "hash:sha-256", XR_DENY_TOKEN_CLAIM },
        { "hash:", XR_DENY_TOKEN_CLAIM },
        { "regex:.*", XR_DENY_TOKEN_CLAIM },
        { "uri-regex:.*", XR_DENY_TOKEN_CLAIM },
        { "http://cdni.example/foo/bar", XR_DENY_TOKEN_CLAIM },
        { "", XR_DENY_TOKEN_CLAIM }
    };

    (void) state;

    memset(&r, 0, sizeof(r));
    r.host = "cdni.example";
    r.raw_path = "/foo/bar";

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(judge(xr_str(cases[i].container), &r), cases[i].deny, cases[i].container);
    }
}


/* What is too long to be normalized is compared as it is, and nothing else. */

static void
test_long(void **state)
{
    char       path[8200], url[8300];
    size_t     n;
    uint8_t    memory[128];
    request_t  r;

    (void) state;

    memset(&r, 0, sizeof(r));
    r.raw_path = path;

    for (n = 8192; n <= 8193; n++) {
        memset(path, 'a', sizeof(path));
        memcpy(path, "/%61", 4);
        path[n + 2] = '\0';

        snprintf(url, sizeof(url), "https://xr.acme.example%s", path);
        assert_int_equal(judge(container(url, 0, memory), &r), XR_DENY_NONE);

        snprintf(url, sizeof(url), "https://xr.acme.example/a%s", path + 4);
        assert_int_equal(judge(container(url, 0, memory), &r),
                         (n == 8192) ? XR_DENY_NONE : XR_DENY_TOKEN_SCOPE);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_long)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
