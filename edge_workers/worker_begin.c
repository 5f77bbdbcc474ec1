/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker.h"
#include "worker_log.h"
#include "xr_crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


/* No two processes anywhere have the same: it holds the leases. */

static bool
xrw_worker_name(char name[XRW_WORKER_NAME])
{
    char      host[65], hex[9];
    uint8_t   random[4];
    xr_buf_t  buf;

    memset(host, 0, sizeof(host));
    memset(hex, 0, sizeof(hex));

    if (gethostname(host, sizeof(host) - 1) == -1
        || xr_random(random, sizeof(random)) != XR_OK)
    {
        return false;
    }

    buf = xr_buf(hex, sizeof(hex) - 1);
    xr_buf_hex(&buf, xr_str_of(random, sizeof(random)));

    (void) snprintf(name, XRW_WORKER_NAME, "%s-%ld-%s", host,
                    (long) getpid(), hex);

    return true;
}


const char *
xrw_worker_keep(xrw_arena_t *arena, const char *text)
{
    return (text != NULL) ? xrw_text(arena, xr_str(text)) : NULL;
}


bool
xrw_worker_begin(const xrw_command_t *cmd, const char *kind, int argc,
    char **argv, xrw_worker_begin_t *out, int *status)
{
    size_t        n;
    xrw_option_t  options[XRW_WORKER_OPTIONS + 1];

    out->config = getenv("XR_CONFIG");

    if (out->config == NULL || out->config[0] == '\0') {
        out->config = "/etc/ngx_xr/xr.json";
    }

    n = xrw_worker_flags(&out->frame, options);

    options[n++] = (xrw_option_t) { "config", "FILE", XRW_OPTION_TEXT,
        &out->config, "tenants and worker (XR_CONFIG)" };

    if (!xrw_options(cmd, options, n, &argc, &argv, status)) {
        return false;
    }

    if (argc > 0) {
        *status = xrw_usage(cmd, "no arguments are taken");
        return false;
    }

    if (!xrw_worker_name(out->name)) {
        *status = xrw_error("out of memory");
        return false;
    }

    xrw_log_open(kind, out->name);

    return true;
}
