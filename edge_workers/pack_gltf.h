/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PACK_GLTF_H
#define XRW_PACK_GLTF_H


#include "pack.h"
#include "pack_glb.h"
#include "pack_texture.h"


/* A model on its way from source to variants, for the pack_gltf*.c files. */

/* A primitive of the source; those that are alike share the work. */

typedef struct {
    json_t      *json;
    uint32_t     same;              /* the first that is like it */
    xrw_mesh_t  *base;              /* NULL: it is left as it is */
    xrw_mesh_t  *level;
    int          exponent;          /* 2 to it: the extent of its mesh */
    bool         lock;
} xrw_gltf_part_t;


typedef struct {
    xrw_pack_t       *p;
    xr_gltf_t         g;
    json_t           *root;         /* without what is written anew */
    json_t           *accessors;
    xrw_gltf_part_t  *parts;
    xrw_textures_t    textures;
    uint64_t          tris;         /* of the source */
} xrw_gltf_t;


/* What makes primitives alike, as a text that is free()d. */
char *xrw_gltf_key(json_t *primitive, int exponent, bool lock);

/*
 * All that nodes draw, in the source or in the level at hand: a mesh counts as
 * often as it is there.
 */
void xrw_gltf_drawn(const xrw_gltf_t *f, bool level, uint64_t *tris,
    uint64_t *draws);

/* Makes one variant of the level at hand, and adds it. */
void xrw_gltf_variant(xrw_gltf_t *f, size_t level, xrw_pack_set_t set);


#endif /* XRW_PACK_GLTF_H */
