/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack_gltf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* A primitive as it is, its accessors in their new places. */

static void
xrw_gltf_keep(xrw_glb_t *b, const xr_gltf_primitive_t *primitive,
    json_t *object)
{
    size_t       i;
    json_t      *attributes, *target, *value;
    const char  *name;

    attributes = json_object_get(object, "attributes");

    json_object_foreach(attributes, name, value) {
        xrw_glb_attribute(b, name, (uint32_t) json_integer_value(value));
        (void) json_object_set_new(attributes, name, xrw_glb_copy(
            b, (uint32_t) json_integer_value(value), XRW_GLB_VERTICES, false));
    }

    json_array_foreach(json_object_get(object, "targets"), i, target) {

        json_object_foreach(target, name, value) {
            xrw_glb_attribute(b, name, (uint32_t) json_integer_value(value));
            (void) json_object_set_new(target, name, xrw_glb_copy(
                b, (uint32_t) json_integer_value(value), XRW_GLB_VERTICES,
                false));
        }
    }

    if (primitive->indices != XR_GLTF_NONE) {
        (void) json_object_set_new(object, "indices", xrw_glb_copy(
            b, primitive->indices, XRW_GLB_INDICES, primitive->mode == 4));
    }
}


/* Texture coordinates are as fine as a quarter of a pixel. */

static int
xrw_gltf_coordinates(uint32_t edge)
{
    int  exponent;

    (void) frexpf((float) edge, &exponent);

    return -(exponent + 1);
}


static void
xrw_gltf_meshes(xrw_gltf_t *f, xrw_glb_t *b, json_t *root,
    const xrw_pack_level_t *level)
{
    char              *key;
    size_t             i, j;
    json_t            *mesh, *primitive, *done, *known;
    uint32_t           n;
    xrw_mesh_t         copy;
    xrw_gltf_part_t   *part;
    xr_gltf_filter_t   filters[XRW_MESH_STREAMS];

    known = json_object();
    n = 0;

    json_array_foreach(json_object_get(root, "meshes"), i, mesh) {

        json_array_foreach(json_object_get(mesh, "primitives"), j, primitive) {
            part = &f->parts[n];

            if (part->level == NULL) {
                xrw_gltf_keep(b, &f->g.primitives[n++], primitive);
                continue;
            }

            key = xrw_gltf_key(part->json, part->exponent, part->lock);
            done = json_object_get(known, key);

            if (done == NULL) {
                copy = *part->level;
                memset(filters, 0, sizeof(filters));

                if (b->meshopt) {
                    xrw_mesh_quantise(b->arena, &copy,
                                      part->exponent - (int) level->bits,
                                      xrw_gltf_coordinates(level->edge),
                                      filters);

                } else {
                    xrw_mesh_plain(b->arena, &copy);
                }

                done = json_object();
                xrw_glb_mesh(b, &copy, filters, done);
                (void) json_object_set_new(known, key, done);
            }

            (void) json_object_update(primitive, done);
            free(key);
            n++;
        }
    }

    json_decref(known);
}


static void
xrw_gltf_move(xrw_glb_t *b, json_t *object, const char *name)
{
    json_t  *value;

    value = json_object_get(object, name);

    if (json_is_integer(value)) {
        (void) json_object_set_new(object, name, xrw_glb_copy(
            b, (uint32_t) json_integer_value(value), XRW_GLB_OTHER, false));
    }
}


/* Whatever else has accessors: skins, animations, instances. */

static void
xrw_gltf_others(xrw_glb_t *b, json_t *root)
{
    void        *next;
    size_t       i, j;
    json_t      *item, *sampler, *attributes, *value;
    const char  *name;

    json_array_foreach(json_object_get(root, "skins"), i, item) {
        xrw_gltf_move(b, item, "inverseBindMatrices");
    }

    json_array_foreach(json_object_get(root, "animations"), i, item) {

        json_array_foreach(json_object_get(item, "samplers"), j, sampler) {
            xrw_gltf_move(b, sampler, "input");
            xrw_gltf_move(b, sampler, "output");
        }
    }

    json_array_foreach(json_object_get(root, "nodes"), i, item) {
        item = json_object_get(json_object_get(item, "extensions"),
                               "EXT_mesh_gpu_instancing");
        attributes = json_object_get(item, "attributes");

        json_object_foreach_safe(attributes, next, name, value) {
            xrw_gltf_move(b, attributes, name);
        }
    }
}


