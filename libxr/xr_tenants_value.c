/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenants_member.h"

#include <string.h>


size_t
xr_tenants_value_pos(const xr_tenants_state_t *st, const xr_json_t *v)
{
    size_t  pos;

    pos = (size_t) (v->raw.data - st->text.data);

    return (v->type == XR_JSON_STRING) ? pos - 1 : pos;
}


xr_rc_t
xr_tenants_value_fail(const xr_tenants_state_t *st, const xr_json_t *v,
    xr_rc_t rc, const char *what)
{
    return xr_fail(st->err, rc, xr_tenants_value_pos(st, v), what);
}


xr_rc_t
xr_tenants_value_object(const xr_tenants_state_t *st, const xr_json_t *object,
    const xr_str_t *names, size_t n, xr_json_t *values)
{
    size_t          i;
    xr_json_t       name, value;
    xr_json_iter_t  it;

    if (object->type != XR_JSON_OBJECT) {
        return xr_tenants_value_fail(st, object, XR_INVALID,
                                     "is not an object");
    }

    memset(values, 0, n * sizeof(xr_json_t));

    it = xr_json_iter(object);

    while (xr_json_next(&it, &name, &value)) {

        for (i = 0; i < n && !xr_json_is(&name, names[i]); i++) {
            /* void */
        }

        if (i == n) {
            return xr_tenants_value_fail(st, &name, XR_INVALID,
                                         "is no member that is known here");
        }

        if (xr_tenants_given(&values[i])) {
            return xr_tenants_value_fail(st, &name, XR_INVALID, "is duplicate");
        }

        values[i] = value;
    }

    return XR_OK;
}


xr_rc_t
xr_tenants_value_array(const xr_tenants_state_t *st, const xr_json_t *v)
{
    xr_json_t       value;
    xr_json_iter_t  it;

    if (v->type != XR_JSON_ARRAY) {
        return xr_tenants_value_fail(st, v, XR_INVALID, "is not an array");
    }

    it = xr_json_iter(v);

    return xr_json_next(&it, NULL, &value)
           ? XR_OK
           : xr_tenants_value_fail(st, v, XR_INVALID, "is an empty array");
}


xr_rc_t
xr_tenants_value_string(const xr_tenants_state_t *st, const xr_json_t *v)
{
    return (v->type == XR_JSON_STRING)
           ? XR_OK : xr_tenants_value_fail(st, v, XR_INVALID,
                                           "is not a string");
}


xr_rc_t
xr_tenants_value_lines(const xr_tenants_state_t *st, const xr_json_t *v,
    xr_str_t *out)
{
    void      *p;
    xr_rc_t    rc;
    xr_buf_t   b;

    rc = xr_tenants_value_string(st, v);

    if (rc != XR_OK) {
        return rc;
    }

    p = NULL;

    if (v->escaped) {
        p = st->reader->mem.alloc(st->reader->mem.ctx, v->raw.len);

        if (p == NULL) {
            return xr_tenants_value_fail(st, v, XR_NO_SPACE, "out of memory");
        }
    }

    /* escapes are longer than what they stand for */

    b = xr_buf(p, v->raw.len);

    return xr_json_text(v, &b, out);
}


xr_rc_t
xr_tenants_value_text(const xr_tenants_state_t *st, const xr_json_t *v,
    xr_str_t *out)
{
    xr_rc_t  rc;

    rc = xr_tenants_value_lines(st, v, out);

    if (rc == XR_OK && xr_str_has_control(*out)) {
        return xr_tenants_value_fail(st, v, XR_INVALID,
                                     "holds a control character");
    }

    return rc;
}
