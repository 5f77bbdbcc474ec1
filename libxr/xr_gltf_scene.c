/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_gltf_parse.h"


static xr_rc_t
xr_gltf_scene_bad(xr_gltf_parse_t *p, const char *thing, uint32_t n)
{
    return xr_refuse(p->why, XR_INVALID, "gltf.reference", thing, n,
                     "refers to something that does not exist");
}


/* What an element of a list refers to, one file of rules for all of them. */

typedef xr_rc_t (*xr_gltf_scene_pt)(xr_gltf_parse_t *p, uint32_t n,
    const xr_json_t *v);


static xr_rc_t
xr_gltf_scene_each(xr_gltf_parse_t *p, xr_gltf_list_t list,
    xr_gltf_scene_pt each)
{
    xr_rc_t         rc;
    uint32_t        n;
    xr_json_t       v;
    xr_json_iter_t  it;

    rc = XR_OK;
    it = xr_json_iter(&p->lists[list]);

    for (n = 0; rc == XR_OK && xr_json_next(&it, NULL, &v); n++) {
        rc = each(p, n, &v);
    }

    return rc;
}


static xr_rc_t
xr_gltf_scene_texture(xr_gltf_parse_t *p, uint32_t n, const xr_json_t *v)
{
    size_t     i;
    uint32_t   ref;
    xr_json_t  extension;

    static const char *const  names[] = {
        "KHR_texture_basisu", "EXT_texture_webp"
    };

    if (!xr_gltf_ref(v, "sampler", p->counts[XR_GLTF_SAMPLERS], &ref)
        || !xr_gltf_ref(v, "source", p->g->nimages, &ref))
    {
        return xr_gltf_scene_bad(p, "texture", n);
    }

    for (i = 0; i < XR_COUNT(names); i++) {

        if (xr_gltf_extended(v, names[i], &extension)
            && !xr_gltf_ref(&extension, "source", p->g->nimages, &ref))
        {
            return xr_gltf_scene_bad(p, "texture", n);
        }
    }

    return XR_OK;
}


/*
 * Whatever ends in "Texture" refers to one, in materials and in extensions of
 * them.  The depth is that of the JSON, which has been checked.
 */

static bool
xr_gltf_scene_textures(const xr_gltf_parse_t *p, const xr_json_t *object)
{
    uint32_t        ref;
    xr_json_t       name, value;
    xr_json_iter_t  it;

    it = xr_json_iter(object);

    while (it.object && xr_json_next(&it, &name, &value)) {

        if (value.type != XR_JSON_OBJECT
            || xr_json_is(&name, xr_str("extras")))
        {
            continue;
        }

        if (xr_str_ends(name.raw, xr_str("Texture"))
            && (!xr_gltf_ref(&value, "index", p->counts[XR_GLTF_TEXTURES],
                             &ref)
                || ref == XR_GLTF_NONE))
        {
            return false;
        }

        if (!xr_gltf_scene_textures(p, &value)) {
            return false;
        }
    }

    return true;
}


static xr_rc_t
xr_gltf_scene_material(xr_gltf_parse_t *p, uint32_t n, const xr_json_t *v)
{
    return xr_gltf_scene_textures(p, v) ? XR_OK
                                        : xr_gltf_scene_bad(p, "material", n);
}


/* The accessors of a primitive or a target: as many elements in each. */

static bool
xr_gltf_scene_attributes(const xr_gltf_parse_t *p, const xr_json_t *object,
    xr_gltf_primitive_t *out)
{
    uint64_t                   i;
    xr_json_t                  name, value;
    xr_json_iter_t             it;
    const xr_gltf_accessor_t  *a;

    it = xr_json_iter(object);

    while (it.object && xr_json_next(&it, &name, &value)) {
        i = XR_GLTF_NONE;

        if (value.type != XR_JSON_NUMBER || name.escaped || name.raw.len > 60
            || xr_str_uint(&value.raw, &i) != XR_OK || value.raw.len > 0
            || i >= p->g->naccessors)
        {
            return false;
        }

        a = &p->g->accessors[i];

        if (out->vertices == 0) {
            out->vertices = a->count;
        }

        if (a->count != out->vertices) {
            return false;
        }

        if (xr_str_eq(name.raw, xr_str("POSITION"))) {

            if (a->components != 3) {
                return false;
            }

            out->position = (uint32_t) i;
        }

        out->joints |= xr_str_starts(name.raw, xr_str("JOINTS_"));
    }

    return object->type == XR_JSON_OBJECT;
}


