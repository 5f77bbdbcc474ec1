/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "coverage.h"
#include "history.h"
#include "json.h"
#include "loop.h"
#include "publish_pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define XRW_PACKS_POLL_MIN  50          /* milliseconds */
#define XRW_PACKS_POLL_MAX  500
#define XRW_PACKS_AWAY      30000       /* Redis is, for too long */


static const char *
xrw_packs_state(const xrw_packing_t *packing)
{
    switch (packing->state) {

    case XRW_PACKING_UNCHANGED:
        return "unchanged";

    case XRW_PACKING_DONE:
        return "done";

    case XRW_PACKING_DEAD:
        return "dead";

    case XRW_PACKING_LOST:
        return "dropped";

    default:
        return packing->was != NULL ? packing->was : "queued";
    }
}


/* The manifest that is there, if it is of these bytes. */

static bool
xrw_packs_manifest(xrw_packs_t *packs, xrw_arena_t *arena,
    const xrw_packing_t *packing, xr_manifest_t *m)
{
    const char    *why;
    xrw_stored_t   stored;

    why = xrw_history_load(arena, packs->target->s3,
                           xrw_history_manifest(arena, xr_str(packing->key)),
                           &stored, m);

    if (why == NULL && stored.text.data == NULL) {
        why = "it was removed since";
    }

    if (why != NULL) {
        (void) xrw_error("%s: its manifest: %s", packing->key, why);
        return false;
    }

    if (m->rev.len == 2 * XR_SHA256_SIZE
        && !xr_str_eq(m->rev, xr_str(packing->sha256)))
    {
        (void) xrw_error("%s: another one was published since",
                         packing->key);
    }

    return true;
}


static void
xrw_packs_table(const xrw_packing_t *packing, const xr_manifest_t *m)
{
    char                    size[XRW_SIZE_TEXT], text[XRW_COVERAGE_TEXT];
    size_t                  i;
    xr_str_t                name;
    xr_class_t              class;
    xr_select_t             s;
    xr_manifest_variant_t   v;

    for (i = 0; i < m->n; i++) {

        if (!xr_manifest_variant(m, i, &v)) {
            continue;
        }

        xrw_size(v.bytes, size);
        xrw_coverage_text(m, v.id, text);
        printf("  %-20.*s %10s  %+6.1f%%  %s\n", (int) v.id.len,
               (const char *) v.id.data, size,
               packing->size > 0 ? 100.0 * ((double) v.bytes
                                            / (double) packing->size - 1) : 0,
               text[0] != '\0' ? text : "-");
    }

    for (class = XR_CLASS_X; class < XR_CLASSES; class++) {

        if (xrw_coverage(m, class, &s) != XR_OK) {
            name = xr_device_class_name(class);
            printf("  class %.*s: nothing that it can show\n",
                   (int) name.len, (const char *) name.data);

        } else if (s.reason == XR_SELECT_OVER) {
            name = xr_device_class_name(class);
            printf("  class %.*s: nothing within its budgets\n",
                   (int) name.len, (const char *) name.data);
        }
    }
}


static json_t *
xrw_packs_variants(const xr_manifest_t *m)
{
    size_t                  i;
    json_t                 *list;
    xr_manifest_variant_t   v;

    list = json_array();

    for (i = 0; i < m->n; i++) {

        if (xr_manifest_variant(m, i, &v)) {
            (void) json_array_append_new(list, json_pack(
                "{s:o, s:o, s:I, s:I}", "id", xrw_json_text(v.id),
                "path", xrw_json_text(v.path), "bytes", (json_int_t) v.bytes,
                "tris", (json_int_t) v.tris));
        }
    }

    return list;
}


