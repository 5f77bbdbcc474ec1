/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "announce.h"
#include "history.h"
#include "json.h"
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define XRW_ROLLBACK_HASH_MIN  4        /* digits that name a version */


typedef struct {
    xrw_arena_t          arena;
    xrw_target_flags_t   flags;
    xrw_target_t         target;
    xrw_place_t          place;
    const char          *object;
    const char          *to;
    bool                 list;
    bool                 force;
    bool                 json;

    xrw_stored_t         current;
    char                 hash[XRW_HISTORY_HASH + 1];    /* of "current" */
    xrw_versions_t       versions;
    const char          *owner;         /* of the lock; NULL: there is none */
} xrw_rollback_t;


static int
xrw_rollback_s3(xrw_rollback_t *r)
{
    return xrw_error("%s: %s", r->object, xr_s3_error(r->target.s3));
}


static int
xrw_rollback_read(xrw_rollback_t *r)
{
    const char  *key;

    key = xrw_history_manifest(&r->arena, xr_str(r->object));

    if (xrw_history_read(&r->arena, r->target.s3, xr_str(key), &r->current)
        != XR_OK
        || xrw_history_list(&r->arena, r->target.s3, xr_str(r->object),
                            &r->versions)
           != XR_OK)
    {
        return xrw_rollback_s3(r);
    }

    if (r->current.text.data == NULL && r->versions.n == 0) {
        return xrw_error("%s: it has no variants, and had none", r->object);
    }

    xrw_history_hash(r->current.text, r->hash);

    return XRW_OK;
}


/* One that came back later is told of where it was last. */

static bool
xrw_rollback_is_last(const xrw_rollback_t *r, size_t i)
{
    size_t  k;

    for (k = i + 1; k < r->versions.n; k++) {
        if (strcmp(r->versions.items[k].hash, r->versions.items[i].hash) == 0)
        {
            return false;
        }
    }

    return strcmp(r->versions.items[i].hash, r->hash) != 0;
}


static void
xrw_rollback_tell(const xrw_rollback_t *r, const xrw_version_t *v)
{
    json_t  *line;

    if (!r->json) {

        if (v == NULL) {
            printf("%8s  %s  published\n", "", r->hash);

        } else {
            printf("%8llu  %s  until %s\n", (unsigned long long) v->number,
                   v->hash, v->modified);
        }

        return;
    }

    line = json_pack("{s:o, s:s, s:b}", "object",
                     xrw_json_text(xr_str(r->object)), "hash",
                     v != NULL ? v->hash : r->hash, "published", v == NULL);

    if (v != NULL) {
        (void) json_object_set_new(line, "version",
                                   json_integer((json_int_t) v->number));
        (void) json_object_set_new(line, "until",
                                   xrw_json_text(xr_str(v->modified)));
    }

    xrw_json_print(line);
}


static int
xrw_rollback_list(const xrw_rollback_t *r)
{
    size_t  i;

    if (r->current.text.data != NULL) {
        xrw_rollback_tell(r, NULL);
    }

    for (i = r->versions.n; i > 0; i--) {
        if (xrw_rollback_is_last(r, i - 1)) {
            xrw_rollback_tell(r, &r->versions.items[i - 1]);
        }
    }

    return XRW_OK;
}


static bool
xrw_rollback_named(const xrw_version_t *v, const char *to)
{
    uint64_t  n;
    xr_str_t  s;

    s = xr_str(to);

    if (xr_str_uint(&s, &n) == XR_OK && s.len == 0 && n == v->number) {
        return true;
    }

    return strlen(to) >= XRW_ROLLBACK_HASH_MIN
           && strncmp(v->hash, to, strlen(to)) == 0;
}


/* The version that is meant; NULL: it has been said why there is none. */

static const xrw_version_t *
xrw_rollback_choose(const xrw_rollback_t *r)
{
    size_t                i;
    const xrw_version_t  *v, *found;

    found = NULL;

    for (i = r->versions.n; i > 0; i--) {
        v = &r->versions.items[i - 1];

        if (r->to == NULL) {

            if (xrw_rollback_is_last(r, i - 1)) {
                return v;
            }

        } else if (xrw_rollback_named(v, r->to)) {

            if (found != NULL && strcmp(found->hash, v->hash) != 0) {
                (void) xrw_error("%s: \"%s\" may be several versions",
                                 r->object, r->to);
                return NULL;
            }

            found = v;
        }
    }

    if (found == NULL && r->to == NULL) {
        (void) xrw_error("%s: there is no version before", r->object);

    } else if (found == NULL) {
        (void) xrw_error("%s: there is no version \"%s\"; --list tells",
                         r->object, r->to);
    }

    return found;
}


