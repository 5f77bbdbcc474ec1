/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack_mesh.h"
#include "cli.h"

#include <float.h>
#include <math.h>
#include <meshoptimizer.h>
#include <stdlib.h>
#include <string.h>


/* Beyond this, differences of squares are no numbers any more. */

#define XRW_MESH_FAR  1e15f


float
xrw_mesh_number(const uint8_t *p, uint32_t component, bool normalized)
{
    float     f;
    int16_t   s;
    uint16_t  u;
    uint32_t  n;

    switch (component) {

    case 5120:
        f = (float) (int8_t) p[0];
        return normalized ? fmaxf(f / 127.0f, -1.0f) : f;

    case 5121:
        f = (float) p[0];
        return normalized ? f / 255.0f : f;

    case 5122:
        memcpy(&s, p, sizeof(s));
        return normalized ? fmaxf((float) s / 32767.0f, -1.0f) : (float) s;

    case 5123:
        memcpy(&u, p, sizeof(u));
        return normalized ? (float) u / 65535.0f : (float) u;

    case 5125:
        memcpy(&n, p, sizeof(n));
        return (float) n;

    default:
        memcpy(&f, p, sizeof(f));
        return f;
    }
}


uint8_t *
xrw_mesh_elements(xrw_arena_t *arena, const xr_gltf_t *g,
    const xr_gltf_accessor_t *a, uint32_t stride)
{
    uint8_t        *out;
    uint32_t        i;
    const uint8_t  *p, *index, *value;

    out = xrw_alloc(arena, (size_t) a->count * stride);

    for (i = 0; a->view != XR_GLTF_NONE && i < a->count; i++) {
        p = xr_gltf_values_element(g, a, i);
        memcpy(out + (size_t) i * stride, p, a->element);
    }

    if (a->sparse > 0) {
        index = g->views[a->sparse_view].data.data + a->sparse_offset;
        value = g->views[a->values_view].data.data + a->values_offset;

        for (i = 0; i < a->sparse; i++) {
            memcpy(out + (size_t) xr_gltf_values_uint(index, a->sparse_size)
                         * stride,
                   value, a->element);
            index += a->sparse_size;
            value += a->element;
        }
    }

    return out;
}


/* Those of the elements that "which" lists. */

static uint8_t *
xrw_mesh_some(xrw_arena_t *arena, const xr_gltf_t *g,
    const xr_gltf_accessor_t *a, uint32_t stride, const uint32_t *which,
    uint32_t n)
{
    uint8_t        *out, *all;
    uint32_t        i;
    const uint8_t  *p;

    all = (a->sparse > 0) ? xrw_mesh_elements(arena, g, a, stride) : NULL;
    out = xrw_alloc(arena, (size_t) n * stride);

    for (i = 0; i < n && (all != NULL || a->view != XR_GLTF_NONE); i++) {
        p = (all != NULL) ? all + (size_t) which[i] * stride
                          : xr_gltf_values_element(g, a, which[i]);
        memcpy(out + (size_t) i * stride, p, a->element);
    }

    return out;
}


/*
 * Many primitives may share one large set of vertices: each takes those that
 * it draws.  "which" has room for all; the number of them.
 */

static uint32_t
xrw_mesh_used(xrw_mesh_t *mesh, uint32_t vertices, uint32_t *which)
{
    size_t     i;
    uint32_t   n, *place;

    n = 0;
    place = calloc(vertices, sizeof(uint32_t));

    if (place == NULL) {
        exit(xrw_error("out of memory"));
    }

    for (i = 0; i < mesh->nindices; i++) {

        if (place[mesh->indices[i]] == 0) {
            which[n++] = mesh->indices[i];
            place[mesh->indices[i]] = n;
        }

        mesh->indices[i] = place[mesh->indices[i]] - 1;
    }

    free(place);

    return n;
}


static uint32_t *
xrw_mesh_indices(xrw_arena_t *arena, const xr_gltf_t *g,
    const xr_gltf_primitive_t *primitive, size_t *n)
{
    uint32_t                   i, *out;
    const uint8_t             *p;
    const xr_gltf_accessor_t  *a;

    a = (primitive->indices == XR_GLTF_NONE)
        ? NULL : &g->accessors[primitive->indices];

    *n = (a != NULL) ? a->count : primitive->vertices;
    *n -= *n % 3;

    out = xrw_alloc(arena, (*n + 1) * sizeof(uint32_t));

    for (i = 0; i < *n; i++) {
        p = (a != NULL) ? xr_gltf_values_element(g, a, i) : NULL;
        out[i] = (a == NULL) ? i
                 : (p != NULL) ? xr_gltf_values_uint(p, a->size) : 0;
    }

    return out;
}


