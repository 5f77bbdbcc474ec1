/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "loop.h"
#include "when.h"
#include "worker_sync.h"


#define XRW_SYNC_HEARTBEAT_MAX  3600            /* seconds */


static void
xrw_worker_sync_run(xrw_sync_t *sync)
{
    bool  readable;

    xrw_stop_catch();
    readable = false;

    while (xrw_stop == 0) {
        xrw_sync_run(sync, readable, xrw_loop_now());
        readable = xrw_loop_wait(xrw_sync_fd(sync), sync->due);
    }

    xrw_sync_close(sync);

    /* that is how a worker ends, and so its status is that of success */

    xrw_stop = 0;
}


int
xrw_worker_sync(const xrw_command_t *cmd, int argc, char **argv)
{
    int                 status;
    size_t              n;
    int64_t             heartbeat;
    xrw_sync_t          sync;
    const char         *file, *time;
    xrw_arena_t         arena;
    xrw_option_t        options[XRW_REDIS_OPTIONS + 2];
    xrw_redis_flags_t   flags;
    xrw_redis_server_t  server;

    file = NULL;
    time = "10s";
    n = xrw_redis_options(&flags, options);

    options[n++] = (xrw_option_t) { "revocations", "FILE", XRW_OPTION_TEXT,
        &file, "what NGINX's xr_revocation_file names" };

    options[n++] = (xrw_option_t) { "heartbeat", "TIME", XRW_OPTION_TEXT,
        &time, "between two looks at the set (10s)" };

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

    arena = (xrw_arena_t) { NULL };
    status = xrw_redis_server(&arena, cmd, &flags, &server);

    if (status == XRW_OK) {
        xrw_sync_init(&sync, &server, flags.set, flags.channel, file,
                      heartbeat * 1000);
        xrw_worker_sync_run(&sync);
    }

    xrw_arena_free(&arena);

    return status;
}
