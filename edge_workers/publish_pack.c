/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "publish_pack.h"
#include "history.h"
#include "io.h"
#include "when.h"
#include "xr_asset.h"

#include <stdlib.h>
#include <string.h>


#define XRW_PACKS_SIZE_MAX  (UINT64_C(256) * 1024 * 1024)
#define XRW_PACKS_WAIT      "15m"
#define XRW_PACKS_WAIT_MAX  (7 * 86400)


size_t
xrw_packs_options(xrw_packs_t *packs, xrw_option_t *options)
{
    size_t  n;

    *packs = (xrw_packs_t) { .wait = XRW_PACKS_WAIT };
    packs->last = &packs->first;
    n = xrw_place_options(&packs->place, options);

    options[n++] = (xrw_option_t) { "pack", NULL, XRW_OPTION_FLAG,
        &packs->pack, "have workers make variants, or fail" };
    options[n++] = (xrw_option_t) { "no-pack", NULL, XRW_OPTION_FLAG,
        &packs->no_pack, "upload only" };
    options[n++] = (xrw_option_t) { "preset", "NAME", XRW_OPTION_TEXT,
        &packs->preset, "which variants (default)" };
    options[n++] = (xrw_option_t) { "again", NULL, XRW_OPTION_FLAG,
        &packs->again, "even if it is published already" };
    options[n++] = (xrw_option_t) { "no-wait", NULL, XRW_OPTION_FLAG,
        &packs->no_wait, "leave variants to the workers" };
    options[n++] = (xrw_option_t) { "wait", "TIME", XRW_OPTION_TEXT,
        &packs->wait, "for variants, at most (15m)" };

    return n;
}


int
xrw_packs_open(xrw_packs_t *packs, const xrw_command_t *cmd)
{
    int  status;

    if (packs->pack && packs->no_pack) {
        return xrw_usage(cmd, "either --pack or --no-pack");
    }

    if (!xrw_duration(packs->wait, &packs->seconds) || packs->seconds < 1
        || packs->seconds > XRW_PACKS_WAIT_MAX)
    {
        return xrw_usage(cmd, "--wait %s: not a time such as 90s or 15m",
                         packs->wait);
    }

    if (packs->pack && packs->tenant == NULL) {
        return xrw_usage(cmd, "whose variants? say --tenant");
    }

    if (packs->no_pack || packs->tenant == NULL) {
        return XRW_OK;
    }

    status = xrw_place_find(packs->arena, cmd, &packs->target->tenant,
                            &packs->place);

    if (status != XRW_OK) {
        return status;
    }

    if (packs->pack && !packs->place.known) {
        return xrw_usage(cmd, "where are workers told? say --redis");
    }

    return XRW_OK;
}


void
xrw_packs_close(xrw_packs_t *packs)
{
    xrw_place_close(&packs->place);
}


static void
xrw_packs_job(const xrw_packs_t *packs, const xrw_packing_t *packing,
    xr_job_t *job)
{
    *job = (xr_job_t) {
        .tenant = xr_str(packs->tenant),
        .key = xr_str(packing->key),
        .sha256 = xr_str(packing->sha256),
        .preset = xr_str(packs->preset != NULL ? packs->preset : "default")
    };
}


/* A glTF's files are other objects, of which a worker has none. */

bool
xrw_packs_applies(const xrw_packs_t *packs, const char *key, uint64_t size)
{
    xr_job_t         job;
    xr_asset_kind_t  kind;

    if (packs->no_pack || !packs->place.known) {
        return false;
    }

    kind = xr_asset_kind(xr_str(key));

    if (packs->pack) {
        return kind != XR_ASSET_OTHER;
    }

    job = (xr_job_t) {
        .tenant = xr_str(packs->tenant), .key = xr_str(key),
        .etag = xr_str("0"), .preset = xr_str("default")
    };

    return (kind == XR_ASSET_GLB || kind == XR_ASSET_KTX2
            || kind == XR_ASSET_USDZ)
           && size <= XRW_PACKS_SIZE_MAX && xr_job_check(&job) == NULL;
}


/* Of the same bytes, by the same preset as far as the manifest says which. */

static bool
xrw_packs_is_of(const xrw_packs_t *packs, const xrw_packing_t *packing,
    xr_str_t text)
{
    bool         same;
    json_t      *root;
    const char  *rev, *preset;

    root = json_loadb((const char *) text.data, text.len, 0, NULL);
    rev = json_string_value(json_object_get(root, "rev"));
    preset = json_string_value(json_object_get(root, "preset"));

    same = rev != NULL && strcmp(rev, packing->sha256) == 0
           && (packs->preset == NULL
               || (preset != NULL && strcmp(preset, packs->preset) == 0));
    json_decref(root);

    return same;
}


