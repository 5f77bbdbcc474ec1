/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "history.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


#define XRW_HISTORY_DIGITS  8           /* of a number */


const char *
xrw_history_manifest(xrw_arena_t *arena, xr_str_t object)
{
    size_t    size;
    void     *data;
    xr_buf_t  buf;

    size = object.len + XR_MANIFEST_PATH_MAX;
    data = xrw_alloc(arena, size + 1);
    buf = xr_buf(data, size);
    xr_manifest_name(object, &buf);

    return data;
}


void
xrw_history_hash(xr_str_t text, char hash[XRW_HISTORY_HASH + 1])
{
    uint8_t   digest[XR_SHA256_SIZE];
    xr_buf_t  buf;

    memset(digest, 0, sizeof(digest));
    (void) xr_sha256(text, digest);

    buf = xr_buf(hash, XRW_HISTORY_HASH);
    xr_buf_hex(&buf, xr_str_of(digest, XRW_HISTORY_HASH / 2));
    hash[XRW_HISTORY_HASH] = '\0';
}


xr_rc_t
xrw_history_read(xrw_arena_t *arena, xr_s3_t *s3, xr_str_t key,
    xrw_stored_t *out)
{
    int       fd;
    void     *data;
    xr_rc_t   rc;
    uint64_t  size;

    *out = (xrw_stored_t) { .text = { NULL, 0 } };
    fd = memfd_create("manifest", MFD_CLOEXEC);

    if (fd == -1) {
        return XR_NO_SPACE;
    }

    rc = xr_s3_get(s3, key, NULL, fd, XR_MANIFEST_TEXT_MAX, &size, out->etag);

    if (rc == XR_OK) {
        data = xrw_alloc(arena, (size_t) size + 1);
        rc = (pread(fd, data, (size_t) size, 0) == (ssize_t) size)
             ? XR_OK : XR_ERROR;
        out->text = xr_str_of(data, (size_t) size);

    } else if (rc == XR_NOT_FOUND) {
        out->etag[0] = '\0';
        rc = XR_OK;
    }

    (void) close(fd);

    return rc;
}


const char *
xrw_history_open(xrw_arena_t *arena, xr_str_t text, xr_manifest_t *out)
{
    xr_buf_t  image;
    xr_err_t  err;

    image = xr_buf(xrw_alloc(arena, XR_MANIFEST_IMAGE_MAX),
                   XR_MANIFEST_IMAGE_MAX);

    if (xr_manifest_compile(text, &image, &err) != XR_OK) {
        return xrw_format(arena, "line %zu: %s", xr_str_line(text, err.pos),
                          err.what);
    }

    return xr_manifest_open(xr_buf_str(&image), out) ? NULL
                                                     : "it cannot be read";
}


const char *
xrw_history_load(xrw_arena_t *arena, xr_s3_t *s3, const char *key,
    xrw_stored_t *stored, xr_manifest_t *out)
{
    if (xrw_history_read(arena, s3, xr_str(key), stored) != XR_OK) {
        return xr_s3_error(s3);
    }

    return (stored->text.data != NULL)
           ? xrw_history_open(arena, stored->text, out) : NULL;
}


static bool
xrw_history_hex(xr_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (xr_hex_digit(s.data[i]) == -1) {
            return false;
        }
    }

    return s.len == XRW_HISTORY_HASH;
}


