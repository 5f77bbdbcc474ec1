/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "judge.h"
#include "sign.h"
#include "when.h"
#include "xr_path.h"
#include "xr_web.h"

#include <string.h>
#include <time.h>


#define XRW_JUDGE_VERIFIERS  8


static size_t
xrw_judge_options_policy(xrw_judge_flags_t *flags, xrw_option_t *options)
{
    size_t  n;

    const xrw_option_t  table[] = {

        { "tenants", "FILE", XRW_OPTION_TEXT, &flags->policy.tenants,
          "tenants file that has --tenant" },

        { "jwks", "FILE", XRW_OPTION_TEXT, &flags->policy.jwks,
          "keys of JWTs, a JWK set" },

        { "cloudfront-key", "ID=FILE", XRW_OPTION_LIST,
          &flags->policy.cloudfront_keys,
          "public key of CloudFront's, PEM; may repeat" },

        { "issuer", "NAME", XRW_OPTION_LIST, &flags->policy.issuers,
          "of JWTs, one of them; may repeat (any)" },

        { "audience", "NAME", XRW_OPTION_LIST, &flags->policy.audiences,
          "of JWTs, one of them; may repeat (the tenant)" },

        { "cloudfront-host", "HOST", XRW_OPTION_LIST,
          &flags->policy.cloudfront_hosts,
          "signed instead of the URL's; may repeat" },

        { "cloudfront-sha1", NULL, XRW_OPTION_FLAG,
          &flags->policy.cloudfront_sha1,
          "signatures with SHA-1 are accepted" },

        { "max-lifetime", "TIME", XRW_OPTION_TEXT,
          &flags->policy.max_lifetime, "as the tenant has it (none)" },

        { "leeway", "TIME", XRW_OPTION_TEXT, &flags->policy.leeway,
          "likewise (30s)" }
    };

    n = xrw_token_key_options(&flags->key, "EdgeAuth keys, a key file",
                              options);
    memcpy(options + n, table, sizeof(table));

    return n + XR_COUNT(table);
}


static size_t
xrw_judge_options_request(xrw_judge_flags_t *flags, xrw_option_t *options)
{
    const xrw_option_t  table[] = {

        { "url", "URL", XRW_OPTION_TEXT, &flags->url,
          "that is asked for, if not the argument" },

        { "path", "PATH", XRW_OPTION_TEXT, &flags->path,
          "likewise, decoded" },

        { "at", "TIME", XRW_OPTION_TEXT, &flags->at,
          "when (now)" },

        { "ip", "ADDRESS", XRW_OPTION_TEXT, &flags->ip,
          "of the client" },

        { "origin-page", "URL", XRW_OPTION_TEXT, &flags->page,
          "of the page that asks: Origin or Referer" },

        { "country", "XX", XRW_OPTION_TEXT, &flags->country,
          "of the client" },

        { "cookie", "TEXT", XRW_OPTION_LIST, &flags->cookies,
          "that is sent along: NAME=VALUE; may repeat" },

        { "name", "NAME", XRW_OPTION_TEXT, &flags->name,
          "of parameter and cookie (" XRW_TOKEN_NAME ")" }
    };

    memcpy(options, table, sizeof(table));

    return XR_COUNT(table);
}


size_t
xrw_judge_options(xrw_judge_flags_t *flags, xrw_option_t *options)
{
    size_t  n;

    memset(flags, 0, sizeof(*flags));
    flags->name = XRW_TOKEN_NAME;

    n = xrw_judge_options_policy(flags, options);

    return n + xrw_judge_options_request(flags, options + n);
}


