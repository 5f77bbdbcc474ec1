/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_PRECONDITION_H
#define XR_PRECONDITION_H


#include "xr.h"


/*
 * Conditional requests, RFC 9110 section 13, as an origin server evaluates
 * them, which a gateway is to its clients: for an object that exists, and
 * where the answer would be 200 without them.
 */

typedef struct {
    xr_str_t  opaque;               /* with its quotes */
    bool      weak;
} xr_precondition_etag_t;


/*
 * One entity tag (section 8.8.3) and nothing else: "opaque" is a view into
 * "s".  XR_INVALID leaves "out" as it was.
 */
xr_rc_t xr_precondition_etag(xr_str_t s, xr_precondition_etag_t *out);

/*
 * Whether a list of entity tags, as If-Match and If-None-Match have it, names
 * "etag"; "*" names whatever there is.  Nothing weak is named where the
 * comparison is to be strong (section 8.8.3.2).  A list with a malformed
 * member names nothing, as does "*" beside others; a malformed "etag" is
 * named by "*" only.
 */
bool xr_precondition_names(xr_str_t list, xr_str_t etag, bool strong);


typedef enum {
    XR_PRECONDITION_GET = 0,
    XR_PRECONDITION_HEAD,
    XR_PRECONDITION_OTHER
} xr_precondition_method_t;


/*
 * Values of headers, NULL in "data" where there is none.  Those that came in
 * several lines are joined by commas (section 5.3): lists become longer by
 * it, dates malformed.
 */

typedef struct {
    xr_precondition_method_t  method;
    xr_str_t                  if_match;
    xr_str_t                  if_none_match;
    xr_str_t                  if_modified_since;
    xr_str_t                  if_unmodified_since;
    xr_str_t                  if_range;
} xr_precondition_request_t;


/* Times are Unix times; -1 where they are not known. */

typedef struct {
    xr_str_t  etag;                 /* empty: there is none */
    int64_t   last_modified;
    int64_t   date;                 /* of the response that told both */
} xr_precondition_object_t;


typedef enum {
    XR_PRECONDITION_PASS = 0,
    XR_PRECONDITION_NOT_MODIFIED,   /* 304 */
    XR_PRECONDITION_FAILED          /* 412 */
} xr_precondition_result_t;


/*
 * In the order of section 13.2.2.  "*range" tells whether a Range header
 * counts, which is so for GET only, if the request passes and If-Range is
 * absent or true.  Dates that are malformed are ignored, but not in If-Range,
 * which is false then.
 *
 * If-Range compares strongly.  A date is strong if "date" shows that the
 * object had not changed for 60 seconds when its origin gave it away.  Section
 * 8.8.2.2 is content with one, for clients that know the origin's Date; those
 * of a cache see when the cache answered, and would take for strong what is
 * not.  Where "date" is not known, no date is strong, and the whole object is
 * sent: more than was needed, but never parts of two versions.
 *
 * "now" is for dates of which the year has two digits.
 */
xr_precondition_result_t xr_precondition_evaluate(
    const xr_precondition_request_t *r, const xr_precondition_object_t *o,
    int64_t now, bool *range);


#endif /* XR_PRECONDITION_H */
