/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "sign.h"
#include "when.h"
#include "xr_path.h"

#include <stdio.h>
#include <string.h>
#include <time.h>


static void
xrw_show_text(xrw_arena_t *arena, const char *name, xr_str_t value)
{
    char      *text;
    xr_buf_t   buf;

    if (value.data == NULL) {
        return;
    }

    text = xrw_alloc(arena, value.len + 1);
    buf = xr_buf(text, value.len);

    if (xr_path_decode(value, &buf, NULL) == XR_OK) {
        value = xr_buf_str(&buf);
    }

    printf("%-8s ", name);
    xrw_print(value);
    (void) putchar('\n');
}


static void
xrw_show_time(const char *name, int64_t t, int64_t now)
{
    char  date[XRW_WHEN_TEXT], relative[XRW_WHEN_TEXT];

    xrw_when_text(t, date);
    xrw_when_relative(t, now, relative);

    printf("%-8s %lld  %s  %s\n", name, (long long) t, date, relative);
}


static void
xrw_show_token(xrw_arena_t *arena, const xr_edgeauth_t *t, xr_str_t path)
{
    size_t    i;
    int64_t   now;
    xr_str_t  acl;

    now = (int64_t) time(NULL);

    printf("%-8s EdgeAuth 2.0, HMAC-SHA256\n", "format");
    xrw_show_text(arena, "path", path);

    if (t->acl.data == NULL) {
        printf("%-8s the one path it was signed for, which it does not "
               "carry\n", "opens");
    }

    for (acl = t->acl; acl.len > 0; /* void */ ) {
        xrw_show_text(arena, "opens", xr_str_cut(&acl, '!'));
    }

    if (t->st != 0) {
        xrw_show_time("starts", t->st, now);
    }

    xrw_show_time(t->exp > now ? "expires" : "expired", t->exp, now);

    xrw_show_text(arena, "ip", t->ip);
    xrw_show_text(arena, "id", t->id);
    xrw_show_text(arena, "data", t->data);

    printf("%-8s ", "hmac");

    for (i = 0; i < sizeof(t->mac); i++) {
        printf("%02x", (unsigned) t->mac[i]);
    }

    (void) putchar('\n');
}


static int
xrw_show_run(xrw_arena_t *arena, const char *arg, const char *name)
{
    xr_err_t       err;
    xrw_signed_t   s;
    xr_edgeauth_t  t;

    xrw_signed_read(arena, arg, name, &s);

    if (s.n == 0) {
        return xrw_error("there is no token in it");
    }

    if (s.n > 1) {
        return xrw_error("there are %zu tokens in it: an edge refuses that",
                         s.n);
    }

    if (s.broken) {
        return xrw_error("the segment behind \"~\" is not base64url");
    }

    if (xr_edgeauth_parse(s.token, &t, &err) != XR_OK) {
        return xrw_error("not a token: %s, at offset %zu", err.what, err.pos);
    }

    xrw_show_token(arena, &t, s.raw_path);

    return XRW_OK;
}


int
xrw_token_show(const xrw_command_t *cmd, int argc, char **argv)
{
    int           status;
    const char   *name;
    xrw_arena_t   arena;

    const xrw_option_t  options[] = {
        { "name", "NAME", XRW_OPTION_TEXT, &name,
          "of the query parameter (" XRW_TOKEN_NAME ")" }
    };

    name = XRW_TOKEN_NAME;

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status))
    {
        return status;
    }

    if (argc != 1) {
        return xrw_usage(cmd, "one TOKEN or URL");
    }

    arena = (xrw_arena_t) { NULL };
    status = xrw_show_run(&arena, argv[0], name);
    xrw_arena_free(&arena);

    return status;
}
