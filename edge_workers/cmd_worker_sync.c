/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "loop.h"
#include "sync_wake.h"
#include "when.h"
#include "worker.h"
#include "worker_sync.h"


#define XRW_SYNC_HEARTBEAT_MAX  3600            /* seconds */


/* The list of what is revoked, files of sources, or both. */

typedef struct {
    xrw_sync_t       revoked;
    bool             revokes;           /* there is such a list */
    const char      *config;            /* or NULL */
    bool             due;               /* the set is to be opened */
    xrw_sync_set_t  *set;               /* or NULL */
    const char      *wake;              /* path of a socket, or NULL */
    int              asked;             /* that socket, or -1 */
    char             said[512];
} xrw_worker_sync_t;


static size_t
xrw_worker_sync_fds(void *ctx, struct pollfd *fds)
{
    int     fd;
    size_t  n;

    xrw_worker_sync_t *w = ctx;

    n = 0;
    fd = w->revokes ? xrw_sync_fd(&w->revoked) : -1;

    if (fd != -1) {
        fds[n++] = (struct pollfd) { fd, POLLIN, 0 };
    }

    if (w->set != NULL) {
        fds[n++] = (struct pollfd) { w->set->fd, POLLIN, 0 };
    }

    if (w->asked != -1) {
        fds[n++] = (struct pollfd) { w->asked, POLLIN, 0 };
    }

    return n;
}


static int64_t
xrw_worker_sync_due(void *ctx)
{
    const xrw_worker_sync_t *w = ctx;

    return w->revokes ? w->revoked.due : INT64_MAX;
}


/* A reload may have closed what "fds" had. */

static void
xrw_worker_sync_run(void *ctx, const struct pollfd *fds, size_t n,
    int64_t now)
{
    int     fd;
    bool    readable;
    size_t  i;

    xrw_worker_sync_t *w = ctx;

    /* not before the frame knows that nobody else does it */

    if (w->due) {
        w->due = false;
        w->set = xrw_sync_set_open(w->config);

        if (w->wake != NULL && w->asked == -1) {
            (void) xrw_sync_wake_open(w->wake, &w->asked);
        }
    }

    if (w->asked != -1) {
        xrw_sync_wake_read(w->asked, w->set);
    }

    if (w->set != NULL) {
        xrw_sync_set_read(w->set);
    }

    if (!w->revokes) {
        return;
    }

    fd = xrw_sync_fd(&w->revoked);
    readable = false;

    for (i = 0; i < n; i++) {
        readable = readable || (fds[i].fd == fd && fds[i].revents != 0);
    }

    xrw_sync_run(&w->revoked, readable, now);
}


static const char *
xrw_worker_sync_health(void *ctx)
{
    xrw_worker_sync_t *w = ctx;

    if (w->revokes && w->revoked.looked == 0) {
        return "the set was not read yet";
    }

    if (w->revokes && w->revoked.said[0] != '\0') {
        return w->revoked.said;
    }

    if (w->config != NULL && w->set == NULL) {
        return "the configuration could not be used";
    }

    if (w->wake != NULL && w->asked == -1) {
        return "there is no socket to be asked at";
    }

    return (w->set == NULL) ? NULL
           : xrw_sync_set_health(w->set, w->said, sizeof(w->said));
}


static int
xrw_worker_sync_once(void *ctx)
{
    bool  ok;

    xrw_worker_sync_t *w = ctx;

    ok = true;

    if (w->config != NULL && w->set == NULL) {
        return XRW_FAILED;
    }

    if (w->set != NULL && !xrw_sync_set_looked(w->set, &ok)) {
        return -1;
    }

    if (w->revokes) {

        if (w->revoked.looked == 0 && w->revoked.said[0] == '\0') {
            return -1;
        }

        ok = ok && w->revoked.said[0] == '\0';
    }

    return ok ? XRW_OK : XRW_FAILED;
}


static void
xrw_worker_sync_metrics(void *ctx, xr_buf_t *out)
{
    const xrw_sync_t   *sync;
    xrw_worker_sync_t  *w;

    w = ctx;
    sync = &w->revoked;

    if (w->revokes) {
        xrw_worker_metric(out, "xr_sync_connected", "gauge", sync->up);
        xrw_worker_metric(out, "xr_sync_age_seconds", "gauge",
                          sync->looked == 0 ? 0
                          : (xrw_loop_now() - sync->looked) / 1000);
    }

    if (w->set != NULL) {
        xrw_sync_set_metrics(w->set, out);
    }
}


