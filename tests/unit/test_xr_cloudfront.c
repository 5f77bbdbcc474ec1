/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_cloudfront.h"

#include <time.h>


#define NOW      1767225700
#define HOST     "assets.acme.example"
#define CDN      "d111111abcdef8.cloudfront.net"

#define SIG      "AAAA"
#define X32      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* A policy around a resource, and around what stands behind the expiry. */

#define POLICY(resource)                                                      \
    "{\"Statement\":[{\"Resource\":\"" resource "\",\"Condition\":{"          \
    "\"DateLessThan\":{\"AWS:EpochTime\":1767229200}}}]}"
#define WHEN(conditions)                                                      \
    "{\"Statement\":[{\"Condition\":{" conditions "}}]}"
#define UNTIL    "\"DateLessThan\":{\"AWS:EpochTime\":1767229200}"


typedef struct {
    const char  *signer;
    const char  *url;
    const char  *raw_path;
    const char  *query;                     /* NULL: none */
    const char  *resource;
    const char  *ip;
    int64_t      not_before;
    int64_t      expires;
    const char  *values[XR_CLOUDFRONT_PARAMS];
} vector_t;


#include "../fixtures/cloudfront-vectors.h"


typedef struct {
    xr_test_mem_t     m;
    xr_keyset_t       keys;
    xr_verifiers_t   *verifiers;
    xr_addr_t         address;
    uint8_t           packed[64];
    xr_auth_policy_t  policy;
} fixture_t;


static int
setup(void **state)
{
    size_t      i;
    xr_buf_t    hosts;
    fixture_t  *f;

    f = calloc(1, sizeof(fixture_t));
    assert_non_null(f);

    xr_test_mem_init(&f->m, SIZE_MAX);

    for (i = 0; i < XR_COUNT(vector_keys); i++) {
        assert_int_equal(xr_keyset_cloudfront(&f->keys,
                                              xr_str(vector_keys[i][0]),
                                              xr_str(vector_keys[i][1]),
                                              &f->m.mem, NULL), XR_OK);
    }

    f->verifiers = xr_verifiers_create(16);
    assert_non_null(f->verifiers);

    hosts = xr_buf(f->packed, sizeof(f->packed));
    xr_buf_packed(&hosts, xr_str(CDN));

    f->policy.cloudfront_hosts.packed = xr_buf_str(&hosts);
    f->policy.cloudfront_sha1 = true;

    assert_int_equal(xr_addr_parse(xr_str("192.0.2.1"), &f->address), XR_OK);

    *state = f;

    return 0;
}


static int
teardown(void **state)
{
    fixture_t *f = *state;

    xr_verifiers_free(f->verifiers);
    xr_keyset_wipe(&f->keys);
    xr_test_mem_free(&f->m);
    free(f);

    return 0;
}


static xr_auth_request_t
request(const fixture_t *f, const char *raw_path, const char *query)
{
    xr_auth_request_t  req;

    memset(&req, 0, sizeof(req));

    req.raw_path = xr_str(raw_path);
    req.path = req.raw_path;
    req.host = xr_str(HOST);
    req.address = &f->address;
    req.now = NOW;

    if (query != NULL) {
        req.query = xr_str(query);
    }

    return req;
}


static xr_cloudfront_params_t
params(const char *const values[XR_CLOUDFRONT_PARAMS])
{
    size_t                  i;
    xr_cloudfront_params_t  p;

    memset(&p, 0, sizeof(p));

    for (i = 0; i < XR_CLOUDFRONT_PARAMS; i++) {

        if (values[i] != NULL) {
            p.values[i] = xr_str(values[i]);
        }
    }

    return p;
}


/* What an edge does; "memory" has the size that it has to have at least. */

static xr_deny_t
verify(fixture_t *f, const xr_cloudfront_params_t *p,
    const xr_auth_request_t *req, const xr_keyset_t *keys,
    xr_principal_t *who)
{
    void             *memory;
    size_t            size;
    xr_deny_t         deny;
    const xr_key_t   *key;
    xr_cloudfront_t   c;

    size = XR_CLOUDFRONT_MEMORY(p->values[XR_CLOUDFRONT_POLICY].len);
    memory = malloc(size > 0 ? size : 1);
    assert_non_null(memory);

    if (xr_cloudfront_parse(p, memory, &c, NULL) != XR_OK) {
        free(memory);
        return XR_DENY_TOKEN_MALFORMED;
    }

    deny = xr_cloudfront_signature(&c, req, &f->policy, keys->keys, keys->n,
                                   f->verifiers, &key);

    if (deny == XR_DENY_NONE) {
        XR_CHECK(xr_str_eq(key->id, p->values[XR_CLOUDFRONT_KEY_PAIR_ID]),
                 "key id");
        deny = xr_cloudfront_judge(&c, req, &f->policy, who);
    }

    free(memory);

    return deny;
}


static void
test_names(void **state)
{
    bool    exact;
    size_t  i;

    static const struct {
        const char             *name;
        xr_cloudfront_param_t   param;
        bool                    exact;
    } cases[] = {
        { "Expires",        XR_CLOUDFRONT_EXPIRES,          true },
        { "Policy",         XR_CLOUDFRONT_POLICY,           true },
        { "Signature",      XR_CLOUDFRONT_SIGNATURE,        true },
        { "Key-Pair-Id",    XR_CLOUDFRONT_KEY_PAIR_ID,      true },
        { "Hash-Algorithm", XR_CLOUDFRONT_HASH_ALGORITHM,   true },
        { "expires",        XR_CLOUDFRONT_EXPIRES,          false },
        { "POLICY",         XR_CLOUDFRONT_POLICY,           false },
        { "key-pair-ID",    XR_CLOUDFRONT_KEY_PAIR_ID,      false },
        { "",               XR_CLOUDFRONT_PARAMS,           false },
        { "Key_Pair_Id",    XR_CLOUDFRONT_PARAMS,           false },
        { "Signatur",       XR_CLOUDFRONT_PARAMS,           false },
        { "Signature2",     XR_CLOUDFRONT_PARAMS,           false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_cloudfront_param(xr_str(cases[i].name), &exact),
                    cases[i].param, cases[i].name);
        XR_CHECK_EQ(exact, cases[i].exact, cases[i].name);

        if (cases[i].exact) {
            XR_CHECK_STR(xr_cloudfront_name(cases[i].param), cases[i].name,
                         cases[i].name);
        }
    }
}


