/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "show.h"
#include "when.h"
#include "xr_path.h"

#include <stdio.h>


void
xrw_show_text(const char *name, xr_str_t value)
{
    if (value.data == NULL) {
        return;
    }

    printf("%-8s ", name);
    xrw_print(value);
    (void) putchar('\n');
}


void
xrw_show_unescaped(const xrw_show_t *show, const char *name, xr_str_t value)
{
    xr_buf_t  buf;

    if (value.data == NULL) {
        return;
    }

    buf = xr_buf(xrw_alloc(show->j->arena, value.len + 1), value.len);

    if (xr_path_decode(value, &buf, NULL) == XR_OK) {
        value = xr_buf_str(&buf);
    }

    xrw_show_text(name, value);
}


void
xrw_show_time(const xrw_show_t *show, const char *name, int64_t t)
{
    char  date[XRW_WHEN_TEXT], relative[XRW_WHEN_TEXT];

    xrw_when_text(t, date);
    xrw_when_relative(t, show->j->req.now, relative);

    printf("%-8s %lld  %s  %s\n", name, (long long) t, date, relative);
}


void
xrw_show_hex(const char *name, xr_str_t value)
{
    size_t  i;

    printf("%-8s ", name);

    for (i = 0; i < value.len; i++) {
        printf("%02x", (unsigned) value.data[i]);
    }

    (void) putchar('\n');
}


/* Why there is nothing to explain. */

static int
xrw_show_error(const xrw_judge_t *j, xr_deny_t deny)
{
    switch (deny) {

    case XR_DENY_TOKEN_MISSING:
        return xrw_error("there is no token in it");

    case XR_DENY_TOKEN_DUPLICATE:
        return xrw_error("there is more than one token in it: an edge "
                         "refuses that");

    default: /* XR_DENY_TOKEN_MALFORMED, XR_DENY_TOKEN_ALGORITHM */
        return xrw_error("not a token: %s, at offset %zu", j->err.what,
                         j->err.pos);
    }
}


static void
xrw_show_signature(xrw_show_t *show)
{
    xr_str_t   key;
    xr_deny_t  deny;

    key = xr_str_of(NULL, 0);
    deny = xrw_judge_signature(show->j, &key);

    if (deny == XR_DENY_NONE) {
        xrw_show_text("made by", key.len > 0 ? key : xr_str("a key without "
                                                            "an id"));
    }

    xrw_show_reason(show, deny, NULL);
}


static int
xrw_show_run(xrw_judge_t *j)
{
    xr_deny_t   deny;
    xrw_show_t  show;

    deny = xrw_judge_parse(j, true);

    if (deny != XR_DENY_NONE) {
        return xrw_show_error(j, deny);
    }

    show.j = j;
    show.n = 0;

    xrw_show_reason(&show, j->target, NULL);

    switch (j->kind) {

    case XR_KIND_JWT:
        xrw_show_jwt(&show);
        break;

    case XR_KIND_CLOUDFRONT:
        xrw_show_cloudfront(&show);
        break;

    default: /* XR_KIND_EDGEAUTH */
        xrw_show_edgeauth(&show);
    }

    xrw_show_signature(&show);
    xrw_show_reasons(&show);

    return XRW_OK;
}


int
xrw_token_show(const xrw_command_t *cmd, int argc, char **argv)
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
        status = xrw_show_run(&j);
    }

    xrw_judge_close(&j);
    xrw_arena_free(&arena);

    return status;
}
