/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_SIGV4_H
#define XR_SIGV4_H


#include "xr_buf.h"
#include "xr_credentials.h"
#include "xr_crypto.h"


/*
 * AWS Signature Version 4 by the rules of S3: the path is encoded once and
 * never normalised.
 */

#define XR_SIGV4_MAX_HEADERS  16

/* Enough for the Authorization value with XR_SIGV4_MAX_HEADERS headers. */
#define XR_SIGV4_AUTHORIZATION_SIZE  1024


typedef struct {
    xr_str_t  name;                 /* lower case */
    xr_str_t  value;                /* trimmed */
} xr_sigv4_header_t;


/*
 * One request.  "headers" holds every header to be signed apart from the ones
 * the signer adds: it must be sorted by name and must not contain host,
 * x-amz-content-sha256, x-amz-date or x-amz-security-token.
 */

typedef struct {
    xr_str_t                  method;
    xr_str_t                  host;             /* with a non-default port */
    xr_str_t                  path;             /* encoded, as it is sent */
    xr_str_t                  query;            /* encoded, sorted; or empty */
    const xr_sigv4_header_t  *headers;
    size_t                    nheaders;
    xr_str_t                  payload_hash;     /* hex, or UNSIGNED-PAYLOAD */
    xr_str_t                  region;
    xr_str_t                  service;          /* "s3", "cloudfront" */
    int64_t                   now;              /* Unix time, seconds */
} xr_sigv4_request_t;


/*
 * A signing key is good for a day, a region and a service; it is kept by the
 * caller beside the credentials and filled by xr_sigv4_sign() as needed.
 * Zeroed is empty.  The caller zeroes it when the credentials change.
 */

typedef struct {
    int64_t   day;                  /* days since the epoch, plus 1 */
    uint8_t   scope[XR_SHA256_SIZE];    /* region, service and secret */
    uint8_t   key[XR_SHA256_SIZE];
} xr_sigv4_key_t;


typedef struct {
    char      date[17];             /* x-amz-date, "20260102T030405Z" + NUL */
    uint8_t   authorization[XR_SIGV4_AUTHORIZATION_SIZE];
    size_t    authorization_len;
} xr_sigv4_t;


/* SHA-256 of no bytes, in hexadecimal: the payload hash of GET and HEAD. */
extern const xr_str_t  xr_sigv4_empty_payload;

/*
 * Signs.  The caller then sends exactly the headers that were signed, with
 * x-amz-date: out->date and, where there is one, x-amz-security-token.
 * Allocates nothing.  XR_INVALID: a time outside years 1970-9999, too many
 * or unsorted headers; XR_NO_SPACE: the authorization does not fit.
 */
xr_rc_t xr_sigv4_sign(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, xr_sigv4_key_t *key,
    xr_sigv4_t *out, xr_err_t *err);

/* The canonical request of "req" (tests, and "xr" when asked to explain). */
xr_rc_t xr_sigv4_canonical(const xr_sigv4_request_t *req,
    const xr_credentials_t *credentials, const char *date, xr_buf_t *out);


#endif /* XR_SIGV4_H */
