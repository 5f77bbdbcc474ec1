/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_WORKER_H
#define XRW_WORKER_H


#include "arena.h"
#include "cli.h"
#include "xr_buf.h"

#include <poll.h>


/*
 * The frame of long-running workers: signals, pid file, sd_notify(), health
 * and metrics, and the loop.  A worker is a set of functions that never wait.
 *
 * SIGTERM and SIGINT drain: what is under way is finished, but not for longer
 * than "drain" says; a second one ends it at once.  SIGHUP reloads, or drains
 * what has nothing to reload.
 */

#define XRW_WORKER_FDS  4

typedef struct {
    const char  *name;

    /* What it waits for, and until when; returns their number. */
    size_t     (*fds)(void *ctx, struct pollfd *fds);
    int64_t    (*due)(void *ctx);

    /* Does what there is to do: "fds" as they were filled in, and polled. */
    void       (*run)(void *ctx, const struct pollfd *fds, size_t n,
                      int64_t now);

    /* With --once: -1, or what to exit with as nothing is left to do. */
    int        (*once)(void *ctx);

    /* NULL, or why it does not work as it should. */
    const char *(*health)(void *ctx);
    void       (*metrics)(void *ctx, xr_buf_t *out);
    void       (*close)(void *ctx);

    /* These may be NULL. */
    bool       (*reload)(void *ctx);
    void       (*drain)(void *ctx);     /* takes nothing new */
    bool       (*busy)(void *ctx);      /* there is something under way */
} xrw_worker_ops_t;


typedef struct {
    const char  *pid;                   /* files, or NULL */
    const char  *status;
    unsigned     port;                  /* or 0 */
    int64_t      drain;                 /* ms */
    bool         once;
} xrw_worker_options_t;


/* The options that all workers have; returns their number. */

#define XRW_WORKER_OPTIONS  4

typedef struct {
    const char  *pid;
    const char  *status;
    const char  *port;
    bool         once;
} xrw_worker_flags_t;

size_t xrw_worker_flags(xrw_worker_flags_t *flags, xrw_option_t *options);

/* False: it has been said what is wrong with them. */
bool xrw_worker_options(const xrw_command_t *cmd,
    const xrw_worker_flags_t *flags, xrw_worker_options_t *out);


/* What the command of a worker of a queue begins with. */

#define XRW_WORKER_NAME  96

typedef struct {
    const char          *config;        /* file */
    char                 name[XRW_WORKER_NAME];
    xrw_worker_flags_t   frame;
} xrw_worker_begin_t;

/* False: "*status" is what to exit with.  The log is open, and has "out". */
bool xrw_worker_begin(const xrw_command_t *cmd, const char *kind, int argc,
    char **argv, xrw_worker_begin_t *out, int *status);

/* A copy: a reload frees what the configuration said.  NULL stays NULL. */
const char *xrw_worker_keep(xrw_arena_t *arena, const char *text);


/* Until it is told to end.  What to exit with. */
int xrw_worker_run(const xrw_worker_ops_t *ops, void *ctx,
    const xrw_worker_options_t *options);

/* In a child, which has the signals of a program that was just started. */
void xrw_worker_child(void);


/* "# TYPE" and a line. */
void xrw_worker_metric(xr_buf_t *out, const char *name, const char *type,
    int64_t value);


#endif /* XRW_WORKER_H */
