/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "queue_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define XRW_QUEUE_KEYS  7
#define XRW_QUEUE_MAX   "1000000"       /* jobs that are not done */


typedef struct {
    char         letter;
    const char  *name;
} xrw_queue_name_t;


/* The hash tag keeps them on one node of a cluster. */

static const char *const  xrw_queue_keys[XRW_QUEUES][XRW_QUEUE_KEYS] = {
    { XRW_QUEUE_STREAM, XRW_QUEUE_STREAM ":later", XRW_QUEUE_STREAM ":dead",
      XRW_QUEUE_STREAM ":done", "xr:{jobs}:job:", "xr:{jobs}:of:",
      "xr:{jobs}:lock:" },
    { XRW_QUEUE_PURGES, XRW_QUEUE_PURGES ":later", XRW_QUEUE_PURGES ":dead",
      XRW_QUEUE_PURGES ":done", "xr:{purge}:order:", "xr:{purge}:of:",
      "xr:{purge}:lock:" }
};

static const xrw_queue_name_t  xrw_queue_states[] = {
    { 'q', "queued" }, { 'r', "running" }, { 'w', "waiting" },
    { 'd', "done" }, { 'x', "dead" }
};

static const xrw_queue_name_t  xrw_queue_members[] = {
    { 't', "tenant" }, { 'k', "key" }, { 'h', "sha256" }, { 'e', "etag" },
    { 'p', "preset" }, { 'n', "attempts" }, { 'q', "queued" },
    { 'u', "updated" }, { 'd', "due" }, { 'w', "worker" }, { 'y', "by" },
    { 'b', "batch" }
};


bool
xrw_queue_open(xrw_queue_t *queue, const xrw_redis_server_t *server,
    const char *consumer)
{
    return xrw_queue_open_kind(queue, XRW_QUEUE_PACK, server, consumer);
}


bool
xrw_queue_open_kind(xrw_queue_t *queue, xrw_queue_kind_t kind,
    const xrw_redis_server_t *server, const char *consumer)
{
    queue->kind = kind;
    queue->consumer = consumer;

    return xrw_redis_open(&queue->redis, server);
}


void
xrw_queue_close(xrw_queue_t *queue)
{
    xrw_redis_close(&queue->redis);
}


const char *
xrw_queue_error(const xrw_queue_t *queue)
{
    return queue->redis.error;
}


xr_str_t
xrw_queue_stream(const xrw_queue_t *queue)
{
    return xr_str(xrw_queue_keys[queue->kind][0]);
}


xr_str_t
xrw_queue_group(const xrw_queue_t *queue)
{
    return xr_str(strrchr(xrw_queue_keys[queue->kind][0], ':') + 1);
}


bool
xrw_queue_run(xrw_queue_t *queue, xrw_arena_t *arena, const char *op,
    const xr_str_t *args, size_t n, xrw_strings_t *out)
{
    size_t    i, count;
    xr_str_t  words[3 + XRW_QUEUE_KEYS + 1 + XRW_QUEUE_ARGS];

    count = 0;
    words[count++] = xr_str("EVAL");
    words[count++] = xr_str(xrw_queue_script);
    words[count++] = xr_str("7");

    for (i = 0; i < XRW_QUEUE_KEYS; i++) {
        words[count++] = xr_str(xrw_queue_keys[queue->kind][i]);
    }

    words[count++] = xr_str(op);

    for (i = 0; i < n && i < XRW_QUEUE_ARGS; i++) {
        words[count++] = args[i];
    }

    return xrw_redis_strings(&queue->redis, arena, words, count, out);
}


xr_str_t
xrw_queue_word(const xrw_strings_t *answer, size_t i)
{
    return (i < answer->n) ? answer->items[i] : xr_str("");
}


static const char *
xrw_queue_state(xr_str_t letter)
{
    size_t  i;

    for (i = 0; i < XR_COUNT(xrw_queue_states) && letter.len == 1; i++) {
        if (xrw_queue_states[i].letter == (char) letter.data[0]) {
            return xrw_queue_states[i].name;
        }
    }

    return xr_str_eq(letter, xr_str("full")) ? "full" : "";
}


