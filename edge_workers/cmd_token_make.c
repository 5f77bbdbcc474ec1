/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "keys.h"
#include "sign.h"
#include "target.h"
#include "token.h"
#include "when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>


typedef struct {
    xrw_token_key_t   key;
    xrw_list_t        acl;
    const char       *url;
    const char       *expires;
    const char       *start;
    const char       *ip;
    const char       *id;
    const char       *data;
    const char       *form;
    const char       *base;
    const char       *name;
    bool              no_escape;

    const xrw_command_t  *cmd;
    xrw_arena_t          *arena;
    xrw_form_t            how;
    xrw_base_t            where;
    const char           *path;         /* of the request, decoded; or NULL */
} xrw_make_t;


/* Several patterns are one field, joined by "!". */

static xr_str_t
xrw_make_acl(xrw_make_t *make)
{
    size_t       i;
    const char  *acl;

    if (make->acl.n == 0) {
        return (xr_str_t) { NULL, 0 };
    }

    acl = make->acl.items[0];

    for (i = 1; i < make->acl.n; i++) {
        acl = xrw_format(make->arena, "%s!%s", acl, make->acl.items[i]);
    }

    return xr_str(acl);
}


static xr_str_t
xrw_make_text(const char *value)
{
    return (value != NULL) ? xr_str(value) : (xr_str_t) { NULL, 0 };
}


/* One that is none would make a token that no edge ever takes. */

static int
xrw_make_address(const xrw_make_t *make)
{
    xr_addr_t  address;

    if (make->ip == NULL
        || xr_addr_parse(xr_str(make->ip), &address) == XR_OK)
    {
        return XRW_OK;
    }

    return xrw_usage(make->cmd, "--ip %s: not an address", make->ip);
}


static int
xrw_make_times(xrw_make_t *make, xr_edgeauth_spec_t *spec)
{
    int64_t  now;

    now = (int64_t) time(NULL);

    if (!xrw_when(make->expires, now, &spec->exp)) {
        return xrw_usage(make->cmd, "--expires %s: not a time",
                         make->expires);
    }

    if (make->start != NULL && !xrw_when(make->start, now, &spec->st)) {
        return xrw_usage(make->cmd, "--start %s: not a time", make->start);
    }

    if (spec->exp <= spec->st) {
        return xrw_usage(make->cmd, "it would expire before it starts");
    }

    return XRW_OK;
}


/* Which form, of which path below which site. */

static int
xrw_make_form(xrw_make_t *make, const char *path)
{
    const char  *why;

    make->how = XRW_FORM_TOKEN;

    if (make->form == NULL) {
        make->how = (path != NULL && make->base != NULL) ? XRW_FORM_QUERY
                                                         : XRW_FORM_TOKEN;

    } else if (strcmp(make->form, "query") == 0) {
        make->how = XRW_FORM_QUERY;

    } else if (strcmp(make->form, "path") == 0) {
        make->how = XRW_FORM_PATH;

    } else if (strcmp(make->form, "token") != 0) {
        return xrw_usage(make->cmd, "--form %s: token, query or path",
                         make->form);
    }

    if (make->how != XRW_FORM_TOKEN && (path == NULL || make->base == NULL)) {
        return xrw_usage(make->cmd, "a URL needs a PATH and --base");
    }

    make->where = (xrw_base_t) { "", "" };

    if (make->base != NULL
        && xrw_base_parse(make->arena, make->base, &make->where, &why)
           != XR_OK)
    {
        return xrw_usage(make->cmd, "--base %s: %s", make->base, why);
    }

    make->path = (path == NULL) ? NULL
                 : xrw_base_path(make->arena, &make->where, xr_str(path));

    return XRW_OK;
}


static int
xrw_make_scope(xrw_make_t *make, xr_edgeauth_spec_t *spec)
{
    if (make->acl.n > 0 && make->url != NULL) {
        return xrw_usage(make->cmd, "--acl or --url, not both");
    }

    spec->acl = xrw_make_acl(make);

    if (spec->acl.len > 0) {
        return XRW_OK;
    }

    spec->url = xrw_make_text(make->url != NULL ? make->url : make->path);

    return (spec->url.len > 0) ? XRW_OK
           : xrw_usage(make->cmd, "for what? say PATH, --url or --acl");
}


