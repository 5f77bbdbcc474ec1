/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "asset.h"
#include "io.h"
#include "xr_asset.h"

#include <jansson.h>
#include <stdlib.h>


#define XRW_ASSET_JSON_MAX  (64 * 1024 * 1024)


/* "2.0", and minor versions to come; glTF 2.0 specification, section 3.2 */

static bool
xrw_asset_version(const json_t *root)
{
    uint64_t      n;
    xr_str_t      s;
    const char   *version;

    version = json_string_value(json_object_get(json_object_get(root,
                                                                "asset"),
                                                "version"));

    if (version == NULL) {
        return false;
    }

    s = xr_str(version);

    if (!xr_str_starts(s, xr_str("2."))) {
        return false;
    }

    s = xr_str_of(s.data + 2, s.len - 2);

    return xr_str_uint(&s, &n) == XR_OK && s.len == 0;
}


static const char *
xrw_asset_json(xrw_arena_t *arena, int fd, const xr_asset_t *asset)
{
    char          *text;
    json_t        *root;
    const char    *why;
    json_error_t   error;

    if (asset->json_size > XRW_ASSET_JSON_MAX) {
        return "its JSON is too large to be checked";
    }

    text = malloc((size_t) asset->json_size);

    if (text == NULL) {
        return "out of memory";
    }

    why = xrw_io_read(fd, text, (size_t) asset->json_size, asset->json_pos);

    if (why == NULL) {
        root = json_loadb(text, (size_t) asset->json_size,
                          JSON_DECODE_INT_AS_REAL, &error);

        if (root == NULL) {
            why = xrw_format(arena, "its JSON is broken: line %d: %s",
                             error.line, error.text);

        } else if (!xrw_asset_version(root)) {
            why = "its JSON has no asset.version 2.x";
        }

        json_decref(root);
    }

    free(text);

    return why;
}


const char *
xrw_asset_check(xrw_arena_t *arena, int fd, uint64_t size, const char *key)
{
    size_t           len;
    uint8_t          head[XR_ASSET_HEAD_SIZE];
    xr_err_t         err;
    const char      *why;
    xr_asset_t       asset;
    xr_asset_kind_t  kind;

    kind = xr_asset_kind(xr_str(key));

    if (kind == XR_ASSET_OTHER) {
        return NULL;
    }

    len = (size < sizeof(head)) ? (size_t) size : sizeof(head);
    why = xrw_io_read(fd, head, len, 0);

    if (why != NULL) {
        return why;
    }

    if (xr_asset_check(kind, xr_str_of(head, len), size, &asset, &err)
        != XR_OK)
    {
        return xrw_format(arena, "%s (at byte %zu)", err.what, err.pos);
    }

    return (asset.json_size > 0) ? xrw_asset_json(arena, fd, &asset) : NULL;
}
