/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_JWT_URI_H
#define XR_JWT_URI_H


#include "xr_auth.h"


/*
 * Judges the URI container (cdniuc) of a JWT: RFC 9246, section 2.1.11.  It
 * must be of the form "hash:", with the whole digest of one URL by SHA-256,
 * SHA-384 or SHA-512 (RFC 6920, section 5).  The URL is http or https, names
 * the request's host or one of policy->names, and has no port.
 *
 * XR_DENY_NONE; XR_DENY_TOKEN_SCOPE: another URL; XR_DENY_TOKEN_CLAIM:
 * another form, "regex:" among them.
 */
xr_deny_t xr_jwt_uri_judge(xr_str_t container, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy);


#endif /* XR_JWT_URI_H */
