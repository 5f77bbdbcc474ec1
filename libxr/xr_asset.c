/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_asset.h"


#define XR_ASSET_GLB_HEADER    20       /* with that of the first chunk */
#define XR_ASSET_KTX2_HEADER   80
#define XR_ASSET_KTX2_LEVEL    24       /* bytes per entry of the index */
#define XR_ASSET_KTX2_LEVELS   32       /* log2 of the largest edge, plus 1 */
#define XR_ASSET_ZIP_HEADER    30
#define XR_ASSET_USDZ_ALIGN    64


static uint64_t
xr_asset_le(xr_str_t s, size_t pos, size_t bytes)
{
    uint64_t  n;

    n = 0;

    while (bytes > 0) {
        bytes--;
        n = n << 8 | s.data[pos + bytes];
    }

    return n;
}


static bool
xr_asset_is(xr_str_t s, size_t pos, xr_str_t what)
{
    return s.len >= pos && xr_str_starts(xr_str_of(s.data + pos, s.len - pos),
                                         what);
}


static bool
xr_asset_ends_nocase(xr_str_t s, xr_str_t end)
{
    return s.len >= end.len
           && xr_str_eq_nocase(xr_str_of(s.data + s.len - end.len, end.len),
                               end);
}


xr_asset_kind_t
xr_asset_kind(xr_str_t path)
{
    size_t  i;

    static const struct {
        xr_str_t         end;
        xr_asset_kind_t  kind;
    } kinds[] = {
        { XR_STR(".glb"), XR_ASSET_GLB },
        { XR_STR(".gltf"), XR_ASSET_GLTF },
        { XR_STR(".ktx2"), XR_ASSET_KTX2 },
        { XR_STR(".usdz"), XR_ASSET_USDZ }
    };

    for (i = 0; i < XR_COUNT(kinds); i++) {
        if (xr_asset_ends_nocase(path, kinds[i].end)) {
            return kinds[i].kind;
        }
    }

    return XR_ASSET_OTHER;
}


/* A JSON text from "pos" on has to be an object; RFC 8259, section 2. */

static xr_rc_t
xr_asset_object(xr_str_t head, size_t pos, xr_err_t *err)
{
    uint8_t  c;

    for ( /* void */ ; pos < head.len; pos++) {
        c = head.data[pos];

        if (c == '{') {
            return XR_OK;
        }

        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            break;
        }
    }

    return xr_fail(err, XR_INVALID, pos, "the JSON text is not an object");
}


/* glTF 2.0 specification, section 4 */

static xr_rc_t
xr_asset_glb(xr_str_t head, uint64_t size, xr_asset_t *out, xr_err_t *err)
{
    uint64_t               json, rest;
    static const xr_str_t  magic = XR_STR("glTF"), chunk = XR_STR("JSON");

    if (!xr_asset_is(head, 0, magic)) {
        return xr_fail(err, XR_INVALID, 0, "no GLB magic");
    }

    if (head.len < XR_ASSET_GLB_HEADER) {
        return xr_fail(err, XR_INVALID, head.len, "the GLB header is cut off");
    }

    if (xr_asset_le(head, 4, 4) != 2) {
        return xr_fail(err, XR_INVALID, 4, "not version 2 of GLB");
    }

    if (xr_asset_le(head, 8, 4) != size) {
        return xr_fail(err, XR_INVALID, 8,
                       "the length in the GLB header is not the file's");
    }

    if (!xr_asset_is(head, 16, chunk)) {
        return xr_fail(err, XR_INVALID, 16, "the first chunk is not JSON");
    }

    json = xr_asset_le(head, 12, 4);
    rest = size - XR_ASSET_GLB_HEADER;

    if (json == 0 || json % 4 != 0 || json > rest) {
        return xr_fail(err, XR_INVALID, 12,
                       "the JSON chunk has an impossible length");
    }

    rest -= json;

    if (rest > 0 && rest < 8) {
        return xr_fail(err, XR_INVALID, 12,
                       "less than a chunk follows the JSON chunk");
    }

    out->json_pos = XR_ASSET_GLB_HEADER;
    out->json_size = json;

    return xr_asset_object(head, XR_ASSET_GLB_HEADER, err);
}


static bool
xr_asset_inside(uint64_t pos, uint64_t len, uint64_t size)
{
    return pos <= size && len <= size - pos;
}


/* KTX 2.0 specification, section 3.5: where the parts of the file lie */

