/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_gltf_parse.h"
#include "xr_glb.h"
#include "xr_le.h"


#define XR_GLTF_CHUNK_JSON  UINT32_C(0x4e4f534a)
#define XR_GLTF_CHUNK_BIN   UINT32_C(0x004e4942)


void *
xr_gltf_alloc(const xr_gltf_parse_t *p, size_t n, size_t size)
{
    return p->mem->alloc(p->mem->ctx, (n > 0 ? n : 1) * size);
}


static bool
xr_gltf_digits(const xr_json_t *v, uint64_t max, uint64_t *out)
{
    xr_str_t  s;
    uint64_t  n;

    s = v->raw;

    if (v->type != XR_JSON_NUMBER || xr_str_uint(&s, &n) != XR_OK
        || s.len > 0 || n > max)
    {
        return false;
    }

    *out = n;

    return true;
}


bool
xr_gltf_number(const xr_json_t *object, const char *name, uint64_t max,
    uint64_t *out)
{
    xr_json_t  value;

    return xr_json_get(object, xr_str(name), &value) != XR_OK
           || xr_gltf_digits(&value, max, out);
}


bool
xr_gltf_ref(const xr_json_t *object, const char *name, uint32_t n,
    uint32_t *out)
{
    uint64_t  i;

    i = XR_GLTF_NONE;

    if (!xr_gltf_number(object, name, UINT32_MAX - 1, &i)) {
        return false;
    }

    *out = (uint32_t) i;

    return i == XR_GLTF_NONE || i < n;
}


bool
xr_gltf_refs(const xr_json_t *object, const char *name, uint32_t n,
    uint32_t *count)
{
    uint64_t        i;
    xr_json_t       list, item;
    xr_json_iter_t  it;

    *count = 0;

    if (xr_json_get(object, xr_str(name), &list) != XR_OK) {
        return true;
    }

    if (list.type != XR_JSON_ARRAY) {
        return false;
    }

    it = xr_json_iter(&list);

    while (xr_json_next(&it, NULL, &item)) {

        if (!xr_gltf_digits(&item, UINT32_MAX, &i) || i >= n) {
            return false;
        }

        ++*count;
    }

    return true;
}


bool
xr_gltf_extended(const xr_json_t *object, const char *name, xr_json_t *out)
{
    xr_json_t  extensions;

    return xr_json_get(object, xr_str("extensions"), &extensions) == XR_OK
           && xr_json_get(&extensions, xr_str(name), out) == XR_OK
           && out->type == XR_JSON_OBJECT;
}


bool
xr_gltf_extension(xr_str_t name)
{
    size_t  i;

    static const xr_str_t  names[] = {
        XR_STR("EXT_mesh_gpu_instancing"),
        XR_STR("EXT_meshopt_compression"),
        XR_STR("EXT_texture_webp"),
        XR_STR("KHR_animation_pointer"),
        XR_STR("KHR_lights_punctual"),
        XR_STR("KHR_materials_anisotropy"),
        XR_STR("KHR_materials_clearcoat"),
        XR_STR("KHR_materials_diffuse_transmission"),
        XR_STR("KHR_materials_dispersion"),
        XR_STR("KHR_materials_emissive_strength"),
        XR_STR("KHR_materials_ior"),
        XR_STR("KHR_materials_iridescence"),
        XR_STR("KHR_materials_pbrSpecularGlossiness"),
        XR_STR("KHR_materials_sheen"),
        XR_STR("KHR_materials_specular"),
        XR_STR("KHR_materials_transmission"),
        XR_STR("KHR_materials_unlit"),
        XR_STR("KHR_materials_variants"),
        XR_STR("KHR_materials_volume"),
        XR_STR("KHR_mesh_quantization"),
        XR_STR("KHR_node_visibility"),
        XR_STR("KHR_texture_basisu"),
        XR_STR("KHR_texture_transform"),
        XR_STR("KHR_xmp_json_ld")
    };

    for (i = 0; i < XR_COUNT(names); i++) {
        if (xr_str_eq(names[i], name)) {
            return true;
        }
    }

    return false;
}


/* glTF 2.0 specification, section 4.4 */

