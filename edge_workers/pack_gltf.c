/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack.h"
#include "pack_glb.h"
#include "pack_texture.h"

#include <math.h>
#include <meshoptimizer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* A primitive of the source; those that are alike share the work. */

typedef struct {
    json_t      *json;
    uint32_t     same;              /* the first that is like it */
    xrw_mesh_t  *base;              /* NULL: it is left as it is */
    xrw_mesh_t  *level;
    int          exponent;
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


/* Compressed views are unfolded, for what the rest reads are plain ones. */

static bool
xrw_gltf_unfold(xrw_pack_t *p, xr_gltf_view_t *view)
{
    int       rc;
    size_t    count, stride;
    uint8_t  *out;

    count = view->count;
    stride = view->stride;
    out = xrw_alloc(p->arena, count * stride);

    switch (view->mode) {

    case XR_GLTF_ATTRIBUTES:
        rc = meshopt_decodeVertexBuffer(out, count, stride, view->data.data,
                                        view->data.len);
        break;

    case XR_GLTF_TRIANGLES:
        rc = meshopt_decodeIndexBuffer(out, count, stride, view->data.data,
                                       view->data.len);
        break;

    default:
        rc = meshopt_decodeIndexSequence(out, count, stride, view->data.data,
                                         view->data.len);
        break;
    }

    if (rc != 0) {
        return xrw_pack_fail(p, "gltf.meshopt", "its compressed geometry is "
                             "damaged", NULL);
    }

    if (view->filter == XR_GLTF_FILTER_OCTAHEDRAL) {
        meshopt_decodeFilterOct(out, count, stride);

    } else if (view->filter == XR_GLTF_FILTER_QUATERNION) {
        meshopt_decodeFilterQuat(out, count, stride);

    } else if (view->filter == XR_GLTF_FILTER_EXPONENTIAL) {
        meshopt_decodeFilterExp(out, count, stride);
    }

    view->data = xr_str_of(out, count * stride);

    return true;
}


/* Extensions that are not known may be left out, and are: they could refer to
 * what has another place now. */

static void
xrw_gltf_drop(json_t *value, json_t *dropped)
{
    void        *next;
    size_t       i;
    json_t      *item, *extensions;
    const char  *name;

    if (json_is_array(value)) {

        json_array_foreach(value, i, item) {
            xrw_gltf_drop(item, dropped);
        }

        return;
    }

    extensions = json_object_get(value, "extensions");

    json_object_foreach_safe(extensions, next, name, item) {

        if (!xr_gltf_extension(xr_str(name))) {
            (void) json_object_set_new(dropped, name, json_true());
            (void) json_object_del(extensions, name);
        }
    }

    if (json_is_object(extensions) && json_object_size(extensions) == 0) {
        (void) json_object_del(value, "extensions");
    }

    json_object_foreach(value, name, item) {

        if (strcmp(name, "extras") != 0) {
            xrw_gltf_drop(item, dropped);
        }
    }
}


static bool
xrw_gltf_read(xrw_gltf_t *f)
{
    void          *next;
    json_t        *dropped, *value;
    uint32_t       i;
    xr_mem_t       mem;
    const char    *name;
    xrw_pack_t    *p;
    json_error_t   error;

    p = f->p;
    mem = xrw_mem(p->arena);

    if (xr_gltf_check(p->source, &mem, &f->g, &p->why) != XR_OK) {
        return false;
    }

    for (i = 0; i < f->g.nviews; i++) {

        if (f->g.views[i].mode != XR_GLTF_PLAIN
            && !xrw_gltf_unfold(p, &f->g.views[i]))
        {
            return false;
        }
    }

    if (xr_gltf_values_check(&f->g, &p->why) != XR_OK) {
        return false;
    }

    f->root = json_loadb((const char *) f->g.json.data, f->g.json.len,
                         JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

    if (f->root == NULL) {
        return xrw_pack_fail(p, "gltf.json", "its JSON has a member twice, or "
                             "a number that is too large", NULL);
    }

    dropped = json_object();
    xrw_gltf_drop(f->root, dropped);

    json_object_foreach_safe(dropped, next, name, value) {
        xrw_pack_warn(p, "the extension %s is not known and was left out",
                      name);
    }

    json_decref(dropped);
    f->accessors = json_incref(json_object_get(f->root, "accessors"));

    (void) json_object_del(f->root, "accessors");
    (void) json_object_del(f->root, "buffers");
    (void) json_object_del(f->root, "bufferViews");
    (void) json_object_del(f->root, "images");
    (void) json_object_set_new(json_object_get(f->root, "asset"), "generator",
                               json_string("ngx_xr pack"));

    return true;
}


/* What makes primitives alike. */

static char *
xrw_gltf_key(json_t *primitive, int exponent, bool lock)
{
    char    *key;
    json_t  *parts;

    parts = json_pack("[O*, O*, O*, O*, i, b]",
                      json_object_get(primitive, "attributes"),
                      json_object_get(primitive, "indices"),
                      json_object_get(primitive, "mode"),
                      json_object_get(primitive, "targets"), exponent,
                      (int) lock);
    key = json_dumps(parts, JSON_COMPACT);
    json_decref(parts);

    return key;
}


/* One exponent for a mesh, so that its primitives meet where they met. */

static int
xrw_gltf_exponent(const xrw_gltf_part_t *parts, uint32_t n)
{
    int       exponent;
    float     extent, far, largest;
    uint32_t  i;

    largest = 0;

    for (i = 0; i < n; i++) {

        if (parts[i].base != NULL) {
            xrw_mesh_extent(parts[i].base, &extent, &far);
            largest = fmaxf(largest, extent);
        }
    }

    (void) frexpf(largest, &exponent);

    return exponent - 15;
}


static void
xrw_gltf_parts(xrw_gltf_t *f)
{
    char              *key;
    size_t             i, j;
    json_t            *mesh, *primitives, *known;
    uint32_t           n, k;
    xrw_gltf_part_t   *part;

    f->parts = xrw_alloc(f->p->arena, (f->g.nprimitives + 1)
                                      * sizeof(xrw_gltf_part_t));
    known = json_object();
    n = 0;

    json_array_foreach(json_object_get(f->root, "meshes"), i, mesh) {
        primitives = json_object_get(mesh, "primitives");

        json_array_foreach(primitives, j, f->parts[n + j].json) {
            part = &f->parts[n + j];
            part->lock = json_array_size(primitives) > 1;
            key = xrw_gltf_key(part->json, 0, part->lock);
            part->same = (uint32_t) (n + j);

            if (json_object_get(known, key) != NULL) {
                part->same = (uint32_t) json_integer_value(
                                            json_object_get(known, key));
                part->base = f->parts[part->same].base;

            } else {
                part->base = xrw_mesh_read(f->p->arena, &f->g,
                                           &f->g.primitives[n + j],
                                           json_object_get(part->json,
                                                           "attributes"));
                (void) json_object_set_new(known, key,
                                           json_integer((json_int_t)
                                                        part->same));
            }

            free(key);
        }

        for (k = 0; k < j; k++) {
            f->parts[n + k].exponent = xrw_gltf_exponent(f->parts + n,
                                                         (uint32_t) j);
        }

        n += (uint32_t) j;
    }

    json_decref(known);
}


/* What a primitive draws, in triangles. */

static uint64_t
xrw_gltf_triangles(const xrw_gltf_t *f, uint32_t i, bool level)
{
    uint64_t                    n;
    const xrw_mesh_t           *mesh;
    const xr_gltf_primitive_t  *primitive;

    mesh = level ? f->parts[i].level : f->parts[i].base;

    if (mesh != NULL) {
        return mesh->nindices / 3;
    }

    primitive = &f->g.primitives[i];
    n = (primitive->indices == XR_GLTF_NONE)
        ? primitive->vertices : f->g.accessors[primitive->indices].count;

    return (primitive->mode < 4) ? 0
           : (primitive->mode == 4) ? n / 3 : (n > 2) ? n - 2 : 0;
}


/* All that nodes draw: a mesh counts as often as it is there. */

static void
xrw_gltf_drawn(const xrw_gltf_t *f, bool level, uint64_t *tris,
    uint64_t *draws)
{
    uint32_t   i, n, mesh;
    uint64_t  *counts;

    counts = xrw_alloc(f->p->arena, (f->g.nprimitives + 1) * sizeof(uint64_t));
    *tris = 0;
    *draws = 0;

    for (n = 0; n < f->g.nnodes; n++) {

        if (f->g.meshes[n] != XR_GLTF_NONE) {
            counts[f->g.meshes[n]]++;
        }
    }

    for (i = 0; i < f->g.nprimitives; i++) {
        mesh = f->g.primitives[i].mesh;
        *tris += xrw_gltf_triangles(f, i, level) * counts[mesh];
        *draws += counts[mesh];
    }
}


/* The share of triangles that a level is to have: its own, or less where those
 * that it is for can take no more. */

static double
xrw_gltf_ratio(const xrw_gltf_t *f, size_t level)
{
    double                   ratio;
    uint32_t                 classes, budget;
    xr_class_t               class;
    xr_device_t              device;
    const xrw_pack_level_t  *l;

    l = &f->p->preset->levels[level];
    classes = l->classes[XRW_PACK_WEBP] | l->classes[XRW_PACK_KTX2]
              | l->classes[XRW_PACK_PLAIN];
    budget = 0;

    for (class = XR_CLASS_X; class < XR_CLASSES; class++) {

        if ((classes & 1u << class) == 0) {
            continue;
        }

        xr_device_budgets(xr_devices_default(), class, &device);

        if (budget == 0
            || ((device.tris < budget)
                == (level + 1 == f->p->preset->nlevels)))
        {
            budget = device.tris;
        }
    }

    ratio = (f->tris > 0) ? (double) budget / (double) f->tris : 1.0;

    return (budget > 0 && ratio < l->ratio && l->error > 0.0f) ? ratio
                                                               : l->ratio;
}


static void
xrw_gltf_level(xrw_gltf_t *f, xrw_arena_t *arena, size_t level)
{
    double            ratio;
    uint32_t          i;
    xrw_gltf_part_t  *part;

    ratio = xrw_gltf_ratio(f, level);

    for (i = 0; i < f->g.nprimitives; i++) {
        part = &f->parts[i];

        if (part->base == NULL) {
            continue;
        }

        part->level = (part->same < i) ? f->parts[part->same].level
                      : xrw_mesh_level(arena, part->base, ratio,
                                       f->p->preset->levels[level].error,
                                       part->lock);
    }
}


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


static void
xrw_gltf_meshes(xrw_gltf_t *f, xrw_glb_t *b, json_t *root)
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
                    xrw_mesh_quantise(b->arena, &copy, part->exponent,
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


static void
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
    xrw_gltf_meshes(f, &b, root);
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


bool
xrw_pack_gltf(xrw_pack_t *p)
{
    bool            ok;
    size_t          level;
    uint64_t        draws;
    xrw_gltf_t      f;
    xrw_arena_t     arena;
    xrw_pack_set_t  set;

    memset(&f, 0, sizeof(f));
    f.p = p;

    ok = xrw_gltf_read(&f);

    if (ok) {
        xrw_textures_find(p, &f.g, f.root, &f.textures);
        ok = xrw_textures_make(p, &f.textures);
    }

    if (ok) {
        xrw_gltf_parts(&f);
        xrw_gltf_drawn(&f, false, &f.tris, &draws);
    }

    for (level = 0; ok && level < p->preset->nlevels; level++) {
        arena = (xrw_arena_t) { NULL };
        xrw_gltf_level(&f, &arena, level);

        for (set = XRW_PACK_WEBP; set < XRW_PACK_SETS; set++) {

            if (f.textures.sets[set]) {
                xrw_gltf_variant(&f, level, set);
            }
        }

        xrw_arena_free(&arena);
    }

    json_decref(f.root);
    json_decref(f.accessors);

    return ok;
}
