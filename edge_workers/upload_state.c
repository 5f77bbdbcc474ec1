/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "upload_state.h"
#include "io.h"
#include "xr_crypto.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>


const char *
xrw_upload_state_path(xrw_arena_t *arena, const xr_origin_t *origin,
    xr_str_t key)
{
    char         hex[XR_SHA256_SIZE * 2 + 1];
    uint8_t      digest[XR_SHA256_SIZE];
    xr_buf_t     buf;
    const char  *folder, *what;

    what = xrw_format(arena, "%.*s\n%.*s\n%.*s", (int) origin->host.len,
                      (const char *) origin->host.data,
                      (int) origin->base.len,
                      (const char *) origin->base.data, (int) key.len,
                      (const char *) key.data);

    if (xr_sha256(xr_str(what), digest) != XR_OK) {
        return NULL;
    }

    buf = xr_buf(hex, sizeof(hex) - 1);
    xr_buf_hex(&buf, xr_str_of(digest, sizeof(digest)));
    hex[sizeof(hex) - 1] = '\0';

    folder = getenv("XDG_CACHE_HOME");

    if (folder != NULL && folder[0] == '/') {
        return xrw_format(arena, "%s/ngx_xr/uploads/%s.json", folder, hex);
    }

    folder = getenv("HOME");

    return (folder == NULL || folder[0] != '/') ? NULL
           : xrw_format(arena, "%s/.cache/ngx_xr/uploads/%s.json", folder,
                        hex);
}


static const char *
xrw_upload_state_text(xrw_arena_t *arena, const json_t *root,
    const char *name)
{
    const char  *value;

    value = json_string_value(json_object_get(root, name));

    return (value != NULL && value[0] != '\0')
           ? xrw_text(arena, xr_str(value)) : NULL;
}


static uint64_t
xrw_upload_state_number(const json_t *root, const char *name)
{
    json_int_t  n;

    n = json_integer_value(json_object_get(root, name));

    return (n > 0) ? (uint64_t) n : 0;
}


bool
xrw_upload_state_load(xrw_arena_t *arena, const char *path,
    xrw_upload_state_t *out)
{
    json_t        *root;
    json_error_t   error;

    root = (path != NULL) ? json_load_file(path, 0, &error) : NULL;

    if (root == NULL) {
        return false;
    }

    out->id = xrw_upload_state_text(arena, root, "id");
    out->size = xrw_upload_state_number(root, "size");
    out->part_size = xrw_upload_state_number(root, "part_size");
    out->meta.type = xrw_upload_state_text(arena, root, "type");
    out->meta.cache_control = xrw_upload_state_text(arena, root,
                                                    "cache_control");
    json_decref(root);

    return out->id != NULL && out->meta.type != NULL;
}


bool
xrw_upload_state_save(xrw_arena_t *arena, const char *path,
    const xrw_upload_state_t *state)
{
    bool     ok;
    char    *text;
    json_t  *root;

    root = json_pack("{s:s, s:I, s:I, s:s, s:s}", "id", state->id,
                     "size", (json_int_t) state->size,
                     "part_size", (json_int_t) state->part_size,
                     "type", state->meta.type, "cache_control",
                     state->meta.cache_control != NULL
                     ? state->meta.cache_control : "");

    text = (root != NULL) ? json_dumps(root, 0) : NULL;
    ok = text != NULL && xrw_io_folders(path)
         && xrw_io_replace(arena, path, xr_str(text));

    free(text);
    json_decref(root);

    return ok;
}


bool
xrw_upload_state_same(const xrw_upload_state_t *a,
    const xrw_upload_state_t *b)
{
    const char  *x, *y;

    x = (a->meta.cache_control != NULL) ? a->meta.cache_control : "";
    y = (b->meta.cache_control != NULL) ? b->meta.cache_control : "";

    return a->size == b->size && a->part_size == b->part_size
           && strcmp(a->meta.type, b->meta.type) == 0 && strcmp(x, y) == 0;
}
