/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "task_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>


#define XRW_TASK_DIR_PREFIX  "xr-job-"
#define XRW_TASK_DIR_NEW     "xr-new-XXXXXX"
#define XRW_TASK_DIR_DEPTH   16         /* descriptors */


static int
xrw_task_dir_entry(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    (void) remove(path);

    return 0;
}


static void
xrw_task_dir_tree(const char *path)
{
    (void) nftw(path, xrw_task_dir_entry, XRW_TASK_DIR_DEPTH,
                FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}


static int
xrw_task_dir_lock(const char *path)
{
    int  fd;

    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == -1) {
        (void) close(fd);
        fd = -1;
    }

    return fd;
}


/* Those that nobody has a lock of; other names are not ours. */

static void
xrw_task_dir_sweep(xrw_arena_t *arena, const char *base)
{
    int             fd;
    DIR            *dir;
    const char     *path;
    struct dirent  *entry;

    dir = opendir(base);

    while (dir != NULL && (entry = readdir(dir)) != NULL) {

        if (strncmp(entry->d_name, XRW_TASK_DIR_PREFIX,
                    sizeof(XRW_TASK_DIR_PREFIX) - 1) != 0)
        {
            continue;
        }

        path = xrw_format(arena, "%s/%s", base, entry->d_name);
        fd = xrw_task_dir_lock(path);

        if (fd != -1) {
            xrw_task_dir_tree(path);
            (void) close(fd);
        }
    }

    if (dir != NULL) {
        (void) closedir(dir);
    }
}


/* It has the name by which others look at it once it is locked. */

const char *
xrw_task_dir_open(xrw_arena_t *arena, const char *base, xrw_task_dir_t *out)
{
    char        *made;
    const char  *path;

    xrw_task_dir_sweep(arena, base);

    made = xrw_format(arena, "%s/" XRW_TASK_DIR_NEW, base);

    if (mkdtemp(made) == NULL) {
        return xrw_format(arena, "%s: %s", base, strerror(errno));
    }

    path = xrw_format(arena, "%s/" XRW_TASK_DIR_PREFIX "%s", base,
                      strrchr(made, '-') + 1);
    out->fd = xrw_task_dir_lock(made);

    if (out->fd == -1 || rename(made, path) == -1) {
        (void) rmdir(made);
        return xrw_format(arena, "%s: %s", made, strerror(errno));
    }

    out->path = path;

    return NULL;
}


void
xrw_task_dir_remove(xrw_task_dir_t *dir)
{
    if (dir->path != NULL) {
        xrw_task_dir_tree(dir->path);
        (void) close(dir->fd);
        dir->path = NULL;
    }
}
