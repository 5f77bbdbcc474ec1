/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "explain.h"
#include "sign.h"

#include <string.h>


/* "-H", as others have it, is "--header". */

static void
xrw_explain_short_option(xrw_arena_t *arena, int argc, char **argv)
{
    int  i;

    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {

        if (strcmp(argv[i], "-H") == 0) {
            argv[i] = xrw_format(arena, "--header");
            i++;                        /* its value may look like one */

        } else if (strncmp(argv[i], "-H", 2) == 0) {
            argv[i] = xrw_format(arena, "--header=%s", argv[i] + 2);
        }
    }
}


static int
xrw_explain_run(const xrw_command_t *cmd, xrw_arena_t *arena,
    const xrw_explain_flags_t *flags, const char *url)
{
    int            status;
    xrw_explain_t  e;

    memset(&e, 0, sizeof(e));
    e.arena = arena;
    e.flags = flags;
    e.out = json_object();

    status = xrw_explain_request(cmd, url, &e);

    if (status == XRW_OK && flags->live) {
        status = xrw_explain_live(cmd, url, &e);

    } else if (status == XRW_OK) {
        status = xrw_explain_choice(cmd, &e);
    }

    if (status == XRW_OK && flags->json) {
        xrw_json_print(json_incref(e.out));

    } else if (status == XRW_OK) {
        xrw_explain_print(e.out);
    }

    json_decref(e.out);

    return status;
}


int
xrw_explain(const xrw_command_t *cmd, int argc, char **argv)
{
    int                  status;
    xrw_arena_t          arena;
    xrw_explain_flags_t  flags;

    const xrw_option_t  options[] = {

        { "header", "NAME: VALUE", XRW_OPTION_LIST, &flags.headers,
          "of the request, also -H; may repeat" },

        { "headers", "FILE", XRW_OPTION_TEXT, &flags.file,
          "with more of them, a line each" },

        { "live", NULL, XRW_OPTION_FLAG, &flags.live,
          "ask the edge that the URL names, which has to know the key" },

        { "key", "FILE", XRW_OPTION_TEXT, &flags.key,
          "with the key that signs (XR_EXPLAIN_KEY is a key itself)" },

        { "edge", "HOST[:PORT]", XRW_OPTION_TEXT, &flags.edge,
          "ask this one, whatever the URL's host resolves to" },

        { "manifest", "FILE", XRW_OPTION_TEXT, &flags.manifest,
          "of the object, to be explained without an edge" },

        { "devices", "FILE", XRW_OPTION_TEXT, &flags.devices,
          "table of devices, as xr_devices names it" },

        { "tenant-path", "yes|no", XRW_OPTION_TEXT, &flags.path,
          "tenant by path (yes), or by host" },

        { "tenant", "NAME", XRW_OPTION_TEXT, &flags.tenant,
          "of the tenant, where the host says it" },

        { "subject", "TEXT", XRW_OPTION_TEXT, &flags.subject,
          "who asks, for the arms of a split" },

        { "ip", "ADDRESS", XRW_OPTION_TEXT, &flags.ip,
          "likewise, where no credential says who" },

        { "missing", "ID", XRW_OPTION_LIST, &flags.missing,
          "variant whose object is missing; may repeat" },

        { "trusted", NULL, XRW_OPTION_FLAG, &flags.trusted,
          "the request comes from a tier of ours" },

        { "name", "NAME", XRW_OPTION_TEXT, &flags.name,
          "of parameter and cookie (" XRW_TOKEN_NAME ")" },

        { "json", NULL, XRW_OPTION_FLAG, &flags.json,
          "print JSON" }
    };

    memset(&flags, 0, sizeof(flags));
    flags.name = XRW_TOKEN_NAME;
    arena = (xrw_arena_t) { NULL };

    xrw_explain_short_option(&arena, argc, argv);

    if (!xrw_options(cmd, options, XR_COUNT(options), &argc, &argv, &status)) {
        /* said */

    } else if (argc != 1) {
        status = xrw_usage(cmd, "one URL");

    } else if (flags.live == (flags.manifest != NULL)) {
        status = xrw_usage(cmd, "either --manifest FILE, or --live");

    } else if (!flags.live && (flags.key != NULL || flags.edge != NULL)) {
        status = xrw_usage(cmd, "--key and --edge are for --live");

    } else if (flags.path != NULL && strcmp(flags.path, "yes") != 0
               && strcmp(flags.path, "no") != 0)
    {
        status = xrw_usage(cmd, "--tenant-path %s: not yes or no", flags.path);

    } else {
        status = xrw_explain_run(cmd, &arena, &flags, argv[0]);
    }

    xrw_arena_free(&arena);

    return status;
}
