/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PACK_MESH_H
#define XRW_PACK_MESH_H


#include "arena.h"
#include "xr_gltf.h"

#include <jansson.h>


/*
 * The triangles of one primitive: vertices as streams, one for each attribute,
 * in which elements lie at multiples of four bytes.
 */

#define XRW_MESH_STREAMS  16

typedef struct {
    const char  *name;              /* "POSITION" */
    uint32_t     component;         /* 5120 to 5126 */
    uint8_t      components;
    bool         normalized;
    uint32_t     stride;
    uint8_t     *data;
} xrw_stream_t;


typedef struct {
    size_t        n;
    xrw_stream_t  streams[XRW_MESH_STREAMS];
    size_t        position;         /* which of them */
    uint32_t      vertices;
    uint32_t     *indices;
    size_t        nindices;
} xrw_mesh_t;


/* All elements of an accessor, "stride" bytes apart, sparse ones in place. */
uint8_t *xrw_mesh_elements(xrw_arena_t *arena, const xr_gltf_t *g,
    const xr_gltf_accessor_t *a, uint32_t stride);

/* A component as the number that it stands for. */
float xrw_mesh_number(const uint8_t *p, uint32_t component, bool normalized);

/*
 * Reads a primitive whose "attributes" are given, equal vertices made one.
 * NULL: it does not suit what follows, and is best left as it is.
 */
xrw_mesh_t *xrw_mesh_read(xrw_arena_t *arena, const xr_gltf_t *g,
    const xr_gltf_primitive_t *primitive, json_t *attributes);

/*
 * With fewer triangles: "ratio" of them where "error", relative to the mesh,
 * allows it; 1: all.  Borders stay where they are if "lock".  Ordered for
 * GPUs, vertices that are not used left out.
 */
xrw_mesh_t *xrw_mesh_level(xrw_arena_t *arena, const xrw_mesh_t *base,
    double ratio, float error, bool lock);

/* The longest edge of the box around it, and its distance from the origin. */
void xrw_mesh_extent(const xrw_mesh_t *mesh, float *extent, float *far);

/*
 * Makes its numbers smaller, for compression: directions of 8 bits, positions
 * and texture coordinates as multiples of two powers of two.  What has no such
 * form stays.  "filters" has one for each stream.
 */
void xrw_mesh_quantise(xrw_arena_t *arena, xrw_mesh_t *mesh, int positions,
    int coordinates, xr_gltf_filter_t *filters);

/* Positions and directions as floats: what glTF 2.0 has without extensions. */
void xrw_mesh_plain(xrw_arena_t *arena, xrw_mesh_t *mesh);


#endif /* XRW_PACK_MESH_H */
