/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "cli.h"
#include "json.h"
#include "queue.h"
#include "target.h"
#include "when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define XRW_JOBS_REDIS  3               /* options for Redis, and --queue */
#define XRW_JOBS_MAX    1000


typedef struct {
    xrw_arena_t          arena;
    xrw_redis_flags_t    redis;
    xrw_redis_server_t   server;
    xrw_queue_t          queue;
    const char          *kind;
    bool                 json;
    bool                 again;
    const char          *state;
    const char          *limit;
    const char          *preset;
    const char          *sha256;
} xrw_jobs_t;


static const char *const  xrw_jobs_states[] = {
    "running", "queued", "waiting", "dead", "done"
};


/* The options that all of them have; returns their number. */

static size_t
xrw_jobs_options(xrw_jobs_t *jobs, xrw_option_t *options)
{
    size_t        n;
    xrw_option_t  table[XRW_REDIS_OPTIONS];

    memset(jobs, 0, sizeof(xrw_jobs_t));
    (void) xrw_redis_options(&jobs->redis, table);
    memcpy(options, table, 2 * sizeof(xrw_option_t));
    n = 2;

    options[n++] = (xrw_option_t) { "queue", "pack|purge", XRW_OPTION_TEXT,
        &jobs->kind, "jobs that pack, or orders to purge (pack)" };

    options[n++] = (xrw_option_t) { "json", NULL, XRW_OPTION_FLAG,
        &jobs->json, "one JSON object per line" };

    return n;
}


static int
xrw_jobs_open(xrw_jobs_t *jobs, const xrw_command_t *cmd)
{
    int               status;
    xrw_queue_kind_t  kind;

    kind = XRW_QUEUE_PACK;

    if (jobs->kind != NULL && strcmp(jobs->kind, "purge") == 0) {
        kind = XRW_QUEUE_PURGE;

    } else if (jobs->kind != NULL && strcmp(jobs->kind, "pack") != 0) {
        return xrw_usage(cmd, "--queue %s: neither pack nor purge",
                         jobs->kind);
    }

    status = xrw_redis_server(&jobs->arena, cmd, &jobs->redis, &jobs->server);

    if (status != XRW_OK) {
        return status;
    }

    return xrw_queue_open_kind(&jobs->queue, kind, &jobs->server, NULL)
           ? XRW_OK : xrw_error("%s: %s", jobs->server.name,
                                xrw_queue_error(&jobs->queue));
}


static int
xrw_jobs_broken(xrw_jobs_t *jobs)
{
    return xrw_error("%s: %s", jobs->server.name,
                     xrw_queue_error(&jobs->queue));
}


static void
xrw_jobs_close(xrw_jobs_t *jobs)
{
    xrw_queue_close(&jobs->queue);
    xrw_arena_free(&jobs->arena);
}


static void
xrw_jobs_say(xrw_jobs_t *jobs, const char *id, const char *state)
{
    json_t  *line;

    if (!jobs->json) {
        printf("%s  %s\n", id, state);
        return;
    }

    line = json_object();
    (void) json_object_set_new(line, "id", json_string(id));
    (void) json_object_set_new(line, "state", json_string(state));
    xrw_json_print(line);
}


static const char *
xrw_jobs_text(const json_t *job, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(job, name));

    return (text != NULL) ? text : "";
}


static void
xrw_jobs_line(const json_t *job)
{
    printf("%s  %-7s  %lld  ", xrw_jobs_text(job, "id"),
           xrw_jobs_text(job, "state"),
           (long long) json_integer_value(json_object_get(job, "attempts")));

    xrw_print(xr_str(xrw_jobs_text(job, "tenant")));
    (void) putchar(' ');
    xrw_print(xr_str(xrw_jobs_text(job, "key")));

    if (xrw_jobs_text(job, "reason")[0] != '\0') {
        (void) fputs("  ", stdout);
        xrw_print(xr_str(xrw_jobs_text(job, "reason")));
    }

    (void) putchar('\n');
}


static int
xrw_jobs_list_run(xrw_jobs_t *jobs, size_t max)
{
    size_t   i, j;
    json_t  *list;

    for (i = 0; i < XR_COUNT(xrw_jobs_states); i++) {

        if (jobs->state != NULL
            && strcmp(jobs->state, xrw_jobs_states[i]) != 0)
        {
            continue;
        }

        list = xrw_queue_list(&jobs->queue, xrw_jobs_states[i], max);

        if (list == NULL) {
            return xrw_jobs_broken(jobs);
        }

        for (j = 0; j < json_array_size(list); j++) {
            if (jobs->json) {
                xrw_json_print(json_incref(json_array_get(list, j)));

            } else {
                xrw_jobs_line(json_array_get(list, j));
            }
        }

        json_decref(list);
    }

    return XRW_OK;
}


