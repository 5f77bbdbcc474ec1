/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "tenants.h"
#include "cli.h"
#include "secret.h"
#include "xr_tenants.h"

#include <stdlib.h>
#include <string.h>


/* A file while it is read. */

typedef struct {
    const xrw_tenants_t  *tenants;
    xrw_arena_t           memory;   /* of the tenant at hand */
    xr_tenant_t           t;

    const char           *path;     /* of the text at hand */
    xr_str_t              text;
} xrw_tenants_state_t;


const char *
xrw_tenants_file(const char *option)
{
    const char  *file;

    file = (option != NULL) ? option : getenv("XR_TENANTS");

    return (file != NULL && file[0] != '\0') ? file
                                             : "/etc/ngx_xr/tenants.json";
}


/* Where a file lies that "file" names: relative to its own folder. */

static const char *
xrw_tenants_path(xrw_arena_t *arena, const char *file, xr_str_t name)
{
    const char  *slash;

    slash = strrchr(file, '/');

    if (slash == NULL || (name.len > 0 && name.data[0] == '/')) {
        return xrw_text(arena, name);
    }

    return xrw_format(arena, "%.*s/%.*s", (int) (slash - file), file,
                      (int) name.len, (const char *) name.data);
}


char *
xrw_tenants_origin(xrw_arena_t *arena, const xr_origin_t *origin)
{
    xr_str_t  base, host;

    base = origin->base;
    host = origin->host;

    if (origin->kind == XR_ORIGIN_HTTP) {
        return xrw_format(arena, "%s://%.*s%.*s",
                          origin->tls ? "https" : "http",
                          (int) host.len, (const char *) host.data,
                          (int) base.len, (const char *) base.data);
    }

    if (origin->style == XR_ORIGIN_PATH_STYLE) {
        base.data += 1 + origin->bucket.len;
        base.len -= 1 + origin->bucket.len;
    }

    return xrw_format(arena, "s3://%.*s%.*s", (int) origin->bucket.len,
                      (const char *) origin->bucket.data, (int) base.len,
                      (const char *) base.data);
}


static bool
xrw_tenants_wanted(const xrw_tenants_state_t *st)
{
    const char  *name;

    name = st->tenants->name;

    return name == NULL || xr_str_eq(st->t.name, xr_str(name));
}


static void *
xrw_tenants_alloc(void *ctx, size_t size)
{
    xrw_tenants_state_t *st = ctx;

    return xrw_alloc(&st->memory, size);
}


static void
xrw_tenants_reset(void *ctx)
{
    xrw_tenants_state_t *st = ctx;

    xrw_arena_free(&st->memory);
}


static void
xrw_tenants_note(void *ctx, size_t pos, const char *what)
{
    xrw_tenants_state_t *st = ctx;

    if (st->tenants->files != 0 && xrw_tenants_wanted(st)) {
        (void) xrw_error("%s:%zu: warning: key left out: %s", st->path,
                         xr_str_line(st->text, pos), what);
    }
}


static xr_rc_t
xrw_tenants_read_file(xrw_tenants_state_t *st, size_t i)
{
    xr_rc_t       rc;
    xr_err_t      err;
    xr_mem_t      mem;
    xr_notes_t    notes;
    const char   *why;
    xr_secret_t   text;

    st->path = xrw_tenants_path(&st->memory, st->tenants->file,
                                st->t.files[i].path);

    rc = xr_secret_read(st->path, &text, &why);

    if (rc != XR_OK) {
        (void) xrw_error("%s: %s", st->path, why);
        return rc;
    }

    st->text = xr_secret_str(&text);

    mem = xrw_mem(&st->memory);
    notes = (xr_notes_t) { xrw_tenants_note, st };

    rc = xr_tenant_file(&st->t, i, st->text, &mem, &notes, &err);

    if (rc != XR_OK) {
        (void) xrw_error("%s:%zu: %s", st->path,
                         xr_str_line(st->text, err.pos), err.what);
    }

    xr_secret_free(&text);

    return rc;
}


