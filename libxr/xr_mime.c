/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_mime.h"

#include <string.h>


#define XR_MIME_EXTENSION_MAX  8


typedef struct {
    char      extension[XR_MIME_EXTENSION_MAX + 1];
    xr_str_t  type;
} xr_mime_entry_t;


#define XR_MIME_BYTES  XR_STR("application/octet-stream")


/*
 * Sorted by extension, digits before letters: it is searched by halves.  The
 * types are IANA's; what is not registered there is octet-stream.
 */

static const xr_mime_entry_t  xr_mime_table[] = {
    { "3mf", XR_STR("model/3mf") },
    { "3tz", XR_STR("application/vnd.maxar.archive.3tz+zip") },
    { "avif", XR_STR("image/avif") },
    { "b3dm", XR_MIME_BYTES },
    { "basis", XR_MIME_BYTES },
    { "bin", XR_STR("application/gltf-buffer") },
    { "bundle", XR_MIME_BYTES },
    { "cmpt", XR_MIME_BYTES },
    { "css", XR_STR("text/css") },
    { "dae", XR_STR("model/vnd.collada+xml") },
    { "dds", XR_STR("image/vnd.ms-dds") },
    { "drc", XR_MIME_BYTES },
    { "e57", XR_STR("model/e57") },
    { "exr", XR_STR("image/aces") },
    { "gif", XR_STR("image/gif") },
    { "glb", XR_STR("model/gltf-binary") },
    { "glbin", XR_STR("application/gltf-buffer") },
    { "glbuf", XR_STR("application/gltf-buffer") },
    { "gltf", XR_STR("model/gltf+json") },
    { "gz", XR_STR("application/gzip") },
    { "hash", XR_MIME_BYTES },
    { "hdr", XR_STR("image/vnd.radiance") },
    { "htm", XR_STR("text/html") },
    { "html", XR_STR("text/html") },
    { "i3dm", XR_MIME_BYTES },
    { "ico", XR_STR("image/vnd.microsoft.icon") },
    { "jpeg", XR_STR("image/jpeg") },
    { "jpg", XR_STR("image/jpeg") },
    { "js", XR_STR("text/javascript") },
    { "json", XR_STR("application/json") },
    { "jxl", XR_STR("image/jxl") },
    { "ksplat", XR_MIME_BYTES },
    { "ktx", XR_STR("image/ktx") },
    { "ktx2", XR_STR("image/ktx2") },
    { "map", XR_STR("application/json") },
    { "mjs", XR_STR("text/javascript") },
    { "mp3", XR_STR("audio/mpeg") },
    { "mp4", XR_STR("video/mp4") },
    { "mtl", XR_STR("model/mtl") },
    { "obj", XR_STR("model/obj") },
    { "ogg", XR_STR("audio/ogg") },
    { "pak", XR_MIME_BYTES },
    { "pdf", XR_STR("application/pdf") },
    { "ply", XR_MIME_BYTES },
    { "png", XR_STR("image/png") },
    { "pnts", XR_MIME_BYTES },
    { "rad", XR_MIME_BYTES },
    { "reality", XR_STR("model/vnd.reality") },
    { "sog", XR_MIME_BYTES },
    { "splat", XR_MIME_BYTES },
    { "spz", XR_MIME_BYTES },
    { "step", XR_STR("model/step") },
    { "stl", XR_STR("model/stl") },
    { "stp", XR_STR("model/step") },
    { "subtree", XR_MIME_BYTES },
    { "svg", XR_STR("image/svg+xml") },
    { "terrain", XR_STR("application/vnd.quantized-mesh") },
    { "txt", XR_STR("text/plain") },
    { "unityweb", XR_MIME_BYTES },
    { "usd", XR_MIME_BYTES },
    { "usda", XR_STR("model/vnd.usda") },
    { "usdc", XR_MIME_BYTES },
    { "usdz", XR_STR("model/vnd.usdz+zip") },
    { "vrm", XR_STR("model/gltf-binary") },
    { "wasm", XR_STR("application/wasm") },
    { "wav", XR_STR("audio/wav") },
    { "webm", XR_STR("video/webm") },
    { "webp", XR_STR("image/webp") },
    { "woff", XR_STR("font/woff") },
    { "woff2", XR_STR("font/woff2") },
    { "xml", XR_STR("application/xml") },
    { "zip", XR_STR("application/zip") }
};


/* Eight bytes as one number that sorts as they do. */

static uint64_t
xr_mime_key(const char *s)
{
    uint64_t  key;

    memcpy(&key, s, sizeof(key));

#if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    key = __builtin_bswap64(key);
#endif

    return key;
}


/*
 * The key of the extension in lower case; 0 where there is none that the
 * table could hold.  As in NGINX, ".glb" is a name without one.
 */

static uint64_t
xr_mime_extension(xr_str_t path)
{
    size_t    i;
    uint8_t   c;
    uint64_t  key;

    key = 0;

    /* from the end: what was read last, the first byte, is the highest */

    for (i = path.len; i > 1; i--) {
        c = path.data[i - 1];

        if (c == '.') {
            return (path.data[i - 2] == '/') ? 0 : key;
        }

        if (c == '/' || c == '\0' || path.len - i == XR_MIME_EXTENSION_MAX) {
            return 0;
        }

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        key = key >> 8 | (uint64_t) c << 56;
    }

    return 0;
}


xr_str_t
xr_mime_type(xr_str_t path)
{
    size_t    low, high, middle;
    uint64_t  extension, key;

    extension = xr_mime_extension(path);

    low = 0;
    high = (extension != 0) ? XR_COUNT(xr_mime_table) : 0;

    while (low < high) {
        middle = (low + high) / 2;
        key = xr_mime_key(xr_mime_table[middle].extension);

        if (extension == key) {
            return xr_mime_table[middle].type;
        }

        if (extension < key) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return xr_str_of(NULL, 0);
}
