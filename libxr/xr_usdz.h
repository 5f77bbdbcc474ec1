/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_USDZ_H
#define XR_USDZ_H


#include "xr_refusal.h"


/*
 * A check of USDZ archives that somebody uploaded: ZIP in which nothing is
 * compressed, so nothing unfolds, entries lie one behind the other, each at a
 * multiple of 64 bytes, and names stay inside.
 */

#define XR_USDZ_ENTRIES_MAX  1024
#define XR_USDZ_NAME_MAX     255

typedef struct {
    uint32_t  entries;
    uint32_t  images;
    uint32_t  edge;                 /* the longest of PNG and JPEG textures */
    uint64_t  pixels;               /* of these */
} xr_usdz_t;


/* "file" is all of it.  XR_INVALID and XR_DENIED fill "why". */
xr_rc_t xr_usdz_check(xr_str_t file, xr_usdz_t *out, xr_refusal_t *why);


#endif /* XR_USDZ_H */
