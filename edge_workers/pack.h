/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PACK_H
#define XRW_PACK_H


#include "arena.h"
#include "xr_asset.h"
#include "xr_crypto.h"
#include "xr_device.h"
#include "xr_gltf.h"
#include "xr_manifest.h"

#include <jansson.h>


/*
 * Packing: one source becomes the variants that devices are sent, and the
 * manifest that says which.  The same source and preset give the same bytes.
 */

/* A set of variants: what a viewer has to be able to decode. */

typedef enum {
    XRW_PACK_WEBP = 0,              /* meshopt; WebP */
    XRW_PACK_KTX2,                  /* meshopt; Basis in KTX2 */
    XRW_PACK_PLAIN,                 /* what glTF 2.0 itself has */
    XRW_PACK_SETS
} xrw_pack_set_t;


#define XRW_PACK_LEVELS    4
#define XRW_PACK_VARIANTS  (XRW_PACK_LEVELS * XRW_PACK_SETS)
#define XRW_PACK_NAME_MAX  16

typedef struct {
    char      name[XRW_PACK_NAME_MAX];
    double    ratio;                /* of triangles */
    float     error;                /* at most, of a mesh's extent */
    uint32_t  edge;                 /* of textures */
    uint32_t  bits;                 /* of positions, within a mesh */
    uint32_t  q;                    /* as the manifest has it */
    uint32_t  quality;              /* of WebP and JPEG */
    uint32_t  classes[XRW_PACK_SETS];           /* bits of xr_class_t */
} xrw_pack_level_t;


typedef struct {
    char              name[XRW_PACK_NAME_MAX];
    size_t            nlevels;
    xrw_pack_level_t  levels[XRW_PACK_LEVELS];  /* the best first */
    bool              sets[XRW_PACK_SETS];
    bool              uastc;        /* normal maps: UASTC, not ETC1S */
    uint32_t          etc1s;        /* quality, 1 to 255 */
} xrw_pack_preset_t;


/* One file that was made, with what the manifest says of it. */

typedef struct {
    char        id[2 * XRW_PACK_NAME_MAX];
    char        path[2 * XR_SHA256_SIZE + 8];
    const char *type;
    xr_str_t    data;
    xr_str_t    encoded[XR_ENCODINGS];      /* siblings; empty: none */
    uint32_t    q;
    uint32_t    tris;
    uint32_t    draws;
    uint32_t    maxdim;
    uint64_t    pixels;             /* of textures, with their mipmaps */
    uint32_t    tex;                /* XR_TEX_* that it needs */
    uint32_t    geo;                /* XR_GEO_* */
    bool        etc1s;
    uint32_t    uses;               /* bits of xr_use_t */
    uint32_t    classes;            /* bits of xr_class_t */
    json_t     *seg;                /* or NULL */
} xrw_pack_variant_t;


typedef struct {
    xrw_arena_t              *arena;
    const xrw_pack_preset_t  *preset;
    const char               *tools;    /* folder of the texture tool, or "" */
    const char               *name;     /* of the source, without extension */
    xr_str_t                  source;
    char                      rev[2 * XR_SHA256_SIZE + 1];

    size_t                    n;
    xrw_pack_variant_t        variants[XRW_PACK_VARIANTS];
    json_t                   *warnings;

    xr_refusal_t              why;      /* when something returns false */
    const char               *detail;   /* more of it, or NULL */
} xrw_pack_t;


/* Fills "why"; false. */
bool xrw_pack_fail(xrw_pack_t *p, const char *code, const char *what,
    const char *detail);

void xrw_pack_warn(xrw_pack_t *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Makes the variants of p->source in memory; the current folder is for
 * whatever is needed on the way.  False: "why" says why not.
 */
bool xrw_pack(xrw_pack_t *p, xr_asset_kind_t kind);

/*
 * Makes a GLB of p->source, which is glTF in JSON, and the files that it names
 * in "folder".
 */
bool xrw_pack_embed(xrw_pack_t *p, const char *folder);

/* glTF, and textures and archives that are passed on as they are. */
bool xrw_pack_gltf(xrw_pack_t *p);
bool xrw_pack_ktx2(xrw_pack_t *p);
bool xrw_pack_usdz(xrw_pack_t *p);

/*
 * Adds what was made, unless the same bytes are there already: then its
 * classes are added to those.  "v" has everything but "path".
 */
void xrw_pack_add(xrw_pack_t *p, const xrw_pack_variant_t *v,
    const char *extension);

/* The manifest's text, in memory of the arena. */
bool xrw_pack_manifest(xrw_pack_t *p, xr_str_t *out);

/* By class: the variant that selection finds, and why; for people. */
json_t *xrw_pack_coverage(xrw_pack_t *p, xr_str_t manifest);

/* The files: variants and their siblings, the manifest last. */
bool xrw_pack_write(xrw_pack_t *p, int folder, xr_str_t manifest);

/* XR_CLASS_* that a budget is of: whether a variant is within it. */
bool xrw_pack_fits(const xrw_pack_variant_t *v, xr_class_t class);


/* The preset of that name: from "file", or a built-in one; NULL, reported. */
const xrw_pack_preset_t *xrw_pack_preset(xrw_arena_t *arena,
    const char *file, const char *name);


#endif /* XRW_PACK_H */
