/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "io.h"
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


const char *
xrw_io_read(int fd, void *out, size_t len, uint64_t pos)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < len; done += (size_t) n) {
        n = pread(fd, (uint8_t *) out + done, len - done,
                  (off_t) (pos + done));

        if (n < 0 && errno == EINTR) {
            n = 0;
            continue;
        }

        if (n < 0) {
            return strerror(errno);
        }

        if (n == 0) {
            return "became shorter while it was read";
        }
    }

    return NULL;
}


bool
xrw_io_text(xrw_arena_t *arena, const char *path, size_t max, xr_str_t *out)
{
    int          fd;
    void        *data;
    size_t       size;
    const char  *why;
    struct stat  st;

    /* a pipe would keep open() waiting */

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd == -1 || fstat(fd, &st) == -1) {
        why = strerror(errno);

    } else if (!S_ISREG(st.st_mode)) {
        why = "is not a file";

    } else {
        size = ((uint64_t) st.st_size < max) ? (size_t) st.st_size : max;
        data = xrw_alloc(arena, size + 1);
        why = xrw_io_read(fd, data, size, 0);
        *out = xr_str_of(data, size);
    }

    if (fd != -1) {
        (void) close(fd);
    }

    if (why != NULL) {
        (void) xrw_error("%s: %s", path, why);
    }

    return why == NULL;
}


bool
xrw_io_folders(const char *path)
{
    bool   ok;
    char  *copy, *p;

    copy = strdup(path);
    ok = (copy != NULL);

    for (p = copy; ok && (p = strchr(p + 1, '/')) != NULL; /* void */ ) {
        *p = '\0';
        ok = (mkdir(copy, 0700) == 0 || errno == EEXIST);
        *p = '/';
    }

    free(copy);

    return ok;
}


bool
xrw_io_write(int fd, xr_str_t text)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < text.len; done += (size_t) n) {
        n = write(fd, text.data + done, text.len - done);

        if (n < 0 && errno == EINTR) {
            n = 0;

        } else if (n <= 0) {
            return false;
        }
    }

    return true;
}


bool
xrw_io_replace(xrw_arena_t *arena, const char *path, xr_str_t text)
{
    int    fd;
    bool   ok;
    char  *temporary;

    temporary = xrw_format(arena, "%s.%ld", path, (long) getpid());
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd == -1) {
        return false;
    }

    ok = xrw_io_write(fd, text);
    ok = close(fd) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;

    if (!ok) {
        (void) unlink(temporary);
    }

    return ok;
}


/* A name is on the disk when its folder is. */

bool
xrw_io_sync_folder(xrw_arena_t *arena, const char *path)
{
    int          fd;
    bool         ok;
    const char  *slash;

    slash = strrchr(path, '/');

    fd = open(slash == NULL ? "."
              : xrw_format(arena, "%.*s/", (int) (slash - path), path),
              O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd == -1) {
        return false;
    }

    ok = (fsync(fd) == 0);
    (void) close(fd);

    return ok;
}


bool
xrw_io_replace_shared(xrw_arena_t *arena, const char *path, xr_str_t text,
    struct stat *st)
{
    int    fd, error;
    bool   ok;
    char  *temporary;

    temporary = xrw_format(arena, "%s.%ld", path, (long) getpid());
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd == -1) {
        return false;
    }

    if (stat(path, st) == 0
        && fchown(fd, (uid_t) -1, st->st_gid) == -1 && errno != EPERM)
    {
        ok = false;

    } else {
        ok = fchmod(fd, 0640) == 0 && xrw_io_write(fd, text) && fsync(fd) == 0
             && fstat(fd, st) == 0;
    }

    ok = ok && rename(temporary, path) == 0;
    error = errno;

    (void) close(fd);

    if (!ok) {
        (void) unlink(temporary);
        errno = error;
        return false;
    }

    return xrw_io_sync_folder(arena, path);
}
