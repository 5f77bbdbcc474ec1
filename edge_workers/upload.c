/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "upload.h"
#include "cli.h"
#include "io.h"
#include "upload_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define XRW_UPLOAD_MIB        (1024 * 1024)
#define XRW_UPLOAD_SINGLE     (64 * XRW_UPLOAD_MIB)
#define XRW_UPLOAD_PART       (16 * XRW_UPLOAD_MIB)
#define XRW_UPLOAD_PART_MAX   (5120LL * XRW_UPLOAD_MIB)


/* An upload in parts, as planned here and as the server has it. */

typedef struct {
    xrw_upload_t        *u;
    const char          *path;          /* of the state's file; or NULL */
    xrw_upload_state_t   state;
    xr_s3_part_t        *parts;
    unsigned             n;
    uint8_t             *digests;       /* MD5 of every part, in a row */
    uint8_t             *memory;        /* one part */
} xrw_parts_t;


static uint64_t
xrw_upload_size(const xrw_upload_t *u)
{
    return (uint64_t) u->st.st_size;
}


static const char *
xrw_upload_s3_error(const xrw_upload_t *u)
{
    return xrw_text(u->arena, xr_str(xr_s3_error(u->s3)));
}


/* Two halves of two versions would make a file that never was. */

static const char *
xrw_upload_changed(const xrw_upload_t *u)
{
    struct stat  st;

    if (fstat(u->fd, &st) == 0 && st.st_size == u->st.st_size
        && st.st_mtim.tv_sec == u->st.st_mtim.tv_sec
        && st.st_mtim.tv_nsec == u->st.st_mtim.tv_nsec)
    {
        return NULL;
    }

    return "changed while it was read";
}


static const char *
xrw_upload_single(xrw_upload_t *u, char etag[XR_S3_ETAG_SIZE])
{
    size_t       size;
    uint8_t     *memory;
    const char  *why;

    size = (size_t) xrw_upload_size(u);
    memory = malloc(size + 1);

    if (memory == NULL) {
        return "out of memory";
    }

    why = xrw_io_read(u->fd, memory, size, 0);

    if (why == NULL) {
        why = xrw_upload_changed(u);
    }

    if (why == NULL
        && xr_s3_put(u->s3, u->key, xr_str_of(memory, size), &u->meta, etag)
           != XR_OK)
    {
        why = xrw_upload_s3_error(u);
    }

    free(memory);

    return why;
}


/* At least 16 MiB, and as much as makes 10000 parts enough. */

static uint64_t
xrw_upload_part_size(uint64_t size)
{
    uint64_t  part;

    part = (size + XR_S3_MAX_PARTS - 1) / XR_S3_MAX_PARTS;

    if (part < XRW_UPLOAD_PART) {
        return XRW_UPLOAD_PART;
    }

    return (part + XRW_UPLOAD_MIB - 1) / XRW_UPLOAD_MIB * XRW_UPLOAD_MIB;
}


static size_t
xrw_parts_len(const xrw_parts_t *p, unsigned i)
{
    uint64_t  pos;

    pos = (uint64_t) i * p->state.part_size;

    return (size_t) ((p->state.size - pos < p->state.part_size)
                     ? p->state.size - pos : p->state.part_size);
}


static void
xrw_parts_forget(xrw_parts_t *p)
{
    if (p->path != NULL) {
        (void) unlink(p->path);
    }

    p->state.id = NULL;
}


/* Takes an earlier upload up, if there is one that this file can continue. */

static const char *
xrw_parts_resume(xrw_parts_t *p)
{
    xr_rc_t              rc;
    xrw_upload_t        *u;
    xrw_upload_state_t   old;

    u = p->u;

    if (!xrw_upload_state_load(u->arena, p->path, &old)) {
        return NULL;
    }

    if (!xrw_upload_state_same(&old, &p->state)) {

        /* nobody would ever complete it, and its parts cost money */

        (void) xr_s3_upload_abort(u->s3, u->key, old.id);
        xrw_parts_forget(p);
        return NULL;
    }

    rc = xr_s3_upload_parts(u->s3, u->key, old.id, p->parts, p->n);

    if (rc == XR_OK) {
        p->state.id = old.id;
        return NULL;
    }

    if (rc == XR_NOT_FOUND) {
        xrw_parts_forget(p);
        return NULL;
    }

    return xrw_upload_s3_error(u);
}