json_t *
xrw_queue_public(const json_t *record, const char *id)
{
    char         name[2];
    size_t       i;
    json_t      *out, *value;
    const char  *state;

    out = json_object();
    state = json_string_value(json_object_get(record, "s"));

    (void) json_object_set_new(out, "id", json_string(id));
    (void) json_object_set_new(out, "state", json_string(
                    state != NULL ? xrw_queue_state(xr_str(state)) : ""));

    for (i = 0; i < XR_COUNT(xrw_queue_members); i++) {
        name[0] = xrw_queue_members[i].letter;
        name[1] = '\0';
        value = json_object_get(record, name);

        if (value != NULL) {
            (void) json_object_set(out, xrw_queue_members[i].name, value);
        }
    }

    value = json_object_get(record, "r");

    if (value != NULL) {
        (void) json_object_set(out, json_is_string(value) ? "reason"
                                                          : "result", value);
    }

    return out;
}


/* What an operation on a single job says: the state in which it was. */

static bool
xrw_queue_change(xrw_queue_t *queue, const char *op, const xr_str_t *args,
    size_t n, char state[XRW_QUEUE_STATE], bool *queued)
{
    bool           ok;
    xrw_arena_t    arena;
    xrw_strings_t  answer;

    arena = (xrw_arena_t) { NULL };
    ok = xrw_queue_run(queue, &arena, op, args, n, &answer);

    if (ok) {
        (void) snprintf(state, XRW_QUEUE_STATE, "%s",
                        xrw_queue_state(xrw_queue_word(&answer, 0)));
        *queued = xr_str_eq(xrw_queue_word(&answer, 1), xr_str("1"));
    }

    xrw_arena_free(&arena);

    return ok;
}


static void
xrw_queue_set(json_t *record, const char *name, xr_str_t value)
{
    if (value.len > 0) {
        (void) json_object_set_new(record, name,
                                   json_stringn((const char *) value.data,
                                                value.len));
    }
}


bool
xrw_queue_put(xrw_queue_t *queue, const char id[XR_JOB_ID_SIZE + 1],
    const char source[XR_JOB_ID_SIZE], const json_t *record, bool again,
    char state[XRW_QUEUE_STATE], bool *queued)
{
    bool   ok;
    char  *text;

    text = json_dumps(record, JSON_COMPACT);

    if (text == NULL) {
        (void) snprintf(queue->redis.error, sizeof(queue->redis.error),
                        "out of memory");
        return false;
    }

    const xr_str_t  args[] = {
        xr_str_of(id, XR_JOB_ID_SIZE), xr_str(text),
        xr_str(again ? "1" : "0"), xr_str(XRW_QUEUE_MAX),
        xr_str_of(source, XR_JOB_ID_SIZE)
    };

    ok = xrw_queue_change(queue, "add", args, XR_COUNT(args), state, queued);

    free(text);

    return ok;
}


bool
xrw_queue_add(xrw_queue_t *queue, const xr_job_t *job, bool again,
    char id[XR_JOB_ID_SIZE + 1], char state[XRW_QUEUE_STATE], bool *queued)
{
    bool     ok;
    char     source[XR_JOB_ID_SIZE];
    json_t  *record;

    id[XR_JOB_ID_SIZE] = '\0';

    if (xr_job_id(job, id) != XR_OK
        || xr_job_source_id(job, source) != XR_OK)
    {
        (void) snprintf(queue->redis.error, sizeof(queue->redis.error),
                        "out of memory");
        return false;
    }

    record = json_object();
    xrw_queue_set(record, "t", job->tenant);
    xrw_queue_set(record, "k", job->key);
    xrw_queue_set(record, "h", job->sha256);
    xrw_queue_set(record, "e", job->etag);
    xrw_queue_set(record, "p", job->preset);

    ok = xrw_queue_put(queue, id, source, record, again, state, queued);

    json_decref(record);

    return ok;
}


json_t *
xrw_queue_show(xrw_queue_t *queue, const char *id, bool *broken)
{
    json_t         *record;
    xr_str_t        text;
    xrw_arena_t     arena;
    xrw_strings_t   answer;

    arena = (xrw_arena_t) { NULL };

    const xr_str_t  args[] = {
        xr_str("GET"),
        xr_str(xrw_format(&arena, "%s%s", xrw_queue_keys[queue->kind][4],
                          id))
    };

    *broken = !xrw_redis_strings(&queue->redis, &arena, args, XR_COUNT(args),
                                 &answer);
    text = *broken ? xr_str("") : xrw_queue_word(&answer, 0);
    record = (text.len > 0) ? json_loadb((const char *) text.data, text.len,
                                         0, NULL) : NULL;

    xrw_arena_free(&arena);

    return record;
}


