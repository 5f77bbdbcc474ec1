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

#define XRW_WORK_NEVER  86400000


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

    pack->feed.kind = XRW_QUEUE_PACK;
    pack->feed.server = &pack->server;
    pack->feed.consumer = pack->consumer;
    pack->feed.lease = conf.lease * 1000;
    pack->feed.once = pack->once;

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
        xrw_feed_lost(&pack->feed, now);
        return;
    }

    if (rc == XRW_QUEUE_LOST || rc == XRW_QUEUE_NONE) {
        pack->n.lost++;
        xrw_work_log(pack, XRW_LOG_WARN, "lost", "somebody else has the job");
    }

    pack->n.milliseconds += (uint64_t) (now - pack->child.began);
    xrw_work_forget(pack);
}


/* Nothing of the job is under way any more: if it was dropped, all is free. */

static void
xrw_work_give_up(xrw_work_t *pack, const char *why, int64_t now)
{
    xr_job_t     job;
    const char  *tenant;

    pack->n.lost++;
    xrw_work_log(pack, XRW_LOG_WARN, "lost", why);
    xrw_work_kill(pack);

    xrw_lease_job(&pack->lease, &job);
    tenant = json_string_value(json_object_get(pack->lease.record, "t"));

    if (pack->feed.up && tenant != NULL
        && !xrw_queue_unlock(&pack->feed.calls, tenant, job.key,
                             XRW_QUEUE_DROPPED))
    {
        xrw_feed_lost(&pack->feed, now);
    }

    xrw_work_forget(pack);
}


static void
xrw_work_renew(xrw_work_t *pack, int64_t now)
{
    xrw_queue_rc_t  rc;

    if (now - pack->child.renewed < pack->conf.lease * 1000 / 3) {
        return;
    }

    rc = xrw_queue_renew(&pack->feed.calls, &pack->lease);

    if (rc == XRW_QUEUE_BROKEN) {
        xrw_feed_lost(&pack->feed, now);

    } else if (rc == XRW_QUEUE_DONE) {
        pack->child.renewed = now;

    } else {
        xrw_work_give_up(pack, "somebody else has the job", now);
    }
}


