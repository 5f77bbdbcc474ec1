/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_WEB_H
#define XR_WEB_H


#include "xr.h"


/* Host names and web origins. */

/* Whether "s" is a host name in lower case without a port. */
bool xr_web_host_ok(xr_str_t s);

/*
 * Whether "s" is a web origin as browsers send it, RFC 6454 section 6.2: in
 * lower case, without a path or the default port.  Any other spelling would
 * never match.
 */
bool xr_web_origin_ok(xr_str_t s);

/*
 * The host name of an "http" or "https" URL, as Origin and Referer have it: a
 * view without port, in the case it was written in.  Empty where there is
 * none, and where it could be read in two ways.
 */
xr_str_t xr_web_url_host(xr_str_t url);


#endif /* XR_WEB_H */