json_t *
xrw_queue_list(xrw_queue_t *queue, const char *state, size_t max)
{
    char            letter[2], number[XRW_QUEUE_TEXT];
    size_t          i;
    json_t         *list, *record;
    xr_str_t        text;
    xrw_arena_t     arena;
    xrw_strings_t   answer;

    letter[0] = state[0];
    letter[1] = '\0';

    for (i = 0; i < XR_COUNT(xrw_queue_states); i++) {
        if (strcmp(xrw_queue_states[i].name, state) == 0) {
            letter[0] = xrw_queue_states[i].letter;
        }
    }

    (void) snprintf(number, sizeof(number), "%zu", max);

    arena = (xrw_arena_t) { NULL };

    const xr_str_t  args[] = { xr_str(letter), xr_str(number) };

    if (!xrw_queue_run(queue, &arena, "list", args, XR_COUNT(args), &answer))
    {
        xrw_arena_free(&arena);
        return NULL;
    }

    list = json_array();

    for (i = 0; i + 1 < answer.n; i += 2) {
        text = answer.items[i + 1];
        record = json_loadb((const char *) text.data, text.len, 0, NULL);
        (void) json_array_append_new(list,
                    xrw_queue_public(record,
                                     (const char *) answer.items[i].data));
        json_decref(record);
    }

    xrw_arena_free(&arena);

    return list;
}


bool
xrw_queue_retry(xrw_queue_t *queue, const char *id,
    char state[XRW_QUEUE_STATE])
{
    bool  queued;

    const xr_str_t  args[] = { xr_str(id) };

    return xrw_queue_change(queue, "retry", args, 1, state, &queued);
}


bool
xrw_queue_drop(xrw_queue_t *queue, const char *id,
    char state[XRW_QUEUE_STATE])
{
    bool  queued;

    const xr_str_t  args[] = { xr_str(id), xr_str(XRW_QUEUE_DROPPED_MS) };

    return xrw_queue_change(queue, "drop", args, 2, state, &queued);
}


static int64_t
xrw_queue_number(const xrw_strings_t *answer, size_t i)
{
    xr_str_t  s;
    uint64_t  n;

    s = xrw_queue_word(answer, i);

    return (xr_str_uint(&s, &n) == XR_OK && n <= INT64_MAX) ? (int64_t) n
                                                            : -1;
}


/* An operation that says "n" numbers. */

static bool
xrw_queue_numbers(xrw_queue_t *queue, const char *op, const xr_str_t *args,
    size_t nargs, int64_t *numbers, size_t n)
{
    bool           ok;
    size_t         i;
    xrw_arena_t    arena;
    xrw_strings_t  answer;

    arena = (xrw_arena_t) { NULL };
    ok = xrw_queue_run(queue, &arena, op, args, nargs, &answer);

    for (i = 0; ok && i < n; i++) {
        numbers[i] = xrw_queue_number(&answer, i);
    }

    xrw_arena_free(&arena);

    return ok;
}


bool
xrw_queue_count(xrw_queue_t *queue, xrw_queue_counts_t *out)
{
    int64_t  n[4];

    if (!xrw_queue_numbers(queue, "count", NULL, 0, n, XR_COUNT(n))) {
        return false;
    }

    *out = (xrw_queue_counts_t) {
        .queued = n[0], .running = n[1], .waiting = n[2], .dead = n[3]
    };

    return true;
}


bool
xrw_queue_begin(xrw_queue_t *queue)
{
    return xrw_queue_numbers(queue, "begin", NULL, 0, NULL, 0);
}


void
xrw_queue_leave(xrw_queue_t *queue)
{
    const xr_str_t  args[] = { xr_str(""), xr_str(queue->consumer) };

    (void) xrw_queue_numbers(queue, "leave", args, XR_COUNT(args), NULL, 0);
}


bool
xrw_queue_promote(xrw_queue_t *queue, int64_t *next)
{
    return xrw_queue_numbers(queue, "promote", NULL, 0, next, 1);
}
