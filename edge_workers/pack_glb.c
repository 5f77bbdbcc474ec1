/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack_glb.h"
#include "cli.h"
#include "xr_glb.h"
#include "xr_le.h"

#include <math.h>
#include <meshoptimizer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define XRW_GLB_MESHOPT  "EXT_meshopt_compression"


typedef struct {
    const uint8_t     *data;
    uint32_t           count;
    uint32_t           stride;
    xrw_glb_target_t   target;
    xr_gltf_mode_t     mode;        /* how it may be compressed */
    xr_gltf_filter_t   filter;
} xrw_glb_data_t;


void
xrw_glb_begin(xrw_glb_t *b, xrw_arena_t *arena, const xr_gltf_t *source,
    json_t *accessors, bool meshopt)
{
    memset(b, 0, sizeof(*b));

    b->arena = arena;
    b->source = source;
    b->sources = accessors;
    b->meshopt = meshopt;
    b->views = json_array();
    b->accessors = json_array();
    b->map = xrw_alloc(arena, (source->naccessors + 1) * sizeof(uint32_t));
}


void
xrw_glb_end(xrw_glb_t *b)
{
    json_decref(b->views);
    json_decref(b->accessors);
    xrw_bytes_free(&b->bin);
}


static void
xrw_glb_number(json_t *object, const char *name, uint64_t n)
{
    (void) json_object_set_new(object, name, json_integer((json_int_t) n));
}


/* The compressed form; empty: it has none. */

static xr_str_t
xrw_glb_compress(xrw_glb_t *b, const xrw_glb_data_t *d)
{
    size_t     i, bound, len;
    uint8_t   *out;
    uint32_t  *indices;

    if (d->mode == XR_GLTF_ATTRIBUTES) {

        if (d->stride % 4 != 0 || d->stride > 256) {
            return xr_str_of(NULL, 0);
        }

        meshopt_encodeVertexVersion(0);
        bound = meshopt_encodeVertexBufferBound(d->count, d->stride);
        out = xrw_alloc(b->arena, bound);
        len = meshopt_encodeVertexBuffer(out, bound, d->data, d->count,
                                         d->stride);

        return xr_str_of(out, len);
    }

    indices = xrw_alloc(b->arena, d->count * sizeof(uint32_t));

    for (i = 0; i < d->count; i++) {
        indices[i] = xr_gltf_values_uint(d->data + i * d->stride,
                                         (uint8_t) d->stride);
    }

    meshopt_encodeIndexVersion(1);

    if (d->mode == XR_GLTF_TRIANGLES) {
        bound = meshopt_encodeIndexBufferBound(d->count, UINT32_MAX);
        out = xrw_alloc(b->arena, bound);
        len = meshopt_encodeIndexBuffer(out, bound, indices, d->count);

    } else {
        bound = meshopt_encodeIndexSequenceBound(d->count, UINT32_MAX);
        out = xrw_alloc(b->arena, bound);
        len = meshopt_encodeIndexSequence(out, bound, indices, d->count);
    }

    return xr_str_of(out, len);
}


/* EXT_meshopt_compression: the view says what it unfolds to, and where. */

static void
xrw_glb_compressed(xrw_glb_t *b, const xrw_glb_data_t *d, size_t at,
    size_t len, json_t *view)
{
    json_t  *packed, *extensions;

    static const char *const  modes[] = {
        "", "ATTRIBUTES", "TRIANGLES", "INDICES"
    };

    static const char *const  filters[] = {
        "NONE", "OCTAHEDRAL", "QUATERNION", "EXPONENTIAL"
    };

    packed = json_object();
    extensions = json_object();

    xrw_glb_number(packed, "buffer", 0);
    xrw_glb_number(packed, "byteOffset", at);
    xrw_glb_number(packed, "byteLength", len);
    xrw_glb_number(packed, "byteStride", d->stride);
    xrw_glb_number(packed, "count", d->count);
    (void) json_object_set_new(packed, "mode", json_string(modes[d->mode]));

    if (d->filter != XR_GLTF_FILTER_NONE) {
        (void) json_object_set_new(packed, "filter",
                                   json_string(filters[d->filter]));
    }

    (void) json_object_set_new(extensions, XRW_GLB_MESHOPT, packed);
    (void) json_object_set_new(view, "extensions", extensions);

    xrw_glb_number(view, "buffer", 1);
    xrw_glb_number(view, "byteOffset", b->unfolded);

    b->unfolded += ((uint64_t) d->count * d->stride + 3) / 4 * 4;
}


