/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_ORIGIN_H
#define XR_ORIGIN_H


#include "xr_buf.h"


/*
 * Where a tenant's objects live: "s3://bucket[/prefix]" (signed), or
 * "http://host[:port][/prefix]", "https://..." (sent unsigned).
 */

typedef enum {
    XR_ORIGIN_S3 = 1,
    XR_ORIGIN_HTTP
} xr_origin_kind_t;


typedef enum {
    XR_ORIGIN_PATH_STYLE = 0,       /* https://endpoint/bucket/key */
    XR_ORIGIN_VIRTUAL_STYLE         /* https://bucket.endpoint/key */
} xr_origin_style_t;


typedef struct {
    xr_origin_kind_t   kind;
    xr_origin_style_t  style;
    bool               tls;
    uint16_t           port;        /* the one to connect to */
    xr_str_t           endpoint;    /* host name to connect to, no port */
    xr_str_t           host;        /* Host header, port if not the default */
    xr_str_t           bucket;      /* S3 only */
    xr_str_t           region;      /* S3 only */
    xr_str_t           base;        /* encoded path in front of each key:
                                       "", "/bucket", "/bucket/prefix" */
} xr_origin_t;


/*
 * Reads an origin URL with its options.  "region" defaults to us-east-1,
 * "endpoint" (a URL with scheme, host, optional port and nothing else) to
 * https://s3.<region>.amazonaws.com, "style" ("path" or "virtual") to virtual
 * on the default endpoint and path elsewhere; empty views mean not given, and
 * all three are refused for http and https origins.  Bucket names follow S3's
 * rules (3-63 of a-z 0-9 . -); a bucket with a dot needs path style under
 * TLS.  User information, query, fragment, dot segments are refused.  Strings
 * are allocated from "mem".  err->pos counts into "url", except for the
 * options, where it is 0 and "what" names the option.
 */
xr_rc_t xr_origin_parse(xr_str_t url, xr_str_t region, xr_str_t endpoint,
    xr_str_t style, const xr_mem_t *mem, xr_origin_t *out, xr_err_t *err);

/* The request path of "key" (decoded, no leading "/"): base + "/" + key. */
void xr_origin_path(const xr_origin_t *origin, xr_str_t key, xr_buf_t *out);

/* An upper bound of what xr_origin_path() writes. */
size_t xr_origin_path_size(const xr_origin_t *origin, xr_str_t key);


#endif /* XR_ORIGIN_H */
