/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_MANIFEST_IMAGE_H
#define XR_MANIFEST_IMAGE_H


#include "xr_manifest.h"


/*
 * How an image is laid out, for the xr_manifest*.c files only: the head, a
 * record for each variant, a record for each arm, and behind them what these
 * refer to by offsets from the start.  Records are copied out, so that they
 * need no alignment.
 */

#define XR_MANIFEST_MAGIC  UINT32_C(0x32464d58)        /* "XMF2" */


typedef struct {
    uint32_t  pos;
    uint32_t  len;
} xr_manifest_ref_t;


typedef struct {
    uint32_t           magic;
    uint32_t           size;
    uint16_t           variants;
    uint16_t           arms;
    int16_t            fallback;
    int16_t            preset;
    xr_manifest_ref_t  id;
    xr_manifest_ref_t  rev;
    xr_manifest_ref_t  salt;
} xr_manifest_head_t;


typedef struct {
    uint64_t           bytes;
    uint64_t           encoded[XR_ENCODINGS];
    uint8_t            sha256[XR_SHA256_SIZE];

    xr_manifest_ref_t  id;
    xr_manifest_ref_t  path;
    xr_manifest_ref_t  type;
    xr_manifest_ref_t  alts;            /* a byte for each */
    xr_manifest_ref_t  segments;        /* a segment record for each */
    xr_manifest_ref_t  links;           /* a link record for each */

    uint32_t           tris;
    uint32_t           draws;
    uint32_t           maxdim;
    uint32_t           gpu[XR_MANIFEST_PIXELS];
    uint32_t           need_tex;
    uint32_t           need_geo;
    uint32_t           need_dim;
    uint32_t           need_mem;
    uint32_t           need_xr;
    uint32_t           uses;
    uint32_t           classes;
    uint8_t            need_unknown;
    uint8_t            etc1s;
    uint8_t            q;
    uint8_t            unused;
} xr_manifest_record_t;


typedef struct {
    uint64_t           offset;
    uint64_t           bytes;
    xr_manifest_ref_t  name;
} xr_manifest_segment_record_t;


typedef struct {
    xr_manifest_ref_t  path;
    xr_manifest_ref_t  type;
    uint32_t           as;              /* xr_manifest_as_t */
} xr_manifest_link_record_t;


typedef struct {
    uint64_t           variants;
    xr_manifest_ref_t  name;
    uint32_t           weight;
    uint32_t           unused;
} xr_manifest_arm_record_t;


/*
 * Whatever is read of an image goes through these two: a reference that leads
 * out of it is nothing, and a record, the "i"th of those of "size" bytes that
 * begin at "pos", is copied out of it or is not there.
 */
xr_str_t xr_manifest_ref(xr_str_t image, xr_manifest_ref_t ref);
bool xr_manifest_record(xr_str_t image, size_t pos, size_t i, size_t size,
    void *out);


/* The largest of each, so that no text that is in its limits is refused. */

#define XR_MANIFEST_VARIANT_MAX                                               \
    (sizeof(xr_manifest_record_t) + XR_MANIFEST_ID_MAX                        \
     + XR_MANIFEST_PATH_MAX + XR_MANIFEST_TYPE_MAX + XR_MANIFEST_ALTS         \
     + XR_MANIFEST_SEGMENTS * (sizeof(xr_manifest_segment_record_t)           \
                               + XR_MANIFEST_SEGMENT_NAME_MAX)            \
     + XR_MANIFEST_LINKS * (sizeof(xr_manifest_link_record_t)                 \
                            + XR_MANIFEST_PATH_MAX + XR_MANIFEST_TYPE_MAX))

_Static_assert(sizeof(xr_manifest_head_t) + XR_MANIFEST_NAME_MAX
               + XR_MANIFEST_REV_MAX + XR_MANIFEST_SALT_MAX
               + XR_MANIFEST_VARIANTS * XR_MANIFEST_VARIANT_MAX
               + XR_MANIFEST_ARMS * (sizeof(xr_manifest_arm_record_t)
                                     + XR_MANIFEST_ID_MAX)
               <= XR_MANIFEST_IMAGE_MAX, "an image does not fit");


#endif /* XR_MANIFEST_IMAGE_H */
