/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_HISTORY_H
#define XRW_HISTORY_H


#include "arena.h"
#include "s3.h"
#include "xr_manifest.h"


/*
 * The manifest of an object at its origin, and those that were before it:
 * "<object>.xr/history/<number>-<hash>.json", numbers going up.
 */

#define XRW_HISTORY_HASH  16            /* hexadecimal digits of a SHA-256 */


typedef struct {
    xr_str_t  text;                     /* data NULL: there is none */
    char      etag[XR_S3_ETAG_SIZE];    /* empty, then */
} xrw_stored_t;


typedef struct {
    uint64_t     number;
    const char  *hash;
    const char  *key;
    const char  *modified;              /* when it was replaced */
    uint64_t     size;
} xrw_version_t;


typedef struct {
    xrw_version_t  *items;              /* the newest is the last */
    size_t          n;
    size_t          room;
} xrw_versions_t;


/* "<object>.xr/manifest.json" */
const char *xrw_history_manifest(xrw_arena_t *arena, xr_str_t object);

void xrw_history_hash(xr_str_t text, char hash[XRW_HISTORY_HASH + 1]);

/* What xr_s3_get() says, but that none is no failure. */
xr_rc_t xrw_history_read(xrw_arena_t *arena, xr_s3_t *s3, xr_str_t key,
    xrw_stored_t *out);

/* One that edges would read; NULL, or what is wrong with it. */
const char *xrw_history_open(xrw_arena_t *arena, xr_str_t text,
    xr_manifest_t *out);

/* Both.  Where there is none, there is none in "stored", either. */
const char *xrw_history_load(xrw_arena_t *arena, xr_s3_t *s3,
    const char *key, xrw_stored_t *stored, xr_manifest_t *out);

/* Takes a key of a listing below "<object>.xr/history/", if it is one. */
void xrw_history_add(xrw_arena_t *arena, xrw_versions_t *versions,
    xr_str_t name, const xr_s3_object_t *object);

xr_rc_t xrw_history_list(xrw_arena_t *arena, xr_s3_t *s3, xr_str_t object,
    xrw_versions_t *out);

/*
 * Replaces the manifest "before", which is kept, by "text"; as xr_s3_put().
 * XR_INVALID with a status of 412 or 409: it is another one by now.
 */
xr_rc_t xrw_history_replace(xrw_arena_t *arena, xr_s3_t *s3, xr_str_t object,
    const xrw_stored_t *before, xr_str_t text, char etag[XR_S3_ETAG_SIZE]);


#endif /* XRW_HISTORY_H */
