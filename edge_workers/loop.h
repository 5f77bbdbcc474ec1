/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_LOOP_H
#define XRW_LOOP_H


#include <stdbool.h>
#include <stdint.h>


/*
 * What workers wait with: a descriptor, a time, and the signals that set
 * xrw_stop, which end every wait, however shortly before they come.
 */

/* Milliseconds on a clock that nobody sets. */
int64_t xrw_loop_now(void);

/*
 * Waits until "fd" can be read (-1: none), until "then" or until xrw_stop is
 * set; whether "fd" can be read.
 */
bool xrw_loop_wait(int fd, int64_t then);


#endif /* XRW_LOOP_H */
