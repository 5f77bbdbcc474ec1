/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_cloudfront.h"


/* A request does not tell which of them its URL was signed with. */

static const xr_str_t  xr_cloudfront_schemes[] = {
    XR_STR("https://"), XR_STR("http://")
};


static const xr_key_t *
xr_cloudfront_key(xr_str_t id, const xr_key_t *keys, size_t nkeys)
{
    size_t  i;

    for (i = 0; i < nkeys; i++) {

        if (keys[i].kind == XR_KIND_CLOUDFRONT && xr_str_eq(keys[i].id, id)) {
            return &keys[i];
        }
    }

    return NULL;
}


static bool
xr_cloudfront_check(const xr_cloudfront_t *c, xr_verifier_t *verifier,
    xr_str_t policy)
{
    uint8_t  digest[XR_HASH_MAX_SIZE];

    return xr_hash(c->hash, &policy, 1, digest) == XR_OK
           && xr_verifier_check(verifier,
                                xr_str_of(digest, xr_hash_size(c->hash)),
                                xr_str_of(c->signature, c->signature_len))
              == XR_OK;
}


/* Whether the policy that was not sent, written for this URL, was signed. */

static bool
xr_cloudfront_check_canned(const xr_cloudfront_t *c,
    const xr_auth_request_t *req, const xr_auth_policy_t *policy,
    xr_verifier_t *verifier)
{
    size_t     i, tries;
    uint8_t    memory[2][XR_CLOUDFRONT_MAX_URL];
    xr_buf_t   url, canned;
    xr_str_t   host;
    xr_strs_t  hosts;

    host = req->host;
    hosts = policy->cloudfront_hosts;
    tries = 0;

    do {

        for (i = 0; i < XR_COUNT(xr_cloudfront_schemes); i++) {
            url = xr_buf(memory[0], sizeof(memory[0]));
            canned = xr_buf(memory[1], sizeof(memory[1]));

            xr_buf_put(&url, xr_cloudfront_schemes[i]);
            xr_buf_put(&url, host);
            xr_buf_put(&url, req->raw_path);
            xr_buf_puts(&url, (req->query.data != NULL) ? "?" : "");
            xr_buf_put(&url, req->query);

            xr_cloudfront_canned(xr_buf_str(&url), c->expires, &canned);

            if (xr_buf_ok(&url) && xr_buf_ok(&canned)
                && xr_cloudfront_check(c, verifier, xr_buf_str(&canned)))
            {
                return true;
            }

            tries++;
        }

    } while (tries < XR_CLOUDFRONT_TRIES && xr_strs_next(&hosts, &host));

    return false;
}


xr_deny_t
xr_cloudfront_signature(const xr_cloudfront_t *c,
    const xr_auth_request_t *req, const xr_auth_policy_t *policy,
    const xr_key_t *keys, size_t nkeys, xr_verifiers_t *verifiers,
    const xr_key_t **key)
{
    bool             ok;
    xr_signature_t   scheme;
    const xr_key_t  *k;
    xr_verifier_t   *verifier;

    if (c->hash == XR_SHA1 && !policy->cloudfront_sha1) {
        return XR_DENY_TOKEN_ALGORITHM;
    }

    k = xr_cloudfront_key(c->key_pair_id, keys, nkeys);

    if (k == NULL) {
        return XR_DENY_TOKEN_KEY;
    }

    scheme = (k->pub.kind == XR_PUBKEY_RSA) ? XR_SIGNATURE_RSA_PKCS1
                                            : XR_SIGNATURE_ECDSA_DER;

    verifier = xr_verifiers_get(verifiers, k, scheme, c->hash);

    if (verifier == NULL) {
        return XR_DENY_TOKEN_SIGNATURE;
    }

    if (c->custom) {
        ok = xr_cloudfront_check(c, verifier, c->policy);

    } else {
        ok = xr_cloudfront_check_canned(c, req, policy, verifier);
    }

    if (!ok) {
        return XR_DENY_TOKEN_SIGNATURE;
    }

    *key = k;

    return XR_DENY_NONE;
}