static xr_rc_t
xrw_tenants_read_files(xrw_tenants_state_t *st)
{
    size_t       i;
    xr_rc_t      rc;
    xr_str_t     text;
    const char  *path;

    path = st->path;
    text = st->text;
    rc = XR_OK;

    for (i = 0; rc == XR_OK && i < st->t.nfiles; i++) {

        if (st->tenants->files & XRW_TENANTS_FILE(st->t.files[i].kind)) {
            rc = xrw_tenants_read_file(st, i);
        }
    }

    st->path = path;
    st->text = text;

    return rc;
}


static xr_rc_t
xrw_tenants_tenant(void *ctx, xr_tenant_t *t, xr_err_t *err)
{
    xrw_tenants_state_t *st = ctx;

    xr_rc_t               rc;
    const xrw_tenants_t  *tenants;

    if (!xrw_tenants_wanted(st)) {
        return XR_OK;
    }

    err->what = NULL;
    tenants = st->tenants;

    rc = xrw_tenants_read_files(st);

    return (rc == XR_OK) ? tenants->tenant(tenants->ctx, t, &st->memory, err)
                         : rc;
}


xr_rc_t
xrw_tenants_each(const xrw_tenants_t *tenants)
{
    xr_rc_t               rc;
    xr_err_t              err;
    const char           *why;
    xr_secret_t           text;
    xrw_tenants_state_t   st;
    xr_tenants_reader_t   reader;

    rc = xr_secret_read_max(tenants->file, XR_TENANTS_MAX_SIZE, &text, &why);

    if (rc == XR_NOT_FOUND) {
        return rc;
    }

    if (rc != XR_OK) {
        (void) xrw_error("%s: %s", tenants->file, why);
        return rc;
    }

    memset(&st, 0, sizeof(st));
    st.tenants = tenants;
    st.path = tenants->file;
    st.text = xr_secret_str(&text);

    reader = (xr_tenants_reader_t) {
        .mem = { xrw_tenants_alloc, &st },
        .reset = xrw_tenants_reset,
        .tenant = xrw_tenants_tenant,
        .note = xrw_tenants_note,
        .ctx = &st
    };

    rc = xr_tenants_read(st.text, &st.t, &reader, &err);

    if (rc != XR_OK && err.what != NULL) {
        (void) xrw_error("%s:%zu: %s", tenants->file,
                         xr_str_line(st.text, err.pos), err.what);
    }

    xrw_arena_free(&st.memory);
    xr_secret_free(&text);

    /* a reason of ours, whatever the callee's was: there is a file */

    return (rc == XR_NOT_FOUND) ? XR_INVALID : rc;
}


typedef struct {
    xrw_arena_t  *arena;
    xr_tenant_t  *out;
    bool          found;
} xrw_tenants_found_t;


static xr_rc_t
xrw_tenants_keep(void *ctx, xr_tenant_t *t, xrw_arena_t *memory, xr_err_t *err)
{
    xrw_tenants_found_t *found = ctx;

    if (found->found) {
        return xr_fail(err, XR_INVALID, 0, "is there twice");
    }

    found->found = true;
    *found->out = *t;

    xrw_arena_move(found->arena, memory);
    memset(t, 0, sizeof(*t));

    return XR_OK;
}


xr_rc_t
xrw_tenants_find(xrw_arena_t *arena, const char *file, const char *name,
    xr_tenant_t *out)
{
    xr_rc_t              rc;
    xrw_tenants_t        tenants;
    xrw_tenants_found_t  found;

    found = (xrw_tenants_found_t) { arena, out, false };

    tenants = (xrw_tenants_t) {
        file, name, XRW_TENANTS_KEYS, xrw_tenants_keep, &found
    };

    rc = xrw_tenants_each(&tenants);

    if (rc != XR_OK && found.found) {
        xr_tenant_wipe(out);
    }

    return (rc == XR_OK && !found.found) ? XR_NOT_FOUND : rc;
}