static void
xrw_packs_json(xrw_packs_t *packs, xrw_arena_t *arena,
    const xrw_packing_t *packing)
{
    json_t         *line, *pack;
    xr_manifest_t   m;

    pack = json_pack("{s:s, s:s}", "state", xrw_packs_state(packing),
                     "sha256", packing->sha256);

    if (packing->id[0] != '\0') {
        (void) json_object_set_new(pack, "job", json_string(packing->id));
    }

    if (packing->reason != NULL) {
        (void) json_object_set_new(pack, "reason",
                                   xrw_json_text(xr_str(packing->reason)));
    }

    if ((packing->state == XRW_PACKING_DONE
         || packing->state == XRW_PACKING_UNCHANGED)
        && xrw_packs_manifest(packs, arena, packing, &m))
    {
        (void) json_object_set_new(pack, "variants", xrw_packs_variants(&m));
        (void) json_object_set_new(pack, "classes", xrw_coverage_json(&m));
    }

    line = json_pack("{s:o, s:I, s:s, s:s}", "key",
                     xrw_json_text(xr_str(packing->key)), "size",
                     (json_int_t) packing->size, "etag", packing->etag,
                     "type", packing->type);

    if (packing->url != NULL) {
        (void) json_object_set_new(line, "url",
                                   xrw_json_text(xr_str(packing->url)));
    }

    (void) json_object_set_new(line, "pack", pack);
    xrw_json_print(line);
}


static void
xrw_packs_text(xrw_packs_t *packs, xrw_arena_t *arena,
    const xrw_packing_t *packing)
{
    xr_manifest_t  m;

    if (packing->state == XRW_PACKING_UNDER_WAY) {
        xrw_print(xr_str(packing->key));
        printf("  %s, job %s\n", xrw_packs_state(packing), packing->id);
        return;
    }

    if ((packing->state != XRW_PACKING_DONE
         && packing->state != XRW_PACKING_UNCHANGED)
        || !xrw_packs_manifest(packs, arena, packing, &m))
    {
        return;
    }

    xrw_print(xr_str(packing->key));
    printf("  %s, %zu variant%s\n", packing->state == XRW_PACKING_DONE
           ? "packed" : "unchanged", m.n, m.n == 1 ? "" : "s");

    if (packing->state == XRW_PACKING_DONE) {
        xrw_packs_table(packing, &m);
    }
}


/* What was drawn makes room. */

static void
xrw_packs_clear(void)
{
    if (isatty(STDERR_FILENO) == 1) {
        (void) fputs("\r\033[K", stderr);
        (void) fflush(stderr);
    }
}


void
xrw_packs_report(xrw_packs_t *packs, xrw_packing_t *packing)
{
    xrw_arena_t  arena;

    xrw_packs_clear();
    arena = (xrw_arena_t) { NULL };
    packing->told = true;

    if (packs->json) {
        xrw_packs_json(packs, &arena, packing);

    } else {
        xrw_packs_text(packs, &arena, packing);
    }

    (void) fflush(stdout);

    if (packing->state == XRW_PACKING_DEAD) {
        (void) xrw_error("%s: given up: %s (job %s)", packing->key,
                         packing->reason, packing->id);

    } else if (packing->state == XRW_PACKING_LOST) {
        (void) xrw_error("%s: its job was dropped", packing->key);
    }

    xrw_arena_free(&arena);
}


/* False: Redis does not answer. */

static bool
xrw_packs_ask(xrw_packs_t *packs, xrw_packing_t *packing)
{
    bool         broken;
    json_t      *record, *job;
    const char  *state, *reason;

    record = xrw_queue_show(&packs->place.queue, packing->id, &broken);

    if (record == NULL) {
        packing->state = broken ? packing->state : XRW_PACKING_LOST;
        return !broken;
    }

    job = xrw_queue_public(record, packing->id);
    state = json_string_value(json_object_get(job, "state"));
    reason = json_string_value(json_object_get(job, "reason"));

    if (reason != NULL
        && (packing->reason == NULL || strcmp(reason, packing->reason) != 0))
    {
        packing->reason = xrw_text(packs->arena, xr_str(reason));
    }

    if (strcmp(state, "done") == 0) {
        packing->state = XRW_PACKING_DONE;
        packing->reason = NULL;

    } else if (strcmp(state, "dead") == 0) {
        packing->state = XRW_PACKING_DEAD;

    } else if (packing->was == NULL || strcmp(state, packing->was) != 0) {
        packing->was = xrw_text(packs->arena, xr_str(state));
    }

    json_decref(job);
    json_decref(record);

    return true;
}