static void
test_vectors(void **state)
{
    size_t                   i;
    xr_deny_t                deny;
    xr_principal_t           who;
    xr_auth_request_t        req;
    xr_cloudfront_params_t   p;

    fixture_t *f = *state;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        const vector_t  *v = &vectors[i];

        p = params(v->values);
        req = request(f, v->raw_path, v->query);

        memset(&who, 0xee, sizeof(who));
        who.key_id = xr_str("kept");

        XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who), XR_DENY_NONE,
                    v->url);
        XR_CHECK_EQ(who.kind, XR_KIND_CLOUDFRONT, v->url);
        XR_CHECK_EQ(who.expires, v->expires, v->url);
        XR_CHECK_EQ(who.not_before, v->not_before, v->url);
        XR_CHECK_STR(who.subject, "", v->url);
        XR_CHECK_STR(who.token_id, "", v->url);
        XR_CHECK_STR(who.key_id, "kept", v->url);
        XR_CHECK_EQ(who.constraints.origin.len, 0, v->url);
        XR_CHECK_EQ(who.constraints.rate.len, 0, v->url);

        /* another file, unless the resource is for all of them */

        req.raw_path = xr_str("/other/r2.json");
        deny = verify(f, &p, &req, &f->keys, &who);

        if (strcmp(v->resource, "*") == 0) {
            XR_CHECK_EQ(deny, XR_DENY_NONE, v->url);

        } else {
            XR_CHECK_EQ(deny, v->values[XR_CLOUDFRONT_POLICY] != NULL
                                  ? XR_DENY_TOKEN_SCOPE
                                  : XR_DENY_TOKEN_SIGNATURE, v->url);
        }
    }
}


/* Each of what is signed by others is refused for what is wrong with it. */

static void
test_vectors_refused(void **state)
{
    size_t                   i;
    xr_addr_t                address;
    xr_principal_t           who, before;
    xr_auth_request_t        req;
    xr_cloudfront_params_t   p;

    fixture_t *f = *state;

    memset(&before, 0xee, sizeof(before));
    who = before;

    assert_int_equal(xr_addr_parse(xr_str("198.51.100.7"), &address), XR_OK);

    for (i = 0; i < XR_COUNT(vectors); i++) {
        const vector_t  *v = &vectors[i];

        p = params(v->values);
        req = request(f, v->raw_path, v->query);

        req.now = v->expires;
        XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who),
                    XR_DENY_TOKEN_EXPIRED, v->url);

        if (v->not_before != 0) {
            req.now = v->not_before - 1;
            XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who),
                        XR_DENY_TOKEN_EARLY, v->url);
        }

        req.now = NOW;

        if (v->ip[0] != '\0' && strcmp(v->ip, "0.0.0.0/0") != 0) {
            req.address = &address;
            XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who),
                        XR_DENY_TOKEN_ADDRESS, v->url);
            req.address = &f->address;
        }

        if (v->values[XR_CLOUDFRONT_HASH_ALGORITHM] == NULL) {
            f->policy.cloudfront_sha1 = false;
            XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who),
                        XR_DENY_TOKEN_ALGORITHM, v->url);
            f->policy.cloudfront_sha1 = true;
        }

        XR_CHECK(memcmp(&who, &before, sizeof(who)) == 0, v->url);
    }
}


/* No key, a key of another kind, and another key of the same id. */

static void
test_vectors_keys(void **state)
{
    size_t                   i;
    xr_keyset_t              keys;
    xr_principal_t           who;
    xr_auth_request_t        req;
    xr_cloudfront_params_t   p;

    fixture_t *f = *state;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        const vector_t  *v = &vectors[i];

        p = params(v->values);
        req = request(f, v->raw_path, v->query);

        memset(&keys, 0, sizeof(keys));
        XR_CHECK_EQ(verify(f, &p, &req, &keys, &who), XR_DENY_TOKEN_KEY,
                    v->url);

        keys = f->keys;
        keys.keys[0].kind = keys.keys[1].kind = keys.keys[2].kind
            = XR_KIND_JWT;
        XR_CHECK_EQ(verify(f, &p, &req, &keys, &who), XR_DENY_TOKEN_KEY,
                    v->url);

        keys = f->keys;
        keys.keys[0].id = f->keys.keys[1].id;
        keys.keys[1].id = f->keys.keys[2].id;
        keys.keys[2].id = f->keys.keys[0].id;
        XR_CHECK_EQ(verify(f, &p, &req, &keys, &who), XR_DENY_TOKEN_SIGNATURE,
                    v->url);
    }
}


/* Which host a URL may have been signed for, and that its query is signed. */

static void
test_hosts(void **state)
{
    size_t                   i;
    bool                     canned;
    xr_strs_t                hosts;
    xr_principal_t           who;
    xr_auth_request_t        req;
    xr_cloudfront_params_t   p;

    fixture_t *f = *state;

    hosts = f->policy.cloudfront_hosts;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        const vector_t  *v = &vectors[i];

        if (strcmp(v->resource, "*") == 0) {
            continue;
        }

        canned = (v->values[XR_CLOUDFRONT_POLICY] == NULL);

        p = params(v->values);
        req = request(f, v->raw_path, v->query);

        f->policy.cloudfront_hosts.packed = xr_str_of(NULL, 0);
        req.host = xr_str("other.example");
        XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who),
                    canned ? XR_DENY_TOKEN_SIGNATURE : XR_DENY_TOKEN_SCOPE,
                    v->url);

        req.host = xr_str(strstr(v->resource, CDN) != NULL ? CDN : HOST);
        XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who), XR_DENY_NONE,
                    v->url);
        f->policy.cloudfront_hosts = hosts;

        if (v->resource[strlen(v->resource) - 1] != '*') {
            req.query = xr_str("x=1");
            XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who),
                        canned ? XR_DENY_TOKEN_SIGNATURE
                               : XR_DENY_TOKEN_SCOPE, v->url);

            req.query = xr_str("");
            XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who),
                        canned ? XR_DENY_TOKEN_SIGNATURE
                               : XR_DENY_TOKEN_SCOPE, v->url);
        }
    }
}


/* At most XR_CLOUDFRONT_TRIES URLs are tried, whatever the list's length. */

static void
test_tries(void **state)
{
    char                     name[32];
    size_t                   i, n;
    uint8_t                  memory[512];
    xr_buf_t                 b;
    xr_strs_t                hosts;
    xr_principal_t           who;
    xr_auth_request_t        req;
    xr_cloudfront_params_t   p;

    fixture_t *f = *state;

    hosts = f->policy.cloudfront_hosts;
    p = params(vectors[1].values);
    req = request(f, vectors[1].raw_path, NULL);
    req.host = xr_str("edge.example");

    for (n = 0; n < 8; n++) {
        b = xr_buf(memory, sizeof(memory));

        for (i = 0; i < n; i++) {
            snprintf(name, sizeof(name), "h%zu.example", i);
            xr_buf_packed(&b, xr_str(name));
        }

        xr_buf_packed(&b, xr_str(HOST));
        f->policy.cloudfront_hosts.packed = xr_buf_str(&b);

        XR_CHECK_EQ(verify(f, &p, &req, &f->keys, &who),
                    n + 2 <= XR_CLOUDFRONT_TRIES / 2
                        ? XR_DENY_NONE : XR_DENY_TOKEN_SIGNATURE, name);
    }

    f->policy.cloudfront_hosts = hosts;
}


