/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sync_set.h"
#include "loop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>


#define XRW_SYNC_SET_ROW  3             /* failures that make it unhealthy */


static const xrw_source_kind_t *const  xrw_sync_set_kinds[XRW_SYNC_KINDS] = {
    &xrw_source_jwks, &xrw_source_tenants, &xrw_source_aws, &xrw_source_geo
};


static bool
xrw_sync_set_init(xrw_sync_set_t *set)
{
    bool                ok;
    pthread_condattr_t  attr;

    atomic_init(&set->stop, false);
    set->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    ok = set->fd != -1 && pthread_condattr_init(&attr) == 0;

    if (ok) {
        ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0
             && pthread_cond_init(&set->cond, &attr) == 0
             && pthread_mutex_init(&set->mutex, NULL) == 0
             && pthread_mutex_init(&set->turn, NULL) == 0;
        (void) pthread_condattr_destroy(&attr);
    }

    return ok;
}


/* Signals are for the one thread that waits for them. */

static bool
xrw_sync_set_start(xrw_sync_set_t *set)
{
    size_t         i;
    sigset_t       all, before;
    xrw_source_t  *s;

    set->sources = xrw_alloc(&set->arena,
                             (set->conf.n + 1) * sizeof(xrw_source_t));

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);

    for (i = 0; i < set->conf.n; i++) {
        s = &set->sources[i];
        s->conf = &set->conf.items[i];
        s->kind = xrw_sync_set_kinds[s->conf->kind];
        s->set = set;

        if (pthread_create(&s->thread, NULL, xrw_source_run, s) != 0) {
            break;
        }

        set->n++;
    }

    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);

    return set->n == set->conf.n;
}


xrw_sync_set_t *
xrw_sync_set_open(const char *path)
{
    xrw_sync_set_t  *set;

    set = calloc(1, sizeof(xrw_sync_set_t));

    if (set == NULL || !xrw_sync_set_init(set)) {
        exit(xrw_error("out of memory"));
    }

    if (!xrw_config_sync(&set->arena, path, &set->conf)) {
        xrw_sync_set_close(set);
        return NULL;
    }

    if (!xrw_sync_set_start(set)) {
        (void) xrw_error("%s: a thread cannot be made", path);
        xrw_sync_set_close(set);
        return NULL;
    }

    return set;
}


void
xrw_sync_set_close(xrw_sync_set_t *set)
{
    size_t  i;

    if (set == NULL) {
        return;
    }

    (void) pthread_mutex_lock(&set->mutex);
    atomic_store(&set->stop, true);
    (void) pthread_cond_broadcast(&set->cond);
    (void) pthread_mutex_unlock(&set->mutex);

    for (i = 0; i < set->n; i++) {
        (void) pthread_join(set->sources[i].thread, NULL);
    }

    (void) pthread_cond_destroy(&set->cond);
    (void) pthread_mutex_destroy(&set->mutex);
    (void) pthread_mutex_destroy(&set->turn);
    (void) close(set->fd);

    xrw_arena_free(&set->arena);
    free(set);
}


void
xrw_sync_set_read(xrw_sync_set_t *set)
{
    uint64_t  n;

    if (read(set->fd, &n, sizeof(n)) == -1) {
        /* nothing has changed */
    }
}


static bool
xrw_sync_set_is_of(const xrw_source_conf_t *conf, xr_str_t tenant)
{
    size_t  i;

    if (conf->kind != XRW_SYNC_JWKS) {
        return false;
    }

    for (i = 0; i < conf->tenants.n; i++) {

        if (xr_str_eq(tenant, xr_str(conf->tenants.items[i]))) {
            return true;
        }
    }

    return conf->tenants.n == 0 && xr_str_eq(tenant, xr_str(conf->name));
}


void
xrw_sync_set_wake(xrw_sync_set_t *set, xr_str_t tenant)
{
    size_t         i;
    xrw_source_t  *s;

    (void) pthread_mutex_lock(&set->mutex);

    for (i = 0; i < set->n; i++) {
        s = &set->sources[i];

        if (!xrw_sync_set_is_of(s->conf, tenant)) {
            continue;
        }

        if (xrw_source_wake(s)) {
            s->state.wakes++;
            (void) pthread_cond_broadcast(&set->cond);

        } else {
            s->state.refused++;
        }
    }

    (void) pthread_mutex_unlock(&set->mutex);
}


bool
xrw_sync_set_looked(xrw_sync_set_t *set, bool *ok)
{
    bool                       looked;
    size_t                     i;
    const xrw_source_state_t  *st;

    looked = true;
    *ok = true;

    (void) pthread_mutex_lock(&set->mutex);

    for (i = 0; i < set->n; i++) {
        st = &set->sources[i].state;
        looked = looked && st->looked;
        *ok = *ok && st->in_row == 0;
    }

    (void) pthread_mutex_unlock(&set->mutex);

    return looked;
}


