/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "json.h"
#include "loop.h"
#include "place.h"
#include "published.h"
#include "when.h"
#include "xr_variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define XRW_GC_GRACE     "24h"
#define XRW_GC_KEEP      "10"
#define XRW_GC_KEEP_MAX  1000000
#define XRW_GC_RENEW     60000          /* milliseconds that a lock is good */


typedef struct {
    xrw_arena_t          arena;
    xrw_target_flags_t   flags;
    xrw_target_t         target;
    xrw_place_t          place;
    const char          *prefix;
    const char          *grace;
    const char          *keep;
    bool                 dry_run;
    bool                 json;

    int64_t              before;        /* what is younger stays */
    size_t               kept;          /* versions */
    const char          *owner;
    int64_t              locked;        /* when, on the clock of the loop */

    size_t               removed;
    uint64_t             bytes;
    size_t               busy;          /* objects that were left alone */
} xrw_gc_t;


/* The one who has the lock keeps it; false: it has been said why not. */

static bool
xrw_gc_lock(xrw_gc_t *gc, const char *object)
{
    char             id[XR_JOB_ID_SIZE + 1];
    xrw_queue_rc_t   rc;

    if (gc->dry_run) {
        return true;
    }

    if (!xrw_place_open(&gc->place)) {
        return false;
    }

    rc = xrw_queue_lock(&gc->place.queue, gc->flags.name, xr_str(object),
                        gc->owner, id);

    if (rc == XRW_QUEUE_BROKEN) {
        (void) xrw_place_broken(&gc->place);
        return false;
    }

    gc->locked = xrw_loop_now();
    gc->busy += rc != XRW_QUEUE_DONE;

    return rc == XRW_QUEUE_DONE;
}


/* Notes what a manifest refers to; NULL, or what is wrong with it. */

static const char *
xrw_gc_mark(xrw_gc_t *gc, xrw_arena_t *arena, const char *key, json_t *used)
{
    char                    name[XR_MANIFEST_PATH_MAX + 16];
    size_t                  i, k;
    xr_buf_t                buf;
    const char             *why;
    xrw_stored_t            stored;
    xr_encoding_t           e;
    xr_manifest_t           m;
    xr_manifest_link_t      link;
    xr_manifest_variant_t   v;

    why = xrw_history_load(arena, gc->target.s3, key, &stored, &m);

    if (why != NULL || stored.text.data == NULL) {
        return why;
    }

    for (i = 0; why == NULL && i < m.n; i++) {

        if (!xr_manifest_variant(&m, i, &v)) {
            return "a variant cannot be read";
        }

        for (e = 0; e < XR_ENCODINGS; e++) {
            memset(name, 0, sizeof(name));
            buf = xr_buf(name, sizeof(name) - 1);
            xr_manifest_variant_name(xr_str(""), &v, e, &buf);
            (void) json_object_set_new(used, name + sizeof(".xr/") - 1,
                                       json_true());
        }

        for (k = 0; xr_manifest_link(&m, &v, k, &link); k++) {
            (void) json_object_set_new(used, xrw_text(arena, link.path),
                                       json_true());
        }
    }

    return why;
}


/* Whether one came later that is the same. */

static bool
xrw_gc_is_repeated(const xrw_versions_t *versions, size_t i)
{
    size_t  k;

    for (k = i + 1; k < versions->n; k++) {
        if (strcmp(versions->items[k].hash, versions->items[i].hash) == 0) {
            return true;
        }
    }

    return false;
}


/*
 * Whether a version is to stay, by its age and by how many different ones came
 * after it: whoever goes back and forth must not push the others out.
 */

static bool
xrw_gc_keeps(const xrw_gc_t *gc, const xrw_published_t *p, size_t i)
{
    size_t   k, later;
    int64_t  modified;

    modified = xrw_published_time(p->versions.items[i].modified);

    if (modified == -1 || modified > gc->before) {
        return true;
    }

    if (xrw_gc_is_repeated(&p->versions, i)) {
        return false;
    }

    later = 0;

    for (k = i + 1; k < p->versions.n; k++) {
        later += !xrw_gc_is_repeated(&p->versions, k);
    }

    return later < gc->kept;
}


static bool
xrw_gc_may_go(const xrw_gc_t *gc, const xrw_part_t *part)
{
    return xr_variant_immutable(xr_str(part->key)) && part->modified != -1
           && part->modified <= gc->before;
}


