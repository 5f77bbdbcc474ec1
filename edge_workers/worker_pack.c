/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_pack.h"
#include "loop.h"
#include "worker_log.h"
#include "xr_crypto.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


/* Milliseconds */

#define XRW_WORK_BACKOFF      250       /* while Redis is away */
#define XRW_WORK_BACKOFF_MAX  5000
#define XRW_WORK_PROMOTE      1000      /* between two looks at who waits */
#define XRW_WORK_COUNT        5000      /* at the queue */
#define XRW_WORK_NEVER        86400000


uint32_t
xrw_work_chance(void)
{
    uint32_t  n;

    return (xr_random(&n, sizeof(n)) == XR_OK) ? n : 0;
}


/* The packer works elsewhere: what it is given has to be absolute. */

static bool
xrw_work_folder(const xrw_work_t *pack, xrw_arena_t *arena,
    xrw_worker_conf_t *conf)
{
    char  *path;

    path = realpath(conf->dir, NULL);

    if (path == NULL || access(path, W_OK | X_OK) == -1) {
        (void) xrw_error("%s: \"dir\" %s: %s", pack->config, conf->dir,
                         strerror(errno));
        free(path);
        return false;
    }

    conf->dir = xrw_text(arena, xr_str(path));
    free(path);

    return true;
}


bool
xrw_work_configure(xrw_work_t *pack)
{
    bool                 ok;
    xrw_arena_t          arena;
    xrw_redis_flags_t    flags;
    xrw_worker_conf_t    conf;
    xrw_redis_server_t   server;

    arena = (xrw_arena_t) { NULL };
    ok = xrw_config_worker(&arena, pack->config, &conf);

    if (ok && conf.packer.n == 0) {
        (void) xrw_error("%s:1: \"worker\" has no \"packer\"",
                         pack->config);
        ok = false;
    }

    ok = ok && xrw_work_folder(pack, &arena, &conf);

    memset(&flags, 0, sizeof(flags));
    flags.url = conf.redis;
    flags.auth_file = conf.redis_auth_file;

    ok = ok && xrw_redis_server(&arena, pack->cmd, &flags, &server) == XRW_OK;

    if (!ok) {
        xrw_arena_free(&arena);
        return false;
    }

    xrw_arena_free(&pack->arena);
    pack->arena = arena;
    pack->conf = conf;
    pack->server = server;

    return true;
}


static void
xrw_work_disconnect(xrw_work_t *pack)
{
    xrw_queue_close(&pack->calls);
    xrw_queue_close(&pack->asks);
    pack->up = false;
    pack->asked = false;
}


/* A job goes on all the same: its lease may last longer than the trouble. */

static void
xrw_work_lost(xrw_work_t *pack, const char *why, int64_t now)
{
    if (strcmp(pack->trouble, why) != 0) {
        (void) snprintf(pack->trouble, sizeof(pack->trouble), "%s", why);
        xrw_log(XRW_LOG_WARN, "redis_away", "{s:s, s:s}", "redis",
                pack->server.name, "reason", pack->trouble);
    }

    xrw_work_disconnect(pack);

    pack->due = now + xr_job_backoff(1, pack->backoff, pack->backoff,
                                     xrw_work_chance());
    pack->backoff = (pack->backoff * 2 < XRW_WORK_BACKOFF_MAX)
                    ? pack->backoff * 2 : XRW_WORK_BACKOFF_MAX;
}


static bool
xrw_work_connect(xrw_work_t *pack, int64_t now)
{
    if (now < pack->due) {
        return false;
    }

    if (!xrw_queue_open(&pack->calls, &pack->server, pack->consumer)
        || !xrw_queue_begin(&pack->calls))
    {
        xrw_work_lost(pack, xrw_queue_error(&pack->calls), now);
        return false;
    }

    if (!xrw_queue_open(&pack->asks, &pack->server, pack->consumer)) {
        xrw_work_lost(pack, xrw_queue_error(&pack->asks), now);
        return false;
    }

    if (pack->trouble[0] != '\0') {
        xrw_log(XRW_LOG_INFO, "redis_back", "{s:s}", "redis",
                pack->server.name);
        pack->trouble[0] = '\0';
    }

    pack->up = true;
    pack->backoff = XRW_WORK_BACKOFF;
    pack->promote = 0;
    pack->reclaim = 0;

    return true;
}


static void
xrw_work_forget(xrw_work_t *pack)
{
    json_decref(pack->child.end);
    pack->child.end = NULL;
    pack->child.began = 0;
    xrw_lease_free(&pack->lease);
    pack->held = false;
}


/* It has ended, and Redis is told as soon as it can be. */