static xr_rc_t
xr_asset_ktx2_ranges(xr_str_t head, size_t index_end, uint64_t size,
    xr_err_t *err)
{
    size_t    i, pos;
    uint64_t  start, len;

    static const struct {
        size_t       pos;
        size_t       width;
        bool         required;
        const char  *what;
    } ranges[] = {
        { 48, 4, true, "the data format descriptor is outside of the file" },
        { 56, 4, false, "the key/value data is outside of the file" },
        { 64, 8, false, "the supercompression data is outside of the file" }
    };

    for (i = 0; i < XR_COUNT(ranges); i++) {
        pos = ranges[i].pos;
        start = xr_asset_le(head, pos, ranges[i].width);
        len = xr_asset_le(head, pos + ranges[i].width, ranges[i].width);

        if (len == 0 && !ranges[i].required) {
            continue;
        }

        if (len == 0 || start < index_end
            || !xr_asset_inside(start, len, size))
        {
            return xr_fail(err, XR_INVALID, pos, ranges[i].what);
        }
    }

    for (pos = XR_ASSET_KTX2_HEADER; pos < index_end;
         pos += XR_ASSET_KTX2_LEVEL)
    {
        start = xr_asset_le(head, pos, 8);
        len = xr_asset_le(head, pos + 8, 8);

        if (len == 0 || start < index_end
            || !xr_asset_inside(start, len, size))
        {
            return xr_fail(err, XR_INVALID, pos,
                           "a mip level is outside of the file");
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_asset_ktx2(xr_str_t head, uint64_t size, xr_err_t *err)
{
    size_t                 index_end;
    uint64_t               faces, levels;
    static const xr_str_t  identifier = XR_STR("\xabKTX 20\xbb\r\n\x1a\n");

    if (!xr_asset_is(head, 0, identifier)) {
        return xr_fail(err, XR_INVALID, 0, "no KTX2 identifier");
    }

    if (head.len < XR_ASSET_KTX2_HEADER) {
        return xr_fail(err, XR_INVALID, head.len,
                       "the KTX2 header is cut off");
    }

    if (xr_asset_le(head, 20, 4) == 0) {
        return xr_fail(err, XR_INVALID, 20, "a texture of no width");
    }

    faces = xr_asset_le(head, 36, 4);

    if (faces != 1 && faces != 6) {
        return xr_fail(err, XR_INVALID, 36, "neither 1 nor 6 faces");
    }

    /* 0 levels: the viewer makes the mips, from the one level present */

    levels = xr_asset_le(head, 40, 4);

    if (levels > XR_ASSET_KTX2_LEVELS) {
        return xr_fail(err, XR_INVALID, 40, "too many mip levels");
    }

    index_end = XR_ASSET_KTX2_HEADER
                + XR_ASSET_KTX2_LEVEL * (size_t) (levels > 0 ? levels : 1);

    if (head.len < index_end) {
        return xr_fail(err, XR_INVALID, head.len,
                       "the level index is cut off");
    }

    return xr_asset_ktx2_ranges(head, index_end, size, err);
}


static bool
xr_asset_is_usd(xr_str_t name)
{
    size_t  i;

    static const xr_str_t  ends[] = {
        XR_STR(".usdc"), XR_STR(".usda"), XR_STR(".usd")
    };

    for (i = 0; i < XR_COUNT(ends); i++) {
        if (xr_asset_ends_nocase(name, ends[i])) {
            return true;
        }
    }

    return false;
}


/* ZIP APPNOTE, section 4.3.7, within the USDZ specification's limits */

static xr_rc_t
xr_asset_usdz(xr_str_t head, uint64_t size, xr_err_t *err)
{
    size_t                 name, data;
    uint64_t               stored;
    static const xr_str_t  magic = XR_STR("PK\x03\x04");

    if (!xr_asset_is(head, 0, magic)) {
        return xr_fail(err, XR_INVALID, 0, "no ZIP entry at the beginning");
    }

    if (head.len < XR_ASSET_ZIP_HEADER) {
        return xr_fail(err, XR_INVALID, head.len,
                       "the first entry's header is cut off");
    }

    if ((xr_asset_le(head, 6, 2) & 1) != 0) {
        return xr_fail(err, XR_INVALID, 6, "the first entry is encrypted");
    }

    if (xr_asset_le(head, 8, 2) != 0) {
        return xr_fail(err, XR_INVALID, 8, "the first entry is compressed");
    }

    name = (size_t) xr_asset_le(head, 26, 2);
    data = XR_ASSET_ZIP_HEADER + name + (size_t) xr_asset_le(head, 28, 2);

    if (name > head.len - XR_ASSET_ZIP_HEADER) {
        return xr_fail(err, XR_INVALID, 26,
                       "the first entry's name is cut off");
    }

    if (!xr_asset_is_usd(xr_str_of(head.data + XR_ASSET_ZIP_HEADER, name))) {
        return xr_fail(err, XR_INVALID, XR_ASSET_ZIP_HEADER,
                       "the first entry is not a USD file");
    }

    if (data % XR_ASSET_USDZ_ALIGN != 0) {
        return xr_fail(err, XR_INVALID, 28,
                       "the first entry's data is not aligned to 64 bytes");
    }

    stored = xr_asset_le(head, 18, 4);

    if (!xr_asset_inside(data, stored, size)) {
        return xr_fail(err, XR_INVALID, 18, "the first entry is cut off");
    }

    return XR_OK;
}


xr_rc_t
xr_asset_check(xr_asset_kind_t kind, xr_str_t head, uint64_t size,
    xr_asset_t *out, xr_err_t *err)
{
    xr_rc_t     rc;
    xr_asset_t  asset;

    asset = (xr_asset_t) { 0, 0 };
    rc = XR_OK;

    if (head.len > size) {
        head.len = (size_t) size;
    }

    switch (kind) {

    case XR_ASSET_GLB:
        rc = xr_asset_glb(head, size, &asset, err);
        break;

    case XR_ASSET_GLTF:
        asset.json_size = size;
        rc = xr_asset_object(head, 0, err);
        break;

    case XR_ASSET_KTX2:
        rc = xr_asset_ktx2(head, size, err);
        break;

    case XR_ASSET_USDZ:
        rc = xr_asset_usdz(head, size, err);
        break;

    case XR_ASSET_OTHER:
        break;
    }

    if (rc == XR_OK) {
        *out = asset;
    }

    return rc;
}
