/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "invalidate.h"
#include "worker_purge.h"
#include "xr_invalidation.h"

#include <string.h>


/* Of an order's item at most: an object and its manifest. */

#define XRW_PURGE_PATHS  2

#define XRW_PURGE_HOT    1000           /* looked at for what was purged */


static bool
xrw_purge_plan_waits(const xrw_purge_held_t *o)
{
    return o->held && o->announced && !o->ran && !o->lost;
}


/* Of this order's kind: the same tenant, and the same batch if any. */

static bool
xrw_purge_plan_alike(const xrw_purge_held_t *a, const xrw_purge_held_t *b)
{
    return strcmp(a->tenant, b->tenant) == 0
           && strcmp(a->batch, b->batch) == 0;
}


static bool
xrw_purge_plan_busy(const xrw_purge_work_t *w, const char *tenant)
{
    size_t  i;

    for (i = 0; i < XRW_PURGE_RUNS; i++) {
        if (w->runs[i].active && !w->runs[i].warming
            && strcmp(w->runs[i].name, tenant) == 0)
        {
            return true;
        }
    }

    return false;
}


/*
 * One run of a tenant at a time, as what comes meanwhile goes together; but no
 * order waits until what is hot of another one is warm.
 */

static xrw_purge_held_t *
xrw_purge_plan_first(xrw_purge_work_t *w, int64_t now)
{
    size_t             i;
    xrw_purge_held_t  *o, *first;

    first = NULL;

    for (i = 0; i < XRW_PURGE_HELD; i++) {
        o = &w->held[i];

        if (!xrw_purge_plan_waits(o)
            || (now - o->since < XRW_PURGE_GATHER && o->batch[0] == '\0'
                && !(w->once && w->feed.empty) && !w->draining)
            || xrw_purge_plan_busy(w, o->tenant))
        {
            continue;
        }

        if (first == NULL || o->since < first->since) {
            first = o;
        }
    }

    return first;
}


/* When the first order that waits for others has waited long enough. */

int64_t
xrw_purge_plan_due(const xrw_purge_work_t *w, int64_t never)
{
    bool                     idle;
    size_t                   i;
    int64_t                  due;
    const xrw_purge_held_t  *o;

    idle = false;
    due = never;

    for (i = 0; i < XRW_PURGE_RUNS; i++) {
        idle = idle || !w->runs[i].active;

        if (w->runs[i].active && w->runs[i].pid == 0) {
            return 0;
        }
    }

    for (i = 0; idle && i < XRW_PURGE_HELD; i++) {
        o = &w->held[i];

        if (xrw_purge_plan_waits(o) && !xrw_purge_plan_busy(w, o->tenant)
            && o->since + XRW_PURGE_GATHER < due)
        {
            due = o->since + XRW_PURGE_GATHER;
        }
    }

    return due;
}


static void
xrw_purge_plan_gather(xrw_purge_work_t *w, xrw_purge_run_t *run,
    const xrw_purge_held_t *first)
{
    size_t             i, paths;
    xrw_purge_held_t  *o;

    paths = 0;

    for (i = 0; i < XRW_PURGE_HELD; i++) {
        o = &w->held[i];

        if (!xrw_purge_plan_waits(o) || !xrw_purge_plan_alike(o, first)
            || paths + XRW_PURGE_PATHS * o->said.order.n
               > XR_INVALIDATION_FILES)
        {
            continue;
        }

        paths += XRW_PURGE_PATHS * o->said.order.n;
        run->orders[run->n++] = o;
        run->last = run->last || o->lease.attempt >= XRW_QUEUE_ATTEMPTS;
    }
}


/* Which paths are tagged nobody here knows: all of the tenant's may be. */

static size_t
xrw_purge_plan_item(xrw_purge_run_t *run, const xr_purge_item_t *item,
    xr_invalidation_t *out)
{
    char  *name;

    switch (item->scope) {

    case XR_PURGE_OBJECT:
        break;

    case XR_PURGE_PREFIX:
        *out = (xr_invalidation_t) { item->value, true };
        return 1;

    default:
        *out = (xr_invalidation_t) { xr_str_of(NULL, 0), true };
        return 1;
    }

    out[0] = (xr_invalidation_t) { item->value,
                                   run->tenant.cloudfront.variants };
    if (out[0].all) {
        return 1;
    }

    /* variants are what their names say, and never change */

    name = xrw_format(&run->arena, "%.*s.xr/manifest.json",
                      (int) item->value.len,
                      (const char *) item->value.data);
    out[1] = (xr_invalidation_t) { xr_str(name), false };

    return 2;
}