static void
xrw_work_finish(xrw_work_t *pack, int64_t now)
{
    xrw_queue_rc_t  rc;

    rc = xrw_work_report(pack);

    if (rc == XRW_QUEUE_BROKEN) {
        xrw_work_lost(pack, xrw_queue_error(&pack->calls), now);
        return;
    }

    if (rc == XRW_QUEUE_LOST || rc == XRW_QUEUE_NONE) {
        pack->n.lost++;
        xrw_work_log(pack, XRW_LOG_WARN, "lost", "somebody else has the job");
    }

    pack->n.milliseconds += (uint64_t) (now - pack->child.began);
    xrw_work_forget(pack);
}


/* Nothing of the job is under way any more: its object is free. */

static void
xrw_work_dropped(xrw_work_t *pack, int64_t now)
{
    xr_job_t     job;
    const char  *tenant;

    xrw_lease_job(&pack->lease, &job);
    tenant = json_string_value(json_object_get(pack->lease.record, "t"));

    if (tenant != NULL
        && !xrw_queue_unlock(&pack->calls, tenant, job.key, XRW_QUEUE_DROPPED))
    {
        xrw_work_lost(pack, xrw_queue_error(&pack->calls), now);
    }
}


static void
xrw_work_renew(xrw_work_t *pack, int64_t now)
{
    xrw_queue_rc_t  rc;

    if (now - pack->child.renewed < pack->conf.lease * 1000 / 3) {
        return;
    }

    rc = xrw_queue_renew(&pack->calls, &pack->lease);

    if (rc == XRW_QUEUE_BROKEN) {
        xrw_work_lost(pack, xrw_queue_error(&pack->calls), now);

    } else if (rc == XRW_QUEUE_DONE) {
        pack->child.renewed = now;

    } else {
        pack->n.lost++;
        xrw_work_log(pack, XRW_LOG_WARN, "lost", "somebody else has the job");
        xrw_work_kill(pack);
        xrw_work_dropped(pack, now);
        xrw_work_forget(pack);
    }
}


static void
xrw_work_take(xrw_work_t *pack, const char *entry, const char *id,
    int64_t now)
{
    xr_job_t         job;
    const char      *why;
    xrw_queue_rc_t   rc;

    rc = xrw_queue_take(&pack->calls, entry, id, &pack->lease);

    if (rc == XRW_QUEUE_BROKEN) {
        xrw_work_lost(pack, xrw_queue_error(&pack->calls), now);
        xrw_lease_free(&pack->lease);
        return;
    }

    if (rc != XRW_QUEUE_DONE) {

        if (rc == XRW_QUEUE_BURIED) {
            xrw_work_failed(pack, rc, "the worker ended each time");
        }

        xrw_lease_free(&pack->lease);
        return;
    }

    pack->held = true;
    pack->empty = false;
    memset(&pack->child, 0, sizeof(pack->child));

    xrw_lease_job(&pack->lease, &job);
    why = xr_job_check(&job);

    if (why != NULL) {
        pack->child.end = json_pack("{s:s, s:s}", "status", "refused",
                                    "reason", why);

    } else if (!xrw_work_start(pack, now)) {
        pack->child.end = json_pack("{s:s, s:s}", "status", "retry",
                                    "reason", strerror(errno));

    } else {
        xrw_work_log(pack, XRW_LOG_INFO, "taken", NULL);
    }
}


/* What came too late to be begun goes to somebody else. */

static void
xrw_work_answered(xrw_work_t *pack, int64_t now)
{
    bool             there;
    char             entry[48], id[XR_JOB_ID_SIZE + 1];
    xrw_queue_rc_t   rc;

    rc = xrw_queue_answer(&pack->asks, entry, id, &there);

    if (rc == XRW_QUEUE_BROKEN) {

        /* Redis came back without the group: it is made anew */

        xrw_work_lost(pack, xrw_queue_error(&pack->asks), now);
        return;
    }

    if (!there) {
        return;
    }

    pack->asked = false;
    pack->empty = (rc == XRW_QUEUE_NONE);

    if (rc != XRW_QUEUE_DONE) {
        return;
    }

    if (!pack->draining) {
        xrw_work_take(pack, entry, id, now);
        return;
    }

    if (xrw_queue_take(&pack->calls, entry, id, &pack->lease)
        == XRW_QUEUE_DONE)
    {
        (void) xrw_queue_release(&pack->calls, &pack->lease);
    }

    xrw_lease_free(&pack->lease);
}


