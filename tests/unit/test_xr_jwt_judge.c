/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "jwt_run.h"


#define HEADER  "{'alg':'HS256'}"
#define EXP     "'exp':1767225700"
#define NINE    "'/a','/b','/c','/d','/e','/f','/g','/h','/i'"
#define TEN     "'a','b','c','d','e','f','g','h','i','j'"

#define URI       "hash" URI_REST
#define URI_REST  ":sha-256;2tderfWPa86Ku7YnzW51YUp7dGUjBS_3SW3ELx4hmWY"

/* a JWE of RFC 9246's examples */

#define JWE     "eyJlbmMiOiJBMTI4R0NNIiwiYWxnIjoiZGlyIiwia2lkIjoiZi1XYmp4QkMz"  \
                "ZFB1STNkMjRrUDJoZnZvczdRejY4OFVUaTZhQjBoTjk5OCJ9..s614z__atK4" \
                "Cijic.ieSm7o2o7rIqCYbDExdoyQ.JUnPLQzBf2dPhBPRTxHKww"


typedef struct {
    xr_hmac_t  hmac;
    xr_key_t   key;
} fixture_t;


/* What is not said is what most cases have. */

typedef struct {
    const char  *claims;
    xr_deny_t    deny;
    const char  *raw_path;              /* "/acme/r2.glb" */
    const char  *path;                  /* as raw_path */
    const char  *query;                 /* none */
    const char  *host;                  /* "xr.acme.example" */
    const char  *address;               /* "192.0.2.1" */
    const char  *embed;
    const char  *country;
    const char  *issuers;
    const char  *audiences;
    const char  *names;                 /* "acme,xr.acme.example" */
    int64_t      leeway;
    int64_t      max_lifetime;
} case_t;


static int
setup(void **state)
{
    fixture_t  *f;

    f = malloc(sizeof(fixture_t));
    assert_non_null(f);

    f->key = jwt_key(&f->hmac, "h", XR_ALG_HS256, xr_str(X64));
    *state = f;

    return 0;
}


static int
teardown(void **state)
{
    free(*state);

    return 0;
}


static xr_str_t
or_else(const char *s, const char *other)
{
    return xr_str((s != NULL) ? s : other);
}


static xr_deny_t
judge(fixture_t *f, const case_t *c, jwt_run_t *r)
{
    uint8_t            token[TOKEN_MAX], header[TOKEN_MAX], claims[TOKEN_MAX];
    uint8_t            lists[3][256];
    xr_str_t           text;
    xr_deny_t          deny;
    xr_addr_t          address;
    xr_auth_policy_t   policy;
    xr_auth_request_t  req;

    memset(&policy, 0, sizeof(policy));
    memset(&req, 0, sizeof(req));

    policy.leeway = c->leeway;
    policy.max_lifetime = c->max_lifetime;
    policy.issuers = jwt_strs(c->issuers, lists[0]);
    policy.audiences = jwt_strs(c->audiences, lists[1]);
    policy.names = jwt_strs((c->names != NULL) ? c->names
                                               : "acme,xr.acme.example",
                            lists[2]);

    req.raw_path = xr_test_copy(or_else(c->raw_path, "/acme/r2.glb"));
    req.path = (c->path != NULL) ? xr_str(c->path) : req.raw_path;
    req.host = or_else(c->host, "xr.acme.example");
    req.embed = or_else(c->embed, "");
    req.country = or_else(c->country, "");
    req.address = &address;
    req.now = NOW;

    if (c->query != NULL) {
        req.query = xr_str(c->query);
    }

    text = or_else(c->address, "192.0.2.1");
    assert_int_equal(xr_addr_parse(text, &address), XR_OK);

    text = jwt_make(jwt_json(HEADER, header), jwt_json(c->claims, claims),
                    &f->key, token);
    deny = jwt_run(r, text, &f->key, 1, NULL, &req, &policy);

    xr_test_copy_free(req.raw_path);

    return deny;
}


/* Whoever is refused leaves no trace in the principal. */