static void
xrw_purge_plan_paths(xrw_purge_work_t *w, xrw_purge_run_t *run)
{
    char               *path;
    size_t              i, j, n;
    xr_buf_t            b;
    xr_str_t            prefix;
    xr_invalidation_t  *items;

    items = xrw_alloc(&run->arena, (XR_INVALIDATION_FILES + XRW_PURGE_PATHS)
                                   * sizeof(xr_invalidation_t));
    n = 0;

    for (i = 0; i < run->n; i++) {
        for (j = 0; j < run->orders[i]->said.order.n; j++) {
            n += xrw_purge_plan_item(run,
                                     &run->orders[i]->said.order.items[j],
                                     items + n);
        }
    }

    n = xr_invalidation_plan(items, n, (size_t) w->conf.purge.fold,
                             XR_INVALIDATION_WILDCARDS);

    prefix = xr_str(run->tenant.cloudfront.prefix);
    run->batch.paths = xrw_alloc(&run->arena, (n + 1) * sizeof(char *));

    for (i = 0; i < n; i++) {
        path = xrw_alloc(&run->arena,
                         prefix.len + 3 * items[i].path.len + 2);
        b = xr_buf(path, prefix.len + 3 * items[i].path.len + 1);
        xr_invalidation_path(prefix, &items[i], &b);
        run->batch.paths[i] = path;
    }

    run->batch.npaths = n;
}


/* Of whose, which and what: the same is never said of anything else. */

static bool
xrw_purge_plan_reference(xrw_purge_run_t *run)
{
    char      *id;
    size_t     i, size;
    uint8_t    digest[XR_SHA256_SIZE];
    xr_buf_t   b, hex;

    size = strlen(run->name) + strlen(run->batch.distribution) + 2
           + run->n * (XR_JOB_ID_SIZE + 1);

    for (i = 0; i < run->batch.npaths; i++) {
        size += strlen(run->batch.paths[i]) + 1;
    }

    b = xr_buf(xrw_alloc(&run->arena, size), size);

    xr_buf_puts(&b, run->name);
    xr_buf_putc(&b, 0);
    xr_buf_puts(&b, run->batch.distribution);
    xr_buf_putc(&b, 0);

    for (i = 0; i < run->n; i++) {
        xr_buf_puts(&b, run->orders[i]->lease.id);
        xr_buf_putc(&b, 0);
    }

    for (i = 0; i < run->batch.npaths; i++) {
        xr_buf_puts(&b, run->batch.paths[i]);
        xr_buf_putc(&b, 0);
    }

    if (xr_sha256(xr_buf_str(&b), digest) != XR_OK) {
        return false;
    }

    id = xrw_alloc(&run->arena, 3 + XR_JOB_ID_SIZE + 1);
    hex = xr_buf(id, 3 + XR_JOB_ID_SIZE);
    xr_buf_puts(&hex, "xr-");
    xr_buf_hex(&hex, xr_str_of(digest, XR_JOB_ID_SIZE / 2));
    run->batch.id = id;

    return true;
}


/* What is in Redis is not believed further than the tenant goes. */

static bool
xrw_purge_plan_ours(const xrw_purge_run_t *run, const xrw_purge_batch_t *b)
{
    size_t                   i;
    const xrw_cloudfront_t  *c;

    c = &run->tenant.cloudfront;

    if (strcmp(b->tenant, run->name) != 0
        || strcmp(b->distribution, c->distribution) != 0
        || b->npaths > XR_INVALIDATION_FILES
        || (b->invalidation != NULL
            && !xr_invalidate_id_ok(xr_str(b->invalidation))))
    {
        return false;
    }

    for (i = 0; i < b->npaths; i++) {
        if (!xr_str_starts(xr_str(b->paths[i]), xr_str(c->prefix))
            || strlen(b->paths[i]) > XR_INVALIDATION_PATH_MAX)
        {
            return false;
        }
    }

    return true;
}


/* XRW_QUEUE_DONE: there is a batch that all of its orders are in. */

