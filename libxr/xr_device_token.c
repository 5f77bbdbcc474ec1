/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_device.h"


/*
 * The token that a URL or a header carries.  Letters of textures: a ASTC,
 * h ASTC HDR, b BC, e ETC2, p PVRTC, w WebP, v AVIF, k Basis, n no Basis; a
 * viewer that names a family of a GPU gets to it by way of Basis, so that "k"
 * is said of one that names none, and "n" of one that names some.  Codecs:
 * d Draco, k KHR_meshopt, m meshopt, q quantised, g splats.  A list without
 * letters is "0".
 */

#define XR_DEVICE_TOKEN_NO_BASIS  0x8000

#define XR_DEVICE_TOKEN_MIN_LOG2  8
#define XR_DEVICE_TOKEN_MAX_LOG2  15


typedef struct {
    uint8_t   letter;
    uint32_t  bit;
} xr_device_letter_t;


/* in the order they are written in */

static const xr_device_letter_t  xr_device_token_tex[] = {
    { 'a', XR_TEX_ASTC },
    { 'b', XR_TEX_BC },
    { 'e', XR_TEX_ETC2 },
    { 'h', XR_TEX_ASTCHDR },
    { 'k', XR_TEX_BASIS },
    { 'n', XR_DEVICE_TOKEN_NO_BASIS },
    { 'p', XR_TEX_PVRTC },
    { 'v', XR_TEX_AVIF },
    { 'w', XR_TEX_WEBP }
};


static const xr_device_letter_t  xr_device_token_geo[] = {
    { 'd', XR_GEO_DRACO },
    { 'g', XR_GEO_SPLAT },
    { 'k', XR_GEO_KHRMESHOPT },
    { 'm', XR_GEO_MESHOPT },
    { 'q', XR_GEO_QUANT }
};


static void
xr_device_token_put(const xr_device_letter_t *letters, size_t n,
    uint32_t bits, xr_buf_t *b)
{
    size_t  i;
    bool    any;

    any = false;

    for (i = 0; i < n; i++) {

        if (bits & letters[i].bit) {
            xr_buf_putc(b, letters[i].letter);
            any = true;
        }
    }

    if (!any) {
        xr_buf_putc(b, '0');
    }
}


void
xr_device_token(const xr_device_t *device, xr_buf_t *b)
{
    uint32_t  tex, log2;

    tex = device->tex;

    if (tex & XR_TEX_GPU) {
        tex ^= XR_TEX_BASIS;

        if (tex & XR_TEX_BASIS) {
            tex ^= XR_TEX_BASIS | XR_DEVICE_TOKEN_NO_BASIS;
        }
    }

    for (log2 = 0; (device->dim_max >> log2) > 1; log2++) {
        /* void */
    }

    xr_buf_put(b, xr_device_class_name(device->class));
    xr_buf_putc(b, '-');
    xr_device_token_put(xr_device_token_tex, XR_COUNT(xr_device_token_tex),
                        tex, b);
    xr_buf_putc(b, '-');
    xr_buf_uint(b, log2);
    xr_buf_putc(b, '-');
    xr_device_token_put(xr_device_token_geo, XR_COUNT(xr_device_token_geo),
                        device->geo, b);

    if (device->net <= XR_NET_MAX) {
        xr_buf_puts(b, "-n");
        xr_buf_uint(b, device->net);
    }

    if (device->save_data) {
        xr_buf_putc(b, 's');
    }
}


/* A list of letters in any order, none of them twice; or "0". */

static xr_rc_t
xr_device_token_letters(xr_str_t s, const xr_device_letter_t *letters,
    size_t n, uint32_t *out)
{
    size_t    i, j;
    uint32_t  bits;

    bits = 0;

    if (s.len == 0) {
        return XR_INVALID;
    }

    if (s.len == 1 && s.data[0] == '0') {
        *out = 0;
        return XR_OK;
    }

    for (i = 0; i < s.len; i++) {

        for (j = 0; j < n && letters[j].letter != s.data[i]; j++) {
            /* void */
        }

        if (j == n || (bits & letters[j].bit)) {
            return XR_INVALID;
        }

        bits |= letters[j].bit;
    }

    *out = bits;

    return XR_OK;
}


static xr_rc_t
xr_device_token_read_tex(xr_str_t s, xr_device_token_t *t)
{
    uint32_t  tex;

    if (xr_device_token_letters(s, xr_device_token_tex,
                                XR_COUNT(xr_device_token_tex), &tex)
        != XR_OK)
    {
        return XR_INVALID;
    }

    if (tex & XR_TEX_GPU) {

        if (!(tex & XR_DEVICE_TOKEN_NO_BASIS)) {
            tex |= XR_TEX_BASIS;

        } else if (tex & XR_TEX_BASIS) {
            return XR_INVALID;          /* one or the other */
        }

    } else if (tex & XR_DEVICE_TOKEN_NO_BASIS) {
        return XR_INVALID;
    }

    t->has_tex = true;
    t->tex = (tex & ~(uint32_t) XR_DEVICE_TOKEN_NO_BASIS) | XR_TEX_JPEG;

    return XR_OK;
}


static xr_rc_t
xr_device_token_read_dim(xr_str_t s, xr_device_token_t *t)
{
    uint64_t  n;

    if (s.len > 2
        || xr_str_uint(&s, &n) != XR_OK
        || s.len != 0
        || n < XR_DEVICE_TOKEN_MIN_LOG2
        || n > XR_DEVICE_TOKEN_MAX_LOG2)
    {
        return XR_INVALID;
    }

    t->dim_max = 1U << n;

    return XR_OK;
}


/* "n0" to "n3", as the last part. */

static bool
xr_device_token_is_net(xr_str_t s)
{
    return s.len == 2 && s.data[0] == 'n'
           && s.data[1] >= '0' && s.data[1] <= '0' + XR_NET_MAX;
}


static xr_rc_t
xr_device_token_part(xr_str_t s, unsigned i, xr_device_token_t *t)
{
    switch (i) {

    case 0:
        return xr_device_class_of(s, &t->class);

    case 1:
        return xr_device_token_read_tex(s, t);

    case 2:
        return xr_device_token_read_dim(s, t);

    case 3:
        t->has_geo = true;

        return xr_device_token_letters(s, xr_device_token_geo,
                                       XR_COUNT(xr_device_token_geo), &t->geo);

    default:
        return XR_INVALID;
    }
}


xr_rc_t
xr_device_token_read(xr_str_t s, xr_device_token_t *out)
{
    bool               more;
    unsigned           i;
    xr_str_t           part;
    xr_device_token_t  t;

    if (s.len > XR_DEVICE_TOKEN) {
        return XR_INVALID;
    }

    t = (xr_device_token_t) { .net = XR_NET_UNKNOWN };
    more = true;

    for (i = 0; more; i++) {

        more = (xr_str_find(s, '-') != s.len);
        part = xr_str_cut(&s, '-');

        /* the last letter of a token that says so much, or of its network */

        if (!more && i > 2 && part.len > 1 && part.data[part.len - 1] == 's') {
            t.save_data = true;
            part.len--;
        }

        if (!more && i > 0 && xr_device_token_is_net(part)) {
            t.net = (unsigned) (part.data[1] - '0');

        } else if (xr_device_token_part(part, i, &t) != XR_OK) {
            return XR_INVALID;
        }
    }

    *out = t;

    return XR_OK;
}