static void
check(fixture_t *f, const case_t *cases, size_t n)
{
    size_t          i;
    jwt_run_t       r;
    xr_principal_t  before;

    memset(&before, 0, sizeof(before));
    before.key_id = f->key.id;

    for (i = 0; i < n; i++) {
        XR_CHECK_EQ(judge(f, &cases[i], &r), cases[i].deny, cases[i].claims);
        XR_CHECK_STR(r.who.key_id, "h", cases[i].claims);

        if (cases[i].deny != XR_DENY_NONE) {
            XR_CHECK(memcmp(&r.who, &before, sizeof(before)) == 0,
                     cases[i].claims);
        }

        jwt_run_free(&r);
    }
}


static void
test_times(void **state)
{
    static const case_t  cases[] = {
        { .claims = "{'exp':1767225601}", .deny = XR_DENY_NONE },
        { .claims = "{'exp':1767225600}", .deny = XR_DENY_TOKEN_EXPIRED },
        { .claims = "{'exp':1767225600.9}", .deny = XR_DENY_TOKEN_EXPIRED },
        { .claims = "{'exp':1767225601.9}", .deny = XR_DENY_NONE },
        { .claims = "{'exp':1}", .deny = XR_DENY_TOKEN_EXPIRED },
        { .claims = "{'exp':1767225541}", .deny = XR_DENY_NONE, .leeway = 60 },
        { .claims = "{'exp':1767225540}", .deny = XR_DENY_TOKEN_EXPIRED, .leeway = 60 },
        { .claims = "{'\\u0065xp':1767225601}", .deny = XR_DENY_NONE },
        { .claims = "{'exp':9007199254740991}", .deny = XR_DENY_NONE },
        { .claims = "{'exp':9007199254740991}", .deny = XR_DENY_TOKEN_LIFETIME,
          .max_lifetime = 3600 },
        { .claims = "{'exp':1767229200}", .deny = XR_DENY_NONE, .max_lifetime = 3600 },
        { .claims = "{'exp':1767229201}", .deny = XR_DENY_TOKEN_LIFETIME,
          .max_lifetime = 3600 },

        { .claims = "{}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'EXP':1767225601}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'a':{'exp':1767225601}}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':0}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':0.9}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':-1}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':null}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':true}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':'1767225601'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':[1767225601]}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':{'exp':1767225601}}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':1e400}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':18446744073709551617}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{'exp':18446744075476777217}", .deny = XR_DENY_TOKEN_CLAIM },

        { .claims = "{" EXP ",'nbf':1767225600}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'nbf':1767225601}", .deny = XR_DENY_TOKEN_EARLY },
        { .claims = "{" EXP ",'nbf':1767225660}", .deny = XR_DENY_NONE, .leeway = 60 },
        { .claims = "{" EXP ",'nbf':1767225661}", .deny = XR_DENY_TOKEN_EARLY, .leeway = 60 },
        { .claims = "{" EXP ",'nbf':0}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'nbf':-1}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'nbf':'0'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'nbf':null}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'iat':1767225600}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'iat':1767225601}", .deny = XR_DENY_TOKEN_EARLY },
        { .claims = "{" EXP ",'iat':1767225660.5}", .deny = XR_DENY_NONE, .leeway = 60 },
        { .claims = "{" EXP ",'iat':0}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'iat':-1}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'iat':'x'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'iat':false}", .deny = XR_DENY_TOKEN_CLAIM }
    };

    check(*state, cases, XR_COUNT(cases));
}


