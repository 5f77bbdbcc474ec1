/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_WORKER_PACK_H
#define XRW_WORKER_PACK_H


#include "config_worker.h"
#include "feed.h"
#include "worker.h"

#include <sys/types.h>


/*
 * Takes jobs from the queue, one at a time, and has a child do each: here
 * nothing waits but for Redis, which is told all the while that the job is in
 * good hands.
 */

typedef struct {
    uint64_t  done;
    uint64_t  failed;                   /* attempts, to be repeated */
    uint64_t  buried;                   /* jobs that were given up */
    uint64_t  lost;                     /* leases */
    uint64_t  milliseconds;             /* that jobs have taken */
    uint64_t  bytes;                    /* uploaded */
} xrw_work_counters_t;


typedef struct {
    pid_t     pid;                      /* 0: there is none */
    pid_t     group;                    /* of the packer; 0: none */
    int       fd;                       /* what it says */
    size_t    len;
    char      data[16384];              /* the line that is being read */
    char      phase[16];
    json_t   *end;                      /* its last line; or NULL */
    bool      journaled;
    int64_t   began;
    int64_t   renewed;
} xrw_work_child_t;


typedef struct {
    const xrw_command_t   *cmd;
    const char            *config;      /* file */
    const char            *consumer;
    bool                   once;

    xrw_arena_t            arena;       /* of "conf" and "server" */
    xrw_worker_conf_t      conf;
    xrw_redis_server_t     server;

    xrw_feed_t             feed;
    bool                   draining;
    bool                   reconnect;   /* the configuration is another */

    bool                   held;        /* there is a lease */
    xrw_lease_t            lease;
    xrw_work_child_t       child;

    xrw_work_counters_t    n;
} xrw_work_t;


/* Reads the configuration; false: it has been said what is wrong. */
bool xrw_work_configure(xrw_work_t *pack);

extern const xrw_worker_ops_t  xrw_work_ops;


/* Private to worker_pack*.c. */

bool xrw_work_start(xrw_work_t *pack, int64_t now);

/* Reads what it says; whether it has ended. */
bool xrw_work_watch(xrw_work_t *pack);
void xrw_work_kill(xrw_work_t *pack);

/* Tells Redis, edges and the journal what has become of the job in hand. */
xrw_queue_rc_t xrw_work_report(xrw_work_t *pack);
void xrw_work_failed(xrw_work_t *pack, xrw_queue_rc_t rc,
    const char *reason);

uint32_t xrw_work_chance(void);

/* A line of the log about the job in hand. */
void xrw_work_log(const xrw_work_t *pack, int level, const char *event,
    const char *reason);


#endif /* XRW_WORKER_PACK_H */
