/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_purge.h"
#include "json.h"
#include "keys.h"
#include "worker_log.h"
#include "xr_announce.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>


#define XRW_PURGE_FRESH  30             /* seconds that an order has left */


void
xrw_purge_order_forget(xrw_purge_held_t *o)
{
    xrw_lease_free(&o->lease);
    xrw_arena_free(&o->arena);
    memset(o, 0, sizeof(xrw_purge_held_t));
}


static const char *
xrw_purge_order_text(const xrw_purge_held_t *o, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(o->lease.record, name));

    return (text != NULL) ? text : "";
}


void
xrw_purge_order_log(const xrw_purge_held_t *o, int level, const char *event,
    const char *reason)
{
    xrw_log((xrw_log_level_t) level, event, "{s:s, s:i, s:o, s:o, s:o*}",
            "job", o->lease.id, "attempt", (int) o->lease.attempt,
            "tenant", xrw_json_text(xr_str(xrw_purge_order_text(o, "t"))),
            "order", xrw_json_text(xr_str(xrw_purge_order_text(o, "k"))),
            "reason", reason != NULL ? xrw_json_text(xr_str(reason)) : NULL);
}


/* Of what the order says, as it says it. */

static void
xrw_purge_order_items(const xrw_purge_held_t *o, json_t *line)
{
    size_t                  i;
    json_t                 *list;
    const char             *name;
    const xr_purge_item_t  *item;

    static const char *const  names[XR_PURGE_SCOPES] = {
        [XR_PURGE_OBJECT] = "objects",
        [XR_PURGE_PREFIX] = "prefixes",
        [XR_PURGE_TAG] = "tags"
    };

    for (i = 0; i < o->said.order.n; i++) {
        item = &o->said.order.items[i];
        name = names[item->scope];

        if (name == NULL) {
            (void) json_object_set_new(line, "all", json_true());
            continue;
        }

        list = json_object_get(line, name);

        if (list == NULL) {
            list = json_array();
            (void) json_object_set_new(line, name, list);
        }

        (void) json_array_append_new(list, xrw_json_text(item->value));
    }

    if (o->said.order.soft) {
        (void) json_object_set_new(line, "soft", json_true());
    }
}


void
xrw_purge_order_journal(xrw_purge_work_t *w, const xrw_purge_held_t *o,
    const char *event, const char *reason, const json_t *result)
{
    json_t  *line;

    line = json_pack("{s:I, s:s, s:s, s:s, s:i, s:o, s:o, s:o}",
                     "at", (json_int_t) time(NULL), "event", event,
                     "worker", w->consumer, "job", o->lease.id,
                     "attempt", (int) o->lease.attempt, "order",
                     xrw_json_text(xr_str(xrw_purge_order_text(o, "k"))),
                     "tenant",
                     xrw_json_text(xr_str(xrw_purge_order_text(o, "t"))),
                     "by",
                     xrw_json_text(xr_str(xrw_purge_order_text(o, "y"))));

    if (o->said.key_id.len > 0) {
        (void) json_object_set_new(line, "key",
                                   xrw_json_text(o->said.key_id));
    }

    xrw_purge_order_items(o, line);

    if (reason != NULL) {
        (void) json_object_set_new(line, "reason",
                                   xrw_json_text(xr_str(reason)));
    }

    if (result != NULL) {
        (void) json_object_set(line, "result",
                               (json_t *) (uintptr_t) result);
    }

    xrw_purge_journal_write(&w->journal, line);
}


/* What Redis says of the end of an attempt; the order is forgotten. */

static void
xrw_purge_order_end(xrw_purge_work_t *w, xrw_purge_held_t *o,
    xrw_queue_rc_t rc, int64_t now)
{
    if (rc == XRW_QUEUE_BROKEN) {
        xrw_feed_lost(&w->feed, now);

    } else if (rc == XRW_QUEUE_LOST || rc == XRW_QUEUE_NONE) {
        w->n.lost++;
        xrw_purge_order_log(o, XRW_LOG_WARN, "lost",
                            "somebody else has the order");
    }

    xrw_purge_order_forget(o);
}


void
xrw_purge_order_done(xrw_purge_work_t *w, xrw_purge_held_t *o,
    const json_t *result, int64_t now)
{
    xrw_queue_rc_t  rc;

    /* before: what is done and not written down would never be */

    xrw_purge_order_journal(w, o, "done", NULL, result);
    rc = xrw_queue_done(&w->feed.calls, &o->lease, result);

    if (rc == XRW_QUEUE_DONE) {
        w->n.done++;
        xrw_purge_order_log(o, XRW_LOG_INFO, "done", NULL);
    }

    xrw_purge_order_end(w, o, rc, now);
}


