/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "json.h"
#include "target.h"

#include <stdio.h>


typedef struct {
    bool      json;
    size_t    n;
    uint64_t  size;
} xrw_ls_t;


static bool
xrw_ls_object(void *ctx, const xr_s3_object_t *object)
{
    char  size[XRW_SIZE_TEXT];

    xrw_ls_t *ls = ctx;

    ls->n++;
    ls->size += object->size;

    if (ls->json) {
        xrw_json_line(object->key, object->size, object->etag, "modified",
                      object->modified, NULL, NULL);

    } else {
        xrw_size(object->size, size);
        printf("%10s  %-24s  ", size, object->modified);
        xrw_print(object->key);
        (void) putchar('\n');
    }

    return xrw_stop == 0 && !ferror(stdout);
}


static int
xrw_ls_run(xrw_target_t *target, const char *prefix, bool json)
{
    char      size[XRW_SIZE_TEXT];
    xrw_ls_t  ls;

    ls = (xrw_ls_t) { json, 0, 0 };

    if (xr_s3_list(target->s3, xr_str(prefix), xrw_ls_object, &ls) != XR_OK) {
        return xrw_error("%s: %s", target->tenant.origin,
                         xr_s3_error(target->s3));
    }

    if (!json) {
        xrw_size(ls.size, size);
        (void) fflush(stdout);
        (void) fprintf(stderr, "%zu object%s, %s\n", ls.n,
                       ls.n == 1 ? "" : "s", size);
    }

    return XRW_OK;
}


int
xrw_ls(const xrw_command_t *cmd, int argc, char **argv)
{
    int                 status;
    bool                json;
    size_t              n;
    xrw_arena_t         arena;
    xrw_target_t        target;
    xrw_option_t        options[XRW_TARGET_OPTIONS + 1];
    xrw_target_flags_t  flags;

    json = false;
    n = xrw_target_options(&flags, options);

    options[n++] = (xrw_option_t) { "json", NULL, XRW_OPTION_FLAG, &json,
        "one JSON object per line, sizes in bytes" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc > 1) {
        return xrw_usage(cmd, "one PREFIX at a time");
    }

    xrw_stop_catch();

    arena = (xrw_arena_t) { NULL };
    status = xrw_target_open(&arena, cmd, &flags, &target);

    if (status == XRW_OK) {
        status = xrw_ls_run(&target, argc == 1 ? argv[0] : "", json);
    }

    xrw_target_close(&target);
    xrw_arena_free(&arena);

    return status;
}