/* Nothing that a client might be sent may be missing. */

static int
xrw_rollback_whole(xrw_rollback_t *r, const xr_manifest_t *m)
{
    char                    etag[XR_S3_ETAG_SIZE];
    size_t                  i;
    xr_rc_t                 rc;
    uint64_t                size;
    xr_buf_t                buf;
    xr_encoding_t           e;
    xr_manifest_variant_t   v;

    for (i = 0; i < m->n; i++) {

        if (!xr_manifest_variant(m, i, &v)) {
            return xrw_error("%s: variant %zu cannot be read", r->object, i);
        }

        for (e = 0; e < XR_ENCODINGS; e++) {

            if (v.encoded[e] == 0 && e != XR_ENCODING_IDENTITY) {
                continue;
            }

            size = strlen(r->object) + XR_MANIFEST_PATH_MAX + 16;
            buf = xr_buf(xrw_alloc(&r->arena, (size_t) size), (size_t) size);
            xr_manifest_variant_name(xr_str(r->object), &v, e, &buf);
            rc = xr_s3_head(r->target.s3, xr_buf_str(&buf), &size, etag);

            if (rc != XR_OK && rc != XR_NOT_FOUND) {
                return xrw_rollback_s3(r);
            }

            if (rc == XR_NOT_FOUND || size != v.encoded[e]) {
                return xrw_error("%s: that version is not whole any more: "
                                 "%.*s is missing", r->object,
                                 (int) xr_buf_str(&buf).len,
                                 (const char *) xr_buf_str(&buf).data);
            }
        }
    }

    return XRW_OK;
}


/* A job that is under way would undo what we do. */

static int
xrw_rollback_lock(xrw_rollback_t *r)
{
    char             id[XR_JOB_ID_SIZE + 1];
    json_t          *jobs, *job;
    const char      *state;
    xrw_queue_rc_t   rc;

    if (!r->place.known) {
        return XRW_OK;
    }

    jobs = xrw_place_jobs(&r->place, r->flags.name, false);

    /* where Redis is at fault a rollback may be needed most */

    if (jobs == NULL) {
        return r->force ? XRW_OK : XRW_FAILED;
    }

    job = json_array_get(json_object_get(jobs, r->object), 0);

    if (job != NULL && !r->force) {
        state = json_string_value(json_object_get(job, "state"));
        (void) xrw_error("%s: its job %s is %s, and would publish on top of "
                         "it; \"xr jobs drop\" ends it, --force goes before",
                         r->object,
                         json_string_value(json_object_get(job, "id")), state);
        json_decref(jobs);
        return XRW_FAILED;
    }

    json_decref(jobs);

    r->owner = xrw_place_owner(&r->arena);
    rc = xrw_queue_lock(&r->place.queue, r->flags.name, xr_str(r->object),
                        r->owner, id);

    if (rc == XRW_QUEUE_BROKEN) {
        return xrw_place_broken(&r->place);
    }

    if (rc == XRW_QUEUE_DONE) {
        return XRW_OK;
    }

    r->owner = NULL;

    /* a job that comes late is one that --force is for, others are not */

    if (id[0] == '\0') {
        return xrw_error("%s: somebody else is changing it", r->object);
    }

    return r->force ? XRW_OK
                    : xrw_error("%s: job %s is running", r->object, id);
}


/* A connection that was idle for long may be closed. */

static bool
xrw_rollback_announce(xrw_rollback_t *r)
{
    unsigned  tried;

    for (tried = 0; tried < 2; tried++) {

        if (!xrw_place_open(&r->place)) {
            return false;
        }

        if (xrw_announce(&r->place.queue.redis, r->place.channel,
                         xr_str(r->flags.name), xr_str(r->object)))
        {
            return true;
        }

        (void) xrw_place_broken(&r->place);
    }

    return false;
}


