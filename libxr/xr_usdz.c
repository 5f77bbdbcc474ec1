/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_usdz.h"
#include "xr_asset.h"
#include "xr_gltf.h"
#include "xr_le.h"


/* ZIP APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16 */

#define XR_USDZ_LOCAL        30
#define XR_USDZ_CENTRAL      46
#define XR_USDZ_END          22
#define XR_USDZ_ALIGN        64

#define XR_USDZ_LOCAL_SIGN    UINT32_C(0x04034b50)
#define XR_USDZ_CENTRAL_SIGN  UINT32_C(0x02014b50)
#define XR_USDZ_END_SIGN      UINT32_C(0x06054b50)


typedef struct {
    xr_str_t       file;
    xr_usdz_t     *out;
    xr_refusal_t  *why;
    size_t         end;             /* of the entries: the directory */
    size_t         last;            /* of the entry before */
    xr_str_t       names[XR_USDZ_ENTRIES_MAX];
} xr_usdz_read_t;


static xr_rc_t
xr_usdz_bad(xr_usdz_read_t *z, const char *code, uint32_t n, const char *what)
{
    return xr_refuse(z->why, XR_INVALID, code, "entry", n, what);
}


/* Relative, of printable characters, and no way out of the archive. */

static bool
xr_usdz_name(xr_str_t name)
{
    xr_str_t  rest, segment;

    if (name.len == 0 || name.len > XR_USDZ_NAME_MAX
        || xr_str_has_control(name) || xr_str_find(name, '\\') < name.len
        || xr_str_find(name, ':') < name.len
        || name.data[name.len - 1] == '/')
    {
        return false;
    }

    for (rest = name; rest.len > 0; ) {
        segment = xr_str_cut(&rest, '/');

        if (segment.len == 0 || xr_str_eq(segment, xr_str("."))
            || xr_str_eq(segment, xr_str("..")))
        {
            return false;
        }
    }

    return true;
}


/* USDZ specification, "File Types" */

static bool
xr_usdz_type(xr_str_t name, bool *image)
{
    size_t    i, dot;
    xr_str_t  end;

    static const struct {
        xr_str_t  end;
        bool      image;
    } types[] = {
        { XR_STR("usd"), false }, { XR_STR("usda"), false },
        { XR_STR("usdc"), false }, { XR_STR("png"), true },
        { XR_STR("jpg"), true }, { XR_STR("jpeg"), true },
        { XR_STR("exr"), false }, { XR_STR("avif"), false },
        { XR_STR("m4a"), false }, { XR_STR("mp3"), false },
        { XR_STR("wav"), false }
    };

    for (dot = name.len; dot > 0 && name.data[dot - 1] != '.'; dot--) {
        /* void */
    }

    end = xr_str_of(name.data + dot, name.len - dot);

    for (i = 0; i < XR_COUNT(types); i++) {

        if (xr_str_eq_nocase(types[i].end, end)) {
            *image = types[i].image;
            return true;
        }
    }

    return false;
}


static xr_rc_t
xr_usdz_image(xr_usdz_read_t *z, uint32_t n, xr_str_t data)
{
    xr_err_t    err;
    xr_image_t  image;

    if (xr_image_read(data, &image, &err) != XR_OK) {
        return xr_usdz_bad(z, "usdz.image", n, err.what);
    }

    if (image.width > XR_GLTF_IMAGE_EDGE || image.height > XR_GLTF_IMAGE_EDGE)
    {
        return xr_refuse(z->why, XR_DENIED, "usdz.image.size", "entry", n,
                         "is larger than 8192 pixels: scale it down");
    }

    z->out->images++;
    z->out->pixels += (uint64_t) image.width * image.height;

    if (image.width > z->out->edge) {
        z->out->edge = image.width;
    }

    if (image.height > z->out->edge) {
        z->out->edge = image.height;
    }

    return XR_OK;
}


/* The entry itself, where the directory says that it is. */

static xr_rc_t
xr_usdz_local(xr_usdz_read_t *z, uint32_t n, const uint8_t *central,
    bool image)
{
    size_t          pos, data;
    uint32_t        size;
    xr_str_t        name;
    const uint8_t  *p;

    pos = xr_le32(central + 42);
    size = xr_le32(central + 24);
    name = z->names[n];

    if (pos < z->last || pos > z->end || z->end - pos < XR_USDZ_LOCAL) {
        return xr_usdz_bad(z, "usdz.overlap", n,
                           "does not lie behind the one before");
    }

    p = z->file.data + pos;
    data = pos + XR_USDZ_LOCAL + xr_le16(p + 26) + xr_le16(p + 28);

    if (xr_le32(p) != XR_USDZ_LOCAL_SIGN || data > z->end
        || size > z->end - data
        || !xr_str_eq(name, xr_str_of(p + XR_USDZ_LOCAL, xr_le16(p + 26)))
        || xr_le32(p + 18) != size || xr_le32(p + 22) != size
        || xr_le16(p + 8) != 0 || (xr_le16(p + 6) & 0x9) != 0)
    {
        return xr_usdz_bad(z, "usdz.entry", n,
                           "is not what the directory says of it");
    }

    if (data % XR_USDZ_ALIGN != 0) {
        return xr_usdz_bad(z, "usdz.align", n,
                           "is not at a multiple of 64 bytes: use usdzip");
    }

    z->last = data + size;

    return image ? xr_usdz_image(z, n, xr_str_of(z->file.data + data, size))
                 : XR_OK;
}