void
xrw_purge_order_fail(xrw_purge_work_t *w, xrw_purge_held_t *o,
    const char *reason, bool final, int64_t now)
{
    int64_t          delay;
    uint32_t         chance;
    xrw_queue_rc_t   rc;

    if (xr_random(&chance, sizeof(chance)) != XR_OK) {
        chance = 0;
    }

    delay = xr_job_backoff(o->lease.attempt, w->conf.backoff * 1000,
                           w->conf.backoff_max * 1000, chance);
    rc = xrw_queue_fail(&w->feed.calls, &o->lease, reason, final, delay);

    if (rc == XRW_QUEUE_BURIED) {
        w->n.buried++;
        xrw_purge_order_log(o, XRW_LOG_ERROR, "buried", reason);
        xrw_purge_order_journal(w, o, "buried", reason, NULL);

    } else if (rc == XRW_QUEUE_DONE) {
        w->n.failed++;
        xrw_purge_order_log(o, XRW_LOG_WARN, "failed", reason);
        xrw_purge_order_journal(w, o, "failed", reason, NULL);
    }

    xrw_purge_order_end(w, o, rc, now);
}


void
xrw_purge_order_defer(xrw_purge_work_t *w, xrw_purge_held_t *o,
    const char *reason, int64_t now)
{
    int64_t          delay;
    uint32_t         chance;
    xrw_queue_rc_t   rc;

    if (xr_random(&chance, sizeof(chance)) != XR_OK) {
        chance = 0;
    }

    delay = xr_job_backoff(1, w->conf.purge.quota * 1000,
                           w->conf.purge.quota * 1000, chance);
    rc = xrw_queue_defer(&w->feed.calls, &o->lease, reason, delay);

    if (rc == XRW_QUEUE_DONE) {
        w->n.deferred++;
        xrw_purge_order_log(o, XRW_LOG_WARN, "deferred", reason);
    }

    xrw_purge_order_end(w, o, rc, now);
}


/* Nobody has signed it: nothing of it is done, now or later. */

static void
xrw_purge_order_refuse(xrw_purge_work_t *w, xrw_purge_held_t *o,
    const char *why, int64_t now)
{
    w->n.refused++;
    xrw_purge_order_log(o, XRW_LOG_WARN, "refused", why);
    xrw_purge_order_fail(w, o, why, true, now);
}


/*
 * One that edges take no more is signed anew: it was good in its time.  It is
 * the same for a while, as edges that have carried it out need not do it again
 * because others do not answer.
 */

static const char *
xrw_purge_order_renew(xrw_purge_held_t *o, const xr_keyset_t *keys,
    int64_t now)
{
    char                    id[2 * 16 + 1];
    size_t                  i;
    uint8_t                 digest[XR_SHA256_SIZE];
    xr_buf_t                b;
    const char             *text, *item, *why;
    const char            **lists[XR_PURGE_SCOPES];
    size_t                  n[XR_PURGE_SCOPES];
    xrw_order_t             order;
    const xr_purge_item_t  *it;

    for (i = 0; i < XR_PURGE_SCOPES; i++) {
        lists[i] = xrw_alloc(&o->arena,
                             XR_PURGE_ORDER_ITEMS * sizeof(char *));
        n[i] = 0;
    }

    for (i = 0; i < o->said.order.n; i++) {
        it = &o->said.order.items[i];
        lists[it->scope][n[it->scope]++] = xrw_text(&o->arena, it->value);
    }

    if (xr_sha256(xr_str(o->said.text), digest) != XR_OK) {
        xrw_purge_order_log(o, XRW_LOG_ERROR, "error", "SHA-256 failed");
        return NULL;
    }

    b = xr_buf(id, sizeof(id) - 1);
    xr_buf_hex(&b, xr_str_of(digest, 16));
    id[sizeof(id) - 1] = '\0';

    now -= now % (XR_PURGE_ORDER_LIFE / 4);

    order = (xrw_order_t) {
        .tenant = o->tenant,
        .objects = lists[XR_PURGE_OBJECT], .nobjects = n[XR_PURGE_OBJECT],
        .prefixes = lists[XR_PURGE_PREFIX], .nprefixes = n[XR_PURGE_PREFIX],
        .tags = lists[XR_PURGE_TAG], .ntags = n[XR_PURGE_TAG],
        .all = n[XR_PURGE_TENANT] > 0, .soft = o->said.order.soft,
        .now = now, .life = XR_PURGE_ORDER_LIFE,
        .id = xrw_format(&o->arena, "%s-%lld", id, (long long) now)
    };

    text = xrw_order_make(&o->arena, &order, keys, &item, &why);

    if (text == NULL) {
        xrw_purge_order_log(o, XRW_LOG_ERROR, "error", why);
    }

    return text;
}


