/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_glb.h"
#include "xr_json.h"
#include "xr_le.h"


#define XR_GLB_VERSION  2
#define XR_GLB_JSON     UINT32_C(0x4e4f534a)
#define XR_GLB_BIN      UINT32_C(0x004e4942)

/* Buffer views that are told apart: one bit for each. */

#define XR_GLB_VIEWS    8192


/* What buffer views say of the binary data. */

typedef struct {
    uint64_t  geometry;                         /* ends here, */
    uint64_t  images;                           /* which begin here */
} xr_glb_bounds_t;


uint64_t
xr_glb_need(xr_str_t prefix)
{
    uint64_t  json;

    if (prefix.len < XR_GLB_HEADER + XR_GLB_CHUNK) {
        return XR_GLB_HEADER + XR_GLB_CHUNK;
    }

    json = xr_le32(prefix.data + XR_GLB_HEADER);

    return XR_GLB_HEADER + XR_GLB_CHUNK
           + ((json > XR_GLB_JSON_MAX) ? 0 : json + XR_GLB_CHUNK);
}


/* The binary data's chunk is the second one, where there is one. */

static xr_rc_t
xr_glb_binary(xr_str_t prefix, xr_glb_t *glb, xr_err_t *err)
{
    uint64_t        at;
    const uint8_t  *p;

    at = glb->json + glb->json_length;

    if (at == glb->length) {
        return XR_OK;
    }

    if (glb->length - at < XR_GLB_CHUNK) {
        return xr_fail(err, XR_INVALID, (size_t) at, "chunk");
    }

    if (prefix.len < at + XR_GLB_CHUNK) {
        return xr_fail(err, XR_NO_SPACE, prefix.len, "short");
    }

    p = prefix.data + at;

    if (xr_le32(p + 4) != XR_GLB_BIN) {
        return XR_OK;                           /* a chunk of another kind */
    }

    glb->bin = at + XR_GLB_CHUNK;
    glb->bin_length = xr_le32(p);

    return (glb->bin_length <= glb->length - glb->bin)
           ? XR_OK : xr_fail(err, XR_INVALID, (size_t) at, "chunk");
}


xr_rc_t
xr_glb_parse(xr_str_t prefix, uint64_t length, xr_glb_t *out, xr_err_t *err)
{
    const uint8_t  *p;

    static const xr_str_t  magic = XR_STR("glTF");

    memset(out, 0, sizeof(xr_glb_t));

    if (!xr_str_starts(prefix, magic)) {
        return xr_fail(err, XR_INVALID, 0, "identifier");
    }

    if (length < XR_GLB_HEADER + XR_GLB_CHUNK) {
        return xr_fail(err, XR_INVALID, 0, "length");
    }

    if (prefix.len < XR_GLB_HEADER + XR_GLB_CHUNK) {
        return xr_fail(err, XR_NO_SPACE, prefix.len, "short");
    }

    p = prefix.data;

    if (xr_le32(p + 4) != XR_GLB_VERSION) {
        return xr_fail(err, XR_INVALID, 4, "version");
    }

    out->length = xr_le32(p + 8);

    if (out->length != length) {
        return xr_fail(err, XR_INVALID, 8, "length");
    }

    out->json = XR_GLB_HEADER + XR_GLB_CHUNK;
    out->json_length = xr_le32(p + XR_GLB_HEADER);

    if (xr_le32(p + XR_GLB_HEADER + 4) != XR_GLB_JSON
        || out->json_length > length - out->json)
    {
        return xr_fail(err, XR_INVALID, XR_GLB_HEADER, "chunk");
    }

    if (out->json_length > XR_GLB_JSON_MAX) {
        return xr_fail(err, XR_INVALID, XR_GLB_HEADER, "json");
    }

    if (prefix.len < out->json + out->json_length) {
        return xr_fail(err, XR_NO_SPACE, prefix.len, "short");
    }

    return xr_glb_binary(prefix, out, err);
}


/* A number that is there or stands for "missing"; false: it is none. */

static bool
xr_glb_number(const xr_json_t *object, const char *name, uint64_t missing,
    uint64_t *out)
{
    int64_t    n;
    xr_json_t  value;

    if (xr_json_get(object, xr_str(name), &value) != XR_OK) {
        *out = missing;
        return true;
    }

    if (xr_json_int(&value, &n) != XR_OK || n < 0) {
        return false;
    }

    *out = (uint64_t) n;

    return true;
}


