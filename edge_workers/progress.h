/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PROGRESS_H
#define XRW_PROGRESS_H


#include "xr.h"


/* One line on a terminal that says how far a file is; nothing elsewhere. */

typedef struct {
    const char  *name;
    uint64_t     total;
    uint64_t     done;              /* before the request that is running */
    uint64_t     skipped;           /* of these, what was there already */
    int64_t      started;           /* milliseconds */
    int64_t      drawn;
    bool         on;
} xrw_progress_t;


void xrw_progress_start(xrw_progress_t *progress, const char *name,
    uint64_t total);

/* For xr_s3_set_progress(): false once a signal asked us to stop. */
bool xrw_progress_sent(void *progress, uint64_t sent);

/* "size" bytes are done; "skipped": without having been sent. */
void xrw_progress_add(xrw_progress_t *progress, uint64_t size, bool skipped);

/* Clears the line. */
void xrw_progress_end(xrw_progress_t *progress);


#endif /* XRW_PROGRESS_H */
