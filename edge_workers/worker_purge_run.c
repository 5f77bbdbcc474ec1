/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_purge.h"
#include "invalidate.h"
#include "json.h"
#include "loop.h"
#include "worker_log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#define XRW_PURGE_FD  3                 /* where a child speaks to us */


/* It ends when we do: another worker does it again, which does no harm. */

static void
xrw_purge_run_child(xrw_purge_work_t *w, xrw_purge_run_t *run, int out,
    pid_t parent)
{
    xrw_worker_child();

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    if (getppid() != parent || dup2(out, XRW_PURGE_FD) == -1
        || close_range(XRW_PURGE_FD + 1, ~0U, 0) == -1)
    {
        _exit(XRW_FAILED);
    }

    xrw_purge_child(w, run, XRW_PURGE_FD);
    _exit(XRW_OK);
}


static bool
xrw_purge_run_fork(xrw_purge_work_t *w, xrw_purge_run_t *run)
{
    int    ends[2];
    pid_t  parent;

    if (pipe2(ends, O_CLOEXEC) == -1) {
        return false;
    }

    parent = getpid();
    run->pid = fork();

    if (run->pid == 0) {
        xrw_purge_run_child(w, run, ends[1], parent);
    }

    (void) close(ends[1]);

    if (run->pid == -1) {
        run->pid = 0;
        (void) close(ends[0]);
        return false;
    }

    (void) fcntl(ends[0], F_SETFL, O_NONBLOCK);
    run->fd = ends[0];

    return true;
}


void
xrw_purge_run_start(xrw_purge_work_t *w, int64_t now)
{
    size_t            i;
    xrw_purge_run_t  *run;

    for (i = 0; i < XRW_PURGE_RUNS && w->feed.up; i++) {
        run = &w->runs[i];

        if (run->active || !xrw_purge_plan(w, run, now)) {
            continue;
        }

        if (run->batch.npaths == 0 && run->tenant.edges.n == 0) {
            run->end = json_pack("{s:s, s:{}}", "status", "done", "result");

        } else if (!xrw_purge_run_fork(w, run)) {
            run->end = json_pack("{s:s, s:s}", "status", "retry", "reason",
                                 strerror(errno));
        }
    }
}


static void
xrw_purge_run_set(xrw_purge_work_t *w, xrw_purge_run_t *run,
    const char *name, const char *value)
{
    if (w->feed.up && run->batch.npaths > 0
        && !xrw_purge_batch_set(&w->feed.calls, run->batch.id, name, value))
    {
        xrw_feed_lost(&w->feed, xrw_loop_now());
    }
}


/* The tier has said how it calls it: from now on it is not told again. */

static void
xrw_purge_run_told(xrw_purge_work_t *w, xrw_purge_run_t *run, const char *id)
{
    size_t   i;
    json_t  *line, *orders, *jobs, *paths;

    if (run->told != NULL || !xr_invalidate_id_ok(xr_str(id))) {
        return;
    }

    run->told = xrw_text(&run->arena, xr_str(id));
    run->batch.invalidation = run->told;
    w->n.invalidations++;
    w->n.paths += run->batch.npaths;

    orders = json_array();
    jobs = json_array();
    paths = json_array();

    for (i = 0; i < run->n; i++) {
        (void) json_array_append_new(orders,
                                xrw_json_text(run->orders[i]->said.order.id));
        (void) json_array_append_new(jobs,
                                json_string(run->orders[i]->lease.id));
    }

    for (i = 0; i < run->batch.npaths; i++) {
        (void) json_array_append_new(paths, json_string(run->batch.paths[i]));
    }

    xrw_log(XRW_LOG_INFO, "invalidated", "{s:s, s:s, s:s, s:s, s:I, s:I}",
            "tenant", run->name, "distribution", run->batch.distribution,
            "reference", run->batch.id, "invalidation", run->told, "paths",
            (json_int_t) run->batch.npaths, "orders", (json_int_t) run->n);

    line = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}",
                     "at", (json_int_t) time(NULL), "event", "invalidated",
                     "worker", w->consumer, "tenant", run->name,
                     "distribution", run->batch.distribution, "reference",
                     run->batch.id, "invalidation", run->told, "orders",
                     orders, "jobs", jobs, "paths", paths);
    xrw_purge_journal_write(&w->journal, line);

    xrw_purge_run_set(w, run, "invalidation", run->told);
}


