/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_cloudfront.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>


#define FUZZ_NOW    1767225700
#define FUZZ_HOST   "assets.acme.example"
#define FUZZ_CDN    "d111111abcdef8.cloudfront.net"

/* A P-256 key that lives as long as the process, with its private half. */

typedef struct {
    EVP_PKEY         *pkey;
    uint8_t           point[65];
    xr_key_t          key;
    xr_verifiers_t   *verifiers;
    xr_addr_t         address;
    uint8_t           hosts[64];
    xr_auth_policy_t  policy;
} fuzz_edge_t;


static fuzz_edge_t *
fuzz_edge(void)
{
    size_t    len;
    xr_buf_t  b;

    static fuzz_edge_t  e;

    if (e.pkey != NULL) {
        return &e;
    }

    e.pkey = EVP_EC_gen("P-256");
    assert(e.pkey != NULL);
    assert(EVP_PKEY_get_octet_string_param(e.pkey, OSSL_PKEY_PARAM_PUB_KEY,
                                           e.point, sizeof(e.point), &len));
    assert(len == sizeof(e.point) && e.point[0] == 4);

    e.key.id = xr_str("K1");
    e.key.kind = XR_KIND_CLOUDFRONT;
    e.key.pub.kind = XR_PUBKEY_P256;
    e.key.pub.n = xr_str_of(e.point + 1, sizeof(e.point) - 1);

    e.verifiers = xr_verifiers_create(4);
    assert(e.verifiers != NULL);

    b = xr_buf(e.hosts, sizeof(e.hosts));
    xr_buf_packed(&b, xr_str(FUZZ_CDN));

    e.policy.leeway = 30;
    e.policy.max_lifetime = 86400;
    e.policy.cloudfront_sha1 = true;
    e.policy.cloudfront_hosts.packed = xr_buf_str(&b);

    assert(xr_addr_parse(xr_str("192.0.2.1"), &e.address) == XR_OK);

    return &e;
}


static void
fuzz_sign(xr_str_t text, xr_cloudfront_t *c)
{
    size_t       len;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();
    assert(ctx != NULL);
    assert(EVP_DigestSignInit(ctx, NULL, c->hash == XR_SHA1 ? EVP_sha1()
                                                            : EVP_sha256(),
                              NULL, fuzz_edge()->pkey) == 1);

    len = sizeof(c->signature);
    assert(EVP_DigestSign(ctx, c->signature, &len, text.data, text.len) == 1);
    c->signature_len = len;

    EVP_MD_CTX_free(ctx);
}


static xr_deny_t
fuzz_signature(const xr_cloudfront_t *c, const xr_auth_request_t *req)
{
    xr_deny_t        deny;
    fuzz_edge_t     *e;
    const xr_key_t  *key;

    e = fuzz_edge();
    deny = xr_cloudfront_signature(c, req, &e->policy, &e->key, 1,
                                   e->verifiers, &key);

    assert(deny != XR_DENY_NONE || key == &e->key);

    return deny;
}


/*
 * Whether the pattern matches, step by step.  Only a "*" at the very end
 * reaches over the "?" at "mark".
 */

static bool
fuzz_model(xr_str_t pattern, xr_str_t url, size_t mark)
{
    bool    *row, *next, *swap, ok;
    size_t   i, j;

    row = calloc(url.len + 1, sizeof(bool));
    next = calloc(url.len + 1, sizeof(bool));
    assert(row != NULL && next != NULL);

    row[0] = true;

    for (i = 0; i < pattern.len; i++) {
        next[0] = row[0] && pattern.data[i] == '*';

        for (j = 0; j < url.len; j++) {

            if (pattern.data[i] == '*') {
                next[j + 1] = row[j + 1]
                              || (next[j] && (j != mark
                                              || i == pattern.len - 1));

            } else {
                next[j + 1] = row[j] && (pattern.data[i] == '?'
                                         || pattern.data[i] == url.data[j]);
            }
        }

        swap = row;
        row = next;
        next = swap;
    }

    ok = row[url.len];

    free(row);
    free(next);

    return ok;
}


static bool
fuzz_covers_url(xr_str_t pattern, const char *scheme, const char *host,
    const xr_auth_request_t *req)
{
    bool      ok;
    void     *memory;
    size_t    size, mark;
    xr_buf_t  b;

    size = 128 + req->raw_path.len + req->query.len;
    memory = malloc(size);
    assert(memory != NULL);

    b = xr_buf(memory, size);
    xr_buf_puts(&b, scheme);
    xr_buf_puts(&b, host);
    xr_buf_put(&b, req->raw_path);
    mark = SIZE_MAX;

    if (req->query.data != NULL) {
        mark = b.len;
        xr_buf_putc(&b, '?');
        xr_buf_put(&b, req->query);
    }

    ok = fuzz_model(pattern, xr_buf_str(&b), mark);
    free(memory);

    return ok;
}


