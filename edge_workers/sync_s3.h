/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SYNC_S3_H
#define XRW_SYNC_S3_H


#include "sync_source.h"


bool xrw_sync_s3_is(const char *url);

/* As xrw_source_get(), of "s3://BUCKET/KEY"; at most "max" bytes. */
bool xrw_sync_s3_get(xrw_source_t *s, const char *url, size_t max,
    bool conditional, xrw_fetched_t *got);


#endif /* XRW_SYNC_S3_H */
