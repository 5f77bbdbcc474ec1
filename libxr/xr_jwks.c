/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_jwk.h"

#include <string.h>


#define XR_JWKS_MAX_DEPTH    4          /* set, keys, key, key_ops */
#define XR_JWKS_MAX_MEMBERS  32         /* of a set, and of a key */
#define XR_JWKS_MAX_NAME     256


/* A set being read. */

typedef struct {
    xr_keyset_t       *set;
    xr_str_t           text;
    const xr_mem_t    *mem;
    const xr_notes_t  *notes;           /* NULL: nobody wants to know */
    xr_err_t          *err;
} xr_jwks_t;


static size_t
xr_jwks_pos(const xr_jwks_t *j, const xr_json_t *v)
{
    return (size_t) (v->raw.data - j->text.data);
}


static xr_rc_t
xr_jwks_fail(const xr_jwks_t *j, const xr_json_t *v, const char *what)
{
    return xr_fail(j->err, XR_INVALID, xr_jwks_pos(j, v), what);
}


/*
 * The next member of a set or of a key, which must not have been "seen"
 * before: "n" of them were.  XR_NOT_FOUND: there is none.
 */

static xr_rc_t
xr_jwks_member(const xr_jwks_t *j, xr_json_iter_t *it,
    xr_json_t seen[XR_JWKS_MAX_MEMBERS], size_t n, xr_json_t *value)
{
    size_t     i;
    uint8_t    memory[XR_JWKS_MAX_NAME];
    xr_str_t   text;
    xr_buf_t   b;
    xr_json_t  name;

    if (!xr_json_next(it, &name, value)) {
        return XR_NOT_FOUND;
    }

    if (n == XR_JWKS_MAX_MEMBERS) {
        return xr_jwks_fail(j, &name, "more than 32 members");
    }

    b = xr_buf(memory, sizeof(memory));

    if (xr_json_text(&name, &b, &text) != XR_OK) {
        return xr_jwks_fail(j, &name, "a name longer than 256 bytes");
    }

    for (i = 0; i < n; i++) {

        if (xr_json_is(&seen[i], text)) {
            return xr_jwks_fail(j, &name, "a member stands twice");
        }
    }

    seen[n] = name;

    return XR_OK;
}


/* Finds what is known of a key; private material must not be there at all. */

static xr_rc_t
xr_jwks_members(const xr_jwks_t *j, xr_jwk_t *k)
{
    size_t          n;
    xr_rc_t         rc;
    xr_json_t       value, seen[XR_JWKS_MAX_MEMBERS];
    xr_json_iter_t  it;
    xr_jwk_field_t  field;

    it = xr_json_iter(&k->self);

    for (n = 0; /* void */ ; n++) {
        rc = xr_jwks_member(j, &it, seen, n, &value);

        if (rc != XR_OK) {
            return (rc == XR_NOT_FOUND) ? XR_OK : rc;
        }

        if (xr_jwk_private(&seen[n])) {
            return xr_jwks_fail(j, &seen[n], "a private key where public ones "
                                "belong");
        }

        field = xr_jwk_field(&seen[n]);

        if (field < XR_JWK_FIELDS) {
            k->fields[field] = value;
        }
    }
}


static xr_rc_t
xr_jwks_add(const xr_jwks_t *j, const xr_jwk_t *k)
{
    xr_keyset_entry_t  e;

    memset(&e, 0, sizeof(e));

    e.id = k->id;
    e.kind = XR_KIND_JWT;
    e.alg = k->alg;
    e.secret = k->secret;
    e.pub = (k->pub.kind != 0) ? &k->pub : NULL;
    e.key_pos = xr_jwks_pos(j, &k->self);
    e.id_pos = (k->id.len > 0) ? xr_jwks_pos(j, &k->fields[XR_JWK_KID])
                               : e.key_pos;

    return xr_keyset_add(j->set, &e, j->mem, j->err);
}


static xr_rc_t
xr_jwks_read(const xr_jwks_t *j, xr_jwk_t *k)
{
    xr_rc_t  rc;

    rc = xr_jwks_members(j, k);

    if (rc != XR_OK) {
        return rc;
    }

    rc = xr_jwk_read(k);

    switch (rc) {

    case XR_OK:
        return xr_jwks_add(j, k);

    case XR_DENIED:

        if (j->notes != NULL) {
            j->notes->note(j->notes->ctx, xr_jwks_pos(j, &k->at), k->what);
        }

        return XR_OK;

    default:
        return xr_fail(j->err, rc, xr_jwks_pos(j, &k->at), k->what);
    }
}