static void
test_parse(void **state)
{
    size_t                   i;
    xr_rc_t                  rc;
    uint8_t                  memory[64];
    xr_err_t                 err;
    xr_cloudfront_t          c, before;
    xr_cloudfront_params_t   p;

    static const struct {
        const char  *values[XR_CLOUDFRONT_PARAMS];
        xr_rc_t      rc;
        size_t       pos;
    } cases[] = {
        { { "1", NULL, SIG, "K1", NULL },               XR_OK, 0 },
        { { "1", NULL, SIG, "K1", "SHA1" },             XR_OK, 0 },
        { { "1", NULL, SIG, "K1", "SHA256" },           XR_OK, 0 },
        { { "9007199254740992", NULL, SIG, "K1", NULL }, XR_OK, 0 },
        { { "1", NULL, "AA__", "K1", NULL },            XR_OK, 0 },
        { { "1", NULL, "AAA_", "K1", NULL },            XR_OK, 0 },
        { { "1", NULL, "--~~", "K1", NULL },            XR_OK, 0 },
        { { "1", NULL, SIG, X32 X32, NULL },            XR_OK, 0 },

        /* which of them there are */

        { { NULL, NULL, NULL, NULL, NULL },             XR_INVALID, 0 },
        { { NULL, NULL, SIG, "K1", NULL },              XR_INVALID, 0 },
        { { "1", "e30_", SIG, "K1", NULL },             XR_INVALID, 0 },
        { { "1", NULL, NULL, "K1", NULL },              XR_INVALID, 0 },
        { { "1", NULL, SIG, NULL, NULL },               XR_INVALID, 0 },
        { { "", NULL, SIG, "K1", NULL },                XR_INVALID, 0 },
        { { NULL, "", SIG, "K1", NULL },                XR_INVALID, 0 },
        { { "1", NULL, "", "K1", NULL },                XR_INVALID, 0 },
        { { "1", NULL, SIG, "", NULL },                 XR_INVALID, 0 },
        { { "1", NULL, SIG, "K1", "" },                 XR_INVALID, 0 },

        /* one by one */

        { { "0", NULL, SIG, "K1", NULL },               XR_INVALID, 0 },
        { { "01", NULL, SIG, "K1", NULL },              XR_INVALID, 0 },
        { { "-1", NULL, SIG, "K1", NULL },              XR_INVALID, 0 },
        { { "+1", NULL, SIG, "K1", NULL },              XR_INVALID, 0 },
        { { "1 ", NULL, SIG, "K1", NULL },              XR_INVALID, 0 },
        { { "1.5", NULL, SIG, "K1", NULL },             XR_INVALID, 0 },
        { { "1e9", NULL, SIG, "K1", NULL },             XR_INVALID, 0 },
        { { "NaN", NULL, SIG, "K1", NULL },             XR_INVALID, 0 },
        { { "9007199254740993", NULL, SIG, "K1", NULL }, XR_INVALID, 0 },
        { { "18446744073709551617", NULL, SIG, "K1", NULL }, XR_INVALID, 0 },
        { { "1", NULL, "A", "K1", NULL },               XR_INVALID, 1 },
        { { "1", NULL, "AA", "K1", NULL },              XR_INVALID, 2 },
        { { "1", NULL, "AA==", "K1", NULL },            XR_INVALID, 0 },
        { { "1", NULL, "AA_", "K1", NULL },             XR_INVALID, 3 },
        { { "1", NULL, "A___", "K1", NULL },            XR_INVALID, 1 },
        { { "1", NULL, "____", "K1", NULL },            XR_INVALID, 0 },
        { { "1", NULL, "AA_A", "K1", NULL },            XR_INVALID, 2 },
        { { "1", NULL, "AA__AAAA", "K1", NULL },        XR_INVALID, 2 },
        { { "1", NULL, "AB__", "K1", NULL },            XR_INVALID, 0 },
        { { "1", NULL, "AAB_", "K1", NULL },            XR_INVALID, 0 },
        { { "1", NULL, "AAA+", "K1", NULL },            XR_INVALID, 0 },
        { { "1", NULL, "AAA/", "K1", NULL },            XR_INVALID, 0 },
        { { "1", NULL, "AA\nA", "K1", NULL },           XR_INVALID, 0 },
        { { "1", NULL, SIG, X32 X32 "x", NULL },        XR_INVALID, 0 },
        { { "1", NULL, SIG, "K1/", NULL },              XR_INVALID, 2 },
        { { "1", NULL, SIG, "K-1", NULL },              XR_INVALID, 1 },
        { { "1", NULL, SIG, "../k", NULL },             XR_INVALID, 0 },
        { { "1", NULL, SIG, "K@", NULL },               XR_INVALID, 1 },
        { { "1", NULL, SIG, "K[", NULL },               XR_INVALID, 1 },
        { { "1", NULL, SIG, "K1", "sha256" },           XR_INVALID, 0 },
        { { "1", NULL, SIG, "K1", "SHA512" },           XR_INVALID, 0 },
        { { "1", NULL, SIG, "K1", "MD5" },              XR_INVALID, 0 },
        { { "1", NULL, SIG, "K1", "none" },             XR_INVALID, 0 },
        { { NULL, "e30_", SIG, "K1", NULL },            XR_INVALID, 0 },
        { { NULL, "e3", SIG, "K1", NULL },              XR_INVALID, 2 }
    };

    (void) state;

    memset(&before, 0xee, sizeof(before));

    for (i = 0; i < XR_COUNT(cases); i++) {
        p = params(cases[i].values);
        err = (xr_err_t) { NULL, 9999 };
        c = before;

        rc = xr_cloudfront_parse(&p, memory, &c, &err);

        if (rc != cases[i].rc) {
            fail_msg("case %zu: %d, %s", i, rc, err.what);
        }

        if (rc != XR_OK && (err.what == NULL || err.pos != cases[i].pos
                            || memcmp(&c, &before, sizeof(c)) != 0))
        {
            fail_msg("case %zu: at %zu, %s", i, err.pos, err.what);
        }
    }
}


/* Parses a policy that is not encoded yet; free(*memory). */

