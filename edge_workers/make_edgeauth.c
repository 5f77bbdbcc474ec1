/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "make.h"


/* Several patterns are one field, joined by "!". */

static xr_str_t
xrw_make_acl(const xrw_make_t *make)
{
    size_t             i;
    const char        *acl;
    const xrw_list_t  *list;

    list = &make->flags->acl;

    if (list->n == 0) {
        return (xr_str_t) { NULL, 0 };
    }

    acl = list->items[0];

    for (i = 1; i < list->n; i++) {
        acl = xrw_format(make->arena, "%s!%s", acl, list->items[i]);
    }

    return xr_str(acl);
}


static xr_str_t
xrw_make_text(const char *value)
{
    return (value != NULL) ? xr_str(value) : (xr_str_t) { NULL, 0 };
}


static int
xrw_make_scope(const xrw_make_t *make, xr_edgeauth_spec_t *spec)
{
    const xrw_make_flags_t  *f;

    f = make->flags;

    if (f->acl.n > 0 && f->url != NULL) {
        return xrw_usage(make->cmd, "--acl or --url, not both");
    }

    spec->acl = xrw_make_acl(make);

    if (spec->acl.len > 0) {
        return XRW_OK;
    }

    spec->url = xrw_make_text(f->url != NULL ? f->url : make->path);

    return (spec->url.len > 0) ? XRW_OK
           : xrw_usage(make->cmd, "for what? say PATH, --url or --acl");
}


static int
xrw_make_sign(xrw_make_t *make, const xr_edgeauth_spec_t *spec)
{
    int           status;
    char         *token;
    xr_err_t      err;
    xr_keyset_t   keys;

    keys.n = 0;
    status = xrw_token_key(make->arena, &make->flags->key, &make->tenant,
                           &keys);

    if (status == XRW_OK && keys.n == 0) {
        status = xrw_token_environment(make->arena, &keys);
    }

    if (status == XRW_OK && keys.n == 0) {
        status = xrw_usage(make->cmd, "no key: say --key, --tenant or set "
                           "XR_EDGEAUTH_KEY");
    }

    if (status != XRW_OK) {
        return status;
    }

    token = xrw_token(make->arena, spec, &keys.keys[0], &err);

    xr_keyset_wipe(&keys);

    if (token == NULL) {
        return xrw_error("no token: %s", err.what);
    }

    xrw_make_print(make, token);

    return XRW_OK;
}


int
xrw_make_edgeauth(xrw_make_t *make)
{
    int                 status;
    xr_edgeauth_spec_t  spec;

    spec = (xr_edgeauth_spec_t) {
        .ip = xrw_make_text(make->flags->ip),
        .id = xrw_make_text(make->flags->id),
        .data = xrw_make_text(make->flags->data),
        .st = make->start,
        .exp = make->exp,
        .escape = !make->flags->no_escape
    };

    status = xrw_make_scope(make, &spec);

    return (status == XRW_OK) ? xrw_make_sign(make, &spec) : status;
}
