/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_gltf_parse.h"


#define XR_GLTF_MESHOPT  "EXT_meshopt_compression"


/* The one buffer is the binary chunk; others stand in for compressed data. */

static xr_rc_t
xr_gltf_buffers(xr_gltf_parse_t *p)
{
    uint32_t        n;
    uint64_t        length;
    xr_json_t       buffer, value;
    xr_json_iter_t  it;

    it = xr_json_iter(&p->lists[XR_GLTF_BUFFERS]);

    for (n = 0; xr_json_next(&it, NULL, &buffer); n++) {
        length = UINT64_MAX;

        if (!xr_gltf_number(&buffer, "byteLength", UINT32_MAX, &length)
            || length == UINT64_MAX)
        {
            return xr_refuse(p->why, XR_INVALID, "gltf.buffer", "buffer",
                             n, "has no byteLength");
        }

        if (xr_gltf_extended(&buffer, XR_GLTF_MESHOPT, &value) && n > 0) {
            continue;
        }

        if (n > 0 || xr_json_get(&buffer, xr_str("uri"), &value) == XR_OK) {
            return xr_refuse(p->why, XR_DENIED, "gltf.external", "buffer",
                             n, "is not in the file: embed it");
        }

        if (length > p->g->bin.len) {
            return xr_refuse(p->why, XR_INVALID, "gltf.buffer", "buffer",
                             n, "is longer than the binary chunk");
        }

        p->bin = length;
    }

    return XR_OK;
}


/* A range of buffer 0, or one that is compressed. */

static bool
xr_gltf_range(xr_gltf_parse_t *p, const xr_json_t *v, xr_str_t *out)
{
    uint64_t  buffer, offset, length;

    offset = 0;
    buffer = UINT64_MAX;
    length = 0;

    if (!xr_gltf_number(v, "buffer", UINT32_MAX, &buffer)
        || !xr_gltf_number(v, "byteOffset", UINT32_MAX, &offset)
        || !xr_gltf_number(v, "byteLength", UINT32_MAX, &length)
        || buffer != 0 || length == 0 || offset > p->bin
        || length > p->bin - offset)
    {
        return false;
    }

    *out = xr_str_of(p->g->bin.data + offset, (size_t) length);

    return true;
}


static bool
xr_gltf_word(const xr_json_t *object, const char *name,
    const char *const *words, unsigned n, unsigned *out)
{
    unsigned   i;
    xr_json_t  value;

    if (xr_json_get(object, xr_str(name), &value) != XR_OK) {
        return true;
    }

    for (i = 0; i < n; i++) {

        if (xr_json_is(&value, xr_str(words[i]))) {
            *out = i;
            return true;
        }
    }

    return false;
}


/* EXT_meshopt_compression, "JSON schema updates" */

static bool
xr_gltf_compressed(xr_gltf_parse_t *p, const xr_json_t *packed,
    xr_gltf_view_t *view)
{
    unsigned  mode, filter;
    uint64_t  stride, count;

    static const char *const  modes[] = {
        "", "ATTRIBUTES", "TRIANGLES", "INDICES"
    };

    static const char *const  filters[] = {
        "NONE", "OCTAHEDRAL", "QUATERNION", "EXPONENTIAL"
    };

    mode = 0;
    filter = 0;
    stride = 0;
    count = 0;

    if (!xr_gltf_range(p, packed, &view->data)
        || !xr_gltf_word(packed, "mode", modes, XR_COUNT(modes), &mode)
        || !xr_gltf_word(packed, "filter", filters, XR_COUNT(filters), &filter)
        || !xr_gltf_number(packed, "byteStride", 256, &stride)
        || !xr_gltf_number(packed, "count", UINT32_MAX, &count)
        || mode == XR_GLTF_PLAIN || stride == 0 || count == 0
        || stride * count != view->length)
    {
        return false;
    }

    view->mode = (xr_gltf_mode_t) mode;
    view->filter = (xr_gltf_filter_t) filter;
    view->count = (uint32_t) count;
    view->stride = (uint32_t) stride;

    if (mode != XR_GLTF_ATTRIBUTES) {
        return (stride == 2 || stride == 4) && filter == 0
               && (mode != XR_GLTF_TRIANGLES || count % 3 == 0);
    }

    return stride % 4 == 0
           && (filter != XR_GLTF_FILTER_OCTAHEDRAL || stride <= 8)
           && (filter != XR_GLTF_FILTER_QUATERNION || stride == 8);
}


