/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_GLTF_H
#define XR_GLTF_H


#include "xr_image.h"
#include "xr_refusal.h"


/*
 * A check of glTF 2.0 that somebody uploaded, before anything is computed from
 * it: every index, range and count is what the file can bear out, nothing is
 * fetched from elsewhere, and what it would unfold to has a limit.
 */

#define XR_GLTF_NONE        UINT32_MAX

#define XR_GLTF_JSON_MAX    (8 * 1024 * 1024)
#define XR_GLTF_ITEMS_MAX   65536           /* of each array of the JSON */
#define XR_GLTF_IMAGE_EDGE  8192
#define XR_GLTF_PIXELS_MAX  (UINT64_C(256) * 1024 * 1024)   /* of all images */
#define XR_GLTF_DATA_MAX    (UINT64_C(512) * 1024 * 1024)   /* of accessors */
#define XR_GLTF_DRAWN_MAX   (UINT64_C(32) * 1024 * 1024)    /* indices */


typedef enum {
    XR_GLTF_PLAIN = 0,
    XR_GLTF_ATTRIBUTES,             /* modes of EXT_meshopt_compression */
    XR_GLTF_TRIANGLES,
    XR_GLTF_INDICES
} xr_gltf_mode_t;

typedef enum {
    XR_GLTF_FILTER_NONE = 0,
    XR_GLTF_FILTER_OCTAHEDRAL,
    XR_GLTF_FILTER_QUATERNION,
    XR_GLTF_FILTER_EXPONENTIAL
} xr_gltf_filter_t;

typedef struct {
    xr_str_t          data;         /* what is in the file; for a compressed
                                       one the caller replaces it before
                                       xr_gltf_values_check() */
    uint64_t          length;       /* once it is not compressed */
    uint32_t          stride;       /* 0: packed */
    xr_gltf_mode_t    mode;
    xr_gltf_filter_t  filter;
    uint32_t          count;        /* of a compressed one: elements */
} xr_gltf_view_t;


typedef struct {
    uint32_t  view;                 /* XR_GLTF_NONE: zeros */
    uint64_t  offset;
    uint32_t  count;
    uint32_t  component;            /* 5120 to 5126 */
    uint8_t   size;                 /* of a component, bytes */
    uint8_t   components;           /* of an element */
    uint8_t   columns;              /* of a matrix; else 1 */
    bool      normalized;
    uint32_t  element;              /* bytes, with the padding of matrices */
    uint32_t  stride;

    uint32_t  sparse;               /* elements; 0: not sparse */
    uint32_t  sparse_view;
    uint64_t  sparse_offset;
    uint8_t   sparse_size;          /* of an index */
    uint32_t  values_view;
    uint64_t  values_offset;
} xr_gltf_accessor_t;


/* A primitive, with what has to be compared once values can be read. */

typedef struct {
    uint32_t  mesh;
    uint32_t  mode;                 /* 4: triangles */
    uint32_t  indices;              /* an accessor, or XR_GLTF_NONE */
    uint32_t  position;             /* likewise */
    uint32_t  vertices;
    bool      targets;              /* it morphs, */
    bool      joints;               /* or is skinned */
} xr_gltf_primitive_t;


typedef struct {
    xr_str_t    data;
    xr_image_t  image;
} xr_gltf_image_t;


typedef struct {
    xr_str_t              json;
    xr_str_t              bin;

    uint32_t              nviews;
    uint32_t              naccessors;
    uint32_t              nimages;
    uint32_t              nprimitives;
    uint32_t              nmeshes;
    uint32_t              nnodes;
    uint32_t              ntextures;
    uint32_t              nsamplers;
    uint32_t              nmaterials;
    uint32_t              nskins;
    uint32_t              ncameras;
    uint32_t              nscenes;

    xr_gltf_view_t       *views;
    xr_gltf_accessor_t   *accessors;
    xr_gltf_image_t      *images;
    xr_gltf_primitive_t  *primitives;       /* in the order of the JSON */
    uint32_t             *meshes;           /* of each node, XR_GLTF_NONE */
} xr_gltf_t;


/*
 * Splits a GLB into its chunks and checks what its JSON says of them.  The
 * arrays are memory of "mem"; what they have views of is "file".  XR_INVALID
 * and XR_DENIED (well formed, but not taken) fill "why"; XR_NO_SPACE: "mem"
 * has none.
 */
xr_rc_t xr_gltf_check(xr_str_t file, const xr_mem_t *mem, xr_gltf_t *out,
    xr_refusal_t *why);

/*
 * Checks what is in the binary data: indices against the vertices they are of,
 * positions for being numbers, sparse indices for their order.
 */
xr_rc_t xr_gltf_values_check(const xr_gltf_t *g, xr_refusal_t *why);

/* Element "i" of an accessor that is not sparse; NULL: it has no view. */
const uint8_t *xr_gltf_values_element(const xr_gltf_t *g,
    const xr_gltf_accessor_t *a, uint32_t i);

/* An unsigned number of "size" bytes, 1, 2 or 4. */
uint32_t xr_gltf_values_uint(const uint8_t *p, uint8_t size);

/* Whether files may use it, or even require it. */
bool xr_gltf_extension(xr_str_t name);


#endif /* XR_GLTF_H */