static size_t
xrw_glb_view(xrw_glb_t *b, const xrw_glb_data_t *d)
{
    size_t     at, len;
    json_t    *view;
    xr_str_t   packed;

    len = (size_t) d->count * d->stride;
    packed = (b->meshopt && d->mode != XR_GLTF_PLAIN)
             ? xrw_glb_compress(b, d) : xr_str_of(NULL, 0);

    xrw_bytes_pad(&b->bin, 4, 0);
    at = b->bin.len;
    view = json_object();

    if (packed.len > 0) {
        xrw_bytes_add(&b->bin, packed);
        xrw_glb_compressed(b, d, at, packed.len, view);

    } else {
        xrw_bytes_add(&b->bin, xr_str_of(d->data, len));
        xrw_glb_number(view, "buffer", 0);
        xrw_glb_number(view, "byteOffset", at);
    }

    xrw_glb_number(view, "byteLength", len);

    if (d->target == XRW_GLB_VERTICES) {
        xrw_glb_number(view, "byteStride", d->stride);
        xrw_glb_number(view, "target", 34962);

    } else if (d->target == XRW_GLB_INDICES) {
        xrw_glb_number(view, "target", 34963);
    }

    (void) json_array_append_new(b->views, view);

    return json_array_size(b->views) - 1;
}


static json_t *
xrw_glb_accessor(xrw_glb_t *b, size_t view, uint32_t component,
    bool normalized, uint32_t count, const char *type)
{
    json_t  *accessor;

    accessor = json_object();
    xrw_glb_number(accessor, "bufferView", view);
    xrw_glb_number(accessor, "componentType", component);

    if (normalized) {
        (void) json_object_set_new(accessor, "normalized", json_true());
    }

    xrw_glb_number(accessor, "count", count);
    (void) json_object_set_new(accessor, "type", json_string(type));
    (void) json_array_append_new(b->accessors, accessor);

    return accessor;
}


static json_t *
xrw_glb_last(const xrw_glb_t *b)
{
    return json_integer((json_int_t) json_array_size(b->accessors) - 1);
}


json_t *
xrw_glb_copy(xrw_glb_t *b, uint32_t i, xrw_glb_target_t target,
    bool triangles)
{
    size_t                     k;
    json_t                    *from, *to, *value;
    xrw_glb_data_t             d;
    const xr_gltf_accessor_t  *a;

    static const char *const  kept[] = { "min", "max", "name" };

    if (b->map[i] > 0) {
        return json_integer((json_int_t) b->map[i] - 1);
    }

    a = &b->source->accessors[i];
    from = json_array_get(b->sources, i);

    memset(&d, 0, sizeof(d));
    d.target = target;
    d.count = a->count;
    d.stride = (target == XRW_GLB_VERTICES) ? (a->element + 3) / 4 * 4
                                            : a->element;
    d.data = xrw_mesh_elements(b->arena, b->source, a, d.stride);
    d.mode = XR_GLTF_ATTRIBUTES;

    if (target == XRW_GLB_INDICES) {
        d.mode = (a->size == 1) ? XR_GLTF_PLAIN
                 : (triangles && a->count % 3 == 0) ? XR_GLTF_TRIANGLES
                 : XR_GLTF_INDICES;
    }

    to = xrw_glb_accessor(b, xrw_glb_view(b, &d), a->component, a->normalized,
                          a->count,
                          json_string_value(json_object_get(from, "type")));

    for (k = 0; k < XR_COUNT(kept); k++) {
        value = json_object_get(from, kept[k]);

        if (value != NULL) {
            (void) json_object_set(to, kept[k], value);
        }
    }

    b->map[i] = (uint32_t) json_array_size(b->accessors);

    return xrw_glb_last(b);
}


/* glTF 2.0, section 3.7.2.1, and what the extension adds to it */

