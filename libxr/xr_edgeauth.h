/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_EDGEAUTH_H
#define XR_EDGEAUTH_H


#include "xr_auth.h"
#include "xr_buf.h"
#include "xr_keyset.h"


/*
 * Akamai EdgeAuth 2.0 tokens, HMAC-SHA256:
 *
 *     [ip=A~][st=N~]exp=N[~acl=P[!P...]][~id=S][~data=S]~hmac=HEX
 *
 * A token without acl= is a URL token: it was signed with "~url=PATH" in
 * front of the MAC, which the token itself does not carry.  Values may be
 * percent-escaped by the signer ("escape early") or not; the MAC covers the
 * token's bytes as they are.
 */

#define XR_EDGEAUTH_MAX_SIZE  2048
#define XR_EDGEAUTH_MAX_ACL   16

/* An S3 key of 1024 bytes, escaped twice, has 5 * 1024. */

#define XR_EDGEAUTH_MAX_ESCAPED  8192


/* Absent fields are empty views with data == NULL, absent numbers are 0. */

typedef struct {
    xr_str_t  message;              /* the signed part of the token */
    xr_str_t  ip;
    xr_str_t  acl;
    xr_str_t  id;
    xr_str_t  data;
    int64_t   st;
    int64_t   exp;
    uint8_t   mac[XR_SHA256_SIZE];
} xr_edgeauth_t;


/*
 * Splits a token into views of it.  Refuses unknown, repeated and empty
 * fields, a missing exp, a MAC that is not 64 hexadecimal digits at the very
 * end, control characters and anything over the size limits.
 */
xr_rc_t xr_edgeauth_parse(xr_str_t token, xr_edgeauth_t *t, xr_err_t *err);

/*
 * Decides.  XR_DENY_NONE fills "who"; nothing else writes it.  The MAC is
 * checked before any field is believed, against every key whose kind is
 * XR_KIND_EDGEAUTH; others are skipped.  "data" may narrow the grant: what it
 * says of the page and the country is judged here, and stands in "who" as in
 * the token, still escaped.  "acl" and "url" may be written by the signer as
 * decoded or as raw paths.
 */
xr_deny_t xr_edgeauth_verify(const xr_edgeauth_t *t,
    const xr_auth_request_t *req, const xr_auth_policy_t *policy,
    const xr_key_t *keys, size_t nkeys, xr_principal_t *who);

/*
 * All that the token says, once it is known that a key of the tenant says so.
 * XR_DENY_NONE sets "in_token": what narrows the grant, as it stands there.
 */
xr_deny_t xr_edgeauth_judge(const xr_edgeauth_t *t,
    const xr_auth_request_t *req, const xr_auth_policy_t *policy,
    xr_constraints_t *in_token);

/*
 * What narrows the grant: unescaped into "memory" (at least t->data.len
 * bytes), and once more as it stands in the token.  XR_INVALID: data= has one
 * of our names with a value that it cannot have.
 */
xr_rc_t xr_edgeauth_constraints(const xr_edgeauth_t *t, xr_buf_t *memory,
    xr_constraints_t *out, xr_constraints_t *in_token);

/*
 * A claim by name: a "name:value" of data=, or "data" as a whole.  A view of
 * the token, escaped as it is there; XR_NOT_FOUND.
 */
xr_rc_t xr_edgeauth_claim(const xr_edgeauth_t *t, xr_str_t name,
    xr_str_t *out);


/* For signers.  "path" is used when acl is empty: a URL token. */

typedef struct {
    xr_str_t  ip;
    xr_str_t  acl;                  /* patterns, joined by "!" */
    xr_str_t  url;
    xr_str_t  id;
    xr_str_t  data;
    int64_t   st;                   /* 0: none */
    int64_t   exp;
    bool      escape;               /* escape values as signers call it */
} xr_edgeauth_spec_t;


/* Refuses what does not parse, and data= that narrows by what it cannot. */
xr_rc_t xr_edgeauth_make(const xr_edgeauth_spec_t *spec, const xr_key_t *key,
    xr_buf_t *out, xr_err_t *err);

/*
 * As the public signers do it: JavaScript's encodeURIComponent(), then "~",
 * "'" and "*" as well, digits in lower case.
 */
void xr_edgeauth_escape(xr_str_t s, xr_buf_t *out);


#endif /* XR_EDGEAUTH_H */
