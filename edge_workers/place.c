/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "place.h"

#include <stdlib.h>


size_t
xrw_place_options(xrw_place_t *place, xrw_option_t *options)
{
    const xrw_option_t  table[XRW_PLACE_OPTIONS] = {

        { "redis", "URL", XRW_OPTION_TEXT, &place->url,
          "where jobs are queued (XR_REDIS)" },

        { "redis-auth-file", "FILE", XRW_OPTION_TEXT, &place->auth_file,
          "its password" }
    };

    *place = (xrw_place_t) { 0 };
    memcpy(options, table, sizeof(table));

    return XRW_PLACE_OPTIONS;
}


int
xrw_place_find(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_tenant_t *tenant, xrw_place_t *place)
{
    const char          *env;
    xrw_redis_flags_t    flags;
    xrw_worker_conf_t    conf;

    xrw_worker_conf_init(&conf);

    if (tenant->file != NULL
        && !xrw_config_worker(arena, tenant->file, &conf))
    {
        return XRW_FAILED;
    }

    place->channel = conf.channel;
    flags = (xrw_redis_flags_t) { .url = place->url,
                                  .auth_file = place->auth_file };

    /* a password belongs to its server */

    if (flags.url == NULL && tenant->redis != NULL) {
        flags.url = tenant->redis;
        flags.auth_file = (flags.auth_file != NULL) ? flags.auth_file
                                                    : tenant->redis_auth_file;
    }

    if (flags.url == NULL && conf.redis != NULL) {
        flags.url = conf.redis;
        flags.auth_file = (flags.auth_file != NULL) ? flags.auth_file
                                                    : conf.redis_auth_file;
    }

    env = getenv("XR_REDIS");

    if (flags.url == NULL && (env == NULL || env[0] == '\0')) {
        return XRW_OK;
    }

    place->known = true;

    return xrw_redis_server(arena, cmd, &flags, &place->server);
}


bool
xrw_place_open(xrw_place_t *place)
{
    if (!place->up) {
        place->up = xrw_queue_open(&place->queue, &place->server, NULL);

        if (!place->up) {
            (void) xrw_place_broken(place);
        }
    }

    return place->up;
}


void
xrw_place_close(xrw_place_t *place)
{
    xrw_queue_close(&place->queue);
    place->up = false;
}


int
xrw_place_broken(xrw_place_t *place)
{
    (void) xrw_error("%s: %s", place->server.name,
                     xrw_queue_error(&place->queue));
    xrw_place_close(place);

    return XRW_FAILED;
}