static bool
xrw_gc_remove(xrw_gc_t *gc, const char *object, const char *key,
    uint64_t size)
{
    char  text[XRW_SIZE_TEXT];

    /* without its lock a worker may have used what was not in use before */

    if (!gc->dry_run
        && xrw_loop_now() - gc->locked > (XRW_QUEUE_LOCK - 60) * 1000)
    {
        (void) xrw_error("%s: it took too long, the rest is left", object);
        return false;
    }

    if (xrw_loop_now() - gc->locked > XRW_GC_RENEW
        && !xrw_gc_lock(gc, object))
    {
        (void) xrw_error("%s: its lock is lost, the rest is left", object);
        return false;
    }

    if (!gc->dry_run && xr_s3_delete(gc->target.s3, xr_str(key)) != XR_OK) {
        (void) xrw_error("%s: %s", key, xr_s3_error(gc->target.s3));
        return false;
    }

    gc->removed++;
    gc->bytes += size;

    if (gc->json) {
        xrw_json_print(json_pack("{s:o, s:I, s:b}", "key",
                                 xrw_json_text(xr_str(key)), "size",
                                 (json_int_t) size, "removed", !gc->dry_run));

    } else {
        xrw_size(size, text);
        printf("%s", gc->dry_run ? "would remove " : "removed ");
        xrw_print(xr_str(key));
        printf("  %s\n", text);
    }

    return true;
}


/* Versions go first: what they leave behind is found the next time. */

static int
xrw_gc_sweep(xrw_gc_t *gc, const xrw_published_t *p, const json_t *used)
{
    size_t  i;

    for (i = 0; i < p->versions.n; i++) {

        if (!xrw_gc_keeps(gc, p, i)
            && !xrw_gc_remove(gc, p->object, p->versions.items[i].key,
                              p->versions.items[i].size))
        {
            return XRW_FAILED;
        }
    }

    for (i = 0; i < p->n && xrw_stop == 0; i++) {

        if (xrw_gc_may_go(gc, &p->parts[i])
            && json_object_get(used, p->parts[i].name) == NULL
            && !xrw_gc_remove(gc, p->object, p->parts[i].key,
                              p->parts[i].size))
        {
            return XRW_FAILED;
        }
    }

    return XRW_OK;
}


/* Alone with the object: what is there is looked at anew. */

static int
xrw_gc_locked(xrw_gc_t *gc, const char *object)
{
    int               status;
    size_t            i;
    json_t           *used;
    const char       *why;
    xrw_arena_t       arena;
    xrw_published_t  *p;

    arena = (xrw_arena_t) { NULL };

    if (xrw_published_one(&arena, gc->target.s3, object, &p) != XR_OK) {
        status = xrw_error("%s: %s", object, xr_s3_error(gc->target.s3));
        xrw_arena_free(&arena);
        return status;
    }

    if (p == NULL) {
        xrw_arena_free(&arena);
        return XRW_OK;
    }

    used = json_object();
    why = xrw_gc_mark(gc, &arena, xrw_history_manifest(&arena,
                                                       xr_str(object)), used);

    for (i = 0; why == NULL && i < p->versions.n; i++) {

        if (xrw_gc_keeps(gc, p, i)) {
            why = xrw_gc_mark(gc, &arena, p->versions.items[i].key, used);
        }
    }

    status = (why == NULL) ? xrw_gc_sweep(gc, p, used)
             : xrw_error("%s: nothing was removed: a manifest of it: %s",
                         object, why);

    json_decref(used);
    xrw_arena_free(&arena);

    return status;
}


/* Whether anything of it may have to go. */

static bool
xrw_gc_suspects(const xrw_gc_t *gc, const xrw_published_t *p)
{
    size_t  i;

    for (i = 0; i < p->versions.n; i++) {
        if (!xrw_gc_keeps(gc, p, i)) {
            return true;
        }
    }

    for (i = 0; i < p->n; i++) {
        if (xrw_gc_may_go(gc, &p->parts[i])) {
            return true;
        }
    }

    return false;
}


static int
xrw_gc_objects(xrw_gc_t *gc, const xrw_published_t *p, const json_t *jobs)
{
    int  status;

    status = XRW_OK;

    for ( /* void */ ; p != NULL && xrw_stop == 0; p = p->next) {

        if (!xrw_gc_suspects(gc, p)) {
            continue;
        }

        if (json_object_get(jobs, p->object) != NULL) {
            gc->busy++;
            continue;
        }

        if (!xrw_gc_lock(gc, p->object)) {
            status = gc->place.up ? status : XRW_FAILED;
            continue;
        }

        if (xrw_gc_locked(gc, p->object) != XRW_OK) {
            status = XRW_FAILED;
        }

        if (!gc->dry_run && gc->place.up
            && !xrw_queue_unlock(&gc->place.queue, gc->flags.name,
                                 xr_str(p->object), gc->owner))
        {
            status = xrw_place_broken(&gc->place);
        }
    }

    return status;
}


