/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_PACK_TEXTURE_H
#define XRW_PACK_TEXTURE_H


#include "pack.h"


/* The textures of a model, equal ones once, in all forms that are sent. */

typedef struct {
    xr_str_t         data;
    xr_image_kind_t  kind;
    uint32_t         width;
    uint32_t         height;
    bool             etc1s;
} xrw_texture_form_t;


typedef struct {
    xr_str_t            data;
    xr_image_t          image;
    uint8_t             hash[XR_SHA256_SIZE];
    bool                srgb;       /* colours, not numbers */
    bool                normal;
    bool                alpha;      /* somebody looks at it */
    xrw_texture_form_t  forms[XRW_PACK_LEVELS][XRW_PACK_SETS];
} xrw_texture_t;


typedef struct {
    size_t          n;
    xrw_texture_t  *list;
    uint32_t       *of;             /* by texture of the model: which of the
                                       list, or XR_GLTF_NONE */
    bool            sets[XRW_PACK_SETS];        /* those that can be made */
} xrw_textures_t;


/* Which there are, and what they are used for. */
void xrw_textures_find(xrw_pack_t *p, const xr_gltf_t *g, json_t *root,
    xrw_textures_t *out);

/* Makes the forms.  False: p->why. */
bool xrw_textures_make(xrw_pack_t *p, xrw_textures_t *t);

/*
 * A KTX2 texture with edges of at most "edge": the texture itself, or its
 * smaller levels.  False: it has none.
 */
bool xrw_texture_cut(xrw_arena_t *arena, xr_str_t data, uint32_t edge,
    xrw_texture_form_t *out);


#endif /* XRW_PACK_TEXTURE_H */
