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
    char                 name[XRW_WORKER_NAME];
    size_t               i, n;
    const char          *config;
    xrw_option_t         options[XRW_WORKER_OPTIONS + 1];
    xrw_purge_work_t    *w;
    xrw_worker_flags_t   frame;

    config = getenv("XR_CONFIG");
    config = (config != NULL && config[0] != '\0') ? config
                                                   : "/etc/ngx_xr/xr.json";

    n = xrw_worker_flags(&frame, options);

    options[n++] = (xrw_option_t) { "config", "FILE", XRW_OPTION_TEXT,
        &config, "tenants and worker (XR_CONFIG)" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc > 0) {
        return xrw_usage(cmd, "no arguments are taken");
    }

    w = calloc(1, sizeof(xrw_purge_work_t));

    if (w == NULL || !xrw_worker_name(name)) {
        free(w);
        return xrw_error("out of memory");
    }

    xrw_log_open("purge", name);

    w->cmd = cmd;
    w->config = config;
    w->consumer = name;
    w->journal.fd = -1;

    for (i = 0; i < XRW_PURGE_RUNS; i++) {
        w->runs[i].fd = -1;
    }

    status = xrw_worker_purge_run(w, &frame);
    free(w);

    return status;
}