static bool
xrw_mesh_near(const xrw_mesh_t *mesh)
{
    float  extent, far;

    xrw_mesh_extent(mesh, &extent, &far);

    return far < XRW_MESH_FAR;
}


/* Vertices that are alike in every byte become one. */

static void
xrw_mesh_weld(xrw_arena_t *arena, xrw_mesh_t *mesh)
{
    size_t                 i;
    uint8_t               *data;
    uint32_t              *remap;
    size_t                 unique;
    struct meshopt_Stream  streams[XRW_MESH_STREAMS];

    remap = xrw_alloc(arena, mesh->vertices * sizeof(uint32_t));

    for (i = 0; i < mesh->n; i++) {
        streams[i] = (struct meshopt_Stream) {
            mesh->streams[i].data, mesh->streams[i].stride,
            mesh->streams[i].stride
        };
    }

    unique = meshopt_generateVertexRemapMulti(remap, mesh->indices,
                                              mesh->nindices, mesh->vertices,
                                              streams, mesh->n);

    meshopt_remapIndexBuffer(mesh->indices, mesh->indices, mesh->nindices,
                             remap);

    for (i = 0; i < mesh->n; i++) {
        data = xrw_alloc(arena, unique * mesh->streams[i].stride);
        meshopt_remapVertexBuffer(data, mesh->streams[i].data, mesh->vertices,
                                  mesh->streams[i].stride, remap);
        mesh->streams[i].data = data;
    }

    mesh->vertices = (uint32_t) unique;
}


/* False: one of the attributes is none of vertices. */

static bool
xrw_mesh_streams(xrw_arena_t *arena, const xr_gltf_t *g, json_t *attributes,
    const uint32_t *which, xrw_mesh_t *mesh)
{
    json_t                    *value;
    const char                *name;
    xrw_stream_t              *s;
    const xr_gltf_accessor_t  *a;

    json_object_foreach(attributes, name, value) {
        a = &g->accessors[json_integer_value(value)];

        if (a->columns > 1) {
            return false;
        }

        s = &mesh->streams[mesh->n];
        s->name = name;
        s->component = a->component;
        s->components = a->components;
        s->normalized = a->normalized;
        s->stride = (a->element + 3) / 4 * 4;
        s->data = xrw_mesh_some(arena, g, a, s->stride, which, mesh->vertices);

        if (strcmp(name, "POSITION") == 0) {
            mesh->position = mesh->n;
        }

        mesh->n++;
    }

    return true;
}


xrw_mesh_t *
xrw_mesh_read(xrw_arena_t *arena, const xr_gltf_t *g,
    const xr_gltf_primitive_t *primitive, json_t *attributes)
{
    bool         ok;
    size_t       room;
    uint32_t    *which;
    xrw_mesh_t  *mesh;

    if (primitive->mode != 4 || primitive->targets || primitive->joints
        || primitive->position == XR_GLTF_NONE
        || json_object_size(attributes) > XRW_MESH_STREAMS)
    {
        return NULL;
    }

    mesh = xrw_alloc(arena, sizeof(xrw_mesh_t));
    mesh->indices = xrw_mesh_indices(arena, g, primitive, &mesh->nindices);

    if (mesh->nindices == 0) {
        return NULL;
    }

    room = (mesh->nindices < primitive->vertices) ? mesh->nindices
                                                  : primitive->vertices;
    which = xrw_alloc(arena, room * sizeof(uint32_t));
    mesh->vertices = xrw_mesh_used(mesh, primitive->vertices, which);

    ok = xrw_mesh_streams(arena, g, attributes, which, mesh);

    if (!ok || !xrw_mesh_near(mesh)) {
        return NULL;
    }

    xrw_mesh_weld(arena, mesh);

    return mesh;
}


static float *
xrw_mesh_floats(xrw_arena_t *arena, const xrw_stream_t *s, uint32_t vertices,
    unsigned components)
{
    float          *out;
    unsigned        c;
    uint32_t        i;
    size_t          size;
    const uint8_t  *p;

    size = (s->component >= 5125) ? 4 : (s->component >= 5122) ? 2 : 1;
    out = xrw_alloc(arena, (size_t) vertices * components * sizeof(float));

    for (i = 0; i < vertices; i++) {
        p = s->data + (size_t) i * s->stride;

        for (c = 0; c < components && c < s->components; c++) {
            out[(size_t) i * components + c] =
                xrw_mesh_number(p + c * size, s->component, s->normalized);
        }
    }

    return out;
}


