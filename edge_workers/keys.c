/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "keys.h"
#include "cli.h"
#include "secret.h"


xr_rc_t
xrw_keys_file(xrw_arena_t *arena, const char *path, xr_keyset_t *set)
{
    xr_rc_t       rc;
    xr_err_t      err;
    xr_mem_t      mem;
    const char   *why;
    xr_secret_t   text;

    rc = xr_secret_read(path, &text, &why);

    if (rc != XR_OK) {
        (void) xrw_error("%s: %s", path, why);
        return rc;
    }

    mem = xrw_mem(arena);
    rc = xr_keyset_parse(xr_secret_str(&text), &mem, set, &err);

    if (rc != XR_OK) {
        (void) xrw_error("%s:%zu: %s", path,
                         xr_str_line(xr_secret_str(&text), err.pos), err.what);
    }

    xr_secret_free(&text);

    return rc;
}


xr_rc_t
xrw_keys_hex(xrw_arena_t *arena, const char *what, const char *hex,
    xr_keyset_t *set)
{
    xr_rc_t   rc;
    xr_err_t  err;
    xr_mem_t  mem;

    mem = xrw_mem(arena);
    rc = xr_keyset_parse(xr_str(hex), &mem, set, &err);

    if (rc != XR_OK) {
        (void) xrw_error("%s: %s", what, err.what);
    }

    return rc;
}
