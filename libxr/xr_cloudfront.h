/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_CLOUDFRONT_H
#define XR_CLOUDFRONT_H


#include "xr_auth.h"


/*
 * Amazon CloudFront's signed URLs and signed cookies.  A canned policy names
 * one resource and an expiry and is not sent: it is written anew from the
 * request; a custom policy is sent along, in base64 with "+", "=" and "/"
 * replaced by "-", "_" and "~".
 */

#define XR_CLOUDFRONT_MAX_POLICY  4096      /* encoded */
#define XR_CLOUDFRONT_MAX_URL     8192      /* longer ones match nothing */

typedef enum {
    XR_CLOUDFRONT_EXPIRES = 0,
    XR_CLOUDFRONT_POLICY,
    XR_CLOUDFRONT_SIGNATURE,
    XR_CLOUDFRONT_KEY_PAIR_ID,
    XR_CLOUDFRONT_HASH_ALGORITHM,
    XR_CLOUDFRONT_PARAMS
} xr_cloudfront_param_t;

/*
 * "Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm": the
 * names in a query; cookies have "CloudFront-" in front.
 */
xr_str_t xr_cloudfront_name(xr_cloudfront_param_t p);

/*
 * Which parameter a name is, compared without case, so that a second one in
 * another case is noticed; XR_CLOUDFRONT_PARAMS: none.  "exact" tells whether
 * it is spelled as it must be.
 */
xr_cloudfront_param_t xr_cloudfront_param(xr_str_t name, bool *exact);


/* The values as they were sent; data NULL: not sent. */

typedef struct {
    xr_str_t  values[XR_CLOUDFRONT_PARAMS];
} xr_cloudfront_params_t;


#define XR_CLOUDFRONT_MAX_SIGNATURE  (XR_RSA_MAX_BITS / 8)

typedef struct {
    bool           custom;
    xr_hash_t      hash;
    xr_str_t       key_pair_id;
    uint8_t        signature[XR_CLOUDFRONT_MAX_SIGNATURE];
    size_t         signature_len;

    xr_str_t       policy;          /* custom: as it was signed */
    xr_str_t       resource;        /* custom: as the policy has it */
    bool           any_resource;    /* custom: the policy has none */
    int64_t        expires;
    int64_t        not_before;      /* 0: not stated */
    xr_str_t       network;         /* IpAddress; or empty */
    xr_addr_net_t  net;             /* the same, read */
} xr_cloudfront_t;

/* Bytes of memory that parsing takes: policy and resource, decoded. */
#define XR_CLOUDFRONT_MEMORY(policy_len)  (2 * (policy_len))

/*
 * Reads what was sent.  Refuses both or neither of Expires and Policy, a
 * missing signature or key pair id, foreign characters, a policy that is not
 * exactly one statement of the members that CloudFront documents, no
 * DateLessThan, times that are not integers from 1 to 2^53, an unknown hash.
 * "memory" has XR_CLOUDFRONT_MEMORY(length of Policy) bytes and holds what the
 * views of "c" point to.  err->pos is an offset into the parameter at fault.
 */
xr_rc_t xr_cloudfront_parse(const xr_cloudfront_params_t *params,
    void *memory, xr_cloudfront_t *c, xr_err_t *err);

/*
 * The key by its id, whatever its position, then the signature.  A canned
 * policy is tried for "https" and "http", for the request's host and for each
 * of policy->cloudfront_hosts, at most XR_CLOUDFRONT_TRIES in all, with the
 * raw path and the application's own query.  SHA-1 where the tenant does not
 * allow it is XR_DENY_TOKEN_ALGORITHM.
 */
#define XR_CLOUDFRONT_TRIES  12

xr_deny_t xr_cloudfront_signature(const xr_cloudfront_t *c,
    const xr_auth_request_t *req, const xr_auth_policy_t *policy,
    const xr_key_t *keys, size_t nkeys, xr_verifiers_t *verifiers,
    const xr_key_t **key);

/*
 * Times, address, and for a custom policy the resource: "*" stands for any
 * run of characters, "?" for one, in the whole URL; "http*://" and "*://" are
 * either scheme; a resource that starts with "/" has no host.  The URL has the
 * request's host or one of policy->cloudfront_hosts.  The query, which nobody
 * signed, is matched by what stands behind a "?" of the resource, or by a "*"
 * at its end; no other "*" reaches into it.  A resource that takes longer to
 * match than XR_CLOUDFRONT_STEPS bytes are compared covers nothing.
 * XR_DENY_NONE fills "who" except its key_id.
 */
#define XR_CLOUDFRONT_STEPS  200000

xr_deny_t xr_cloudfront_judge(const xr_cloudfront_t *c,
    const xr_auth_request_t *req, const xr_auth_policy_t *policy,
    xr_principal_t *who);


/* For signers: what is to be signed. */

/* {"Statement":[{"Resource":...,"Condition":{"DateLessThan":...}}]} */
void xr_cloudfront_canned(xr_str_t resource, int64_t expires, xr_buf_t *out);

/* "network" may be empty, "not_before" 0. */
void xr_cloudfront_custom(xr_str_t resource, int64_t expires,
    int64_t not_before, xr_str_t network, xr_buf_t *out);

/* base64 in CloudFront's alphabet */
void xr_cloudfront_encode(xr_str_t in, xr_buf_t *out);


#endif /* XR_CLOUDFRONT_H */
