/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_KTX2_H
#define XR_KTX2_H


#include "xr_buf.h"


/*
 * KTX 2.0 textures, read from their beginning only.  Their levels lie smallest
 * first, so a texture of fewer pixels is a prefix of the file with another
 * header in front: no pixel is decoded for it.
 *
 * Nothing that the file says is believed: offsets and lengths are checked
 * against the file's length and against each other, counts against what they
 * can be, before anything is computed from them.
 */

#define XR_KTX2_LEVELS_MAX  25                  /* of XR_KTX2_EDGE_MAX */
#define XR_KTX2_EDGE_MAX    (UINT32_C(1) << 24)

#define XR_KTX2_HEADER      80
#define XR_KTX2_ENTRY       24                  /* of the level index */

#define XR_KTX2_HEAD_SIZE   (XR_KTX2_HEADER + XR_KTX2_LEVELS_MAX              \
                             * XR_KTX2_ENTRY)

/* As much of a file's beginning as xr_ktx2_parse() ever looks at. */

#define XR_KTX2_PREFIX_MAX  1024

typedef enum {
    XR_KTX2_NONE = 0,
    XR_KTX2_BASISLZ,
    XR_KTX2_ZSTD,
    XR_KTX2_ZLIB
} xr_ktx2_scheme_t;


typedef struct {
    uint64_t  offset;
    uint64_t  length;
} xr_ktx2_part_t;


typedef struct {
    uint64_t          length;                   /* of the file */
    uint32_t          width;
    uint32_t          height;                   /* 0: one-dimensional */
    uint32_t          edge;                     /* the larger of the two */
    uint32_t          layers;                   /* 0: no array */
    uint32_t          faces;                    /* 1 or 6 */
    uint32_t          levels;
    xr_ktx2_scheme_t  scheme;
    uint64_t          images;                   /* of each level */
    uint64_t          align;                    /* of the data of levels */
    xr_ktx2_part_t    format;                   /* data format descriptor */
    xr_ktx2_part_t    values;                   /* keys and values; or none */
    xr_ktx2_part_t    global;                   /* of supercompression */
    xr_ktx2_part_t    level[XR_KTX2_LEVELS_MAX];    /* the largest first */
    uint64_t          pixels[XR_KTX2_LEVELS_MAX];   /* bytes, uncompressed */
} xr_ktx2_t;


/* Where the bytes of a cut file come from, in their order. */

#define XR_KTX2_PIECES_MAX  4

typedef struct {
    uint64_t  from;                             /* in the source */
    uint64_t  length;
    uint64_t  zeros;                            /* in front of it */
} xr_ktx2_piece_t;


typedef struct {
    uint32_t         first;                     /* the largest level kept */
    uint64_t         head;                      /* bytes of xr_ktx2_head() */
    uint64_t         prefix;                    /* of the source: needed */
    uint64_t         length;                    /* of the cut file */
    size_t           n;
    xr_ktx2_piece_t  pieces[XR_KTX2_PIECES_MAX];    /* behind the head */
    xr_ktx2_part_t   format;                    /* as in the cut file */
    xr_ktx2_part_t   values;
    xr_ktx2_part_t   global;
    uint64_t         down;                      /* what offsets of levels
                                                   get smaller by */
} xr_ktx2_plan_t;


/*
 * Bytes of the file's beginning that xr_ktx2_parse() wants: more than "prefix"
 * has if it is not enough, never more than XR_KTX2_PREFIX_MAX.
 */
size_t xr_ktx2_need(xr_str_t prefix);

/*
 * Reads what is known from the first bytes of a file of "length" bytes.
 * XR_NO_SPACE: "prefix" has less than xr_ktx2_need().  XR_INVALID: no KTX2
 * file, or one that contradicts itself.  XR_DENIED: it may be one, but cannot
 * be cut; "err" says why in one word that is made for logs.
 */
xr_rc_t xr_ktx2_parse(xr_str_t prefix, uint64_t length, xr_ktx2_t *out,
    xr_err_t *err);

/*
 * The largest level of a texture with edges of at most "edge" and "levels"
 * levels that is no larger than "maxdim", which is not 0.  XR_NOT_FOUND:
 * there is none.
 */
xr_rc_t xr_ktx2_level(uint32_t edge, uint32_t levels, uint64_t maxdim,
    uint32_t *level);

/* How to cut a file to its levels from "first" on, which is one of them. */
void xr_ktx2_plan(const xr_ktx2_t *k, uint32_t first, xr_ktx2_plan_t *out);

/*
 * The head of the cut file: its header and its level index, plan->head bytes;
 * "prefix" is the source's.
 */
void xr_ktx2_head(const xr_ktx2_t *k, const xr_ktx2_plan_t *plan,
    xr_str_t prefix, xr_buf_t *b);


#endif /* XR_KTX2_H */
