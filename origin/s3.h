/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_S3_H
#define XR_S3_H


#include "xr_origin.h"
#include "xr_sigv4.h"


/*
 * A client of one S3 bucket, below one prefix: keys are decoded, without the
 * prefix and without a leading "/".  One request at a time over connections
 * that are kept, each signed when it is sent, repeated after a pause where
 * that can help.
 */

typedef struct xr_s3_s  xr_s3_t;

#define XR_S3_ETAG_SIZE   128
#define XR_S3_MAX_PARTS   10000         /* of a multipart upload */


typedef struct {
    const xr_origin_t       *origin;        /* of kind XR_ORIGIN_S3 */
    const xr_credentials_t  *credentials;
    unsigned                 tries;         /* per request, at least 1 */
    long                     timeout;       /* seconds without any progress */

    /* How much of a body has been sent; false ends the request.  Or NULL. */
    bool                   (*progress)(void *ctx, uint64_t sent);
    void                    *ctx;

    /*
     * The server does not take the credentials: whether there are others now,
     * which "credentials" points to.  Or NULL.
     */
    bool                   (*renew)(void *ctx);
    void                    *renew_ctx;

    bool                     checksum;      /* x-amz-checksum-sha256 is sent,
                                               but with parts */
    uint64_t                 part_size;     /* of uploads of files; 0: 16 MiB */
    unsigned                 parallel;      /* parts at once; 0: 4 */
} xr_s3_options_t;


/* What the options point to has to outlive the client.  NULL: no memory. */
xr_s3_t *xr_s3_create(const xr_s3_options_t *options);
void xr_s3_free(xr_s3_t *s3);

/* How long a key is as the server counts it, with the prefix. */
size_t xr_s3_key_size(const xr_s3_t *s3, xr_str_t key);

/* Another receiver of progress, or none. */
void xr_s3_set_progress(xr_s3_t *s3, bool (*progress)(void *ctx,
    uint64_t sent), void *ctx);

/* Of the last call that failed: one printable line. */
const char *xr_s3_error(const xr_s3_t *s3);

/* The status of the last answer, 0 where there was none. */
long xr_s3_status(const xr_s3_t *s3);

/*
 * Another client for the same, to be used by another thread: they share what
 * is left of retries, and credentials, which one of them renews for all.
 */
xr_s3_t *xr_s3_clone(xr_s3_t *s3);


/*
 * Every call below returns XR_NOT_FOUND for a status of 404, XR_DENIED for
 * 401 and 403, XR_INVALID for other refusals and answers that make no sense,
 * XR_ERROR where no answer came or the server failed, XR_NO_SPACE when out
 * of memory.
 */

typedef struct {
    const char  *type;              /* Content-Type */
    const char  *cache_control;     /* or NULL */

    /*
     * Written only if the object has this ETag, or "": if there is none.  NULL:
     * in any case.  Otherwise the status is 412, or 409 where another one
     * writes at the same time; 501: the server knows no conditions.
     */
    const char  *match;
} xr_s3_meta_t;


/* ETags are without quotes. */

xr_rc_t xr_s3_put(xr_s3_t *s3, xr_str_t key, xr_str_t body,
    const xr_s3_meta_t *meta, char etag[XR_S3_ETAG_SIZE]);
xr_rc_t xr_s3_head(xr_s3_t *s3, xr_str_t key, uint64_t *size,
    char etag[XR_S3_ETAG_SIZE]);
xr_rc_t xr_s3_delete(xr_s3_t *s3, xr_str_t key);

/*
 * Reads an object into the file "fd", which has it from its beginning then.
 * "match": the ETag that it has to have, or NULL.  XR_NO_SPACE: it is longer
 * than "max", or the file could not be written.
 */
xr_rc_t xr_s3_get(xr_s3_t *s3, xr_str_t key, const char *match, int fd,
    uint64_t max, uint64_t *size, char etag[XR_S3_ETAG_SIZE]);

/*
 * Writes the file "fd" of "size" bytes, in parts that are sent at once where
 * it is larger than "threshold".  A failure leaves no parts behind.
 */
xr_rc_t xr_s3_put_file(xr_s3_t *s3, xr_str_t key, int fd, uint64_t size,
    uint64_t threshold, const xr_s3_meta_t *meta, char etag[XR_S3_ETAG_SIZE]);


/* One object of a listing; it lives for the time of the call. */

typedef struct {
    xr_str_t     key;
    uint64_t     size;
    const char  *modified;          /* RFC 3339, as the server wrote it */
    const char  *etag;
} xr_s3_object_t;

/* Every key that starts with "prefix", in order; false ends the listing. */
xr_rc_t xr_s3_list(xr_s3_t *s3, xr_str_t prefix,
    bool (*object)(void *ctx, const xr_s3_object_t *object), void *ctx);


/* Multipart uploads.  Part number 1 is parts[0]; size 0: not there. */

typedef struct {
    uint64_t  size;
    char      etag[XR_S3_ETAG_SIZE];
} xr_s3_part_t;


/* "*id" is allocated for the caller. */
xr_rc_t xr_s3_upload_create(xr_s3_t *s3, xr_str_t key,
    const xr_s3_meta_t *meta, char **id);

xr_rc_t xr_s3_upload_part(xr_s3_t *s3, xr_str_t key, const char *id,
    unsigned number, xr_str_t body, char etag[XR_S3_ETAG_SIZE]);

/* What the server has; parts beyond "n" are left out. */
xr_rc_t xr_s3_upload_parts(xr_s3_t *s3, xr_str_t key, const char *id,
    xr_s3_part_t *parts, unsigned n);

xr_rc_t xr_s3_upload_complete(xr_s3_t *s3, xr_str_t key, const char *id,
    const xr_s3_part_t *parts, unsigned n, char etag[XR_S3_ETAG_SIZE]);
xr_rc_t xr_s3_upload_abort(xr_s3_t *s3, xr_str_t key, const char *id);


#endif /* XR_S3_H */