static bool
xr_gltf_scene_targets(const xr_gltf_parse_t *p, const xr_json_t *v,
    xr_gltf_primitive_t *out)
{
    xr_json_t            targets, target;
    xr_json_iter_t       it;
    xr_gltf_primitive_t  morph;

    if (xr_json_get(v, xr_str("targets"), &targets) != XR_OK) {
        return true;
    }

    it = xr_json_iter(&targets);

    while (xr_json_next(&it, NULL, &target)) {
        morph = *out;
        out->targets = true;

        if (!xr_gltf_scene_attributes(p, &target, &morph)) {
            return false;
        }
    }

    return targets.type == XR_JSON_ARRAY;
}


static xr_rc_t
xr_gltf_scene_primitive(xr_gltf_parse_t *p, uint32_t mesh, const xr_json_t *v,
    uint64_t *drawn)
{
    uint64_t                   mode;
    uint32_t                   material;
    xr_json_t                  attributes;
    xr_gltf_primitive_t       *out;
    const xr_gltf_accessor_t  *indices;

    out = &p->g->primitives[p->g->nprimitives++];
    *out = (xr_gltf_primitive_t) { .mesh = mesh, .position = XR_GLTF_NONE };
    mode = 4;

    if (!xr_gltf_ref(v, "indices", p->g->naccessors, &out->indices)
        || !xr_gltf_ref(v, "material", p->counts[XR_GLTF_MATERIALS],
                        &material)
        || !xr_gltf_number(v, "mode", 6, &mode)
        || xr_json_get(v, xr_str("attributes"), &attributes) != XR_OK
        || !xr_gltf_scene_attributes(p, &attributes, out)
        || !xr_gltf_scene_targets(p, v, out))
    {
        return xr_refuse(p->why, XR_INVALID, "gltf.primitive", "mesh",
                         mesh, "has a primitive with attributes, "
                         "indices, targets or a material that do not "
                         "exist or do not go together");
    }

    out->mode = (uint32_t) mode;

    indices = (out->indices == XR_GLTF_NONE)
              ? NULL : &p->g->accessors[out->indices];

    if (indices != NULL
        && (indices->components != 1
            || (indices->component != 5121 && indices->component != 5123
                && indices->component != 5125)))
    {
        return xr_refuse(p->why, XR_INVALID, "gltf.indices", "mesh", mesh,
                         "has indices that are no unsigned integers");
    }

    *drawn += (indices != NULL) ? indices->count : out->vertices;

    return (*drawn <= XR_GLTF_DRAWN_MAX) ? XR_OK
           : xr_refuse(p->why, XR_DENIED, "gltf.limit", "mesh", mesh,
                       "and those before draw more than 33 million "
                       "vertices");
}


/* Two passes: how many primitives there are, then what is in them. */

static xr_rc_t
xr_gltf_scene_meshes(xr_gltf_parse_t *p)
{
    xr_rc_t         rc;
    uint32_t        n, total;
    uint64_t        drawn;
    xr_json_t       mesh, list, v;
    xr_json_iter_t  it, primitives;

    total = 0;
    it = xr_json_iter(&p->lists[XR_GLTF_MESHES]);

    for (n = 0; xr_json_next(&it, NULL, &mesh); n++) {

        if (xr_json_get(&mesh, xr_str("primitives"), &list) != XR_OK
            || list.type != XR_JSON_ARRAY)
        {
            return xr_refuse(p->why, XR_INVALID, "gltf.primitive", "mesh",
                             n, "has no primitives");
        }

        primitives = xr_json_iter(&list);

        while (xr_json_next(&primitives, NULL, &v)) {

            if (total++ == XR_GLTF_ITEMS_MAX) {
                return xr_refuse(p->why, XR_DENIED, "gltf.limit", "mesh",
                                 n, "and those before have more than "
                                 "65536 primitives");
            }
        }
    }

    p->g->primitives = xr_gltf_alloc(p, total, sizeof(xr_gltf_primitive_t));

    if (p->g->primitives == NULL) {
        return XR_NO_SPACE;
    }

    rc = XR_OK;
    drawn = 0;
    it = xr_json_iter(&p->lists[XR_GLTF_MESHES]);

    for (n = 0; rc == XR_OK && xr_json_next(&it, NULL, &mesh); n++) {
        (void) xr_json_get(&mesh, xr_str("primitives"), &list);
        primitives = xr_json_iter(&list);

        while (rc == XR_OK && xr_json_next(&primitives, NULL, &v)) {
            rc = xr_gltf_scene_primitive(p, n, &v, &drawn);
        }
    }

    return rc;
}