static xr_rc_t
xr_gltf_view(xr_gltf_parse_t *p, uint32_t n, const xr_json_t *v,
    uint64_t *total)
{
    uint64_t         length, stride;
    xr_json_t        packed;
    xr_gltf_view_t  *view;

    view = &p->g->views[n];
    length = 0;
    stride = 0;

    if (!xr_gltf_number(v, "byteLength", UINT32_MAX, &length)
        || !xr_gltf_number(v, "byteStride", 252, &stride) || length == 0
        || (stride != 0 && (stride < 4 || stride % 4 != 0)))
    {
        return xr_refuse(p->why, XR_INVALID, "gltf.view", "bufferView", n,
                         "has a length or stride that cannot be");
    }

    view->length = length;

    if (xr_gltf_extended(v, XR_GLTF_MESHOPT, &packed)) {

        if (!xr_gltf_compressed(p, &packed, view)) {
            return xr_refuse(p->why, XR_INVALID, "gltf.meshopt",
                             "bufferView", n,
                             "says of its compression what cannot be");
        }

        *total += length;

        return (*total <= XR_GLTF_DATA_MAX) ? XR_OK
               : xr_refuse(p->why, XR_DENIED, "gltf.limit", "bufferView",
                           n, "unfolds to more than 512 MiB");
    }

    view->stride = (uint32_t) stride;

    if (!xr_gltf_range(p, v, &view->data)) {
        return xr_refuse(p->why, XR_INVALID, "gltf.view", "bufferView", n,
                         "reaches beyond its buffer");
    }

    return XR_OK;
}


static xr_rc_t
xr_gltf_views(xr_gltf_parse_t *p)
{
    xr_rc_t         rc;
    uint32_t        n;
    uint64_t        total;
    xr_json_t       v;
    xr_json_iter_t  it;

    p->g->nviews = p->counts[XR_GLTF_VIEWS];
    p->g->views = xr_gltf_alloc(p, p->g->nviews, sizeof(xr_gltf_view_t));

    if (p->g->views == NULL) {
        return XR_NO_SPACE;
    }

    rc = XR_OK;
    total = 0;
    it = xr_json_iter(&p->lists[XR_GLTF_VIEWS]);

    for (n = 0; rc == XR_OK && xr_json_next(&it, NULL, &v); n++) {
        rc = xr_gltf_view(p, n, &v, &total);
    }

    return rc;
}


static uint8_t
xr_gltf_component(uint64_t type)
{
    static const uint8_t  sizes[] = { 1, 1, 2, 2, 0, 4, 4 };

    return (type >= 5120 && type <= 5126) ? sizes[type - 5120] : 0;
}


static bool
xr_gltf_type(const xr_json_t *v, xr_gltf_accessor_t *a)
{
    size_t     i;
    xr_json_t  type;

    static const struct {
        const char  *name;
        uint8_t      components;
        uint8_t      columns;
    } types[] = {
        { "SCALAR", 1, 1 }, { "VEC2", 2, 1 }, { "VEC3", 3, 1 },
        { "VEC4", 4, 1 }, { "MAT2", 4, 2 }, { "MAT3", 9, 3 },
        { "MAT4", 16, 4 }
    };

    if (xr_json_get(v, xr_str("type"), &type) != XR_OK) {
        return false;
    }

    for (i = 0; i < XR_COUNT(types); i++) {

        if (!xr_json_is(&type, xr_str(types[i].name))) {
            continue;
        }

        a->components = types[i].components;
        a->columns = types[i].columns;
        a->element = (uint32_t) a->components / a->columns * a->size;

        if (a->columns > 1) {
            a->element = (a->element + 3) / 4 * 4;
        }

        a->element *= a->columns;

        return true;
    }

    return false;
}


