/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenants_member.h"

#include <string.h>


/* Members that may hold secrets and keys themselves. */


/* {"access_key_id": ..., "secret_access_key": ..., "session_token": ...} */

static xr_rc_t
xr_tenants_key_inline(const xr_tenants_state_t *st,
    const xr_json_t *object)
{
    size_t            i;
    xr_rc_t           rc;
    xr_err_t          err;
    xr_json_t         values[3];
    xr_credentials_t  c;

    static const xr_str_t  names[] = {
        XR_STR("access_key_id"), XR_STR("secret_access_key"),
        XR_STR("session_token")
    };

    xr_str_t  *texts[] = { &c.access_key, &c.secret_key, &c.session_token };

    memset(&c, 0, sizeof(c));

    rc = xr_tenants_value_object(st, object, names, XR_COUNT(names), values);

    for (i = 0; rc == XR_OK && i < XR_COUNT(names); i++) {

        if (xr_tenants_given(&values[i])) {
            rc = xr_tenants_value_text(st, &values[i], texts[i]);

        } else if (i < 2) {
            rc = xr_tenants_value_fail(st, object, XR_INVALID,
                                       "has no \"access_key_id\" or no "
                                       "\"secret_access_key\"");
        }
    }

    if (rc != XR_OK) {
        return rc;
    }

    rc = xr_credentials_check(&c, &err);

    if (rc != XR_OK) {
        return xr_tenants_value_fail(st, &values[err.pos], rc, err.what);
    }

    rc = xr_tenant_credentials(st->t, &c, &st->reader->mem, &err);

    return (rc == XR_OK) ? rc : xr_tenants_value_fail(st, object, rc, err.what);
}


xr_rc_t
xr_tenants_key_credentials(xr_tenants_state_t *st, size_t i)
{
    if (st->values[i].type == XR_JSON_OBJECT) {
        return xr_tenants_key_inline(st, &st->values[i]);
    }

    return xr_tenants_option_named(st, i, XR_TENANTS_PROFILE);
}


xr_rc_t
xr_tenants_key_profile(xr_tenants_state_t *st, size_t i)
{
    if (st->values[XR_TENANTS_CREDENTIALS].type != XR_JSON_STRING) {
        return xr_tenants_value_fail(st, &st->values[i], XR_INVALID,
                                     "stands without \"credentials\" that are "
                                     "a file");
    }

    return XR_OK;                   /* was read with them */
}


/* A key, EdgeAuth's or for purging: "HEX" or {"id": ..., "key": "HEX"}. */

static xr_rc_t
xr_tenants_key_one(const xr_tenants_state_t *st, const xr_json_t *v,
    xr_kind_t kind)
{
    xr_rc_t    rc;
    xr_str_t   id, hex;
    xr_err_t   err;
    xr_json_t  values[2];

    static const xr_str_t  names[] = { XR_STR("id"), XR_STR("key") };

    id = xr_str_of(NULL, 0);

    if (v->type == XR_JSON_STRING) {
        values[0] = *v;
        values[1] = *v;

    } else {
        rc = xr_tenants_value_object(st, v, names, XR_COUNT(names), values);

        if (rc != XR_OK) {
            return rc;
        }

        if (!xr_tenants_given(&values[0]) || !xr_tenants_given(&values[1])) {
            return xr_tenants_value_fail(st, v, XR_INVALID,
                                         "has no \"id\" or no \"key\"");
        }

        rc = xr_tenants_value_text(st, &values[0], &id);

        if (rc != XR_OK) {
            return rc;
        }
    }

    rc = xr_tenants_value_text(st, &values[1], &hex);

    if (rc != XR_OK) {
        return rc;
    }

    rc = (kind == XR_KIND_PURGE)
         ? xr_keyset_purge_key(&st->t->keys, id, hex, &st->reader->mem, &err)
         : xr_keyset_edgeauth_key(&st->t->keys, id, hex, &st->reader->mem,
                                  &err);

    return (rc == XR_OK) ? rc : xr_tenants_value_fail(st, &values[err.pos], rc,
                                                      err.what);
}


static xr_rc_t
xr_tenants_key_list(xr_tenants_state_t *st, size_t i, xr_kind_t kind)
{
    xr_rc_t         rc;
    xr_json_t       value;
    xr_json_iter_t  it;

    if (st->values[i].type == XR_JSON_STRING) {
        return xr_tenants_option_string(st, i);
    }

    rc = xr_tenants_value_array(st, &st->values[i]);

    it = xr_json_iter(&st->values[i]);

    while (rc == XR_OK && xr_json_next(&it, NULL, &value)) {
        rc = xr_tenants_key_one(st, &value, kind);
    }

    return rc;
}


xr_rc_t
xr_tenants_key_edgeauth(xr_tenants_state_t *st, size_t i)
{
    if (st->values[i].type != XR_JSON_STRING) {
        st->t->has_keys = true;
    }

    return xr_tenants_key_list(st, i, XR_KIND_EDGEAUTH);
}


xr_rc_t
xr_tenants_key_purge(xr_tenants_state_t *st, size_t i)
{
    return xr_tenants_key_list(st, i, XR_KIND_PURGE);
}


xr_rc_t
xr_tenants_key_jwks(xr_tenants_state_t *st, size_t i)
{
    xr_notes_t  notes;

    if (st->values[i].type == XR_JSON_STRING) {
        return xr_tenants_option_string(st, i);
    }

    notes = (xr_notes_t) { st->reader->note, st->reader->ctx };

    return xr_keyset_jwks(&st->t->keys, st->text, &st->values[i],
                          &st->reader->mem,
                          notes.note != NULL ? &notes : NULL, st->err);
}


/* A key of CloudFront's is PEM itself, or a file. */

static xr_rc_t
xr_tenants_key_cloudfront_one(const xr_tenants_state_t *st,
    const xr_json_t *name, const xr_json_t *v)
{
    xr_rc_t              rc;
    xr_err_t             err;
    xr_str_t             id, text;
    xr_tenants_option_t  o;

    text = xr_str_of(NULL, 0);
    rc = xr_tenants_value_text(st, name, &id);

    if (rc == XR_OK) {
        rc = xr_tenants_value_lines(st, v, &text);
    }

    if (rc != XR_OK) {
        return rc;
    }

    if (xr_str_starts(text, xr_str("-----BEGIN"))) {
        rc = xr_keyset_cloudfront(&st->t->keys, id, text, &st->reader->mem,
                                  &err);

        return (rc == XR_OK) ? rc : xr_tenants_value_fail(st, v, rc, err.what);
    }

    if (xr_str_has_control(text)) {
        return xr_tenants_value_fail(st, v, XR_INVALID,
                                     "holds a control character");
    }

    xr_tenants_option_begin(st, &o, xr_str("cloudfront_key"), v);
    xr_tenants_option_add(st, &o, name, id);
    xr_tenants_option_add(st, &o, v, text);

    return xr_tenants_option_apply(st, &o);
}


xr_rc_t
xr_tenants_key_cloudfront(xr_tenants_state_t *st, size_t i)
{
    xr_rc_t         rc;
    xr_json_t       name, value;
    xr_json_iter_t  it;

    if (st->values[i].type != XR_JSON_OBJECT) {
        return xr_tenants_value_fail(st, &st->values[i], XR_INVALID,
                                     "is not an object");
    }

    rc = XR_OK;
    it = xr_json_iter(&st->values[i]);

    while (rc == XR_OK && xr_json_next(&it, &name, &value)) {
        rc = xr_tenants_key_cloudfront_one(st, &name, &value);
    }

    return rc;
}