static xr_rc_t
xr_jwks_key(const xr_jwks_t *j, const xr_json_t *v)
{
    xr_rc_t   rc;
    xr_jwk_t  k;

    if (v->type != XR_JSON_OBJECT) {
        return xr_jwks_fail(j, v, "a key that is not an object");
    }

    memset(&k, 0, sizeof(k));
    k.self = *v;

    rc = xr_jwks_read(j, &k);

    xr_wipe(&k, sizeof(k));

    return rc;
}


static xr_rc_t
xr_jwks_find(const xr_jwks_t *j, const xr_json_t *jwks, xr_json_t *keys)
{
    size_t          n;
    xr_rc_t         rc;
    xr_json_t       value, seen[XR_JWKS_MAX_MEMBERS];
    xr_json_iter_t  it;

    keys->type = XR_JSON_NULL;
    it = xr_json_iter(jwks);

    for (n = 0; /* void */ ; n++) {
        rc = xr_jwks_member(j, &it, seen, n, &value);

        if (rc != XR_OK) {
            break;
        }

        if (xr_json_is(&seen[n], xr_str("keys"))) {
            *keys = value;
        }
    }

    if (rc != XR_NOT_FOUND) {
        return rc;
    }

    if (keys->type != XR_JSON_ARRAY) {
        return xr_jwks_fail(j, jwks, "not a JWK set: no array \"keys\"");
    }

    return XR_OK;
}


/* Whether "v" has at most "depth" levels; if not, "at" is one too deep. */

static bool
xr_jwks_flat(const xr_json_t *v, size_t depth, xr_json_t *at)
{
    xr_json_t       name, value;
    xr_json_iter_t  it;

    if (v->type != XR_JSON_OBJECT && v->type != XR_JSON_ARRAY) {
        return true;
    }

    if (depth == 0) {
        *at = *v;
        return false;
    }

    it = xr_json_iter(v);

    while (xr_json_next(&it, &name, &value)) {

        if (!xr_jwks_flat(&value, depth - 1, at)) {
            return false;
        }
    }

    return true;
}


static xr_rc_t
xr_jwks_keys(const xr_jwks_t *j, const xr_json_t *jwks)
{
    size_t          n, before;
    xr_rc_t         rc;
    xr_json_t       keys, key;
    xr_json_iter_t  it;

    if (jwks->type != XR_JSON_OBJECT) {
        return xr_jwks_fail(j, jwks, "not a JWK set: no object");
    }

    if (jwks->raw.len > XR_JWKS_MAX_SIZE) {
        return xr_jwks_fail(j, jwks, "a JWK set larger than 64 KiB");
    }

    if (!xr_jwks_flat(jwks, XR_JWKS_MAX_DEPTH, &key)) {
        return xr_jwks_fail(j, &key, "deeper than a JWK set is");
    }

    rc = xr_jwks_find(j, jwks, &keys);

    if (rc != XR_OK) {
        return rc;
    }

    before = j->set->n;
    it = xr_json_iter(&keys);

    for (n = 0; rc == XR_OK && xr_json_next(&it, NULL, &key); n++) {
        rc = (n == XR_JWKS_MAX_KEYS) ? xr_jwks_fail(j, &key,
                                                    "a JWK set of more than "
                                                    "128 keys")
                                     : xr_jwks_key(j, &key);
    }

    if (rc == XR_OK && j->set->n == before) {
        rc = xr_jwks_fail(j, &keys, "a JWK set without a key that can be used");
    }

    return rc;
}


xr_rc_t
xr_keyset_jwks(xr_keyset_t *set, xr_str_t text, const xr_json_t *jwks,
    const xr_mem_t *mem, const xr_notes_t *notes, xr_err_t *err)
{
    size_t     n;
    xr_rc_t    rc;
    xr_jwks_t  j;

    j = (xr_jwks_t) { set, text, mem, notes, err };
    n = set->n;

    rc = xr_jwks_keys(&j, jwks);

    if (rc != XR_OK) {
        xr_keyset_cut(set, n);
    }

    return rc;
}


xr_rc_t
xr_keyset_jwks_text(xr_keyset_t *set, xr_str_t text, const xr_mem_t *mem,
    const xr_notes_t *notes, xr_err_t *err)
{
    xr_rc_t    rc;
    xr_json_t  root;

    static const xr_json_limits_t  limits = { XR_JWKS_MAX_DEPTH, 0 };

    if (text.len > XR_JWKS_MAX_SIZE) {
        return xr_fail(err, XR_INVALID, XR_JWKS_MAX_SIZE,
                       "a JWK set larger than 64 KiB");
    }

    rc = xr_json_check(text, &limits, &root, err);

    if (rc != XR_OK) {
        return rc;
    }

    return xr_keyset_jwks(set, text, &root, mem, notes, err);
}
