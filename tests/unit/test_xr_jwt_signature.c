/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "jwt_vectors.h"


static const xr_key_t *
key_of(fixture_t *f, const char *id)
{
    size_t  i;

    for (i = 0; i < f->keys.n; i++) {

        if (xr_str_eq(f->keys.keys[i].id, xr_str(id))) {
            return &f->keys.keys[i];
        }
    }

    fail_msg("no key %s", id);

    return NULL;
}


/* Every signer's token of every algorithm, with its kid and tried in turn. */

static void
test_vectors(void **state)
{
    size_t           i;
    jwt_run_t        r;
    const xr_key_t  *key;

    fixture_t *f = *state;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        const vector_t  *v = &vectors[i];

        XR_CHECK_EQ(run(f, &r, xr_str(v->token)), XR_DENY_NONE, v->token);
        XR_CHECK_STR(r.key->id, v->kid, v->token);
        XR_CHECK_STR(r.who.key_id, v->kid, v->token);
        XR_CHECK_STR(r.who.subject, v->sub, v->token);
        XR_CHECK_STR(r.who.token_id, v->jti, v->token);
        XR_CHECK_EQ(r.who.expires, v->exp, v->token);
        XR_CHECK_EQ(r.who.not_before, v->nbf, v->token);

        /* without a kid the key is found all the same */

        r.t.has_kid = false;
        XR_CHECK_EQ(xr_jwt_signature(&r.t, f->keys.keys, f->keys.n,
                                     f->verifiers, &key), XR_DENY_NONE,
                    v->token);
        XR_CHECK_STR(key->id, v->kid, v->token);

        jwt_run_free(&r);
    }
}


/* RFC 7515, appendix A.1 to A.3: one payload, which has expired since. */

#define RFC_PAYLOAD  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA" \
                     "6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static const char  rfc_jwks[] =
    "{'keys':[{'kty':'oct','alg':'HS256','k':'AyM1SysPpbyDfgZld3umj1qzKObwVMko"
    "qQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow'},"
    "{'kty':'RSA','e':'AQAB','n':'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbj"
    "i9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD"
    "1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBY"
    "UsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I"
    "5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW"
    "yuXpoQ'},"
    "{'kty':'EC','crv':'P-256','x':'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVE"
    "U','y':'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'}]}";

static const char *const  rfc_tokens[] = {
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_PAYLOAD ".dBjftJeZ4CVP-mB9"
    "2K27uhbUJU1p1r_wW1gFWFOEjXk",

    "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat"
    "0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUA"
    "r7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMH"
    "lb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPq"
    "vhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_I"
    "oypGlUPQGe77Rw",

    "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4Ga"
    "wxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
};


static void
test_rfc7515(void **state)
{
    size_t             i;
    uint8_t            text[TOKEN_MAX];
    xr_buf_t           b;
    xr_str_t           name, issuer;
    jwt_run_t          r;
    xr_keyset_t        keys;
    xr_auth_request_t  req;

    fixture_t *f = *state;

    memset(&keys, 0, sizeof(keys));
    assert_int_equal(xr_keyset_jwks_text(&keys, jwt_json(rfc_jwks, text),
                                         &f->m.mem, NULL, NULL), XR_OK);

    for (i = 0; i < XR_COUNT(rfc_tokens); i++) {
        req = f->req;
        req.now = 1300819379;

        XR_CHECK_EQ(jwt_run(&r, xr_str(rfc_tokens[i]), keys.keys, keys.n,
                            f->verifiers, &req, &f->policy), XR_DENY_NONE,
                    rfc_tokens[i]);
        assert_ptr_equal(r.key, &keys.keys[i]);

        b = xr_buf(text, sizeof(text));
        name = xr_str("iss");
        assert_int_equal(xr_jwt_claim(&r.t, name, &b, &issuer), XR_OK);
        XR_CHECK_STR(issuer, "joe", "iss");
        jwt_run_free(&r);

        req.now++;

        XR_CHECK_EQ(jwt_run(&r, xr_str(rfc_tokens[i]), keys.keys, keys.n,
                            f->verifiers, &req, &f->policy),
                    XR_DENY_TOKEN_EXPIRED, rfc_tokens[i]);
        jwt_run_free(&r);

        XR_CHECK_EQ(verify(f, xr_str(rfc_tokens[i])),
                    XR_DENY_TOKEN_SIGNATURE, rfc_tokens[i]);
    }

    xr_keyset_wipe(&keys);
}


