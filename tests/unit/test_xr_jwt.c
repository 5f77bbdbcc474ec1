/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "jwt_run.h"


static void
test_is(void **state)
{
    size_t    i;
    xr_str_t  token;

    static const struct {
        const char  *token;
        bool         is;
    } cases[] = {
        { "a.b.c", true },
        { "aA0-_.b.c", true },
        { "a.b.", true },
        { "", false },
        { "a", false },
        { "a.b", false },
        { ".b.c", false },
        { "a..c", false },
        { "..", false },
        { "a.b.c.d", false },
        { "a.b.c.d.e", false },
        { "a.b.c.", false },
        { "a=.b.c", false },
        { "a.b+.c", false },
        { "a.b.c/", false },
        { " a.b.c", false },
        { "a.b.c\n", false },
        { "exp=1~acl=/a.b.c~hmac=00", false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        token = xr_test_copy(xr_str(cases[i].token));
        XR_CHECK_EQ(xr_jwt_is(token), cases[i].is, cases[i].token);
        xr_test_copy_free(token);
    }

    assert_false(xr_jwt_is(xr_str_of(NULL, 0)));
}


/* What is refused leaves "t" as it was, and says where it is wrong. */

static xr_rc_t
parse(xr_str_t token, xr_jwt_t *t, const char *what)
{
    void      *memory;
    xr_rc_t    rc;
    xr_err_t   err;
    xr_jwt_t   before;

    token = xr_test_copy(token);
    memory = malloc(XR_JWT_MEMORY(token.len) + 1);
    assert_non_null(memory);

    memset(t, 0xee, sizeof(xr_jwt_t));
    memset(&before, 0xee, sizeof(xr_jwt_t));
    err = (xr_err_t) { NULL, SIZE_MAX };

    rc = xr_jwt_parse(token, memory, t, &err);

    if (rc != XR_OK) {
        XR_CHECK(err.what != NULL && err.pos <= token.len, what);
        XR_CHECK(memcmp(t, &before, sizeof(before)) == 0, what);
    }

    xr_test_copy_free(token);
    free(memory);

    return rc;
}


static void
test_parse_token(void **state)
{
    size_t    i;
    xr_jwt_t  t;

    static const struct {
        const char  *token;
        xr_rc_t      rc;
    } cases[] = {
        { "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", XR_OK },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AA", XR_OK },

        /* parts */

        { "", XR_INVALID },
        { ".", XR_INVALID },
        { "..", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9..AAAA", XR_INVALID },
        { ".e30.AAAA", XR_INVALID },
        { ".eyJhbGciOiJIUzI1NiJ9.e30.AAAA", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30..AAAA", XR_INVALID },
        { "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA",
          XR_INVALID },

        /* base64url */

        { "eyJhbGciOiJIUzI1NiJ9.e30=.AAAA", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AAA=", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AA==", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AA+A", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AA/A", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.A", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AB", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e31.AAAA", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30 .AAAA", XR_INVALID },
        { " eyJhbGciOiJIUzI1NiJ9.e30.AAAA", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AAAA\n", XR_INVALID },
        { "eyJhbGciOiJI\nUzI1NiJ9.e30.AAAA", XR_INVALID },
        { "eyJhbGciOiJIUzI1NiJ9%2Ee30%2EAAAA", XR_INVALID },

        /* RFC 7515, appendix A.4: the payload is no JSON; A.5: no signature */

        { "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh", XR_INVALID },
        { "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQo"
          "gImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.", XR_DENIED }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(parse(xr_str(cases[i].token), &t, cases[i].token),
                    cases[i].rc, cases[i].token);
    }

    assert_int_equal(xr_jwt_parse(xr_str_of(NULL, 0), NULL, &t, NULL),
                     XR_INVALID);
}


static xr_rc_t
parse_parts(const char *header, const char *payload, const char *what)
{
    uint8_t   memory[TOKEN_MAX], text[2][TOKEN_MAX];
    xr_jwt_t  t;
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));

    xr_buf_base64url(&b, jwt_json(header, text[0]));
    xr_buf_putc(&b, '.');
    xr_buf_base64url(&b, jwt_json(payload, text[1]));
    xr_buf_puts(&b, ".AAAA");
    assert_true(xr_buf_ok(&b));

    return parse(xr_buf_str(&b), &t, what);
}


static void
test_parse_header(void **state)
{
    size_t  i;

    static const struct {
        const char  *header;
        xr_rc_t      rc;
    } cases[] = {

        /* alg */

        { "{'alg':'HS256'}", XR_OK },
        { "{'alg':'HS384'}", XR_OK },
        { "{'alg':'HS512'}", XR_OK },
        { "{'alg':'RS256'}", XR_OK },
        { "{'alg':'PS512'}", XR_OK },
        { "{'alg':'ES384'}", XR_OK },
        { "{'alg':'EdDSA'}", XR_OK },
        { " { 'typ' : 'JWT' ,\r\n\t'alg' : 'HS256' } ", XR_OK },
        { "{'\\u0061lg':'HS25\\u0036'}", XR_OK },
        { "{'alg':'none'}", XR_DENIED },
        { "{'alg':'None'}", XR_DENIED },
        { "{'alg':'NONE'}", XR_DENIED },
        { "{'alg':'nOnE'}", XR_DENIED },
        { "{'alg':'n\\u006fne'}", XR_DENIED },
        { "{'alg':'none '}", XR_DENIED },
        { "{'alg':''}", XR_DENIED },
        { "{'alg':'hs256'}", XR_DENIED },
        { "{'alg':'HS256 '}", XR_DENIED },
        { "{'alg':'HS256\\u0000'}", XR_DENIED },
        { "{'alg':'HS1'}", XR_DENIED },
        { "{'alg':'ES256K'}", XR_DENIED },
        { "{'alg':'RSA-OAEP'}", XR_DENIED },
        { "{'alg':'dir'}", XR_DENIED },
        { "{'alg':'\\u0048S256" X64 "'}", XR_DENIED },
        { "{'alg':'" X64 "'}", XR_DENIED },
        { "{}", XR_INVALID },
        { "{'ALG':'HS256'}", XR_INVALID },
        { "{'alg ':'HS256'}", XR_INVALID },
        { "{'alg':null}", XR_INVALID },
        { "{'alg':256}", XR_INVALID },
        { "{'alg':false}", XR_INVALID },
        { "{'alg':['HS256']}", XR_INVALID },
        { "{'alg':{'alg':'HS256'}}", XR_INVALID },
        { "{'alg':'HS256','alg':'HS256'}", XR_INVALID },
        { "{'alg':'HS256','alg':'none'}", XR_INVALID },
        { "{'alg':'HS256','\\u0061lg':'none'}", XR_INVALID },

        /* kid */

        { "{'alg':'HS256','kid':'a'}", XR_OK },
        { "{'alg':'HS256','kid':''}", XR_OK },
        { "{'alg':'HS256','kid':'../../dev/null'}", XR_OK },
        { "{'alg':'HS256','kid':'a\\' UNION SELECT 1;--'}", XR_OK },
        { "{'alg':'HS256','kid':'$(id)|`id`;%00'}", XR_OK },
        { "{'alg':'HS256','kid':'\303\274\\ud83e\\udd16'}", XR_OK },
        { "{'alg':'HS256','kid':'" X256 "'}", XR_OK },
        { "{'alg':'HS256','kid':'" X256 "x'}", XR_INVALID },
        { "{'alg':'HS256','kid':'" X256 "\\u0078'}", XR_INVALID },
        { "{'alg':'HS256','kid':'" X64 X64 X64 "\\u00fc" X64 "'}",
          XR_INVALID },
        { "{'alg':'HS256','kid':'a\\u0000'}", XR_INVALID },
        { "{'alg':'HS256','kid':'a\\n'}", XR_INVALID },
        { "{'alg':'HS256','kid':'a\n'}", XR_INVALID },
        { "{'alg':'HS256','kid':'a\177'}", XR_INVALID },
        { "{'alg':'HS256','kid':'\\ud83e'}", XR_INVALID },
        { "{'alg':'HS256','kid':'\377'}", XR_INVALID },
        { "{'alg':'HS256','kid':1}", XR_INVALID },
        { "{'alg':'HS256','kid':null}", XR_INVALID },
        { "{'alg':'HS256','kid':['a']}", XR_INVALID },
        { "{'alg':'HS256','kid':'a','kid':'a'}", XR_INVALID },

        /* typ and cty */

        { "{'alg':'HS256','typ':'at+jwt'}", XR_OK },
        { "{'alg':'HS256','typ':1}", XR_INVALID },
        { "{'alg':'HS256','typ':null}", XR_INVALID },
        { "{'alg':'HS256','cty':'json'}", XR_OK },
        { "{'alg':'HS256','cty':'JWT'}", XR_INVALID },
        { "{'alg':'HS256','cty':'jWt'}", XR_INVALID },
        { "{'alg':'HS256','cty':'J\\u0057T'}", XR_INVALID },
        { "{'alg':'HS256','cty':'application/jwt'}", XR_INVALID },
        { "{'alg':'HS256','cty':1}", XR_INVALID },

        /* what changes how a token is read */

        { "{'alg':'HS256','crit':['exp']}", XR_INVALID },
        { "{'alg':'HS256','crit':[]}", XR_INVALID },
        { "{'alg':'HS256','b64':false}", XR_INVALID },
        { "{'alg':'HS256','b64':true}", XR_INVALID },
        { "{'alg':'HS256','zip':'DEF'}", XR_INVALID },
        { "{'alg':'HS256','enc':'A128GCM'}", XR_INVALID },
        { "{'alg':'HS256','\\u0063rit':null}", XR_INVALID },

        /* keys that are nobody's */

        { "{'alg':'HS256','jku':'https://evil.example/k','x5u':'file:///'}",
          XR_OK },
        { "{'alg':'HS256','jwk':{'kty':'oct','k':'AAAA'},'x5c':['AAAA'],"
          "'x5t':'AAAA'}", XR_OK },

        /* JSON */

        { "", XR_INVALID },
        { "x", XR_INVALID },
        { "null", XR_INVALID },
        { "[]", XR_INVALID },
        { "'HS256'", XR_INVALID },
        { "{'alg':'HS256'", XR_INVALID },
        { "{'alg':'HS256'}}", XR_INVALID },
        { "{'alg':'HS256',}", XR_INVALID },
        { "{'alg':'HS256'}{}", XR_INVALID },
        { "{alg:'HS256'}", XR_INVALID },
        { "{'alg':'HS256'/**/}", XR_INVALID },
        { "\357\273\277{'alg':'HS256'}", XR_INVALID },
        { "{'alg':'HS256','a':{'b':{'c':{}}}}", XR_OK },
        { "{'alg':'HS256','a':{'b':{'c':[[]]}}}", XR_INVALID }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(parse_parts(cases[i].header, "{}", cases[i].header),
                    cases[i].rc, cases[i].header);
    }
}


static void
test_parse_payload(void **state)
{
    size_t  i;

    static const struct {
        const char  *payload;
        xr_rc_t      rc;
    } cases[] = {
        { "{}", XR_OK },
        { " {'exp':1} ", XR_OK },
        { "{'a':{'b':{'c':{'d':{'e':{'f':{'g':{}}}}}}}}", XR_OK },
        { "{'a':{'b':{'c':{'d':{'e':{'f':{'g':[[]]}}}}}}}", XR_INVALID },
        { "x", XR_INVALID },
        { "[]", XR_INVALID },
        { "['exp']", XR_INVALID },
        { "1", XR_INVALID },
        { "null", XR_INVALID },
        { "'eyJhbGciOiJIUzI1NiJ9.e30.AAAA'", XR_INVALID },
        { "{'exp':1,'exp':2}", XR_INVALID },
        { "{'exp':1,'e\\u0078p':2}", XR_INVALID },
        { "{'a':{'b':1,'b':1}}", XR_INVALID },
        { "{'exp':NaN}", XR_INVALID },
        { "{'exp':01}", XR_INVALID },
        { "{'exp':+1}", XR_INVALID },
        { "{'exp':0x1}", XR_INVALID },
        { "{'a':'\377'}", XR_INVALID },
        { "{'a':'\\udc00'}", XR_INVALID },
        { "{} {}", XR_INVALID }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(parse_parts("{'alg':'HS256'}", cases[i].payload,
                                cases[i].payload),
                    cases[i].rc, cases[i].payload);
    }
}


/* Members "0" to "n - 1", inside an object or not. */

static void
members(char *out, size_t size, size_t n, bool inside)
{
    size_t  i, len;

    len = (size_t) snprintf(out, size, "%s", inside ? "{'a':{" : "{");

    for (i = 0; i < n; i++) {
        len += (size_t) snprintf(out + len, size - len, "%s'%zu':0",
                                 (i > 0) ? "," : "", i);
    }

    snprintf(out + len, size - len, "%s", inside ? "}}" : "}");
}


static void
test_parse_limits(void **state)
{
    char      text[9000];
    size_t    n;
    uint8_t   token[TOKEN_MAX];
    xr_jwt_t  t;

    (void) state;

    members(text, sizeof(text), 64, false);
    assert_int_equal(parse_parts("{'alg':'HS256'}", text, "64"), XR_OK);

    members(text, sizeof(text), 65, false);
    assert_int_equal(parse_parts("{'alg':'HS256'}", text, "65"), XR_INVALID);

    members(text, sizeof(text), 63, true);
    assert_int_equal(parse_parts("{'alg':'HS256'}", text, "63"), XR_OK);

    members(text, sizeof(text), 64, true);
    assert_int_equal(parse_parts("{'alg':'HS256'}", text, "64"), XR_INVALID);

    for (n = 1024; n <= 1025; n++) {
        snprintf(text, sizeof(text), "{'alg':'HS256','a':'%0*d'}",
                 (int) (n - 22), 0);
        assert_int_equal(strlen(text), n);
        assert_int_equal(parse_parts(text, "{}", text),
                         (n == 1024) ? XR_OK : XR_INVALID);
    }

    memset(token, 'A', sizeof(token));
    memcpy(token, "eyJhbGciOiJIUzI1NiJ9.e30.", 25);

    for (n = XR_JWT_MAX_SIZE; n <= XR_JWT_MAX_SIZE + 2; n++) {
        assert_int_equal(parse(xr_str_of(token, n), &t, "size"),
                         (n == XR_JWT_MAX_SIZE) ? XR_OK : XR_INVALID);
    }
}


static void
test_parse_fields(void **state)
{
    uint8_t   memory[TOKEN_MAX], text[TOKEN_MAX];
    xr_buf_t  b;
    xr_str_t  token;
    xr_jwt_t  t;

    (void) state;

    b = xr_buf(memory, sizeof(memory));
    xr_buf_base64url(&b, jwt_json("{'kid':'a\\u00fc','alg':'ES256'}", text));
    xr_buf_puts(&b, ".");
    xr_buf_base64url(&b, jwt_json(" {'exp':1} ", text));
    xr_buf_puts(&b, ".AQID");
    token = xr_buf_str(&b);

    assert_int_equal(xr_jwt_parse(token, text, &t, NULL), XR_OK);

    assert_int_equal(t.alg, XR_ALG_ES256);
    assert_true(t.has_kid);
    XR_CHECK_STR(t.kid, "a\303\274", "kid");
    XR_CHECK_STR(t.claims.raw, "{\"exp\":1}", "claims");
    XR_CHECK_STR(t.signature, "\001\002\003", "signature");
    assert_int_equal(t.claims.type, XR_JSON_OBJECT);
    assert_ptr_equal(t.input.data, token.data);
    assert_int_equal(t.input.len, token.len - 5);

    assert_int_equal(xr_jwt_parse(xr_str("eyJhbGciOiJIUzI1NiJ9.e30.AAAA"),
                                  text, &t, NULL), XR_OK);
    assert_false(t.has_kid);
    assert_int_equal(t.kid.len, 0);
}


static void
test_parse_position(void **state)
{
    size_t    i;
    xr_err_t  err;
    xr_jwt_t  t;
    uint8_t   memory[1024];

    /* {"alg":"HS256","kid":7}, {"alg":"HS256"} and {"exp":01} */

    static const struct {
        const char  *token;
        size_t       first;
        size_t       last;
    } cases[] = {
        { "eyJhbGciOiJIUzI1NiIsImtpZCI6N30.e30.AAAA", 28, 28 },
        { "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjAxfQ.AAAA", 30, 33 },
        { "eyJhbGciOiJIUzI1NiJ9.e30+.AAAA", 21, 24 },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AAA=", 25, 28 },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA", 29, 29 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        assert_int_equal(xr_jwt_parse(xr_str(cases[i].token), memory, &t,
                                      &err), XR_INVALID);
        XR_CHECK(err.pos >= cases[i].first && err.pos <= cases[i].last,
                 cases[i].token);
    }
}


static void
test_claim(void **state)
{
    size_t     i;
    uint8_t    memory[TOKEN_MAX], text[TOKEN_MAX];
    xr_rc_t    rc;
    xr_buf_t   b;
    xr_str_t   out;
    xr_jwt_t   t;

    static const char  claims[] =
        "{'s':'text','u':'\\u00fc \\\"','n':-1.50e2,'t':true,'f':false,"
        "'z':null,'o':{'in':1},'a':[1],'e':'','c':'a\\nb','d':'a\177',"
        "'k\\u0065y':'v','b':'" X1024 "','bb':'" X1024 "x'}";

    static const struct {
        const char  *name;
        xr_rc_t      rc;
        const char  *text;
    } cases[] = {
        { "s", XR_OK, "text" },
        { "u", XR_OK, "\303\274 \"" },
        { "n", XR_OK, "-1.50e2" },
        { "t", XR_OK, "true" },
        { "f", XR_OK, "false" },
        { "e", XR_OK, "" },
        { "key", XR_OK, "v" },
        { "b", XR_OK, X1024 },
        { "bb", XR_INVALID, NULL },
        { "z", XR_INVALID, NULL },
        { "o", XR_INVALID, NULL },
        { "a", XR_INVALID, NULL },
        { "c", XR_INVALID, NULL },
        { "d", XR_INVALID, NULL },
        { "S", XR_NOT_FOUND, NULL },
        { "in", XR_NOT_FOUND, NULL },
        { "o.in", XR_NOT_FOUND, NULL },
        { "", XR_NOT_FOUND, NULL }
    };

    (void) state;

    b = xr_buf(memory, sizeof(memory));
    xr_buf_puts(&b, "eyJhbGciOiJIUzI1NiJ9.");
    xr_buf_base64url(&b, jwt_json(claims, text));
    xr_buf_puts(&b, ".AAAA");

    assert_int_equal(xr_jwt_parse(xr_buf_str(&b), text, &t, NULL), XR_OK);

    for (i = 0; i < XR_COUNT(cases); i++) {
        b = xr_buf(memory, XR_JWT_CLAIM_MAX);
        rc = xr_jwt_claim(&t, xr_str(cases[i].name), &b, &out);

        XR_CHECK_EQ(rc, cases[i].rc, cases[i].name);

        if (rc == XR_OK) {
            XR_CHECK_STR(out, cases[i].text, cases[i].name);
        }
    }

    b = xr_buf(memory, 3);
    assert_int_equal(xr_jwt_claim(&t, xr_str("u"), &b, &out), XR_NO_SPACE);
    b = xr_buf(memory, 0);
    assert_int_equal(xr_jwt_claim(&t, xr_str("s"), &b, &out), XR_OK);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_is),
        cmocka_unit_test(test_parse_token),
        cmocka_unit_test(test_parse_header),
        cmocka_unit_test(test_parse_payload),
        cmocka_unit_test(test_parse_limits),
        cmocka_unit_test(test_parse_fields),
        cmocka_unit_test(test_parse_position),
        cmocka_unit_test(test_claim)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
