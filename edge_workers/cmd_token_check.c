/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "sign.h"
#include "token.h"
#include "when.h"
#include "xr_path.h"

#include <stdio.h>
#include <string.h>
#include <time.h>


typedef struct {
    xrw_token_key_t     key;
    const char         *path;
    const char         *at;
    const char         *ip;
    const char         *max_lifetime;
    const char         *leeway;
    const char         *name;

    xr_addr_t           address;
    xr_auth_request_t   req;
    xr_auth_limits_t    limits;
} xrw_check_t;


static int
xrw_check_arguments(xrw_check_t *check, const xrw_command_t *cmd)
{
    check->req.now = (int64_t) time(NULL);
    check->req.address = &check->address;

    if (check->at != NULL
        && !xrw_when(check->at, check->req.now, &check->req.now))
    {
        return xrw_usage(cmd, "--at %s: not a time", check->at);
    }

    if (check->ip != NULL
        && xr_addr_parse(xr_str(check->ip), &check->address) != XR_OK)
    {
        return xrw_usage(cmd, "--ip %s: not an address", check->ip);
    }

    if (check->max_lifetime != NULL
        && !xrw_duration(check->max_lifetime, &check->limits.max_lifetime))
    {
        return xrw_usage(cmd, "--max-lifetime %s: not a time such as 7d",
                         check->max_lifetime);
    }

    if (!xrw_duration(check->leeway, &check->limits.leeway)) {
        return xrw_usage(cmd, "--leeway %s: not a time such as 30s",
                         check->leeway);
    }

    return XRW_OK;
}


/* The path in both spellings; the URL's own unless --path says another. */

static xr_deny_t
xrw_check_path(xrw_arena_t *arena, xrw_check_t *check, const xrw_signed_t *s)
{
    char      *text;
    xr_str_t   path;
    xr_buf_t   buf;
    xr_err_t   err;

    check->req.raw_path = s->raw_path;

    if (check->path != NULL) {
        path = xr_str(check->path);
        text = xrw_alloc(arena, path.len * 3 + 1);
        buf = xr_buf(text, path.len * 3);
        xr_path_encode(path, &buf);
        check->req.raw_path = xr_buf_str(&buf);
    }

    text = xrw_alloc(arena, check->req.raw_path.len + 1);
    buf = xr_buf(text, check->req.raw_path.len);

    if (xr_path_check(check->req.raw_path, &err) != XR_OK
        || xr_path_decode(check->req.raw_path, &buf, &err) != XR_OK)
    {
        return XR_DENY_PATH;
    }

    check->req.path = xr_buf_str(&buf);

    return XR_DENY_NONE;
}


/* As the gate of an edge does it, in its order. */

static xr_deny_t
xrw_check_decide(xrw_arena_t *arena, xrw_check_t *check,
    const xrw_signed_t *s, const xr_keyset_t *keys, xr_principal_t *who)
{
    xr_err_t       err;
    xr_deny_t      deny;
    xr_edgeauth_t  t;

    deny = xrw_check_path(arena, check, s);

    if (deny != XR_DENY_NONE) {
        return deny;
    }

    if (s->n == 0) {
        return XR_DENY_TOKEN_MISSING;
    }

    if (s->n > 1) {
        return XR_DENY_TOKEN_DUPLICATE;
    }

    if (s->broken || xr_edgeauth_parse(s->token, &t, &err) != XR_OK) {
        return XR_DENY_TOKEN_MALFORMED;
    }

    return xr_edgeauth_verify(&t, &check->req, &check->limits, keys, who);
}


static int
xrw_check_run(xrw_arena_t *arena, const xrw_command_t *cmd,
    xrw_check_t *check, const char *arg)
{
    int             status;
    xr_str_t        name;
    xr_deny_t       deny;
    xr_keyset_t     keys;
    xrw_signed_t    s;
    xr_principal_t  who;

    xrw_signed_read(arena, arg, check->name, &s);

    if (s.raw_path.data == NULL && check->path == NULL) {
        return xrw_usage(cmd, "a token alone: for which --path?");
    }

    status = xrw_token_key(arena, cmd, &check->key, &keys, NULL);

    if (status != XRW_OK) {
        return status;
    }

    deny = xrw_check_decide(arena, check, &s, &keys, &who);

    if (deny != XR_DENY_NONE) {
        name = xr_deny_name(deny);
        printf("%.*s\n", (int) name.len, (const char *) name.data);
        status = XRW_FAILED;

    } else if (who.key_id.len > 0) {
        printf("ok, key %.*s\n", (int) who.key_id.len,
               (const char *) who.key_id.data);

    } else {
        printf("ok\n");
    }

    xr_keyset_free(&keys);

    return status;
}


int
xrw_token_check(const xrw_command_t *cmd, int argc, char **argv)
{
    int           status;
    size_t        n;
    xrw_arena_t   arena;
    xrw_check_t   check;
    xrw_option_t  options[XRW_TOKEN_KEY_OPTIONS + 6];

    memset(&check, 0, sizeof(check));
    check.leeway = "30s";
    check.name = XRW_TOKEN_NAME;

    n = xrw_token_key_options(&check.key, options);

    options[n++] = (xrw_option_t) { "path", "PATH", XRW_OPTION_TEXT,
        &check.path, "that is asked for, if not the URL's own" };
    options[n++] = (xrw_option_t) { "at", "TIME", XRW_OPTION_TEXT,
        &check.at, "when (now)" };
    options[n++] = (xrw_option_t) { "ip", "ADDRESS", XRW_OPTION_TEXT,
        &check.ip, "of the client" };
    options[n++] = (xrw_option_t) { "max-lifetime", "TIME", XRW_OPTION_TEXT,
        &check.max_lifetime, "as the tenant has it (none)" };
    options[n++] = (xrw_option_t) { "leeway", "TIME", XRW_OPTION_TEXT,
        &check.leeway, "likewise (30s)" };
    options[n++] = (xrw_option_t) { "name", "NAME", XRW_OPTION_TEXT,
        &check.name, "of the query parameter (" XRW_TOKEN_NAME ")" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc != 1) {
        return xrw_usage(cmd, "one TOKEN or URL");
    }

    status = xrw_check_arguments(&check, cmd);

    if (status != XRW_OK) {
        return status;
    }

    arena = (xrw_arena_t) { NULL };
    status = xrw_check_run(&arena, cmd, &check, argv[0]);
    xrw_arena_free(&arena);

    return status;
}
