/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_QUEUE_H
#define XRW_QUEUE_H


#include "redis.h"
#include "xr_job.h"

#include <jansson.h>


/*
 * Jobs in Redis: a stream with a consumer group, from which workers take them;
 * a record for each, which says what it is and how far; those that wait for
 * their next attempt, those that were given up, and the last that are done.
 * Every change is one script, so that no end of a worker leaves half of it.
 */

#define XRW_QUEUE_STREAM    "xr:{jobs}:pack"
#define XRW_QUEUE_PURGES    "xr:{purge}:orders"
#define XRW_QUEUE_ATTEMPTS  5
#define XRW_QUEUE_BLOCK     1000        /* ms that a worker waits for one */


/* Queues: of jobs that pack, and of orders to purge. */

typedef enum {
    XRW_QUEUE_PACK = 0,
    XRW_QUEUE_PURGE,
    XRW_QUEUES
} xrw_queue_kind_t;


/* A job as a worker has it: by a lease, which others can see to be over. */

typedef struct {
    char      id[XR_JOB_ID_SIZE + 1];
    char      entry[48];                /* of the stream */
    unsigned  attempt;                  /* 1 is the first */
    int64_t   queued;                   /* Unix time, milliseconds */
    json_t   *record;
} xrw_lease_t;

void xrw_lease_free(xrw_lease_t *lease);

/* Views of the record, whatever is in it: see xr_job_check(). */
void xrw_lease_job(const xrw_lease_t *lease, xr_job_t *out);


/* What became of a call. */

typedef enum {
    XRW_QUEUE_BROKEN = 0,               /* Redis: its error says why */
    XRW_QUEUE_NONE,                     /* no such job, or none there */
    XRW_QUEUE_DONE,
    XRW_QUEUE_LOST,                     /* somebody else has the job now */
    XRW_QUEUE_BURIED                    /* it has been tried too often */
} xrw_queue_rc_t;


typedef struct {
    xrw_redis_t        redis;
    xrw_queue_kind_t   kind;
    const char        *consumer;        /* who asks; NULL: no worker */
} xrw_queue_t;

/* That of jobs that pack, and any. */
bool xrw_queue_open(xrw_queue_t *queue, const xrw_redis_server_t *server,
    const char *consumer);
bool xrw_queue_open_kind(xrw_queue_t *queue, xrw_queue_kind_t kind,
    const xrw_redis_server_t *server, const char *consumer);
void xrw_queue_close(xrw_queue_t *queue);
const char *xrw_queue_error(const xrw_queue_t *queue);


/* For those who have work to be done. */

#define XRW_QUEUE_STATE  16

/*
 * "state" is that in which the job was before, "" if there was none, or "full".
 * A job that is queued, running, waiting or done is left as it is, unless it
 * is done and "again" is said.
 */
bool xrw_queue_add(xrw_queue_t *queue, const xr_job_t *job, bool again,
    char id[XR_JOB_ID_SIZE + 1], char state[XRW_QUEUE_STATE], bool *queued);

/* The same for any record of a job, whose "id" and "source" are said. */
bool xrw_queue_put(xrw_queue_t *queue, const char id[XR_JOB_ID_SIZE + 1],
    const char source[XR_JOB_ID_SIZE], const json_t *record, bool again,
    char state[XRW_QUEUE_STATE], bool *queued);

/* The stored record; NULL: there is none, or "*broken" is set. */
json_t *xrw_queue_show(xrw_queue_t *queue, const char *id, bool *broken);

/* As xrw_queue_public() has them, those in "state", "max" of them at most. */
json_t *xrw_queue_list(xrw_queue_t *queue, const char *state, size_t max);

/* As xrw_queue_add() for one that is there; "": there is none. */
bool xrw_queue_retry(xrw_queue_t *queue, const char *id,
    char state[XRW_QUEUE_STATE]);
bool xrw_queue_drop(xrw_queue_t *queue, const char *id,
    char state[XRW_QUEUE_STATE]);

typedef struct {
    int64_t  queued;                    /* running ones as well */
    int64_t  running;
    int64_t  waiting;
    int64_t  dead;
} xrw_queue_counts_t;

bool xrw_queue_count(xrw_queue_t *queue, xrw_queue_counts_t *out);


/* For those who change what workers build on. */

/*
 * Tells of jobs of "tenant" that are queued, running or waiting, and of those
 * that were given up if "dead" is said; of some twice.  "record" is stored.
 */
bool xrw_queue_scan(xrw_queue_t *queue, const char *tenant, bool dead,
    void (*job)(void *ctx, const char *id, const json_t *record), void *ctx);

/*
 * As long as it is held, workers begin nothing with the object; the owner may
 * take it again to hold it for longer.  XRW_QUEUE_LOST: somebody else has it,
 * or a worker is at the job "id", if that is not empty.
 */
#define XRW_QUEUE_LOCK  600             /* seconds, if it is not given back */

/* Who has the lock of a dropped job's object until its worker has ended it. */

#define XRW_QUEUE_DROPPED     "dropped"
#define XRW_QUEUE_DROPPED_MS  "60000"

xrw_queue_rc_t xrw_queue_lock(xrw_queue_t *queue, const char *tenant,
    xr_str_t key, const char *owner, char id[XR_JOB_ID_SIZE + 1]);
bool xrw_queue_unlock(xrw_queue_t *queue, const char *tenant, xr_str_t key,
    const char *owner);


/* For workers. */

/* The consumer group is there; consumers that are long gone are not. */
bool xrw_queue_begin(xrw_queue_t *queue);

/* Asks for a job on a connection of its own; see xrw_redis_ask(). */
bool xrw_queue_ask(xrw_queue_t *queue, bool wait);
xrw_queue_rc_t xrw_queue_answer(xrw_queue_t *queue, char entry[48],
    char id[XR_JOB_ID_SIZE + 1], bool *there);

/* One that a worker took and has not spoken of for "idle" ms. */
xrw_queue_rc_t xrw_queue_reclaim(xrw_queue_t *queue, int64_t idle,
    char entry[48], char id[XR_JOB_ID_SIZE + 1]);

/* An attempt begins, and is counted. */
xrw_queue_rc_t xrw_queue_take(xrw_queue_t *queue, const char *entry,
    const char *id, xrw_lease_t *out);

xrw_queue_rc_t xrw_queue_renew(xrw_queue_t *queue, const xrw_lease_t *lease);
xrw_queue_rc_t xrw_queue_done(xrw_queue_t *queue, const xrw_lease_t *lease,
    const json_t *result);

/* "final": it is given up whatever attempts are left; "delay" in ms. */
xrw_queue_rc_t xrw_queue_fail(xrw_queue_t *queue, const xrw_lease_t *lease,
    const char *reason, bool final, int64_t delay);

/* It waits, but the attempt is not counted: it was not the job's fault. */
xrw_queue_rc_t xrw_queue_defer(xrw_queue_t *queue, const xrw_lease_t *lease,
    const char *reason, int64_t delay);

/* The attempt is not counted, and anybody may take the job. */
xrw_queue_rc_t xrw_queue_release(xrw_queue_t *queue,
    const xrw_lease_t *lease);

/* Those whose wait is over; "*next": ms until it is for one, or -1. */
bool xrw_queue_promote(xrw_queue_t *queue, int64_t *next);

/* This consumer leaves, if it holds nothing. */
void xrw_queue_leave(xrw_queue_t *queue);


/* Names of members and states as people read them, of a stored record. */
json_t *xrw_queue_public(const json_t *record, const char *id);


extern const char  xrw_queue_script[];


#endif /* XRW_QUEUE_H */