static int
xrw_judge_arguments(const xrw_command_t *cmd, const xrw_judge_flags_t *flags,
    xrw_judge_t *j)
{
    xr_str_t  country;

    j->req.now = (int64_t) time(NULL);
    j->req.address = &j->address;
    j->has_address = (flags->ip != NULL);

    if (flags->at != NULL && !xrw_when(flags->at, j->req.now, &j->req.now)) {
        return xrw_usage(cmd, "--at %s: not a time", flags->at);
    }

    if (flags->ip != NULL
        && xr_addr_parse(xr_str(flags->ip), &j->address) != XR_OK)
    {
        return xrw_usage(cmd, "--ip %s: not an address", flags->ip);
    }

    if (flags->page != NULL) {
        j->req.embed = xr_web_url_host(xr_str(flags->page));

        if (j->req.embed.len == 0) {
            return xrw_usage(cmd, "--origin-page %s: not a URL", flags->page);
        }
    }

    if (flags->country != NULL) {
        country = xr_str(flags->country);

        if (country.len != 2
            || !xr_constraints_value_ok(xr_str("country"), country))
        {
            return xrw_usage(cmd, "--country %s: not two capital letters",
                             flags->country);
        }

        j->req.country = country;
    }

    return XRW_OK;
}


static void
xrw_judge_path(const xrw_judge_flags_t *flags, xrw_judge_t *j)
{
    xr_buf_t  buf;
    xr_err_t  err;

    if (flags->path != NULL) {
        j->req.raw_path = xr_str(xrw_sign_path(j->arena, xr_str(flags->path)));
    }

    if (j->req.raw_path.data == NULL) {
        return;
    }

    j->has_path = true;

    buf = xr_buf(xrw_alloc(j->arena, j->req.raw_path.len + 1),
                 j->req.raw_path.len);

    if (xr_path_check(j->req.raw_path, &err) != XR_OK
        || xr_path_decode(j->req.raw_path, &buf, &err) != XR_OK)
    {
        j->target = XR_DENY_PATH;
    }

    j->req.path = xr_buf_str(&buf);
}


/*
 * An edge that finds its tenants by host calls this one by the host that is
 * asked, too; where no tenant is named, that is taken for granted.
 */

static void
xrw_judge_host(xr_str_t host, xrw_judge_t *j)
{
    size_t    size;
    xr_buf_t  b;

    j->req.host = host;

    if (!j->has_tenant && host.len > 0) {
        size = XR_STRS_PACKED_SIZE(host.len);
        b = xr_buf(xrw_alloc(j->arena, size), size);
        xr_buf_packed(&b, host);

        j->policy.names.packed = xr_buf_str(&b);
        j->has_tenant = true;
    }
}


/* What is asked for: the argument itself, unless options say otherwise. */

static int
xrw_judge_target(const xrw_command_t *cmd, const xrw_judge_flags_t *flags,
    const char *arg, xrw_judge_t *j)
{
    size_t         i;
    xrw_signed_t   url;

    xrw_signed_read(j->arena, arg, flags->name, &j->sent);
    url = j->sent;

    for (i = 0; i < flags->cookies.n; i++) {
        xrw_signed_cookies(j->arena, flags->cookies.items[i], flags->name,
                           &j->sent);
    }

    if (flags->url != NULL) {
        xrw_signed_read(j->arena, flags->url, flags->name, &url);

        if (url.raw_path.data == NULL) {
            return xrw_usage(cmd, "--url %s: not a URL", flags->url);
        }
    }

    j->req.raw_path = url.raw_path;
    xrw_judge_host(url.host, j);

    if (j->kinds & XR_KIND_CLOUDFRONT) {
        j->req.query = url.query;
    }

    xrw_judge_path(flags, j);

    return XRW_OK;
}


int
xrw_judge_open(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_judge_flags_t *flags, const char *arg, xrw_judge_t *j)
{
    int  status;

    memset(j, 0, sizeof(*j));

    j->arena = arena;
    j->verifiers = xr_verifiers_create(XRW_JUDGE_VERIFIERS);

    if (j->verifiers == NULL) {
        return xrw_error("out of memory");
    }

    status = xrw_judge_arguments(cmd, flags, j);

    if (status == XRW_OK) {
        status = xrw_judge_policy(cmd, flags, j);
    }

    return (status == XRW_OK) ? xrw_judge_target(cmd, flags, arg, j) : status;
}


void
xrw_judge_close(xrw_judge_t *j)
{
    xr_keyset_wipe(&j->keys);
    xr_verifiers_free(j->verifiers);
}


