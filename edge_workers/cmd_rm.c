/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


/* What is going to be removed, all of it known before the question. */

typedef struct {
    xrw_arena_t  *arena;
    xr_str_t      below;            /* the key that the listing is for */
    xr_str_t     *keys;
    size_t        n;
    size_t        room;
    uint64_t      size;
} xrw_rm_t;


static void
xrw_rm_add(xrw_rm_t *rm, xr_str_t key, uint64_t size)
{
    xr_str_t  *keys;

    if (rm->n == rm->room) {
        rm->room = rm->room > 0 ? rm->room * 2 : 64;
        keys = xrw_alloc(rm->arena, rm->room * sizeof(xr_str_t));

        if (rm->n > 0) {
            memcpy(keys, rm->keys, rm->n * sizeof(xr_str_t));
        }

        rm->keys = keys;
    }

    rm->keys[rm->n++] = xr_str_of(xrw_text(rm->arena, key), key.len);
    rm->size += size;
}


/* "robots" stands for itself and "robots/...", never for "robots2". */

static bool
xrw_rm_object(void *ctx, const xr_s3_object_t *object)
{
    size_t  n;

    xrw_rm_t *rm = ctx;

    n = rm->below.len;

    if (n == 0 || object->key.len == n || rm->below.data[n - 1] == '/'
        || object->key.data[n] == '/')
    {
        xrw_rm_add(rm, object->key, object->size);
    }

    return xrw_stop == 0;
}


static int
xrw_rm_below(xrw_target_t *target, xrw_rm_t *rm, const char *key)
{
    size_t  before;

    before = rm->n;

    /* "/" is everything, which has to be said */

    rm->below = xr_str(strcmp(key, "/") == 0 ? "" : key);

    if (xr_s3_list(target->s3, rm->below, xrw_rm_object, rm) != XR_OK) {
        return xrw_error("%s: %s", key, xr_s3_error(target->s3));
    }

    return (rm->n > before) ? XRW_OK : xrw_error("%s: no such key", key);
}


static int
xrw_rm_one(xrw_target_t *target, xrw_rm_t *rm, const char *key)
{
    char      etag[XR_S3_ETAG_SIZE];
    xr_rc_t   rc;
    uint64_t  size;

    rc = xr_s3_head(target->s3, xr_str(key), &size, etag);

    if (rc == XR_OK) {
        xrw_rm_add(rm, xr_str(key), size);
        return XRW_OK;
    }

    return (rc == XR_NOT_FOUND)
           ? xrw_error("%s: no such key", key)
           : xrw_error("%s: %s", key, xr_s3_error(target->s3));
}


static int
xrw_rm_delete(xrw_target_t *target, xrw_rm_t *rm)
{
    int     status;
    size_t  i;

    status = XRW_OK;

    for (i = 0; i < rm->n && xrw_stop == 0; i++) {

        if (xr_s3_delete(target->s3, rm->keys[i]) != XR_OK) {
            status = xrw_error("%s: %s", (const char *) rm->keys[i].data,
                               xr_s3_error(target->s3));
            continue;
        }

        printf("removed ");
        xrw_print(rm->keys[i]);
        (void) putchar('\n');
    }

    return (xrw_stop == 0) ? status : XRW_FAILED;
}


static int
xrw_rm_run(xrw_target_t *target, xrw_rm_t *rm, char **keys, bool recursive,
    bool yes)
{
    int   status, worst;
    char  size[XRW_SIZE_TEXT];

    worst = XRW_OK;

    for ( /* void */ ; *keys != NULL && xrw_stop == 0; keys++) {
        status = recursive ? xrw_rm_below(target, rm, *keys)
                           : xrw_rm_one(target, rm, *keys);

        if (status != XRW_OK) {
            worst = status;
        }
    }

    if (rm->n == 0 || xrw_stop != 0) {
        return worst;
    }

    xrw_size(rm->size, size);

    if (!yes && isatty(STDIN_FILENO)
        && !xrw_confirm("Remove %zu object%s, %s, from %s?", rm->n,
                        rm->n == 1 ? "" : "s", size, target->tenant.origin))
    {
        return xrw_error("nothing was removed");
    }

    status = xrw_rm_delete(target, rm);

    return (status != XRW_OK) ? status : worst;
}


static int
xrw_rm_refuse(const xrw_command_t *cmd, char **keys, bool recursive, bool yes)
{
    if (*keys == NULL) {
        return xrw_usage(cmd, "which KEY?");
    }

    if (recursive && !yes && !isatty(STDIN_FILENO)) {
        return xrw_usage(cmd, "--recursive without a terminal needs --yes");
    }

    for ( /* void */ ; *keys != NULL; keys++) {
        if ((*keys)[0] == '\0') {
            return xrw_usage(cmd, "an empty KEY; --recursive / is everything");
        }
    }

    return XRW_OK;
}


int
xrw_rm(const xrw_command_t *cmd, int argc, char **argv)
{
    int                 status;
    bool                recursive, yes;
    size_t              n;
    xrw_rm_t            rm;
    xrw_arena_t         arena;
    xrw_target_t        target;
    xrw_option_t        options[XRW_TARGET_OPTIONS + 2];
    xrw_target_flags_t  flags;

    recursive = false;
    yes = false;
    n = xrw_target_options(&flags, options);

    options[n++] = (xrw_option_t) { "recursive", NULL, XRW_OPTION_FLAG,
        &recursive, "KEY and everything below KEY/; / is everything" };
    options[n++] = (xrw_option_t) { "yes", NULL, XRW_OPTION_FLAG, &yes,
        "do not ask" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    status = xrw_rm_refuse(cmd, argv, recursive, yes);

    if (status != XRW_OK) {
        return status;
    }

    xrw_stop_catch();

    arena = (xrw_arena_t) { NULL };
    rm = (xrw_rm_t) { .arena = &arena };
    status = xrw_target_open(&arena, cmd, &flags, &target);

    if (status == XRW_OK) {
        status = xrw_rm_run(&target, &rm, argv, recursive, yes);
    }

    xrw_target_close(&target);
    xrw_arena_free(&arena);

    return status;
}
