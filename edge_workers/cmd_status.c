/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "json.h"
#include "place.h"
#include "published.h"

#include <stdio.h>
#include <string.h>


typedef struct {
    xrw_arena_t          arena;
    xrw_target_flags_t   flags;
    xrw_target_t         target;
    xrw_place_t          place;
    bool                 json;
    json_t              *jobs;          /* by key; NULL: not known */
} xrw_status_t;


/* What the manifest says; without any, NULL. */

static json_t *
xrw_status_manifest(xrw_status_t *s, const xrw_published_t *p)
{
    char                    hash[XRW_HISTORY_HASH + 1];
    size_t                  i;
    json_t                 *line;
    uint64_t                bytes;
    const char             *why;
    xrw_arena_t             arena;
    xrw_stored_t            stored;
    xr_manifest_t           m;
    xr_manifest_variant_t   v;

    arena = (xrw_arena_t) { NULL };
    line = NULL;
    why = xrw_history_load(&arena, s->target.s3,
                           xrw_history_manifest(&arena, xr_str(p->object)),
                           &stored, &m);

    if (why != NULL) {
        line = json_pack("{s:o}", "trouble", xrw_json_text(xr_str(why)));

    } else if (stored.text.data != NULL) {
        bytes = 0;

        for (i = 0; i < m.n; i++) {
            bytes += xr_manifest_variant(&m, i, &v) ? v.bytes : 0;
        }

        xrw_history_hash(stored.text, hash);
        line = json_pack("{s:s, s:o, s:s*, s:I, s:I}", "hash", hash,
                         "rev", xrw_json_text(m.rev), "published",
                         p->modified, "variants", (json_int_t) m.n, "bytes",
                         (json_int_t) bytes);
    }

    xrw_arena_free(&arena);

    return line;
}


static const char *
xrw_status_text(const json_t *object, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(object, name));

    return (text != NULL) ? text : "";
}


static void
xrw_status_print(const char *object, const json_t *manifest, size_t versions,
    const json_t *jobs)
{
    char           size[XRW_SIZE_TEXT];
    size_t         i;
    const json_t  *job;

    xrw_print(xr_str(object));

    if (manifest == NULL) {
        printf("  no variants\n");

    } else if (json_object_get(manifest, "trouble") != NULL) {
        printf("  ");
        xrw_print(xr_str(xrw_status_text(manifest, "trouble")));
        (void) putchar('\n');

    } else {
        xrw_size((uint64_t) json_integer_value(
                                  json_object_get(manifest, "bytes")), size);
        printf("  %lld variants, %s, of %s  source %.16s  version %s",
               (long long) json_integer_value(
                               json_object_get(manifest, "variants")),
               size, xrw_status_text(manifest, "published"),
               xrw_status_text(manifest, "rev"),
               xrw_status_text(manifest, "hash"));
        printf(", %zu before\n", versions);
    }

    json_array_foreach((json_t *) (uintptr_t) jobs, i, job) {
        printf("  job %s  %s, attempt %lld", xrw_status_text(job, "id"),
               xrw_status_text(job, "state"),
               (long long) json_integer_value(json_object_get(job,
                                                              "attempts")));

        if (xrw_status_text(job, "reason")[0] != '\0') {
            printf(": ");
            xrw_print(xr_str(xrw_status_text(job, "reason")));
        }

        (void) putchar('\n');
    }
}


static void
xrw_status_tell(xrw_status_t *s, const xrw_published_t *p)
{
    json_t  *manifest, *jobs, *line;

    manifest = xrw_status_manifest(s, p);
    jobs = json_object_get(s->jobs, p->object);

    if (!s->json) {
        xrw_status_print(p->object, manifest, p->versions.n, jobs);
        json_decref(manifest);
        return;
    }

    line = (manifest != NULL) ? manifest : json_object();
    (void) json_object_set_new(line, "object",
                               xrw_json_text(xr_str(p->object)));
    (void) json_object_set_new(line, "before",
                               json_integer((json_int_t) p->versions.n));

    if (s->jobs != NULL) {
        (void) json_object_set_new(line, "jobs", jobs != NULL
                                   ? json_incref(jobs) : json_array());
    }

    xrw_json_print(line);
}


