/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "s3_request.h"
#include "xr_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


/* "/bucket" or "/": what lists; and the decoded rest of the base, with "/" */

static bool
xr_s3_split_base(xr_s3_t *s3)
{
    xr_str_t   base;
    xr_buf_t   buf;
    xr_err_t   err;

    base = s3->options.origin->base;
    s3->bucket = xr_str("/");

    if (s3->options.origin->style == XR_ORIGIN_PATH_STYLE) {
        s3->bucket = xr_str_of(base.data,
                               1 + s3->options.origin->bucket.len);
        base = xr_str_of(base.data + s3->bucket.len,
                         base.len - s3->bucket.len);
    }

    s3->prefix = calloc(1, base.len + 2);

    if (s3->prefix == NULL || base.len <= 1) {
        return s3->prefix != NULL;
    }

    buf = xr_buf(s3->prefix, base.len);

    if (xr_path_decode(xr_str_of(base.data + 1, base.len - 1), &buf, &err)
        != XR_OK)
    {
        return false;
    }

    s3->prefix[buf.len] = '/';

    return true;
}


static xr_s3_shared_t *
xr_s3_share(void)
{
    xr_s3_shared_t  *shared;

    shared = calloc(1, sizeof(xr_s3_shared_t));

    if (shared != NULL && pthread_mutex_init(&shared->mutex, NULL) != 0) {
        free(shared);
        return NULL;
    }

    if (shared != NULL) {
        shared->budget = XR_S3_BUDGET;
    }

    return shared;
}


static xr_s3_t *
xr_s3_create_with(const xr_s3_options_t *options, xr_s3_shared_t *shared)
{
    xr_s3_t  *s3;

    s3 = calloc(1, sizeof(xr_s3_t));

    if (s3 == NULL) {
        return NULL;
    }

    s3->options = *options;
    s3->curl = curl_easy_init();
    s3->shared = (shared != NULL) ? shared : xr_s3_share();

    if (s3->shared != NULL) {
        (void) pthread_mutex_lock(&s3->shared->mutex);
        s3->shared->clients++;
        (void) pthread_mutex_unlock(&s3->shared->mutex);
    }

    if (s3->curl == NULL || s3->shared == NULL || !xr_s3_split_base(s3)) {
        xr_s3_free(s3);
        return NULL;
    }

    return s3;
}


xr_s3_t *
xr_s3_create(const xr_s3_options_t *options)
{
    return xr_s3_create_with(options, NULL);
}


xr_s3_t *
xr_s3_clone(xr_s3_t *s3)
{
    return xr_s3_create_with(&s3->options, s3->shared);
}


static void
xr_s3_unshare(xr_s3_shared_t *shared)
{
    unsigned  left;

    (void) pthread_mutex_lock(&shared->mutex);
    left = --shared->clients;
    (void) pthread_mutex_unlock(&shared->mutex);

    if (left == 0) {
        (void) pthread_mutex_destroy(&shared->mutex);
        free(shared);
    }
}


void
xr_s3_free(xr_s3_t *s3)
{
    if (s3 == NULL) {
        return;
    }

    if (s3->shared != NULL) {
        xr_s3_unshare(s3->shared);
    }

    curl_easy_cleanup(s3->curl);
    xr_wipe(&s3->key, sizeof(s3->key));
    free(s3->answer);
    free(s3->prefix);
    free(s3);
}


void
xr_s3_set_progress(xr_s3_t *s3, bool (*progress)(void *ctx, uint64_t sent),
    void *ctx)
{
    s3->options.progress = progress;
    s3->options.ctx = ctx;
}


const char *
xr_s3_error(const xr_s3_t *s3)
{
    return s3->error;
}


long
xr_s3_status(const xr_s3_t *s3)
{
    return s3->status;
}


size_t
xr_s3_key_size(const xr_s3_t *s3, xr_str_t key)
{
    return strlen(s3->prefix) + key.len;
}


/* Sends "req" for the path of "key" and with "query". */

static xr_rc_t
xr_s3_call(xr_s3_t *s3, xr_s3_request_t *req, xr_str_t key, const char *query)
{
    char     *path;
    xr_rc_t   rc;

    path = xr_s3_path(s3, key, &req->path);

    if (path == NULL) {
        return xr_s3_fail(s3, XR_NO_SPACE, "out of memory");
    }

    req->query = xr_str(query);

    rc = xr_s3_send(s3, req);

    free(path);

    return rc;
}


