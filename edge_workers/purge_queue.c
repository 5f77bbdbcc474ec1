/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "purge_queue.h"
#include "json.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define XRW_PURGE_KEEP   "2592000000"   /* ms: as long as records of orders */
#define XRW_PURGE_BATCH  "xr:{purge}:batch:"
#define XRW_PURGE_ORDER  "xr:{purge}:order:"
#define XRW_PURGE_HOT    "xr:{purge}:hot:"


/*
 * KEYS: the batch, and what names of records begin with.  ARGV: what to do,
 * and its words.  Nothing is written unless all of the orders are held.
 */

static const char  xrw_purge_script[] =

"local op = ARGV[1]\n"

"if op == 'set' then\n"
" local s = redis.call('GET', KEYS[1])\n"
" if not s then return { 'none' } end\n"
" local b = cjson.decode(s)\n"
" b[ARGV[2]] = ARGV[3]\n"
" redis.call('SET', KEYS[1], cjson.encode(b), 'PX', ARGV[4])\n"
" return { 'done' }\n"
"end\n"

"local records = {}\n"
"for n, o in ipairs(cjson.decode(ARGV[4])) do\n"
" local s = redis.call('GET', KEYS[2] .. o.id)\n"
" local r = s and cjson.decode(s)\n"
" if not r or r.s ~= 'r' or r.w ~= ARGV[5] or r.x ~= o.entry\n"
"  or r.n ~= o.attempt or (r.b and r.b ~= ARGV[7])\n"
"  then return { 'lost', n } end\n"
" records[n] = { o.id, r }\n"
"end\n"

"redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
"for _, o in ipairs(records) do\n"
" o[2].b = ARGV[6]\n"
" redis.call('SET', KEYS[2] .. o[1], cjson.encode(o[2]))\n"
"end\n"
"return { 'done' }\n";


static bool
xrw_purge_call(xrw_queue_t *queue, xrw_arena_t *arena, const char *id,
    const xr_str_t *args, size_t n, xrw_strings_t *out)
{
    size_t    i, count;
    xr_str_t  words[5 + 7];

    count = 0;
    words[count++] = xr_str("EVAL");
    words[count++] = xr_str(xrw_purge_script);
    words[count++] = xr_str("2");
    words[count++] = xr_str(xrw_format(arena, XRW_PURGE_BATCH "%s", id));
    words[count++] = xr_str(XRW_PURGE_ORDER);

    for (i = 0; i < n; i++) {
        words[count++] = args[i];
    }

    return xrw_redis_strings(&queue->redis, arena, words, count, out);
}


/* No two orders are the same, so what is the same order is done once. */

static bool
xrw_purge_id(xr_str_t order, char id[XR_JOB_ID_SIZE + 1])
{
    uint8_t   digest[XR_SHA256_SIZE];
    xr_buf_t  b;

    if (xr_sha256(order, digest) != XR_OK) {
        return false;
    }

    b = xr_buf(id, XR_JOB_ID_SIZE);
    xr_buf_hex(&b, xr_str_of(digest, XR_JOB_ID_SIZE / 2));
    id[XR_JOB_ID_SIZE] = '\0';

    return true;
}


const char *
xrw_purge_by(xrw_arena_t *arena)
{
    char            host[65];
    struct passwd  *user;

    memset(host, 0, sizeof(host));
    (void) gethostname(host, sizeof(host) - 1);
    user = getpwuid(geteuid());

    return (user != NULL)
           ? xrw_format(arena, "%.24s@%.32s", user->pw_name, host)
           : xrw_format(arena, "%ld@%.32s", (long) geteuid(), host);
}


bool
xrw_purge_add(xrw_arena_t *arena, xrw_queue_t *queue,
    const xrw_order_t *order, const xr_keyset_t *keys, const char *by,
    char id[XR_JOB_ID_SIZE + 1], const char **item, const char **why)
{
    bool               ok, queued;
    char               state[XRW_QUEUE_STATE], source[XR_JOB_ID_SIZE];
    json_t            *record;
    xr_job_t           job;
    const char        *text;
    xrw_order_said_t   said;

    text = xrw_order_make(arena, order, keys, item, why);

    if (text == NULL) {
        return false;
    }

    *why = xrw_order_parse(arena, xr_str(text), &said);

    if (*why == NULL) {
        *why = xrw_order_judge(arena, keys, order->now, 0, &said);
    }

    if (*why != NULL) {
        return false;
    }

    job = (xr_job_t) { .tenant = said.tenant, .key = said.order.id };

    if (!xrw_purge_id(xr_str(text), id)
        || xr_job_source_id(&job, source) != XR_OK)
    {
        *why = "SHA-256 failed";
        return false;
    }

    record = json_pack("{s:o, s:o, s:s, s:o}", "t", xrw_json_text(job.tenant),
                       "k", xrw_json_text(job.key), "o", text, "y",
                       xrw_json_text(xr_str(by)));

    ok = xrw_queue_put(queue, id, source, record, false, state, &queued);
    json_decref(record);

    if (ok && !queued) {
        *why = "the queue is full";
        return false;
    }

    *why = xrw_queue_error(queue);

    return ok;
}


static json_t *
xrw_purge_batch_json(const xrw_purge_batch_t *batch)
{
    size_t   i;
    json_t  *paths;

    paths = json_array();

    for (i = 0; i < batch->npaths; i++) {
        (void) json_array_append_new(paths,
                                     xrw_json_text(xr_str(batch->paths[i])));
    }

    return json_pack("{s:s, s:s, s:s, s:o}", "id", batch->id, "tenant",
                     batch->tenant, "distribution", batch->distribution,
                     "paths", paths);
}