static const char *
xrw_parts_begin(xrw_parts_t *p)
{
    char          *id;
    xrw_upload_t  *u;

    u = p->u;

    if (xr_s3_upload_create(u->s3, u->key, &u->meta, &id) != XR_OK) {
        return xrw_upload_s3_error(u);
    }

    p->state.id = xrw_text(u->arena, xr_str(id));
    free(id);

    memset(p->parts, 0, p->n * sizeof(xr_s3_part_t));

    if (p->path == NULL
        || !xrw_upload_state_save(u->arena, p->path, &p->state))
    {
        (void) xrw_error("%.*s: cannot be continued if it is cut short: "
                         "the cache folder is not writable", (int) u->key.len,
                         (const char *) u->key.data);
        p->path = NULL;
    }

    return NULL;
}


/* Whether the server's part is this very one: its ETag is the MD5. */

static bool
xrw_parts_have(xrw_parts_t *p, unsigned i, size_t len)
{
    char      hex[XR_MD5_SIZE * 2];
    xr_buf_t  buf;

    buf = xr_buf(hex, sizeof(hex));
    xr_buf_hex(&buf, xr_str_of(p->digests + i * XR_MD5_SIZE, XR_MD5_SIZE));

    return p->parts[i].size == len
           && xr_str_eq_nocase(xr_buf_str(&buf), xr_str(p->parts[i].etag));
}


static xr_rc_t
xrw_parts_send(xrw_parts_t *p, unsigned i, const char **why)
{
    size_t         len;
    xr_rc_t        rc;
    xr_str_t       body;
    xrw_upload_t  *u;

    u = p->u;
    len = xrw_parts_len(p, i);
    body = xr_str_of(p->memory, len);

    *why = xrw_io_read(u->fd, p->memory, len, (uint64_t) i
                                              * p->state.part_size);

    if (*why != NULL) {
        return XR_ERROR;
    }

    if (xr_md5(body, p->digests + i * XR_MD5_SIZE) != XR_OK) {
        *why = "MD5 failed";
        return XR_ERROR;
    }

    if (xrw_parts_have(p, i, len)) {
        xrw_progress_add(u->progress, len, true);
        return XR_OK;
    }

    rc = xr_s3_upload_part(u->s3, u->key, p->state.id, i + 1, body,
                           p->parts[i].etag);

    if (rc != XR_OK) {
        *why = xrw_upload_s3_error(u);
        return rc;
    }

    p->parts[i].size = len;
    xrw_progress_add(u->progress, len, false);

    return XR_OK;
}


/*
 * Whether the origin has what "hashed" is the MD5 of: of the file, or of those
 * of "parts" parts.
 */

static bool
xrw_upload_there(xrw_upload_t *u, xr_str_t hashed, size_t parts,
    char etag[XR_S3_ETAG_SIZE])
{
    char      expected[XR_MD5_SIZE * 2 + 16];
    uint8_t   digest[XR_MD5_SIZE];
    xr_buf_t  buf;
    uint64_t  size;

    if (xr_md5(hashed, digest) != XR_OK
        || xr_s3_head(u->s3, u->key, &size, etag) != XR_OK)
    {
        return false;
    }

    buf = xr_buf(expected, sizeof(expected));
    xr_buf_hex(&buf, xr_str_of(digest, sizeof(digest)));

    if (parts > 0) {
        xr_buf_putc(&buf, '-');
        xr_buf_uint(&buf, parts);
    }

    return size == xrw_upload_size(u)
           && xr_str_eq_nocase(xr_buf_str(&buf), xr_str(etag));
}


/* An answer that was lost may have been the good one. */

