/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack_texture.h"

#include <string.h>


typedef struct {
    bool  used;
    bool  srgb;
    bool  normal;
    bool  alpha;
} xrw_texture_role_t;


/*
 * What a member of a material says of its texture.  Where only some channels
 * count, alpha is left out: it would be stored and cost colours.
 */

static void
xrw_texture_role(const char *name, bool opaque, xrw_texture_role_t *role)
{
    size_t  i;

    static const char *const  colours[] = {
        "baseColorTexture", "emissiveTexture", "diffuseTexture",
        "specularGlossinessTexture", "sheenColorTexture",
        "specularColorTexture", "diffuseTransmissionColorTexture"
    };

    static const char *const  opaques[] = {
        "normalTexture", "occlusionTexture", "emissiveTexture",
        "metallicRoughnessTexture", "clearcoatTexture",
        "clearcoatRoughnessTexture", "clearcoatNormalTexture",
        "sheenColorTexture", "specularColorTexture", "transmissionTexture",
        "thicknessTexture", "iridescenceTexture",
        "iridescenceThicknessTexture", "anisotropyTexture",
        "diffuseTransmissionColorTexture"
    };

    role->used = true;
    role->normal |= strcmp(name, "normalTexture") == 0
                    || strcmp(name, "clearcoatNormalTexture") == 0;

    for (i = 0; i < XR_COUNT(colours); i++) {
        role->srgb |= strcmp(name, colours[i]) == 0;
    }

    for (i = 0; i < XR_COUNT(opaques); i++) {

        if (strcmp(name, opaques[i]) == 0) {
            return;
        }
    }

    role->alpha |= !opaque || (strcmp(name, "baseColorTexture") != 0
                               && strcmp(name, "diffuseTexture") != 0);
}


static void
xrw_texture_roles(json_t *object, bool opaque, xrw_texture_role_t *roles)
{
    size_t       len;
    json_t      *value, *index;
    const char  *name;

    json_object_foreach(object, name, value) {

        if (!json_is_object(value) || strcmp(name, "extras") == 0) {
            continue;
        }

        len = strlen(name);
        index = json_object_get(value, "index");

        if (len > 7 && strcmp(name + len - 7, "Texture") == 0
            && json_is_integer(index))
        {
            xrw_texture_role(name, opaque, &roles[json_integer_value(index)]);
        }

        xrw_texture_roles(value, opaque, roles);
    }
}


/* The image of a texture: one that can be decoded, if there is a choice. */

static uint32_t
xrw_texture_source(const xr_gltf_t *g, json_t *texture)
{
    size_t    i;
    json_t   *extension, *sources[3];
    uint32_t  n, found;

    extension = json_object_get(texture, "extensions");
    sources[0] = json_object_get(texture, "source");
    sources[1] = json_object_get(json_object_get(extension,
                                                 "EXT_texture_webp"),
                                 "source");
    sources[2] = json_object_get(json_object_get(extension,
                                                 "KHR_texture_basisu"),
                                 "source");
    found = XR_GLTF_NONE;

    for (i = 0; i < XR_COUNT(sources); i++) {

        if (!json_is_integer(sources[i])) {
            continue;
        }

        n = (uint32_t) json_integer_value(sources[i]);

        if (found == XR_GLTF_NONE
            || g->images[found].image.kind == XR_IMAGE_KTX2)
        {
            found = n;
        }
    }

    return found;
}


static uint32_t
xrw_texture_place(xrw_textures_t *t, const xr_gltf_image_t *image,
    const xrw_texture_role_t *role)
{
    size_t          i;
    bool            alpha;
    uint8_t         hash[XR_SHA256_SIZE];
    xrw_texture_t  *list;

    alpha = role->alpha && image->image.alpha;
    (void) xr_sha256(image->data, hash);

    for (i = 0; i < t->n; i++) {
        list = &t->list[i];

        if (memcmp(list->hash, hash, sizeof(hash)) == 0
            && list->srgb == role->srgb && list->alpha == alpha
            && list->normal == (role->normal && !role->srgb))
        {
            return (uint32_t) i;
        }
    }

    list = &t->list[t->n];
    list->data = image->data;
    list->image = image->image;
    list->srgb = role->srgb;
    list->normal = role->normal && !role->srgb;
    list->alpha = alpha;
    memcpy(list->hash, hash, sizeof(hash));

    return (uint32_t) t->n++;
}


void
xrw_textures_find(xrw_pack_t *p, const xr_gltf_t *g, json_t *root,
    xrw_textures_t *out)
{
    size_t               i;
    json_t              *textures, *material;
    uint32_t             source;
    const char          *mode;
    xrw_texture_role_t  *roles;

    textures = json_object_get(root, "textures");

    memset(out, 0, sizeof(*out));
    out->list = xrw_alloc(p->arena, (json_array_size(textures) + 1)
                                    * sizeof(xrw_texture_t));
    out->of = xrw_alloc(p->arena, (json_array_size(textures) + 1)
                                  * sizeof(uint32_t));
    roles = xrw_alloc(p->arena, (json_array_size(textures) + 1)
                                * sizeof(xrw_texture_role_t));

    json_array_foreach(json_object_get(root, "materials"), i, material) {
        mode = json_string_value(json_object_get(material, "alphaMode"));
        xrw_texture_roles(material, mode == NULL
                                    || strcmp(mode, "OPAQUE") == 0, roles);
    }

    for (i = 0; i < json_array_size(textures); i++) {
        source = xrw_texture_source(g, json_array_get(textures, i));
        out->of[i] = (source == XR_GLTF_NONE || !roles[i].used)
                     ? XR_GLTF_NONE
                     : xrw_texture_place(out, &g->images[source], &roles[i]);
    }
}
