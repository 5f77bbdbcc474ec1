/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "show.h"

#include <stdio.h>


static void
xrw_show_fields(const xrw_show_t *show, const xr_edgeauth_t *t)
{
    xr_str_t  acl;

    if (t->acl.data == NULL) {
        printf("%-8s the one path it was signed for, which it does not "
               "carry\n", "opens");
    }

    for (acl = t->acl; acl.len > 0; /* void */ ) {
        xrw_show_unescaped(show, "opens", xr_str_cut(&acl, '!'));
    }

    if (t->st != 0) {
        xrw_show_time(show, "starts", t->st);
    }

    xrw_show_time(show, t->exp > show->j->req.now ? "expires" : "expired",
                  t->exp);

    xrw_show_unescaped(show, "ip", t->ip);
    xrw_show_unescaped(show, "id", t->id);
    xrw_show_unescaped(show, "data", t->data);
}


/* What narrows the grant, each for itself. */

static void
xrw_show_narrow(xrw_show_t *show, const xr_edgeauth_t *t)
{
    xr_buf_t          b;
    xr_constraints_t  c, one, in_token;

    b = xr_buf(xrw_alloc(show->j->arena, t->data.len + 1), t->data.len);

    if (xr_edgeauth_constraints(t, &b, &c, &in_token) != XR_OK) {
        xrw_show_reason(show, XR_DENY_TOKEN_CLAIM, "data");
        return;
    }

    xrw_show_text("pages", c.origin);
    xrw_show_text("country", c.country);
    xrw_show_text("quality", c.quality);
    xrw_show_text("rate", c.rate);

    one = (xr_constraints_t) { .origin = c.origin };
    xrw_show_reason(show, xr_constraints_judge(&one, &show->j->req), NULL);

    one = (xr_constraints_t) { .country = c.country };
    xrw_show_reason(show, xr_constraints_judge(&one, &show->j->req), NULL);
}


/* One field at a time, beside an expiry that is all right. */

static void
xrw_show_judge(xrw_show_t *show, const xr_edgeauth_t *t)
{
    size_t             i;
    xr_edgeauth_t      one[2];
    xr_auth_policy_t   policy;
    xr_constraints_t   kept;

    policy = show->j->policy;
    policy.max_lifetime = 0;

    one[0] = (xr_edgeauth_t) { .exp = INT64_MAX, .ip = t->ip };
    one[1] = (xr_edgeauth_t) { .exp = INT64_MAX, .acl = t->acl };

    for (i = 0; i < XR_COUNT(one); i++) {
        xrw_show_reason(show, xr_edgeauth_judge(&one[i], &show->j->req,
                                                &policy, &kept), NULL);
    }
}


void
xrw_show_edgeauth(xrw_show_t *show)
{
    const xr_edgeauth_t  *t;

    t = &show->j->edgeauth;

    printf("%-8s EdgeAuth 2.0, HMAC-SHA256\n", "format");
    xrw_show_unescaped(show, "path", show->j->req.raw_path);
    xrw_show_fields(show, t);
    xrw_show_narrow(show, t);
    xrw_show_hex("hmac", xr_str_of(t->mac, sizeof(t->mac)));

    xrw_show_reason_times(show, t->st, 0, t->exp);
    xrw_show_judge(show, t);
}
