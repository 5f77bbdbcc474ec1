/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_INVALIDATION_H
#define XR_INVALIDATION_H


#include "xr_buf.h"


/*
 * What a tier in front, CloudFront, has to forget: paths of one tenant, and
 * the text by which it is told.  A wildcard covers all that begins so, and is
 * never wider than the tenant itself.
 */

#define XR_INVALIDATION_FILES      3000     /* paths, and wildcards among */
#define XR_INVALIDATION_WILDCARDS  15       /* them, in progress at once */
#define XR_INVALIDATION_PATH_MAX   4000     /* bytes, as it is sent */


typedef struct {
    xr_str_t  path;                 /* decoded, without the tenant's prefix */
    bool      all;                  /* and all that begins so */
} xr_invalidation_t;


/*
 * Sorts "items" and drops what another one covers.  More than "fold" files of
 * one folder become the folder; while there are more than "wildcards" of them
 * the deepest ones become the folders that they are in.  Returns how many
 * are left.  "wildcards" is at least 1.
 */
size_t xr_invalidation_plan(xr_invalidation_t *items, size_t n, size_t fold,
    size_t wildcards);

/*
 * The path as CloudFront takes it: what is not ASCII or unsafe by RFC 1738 is
 * encoded, and nothing else.  "prefix" is what viewers' paths of the tenant
 * begin with, encoded, "/" at both ends.
 */
void xr_invalidation_path(xr_str_t prefix, const xr_invalidation_t *item,
    xr_buf_t *out);

/* NULL, or what is wrong with such a prefix. */
const char *xr_invalidation_prefix(xr_str_t prefix);


/* The body of CreateInvalidation (2020-05-31), piece by piece. */

void xr_invalidation_begin(size_t n, xr_buf_t *out);
void xr_invalidation_item(xr_str_t path, xr_buf_t *out);
void xr_invalidation_end(xr_str_t reference, xr_buf_t *out);

/* Bytes that suffice for "n" paths of "len" bytes in all. */
#define XR_INVALIDATION_SIZE(n, len)  (512 + (n) * 16 + (len) * 6)


#endif /* XR_INVALIDATION_H */
