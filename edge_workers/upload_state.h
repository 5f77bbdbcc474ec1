/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_UPLOAD_STATE_H
#define XRW_UPLOAD_STATE_H


#include "arena.h"
#include "s3.h"


/*
 * The multipart upload that is under way for a key, in a file of one's cache
 * folder.  It holds what cannot be read back from the server: the id, and what
 * was fixed when the upload began.
 */

typedef struct {
    const char    *id;
    uint64_t       size;
    uint64_t       part_size;
    xr_s3_meta_t   meta;
} xrw_upload_state_t;


/* The file for a key; NULL: there is no cache folder. */
const char *xrw_upload_state_path(xrw_arena_t *arena,
    const xr_origin_t *origin, xr_str_t key);

/* False: no upload is known. */
bool xrw_upload_state_load(xrw_arena_t *arena, const char *path,
    xrw_upload_state_t *out);

bool xrw_upload_state_save(xrw_arena_t *arena, const char *path,
    const xrw_upload_state_t *state);

/* Whether an upload that began as "a" can go on as "b". */
bool xrw_upload_state_same(const xrw_upload_state_t *a,
    const xrw_upload_state_t *b);


#endif /* XRW_UPLOAD_STATE_H */
