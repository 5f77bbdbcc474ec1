/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_purge.h"
#include "loop.h"
#include "worker_log.h"

#include <string.h>


#define XRW_PURGE_NEVER  86400000       /* ms */


bool
xrw_purge_work_configure(xrw_purge_work_t *w)
{
    bool                 ok;
    xrw_arena_t          arena;
    xrw_redis_flags_t    flags;
    xrw_worker_conf_t    conf;
    xrw_redis_server_t   server;

    /* the file itself, not what was kept of it before */

    xrw_config_keep(NULL, xr_str(""));

    arena = (xrw_arena_t) { NULL };
    ok = xrw_config_worker(&arena, w->config, &conf);

    memset(&flags, 0, sizeof(flags));

    if (ok) {
        flags.url = conf.redis;
        flags.auth_file = conf.redis_auth_file;
    }

    ok = ok && xrw_redis_server(&arena, w->cmd, &flags, &server) == XRW_OK
         && xrw_purge_journal_open(&w->journal, conf.purge.journal);

    if (!ok) {
        if (w->conf.text != NULL) {
            xrw_config_keep(w->config, xr_str(w->conf.text));
        }

        xrw_arena_free(&arena);
        return false;
    }

    xrw_arena_free(&w->arena);
    w->arena = arena;
    w->conf = conf;
    w->server = server;

    w->feed.kind = XRW_QUEUE_PURGE;
    w->feed.server = &w->server;
    w->feed.consumer = w->consumer;
    w->feed.lease = conf.lease * 1000;

    xrw_config_keep(w->config, xr_str(w->conf.text));

    return true;
}


static size_t
xrw_purge_work_held(const xrw_purge_work_t *w)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < XRW_PURGE_HELD; i++) {
        n += w->held[i].held;
    }

    return n;
}


static bool
xrw_purge_work_more(const xrw_purge_work_t *w)
{
    return w->feed.up && !w->draining && !w->reconnect
           && xrw_purge_work_held(w) < XRW_PURGE_HELD;
}


/* One that is not ours any more is done by somebody else as well. */

static void
xrw_purge_work_renew(xrw_purge_work_t *w, xrw_purge_held_t *o, int64_t now)
{
    xrw_queue_rc_t  rc;

    if (o->lost || now - o->renewed < w->conf.lease * 1000 / 3) {
        return;
    }

    rc = xrw_queue_renew(&w->feed.calls, &o->lease);

    if (rc == XRW_QUEUE_BROKEN) {
        xrw_feed_lost(&w->feed, now);

    } else if (rc == XRW_QUEUE_DONE) {
        o->renewed = now;

    } else {
        w->n.lost++;
        o->lost = true;
        xrw_purge_order_log(o, XRW_LOG_WARN, "lost",
                            "somebody else has the order");
    }
}


static void
xrw_purge_work_orders(xrw_purge_work_t *w, int64_t now)
{
    size_t             i;
    xrw_purge_held_t  *o;

    for (i = 0; i < XRW_PURGE_HELD && w->feed.up; i++) {
        o = &w->held[i];

        if (!o->held) {
            continue;
        }

        xrw_purge_work_renew(w, o, now);

        if (o->lost && !o->ran) {
            xrw_purge_order_forget(o);

        } else if (w->feed.up && !o->announced) {
            xrw_purge_order_announce(w, o, now);
        }
    }
}


static bool
xrw_purge_work_ready(const xrw_purge_work_t *w, const struct pollfd *fds,
    size_t n)
{
    struct pollfd  own;

    if (!xrw_feed_fd(&w->feed, &own)) {
        return false;
    }

    for ( /* void */ ; n > 0; n--) {
        if (fds[n - 1].fd == own.fd && fds[n - 1].revents != 0) {
            return true;
        }
    }

    return false;
}


/* An answer that came too late to be begun goes to somebody else. */

