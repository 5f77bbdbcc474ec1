/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TEST_JWT_RUN_H
#define XR_TEST_JWT_RUN_H


#include "test.h"

#include "xr_jwt.h"


#define NOW    1767225600

#define X64    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X256   X64 X64 X64 X64
#define X1024  X256 X256 X256 X256

#define TOKEN_MAX  16384


/* JSON in C without backslashes: "'" stands for a quotation mark. */

static inline xr_str_t
jwt_json(const char *text, uint8_t memory[TOKEN_MAX])
{
    size_t  i, len;

    len = strlen(text);
    assert_true(len <= TOKEN_MAX);

    for (i = 0; i < len; i++) {
        memory[i] = (uint8_t) ((text[i] == '\'') ? '"' : text[i]);
    }

    return xr_str_of(memory, len);
}


/* A symmetric key that is made by hand; "hmac" is where its state lives. */

static inline xr_key_t
jwt_key(xr_hmac_t *hmac, const char *id, xr_alg_t alg, xr_str_t secret)
{
    xr_key_t  key;

    memset(&key, 0, sizeof(key));

    assert_int_equal(xr_hmac_init(hmac, xr_alg_hash(alg), secret), XR_OK);

    key.id = xr_str(id);
    key.kind = XR_KIND_JWT;
    key.alg = alg;
    key.hmac = hmac;

    return key;
}


/* Signs what are JSON texts, or not: anything that a signer could be given. */

static inline xr_str_t
jwt_make(xr_str_t header, xr_str_t payload, const xr_key_t *key,
    uint8_t memory[TOKEN_MAX])
{
    uint8_t   mac[XR_HASH_MAX_SIZE];
    xr_buf_t  b;
    xr_str_t  input;

    b = xr_buf(memory, TOKEN_MAX);

    xr_buf_base64url(&b, header);
    xr_buf_putc(&b, '.');
    xr_buf_base64url(&b, payload);

    input = xr_buf_str(&b);
    assert_int_equal(xr_hmac_sign(key->hmac, xr_alg_hash(key->alg), &input, 1,
                                  mac), XR_OK);

    xr_buf_putc(&b, '.');
    xr_buf_base64url(&b, xr_str_of(mac, xr_hash_size(xr_alg_hash(key->alg))));

    assert_true(xr_buf_ok(&b));

    return xr_buf_str(&b);
}


/* "a,b" as a list of two; NULL and "" are none. */

static inline xr_strs_t
jwt_strs(const char *list, uint8_t memory[256])
{
    xr_buf_t   b;
    xr_str_t   rest;
    xr_strs_t  out;

    b = xr_buf(memory, 256);
    rest = xr_str((list != NULL) ? list : "");

    while (rest.len > 0) {
        xr_buf_packed(&b, xr_str_cut(&rest, ','));
    }

    assert_true(xr_buf_ok(&b));
    out.packed = xr_buf_str(&b);

    return out;
}


/* What an edge does with a token, in memory of exact size. */

typedef struct {
    xr_str_t         token;
    xr_str_t         memory;
    xr_str_t         text;
    xr_jwt_t         t;
    const xr_key_t  *key;
    xr_principal_t   who;
} jwt_run_t;


static inline xr_deny_t
jwt_run(jwt_run_t *r, xr_str_t token, const xr_key_t *keys, size_t nkeys,
    xr_verifiers_t *verifiers, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy)
{
    xr_rc_t    rc;
    xr_buf_t   b;
    xr_deny_t  deny;

    memset(r, 0, sizeof(jwt_run_t));

    r->token = xr_test_copy(token);
    r->memory = xr_test_copy(token);

    rc = xr_jwt_parse(r->token, (void *) (uintptr_t) r->memory.data, &r->t,
                      NULL);

    if (rc != XR_OK) {
        return (rc == XR_DENIED) ? XR_DENY_TOKEN_ALGORITHM
                                 : XR_DENY_TOKEN_MALFORMED;
    }

    deny = xr_jwt_signature(&r->t, keys, nkeys, verifiers, &r->key);

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    r->text = xr_test_copy(r->t.claims.raw);
    b = xr_buf((void *) (uintptr_t) r->text.data, r->text.len);

    r->who.key_id = r->key->id;

    return xr_jwt_judge(&r->t, req, policy, &b, &r->who);
}


static inline void
jwt_run_free(jwt_run_t *r)
{
    xr_test_copy_free(r->token);
    xr_test_copy_free(r->memory);
    xr_test_copy_free(r->text);
}


#endif /* XR_TEST_JWT_RUN_H */