/* Which kind of extension an image is behind; NULL: none. */

static const char *
xrw_gltf_wrap(xr_image_kind_t kind)
{
    return (kind == XR_IMAGE_WEBP) ? "EXT_texture_webp"
           : (kind == XR_IMAGE_KTX2) ? "KHR_texture_basisu" : NULL;
}


static void
xrw_gltf_images(xrw_gltf_t *f, xrw_glb_t *b, json_t *root, size_t level,
    xrw_pack_set_t set, xrw_pack_variant_t *v)
{
    size_t               i;
    json_t              *images, *texture;
    xr_str_t             type;
    const char          *wrap;
    xrw_texture_form_t  *form;

    images = json_array();
    v->etc1s = f->textures.n > 0;

    for (i = 0; i < f->textures.n; i++) {
        form = &f->textures.list[i].forms[level][set];
        type = xr_image_type(form->kind);

        (void) json_array_append_new(images, json_pack(
            "{s:s%, s:o}", "mimeType", (const char *) type.data, type.len,
            "bufferView", xrw_glb_image(b, form->data)));

        v->pixels += ((uint64_t) form->width * form->height * 4 + 2) / 3;
        v->maxdim = (form->width > v->maxdim) ? form->width : v->maxdim;
        v->maxdim = (form->height > v->maxdim) ? form->height : v->maxdim;
        v->tex |= (form->kind == XR_IMAGE_WEBP) ? XR_TEX_WEBP
                  : (form->kind == XR_IMAGE_KTX2) ? XR_TEX_BASIS : 0;
        v->etc1s &= form->etc1s;
    }

    json_array_foreach(json_object_get(root, "textures"), i, texture) {
        (void) json_object_del(texture, "source");
        (void) json_object_del(texture, "extensions");

        if (f->textures.of[i] == XR_GLTF_NONE) {
            continue;
        }

        form = &f->textures.list[f->textures.of[i]].forms[level][set];
        wrap = xrw_gltf_wrap(form->kind);

        if (wrap == NULL) {
            (void) json_object_set_new(texture, "source", json_integer(
                (json_int_t) f->textures.of[i]));

        } else {
            (void) json_object_set_new(texture, "extensions", json_pack(
                "{s:{s:i}}", wrap, "source", (int) f->textures.of[i]));
        }
    }

    if (f->textures.n > 0) {
        (void) json_object_set(root, "images", images);
    }

    json_decref(images);
}


/* The head, and each image to the beginning of the next. */

static json_t *
xrw_gltf_segments(const xrw_glb_t *b, size_t images, size_t bin, size_t end)
{
    char     name[32];
    size_t   i, n, at, next;
    json_t  *seg, *view;

    seg = json_array();
    n = json_array_size(b->views);
    at = 0;

    for (i = 0; i <= images && i < XR_MANIFEST_SEGMENTS; i++) {
        next = end;

        if (i < images && i + 1 < XR_MANIFEST_SEGMENTS) {
            view = json_array_get(b->views, n - images + i);
            next = bin + (size_t) json_integer_value(
                                      json_object_get(view, "byteOffset"));
        }

        (void) snprintf(name, sizeof(name), "img%zu", i - 1);
        (void) json_array_append_new(seg, json_pack(
            "[s, I, I]", i == 0 ? "head" : name, (json_int_t) at,
            (json_int_t) (next - at)));
        at = next;
    }

    return seg;
}


static void
xrw_gltf_name(json_t *root, const char *list, const char *name)
{
    json_t  *names;

    names = json_object_get(root, list);

    if (names == NULL) {
        names = json_array();
        (void) json_object_set_new(root, list, names);
    }

    (void) json_array_append_new(names, json_string(name));
}


