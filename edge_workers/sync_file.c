/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sync_file.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define XRW_SYNC_FILE_BLOCK  65536


/* Whether the file "fd" has this text. */

static bool
xrw_sync_file_has(int fd, const struct stat *st, xr_str_t text)
{
    bool      same;
    size_t    n;
    uint8_t  *block;

    block = malloc(XRW_SYNC_FILE_BLOCK);
    same = block != NULL && S_ISREG(st->st_mode)
           && (uint64_t) st->st_size == text.len;

    for (uint64_t pos = 0; same && pos < text.len; pos += n) {
        n = text.len - pos;
        n = (n < XRW_SYNC_FILE_BLOCK) ? n : XRW_SYNC_FILE_BLOCK;
        same = xrw_io_read(fd, block, n, pos) == NULL
               && memcmp(block, text.data + pos, n) == 0;
    }

    free(block);

    return same;
}


/* Those of the file before; what it cannot be given, it does not get. */

static bool
xrw_sync_file_own(int fd, const struct stat *before, mode_t never)
{
    mode_t  mode;

    mode = before->st_mode & 0777 & ~never;

    if (fchown(fd, before->st_uid, before->st_gid) == -1
        && fchown(fd, (uid_t) -1, before->st_gid) == -1)
    {
        if (errno != EPERM) {
            return false;
        }

        /* another group than was meant is given nothing */

        mode &= ~(mode_t) S_IRWXG;
    }

    return fchmod(fd, mode | S_IRUSR | S_IWUSR) == 0;
}


const char *
xrw_sync_file_write(xrw_sync_file_t *file, xrw_arena_t *arena,
    const char *target, xr_str_t text, mode_t mode, mode_t never)
{
    int          fd, old;
    bool         ok;
    const char  *why;
    struct stat  st;

    file->target = target;
    file->same = false;
    file->path = xrw_format(arena, "%s.%ld", target, (long) getpid());

    (void) unlink(file->path);
    fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd == -1) {
        return strerror(errno);
    }

    old = open(target, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (old != -1 && fstat(old, &st) == 0) {
        file->same = xrw_sync_file_has(old, &st, text);
        file->st = st;
        ok = xrw_sync_file_own(fd, &st, never);

    } else {
        ok = fchmod(fd, mode) == 0;
    }

    ok = ok && xrw_io_write(fd, text) && fsync(fd) == 0;
    why = ok ? NULL : strerror(errno);

    if (old != -1) {
        (void) close(old);
    }

    (void) close(fd);

    if (why != NULL) {
        xrw_sync_file_drop(file);
    }

    return why;
}


const char *
xrw_sync_file_keep(xrw_sync_file_t *file, xrw_arena_t *arena)
{
    const char  *why;

    if (file->same) {
        xrw_sync_file_drop(file);
        return NULL;
    }

    if (stat(file->path, &file->st) == -1
        || rename(file->path, file->target) == -1)
    {
        why = strerror(errno);
        xrw_sync_file_drop(file);
        return why;
    }

    return xrw_io_sync_folder(arena, file->target) ? NULL : strerror(errno);
}


void
xrw_sync_file_drop(xrw_sync_file_t *file)
{
    (void) unlink(file->path);
}
