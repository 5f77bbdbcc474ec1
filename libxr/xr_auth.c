/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_auth.h"


/* What "?" in a pattern does not stand for. */

#define XR_AUTH_NOTHING   -1


xr_str_t
xr_deny_name(xr_deny_t deny)
{
    static const xr_str_t  names[XR_DENY_COUNT] = {
        [XR_DENY_NONE] = XR_STR(""),
        [XR_DENY_METHOD] = XR_STR("method"),
        [XR_DENY_PATH] = XR_STR("path"),
        [XR_DENY_TENANT] = XR_STR("tenant"),
        [XR_DENY_TOKEN_MISSING] = XR_STR("token_missing"),
        [XR_DENY_TOKEN_DUPLICATE] = XR_STR("token_duplicate"),
        [XR_DENY_TOKEN_MALFORMED] = XR_STR("token_malformed"),
        [XR_DENY_TOKEN_KIND] = XR_STR("token_kind"),
        [XR_DENY_TOKEN_ALGORITHM] = XR_STR("token_algorithm"),
        [XR_DENY_TOKEN_KEY] = XR_STR("token_key"),
        [XR_DENY_TOKEN_SIGNATURE] = XR_STR("token_signature"),
        [XR_DENY_TOKEN_CLAIM] = XR_STR("token_claim"),
        [XR_DENY_TOKEN_ISSUER] = XR_STR("token_issuer"),
        [XR_DENY_TOKEN_AUDIENCE] = XR_STR("token_audience"),
        [XR_DENY_TOKEN_EXPIRED] = XR_STR("token_expired"),
        [XR_DENY_TOKEN_EARLY] = XR_STR("token_early"),
        [XR_DENY_TOKEN_LIFETIME] = XR_STR("token_lifetime"),
        [XR_DENY_TOKEN_SCOPE] = XR_STR("token_scope"),
        [XR_DENY_TOKEN_ADDRESS] = XR_STR("token_address"),
        [XR_DENY_TOKEN_EMBED] = XR_STR("token_embed"),
        [XR_DENY_TOKEN_COUNTRY] = XR_STR("token_country"),
        [XR_DENY_TOKEN_REVOKED] = XR_STR("token_revoked"),
        [XR_DENY_TOKEN_THROTTLED] = XR_STR("token_throttled"),
        [XR_DENY_REVOCATION] = XR_STR("revocation"),
        [XR_DENY_ENCODING] = XR_STR("encoding"),
        [XR_DENY_GEO] = XR_STR("geo"),
        [XR_DENY_GEO_UNKNOWN] = XR_STR("geo_unknown"),
        [XR_DENY_VARIANT] = XR_STR("variant"),
        [XR_DENY_LIMIT] = XR_STR("limit"),
        [XR_DENY_LIMIT_STREAMS] = XR_STR("limit_streams"),
        [XR_DENY_LIMIT_UNKNOWN] = XR_STR("limit_unknown"),
        [XR_DENY_SLICE_FOLLOWERS] = XR_STR("slice_followers"),
        [XR_DENY_ORIGIN_NOT_FOUND] = XR_STR("origin_not_found"),
        [XR_DENY_ORIGIN_FORBIDDEN] = XR_STR("origin_forbidden"),
        [XR_DENY_ORIGIN_CREDENTIALS] = XR_STR("origin_credentials"),
        [XR_DENY_ORIGIN_DISABLED] = XR_STR("origin_disabled"),
        [XR_DENY_ORIGIN_REDIRECT] = XR_STR("origin_redirect"),
        [XR_DENY_ORIGIN_THROTTLED] = XR_STR("origin_throttled"),
        [XR_DENY_ORIGIN_ERROR] = XR_STR("origin_error"),
        [XR_DENY_ORIGIN_UNREACHABLE] = XR_STR("origin_unreachable")
    };

    return names[deny];
}


xr_deny_t
xr_auth_times(int64_t not_before, int64_t issued, int64_t expires,
    const xr_auth_request_t *req, const xr_auth_policy_t *policy)
{
    if (not_before > req->now + policy->leeway
        || issued > req->now + policy->leeway)
    {
        return XR_DENY_TOKEN_EARLY;
    }

    if (expires <= req->now - policy->leeway) {
        return XR_DENY_TOKEN_EXPIRED;
    }

    if (policy->max_lifetime != 0
        && expires > req->now + policy->max_lifetime)
    {
        return XR_DENY_TOKEN_LIFETIME;
    }

    return XR_DENY_NONE;
}


bool
xr_auth_covers(xr_str_t pattern, const xr_auth_request_t *req)
{
    return xr_auth_match(pattern, req->path)
           || xr_auth_match(pattern, req->raw_path);
}


/*
 * Whether "n" bytes match; "pattern" has no "*" in them, and "?" stands for
 * everything except the byte "except".
 */

static bool
xr_auth_match_wild(const uint8_t *pattern, const uint8_t *path, size_t n,
    int except)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (pattern[i] == '?') {

            if (path[i] == except) {
                return false;
            }

        } else if (pattern[i] != path[i]) {
            return false;
        }
    }

    return true;
}


/* The same, first as if there were no "?": most patterns have none. */

static bool
xr_auth_match_bytes(const uint8_t *pattern, const uint8_t *path, size_t n,
    int except)
{
    return xr_str_eq(xr_str_of(pattern, n), xr_str_of(path, n))
           || xr_auth_match_wild(pattern, path, n, except);
}


static bool
xr_auth_match_except(xr_str_t pattern, xr_str_t path, int except,
    size_t *steps)
{
    size_t  n;

    n = xr_str_find(pattern, '*');

    if (n == pattern.len) {
        return path.len == n
               && xr_auth_match_bytes(pattern.data, path.data, n, except);
    }

    if (path.len < n
        || !xr_auth_match_bytes(pattern.data, path.data, n, except))
    {
        return false;
    }

    if (path.len == 0) {
        path.data = pattern.data;           /* never read, but not NULL */
    }

    for ( ;; ) {
        pattern = xr_str_of(pattern.data + n + 1, pattern.len - n - 1);
        path = xr_str_of(path.data + n, path.len - n);

        n = xr_str_find(pattern, '*');

        if (path.len < n) {
            return false;
        }

        if (n == pattern.len) {
            return xr_auth_match_bytes(pattern.data,
                                       path.data + path.len - n, n, except);
        }

        /* what lies between two "*" is best found as early as it occurs */

        while (!xr_auth_match_wild(pattern.data, path.data, n, except)) {

            if (path.len == n || *steps <= n) {
                return false;
            }

            *steps -= n + 1;
            path = xr_str_of(path.data + 1, path.len - 1);
        }
    }
}


bool
xr_auth_match(xr_str_t pattern, xr_str_t path)
{
    size_t  steps;

    steps = SIZE_MAX;

    return xr_auth_match_except(pattern, path, '/', &steps);
}


bool
xr_auth_match_url(xr_str_t pattern, xr_str_t url, size_t *steps)
{
    return xr_auth_match_except(pattern, url, XR_AUTH_NOTHING, steps);
}
