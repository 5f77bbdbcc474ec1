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
 * checked before any field is believed, against every key of the set.  "acl"
 * and "url" may be written by the signer as decoded or as raw paths.
 */
xr_deny_t xr_edgeauth_verify(const xr_edgeauth_t *t,
    const xr_auth_request_t *req, const xr_auth_limits_t *limits,
    const xr_keyset_t *keys, xr_principal_t *who);


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


xr_rc_t xr_edgeauth_make(const xr_edgeauth_spec_t *spec, const xr_key_t *key,
    xr_buf_t *out, xr_err_t *err);


#endif /* XR_EDGEAUTH_H */