static void
test_names(void **state)
{
    static const case_t  cases[] = {

        /* iss */

        { .claims = "{" EXP ",'iss':'x'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'iss':''}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'iss':7}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'iss':['a']}", .deny = XR_DENY_TOKEN_CLAIM, .issuers = "a" },
        { .claims = "{" EXP ",'iss':null}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'iss':'a\\u0000'}", .deny = XR_DENY_TOKEN_CLAIM, .issuers = "a" },
        { .claims = "{" EXP ",'iss':'b'}", .deny = XR_DENY_NONE, .issuers = "a,b" },
        { .claims = "{" EXP ",'iss':'\\u0062'}", .deny = XR_DENY_NONE, .issuers = "a,b" },
        { .claims = "{" EXP ",'iss':'c'}", .deny = XR_DENY_TOKEN_ISSUER, .issuers = "a,b" },
        { .claims = "{" EXP ",'iss':'B'}", .deny = XR_DENY_TOKEN_ISSUER, .issuers = "a,b" },
        { .claims = "{" EXP ",'iss':'a,b'}", .deny = XR_DENY_TOKEN_ISSUER, .issuers = "a,b" },
        { .claims = "{" EXP ",'iss':'a '}", .deny = XR_DENY_TOKEN_ISSUER, .issuers = "a,b" },
        { .claims = "{" EXP ",'iss':''}", .deny = XR_DENY_TOKEN_ISSUER, .issuers = "a,b" },
        { .claims = "{" EXP "}", .deny = XR_DENY_TOKEN_ISSUER, .issuers = "a,b" },

        /* aud */

        { .claims = "{" EXP ",'aud':'acme'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'aud':'\\u0061cme'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'aud':'xr.acme.example'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'aud':['x','acme']}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'aud':['acme','x']}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'aud':'acme2'}", .deny = XR_DENY_TOKEN_AUDIENCE },
        { .claims = "{" EXP ",'aud':'acm'}", .deny = XR_DENY_TOKEN_AUDIENCE },
        { .claims = "{" EXP ",'aud':'ACME'}", .deny = XR_DENY_TOKEN_AUDIENCE },
        { .claims = "{" EXP ",'aud':''}", .deny = XR_DENY_TOKEN_AUDIENCE },
        { .claims = "{" EXP ",'aud':[]}", .deny = XR_DENY_TOKEN_AUDIENCE },
        { .claims = "{" EXP ",'aud':['x']}", .deny = XR_DENY_TOKEN_AUDIENCE },
        { .claims = "{" EXP ",'aud':'acme'}", .deny = XR_DENY_TOKEN_AUDIENCE, .names = "" },
        { .claims = "{" EXP ",'aud':'a'}", .deny = XR_DENY_NONE, .audiences = "a,b" },
        { .claims = "{" EXP ",'aud':['c','b']}", .deny = XR_DENY_NONE, .audiences = "a,b" },
        { .claims = "{" EXP ",'aud':'acme'}", .deny = XR_DENY_TOKEN_AUDIENCE,
          .audiences = "a,b" },
        { .claims = "{" EXP "}", .deny = XR_DENY_TOKEN_AUDIENCE, .audiences = "a" },
        { .claims = "{" EXP "}", .deny = XR_DENY_NONE, .names = "" },
        { .claims = "{" EXP ",'aud':null}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'aud':7}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'aud':{'acme':1}}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'aud':['acme',7]}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'aud':[['acme']]}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'aud':[" TEN "," TEN "," TEN "," TEN "," TEN "," TEN ",'a',"
          "'b','c','acme']}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'aud':[" TEN "," TEN "," TEN "," TEN "," TEN "," TEN ",'a',"
          "'b','c','d','acme']}", .deny = XR_DENY_TOKEN_CLAIM },

        /* sub and jti */

        { .claims = "{" EXP ",'sub':'','jti':''}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'sub':'" X256 "','jti':'" X256 "'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'sub':'" X256 "x'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'jti':'" X256 "x'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'sub':'" X64 X64 X64 "\\u00fc" X64 "'}",
          .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'sub':7}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'jti':7}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'sub':null}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'sub':['a']}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'sub':'a\\r\\nSet-Cookie: a'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'sub':'a\\u0000'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'sub':'a\\u007f'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'sub':'a\177'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'jti':'a\\t'}", .deny = XR_DENY_TOKEN_CLAIM }
    };

    check(*state, cases, XR_COUNT(cases));
}


static void
test_version(void **state)
{
    static const case_t  cases[] = {
        { .claims = "{" EXP ",'cdniv':1}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdniv':0}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniv':2}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniv':1.5}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniv':'1'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniv':true}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniv':null}", .deny = XR_DENY_TOKEN_CLAIM },

        { .claims = "{" EXP ",'cdnicrit':'path','path':'*'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdnicrit':'pat\\u0068','p\\u0061th':'*'}",
          .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdnicrit':'xr_rate,path,xr_quality','path':'*',"
          "'xr_rate':'a','xr_quality':'b'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdnicrit':'xr_origin,xr_country','xr_origin':'a.b',"
          "'xr_country':'DE'}", .deny = XR_DENY_NONE, .embed = "a.b",
          .country = "DE" },
        { .claims = "{" EXP ",'cdnicrit':'path'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':'path,xr_rate','path':'*'}",
          .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':'path,other','path':'*','other':1}",
          .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':'PATH','path':'*'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':''}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':',path','path':'*'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':'path,','path':'*'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':'path ','path':'*'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':'exp'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':'cdniv','cdniv':1}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':'cdnicrit'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':['path'],'path':'*'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnicrit':null}", .deny = XR_DENY_TOKEN_CLAIM },

        { .claims = "{" EXP ",'cdnistt':0}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdnistt':0,'cdnistd':2,'cdniets':30}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdnistt':0,'cdnistd':'2'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnistt':0,'cdniets':null}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnistt':1,'cdnistd':2,'cdniets':30}",
          .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnistt':1}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnistt':'0'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnistt':0.5}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnistt':null}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdnistd':0}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniets':30}", .deny = XR_DENY_TOKEN_CLAIM }
    };

    check(*state, cases, XR_COUNT(cases));
}