static int
xrw_make_print(xrw_make_t *make, const xr_edgeauth_spec_t *spec,
    const xr_key_t *key)
{
    char      *token, *url;
    xr_err_t   err;

    token = xrw_token(make->arena, spec, key, &err);

    if (token == NULL) {
        return xrw_error("no token: %s", err.what);
    }

    if (make->how == XRW_FORM_TOKEN) {
        printf("%s\n", token);
        return XRW_OK;
    }

    url = xrw_sign_url(make->arena, make->where.site, xr_str(make->path),
                       token, make->how, make->name);
    printf("%s\n", url);

    return XRW_OK;
}


static int
xrw_make_run(xrw_make_t *make, const char *path)
{
    int                  status;
    xr_keyset_t          keys;
    xr_edgeauth_spec_t   spec;

    spec = (xr_edgeauth_spec_t) {
        .ip = xrw_make_text(make->ip),
        .id = xrw_make_text(make->id),
        .data = xrw_make_text(make->data),
        .escape = !make->no_escape
    };

    status = xrw_make_address(make);

    if (status == XRW_OK) {
        status = xrw_make_times(make, &spec);
    }

    if (status == XRW_OK) {
        status = xrw_token_key(make->arena, make->cmd, &make->key, &keys,
                               &make->base);
    }

    if (status != XRW_OK) {
        return status;
    }

    status = xrw_make_form(make, path);

    if (status == XRW_OK) {
        status = xrw_make_scope(make, &spec);
    }

    if (status == XRW_OK) {
        status = xrw_make_print(make, &spec, &keys.keys[0]);
    }

    xr_keyset_free(&keys);

    return status;
}


int
xrw_token_make(const xrw_command_t *cmd, int argc, char **argv)
{
    int           status;
    size_t        n;
    xrw_make_t    make;
    xrw_arena_t   arena;
    xrw_option_t  options[XRW_TOKEN_KEY_OPTIONS + 11];

    memset(&make, 0, sizeof(make));
    make.expires = "+1h";
    make.name = XRW_TOKEN_NAME;
    make.cmd = cmd;

    n = xrw_token_key_options(&make.key, options);

    options[n++] = (xrw_option_t) { "acl", "PATTERN", XRW_OPTION_LIST,
        &make.acl, "paths it opens: * any run, ? one; may repeat" };
    options[n++] = (xrw_option_t) { "url", "PATH", XRW_OPTION_TEXT,
        &make.url, "the one path it opens (PATH)" };
    options[n++] = (xrw_option_t) { "expires", "TIME", XRW_OPTION_TEXT,
        &make.expires, "+2h, Unix time or RFC 3339 (+1h)" };
    options[n++] = (xrw_option_t) { "start", "TIME", XRW_OPTION_TEXT,
        &make.start, "not valid before: now, +5m, ..." };
    options[n++] = (xrw_option_t) { "ip", "ADDRESS", XRW_OPTION_TEXT,
        &make.ip, "for this client alone" };
    options[n++] = (xrw_option_t) { "id", "TEXT", XRW_OPTION_TEXT,
        &make.id, "whom it was given to" };
    options[n++] = (xrw_option_t) { "data", "TEXT", XRW_OPTION_TEXT,
        &make.data, "payload" };
    options[n++] = (xrw_option_t) { "no-escape", NULL, XRW_OPTION_FLAG,
        &make.no_escape, "values as they are, not percent-escaped" };
    options[n++] = (xrw_option_t) { "form", "token|query|path",
        XRW_OPTION_TEXT, &make.form, "what to print" };
    options[n++] = (xrw_option_t) { "base", "URL", XRW_OPTION_TEXT,
        &make.base, "in front of PATH: print a URL" };
    options[n++] = (xrw_option_t) { "name", "NAME", XRW_OPTION_TEXT,
        &make.name, "of the query parameter (" XRW_TOKEN_NAME ")" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc > 1) {
        return xrw_usage(cmd, "one PATH at a time");
    }

    arena = (xrw_arena_t) { NULL };
    make.arena = &arena;

    status = xrw_make_run(&make, argc == 1 ? argv[0] : NULL);

    xrw_arena_free(&arena);

    return status;
}