static xr_rc_t
parse_policy(const char *policy, void **memory, xr_cloudfront_t *c,
    xr_err_t *err)
{
    char                     encoded[8192];
    xr_rc_t                  rc;
    xr_buf_t                 b;
    xr_cloudfront_params_t   p;
    const char              *values[XR_CLOUDFRONT_PARAMS] = {
        NULL, NULL, SIG, "K1", "SHA256"
    };

    p = params(values);

    b = xr_buf(encoded, sizeof(encoded));
    xr_cloudfront_encode(xr_str(policy), &b);
    assert_true(xr_buf_ok(&b));

    p.values[XR_CLOUDFRONT_POLICY] = xr_test_copy(xr_buf_str(&b));

    *memory = malloc(XR_CLOUDFRONT_MEMORY(b.len));
    assert_non_null(*memory);

    rc = xr_cloudfront_parse(&p, *memory, c, err);

    /* of what was sent only the id is needed once it is parsed */

    xr_test_copy_free(p.values[XR_CLOUDFRONT_POLICY]);

    return rc;
}


static void
test_policy(void **state)
{
    void             *memory;
    size_t            i;
    xr_rc_t           rc;
    xr_err_t          err;
    xr_cloudfront_t   c;

    static const struct {
        const char  *policy;
        const char  *resource;          /* NULL: any */
        int64_t      not_before;
        const char  *network;
    } cases[] = {
        { POLICY("https://a/*"),                "https://a/*", 0, "" },
        { POLICY("https:\\/\\/a\\/*"),          "https://a/*", 0, "" },
        { POLICY("https://a/\\u00fc"),          "https://a/\303\274", 0, "" },
        { POLICY("\303\274"),                   "\303\274", 0, "" },
        { POLICY("*"),                          "*", 0, "" },
        { WHEN(UNTIL),                          NULL, 0, "" },
        { WHEN(UNTIL ",\"DateGreaterThan\":{\"AWS:EpochTime\":1}"),
          NULL, 1, "" },
        { WHEN("\"DateGreaterThan\":{\"AWS:EpochTime\":1}," UNTIL),
          NULL, 1, "" },
        { WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.0/24\"}"),
          NULL, 0, "192.0.2.0/24" },
        { WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.0\\/24\"}"),
          NULL, 0, "192.0.2.0/24" },
        { WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.1\"}"),
          NULL, 0, "192.0.2.1" },
        { WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"2001:db8::/32\"}"),
          NULL, 0, "2001:db8::/32" },
        { "{ \"Statement\": [ {\n\"Condition\":\t{" UNTIL "},\r\n"
          "\"Resource\": \"x\" } ] }\n",        "x", 0, "" },
        { "{\"Statemen\\u0074\":[{\"Condition\":{" UNTIL "}}]}",
          NULL, 0, "" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        err.what = "";
        rc = parse_policy(cases[i].policy, &memory, &c, &err);

        if (rc != XR_OK) {
            fail_msg("%s: %s", cases[i].policy, err.what);
        }

        XR_CHECK(c.custom, cases[i].policy);
        XR_CHECK_STR(c.policy, cases[i].policy, cases[i].policy);
        XR_CHECK_EQ(c.any_resource, cases[i].resource == NULL,
                    cases[i].policy);
        XR_CHECK_STR(c.resource,
                     cases[i].resource != NULL ? cases[i].resource : "",
                     cases[i].policy);
        XR_CHECK_EQ(c.expires, 1767229200, cases[i].policy);
        XR_CHECK_EQ(c.not_before, cases[i].not_before, cases[i].policy);
        XR_CHECK_STR(c.network, cases[i].network, cases[i].policy);

        free(memory);
    }
}


static void
test_policy_refused(void **state)
{
    void             *memory;
    size_t            i;
    xr_err_t          err;
    xr_cloudfront_t   c;

    static const char *const  cases[] = {

        /* no JSON, or not that of a policy */

        "x", "null", "1", "[]", "\"Statement\"", "{}", "{\"Statement\":[",
        POLICY("x") "x",
        POLICY("x") POLICY("x"),
        "\357\273\277" POLICY("x"),
        POLICY("\377"),
        POLICY("a\nb"),
        "{\"Statement\":{}}",
        "{\"Statement\":[]}",
        "{\"Statement\":[[]]}",
        "{\"Statement\":[1]}",
        "{\"Statement\":\"x\"}",
        "{\"statement\":[{\"Condition\":{" UNTIL "}}]}",
        "{\"Statement\":[{}]}",
        "{\"Statement\":[{\"Resource\":\"x\"}]}",
        "{\"Statement\":[{\"Condition\":{" UNTIL "}},{\"Condition\":{" UNTIL
        "}}]}",
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Condition\":{" UNTIL
        "}}]}",
        "{\"Statement\":[{\"Condition\":{" UNTIL "}}],\"Id\":\"x\"}",
        "{\"Statement\":[{\"Condition\":{" UNTIL "}}],\"Statement\":[]}",

        /* members */

        "{\"Statement\":[{\"Effect\":\"Allow\",\"Condition\":{" UNTIL "}}]}",
        "{\"Statement\":[{\"resource\":\"x\",\"Condition\":{" UNTIL "}}]}",
        "{\"Statement\":[{\"Resource\":\"x\",\"Resource\":\"*\","
        "\"Condition\":{" UNTIL "}}]}",
        "{\"Statement\":[{\"Resource\":[\"x\"],\"Condition\":{" UNTIL "}}]}",
        "{\"Statement\":[{\"Resource\":null,\"Condition\":{" UNTIL "}}]}",
        "{\"Statement\":[{\"Resource\":\"\",\"Condition\":{" UNTIL "}}]}",
        "{\"Statement\":[{\"Condition\":[" "]}]}",
        "{\"Statement\":[{\"Condition\":null}]}",
        "{\"Statement\":[{\"Condition\":{" UNTIL "},\"Condition\":{" UNTIL
        "}}]}",
        WHEN(""),
        WHEN("\"DateGreaterThan\":{\"AWS:EpochTime\":1}"),
        WHEN("\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.1\"}"),
        WHEN(UNTIL "," UNTIL),
        WHEN(UNTIL ",\"StringEquals\":{\"a\":\"b\"}"),
        WHEN("\"dateLessThan\":{\"AWS:EpochTime\":1767229200}"),

        /* times */

        WHEN("\"DateLessThan\":1767229200"),
        WHEN("\"DateLessThan\":{}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":\"1767229200\"}"),
        WHEN("\"DateLessThan\":{\"aws:EpochTime\":1767229200}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":0}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":-1}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":1767229200.5}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":1e12}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":9007199254740993}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":null}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":{}}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":1,\"x\":2}"),
        WHEN("\"DateLessThan\":{\"x\":2,\"AWS:EpochTime\":1}"),
        WHEN("\"DateLessThan\":{\"AWS:EpochTime\":1,\"AWS:EpochTime\":2}"),
        WHEN(UNTIL ",\"DateGreaterThan\":{\"AWS:EpochTime\":\"1\"}"),
        WHEN(UNTIL ",\"DateGreaterThan\":{}"),

        /* addresses */

        WHEN(UNTIL ",\"IpAddress\":\"192.0.2.1\""),
        WHEN(UNTIL ",\"IpAddress\":{}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":1}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"\"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":[\"192.0.2.1\"]}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2\"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.1/\"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.1/33\"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.1/-1\"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.1/24 \"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.1/0024\"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"/24\"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"::1/129\"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"AWS:SourceIp\":\"*\"}"),
        WHEN(UNTIL ",\"IpAddress\":{\"SourceIp\":\"192.0.2.1\"}")
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        err = (xr_err_t) { NULL, SIZE_MAX };

        XR_CHECK_EQ(parse_policy(cases[i], &memory, &c, &err), XR_INVALID,
                    cases[i]);
        XR_CHECK(err.what != NULL, cases[i]);
        XR_CHECK(err.pos <= (strlen(cases[i]) + 2) / 3 * 4, cases[i]);

        free(memory);
    }
}