static void
xrw_purge_run_line(xrw_purge_work_t *w, xrw_purge_run_t *run, size_t len)
{
    json_t      *root;
    const char  *id;

    root = json_loadb(run->data, len, 0, NULL);
    id = json_string_value(json_object_get(root, "told"));

    if (id != NULL) {
        xrw_purge_run_told(w, run, id);

    } else if (json_object_get(root, "confirmed") != NULL) {
        xrw_purge_run_set(w, run, "confirmed", "1");

    } else if (json_object_get(root, "warming") != NULL) {
        run->warming = true;

    } else if (json_object_get(root, "status") != NULL) {
        json_decref(run->end);
        run->end = json_incref(root);
    }

    json_decref(root);
}


static void
xrw_purge_run_read(xrw_purge_work_t *w, xrw_purge_run_t *run)
{
    char     *nl;
    size_t    len;
    ssize_t   n;

    for ( ;; ) {
        n = read(run->fd, run->data + run->len,
                 sizeof(run->data) - run->len);

        if (n <= 0) {
            return;
        }

        run->len += (size_t) n;

        while ((nl = memchr(run->data, '\n', run->len)) != NULL) {
            len = (size_t) (nl - run->data);
            xrw_purge_run_line(w, run, len);

            run->len -= len + 1;
            memmove(run->data, nl + 1, run->len);
        }

        if (run->len == sizeof(run->data)) {
            run->len = 0;
        }
    }
}


void
xrw_purge_run_watch(xrw_purge_work_t *w, xrw_purge_run_t *run)
{
    int    status;
    pid_t  pid;

    /* first whether it has ended: what it has said before is all there then */

    pid = waitpid(run->pid, &status, WNOHANG);
    xrw_purge_run_read(w, run);

    if (pid == 0 || (pid == -1 && errno == EINTR)) {
        return;
    }

    (void) close(run->fd);
    run->fd = -1;
    run->pid = 0;

    if (run->end == NULL) {
        run->end = json_pack("{s:s, s:s}", "status", "retry", "reason",
                             "the process that did it has ended too early");
    }
}


static void
xrw_purge_run_order(xrw_purge_work_t *w, xrw_purge_run_t *run,
    xrw_purge_held_t *o, int64_t now)
{
    const char  *status, *reason;

    status = json_string_value(json_object_get(run->end, "status"));
    reason = json_string_value(json_object_get(run->end, "reason"));
    reason = (reason != NULL) ? reason : "";

    if (o->lost || !w->feed.up) {
        xrw_purge_order_forget(o);

    } else if (strcmp(status, "done") == 0) {
        xrw_purge_order_done(w, o, json_object_get(run->end, "result"), now);

    } else if (strcmp(status, "wait") == 0) {
        xrw_purge_order_defer(w, o, reason, now);

    } else {
        xrw_purge_order_fail(w, o, reason, strcmp(status, "refused") == 0,
                             now);
    }
}


void
xrw_purge_run_finish(xrw_purge_work_t *w, xrw_purge_run_t *run, int64_t now)
{
    size_t         i;
    const json_t  *warmed;

    warmed = json_object_get(json_object_get(run->end, "result"), "warmed");

    w->n.warmed += (uint64_t) json_integer_value(json_object_get(warmed,
                                                                 "requests"));
    w->n.warmed_bytes += (uint64_t) json_integer_value(json_object_get(warmed,
                                                                 "bytes"));

    for (i = 0; i < run->n; i++) {
        xrw_purge_run_order(w, run, run->orders[i], now);
    }

    json_decref(run->end);
    xrw_arena_free(&run->arena);
    memset(run, 0, sizeof(xrw_purge_run_t));
    run->fd = -1;
}


void
xrw_purge_run_kill(xrw_purge_run_t *run)
{
    if (run->pid != 0) {
        (void) kill(run->pid, SIGKILL);

        while (waitpid(run->pid, NULL, 0) == -1 && errno == EINTR) {
            /* void */
        }

        (void) close(run->fd);
    }

    json_decref(run->end);
    xrw_arena_free(&run->arena);
    memset(run, 0, sizeof(xrw_purge_run_t));
    run->fd = -1;
}
