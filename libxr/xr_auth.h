/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_AUTH_H
#define XR_AUTH_H


#include "xr.h"
#include "xr_addr.h"


/*
 * Why a request was not served.  The closed set behind $xr_deny_reason, logs
 * and metrics; clients see a status only.
 */

typedef enum {
    XR_DENY_NONE = 0,

    XR_DENY_METHOD,                 /* not GET, HEAD or a CORS preflight */
    XR_DENY_PATH,                   /* the target is not in normal form */
    XR_DENY_TENANT,                 /* no such tenant */

    XR_DENY_TOKEN_MISSING,
    XR_DENY_TOKEN_DUPLICATE,        /* more than one credential */
    XR_DENY_TOKEN_MALFORMED,
    XR_DENY_TOKEN_SIGNATURE,        /* no key of the tenant made it */
    XR_DENY_TOKEN_EXPIRED,
    XR_DENY_TOKEN_EARLY,            /* not valid yet */
    XR_DENY_TOKEN_LIFETIME,         /* longer than the tenant allows */
    XR_DENY_TOKEN_SCOPE,            /* valid, but for another path */
    XR_DENY_TOKEN_ADDRESS,          /* valid, but for another client */

    XR_DENY_ORIGIN_NOT_FOUND,       /* the origin has no such object */
    XR_DENY_ORIGIN_FORBIDDEN,       /* the origin refused us that object */
    XR_DENY_ORIGIN_CREDENTIALS,     /* the origin refused our signature */
    XR_DENY_ORIGIN_REDIRECT,        /* wrong region or endpoint */
    XR_DENY_ORIGIN_THROTTLED,
    XR_DENY_ORIGIN_ERROR,           /* any other error status */
    XR_DENY_ORIGIN_UNREACHABLE,     /* no usable answer in time */

    XR_DENY_COUNT
} xr_deny_t;


/* The name in lower snake case, "token_expired"; "" for XR_DENY_NONE. */
xr_str_t xr_deny_name(xr_deny_t deny);


/* What a verifier is told about the request. */

typedef struct {
    xr_str_t          raw_path;     /* as the client sent it, no query */
    xr_str_t          path;         /* raw_path decoded once */
    const xr_addr_t  *address;      /* the trusted client address */
    int64_t           now;          /* Unix time, seconds */
} xr_auth_request_t;


/* How strict a tenant is.  Seconds. */

typedef struct {
    int64_t  leeway;                /* tolerated clock skew, st and exp */
    int64_t  max_lifetime;          /* exp at most now + this; 0: no bound */
} xr_auth_limits_t;


/*
 * Who is asking, whatever the credential's format was.  Views point into the
 * memory that the verifier was given.
 */

typedef struct {
    xr_str_t  subject;              /* still escaped as in the credential */
    xr_str_t  data;                 /* likewise; the credential's payload */
    int64_t   not_before;           /* 0: not stated */
    int64_t   expires;
    xr_str_t  key_id;               /* which key verified it */
} xr_principal_t;


/*
 * Whether "pattern" matches all of "path".  "*" stands for any run of bytes
 * including "/" and including none, "?" for one byte other than "/"; every
 * other byte stands for itself.  Linear in time for any pattern with one
 * "*", never worse than pattern.len * path.len.
 */
bool xr_auth_match(xr_str_t pattern, xr_str_t path);


#endif /* XR_AUTH_H */
