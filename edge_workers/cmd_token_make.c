/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "make.h"
#include "when.h"
#include "xr_addr.h"

#include <stdio.h>
#include <string.h>
#include <time.h>


#define XRW_MAKE_OPTIONS  (XRW_TOKEN_KEY_OPTIONS + 24)


/* An option that some kinds have no use for. */

typedef struct {
    const char  *name;
    unsigned     kinds;
    bool         given;
} xrw_make_only_t;


static size_t
xrw_make_options_all(xrw_make_flags_t *f, xrw_option_t *options)
{
    size_t  n;

    const xrw_option_t  table[] = {

        { "kind", "KIND", XRW_OPTION_TEXT, &f->kind,
          "edgeauth (unless given), jwt or cloudfront" },

        { "expires", "TIME", XRW_OPTION_TEXT, &f->expires,
          "+2h, Unix time or RFC 3339 (+1h)" },

        { "start", "TIME", XRW_OPTION_TEXT, &f->start,
          "not valid before: now, +5m, ..." },

        { "not-before", "TIME", XRW_OPTION_TEXT, &f->start,
          "the same" },

        { "ip", "ADDRESS", XRW_OPTION_TEXT, &f->ip,
          "for this client alone; not edgeauth: or network" },

        { "form", "FORM", XRW_OPTION_TEXT, &f->form,
          "token, query, path, header or cookie" },

        { "base", "URL", XRW_OPTION_TEXT, &f->base,
          "in front of PATH: print a URL" },

        { "name", "NAME", XRW_OPTION_TEXT, &f->name,
          "of parameter and cookie (" XRW_TOKEN_NAME ")" },

        { "id", "TEXT", XRW_OPTION_TEXT, &f->id,
          "edgeauth: whom it was given to; jwt: jti" },

        { "data", "TEXT", XRW_OPTION_TEXT, &f->data,
          "payload; origin:, country:, quality:, rate:" }
    };

    n = xrw_token_key_options(&f->key, "key file; jwt: PEM or secret; "
                              "cloudfront: PEM", options);
    memcpy(options + n, table, sizeof(table));

    return n + XR_COUNT(table);
}


static size_t
xrw_make_options_kind(xrw_make_flags_t *f, xrw_option_t *options)
{
    const xrw_option_t  table[] = {

        { "acl", "PATTERN", XRW_OPTION_LIST, &f->acl,
          "edgeauth: paths it opens, * and ?; may repeat" },

        { "url", "PATH", XRW_OPTION_TEXT, &f->url,
          "edgeauth: the one path it opens (PATH)" },

        { "no-escape", NULL, XRW_OPTION_FLAG, &f->no_escape,
          "edgeauth: values are not percent-escaped" },

        { "alg", "NAME", XRW_OPTION_TEXT, &f->alg,
          "jwt: RS256, ES256, HS256, ... (the key's)" },

        { "kid", "TEXT", XRW_OPTION_TEXT, &f->kid,
          "jwt: id of the key" },

        { "iss", "TEXT", XRW_OPTION_TEXT, &f->issuer,
          "jwt: issuer" },

        { "aud", "TEXT", XRW_OPTION_LIST, &f->audiences,
          "jwt: audience; may repeat" },

        { "subject", "TEXT", XRW_OPTION_TEXT, &f->subject,
          "jwt: whom it was given to" },

        { "path", "PATTERN", XRW_OPTION_LIST, &f->paths,
          "jwt: paths it opens, * and ?; may repeat (PATH)" },

        { "claim", "NAME=VALUE", XRW_OPTION_LIST, &f->claims,
          "jwt: any other, JSON or text; may repeat" },

        { "key-pair-id", "ID", XRW_OPTION_TEXT, &f->key_pair_id,
          "cloudfront: id of the key" },

        { "policy-resource", "URL", XRW_OPTION_TEXT, &f->resource,
          "cloudfront: custom policy for it, * and ?" },

        { "hash", "sha1|sha256", XRW_OPTION_TEXT, &f->hash,
          "cloudfront: of the signature (sha256)" },

        { "cookies", NULL, XRW_OPTION_FLAG, &f->cookies,
          "cloudfront: print cookies, not a URL" }
    };

    memcpy(options, table, sizeof(table));

    return XR_COUNT(table);
}


