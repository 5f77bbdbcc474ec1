/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack.h"
#include "pack_texture.h"
#include "xr_ktx2.h"
#include "xr_usdz.h"

#include <brotli/encode.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>


/* A sibling is worth its place if it saves a twentieth, and 2 KiB. */

#define XRW_PACK_SAVES_PART   20
#define XRW_PACK_SAVES_BYTES  2048

/* Brotli's best takes seconds for each megabyte. */

#define XRW_PACK_BROTLI_SLOW  (1024 * 1024)
#define XRW_PACK_ZSTD_LEVEL   19


bool
xrw_pack_fail(xrw_pack_t *p, const char *code, const char *what,
    const char *detail)
{
    (void) xr_refuse(&p->why, XR_INVALID, code, NULL, 0, what);
    p->detail = (detail != NULL) ? xrw_text(p->arena, xr_str(detail)) : NULL;

    return false;
}


void
xrw_pack_warn(xrw_pack_t *p, const char *format, ...)
{
    json_t   *text;
    va_list   args;

    va_start(args, format);
    text = json_vsprintf(format, args);
    va_end(args);

    (void) json_array_append_new(p->warnings, text);
}


static void
xrw_pack_sibling(xrw_pack_t *p, xrw_pack_variant_t *v, xr_encoding_t e)
{
    size_t    len, room;
    uint8_t  *out;

    room = (e == XR_ENCODING_BR) ? BrotliEncoderMaxCompressedSize(v->data.len)
                                 : ZSTD_compressBound(v->data.len);
    out = xrw_alloc(p->arena, room);
    len = room;

    if (e == XR_ENCODING_BR) {

        if (!BrotliEncoderCompress(v->data.len < XRW_PACK_BROTLI_SLOW ? 11 : 9,
                                   22, BROTLI_MODE_GENERIC, v->data.len,
                                   v->data.data, &len, out))
        {
            return;
        }

    } else {
        len = ZSTD_compress(out, room, v->data.data, v->data.len,
                            XRW_PACK_ZSTD_LEVEL);

        if (ZSTD_isError(len)) {
            return;
        }
    }

    if (len + XRW_PACK_SAVES_BYTES <= v->data.len
        && len + v->data.len / XRW_PACK_SAVES_PART <= v->data.len)
    {
        v->encoded[e] = xr_str_of(out, len);
    }
}


static void
xrw_pack_hex(xr_str_t data, char out[2 * XR_SHA256_SIZE + 1])
{
    uint8_t   hash[XR_SHA256_SIZE];
    xr_buf_t  b;

    (void) xr_sha256(data, hash);

    b = xr_buf(out, 2 * XR_SHA256_SIZE);
    xr_buf_hex(&b, xr_str_of(hash, sizeof(hash)));
    out[2 * XR_SHA256_SIZE] = '\0';
}


void
xrw_pack_add(xrw_pack_t *p, const xrw_pack_variant_t *v,
    const char *extension)
{
    char                 hex[2 * XR_SHA256_SIZE + 1];
    size_t               i;
    xrw_pack_variant_t  *to;

    to = &p->variants[p->n];
    *to = *v;

    xrw_pack_hex(v->data, hex);
    (void) snprintf(to->path, sizeof(to->path), "%s.%s", hex, extension);

    for (i = 0; i < p->n; i++) {

        if (strcmp(p->variants[i].path, to->path) == 0) {
            p->variants[i].classes |= to->classes;
            p->variants[i].uses |= to->uses;
            json_decref(to->seg);
            return;
        }
    }

    xrw_pack_sibling(p, to, XR_ENCODING_BR);
    xrw_pack_sibling(p, to, XR_ENCODING_ZSTD);

    p->n++;
}


bool
xrw_pack_usdz(xrw_pack_t *p)
{
    xr_usdz_t           usdz;
    xrw_pack_variant_t  v;

    if (xr_usdz_check(p->source, &usdz, &p->why) != XR_OK) {
        return false;
    }

    memset(&v, 0, sizeof(v));
    (void) snprintf(v.id, sizeof(v.id), "usdz");
    v.type = "model/vnd.usdz+zip";
    v.data = p->source;
    v.q = 80;
    v.maxdim = usdz.edge;
    v.pixels = usdz.pixels * 4 / 3;
    v.uses = XR_MANIFEST_BIT(XR_USE_AR_QL) | XR_MANIFEST_BIT(XR_USE_NATIVE);
    v.classes = XR_MANIFEST_BIT(XR_CLASS_QL);

    xrw_pack_add(p, &v, "usdz");

    return true;
}