static void
xrw_purge_work_next(xrw_purge_work_t *w, bool ready, int64_t now)
{
    bool         more;
    char         entry[48], id[XR_JOB_ID_SIZE + 1];
    xrw_lease_t  lease;

    more = xrw_purge_work_more(w);

    if (!xrw_feed_next(&w->feed, ready, more, now, entry, id)) {
        return;
    }

    if (more) {
        w->feed.empty = false;
        xrw_purge_order_take(w, entry, id, now);
        return;
    }

    if (xrw_queue_take(&w->feed.calls, entry, id, &lease) == XRW_QUEUE_DONE) {
        (void) xrw_queue_release(&w->feed.calls, &lease);
    }

    xrw_lease_free(&lease);
}


static void
xrw_purge_work_run(void *ctx, const struct pollfd *fds, size_t n,
    int64_t now)
{
    xrw_purge_work_t *w = ctx;

    bool              ready;
    size_t            i;
    xrw_purge_run_t  *run;

    ready = xrw_purge_work_ready(w, fds, n);

    for (i = 0; i < XRW_PURGE_RUNS; i++) {
        if (w->runs[i].pid != 0) {
            xrw_purge_run_watch(w, &w->runs[i]);
        }
    }

    if (w->reconnect && xrw_purge_work_held(w) == 0 && !w->feed.asked) {
        xrw_feed_disconnect(&w->feed);
        w->reconnect = false;
        w->feed.due = 0;
    }

    if (!xrw_feed_connect(&w->feed, now)) {
        return;
    }

    for (i = 0; i < XRW_PURGE_RUNS && w->feed.up; i++) {
        run = &w->runs[i];

        if (run->active && run->pid == 0) {
            xrw_purge_run_finish(w, run, now);
        }
    }

    xrw_purge_work_orders(w, now);
    xrw_feed_count(&w->feed, now);

    if (w->feed.up) {
        xrw_purge_work_next(w, ready, now);
    }

    if (w->feed.up) {
        xrw_purge_run_start(w, now);
    }
}


static size_t
xrw_purge_work_fds(void *ctx, struct pollfd *fds)
{
    xrw_purge_work_t *w = ctx;

    size_t  i, n;

    n = xrw_feed_fd(&w->feed, &fds[0]) ? 1 : 0;

    for (i = 0; i < XRW_PURGE_RUNS; i++) {
        if (w->runs[i].pid != 0) {
            fds[n++] = (struct pollfd) { w->runs[i].fd, POLLIN, 0 };
        }
    }

    return n;
}


static int64_t
xrw_purge_work_due(void *ctx)
{
    xrw_purge_work_t *w = ctx;

    size_t   i;
    int64_t  due, other, never;

    never = xrw_loop_now() + XRW_PURGE_NEVER;
    due = xrw_feed_due(&w->feed, xrw_purge_work_more(w), never);

    if (!w->feed.up) {
        return due;
    }

    if (w->reconnect && !w->feed.asked && xrw_purge_work_held(w) == 0) {
        return 0;
    }

    other = xrw_purge_plan_due(w, never);
    due = (other < due) ? other : due;

    for (i = 0; i < XRW_PURGE_HELD; i++) {
        other = w->held[i].renewed + w->conf.lease * 1000 / 3;

        if (w->held[i].held && !w->held[i].lost && other < due) {
            due = other;
        }
    }

    return due;
}


static int
xrw_purge_work_once(void *ctx)
{
    xrw_purge_work_t *w = ctx;

    if (xrw_purge_work_held(w) > 0) {
        return -1;
    }

    if (!w->feed.up) {
        return XRW_FAILED;
    }

    return (w->feed.empty && !w->feed.asked) ? XRW_OK : -1;
}


static const char *
xrw_purge_work_health(void *ctx)
{
    xrw_purge_work_t *w = ctx;

    return w->feed.up ? NULL
           : (w->feed.trouble[0] != '\0') ? w->feed.trouble
           : "not connected yet";
}