/* Whether "count" of "element" bytes are in a view. */

static bool
xr_gltf_fits(const xr_gltf_t *g, uint32_t view, uint64_t offset,
    uint64_t count, uint64_t element, uint64_t stride)
{
    uint64_t  length, need;

    if (view == XR_GLTF_NONE) {
        return false;
    }

    length = g->views[view].length;
    need = (count - 1) * stride + element;

    return need <= length && offset <= length - need;
}


static bool
xr_gltf_sparse(xr_gltf_parse_t *p, const xr_json_t *v, xr_gltf_accessor_t *a)
{
    uint64_t   n, component;
    xr_json_t  sparse, indices, values;

    if (xr_json_get(v, xr_str("sparse"), &sparse) != XR_OK) {
        return true;
    }

    n = 0;
    component = 0;

    if (!xr_gltf_number(&sparse, "count", a->count, &n) || n == 0
        || xr_json_get(&sparse, xr_str("indices"), &indices) != XR_OK
        || xr_json_get(&sparse, xr_str("values"), &values) != XR_OK
        || !xr_gltf_ref(&indices, "bufferView", p->g->nviews,
                        &a->sparse_view)
        || !xr_gltf_ref(&values, "bufferView", p->g->nviews, &a->values_view)
        || !xr_gltf_number(&indices, "byteOffset", UINT32_MAX,
                           &a->sparse_offset)
        || !xr_gltf_number(&values, "byteOffset", UINT32_MAX,
                           &a->values_offset)
        || !xr_gltf_number(&indices, "componentType", 5125, &component)
        || (component != 5121 && component != 5123 && component != 5125))
    {
        return false;
    }

    a->sparse = (uint32_t) n;
    a->sparse_size = xr_gltf_component(component);

    return xr_gltf_fits(p->g, a->sparse_view, a->sparse_offset, n,
                        a->sparse_size, a->sparse_size)
           && xr_gltf_fits(p->g, a->values_view, a->values_offset, n,
                           a->element, a->element);
}


static xr_rc_t
xr_gltf_accessor(xr_gltf_parse_t *p, uint32_t n, const xr_json_t *v,
    uint64_t *total)
{
    uint64_t             count, component;
    xr_json_t            normalized;
    xr_gltf_accessor_t  *a;

    a = &p->g->accessors[n];
    count = 0;
    component = 0;

    if (!xr_gltf_number(v, "count", UINT32_MAX, &count) || count == 0
        || !xr_gltf_number(v, "componentType", UINT32_MAX, &component)
        || !xr_gltf_number(v, "byteOffset", UINT32_MAX, &a->offset)
        || !xr_gltf_ref(v, "bufferView", p->g->nviews, &a->view))
    {
        return xr_refuse(p->why, XR_INVALID, "gltf.accessor", "accessor",
                         n, "has a count, an offset or a view that "
                         "cannot be");
    }

    a->count = (uint32_t) count;
    a->component = (uint32_t) component;
    a->size = xr_gltf_component(component);
    a->normalized = xr_json_get(v, xr_str("normalized"), &normalized) == XR_OK
                    && normalized.type == XR_JSON_TRUE;

    if (a->size == 0 || !xr_gltf_type(v, a)) {
        return xr_refuse(p->why, XR_INVALID, "gltf.accessor", "accessor",
                         n, "has no type that glTF knows");
    }

    *total += count * a->element;

    if (*total > XR_GLTF_DATA_MAX) {
        return xr_refuse(p->why, XR_DENIED, "gltf.limit", "accessor", n,
                         "and those before unfold to more than 512 MiB");
    }

    a->stride = (a->view != XR_GLTF_NONE && p->g->views[a->view].stride > 0)
                ? p->g->views[a->view].stride : a->element;

    if (a->view != XR_GLTF_NONE
        && !xr_gltf_fits(p->g, a->view, a->offset, count, a->element,
                         a->stride))
    {
        return xr_refuse(p->why, XR_INVALID, "gltf.accessor", "accessor",
                         n, "reaches beyond its buffer view");
    }

    return xr_gltf_sparse(p, v, a) ? XR_OK
           : xr_refuse(p->why, XR_INVALID, "gltf.sparse", "accessor", n,
                       "has sparse values that are not in their views");
}


