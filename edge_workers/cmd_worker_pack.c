/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "worker_log.h"
#include "worker_pack.h"

#include <stdlib.h>
#include <unistd.h>


/*
 * A tenant has the origin that the configuration says: one that is left over
 * in the environment would be everybody's.
 */

static void
xrw_worker_pack_environment(void)
{
    size_t  i;

    static const char *const  names[] = {
        "XR_ORIGIN", "XR_ENDPOINT", "XR_REGION", "XR_STYLE", "XR_CONFIG"
    };

    for (i = 0; i < XR_COUNT(names); i++) {
        (void) unsetenv(names[i]);
    }
}


static int
xrw_worker_pack_run(xrw_work_t *pack, const xrw_worker_flags_t *frame)
{
    int                   status;
    xrw_arena_t           arena;
    xrw_worker_options_t  options;

    if (!xrw_work_configure(pack)) {
        return XRW_FAILED;
    }

    arena = (xrw_arena_t) { NULL };

    options = (xrw_worker_options_t) {
        .pid = xrw_worker_keep(&arena, pack->conf.pid),
        .status = xrw_worker_keep(&arena, pack->conf.status),
        .port = (unsigned) pack->conf.status_port,
        .drain = pack->conf.drain * 1000
    };

    if (!xrw_worker_options(pack->cmd, frame, &options)) {
        xrw_arena_free(&arena);
        xrw_arena_free(&pack->arena);
        return XRW_USAGE;
    }

    pack->once = options.once;
    xrw_worker_pack_environment();

    xrw_log(XRW_LOG_INFO, "start", "{s:s, s:s, s:i}", "redis",
            pack->server.name, "config", pack->config, "pid",
            (int) getpid());

    status = xrw_worker_run(&xrw_work_ops, pack, &options);
    xrw_arena_free(&arena);

    return status;
}


int
xrw_worker_pack(const xrw_command_t *cmd, int argc, char **argv)
{
    int                  status;
    xrw_work_t          *pack;
    xrw_worker_begin_t   begin;

    if (!xrw_worker_begin(cmd, "pack", argc, argv, &begin, &status)) {
        return status;
    }

    pack = calloc(1, sizeof(xrw_work_t));

    if (pack == NULL) {
        return xrw_error("out of memory");
    }

    pack->cmd = cmd;
    pack->config = begin.config;
    pack->consumer = begin.name;
    pack->child.fd = -1;

    status = xrw_worker_pack_run(pack, &begin.frame);
    free(pack);

    return status;
}
