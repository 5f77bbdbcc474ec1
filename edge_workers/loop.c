/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "loop.h"
#include "cli.h"

#include <poll.h>
#include <signal.h>
#include <time.h>


int64_t
xrw_loop_now(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}


bool
xrw_loop_wait(int fd, int64_t then)
{
    bool             readable;
    int64_t          left;
    sigset_t         all, before;
    struct pollfd    pfd;
    struct timespec  timeout;

    left = then - xrw_loop_now();
    left = (left > 0) ? left : 0;

    timeout.tv_sec = (time_t) (left / 1000);
    timeout.tv_nsec = (long) (left % 1000 * 1000000);

    pfd = (struct pollfd) { fd, POLLIN, 0 };
    readable = false;

    /* a signal between the look at xrw_stop and the wait waits, too */

    (void) sigfillset(&all);
    (void) sigprocmask(SIG_BLOCK, &all, &before);

    if (xrw_stop == 0) {
        readable = ppoll(&pfd, 1, &timeout, &before) == 1;
    }

    (void) sigprocmask(SIG_SETMASK, &before, NULL);

    return readable;
}