static xr_rc_t
xr_gltf_scene_node(xr_gltf_parse_t *p, uint32_t n, const xr_json_t *v,
    uint32_t *parents)
{
    uint32_t             ref;
    uint64_t             child;
    xr_json_t            list, item, instances, attributes;
    xr_json_iter_t       it;
    xr_gltf_primitive_t  none;

    if (!xr_gltf_ref(v, "mesh", p->counts[XR_GLTF_MESHES], &p->g->meshes[n])
        || !xr_gltf_ref(v, "skin", p->counts[XR_GLTF_SKINS], &ref)
        || !xr_gltf_ref(v, "camera", p->counts[XR_GLTF_CAMERAS], &ref)
        || !xr_gltf_refs(v, "children", p->counts[XR_GLTF_NODES], &ref))
    {
        return xr_gltf_scene_bad(p, "node", n);
    }

    memset(&none, 0, sizeof(none));

    if (xr_gltf_extended(v, "EXT_mesh_gpu_instancing", &instances)
        && (xr_json_get(&instances, xr_str("attributes"), &attributes) != XR_OK
            || !xr_gltf_scene_attributes(p, &attributes, &none)))
    {
        return xr_gltf_scene_bad(p, "node", n);
    }

    if (xr_json_get(v, xr_str("children"), &list) != XR_OK) {
        return XR_OK;
    }

    it = xr_json_iter(&list);

    while (xr_json_next(&it, NULL, &item)) {
        (void) xr_str_uint(&item.raw, &child);

        if (parents[child] != XR_GLTF_NONE) {
            return xr_refuse(p->why, XR_INVALID, "gltf.tree", "node",
                             (uint32_t) child, "has two parents");
        }

        parents[child] = n;
    }

    return XR_OK;
}


/* Each node has one parent at most, so a way up that never ends is a ring. */