static void
xrw_work_take(xrw_work_t *pack, const char *entry, const char *id,
    int64_t now)
{
    xr_job_t         job;
    const char      *why;
    xrw_queue_rc_t   rc;

    rc = xrw_queue_take(&pack->feed.calls, entry, id, &pack->lease);

    if (rc == XRW_QUEUE_BROKEN) {
        xrw_feed_lost(&pack->feed, now);
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
    pack->feed.empty = false;
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


/* Whether there is room for a job. */

static bool
xrw_work_more(const xrw_work_t *pack)
{
    return !pack->held && !pack->draining && !pack->reconnect;
}


/* What came too late to be begun goes to somebody else. */

static void
xrw_work_next(xrw_work_t *pack, bool ready, int64_t now)
{
    char  entry[48], id[XR_JOB_ID_SIZE + 1];

    if (!xrw_feed_next(&pack->feed, ready, xrw_work_more(pack), now, entry,
                       id))
    {
        return;
    }

    if (!pack->draining) {
        xrw_work_take(pack, entry, id, now);
        return;
    }

    if (xrw_queue_take(&pack->feed.calls, entry, id, &pack->lease)
        == XRW_QUEUE_DONE)
    {
        (void) xrw_queue_release(&pack->feed.calls, &pack->lease);
    }

    xrw_lease_free(&pack->lease);
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

    bool           ready;
    struct pollfd  fd;

    ready = xrw_feed_fd(&pack->feed, &fd) && xrw_work_ready(fds, n, fd.fd);

    if (pack->child.pid != 0) {
        (void) xrw_work_watch(pack);
    }

    if (pack->reconnect && !pack->held && !pack->feed.asked) {
        xrw_feed_disconnect(&pack->feed);
        pack->reconnect = false;
        pack->feed.due = 0;
    }

    if (pack->held && pack->child.pid != 0
        && now - pack->child.renewed >= pack->conf.lease * 1000)
    {
        /* others may have the job, and be done with it */

        xrw_work_give_up(pack, "its lease is over", now);
    }

    if (!xrw_feed_connect(&pack->feed, now)) {
        return;
    }

    if (pack->held && pack->child.pid != 0) {
        xrw_work_renew(pack, now);
    }

    if (pack->feed.up && pack->held && pack->child.pid == 0) {
        xrw_work_finish(pack, now);
    }

    xrw_feed_count(&pack->feed, now);

    if (pack->feed.up) {
        xrw_work_next(pack, ready, now);
    }
}


static size_t
xrw_work_fds(void *ctx, struct pollfd *fds)
{
    xrw_work_t *pack = ctx;

    size_t  n;

    n = xrw_feed_fd(&pack->feed, &fds[0]) ? 1 : 0;

    if (pack->child.pid != 0) {
        fds[n++] = (struct pollfd) { pack->child.fd, POLLIN, 0 };
    }

    return n;
}


static int64_t
xrw_work_due(void *ctx)
{
    xrw_work_t *pack = ctx;

    if (pack->feed.up && pack->child.pid != 0) {
        return pack->child.renewed + pack->conf.lease * 1000 / 3;
    }

    /* what could not be begun is told, and the connection made anew, at once */

    if (pack->feed.up
        && (pack->held || (pack->reconnect && !pack->feed.asked)))
    {
        return 0;
    }

    return xrw_feed_due(&pack->feed, xrw_work_more(pack),
                        xrw_loop_now() + XRW_WORK_NEVER);
}


static int
xrw_work_once(void *ctx)
{
    xrw_work_t *pack = ctx;

    if (pack->held) {
        return -1;
    }

    if (!pack->feed.up) {
        return XRW_FAILED;
    }

    return (pack->feed.empty && !pack->feed.asked) ? XRW_OK : -1;
}


static const char *
xrw_work_health(void *ctx)
{
    xrw_work_t *pack = ctx;

    return pack->feed.up ? NULL
           : (pack->feed.trouble[0] != '\0') ? pack->feed.trouble
           : "not connected yet";
}


static void
xrw_work_metrics(void *ctx, xr_buf_t *out)
{
    xrw_work_t *pack = ctx;

    const xrw_work_counters_t  *n;
    const xrw_queue_counts_t   *c;

    n = &pack->n;
    c = &pack->feed.counts;

    xrw_worker_metric(out, "xr_pack_busy", "gauge", pack->held);
    xrw_worker_metric(out, "xr_pack_redis_connected", "gauge",
                      pack->feed.up);
    xrw_worker_metric(out, "xr_pack_jobs_done_total", "counter",
                      (int64_t) n->done);
    xrw_worker_metric(out, "xr_pack_attempts_failed_total", "counter",
                      (int64_t) n->failed);
    xrw_worker_metric(out, "xr_pack_jobs_buried_total", "counter",
                      (int64_t) n->buried);
    xrw_worker_metric(out, "xr_pack_leases_lost_total", "counter",
                      (int64_t) n->lost);
    xrw_worker_metric(out, "xr_pack_jobs_reclaimed_total", "counter",
                      (int64_t) pack->feed.reclaimed);
    xrw_worker_metric(out, "xr_pack_job_milliseconds_total", "counter",
                      (int64_t) n->milliseconds);
    xrw_worker_metric(out, "xr_pack_uploaded_bytes_total", "counter",
                      (int64_t) n->bytes);
    xrw_worker_metric(out, "xr_jobs_queued", "gauge", c->queued - c->running);
    xrw_worker_metric(out, "xr_jobs_running", "gauge", c->running);
    xrw_worker_metric(out, "xr_jobs_waiting", "gauge", c->waiting);
    xrw_worker_metric(out, "xr_jobs_dead", "gauge", c->dead);
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

    return pack->held || (pack->feed.up && pack->feed.asked);
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

        if (pack->feed.up
            && xrw_queue_release(&pack->feed.calls, &pack->lease)
               == XRW_QUEUE_DONE)
        {
            xrw_work_log(pack, XRW_LOG_WARN, "released", "the worker ends");
        }
    }

    if (pack->feed.up) {
        xrw_queue_leave(&pack->feed.calls);
    }

    if (pack->held) {
        xrw_work_forget(pack);
    }

    xrw_feed_disconnect(&pack->feed);
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
