/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_WORKER_PURGE_H
#define XRW_WORKER_PURGE_H


#include "config.h"
#include "config_worker.h"
#include "feed.h"
#include "purge_journal.h"
#include "purge_queue.h"
#include "worker.h"

#include <sys/types.h>


/*
 * Takes orders to purge from their queue, tells edges of each at once, and has
 * children do what takes longer, for several orders of a tenant together: ask
 * edges whether they know, tell the tier in front, fetch what is hot.
 */

#define XRW_PURGE_HELD    32            /* orders in hand */
#define XRW_PURGE_RUNS    3             /* children; one poll() for each */
#define XRW_PURGE_GATHER  250           /* ms that an order waits for others */


typedef struct {
    bool               held;
    bool               lost;            /* somebody else has it */
    bool               announced;
    bool               anew;            /* "text" is ours, not as it came */
    bool               ran;             /* it is in a run */
    xrw_lease_t        lease;
    xrw_arena_t        arena;           /* of what follows */
    const char        *tenant;
    const char        *by;
    const char        *batch;           /* that it was in before; or NULL */
    const char        *text;            /* as edges get it */
    xrw_order_said_t   said;
    int64_t            since;
    int64_t            renewed;
} xrw_purge_held_t;


typedef struct {
    bool                active;
    pid_t               pid;            /* 0: it has ended */
    int                 fd;             /* what it says */
    size_t              len;
    char                data[8192];     /* the line that is being read */
    json_t             *end;            /* its last line; or NULL */
    int64_t             began;

    xrw_arena_t         arena;          /* of what follows */
    const char         *name;           /* of the tenant */
    xrw_tenant_t        tenant;
    xrw_purge_batch_t   batch;          /* without paths: there is none */
    const char         *told;           /* what was invalidated just now */
    bool                warming;        /* all else is done */
    bool                last;           /* attempt of one of them */
    xrw_purge_held_t   *orders[XRW_PURGE_HELD];
    size_t              n;
    xr_str_t           *hot;            /* "XR OBJECT" */
    size_t              nhot;
} xrw_purge_run_t;


typedef struct {
    uint64_t  done;
    uint64_t  failed;                   /* attempts, to be repeated */
    uint64_t  deferred;                 /* as the tier has too much to do */
    uint64_t  buried;
    uint64_t  refused;                  /* of these: no order of a tenant's */
    uint64_t  lost;
    uint64_t  invalidations;
    uint64_t  paths;
    uint64_t  warmed;                   /* requests, and bytes of answers */
    uint64_t  warmed_bytes;
} xrw_purge_counters_t;


typedef struct {
    const xrw_command_t   *cmd;
    const char            *config;      /* file */
    const char            *consumer;
    bool                   once;

    xrw_arena_t            arena;       /* of "conf" and "server" */
    xrw_worker_conf_t      conf;
    xrw_redis_server_t     server;
    xrw_purge_journal_t    journal;
    xrw_feed_t             feed;
    bool                   draining;
    bool                   reconnect;   /* the configuration is another */

    xrw_purge_held_t       held[XRW_PURGE_HELD];
    xrw_purge_run_t        runs[XRW_PURGE_RUNS];
    xrw_purge_counters_t   n;
} xrw_purge_work_t;


/* Reads the configuration; false: it has been said what is wrong. */
bool xrw_purge_work_configure(xrw_purge_work_t *w);

extern const xrw_worker_ops_t  xrw_purge_work_ops;


/* Private to worker_purge*.c. */

/* order */
void xrw_purge_order_take(xrw_purge_work_t *w, const char *entry,
    const char *id, int64_t now);
void xrw_purge_order_announce(xrw_purge_work_t *w, xrw_purge_held_t *o,
    int64_t now);
void xrw_purge_order_forget(xrw_purge_held_t *o);
void xrw_purge_order_log(const xrw_purge_held_t *o, int level,
    const char *event, const char *reason);
void xrw_purge_order_journal(xrw_purge_work_t *w, const xrw_purge_held_t *o,
    const char *event, const char *reason, const json_t *result);

/* What became of it is told to Redis, the log and the journal. */
void xrw_purge_order_done(xrw_purge_work_t *w, xrw_purge_held_t *o,
    const json_t *result, int64_t now);
void xrw_purge_order_fail(xrw_purge_work_t *w, xrw_purge_held_t *o,
    const char *reason, bool final, int64_t now);
void xrw_purge_order_defer(xrw_purge_work_t *w, xrw_purge_held_t *o,
    const char *reason, int64_t now);

/* plan: what the run is about; false: not now */
bool xrw_purge_plan(xrw_purge_work_t *w, xrw_purge_run_t *run, int64_t now);
int64_t xrw_purge_plan_due(const xrw_purge_work_t *w, int64_t never);

/* run */
void xrw_purge_run_start(xrw_purge_work_t *w, int64_t now);
void xrw_purge_run_watch(xrw_purge_work_t *w, xrw_purge_run_t *run);
void xrw_purge_run_finish(xrw_purge_work_t *w, xrw_purge_run_t *run,
    int64_t now);
void xrw_purge_run_kill(xrw_purge_run_t *run);

/* child: does all of a run, and writes lines of JSON to "out" */
void xrw_purge_child(const xrw_purge_work_t *w, xrw_purge_run_t *run,
    int out);

/* warm */

typedef struct {
    uint64_t  requests;
    uint64_t  failed;
    uint64_t  bytes;
} xrw_purge_warm_t;

void xrw_purge_warm(const xrw_purge_work_t *w, xrw_purge_run_t *run,
    xrw_purge_warm_t *out);


#endif /* XRW_WORKER_PURGE_H */