/* The largest policy and signature that are allowed, and one group more. */

static void
test_size(void **state)
{
    char              text[4096];
    void             *memory;
    size_t            n;
    xr_err_t          err;
    xr_cloudfront_t   c;

    (void) state;

    for (n = 3072; n <= 3075; n += 3) {
        memset(text, ' ', sizeof(text));
        memcpy(text, POLICY("x"), strlen(POLICY("x")));
        text[n] = '\0';

        assert_int_equal(parse_policy(text, &memory, &c, &err),
                         n == 3072 ? XR_OK : XR_INVALID);
        assert_true(n == 3072 || err.pos == XR_CLOUDFRONT_MAX_POLICY);

        free(memory);
    }
}


static void
test_size_signature(void **state)
{
    char                     text[1024];
    size_t                   n;
    xr_rc_t                  rc;
    xr_err_t                 err;
    xr_cloudfront_t          c;
    xr_cloudfront_params_t   p;
    const char              *values[XR_CLOUDFRONT_PARAMS] = {
        "1", NULL, text, "K1", NULL
    };

    (void) state;

    memset(text, 'A', sizeof(text));

    /* 512 bytes need 684 characters, of which one is padding */

    for (n = 680; n <= 688; n += 4) {
        text[n - 1] = (n == 684) ? '_' : 'A';
        text[n] = '\0';

        p = params(values);
        rc = xr_cloudfront_parse(&p, NULL, &c, &err);

        assert_int_equal(rc, n <= 684 ? XR_OK : XR_INVALID);
        assert_true(n > 684 || c.signature_len == (n == 684 ? 512 : 510));

        text[n - 1] = 'A';
        text[n] = 'A';
    }

    /* 513 bytes in as many characters */

    text[684] = '\0';
    p = params(values);
    assert_int_equal(xr_cloudfront_parse(&p, NULL, &c, &err), XR_INVALID);
}


/* Whether a resource covers a URL; the host is HOST or CDN. */

static void
test_judge_resource(void **state)
{
    void                *memory;
    char                 policy[1024];
    size_t               i;
    xr_deny_t            deny;
    xr_principal_t       who;
    xr_cloudfront_t      c;
    xr_auth_request_t    req;

    fixture_t *f = *state;

    static const struct {
        const char  *resource;
        const char  *raw_path;
        const char  *query;
        bool         covers;
    } cases[] = {
        { "https://" HOST "/a.glb",     "/a.glb",       NULL,       true },
        { "http://" HOST "/a.glb",      "/a.glb",       NULL,       true },
        { "https://" CDN "/a.glb",      "/a.glb",       NULL,       true },
        { "http*://" HOST "/a.glb",     "/a.glb",       NULL,       true },
        { "*://" CDN "/a.glb",          "/a.glb",       NULL,       true },
        { "http?://" HOST "/a.glb",     "/a.glb",       NULL,       true },
        { "/a.glb",                     "/a.glb",       NULL,       true },
        { "/*",                         "/a.glb",       NULL,       true },
        { "*",                          "/a.glb",       NULL,       true },
        { "*",                          "/a.glb",       "x=1",      true },
        { "*",                          "/a.glb",       "",         true },
        { "ftp://" HOST "/a.glb",       "/a.glb",       NULL,       false },
        { "https://evil.example/*",     "/a.glb",       NULL,       false },
        { "https://" HOST ":443/*",     "/a.glb",       NULL,       false },
        { HOST "/a.glb",                "/a.glb",       NULL,       false },
        { "//" HOST "/a.glb",           "/a.glb",       NULL,       false },
        { "https://" HOST,              "/",            NULL,       false },
        { "https://" HOST "/a.glb",     "/b.glb",       NULL,       false },
        { "https://" HOST "/a.glb",     "/a.glb2",      NULL,       false },
        { "https://" HOST "/a.glb",     "/a.gl",        NULL,       false },
        { "https://" HOST "/A.glb",     "/a.glb",       NULL,       false },
        { "https://" HOST "/a b",       "/a%20b",       NULL,       false },
        { "https://" HOST "/a%20b",     "/a%20b",       NULL,       true },

        /* wildcards */

        { "https://" HOST "/t1/*",      "/t1/a/b.glb",  NULL,       true },
        { "https://" HOST "/t1/*",      "/t1/",         NULL,       true },
        { "https://" HOST "/t1/*",      "/t1",          NULL,       false },
        { "https://" HOST "/t1/*",      "/t10/a",       NULL,       false },
        { "https://" HOST "/*.glb",     "/a/b.glb",     NULL,       true },
        { "https://" HOST "/*.glb",     "/a/b.json",    NULL,       false },
        { "https://" HOST "/?/b.glb",   "/a/b.glb",     NULL,       true },
        { "https://" HOST "/a?b.glb",   "/a/b.glb",     NULL,       true },
        { "https://" HOST "/a?b.glb",   "/ab.glb",      NULL,       false },
        { "https://*/a.glb",            "/a.glb",       NULL,       true },
        { "https://*.example/*",        "/a.glb",       NULL,       true },
        { "*/t1/*",                     "/t1/a",        NULL,       true },

        /* either scheme, but no host that the path spells out */

        { "http*://evil.example/*",     "/x://evil.example/a", NULL, false },
        { "*://evil.example/*",         "/x://evil.example/a", NULL, false },
        { "http*://evil.example/*",     "/a", "u=://evil.example/", false },

        /* the query is part of the URL */

        { "https://" HOST "/a.glb",     "/a.glb",       "v=1",      false },
        { "https://" HOST "/a.glb",     "/a.glb",       "",         false },
        { "https://" HOST "/a.glb?v=1", "/a.glb",       "v=1",      true },
        { "https://" HOST "/a.glb?v=1", "/a.glb",       "v=2",      false },
        { "https://" HOST "/a.glb?v=1", "/a.glb",       "v=1&w=2",  false },
        { "https://" HOST "/a.glb?v=1", "/a.glb",       NULL,       false },
        { "https://" HOST "/a.glb?",    "/a.glb",       "",         true },
        { "https://" HOST "/a.glb?*",   "/a.glb",       "v=1",      true },
        { "https://" HOST "/a.glb*",    "/a.glb",       "v=1",      true },
        { "https://" HOST "/a.glb?v=?", "/a.glb",       "v=7",      true },
        { "https://" HOST "/*?v=1",     "/a.glb",       "v=1",      true },
        { "https://" HOST "/?.glb?v=*", "/a.glb",       "v=1&w=?",  true },
        { "https://" HOST "/*.g??*v=1", "/a.glbz.glb",  "w=2&v=1",  false },
        { "https://" HOST "/*.g???v=1", "/a.glbz.glb",  "v=1",      true },
        { "/a.glb?v=1",                 "/a.glb",       "v=1",      true },
        { "/t1/*",                      "/t1/a.glb",    "v=1",      true },
        { "https://" HOST "/*down.zip*", "/a_down.zip", "license=yes", true },

        /* but it does not help the path */

        { "https://" HOST "/*.glb",     "/a.json",      ".glb",     false },
        { "https://" HOST "/*.glb",     "/a.json",      "x=.glb",   false },
        { "*/t1/*",                     "/t2/a",        "/t1/",     false },
        { "https://" HOST "/*/t1/*",    "/t2/a",        "x=/t1/y",  false },
        { "*.glb",                      "/a.json",      "x=a.glb",  false }
    };

    for (i = 0; i < XR_COUNT(cases); i++) {
        snprintf(policy, sizeof(policy), POLICY("%s"), cases[i].resource);

        assert_int_equal(parse_policy(policy, &memory, &c, NULL), XR_OK);

        req = request(f, cases[i].raw_path, cases[i].query);

        deny = xr_cloudfront_judge(&c, &req, &f->policy, &who);

        if (deny != (cases[i].covers ? XR_DENY_NONE : XR_DENY_TOKEN_SCOPE)) {
            fail_msg("\"%s\" and \"%s\" \"%s\": %d", cases[i].resource,
                     cases[i].raw_path,
                     cases[i].query != NULL ? cases[i].query : "-", deny);
        }

        free(memory);
    }
}