/* One object; nothing of it may be there but a job. */

static int
xrw_status_one(xrw_status_t *s, const char *object)
{
    char              etag[XR_S3_ETAG_SIZE];
    uint64_t          size;
    xrw_published_t  *p, none;

    if (xrw_published_one(&s->arena, s->target.s3, object, &p) != XR_OK) {
        return xrw_error("%s: %s", object, xr_s3_error(s->target.s3));
    }

    none = (xrw_published_t) { .object = object };

    if (p == NULL && json_object_get(s->jobs, object) == NULL
        && xr_s3_head(s->target.s3, xr_str(object), &size, etag) != XR_OK)
    {
        return (xr_s3_status(s->target.s3) == 404)
               ? xrw_error("%s: no such object", object)
               : xrw_error("%s: %s", object, xr_s3_error(s->target.s3));
    }

    xrw_status_tell(s, p != NULL ? p : &none);

    return XRW_OK;
}


static int
xrw_status_below(xrw_status_t *s, const char *prefix)
{
    const char       *key;
    json_t           *list;
    xrw_published_t  *p, *first, none;

    if (xrw_published_below(&s->arena, s->target.s3, xr_str(prefix), &first)
        != XR_OK)
    {
        return xrw_error("%s: %s", s->target.tenant.origin,
                         xr_s3_error(s->target.s3));
    }

    for (p = first; p != NULL && xrw_stop == 0; p = p->next) {
        xrw_status_tell(s, p);
    }

    json_object_foreach(s->jobs, key, list) {

        for (p = first; p != NULL && strcmp(p->object, key) != 0; p = p->next)
        {
            /* void */
        }

        if (p == NULL && strncmp(key, prefix, strlen(prefix)) == 0) {
            none = (xrw_published_t) { .object = key };
            xrw_status_tell(s, &none);
        }
    }

    return XRW_OK;
}


static int
xrw_status_run(xrw_status_t *s, char **objects)
{
    int     status;
    size_t  len;

    status = XRW_OK;

    if (s->place.known) {
        s->jobs = xrw_place_jobs(&s->place, s->flags.name, true);

        /* what is published can be told all the same */

        status = (s->jobs != NULL) ? XRW_OK : XRW_FAILED;
    }

    if (*objects == NULL && xrw_status_below(s, "") != XRW_OK) {
        return XRW_FAILED;
    }

    for ( /* void */ ; *objects != NULL && xrw_stop == 0; objects++) {
        len = strlen(*objects);

        if ((len > 0 && (*objects)[len - 1] == '/'
             ? xrw_status_below(s, *objects) : xrw_status_one(s, *objects))
            != XRW_OK)
        {
            status = XRW_FAILED;
        }
    }

    return status;
}


int
xrw_status(const xrw_command_t *cmd, int argc, char **argv)
{
    int            status;
    size_t         n;
    xrw_status_t   s;
    xrw_option_t   options[XRW_TARGET_OPTIONS + XRW_PLACE_OPTIONS + 1];

    memset(&s, 0, sizeof(s));
    n = xrw_target_options(&s.flags, options);
    n += xrw_place_options(&s.place, options + n);

    options[n++] = (xrw_option_t) { "json", NULL, XRW_OPTION_FLAG, &s.json,
        "one JSON object per line" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (s.flags.name == NULL) {
        return xrw_usage(cmd, "whose? say --tenant");
    }

    xrw_stop_catch();
    status = xrw_target_open(&s.arena, cmd, &s.flags, &s.target);

    if (status == XRW_OK) {
        status = xrw_place_find(&s.arena, cmd, &s.target.tenant, &s.place);
    }

    if (status == XRW_OK) {
        status = xrw_status_run(&s, argv);
    }

    json_decref(s.jobs);
    xrw_place_close(&s.place);
    xrw_target_close(&s.target);
    xrw_arena_free(&s.arena);

    return status;
}
