/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "judge.h"

#include <stdio.h>


/* As the gate of an edge does it, in its order. */

static xr_deny_t
xrw_check_decide(xrw_judge_t *j, xr_str_t *key)
{
    xr_deny_t  deny;

    deny = j->target;

    if (deny == XR_DENY_NONE) {
        deny = xrw_judge_parse(j, false);
    }

    if (deny == XR_DENY_NONE) {
        deny = xrw_judge_signature(j, key);
    }

    return (deny == XR_DENY_NONE) ? xrw_judge_claims(j) : deny;
}


static int
xrw_check_run(const xrw_command_t *cmd, xrw_judge_t *j)
{
    xr_str_t   name, key;
    xr_deny_t  deny;

    if (!j->has_path) {
        return xrw_usage(cmd, "a token alone: for which --url or --path?");
    }

    if (j->keys.n == 0) {
        return xrw_usage(cmd, "no key: say --key, --jwks, --cloudfront-key, "
                         "--tenant or set XR_EDGEAUTH_KEY");
    }

    key = xr_str_of(NULL, 0);
    deny = xrw_check_decide(j, &key);

    if (deny != XR_DENY_NONE) {
        name = xr_deny_name(deny);
        printf("%.*s\n", (int) name.len, (const char *) name.data);
        return XRW_FAILED;
    }

    if (key.len > 0) {
        printf("ok, key ");
        xrw_print(key);
        (void) putchar('\n');

    } else {
        printf("ok\n");
    }

    return XRW_OK;
}


int
xrw_token_check(const xrw_command_t *cmd, int argc, char **argv)
{
    int                 status;
    size_t              n;
    xrw_arena_t         arena;
    xrw_judge_t         j;
    xrw_option_t        options[XRW_JUDGE_OPTIONS];
    xrw_judge_flags_t   flags;

    n = xrw_judge_options(&flags, options);

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc != 1 && !(argc == 0 && flags.url != NULL)) {
        return xrw_usage(cmd, "one TOKEN or URL");
    }

    arena = (xrw_arena_t) { NULL };
    status = xrw_judge_open(&arena, cmd, &flags,
                            argc == 1 ? argv[0] : flags.url, &j);

    if (status == XRW_OK) {
        status = xrw_check_run(cmd, &j);
    }

    xrw_judge_close(&j);
    xrw_arena_free(&arena);

    return status;
}
