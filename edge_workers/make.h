/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_MAKE_H
#define XRW_MAKE_H


#include "cli.h"
#include "sign.h"
#include "token.h"


/* "xr token make": what all kinds share, and a file for each of them. */

typedef struct {
    xrw_token_key_t   key;
    const char       *kind;
    const char       *expires;
    const char       *start;
    const char       *ip;
    const char       *id;
    const char       *data;
    const char       *form;
    const char       *base;
    const char       *name;

    xrw_list_t        acl;              /* EdgeAuth */
    const char       *url;
    bool              no_escape;

    const char       *alg;              /* JWT */
    const char       *kid;
    const char       *issuer;
    xrw_list_t        audiences;
    const char       *subject;
    xrw_list_t        paths;
    xrw_list_t        claims;

    const char       *resource;         /* CloudFront */
    const char       *key_pair_id;
    const char       *hash;
    bool              cookies;
} xrw_make_flags_t;


typedef struct {
    const xrw_make_flags_t  *flags;
    const xrw_command_t     *cmd;
    xrw_arena_t             *arena;
    xrw_tenant_t             tenant;    /* of the configuration */

    xr_kind_t                kind;
    xrw_form_t               form;
    const char              *base;      /* or NULL */
    xrw_base_t               where;     /* the same, if not NULL */
    const char              *arg;       /* PATH as it was given; or NULL */
    const char              *path;      /* of the request, decoded; or NULL */
    int64_t                  exp;
    int64_t                  start;     /* 0: none */
} xrw_make_t;


/* XRW_OK: it has been printed; otherwise what to exit with. */

int xrw_make_edgeauth(xrw_make_t *make);
int xrw_make_jwt(xrw_make_t *make);
int xrw_make_cloudfront(xrw_make_t *make);

/* Prints a token in the form that was asked for. */
void xrw_make_print(xrw_make_t *make, const char *token);


/* A private key, or a secret, that signs JWTs. */

typedef struct {
    xr_alg_t     alg;
    const char  *kid;                   /* or NULL */
    xr_str_t     material;              /* PEM, or the secret itself */
} xrw_make_key_t;

/* By --alg and --kid, or what goes with the key.  In the arena. */
int xrw_make_jwt_key(xrw_make_t *make, xrw_make_key_t *out);


#endif /* XRW_MAKE_H */
