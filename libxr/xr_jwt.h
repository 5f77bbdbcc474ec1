/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_JWT_H
#define XR_JWT_H


#include "xr_auth.h"


/*
 * JSON Web Tokens, RFC 7519, signed: RFC 7515's compact serialization, with
 * the claims of RFC 9246 (URI signing) as far as they can be honoured.
 *
 * Whatever a header says of keys (jku, jwk, x5u, x5c) is ignored; "crit",
 * "b64", "zip", "enc" and a nested token ("cty") are refused.
 */

#define XR_JWT_MAX_SIZE     8192
#define XR_JWT_MAX_CLAIMS   64

typedef struct {
    xr_str_t   input;               /* header "." payload, what was signed */
    xr_str_t   signature;           /* decoded */
    xr_alg_t   alg;
    bool       has_kid;
    xr_str_t   kid;
    xr_json_t  claims;              /* the payload, checked */
} xr_jwt_t;

/* Bytes of memory that parsing a token of "n" bytes takes at most. */
#define XR_JWT_MEMORY(n)  (n)

/* Whether "token" looks like one: three parts of base64url. */
bool xr_jwt_is(xr_str_t token);

/*
 * Decodes into "memory", which has XR_JWT_MEMORY(token.len) bytes and holds
 * what the views of "t" point to.  XR_INVALID: malformed; XR_DENIED: an
 * algorithm that is none of ours ("none" in all its spellings among them).
 */
xr_rc_t xr_jwt_parse(xr_str_t token, void *memory, xr_jwt_t *t,
    xr_err_t *err);

/*
 * Finds the key, by its id if the token names one and among all otherwise,
 * compares its algorithm with the token's before any cryptography, and checks
 * the signature.  Keys of other kinds are skipped; without a kid at most
 * XR_JWT_TRIES keys are tried.  XR_DENY_NONE sets "key".  "verifiers" is used
 * for public keys.
 */
#define XR_JWT_TRIES  4

xr_deny_t xr_jwt_signature(const xr_jwt_t *t, const xr_key_t *keys,
    size_t nkeys, xr_verifiers_t *verifiers, const xr_key_t **key);

/*
 * All that the token says, once its signature is known to be good: exp, nbf,
 * iat, iss, aud, sub, jti; cdniv (1), cdnicrit (refused unless all are
 * known), cdniip (an address or network; encrypted ones are refused), cdniuc
 * ("hash:" form; "regex:" is refused), cdnistt, cdnistd, cdniets (renewal is
 * refused); "path", a pattern or an array of at most 16; xr_origin,
 * xr_country, xr_quality, xr_rate.  A claim of ours of a wrong type is
 * XR_DENY_TOKEN_CLAIM, and so are a sub or jti of more than 256 bytes and an
 * aud of more than 64.  nbf and iat may be 0, which says nothing.
 *
 * Text that is escaped in the JSON is unescaped into "memory" (at least as
 * many bytes as the payload has).  XR_DENY_NONE fills "who" except its
 * key_id; nothing else writes it.
 */
xr_deny_t xr_jwt_judge(const xr_jwt_t *t, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy, xr_buf_t *memory, xr_principal_t *who);

/*
 * A claim by name as text: strings as they read, numbers and booleans as they
 * are written.  XR_NOT_FOUND; XR_INVALID: an object, an array, null, longer
 * than XR_JWT_CLAIM_MAX, or with a control character; XR_NO_SPACE.
 */
#define XR_JWT_CLAIM_MAX  1024

xr_rc_t xr_jwt_claim(const xr_jwt_t *t, xr_str_t name, xr_buf_t *memory,
    xr_str_t *out);


#endif /* XR_JWT_H */