xr_rc_t
xr_s3_put(xr_s3_t *s3, xr_str_t key, xr_str_t body, const xr_s3_meta_t *meta,
    char etag[XR_S3_ETAG_SIZE])
{
    xr_rc_t          rc;
    xr_s3_request_t  req;

    req = (xr_s3_request_t) { .method = "PUT", .body = body, .meta = meta };
    rc = xr_s3_call(s3, &req, key, "");

    return (rc == XR_OK) ? xr_s3_etag(s3, etag) : rc;
}


xr_rc_t
xr_s3_head(xr_s3_t *s3, xr_str_t key, uint64_t *size,
    char etag[XR_S3_ETAG_SIZE])
{
    xr_rc_t          rc;
    curl_off_t       length;
    xr_s3_request_t  req;

    req = (xr_s3_request_t) { .method = "HEAD" };
    rc = xr_s3_call(s3, &req, key, "");

    if (rc != XR_OK) {
        return rc;
    }

    if (curl_easy_getinfo(s3->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
                          &length) != CURLE_OK
        || length < 0)
    {
        return xr_s3_fail(s3, XR_INVALID, "the answer has no length");
    }

    *size = (uint64_t) length;

    return xr_s3_etag(s3, etag);
}


xr_rc_t
xr_s3_delete(xr_s3_t *s3, xr_str_t key)
{
    xr_s3_request_t  req;

    req = (xr_s3_request_t) { .method = "DELETE" };

    return xr_s3_call(s3, &req, key, "");
}


xr_rc_t
xr_s3_get(xr_s3_t *s3, xr_str_t key, const char *match, int fd, uint64_t max,
    uint64_t *size, char etag[XR_S3_ETAG_SIZE])
{
    off_t            end;
    xr_rc_t          rc;
    xr_s3_request_t  req;

    req = (xr_s3_request_t) { .method = "GET", .match = match, .file = true,
                              .fd = fd, .max = max };
    rc = xr_s3_call(s3, &req, key, "");

    if (rc != XR_OK) {
        return rc;
    }

    end = lseek(fd, 0, SEEK_END);

    if (end == -1) {
        return xr_s3_fail(s3, XR_NO_SPACE, strerror(errno));
    }

    *size = (uint64_t) end;

    return xr_s3_etag(s3, etag);
}


/* A value for a query: encoded, for the caller to free. */

static char *
xr_s3_encode(xr_str_t value)
{
    char      *text;
    xr_buf_t   buf;

    text = calloc(1, value.len * 3 + 1);

    if (text != NULL) {
        buf = xr_buf(text, value.len * 3);
        xr_path_encode_value(value, &buf);
    }

    return text;
}


/* "name=encoded value", with what is in front and what is behind. */

static char *
xr_s3_query(const char *before, const char *name, const char *value,
    const char *after)
{
    char    *encoded, *query;
    size_t   size;

    encoded = xr_s3_encode(xr_str(value));

    if (encoded == NULL) {
        return NULL;
    }

    size = strlen(before) + strlen(name) + strlen(encoded) + strlen(after)
           + 2;
    query = malloc(size);

    if (query != NULL) {
        (void) snprintf(query, size, "%s%s=%s%s", before, name, encoded,
                        after);
    }

    free(encoded);

    return query;
}


static xr_rc_t
xr_s3_call_upload(xr_s3_t *s3, xr_s3_request_t *req, xr_str_t key,
    const char *before, const char *id)
{
    char     *query;
    xr_rc_t   rc;

    query = xr_s3_query(before, "uploadId", id, "");

    if (query == NULL) {
        return xr_s3_fail(s3, XR_NO_SPACE, "out of memory");
    }

    rc = xr_s3_call(s3, req, key, query);

    free(query);

    return rc;
}


static void
xr_s3_upload_id(void *ctx, const char *parent, const char *name,
    xr_str_t text)
{
    char **id = ctx;

    if (*id == NULL && text.len > 0
        && strcmp(parent, "InitiateMultipartUploadResult") == 0
        && strcmp(name, "UploadId") == 0)
    {
        *id = strndup((const char *) text.data, text.len);
    }
}