static const char *
xrw_packs_hash(xrw_upload_t *u, xrw_packing_t *packing, bool *there)
{
    void        *data;
    size_t       size;
    uint8_t      digest[XR_SHA256_SIZE];
    xr_buf_t     hex;
    xr_str_t     body;
    const char  *why;

    size = (size_t) u->st.st_size;
    data = malloc(size + 1);

    if (data == NULL) {
        return "out of memory";
    }

    body = xr_str_of(data, size);
    why = xrw_io_read(u->fd, data, size, 0);

    if (why == NULL && xr_sha256(body, digest) != XR_OK) {
        why = "SHA-256 failed";
    }

    if (why == NULL) {
        hex = xr_buf(packing->sha256, 2 * XR_SHA256_SIZE);
        xr_buf_hex(&hex, xr_str_of(digest, sizeof(digest)));
        *there = xrw_upload_same(u, body, packing->etag);
    }

    free(data);

    return why;
}


const char *
xrw_packs_look(xrw_packs_t *packs, xrw_upload_t *u, xrw_packing_t **out,
    bool *there)
{
    xr_job_t        job;
    xr_s3_t        *s3;
    const char     *why;
    xrw_stored_t    stored;
    xrw_packing_t  *packing;

    s3 = packs->target->s3;
    packing = xrw_alloc(packs->arena, sizeof(xrw_packing_t));
    packing->key = xrw_text(packs->arena, u->key);
    packing->type = xrw_text(packs->arena, xr_str(u->meta.type));
    packing->size = (uint64_t) u->st.st_size;
    packing->state = XRW_PACKING_UNDER_WAY;
    *out = packing;
    *there = false;

    why = xrw_packs_hash(u, packing, there);

    if (why != NULL) {
        return why;
    }

    xrw_packs_job(packs, packing, &job);
    why = xr_job_check(&job);

    if (why != NULL || !*there || packs->again) {
        *there = *there && !packs->again;
        return why;
    }

    if (xrw_history_read(u->arena, s3,
                         xr_str(xrw_history_manifest(u->arena, u->key)),
                         &stored)
        != XR_OK)
    {
        return xrw_text(u->arena, xr_str(xr_s3_error(s3)));
    }

    if (xrw_packs_is_of(packs, packing, stored.text)) {
        packing->state = XRW_PACKING_UNCHANGED;
    }

    return NULL;
}


/* Whether the manifest that the job has written is the one that is there. */

static bool
xrw_packs_holds(xrw_packs_t *packs, xrw_packing_t *packing)
{
    bool           holds, broken;
    char           etag[XR_S3_ETAG_SIZE];
    json_t        *record;
    uint64_t       size;
    const char    *written;

    record = xrw_queue_show(&packs->place.queue, packing->id, &broken);
    written = json_string_value(json_object_get(json_object_get(record, "r"),
                                                "manifest"));

    holds = written != NULL
            && xr_s3_head(packs->target->s3,
                          xr_str(xrw_history_manifest(packs->arena,
                                                      xr_str(packing->key))),
                          &size, etag) == XR_OK
            && strcmp(etag, written) == 0;
    json_decref(record);

    return holds;
}


const char *
xrw_packs_add(xrw_packs_t *packs, xrw_packing_t *packing)
{
    bool       queued;
    char       state[XRW_QUEUE_STATE];
    xr_job_t   job;

    xrw_packs_job(packs, packing, &job);

    if (!xrw_place_open(&packs->place)) {
        return "it was uploaded, but no worker can be told";
    }

    if (!xrw_queue_add(&packs->place.queue, &job, packs->again, packing->id,
                       state, &queued))
    {
        (void) xrw_place_broken(&packs->place);
        return "it was uploaded, but no worker can be told";
    }

    if (!queued && strcmp(state, "done") == 0) {

        /* of a source that was another one the job may be under way */

        if (!packing->sent && xrw_packs_holds(packs, packing)) {
            packing->state = XRW_PACKING_UNCHANGED;
            return NULL;
        }

        /* done, and undone since: rolled back, or removed */

        if (!xrw_queue_add(&packs->place.queue, &job, true, packing->id,
                           state, &queued))
        {
            (void) xrw_place_broken(&packs->place);
            return "it was uploaded, but no worker can be told";
        }
    }

    if (!queued && strcmp(state, "full") == 0) {
        return "it was uploaded, but the queue is full";
    }

    packing->was = queued ? "queued" : xrw_text(packs->arena, xr_str(state));
    *packs->last = packing;
    packs->last = &packing->next;

    return NULL;
}
