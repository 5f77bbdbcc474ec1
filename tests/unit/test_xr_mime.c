/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_mime.h"


#define BYTES  "application/octet-stream"


typedef struct {
    const char  *path;
    const char  *type;
} row_t;


static void
check(xr_str_t path, const char *type)
{
    xr_str_t  s;

    s = xr_mime_type(path);

    if (!xr_str_eq(s, xr_str(type))) {
        fail_msg("%.*s is %.*s", (int) path.len, (const char *) path.data,
                 (int) s.len, (const char *) s.data);
    }
}


/* Every extension, in lower and in upper case, alone and behind others. */

static void
test_known(void **state)
{
    int     n;
    char    path[64];
    char   *p;
    size_t  i;

    static const row_t  rows[] = {
        { "glb", "model/gltf-binary" },
        { "vrm", "model/gltf-binary" },
        { "gltf", "model/gltf+json" },
        { "bin", "application/gltf-buffer" },
        { "glbin", "application/gltf-buffer" },
        { "glbuf", "application/gltf-buffer" },
        { "ktx2", "image/ktx2" },
        { "ktx", "image/ktx" },
        { "basis", BYTES },
        { "usdz", "model/vnd.usdz+zip" },
        { "usda", "model/vnd.usda" },
        { "usdc", BYTES },
        { "usd", BYTES },
        { "reality", "model/vnd.reality" },
        { "drc", BYTES },
        { "b3dm", BYTES },
        { "i3dm", BYTES },
        { "pnts", BYTES },
        { "cmpt", BYTES },
        { "subtree", BYTES },
        { "terrain", "application/vnd.quantized-mesh" },
        { "json", "application/json" },
        { "3tz", "application/vnd.maxar.archive.3tz+zip" },
        { "ply", BYTES },
        { "splat", BYTES },
        { "spz", BYTES },
        { "ksplat", BYTES },
        { "rad", BYTES },
        { "sog", BYTES },
        { "obj", "model/obj" },
        { "mtl", "model/mtl" },
        { "stl", "model/stl" },
        { "3mf", "model/3mf" },
        { "dae", "model/vnd.collada+xml" },
        { "e57", "model/e57" },
        { "step", "model/step" },
        { "stp", "model/step" },
        { "hdr", "image/vnd.radiance" },
        { "exr", "image/aces" },
        { "webp", "image/webp" },
        { "avif", "image/avif" },
        { "jxl", "image/jxl" },
        { "dds", "image/vnd.ms-dds" },
        { "wasm", "application/wasm" },
        { "bundle", BYTES },
        { "hash", BYTES },
        { "unityweb", BYTES },
        { "pak", BYTES },
        { "html", "text/html" },
        { "htm", "text/html" },
        { "css", "text/css" },
        { "js", "text/javascript" },
        { "mjs", "text/javascript" },
        { "map", "application/json" },
        { "xml", "application/xml" },
        { "txt", "text/plain" },
        { "svg", "image/svg+xml" },
        { "png", "image/png" },
        { "jpg", "image/jpeg" },
        { "jpeg", "image/jpeg" },
        { "gif", "image/gif" },
        { "ico", "image/vnd.microsoft.icon" },
        { "mp3", "audio/mpeg" },
        { "ogg", "audio/ogg" },
        { "wav", "audio/wav" },
        { "mp4", "video/mp4" },
        { "webm", "video/webm" },
        { "woff", "font/woff" },
        { "woff2", "font/woff2" },
        { "pdf", "application/pdf" },
        { "zip", "application/zip" },
        { "gz", "application/gzip" },
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        n = snprintf(path, sizeof(path), "robots/r2.tar.%s", rows[i].path);
        check(xr_str_of(path, (size_t) n), rows[i].type);

        for (p = path; *p != '\0'; p++) {
            *p = (*p >= 'a' && *p <= 'z') ? (char) (*p - 0x20) : *p;
        }

        check(xr_str_of(path, (size_t) n), rows[i].type);
    }
}


static void
test_edges(void **state)
{
    size_t  i;

    static const row_t  rows[] = {
        { "", "" },
        { "/", "" },
        { ".", "" },
        { "glb", "" },
        { ".glb", "" },
        { "/.glb", "" },
        { "a/.glb", "" },
        { "..glb", "model/gltf-binary" },
        { "a.glb", "model/gltf-binary" },
        { "/a.glb", "model/gltf-binary" },
        { "a.glb/", "" },
        { "a.glb/b", "" },
        { "a.glb.", "" },
        { "a.glb ", "" },
        { "a.glb.br", "" },
        { "a.glb.gz", "application/gzip" },
        { "a.unityweb", BYTES },
        { "a.unitywebx", "" },
        { "a.unitywe", "" },
        { "a.\303\274", "" },
        { "a.html", "text/html" },
        { "a.zz", "" },
        { "a.0", "" },
        { "unityweb", "" },
        { "aunityweb", "" },
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        check(xr_str(rows[i].path), rows[i].type);
    }

    check(xr_str_of(NULL, 0), "");
    check(xr_str_of("a.glb\0", 6), "");
    check(xr_str_of("a.\0\0", 4), "");
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_edges)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
