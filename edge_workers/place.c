/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "place.h"
#include "loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>


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


/* Of a job that was seen twice the later look counts. */

static void
xrw_place_job(void *ctx, const char *id, const json_t *record)
{
    size_t       i;
    json_t      *list, *other;
    const char  *key;

    json_t *jobs = ctx;

    key = json_string_value(json_object_get(record, "k"));

    if (key == NULL) {
        return;
    }

    list = json_object_get(jobs, key);

    if (list == NULL) {
        list = json_array();
        (void) json_object_set_new(jobs, key, list);
    }

    json_array_foreach(list, i, other) {
        if (strcmp(json_string_value(json_object_get(other, "id")), id) == 0) {
            (void) json_array_remove(list, i);
            break;
        }
    }

    (void) json_array_append_new(list, xrw_queue_public(record, id));
}


json_t *
xrw_place_jobs(xrw_place_t *place, const char *tenant, bool dead)
{
    json_t  *jobs;

    if (!xrw_place_open(place)) {
        return NULL;
    }

    jobs = json_object();

    if (!xrw_queue_scan(&place->queue, tenant, dead, xrw_place_job, jobs)) {
        (void) xrw_place_broken(place);
        json_decref(jobs);
        return NULL;
    }

    return jobs;
}


const char *
xrw_place_owner(xrw_arena_t *arena)
{
    uint64_t  chance;

    chance = 0;

    if (getrandom(&chance, sizeof(chance), 0) != (ssize_t) sizeof(chance)) {
        chance = (uint64_t) xrw_loop_now();
    }

    return xrw_format(arena, "%d-%016llx", (int) getpid(),
                      (unsigned long long) chance);
}
