/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "links.h"

#include <stdio.h>


static void
xrw_manifest_check_tell(const char *path, const xr_manifest_t *m)
{
    size_t  links;

    links = xrw_links_count(m);

    printf("%s: %zu variant%s", path, m->n, m->n == 1 ? "" : "s");

    if (links > 0) {
        printf(", %zu link%s", links, links == 1 ? "" : "s");
    }

    if (m->narms > 0) {
        printf(", %zu arm%s", m->narms, m->narms == 1 ? "" : "s");
    }

    if (m->rev.len > 0) {
        printf(", rev ");
        xrw_print(m->rev);
    }

    (void) putchar('\n');
}


int
xrw_manifest_check(const xrw_command_t *cmd, int argc, char **argv)
{
    int            i, status;
    xrw_arena_t    arena;
    xr_manifest_t  manifest;

    if (!xrw_options(cmd, NULL, 0, &argc, &argv, &status)) {
        return status;
    }

    if (argc == 0) {
        return xrw_usage(cmd, "one FILE at least");
    }

    status = XRW_OK;

    for (i = 0; i < argc; i++) {
        arena = (xrw_arena_t) { NULL };

        if (xrw_explain_manifest(&arena, argv[i], &manifest) == XRW_OK) {
            xrw_manifest_check_tell(argv[i], &manifest);

        } else {
            status = XRW_FAILED;
        }

        xrw_arena_free(&arena);
    }

    return status;
}
