/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_jwt.h"
#include "xr_path.h"


#define FUZZ_NOW       1767225600
#define FUZZ_LEEWAY    30
#define FUZZ_LIFETIME  86400


static const xr_key_t *
fuzz_key(void)
{
    static xr_key_t   key;
    static xr_hmac_t  hmac;

    if (key.hmac == NULL) {
        assert(xr_hmac_init(&hmac, XR_SHA256,
                            xr_str("52a152a152a152a152a152a152a10000"))
               == XR_OK);

        key.id = xr_str("k");
        key.kind = XR_KIND_JWT;
        key.alg = XR_ALG_HS256;
        key.hmac = &hmac;
    }

    return &key;
}


/* The token of a header, a line feed and claims, whatever these are. */

static xr_str_t
fuzz_sign(xr_str_t in)
{
    uint8_t   mac[XR_HASH_MAX_SIZE];
    xr_buf_t  b;
    xr_str_t  header, input;

    header = xr_str_cut(&in, '\n');

    b = xr_buf(malloc(2 * (header.len + in.len) + 64),
               2 * (header.len + in.len) + 64);
    assert(b.data != NULL);

    xr_buf_base64url(&b, header);
    xr_buf_putc(&b, '.');
    xr_buf_base64url(&b, in);

    input = xr_buf_str(&b);
    assert(xr_hmac_sign(fuzz_key()->hmac, XR_SHA256, &input, 1, mac) == XR_OK);

    xr_buf_putc(&b, '.');
    xr_buf_base64url(&b, xr_str_of(mac, XR_SHA256_SIZE));
    assert(xr_buf_ok(&b));

    return xr_buf_str(&b);
}


static void
fuzz_check_parsed(const xr_jwt_t *t, xr_str_t token, xr_str_t memory)
{
    assert(token.len <= XR_JWT_MAX_SIZE);
    assert(xr_jwt_is(token));

    assert(t->input.data == token.data && t->input.len < token.len);
    assert(token.data[t->input.len] == '.');
    assert(xr_fuzz_within(t->kid, memory));
    assert(xr_fuzz_within(t->signature, memory));
    assert(xr_fuzz_within(t->claims.raw, memory));

    assert(t->alg > XR_ALG_NOT_SET && t->alg < XR_ALG_COUNT);
    assert(t->has_kid || t->kid.len == 0);
    assert(t->kid.len <= XR_KEY_ID_MAX_SIZE && !xr_str_has_control(t->kid));
    assert(t->signature.len > 0);
    assert(t->claims.type == XR_JSON_OBJECT);
}


/* What we signed is verified if it asks for our key, and only then. */

static void
fuzz_check_signature(const xr_jwt_t *t, bool ours)
{
    xr_deny_t        deny;
    const xr_key_t  *key;

    key = NULL;
    deny = xr_jwt_signature(t, fuzz_key(), 1, NULL, &key);

    assert((deny == XR_DENY_NONE) == (key != NULL));

    if (t->has_kid && !xr_str_eq(t->kid, xr_str("k"))) {
        assert(deny == XR_DENY_TOKEN_KEY);

    } else if (t->alg != XR_ALG_HS256) {
        assert(deny == XR_DENY_TOKEN_ALGORITHM);

    } else if (ours) {
        assert(deny == XR_DENY_NONE);

    } else {
        assert(deny == XR_DENY_NONE || deny == XR_DENY_TOKEN_SIGNATURE);
    }
}


/* The second, plain reading of the claims: one look-up for each rule. */

static bool
fuzz_get(const xr_jwt_t *t, const char *name, xr_json_t *out)
{
    return xr_json_get(&t->claims, xr_str(name), out) == XR_OK;
}


static void
fuzz_check_times(const xr_jwt_t *t, const xr_principal_t *who)
{
    int64_t    n;
    xr_json_t  v;

    assert(fuzz_get(t, "exp", &v) && xr_json_int(&v, &n) == XR_OK);
    assert(n == who->expires && n > 0);
    assert(n > FUZZ_NOW - FUZZ_LEEWAY && n <= FUZZ_NOW + FUZZ_LIFETIME);

    if (fuzz_get(t, "nbf", &v)) {
        assert(xr_json_int(&v, &n) == XR_OK && n == who->not_before);
        assert(n >= 0 && n <= FUZZ_NOW + FUZZ_LEEWAY);
    }

    if (fuzz_get(t, "iat", &v)) {
        assert(xr_json_int(&v, &n) == XR_OK);
        assert(n >= 0 && n <= FUZZ_NOW + FUZZ_LEEWAY);
    }
}


static void
fuzz_check_text(const xr_jwt_t *t, const char *name, xr_str_t is, size_t max)
{
    xr_json_t  v;

    assert(is.len <= max && !xr_str_has_control(is));

    if (fuzz_get(t, name, &v)) {
        assert(xr_json_is(&v, is));

    } else {
        assert(is.len == 0);
    }
}


/* Whether the string, or a string in the array, is one of two. */

