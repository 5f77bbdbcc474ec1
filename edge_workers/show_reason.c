/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "show.h"
#include "when.h"

#include <stdio.h>
#include <string.h>


static void
xrw_show_note(xrw_show_t *show, xr_deny_t deny, const char *words)
{
    size_t  i;

    for (i = 0; i < show->n; i++) {

        if (show->reasons[i].deny == deny
            && strcmp(show->reasons[i].words, words) == 0)
        {
            return;
        }
    }

    if (show->n < XRW_SHOW_MAX) {
        show->reasons[show->n++] = (xrw_show_reason_t) { deny, words };
    }
}


/* Of a signature, which may be about the path. */

static const char *
xrw_show_unsigned(const xrw_judge_t *j, xr_deny_t deny)
{
    bool  alone;

    if (!(j->kinds & j->kind)) {
        return (j->kind == XR_KIND_EDGEAUTH)
               ? "signature: say --key or --tenant"
               : (j->kind == XR_KIND_JWT)
               ? "signature: say --jwks or --tenant"
               : "signature: say --cloudfront-key or --tenant";
    }

    alone = (j->kind == XR_KIND_EDGEAUTH && j->edgeauth.acl.data == NULL)
            || (j->kind == XR_KIND_CLOUDFRONT && !j->cloudfront.custom);

    return (deny == XR_DENY_TOKEN_SIGNATURE && alone && !j->has_path)
           ? "path that was signed: say --url or --path" : NULL;
}


/* What has to be said for a verdict; NULL: enough is known. */

static const char *
xrw_show_unknown(const xrw_judge_t *j, xr_deny_t deny)
{
    switch (deny) {

    case XR_DENY_TOKEN_SIGNATURE:
    case XR_DENY_TOKEN_KEY:
    case XR_DENY_TOKEN_ALGORITHM:
        return xrw_show_unsigned(j, deny);

    case XR_DENY_TOKEN_SCOPE:
        return j->has_path ? NULL : "path: say --url or --path";

    case XR_DENY_TOKEN_ADDRESS:
        return j->has_address ? NULL : "client address: say --ip";

    case XR_DENY_TOKEN_EMBED:
        return (j->req.embed.len > 0) ? NULL
               : "page that asks: say --origin-page";

    case XR_DENY_TOKEN_COUNTRY:
        return (j->req.country.len > 0) ? NULL : "country: say --country";

    case XR_DENY_TOKEN_AUDIENCE:
        return (j->has_tenant || j->policy.audiences.packed.len > 0) ? NULL
               : "audience: say --tenant or --audience";

    default:
        return NULL;
    }
}


static const char *
xrw_show_words(const xrw_judge_t *j, xr_deny_t deny)
{
    switch (deny) {

    case XR_DENY_PATH:
        return "the path has no single reading";

    case XR_DENY_TOKEN_ALGORITHM:
        return (j->kind == XR_KIND_JWT)
               ? "its key is bound to another algorithm"
               : "the tenant does not accept SHA-1";

    case XR_DENY_TOKEN_KEY:
        return "none of the keys is the one that it names";

    case XR_DENY_TOKEN_SIGNATURE:
        return "no key signed this, or not for this URL";

    case XR_DENY_TOKEN_ISSUER:
        return "its issuer is none of the tenant's";

    case XR_DENY_TOKEN_AUDIENCE:
        return "its audience is another";

    case XR_DENY_TOKEN_SCOPE:
        return "it opens other paths";

    case XR_DENY_TOKEN_ADDRESS:
        return "it is for another client";

    case XR_DENY_TOKEN_EMBED:
        return "it is for other pages";

    case XR_DENY_TOKEN_COUNTRY:
        return "it is for other countries";

    default: /* XR_DENY_TOKEN_CLAIM */
        return "it says what cannot be honoured";
    }
}


void
xrw_show_reason(xrw_show_t *show, xr_deny_t deny, const char *about)
{
    const char  *words;

    if (deny == XR_DENY_NONE) {
        return;
    }

    words = xrw_show_unknown(show->j, deny);

    if (words != NULL) {
        xrw_show_note(show, XR_DENY_NONE, words);
        return;
    }

    words = xrw_show_words(show->j, deny);

    if (about != NULL) {
        words = xrw_format(show->j->arena, "%s: %s", about, words);
    }

    xrw_show_note(show, deny, words);
}


static void
xrw_show_reason_time(xrw_show_t *show, xr_deny_t deny, const char *what,
    int64_t t)
{
    char  relative[XRW_WHEN_TEXT];

    xrw_when_relative(t, show->j->req.now, relative);
    xrw_show_note(show, deny, xrw_format(show->j->arena, "%s %s", what,
                                         relative));
}


/* One after the other: a token may be early and expired. */

void
xrw_show_reason_times(xrw_show_t *show, int64_t not_before, int64_t issued,
    int64_t expires)
{
    xr_deny_t                 deny;
    const xr_auth_policy_t   *policy;
    const xr_auth_request_t  *req;

    req = &show->j->req;
    policy = &show->j->policy;

    if (xr_auth_times(not_before, 0, expires, req, policy)
        == XR_DENY_TOKEN_EARLY)
    {
        xrw_show_reason_time(show, XR_DENY_TOKEN_EARLY, "it starts",
                             not_before);
    }

    if (xr_auth_times(0, issued, expires, req, policy)
        == XR_DENY_TOKEN_EARLY)
    {
        xrw_show_reason_time(show, XR_DENY_TOKEN_EARLY, "it is issued",
                             issued);
    }

    deny = xr_auth_times(0, 0, expires, req, policy);

    if (deny == XR_DENY_TOKEN_EXPIRED) {
        xrw_show_reason_time(show, deny, "it expired", expires);

    } else if (deny == XR_DENY_TOKEN_LIFETIME) {
        xrw_show_reason_time(show, deny, "later than the tenant allows: it "
                             "expires", expires);
    }
}


void
xrw_show_reasons(const xrw_show_t *show)
{
    bool                       refused, unknown;
    size_t                     i;
    xr_str_t                   name;
    const xrw_show_reason_t   *r;

    refused = false;
    unknown = false;

    for (i = 0; i < show->n; i++) {
        r = &show->reasons[i];

        if (r->deny != XR_DENY_NONE) {
            name = xr_deny_name(r->deny);
            printf("%-8s %.*s  %s\n", "refused", (int) name.len,
                   (const char *) name.data, r->words);
            refused = true;
        }
    }

    for (i = 0; i < show->n; i++) {
        r = &show->reasons[i];

        if (r->deny == XR_DENY_NONE) {
            printf("%-8s %s\n", "unknown", r->words);
            unknown = true;
        }
    }

    if (!refused) {
        printf("%-8s %s\n", "verdict",
               unknown ? "nothing that is known refuses it" : "granted");
    }
}