static bool
fuzz_covers(xr_str_t pattern, const xr_auth_request_t *req)
{
    size_t    i;
    xr_str_t  rest, any;

    static const char *const  anys[] = { "http*://", "*://" };

    if (pattern.data[0] == '/') {
        return fuzz_covers_url(pattern, "", "", req);
    }

    for (i = 0; i < XR_COUNT(anys); i++) {
        any = xr_str(anys[i]);

        if (xr_str_starts(pattern, any)) {
            rest = xr_str_of(pattern.data + any.len, pattern.len - any.len);

            return fuzz_covers_url(rest, "", FUZZ_HOST, req)
                   || fuzz_covers_url(rest, "", FUZZ_CDN, req);
        }
    }

    return fuzz_covers_url(pattern, "https://", FUZZ_HOST, req)
           || fuzz_covers_url(pattern, "https://", FUZZ_CDN, req)
           || fuzz_covers_url(pattern, "http://", FUZZ_HOST, req)
           || fuzz_covers_url(pattern, "http://", FUZZ_CDN, req);
}


/* Whether even the worst resource of that length is matched to the end. */

static bool
fuzz_affordable(const xr_cloudfront_t *c, const xr_auth_request_t *req)
{
    size_t  i, marks;

    marks = 1;

    for (i = 0; i < c->resource.len; i++) {
        marks += (c->resource.data[i] == '?');
    }

    return 8 * marks * c->resource.len
           * (64 + req->raw_path.len + req->query.len) < XR_CLOUDFRONT_STEPS;
}


static void
fuzz_judge(const xr_cloudfront_t *c, const xr_auth_request_t *req)
{
    xr_deny_t       deny;
    fuzz_edge_t    *e;
    xr_principal_t  who;

    e = fuzz_edge();
    deny = xr_cloudfront_judge(c, req, &e->policy, &who);

    if (c->not_before > FUZZ_NOW + 30) {
        assert(deny == XR_DENY_TOKEN_EARLY);

    } else if (c->expires <= FUZZ_NOW - 30) {
        assert(deny == XR_DENY_TOKEN_EXPIRED);

    } else if (c->expires > FUZZ_NOW + 86400) {
        assert(deny == XR_DENY_TOKEN_LIFETIME);

    } else if (deny == XR_DENY_TOKEN_ADDRESS) {
        assert(c->network.len > 0);

    } else if (!c->custom || c->any_resource) {
        assert(deny == XR_DENY_NONE);

    } else if (fuzz_affordable(c, req)) {
        assert(deny == (fuzz_covers(c->resource, req) ? XR_DENY_NONE
                                                      : XR_DENY_TOKEN_SCOPE));
    }

    if (deny == XR_DENY_NONE) {
        assert(who.kind == XR_KIND_CLOUDFRONT && who.expires == c->expires);
        assert(who.subject.len == 0 && who.constraints.rate.len == 0);
    }
}


/* Signs what was parsed: then it verifies, and nothing like it does. */

static void
fuzz_custom(xr_cloudfront_t *c, const xr_auth_request_t *req, size_t at)
{
    uint8_t  *policy;

    fuzz_sign(c->policy, c);
    assert(fuzz_signature(c, req) == XR_DENY_NONE);

    policy = (uint8_t *) (uintptr_t) c->policy.data;

    policy[at % c->policy.len] ^= 1;
    assert(fuzz_signature(c, req) == XR_DENY_TOKEN_SIGNATURE);
    policy[at % c->policy.len] ^= 1;

    fuzz_judge(c, req);
}


static void
fuzz_canned(xr_cloudfront_t *c, const xr_auth_request_t *req)
{
    uint8_t            memory[2][2 * XR_CLOUDFRONT_MAX_URL];
    xr_buf_t           url, canned;
    xr_auth_request_t  other;

    url = xr_buf(memory[0], sizeof(memory[0]));
    xr_buf_puts(&url, "http://" FUZZ_CDN);
    xr_buf_put(&url, req->raw_path);

    if (req->query.data != NULL) {
        xr_buf_putc(&url, '?');
        xr_buf_put(&url, req->query);
    }

    canned = xr_buf(memory[1], sizeof(memory[1]));
    xr_cloudfront_canned(xr_buf_str(&url), c->expires, &canned);

    if (!xr_buf_ok(&url) || !xr_buf_ok(&canned)
        || canned.len > XR_CLOUDFRONT_MAX_URL)
    {
        return;
    }

    fuzz_sign(xr_buf_str(&canned), c);
    assert(fuzz_signature(c, req) == XR_DENY_NONE);

    c->expires++;
    assert(fuzz_signature(c, req) == XR_DENY_TOKEN_SIGNATURE);
    c->expires--;

    other = *req;
    other.query = (req->query.data != NULL) ? xr_str_of(NULL, 0) : xr_str("");
    assert(fuzz_signature(c, &other) == XR_DENY_TOKEN_SIGNATURE);

    fuzz_judge(c, req);
}


