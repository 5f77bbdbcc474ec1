/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "worker_log.h"
#include "worker_purge.h"

#include <stdlib.h>
#include <unistd.h>


static int
xrw_worker_purge_run(xrw_purge_work_t *w, const xrw_worker_flags_t *frame)
{
    int                   status;
    xrw_arena_t           arena;
    xrw_worker_options_t  options;

    if (!xrw_purge_work_configure(w)) {
        return XRW_FAILED;
    }

    arena = (xrw_arena_t) { NULL };

    options = (xrw_worker_options_t) {
        .pid = xrw_worker_keep(&arena, w->conf.pid),
        .status = xrw_worker_keep(&arena, w->conf.status),
        .port = (unsigned) w->conf.status_port,
        .drain = w->conf.drain * 1000
    };

    if (!xrw_worker_options(w->cmd, frame, &options)) {
        xrw_arena_free(&arena);
        xrw_arena_free(&w->arena);
        return XRW_USAGE;
    }

    w->once = options.once;
    w->feed.once = options.once;

    xrw_log(XRW_LOG_INFO, "start", "{s:s, s:s, s:i}", "redis",
            w->server.name, "config", w->config, "pid", (int) getpid());

    status = xrw_worker_run(&xrw_purge_work_ops, w, &options);
    xrw_arena_free(&arena);

    return status;
}


int
xrw_worker_purge(const xrw_command_t *cmd, int argc, char **argv)
{
    int                  status;
    size_t               i;
    xrw_purge_work_t    *w;
    xrw_worker_begin_t   begin;

    if (!xrw_worker_begin(cmd, "purge", argc, argv, &begin, &status)) {
        return status;
    }

    w = calloc(1, sizeof(xrw_purge_work_t));

    if (w == NULL) {
        return xrw_error("out of memory");
    }

    w->cmd = cmd;
    w->config = begin.config;
    w->consumer = begin.name;
    w->journal.fd = -1;

    for (i = 0; i < XRW_PURGE_RUNS; i++) {
        w->runs[i].fd = -1;
    }

    status = xrw_worker_purge_run(w, &begin.frame);
    free(w);

    return status;
}
