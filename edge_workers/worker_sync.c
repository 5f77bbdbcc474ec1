/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_sync.h"

#include <stdio.h>
#include <string.h>


/* Milliseconds */

#define XRW_SYNC_BACKOFF      250       /* after the first failure */
#define XRW_SYNC_BACKOFF_MAX  5000
#define XRW_SYNC_CALM         100       /* between looks that pushes ask for */


void
xrw_sync_init(xrw_sync_t *sync, const xrw_redis_server_t *server,
    const char *set, const char *channel, const char *file,
    int64_t heartbeat)
{
    memset(sync, 0, sizeof(xrw_sync_t));

    sync->server = server;
    sync->set = set;
    sync->channel = channel;
    sync->heartbeat = heartbeat;
    sync->file.path = file;
    sync->pinged = -1;
    sync->backoff = XRW_SYNC_BACKOFF;
}


int
xrw_sync_fd(const xrw_sync_t *sync)
{
    return sync->up ? xrw_redis_fd(&sync->pushes) : -1;
}


void
xrw_sync_close(xrw_sync_t *sync)
{
    xrw_redis_close(&sync->calls);
    xrw_redis_close(&sync->pushes);

    sync->up = false;
    sync->pinged = -1;
}


/* What is wrong is said once, however often it is found. */

static void
xrw_sync_trouble(xrw_sync_t *sync, const char *name, const char *why)
{
    char  text[sizeof(sync->said)];

    (void) snprintf(text, sizeof(text), "%s: %s", name, why);

    if (strcmp(text, sync->said) != 0) {
        (void) xrw_error("%s; the list stays as it is", text);
        memcpy(sync->said, text, sizeof(text));
    }
}


/* Workers of many edges do not come back at the same moment. */

static int64_t
xrw_sync_jitter(int64_t t)
{
    uint8_t  byte;

    if (xr_random(&byte, sizeof(byte)) != XR_OK) {
        byte = 0;
    }

    return t * 3 / 4 + t * byte / 512;
}


static void
xrw_sync_lost(xrw_sync_t *sync, const char *why, int64_t now)
{
    xrw_sync_trouble(sync, sync->server->name, why);
    xrw_sync_close(sync);

    sync->due = now + xrw_sync_jitter(sync->backoff);
    sync->backoff *= 2;

    if (sync->backoff > XRW_SYNC_BACKOFF_MAX) {
        sync->backoff = XRW_SYNC_BACKOFF_MAX;
    }
}


/* First the channel, then the set: what changes in between is not missed. */

static bool
xrw_sync_connect(xrw_sync_t *sync, int64_t now)
{
    if (!xrw_redis_open(&sync->pushes, sync->server)
        || !xrw_redis_listen(&sync->pushes, sync->channel))
    {
        xrw_sync_lost(sync, sync->pushes.error, now);
        return false;
    }

    if (!xrw_redis_open(&sync->calls, sync->server)) {
        xrw_sync_lost(sync, sync->calls.error, now);
        return false;
    }

    sync->up = true;

    return true;
}


static bool
xrw_sync_member(void *ctx, xr_str_t member)
{
    return xrw_stop == 0 && xrw_revoked_add(ctx, member);
}


/* Members that are no lines are said when they become others. */

static void
xrw_sync_say_bad(xrw_sync_t *sync, const xrw_revoked_list_t *list)
{
    size_t                       i;
    const xrw_revoked_sample_t  *sample;

    if (list->bad_sum == sync->bad_sum) {
        return;
    }

    sync->bad_sum = list->bad_sum;

    for (i = 0; i < list->bad && i < XRW_REVOKED_SAMPLES; i++) {
        sample = &list->samples[i];
        (void) xrw_error("set %s: member \"%s\" left out: %s", sync->set,
                         sample->member, sample->why);
    }

    if (list->bad > i) {
        (void) xrw_error("set %s: %zu more members left out", sync->set,
                         list->bad - i);
    }
}


static void
xrw_sync_store(xrw_sync_t *sync, xrw_revoked_list_t *list)
{
    bool         changed;
    const char  *why;

    xrw_sync_say_bad(sync, list);
    xrw_revoked_sort(list);

    why = xrw_revoked_store(&sync->file, list, &changed);

    if (why != NULL) {
        xrw_sync_trouble(sync, sync->file.path, why);
        return;
    }

    if (changed || sync->said[0] != '\0') {
        (void) xrw_error("%s: %zu line%s, as in %s", sync->file.path, list->n,
                         list->n == 1 ? "" : "s", sync->server->name);
    }

    sync->said[0] = '\0';
}


static void
xrw_sync_look(xrw_sync_t *sync, int64_t now)
{
    xrw_revoked_list_t  list;

    memset(&list, 0, sizeof(list));

    if (!xrw_redis_members(&sync->calls, sync->set, xrw_sync_member, &list)) {
        xrw_sync_lost(sync, sync->calls.error, now);

    } else if (xrw_stop == 0) {
        sync->backoff = XRW_SYNC_BACKOFF;
        sync->looked = now;
        sync->due = now + sync->heartbeat;

        if (list.full) {
            xrw_sync_trouble(sync, sync->set, "is larger than NGINX takes");

        } else {
            xrw_sync_store(sync, &list);
        }
    }

    xrw_revoked_free(&list);
}


/* A channel that is silent may be one that nobody is left to speak in. */

static bool
xrw_sync_listening(xrw_sync_t *sync, int64_t now)
{
    if (sync->pinged == -1) {
        sync->pinged = now;

        if (!xrw_redis_ping(&sync->pushes)) {
            xrw_sync_lost(sync, sync->pushes.error, now);
            return false;
        }

    } else if (now - sync->pinged > XRW_REDIS_TIMEOUT * 1000) {
        xrw_sync_lost(sync, "does not answer", now);
        return false;
    }

    return true;
}


static bool
xrw_sync_read(xrw_sync_t *sync, int64_t now)
{
    bool  message, pong;

    if (!xrw_redis_read(&sync->pushes, &message, &pong)) {
        xrw_sync_lost(sync, sync->pushes.error, now);
        return false;
    }

    if (pong) {
        sync->pinged = -1;
    }

    if (message && sync->due > sync->looked + XRW_SYNC_CALM) {
        sync->due = sync->looked + XRW_SYNC_CALM;
    }

    return true;
}


void
xrw_sync_run(xrw_sync_t *sync, bool readable, int64_t now)
{
    if (sync->up) {

        if (readable && !xrw_sync_read(sync, now)) {
            return;
        }

    } else if (now < sync->due || !xrw_sync_connect(sync, now)) {
        return;
    }

    /* just connected, it is due already */

    if (now >= sync->due && xrw_sync_listening(sync, now)) {
        xrw_sync_look(sync, now);
    }
}