static void
test_key(void **state)
{
    size_t           i, n;
    char             header[512];
    uint8_t          token[TOKEN_MAX], text[2][TOKEN_MAX];
    jwt_run_t        r;
    xr_key_t         keys[4];
    xr_hmac_t        hmacs[4];

    fixture_t *f = *state;

    static const struct {
        const char  *members;
        size_t       key;               /* that signs; 4: one of nobody */
        xr_deny_t    deny;
        size_t       found;
    } cases[] = {
        { "'alg':'HS256','kid':'a'", 0, XR_DENY_NONE, 0 },
        { "'alg':'HS256','kid':'\\u0061'", 0, XR_DENY_NONE, 0 },
        { "'alg':'HS256'", 0, XR_DENY_NONE, 0 },
        { "'alg':'HS512','kid':'b/../\303\274'", 1, XR_DENY_NONE, 1 },
        { "'alg':'HS512'", 1, XR_DENY_NONE, 1 },
        { "'alg':'HS256'", 2, XR_DENY_NONE, 2 },

        /* the kid decides, not the key that would fit */

        { "'alg':'HS256','kid':'a'", 2, XR_DENY_TOKEN_SIGNATURE, 0 },
        { "'alg':'HS512','kid':'a'", 1, XR_DENY_TOKEN_ALGORITHM, 0 },
        { "'alg':'HS256','kid':'b/../\303\274'", 0, XR_DENY_TOKEN_ALGORITHM,
          0 },
        { "'alg':'HS256','kid':'A'", 0, XR_DENY_TOKEN_KEY, 0 },
        { "'alg':'HS256','kid':'a '", 0, XR_DENY_TOKEN_KEY, 0 },
        { "'alg':'HS256','kid':'aa'", 0, XR_DENY_TOKEN_KEY, 0 },
        { "'alg':'HS256','kid':''", 2, XR_DENY_TOKEN_KEY, 0 },
        { "'alg':'HS384'", 0, XR_DENY_TOKEN_ALGORITHM, 0 },
        { "'alg':'RS256'", 0, XR_DENY_TOKEN_ALGORITHM, 0 },
        { "'alg':'HS256'", 1, XR_DENY_TOKEN_SIGNATURE, 0 },

        /* keys of other kinds verify nothing, whatever they are called */

        { "'alg':'HS256','kid':'e'", 3, XR_DENY_TOKEN_KEY, 0 },
        { "'alg':'HS256'", 3, XR_DENY_TOKEN_SIGNATURE, 0 }
    };

    keys[0] = jwt_key(&hmacs[0], "a", XR_ALG_HS256, xr_str(X64 "0"));
    keys[1] = jwt_key(&hmacs[1], "b/../\303\274", XR_ALG_HS512,
                      xr_str(X64 "1"));
    keys[2] = jwt_key(&hmacs[2], "", XR_ALG_HS256, xr_str(X64 "2"));
    keys[3] = jwt_key(&hmacs[3], "e", XR_ALG_HS256, xr_str(X64 "3"));
    keys[3].kind = XR_KIND_EDGEAUTH;

    for (i = 0; i < XR_COUNT(cases); i++) {
        snprintf(header, sizeof(header), "{%s}", cases[i].members);

        XR_CHECK_EQ(jwt_run(&r, jwt_make(jwt_json(header, text[0]),
                                         jwt_json("{'exp':1767225700}",
                                                  text[1]),
                                         &keys[cases[i].key], token),
                            keys, XR_COUNT(keys), f->verifiers, &f->req,
                            &f->policy),
                    cases[i].deny, cases[i].members);

        if (cases[i].deny == XR_DENY_NONE) {
            assert_ptr_equal(r.key, &keys[cases[i].found]);

            for (n = 0; n <= cases[i].found; n++) {
                assert_int_not_equal(xr_jwt_signature(&r.t, keys, n,
                                                      f->verifiers, &r.key),
                                     XR_DENY_NONE);
            }
        }

        jwt_run_free(&r);
    }

    assert_int_equal(verify(f, jwt_make(jwt_json("{'alg':'HS256'}", text[0]),
                                        jwt_json("{}", text[1]), &keys[0],
                                        token)), XR_DENY_TOKEN_SIGNATURE);
}


/* Without a kid only so many keys are tried; with one, all are looked at. */

static void
test_key_tries(void **state)
{
    size_t     i;
    char       ids[8][2];
    uint8_t    token[TOKEN_MAX], text[2][TOKEN_MAX];
    xr_deny_t  deny;
    xr_key_t   keys[8];
    xr_hmac_t  hmacs[8];
    jwt_run_t  r;

    fixture_t *f = *state;

    for (i = 0; i < XR_COUNT(keys); i++) {
        snprintf(ids[i], sizeof(ids[i]), "%zu", i);
        keys[i] = jwt_key(&hmacs[i], ids[i],
                          (i == 1) ? XR_ALG_HS384 : XR_ALG_HS256,
                          xr_str_of(ids[i], 1));
    }

    for (i = 0; i < XR_COUNT(keys); i++) {
        deny = jwt_run(&r, jwt_make(jwt_json("{'alg':'HS256'}", text[0]),
                                    jwt_json("{'exp':1767225700}", text[1]),
                                    &keys[i], token),
                       keys, XR_COUNT(keys), f->verifiers, &f->req,
                       &f->policy);

        assert_int_equal(deny, (i <= XR_JWT_TRIES && i != 1)
                               ? XR_DENY_NONE : XR_DENY_TOKEN_SIGNATURE);

        if (i != 1) {
            r.t.has_kid = true;
            r.t.kid = keys[i].id;
            assert_int_equal(xr_jwt_signature(&r.t, keys, XR_COUNT(keys),
                                              f->verifiers, &r.key),
                             XR_DENY_NONE);
            assert_ptr_equal(r.key, &keys[i]);
        }

        jwt_run_free(&r);
    }
}


