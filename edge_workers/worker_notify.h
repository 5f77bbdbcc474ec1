/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_WORKER_NOTIFY_H
#define XRW_WORKER_NOTIFY_H


#include <stdint.h>


/*
 * What systemd is told, where it has asked to be by NOTIFY_SOCKET: lines such
 * as "READY=1".
 */
void xrw_notify(const char *text);

/* "RELOADING=1" with the time that systemd wants beside it. */
void xrw_notify_reloading(void);

/* Milliseconds between two signs of life; 0: nobody waits for them. */
int64_t xrw_notify_watchdog(void);


#endif /* XRW_WORKER_NOTIFY_H */