static void
test_address(void **state)
{
    static const case_t  cases[] = {
        { .claims = "{" EXP ",'cdniip':'192.0.2.1'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdniip':'192.0.2.\\u0031'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdniip':'192.0.2.0/24'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdniip':'::ffff:192.0.2.1'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'cdniip':'192.0.2.2'}", .deny = XR_DENY_TOKEN_ADDRESS },
        { .claims = "{" EXP ",'cdniip':'192.0.3.0/24'}", .deny = XR_DENY_TOKEN_ADDRESS },
        { .claims = "{" EXP ",'cdniip':'2001:db8::/32'}", .deny = XR_DENY_NONE,
          .address = "2001:db8::7" },
        { .claims = "{" EXP ",'cdniip':'2001:db8::/32'}", .deny = XR_DENY_TOKEN_ADDRESS,
          .address = "2001:db9::7" },
        { .claims = "{" EXP ",'cdniip':'2001:db8::/32'}", .deny = XR_DENY_TOKEN_ADDRESS },
        { .claims = "{" EXP ",'cdniip':'[2001:db8::1/32]'}", .deny = XR_DENY_TOKEN_CLAIM,
          .address = "2001:db8::1" },
        { .claims = "{" EXP ",'cdniip':'192.0.2.1/24'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniip':'192.0.2.1,192.0.2.2'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniip':'192.0.2.1\\u0000'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniip':'*'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniip':''}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniip':'" JWE "'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniip':['192.0.2.1']}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniip':null}", .deny = XR_DENY_TOKEN_CLAIM }
    };

    check(*state, cases, XR_COUNT(cases));
}


static void
test_path(void **state)
{
    static const case_t  cases[] = {
        { .claims = "{" EXP ",'path':'/acme/r2.glb'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'path':'\\/acme\\/r2.glb'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'path':'/acme/*'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'path':'/acme/r?.glb'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'path':'/acme/'}", .deny = XR_DENY_TOKEN_SCOPE },
        { .claims = "{" EXP ",'path':'/acme'}", .deny = XR_DENY_TOKEN_SCOPE },
        { .claims = "{" EXP ",'path':'/acme/*'}", .deny = XR_DENY_TOKEN_SCOPE,
          .raw_path = "/acme2/r2.glb" },
        { .claims = "{" EXP ",'path':['/a','/acme/*']}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'path':['/acme/*','/a']}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'path':['/a','/b/*']}", .deny = XR_DENY_TOKEN_SCOPE },
        { .claims = "{" EXP ",'path':'/a b'}", .deny = XR_DENY_NONE,
          .raw_path = "/a%20b", .path = "/a b" },
        { .claims = "{" EXP ",'path':'/a%20b'}", .deny = XR_DENY_NONE,
          .raw_path = "/a%20b", .path = "/a b" },
        { .claims = "{" EXP ",'path':'/\\u00fc/*'}", .deny = XR_DENY_NONE,
          .raw_path = "/%c3%bc/a", .path = "/\303\274/a" },
        { .claims = "{" EXP ",'path':''}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'path':[]}", .deny = XR_DENY_TOKEN_SCOPE },
        { .claims = "{" EXP ",'path':['/acme/*','']}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'path':['/acme/*',7]}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'path':[['/acme/*']]}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'path':{'a':'/acme/*'}}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'path':null}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'path':true}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'path':[" NINE ",'/1','/2','/3','/4','/5','/6','*']}",
          .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'path':['*'," NINE ",'/1','/2','/3','/4','/5','/6','/7']}",
          .deny = XR_DENY_TOKEN_CLAIM }
    };

    check(*state, cases, XR_COUNT(cases));
}


