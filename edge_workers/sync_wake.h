/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SYNC_WAKE_H
#define XRW_SYNC_WAKE_H


#include "sync_set.h"


/*
 * The socket that NGINX asks for keys at: a datagram is the name of a tenant.
 * False: it has been said why there is none.
 */
bool xrw_sync_wake_open(const char *path, int *fd);
void xrw_sync_wake_close(const char *path, int fd);

/* Reads what there is; sources of these tenants look soon. */
void xrw_sync_wake_read(int fd, xrw_sync_set_t *set);


#endif /* XRW_SYNC_WAKE_H */
