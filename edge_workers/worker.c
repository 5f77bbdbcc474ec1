/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker.h"
#include "loop.h"
#include "worker_notify.h"
#include "worker_pid.h"
#include "worker_status.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>


typedef struct {
    const xrw_worker_ops_t      *ops;
    void                        *ctx;
    const xrw_worker_options_t  *options;
    xrw_status_t                 status;
    int64_t                      started;
    int64_t                      until;     /* of a drain; -1: there is none */
    int64_t                      watchdog;  /* ms; 0: there is none */
    int64_t                      alive;     /* when that was last said */
    unsigned                     reloads;
    unsigned                     refused;
    bool                         bad;       /* the last reload was refused */
} xrw_worker_t;


/* What signals have said; any of them ends a wait. */

static volatile sig_atomic_t  xrw_worker_wake;
static volatile sig_atomic_t  xrw_worker_ends;
static volatile sig_atomic_t  xrw_worker_hup;

/* one at a time: its status has to be closed in children */

static xrw_worker_t          *xrw_worker_current;


static void
xrw_worker_signal(int signo)
{
    xrw_worker_wake = 1;

    switch (signo) {

    case SIGHUP:
        xrw_worker_hup = 1;
        break;

    case SIGTERM:
    case SIGINT:
        xrw_worker_ends++;

        /* for what looks at it while it works */

        xrw_stop = signo;
        break;

    default:
        break;
    }
}


static void
xrw_worker_signals(void (*handler)(int signo))
{
    size_t            i;
    struct sigaction  sa;
    static const int  signals[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD };

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = handler;

    for (i = 0; i < XR_COUNT(signals); i++) {
        (void) sigaction(signals[i], &sa, NULL);
    }
}


void
xrw_worker_child(void)
{
    xrw_worker_signals(SIG_DFL);

    if (xrw_worker_current != NULL) {
        xrw_status_forget(&xrw_worker_current->status);
    }
}


void
xrw_worker_metric(xr_buf_t *out, const char *name, const char *type,
    int64_t value)
{
    xr_buf_puts(out, "# TYPE ");
    xr_buf_puts(out, name);
    xr_buf_putc(out, ' ');
    xr_buf_puts(out, type);
    xr_buf_putc(out, '\n');
    xr_buf_puts(out, name);
    xr_buf_putc(out, ' ');
    xr_buf_uint(out, value > 0 ? (uint64_t) value : 0);
    xr_buf_putc(out, '\n');
}


static const char *
xrw_worker_health(void *ctx)
{
    xrw_worker_t *w = ctx;

    if (w->until != -1) {
        return "draining";
    }

    return w->ops->health(w->ctx);
}


static void
xrw_worker_metrics(void *ctx, xr_buf_t *out)
{
    xrw_worker_t *w = ctx;

    xrw_worker_metric(out, "xr_worker_up", "gauge",
                      xrw_worker_health(w) == NULL);
    xrw_worker_metric(out, "xr_worker_uptime_seconds", "gauge",
                      (xrw_loop_now() - w->started) / 1000);
    xrw_worker_metric(out, "xr_worker_reloads_total", "counter",
                      (int64_t) w->reloads);
    xrw_worker_metric(out, "xr_worker_reloads_refused_total", "counter",
                      (int64_t) w->refused);
    xrw_worker_metric(out, "xr_worker_configuration_bad", "gauge", w->bad);
    w->ops->metrics(w->ctx, out);
}


size_t
xrw_worker_flags(xrw_worker_flags_t *flags, xrw_option_t *options)
{
    const xrw_option_t  table[XRW_WORKER_OPTIONS] = {

        { "pid", "FILE", XRW_OPTION_TEXT, &flags->pid,
          "has its process id; refuses a second one" },

        { "status", "SOCKET", XRW_OPTION_TEXT, &flags->status,
          "where it tells of health and metrics" },

        { "status-port", "PORT", XRW_OPTION_TEXT, &flags->port,
          "the same, on 127.0.0.1" },

        { "once", NULL, XRW_OPTION_FLAG, &flags->once,
          "does what there is to do, and ends" }
    };

    memset(flags, 0, sizeof(xrw_worker_flags_t));
    memcpy(options, table, sizeof(table));

    return XRW_WORKER_OPTIONS;
}