static void
test_constraints(void **state)
{
    static const case_t  cases[] = {
        { .claims = "{" EXP ",'xr_origin':'shop.example|*.acme.example'}", .deny = XR_DENY_NONE,
          .embed = "www.acme.example" },
        { .claims = "{" EXP ",'xr_origin':'shop.exampl\\u0065'}", .deny = XR_DENY_NONE,
          .embed = "shop.example" },
        { .claims = "{" EXP ",'xr_origin':'shop.example'}", .deny = XR_DENY_TOKEN_EMBED,
          .embed = "evil.example" },
        { .claims = "{" EXP ",'xr_origin':'shop.example'}", .deny = XR_DENY_TOKEN_EMBED },
        { .claims = "{" EXP ",'xr_origin':''}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'xr_origin':'|'}", .deny = XR_DENY_TOKEN_CLAIM,
          .embed = "shop.example" },
        { .claims = "{" EXP ",'xr_origin':['shop.example']}", .deny = XR_DENY_TOKEN_CLAIM,
          .embed = "shop.example" },
        { .claims = "{" EXP ",'xr_origin':null}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'xr_country':'DE|FR'}", .deny = XR_DENY_NONE, .country = "FR" },
        { .claims = "{" EXP ",'xr_country':'DE|FR'}", .deny = XR_DENY_TOKEN_COUNTRY,
          .country = "US" },
        { .claims = "{" EXP ",'xr_country':'DE|FR'}", .deny = XR_DENY_TOKEN_COUNTRY },
        { .claims = "{" EXP ",'xr_country':'de'}", .deny = XR_DENY_TOKEN_CLAIM,
          .country = "DE" },
        { .claims = "{" EXP ",'xr_country':''}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'xr_country':49}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'xr_quality':'high','xr_rate':'gold'}", .deny = XR_DENY_NONE },
        { .claims = "{" EXP ",'xr_quality':'','xr_rate':'gold'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'xr_rate':''}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'xr_rate':'a b'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'xr_rate':'a\\n'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'xr_rate':1}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'xr_other':1}", .deny = XR_DENY_NONE }
    };

    check(*state, cases, XR_COUNT(cases));
}


/* What comes first when there are several reasons. */

static void
test_order(void **state)
{
    static const case_t  cases[] = {
        { .claims = "{'exp':1,'nbf':1767225700,'iss':'x','aud':'y','cdniip':'::1',"
          "'path':'/x','cdniv':2}", .deny = XR_DENY_TOKEN_CLAIM, .issuers = "a" },
        { .claims = "{'exp':1,'nbf':1767225700,'iss':'x','aud':'y','cdniip':'::1',"
          "'path':'/x'}", .deny = XR_DENY_TOKEN_ISSUER, .issuers = "a" },
        { .claims = "{'exp':1,'nbf':1767225700,'aud':'y','cdniip':'::1','path':'/x'}",
          .deny = XR_DENY_TOKEN_AUDIENCE },
        { .claims = "{'exp':1,'nbf':1767225700,'cdniip':'::1','path':'/x'}",
          .deny = XR_DENY_TOKEN_EARLY },
        { .claims = "{'exp':1,'cdniip':'::1','path':'/x'}", .deny = XR_DENY_TOKEN_EXPIRED },
        { .claims = "{" EXP ",'cdniip':'::1','path':'/x'}", .deny = XR_DENY_TOKEN_LIFETIME,
          .max_lifetime = 1 },
        { .claims = "{" EXP ",'cdniip':'::1','path':'/x','xr_country':'DE'}",
          .deny = XR_DENY_TOKEN_ADDRESS },
        { .claims = "{" EXP ",'path':'/x','xr_country':'DE'}", .deny = XR_DENY_TOKEN_SCOPE }
    };

    check(*state, cases, XR_COUNT(cases));
}


/* The container itself is the matter of xr_jwt_uri_judge(). */