int
xrw_jobs_list(const xrw_command_t *cmd, int argc, char **argv)
{
    int           status;
    size_t        i, n;
    uint64_t      max;
    xr_str_t      text;
    xrw_jobs_t    jobs;
    xrw_option_t  options[XRW_JOBS_REDIS + 3];

    n = xrw_jobs_options(&jobs, options);
    jobs.limit = "100";

    options[n++] = (xrw_option_t) { "state", "NAME", XRW_OPTION_TEXT,
        &jobs.state, "running, queued, waiting, dead or done; else all" };
    options[n++] = (xrw_option_t) { "limit", "N", XRW_OPTION_TEXT,
        &jobs.limit, "of each state, up to 1000 (100)" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc > 0) {
        return xrw_usage(cmd, "no arguments are taken");
    }

    for (i = 0; jobs.state != NULL && i < XR_COUNT(xrw_jobs_states)
                && strcmp(jobs.state, xrw_jobs_states[i]) != 0; i++)
    {
        /* void */
    }

    if (i == XR_COUNT(xrw_jobs_states)) {
        return xrw_usage(cmd, "--state %s: no job is ever in it", jobs.state);
    }

    text = xr_str(jobs.limit);

    if (xr_str_uint(&text, &max) != XR_OK || text.len > 0 || max < 1
        || max > XRW_JOBS_MAX)
    {
        return xrw_usage(cmd, "--limit %s: not a number from 1 to 1000",
                         jobs.limit);
    }

    status = xrw_jobs_open(&jobs, cmd);

    if (status == XRW_OK) {
        status = xrw_jobs_list_run(&jobs, (size_t) max);
    }

    xrw_jobs_close(&jobs);

    return status;
}


static void
xrw_jobs_show_text(const json_t *job)
{
    char         when[XRW_WHEN_TEXT], *text;
    json_t      *value;
    const char  *name;

    json_object_foreach((json_t *) (uintptr_t) job, name, value) {
        printf("%-9s ", name);

        if (json_is_string(value)) {
            xrw_print(xr_str(json_string_value(value)));

        } else if (json_is_integer(value) && strcmp(name, "attempts") != 0) {
            xrw_when_text(json_integer_value(value) / 1000, when);
            (void) fputs(when, stdout);

        } else {
            text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
            xrw_print(xr_str(text != NULL ? text : ""));
            free(text);
        }

        (void) putchar('\n');
    }
}


static int
xrw_jobs_show_one(xrw_jobs_t *jobs, const char *id)
{
    bool     broken;
    json_t  *record, *job;

    record = xrw_queue_show(&jobs->queue, id, &broken);

    if (record == NULL) {
        return broken ? xrw_jobs_broken(jobs)
                      : xrw_error("%s: no such job", id);
    }

    job = xrw_queue_public(record, id);
    json_decref(record);

    if (jobs->json) {
        xrw_json_print(job);

    } else {
        xrw_jobs_show_text(job);
        json_decref(job);
    }

    return XRW_OK;
}


static int
xrw_jobs_retry_one(xrw_jobs_t *jobs, const char *id)
{
    char  state[XRW_QUEUE_STATE];

    if (!xrw_queue_retry(&jobs->queue, id, state)) {
        return xrw_jobs_broken(jobs);
    }

    if (state[0] == '\0') {
        return xrw_error("%s: no such job", id);
    }

    xrw_jobs_say(jobs, id, strcmp(state, "running") == 0 ? state : "queued");

    return XRW_OK;
}


static int
xrw_jobs_drop_one(xrw_jobs_t *jobs, const char *id)
{
    char  state[XRW_QUEUE_STATE];

    if (!xrw_queue_drop(&jobs->queue, id, state)) {
        return xrw_jobs_broken(jobs);
    }

    if (state[0] == '\0') {
        return xrw_error("%s: no such job", id);
    }

    xrw_jobs_say(jobs, id, "dropped");

    return XRW_OK;
}


/* Those that take ids of jobs. */

static int
xrw_jobs_each(const xrw_command_t *cmd, int argc, char **argv,
    int (*one)(xrw_jobs_t *jobs, const char *id))
{
    int           i, status;
    size_t        n;
    xrw_jobs_t    jobs;
    xrw_option_t  options[XRW_JOBS_REDIS + 1];

    n = xrw_jobs_options(&jobs, options);

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc == 0) {
        return xrw_usage(cmd, "which ID?");
    }

    for (i = 0; i < argc; i++) {
        if (!xr_job_id_ok(xr_str(argv[i]))) {
            return xrw_usage(cmd, "%s: no ID of a job, which has 32 "
                             "hexadecimal digits", argv[i]);
        }
    }

    status = xrw_jobs_open(&jobs, cmd);

    for (i = 0; status != XRW_FAILED && i < argc; i++) {
        status = one(&jobs, argv[i]);
    }

    xrw_jobs_close(&jobs);

    return status;
}


