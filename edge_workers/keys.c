/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "keys.h"
#include "cli.h"
#include "secret.h"


/* A file of keys while it is read. */

typedef struct {
    const char  *path;
    xr_str_t     text;
    xr_str_t     id;                /* of a CloudFront key */
    xr_err_t     err;
    xr_rc_t    (*add)(void *file, xr_keyset_t *set, const xr_mem_t *mem);
} xrw_keys_file_t;


static xr_rc_t
xrw_keys_read(xrw_arena_t *arena, xrw_keys_file_t *file, xr_keyset_t *set)
{
    xr_rc_t       rc;
    xr_mem_t      mem;
    const char   *why;
    xr_secret_t   text;

    rc = xr_secret_read(file->path, &text, &why);

    if (rc != XR_OK) {
        (void) xrw_error("%s: %s", file->path, why);
        return rc;
    }

    mem = xrw_mem(arena);
    file->text = xr_secret_str(&text);

    rc = file->add(file, set, &mem);

    if (rc != XR_OK) {
        (void) xrw_error("%s:%zu: %s", file->path,
                         xr_str_line(file->text, file->err.pos),
                         file->err.what);
    }

    xr_secret_free(&text);

    return rc;
}


static xr_rc_t
xrw_keys_add_edgeauth(void *data, xr_keyset_t *set, const xr_mem_t *mem)
{
    xrw_keys_file_t *file = data;

    return xr_keyset_edgeauth(set, file->text, mem, &file->err);
}


static xr_rc_t
xrw_keys_add_purge(void *data, xr_keyset_t *set, const xr_mem_t *mem)
{
    xrw_keys_file_t *file = data;

    return xr_keyset_purge(set, file->text, mem, &file->err);
}


static void
xrw_keys_note(void *data, size_t pos, const char *what)
{
    xrw_keys_file_t *file = data;

    (void) xrw_error("%s:%zu: warning: key left out: %s", file->path,
                     xr_str_line(file->text, pos), what);
}


static xr_rc_t
xrw_keys_add_jwks(void *data, xr_keyset_t *set, const xr_mem_t *mem)
{
    xrw_keys_file_t *file = data;

    xr_notes_t  notes;

    notes = (xr_notes_t) { xrw_keys_note, file };

    return xr_keyset_jwks_text(set, file->text, mem, &notes, &file->err);
}


static xr_rc_t
xrw_keys_add_cloudfront(void *data, xr_keyset_t *set, const xr_mem_t *mem)
{
    xrw_keys_file_t *file = data;

    return xr_keyset_cloudfront(set, file->id, file->text, mem, &file->err);
}


xr_rc_t
xrw_keys_file(xrw_arena_t *arena, const char *path, xr_keyset_t *set)
{
    xrw_keys_file_t  file;

    file = (xrw_keys_file_t) { .path = path, .add = xrw_keys_add_edgeauth };

    return xrw_keys_read(arena, &file, set);
}


xr_rc_t
xrw_keys_purge(xrw_arena_t *arena, const char *path, xr_keyset_t *set)
{
    xrw_keys_file_t  file;

    file = (xrw_keys_file_t) { .path = path, .add = xrw_keys_add_purge };

    return xrw_keys_read(arena, &file, set);
}


xr_rc_t
xrw_keys_jwks(xrw_arena_t *arena, const char *path, xr_keyset_t *set)
{
    xrw_keys_file_t  file;

    file = (xrw_keys_file_t) { .path = path, .add = xrw_keys_add_jwks };

    return xrw_keys_read(arena, &file, set);
}


xr_rc_t
xrw_keys_cloudfront(xrw_arena_t *arena, const char *pair, xr_keyset_t *set)
{
    size_t            n;
    xr_str_t          s;
    xrw_keys_file_t   file;

    s = xr_str(pair);
    n = xr_str_find(s, '=');

    if (n == s.len) {
        (void) xrw_error("\"%s\" is not ID=FILE", pair);
        return XR_INVALID;
    }

    file = (xrw_keys_file_t) {
        .path = pair + n + 1,
        .id = xr_str_of(s.data, n),
        .add = xrw_keys_add_cloudfront
    };

    return xrw_keys_read(arena, &file, set);
}


static xr_rc_t
xrw_keys_line(xrw_arena_t *arena, const char *what, const char *hex,
    xr_kind_t kind, xr_keyset_t *set)
{
    xr_rc_t   rc;
    xr_err_t  err;
    xr_mem_t  mem;

    mem = xrw_mem(arena);
    rc = (kind == XR_KIND_PURGE)
         ? xr_keyset_purge(set, xr_str(hex), &mem, &err)
         : xr_keyset_edgeauth(set, xr_str(hex), &mem, &err);

    if (rc != XR_OK) {
        (void) xrw_error("%s: %s", what, err.what);
    }

    return rc;
}


xr_rc_t
xrw_keys_hex(xrw_arena_t *arena, const char *what, const char *hex,
    xr_keyset_t *set)
{
    return xrw_keys_line(arena, what, hex, XR_KIND_EDGEAUTH, set);
}


xr_rc_t
xrw_keys_purge_hex(xrw_arena_t *arena, const char *what, const char *hex,
    xr_keyset_t *set)
{
    return xrw_keys_line(arena, what, hex, XR_KIND_PURGE, set);
}