static bool
xrw_glb_core(const char *name, uint32_t component, bool normalized)
{
    if (component == 5126) {
        return true;
    }

    if (strncmp(name, "TEXCOORD_", 9) == 0) {
        return normalized && (component == 5121 || component == 5123);
    }

    return strcmp(name, "POSITION") != 0 && strcmp(name, "NORMAL") != 0
           && strcmp(name, "TANGENT") != 0;
}


void
xrw_glb_attribute(xrw_glb_t *b, const char *name, uint32_t i)
{
    const xr_gltf_accessor_t  *a;

    a = &b->source->accessors[i];
    b->quantised |= !xrw_glb_core(name, a->component, a->normalized);
}


/* Nine digits name a float, and JSON's readers find the same one. */

static json_t *
xrw_glb_real(float f)
{
    char  text[32];

    (void) snprintf(text, sizeof(text), "%.9g", (double) f);

    return json_real(strtod(text, NULL));
}


static float
xrw_glb_position(const xrw_stream_t *s, xr_gltf_filter_t filter, uint32_t i,
    unsigned c)
{
    size_t    size;
    int32_t   mantissa;
    uint32_t  n;

    if (filter == XR_GLTF_FILTER_EXPONENTIAL) {
        memcpy(&n, s->data + (size_t) i * s->stride + c * 4, sizeof(n));
        mantissa = (int32_t) ((n & 0xffffff) ^ 0x800000) - 0x800000;

        return ldexpf((float) mantissa, (int8_t) (n >> 24));
    }

    size = (s->component >= 5125) ? 4 : (s->component >= 5122) ? 2 : 1;

    return xrw_mesh_number(s->data + (size_t) i * s->stride + c * size,
                           s->component, false);
}


/* Positions have bounds, of what is stored. */

static void
xrw_glb_bounds(const xrw_stream_t *s, xr_gltf_filter_t filter,
    uint32_t vertices, json_t *accessor)
{
    float      f, low, high;
    json_t    *min, *max;
    unsigned   c;
    uint32_t   i;

    min = json_array();
    max = json_array();

    for (c = 0; c < 3; c++) {
        low = high = xrw_glb_position(s, filter, 0, c);

        for (i = 1; i < vertices; i++) {
            f = xrw_glb_position(s, filter, i, c);
            low = (f < low) ? f : low;
            high = (f > high) ? f : high;
        }

        (void) json_array_append_new(min, xrw_glb_real(low));
        (void) json_array_append_new(max, xrw_glb_real(high));
    }

    (void) json_object_set_new(accessor, "min", min);
    (void) json_object_set_new(accessor, "max", max);
}


static void
xrw_glb_indices(xrw_glb_t *b, const xrw_mesh_t *mesh, json_t *primitive)
{
    size_t           i;
    uint16_t        *shorts;
    xrw_glb_data_t   d;

    memset(&d, 0, sizeof(d));
    d.target = XRW_GLB_INDICES;
    d.mode = XR_GLTF_TRIANGLES;
    d.count = (uint32_t) mesh->nindices;
    d.stride = 4;
    d.data = (const uint8_t *) mesh->indices;

    if (mesh->vertices < UINT16_MAX) {
        shorts = xrw_alloc(b->arena, mesh->nindices * sizeof(uint16_t));

        for (i = 0; i < mesh->nindices; i++) {
            shorts[i] = (uint16_t) mesh->indices[i];
        }

        d.stride = 2;
        d.data = (const uint8_t *) shorts;
    }

    (void) xrw_glb_accessor(b, xrw_glb_view(b, &d), d.stride == 2 ? 5123 : 5125,
                            false, d.count, "SCALAR");
    (void) json_object_set_new(primitive, "indices", xrw_glb_last(b));
}


