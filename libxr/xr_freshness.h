/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_FRESHNESS_H
#define XR_FRESHNESS_H


#include "xr_buf.h"


/*
 * What a shared cache may do with a response of the origin: whether it keeps
 * it, how long it is fresh, and how long it may be sent after that (RFC 9111,
 * stale-while-revalidate and stale-if-error of RFC 5861, immutable of RFC
 * 8246, CDN-Cache-Control of RFC 9213).
 *
 * All spans are in seconds, from 0 to XR_FRESHNESS_MAX; times are Unix times,
 * and the caller parses dates.
 *
 * Section 3.5 of RFC 9111, about requests with Authorization, does not apply:
 * what a client proves itself with ends at the edge, which judges each request
 * before it looks into the cache, and the Authorization that the origin sees
 * is the edge's own.  Nor does Vary matter, apart from "*": the origin sees no
 * header of a client's.
 */

#define XR_FRESHNESS_MAX   INT64_C(2147483648)  /* RFC 9111, section 1.2.2 */
#define XR_FRESHNESS_NONE  (-1)                 /* of a time: absent */

#define XR_FRESHNESS_JITTER_MAX  500            /* per mille */


/* Directives: those that state seconds come first. */

enum {
    XR_FRESHNESS_MAX_AGE = 0,
    XR_FRESHNESS_S_MAXAGE,
    XR_FRESHNESS_STALE_WHILE_REVALIDATE,
    XR_FRESHNESS_STALE_IF_ERROR,
    XR_FRESHNESS_SECONDS,

    XR_FRESHNESS_NO_STORE = XR_FRESHNESS_SECONDS,
    XR_FRESHNESS_NO_CACHE,
    XR_FRESHNESS_PRIVATE,
    XR_FRESHNESS_MUST_REVALIDATE,
    XR_FRESHNESS_PROXY_REVALIDATE,
    XR_FRESHNESS_PUBLIC,
    XR_FRESHNESS_IMMUTABLE,
    XR_FRESHNESS_DIRECTIVES
};


/*
 * What the lines of one field have said so far.  Zeroed memory is a field that
 * is absent.
 */

typedef struct {
    uint32_t  has;                      /* a bit for each directive */
    uint32_t  wrong;                    /* CDN-Cache-Control: of those, the ones
                                           whose value is of another type */
    bool      members;                  /* CDN-Cache-Control: has any, known or
                                           not */
    bool      unreadable;
    int64_t   seconds[XR_FRESHNESS_SECONDS];
} xr_freshness_field_t;

bool xr_freshness_field_has(const xr_freshness_field_t *f, uint32_t directive);

/*
 * Adds a line of Cache-Control.  It is read so that mistakes do not make a
 * response more public or longer lived than was meant:
 *
 * - a directive ends at ",", ";", blank or tab: "max-age=60; private" and
 *   "public s-maxage=300" say what they seem to;
 * - seconds may be in quotes; any that are missing, negative or no number are
 *   0; the smallest of several counts;
 * - no-cache and private with a list of fields count as without: the response
 *   as a whole is meant;
 * - a quote where there should be none, or without its end, hides what may
 *   have been a directive: the field is unreadable, and nothing is stored;
 * - must-understand is unknown, as is whatever is not in the list above, so
 *   the no-store beside it counts.
 */
void xr_freshness_field_cache_control(xr_freshness_field_t *f, xr_str_t line);

/*
 * Adds a line of CDN-Cache-Control, which is a dictionary of RFC 8941: names
 * are in lower case, the last of several counts.  It takes the place of
 * Cache-Control and Expires if it is valid and not empty.  It is not if one of
 * its lines is not, if seconds are no integer, or if a directive without
 * seconds is false.  Negative seconds are 0.
 */
void xr_freshness_field_targeted(xr_freshness_field_t *f, xr_str_t line);


/*
 * The policy of a tenant, or of a location.
 *
 *     ttl=10m            how long an object is fresh if the origin does not
 *                        say; 0: it is not stored then
 *     negative=10s       the same of 404 and 410, and the most that the origin
 *                        can say about them; 0: they are not stored
 *     min=0, max=none    for how long an object is fresh from now, at least and
 *                        at most, before jitter; not applied to no-cache
 *     stale_while_revalidate=30s, stale_if_error=1d
 *                        if the origin does not say
 *     jitter=5%          by how much of it what is fresh is shortened at most,
 *                        so that what came together does not expire together;
 *                        from 0% to 50%, in tenths
 *     origin=honour|override
 *                        override: neither what the origin says about time nor
 *                        no-cache, must-revalidate and proxy-revalidate count,
 *                        nor does Age; no-store, private, Set-Cookie and "Vary:
 *                        *" count always
 *
 * Times are such as 30s, 10m or 1d12h, in y, M, w, d, h, m and s; a number
 * alone is seconds.  What is not given is as shown.
 */

