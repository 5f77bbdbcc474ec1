/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SIGN_H
#define XRW_SIGN_H


#include "arena.h"
#include "xr_edgeauth.h"


/* Tokens in URLs: how they get in, and how they come out again. */

typedef enum {
    XRW_FORM_TOKEN = 0,             /* the token alone */
    XRW_FORM_QUERY,                 /* BASE/PATH?xr_token=TOKEN */
    XRW_FORM_PATH                   /* BASE/~BASE64URL/PATH */
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


/* XR_INVALID: "*why" says what is wrong with "url". */
xr_rc_t xrw_base_parse(xrw_arena_t *arena, const char *url, xrw_base_t *out,
    const char **why);

/* The path of an object as tokens and requests mean it, decoded. */
char *xrw_base_path(xrw_arena_t *arena, const xrw_base_t *base,
    xr_str_t key);

/* Makes a token; NULL: "err" says why not. */
char *xrw_token(xrw_arena_t *arena, const xr_edgeauth_spec_t *spec,
    const xr_key_t *key, xr_err_t *err);

/* The URL of "path", decoded, with "token" in it. */
char *xrw_sign_url(xrw_arena_t *arena, const char *site, xr_str_t path,
    const char *token, xrw_form_t form, const char *name);


/* What a URL, a path or a token on the command line holds. */

typedef struct {
    size_t      n;                  /* how many tokens */
    xr_str_t    token;              /* the first */
    bool        broken;             /* its base64url */
    xr_str_t    raw_path;           /* without the token; data NULL: none */
} xrw_signed_t;


void xrw_signed_read(xrw_arena_t *arena, const char *arg, const char *name,
    xrw_signed_t *out);


#endif /* XRW_SIGN_H */
