/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_S3_REQUEST_H
#define XR_S3_REQUEST_H


#include "s3.h"
#include "s3_xml.h"

#include <curl/curl.h>
#include <pthread.h>


/* Private to this folder: one request, and the client that makes it. */

/* What clones share. */

#define XR_S3_BUDGET  100

typedef struct {
    pthread_mutex_t   mutex;
    unsigned          clients;
    unsigned          generation;   /* of the credentials */
    unsigned          budget;       /* what retries are paid from */
} xr_s3_shared_t;


struct xr_s3_s {
    CURL             *curl;
    xr_s3_options_t   options;
    xr_s3_shared_t   *shared;
    unsigned          generation;   /* of the credentials that signed */
    bool              refused;      /* it may be the credentials */
    xr_sigv4_key_t    key;

    xr_str_t          bucket;       /* the path of the bucket, encoded */
    char             *prefix;       /* "" or "a/b/", decoded */

    uint8_t          *answer;
    size_t            answer_len;
    size_t            answer_size;

    bool              stopped;      /* progress() said so */
    long              status;
    char              error[512];
    char              curl_error[CURL_ERROR_SIZE];
};


typedef struct {
    const char          *method;
    xr_str_t             path;      /* encoded */
    xr_str_t             query;     /* encoded, sorted */
    xr_str_t             body;      /* of PUT and POST */
    const xr_s3_meta_t  *meta;      /* or NULL */
    bool                 patient;   /* the server may think for minutes */

    const char          *match;     /* of GET: If-Match; or NULL */
    bool                 file;      /* a good answer goes into "fd" */
    int                  fd;
    uint64_t             max;
} xr_s3_request_t;


/* What a transfer needs while curl_easy_perform() runs. */

typedef struct {
    xr_s3_t            *s3;
    xr_str_t            body;
    size_t              sent;
    struct curl_slist  *headers;
    bool                failed;         /* a header could not be built */

    const xr_s3_request_t  *req;
    uint64_t            stored;         /* in req->fd */
    const char         *why;            /* it could not be stored; or NULL */
} xr_s3_transfer_t;


/* Builds t->headers, signed for the time that it is now. */
xr_rc_t xr_s3_sign(xr_s3_t *s3, const xr_s3_request_t *req,
    xr_s3_transfer_t *t);

/* Wipes: the session token is a credential. */
void xr_s3_headers_free(struct curl_slist *headers);

/* The path of "key", encoded: "*out" and its memory, for the caller to free. */
char *xr_s3_path(const xr_s3_t *s3, xr_str_t key, xr_str_t *out);

/* Sends until it works or no try is left; the answer is in "s3" then. */
xr_rc_t xr_s3_send(xr_s3_t *s3, const xr_s3_request_t *req);

/*
 * What became of a request that got an answer, or got none; "*again" says
 * whether repeating it can help.
 */
xr_rc_t xr_s3_answered(xr_s3_t *s3, const xr_s3_request_t *req, bool *again);
xr_rc_t xr_s3_unanswered(xr_s3_t *s3, CURLcode code, bool *again);

/* The answer's ETag without quotes; XR_INVALID where there is none. */
xr_rc_t xr_s3_etag(xr_s3_t *s3, char etag[XR_S3_ETAG_SIZE]);

/* An ETag may come with or without its quotes. */
xr_str_t xr_s3_unquote(xr_str_t s);

/* As much of "s" as fits, with spaces for control characters. */
void xr_s3_copy(char *out, size_t size, xr_str_t s);

/* Sets the error's text and returns "rc". */
xr_rc_t xr_s3_fail(xr_s3_t *s3, xr_rc_t rc, const char *what);


#endif /* XR_S3_REQUEST_H */
