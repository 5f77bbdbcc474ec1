/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_JUDGE_H
#define XRW_JUDGE_H


#include "signed.h"
#include "token.h"
#include "xr_edgeauth.h"
#include "xr_jwt.h"


/* Decides about a credential as an edge would, with the same code. */

typedef struct {
    xrw_token_key_t   key;
    xrw_policy_t      policy;
    xrw_list_t        cookies;
    const char       *url;
    const char       *path;
    const char       *at;
    const char       *ip;
    const char       *page;
    const char       *country;
    const char       *name;
} xrw_judge_flags_t;

#define XRW_JUDGE_OPTIONS  (XRW_TOKEN_KEY_OPTIONS + 17)

size_t xrw_judge_options(xrw_judge_flags_t *flags, xrw_option_t *options);


typedef struct {
    xrw_arena_t         *arena;
    xrw_signed_t         sent;

    xr_keyset_t          keys;
    unsigned             kinds;         /* of xr_kind_t: there are keys */
    xr_verifiers_t      *verifiers;
    xr_auth_policy_t     policy;
    bool                 has_tenant;    /* of which the names are known */

    xr_auth_request_t    req;
    xr_addr_t            address;
    xr_deny_t            target;        /* what is wrong with the path */
    bool                 has_path;
    bool                 has_address;

    xr_kind_t            kind;          /* the credential, once parsed */
    xr_edgeauth_t        edgeauth;
    xr_jwt_t             jwt;
    xr_cloudfront_t      cloudfront;
    xr_err_t             err;           /* why it was not; "what" may be NULL */
} xrw_judge_t;


/*
 * Reads the credential's surroundings: keys, policy and the request that it
 * comes with.  XRW_OK, or what to exit with; closed in any case.
 */
int xrw_judge_open(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_judge_flags_t *flags, const char *arg, xrw_judge_t *j);
void xrw_judge_close(xrw_judge_t *j);

/*
 * Reads the credential itself.  An edge sees CloudFront's only for tenants
 * with keys for them; "any" does without.
 */
xr_deny_t xrw_judge_parse(xrw_judge_t *j, bool any);

/* Whether a key made it; sets "*key" to its id, where it is known. */
xr_deny_t xrw_judge_signature(xrw_judge_t *j, xr_str_t *key);

/* All that it says, believed. */
xr_deny_t xrw_judge_claims(xrw_judge_t *j);


/* Of xrw_judge_open(): what the tenant, and options instead, demand. */
int xrw_judge_policy(const xrw_command_t *cmd, const xrw_judge_flags_t *flags,
    xrw_judge_t *j);


#endif /* XRW_JUDGE_H */