static xrw_queue_rc_t
xrw_purge_plan_batch(xrw_purge_work_t *w, xrw_purge_run_t *run)
{
    size_t              i, which;
    const char         *before;
    xrw_queue_rc_t      rc;
    const xrw_lease_t  *leases[XRW_PURGE_HELD];

    before = run->orders[0]->batch;

    if (before[0] != '\0') {
        rc = xrw_purge_batch_get(&w->feed.calls, &run->arena, before,
                                 &run->batch);

        if (rc == XRW_QUEUE_BROKEN
            || (rc == XRW_QUEUE_DONE
                && xrw_purge_plan_ours(run, &run->batch)))
        {
            return rc;
        }
    }

    memset(&run->batch, 0, sizeof(run->batch));
    run->batch.tenant = run->name;
    run->batch.distribution = run->tenant.cloudfront.distribution;
    xrw_purge_plan_paths(w, run);

    if (!xrw_purge_plan_reference(run)) {
        return XRW_QUEUE_NONE;
    }

    for (i = 0; i < run->n; i++) {
        leases[i] = &run->orders[i]->lease;
    }

    rc = xrw_purge_batch_fix(&w->feed.calls, &run->batch, before, leases,
                             run->n, &which);

    if (rc == XRW_QUEUE_LOST && which < run->n) {
        run->orders[which]->lost = true;
    }

    return rc;
}


static bool
xrw_purge_plan_purged(const xrw_purge_run_t *run, xr_str_t object)
{
    size_t                  i, j;
    const xr_purge_item_t  *item;

    for (i = 0; i < run->n; i++) {
        for (j = 0; j < run->orders[i]->said.order.n; j++) {
            item = &run->orders[i]->said.order.items[j];

            if (item->scope == XR_PURGE_OBJECT
                ? xr_str_eq(item->value, object)
                : item->scope != XR_PURGE_PREFIX
                  || xr_str_starts(object, item->value))
            {
                return true;
            }
        }
    }

    return false;
}


/* "XR OBJECT": of those that were purged the hottest. */

static bool
xrw_purge_plan_hot(xrw_purge_work_t *w, xrw_purge_run_t *run)
{
    size_t          i, warm;
    xr_str_t        object;
    xrw_strings_t   answer;

    /* one stays free of it: others are not to wait for what is only warmed */

    for (i = 0, warm = 0; i < XRW_PURGE_RUNS; i++) {
        warm += (w->runs[i].active && w->runs[i].nhot > 0);
    }

    if (run->tenant.warm == 0 || warm >= XRW_PURGE_RUNS - 1) {
        return true;
    }

    if (!xrw_purge_hot(&w->feed.calls, &run->arena, run->name, XRW_PURGE_HOT,
                       &answer))
    {
        return false;
    }

    run->hot = xrw_alloc(&run->arena, (answer.n + 1) * sizeof(xr_str_t));

    for (i = 0; i < answer.n && run->nhot < (size_t) run->tenant.warm; i++) {
        object = answer.items[i];
        (void) xr_str_cut(&object, ' ');

        if (object.len > 0 && xrw_purge_plan_purged(run, object)) {
            run->hot[run->nhot++] = answer.items[i];
        }
    }

    return true;
}


bool
xrw_purge_plan(xrw_purge_work_t *w, xrw_purge_run_t *run, int64_t now)
{
    size_t             i;
    xrw_queue_rc_t     rc;
    xrw_purge_held_t  *first;

    first = xrw_purge_plan_first(w, now);

    if (first == NULL) {
        return false;
    }

    memset(run, 0, sizeof(xrw_purge_run_t));
    run->fd = -1;
    run->began = now;
    run->name = xrw_text(&run->arena, xr_str(first->tenant));

    xrw_purge_plan_gather(w, run, first);

    if (xrw_config_find(&run->arena, w->config, run->name, &run->tenant)
        != XR_OK)
    {
        /* it was there when the order was taken: a reload is under way */

        for (i = 0; i < run->n; i++) {

            if (w->feed.up) {
                xrw_purge_order_fail(w, run->orders[i],
                                     "there is no such tenant", false, now);
            } else {
                xrw_purge_order_forget(run->orders[i]);
            }
        }

        xrw_arena_free(&run->arena);
        return false;
    }

    rc = (run->tenant.cloudfront.distribution != NULL)
         ? xrw_purge_plan_batch(w, run) : XRW_QUEUE_DONE;

    if (rc == XRW_QUEUE_BROKEN
        || (rc == XRW_QUEUE_DONE && !xrw_purge_plan_hot(w, run)))
    {
        xrw_feed_lost(&w->feed, now);
        rc = XRW_QUEUE_BROKEN;
    }

    if (rc != XRW_QUEUE_DONE) {
        xrw_arena_free(&run->arena);
        return false;
    }

    for (i = 0; i < run->n; i++) {
        run->orders[i]->ran = true;
    }

    run->active = true;

    return true;
}
