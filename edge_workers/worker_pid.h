/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_WORKER_PID_H
#define XRW_WORKER_PID_H


#include <stdbool.h>


/*
 * A file with the id of the process, locked for as long as that lives, however
 * it ends: what a dead one has left is taken over.  -1: another one runs, or
 * the file cannot be written, which has been said.
 */
int xrw_pid_open(const char *path);

/* The file goes, and the lock with it. */
void xrw_pid_close(int fd, const char *path);


#endif /* XRW_WORKER_PID_H */
