/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_WORKER_STATUS_H
#define XRW_WORKER_STATUS_H


#include "xr_buf.h"

#include <poll.h>


/*
 * Answers "GET /healthz" and "GET /metrics" on a unix socket and on a port of
 * the loopback address.  Connections, their requests and their time are
 * limited, and nothing here waits.
 */

#define XRW_STATUS_LISTEN   2
#define XRW_STATUS_CLIENTS  8
#define XRW_STATUS_SIZE     65536
#define XRW_STATUS_FDS      (XRW_STATUS_LISTEN + XRW_STATUS_CLIENTS)

typedef struct {
    int      fd;                        /* -1: there is none */
    int64_t  until;
    size_t   len;                       /* of the request, or the answer */
    size_t   sent;
    bool     answering;
    char     data[XRW_STATUS_SIZE];
} xrw_status_client_t;


typedef struct {
    const char           *path;
    int                   listen[XRW_STATUS_LISTEN];
    xrw_status_client_t   clients[XRW_STATUS_CLIENTS];

    /* NULL: all is well, otherwise why not. */
    const char          *(*health)(void *ctx);
    void                 (*metrics)(void *ctx, xr_buf_t *out);
    void                  *ctx;
} xrw_status_t;


/* "path" may be NULL, "port" 0; false: it has been said why not. */
bool xrw_status_open(xrw_status_t *status, const char *path, unsigned port);
void xrw_status_close(xrw_status_t *status);

/* In a child: the parent's descriptors are closed, its socket stays. */
void xrw_status_forget(xrw_status_t *status);

/* What to poll for; returns their number. */
size_t xrw_status_fds(const xrw_status_t *status, struct pollfd *fds);

/* Does what can be done. */
void xrw_status_run(xrw_status_t *status, int64_t now);

/* When the next connection has had its time. */
int64_t xrw_status_due(const xrw_status_t *status);


#endif /* XRW_WORKER_STATUS_H */
