/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "show.h"

#include <stdio.h>


static void
xrw_show_fields(const xrw_show_t *show, const xr_cloudfront_t *c)
{
    printf("%-8s CloudFront, %s policy, %s\n", "format",
           c->custom ? "custom" : "canned",
           c->hash == XR_SHA1 ? "SHA-1" : "SHA-256");

    xrw_show_unescaped(show, "path", show->j->req.raw_path);
    xrw_show_text("key", c->key_pair_id);

    if (!c->custom) {
        printf("%-8s the one URL it was signed for, which it does not "
               "carry\n", "opens");

    } else if (c->any_resource) {
        printf("%-8s everything\n", "opens");

    } else {
        xrw_show_text("opens", c->resource);
    }

    if (c->not_before != 0) {
        xrw_show_time(show, "starts", c->not_before);
    }

    xrw_show_time(show, c->expires > show->j->req.now ? "expires" : "expired",
                  c->expires);

    if (c->network.len > 0) {
        xrw_show_text("ip", c->network);
    }

    if (c->custom) {
        xrw_show_text("policy", c->policy);
    }

    xrw_show_hex("signed", xr_str_of(c->signature, c->signature_len));
}


/* One condition at a time, beside an expiry that is all right. */

void
xrw_show_cloudfront(xrw_show_t *show)
{
    xr_principal_t          who;
    xr_cloudfront_t         one;
    xr_auth_policy_t        policy;
    const xr_cloudfront_t  *c;

    c = &show->j->cloudfront;

    xrw_show_fields(show, c);
    xrw_show_reason_times(show, c->not_before, 0, c->expires);

    policy = show->j->policy;
    policy.max_lifetime = 0;

    one = *c;
    one.expires = INT64_MAX;
    one.not_before = 0;
    one.any_resource = true;
    xrw_show_reason(show, xr_cloudfront_judge(&one, &show->j->req, &policy,
                                              &who), NULL);

    one.any_resource = c->any_resource;
    one.network.len = 0;
    xrw_show_reason(show, xr_cloudfront_judge(&one, &show->j->req, &policy,
                                              &who), NULL);
}
