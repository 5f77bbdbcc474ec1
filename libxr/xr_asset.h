/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_ASSET_H
#define XR_ASSET_H


#include "xr.h"


/*
 * Whether a file is what its name says, judged by its first bytes and its
 * size: enough to keep a cut-off download or a renamed archive away from the
 * viewers, not a validator of what lies inside.
 */

typedef enum {
    XR_ASSET_OTHER = 0,             /* nothing that this file judges */
    XR_ASSET_GLB,                   /* glTF 2.0, binary */
    XR_ASSET_GLTF,                  /* glTF 2.0, JSON */
    XR_ASSET_KTX2,
    XR_ASSET_USDZ
} xr_asset_kind_t;


/* How much of a file's beginning decides; a shorter file is given whole. */

#define XR_ASSET_HEAD_SIZE  4096


/* Where a GLB or glTF file has its JSON text; zero for the others. */

typedef struct {
    uint64_t  json_pos;
    uint64_t  json_size;
} xr_asset_t;


/* By the extension of "path", ASCII case folded. */
xr_asset_kind_t xr_asset_kind(xr_str_t path);

/*
 * "head" is the beginning of a file of "size" bytes.  GLB: magic, version 2,
 * length, first chunk; glTF: a JSON object; KTX2: identifier, counts, every
 * range of the header and of the level index; USDZ: the first entry, stored,
 * aligned and a USD file.  The JSON itself is not read here.  err->pos is an
 * offset into the file; "out" is written on XR_OK only.
 */
xr_rc_t xr_asset_check(xr_asset_kind_t kind, xr_str_t head, uint64_t size,
    xr_asset_t *out, xr_err_t *err);


#endif /* XR_ASSET_H */
