/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_edgeauth.h"
#include "xr_path.h"


#define FUZZ_NOW  1767225600


static void *
fuzz_alloc(void *ctx, size_t size)
{
    assert(size <= 2);                  /* the id, which is asked for once */

    return ctx;
}


static xr_keyset_t *
fuzz_keys(void)
{
    xr_mem_t  mem;

    static uint8_t      id[2];
    static xr_keyset_t  keys;

    if (keys.n == 0) {
        mem.alloc = fuzz_alloc;
        mem.ctx = id;

        assert(xr_keyset_parse(xr_str("k 52a152a152a152a152a152a152a10000"),
                               &mem, &keys, NULL) == XR_OK);
    }

    return &keys;
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


/*
 * Signs what was parsed, so that the checks behind the MAC are reached, and
 * compares their verdict with the plain meaning of the fields.
 */

static void
fuzz_judge(xr_edgeauth_t *t, const xr_auth_request_t *req)
{
    xr_str_t           parts[3];
    xr_deny_t          deny;
    xr_principal_t     who;
    xr_auth_limits_t   limits = { 30, 86400 };
    const xr_keyset_t *keys;

    keys = fuzz_keys();

    deny = xr_edgeauth_verify(t, req, &limits, keys, &who);
    assert(deny == XR_DENY_TOKEN_SIGNATURE);

    parts[0] = t->message;
    parts[1] = xr_str("~url=");
    parts[2] = req->raw_path;

    assert(xr_hmac_sign(keys->keys[0].hmac, parts,
                        t->acl.data != NULL ? 1 : 3, t->mac) == XR_OK);

    deny = xr_edgeauth_verify(t, req, &limits, keys, &who);

    if (t->st > FUZZ_NOW + 30) {
        assert(deny == XR_DENY_TOKEN_EARLY);

    } else if (t->exp <= FUZZ_NOW - 30) {
        assert(deny == XR_DENY_TOKEN_EXPIRED);

    } else if (t->exp > FUZZ_NOW + 86400) {
        assert(deny == XR_DENY_TOKEN_LIFETIME);

    } else if (deny == XR_DENY_NONE) {
        assert(xr_str_eq(who.subject, t->id) && xr_str_eq(who.data, t->data));
        assert(who.expires == t->exp && who.not_before == t->st);
        assert(xr_str_eq(who.key_id, xr_str("k")));

    } else {
        assert((deny == XR_DENY_TOKEN_ADDRESS && t->ip.len > 0)
               || (deny == XR_DENY_TOKEN_SCOPE && t->acl.len > 0));
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
    rc = xr_edgeauth_make(&spec, &fuzz_keys()->keys[0], &b, &err);

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

    req.raw_path = xr_fuzz_copy(path.data, path.len);
    req.path = xr_buf_str(&decoded);
    req.address = &address;
    req.now = FUZZ_NOW;

    fuzz_judge(&t, &req);
    fuzz_make(&t, req.raw_path, false);
    fuzz_make(&t, req.raw_path, true);

    xr_fuzz_free(req.raw_path);
    xr_fuzz_free(copy);
    free(memory);

    return 0;
}
