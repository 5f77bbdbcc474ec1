/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack_gltf.h"

#include <math.h>
#include <meshoptimizer.h>
#include <stdlib.h>
#include <string.h>


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


char *
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


/*
 * One exponent for a mesh, so that its primitives meet where they met: that
 * of the extent of the "n" from "first" on.
 */

static int
xrw_gltf_exponent(const xrw_gltf_t *f, uint32_t first, uint32_t n)
{
    int                     exponent;
    float                   extent, far, largest;
    uint32_t                i;
    const xrw_gltf_part_t  *part;

    largest = 0;

    for (i = first; i < first + n; i++) {
        part = &f->parts[i];

        if (part->base != NULL && (part->same == i || part->same < first)) {
            xrw_mesh_extent(part->base, &extent, &far);
            largest = fmaxf(largest, extent);
        }
    }

    (void) frexpf(largest, &exponent);

    return exponent;
}


static void
xrw_gltf_parts(xrw_gltf_t *f)
{
    int                exponent;
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

        exponent = xrw_gltf_exponent(f, n, (uint32_t) j);

        for (k = 0; k < j; k++) {
            f->parts[n + k].exponent = exponent;
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


void
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
