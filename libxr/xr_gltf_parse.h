/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_GLTF_PARSE_H
#define XR_GLTF_PARSE_H


#include "xr_gltf.h"
#include "xr_json.h"


/* How a glTF file is read; for the xr_gltf*.c files only. */

typedef enum {
    XR_GLTF_BUFFERS = 0,
    XR_GLTF_VIEWS,
    XR_GLTF_ACCESSORS,
    XR_GLTF_IMAGES,
    XR_GLTF_SAMPLERS,
    XR_GLTF_TEXTURES,
    XR_GLTF_MATERIALS,
    XR_GLTF_MESHES,
    XR_GLTF_NODES,
    XR_GLTF_SKINS,
    XR_GLTF_CAMERAS,
    XR_GLTF_ANIMATIONS,
    XR_GLTF_SCENES,
    XR_GLTF_LISTS
} xr_gltf_list_t;


typedef struct {
    const xr_mem_t  *mem;
    xr_gltf_t       *g;
    xr_refusal_t   *why;
    xr_json_t        root;
    xr_json_t        lists[XR_GLTF_LISTS];      /* absent: no data */
    uint32_t         counts[XR_GLTF_LISTS];
    uint64_t         bin;                       /* bytes of buffer 0 */
} xr_gltf_parse_t;


void *xr_gltf_alloc(const xr_gltf_parse_t *p, size_t n, size_t size);

/*
 * A member that is a number without sign, point and exponent; false: it is
 * something else, or more than "max".  "*out" is left alone where it is
 * absent.
 */
bool xr_gltf_number(const xr_json_t *object, const char *name, uint64_t max,
    uint64_t *out);

/* One that is an index of one of "n"; XR_GLTF_NONE where it is absent. */
bool xr_gltf_ref(const xr_json_t *object, const char *name, uint32_t n,
    uint32_t *out);

/* An array of such; an absent one is empty. */
bool xr_gltf_refs(const xr_json_t *object, const char *name, uint32_t n,
    uint32_t *count);

/* An object in "extensions" of another. */
bool xr_gltf_extended(const xr_json_t *object, const char *name,
    xr_json_t *out);

/* Each in its own file; XR_OK, or "why" was filled. */
xr_rc_t xr_gltf_data(xr_gltf_parse_t *p);
xr_rc_t xr_gltf_scene(xr_gltf_parse_t *p);


#endif /* XR_GLTF_PARSE_H */
