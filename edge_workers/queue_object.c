/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "queue_call.h"

#include <stdio.h>
#include <string.h>


typedef struct {
    const char   *tenant;
    void        (*job)(void *ctx, const char *id, const json_t *record);
    void         *ctx;
} xrw_queue_scan_t;


/* One page; "from" is where the next one begins, empty behind the last. */

static bool
xrw_queue_page(xrw_queue_t *queue, const char *list, char from[64],
    const xrw_queue_scan_t *scan)
{
    size_t          i;
    json_t         *record;
    xr_str_t        text, next;
    xrw_arena_t     arena;
    xrw_strings_t   answer;

    arena = (xrw_arena_t) { NULL };

    const xr_str_t  args[] = {
        xr_str(list), xr_str(scan->tenant), xr_str(from)
    };

    if (!xrw_queue_run(queue, &arena, "scan", args, XR_COUNT(args), &answer))
    {
        xrw_arena_free(&arena);
        return false;
    }

    for (i = 1; i + 1 < answer.n; i += 2) {
        text = answer.items[i + 1];
        record = json_loadb((const char *) text.data, text.len, 0, NULL);

        if (record != NULL) {
            scan->job(scan->ctx, xrw_text(&arena, answer.items[i]), record);
        }

        json_decref(record);
    }

    next = xrw_queue_word(&answer, 0);
    (void) snprintf(from, 64, "%.*s", (int) next.len,
                    (const char *) next.data);
    xrw_arena_free(&arena);

    return true;
}


static bool
xrw_queue_pages(xrw_queue_t *queue, const char *list, const char *begin,
    char last[64], const xrw_queue_scan_t *scan)
{
    char  from[64];

    (void) snprintf(from, sizeof(from), "%s", begin);

    do {
        (void) snprintf(last, 64, "%s", from);

        if (!xrw_queue_page(queue, list, from, scan)) {
            return false;
        }

    } while (from[0] != '\0');

    return true;
}


/*
 * What waits may be queued again before its turn here comes: it is at the end
 * of the stream then, which is read once more from where it ended.
 */

bool
xrw_queue_scan(xrw_queue_t *queue, const char *tenant, bool dead,
    void (*job)(void *ctx, const char *id, const json_t *record), void *ctx)
{
    char               end[64], none[64];
    xrw_queue_scan_t   scan;

    scan = (xrw_queue_scan_t) { tenant, job, ctx };

    return xrw_queue_pages(queue, "s", "-", end, &scan)
           && xrw_queue_pages(queue, "w", "0", none, &scan)
           && xrw_queue_pages(queue, "s", end, none, &scan)
           && (!dead || xrw_queue_pages(queue, "x", "0", none, &scan));
}


static const char *
xrw_queue_lock_name(xrw_arena_t *arena, const char *tenant, xr_str_t key)
{
    return xrw_format(arena, "%s/%.*s", tenant, (int) key.len,
                      (const char *) key.data);
}


xrw_queue_rc_t
xrw_queue_lock(xrw_queue_t *queue, const char *tenant, xr_str_t key,
    const char *owner, char id[XR_JOB_ID_SIZE + 1])
{
    char             time[XRW_QUEUE_TEXT];
    xr_str_t         word, job;
    xrw_arena_t      arena;
    xrw_strings_t    answer;
    xrw_queue_rc_t   rc;

    arena = (xrw_arena_t) { NULL };
    (void) snprintf(time, sizeof(time), "%d", XRW_QUEUE_LOCK * 1000);
    id[0] = '\0';

    const xr_str_t  args[] = {
        xr_str(xrw_queue_lock_name(&arena, tenant, key)), xr_str(owner),
        xr_str(time)
    };

    if (!xrw_queue_run(queue, &arena, "lock", args, XR_COUNT(args), &answer))
    {
        xrw_arena_free(&arena);
        return XRW_QUEUE_BROKEN;
    }

    word = xrw_queue_word(&answer, 0);
    rc = xr_str_eq(word, xr_str("done")) ? XRW_QUEUE_DONE : XRW_QUEUE_LOST;
    job = xrw_queue_word(&answer, 1);

    if (xr_job_id_ok(job)) {
        memcpy(id, job.data, XR_JOB_ID_SIZE);
        id[XR_JOB_ID_SIZE] = '\0';
    }

    xrw_arena_free(&arena);

    return rc;
}


bool
xrw_queue_unlock(xrw_queue_t *queue, const char *tenant, xr_str_t key,
    const char *owner)
{
    bool           ok;
    xrw_arena_t    arena;
    xrw_strings_t  answer;

    arena = (xrw_arena_t) { NULL };

    const xr_str_t  args[] = {
        xr_str(xrw_queue_lock_name(&arena, tenant, key)), xr_str(owner)
    };

    ok = xrw_queue_run(queue, &arena, "unlock", args, XR_COUNT(args),
                       &answer);
    xrw_arena_free(&arena);

    return ok;
}
