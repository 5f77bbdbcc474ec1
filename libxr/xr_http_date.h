/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_HTTP_DATE_H
#define XR_HTTP_DATE_H


#include "xr.h"


/*
 * A date as HTTP has it, RFC 9110 section 5.6.7, into Unix time, which is
 * negative before 1970.  All three formats are read:
 *
 *     Sun, 06 Nov 1994 08:49:37 GMT
 *     Sunday, 06-Nov-94 08:49:37 GMT
 *     Sun Nov  6 08:49:37 1994
 *
 * A year of two digits is the latest that does not lie more than 50 years
 * after "now".  The day of the week has to be one, not the right one; the last
 * second of a minute may be its 61st.  XR_INVALID leaves "out" as it was.
 */
xr_rc_t xr_http_date(xr_str_t s, int64_t now, int64_t *out);


#endif /* XR_HTTP_DATE_H */
