/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_edgeauth.h"
#include "xr_path.h"


#define FUZZ_NOW  1767225600


static const xr_key_t *
fuzz_key(void)
{
    static xr_key_t   key;
    static xr_hmac_t  hmac;

    if (key.hmac == NULL) {
        assert(xr_hmac_init(&hmac, XR_SHA256, xr_str("0123456789abcdef"))
               == XR_OK);

        key.id = xr_str("k");
        key.kind = XR_KIND_EDGEAUTH;
        key.hmac = &hmac;
    }

    return &key;
}


static void
fuzz_check_parsed(const xr_edgeauth_t *t, xr_str_t token)
{
    assert(token.len <= XR_EDGEAUTH_MAX_SIZE);
    assert(t->message.data == token.data);
    assert(t->message.len == token.len - 6 - 2 * XR_SHA256_SIZE);
    assert(t->exp > 0 && t->exp <= (int64_t) 1 << 53);
    assert(t->st >= 0 && t->st <= (int64_t) 1 << 53);

    assert(xr_fuzz_within(t->ip, t->message));
    assert(xr_fuzz_within(t->acl, t->message));
    assert(xr_fuzz_within(t->id, t->message));
    assert(xr_fuzz_within(t->data, t->message));

    assert((t->acl.data == NULL) == (t->acl.len == 0));
    assert(xr_str_find(t->id, '~') == t->id.len);
    assert(xr_str_find(t->data, '\n') == t->data.len);
}


/* The claims that are there are views of the token, found once or again. */

static void
fuzz_claims(const xr_edgeauth_t *t)
{
    size_t    i;
    xr_str_t  value;

    static const char *const  names[] = { "origin", "rate", "plan", "" };

    for (i = 0; i < XR_COUNT(names); i++) {

        if (xr_edgeauth_claim(t, xr_str(names[i]), &value) == XR_OK) {
            assert(xr_fuzz_within(value, t->data));
        }
    }

    if (xr_edgeauth_claim(t, xr_str("data"), &value) == XR_OK) {
        assert(value.data == t->data.data && value.len == t->data.len);

    } else {
        assert(t->data.data == NULL);
    }
}


/* Whether what narrows the grant can be read, and lets the request pass. */

static xr_deny_t
fuzz_narrow(const xr_edgeauth_t *t, const xr_auth_request_t *req)
{
    uint8_t           memory[XR_EDGEAUTH_MAX_SIZE];
    xr_buf_t          b;
    xr_constraints_t  c, in_token;

    b = xr_buf(memory, t->data.len);

    if (xr_edgeauth_constraints(t, &b, &c, &in_token) != XR_OK) {
        return XR_DENY_TOKEN_CLAIM;
    }

    assert(xr_str_eq(c.quality, in_token.quality));
    assert(xr_str_eq(c.rate, in_token.rate));
    assert(xr_fuzz_within(in_token.quality, t->data));
    assert(xr_fuzz_within(in_token.rate, t->data));
    assert(xr_fuzz_within(in_token.origin, t->data));
    assert(xr_fuzz_within(in_token.country, t->data));

    return xr_constraints_judge(&c, req);
}


static void
fuzz_granted(const xr_edgeauth_t *t, const xr_principal_t *who)
{
    assert(who->kind == XR_KIND_EDGEAUTH && who->token_id.len == 0);
    assert(xr_str_eq(who->subject, t->id));
    assert(who->expires == t->exp && who->not_before == t->st);
    assert(xr_str_eq(who->key_id, xr_str("k")));
    assert(xr_fuzz_within(who->constraints.rate, t->data));
    assert(xr_fuzz_within(who->constraints.quality, t->data));
}


/*
 * Signs what was parsed, so that the checks behind the MAC are reached, and
 * compares their verdict with the plain meaning of the fields.
 */