static bool
xrw_worker_sync_good(const xrw_worker_sync_t *w)
{
    bool             ok;
    xrw_arena_t      arena;
    xrw_sync_conf_t  conf;

    arena = (xrw_arena_t) { NULL };
    ok = xrw_config_sync(&arena, w->config, &conf);
    xrw_arena_free(&arena);

    return ok;
}


/* What was refused changes nothing; two sets would write the same files. */

static bool
xrw_worker_sync_reload(void *ctx)
{
    xrw_worker_sync_t *w = ctx;

    if (!xrw_worker_sync_good(w)) {
        return false;
    }

    xrw_sync_set_close(w->set);
    w->set = NULL;
    w->due = true;

    return true;
}


static void
xrw_worker_sync_close(void *ctx)
{
    xrw_worker_sync_t *w = ctx;

    if (w->revokes) {
        xrw_sync_close(&w->revoked);
    }

    xrw_sync_set_close(w->set);
    w->set = NULL;

    xrw_sync_wake_close(w->wake, w->asked);
    w->asked = -1;
}


/* Without a configuration there is nothing to reload: SIGHUP ends it. */

static xrw_worker_ops_t
xrw_worker_sync_ops(const xrw_worker_sync_t *w)
{
    return (xrw_worker_ops_t) {
        .name = "sync",
        .fds = xrw_worker_sync_fds,
        .due = xrw_worker_sync_due,
        .run = xrw_worker_sync_run,
        .once = xrw_worker_sync_once,
        .health = xrw_worker_sync_health,
        .metrics = xrw_worker_sync_metrics,
        .close = xrw_worker_sync_close,
        .reload = (w->config != NULL) ? xrw_worker_sync_reload : NULL
    };
}


static int
xrw_worker_sync_start(xrw_worker_sync_t *w, const xrw_worker_options_t *run)
{
    xrw_worker_ops_t  ops;

    if (w->config != NULL && !xrw_worker_sync_good(w)) {
        return XRW_FAILED;
    }

    w->due = (w->config != NULL);
    ops = xrw_worker_sync_ops(w);

    return xrw_worker_run(&ops, w, run);
}


int
xrw_worker_sync(const xrw_command_t *cmd, int argc, char **argv)
{
    int                   status;
    size_t                n;
    int64_t               heartbeat;
    const char           *file, *time, *config, *wake;
    xrw_arena_t           arena;
    xrw_option_t          options[XRW_REDIS_OPTIONS + 4 + XRW_WORKER_OPTIONS];
    xrw_redis_flags_t     flags;
    xrw_redis_server_t    server;
    xrw_worker_sync_t     w;
    xrw_worker_flags_t    frame;
    xrw_worker_options_t  run;

    file = NULL;
    config = NULL;
    wake = NULL;
    time = "10s";
    n = xrw_redis_options(&flags, options);

    options[n++] = (xrw_option_t) { "revocations", "FILE", XRW_OPTION_TEXT,
        &file, "what NGINX's xr_revocation_file names" };

    options[n++] = (xrw_option_t) { "heartbeat", "TIME", XRW_OPTION_TEXT,
        &time, "between two looks at the set (10s)" };

    options[n++] = (xrw_option_t) { "config", "FILE", XRW_OPTION_TEXT,
        &config, "whose \"sync\" has more files to keep" };

    options[n++] = (xrw_option_t) { "wake", "SOCKET", XRW_OPTION_TEXT,
        &wake, "where NGINX's xr_keys_socket asks for keys" };

    n += xrw_worker_flags(&frame, options + n);

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc > 0) {
        return xrw_usage(cmd, "no arguments are taken");
    }

    if (file == NULL && config == NULL) {
        return xrw_usage(cmd, "which file? say --revocations or --config");
    }

    if (!xrw_duration(time, &heartbeat) || heartbeat < 1
        || heartbeat > XRW_SYNC_HEARTBEAT_MAX)
    {
        return xrw_usage(cmd, "--heartbeat %s: not a time from 1s to 1h", time);
    }

    run = (xrw_worker_options_t) { .drain = 0 };

    if (!xrw_worker_options(cmd, &frame, &run)) {
        return XRW_USAGE;
    }

    memset(&w, 0, sizeof(w));
    w.config = config;
    w.wake = (config != NULL) ? wake : NULL;
    w.asked = -1;
    w.revokes = (file != NULL);

    arena = (xrw_arena_t) { NULL };
    status = w.revokes ? xrw_redis_server(&arena, cmd, &flags, &server)
                       : XRW_OK;

    if (status == XRW_OK) {

        if (w.revokes) {
            xrw_sync_init(&w.revoked, &server, flags.set, flags.channel, file,
                          heartbeat * 1000);
        }

        status = xrw_worker_sync_start(&w, &run);
    }

    xrw_arena_free(&arena);

    return status;
}
