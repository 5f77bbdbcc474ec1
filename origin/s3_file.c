/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "s3_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>


#define XR_S3_PART_MIN    ((uint64_t) 5 * 1024 * 1024)
#define XR_S3_PART        ((uint64_t) 16 * 1024 * 1024)
#define XR_S3_PARALLEL    4
#define XR_S3_THREADS     16


/* An upload in parts, which threads take one after the other. */

typedef struct {
    xr_str_t          key;
    xr_str_t          body;
    const char       *id;
    uint64_t          part_size;
    xr_s3_part_t     *parts;
    unsigned          n;

    pthread_mutex_t   mutex;
    unsigned          next;
    xr_rc_t           rc;               /* of the first that failed */
    char              error[512];
} xr_s3_parts_t;


typedef struct {
    xr_s3_parts_t    *parts;
    xr_s3_t          *s3;
    pthread_t         thread;
} xr_s3_sender_t;


/* False: there is none left, or one has failed. */

static bool
xr_s3_parts_take(xr_s3_parts_t *p, unsigned *i)
{
    bool  taken;

    (void) pthread_mutex_lock(&p->mutex);

    taken = p->rc == XR_OK && p->next < p->n;

    if (taken) {
        *i = p->next++;
    }

    (void) pthread_mutex_unlock(&p->mutex);

    return taken;
}


static void
xr_s3_parts_failed(xr_s3_parts_t *p, xr_rc_t rc, const char *why)
{
    (void) pthread_mutex_lock(&p->mutex);

    if (p->rc == XR_OK) {
        p->rc = rc;
        (void) snprintf(p->error, sizeof(p->error), "%s", why);
    }

    (void) pthread_mutex_unlock(&p->mutex);
}


static void *
xr_s3_parts_send(void *ctx)
{
    xr_s3_sender_t *sender = ctx;

    xr_rc_t         rc;
    unsigned        i;
    uint64_t        pos, len;
    xr_s3_parts_t  *p;

    p = sender->parts;

    while (xr_s3_parts_take(p, &i)) {
        pos = i * p->part_size;
        len = p->body.len - pos;
        len = (len < p->part_size) ? len : p->part_size;

        rc = xr_s3_upload_part(sender->s3, p->key, p->id, i + 1,
                               xr_str_of(p->body.data + pos, (size_t) len),
                               p->parts[i].etag);
        p->parts[i].size = len;

        if (rc != XR_OK) {
            xr_s3_parts_failed(p, rc, xr_s3_error(sender->s3));
        }
    }

    return NULL;
}


/* The calling thread sends, too, so that it works without any other. */

static void
xr_s3_parts_run(xr_s3_t *s3, xr_s3_parts_t *p)
{
    unsigned        i, n, wanted;
    xr_s3_sender_t  own, senders[XR_S3_THREADS];

    wanted = (s3->options.parallel > 0) ? s3->options.parallel
                                        : XR_S3_PARALLEL;
    wanted = (wanted < p->n) ? wanted : p->n;

    for (n = 0; n + 1 < wanted && n < XR_S3_THREADS; n++) {
        senders[n].parts = p;
        senders[n].s3 = xr_s3_clone(s3);

        if (senders[n].s3 == NULL) {
            break;
        }

        if (pthread_create(&senders[n].thread, NULL, xr_s3_parts_send,
                           &senders[n]) != 0)
        {
            xr_s3_free(senders[n].s3);
            break;
        }
    }

    own.parts = p;
    own.s3 = s3;
    (void) xr_s3_parts_send(&own);

    for (i = 0; i < n; i++) {
        (void) pthread_join(senders[i].thread, NULL);
        xr_s3_free(senders[i].s3);
    }
}


static xr_rc_t
xr_s3_parts_upload(xr_s3_t *s3, xr_s3_parts_t *p, const xr_s3_meta_t *meta,
    char etag[XR_S3_ETAG_SIZE])
{
    char      error[512];
    char     *id;
    xr_rc_t   rc;

    rc = xr_s3_upload_create(s3, p->key, meta, &id);

    if (rc != XR_OK) {
        return rc;
    }

    p->id = id;
    xr_s3_parts_run(s3, p);
    rc = p->rc;

    if (rc == XR_OK) {
        rc = xr_s3_upload_complete(s3, p->key, id, p->parts, p->n, etag);
        (void) snprintf(p->error, sizeof(p->error), "%s", xr_s3_error(s3));
    }

    /* what nobody will complete costs money all the same */

    if (rc != XR_OK) {
        (void) snprintf(error, sizeof(error), "%s", p->error);
        (void) xr_s3_upload_abort(s3, p->key, id);
        (void) xr_s3_fail(s3, rc, error);
    }

    free(id);

    return rc;
}


static xr_rc_t
xr_s3_put_parts(xr_s3_t *s3, xr_str_t key, xr_str_t body,
    const xr_s3_meta_t *meta, char etag[XR_S3_ETAG_SIZE])
{
    xr_rc_t        rc;
    uint64_t       size;
    xr_s3_parts_t  p;

    size = (s3->options.part_size > 0) ? s3->options.part_size : XR_S3_PART;
    size = (size > XR_S3_PART_MIN) ? size : XR_S3_PART_MIN;

    while ((body.len + size - 1) / size > XR_S3_MAX_PARTS) {
        size *= 2;
    }

    memset(&p, 0, sizeof(p));
    p.key = key;
    p.body = body;
    p.part_size = size;
    p.n = (unsigned) ((body.len + size - 1) / size);
    p.parts = calloc(p.n, sizeof(xr_s3_part_t));

    if (p.parts == NULL || pthread_mutex_init(&p.mutex, NULL) != 0) {
        free(p.parts);
        return xr_s3_fail(s3, XR_NO_SPACE, "out of memory");
    }

    rc = xr_s3_parts_upload(s3, &p, meta, etag);

    (void) pthread_mutex_destroy(&p.mutex);
    free(p.parts);

    return rc;
}


xr_rc_t
xr_s3_put_file(xr_s3_t *s3, xr_str_t key, int fd, uint64_t size,
    uint64_t threshold, const xr_s3_meta_t *meta, char etag[XR_S3_ETAG_SIZE])
{
    void      *data;
    xr_rc_t    rc;
    xr_str_t   body;

    if (size == 0) {
        return xr_s3_put(s3, key, xr_str(""), meta, etag);
    }

    data = (size <= SIZE_MAX) ? mmap(NULL, (size_t) size, PROT_READ,
                                     MAP_PRIVATE, fd, 0) : MAP_FAILED;

    if (data == MAP_FAILED) {
        return xr_s3_fail(s3, XR_NO_SPACE, strerror(errno));
    }

    body = xr_str_of(data, (size_t) size);

    rc = (size > threshold) ? xr_s3_put_parts(s3, key, body, meta, etag)
                            : xr_s3_put(s3, key, body, meta, etag);

    (void) munmap(data, (size_t) size);

    return rc;
}