static size_t
xrw_make_options(xrw_make_flags_t *f, xrw_option_t *options)
{
    size_t  n;

    memset(f, 0, sizeof(*f));
    f->expires = "+1h";
    f->name = XRW_TOKEN_NAME;

    n = xrw_make_options_all(f, options);

    return n + xrw_make_options_kind(f, options + n);
}


static int
xrw_make_kind(xrw_make_t *make)
{
    size_t    i;
    xr_str_t  kind;

    static const xr_kind_t  kinds[] = {
        XR_KIND_EDGEAUTH, XR_KIND_JWT, XR_KIND_CLOUDFRONT
    };

    make->kind = XR_KIND_EDGEAUTH;

    if (make->flags->kind == NULL) {
        return XRW_OK;
    }

    kind = xr_str(make->flags->kind);

    for (i = 0; i < XR_COUNT(kinds); i++) {

        if (xr_str_eq(kind, xr_kind_name(kinds[i]))) {
            make->kind = kinds[i];
            return XRW_OK;
        }
    }

    return xrw_usage(make->cmd, "--kind %s: edgeauth, jwt or cloudfront",
                     make->flags->kind);
}


/* What is not used would not be what was meant. */

static int
xrw_make_only(const xrw_make_t *make)
{
    const xrw_make_flags_t *f = make->flags;

    size_t  i;

    const xrw_make_only_t  table[] = {
        { "acl", XR_KIND_EDGEAUTH, f->acl.n > 0 },
        { "url", XR_KIND_EDGEAUTH, f->url != NULL },
        { "no-escape", XR_KIND_EDGEAUTH, f->no_escape },
        { "alg", XR_KIND_JWT, f->alg != NULL },
        { "kid", XR_KIND_JWT, f->kid != NULL },
        { "iss", XR_KIND_JWT, f->issuer != NULL },
        { "aud", XR_KIND_JWT, f->audiences.n > 0 },
        { "subject", XR_KIND_JWT, f->subject != NULL },
        { "path", XR_KIND_JWT, f->paths.n > 0 },
        { "claim", XR_KIND_JWT, f->claims.n > 0 },
        { "key-pair-id", XR_KIND_CLOUDFRONT, f->key_pair_id != NULL },
        { "policy-resource", XR_KIND_CLOUDFRONT, f->resource != NULL },
        { "hash", XR_KIND_CLOUDFRONT, f->hash != NULL },
        { "cookies", XR_KIND_CLOUDFRONT, f->cookies },
        { "id", XR_KIND_EDGEAUTH | XR_KIND_JWT, f->id != NULL },
        { "data", XR_KIND_EDGEAUTH | XR_KIND_JWT, f->data != NULL },
        { "key-hex", XR_KIND_EDGEAUTH | XR_KIND_JWT, f->key.hex != NULL }
    };

    for (i = 0; i < XR_COUNT(table); i++) {

        if (table[i].given && (table[i].kinds & make->kind) == 0) {
            return xrw_usage(make->cmd, "--%s is not for --kind %s",
                             table[i].name,
                             f->kind != NULL ? f->kind : "edgeauth");
        }
    }

    return XRW_OK;
}


/* One that is none would make a token that no edge ever takes. */

static int
xrw_make_address(const xrw_make_t *make)
{
    xr_str_t       ip;
    xr_addr_t      address;
    xr_addr_net_t  net;

    if (make->flags->ip == NULL) {
        return XRW_OK;
    }

    ip = xr_str(make->flags->ip);

    if (xr_addr_parse(ip, &address) == XR_OK
        || (make->kind != XR_KIND_EDGEAUTH
            && xr_addr_net_parse(ip, &net) == XR_OK))
    {
        return XRW_OK;
    }

    return xrw_usage(make->cmd, "--ip %s: not an address%s", make->flags->ip,
                     make->kind != XR_KIND_EDGEAUTH ? " or a network" : "");
}


static int
xrw_make_times(xrw_make_t *make)
{
    int64_t                  now;
    const xrw_make_flags_t  *f;

    f = make->flags;
    now = (int64_t) time(NULL);

    if (!xrw_when(f->expires, now, &make->exp)) {
        return xrw_usage(make->cmd, "--expires %s: not a time", f->expires);
    }

    if (f->start != NULL && !xrw_when(f->start, now, &make->start)) {
        return xrw_usage(make->cmd, "--start %s: not a time", f->start);
    }

    if (make->exp <= make->start) {
        return xrw_usage(make->cmd, "it would expire before it starts");
    }

    return XRW_OK;
}


