/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SIGNED_H
#define XRW_SIGNED_H


#include "arena.h"
#include "xr_cloudfront.h"


/*
 * The credentials that a URL, a path, a token, a header or cookies on the
 * command line hold, found as an edge finds them.
 */

typedef struct {
    size_t                  n;          /* of those that sign something */
    bool                    repeated;
    xr_cloudfront_params_t  params;
} xrw_signed_cloudfront_t;


typedef struct {
    size_t                    n;        /* how many tokens */
    xr_str_t                  token;    /* the first */
    bool                      broken;   /* its encoding */
    xrw_signed_cloudfront_t   url;
    xrw_signed_cloudfront_t   cookies;

    xr_str_t                  raw_path; /* without the token; data NULL: none */
    xr_str_t                  query;    /* the application's own */
    xr_str_t                  host;     /* lower case, no port; or empty */
} xrw_signed_t;


/*
 * "arg" is a URL, a path with or without a query, a token alone or the line of
 * an Authorization header; "name" is that of the parameter and the cookie.
 */
void xrw_signed_read(xrw_arena_t *arena, const char *arg, const char *name,
    xrw_signed_t *out);

/* Adds a Cookie or Set-Cookie header, or its value alone. */
void xrw_signed_cookies(xrw_arena_t *arena, const char *text, const char *name,
    xrw_signed_t *out);

/* The parameters that count: a URL's own before those of cookies; or NULL. */
const xrw_signed_cloudfront_t *xrw_signed_params(const xrw_signed_t *s);


#endif /* XRW_SIGNED_H */
