/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_SF_H
#define XR_SF_H


#include "xr.h"


/*
 * Structured fields, RFC 8941: dictionaries, read member by member.  Whoever
 * meets XR_INVALID has to forget the members before it: a field that cannot
 * be read to its end counts as absent (section 4.2).
 */

typedef enum {
    XR_SF_BOOLEAN = 0,
    XR_SF_INTEGER,
    XR_SF_DECIMAL,
    XR_SF_STRING,
    XR_SF_TOKEN,
    XR_SF_BYTES,
    XR_SF_LIST
} xr_sf_type_t;


typedef struct {
    xr_sf_type_t  type;
    int64_t       number;       /* 0 or 1 of a boolean, the value of an
                                   integer, a decimal's in thousandths */
    xr_str_t      text;         /* a token; what is between the quotes of a
                                   string, with its backslashes, between the
                                   colons of bytes, between the parentheses of
                                   an inner list */
} xr_sf_item_t;


typedef struct {
    xr_str_t      key;
    xr_sf_item_t  value;
    xr_str_t      params;       /* as they are: empty, or from the first ";" */
} xr_sf_member_t;


/*
 * Takes the first member off "*s", which is a field's value; all views are
 * into it.  XR_NOT_FOUND at the end, XR_INVALID if it is no dictionary.  Of
 * members with one key the last counts, which the caller has to see to.
 */
xr_rc_t xr_sf_next(xr_str_t *s, xr_sf_member_t *out);


#endif /* XR_SF_H */
