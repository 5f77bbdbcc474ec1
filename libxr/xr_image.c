/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_image.h"
#include "xr_ktx2.h"
#include "xr_le.h"


#define XR_IMAGE_PNG_HEADER   33        /* signature and IHDR */
#define XR_IMAGE_WEBP_HEADER  30        /* of the longest of its three kinds */


static uint32_t
xr_image_be(const uint8_t *p, size_t bytes)
{
    uint32_t  n;

    for (n = 0; bytes > 0; bytes--) {
        n = n << 8 | *p++;
    }

    return n;
}


/*
 * PNG, section 11.2.2.  Without an alpha channel a chunk "tRNS" in front of
 * the pixels may make some transparent.
 */

static bool
xr_image_png_alpha(xr_str_t image)
{
    size_t          pos;
    uint32_t        len;
    const uint8_t  *p;

    if (image.data[25] == 4 || image.data[25] == 6) {
        return true;
    }

    for (pos = XR_IMAGE_PNG_HEADER; image.len - pos >= 12; pos += 12 + len) {
        p = image.data + pos;
        len = xr_image_be(p, 4);

        if (memcmp(p + 4, "tRNS", 4) == 0) {
            return true;
        }

        if (memcmp(p + 4, "IDAT", 4) == 0 || len > image.len - pos - 12) {
            break;
        }
    }

    return false;
}


static xr_rc_t
xr_image_png(xr_str_t image, xr_image_t *out, xr_err_t *err)
{
    if (image.len < XR_IMAGE_PNG_HEADER
        || memcmp(image.data + 12, "IHDR", 4) != 0)
    {
        return xr_fail(err, XR_INVALID, 8, "the PNG has no header");
    }

    out->kind = XR_IMAGE_PNG;
    out->width = xr_image_be(image.data + 16, 4);
    out->height = xr_image_be(image.data + 20, 4);
    out->alpha = xr_image_png_alpha(image);

    return XR_OK;
}


/* ITU T.81, B.1.1.3: the markers of frames; C4, C8 and CC are others. */

static bool
xr_image_jpeg_frame(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4
           && marker != 0xc8 && marker != 0xcc;
}


static xr_rc_t
xr_image_jpeg(xr_str_t image, xr_image_t *out, xr_err_t *err)
{
    size_t          pos, len;
    const uint8_t  *p;

    for (pos = 2; image.len - pos >= 4; pos += len) {
        p = image.data + pos;

        if (p[0] != 0xff) {
            break;
        }

        if (p[1] == 0xff) {
            len = 1;                            /* a fill byte */
            continue;
        }

        len = 2 + xr_image_be(p + 2, 2);

        if (len < 4 || len > image.len - pos) {
            break;
        }

        if (xr_image_jpeg_frame(p[1])) {

            if (len < 9) {
                break;
            }

            out->kind = XR_IMAGE_JPEG;
            out->height = xr_image_be(p + 5, 2);
            out->width = xr_image_be(p + 7, 2);

            return XR_OK;
        }

        if (p[1] == 0xda) {
            break;                              /* pixels before a frame */
        }
    }

    return xr_fail(err, XR_INVALID, pos, "the JPEG has no frame header");
}


/* RFC 9649: lossy, lossless, extended */

static xr_rc_t
xr_image_webp(xr_str_t image, xr_image_t *out, xr_err_t *err)
{
    uint32_t        bits;
    const uint8_t  *p;

    p = image.data;

    if (image.len < XR_IMAGE_WEBP_HEADER) {
        return xr_fail(err, XR_INVALID, 12, "the WebP is cut off");
    }

    out->kind = XR_IMAGE_WEBP;

    if (memcmp(p + 12, "VP8 ", 4) == 0) {
        out->width = (xr_le32(p + 26) & 0x3fff);
        out->height = (xr_le32(p + 26) >> 16 & 0x3fff);

    } else if (memcmp(p + 12, "VP8L", 4) == 0) {
        bits = xr_le32(p + 21);
        out->width = (bits & 0x3fff) + 1;
        out->height = (bits >> 14 & 0x3fff) + 1;
        out->alpha = (bits >> 28 & 1) != 0;

    } else if (memcmp(p + 12, "VP8X", 4) == 0) {
        out->width = (xr_le32(p + 24) & 0xffffff) + 1;
        out->height = (xr_le32(p + 26) >> 8) + 1;
        out->alpha = (p[20] & 0x10) != 0;

    } else {
        return xr_fail(err, XR_INVALID, 12, "the WebP has no known chunk");
    }

    return XR_OK;
}


static xr_rc_t
xr_image_ktx2(xr_str_t image, xr_image_t *out, xr_err_t *err)
{
    xr_err_t   why;
    xr_ktx2_t  k;

    if (xr_ktx2_parse(image, image.len, &k, &why) != XR_OK) {
        return xr_fail(err, XR_INVALID, why.pos,
                       "the KTX2 texture contradicts itself, or is no plain "
                       "2D texture");
    }

    out->kind = XR_IMAGE_KTX2;
    out->width = k.width;
    out->height = k.height;
    out->alpha = true;

    return XR_OK;
}


xr_rc_t
xr_image_read(xr_str_t image, xr_image_t *out, xr_err_t *err)
{
    size_t      i;
    xr_rc_t     rc;
    xr_image_t  read;

    static const struct {
        xr_str_t   magic;
        xr_rc_t  (*parse)(xr_str_t image, xr_image_t *out, xr_err_t *err);
    } kinds[] = {
        { XR_STR("\x89PNG\r\n\x1a\n"), xr_image_png },
        { XR_STR("\xff\xd8\xff"), xr_image_jpeg },
        { XR_STR("RIFF"), xr_image_webp },
        { XR_STR("\xabKTX 20\xbb\r\n\x1a\n"), xr_image_ktx2 }
    };

    memset(&read, 0, sizeof(read));

    for (i = 0; i < XR_COUNT(kinds); i++) {

        if (!xr_str_starts(image, kinds[i].magic)) {
            continue;
        }

        rc = kinds[i].parse(image, &read, err);

        if (rc != XR_OK) {
            return rc;
        }

        if (read.width == 0 || read.height == 0) {
            return xr_fail(err, XR_INVALID, 0, "the image has no pixels");
        }

        *out = read;

        return XR_OK;
    }

    return xr_fail(err, XR_INVALID, 0,
                   "it is neither PNG, JPEG, WebP nor KTX2");
}


xr_str_t
xr_image_type(xr_image_kind_t kind)
{
    static const xr_str_t  types[] = {
        XR_STR(""), XR_STR("image/png"), XR_STR("image/jpeg"),
        XR_STR("image/webp"), XR_STR("image/ktx2")
    };

    return types[kind];
}