static void
test_judge_network(void **state)
{
    void                *memory;
    char                 policy[512];
    size_t               i;
    xr_addr_t            address;
    xr_principal_t       who;
    xr_cloudfront_t      c;
    xr_auth_request_t    req;

    fixture_t *f = *state;

    static const struct {
        const char  *network;
        const char  *address;
        bool         inside;
    } cases[] = {
        { "192.0.2.1",          "192.0.2.1",            true },
        { "192.0.2.1",          "::ffff:192.0.2.1",     true },
        { "192.0.2.1",          "192.0.2.2",            false },
        { "192.0.2.1/32",       "192.0.2.1",            true },
        { "192.0.2.1/32",       "192.0.2.0",            false },
        { "192.0.2.0/24",       "192.0.2.255",          true },
        { "192.0.2.0/24",       "192.0.3.0",            false },
        { "192.0.2.77/24",      "192.0.2.1",            true },
        { "192.0.2.77/24",      "192.0.3.77",           false },
        { "192.0.2.128/25",     "192.0.2.127",          false },
        { "128.0.0.0/1",        "192.0.2.1",            true },
        { "128.0.0.0/1",        "127.0.0.1",            false },
        { "0.0.0.0/1",          "2001:db8::1",          false },
        { "0.0.0.0/0",          "192.0.2.1",            true },
        { "0.0.0.0/0",          "2001:db8::1",          true },
        { "::/0",               "2001:db8::1",          true },
        { "2001:db8::/32",      "2001:db8:ffff::1",     true },
        { "2001:db8::1/32",     "2001:db8:ffff::1",     true },
        { "2001:db8::/32",      "2001:db9::1",          false },
        { "2001:db8::/32",      "192.0.2.1",            false },
        { "2001:db8::1",        "2001:db8::1",          true },
        { "2001:db8::1",        "2001:db8::2",          false }
    };

    for (i = 0; i < XR_COUNT(cases); i++) {
        snprintf(policy, sizeof(policy), WHEN(UNTIL ",\"IpAddress\":"
                 "{\"AWS:SourceIp\":\"%s\"}"), cases[i].network);

        assert_int_equal(parse_policy(policy, &memory, &c, NULL), XR_OK);
        assert_int_equal(xr_addr_parse(xr_str(cases[i].address), &address),
                         XR_OK);

        req = request(f, "/a", NULL);
        req.address = &address;

        XR_CHECK_EQ(xr_cloudfront_judge(&c, &req, &f->policy, &who),
                    cases[i].inside ? XR_DENY_NONE : XR_DENY_TOKEN_ADDRESS,
                    cases[i].network);

        free(memory);
    }
}


/* Times, then the address, then the resource. */

static void
test_judge_order(void **state)
{
    void                *memory;
    size_t               i;
    xr_principal_t       who, before;
    xr_cloudfront_t      c;
    xr_auth_policy_t     policy;
    xr_auth_request_t    req;

    fixture_t *f = *state;

    static const struct {
        int64_t    now;
        int64_t    leeway;
        int64_t    max_lifetime;
        xr_deny_t  deny;
    } cases[] = {
        { 99,   0,  50,     XR_DENY_TOKEN_EARLY },
        { 90,   10, 500,    XR_DENY_TOKEN_ADDRESS },
        { 89,   10, 500,    XR_DENY_TOKEN_EARLY },
        { 100,  0,  99,     XR_DENY_TOKEN_LIFETIME },
        { 100,  0,  100,    XR_DENY_TOKEN_ADDRESS },
        { 199,  0,  0,      XR_DENY_TOKEN_ADDRESS },
        { 200,  0,  0,      XR_DENY_TOKEN_EXPIRED },
        { 209,  10, 0,      XR_DENY_TOKEN_ADDRESS },
        { 210,  10, 0,      XR_DENY_TOKEN_EXPIRED }
    };

    memset(&before, 0xee, sizeof(before));
    who = before;

    assert_int_equal(parse_policy("{\"Statement\":[{\"Resource\":\"x\","
                                  "\"Condition\":{\"DateLessThan\":"
                                  "{\"AWS:EpochTime\":200},"
                                  "\"DateGreaterThan\":{\"AWS:EpochTime\":100}"
                                  ",\"IpAddress\":{\"AWS:SourceIp\":"
                                  "\"::1\"}}}]}", &memory, &c, NULL), XR_OK);

    req = request(f, "/a", NULL);
    policy = f->policy;

    for (i = 0; i < XR_COUNT(cases); i++) {
        req.now = cases[i].now;
        policy.leeway = cases[i].leeway;
        policy.max_lifetime = cases[i].max_lifetime;

        assert_int_equal(xr_cloudfront_judge(&c, &req, &policy, &who),
                         cases[i].deny);
        assert_memory_equal(&who, &before, sizeof(who));
    }

    free(memory);
}


