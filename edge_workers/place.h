/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PLACE_H
#define XRW_PLACE_H


#include "config_worker.h"
#include "queue.h"
#include "target.h"


/*
 * Where a tenant's jobs are queued, and its edges told: the options, then what
 * the configuration says of the tenant, then of workers, then XR_REDIS.
 */

typedef struct {
    const char           *url;          /* of the options */
    const char           *auth_file;

    bool                  known;        /* there is a Redis */
    xrw_redis_server_t    server;
    const char           *channel;      /* of announcements */

    bool                  up;
    xrw_queue_t           queue;
} xrw_place_t;

#define XRW_PLACE_OPTIONS  2

size_t xrw_place_options(xrw_place_t *place, xrw_option_t *options);

/* XRW_OK, known or not; or what to exit with. */
int xrw_place_find(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_tenant_t *tenant, xrw_place_t *place);

/* Connects, unless it is; false: it has been said why not. */
bool xrw_place_open(xrw_place_t *place);
void xrw_place_close(xrw_place_t *place);

/* Says why Redis failed, and closes; XRW_FAILED. */
int xrw_place_broken(xrw_place_t *place);

/*
 * The jobs of a tenant that are under way, given up as well if "dead" is said:
 * {"KEY": [job, ...]} as xrw_queue_public() has them.  NULL: it has been said
 * why not.
 */
json_t *xrw_place_jobs(xrw_place_t *place, const char *tenant, bool dead);

/* A name for locks that nobody else has. */
const char *xrw_place_owner(xrw_arena_t *arena);


#endif /* XRW_PLACE_H */
