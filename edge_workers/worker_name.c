/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker.h"
#include "xr_crypto.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>


bool
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
