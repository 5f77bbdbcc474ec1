/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PACK_GLB_H
#define XRW_PACK_GLB_H


#include "bytes.h"
#include "pack_mesh.h"


/*
 * A GLB as it is written: geometry first and images behind it, each buffer
 * view with one accessor.
 */

typedef struct {
    xrw_arena_t      *arena;
    const xr_gltf_t  *source;
    json_t           *sources;      /* accessors of the source */
    bool              meshopt;

    json_t           *views;
    json_t           *accessors;
    xrw_bytes_t       bin;
    uint64_t          unfolded;     /* bytes of the buffer that is not there */
    bool              quantised;    /* it needs KHR_mesh_quantization */
    uint32_t         *map;          /* accessors of the source: here, plus 1 */
} xrw_glb_t;


/* What a buffer view is for. */

typedef enum {
    XRW_GLB_OTHER = 0,
    XRW_GLB_VERTICES,
    XRW_GLB_INDICES
} xrw_glb_target_t;


void xrw_glb_begin(xrw_glb_t *b, xrw_arena_t *arena, const xr_gltf_t *source,
    json_t *accessors, bool meshopt);
void xrw_glb_end(xrw_glb_t *b);

/* Accessor "i" of the source with the values it has; its index here. */
json_t *xrw_glb_copy(xrw_glb_t *b, uint32_t i, xrw_glb_target_t target,
    bool triangles);

/* Whether a copy that is an attribute "name" needs the extension. */
void xrw_glb_attribute(xrw_glb_t *b, const char *name, uint32_t i);

/* The attributes and the indices of a mesh: "attributes", "indices". */
void xrw_glb_mesh(xrw_glb_t *b, const xrw_mesh_t *mesh,
    const xr_gltf_filter_t *filters, json_t *primitive);

/* An image; the index of its buffer view. */
json_t *xrw_glb_image(xrw_glb_t *b, xr_str_t data);

/*
 * The file: "root" is its JSON but for buffers, views and accessors, and is
 * completed.  "*head" is where the binary data begin.  It is memory of "to".
 */
xr_str_t xrw_glb_file(xrw_glb_t *b, xrw_arena_t *to, json_t *root,
    size_t *head);

/* The same of JSON that has all of it, and of its binary data. */
xr_str_t xrw_glb_join(xrw_arena_t *to, json_t *root, xr_str_t bin,
    size_t *head);


#endif /* XRW_PACK_GLB_H */
