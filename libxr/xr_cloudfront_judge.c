/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_cloudfront.h"


static const xr_str_t  xr_cloudfront_schemes[] = {
    XR_STR("https://"), XR_STR("http://")
};

/* How a resource says that it means either. */

static const xr_str_t  xr_cloudfront_any_scheme[] = {
    XR_STR("http*://"), XR_STR("*://")
};


/*
 * Nobody signs the query of a request with a custom policy, so it must not
 * help the path: "*.glb" is not for "/secret.json?.glb".
 */

static bool
xr_cloudfront_matches(xr_str_t pattern, xr_str_t url, xr_str_t query,
    size_t *steps)
{
    size_t    i;
    xr_str_t  rest;

    if (query.data == NULL) {
        return xr_auth_match_url(pattern, url, steps);
    }

    if (pattern.len > 0 && pattern.data[pattern.len - 1] == '*'
        && xr_auth_match_url(pattern, url, steps))
    {
        return true;
    }

    for (i = 0; i < pattern.len; i++) {

        if (pattern.data[i] != '?') {
            continue;
        }

        rest = xr_str_of(pattern.data + i + 1, pattern.len - i - 1);

        if (xr_auth_match_url(rest, query, steps)
            && xr_auth_match_url(xr_str_of(pattern.data, i), url, steps))
        {
            return true;
        }
    }

    return false;
}


/* "pattern" is for URLs that start with "scheme", which may be empty. */

static bool
xr_cloudfront_covers_host(xr_str_t pattern, xr_str_t scheme,
    const xr_auth_request_t *req, const xr_auth_policy_t *policy,
    size_t *steps)
{
    uint8_t    memory[XR_CLOUDFRONT_MAX_URL];
    xr_str_t   host;
    xr_buf_t   url;
    xr_strs_t  hosts;

    host = req->host;
    hosts = policy->cloudfront_hosts;

    do {
        url = xr_buf(memory, sizeof(memory));

        xr_buf_put(&url, scheme);
        xr_buf_put(&url, host);
        xr_buf_put(&url, req->raw_path);

        if (xr_buf_ok(&url)
            && xr_cloudfront_matches(pattern, xr_buf_str(&url), req->query,
                                     steps))
        {
            return true;
        }

    } while (xr_strs_next(&hosts, &host));

    return false;
}


static bool
xr_cloudfront_covers(xr_str_t pattern, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy)
{
    size_t    i, steps;
    xr_str_t  any;

    steps = XR_CLOUDFRONT_STEPS;

    if (pattern.data[0] == '/') {
        return xr_cloudfront_matches(pattern, req->raw_path, req->query,
                                     &steps);
    }

    /* otherwise its "*" could reach over the host into the path */

    for (i = 0; i < XR_COUNT(xr_cloudfront_any_scheme); i++) {
        any = xr_cloudfront_any_scheme[i];

        if (xr_str_starts(pattern, any)) {
            pattern = xr_str_of(pattern.data + any.len, pattern.len - any.len);

            return xr_cloudfront_covers_host(pattern, xr_str_of(NULL, 0), req,
                                             policy, &steps);
        }
    }

    for (i = 0; i < XR_COUNT(xr_cloudfront_schemes); i++) {

        if (xr_cloudfront_covers_host(pattern, xr_cloudfront_schemes[i], req,
                                      policy, &steps))
        {
            return true;
        }
    }

    return false;
}


xr_deny_t
xr_cloudfront_judge(const xr_cloudfront_t *c, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy, xr_principal_t *who)
{
    xr_deny_t  deny;

    deny = xr_auth_times(c->not_before, 0, c->expires, req, policy);

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    if (c->network.len > 0 && !xr_addr_net_has(&c->net, req->address)) {
        return XR_DENY_TOKEN_ADDRESS;
    }

    if (c->custom && !c->any_resource
        && !xr_cloudfront_covers(c->resource, req, policy))
    {
        return XR_DENY_TOKEN_SCOPE;
    }

    who->kind = XR_KIND_CLOUDFRONT;
    who->subject = xr_str_of(NULL, 0);
    who->token_id = xr_str_of(NULL, 0);
    who->not_before = c->not_before;
    who->expires = c->expires;
    memset(&who->constraints, 0, sizeof(who->constraints));

    return XR_DENY_NONE;
}
