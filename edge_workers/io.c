/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "io.h"

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

    ok = write(fd, text.data, text.len) == (ssize_t) text.len;
    ok = close(fd) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;

    if (!ok) {
        (void) unlink(temporary);
    }

    return ok;
}