void
xrw_history_add(xrw_arena_t *arena, xrw_versions_t *versions, xr_str_t name,
    const xr_s3_object_t *object)
{
    uint64_t        number;
    xr_str_t        hash, digits;
    xrw_version_t  *items;

    digits = name;

    if (xr_str_find(name, '-') != XRW_HISTORY_DIGITS
        || xr_str_uint(&name, &number) != XR_OK
        || digits.len - name.len != XRW_HISTORY_DIGITS)
    {
        return;
    }

    xr_str_skip(&name, 1);
    hash = xr_str_cut(&name, '.');

    if (!xrw_history_hex(hash) || !xr_str_eq(name, xr_str("json"))) {
        return;
    }

    if (versions->n == versions->room) {
        versions->room = versions->room > 0 ? versions->room * 2 : 16;
        items = xrw_alloc(arena, versions->room * sizeof(xrw_version_t));

        if (versions->n > 0) {
            memcpy(items, versions->items,
                   versions->n * sizeof(xrw_version_t));
        }

        versions->items = items;
    }

    versions->items[versions->n++] = (xrw_version_t) {
        .number = number,
        .hash = xrw_text(arena, hash),
        .key = xrw_text(arena, object->key),
        .modified = xrw_text(arena, xr_str(object->modified)),
        .size = object->size
    };
}


typedef struct {
    xrw_arena_t     *arena;
    xrw_versions_t  *versions;
    size_t           skip;              /* bytes in front of a name */
} xrw_history_walk_t;


static bool
xrw_history_object(void *ctx, const xr_s3_object_t *object)
{
    xr_str_t  name;

    xrw_history_walk_t *walk = ctx;

    name = object->key;
    xr_str_skip(&name, walk->skip);
    xrw_history_add(walk->arena, walk->versions, name, object);

    return true;
}


xr_rc_t
xrw_history_list(xrw_arena_t *arena, xr_s3_t *s3, xr_str_t object,
    xrw_versions_t *out)
{
    const char          *prefix;
    xrw_history_walk_t   walk;

    *out = (xrw_versions_t) { NULL, 0, 0 };
    prefix = xrw_format(arena, "%.*s.xr/history/", (int) object.len,
                        (const char *) object.data);
    walk = (xrw_history_walk_t) { arena, out, strlen(prefix) };

    return xr_s3_list(s3, xr_str(prefix), xrw_history_object, &walk);
}


/*
 * Keeps a manifest that is about to be replaced, unless whoever tried that
 * before us has.
 */

static xr_rc_t
xrw_history_keep(xrw_arena_t *arena, xr_s3_t *s3, xr_str_t object,
    xr_str_t text)
{
    char            hash[XRW_HISTORY_HASH + 1], etag[XR_S3_ETAG_SIZE];
    xr_rc_t         rc;
    uint64_t        number;
    const char     *key;
    xr_s3_meta_t    meta;
    xrw_versions_t  versions;

    xrw_history_hash(text, hash);
    rc = xrw_history_list(arena, s3, object, &versions);

    if (rc != XR_OK) {
        return rc;
    }

    number = 1;

    if (versions.n > 0) {

        number = versions.items[versions.n - 1].number;

        /* one that was kept before has the time of now again, for "xr gc" */

        if (strcmp(versions.items[versions.n - 1].hash, hash) != 0) {
            number++;
        }
    }

    key = xrw_format(arena, "%.*s.xr/history/%0*llu-%s.json",
                     (int) object.len, (const char *) object.data,
                     XRW_HISTORY_DIGITS, (unsigned long long) number, hash);
    meta = (xr_s3_meta_t) { .type = "application/json" };

    return xr_s3_put(s3, xr_str(key), text, &meta, etag);
}


xr_rc_t
xrw_history_replace(xrw_arena_t *arena, xr_s3_t *s3, xr_str_t object,
    const xrw_stored_t *before, xr_str_t text, char etag[XR_S3_ETAG_SIZE])
{
    xr_rc_t       rc;
    xr_s3_meta_t  meta;

    if (before->text.data != NULL) {
        rc = xrw_history_keep(arena, s3, object, before->text);

        if (rc != XR_OK) {
            return rc;
        }
    }

    meta = (xr_s3_meta_t) { .type = "application/json", .match = before->etag };

    return xr_s3_put(s3, xr_str(xrw_history_manifest(arena, object)), text,
                     &meta, etag);
}