static xr_rc_t
xr_usdz_entry(xr_usdz_read_t *z, uint32_t n, const uint8_t *p)
{
    bool      image;
    uint32_t  i;
    xr_str_t  name;

    image = false;
    name = xr_str_of(p + XR_USDZ_CENTRAL, xr_le16(p + 28));

    if ((xr_le16(p + 8) & 0x9) != 0 || xr_le16(p + 10) != 0
        || xr_le32(p + 20) != xr_le32(p + 24))
    {
        return xr_usdz_bad(z, "usdz.compressed", n,
                           "is compressed or encrypted: use usdzip");
    }

    if (!xr_usdz_name(name)) {
        return xr_usdz_bad(z, "usdz.name", n,
                           "has a name that leads out of the archive");
    }

    if (!xr_usdz_type(name, &image)) {
        return xr_usdz_bad(z, "usdz.type", n,
                           "is of a type that does not belong into USDZ");
    }

    for (i = 0; i < n; i++) {

        if (xr_str_eq(z->names[i], name)) {
            return xr_usdz_bad(z, "usdz.name", n,
                               "has the name of another one");
        }
    }

    z->names[n] = name;

    return xr_usdz_local(z, n, p, image);
}


static xr_rc_t
xr_usdz_directory(xr_usdz_read_t *z, const uint8_t *end)
{
    size_t          pos, len, stop;
    xr_rc_t         rc;
    uint32_t        n, entries;
    const uint8_t  *p;

    entries = xr_le16(end + 10);
    stop = (size_t) (end - z->file.data);
    pos = xr_le32(end + 16);

    if (xr_le16(end + 4) != 0 || xr_le16(end + 6) != 0
        || xr_le16(end + 8) != entries || entries == 0
        || pos > stop || xr_le32(end + 12) != stop - pos)
    {
        return xr_refuse(z->why, XR_INVALID, "usdz.directory", NULL, 0,
                         "its directory is not where it should be");
    }

    if (entries > XR_USDZ_ENTRIES_MAX) {
        return xr_refuse(z->why, XR_DENIED, "usdz.limit", NULL, 0,
                         "it has more than 1024 entries");
    }

    rc = XR_OK;
    z->end = pos;

    for (n = 0; rc == XR_OK && n < entries; n++, pos += len) {
        p = z->file.data + pos;

        if (stop - pos < XR_USDZ_CENTRAL
            || xr_le32(p) != XR_USDZ_CENTRAL_SIGN)
        {
            return xr_usdz_bad(z, "usdz.directory", n,
                               "is missing in the directory");
        }

        len = XR_USDZ_CENTRAL + xr_le16(p + 28) + xr_le16(p + 30)
              + xr_le16(p + 32);

        if (len > stop - pos) {
            return xr_usdz_bad(z, "usdz.directory", n,
                               "is cut off in the directory");
        }

        rc = xr_usdz_entry(z, n, p);
    }

    if (rc == XR_OK && pos != stop) {
        rc = xr_refuse(z->why, XR_INVALID, "usdz.directory", NULL, 0,
                       "its directory has more than its entries");
    }

    z->out->entries = entries;

    return rc;
}


xr_rc_t
xr_usdz_check(xr_str_t file, xr_usdz_t *out, xr_refusal_t *why)
{
    xr_err_t         err;
    xr_str_t         head;
    xr_asset_t       asset;
    const uint8_t   *end;
    xr_usdz_read_t   z;

    memset(out, 0, sizeof(*out));
    memset(&z, 0, sizeof(z));

    head = file;

    if (head.len > XR_ASSET_HEAD_SIZE) {
        head.len = XR_ASSET_HEAD_SIZE;
    }

    if (xr_asset_check(XR_ASSET_USDZ, head, file.len, &asset, &err) != XR_OK) {
        return xr_refuse(why, XR_INVALID, "usdz.header", NULL, 0, err.what);
    }

    if (file.len < XR_USDZ_LOCAL + XR_USDZ_END) {
        return xr_refuse(why, XR_INVALID, "usdz.directory", NULL, 0,
                         "it is cut off");
    }

    /* without a comment, which could be made to look like another end */

    end = file.data + file.len - XR_USDZ_END;

    if (xr_le32(end) != XR_USDZ_END_SIGN || xr_le16(end + 20) != 0) {
        return xr_refuse(why, XR_INVALID, "usdz.directory", NULL, 0,
                         "its directory does not end it: cut off, or with a "
                         "comment");
    }

    z.file = file;
    z.out = out;
    z.why = why;

    return xr_usdz_directory(&z, end);
}