static int
xrw_make_form(xrw_make_t *make)
{
    size_t       i;
    const char  *form;

    static const char *const  forms[] = {
        [XRW_FORM_TOKEN] = "token",
        [XRW_FORM_QUERY] = "query",
        [XRW_FORM_PATH] = "path",
        [XRW_FORM_HEADER] = "header",
        [XRW_FORM_COOKIE] = "cookie"
    };

    form = make->flags->form;

    if (form == NULL) {
        make->form = (make->arg != NULL && make->base != NULL)
                     ? XRW_FORM_QUERY : XRW_FORM_TOKEN;
        return XRW_OK;
    }

    for (i = 0; i < XR_COUNT(forms); i++) {

        if (strcmp(form, forms[i]) == 0) {
            make->form = (xrw_form_t) i;
            return XRW_OK;
        }
    }

    return xrw_usage(make->cmd, "--form %s: token, query, path, header or "
                     "cookie", form);
}


/* Which path below which site. */

static int
xrw_make_where(xrw_make_t *make)
{
    const char  *why;

    make->where = (xrw_base_t) { "", "" };

    if (make->base != NULL
        && xrw_base_parse(make->arena, make->base, &make->where, &why)
           != XR_OK)
    {
        return xrw_usage(make->cmd, "--base %s: %s", make->base, why);
    }

    if (make->arg != NULL) {
        make->path = xrw_base_path(make->arena, &make->where,
                                   xr_str(make->arg));
    }

    if ((make->form == XRW_FORM_QUERY || make->form == XRW_FORM_PATH)
        && make->kind != XR_KIND_CLOUDFRONT
        && (make->arg == NULL || make->base == NULL))
    {
        return xrw_usage(make->cmd, "a URL needs a PATH and --base");
    }

    return XRW_OK;
}


void
xrw_make_print(xrw_make_t *make, const char *token)
{
    xr_str_t                 path;
    const char              *text;
    const xrw_make_flags_t  *f;

    f = make->flags;
    path = xr_str(make->path != NULL ? make->path : "");

    switch (make->form) {

    case XRW_FORM_TOKEN:
        text = token;
        break;

    case XRW_FORM_HEADER:
        text = xrw_format(make->arena, "Authorization: Bearer %s", token);
        break;

    case XRW_FORM_COOKIE:
        path = xr_str(xrw_sign_path(make->arena, path));
        text = xrw_sign_cookie(make->arena, f->name, token, path);
        break;

    default: /* a URL */
        text = xrw_sign_url(make->arena, make->where.site, path, token,
                            make->form, f->name);
    }

    printf("%s\n", text);
}


static int
xrw_make_run(xrw_make_t *make)
{
    size_t  i;
    int     status;

    static int (*const  steps[])(xrw_make_t *make) = {
        xrw_make_kind, xrw_make_times, xrw_make_form, xrw_make_where
    };

    status = xrw_token_tenant(make->arena, &make->flags->key, &make->tenant);

    if (status != XRW_OK) {
        return status;
    }

    make->base = (make->flags->base != NULL) ? make->flags->base
                                             : make->tenant.url;

    for (i = 0; status == XRW_OK && i < XR_COUNT(steps); i++) {
        status = steps[i](make);
    }

    if (status == XRW_OK) {
        status = xrw_make_only(make);
    }

    if (status == XRW_OK) {
        status = xrw_make_address(make);
    }

    if (status != XRW_OK) {
        return status;
    }

    switch (make->kind) {

    case XR_KIND_JWT:
        return xrw_make_jwt(make);

    case XR_KIND_CLOUDFRONT:
        return xrw_make_cloudfront(make);

    default: /* XR_KIND_EDGEAUTH */
        return xrw_make_edgeauth(make);
    }
}


int
xrw_token_make(const xrw_command_t *cmd, int argc, char **argv)
{
    int                status;
    size_t             n;
    xrw_make_t         make;
    xrw_arena_t        arena;
    xrw_option_t       options[XRW_MAKE_OPTIONS];
    xrw_make_flags_t   flags;

    n = xrw_make_options(&flags, options);

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc > 1) {
        return xrw_usage(cmd, "one PATH at a time");
    }

    arena = (xrw_arena_t) { NULL };

    memset(&make, 0, sizeof(make));
    make.flags = &flags;
    make.cmd = cmd;
    make.arena = &arena;
    make.arg = (argc == 1) ? argv[0] : NULL;

    status = xrw_make_run(&make);

    xrw_arena_free(&arena);

    return status;
}
