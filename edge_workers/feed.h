/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_FEED_H
#define XRW_FEED_H


#include "queue.h"

#include <poll.h>


/*
 * A worker's end of a queue: two connections, of which one waits for the next
 * job, and what comes of losing them.  Nothing here waits but for answers of
 * Redis.  Times are milliseconds on one clock.
 */

typedef struct {
    xrw_queue_kind_t           kind;
    const xrw_redis_server_t  *server;
    const char                *consumer;
    int64_t                    lease;
    bool                       once;

    bool                       up;
    xrw_queue_t                calls;
    xrw_queue_t                asks;        /* waits for a job */
    bool                       asked;
    bool                       empty;       /* the last ask found nothing */
    int64_t                    asked_at;
    int64_t                    due;         /* of the next try to connect */
    int64_t                    backoff;
    int64_t                    promote;     /* when to do it next */
    int64_t                    reclaim;
    int64_t                    counted;
    uint64_t                   reclaimed;
    xrw_queue_counts_t         counts;
    char                       trouble[192];
} xrw_feed_t;


/* Whether it is connected, now that it was tried if it is time. */
bool xrw_feed_connect(xrw_feed_t *feed, int64_t now);
void xrw_feed_disconnect(xrw_feed_t *feed);

/* A call has failed. */
void xrw_feed_lost(xrw_feed_t *feed, int64_t now);

/*
 * One that a worker has left behind, or the answer to the last ask, or a new
 * ask: whether there is an entry and a job.  "ready": the descriptor is.
 * "more": there is room for one.
 */
bool xrw_feed_next(xrw_feed_t *feed, bool ready, bool more, int64_t now,
    char entry[48], char id[XR_JOB_ID_SIZE + 1]);

/* What to poll for, and until when; true if there is something. */
bool xrw_feed_fd(const xrw_feed_t *feed, struct pollfd *fd);
int64_t xrw_feed_due(const xrw_feed_t *feed, bool more, int64_t never);

/* Looks at the queue now and then. */
void xrw_feed_count(xrw_feed_t *feed, int64_t now);


#endif /* XRW_FEED_H */