/* One failure is none, as long as what we have is good. */

static const char *
xrw_sync_set_ill(const xrw_source_state_t *st)
{
    if (st->expires != 0 && (int64_t) time(NULL) >= st->expires) {
        return "they expired";
    }

    if (st->succeeded == 0 && st->in_row == 0) {
        return "not looked at yet";
    }

    if (st->succeeded == 0 || st->in_row >= XRW_SYNC_SET_ROW) {
        return st->said;
    }

    return NULL;
}


const char *
xrw_sync_set_health(xrw_sync_set_t *set, char *text, size_t size)
{
    size_t       i;
    const char  *ill;

    ill = NULL;

    (void) pthread_mutex_lock(&set->mutex);

    for (i = 0; ill == NULL && i < set->n; i++) {
        ill = xrw_sync_set_ill(&set->sources[i].state);

        if (ill != NULL) {
            (void) snprintf(text, size, "%s: %s", set->sources[i].conf->name,
                            ill);
        }
    }

    (void) pthread_mutex_unlock(&set->mutex);

    return (ill != NULL) ? text : NULL;
}


typedef struct {
    const char  *name;
    const char  *type;
    int64_t    (*value)(const xrw_source_state_t *st);
} xrw_sync_set_metric_t;


static int64_t
xrw_sync_set_age(const xrw_source_state_t *st)
{
    return (st->succeeded == 0) ? 0 : (xrw_loop_now() - st->succeeded) / 1000;
}


static int64_t
xrw_sync_set_good(const xrw_source_state_t *st)
{
    return xrw_sync_set_ill(st) == NULL;
}


static int64_t
xrw_sync_set_looks(const xrw_source_state_t *st)
{
    return (int64_t) st->looks;
}


static int64_t
xrw_sync_set_failures(const xrw_source_state_t *st)
{
    return (int64_t) st->failures;
}


static int64_t
xrw_sync_set_replaced(const xrw_source_state_t *st)
{
    return (int64_t) st->replaced;
}


static int64_t
xrw_sync_set_wakes(const xrw_source_state_t *st)
{
    return (int64_t) st->wakes;
}


static int64_t
xrw_sync_set_refused(const xrw_source_state_t *st)
{
    return (int64_t) st->refused;
}


static int64_t
xrw_sync_set_expires(const xrw_source_state_t *st)
{
    return st->expires;
}


static const xrw_sync_set_metric_t  xrw_sync_set_list[] = {
    { "xr_sync_source_good", "gauge", xrw_sync_set_good },
    { "xr_sync_source_age_seconds", "gauge", xrw_sync_set_age },
    { "xr_sync_source_looks_total", "counter", xrw_sync_set_looks },
    { "xr_sync_source_failures_total", "counter", xrw_sync_set_failures },
    { "xr_sync_source_replaced_total", "counter", xrw_sync_set_replaced },
    { "xr_sync_source_wakes_total", "counter", xrw_sync_set_wakes },
    { "xr_sync_source_wakes_refused_total", "counter", xrw_sync_set_refused },
    { "xr_sync_source_expires_timestamp_seconds", "gauge",
      xrw_sync_set_expires }
};


static void
xrw_sync_set_line(const xrw_source_t *s, const xrw_sync_set_metric_t *metric,
    xr_buf_t *out)
{
    int64_t  value;

    value = metric->value(&s->state);

    xr_buf_puts(out, metric->name);
    xr_buf_puts(out, "{source=\"");
    xr_buf_puts(out, s->conf->name);
    xr_buf_puts(out, "\",kind=\"");
    xr_buf_puts(out, xrw_sync_kind(s->conf->kind));
    xr_buf_puts(out, "\"} ");
    xr_buf_uint(out, value > 0 ? (uint64_t) value : 0);
    xr_buf_putc(out, '\n');
}


void
xrw_sync_set_metrics(xrw_sync_set_t *set, xr_buf_t *out)
{
    size_t                        i, j;
    const xrw_sync_set_metric_t  *metric;

    (void) pthread_mutex_lock(&set->mutex);

    for (i = 0; i < XR_COUNT(xrw_sync_set_list); i++) {
        metric = &xrw_sync_set_list[i];

        xr_buf_puts(out, "# TYPE ");
        xr_buf_puts(out, metric->name);
        xr_buf_putc(out, ' ');
        xr_buf_puts(out, metric->type);
        xr_buf_putc(out, '\n');

        for (j = 0; j < set->n; j++) {
            xrw_sync_set_line(&set->sources[j], metric, out);
        }
    }

    (void) pthread_mutex_unlock(&set->mutex);
}