/* The extensions: the source's, but for those that a variant has or has not. */

static void
xrw_gltf_extensions(json_t *root, const xrw_pack_variant_t *v)
{
    size_t       i, k;
    json_t      *list, *item;
    const char  *name;

    static const char *const  lists[] = {
        "extensionsUsed", "extensionsRequired"
    };

    const struct {
        const char  *name;
        bool         there;
    } ours[] = {
        { "EXT_meshopt_compression", (v->geo & XR_GEO_MESHOPT) != 0 },
        { "KHR_mesh_quantization", (v->geo & XR_GEO_QUANT) != 0 },
        { "EXT_texture_webp", (v->tex & XR_TEX_WEBP) != 0 },
        { "KHR_texture_basisu", (v->tex & XR_TEX_BASIS) != 0 }
    };

    for (i = 0; i < XR_COUNT(lists); i++) {
        list = json_incref(json_object_get(root, lists[i]));
        (void) json_object_del(root, lists[i]);

        json_array_foreach(list, k, item) {
            name = json_string_value(item);

            if (name != NULL && xr_gltf_extension(xr_str(name))
                && strcmp(name, ours[0].name) != 0
                && strcmp(name, ours[1].name) != 0
                && strcmp(name, ours[2].name) != 0
                && strcmp(name, ours[3].name) != 0)
            {
                xrw_gltf_name(root, lists[i], name);
            }
        }

        json_decref(list);

        for (k = 0; k < XR_COUNT(ours); k++) {

            if (ours[k].there) {
                xrw_gltf_name(root, lists[i], ours[k].name);
            }
        }
    }
}


void
xrw_gltf_variant(xrw_gltf_t *f, size_t level, xrw_pack_set_t set)
{
    size_t                    head;
    json_t                   *root;
    uint64_t                  tris, draws;
    xrw_glb_t                 b;
    xrw_arena_t               arena;
    xrw_pack_variant_t        v;
    const xrw_pack_level_t   *l;

    static const char *const  sets[] = { "webp", "ktx2", "plain" };

    l = &f->p->preset->levels[level];
    arena = (xrw_arena_t) { NULL };
    root = json_deep_copy(f->root);
    memset(&v, 0, sizeof(v));

    xrw_glb_begin(&b, &arena, &f->g, f->accessors, set != XRW_PACK_PLAIN);
    xrw_gltf_meshes(f, &b, root, l);
    xrw_gltf_others(&b, root);
    xrw_gltf_images(f, &b, root, level, set, &v);

    xrw_gltf_drawn(f, true, &tris, &draws);

    (void) snprintf(v.id, sizeof(v.id), "%s-%s", l->name, sets[set]);
    v.type = "model/gltf-binary";
    v.q = (set == XRW_PACK_PLAIN && l->q > 5) ? l->q - 5 : l->q;
    v.tris = (tris < UINT32_MAX) ? (uint32_t) tris : UINT32_MAX;
    v.draws = (draws < UINT32_MAX) ? (uint32_t) draws : UINT32_MAX;
    v.geo = ((b.unfolded > 0) ? XR_GEO_MESHOPT : 0)
            | (b.quantised ? XR_GEO_QUANT : 0);
    v.uses = XR_MANIFEST_BIT(XR_USE_VIEW) | XR_MANIFEST_BIT(XR_USE_NATIVE);
    v.classes = l->classes[set];

    if (v.geo == 0 && v.tex == 0) {
        v.uses |= XR_MANIFEST_BIT(XR_USE_AR_SV);
    }

    xrw_gltf_extensions(root, &v);
    v.data = xrw_glb_file(&b, f->p->arena, root, &head);
    v.seg = xrw_gltf_segments(&b, f->textures.n, head, v.data.len);

    xrw_pack_add(f->p, &v, "glb");

    xrw_glb_end(&b);
    json_decref(root);
    xrw_arena_free(&arena);
}
