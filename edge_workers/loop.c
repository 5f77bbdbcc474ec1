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
xrw_loop_poll(struct pollfd *fds, size_t n, int64_t then,
    volatile sig_atomic_t *wake)
{
    bool             ready;
    int64_t          left;
    sigset_t         all, before;
    struct timespec  timeout;

    left = then - xrw_loop_now();
    left = (left > 0) ? left : 0;

    timeout.tv_sec = (time_t) (left / 1000);
    timeout.tv_nsec = (long) (left % 1000 * 1000000);

    ready = false;

    /* a signal between the look at "*wake" and the wait waits, too */

    (void) sigfillset(&all);
    (void) sigprocmask(SIG_BLOCK, &all, &before);

    if (*wake == 0) {
        ready = ppoll(fds, n, &timeout, &before) > 0;
    }

    if (!ready) {
        for ( /* void */ ; n > 0; n--) {
            fds[n - 1].revents = 0;
        }
    }

    *wake = 0;
    (void) sigprocmask(SIG_SETMASK, &before, NULL);

    return ready;
}
