/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "loop.h"
#include "when.h"
#include "worker.h"
#include "worker_sync.h"


#define XRW_SYNC_HEARTBEAT_MAX  3600            /* seconds */


static size_t
xrw_worker_sync_fds(void *ctx, struct pollfd *fds)
{
    int  fd;

    fd = xrw_sync_fd(ctx);

    if (fd == -1) {
        return 0;
    }

    fds[0] = (struct pollfd) { fd, POLLIN, 0 };

    return 1;
}


static int64_t
xrw_worker_sync_due(void *ctx)
{
    const xrw_sync_t *sync = ctx;

    return sync->due;
}


static void
xrw_worker_sync_run(void *ctx, const struct pollfd *fds, size_t n,
    int64_t now)
{
    xrw_sync_run(ctx, n > 0 && fds[0].revents != 0, now);
}


static const char *
xrw_worker_sync_health(void *ctx)
{
    const xrw_sync_t *sync = ctx;

    if (sync->looked == 0) {
        return "the set was not read yet";
    }

    return (sync->said[0] != '\0') ? sync->said : NULL;
}


static int
xrw_worker_sync_once(void *ctx)
{
    const xrw_sync_t *sync = ctx;

    if (sync->looked == 0 && sync->said[0] == '\0') {
        return -1;
    }

    return (sync->said[0] == '\0') ? XRW_OK : XRW_FAILED;
}


static void
xrw_worker_sync_metrics(void *ctx, xr_buf_t *out)
{
    const xrw_sync_t *sync = ctx;

    xrw_worker_metric(out, "xr_sync_connected", "gauge", sync->up);
    xrw_worker_metric(out, "xr_sync_age_seconds", "gauge",
                      sync->looked == 0 ? 0
                      : (xrw_loop_now() - sync->looked) / 1000);
}


static void
xrw_worker_sync_close(void *ctx)
{
    xrw_sync_close(ctx);
}


/* There is nothing to reload: SIGHUP ends it, too. */

static const xrw_worker_ops_t  xrw_worker_sync_ops = {
    .name = "sync",
    .fds = xrw_worker_sync_fds,
    .due = xrw_worker_sync_due,
    .run = xrw_worker_sync_run,
    .once = xrw_worker_sync_once,
    .health = xrw_worker_sync_health,
    .metrics = xrw_worker_sync_metrics,
    .close = xrw_worker_sync_close
};


int
xrw_worker_sync(const xrw_command_t *cmd, int argc, char **argv)
{
    int                   status;
    size_t                n;
    int64_t               heartbeat;
    xrw_sync_t            sync;
    const char           *file, *time;
    xrw_arena_t           arena;
    xrw_option_t          options[XRW_REDIS_OPTIONS + 2 + XRW_WORKER_OPTIONS];
    xrw_redis_flags_t     flags;
    xrw_redis_server_t    server;
    xrw_worker_flags_t    frame;
    xrw_worker_options_t  run;

    file = NULL;
    time = "10s";
    n = xrw_redis_options(&flags, options);

    options[n++] = (xrw_option_t) { "revocations", "FILE", XRW_OPTION_TEXT,
        &file, "what NGINX's xr_revocation_file names" };

    options[n++] = (xrw_option_t) { "heartbeat", "TIME", XRW_OPTION_TEXT,
        &time, "between two looks at the set (10s)" };

    n += xrw_worker_flags(&frame, options + n);

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc > 0) {
        return xrw_usage(cmd, "no arguments are taken");
    }

    if (file == NULL) {
        return xrw_usage(cmd, "which file? say --revocations");
    }

    if (!xrw_duration(time, &heartbeat) || heartbeat < 1
        || heartbeat > XRW_SYNC_HEARTBEAT_MAX)
    {
        return xrw_usage(cmd, "--heartbeat %s: not a time from 1s to 1h", time);
    }

    run = (xrw_worker_options_t) { .drain = 0 };

    if (!xrw_worker_options(cmd, &frame, &run)) {
        return XRW_USAGE;
    }

    arena = (xrw_arena_t) { NULL };
    status = xrw_redis_server(&arena, cmd, &flags, &server);

    if (status == XRW_OK) {
        xrw_sync_init(&sync, &server, flags.set, flags.channel, file,
                      heartbeat * 1000);
        status = xrw_worker_run(&xrw_worker_sync_ops, &sync, &run);
    }

    xrw_arena_free(&arena);

    return status;
}