/* A public key is no secret, in whatever form a signer took it for one. */

static void
test_confusion(void **state)
{
    char            header[64];
    size_t          i, n;
    uint8_t         token[TOKEN_MAX], text[2][TOKEN_MAX];
    xr_str_t        secrets[6];
    xr_key_t        key;
    xr_hmac_t       hmac;
    const xr_key_t  *rsa;

    fixture_t *f = *state;

    static const struct {
        const char  *kid;
        xr_deny_t    deny;
    } cases[] = {
        { "", XR_DENY_TOKEN_SIGNATURE },
        { ",'kid':'k-RS256'", XR_DENY_TOKEN_ALGORITHM },
        { ",'kid':'k-HS256'", XR_DENY_TOKEN_SIGNATURE },
        { ",'kid':'k-ES256'", XR_DENY_TOKEN_ALGORITHM }
    };

    rsa = key_of(f, "k-RS256");

    secrets[0] = xr_str(jwt_rs256_pem);
    secrets[1] = xr_str_trim(secrets[0]);
    secrets[2] = rsa->pub.n;
    secrets[3] = xr_str_of(rsa->digest, sizeof(rsa->digest));
    secrets[4] = xr_str(jwt_jwks);
    secrets[5] = xr_str("");

    for (i = 0; i < XR_COUNT(secrets); i++) {
        key = jwt_key(&hmac, "", XR_ALG_HS256, secrets[i]);

        for (n = 0; n < XR_COUNT(cases); n++) {
            snprintf(header, sizeof(header), "{'alg':'HS256'%s}",
                     cases[n].kid);

            XR_CHECK_EQ(verify(f, jwt_make(jwt_json(header, text[0]),
                                           jwt_json("{'exp':1767225700}",
                                                    text[1]), &key, token)),
                        cases[n].deny, header);
        }
    }
}


/* Keys that were bound to the wrong algorithm would still not be misused. */

static void
test_misbound(void **state)
{
    xr_key_t         key;
    jwt_run_t        r;
    const vector_t  *v;

    fixture_t *f = *state;

    v = vector("HS256");
    assert_int_equal(run(f, &r, xr_str(v->token)), XR_DENY_NONE);

    key = *key_of(f, "k-RS256");
    key.id = xr_str(v->kid);
    key.alg = XR_ALG_HS256;

    assert_int_equal(xr_jwt_signature(&r.t, &key, 1, f->verifiers, &r.key),
                     XR_DENY_TOKEN_SIGNATURE);
    jwt_run_free(&r);

    v = vector("RS256");
    assert_int_equal(run(f, &r, xr_str(v->token)), XR_DENY_NONE);

    key = *key_of(f, "k-HS256");
    key.id = xr_str(v->kid);
    key.alg = XR_ALG_RS256;

    assert_int_equal(xr_jwt_signature(&r.t, &key, 1, f->verifiers, &r.key),
                     XR_DENY_TOKEN_SIGNATURE);
    jwt_run_free(&r);
}


/* Signatures of the wrong length, and of the wrong algorithm's form. */

static void
test_signature_length(void **state)
{
    size_t           i, n, len;
    uint8_t          signature[XR_RSA_MAX_BITS / 8];
    jwt_run_t        r;
    const xr_key_t  *key;
    const vector_t  *v;

    fixture_t *f = *state;

    static const char *const  algs[] = {
        "HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384",
        "ES512", "EdDSA"
    };

    for (i = 0; i < XR_COUNT(algs); i++) {
        v = vector(algs[i]);

        assert_int_equal(run(f, &r, xr_str(v->token)), XR_DENY_NONE);

        memset(signature, 0, sizeof(signature));
        len = r.t.signature.len;
        memcpy(signature, r.t.signature.data, len);
        r.t.signature.data = signature;

        for (n = 0; n <= sizeof(signature); n++) {
            r.t.signature.len = n;
            XR_CHECK_EQ(xr_jwt_signature(&r.t, f->keys.keys, f->keys.n,
                                         f->verifiers, &key),
                        (n == len) ? XR_DENY_NONE : XR_DENY_TOKEN_SIGNATURE,
                        algs[i]);
        }

        memset(signature, 0, sizeof(signature));
        r.t.signature.len = len;
        XR_CHECK_EQ(xr_jwt_signature(&r.t, f->keys.keys, f->keys.n,
                                     f->verifiers, &key),
                    XR_DENY_TOKEN_SIGNATURE, algs[i]);

        jwt_run_free(&r);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_rfc7515),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_key_tries),
        cmocka_unit_test(test_confusion),
        cmocka_unit_test(test_misbound),
        cmocka_unit_test(test_signature_length)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
