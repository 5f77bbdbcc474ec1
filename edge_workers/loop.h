/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_LOOP_H
#define XRW_LOOP_H


#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>


/*
 * What workers wait with: descriptors, a time, and signals, which end every
 * wait, however shortly before it they come.
 */

/* Milliseconds on a clock that nobody sets. */
int64_t xrw_loop_now(void);

/*
 * Waits for any of "fds", until "then" or until a signal's handler sets
 * "*wake", which is 0 again afterwards; whether one of "fds" is ready.
 */
bool xrw_loop_poll(struct pollfd *fds, size_t n, int64_t then,
    volatile sig_atomic_t *wake);


#endif /* XRW_LOOP_H */