/* No single character of what was sent can be changed, dropped or added. */

static void
test_tamper(void **state)
{
    char                     text[2048];
    size_t                   i, j, k, n;
    xr_principal_t           who;
    xr_auth_request_t        req;
    xr_cloudfront_params_t   p;

    fixture_t *f = *state;

    static const size_t  rows[] = { 1, 4, 13, 14 };

    for (i = 0; i < XR_COUNT(rows); i++) {
        const vector_t  *v = &vectors[rows[i]];

        req = request(f, v->raw_path, v->query);

        for (j = 0; j < XR_CLOUDFRONT_PARAMS; j++) {
            n = (v->values[j] != NULL) ? strlen(v->values[j]) : 0;
            assert_true(n < sizeof(text) - 1);

            for (k = 0; k < n; k++) {
                p = params(v->values);
                memcpy(text, v->values[j], n + 1);
                text[k] ^= 1;
                p.values[j] = xr_str_of(text, n);
                assert_int_not_equal(verify(f, &p, &req, &f->keys, &who),
                                     XR_DENY_NONE);

                p.values[j] = xr_str_of(v->values[j], k);
                assert_int_not_equal(verify(f, &p, &req, &f->keys, &who),
                                     XR_DENY_NONE);

                p.values[j] = xr_str_of(v->values[j] + k + 1, n - k - 1);
                assert_int_not_equal(verify(f, &p, &req, &f->keys, &who),
                                     XR_DENY_NONE);
            }
        }
    }
}


static uint32_t
any(uint32_t *seed, size_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;

    return *seed % (uint32_t) n;
}


/* Decodes a policy, changes what it says, and encodes it again. */

static void
mutate_policy(uint32_t *seed, xr_str_t encoded, xr_buf_t *out)
{
    char         text[2048], *p;
    size_t       i;
    xr_buf_t     policy, changed;
    uint8_t      memory[4096], parsed[8192];
    const char  *id = "K1";

    xr_cloudfront_t         c;
    xr_cloudfront_params_t  params_;

    static const char *const  changes[][2] = {
        { "1767229200", "1967229200" },
        { "1767225600", "1" },
        { "\"DateGreaterThan\"", "\"DateLessThan\"" },
        { "192.0.2.", "192.0.3." },
        { "/24", "/0" },
        { "/32", "/0" },
        { "/acme/r2", "*" },
        { "https://", "http*://" },
        { HOST, "*" },
        { ":", ": " },
        { "{", "{ " },
        { "\"Resource\"", "\"\\u0052esource\"" },
        { "\"Statement\"", "\"Version\":\"1\",\"Statement\"" },
        { "}}}]}", "}}},{}]}" },
        { "}}}]}", "}}}]}\n" },
        { "}}}]}", "}}}]}x" },
        { "}}}]}", "},\"DateLessThan\":{\"AWS:EpochTime\":1967229200}}}]}" }
    };

    memset(&params_, 0, sizeof(params_));
    params_.values[XR_CLOUDFRONT_POLICY] = encoded;
    params_.values[XR_CLOUDFRONT_SIGNATURE] = xr_str(SIG);
    params_.values[XR_CLOUDFRONT_KEY_PAIR_ID] = xr_str(id);

    assert_int_equal(xr_cloudfront_parse(&params_, parsed, &c, NULL), XR_OK);

    policy = xr_buf(text, sizeof(text) - 1);
    xr_buf_put(&policy, c.policy);
    text[policy.len] = '\0';

    do {
        i = any(seed, XR_COUNT(changes));
        p = strstr(text, changes[i][0]);
    } while (p == NULL);

    changed = xr_buf(memory, sizeof(memory));
    xr_buf_put(&changed, xr_str_of(text, (size_t) (p - text)));
    xr_buf_puts(&changed, changes[i][1]);
    xr_buf_puts(&changed, p + strlen(changes[i][0]));

    xr_cloudfront_encode(xr_buf_str(&changed), out);
}


static void
mutate_value(uint32_t *seed, xr_str_t value, xr_buf_t *out)
{
    size_t   i;
    uint8_t  c;

    static const char  alphabet[] = "AZaz09-~_+/=%1\n";

    c = (uint8_t) alphabet[any(seed, sizeof(alphabet))];

    if (value.len == 0) {
        xr_buf_putc(out, c);
        return;
    }

    i = any(seed, value.len);

    xr_buf_put(out, xr_str_of(value.data, i));

    switch (any(seed, 5)) {

    case 0:                                     /* one more */
        xr_buf_putc(out, c);
        break;

    case 1:                                     /* cut */
        return;

    case 2:                                     /* another bit */
        xr_buf_putc(out, (uint8_t) (value.data[i] ^ (1U << any(seed, 8))));
        i++;
        break;

    case 3:                                     /* another character */
        xr_buf_putc(out, c);
        i++;
        break;

    default:                                    /* a group of base64 less */
        i = (value.len - i > 4) ? i + 4 : value.len;
    }

    xr_buf_put(out, xr_str_of(value.data + i, value.len - i));
}


/* Changes one thing of "p"; "memory" is for what is new. */

static void
mutate(uint32_t *seed, xr_cloudfront_params_t *p, uint8_t memory[8192])
{
    size_t     i;
    xr_buf_t   b;
    xr_str_t  *value;

    b = xr_buf(memory, 8192);
    i = any(seed, XR_CLOUDFRONT_PARAMS);
    value = &p->values[i];

    switch (any(seed, 4)) {

    case 0:                                     /* from another one */
        *value = params(vectors[any(seed, XR_COUNT(vectors))].values)
                     .values[i];
        return;

    case 1:                                     /* in the policy, if any */
        value = &p->values[XR_CLOUDFRONT_POLICY];

        if (value->data != NULL) {
            mutate_policy(seed, *value, &b);
            break;
        }

        value = &p->values[XR_CLOUDFRONT_EXPIRES];
        xr_buf_uint(&b, 1767225800 + any(seed, 100000));
        break;

    case 2:                                     /* not at all */
        *value = xr_str_of(NULL, 0);
        return;

    default:

        if (value->data == NULL) {
            value = &p->values[XR_CLOUDFRONT_SIGNATURE];
        }

        mutate_value(seed, *value, &b);
    }

    *value = xr_buf_str(&b);
}