static void
test_uri(void **state)
{
    static const case_t  cases[] = {
        { .claims = "{" EXP ",'cdniuc':'" URI "'}", .deny = XR_DENY_NONE,
          .host = "cdni.example", .raw_path = "/foo/bar" },
        { .claims = "{" EXP ",'cdniuc':'h\\u0061sh" URI_REST "'}", .deny = XR_DENY_NONE,
          .host = "cdni.example", .raw_path = "/foo/bar" },
        { .claims = "{" EXP ",'cdniuc':'" URI "'}", .deny = XR_DENY_TOKEN_SCOPE,
          .host = "cdni.example", .raw_path = "/foo/bar2" },
        { .claims = "{" EXP ",'cdniuc':'regex:.*'}", .deny = XR_DENY_TOKEN_CLAIM },
        { .claims = "{" EXP ",'cdniuc':'" URI "\\u0000'}", .deny = XR_DENY_TOKEN_CLAIM,
          .host = "cdni.example", .raw_path = "/foo/bar" },
        { .claims = "{" EXP ",'cdniuc':['" URI "']}", .deny = XR_DENY_TOKEN_CLAIM,
          .host = "cdni.example", .raw_path = "/foo/bar" },
        { .claims = "{" EXP ",'cdniuc':null}", .deny = XR_DENY_TOKEN_CLAIM }
    };

    check(*state, cases, XR_COUNT(cases));
}


static void
test_principal(void **state)
{
    jwt_run_t  r;

    static const case_t  plain = { .claims = "{" EXP "}", .deny = XR_DENY_NONE };
    static const case_t  full = {
        .claims = "{" EXP ".75,'nbf':1767225500,'iat':1767225400,'sub':'a\\u00fc \\\"b',"
        "'jti':'id-\\/1','xr_origin':'a.b|*.c','xr_country':'D\\u0045',"
        "'xr_quality':'low','xr_rate':'g\\u006fld','x':'\\u0061'}",
        .deny = XR_DENY_NONE, .embed = "a.b", .country = "DE"
    };

    assert_int_equal(judge(*state, &full, &r), XR_DENY_NONE);
    assert_int_equal(r.who.kind, XR_KIND_JWT);
    XR_CHECK_STR(r.who.subject, "a\303\274 \"b", "subject");
    XR_CHECK_STR(r.who.token_id, "id-/1", "token id");
    XR_CHECK_STR(r.who.key_id, "h", "key id");
    assert_int_equal(r.who.not_before, 1767225500);
    assert_int_equal(r.who.expires, 1767225700);
    XR_CHECK_STR(r.who.constraints.origin, "a.b|*.c", "origin");
    XR_CHECK_STR(r.who.constraints.country, "DE", "country");
    XR_CHECK_STR(r.who.constraints.quality, "low", "quality");
    XR_CHECK_STR(r.who.constraints.rate, "gold", "rate");
    jwt_run_free(&r);

    assert_int_equal(judge(*state, &plain, &r), XR_DENY_NONE);
    assert_int_equal(r.who.kind, XR_KIND_JWT);
    assert_int_equal(r.who.subject.len, 0);
    assert_int_equal(r.who.token_id.len, 0);
    assert_int_equal(r.who.not_before, 0);
    assert_int_equal(r.who.constraints.origin.len, 0);
    assert_int_equal(r.who.constraints.rate.len, 0);
    jwt_run_free(&r);
}


/* Less memory than promised is a refusal, and no write beyond it. */

static void
test_memory(void **state)
{
    size_t            n;
    uint8_t           memory[16];
    xr_buf_t          b;
    xr_deny_t         deny;
    jwt_run_t         r;
    xr_principal_t    who;
    xr_auth_policy_t  policy;
    xr_auth_request_t req;

    static const case_t  c = { .claims = "{" EXP ",'sub':'\\u0061bcd'}", .deny = XR_DENY_NONE };

    memset(&policy, 0, sizeof(policy));
    memset(&req, 0, sizeof(req));
    memset(&who, 0, sizeof(who));
    req.now = NOW;

    assert_int_equal(judge(*state, &c, &r), XR_DENY_NONE);

    for (n = 0; n < sizeof(memory); n++) {
        b = xr_buf(memory, n);
        deny = xr_jwt_judge(&r.t, &req, &policy, &b, &who);

        assert_int_equal(deny, (n < 4) ? XR_DENY_TOKEN_CLAIM : XR_DENY_NONE);
    }

    jwt_run_free(&r);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_uri),
        cmocka_unit_test(test_principal),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