static xr_deny_t
xrw_judge_parse_cloudfront(xrw_judge_t *j,
    const xrw_signed_cloudfront_t *sent)
{
    void    *memory;
    size_t   len;

    j->kind = XR_KIND_CLOUDFRONT;

    len = sent->params.values[XR_CLOUDFRONT_POLICY].len;
    memory = xrw_alloc(j->arena, XR_CLOUDFRONT_MEMORY(len) + 1);

    return (xr_cloudfront_parse(&sent->params, memory, &j->cloudfront, &j->err)
            == XR_OK)
           ? XR_DENY_NONE : XR_DENY_TOKEN_MALFORMED;
}


static xr_deny_t
xrw_judge_parse_token(xrw_judge_t *j)
{
    void      *memory;
    xr_rc_t    rc;
    xr_str_t   token;

    token = j->sent.token;

    if (j->sent.broken) {
        j->err.what = "it cannot be decoded";
        return XR_DENY_TOKEN_MALFORMED;
    }

    if (xr_jwt_is(token)) {
        j->kind = XR_KIND_JWT;

        memory = xrw_alloc(j->arena, XR_JWT_MEMORY(token.len) + 1);
        rc = xr_jwt_parse(token, memory, &j->jwt, &j->err);

    } else {
        j->kind = XR_KIND_EDGEAUTH;
        rc = xr_edgeauth_parse(token, &j->edgeauth, &j->err);
    }

    if (rc != XR_OK) {
        return (rc == XR_DENIED) ? XR_DENY_TOKEN_ALGORITHM
                                 : XR_DENY_TOKEN_MALFORMED;
    }

    return XR_DENY_NONE;
}


xr_deny_t
xrw_judge_parse(xrw_judge_t *j, bool any)
{
    size_t                          n;
    const xrw_signed_cloudfront_t  *sent;

    sent = (any || (j->kinds & XR_KIND_CLOUDFRONT) != 0)
           ? xrw_signed_params(&j->sent) : NULL;

    n = j->sent.n;

    if (sent != NULL) {
        n += sent->repeated ? 2 : 1;
    }

    if (n == 0) {
        return XR_DENY_TOKEN_MISSING;
    }

    if (n > 1) {
        return XR_DENY_TOKEN_DUPLICATE;
    }

    return (sent != NULL) ? xrw_judge_parse_cloudfront(j, sent)
                          : xrw_judge_parse_token(j);
}


xr_deny_t
xrw_judge_signature(xrw_judge_t *j, xr_str_t *key)
{
    xr_deny_t        deny;
    xr_principal_t   who;
    const xr_key_t  *by;

    switch (j->kind) {

    case XR_KIND_JWT:
        deny = xr_jwt_signature(&j->jwt, j->keys.keys, j->keys.n,
                                j->verifiers, &by);
        break;

    case XR_KIND_CLOUDFRONT:
        deny = xr_cloudfront_signature(&j->cloudfront, &j->req, &j->policy,
                                       j->keys.keys, j->keys.n, j->verifiers,
                                       &by);
        break;

    default: /* XR_KIND_EDGEAUTH: the rest of its verdict is not asked for */
        deny = xr_edgeauth_verify(&j->edgeauth, &j->req, &j->policy,
                                  j->keys.keys, j->keys.n, &who);

        if (deny == XR_DENY_NONE) {
            *key = who.key_id;
        }

        return (deny == XR_DENY_TOKEN_SIGNATURE) ? deny : XR_DENY_NONE;
    }

    if (deny == XR_DENY_NONE) {
        *key = by->id;
    }

    return deny;
}


xr_deny_t
xrw_judge_claims(xrw_judge_t *j)
{
    xr_buf_t          memory;
    xr_principal_t    who;
    xr_constraints_t  kept;

    memset(&who, 0, sizeof(who));

    switch (j->kind) {

    case XR_KIND_JWT:
        memory = xr_buf(xrw_alloc(j->arena, j->sent.token.len),
                        j->sent.token.len);

        return xr_jwt_judge(&j->jwt, &j->req, &j->policy, &memory, &who);

    case XR_KIND_CLOUDFRONT:
        return xr_cloudfront_judge(&j->cloudfront, &j->req, &j->policy, &who);

    default: /* XR_KIND_EDGEAUTH */
        return xr_edgeauth_judge(&j->edgeauth, &j->req, &j->policy, &kept);
    }
}
