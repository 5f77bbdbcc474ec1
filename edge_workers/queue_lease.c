/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "queue_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define XRW_QUEUE_TRIES_TEXT  "5"

#define XRW_QUEUE_PAGES       100       /* of entries that may be reclaimed */

_Static_assert(XRW_QUEUE_ATTEMPTS == 5, "as in XRW_QUEUE_TRIES_TEXT");


void
xrw_lease_free(xrw_lease_t *lease)
{
    json_decref(lease->record);
    memset(lease, 0, sizeof(xrw_lease_t));
}


bool
xrw_queue_ask(xrw_queue_t *queue, bool wait)
{
    size_t    n;
    char      block[XRW_QUEUE_TEXT];
    xr_str_t  args[11];

    (void) snprintf(block, sizeof(block), "%d", XRW_QUEUE_BLOCK);

    n = 0;
    args[n++] = xr_str("XREADGROUP");
    args[n++] = xr_str("GROUP");
    args[n++] = xrw_queue_group(queue);
    args[n++] = xr_str(queue->consumer);
    args[n++] = xr_str("COUNT");
    args[n++] = xr_str("1");

    if (wait) {
        args[n++] = xr_str("BLOCK");
        args[n++] = xr_str(block);
    }

    args[n++] = xr_str("STREAMS");
    args[n++] = xrw_queue_stream(queue);
    args[n++] = xr_str(">");

    return xrw_redis_ask(&queue->redis, args, n);
}


/* An entry and the job that it names, both of the shape that they have. */

static bool
xrw_queue_entry(xr_str_t entry, xr_str_t id, char entry_out[48],
    char id_out[XR_JOB_ID_SIZE + 1])
{
    if (entry.len == 0 || entry.len >= 48 || !xr_job_id_ok(id)) {
        return false;
    }

    (void) snprintf(entry_out, 48, "%.*s", (int) entry.len,
                    (const char *) entry.data);
    (void) snprintf(id_out, XR_JOB_ID_SIZE + 1, "%.*s", (int) id.len,
                    (const char *) id.data);

    return true;
}


/* The answer is flat: stream, entry, "i", id. */

xrw_queue_rc_t
xrw_queue_answer(xrw_queue_t *queue, char entry[48],
    char id[XR_JOB_ID_SIZE + 1], bool *there)
{
    xrw_arena_t      arena;
    xrw_strings_t    answer;
    xrw_queue_rc_t   rc;

    arena = (xrw_arena_t) { NULL };

    if (!xrw_redis_answer(&queue->redis, &arena, &answer, there)) {
        rc = XRW_QUEUE_BROKEN;

    } else {
        rc = (*there && xrw_queue_entry(xrw_queue_word(&answer, 1),
                                        xrw_queue_word(&answer, 3), entry, id))
             ? XRW_QUEUE_DONE : XRW_QUEUE_NONE;
    }

    xrw_arena_free(&arena);

    return rc;
}


/* The answer is flat: where to go on, entry, "i", id, entries that are gone. */

xrw_queue_rc_t
xrw_queue_reclaim(xrw_queue_t *queue, int64_t idle, char entry[48],
    char id[XR_JOB_ID_SIZE + 1])
{
    char            *from, number[XRW_QUEUE_TEXT];
    unsigned         pages;
    xrw_arena_t      arena;
    xrw_strings_t    answer;
    xrw_queue_rc_t   rc;

    (void) snprintf(number, sizeof(number), "%lld", (long long) idle);

    arena = (xrw_arena_t) { NULL };
    rc = XRW_QUEUE_NONE;
    from = xrw_text(&arena, xr_str("0-0"));

    /* Redis looks at ten entries at a time, which may all be in work */

    for (pages = 0; pages < XRW_QUEUE_PAGES && rc == XRW_QUEUE_NONE; pages++) {

        const xr_str_t  args[] = {
            xr_str("XAUTOCLAIM"), xrw_queue_stream(queue),
            xrw_queue_group(queue), xr_str(queue->consumer), xr_str(number),
            xr_str(from), xr_str("COUNT"), xr_str("1")
        };

        if (!xrw_redis_strings(&queue->redis, &arena, args, XR_COUNT(args),
                               &answer))
        {
            rc = XRW_QUEUE_BROKEN;
            break;
        }

        if (xrw_queue_entry(xrw_queue_word(&answer, 1),
                            xrw_queue_word(&answer, 3), entry, id))
        {
            rc = XRW_QUEUE_DONE;
        }

        from = xrw_text(&arena, xrw_queue_word(&answer, 0));

        if (strcmp(from, "0-0") == 0 || from[0] == '\0') {
            break;
        }
    }

    xrw_arena_free(&arena);

    return rc;
}


static xrw_queue_rc_t
xrw_queue_rc(xr_str_t word)
{
    return xr_str_eq(word, xr_str("done")) ? XRW_QUEUE_DONE
           : xr_str_eq(word, xr_str("lost")) ? XRW_QUEUE_LOST
           : xr_str_eq(word, xr_str("buried")) ? XRW_QUEUE_BURIED
           : XRW_QUEUE_NONE;
}


