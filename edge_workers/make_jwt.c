/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "make.h"
#include "xr_jwt.h"

#include <jansson.h>
#include <jwt.h>
#include <stdlib.h>
#include <string.h>


/* A claim must be text that JSON can hold, and stand once. */

static int
xrw_make_set(const xrw_make_t *make, json_t *claims, const char *name,
    json_t *value)
{
    if (value == NULL) {
        return xrw_usage(make->cmd, "the value of %s is not UTF-8", name);
    }

    if (json_object_get(claims, name) != NULL) {
        json_decref(value);
        return xrw_usage(make->cmd, "%s is given twice", name);
    }

    return (json_object_set_new(claims, name, value) == 0)
           ? XRW_OK : xrw_usage(make->cmd, "\"%s\" is not UTF-8", name);
}


static int
xrw_make_set_text(const xrw_make_t *make, json_t *claims, const char *name,
    const char *value)
{
    return (value == NULL) ? XRW_OK
           : xrw_make_set(make, claims, name, json_string(value));
}


/* One of them alone is not an array: some verifiers know no other form. */

static int
xrw_make_set_list(const xrw_make_t *make, json_t *claims, const char *name,
    const xrw_list_t *list)
{
    size_t   i;
    json_t  *array;

    if (list->n < 2) {
        return xrw_make_set_text(make, claims, name,
                                 list->n == 1 ? list->items[0] : NULL);
    }

    array = json_array();

    for (i = 0; i < list->n; i++) {

        if (json_array_append_new(array, json_string(list->items[i])) != 0) {
            json_decref(array);
            return xrw_make_set(make, claims, name, NULL);
        }
    }

    return xrw_make_set(make, claims, name, array);
}


/* "NAME=VALUE", the value in JSON where it is some, or else text. */

static int
xrw_make_set_claim(const xrw_make_t *make, json_t *claims, const char *claim)
{
    char        *name;
    json_t      *value;
    const char  *text;

    text = strchr(claim, '=');

    if (text == NULL || text == claim) {
        return xrw_usage(make->cmd, "--claim %s: not NAME=VALUE", claim);
    }

    name = xrw_text(make->arena, xr_str_of(claim, (size_t) (text - claim)));
    text++;

    value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

    return xrw_make_set(make, claims, name,
                        value != NULL ? value : json_string(text));
}


/* "origin:shop.example,country:DE", as EdgeAuth has it. */

static int
xrw_make_set_data(const xrw_make_t *make, json_t *claims)
{
    int       status;
    char     *claim;
    xr_str_t  rest, item, name;

    status = XRW_OK;
    rest = xr_str(make->flags->data != NULL ? make->flags->data : "");

    while (status == XRW_OK && rest.len > 0) {
        item = xr_str_cut(&rest, ',');
        name = xr_str_cut(&item, ':');

        if (!xr_constraints_value_ok(name, item)) {
            return xrw_usage(make->cmd, "--data %s: not origin:, country:, "
                             "quality: or rate: with a value that it can "
                             "have", make->flags->data);
        }

        claim = xrw_format(make->arena, "xr_%.*s", (int) name.len,
                           (const char *) name.data);
        status = xrw_make_set_text(make, claims, claim,
                                   xrw_text(make->arena, item));
    }

    return status;
}


/* PATH itself where there is no pattern: one of its "*" would be a wildcard. */

static int
xrw_make_set_path(const xrw_make_t *make, json_t *claims)
{
    const char  *path;

    path = make->path;

    if (make->flags->paths.n > 0) {
        return xrw_make_set_list(make, claims, "path", &make->flags->paths);
    }

    if (json_object_get(claims, "path") != NULL
        || json_object_get(claims, "cdniuc") != NULL)
    {
        return XRW_OK;
    }

    if (path == NULL) {
        return xrw_usage(make->cmd, "for what? say PATH or --path (\"/*\" is "
                         "everything)");
    }

    if (strpbrk(path, "*?") != NULL) {
        path = xrw_sign_path(make->arena, xr_str(path));
    }

    return xrw_make_set_text(make, claims, "path", path);
}


static int
xrw_make_claims(const xrw_make_t *make, json_t *claims)
{
    const xrw_make_flags_t *f = make->flags;

    int     status;
    size_t  i;

    const struct {
        const char  *name;
        const char  *value;
    } texts[] = {
        { "iss", f->issuer },
        { "sub", f->subject },
        { "jti", f->id },
        { "cdniip", f->ip }
    };

    status = xrw_make_set(make, claims, "exp", json_integer(make->exp));

    if (status == XRW_OK && make->start != 0) {
        status = xrw_make_set(make, claims, "nbf", json_integer(make->start));
    }

    for (i = 0; status == XRW_OK && i < XR_COUNT(texts); i++) {
        status = xrw_make_set_text(make, claims, texts[i].name,
                                   texts[i].value);
    }

    if (status == XRW_OK) {
        status = xrw_make_set_list(make, claims, "aud", &f->audiences);
    }

    if (status == XRW_OK) {
        status = xrw_make_set_data(make, claims);
    }

    for (i = 0; status == XRW_OK && i < f->claims.n; i++) {
        status = xrw_make_set_claim(make, claims, f->claims.items[i]);
    }

    return (status == XRW_OK) ? xrw_make_set_path(make, claims) : status;
}


/* NULL: libjwt failed. */

static char *
xrw_make_encode(xrw_make_t *make, const char *claims,
    const xrw_make_key_t *key)
{
    char        *token, *copy;
    jwt_t       *jwt;
    const char  *alg;

    if (jwt_new(&jwt) != 0) {
        return NULL;
    }

    token = NULL;
    alg = xrw_text(make->arena, xr_alg_name(key->alg));

    if (jwt_add_grants_json(jwt, claims) == 0
        && (key->kid == NULL || jwt_add_header(jwt, "kid", key->kid) == 0)
        && jwt_set_alg(jwt, jwt_str_alg(alg), key->material.data,
                       (int) key->material.len)
           == 0)
    {
        token = jwt_encode_str(jwt);
    }

    jwt_free(jwt);

    copy = (token != NULL) ? xrw_text(make->arena, xr_str(token)) : NULL;
    free(token);

    return copy;
}


/* What is written is read again: nothing leaves that is no token. */

static int
xrw_make_encoded(xrw_make_t *make, const char *token)
{
    void      *memory;
    xr_jwt_t   t;
    xr_err_t   err;

    if (token == NULL) {
        return xrw_error("no token: libjwt does not sign it");
    }

    memory = xrw_alloc(make->arena, XR_JWT_MEMORY(strlen(token)));

    if (xr_jwt_parse(xr_str(token), memory, &t, &err) != XR_OK) {
        return xrw_error("no token: %s", err.what);
    }

    xrw_make_print(make, token);

    return XRW_OK;
}


int
xrw_make_jwt(xrw_make_t *make)
{
    int              status;
    char            *text;
    json_t          *claims;
    xrw_make_key_t   key;

    claims = json_object();
    status = xrw_make_claims(make, claims);

    if (status == XRW_OK) {
        status = xrw_make_jwt_key(make, &key);
    }

    if (status == XRW_OK) {
        text = json_dumps(claims, JSON_COMPACT);

        status = (text == NULL) ? xrw_error("out of memory")
                 : xrw_make_encoded(make, xrw_make_encode(make, text, &key));
        free(text);
    }

    json_decref(claims);

    return status;
}