/* Whether somebody signed exactly this. */

static bool
signed_so(const xr_cloudfront_params_t *p)
{
    size_t                   i, j;
    xr_cloudfront_params_t   q;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        q = params(vectors[i].values);

        for (j = 0; j < XR_CLOUDFRONT_PARAMS; j++) {

            if (!xr_str_eq(p->values[j], q.values[j])
                || (p->values[j].data == NULL) != (q.values[j].data == NULL))
            {
                break;
            }
        }

        if (j == XR_CLOUDFRONT_PARAMS) {
            return true;
        }
    }

    return false;
}


static void
test_mutations(void **state)
{
    size_t                   i, n, changes, well_formed;
    uint8_t                  memory[3][8192];
    uint32_t                 seed;
    xr_deny_t                deny;
    const vector_t          *v;
    xr_principal_t           who;
    xr_auth_request_t        req;
    xr_cloudfront_params_t   p;

    fixture_t *f = *state;

    seed = 1;
    well_formed = 0;

    for (n = 0; n < 10000; /* void */ ) {
        v = &vectors[any(&seed, XR_COUNT(vectors))];
        req = request(f, v->raw_path, v->query);
        p = params(v->values);

        changes = 1 + any(&seed, 3);
        mutate(&seed, &p, memory[0]);

        for (i = 1; i < changes && p.values[XR_CLOUDFRONT_POLICY].data == NULL;
             i++)
        {
            mutate(&seed, &p, memory[i]);
        }

        if (signed_so(&p)) {
            continue;
        }

        deny = verify(f, &p, &req, &f->keys, &who);

        if (deny == XR_DENY_NONE) {
            fail_msg("mutation %zu of %s", n, v->url);
        }

        well_formed += (deny != XR_DENY_TOKEN_MALFORMED);
        n++;
    }

    assert_true(well_formed > 3000);
}


static void
test_write(void **state)
{
    void                *memory;
    uint8_t              text[1024];
    xr_buf_t             b;
    xr_cloudfront_t      c;

    (void) state;

    b = xr_buf(text, sizeof(text));
    xr_cloudfront_canned(xr_str("https://a/b?c=d"), 1767229200, &b);
    XR_CHECK_STR(xr_buf_str(&b), "{\"Statement\":[{\"Resource\":"
                 "\"https://a/b?c=d\",\"Condition\":{\"DateLessThan\":"
                 "{\"AWS:EpochTime\":1767229200}}}]}", "canned");

    b = xr_buf(text, sizeof(text) - 1);
    xr_cloudfront_custom(xr_str("https://a/\"\\\n*"), 1767229200, 1767225600,
                         xr_str("192.0.2.0/24"), &b);
    XR_CHECK_STR(xr_buf_str(&b), "{\"Statement\":[{\"Resource\":"
                 "\"https://a/\\\"\\\\\\u000a*\",\"Condition\":"
                 "{\"DateLessThan\":{\"AWS:EpochTime\":1767229200},"
                 "\"DateGreaterThan\":{\"AWS:EpochTime\":1767225600},"
                 "\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.0/24\"}}}]}",
                 "custom");

    text[b.len] = '\0';
    assert_int_equal(parse_policy((char *) text, &memory, &c, NULL), XR_OK);
    XR_CHECK_STR(c.resource, "https://a/\"\\\n*", "resource");
    XR_CHECK_STR(c.network, "192.0.2.0/24", "network");
    assert_int_equal(c.expires, 1767229200);
    assert_int_equal(c.not_before, 1767225600);

    free(memory);
}


static void
test_encode(void **state)
{
    size_t    i, size;
    uint8_t   text[32];
    xr_buf_t  b;

    static const struct {
        const char  *in;
        const char  *out;
    } cases[] = {
        { "",                   "" },
        { "f",                  "Zg__" },
        { "fo",                 "Zm8_" },
        { "foo",                "Zm9v" },
        { "\373\377\277",       "-~-~" },
        { "\377\377\377\377",   "~~~~~w__" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        for (size = 0; size < sizeof(text); size++) {
            b = xr_buf(text, size);
            xr_cloudfront_encode(xr_str(cases[i].in), &b);

            XR_CHECK_EQ(xr_buf_ok(&b), size >= strlen(cases[i].out),
                        cases[i].out);

            if (xr_buf_ok(&b)) {
                XR_CHECK_STR(xr_buf_str(&b), cases[i].out, cases[i].out);
            }
        }
    }

    /* what stands in the buffer before is left alone */

    b = xr_buf(text, sizeof(text));
    xr_buf_puts(&b, "a_b");
    xr_cloudfront_encode(xr_str("f"), &b);
    XR_CHECK_STR(xr_buf_str(&b), "a_bZg__", "appended");
}


/* The worst that a policy can say takes milliseconds, and is refused. */

static void
test_cost(void **state)
{
    void               *memory;
    char                policy[4096], path[8192];
    size_t              i, n;
    clock_t             start;
    xr_principal_t      who;
    xr_cloudfront_t     c;
    xr_auth_request_t   req;

    fixture_t *f = *state;

    static const char *const  units[] = { "*a", "a?", "*?", "aaaaaaa*?" };

    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[4000] = '\0';

    for (i = 0; i < XR_COUNT(units); i++) {
        n = (size_t) snprintf(policy, sizeof(policy),
                              "{\"Statement\":[{\"Resource\":\"*");

        while (n < 2800) {
            n += (size_t) snprintf(policy + n, sizeof(policy) - n, "%s",
                                   units[i]);
        }

        snprintf(policy + n, sizeof(policy) - n,
                 "b*?b\",\"Condition\":{" UNTIL "}}]}");

        assert_int_equal(parse_policy(policy, &memory, &c, NULL), XR_OK);

        req = request(f, path, path);
        start = clock();

        assert_int_equal(xr_cloudfront_judge(&c, &req, &f->policy, &who),
                         XR_DENY_TOKEN_SCOPE);
        assert_true((double) (clock() - start) / CLOCKS_PER_SEC < 0.5);

        free(memory);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_vectors_refused),
        cmocka_unit_test(test_vectors_keys),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_tries),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_policy_refused),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_size_signature),
        cmocka_unit_test(test_judge_resource),
        cmocka_unit_test(test_judge_network),
        cmocka_unit_test(test_judge_order),
        cmocka_unit_test(test_tamper),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_cost)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
