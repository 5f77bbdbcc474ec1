/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "task.h"
#include "history.h"
#include "xr_crypto.h"
#include "xr_manifest.h"
#include "xr_mime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


#define XRW_TASK_IMMUTABLE  "public, max-age=31536000, immutable"
#define XRW_TASK_TRIES      3           /* to be the one that writes it */


/* A file of the packer's, and what it is to become. */

typedef struct {
    int                            fd;
    uint64_t                       size;
    const xr_manifest_variant_t   *variant;
    xr_encoding_t                  encoding;
    const char                    *key;
} xrw_task_file_t;


static const char *
xrw_task_key(xrw_task_job_t *job, const xr_manifest_variant_t *variant,
    xr_encoding_t encoding)
{
    size_t    size;
    void     *data;
    xr_buf_t  buf;

    size = job->job.key.len + XR_MANIFEST_PATH_MAX + 16;
    data = xrw_alloc(&job->arena, size + 1);
    buf = xr_buf(data, size);

    if (variant == NULL) {
        xr_manifest_name(job->job.key, &buf);

    } else {
        xr_manifest_variant_name(job->job.key, variant, encoding, &buf);
    }

    return data;
}


/* What it is called here is what it is called below "<object>.xr/". */

static xrw_task_rc_t
xrw_task_file(xrw_task_job_t *job, const xr_manifest_variant_t *variant,
    xr_encoding_t encoding, xrw_task_file_t *file)
{
    struct stat  st;
    const char  *name;

    file->size = 0;
    file->variant = variant;
    file->encoding = encoding;
    file->key = xrw_task_key(job, variant, encoding);
    name = file->key + job->job.key.len + sizeof(".xr/") - 1;

    /* the packer read what anybody may have sent: no links, no folders */

    file->fd = (strchr(name, '/') == NULL)
               ? open(xrw_format(&job->arena, "%s/%s", job->outdir, name),
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

    if (file->fd == -1 || fstat(file->fd, &st) == -1 || !S_ISREG(st.st_mode)
        || (uint64_t) st.st_size != variant->encoded[encoding])
    {
        if (file->fd != -1) {
            (void) close(file->fd);
        }

        return xrw_task_fail(job, XRW_TASK_RETRY, "the packer's manifest has "
                             "\"%s\", which is not there or has another size",
                             name);
    }

    file->size = (uint64_t) st.st_size;

    return XRW_TASK_DONE;
}


static bool
xrw_task_is_right(const xrw_task_file_t *file)
{
    bool      right;
    void     *data;
    uint8_t   digest[XR_SHA256_SIZE];

    /* siblings have no hash of their own: they are named by the variant's */

    if (file->encoding != XR_ENCODING_IDENTITY || file->size == 0) {
        return true;
    }

    data = mmap(NULL, (size_t) file->size, PROT_READ, MAP_PRIVATE, file->fd,
                0);

    if (data == MAP_FAILED) {
        return false;
    }

    right = xr_sha256(xr_str_of(data, (size_t) file->size), digest) == XR_OK
            && memcmp(digest, file->variant->sha256, sizeof(digest)) == 0;
    (void) munmap(data, (size_t) file->size);

    return right;
}


/* Names are hashes: what is there with that name and size is the same. */

static xrw_task_rc_t
xrw_task_send(xrw_task_job_t *job, const xrw_task_file_t *file)
{
    char          etag[XR_S3_ETAG_SIZE];
    xr_rc_t       rc;
    xr_s3_t      *s3;
    uint64_t      size;
    xr_str_t      type;
    xr_s3_meta_t  meta;

    s3 = job->target.s3;
    rc = xr_s3_head(s3, xr_str(file->key), &size, etag);

    if (rc == XR_OK && size == file->size) {
        job->skipped++;
        return XRW_TASK_DONE;
    }

    if (rc != XR_OK && rc != XR_NOT_FOUND) {
        return xrw_task_s3(job, file->key);
    }

    type = (file->variant->type.len > 0) ? file->variant->type
                                         : xr_mime_type(file->variant->path);

    meta = (xr_s3_meta_t) {
        .type = (type.len > 0) ? xrw_text(&job->arena, type)
                               : "application/octet-stream",
        .cache_control = XRW_TASK_IMMUTABLE
    };

    if (xr_s3_put_file(s3, xr_str(file->key), file->fd, file->size,
                       (uint64_t) job->conf->multipart, &meta, etag) != XR_OK)
    {
        return xrw_task_s3(job, file->key);
    }

    job->uploaded++;
    job->bytes += file->size;

    return XRW_TASK_DONE;
}


static xrw_task_rc_t
xrw_task_variant(xrw_task_job_t *job, const xr_manifest_variant_t *variant,
    bool send)
{
    xr_encoding_t    e;
    xrw_task_rc_t    rc;
    xrw_task_file_t  file;

    rc = XRW_TASK_DONE;

    for (e = 0; e < XR_ENCODINGS && rc == XRW_TASK_DONE; e++) {

        if (e != XR_ENCODING_IDENTITY && variant->encoded[e] == 0) {
            continue;
        }

        rc = xrw_task_file(job, variant, e, &file);

        if (rc != XRW_TASK_DONE) {
            break;
        }

        if (send) {
            rc = xrw_task_send(job, &file);

        } else if (!xrw_task_is_right(&file)) {
            rc = xrw_task_fail(job, XRW_TASK_RETRY, "the packer's \"%s\" has "
                               "not the SHA-256 that its manifest says",
                               file.key);
        }

        (void) close(file.fd);
    }

    return rc;
}


/* All of them are checked before the first is sent. */

xrw_task_rc_t
xrw_task_upload(xrw_task_job_t *job, xr_str_t text)
{
    size_t                  i;
    xr_buf_t                buf;
    xr_err_t                err;
    unsigned                pass;
    xr_manifest_t           manifest;
    xrw_task_rc_t           rc;
    xr_manifest_variant_t   variant;

    buf = xr_buf(xrw_alloc(&job->arena, XR_MANIFEST_IMAGE_MAX),
                 XR_MANIFEST_IMAGE_MAX);

    if (xr_manifest_compile(text, &buf, &err) != XR_OK
        || !xr_manifest_open(xr_buf_str(&buf), &manifest))
    {
        return xrw_task_fail(job, XRW_TASK_RETRY, "the packer's manifest: "
                             "line %zu: %s", xr_str_line(text, err.pos),
                             err.what);
    }

    job->variants = (unsigned) manifest.n;

    for (pass = 0; pass < 2; pass++) {

        if (pass == 1) {
            xrw_task_phase(job, "upload", 0);
        }

        for (i = 0; i < manifest.n; i++) {

            if (!xr_manifest_variant(&manifest, i, &variant)) {
                return xrw_task_fail(job, XRW_TASK_RETRY, "no variant %zu", i);
            }

            rc = xrw_task_variant(job, &variant, pass == 1);

            if (rc != XRW_TASK_DONE) {
                return rc;
            }
        }
    }

    return XRW_TASK_DONE;
}


static xrw_task_rc_t
xrw_task_manifest_read(xrw_task_job_t *job, xrw_stored_t *out)
{
    xr_rc_t  rc;

    rc = xrw_history_read(&job->arena, job->target.s3,
                          xr_str(xrw_task_key(job, NULL, 0)), out);

    return (rc == XR_OK) ? XRW_TASK_DONE
                         : xrw_task_s3(job, "the manifest that is there");
}


/* Whether what was packed is still what the object is. */

static xrw_task_rc_t
xrw_task_is_current(xrw_task_job_t *job)
{
    char      etag[XR_S3_ETAG_SIZE];
    xr_rc_t   rc;
    uint64_t  size;

    rc = xr_s3_head(job->target.s3, job->job.key, &size, etag);

    if (rc == XR_NOT_FOUND
        || (rc == XR_OK && strcmp(etag, job->etag) != 0))
    {
        return xrw_task_fail(job, XRW_TASK_REFUSED, "the source has been "
                             "replaced or removed meanwhile");
    }

    return (rc == XR_OK) ? XRW_TASK_DONE : xrw_task_s3(job, "the source");
}


/*
 * Where another one was written since it was read, the answer is 412, and
 * so it is where ours was written and only the answer was lost.
 */

xrw_task_rc_t
xrw_task_manifest(xrw_task_job_t *job, xr_str_t text)
{
    long            status;
    unsigned        tried;
    xrw_stored_t    stored;
    xrw_task_rc_t   rc;

    xrw_task_phase(job, "manifest", 0);

    for (tried = 0; tried < XRW_TASK_TRIES; tried++) {

        rc = xrw_task_manifest_read(job, &stored);

        if (rc != XRW_TASK_DONE) {
            return rc;
        }

        if (stored.etag[0] != '\0' && xr_str_eq(text, stored.text)) {
            memcpy(job->manifest, stored.etag, sizeof(stored.etag));
            return XRW_TASK_DONE;
        }

        rc = xrw_task_is_current(job);

        if (rc != XRW_TASK_DONE) {
            return rc;
        }

        if (xrw_history_replace(&job->arena, job->target.s3, job->job.key,
                                &stored, text, job->manifest) == XR_OK)
        {
            job->changed = true;
            return XRW_TASK_DONE;
        }

        status = xr_s3_status(job->target.s3);

        if (status != 412 && status != 409) {
            return xrw_task_s3(job, "the manifest");
        }
    }

    return xrw_task_fail(job, XRW_TASK_RETRY, "others write the manifest at "
                         "the same time");
}
