/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_WORKER_SYNC_H
#define XRW_WORKER_SYNC_H


#include "redis.h"
#include "revoked.h"


/*
 * Keeps a file equal to a set in Redis.  It never waits: whoever runs it polls
 * its descriptor and calls again when that can be read, or when it is time.
 * Times are milliseconds on one clock.
 */

typedef struct {
    const xrw_redis_server_t  *server;
    const char                *set;
    const char                *channel;
    int64_t                    heartbeat;   /* between two looks at the set */

    xrw_revoked_file_t         file;

    bool                       up;
    xrw_redis_t                calls;
    xrw_redis_t                pushes;      /* listens to the channel */

    int64_t                    due;         /* when there is something to do */
    int64_t                    looked;      /* when the set was last read */
    int64_t                    pinged;      /* -1: "pushes" owes no answer */
    int64_t                    backoff;

    uint64_t                   bad_sum;     /* of members that were logged */
    char                       said[256];   /* the trouble that was logged */
} xrw_sync_t;


void xrw_sync_init(xrw_sync_t *sync, const xrw_redis_server_t *server,
    const char *set, const char *channel, const char *file,
    int64_t heartbeat);

/* -1: none. */
int xrw_sync_fd(const xrw_sync_t *sync);

/* Does what there is to do; "readable": the descriptor is. */
void xrw_sync_run(xrw_sync_t *sync, bool readable, int64_t now);

void xrw_sync_close(xrw_sync_t *sync);


#endif /* XRW_WORKER_SYNC_H */