/* One look at all of them; "*left" are still under way. */

static bool
xrw_packs_round(xrw_packs_t *packs, size_t *left, size_t *failed)
{
    xrw_packing_t  *packing;

    *left = 0;
    *failed = 0;

    for (packing = packs->first; packing != NULL; packing = packing->next) {

        if (!packing->told && !xrw_packs_ask(packs, packing)) {
            return false;
        }

        if (packing->state == XRW_PACKING_UNDER_WAY) {
            (*left)++;

        } else {
            *failed += packing->state != XRW_PACKING_DONE;

            if (!packing->told) {
                xrw_packs_report(packs, packing);
            }
        }
    }

    return true;
}


static void
xrw_packs_draw(const xrw_packs_t *packs, size_t left, int64_t began)
{
    const xrw_packing_t  *packing;

    if (isatty(STDERR_FILENO) != 1) {
        return;
    }

    for (packing = packs->first; packing != NULL; packing = packing->next) {
        if (packing->state == XRW_PACKING_UNDER_WAY) {
            break;
        }
    }

    xrw_packs_clear();

    if (packing != NULL) {
        (void) fprintf(stderr, "%zu to be packed, job %.8s is %s, %lld s",
                       left, packing->id, xrw_packs_state(packing),
                       (long long) (xrw_loop_now() - began) / 1000);
    }

    (void) fflush(stderr);
}


static void
xrw_packs_sleep(int64_t milliseconds)
{
    struct timespec  t;

    t = (struct timespec) { .tv_sec = milliseconds / 1000,
                            .tv_nsec = milliseconds % 1000 * 1000000 };
    (void) nanosleep(&t, NULL);
}


/* What was not waited for goes on all the same. */

static int
xrw_packs_leave(xrw_packs_t *packs, const char *why)
{
    xrw_packing_t  *packing;

    for (packing = packs->first; packing != NULL; packing = packing->next) {

        if (!packing->told) {
            xrw_packs_report(packs, packing);
        }
    }

    return (why == NULL) ? XRW_OK
           : xrw_error("%s; the jobs go on: \"xr status\" tells", why);
}


int
xrw_packs_wait(xrw_packs_t *packs)
{
    size_t   left, failed;
    int64_t  began, now, heard, pause;

    if (packs->first == NULL || packs->no_wait) {
        return xrw_packs_leave(packs, NULL);
    }

    began = xrw_loop_now();
    heard = began;
    pause = XRW_PACKS_POLL_MIN;
    left = 0;

    while (xrw_stop == 0) {
        now = xrw_loop_now();

        if (!packs->place.up) {
            packs->place.up = xrw_queue_open(&packs->place.queue,
                                             &packs->place.server, NULL);
        }

        if (packs->place.up && xrw_packs_round(packs, &left, &failed)) {
            heard = now;

            if (left == 0) {
                return (failed == 0) ? XRW_OK : XRW_FAILED;
            }

        } else {
            xrw_place_close(&packs->place);
        }

        if (now - heard > XRW_PACKS_AWAY) {
            return xrw_packs_leave(packs, "Redis does not answer");
        }

        if (now - began > packs->seconds * 1000) {
            return xrw_packs_leave(packs, "it takes longer than --wait");
        }

        xrw_packs_draw(packs, left, began);
        xrw_packs_sleep(pause);
        pause = (pause * 2 < XRW_PACKS_POLL_MAX) ? pause * 2
                                                 : XRW_PACKS_POLL_MAX;
    }

    return xrw_packs_leave(packs, "interrupted");
}