static bool
fuzz_names(const xr_json_t *v, const char *a, const char *b)
{
    bool            found;
    xr_json_t       one;
    xr_json_iter_t  it;

    if (v->type != XR_JSON_ARRAY) {
        return xr_json_is(v, xr_str(a)) || xr_json_is(v, xr_str(b));
    }

    found = false;
    it = xr_json_iter(v);

    while (xr_json_next(&it, NULL, &one)) {
        assert(one.type == XR_JSON_STRING);
        found = found || xr_json_is(&one, xr_str(a))
                || xr_json_is(&one, xr_str(b));
    }

    return found;
}


static bool
fuzz_covers(const xr_json_t *v, const xr_auth_request_t *req)
{
    uint8_t   memory[XR_JWT_MAX_SIZE];
    xr_buf_t  b;
    xr_str_t  pattern;

    b = xr_buf(memory, sizeof(memory));

    return xr_json_text(v, &b, &pattern) == XR_OK && pattern.len > 0
           && (xr_auth_match(pattern, req->path)
               || xr_auth_match(pattern, req->raw_path));
}


static void
fuzz_check_scope(const xr_jwt_t *t, const xr_auth_request_t *req)
{
    bool            covers;
    xr_json_t       v, one;
    xr_json_iter_t  it;

    if (!fuzz_get(t, "path", &v)) {
        return;
    }

    if (v.type == XR_JSON_STRING) {
        assert(fuzz_covers(&v, req));
        return;
    }

    assert(v.type == XR_JSON_ARRAY);

    covers = false;
    it = xr_json_iter(&v);

    while (xr_json_next(&it, NULL, &one)) {
        covers = covers || fuzz_covers(&one, req);
    }

    assert(covers);
}


static void
fuzz_check_cdni(const xr_jwt_t *t, const xr_auth_request_t *req)
{
    uint8_t        memory[XR_JWT_MAX_SIZE];
    xr_buf_t       b;
    xr_str_t       text;
    xr_json_t      v;
    xr_addr_net_t  net;

    b = xr_buf(memory, sizeof(memory));

    if (fuzz_get(t, "cdniv", &v)) {
        assert(xr_str_eq(v.raw, xr_str("1")) && v.type == XR_JSON_NUMBER);
    }

    if (fuzz_get(t, "cdniets", &v) || fuzz_get(t, "cdnistd", &v)
        || fuzz_get(t, "cdnistt", &v))
    {
        assert(fuzz_get(t, "cdnistt", &v));
        assert(xr_str_eq(v.raw, xr_str("0")) && v.type == XR_JSON_NUMBER);
    }

    if (fuzz_get(t, "cdniip", &v)) {
        assert(xr_json_text(&v, &b, &text) == XR_OK);
        assert(xr_addr_net_parse(text, &net) == XR_OK);
        assert(xr_addr_net_has(&net, req->address));
    }

    if (fuzz_get(t, "cdniuc", &v)) {
        assert(xr_json_text(&v, &b, &text) == XR_OK);
        assert(xr_str_starts(text, xr_str("hash:sha-")));
    }

    if (fuzz_get(t, "cdnicrit", &v)) {
        assert(xr_json_text(&v, &b, &text) == XR_OK && text.len > 0);

        while (text.len > 0) {
            assert(xr_json_get(&t->claims, xr_str_cut(&text, ','), &v)
                   == XR_OK);
        }
    }
}


static void
fuzz_check_granted(const xr_jwt_t *t, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy, const xr_principal_t *who)
{
    xr_json_t  v;

    assert(who->kind == XR_KIND_JWT && xr_str_eq(who->key_id, xr_str("k")));

    fuzz_check_times(t, who);
    fuzz_check_scope(t, req);
    fuzz_check_cdni(t, req);

    fuzz_check_text(t, "sub", who->subject, 256);
    fuzz_check_text(t, "jti", who->token_id, 256);
    fuzz_check_text(t, "xr_origin", who->constraints.origin, SIZE_MAX);
    fuzz_check_text(t, "xr_country", who->constraints.country, SIZE_MAX);
    fuzz_check_text(t, "xr_quality", who->constraints.quality, SIZE_MAX);
    fuzz_check_text(t, "xr_rate", who->constraints.rate, SIZE_MAX);

    assert(xr_constraints_judge(&who->constraints, req) == XR_DENY_NONE);

    if (fuzz_get(t, "iss", &v)) {
        assert(v.type == XR_JSON_STRING);
    }

    if (policy->issuers.packed.len > 0) {
        assert(fuzz_get(t, "iss", &v) && fuzz_names(&v, "a", "b"));
    }

    if (policy->audiences.packed.len > 0) {
        assert(fuzz_get(t, "aud", &v) && fuzz_names(&v, "c", "d"));

    } else if (fuzz_get(t, "aud", &v)) {
        assert(fuzz_names(&v, "acme", "xr.acme.example"));
    }
}