static bool
xrw_parts_arrived(xrw_parts_t *p, char etag[XR_S3_ETAG_SIZE])
{
    return xrw_upload_there(p->u, xr_str_of(p->digests, p->n * XR_MD5_SIZE),
                            p->n, etag);
}


/* XR_NOT_FOUND: the server has forgotten the upload. */

static xr_rc_t
xrw_parts_run(xrw_parts_t *p, char etag[XR_S3_ETAG_SIZE], const char **why)
{
    xr_rc_t        rc;
    unsigned       i;
    xrw_upload_t  *u;

    u = p->u;
    *why = xrw_parts_resume(p);

    if (*why == NULL && p->state.id == NULL) {
        *why = xrw_parts_begin(p);
    }

    if (*why != NULL) {
        return XR_ERROR;
    }

    for (i = 0; i < p->n; i++) {
        rc = xrw_parts_send(p, i, why);

        if (rc != XR_OK) {
            return rc;
        }
    }

    *why = xrw_upload_changed(u);

    if (*why != NULL) {
        return XR_ERROR;
    }

    rc = xr_s3_upload_complete(u->s3, u->key, p->state.id, p->parts, p->n,
                               etag);

    if (rc != XR_OK) {
        *why = xrw_upload_s3_error(u);
    }

    if (rc == XR_OK
        || (rc == XR_NOT_FOUND && xrw_parts_arrived(p, etag)))
    {
        *why = NULL;
        xrw_parts_forget(p);
        return XR_OK;
    }

    return rc;
}


static const char *
xrw_upload_parts(xrw_upload_t *u, char etag[XR_S3_ETAG_SIZE])
{
    const char   *why;
    xrw_parts_t   p;

    memset(&p, 0, sizeof(p));
    p.u = u;
    p.state.size = xrw_upload_size(u);
    p.state.part_size = xrw_upload_part_size(p.state.size);
    p.state.meta = u->meta;

    if (p.state.part_size > XRW_UPLOAD_PART_MAX) {
        return "is too large for S3";
    }

    p.n = (unsigned) ((p.state.size + p.state.part_size - 1)
                      / p.state.part_size);
    p.parts = xrw_alloc(u->arena, p.n * sizeof(xr_s3_part_t));
    p.digests = xrw_alloc(u->arena, p.n * XR_MD5_SIZE);
    p.path = xrw_upload_state_path(u->arena, u->origin, u->key);
    p.memory = malloc((size_t) p.state.part_size);

    if (p.memory == NULL) {
        return "out of memory";
    }

    if (xrw_parts_run(&p, etag, &why) == XR_NOT_FOUND) {

        /* it expired, or somebody ended it: once more, from the beginning */

        xrw_parts_forget(&p);
        u->progress->done = 0;
        u->progress->skipped = 0;
        (void) xrw_parts_run(&p, etag, &why);
    }

    free(p.memory);

    return why;
}


const char *
xrw_upload(xrw_upload_t *u, char etag[XR_S3_ETAG_SIZE])
{
    return (xrw_upload_size(u) > XRW_UPLOAD_SINGLE)
           ? xrw_upload_parts(u, etag) : xrw_upload_single(u, etag);
}


bool
xrw_upload_same(xrw_upload_t *u, xr_str_t body, char etag[XR_S3_ETAG_SIZE])
{
    size_t    n, len, part;
    uint8_t  *digests;

    if (body.len <= XRW_UPLOAD_SINGLE) {
        return xrw_upload_there(u, body, 0, etag);
    }

    part = (size_t) xrw_upload_part_size(body.len);
    digests = xrw_alloc(u->arena, (body.len / part + 1) * XR_MD5_SIZE);

    for (n = 0; body.len > 0; n++) {
        len = (body.len < part) ? body.len : part;

        if (xr_md5(xr_str_of(body.data, len), digests + n * XR_MD5_SIZE)
            != XR_OK)
        {
            return false;
        }

        xr_str_skip(&body, len);
    }

    return xrw_upload_there(u, xr_str_of(digests, n * XR_MD5_SIZE), n, etag);
}
