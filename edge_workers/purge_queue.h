/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PURGE_QUEUE_H
#define XRW_PURGE_QUEUE_H


#include "order.h"
#include "queue.h"


/*
 * Orders to purge that wait in Redis for a worker.  The queue is one of kind
 * XRW_QUEUE_PURGE; an order is believed for its signature, not because it is
 * there.
 */

#define XRW_PURGE_BY  64                /* bytes of who asked for it */


/*
 * For whoever has changed objects, or wants them gone: signs an order and puts
 * it into the queue.  "by" is told of in the journal, and is not proved.
 * False: "*why" is what is wrong with "*item", or with all if that is NULL.
 */
bool xrw_purge_add(xrw_arena_t *arena, xrw_queue_t *queue,
    const xrw_order_t *order, const xr_keyset_t *keys, const char *by,
    char id[XR_JOB_ID_SIZE + 1], const char **item, const char **why);

/* "user@host", of this process. */
const char *xrw_purge_by(xrw_arena_t *arena);


/*
 * What a tier in front is told, as it was fixed before it was told for the
 * first time: it is the same for each attempt at any of its orders.
 */

typedef struct {
    const char   *id;                   /* CallerReference */
    const char   *tenant;
    const char   *distribution;
    const char  **paths;                /* encoded */
    size_t        npaths;
    bool          confirmed;            /* all edges know */
    const char   *invalidation;         /* NULL: not known yet */
} xrw_purge_batch_t;

/*
 * Fixes it for the orders that are leased; XRW_QUEUE_LOST: one of them is not
 * any more, or is in another one than "before", which was "*which".
 */
xrw_queue_rc_t xrw_purge_batch_fix(xrw_queue_t *queue,
    const xrw_purge_batch_t *batch, const char *before,
    const xrw_lease_t *const *leases, size_t n, size_t *which);

/* XRW_QUEUE_NONE: there is none, or it makes no sense. */
xrw_queue_rc_t xrw_purge_batch_get(xrw_queue_t *queue, xrw_arena_t *arena,
    const char *id, xrw_purge_batch_t *out);

/* What came of it: "confirmed", or "invalidation" and its id. */
bool xrw_purge_batch_set(xrw_queue_t *queue, const char *id,
    const char *name, const char *value);

/* "XR OBJECT" of the hottest variants, the first one most. */
bool xrw_purge_hot(xrw_queue_t *queue, xrw_arena_t *arena, const char *tenant,
    size_t max, xrw_strings_t *out);


#endif /* XRW_PURGE_QUEUE_H */