static void
fuzz_judge(const xr_jwt_t *t, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy)
{
    xr_buf_t        b;
    xr_str_t        memory;
    xr_deny_t       deny;
    xr_principal_t  who, before;

    memset(&who, 0, sizeof(who));
    who.key_id = xr_str("k");
    before = who;

    memory = xr_fuzz_copy(t->claims.raw.data, t->claims.raw.len);
    b = xr_buf((void *) (uintptr_t) memory.data, memory.len);

    deny = xr_jwt_judge(t, req, policy, &b, &who);

    assert(!b.overflow);

    if (deny == XR_DENY_NONE) {
        fuzz_check_granted(t, req, policy, &who);

    } else {
        assert(memcmp(&who, &before, sizeof(who)) == 0);
    }

    xr_fuzz_free(memory);
}


/* Every claim by its name. */

static void
fuzz_claims(const xr_jwt_t *t)
{
    uint8_t         memory[2 * XR_JWT_MAX_SIZE];
    xr_rc_t         rc;
    xr_buf_t        b;
    xr_str_t        text, name;
    xr_json_t       key, value;
    xr_json_iter_t  it;

    it = xr_json_iter(&t->claims);

    while (xr_json_next(&it, &key, &value)) {
        b = xr_buf(memory, sizeof(memory));
        assert(xr_json_text(&key, &b, &name) == XR_OK);

        rc = xr_jwt_claim(t, name, &b, &text);

        if (rc != XR_OK) {
            assert(rc == XR_INVALID);
            continue;
        }

        assert(text.len <= XR_JWT_CLAIM_MAX && !xr_str_has_control(text));
        assert(value.type != XR_JSON_STRING || xr_json_is(&value, text));
    }
}


static void
fuzz_token(xr_str_t token, bool ours, const xr_auth_request_t *req)
{
    uint8_t           lists[2][16], names[64];
    xr_buf_t          b;
    xr_err_t          err;
    xr_jwt_t          t;
    xr_str_t          memory;
    xr_auth_policy_t  policy;

    token = xr_fuzz_copy(token.data, token.len);
    memory = xr_fuzz_copy(token.data, XR_JWT_MEMORY(token.len));

    if (xr_jwt_parse(token, (void *) (uintptr_t) memory.data, &t, &err)
        != XR_OK)
    {
        assert(err.what != NULL && err.pos <= token.len);
        xr_fuzz_free(token);
        xr_fuzz_free(memory);
        return;
    }

    fuzz_check_parsed(&t, token, memory);
    fuzz_check_signature(&t, ours);
    fuzz_claims(&t);

    memset(&policy, 0, sizeof(policy));
    policy.leeway = FUZZ_LEEWAY;
    policy.max_lifetime = FUZZ_LIFETIME;

    b = xr_buf(names, sizeof(names));
    xr_buf_packed(&b, xr_str("acme"));
    xr_buf_packed(&b, xr_str("xr.acme.example"));
    policy.names.packed = xr_buf_str(&b);

    fuzz_judge(&t, req, &policy);

    b = xr_buf(lists[0], sizeof(lists[0]));
    xr_buf_packed(&b, xr_str("a"));
    xr_buf_packed(&b, xr_str("b"));
    policy.issuers.packed = xr_buf_str(&b);

    b = xr_buf(lists[1], sizeof(lists[1]));
    xr_buf_packed(&b, xr_str("c"));
    xr_buf_packed(&b, xr_str("d"));
    policy.audiences.packed = xr_buf_str(&b);

    fuzz_judge(&t, req, &policy);

    xr_fuzz_free(token);
    xr_fuzz_free(memory);
}


/*
 * A line with the request's target, then a token; or a line with a header and
 * then claims, which are signed here, so that what is behind the signature is
 * reached.
 */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t            *memory;
    xr_str_t            in, target, path, token;
    xr_buf_t            decoded;
    xr_addr_t           address;
    xr_auth_request_t   req;

    in = xr_str_of(data, size);
    target = xr_str_cut(&in, '\n');
    path = xr_str_of(target.data, xr_str_find(target, '?'));

    memory = malloc(path.len + 1);
    assert(memory != NULL);
    decoded = xr_buf(memory, path.len);
    (void) xr_path_decode(path, &decoded, NULL);

    assert(xr_addr_parse(xr_str("192.0.2.1"), &address) == XR_OK);

    memset(&req, 0, sizeof(req));
    req.raw_path = xr_fuzz_copy(path.data, path.len);
    req.path = xr_buf_str(&decoded);
    req.host = xr_str("xr.acme.example");
    req.address = &address;
    req.embed = xr_str("www.shop.example");
    req.country = xr_str("DE");
    req.now = FUZZ_NOW;

    if (path.len < target.len) {
        req.query = xr_str_of(target.data + path.len + 1,
                              target.len - path.len - 1);
    }

    if (xr_str_find(in, '\n') != in.len) {
        token = fuzz_sign(in);
        fuzz_token(token, true, &req);
        xr_fuzz_free(token);

    } else {
        fuzz_token(in, false, &req);
    }

    xr_fuzz_free(req.raw_path);
    free(memory);

    return 0;
}