int
xrw_jobs_show(const xrw_command_t *cmd, int argc, char **argv)
{
    return xrw_jobs_each(cmd, argc, argv, xrw_jobs_show_one);
}


int
xrw_jobs_retry(const xrw_command_t *cmd, int argc, char **argv)
{
    return xrw_jobs_each(cmd, argc, argv, xrw_jobs_retry_one);
}


int
xrw_jobs_drop(const xrw_command_t *cmd, int argc, char **argv)
{
    return xrw_jobs_each(cmd, argc, argv, xrw_jobs_drop_one);
}


/* What is at the origin now, unless the caller said which content. */

static int
xrw_jobs_content(const xrw_target_t *target, const char *key, xr_job_t *job,
    char etag[XR_S3_ETAG_SIZE])
{
    uint64_t  size;

    if (job->sha256.len > 0) {
        return XRW_OK;
    }

    if (xr_s3_head(target->s3, xr_str(key), &size, etag) != XR_OK) {
        return xrw_error("%s: %s", key, xr_s3_error(target->s3));
    }

    job->etag = xr_str(etag);

    return XRW_OK;
}


static int
xrw_jobs_add_one(xrw_jobs_t *jobs, const xrw_target_t *target,
    const char *tenant, const char *key)
{
    int          status;
    bool         queued;
    char         id[XR_JOB_ID_SIZE + 1], state[XRW_QUEUE_STATE];
    char         etag[XR_S3_ETAG_SIZE];
    xr_job_t     job;
    const char  *why;

    job = (xr_job_t) {
        .tenant = xr_str(tenant),
        .key = xr_str(key),
        .sha256 = xr_str(jobs->sha256 != NULL ? jobs->sha256 : ""),
        .preset = xr_str(jobs->preset)
    };

    status = xrw_jobs_content(target, key, &job, etag);

    if (status != XRW_OK) {
        return status;
    }

    why = xr_job_check(&job);

    if (why != NULL) {
        return xrw_error("%s: %s", key, why);
    }

    if (!xrw_queue_add(&jobs->queue, &job, jobs->again, id, state, &queued)) {
        return xrw_jobs_broken(jobs);
    }

    if (!queued && strcmp(state, "full") == 0) {
        return xrw_error("%s: the queue is full", key);
    }

    /* what was there already is said by its state */

    xrw_jobs_say(jobs, id, queued ? "added" : state);

    return XRW_OK;
}


int
xrw_jobs_add(const xrw_command_t *cmd, int argc, char **argv)
{
    int                  i, status;
    size_t               n;
    xrw_jobs_t           jobs;
    xrw_target_t         target;
    xrw_option_t         options[XRW_JOBS_REDIS + 4 + XRW_TARGET_OPTIONS];
    xrw_target_flags_t   flags;

    n = xrw_jobs_options(&jobs, options);
    n += xrw_target_options(&flags, options + n);
    jobs.preset = "default";

    options[n++] = (xrw_option_t) { "preset", "NAME", XRW_OPTION_TEXT,
        &jobs.preset, "which variants (default)" };
    options[n++] = (xrw_option_t) { "sha256", "HEX", XRW_OPTION_TEXT,
        &jobs.sha256, "of the source; else its ETag is asked for" };
    options[n++] = (xrw_option_t) { "again", NULL, XRW_OPTION_FLAG,
        &jobs.again, "even if it is done" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc == 0 || (jobs.sha256 != NULL && argc != 1)) {
        return xrw_usage(cmd, argc == 0 ? "which KEY?"
                                        : "--sha256 is of one KEY");
    }

    if (flags.name == NULL) {
        return xrw_usage(cmd, "whose? say --tenant");
    }

    if (jobs.kind != NULL && strcmp(jobs.kind, "purge") == 0) {
        return xrw_usage(cmd, "orders come from \"xr purge --queue\"");
    }

    xrw_stop_catch();

    memset(&target, 0, sizeof(target));
    status = xrw_jobs_open(&jobs, cmd);

    if (status == XRW_OK && jobs.sha256 == NULL) {
        status = xrw_target_open(&jobs.arena, cmd, &flags, &target);
    }

    for (i = 0; status == XRW_OK && i < argc && xrw_stop == 0; i++) {
        status = xrw_jobs_add_one(&jobs, &target, flags.name, argv[i]);
    }

    xrw_target_close(&target);
    xrw_jobs_close(&jobs);

    return status;
}