bool
xrw_worker_options(const xrw_command_t *cmd, const xrw_worker_flags_t *flags,
    xrw_worker_options_t *out)
{
    xr_str_t  s;
    uint64_t  port;

    if (flags->pid != NULL) {
        out->pid = flags->pid;
    }

    if (flags->status != NULL) {
        out->status = flags->status;
    }

    out->once = flags->once;

    if (flags->port == NULL) {
        return true;
    }

    s = xr_str(flags->port);

    if (xr_str_uint(&s, &port) != XR_OK || s.len > 0 || port < 1
        || port > UINT16_MAX)
    {
        (void) xrw_usage(cmd, "--status-port %s: not a number from 1 to 65535",
                         flags->port);
        return false;
    }

    out->port = (unsigned) port;

    return true;
}


static bool
xrw_worker_busy(const xrw_worker_t *w)
{
    return w->ops->busy != NULL && w->ops->busy(w->ctx);
}


/* What signals asked for; false: it ends at once. */

static bool
xrw_worker_asked(xrw_worker_t *w, int64_t now)
{
    if (xrw_worker_hup) {
        xrw_worker_hup = 0;

        if (w->ops->reload == NULL) {
            xrw_stop = SIGHUP;
            xrw_worker_ends++;

        } else {
            xrw_notify_reloading();
            w->bad = !w->ops->reload(w->ctx);
            w->reloads++;
            w->refused += w->bad;
            xrw_notify("READY=1");
        }
    }

    if (xrw_worker_ends == 0) {
        return true;
    }

    if (w->until == -1) {
        w->until = now + w->options->drain;
        xrw_notify("STOPPING=1");

        if (w->ops->drain != NULL) {
            w->ops->drain(w->ctx);
        }
    }

    return xrw_worker_ends == 1 && now < w->until && xrw_worker_busy(w);
}


static void
xrw_worker_alive(xrw_worker_t *w, int64_t now)
{
    if (w->watchdog > 0 && now - w->alive >= w->watchdog) {
        w->alive = now;
        xrw_notify("WATCHDOG=1");
    }
}


static int64_t
xrw_worker_due(xrw_worker_t *w)
{
    int64_t  due, other;

    due = w->ops->due(w->ctx);
    other = xrw_status_due(&w->status);
    due = (other < due) ? other : due;

    if (w->until != -1) {
        other = xrw_worker_busy(w) ? w->until : 0;
        due = (other < due) ? other : due;
    }

    if (w->watchdog > 0 && w->alive + w->watchdog < due) {
        due = w->alive + w->watchdog;
    }

    return due;
}


static int
xrw_worker_loop(xrw_worker_t *w)
{
    int            status;
    size_t         n, own;
    int64_t        now;
    struct pollfd  fds[XRW_WORKER_FDS + XRW_STATUS_FDS];

    n = 0;

    for ( ;; ) {
        now = xrw_loop_now();
        xrw_worker_alive(w, now);

        if (!xrw_worker_asked(w, now)) {
            return XRW_OK;
        }

        w->ops->run(w->ctx, fds, n, now);
        status = w->options->once ? w->ops->once(w->ctx) : -1;

        if (status != -1) {
            return status;
        }

        n = w->ops->fds(w->ctx, fds);
        own = xrw_status_fds(&w->status, fds + n);

        xrw_loop_poll(fds, n + own, xrw_worker_due(w), &xrw_worker_wake);
        xrw_status_run(&w->status, xrw_loop_now());
    }
}


int
xrw_worker_run(const xrw_worker_ops_t *ops, void *ctx,
    const xrw_worker_options_t *options)
{
    int           status, pid;
    xrw_worker_t  w;

    memset(&w, 0, sizeof(w));
    w.ops = ops;
    w.ctx = ctx;
    w.options = options;
    w.started = xrw_loop_now();
    w.alive = w.started;
    w.until = -1;
    w.watchdog = xrw_notify_watchdog();
    w.status.ctx = &w;
    w.status.health = xrw_worker_health;
    w.status.metrics = xrw_worker_metrics;

    pid = (options->pid != NULL) ? xrw_pid_open(options->pid) : -1;

    if (options->pid != NULL && pid == -1) {
        ops->close(ctx);
        return XRW_FAILED;
    }

    xrw_worker_signals(xrw_worker_signal);
    xrw_worker_current = &w;

    if (xrw_status_open(&w.status, options->status, options->port)) {
        xrw_notify("READY=1");
        status = xrw_worker_loop(&w);

    } else {
        status = XRW_FAILED;
    }

    ops->close(ctx);
    xrw_status_close(&w.status);
    xrw_worker_current = NULL;
    xrw_pid_close(pid, options->pid);

    /* that is how a worker ends, and so its status is that of success */

    xrw_stop = 0;

    return status;
}