void
xrw_glb_mesh(xrw_glb_t *b, const xrw_mesh_t *mesh,
    const xr_gltf_filter_t *filters, json_t *primitive)
{
    size_t               i;
    json_t              *attributes, *accessor;
    xrw_glb_data_t       d;
    const xrw_stream_t  *s;

    static const char *const  types[] = {
        "", "SCALAR", "VEC2", "VEC3", "VEC4"
    };

    attributes = json_object();

    for (i = 0; i < mesh->n; i++) {
        s = &mesh->streams[i];

        memset(&d, 0, sizeof(d));
        d.target = XRW_GLB_VERTICES;
        d.mode = XR_GLTF_ATTRIBUTES;
        d.filter = filters[i];
        d.count = mesh->vertices;
        d.stride = s->stride;
        d.data = s->data;

        accessor = xrw_glb_accessor(b, xrw_glb_view(b, &d), s->component,
                                    s->normalized, d.count,
                                    types[s->components]);

        if (i == mesh->position) {
            xrw_glb_bounds(s, filters[i], mesh->vertices, accessor);
        }

        b->quantised |= !xrw_glb_core(s->name, s->component, s->normalized);
        (void) json_object_set_new(attributes, s->name, xrw_glb_last(b));
    }

    (void) json_object_set_new(primitive, "attributes", attributes);
    xrw_glb_indices(b, mesh, primitive);
}


json_t *
xrw_glb_image(xrw_glb_t *b, xr_str_t data)
{
    xrw_glb_data_t  d;

    memset(&d, 0, sizeof(d));
    d.count = (uint32_t) data.len;
    d.stride = 1;
    d.data = data.data;

    return json_integer((json_int_t) xrw_glb_view(b, &d));
}


/* The binary chunk, and what compressed views unfold into, without data. */

static void
xrw_glb_buffers(xrw_glb_t *b, json_t *root)
{
    json_t  *buffers, *buffer, *fallback, *extensions;

    if (json_array_size(b->views) == 0) {
        return;
    }

    buffers = json_array();
    buffer = json_object();
    xrw_glb_number(buffer, "byteLength", b->bin.len);
    (void) json_array_append_new(buffers, buffer);

    if (b->unfolded > 0) {
        fallback = json_object();
        extensions = json_object();
        buffer = json_object();

        (void) json_object_set_new(fallback, "fallback", json_true());
        (void) json_object_set_new(extensions, XRW_GLB_MESHOPT, fallback);
        xrw_glb_number(buffer, "byteLength", b->unfolded);
        (void) json_object_set_new(buffer, "extensions", extensions);
        (void) json_array_append_new(buffers, buffer);
    }

    if (json_array_size(b->accessors) > 0) {
        (void) json_object_set(root, "accessors", b->accessors);
    }

    (void) json_object_set(root, "bufferViews", b->views);
    (void) json_object_set_new(root, "buffers", buffers);
}


static void
xrw_glb_chunk(xrw_bytes_t *out, xr_str_t data, const char *type, uint8_t pad)
{
    uint8_t  head[XR_GLB_CHUNK];

    xr_le32_put(head, (uint32_t) ((data.len + 3) / 4 * 4));
    memcpy(head + 4, type, 4);

    xrw_bytes_add(out, xr_str_of(head, sizeof(head)));
    xrw_bytes_add(out, data);
    xrw_bytes_pad(out, 4, pad);
}


xr_str_t
xrw_glb_join(xrw_arena_t *to, json_t *root, xr_str_t bin, size_t *head)
{
    char         *text;
    uint8_t      *copy, header[XR_GLB_HEADER];
    xr_str_t      file;
    xrw_bytes_t   out;

    text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(15));

    if (text == NULL) {
        exit(xrw_error("out of memory"));
    }

    out = (xrw_bytes_t) { NULL, 0, 0 };
    memcpy(header, "glTF", 4);
    xr_le32_put(header + 4, 2);
    xr_le32_put(header + 8, 0);
    xrw_bytes_add(&out, xr_str_of(header, sizeof(header)));
    xrw_glb_chunk(&out, xr_str(text), "JSON", ' ');
    *head = out.len + XR_GLB_CHUNK;

    if (bin.len > 0) {
        xrw_glb_chunk(&out, bin, "BIN\0", 0);
    }

    xr_le32_put(out.data + 8, (uint32_t) out.len);
    free(text);

    copy = xrw_alloc(to, out.len);
    memcpy(copy, out.data, out.len);
    file = xr_str_of(copy, out.len);
    xrw_bytes_free(&out);

    return file;
}


xr_str_t
xrw_glb_file(xrw_glb_t *b, xrw_arena_t *to, json_t *root, size_t *head)
{
    xrw_glb_buffers(b, root);

    return xrw_glb_join(to, root, xrw_bytes_str(&b->bin), head);
}
