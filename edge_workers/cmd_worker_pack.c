/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "worker_log.h"
#include "worker_pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    char                 name[XRW_WORKER_NAME];
    size_t               n;
    xrw_work_t          *pack;
    const char          *config;
    xrw_option_t         options[XRW_WORKER_OPTIONS + 1];
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

    pack = calloc(1, sizeof(xrw_work_t));

    if (pack == NULL || !xrw_worker_name(name)) {
        free(pack);
        return xrw_error("out of memory");
    }

    xrw_log_open("pack", name);

    pack->cmd = cmd;
    pack->config = config;
    pack->consumer = name;
    pack->backoff = 250;
    pack->child.fd = -1;

    status = xrw_worker_pack_run(pack, &frame);
    free(pack);

    return status;
}