typedef struct {
    int64_t   ttl;                      /* > 0 with "override" */
    int64_t   negative;
    int64_t   min;
    int64_t   max;
    int64_t   stale_while_revalidate;
    int64_t   stale_if_error;
    uint32_t  jitter;                   /* per mille, at most
                                           XR_FRESHNESS_JITTER_MAX */
    bool      override;
} xr_freshness_policy_t;

/*
 * From parameters in any order, each at most once.  On failure err->pos is the
 * index of the one at fault, and "out" is as it was.
 */
xr_rc_t xr_freshness_policy_parse(const xr_str_t *args, size_t n,
    xr_freshness_policy_t *out, xr_err_t *err);

/* All of it, as xr_freshness_policy_parse() reads it. */

#define XR_FRESHNESS_POLICY_SIZE  192

void xr_freshness_policy_text(const xr_freshness_policy_t *policy,
    xr_buf_t *out);


/*
 * Seconds as Cache-Control and Age have them (delta-seconds, RFC 9111, section
 * 1.2.2): digits only, and XR_FRESHNESS_MAX if they are too many.
 */
xr_rc_t xr_freshness_seconds(xr_str_t s, int64_t *out);

/*
 * The value of Age, RFC 9111, section 5.1: the first member of a list; 0 if it
 * is not a number.
 */
int64_t xr_freshness_age_field(xr_str_t value);


typedef struct {
    uint32_t              status;       /* of what would be kept: with a 304,
                                           that of the stored response, and all
                                           else as the 304 updates it */
    bool                  set_cookie;   /* it is there */
    bool                  vary_any;     /* "*" is a member of Vary */
    bool                  validator;    /* ETag or Last-Modified is there */
    bool                  http_1_0;     /* came that way: Age may be missing */

    xr_freshness_field_t  cache_control;
    xr_freshness_field_t  targeted;     /* CDN-Cache-Control */
    int64_t               expires;      /* of several the earliest; 0 if it is
                                           no date (RFC 9111, section 5.3), or
                                           one before 1970 */
    int64_t               date;
    int64_t               age;          /* 0: absent */

    int64_t               asked;        /* by the clock of the edge */
    int64_t               received;
} xr_freshness_response_t;


typedef struct {
    bool         store;
    bool         no_cache;              /* each use has to be validated */
    bool         must_revalidate;       /* once stale never to be sent; if the
                                           origin cannot be asked, 504 */
    bool         immutable;             /* while fresh */
    int64_t      fresh;                 /* while now < received + fresh */
    int64_t      stale_while_revalidate;    /* after that */
    int64_t      stale_if_error;
    int64_t      age;                   /* when received: corrected_initial_age
                                           of section 4.2.3 */
    const char  *reason;                /* a literal: why it is not stored, or
                                           who said for how long */
} xr_freshness_t;

/*
 * 200, 206, 404 and 410 are stored and no others.  "hash" decides what the
 * jitter takes away: the same for what is to expire together.
 *
 * Where neither the origin nor ttl= says how long, nothing is stored; it is
 * not guessed from Last-Modified.  The windows of the policy are not given to
 * what the origin says is stale from the beginning, and windows are open from
 * the moment at which a response went stale, even if it was on its way then.
 * What is never fresh is stored if it can be validated, or if the origin opens
 * a window for it.  No window is open beside must-revalidate and
 * proxy-revalidate (RFC 9111, section 4.2.4).  Beside s-maxage those of the
 * policy are not, and those that the origin itself states are: who writes both
 * means both.
 */
void xr_freshness_decide(const xr_freshness_response_t *r,
    const xr_freshness_policy_t *policy, uint64_t hash, xr_freshness_t *out);

/* Age of a stored response, from "age" of above (RFC 9111, section 4.2.3). */
int64_t xr_freshness_age(int64_t age, int64_t received, int64_t now);


#endif /* XR_FRESHNESS_H */