static void
fuzz_check_parsed(const xr_cloudfront_t *c, const xr_cloudfront_params_t *p,
    xr_str_t policy, xr_str_t memory)
{
    assert(c->custom == (p->values[XR_CLOUDFRONT_POLICY].data != NULL));
    assert(c->expires > 0 && c->expires <= (int64_t) 1 << 53);
    assert(c->not_before >= 0 && c->not_before <= (int64_t) 1 << 53);
    assert(c->hash == XR_SHA1 || c->hash == XR_SHA256);
    assert(c->signature_len > 0 && c->signature_len <= sizeof(c->signature));
    assert(c->key_pair_id.len > 0 && c->key_pair_id.len <= 64);

    if (!c->custom) {
        assert(c->policy.len == 0 && c->resource.len == 0);
        assert(c->network.len == 0 && c->not_before == 0);
        return;
    }

    assert(xr_str_eq(c->policy, policy));
    assert(c->any_resource == (c->resource.len == 0));
    assert(xr_fuzz_within(c->policy, memory));
    assert(xr_fuzz_within(c->resource, memory));
    assert(xr_fuzz_within(c->network, memory));
}


/* "Name=value&..."; what is missing is made up, so that the rest is reached */

static void
fuzz_params(xr_str_t line, xr_cloudfront_params_t *p)
{
    bool                    exact;
    xr_str_t                pair, name;
    xr_cloudfront_param_t   param;

    memset(p, 0, sizeof(*p));

    p->values[XR_CLOUDFRONT_SIGNATURE] = xr_str("AAAA");
    p->values[XR_CLOUDFRONT_KEY_PAIR_ID] = xr_str("K1");

    while (line.len > 0) {
        pair = xr_str_cut(&line, '&');
        name = xr_str_cut(&pair, '=');
        param = xr_cloudfront_param(name, &exact);

        if (param != XR_CLOUDFRONT_PARAMS) {
            assert(exact == xr_str_eq(name, xr_cloudfront_name(param)));
            p->values[param] = pair;
        }
    }
}


static void
fuzz_run(const xr_cloudfront_params_t *p, xr_str_t policy,
    const xr_auth_request_t *req)
{
    void             *memory;
    size_t            size;
    xr_err_t          err;
    xr_deny_t         deny;
    xr_cloudfront_t   c;

    size = XR_CLOUDFRONT_MEMORY(p->values[XR_CLOUDFRONT_POLICY].len);
    memory = malloc(size > 0 ? size : 1);
    assert(memory != NULL);

    if (xr_cloudfront_parse(p, memory, &c, &err) != XR_OK) {
        assert(err.what != NULL);
        free(memory);
        return;
    }

    fuzz_check_parsed(&c, p, policy, xr_str_of(memory, size));

    deny = fuzz_signature(&c, req);
    assert(deny == XR_DENY_TOKEN_SIGNATURE || deny == XR_DENY_TOKEN_KEY);

    if (deny == XR_DENY_TOKEN_KEY) {
        assert(!xr_str_eq(c.key_pair_id, xr_str("K1")));

    } else if (c.custom) {
        fuzz_custom(&c, req, policy.len / 2);

    } else {
        fuzz_canned(&c, req);
    }

    free(memory);
}


/* A line with path and query, one with parameters, then a policy as JSON. */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void                     *memory;
    size_t                    n;
    xr_str_t                  in, target, line;
    xr_buf_t                  b;
    xr_auth_request_t         req;
    xr_cloudfront_params_t    p;

    in = xr_str_of(data, size);
    target = xr_str_cut(&in, '\n');
    line = xr_str_cut(&in, '\n');

    memset(&req, 0, sizeof(req));
    n = xr_str_find(target, '?');

    req.raw_path = xr_fuzz_copy(target.data, n);
    req.path = req.raw_path;
    req.host = xr_str(FUZZ_HOST);
    req.address = &fuzz_edge()->address;
    req.now = FUZZ_NOW;

    if (n != target.len) {
        req.query = xr_str_of(target.data + n + 1, target.len - n - 1);
    }

    fuzz_params(line, &p);

    memory = malloc(in.len * 2 + 4);
    assert(memory != NULL);
    b = xr_buf(memory, in.len * 2 + 4);

    if (in.len > 0) {
        xr_cloudfront_encode(in, &b);
        assert(xr_buf_ok(&b));
        p.values[XR_CLOUDFRONT_POLICY] = xr_buf_str(&b);
    }

    fuzz_run(&p, in, &req);

    xr_fuzz_free(req.raw_path);
    free(memory);

    return 0;
}
