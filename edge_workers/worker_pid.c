/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_pid.h"
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define XRW_PID_TRIES  10


/* Whether the file that is open is the one that has the name. */

static bool
xrw_pid_named(int fd, const char *path)
{
    struct stat  a, b;

    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino
           && a.st_dev == b.st_dev;
}


static int
xrw_pid_refuse(int fd, const char *path, int error)
{
    struct flock  lock;

    lock = (struct flock) { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    if ((error == EAGAIN || error == EACCES)
        && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
    {
        (void) xrw_error("%s: the worker with the process id %ld has it",
                         path, (long) lock.l_pid);

    } else {
        (void) xrw_error("%s: %s", path, strerror(error));
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return -1;
}


/* A lock of fcntl() is no child's, so none keeps it when we are killed. */

static int
xrw_pid_lock(const char *path)
{
    int           fd, i;
    struct flock  lock;

    for (i = 0; i < XRW_PID_TRIES; i++) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        lock = (struct flock) { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        if (fd == -1 || fcntl(fd, F_SETLK, &lock) == -1) {
            return xrw_pid_refuse(fd, path, errno);
        }

        /* the one before may have removed it since it was opened */

        if (xrw_pid_named(fd, path)) {
            return fd;
        }

        (void) close(fd);
    }

    return xrw_pid_refuse(-1, path, EBUSY);
}


int
xrw_pid_open(const char *path)
{
    int   fd, n;
    char  text[32];

    fd = xrw_pid_lock(path);

    if (fd == -1) {
        return -1;
    }

    n = snprintf(text, sizeof(text), "%ld\n", (long) getpid());

    if (ftruncate(fd, 0) == -1 || pwrite(fd, text, (size_t) n, 0) != n) {
        return xrw_pid_refuse(fd, path, errno);
    }

    return fd;
}


void
xrw_pid_close(int fd, const char *path)
{
    if (fd != -1) {
        (void) unlink(path);
        (void) close(fd);
    }
}