/* An answer of the script: "done", or "lost" and which one. */

static xrw_queue_rc_t
xrw_purge_said(const xrw_strings_t *answer, size_t *which)
{
    xr_str_t  number;
    uint64_t  n;

    if (answer->n > 0 && xr_str_eq(answer->items[0], xr_str("done"))) {
        return XRW_QUEUE_DONE;
    }

    *which = 0;

    if (answer->n > 1) {
        number = answer->items[1];

        if (xr_str_uint(&number, &n) == XR_OK && n > 0) {
            *which = (size_t) n - 1;
        }
    }

    return XRW_QUEUE_LOST;
}


xrw_queue_rc_t
xrw_purge_batch_fix(xrw_queue_t *queue, const xrw_purge_batch_t *batch,
    const char *before, const xrw_lease_t *const *leases, size_t n,
    size_t *which)
{
    char            *text, *orders;
    size_t           i;
    json_t          *json;
    xrw_arena_t      arena;
    xrw_strings_t    answer;
    xrw_queue_rc_t   rc;

    json = xrw_purge_batch_json(batch);
    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);

    json = json_array();

    for (i = 0; i < n; i++) {
        (void) json_array_append_new(json, json_pack("{s:s, s:s, s:i}", "id",
                           leases[i]->id, "entry", leases[i]->entry,
                           "attempt", (int) leases[i]->attempt));
    }

    orders = json_dumps(json, JSON_COMPACT);
    json_decref(json);

    arena = (xrw_arena_t) { NULL };
    rc = XRW_QUEUE_NONE;

    if (text != NULL && orders != NULL) {
        const xr_str_t  args[] = {
            xr_str("fix"), xr_str(text), xr_str(XRW_PURGE_KEEP),
            xr_str(orders), xr_str(queue->consumer), xr_str(batch->id),
            xr_str(before)
        };

        rc = xrw_purge_call(queue, &arena, batch->id, args, XR_COUNT(args),
                            &answer)
             ? xrw_purge_said(&answer, which) : XRW_QUEUE_BROKEN;
    }

    xrw_arena_free(&arena);
    free(text);
    free(orders);

    return rc;
}


bool
xrw_purge_batch_set(xrw_queue_t *queue, const char *id, const char *name,
    const char *value)
{
    bool           ok;
    xrw_arena_t    arena;
    xrw_strings_t  answer;

    const xr_str_t  args[] = { xr_str("set"), xr_str(name), xr_str(value),
                               xr_str(XRW_PURGE_KEEP) };

    arena = (xrw_arena_t) { NULL };
    ok = xrw_purge_call(queue, &arena, id, args, XR_COUNT(args), &answer);
    xrw_arena_free(&arena);

    return ok;
}


static const char *
xrw_purge_member(xrw_arena_t *arena, const json_t *json, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(json, name));

    return (text != NULL) ? xrw_text(arena, xr_str(text)) : NULL;
}


static bool
xrw_purge_batch_read(xrw_arena_t *arena, const json_t *json,
    xrw_purge_batch_t *out)
{
    size_t         i;
    const char    *path;
    const json_t  *paths;

    out->id = xrw_purge_member(arena, json, "id");
    out->tenant = xrw_purge_member(arena, json, "tenant");
    out->distribution = xrw_purge_member(arena, json, "distribution");
    out->invalidation = xrw_purge_member(arena, json, "invalidation");
    out->confirmed = xrw_purge_member(arena, json, "confirmed") != NULL;

    paths = json_object_get(json, "paths");
    out->npaths = json_array_size(paths);
    out->paths = xrw_alloc(arena, (out->npaths + 1) * sizeof(char *));

    for (i = 0; i < out->npaths; i++) {
        path = json_string_value(json_array_get(paths, i));

        if (path == NULL) {
            return false;
        }

        out->paths[i] = xrw_text(arena, xr_str(path));
    }

    return out->npaths > 0 && out->id != NULL && out->tenant != NULL
           && out->distribution != NULL;
}


xrw_queue_rc_t
xrw_purge_batch_get(xrw_queue_t *queue, xrw_arena_t *arena, const char *id,
    xrw_purge_batch_t *out)
{
    bool            ok;
    json_t         *json;
    xr_str_t        text;
    xrw_strings_t   answer;

    const xr_str_t  args[] = {
        xr_str("GET"), xr_str(xrw_format(arena, XRW_PURGE_BATCH "%s", id))
    };

    memset(out, 0, sizeof(xrw_purge_batch_t));

    if (!xrw_redis_strings(&queue->redis, arena, args, XR_COUNT(args),
                           &answer))
    {
        return XRW_QUEUE_BROKEN;
    }

    text = (answer.n > 0) ? answer.items[0] : xr_str("");
    json = json_loadb((const char *) text.data, text.len, 0, NULL);
    ok = json != NULL && xrw_purge_batch_read(arena, json, out);
    json_decref(json);

    return ok ? XRW_QUEUE_DONE : XRW_QUEUE_NONE;
}


bool
xrw_purge_hot(xrw_queue_t *queue, xrw_arena_t *arena, const char *tenant,
    size_t max, xrw_strings_t *out)
{
    char  number[24];

    (void) snprintf(number, sizeof(number), "%zu", max - 1);

    const xr_str_t  args[] = {
        xr_str("ZREVRANGE"),
        xr_str(xrw_format(arena, XRW_PURGE_HOT "%s", tenant)),
        xr_str("0"), xr_str(number)
    };

    return xrw_redis_strings(&queue->redis, arena, args, XR_COUNT(args), out);
}