static int
xrw_rollback_swap(xrw_rollback_t *r, const xrw_version_t *v, xr_str_t text)
{
    char          etag[XR_S3_ETAG_SIZE];
    long          status;
    const char   *key;
    xrw_stored_t  now;

    if (xrw_history_replace(&r->arena, r->target.s3, xr_str(r->object),
                            &r->current, text, etag)
        != XR_OK)
    {
        status = xr_s3_status(r->target.s3);

        if (status != 412 && status != 409) {
            return xrw_rollback_s3(r);
        }

        /* it may be ours: only the answer was lost, and it was sent again */

        key = xrw_history_manifest(&r->arena, xr_str(r->object));

        if (xrw_history_read(&r->arena, r->target.s3, xr_str(key), &now)
            != XR_OK || !xr_str_eq(now.text, text))
        {
            return xrw_error("%s: somebody has published meanwhile, nothing "
                             "was changed", r->object);
        }

        memcpy(etag, now.etag, sizeof(etag));
    }

    if (!r->place.known) {
        (void) xrw_error("%s: no Redis is known: edges see it when their "
                         "manifest is out of date", r->object);

    } else if (!xrw_rollback_announce(r)) {
        return xrw_error("%s: it is rolled back, but edges were not told",
                         r->object);
    }

    if (r->json) {
        xrw_json_print(json_pack("{s:o, s:I, s:s, s:s}", "object",
                                 xrw_json_text(xr_str(r->object)), "version",
                                 (json_int_t) v->number, "hash", v->hash,
                                 "manifest", etag));

    } else {
        xrw_print(xr_str(r->object));
        printf("  version %llu, %s, is published again\n",
               (unsigned long long) v->number, v->hash);
    }

    return XRW_OK;
}


static int
xrw_rollback_to(xrw_rollback_t *r, const xrw_version_t *v)
{
    int             status;
    char            hash[XRW_HISTORY_HASH + 1];
    const char     *why;
    xrw_stored_t    stored;
    xr_manifest_t   m;

    if (strcmp(v->hash, r->hash) == 0) {
        (void) fprintf(stderr, "xr: it is what is published\n");
        return XRW_OK;
    }

    why = xrw_history_load(&r->arena, r->target.s3, v->key, &stored, &m);
    xrw_history_hash(stored.text, hash);

    if (stored.text.data == NULL) {
        why = (why != NULL) ? why : "it is gone";

    } else if (strcmp(hash, v->hash) != 0) {
        why = "it is not what its name says";
    }

    if (why != NULL) {
        return xrw_error("%s: %s", v->key, why);
    }

    status = xrw_rollback_whole(r, &m);

    return (status == XRW_OK) ? xrw_rollback_swap(r, v, stored.text) : status;
}


static int
xrw_rollback_run(xrw_rollback_t *r)
{
    int                   status;
    const xrw_version_t  *v;

    if (r->list) {
        status = xrw_rollback_read(r);
        return (status == XRW_OK) ? xrw_rollback_list(r) : status;
    }

    status = xrw_rollback_lock(r);

    if (status == XRW_OK) {
        status = xrw_rollback_read(r);
    }

    if (status == XRW_OK) {
        v = xrw_rollback_choose(r);
        status = (v != NULL) ? xrw_rollback_to(r, v) : XRW_FAILED;
    }

    if (r->owner != NULL && xrw_place_open(&r->place)) {
        (void) xrw_queue_unlock(&r->place.queue, r->flags.name,
                                xr_str(r->object), r->owner);
    }

    return status;
}


static size_t
xrw_rollback_options(xrw_rollback_t *r, xrw_option_t *options)
{
    size_t  n;

    n = xrw_target_options(&r->flags, options);
    n += xrw_place_options(&r->place, options + n);

    options[n++] = (xrw_option_t) { "to", "VERSION", XRW_OPTION_TEXT, &r->to,
        "by its number or hash; else the one before" };
    options[n++] = (xrw_option_t) { "list", NULL, XRW_OPTION_FLAG, &r->list,
        "which versions there are" };
    options[n++] = (xrw_option_t) { "force", NULL, XRW_OPTION_FLAG,
        &r->force, "even if a job is under way" };
    options[n++] = (xrw_option_t) { "json", NULL, XRW_OPTION_FLAG, &r->json,
        "one JSON object per line" };

    return n;
}


int
xrw_rollback(const xrw_command_t *cmd, int argc, char **argv)
{
    int             status;
    size_t          n;
    xrw_option_t    options[XRW_TARGET_OPTIONS + XRW_PLACE_OPTIONS + 4];
    xrw_rollback_t  r;

    memset(&r, 0, sizeof(r));
    n = xrw_rollback_options(&r, options);

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc != 1 || argv[0][0] == '\0') {
        return xrw_usage(cmd, "one OBJECT");
    }

    if (r.flags.name == NULL) {
        return xrw_usage(cmd, "whose? say --tenant");
    }

    xrw_stop_catch();
    r.object = argv[0];
    status = xrw_target_open(&r.arena, cmd, &r.flags, &r.target);

    if (status == XRW_OK) {
        status = xrw_place_find(&r.arena, cmd, &r.target.tenant, &r.place);
    }

    if (status == XRW_OK) {
        status = xrw_rollback_run(&r);
    }

    xrw_place_close(&r.place);
    xrw_target_close(&r.target);
    xrw_arena_free(&r.arena);

    return status;
}