xr_rc_t
xr_s3_upload_create(xr_s3_t *s3, xr_str_t key, const xr_s3_meta_t *meta,
    char **id)
{
    xr_rc_t          rc;
    xr_s3_request_t  req;

    *id = NULL;

    req = (xr_s3_request_t) { .method = "POST", .meta = meta };
    rc = xr_s3_call(s3, &req, key, "uploads=");

    if (rc != XR_OK) {
        return rc;
    }

    rc = xr_s3_xml(xr_str_of(s3->answer, s3->answer_len), xr_s3_upload_id,
                   id);

    if (rc == XR_OK && *id != NULL) {
        return XR_OK;
    }

    free(*id);
    *id = NULL;

    return xr_s3_fail(s3, XR_INVALID, "the answer has no upload id");
}


xr_rc_t
xr_s3_upload_part(xr_s3_t *s3, xr_str_t key, const char *id, unsigned number,
    xr_str_t body, char etag[XR_S3_ETAG_SIZE])
{
    char             before[32];
    xr_rc_t          rc;
    xr_s3_request_t  req;

    (void) snprintf(before, sizeof(before), "partNumber=%u&", number);

    req = (xr_s3_request_t) { .method = "PUT", .body = body };
    rc = xr_s3_call_upload(s3, &req, key, before, id);

    return (rc == XR_OK) ? xr_s3_etag(s3, etag) : rc;
}


xr_rc_t
xr_s3_upload_abort(xr_s3_t *s3, xr_str_t key, const char *id)
{
    xr_s3_request_t  req;

    req = (xr_s3_request_t) { .method = "DELETE" };

    return xr_s3_call_upload(s3, &req, key, "", id);
}


/* Room for one part is 64 bytes and its ETag; its quotes are escaped. */

static char *
xr_s3_completion(const xr_s3_part_t *parts, unsigned n)
{
    char      *text;
    size_t     size;
    xr_buf_t   buf;
    unsigned   i;

    size = 128 + (size_t) n * (96 + XR_S3_ETAG_SIZE);
    text = calloc(1, size);

    if (text == NULL) {
        return NULL;
    }

    buf = xr_buf(text, size - 1);
    xr_buf_puts(&buf, "<CompleteMultipartUpload xmlns="
                      "\"http://s3.amazonaws.com/doc/2006-03-01/\">");

    for (i = 0; i < n; i++) {
        xr_buf_puts(&buf, "<Part><PartNumber>");
        xr_buf_uint(&buf, i + 1);
        xr_buf_puts(&buf, "</PartNumber><ETag>&quot;");
        xr_buf_puts(&buf, parts[i].etag);
        xr_buf_puts(&buf, "&quot;</ETag></Part>");
    }

    xr_buf_puts(&buf, "</CompleteMultipartUpload>");

    return text;
}


static void
xr_s3_completed(void *ctx, const char *parent, const char *name,
    xr_str_t text)
{
    char *etag = ctx;

    if (strcmp(parent, "CompleteMultipartUploadResult") != 0
        || strcmp(name, "ETag") != 0)
    {
        return;
    }

    text = xr_s3_unquote(text);

    if (text.len < XR_S3_ETAG_SIZE) {
        xr_s3_copy(etag, XR_S3_ETAG_SIZE, text);
    }
}


xr_rc_t
xr_s3_upload_complete(xr_s3_t *s3, xr_str_t key, const char *id,
    const xr_s3_part_t *parts, unsigned n, char etag[XR_S3_ETAG_SIZE])
{
    char             *text;
    xr_rc_t           rc;
    uint64_t          size;
    xr_s3_meta_t      meta;
    xr_s3_request_t   req;

    text = xr_s3_completion(parts, n);

    if (text == NULL) {
        return xr_s3_fail(s3, XR_NO_SPACE, "out of memory");
    }

    meta = (xr_s3_meta_t) { .type = "application/xml" };
    req = (xr_s3_request_t) {
        .method = "POST", .body = xr_str(text), .meta = &meta, .patient = true
    };

    rc = xr_s3_call_upload(s3, &req, key, "", id);

    free(text);

    if (rc != XR_OK) {
        return rc;
    }

    etag[0] = '\0';
    rc = xr_s3_xml(xr_str_of(s3->answer, s3->answer_len), xr_s3_completed,
                   etag);

    if (rc != XR_OK) {
        return xr_s3_fail(s3, XR_INVALID, "the answer is not XML");
    }

    /* radosgw leaves it out here */

    return (etag[0] != '\0') ? XR_OK : xr_s3_head(s3, key, &size, etag);
}