static xr_rc_t
xr_gltf_scene_ring(xr_gltf_parse_t *p, const uint32_t *parents,
    uint32_t *walks)
{
    uint32_t  i, n;

    for (n = 0; n < p->g->nnodes; n++) {

        for (i = n; i != XR_GLTF_NONE && walks[i] == 0; i = parents[i]) {
            walks[i] = n + 1;
        }

        if (i != XR_GLTF_NONE && walks[i] == n + 1) {
            return xr_refuse(p->why, XR_INVALID, "gltf.tree", "node", i,
                             "is its own ancestor");
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_gltf_scene_nodes(xr_gltf_parse_t *p)
{
    xr_rc_t         rc;
    uint32_t        n, *parents, *walks;
    xr_json_t       v;
    xr_json_iter_t  it;

    p->g->nnodes = p->counts[XR_GLTF_NODES];
    p->g->meshes = xr_gltf_alloc(p, p->g->nnodes, sizeof(uint32_t));
    parents = xr_gltf_alloc(p, p->g->nnodes, sizeof(uint32_t));
    walks = xr_gltf_alloc(p, p->g->nnodes, sizeof(uint32_t));

    if (p->g->meshes == NULL || parents == NULL || walks == NULL) {
        return XR_NO_SPACE;
    }

    for (n = 0; n < p->g->nnodes; n++) {
        parents[n] = XR_GLTF_NONE;
    }

    rc = XR_OK;
    it = xr_json_iter(&p->lists[XR_GLTF_NODES]);

    for (n = 0; rc == XR_OK && xr_json_next(&it, NULL, &v); n++) {
        rc = xr_gltf_scene_node(p, n, &v, parents);
    }

    return (rc == XR_OK) ? xr_gltf_scene_ring(p, parents, walks) : rc;
}


static xr_rc_t
xr_gltf_scene_skin(xr_gltf_parse_t *p, uint32_t n, const xr_json_t *v)
{
    uint32_t                   ref, matrices, joints;
    const xr_gltf_accessor_t  *a;

    if (!xr_gltf_ref(v, "inverseBindMatrices", p->g->naccessors, &matrices)
        || !xr_gltf_ref(v, "skeleton", p->counts[XR_GLTF_NODES], &ref)
        || !xr_gltf_refs(v, "joints", p->counts[XR_GLTF_NODES], &joints)
        || joints == 0)
    {
        return xr_gltf_scene_bad(p, "skin", n);
    }

    if (matrices == XR_GLTF_NONE) {
        return XR_OK;
    }

    a = &p->g->accessors[matrices];

    return (a->components == 16 && a->component == 5126 && a->count >= joints)
           ? XR_OK : xr_gltf_scene_bad(p, "skin", n);
}


static bool
xr_gltf_scene_samplers(const xr_gltf_parse_t *p, const xr_json_t *animation,
    uint32_t *n)
{
    uint32_t        input, output;
    xr_json_t       list, v;
    xr_json_iter_t  it;

    *n = 0;

    if (xr_json_get(animation, xr_str("samplers"), &list) != XR_OK
        || list.type != XR_JSON_ARRAY)
    {
        return false;
    }

    it = xr_json_iter(&list);

    for ( /* void */ ; xr_json_next(&it, NULL, &v); ++*n) {

        if (!xr_gltf_ref(&v, "input", p->g->naccessors, &input)
            || !xr_gltf_ref(&v, "output", p->g->naccessors, &output)
            || input == XR_GLTF_NONE || output == XR_GLTF_NONE)
        {
            return false;
        }
    }

    return true;
}


static xr_rc_t
xr_gltf_scene_animation(xr_gltf_parse_t *p, uint32_t n, const xr_json_t *v)
{
    uint32_t        samplers, ref;
    xr_json_t       list, channel, target;
    xr_json_iter_t  it;

    if (!xr_gltf_scene_samplers(p, v, &samplers)
        || xr_json_get(v, xr_str("channels"), &list) != XR_OK)
    {
        return xr_gltf_scene_bad(p, "animation", n);
    }

    it = xr_json_iter(&list);

    while (xr_json_next(&it, NULL, &channel)) {

        if (!xr_gltf_ref(&channel, "sampler", samplers, &ref)
            || ref == XR_GLTF_NONE
            || xr_json_get(&channel, xr_str("target"), &target) != XR_OK
            || !xr_gltf_ref(&target, "node", p->counts[XR_GLTF_NODES], &ref))
        {
            return xr_gltf_scene_bad(p, "animation", n);
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_gltf_scene_scene(xr_gltf_parse_t *p, uint32_t n, const xr_json_t *v)
{
    uint32_t  count;

    return xr_gltf_refs(v, "nodes", p->counts[XR_GLTF_NODES], &count)
           ? XR_OK : xr_gltf_scene_bad(p, "scene", n);
}


xr_rc_t
xr_gltf_scene(xr_gltf_parse_t *p)
{
    size_t    i;
    xr_rc_t   rc;
    uint32_t  ref;

    static const struct {
        xr_gltf_list_t    list;
        xr_gltf_scene_pt  each;
    } steps[] = {
        { XR_GLTF_TEXTURES, xr_gltf_scene_texture },
        { XR_GLTF_MATERIALS, xr_gltf_scene_material },
        { XR_GLTF_SKINS, xr_gltf_scene_skin },
        { XR_GLTF_ANIMATIONS, xr_gltf_scene_animation },
        { XR_GLTF_SCENES, xr_gltf_scene_scene }
    };

    rc = xr_gltf_scene_meshes(p);

    if (rc == XR_OK) {
        rc = xr_gltf_scene_nodes(p);
    }

    for (i = 0; rc == XR_OK && i < XR_COUNT(steps); i++) {
        rc = xr_gltf_scene_each(p, steps[i].list, steps[i].each);
    }

    if (rc == XR_OK
        && !xr_gltf_ref(&p->root, "scene", p->counts[XR_GLTF_SCENES], &ref))
    {
        rc = xr_gltf_scene_bad(p, "scene", 0);
    }

    return rc;
}