static bool
xrw_work_reclaim(xrw_work_t *pack, int64_t now)
{
    char             entry[48], id[XR_JOB_ID_SIZE + 1];
    xrw_queue_rc_t   rc;

    if (now < pack->reclaim) {
        return true;
    }

    rc = xrw_queue_reclaim(&pack->calls, pack->conf.lease * 1000, entry, id);

    if (rc == XRW_QUEUE_BROKEN) {
        xrw_work_lost(pack, xrw_queue_error(&pack->calls), now);
        return false;
    }

    /* where there is one, there may be more */

    if (rc == XRW_QUEUE_DONE) {
        pack->n.reclaimed++;
        xrw_work_take(pack, entry, id, now);
        return pack->up;
    }

    pack->reclaim = now + pack->conf.lease * 1000 / 4;

    return true;
}


static bool
xrw_work_promote(xrw_work_t *pack, int64_t now)
{
    int64_t  next;

    if (now < pack->promote) {
        return true;
    }

    if (!xrw_queue_promote(&pack->calls, &next)) {
        xrw_work_lost(pack, xrw_queue_error(&pack->calls), now);
        return false;
    }

    pack->promote = now + ((next >= 0 && next < XRW_WORK_PROMOTE)
                           ? next : XRW_WORK_PROMOTE);

    return true;
}


static void
xrw_work_ask(xrw_work_t *pack, int64_t now)
{
    if (!xrw_queue_ask(&pack->asks, !pack->once)) {
        xrw_work_lost(pack, xrw_queue_error(&pack->asks), now);
        return;
    }

    pack->asked = true;
    pack->asked_at = now;
}


static void
xrw_work_count(xrw_work_t *pack, int64_t now)
{
    if (now - pack->counted < XRW_WORK_COUNT) {
        return;
    }

    pack->counted = now;

    if (!xrw_queue_count(&pack->calls, &pack->counts)) {
        xrw_work_lost(pack, xrw_queue_error(&pack->calls), now);
    }
}


/* Whether "fd" is among what was polled, and ready. */

static bool
xrw_work_ready(const struct pollfd *fds, size_t n, int fd)
{
    for ( /* void */ ; n > 0; n--) {
        if (fds[n - 1].fd == fd && fds[n - 1].revents != 0) {
            return true;
        }
    }

    return false;
}


static void
xrw_work_run(void *ctx, const struct pollfd *fds, size_t n, int64_t now)
{
    xrw_work_t *pack = ctx;

    bool  answered;

    answered = pack->up && pack->asked
               && xrw_work_ready(fds, n, xrw_redis_fd(&pack->asks.redis));

    if (pack->child.pid != 0) {
        (void) xrw_work_watch(pack);
    }

    if (pack->reconnect && !pack->held && !pack->asked) {
        xrw_work_disconnect(pack);
        pack->reconnect = false;
        pack->due = 0;
    }

    if (pack->held && pack->child.pid != 0
        && now - pack->child.renewed >= pack->conf.lease * 1000)
    {
        /* others may have the job, and be done with it */

        pack->n.lost++;
        xrw_work_log(pack, XRW_LOG_WARN, "lost", "its lease is over");
        xrw_work_kill(pack);

        if (pack->up) {
            xrw_work_dropped(pack, now);
        }

        xrw_work_forget(pack);
    }

    if (!pack->up && !xrw_work_connect(pack, now)) {
        return;
    }

    if (answered) {
        xrw_work_answered(pack, now);

    } else if (pack->asked && now - pack->asked_at > 3 * XRW_QUEUE_BLOCK) {
        xrw_work_lost(pack, "does not answer", now);
    }

    if (pack->up && pack->held && pack->child.pid != 0) {
        xrw_work_renew(pack, now);
    }

    if (pack->up && pack->held && pack->child.pid == 0) {
        xrw_work_finish(pack, now);
    }

    if (pack->up) {
        xrw_work_count(pack, now);
    }

    /* one after the other, and an ask last: its answer may be a job */

    if (pack->up && !pack->held && !pack->asked && !pack->draining
        && !pack->reconnect && !(pack->once && pack->empty)
        && xrw_work_promote(pack, now)
        && xrw_work_reclaim(pack, now) && !pack->held)
    {
        xrw_work_ask(pack, now);
    }
}


static size_t
xrw_work_fds(void *ctx, struct pollfd *fds)
{
    xrw_work_t *pack = ctx;

    size_t  n;

    n = 0;

    if (pack->up && pack->asked) {
        fds[n++] = (struct pollfd) { xrw_redis_fd(&pack->asks.redis), POLLIN,
                                     0 };
    }

    if (pack->child.pid != 0) {
        fds[n++] = (struct pollfd) { pack->child.fd, POLLIN, 0 };
    }

    return n;
}