static void
xrw_purge_work_metrics(void *ctx, xr_buf_t *out)
{
    xrw_purge_work_t *w = ctx;

    size_t  i;

    const xrw_purge_counters_t  *n = &w->n;

    const struct {
        const char  *name;
        uint64_t     value;
    } counters[] = {
        { "xr_purge_orders_done_total", n->done },
        { "xr_purge_attempts_failed_total", n->failed },
        { "xr_purge_orders_deferred_total", n->deferred },
        { "xr_purge_orders_buried_total", n->buried },
        { "xr_purge_orders_refused_total", n->refused },
        { "xr_purge_leases_lost_total", n->lost },
        { "xr_purge_orders_reclaimed_total", w->feed.reclaimed },
        { "xr_purge_invalidations_total", n->invalidations },
        { "xr_purge_invalidated_paths_total", n->paths },
        { "xr_purge_warmed_requests_total", n->warmed },
        { "xr_purge_warmed_bytes_total", n->warmed_bytes }
    };

    const xrw_queue_counts_t  *c = &w->feed.counts;

    xrw_worker_metric(out, "xr_purge_redis_connected", "gauge", w->feed.up);
    xrw_worker_metric(out, "xr_purge_orders_held", "gauge",
                      (int64_t) xrw_purge_work_held(w));

    for (i = 0; i < XR_COUNT(counters); i++) {
        xrw_worker_metric(out, counters[i].name, "counter",
                          (int64_t) counters[i].value);
    }

    xrw_worker_metric(out, "xr_purges_queued", "gauge",
                      c->queued - c->running);
    xrw_worker_metric(out, "xr_purges_running", "gauge", c->running);
    xrw_worker_metric(out, "xr_purges_waiting", "gauge", c->waiting);
    xrw_worker_metric(out, "xr_purges_dead", "gauge", c->dead);
}


static void
xrw_purge_work_drain(void *ctx)
{
    xrw_purge_work_t *w = ctx;

    w->draining = true;
    xrw_log(XRW_LOG_INFO, "drain", "{s:i}", "held",
            (int) xrw_purge_work_held(w));
}


static bool
xrw_purge_work_busy(void *ctx)
{
    xrw_purge_work_t *w = ctx;

    return xrw_purge_work_held(w) > 0 || (w->feed.up && w->feed.asked);
}


/* The journal is opened anew as well: it may have been rotated. */

static bool
xrw_purge_work_reload(void *ctx)
{
    xrw_purge_work_t *w = ctx;

    bool  ok;

    ok = xrw_purge_work_configure(w);

    xrw_log(ok ? XRW_LOG_INFO : XRW_LOG_ERROR, ok ? "reloaded"
            : "reload_refused", "{s:s}", "config", w->config);

    /* Redis may be another one, which knows nothing of orders in hand */

    w->reconnect = w->reconnect || ok;

    return ok;
}


static void
xrw_purge_work_close(void *ctx)
{
    xrw_purge_work_t *w = ctx;

    size_t             i;
    xrw_purge_held_t  *o;

    for (i = 0; i < XRW_PURGE_RUNS; i++) {
        xrw_purge_run_kill(&w->runs[i]);
    }

    for (i = 0; i < XRW_PURGE_HELD; i++) {
        o = &w->held[i];

        if (!o->held) {
            continue;
        }

        if (w->feed.up && xrw_queue_release(&w->feed.calls, &o->lease)
                          == XRW_QUEUE_DONE)
        {
            xrw_purge_order_log(o, XRW_LOG_WARN, "released",
                                "the worker ends");
        }

        xrw_purge_order_forget(o);
    }

    if (w->feed.up) {
        xrw_queue_leave(&w->feed.calls);
    }

    xrw_feed_disconnect(&w->feed);
    xrw_purge_journal_close(&w->journal);
    xrw_log(XRW_LOG_INFO, "end", "{s:I}", "done", (json_int_t) w->n.done);
    xrw_config_keep(NULL, xr_str(""));
    xrw_arena_free(&w->arena);
}


const xrw_worker_ops_t  xrw_purge_work_ops = {
    .name = "purge",
    .fds = xrw_purge_work_fds,
    .due = xrw_purge_work_due,
    .run = xrw_purge_work_run,
    .once = xrw_purge_work_once,
    .health = xrw_purge_work_health,
    .metrics = xrw_purge_work_metrics,
    .close = xrw_purge_work_close,
    .reload = xrw_purge_work_reload,
    .drain = xrw_purge_work_drain,
    .busy = xrw_purge_work_busy
};