static void
fuzz_judge(xr_edgeauth_t *t, const xr_auth_request_t *req)
{
    uint8_t           mac[XR_HASH_MAX_SIZE];
    xr_str_t          parts[3];
    xr_deny_t         deny, narrow;
    const xr_key_t   *key;
    xr_principal_t    who;
    xr_auth_policy_t  policy = { .leeway = 30, .max_lifetime = 86400 };

    key = fuzz_key();

    deny = xr_edgeauth_verify(t, req, &policy, key, 1, &who);
    assert(deny == XR_DENY_TOKEN_SIGNATURE);

    parts[0] = t->message;
    parts[1] = xr_str("~url=");
    parts[2] = req->raw_path;

    assert(xr_hmac_sign(key->hmac, XR_SHA256, parts,
                        t->acl.data != NULL ? 1 : 3, mac) == XR_OK);
    memcpy(t->mac, mac, sizeof(t->mac));

    assert(xr_edgeauth_verify(t, req, &policy, key, 0, &who)
           == XR_DENY_TOKEN_SIGNATURE);

    deny = xr_edgeauth_verify(t, req, &policy, key, 1, &who);
    narrow = fuzz_narrow(t, req);

    if (t->st > FUZZ_NOW + 30) {
        assert(deny == XR_DENY_TOKEN_EARLY);

    } else if (t->exp <= FUZZ_NOW - 30) {
        assert(deny == XR_DENY_TOKEN_EXPIRED);

    } else if (t->exp > FUZZ_NOW + 86400) {
        assert(deny == XR_DENY_TOKEN_LIFETIME);

    } else if (deny == XR_DENY_TOKEN_ADDRESS) {
        assert(t->ip.len > 0);

    } else if (narrow != XR_DENY_NONE) {
        assert(deny == narrow);

    } else if (deny == XR_DENY_TOKEN_SCOPE) {
        assert(t->acl.len > 0);

    } else {
        assert(deny == XR_DENY_NONE);
        fuzz_granted(t, &who);
    }
}


/* The same fields, written by us, are a token that parses to them. */

static void
fuzz_make(const xr_edgeauth_t *t, xr_str_t path, bool escape)
{
    uint8_t             memory[3 * XR_EDGEAUTH_MAX_SIZE];
    xr_rc_t             rc;
    xr_buf_t            b;
    xr_err_t            err;
    xr_edgeauth_t       made;
    xr_edgeauth_spec_t  spec;

    spec = (xr_edgeauth_spec_t) {
        .ip = t->ip, .acl = t->acl, .url = path, .id = t->id, .data = t->data,
        .st = t->st, .exp = t->exp, .escape = escape
    };

    b = xr_buf(memory, sizeof(memory));
    rc = xr_edgeauth_make(&spec, fuzz_key(), &b, &err);

    if (rc != XR_OK) {
        assert(err.what != NULL && b.len == 0);
        return;
    }

    assert(xr_edgeauth_parse(xr_buf_str(&b), &made, NULL) == XR_OK);
    assert(made.exp == t->exp && made.st == t->st);
    assert(xr_str_eq(made.acl, t->acl));

    if (!escape) {
        assert(xr_str_eq(made.ip, t->ip));
        assert(xr_str_eq(made.id, t->id));
        assert(xr_str_eq(made.data, t->data));
    }
}


/* A line with the request's path, then the token. */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t           *memory;
    xr_str_t           in, token, path, copy;
    xr_err_t           err;
    xr_buf_t           decoded;
    xr_addr_t          address;
    xr_edgeauth_t      t;
    xr_auth_request_t  req;

    in = xr_str_of(data, size);
    path = xr_str_cut(&in, '\n');
    token = in;

    copy = xr_fuzz_copy(token.data, token.len);

    if (xr_edgeauth_parse(copy, &t, &err) != XR_OK) {
        assert(err.what != NULL && err.pos <= copy.len);
        xr_fuzz_free(copy);
        return 0;
    }

    fuzz_check_parsed(&t, copy);

    memory = malloc(path.len + 1);
    assert(memory != NULL);
    decoded = xr_buf(memory, path.len);
    (void) xr_path_decode(path, &decoded, NULL);

    assert(xr_addr_parse(xr_str("192.0.2.1"), &address) == XR_OK);
    memset(&req, 0, sizeof(req));

    req.raw_path = xr_fuzz_copy(path.data, path.len);
    req.path = xr_buf_str(&decoded);
    req.address = &address;
    req.embed = xr_str("shop.acme.example");
    req.country = xr_str("DE");
    req.now = FUZZ_NOW;

    fuzz_claims(&t);
    fuzz_judge(&t, &req);
    fuzz_make(&t, req.raw_path, false);
    fuzz_make(&t, req.raw_path, true);

    xr_fuzz_free(req.raw_path);
    xr_fuzz_free(copy);
    free(memory);

    return 0;
}