void
xrw_mesh_extent(const xrw_mesh_t *mesh, float *extent, float *far)
{
    float                f, low[3], high[3];
    size_t               size;
    unsigned             c;
    uint32_t             i;
    const xrw_stream_t  *s;

    s = &mesh->streams[mesh->position];
    size = (s->component >= 5125) ? 4 : (s->component >= 5122) ? 2 : 1;
    *extent = 0;
    *far = 0;

    for (c = 0; c < 3; c++) {
        low[c] = FLT_MAX;
        high[c] = -FLT_MAX;

        for (i = 0; i < mesh->vertices; i++) {
            f = xrw_mesh_number(s->data + (size_t) i * s->stride + c * size,
                                s->component, s->normalized);
            low[c] = fminf(low[c], f);
            high[c] = fmaxf(high[c], f);
        }

        *far = fmaxf(*far, fmaxf(fabsf(low[c]), fabsf(high[c])));
        *extent = fmaxf(*extent, high[c] - low[c]);
    }
}


xrw_mesh_t *
xrw_mesh_level(xrw_arena_t *arena, const xrw_mesh_t *base, double ratio,
    float error, bool lock)
{
    float       *positions;
    size_t       i, n, wanted, unique;
    uint8_t     *data;
    uint32_t    *indices, *remap;
    xrw_mesh_t  *mesh;

    mesh = xrw_alloc(arena, sizeof(xrw_mesh_t));
    *mesh = *base;

    n = base->nindices;
    indices = xrw_alloc(arena, n * sizeof(uint32_t));
    remap = xrw_alloc(arena, base->vertices * sizeof(uint32_t));
    wanted = (size_t) ((double) (n / 3) * ratio) * 3;

    if (wanted < n) {
        positions = xrw_mesh_floats(arena, &base->streams[base->position],
                                    base->vertices, 3);
        n = meshopt_simplify(indices, base->indices, n, positions,
                             base->vertices, 3 * sizeof(float), wanted, error,
                             lock ? meshopt_SimplifyLockBorder : 0, NULL);
    }

    if (wanted >= base->nindices || n == 0) {
        n = base->nindices;
        memcpy(indices, base->indices, n * sizeof(uint32_t));
    }

    mesh->indices = xrw_alloc(arena, n * sizeof(uint32_t));
    mesh->nindices = n;

    meshopt_optimizeVertexCache(mesh->indices, indices, n, base->vertices);

    unique = meshopt_optimizeVertexFetchRemap(remap, mesh->indices, n,
                                              base->vertices);
    meshopt_remapIndexBuffer(mesh->indices, mesh->indices, n, remap);

    for (i = 0; i < mesh->n; i++) {
        data = xrw_alloc(arena, unique * base->streams[i].stride);
        meshopt_remapVertexBuffer(data, base->streams[i].data, base->vertices,
                                  base->streams[i].stride, remap);
        mesh->streams[i].data = data;
    }

    mesh->vertices = (uint32_t) unique;

    return mesh;
}


/* EXT_meshopt_compression, "Filter 3": exponent and mantissa, 2^E * M */

static void
xrw_mesh_fixed(xrw_arena_t *arena, xrw_stream_t *s, uint32_t vertices,
    int exponent)
{
    float     *in;
    size_t     i, n;
    double     m;
    uint32_t  *out;

    n = (size_t) vertices * s->components;
    in = xrw_mesh_floats(arena, s, vertices, s->components);
    out = xrw_alloc(arena, n * sizeof(uint32_t));

    for (i = 0; i < n; i++) {
        m = rint(ldexp((double) in[i], -exponent));
        m = fmax(-8388607.0, fmin(8388607.0, m));
        out[i] = (uint32_t) exponent << 24
                 | ((uint32_t) (int32_t) m & 0xffffff);
    }

    s->data = (uint8_t *) out;
    s->stride = s->components * (uint32_t) sizeof(float);
}


/* The smallest exponent with which "far" still has room in 23 bits. */

static int
xrw_mesh_exponent(int exponent, float far)
{
    int  least;

    (void) frexpf(far, &least);
    least -= 22;

    if (exponent < least) {
        exponent = least;
    }

    return (exponent < -100) ? -100 : (exponent > 100) ? 100 : exponent;
}