xrw_queue_rc_t
xrw_queue_take(xrw_queue_t *queue, const char *entry, const char *id,
    xrw_lease_t *out)
{
    xr_str_t         text;
    xrw_arena_t      arena;
    xrw_strings_t    answer;
    xrw_queue_rc_t   rc;

    const xr_str_t  args[] = {
        xr_str(id), xr_str(queue->consumer), xr_str(entry),
        xr_str(XRW_QUEUE_TRIES_TEXT)
    };

    memset(out, 0, sizeof(xrw_lease_t));
    arena = (xrw_arena_t) { NULL };

    if (!xrw_queue_run(queue, &arena, "take", args, XR_COUNT(args), &answer))
    {
        xrw_arena_free(&arena);
        return XRW_QUEUE_BROKEN;
    }

    rc = xrw_queue_rc(xrw_queue_word(&answer, 0));
    text = xrw_queue_word(&answer, 1);

    (void) snprintf(out->id, sizeof(out->id), "%s", id);
    (void) snprintf(out->entry, sizeof(out->entry), "%s", entry);

    out->record = (text.len > 0) ? json_loadb((const char *) text.data,
                                              text.len, 0, NULL) : NULL;
    out->attempt = (unsigned) json_integer_value(json_object_get(out->record,
                                                                 "n"));
    out->queued = json_integer_value(json_object_get(out->record, "q"));

    xrw_arena_free(&arena);

    return rc;
}


/* What the holder of a lease says of it. */

static xrw_queue_rc_t
xrw_queue_lease(xrw_queue_t *queue, const char *op, const xrw_lease_t *lease,
    const xr_str_t *more, size_t n)
{
    char             attempt[XRW_QUEUE_TEXT];
    size_t           i;
    xr_str_t         args[XRW_QUEUE_ARGS];
    xrw_arena_t      arena;
    xrw_strings_t    answer;
    xrw_queue_rc_t   rc;

    (void) snprintf(attempt, sizeof(attempt), "%u", lease->attempt);

    args[0] = xr_str(lease->id);
    args[1] = xr_str(queue->consumer);
    args[2] = xr_str(lease->entry);
    args[3] = xr_str(attempt);

    for (i = 0; i < n; i++) {
        args[4 + i] = more[i];
    }

    arena = (xrw_arena_t) { NULL };

    rc = xrw_queue_run(queue, &arena, op, args, 4 + n, &answer)
         ? xrw_queue_rc(xrw_queue_word(&answer, 0)) : XRW_QUEUE_BROKEN;

    xrw_arena_free(&arena);

    return rc;
}


xrw_queue_rc_t
xrw_queue_renew(xrw_queue_t *queue, const xrw_lease_t *lease)
{
    return xrw_queue_lease(queue, "renew", lease, NULL, 0);
}


xrw_queue_rc_t
xrw_queue_release(xrw_queue_t *queue, const xrw_lease_t *lease)
{
    return xrw_queue_lease(queue, "release", lease, NULL, 0);
}


void
xrw_lease_job(const xrw_lease_t *lease, xr_job_t *out)
{
    size_t       i;
    xr_str_t    *fields[5];
    const char  *text;

    static const char *const  names[] = { "t", "k", "h", "e", "p" };

    fields[0] = &out->tenant;
    fields[1] = &out->key;
    fields[2] = &out->sha256;
    fields[3] = &out->etag;
    fields[4] = &out->preset;

    for (i = 0; i < XR_COUNT(names); i++) {
        text = json_string_value(json_object_get(lease->record, names[i]));
        *fields[i] = xr_str(text != NULL ? text : "");
    }
}


xrw_queue_rc_t
xrw_queue_done(xrw_queue_t *queue, const xrw_lease_t *lease,
    const json_t *result)
{
    char            *text, source[XR_JOB_ID_SIZE];
    xr_job_t         job;
    xrw_queue_rc_t   rc;

    text = json_dumps(result, JSON_COMPACT);
    xrw_lease_job(lease, &job);

    if (text == NULL || xr_job_source_id(&job, source) != XR_OK) {
        free(text);
        return XRW_QUEUE_LOST;
    }

    const xr_str_t  more[] = { xr_str(text),
                               xr_str_of(source, XR_JOB_ID_SIZE) };

    rc = xrw_queue_lease(queue, "done", lease, more, XR_COUNT(more));

    free(text);

    return rc;
}


xrw_queue_rc_t
xrw_queue_fail(xrw_queue_t *queue, const xrw_lease_t *lease,
    const char *reason, bool final, int64_t delay)
{
    char  number[XRW_QUEUE_TEXT];

    (void) snprintf(number, sizeof(number), "%lld", (long long) delay);

    const xr_str_t  more[] = {
        xr_str(reason), xr_str(final ? "1" : "0"), xr_str(number),
        xr_str(XRW_QUEUE_TRIES_TEXT)
    };

    return xrw_queue_lease(queue, "fail", lease, more, XR_COUNT(more));
}


xrw_queue_rc_t
xrw_queue_defer(xrw_queue_t *queue, const xrw_lease_t *lease,
    const char *reason, int64_t delay)
{
    char  number[XRW_QUEUE_TEXT];

    (void) snprintf(number, sizeof(number), "%lld", (long long) delay);

    const xr_str_t  more[] = { xr_str(reason), xr_str(number) };

    return xrw_queue_lease(queue, "defer", lease, more, XR_COUNT(more));
}