static int
xrw_gc_run(xrw_gc_t *gc)
{
    int               status;
    char              size[XRW_SIZE_TEXT];
    json_t           *jobs;
    xrw_published_t  *first;

    gc->owner = xrw_place_owner(&gc->arena);
    jobs = xrw_place_jobs(&gc->place, gc->flags.name, false);

    if (jobs == NULL) {
        return XRW_FAILED;
    }

    if (xrw_published_below(&gc->arena, gc->target.s3, xr_str(gc->prefix),
                            &first)
        != XR_OK)
    {
        json_decref(jobs);
        return xrw_error("%s: %s", gc->target.tenant.origin,
                         xr_s3_error(gc->target.s3));
    }

    status = xrw_gc_objects(gc, first, jobs);
    json_decref(jobs);

    if (!gc->json) {
        xrw_size(gc->bytes, size);
        (void) fflush(stdout);
        (void) fprintf(stderr, "%zu object%s, %s", gc->removed,
                       gc->removed == 1 ? "" : "s", size);

        if (gc->busy > 0) {
            (void) fprintf(stderr, "; %zu under way left alone", gc->busy);
        }

        (void) fputc('\n', stderr);
    }

    return (xrw_stop == 0) ? status : XRW_FAILED;
}


static int
xrw_gc_arguments(xrw_gc_t *gc, const xrw_command_t *cmd, int argc,
    char **argv)
{
    int64_t   grace;
    uint64_t  keep;
    xr_str_t  text;

    if (argc > 1) {
        return xrw_usage(cmd, "one PREFIX at a time");
    }

    if (gc->flags.name == NULL) {
        return xrw_usage(cmd, "whose? say --tenant");
    }

    if (!xrw_duration(gc->grace, &grace)) {
        return xrw_usage(cmd, "--grace %s: not a time such as 24h",
                         gc->grace);
    }

    text = xr_str(gc->keep);

    if (xr_str_uint(&text, &keep) != XR_OK || text.len > 0
        || keep > XRW_GC_KEEP_MAX)
    {
        return xrw_usage(cmd, "--keep %s: not a number", gc->keep);
    }

    /* without any grace clocks have no say, which are another one's there */

    gc->before = (grace > 0) ? (int64_t) time(NULL) - grace : INT64_MAX;
    gc->kept = (size_t) keep;
    gc->prefix = (argc == 1) ? argv[0] : "";

    return XRW_OK;
}


static size_t
xrw_gc_options(xrw_gc_t *gc, xrw_option_t *options)
{
    size_t  n;

    memset(gc, 0, sizeof(xrw_gc_t));
    gc->grace = XRW_GC_GRACE;
    gc->keep = XRW_GC_KEEP;

    n = xrw_target_options(&gc->flags, options);
    n += xrw_place_options(&gc->place, options + n);

    options[n++] = (xrw_option_t) { "grace", "TIME", XRW_OPTION_TEXT,
        &gc->grace, "what is younger stays (24h)" };
    options[n++] = (xrw_option_t) { "keep", "N", XRW_OPTION_TEXT, &gc->keep,
        "versions that were replaced (10)" };
    options[n++] = (xrw_option_t) { "dry-run", NULL, XRW_OPTION_FLAG,
        &gc->dry_run, "say what would go" };
    options[n++] = (xrw_option_t) { "json", NULL, XRW_OPTION_FLAG, &gc->json,
        "one JSON object per line, sizes in bytes" };

    return n;
}


int
xrw_gc(const xrw_command_t *cmd, int argc, char **argv)
{
    int           status;
    size_t        n;
    xrw_gc_t      gc;
    xrw_option_t  options[XRW_TARGET_OPTIONS + XRW_PLACE_OPTIONS + 4];

    n = xrw_gc_options(&gc, options);

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    status = xrw_gc_arguments(&gc, cmd, argc, argv);

    if (status != XRW_OK) {
        return status;
    }

    xrw_stop_catch();
    status = xrw_target_open(&gc.arena, cmd, &gc.flags, &gc.target);

    if (status == XRW_OK) {
        status = xrw_place_find(&gc.arena, cmd, &gc.target.tenant,
                                &gc.place);
    }

    if (status == XRW_OK && !gc.place.known) {
        status = xrw_usage(cmd, "which jobs are under way? say --redis");
    }

    if (status == XRW_OK) {
        status = xrw_gc_run(&gc);
    }

    xrw_place_close(&gc.place);
    xrw_target_close(&gc.target);
    xrw_arena_free(&gc.arena);

    return status;
}
