/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_TASK_DIR_H
#define XRW_TASK_DIR_H


#include "arena.h"


/*
 * The folder of one job, below that of all jobs.  It is locked for as long as
 * its process lives, so that of dead ones can be told from those in use.
 */

typedef struct {
    const char  *path;
    int          fd;
} xrw_task_dir_t;


/* Removes what dead ones left, then makes a new one; NULL, or what is wrong. */
const char *xrw_task_dir_open(xrw_arena_t *arena, const char *base,
    xrw_task_dir_t *out);
void xrw_task_dir_remove(xrw_task_dir_t *dir);


#endif /* XRW_TASK_DIR_H */
