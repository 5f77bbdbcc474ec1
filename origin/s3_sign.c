/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "s3_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


/* Texts that headers are views of, for as long as they are signed. */

#define XR_S3_HEADERS  5

typedef struct {
    char  hash[XR_SHA256_SIZE * 2];
    char  checksum[48];
    char  match[XR_S3_ETAG_SIZE + 2];
} xr_s3_text_t;


static void
xr_s3_header(xr_s3_transfer_t *t, const char *name, xr_str_t value)
{
    char               *line;
    size_t              size;
    struct curl_slist  *list;

    size = strlen(name) + value.len + 3;
    line = malloc(size);

    if (line == NULL) {
        t->failed = true;
        return;
    }

    (void) snprintf(line, size, "%s: %.*s", name, (int) value.len,
                    (const char *) value.data);

    list = curl_slist_append(t->headers, line);

    if (list == NULL) {
        t->failed = true;

    } else {
        t->headers = list;
    }

    xr_wipe(line, size);
    free(line);
}


void
xr_s3_headers_free(struct curl_slist *headers)
{
    struct curl_slist  *h;

    for (h = headers; h != NULL; h = h->next) {
        xr_wipe(h->data, strlen(h->data));
    }

    curl_slist_free_all(headers);
}


static xr_rc_t
xr_s3_payload_hash(xr_str_t body, char hex[XR_SHA256_SIZE * 2])
{
    uint8_t   digest[XR_SHA256_SIZE];
    xr_buf_t  buf;

    if (xr_sha256(body, digest) != XR_OK) {
        return XR_ERROR;
    }

    buf = xr_buf(hex, XR_SHA256_SIZE * 2);
    xr_buf_hex(&buf, xr_str_of(digest, sizeof(digest)));

    return XR_OK;
}


/* The headers that were signed, and what the signer added. */

static xr_rc_t
xr_s3_headers(xr_s3_t *s3, const xr_sigv4_request_t *sigv4,
    const xr_sigv4_t *signature, xr_s3_transfer_t *t)
{
    size_t    i;
    xr_str_t  session;

    for (i = 0; i < sigv4->nheaders; i++) {
        xr_s3_header(t, (const char *) sigv4->headers[i].name.data,
                     sigv4->headers[i].value);
    }

    /* curl would call a POST a form */

    if (sigv4->nheaders == 0) {
        xr_s3_header(t, "content-type", xr_str_of("", 0));
    }

    xr_s3_header(t, "host", sigv4->host);
    xr_s3_header(t, "x-amz-content-sha256", sigv4->payload_hash);
    xr_s3_header(t, "x-amz-date", xr_str(signature->date));
    xr_s3_header(t, "authorization",
                 xr_str_of(signature->authorization,
                           signature->authorization_len));

    session = s3->options.credentials->session_token;

    if (session.len > 0) {
        xr_s3_header(t, "x-amz-security-token", session);
    }

    return t->failed ? xr_s3_fail(s3, XR_NO_SPACE, "out of memory") : XR_OK;
}


/* "name: value" where the request has it, in the order that is signed. */

static size_t
xr_s3_request_headers(const xr_s3_t *s3, const xr_s3_request_t *req,
    xr_s3_text_t *text, xr_sigv4_header_t *headers)
{
    size_t       n;
    const char  *match;

    n = 0;
    match = (req->meta != NULL) ? req->meta->match : req->match;

    if (req->meta != NULL && req->meta->cache_control != NULL) {
        headers[n].name = xr_str("cache-control");
        headers[n++].value = xr_str_trim(xr_str(req->meta->cache_control));
    }

    if (req->meta != NULL) {
        headers[n].name = xr_str("content-type");
        headers[n++].value = xr_str_trim(xr_str(req->meta->type));
    }

    if (match != NULL && match[0] != '\0') {
        (void) snprintf(text->match, sizeof(text->match), "\"%s\"", match);
        headers[n].name = xr_str("if-match");
        headers[n++].value = xr_str(text->match);

    } else if (match != NULL) {
        headers[n].name = xr_str("if-none-match");
        headers[n++].value = xr_str("*");
    }

    /* a part may have one only if all of its upload is announced so */

    if (s3->options.checksum && strcmp(req->method, "PUT") == 0
        && req->query.len == 0)
    {
        headers[n].name = xr_str("x-amz-checksum-sha256");
        headers[n++].value = xr_str(text->checksum);
    }

    return n;
}


/* Of what is signed: the payload's hash, and the same in base64. */

static xr_rc_t
xr_s3_texts(const xr_s3_request_t *req, xr_s3_text_t *text)
{
    size_t    i;
    uint8_t   digest[XR_SHA256_SIZE];
    xr_buf_t  buf;

    if (xr_s3_payload_hash(req->body, text->hash) != XR_OK
        || xr_hex_decode(xr_str_of(text->hash, sizeof(text->hash)), digest,
                         sizeof(digest)) != XR_OK)
    {
        return XR_ERROR;
    }

    memset(text->checksum, 0, sizeof(text->checksum));
    buf = xr_buf(text->checksum, sizeof(text->checksum) - 1);
    xr_buf_base64url(&buf, xr_str_of(digest, sizeof(digest)));
    xr_buf_putc(&buf, '=');

    for (i = 0; i < buf.len; i++) {
        if (text->checksum[i] == '-') {
            text->checksum[i] = '+';

        } else if (text->checksum[i] == '_') {
            text->checksum[i] = '/';
        }
    }

    return XR_OK;
}


xr_rc_t
xr_s3_sign(xr_s3_t *s3, const xr_s3_request_t *req, xr_s3_transfer_t *t)
{
    size_t               n;
    xr_rc_t              rc;
    xr_err_t             err;
    xr_sigv4_t           signature;
    xr_s3_text_t         text;
    xr_sigv4_header_t    headers[XR_S3_HEADERS];
    xr_sigv4_request_t   sigv4;

    if (xr_s3_texts(req, &text) != XR_OK) {
        return xr_s3_fail(s3, XR_ERROR, "SHA-256 failed");
    }

    n = xr_s3_request_headers(s3, req, &text, headers);

    sigv4 = (xr_sigv4_request_t) {
        .method = xr_str(req->method),
        .host = s3->options.origin->host,
        .path = req->path,
        .query = req->query,
        .headers = headers,
        .nheaders = n,
        .payload_hash = xr_str_of(text.hash, sizeof(text.hash)),
        .region = s3->options.origin->region,
        .service = xr_str("s3"),
        .now = (int64_t) time(NULL)
    };

    /* another client may be about to renew them */

    (void) pthread_mutex_lock(&s3->shared->mutex);

    if (s3->generation != s3->shared->generation) {
        s3->generation = s3->shared->generation;
        xr_wipe(&s3->key, sizeof(s3->key));
    }

    rc = xr_sigv4_sign(&sigv4, s3->options.credentials, &s3->key, &signature,
                       &err);
    rc = (rc == XR_OK) ? xr_s3_headers(s3, &sigv4, &signature, t)
                       : xr_s3_fail(s3, rc, err.what);

    (void) pthread_mutex_unlock(&s3->shared->mutex);

    return rc;
}
