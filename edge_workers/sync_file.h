/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SYNC_FILE_H
#define XRW_SYNC_FILE_H


#include "arena.h"

#include <sys/stat.h>


/*
 * Replaces a file in two steps, with a look at the new one in between: readers
 * see all of the old one or all of the new one, and it is on the disk when it
 * has its name.  Owner, group and mode are those of the file before, as far as
 * this user may say so, but for bits of "never".
 */

typedef struct {
    char         *path;                 /* of the new file, beside the other */
    const char   *target;
    bool          same;                 /* as what the file has already */
    struct stat   st;
} xrw_sync_file_t;

/* NULL, or what went wrong; "mode" is of a file that was not there. */
const char *xrw_sync_file_write(xrw_sync_file_t *file, xrw_arena_t *arena,
    const char *target, xr_str_t text, mode_t mode, mode_t never);

/* The new one gets the name, unless it is the same; file->st is what has it. */
const char *xrw_sync_file_keep(xrw_sync_file_t *file, xrw_arena_t *arena);

void xrw_sync_file_drop(xrw_sync_file_t *file);


#endif /* XRW_SYNC_FILE_H */
