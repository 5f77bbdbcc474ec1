/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_AUTH_H
#define XR_AUTH_H


#include "xr.h"
#include "xr_addr.h"
#include "xr_keyset.h"


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
    XR_DENY_TOKEN_KIND,             /* of a kind that is not accepted here */
    XR_DENY_TOKEN_ALGORITHM,        /* not the one its key is bound to */
    XR_DENY_TOKEN_KEY,              /* the tenant has no key of that id */
    XR_DENY_TOKEN_SIGNATURE,        /* no key of the tenant made it */
    XR_DENY_TOKEN_CLAIM,            /* says what cannot be honoured here */
    XR_DENY_TOKEN_ISSUER,
    XR_DENY_TOKEN_AUDIENCE,
    XR_DENY_TOKEN_EXPIRED,
    XR_DENY_TOKEN_EARLY,            /* not valid yet */
    XR_DENY_TOKEN_LIFETIME,         /* longer than the tenant allows */
    XR_DENY_TOKEN_SCOPE,            /* valid, but for another path */
    XR_DENY_TOKEN_ADDRESS,          /* valid, but for another client */
    XR_DENY_TOKEN_EMBED,            /* valid, but not on this page's host */
    XR_DENY_TOKEN_COUNTRY,          /* valid, but not in this country */
    XR_DENY_TOKEN_REVOKED,          /* subject, token or key is revoked */
    XR_DENY_TOKEN_THROTTLED,        /* too many that were no good */
    XR_DENY_REVOCATION,             /* the list of revoked ones is too old */

    XR_DENY_ENCODING,               /* there is no coding that it accepts */
    XR_DENY_GEO,                    /* the tenant does not serve this country */
    XR_DENY_GEO_UNKNOWN,            /* nor where nobody knows which it is */

    XR_DENY_VARIANT,                /* there is none that the client can show */

    XR_DENY_LIMIT,                  /* a token bucket is empty */
    XR_DENY_LIMIT_STREAMS,          /* too many responses at a time */
    XR_DENY_LIMIT_UNKNOWN,          /* Redis is away, and that closes it */
    XR_DENY_SLICE_FOLLOWERS,        /* too many wait for the same slice */

    XR_DENY_ORIGIN_NOT_FOUND,       /* the origin has no such object */
    XR_DENY_ORIGIN_FORBIDDEN,       /* the origin refused us that object */
    XR_DENY_ORIGIN_CREDENTIALS,     /* the origin refused our signature */
    XR_DENY_ORIGIN_DISABLED,        /* account or bucket, for everybody */
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
    xr_str_t          query;        /* the application's own, as it was sent
                                       without credentials and reserved
                                       parameters; data NULL: no "?" left */
    xr_str_t          host;         /* Host, lower case, no port */
    const xr_addr_t  *address;      /* the trusted client address */
    xr_str_t          embed;        /* host of the page that asks, from Origin
                                       or Referer; empty: not known */
    xr_str_t          country;      /* two capital letters, from who may say;
                                       empty: not known */
    int64_t           now;          /* Unix time, seconds */
} xr_auth_request_t;


/* How strict a tenant is. */

typedef struct {
    int64_t    leeway;              /* seconds of clock skew tolerated */
    int64_t    max_lifetime;        /* expiry at most now + this; 0: no bound */
    xr_strs_t  issuers;             /* JWT: one of them; empty: any */
    xr_strs_t  audiences;           /* JWT: one of them must be named */
    xr_strs_t  names;               /* where there are no audiences: a token
                                       that has any must name one of these */
    xr_strs_t  cloudfront_hosts;    /* host names that a signed resource may
                                       have besides the request's */
    bool       cloudfront_sha1;     /* signatures with SHA-1 are accepted */
} xr_auth_policy_t;


/*
 * What narrows a grant, whatever the credential's format is: EdgeAuth's data=
 * as "origin:shop.example|*.acme.example,country:DE|FR,quality:high,rate:gold",
 * JWT claims of the same names with "xr_" in front.  Alternatives are joined
 * by "|".  Empty views: not narrowed.
 */

typedef struct {
    xr_str_t  origin;               /* hosts of embedding pages; "*." in front
                                       stands for one or more labels */
    xr_str_t  country;              /* ISO 3166-1, two capital letters */
    xr_str_t  quality;              /* a ceiling: one name */
    xr_str_t  rate;                 /* a rate class: one name */
} xr_constraints_t;

/*
 * Reads "name:value,name:value".  Data without a ":" is the application's
 * own, and so are names other than those four; XR_INVALID: one of the four
 * twice, empty, with a value that it cannot have, in another case or with
 * space around it.
 */
xr_rc_t xr_constraints_read(xr_str_t data, xr_constraints_t *out);

/* Whether one value, by its name ("origin", ...), may be what it says. */
bool xr_constraints_value_ok(xr_str_t name, xr_str_t value);

/* XR_DENY_NONE, XR_DENY_TOKEN_EMBED, XR_DENY_TOKEN_COUNTRY. */
xr_deny_t xr_constraints_judge(const xr_constraints_t *c,
    const xr_auth_request_t *req);


/*
 * Who is asking, whatever the credential's format was.  Views point into the
 * memory that the verifier was given; none of them holds a control character.
 */

typedef struct {
    xr_kind_t         kind;
    xr_str_t          subject;      /* EdgeAuth: escaped as in the token */
    xr_str_t          token_id;     /* JWT's jti; or empty */
    xr_str_t          key_id;       /* which key verified it; or empty */
    int64_t           not_before;   /* 0: not stated */
    int64_t           expires;
    xr_constraints_t  constraints;
} xr_principal_t;


/*
 * Times as every format has them; 0: not stated, only "expires" must be.
 * XR_DENY_NONE, XR_DENY_TOKEN_EARLY (also when issued in the future),
 * XR_DENY_TOKEN_EXPIRED, XR_DENY_TOKEN_LIFETIME.
 */
xr_deny_t xr_auth_times(int64_t not_before, int64_t issued, int64_t expires,
    const xr_auth_request_t *req, const xr_auth_policy_t *policy);

/* Whether "pattern" matches the path, raw or decoded. */
bool xr_auth_covers(xr_str_t pattern, const xr_auth_request_t *req);


/*
 * Whether "pattern" matches all of "path".  "*" stands for any run of bytes
 * including "/" and including none, "?" for one byte other than "/"; every
 * other byte stands for itself.  Linear in time for any pattern with one
 * "*", never worse than pattern.len * path.len.
 */
bool xr_auth_match(xr_str_t pattern, xr_str_t path);

/*
 * The same for a whole URL, in which "?" stands for any one byte.  Searching
 * takes from "*steps" at most as many as bytes are compared; what would take
 * more does not match.
 */
bool xr_auth_match_url(xr_str_t pattern, xr_str_t url, size_t *steps);


#endif /* XR_AUTH_H */