/* Which buffer views are those of images. */

static bool
xr_glb_images(const xr_json_t *root, uint8_t *images)
{
    uint64_t        view;
    xr_json_t       list, image;
    xr_json_iter_t  it;

    if (xr_json_get(root, xr_str("images"), &list) != XR_OK) {
        return true;
    }

    if (list.type != XR_JSON_ARRAY) {
        return false;
    }

    it = xr_json_iter(&list);

    while (xr_json_next(&it, NULL, &image)) {

        if (!xr_glb_number(&image, "bufferView", UINT64_MAX, &view)) {
            return false;
        }

        if (view == UINT64_MAX) {
            continue;                           /* a file of its own */
        }

        if (view >= XR_GLB_VIEWS) {
            return false;
        }

        images[view / 8] |= (uint8_t) (1 << view % 8);
    }

    return true;
}


/* What a buffer view, or its compressed form, takes of the binary data. */

static bool
xr_glb_range(const xr_json_t *view, uint64_t limit, bool image,
    xr_glb_bounds_t *bounds)
{
    uint64_t  buffer, offset, length;

    if (!xr_glb_number(view, "buffer", UINT64_MAX, &buffer)
        || !xr_glb_number(view, "byteOffset", 0, &offset)
        || !xr_glb_number(view, "byteLength", UINT64_MAX, &length)
        || buffer == UINT64_MAX)
    {
        return false;
    }

    if (buffer != 0) {
        return true;
    }

    if (offset > limit || length > limit - offset) {
        return false;
    }

    if (image) {

        if (offset < bounds->images) {
            bounds->images = offset;
        }

    } else if (offset + length > bounds->geometry) {
        bounds->geometry = offset + length;
    }

    return true;
}


static bool
xr_glb_view(const xr_json_t *view, uint64_t limit, bool image,
    xr_glb_bounds_t *bounds)
{
    size_t     i;
    xr_json_t  extensions, packed;

    static const xr_str_t  names[] = {
        XR_STR("EXT_meshopt_compression"),
        XR_STR("KHR_meshopt_compression")
    };

    if (xr_json_get(view, xr_str("extensions"), &extensions) == XR_OK) {

        for (i = 0; i < XR_COUNT(names); i++) {

            if (xr_json_get(&extensions, names[i], &packed) == XR_OK
                && !xr_glb_range(&packed, limit, image, bounds))
            {
                return false;
            }
        }
    }

    return xr_glb_range(view, limit, image, bounds);
}


xr_rc_t
xr_glb_head(xr_str_t prefix, const xr_glb_t *glb, uint64_t *head,
    xr_err_t *err)
{
    size_t           n;
    bool             image;
    xr_json_t        root, list, view;
    xr_json_iter_t   it;
    xr_glb_bounds_t  bounds;
    uint8_t          images[XR_GLB_VIEWS / 8];

    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    if (xr_json_check(xr_str_of(prefix.data + glb->json,
                                (size_t) glb->json_length),
                      &limits, &root, NULL)
        != XR_OK)
    {
        return xr_fail(err, XR_DENIED, (size_t) glb->json, "json");
    }

    memset(images, 0, sizeof(images));

    bounds.geometry = 0;
    bounds.images = glb->bin_length;

    if (!xr_glb_images(&root, images)) {
        return xr_fail(err, XR_DENIED, (size_t) glb->json, "images");
    }

    if (xr_json_get(&root, xr_str("bufferViews"), &list) == XR_OK) {

        if (list.type != XR_JSON_ARRAY) {
            return xr_fail(err, XR_DENIED, (size_t) glb->json, "views");
        }

        it = xr_json_iter(&list);

        for (n = 0; xr_json_next(&it, NULL, &view); n++) {

            if (n == XR_GLB_VIEWS) {
                return xr_fail(err, XR_DENIED, (size_t) glb->json, "views");
            }

            image = (images[n / 8] >> n % 8 & 1) != 0;

            if (!xr_glb_view(&view, glb->bin_length, image, &bounds)) {
                return xr_fail(err, XR_DENIED, (size_t) glb->json, "views");
            }
        }
    }

    if (bounds.geometry > bounds.images) {
        return xr_fail(err, XR_DENIED, (size_t) glb->json, "layout");
    }

    *head = (glb->bin == 0) ? glb->length : glb->bin + bounds.geometry;

    return XR_OK;
}