static xr_rc_t
xr_gltf_chunks(xr_str_t file, xr_gltf_t *g, xr_refusal_t *why)
{
    size_t          n, pos, len;
    uint32_t        type;
    const uint8_t  *p;

    if (file.len < XR_GLB_HEADER || memcmp(file.data, "glTF", 4) != 0) {
        return xr_refuse(why, XR_INVALID, "glb.header", NULL, 0,
                         "it is no GLB: it does not begin with \"glTF\"");
    }

    if (xr_le32(file.data + 4) != 2) {
        return xr_refuse(why, XR_INVALID, "glb.version", NULL, 0,
                         "it is not version 2 of GLB");
    }

    if (xr_le32(file.data + 8) != file.len) {
        return xr_refuse(why, XR_INVALID, "glb.length", NULL, 0,
                         "it is longer or shorter than its header says: "
                         "cut off on its way?");
    }

    for (n = 0, pos = XR_GLB_HEADER; pos < file.len; n++, pos += len) {

        if (file.len - pos < XR_GLB_CHUNK) {
            return xr_refuse(why, XR_INVALID, "glb.chunk", "chunk",
                             (uint32_t) n, "has no whole header");
        }

        p = file.data + pos;
        len = xr_le32(p);
        type = xr_le32(p + 4);
        pos += XR_GLB_CHUNK;

        if (len > file.len - pos) {
            return xr_refuse(why, XR_INVALID, "glb.chunk", "chunk",
                             (uint32_t) n, "ends behind the file");
        }

        if ((n == 0) != (type == XR_GLTF_CHUNK_JSON)) {
            return xr_refuse(why, XR_INVALID, "glb.chunk", "chunk",
                             (uint32_t) n, "is not where JSON belongs: "
                             "the first one, and that only");
        }

        if (n == 0) {
            g->json = xr_str_of(file.data + pos, len);

        } else if (n == 1 && type == XR_GLTF_CHUNK_BIN) {
            g->bin = xr_str_of(file.data + pos, len);
        }
    }

    return (n > 0) ? XR_OK
           : xr_refuse(why, XR_INVALID, "glb.chunk", NULL, 0,
                       "it has no chunks");
}


static xr_rc_t
xr_gltf_lists(xr_gltf_parse_t *p)
{
    size_t          i;
    xr_json_t       item;
    xr_json_iter_t  it;

    static const char  *names[XR_GLTF_LISTS] = {
        "buffers", "bufferViews", "accessors", "images", "samplers",
        "textures", "materials", "meshes", "nodes", "skins", "cameras",
        "animations", "scenes"
    };

    for (i = 0; i < XR_GLTF_LISTS; i++) {

        if (xr_json_get(&p->root, xr_str(names[i]), &p->lists[i]) != XR_OK) {
            continue;
        }

        if (p->lists[i].type != XR_JSON_ARRAY) {
            return xr_refuse(p->why, XR_INVALID, "gltf.json", names[i], 0,
                             "is not an array");
        }

        it = xr_json_iter(&p->lists[i]);

        for ( /* void */ ; xr_json_next(&it, NULL, &item); p->counts[i]++) {

            if (p->counts[i] == XR_GLTF_ITEMS_MAX) {
                return xr_refuse(p->why, XR_DENIED, "gltf.limit",
                                 names[i], XR_GLTF_ITEMS_MAX,
                                 "are more than are taken");
            }
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_gltf_version(xr_gltf_parse_t *p)
{
    uint32_t        n;
    xr_json_t       asset, version, list, item;
    xr_json_iter_t  it;

    if (xr_json_get(&p->root, xr_str("asset"), &asset) != XR_OK
        || xr_json_get(&asset, xr_str("version"), &version) != XR_OK
        || version.type != XR_JSON_STRING
        || !xr_str_starts(version.raw, xr_str("2."))
        || (xr_json_get(&asset, xr_str("minVersion"), &version) == XR_OK
            && !xr_json_is(&version, xr_str("2.0"))))
    {
        return xr_refuse(p->why, XR_INVALID, "gltf.version", NULL, 0,
                         "it is not glTF 2.0");
    }

    if (xr_json_get(&p->root, xr_str("extensionsRequired"), &list) != XR_OK) {
        return XR_OK;
    }

    it = xr_json_iter(&list);

    for (n = 0; xr_json_next(&it, NULL, &item); n++) {

        if (item.type != XR_JSON_STRING || item.escaped
            || !xr_gltf_extension(item.raw))
        {
            return xr_refuse(p->why, XR_DENIED, "gltf.extension",
                             "extensionsRequired", n,
                             "is an extension that is not handled: "
                             "export without it");
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_gltf_root(xr_gltf_parse_t *p)
{
    xr_err_t  err;

    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    if (p->g->json.len > XR_GLTF_JSON_MAX) {
        return xr_refuse(p->why, XR_DENIED, "gltf.limit", NULL, 0,
                         "its JSON is longer than 8 MiB");
    }

    if (xr_json_check(p->g->json, &limits, &p->root, &err) != XR_OK
        || p->root.type != XR_JSON_OBJECT)
    {
        return xr_refuse(p->why, XR_INVALID, "gltf.json", NULL, 0,
                         "its JSON is damaged, or nested deeper than "
                         "16 levels");
    }

    return XR_OK;
}


xr_rc_t
xr_gltf_check(xr_str_t file, const xr_mem_t *mem, xr_gltf_t *out,
    xr_refusal_t *why)
{
    size_t           i;
    xr_rc_t          rc;
    xr_gltf_parse_t  p;

    static xr_rc_t (*const steps[])(xr_gltf_parse_t *p) = {
        xr_gltf_root, xr_gltf_version, xr_gltf_lists, xr_gltf_data,
        xr_gltf_scene
    };

    memset(out, 0, sizeof(*out));
    memset(&p, 0, sizeof(p));

    p.mem = mem;
    p.g = out;
    p.why = why;

    *why = (xr_refusal_t) { "memory", "there is no memory for it", NULL, 0 };

    rc = xr_gltf_chunks(file, out, why);

    for (i = 0; rc == XR_OK && i < XR_COUNT(steps); i++) {
        rc = steps[i](&p);
    }

    return rc;
}