/* KHR Data Format: the colour model behind two words of the descriptor */

#define XRW_PACK_DFD_MODEL    12
#define XRW_PACK_MODEL_ETC1S  163
#define XRW_PACK_MODEL_UASTC  166


bool
xrw_pack_ktx2(xrw_pack_t *p)
{
    size_t              i;
    uint8_t             model;
    uint32_t            edge, level;
    xr_err_t            err;
    xr_ktx2_t           k;
    xrw_pack_variant_t  v;
    xrw_texture_form_t  form;

    if (xr_ktx2_parse(p->source, p->source.len, &k, &err) != XR_OK) {
        return xrw_pack_fail(p, "ktx2", "it contradicts itself, or is no "
                             "plain 2D texture", err.what);
    }

    if (k.edge > XR_GLTF_IMAGE_EDGE) {
        return xrw_pack_fail(p, "ktx2.size", "it is larger than 8192 pixels: "
                             "scale it down", NULL);
    }

    if (k.format.length <= XRW_PACK_DFD_MODEL
        || k.format.offset > p->source.len
        || p->source.len - k.format.offset <= XRW_PACK_DFD_MODEL)
    {
        return xrw_pack_fail(p, "ktx2", "it does not say its format", NULL);
    }

    model = p->source.data[k.format.offset + XRW_PACK_DFD_MODEL];

    if (model != XRW_PACK_MODEL_ETC1S && model != XRW_PACK_MODEL_UASTC) {
        xrw_pack_warn(p, "it is not Basis: devices that do not know its "
                      "format cannot show it");
    }

    for (i = 0; i < p->preset->nlevels; i++) {
        edge = (i == 0) ? XR_GLTF_IMAGE_EDGE : p->preset->levels[i].edge;

        if (xr_ktx2_level(k.edge, k.levels, edge, &level) != XR_OK
            || !xrw_texture_cut(p->arena, p->source, edge, &form))
        {
            continue;
        }

        memset(&v, 0, sizeof(v));
        (void) snprintf(v.id, sizeof(v.id), "%s", p->preset->levels[i].name);
        v.type = "image/ktx2";
        v.data = form.data;
        v.q = p->preset->levels[i].q;
        v.maxdim = (form.width > form.height) ? form.width : form.height;
        v.pixels = ((uint64_t) form.width * form.height * 4 + 2) / 3;
        v.tex = (model == XRW_PACK_MODEL_ETC1S
                 || model == XRW_PACK_MODEL_UASTC) ? XR_TEX_BASIS : 0;
        v.etc1s = model == XRW_PACK_MODEL_ETC1S;
        v.uses = XR_MANIFEST_BIT(XR_USE_VIEW)
                 | XR_MANIFEST_BIT(XR_USE_NATIVE);
        v.classes = p->preset->levels[i].classes[XRW_PACK_KTX2]
                    | p->preset->levels[i].classes[XRW_PACK_WEBP];

        xrw_pack_add(p, &v, "ktx2");
    }

    return p->n > 0
           || xrw_pack_fail(p, "ktx2", "it has no level that can be sent",
                            NULL);
}


bool
xrw_pack(xrw_pack_t *p, xr_asset_kind_t kind)
{
    p->warnings = json_array();
    xrw_pack_hex(p->source, p->rev);

    switch (kind) {

    case XR_ASSET_GLB:
    case XR_ASSET_GLTF:                         /* a GLB by now */
        return xrw_pack_gltf(p);

    case XR_ASSET_KTX2:
        return xrw_pack_ktx2(p);

    case XR_ASSET_USDZ:
        return xrw_pack_usdz(p);

    default:
        return xrw_pack_fail(p, "type", "it is neither GLB, glTF, KTX2 nor "
                             "USDZ", NULL);
    }
}