static void
xrw_mesh_direction(xrw_arena_t *arena, xrw_stream_t *s, uint32_t vertices)
{
    float     *in, *v;
    uint8_t   *out;
    uint32_t   i;

    in = xrw_mesh_floats(arena, s, vertices, 4);
    out = xrw_alloc(arena, (size_t) vertices * 4);

    for (i = 0; i < vertices; i++) {
        v = in + (size_t) i * 4;

        if (!(fabsf(v[0]) + fabsf(v[1]) + fabsf(v[2]) > 1e-6f)) {
            v[2] = 1.0f;                        /* a direction all the same */
        }

        v[3] = (v[3] < 0.0f) ? -1.0f : 1.0f;
    }

    meshopt_encodeFilterOct(out, vertices, 4, 8, in);

    s->data = out;
    s->stride = 4;
    s->component = 5120;
    s->normalized = true;
}


/* Colours that fit into bytes, which are those of most models. */

static bool
xrw_mesh_colour(xrw_arena_t *arena, xrw_stream_t *s, uint32_t vertices)
{
    float     *in;
    size_t     i, n;
    uint8_t   *out;
    unsigned   c;

    n = (size_t) vertices * s->components;
    in = xrw_mesh_floats(arena, s, vertices, s->components);

    for (i = 0; i < n; i++) {
        if (in[i] < 0.0f || in[i] > 1.0f) {
            return false;
        }
    }

    out = xrw_alloc(arena, (size_t) vertices * 4);

    for (i = 0; i < vertices; i++) {
        for (c = 0; c < s->components && c < 4; c++) {
            out[i * 4 + c] = (uint8_t) lrintf(in[i * s->components + c]
                                              * 255.0f);
        }
    }

    s->data = out;
    s->stride = 4;
    s->component = 5121;
    s->normalized = true;

    return true;
}


static float
xrw_mesh_largest(const xrw_stream_t *s, uint32_t vertices)
{
    float     f, largest;
    unsigned  c;
    uint32_t  i;

    largest = 0;

    for (i = 0; i < vertices; i++) {
        for (c = 0; c < s->components; c++) {
            f = xrw_mesh_number(s->data + (size_t) i * s->stride + c * 4,
                                s->component, false);
            largest = fmaxf(largest, fabsf(f));
        }
    }

    return largest;
}


void
xrw_mesh_quantise(xrw_arena_t *arena, xrw_mesh_t *mesh, int positions,
    int coordinates, xr_gltf_filter_t *filters)
{
    float          largest;
    size_t         i;
    xrw_stream_t  *s;

    for (i = 0; i < mesh->n; i++) {
        s = &mesh->streams[i];
        filters[i] = XR_GLTF_FILTER_NONE;

        if (s->component != 5126) {
            continue;
        }

        largest = xrw_mesh_largest(s, mesh->vertices);

        if (i == mesh->position) {
            xrw_mesh_fixed(arena, s, mesh->vertices,
                           xrw_mesh_exponent(positions, largest));
            filters[i] = XR_GLTF_FILTER_EXPONENTIAL;

        } else if (strncmp(s->name, "TEXCOORD_", 9) == 0
                   && largest < XRW_MESH_FAR)
        {
            xrw_mesh_fixed(arena, s, mesh->vertices,
                           xrw_mesh_exponent(coordinates, largest));
            filters[i] = XR_GLTF_FILTER_EXPONENTIAL;

        } else if ((strcmp(s->name, "NORMAL") == 0
                    || strcmp(s->name, "TANGENT") == 0)
                   && largest < XRW_MESH_FAR)
        {
            xrw_mesh_direction(arena, s, mesh->vertices);
            filters[i] = XR_GLTF_FILTER_OCTAHEDRAL;

        } else if (strncmp(s->name, "COLOR_", 6) == 0) {
            (void) xrw_mesh_colour(arena, s, mesh->vertices);
        }
    }
}


void
xrw_mesh_plain(xrw_arena_t *arena, xrw_mesh_t *mesh)
{
    size_t         i;
    xrw_stream_t  *s;

    for (i = 0; i < mesh->n; i++) {
        s = &mesh->streams[i];

        if (s->component == 5126
            || (i != mesh->position && strcmp(s->name, "NORMAL") != 0
                && strcmp(s->name, "TANGENT") != 0
                && (strncmp(s->name, "TEXCOORD_", 9) != 0
                    || (s->normalized && (s->component == 5121
                                          || s->component == 5123)))))
        {
            continue;
        }

        s->data = (uint8_t *) xrw_mesh_floats(arena, s, mesh->vertices,
                                              s->components);
        s->stride = s->components * (uint32_t) sizeof(float);
        s->component = 5126;
        s->normalized = false;
    }
}