static xr_rc_t
xr_gltf_accessors(xr_gltf_parse_t *p)
{
    xr_rc_t         rc;
    uint32_t        n;
    uint64_t        total;
    xr_json_t       v;
    xr_json_iter_t  it;

    p->g->naccessors = p->counts[XR_GLTF_ACCESSORS];
    p->g->accessors = xr_gltf_alloc(p, p->g->naccessors,
                                    sizeof(xr_gltf_accessor_t));

    if (p->g->accessors == NULL) {
        return XR_NO_SPACE;
    }

    rc = XR_OK;
    total = 0;
    it = xr_json_iter(&p->lists[XR_GLTF_ACCESSORS]);

    for (n = 0; rc == XR_OK && xr_json_next(&it, NULL, &v); n++) {
        rc = xr_gltf_accessor(p, n, &v, &total);
    }

    return rc;
}


static xr_rc_t
xr_gltf_image(xr_gltf_parse_t *p, uint32_t n, const xr_json_t *v,
    uint64_t *pixels)
{
    uint32_t          view;
    xr_err_t          err;
    xr_json_t         uri;
    xr_gltf_image_t  *image;

    image = &p->g->images[n];

    if (xr_json_get(v, xr_str("uri"), &uri) == XR_OK) {
        return xr_refuse(p->why, XR_DENIED, "gltf.external", "image", n,
                         "is not in the file: embed it");
    }

    if (!xr_gltf_ref(v, "bufferView", p->g->nviews, &view)
        || view == XR_GLTF_NONE
        || p->g->views[view].mode != XR_GLTF_PLAIN)
    {
        return xr_refuse(p->why, XR_INVALID, "gltf.image", "image", n,
                         "has no buffer view");
    }

    image->data = p->g->views[view].data;

    if (xr_image_read(image->data, &image->image, &err) != XR_OK) {
        return xr_refuse(p->why, XR_INVALID, "gltf.image", "image", n,
                         err.what);
    }

    if (image->image.width > XR_GLTF_IMAGE_EDGE
        || image->image.height > XR_GLTF_IMAGE_EDGE)
    {
        return xr_refuse(p->why, XR_DENIED, "gltf.image.size", "image", n,
                         "is larger than 8192 pixels: scale it down");
    }

    *pixels += (uint64_t) image->image.width * image->image.height;

    return (*pixels <= XR_GLTF_PIXELS_MAX) ? XR_OK
           : xr_refuse(p->why, XR_DENIED, "gltf.image.size", "image", n,
                       "and those before have more than 268 million "
                       "pixels");
}


static xr_rc_t
xr_gltf_images(xr_gltf_parse_t *p)
{
    xr_rc_t         rc;
    uint32_t        n;
    uint64_t        pixels;
    xr_json_t       v;
    xr_json_iter_t  it;

    p->g->nimages = p->counts[XR_GLTF_IMAGES];
    p->g->images = xr_gltf_alloc(p, p->g->nimages, sizeof(xr_gltf_image_t));

    if (p->g->images == NULL) {
        return XR_NO_SPACE;
    }

    rc = XR_OK;
    pixels = 0;
    it = xr_json_iter(&p->lists[XR_GLTF_IMAGES]);

    for (n = 0; rc == XR_OK && xr_json_next(&it, NULL, &v); n++) {
        rc = xr_gltf_image(p, n, &v, &pixels);
    }

    return rc;
}


xr_rc_t
xr_gltf_data(xr_gltf_parse_t *p)
{
    size_t   i;
    xr_rc_t  rc;

    static xr_rc_t (*const steps[])(xr_gltf_parse_t *p) = {
        xr_gltf_buffers, xr_gltf_views, xr_gltf_accessors, xr_gltf_images
    };

    rc = XR_OK;

    for (i = 0; rc == XR_OK && i < XR_COUNT(steps); i++) {
        rc = steps[i](p);
    }

    return rc;
}