/* NULL, or why it is refused; "*again": that may be otherwise later. */

static const char *
xrw_purge_order_judge(xrw_purge_work_t *w, xrw_purge_held_t *o, bool *again)
{
    int64_t        now;
    const char    *why;
    xrw_tenant_t   tenant;
    xr_keyset_t    keys;

    *again = false;
    now = (int64_t) time(NULL);
    why = xrw_order_parse(&o->arena, xr_str(xrw_purge_order_text(o, "o")),
                          &o->said);

    if (why != NULL) {
        return why;
    }

    if (!xr_str_eq(o->said.tenant, xr_str(xrw_purge_order_text(o, "t")))) {
        return "it is an order of another tenant";
    }

    o->tenant = xrw_text(&o->arena, o->said.tenant);
    memset(&tenant, 0, sizeof(tenant));

    if (xrw_config_find(&o->arena, w->config, o->tenant, &tenant) != XR_OK) {
        return "there is no such tenant";
    }

    if (tenant.purge_keys == NULL) {
        return "the tenant has no \"purge_keys\"";
    }

    keys.n = 0;

    if (xrw_keys_purge(&o->arena, tenant.purge_keys, &keys) != XR_OK) {
        xr_keyset_wipe(&keys);
        *again = true;
        return "the tenant's purge keys cannot be read";
    }

    why = xrw_order_judge(&o->arena, &keys, now, w->conf.purge.age, &o->said);

    if (why == NULL) {
        o->anew = o->said.order.expires < now + XRW_PURGE_FRESH;
        o->text = o->anew ? xrw_purge_order_renew(o, &keys, now)
                          : o->said.text;
        *again = (o->text == NULL);
        why = *again ? "it cannot be signed anew" : NULL;
    }

    xr_keyset_wipe(&keys);

    return why;
}


/*
 * Orders that edges have had count once, so it does no harm to say it again,
 * but for one that was signed anew: it has been said if it has a batch.
 */

void
xrw_purge_order_announce(xrw_purge_work_t *w, xrw_purge_held_t *o,
    int64_t now)
{
    bool        ok;
    char       *text;
    json_t     *line;
    long long   heard;

    if (o->anew && o->batch[0] != '\0') {
        o->announced = true;
        return;
    }

    line = json_pack("{s:i, s:s}", "v", 1, "order", o->text);
    text = json_dumps(line, JSON_COMPACT);
    json_decref(line);

    ok = text != NULL && xrw_redis_publish(&w->feed.calls.redis,
                                           w->conf.channel, xr_str(text),
                                           &heard);
    free(text);

    if (!ok) {
        xrw_feed_lost(&w->feed, now);
        return;
    }

    o->announced = true;

    xrw_log(XRW_LOG_INFO, "announced", "{s:s, s:s, s:o, s:I}", "job",
            o->lease.id, "tenant", o->tenant, "order",
            xrw_json_text(o->said.order.id), "heard", (json_int_t) heard);
    xrw_purge_order_journal(w, o, "announced", NULL, NULL);
}


void
xrw_purge_order_take(xrw_purge_work_t *w, const char *entry, const char *id,
    int64_t now)
{
    bool               again;
    size_t             i;
    const char        *why;
    xrw_queue_rc_t     rc;
    xrw_purge_held_t  *o;

    for (i = 0; w->held[i].held; i++) { /* there is room: it was asked for */ }

    o = &w->held[i];
    rc = xrw_queue_take(&w->feed.calls, entry, id, &o->lease);

    if (rc == XRW_QUEUE_BURIED) {
        w->n.buried++;
        xrw_purge_order_log(o, XRW_LOG_ERROR, "buried",
                            "the worker ended each time");
        xrw_purge_order_journal(w, o, "buried", "the worker ended each time",
                                NULL);
    }

    if (rc != XRW_QUEUE_DONE) {

        if (rc == XRW_QUEUE_BROKEN) {
            xrw_feed_lost(&w->feed, now);
        }

        xrw_purge_order_forget(o);
        return;
    }

    o->held = true;
    o->since = now;
    o->renewed = now;
    o->batch = xrw_purge_order_text(o, "b");
    o->by = xrw_purge_order_text(o, "y");

    xrw_purge_order_log(o, XRW_LOG_INFO, "taken", NULL);

    why = xrw_purge_order_judge(w, o, &again);

    if (why == NULL) {
        xrw_purge_order_announce(w, o, now);

    } else if (again) {
        xrw_purge_order_fail(w, o, why, false, now);

    } else {
        xrw_purge_order_refuse(w, o, why, now);
    }
}