static int64_t
xrw_work_due(void *ctx)
{
    xrw_work_t *pack = ctx;

    int64_t  due;

    due = xrw_loop_now() + XRW_WORK_NEVER;

    if (!pack->up) {
        return pack->due;
    }

    if (pack->child.pid != 0) {
        return pack->child.renewed + pack->conf.lease * 1000 / 3;
    }

    if (pack->asked) {
        return pack->asked_at + 3 * XRW_QUEUE_BLOCK + 1;
    }

    return pack->draining ? due : 0;
}


static int
xrw_work_once(void *ctx)
{
    xrw_work_t *pack = ctx;

    if (pack->held) {
        return -1;
    }

    if (!pack->up) {
        return XRW_FAILED;
    }

    return (pack->empty && !pack->asked) ? XRW_OK : -1;
}


static const char *
xrw_work_health(void *ctx)
{
    xrw_work_t *pack = ctx;

    return pack->up ? NULL
           : (pack->trouble[0] != '\0') ? pack->trouble : "not connected yet";
}


static void
xrw_work_metrics(void *ctx, xr_buf_t *out)
{
    xrw_work_t *pack = ctx;

    const xrw_work_counters_t  *n;

    n = &pack->n;

    xrw_worker_metric(out, "xr_pack_busy", "gauge", pack->held);
    xrw_worker_metric(out, "xr_pack_redis_connected", "gauge", pack->up);
    xrw_worker_metric(out, "xr_pack_jobs_done_total", "counter",
                      (int64_t) n->done);
    xrw_worker_metric(out, "xr_pack_attempts_failed_total", "counter",
                      (int64_t) n->failed);
    xrw_worker_metric(out, "xr_pack_jobs_buried_total", "counter",
                      (int64_t) n->buried);
    xrw_worker_metric(out, "xr_pack_leases_lost_total", "counter",
                      (int64_t) n->lost);
    xrw_worker_metric(out, "xr_pack_jobs_reclaimed_total", "counter",
                      (int64_t) n->reclaimed);
    xrw_worker_metric(out, "xr_pack_job_milliseconds_total", "counter",
                      (int64_t) n->milliseconds);
    xrw_worker_metric(out, "xr_pack_uploaded_bytes_total", "counter",
                      (int64_t) n->bytes);
    xrw_worker_metric(out, "xr_jobs_queued", "gauge", pack->counts.queued
                                                      - pack->counts.running);
    xrw_worker_metric(out, "xr_jobs_running", "gauge", pack->counts.running);
    xrw_worker_metric(out, "xr_jobs_waiting", "gauge", pack->counts.waiting);
    xrw_worker_metric(out, "xr_jobs_dead", "gauge", pack->counts.dead);
}


static void
xrw_work_drain(void *ctx)
{
    xrw_work_t *pack = ctx;

    pack->draining = true;
    xrw_log(XRW_LOG_INFO, "drain", "{s:b}", "busy", pack->held);
}


static bool
xrw_work_busy(void *ctx)
{
    xrw_work_t *pack = ctx;

    return pack->held || (pack->up && pack->asked);
}


/* A job that is under way has what it was begun with: a copy of it all. */

static bool
xrw_work_reload(void *ctx)
{
    xrw_work_t *pack = ctx;

    bool  ok;

    ok = xrw_work_configure(pack);

    xrw_log(ok ? XRW_LOG_INFO : XRW_LOG_ERROR, ok ? "reloaded"
            : "reload_refused", "{s:s}", "config", pack->config);

    /* Redis may be another one, which knows nothing of the job in hand */

    pack->reconnect = pack->reconnect || ok;

    return ok;
}


static void
xrw_work_close(void *ctx)
{
    xrw_work_t *pack = ctx;

    if (pack->held && pack->child.pid != 0) {
        xrw_work_kill(pack);

        if (pack->up
            && xrw_queue_release(&pack->calls, &pack->lease)
               == XRW_QUEUE_DONE)
        {
            xrw_work_log(pack, XRW_LOG_WARN, "released", "the worker ends");
        }
    }

    if (pack->up) {
        xrw_queue_leave(&pack->calls);
    }

    if (pack->held) {
        xrw_work_forget(pack);
    }

    xrw_work_disconnect(pack);
    xrw_log(XRW_LOG_INFO, "end", "{s:I}", "done", (json_int_t) pack->n.done);
    xrw_arena_free(&pack->arena);
}


const xrw_worker_ops_t  xrw_work_ops = {
    .name = "pack",
    .fds = xrw_work_fds,
    .due = xrw_work_due,
    .run = xrw_work_run,
    .once = xrw_work_once,
    .health = xrw_work_health,
    .metrics = xrw_work_metrics,
    .close = xrw_work_close,
    .reload = xrw_work_reload,
    .drain = xrw_work_drain,
    .busy = xrw_work_busy
};
