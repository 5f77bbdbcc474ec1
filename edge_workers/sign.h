/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SIGN_H
#define XRW_SIGN_H


#include "arena.h"
#include "xr_edgeauth.h"


/* How tokens get into URLs, headers and cookies. */

typedef enum {
    XRW_FORM_TOKEN = 0,             /* the token alone */
    XRW_FORM_QUERY,                 /* BASE/PATH?xr_token=TOKEN */
    XRW_FORM_PATH,                  /* BASE/~BASE64URL/PATH */
    XRW_FORM_HEADER,                /* Authorization: Bearer TOKEN */
    XRW_FORM_COOKIE                 /* Set-Cookie: xr_token=TOKEN; ... */
} xrw_form_t;

#define XRW_TOKEN_NAME  "xr_token"


/*
 * Where clients find objects: "https://edge.example/acme" is the site
 * "https://edge.example" and the path "/acme".  The path is decoded.
 */

typedef struct {
    const char  *site;
    const char  *path;
} xrw_base_t;


/* The length of "https://host:port" at the front of a URL, or 0. */
size_t xrw_site(xr_str_t url);

/* XR_INVALID: "*why" says what is wrong with "url". */
xr_rc_t xrw_base_parse(xrw_arena_t *arena, const char *url, xrw_base_t *out,
    const char **why);

/* The path of an object as tokens and requests mean it, decoded. */
char *xrw_base_path(xrw_arena_t *arena, const xrw_base_t *base,
    xr_str_t key);

/* Makes a token; NULL: "err" says why not. */
char *xrw_token(xrw_arena_t *arena, const xr_edgeauth_spec_t *spec,
    const xr_key_t *key, xr_err_t *err);

/* A decoded path as a URL has it. */
char *xrw_sign_path(xrw_arena_t *arena, xr_str_t path);

/* The URL of "path", decoded, with "token" in its query or its path. */
char *xrw_sign_url(xrw_arena_t *arena, const char *site, xr_str_t path,
    const char *token, xrw_form_t form, const char *name);

/* A cookie for the folder of "path", which is written as in a URL. */
char *xrw_sign_cookie(xrw_arena_t *arena, const char *name, const char *value,
    xr_str_t path);


#endif /* XRW_SIGN_H */
