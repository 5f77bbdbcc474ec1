/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_UPLOAD_H
#define XRW_UPLOAD_H


#include "arena.h"
#include "progress.h"
#include "s3.h"

#include <sys/stat.h>


/* One file on its way to the origin. */

typedef struct {
    xrw_arena_t        *arena;
    xr_s3_t            *s3;
    const xr_origin_t  *origin;
    xr_str_t            key;
    xr_s3_meta_t        meta;
    int                 fd;
    struct stat         st;             /* when it was opened */
    xrw_progress_t     *progress;
} xrw_upload_t;


/*
 * Sends the file: at once, or in parts when it is larger than 64 MiB.  What
 * is hashed, signed and sent is one copy in memory of at most 64 MiB or one
 * part.  An upload in parts that was cut short goes on where it stopped.
 * NULL, or what went wrong.
 */
const char *xrw_upload(xrw_upload_t *u, char etag[XR_S3_ETAG_SIZE]);

/*
 * Whether the origin has "body", the whole file, as far as an ETag can tell:
 * where it encrypts with keys of its own it does not.
 */
bool xrw_upload_same(xrw_upload_t *u, xr_str_t body,
    char etag[XR_S3_ETAG_SIZE]);


#endif /* XRW_UPLOAD_H */
