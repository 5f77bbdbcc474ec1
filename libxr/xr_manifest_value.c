/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_manifest_parse.h"

#include <string.h>


xr_rc_t
xr_manifest_value_fail(const xr_manifest_parse_t *p, const xr_json_t *v,
    const char *what)
{
    size_t  pos;

    pos = (size_t) (v->raw.data - p->text.data);

    return xr_fail(p->err, XR_INVALID,
                   (v->type == XR_JSON_STRING) ? pos - 1 : pos, what);
}


xr_rc_t
xr_manifest_value_object(const xr_manifest_parse_t *p,
    const xr_json_t *object, const xr_str_t *names, size_t n,
    xr_json_t *values)
{
    size_t          i;
    xr_json_t       name, value;
    xr_json_iter_t  it;

    if (object->type != XR_JSON_OBJECT) {
        return xr_manifest_value_fail(p, object, "is not an object");
    }

    memset(values, 0, n * sizeof(xr_json_t));

    it = xr_json_iter(object);

    while (xr_json_next(&it, &name, &value)) {

        for (i = 0; i < n && !xr_json_is(&name, names[i]); i++) {
            /* void */
        }

        if (i == n) {
            continue;
        }

        if (xr_manifest_given(&values[i])) {
            return xr_manifest_value_fail(p, &name, "is duplicate");
        }

        values[i] = value;
    }

    return XR_OK;
}


xr_rc_t
xr_manifest_value_array(const xr_manifest_parse_t *p, const xr_json_t *v)
{
    return (v->type == XR_JSON_ARRAY)
           ? XR_OK : xr_manifest_value_fail(p, v, "is not an array");
}


xr_rc_t
xr_manifest_value_uint(const xr_manifest_parse_t *p, const xr_json_t *v,
    uint64_t max, uint64_t *out)
{
    uint64_t  n;
    xr_str_t  rest;

    rest = v->raw;

    if (v->type != XR_JSON_NUMBER || xr_str_uint(&rest, &n) != XR_OK
        || rest.len > 0)
    {
        return xr_manifest_value_fail(p, v, "is not an unsigned integer");
    }

    if (n > max) {
        return xr_manifest_value_fail(p, v, "is too large");
    }

    *out = n;

    return XR_OK;
}


xr_rc_t
xr_manifest_value_uint32(const xr_manifest_parse_t *p, const xr_json_t *v,
    uint32_t max, uint32_t *out)
{
    xr_rc_t   rc;
    uint64_t  n;

    n = 0;
    rc = xr_manifest_value_uint(p, v, max, &n);

    if (rc == XR_OK) {
        *out = (uint32_t) n;
    }

    return rc;
}


xr_str_t
xr_manifest_value_ref(const xr_manifest_parse_t *p, xr_manifest_ref_t ref)
{
    return xr_str_of(p->out->data + ref.pos, ref.len);
}


xr_rc_t
xr_manifest_value_text(const xr_manifest_parse_t *p, const xr_json_t *v,
    size_t max, xr_manifest_ref_t *out)
{
    size_t    pos;
    xr_str_t  text;

    if (v->type != XR_JSON_STRING) {
        return xr_manifest_value_fail(p, v, "is not a string");
    }

    /* an escape is six times as long as what it stands for at most */

    if (v->raw.len > 6 * max) {
        return xr_manifest_value_fail(p, v, "is too long");
    }

    pos = p->out->len;

    if (xr_json_text(v, p->out, &text) != XR_OK) {
        return xr_manifest_value_fail(p, v, "does not fit");
    }

    if (!v->escaped) {
        xr_buf_put(p->out, text);
    }

    if (text.len == 0) {
        return xr_manifest_value_fail(p, v, "is empty");
    }

    if (text.len > max) {
        return xr_manifest_value_fail(p, v, "is too long");
    }

    if (xr_str_has_control(text)) {
        return xr_manifest_value_fail(p, v, "holds a control character");
    }

    if (!xr_buf_ok(p->out)) {
        return xr_manifest_value_fail(p, v, "does not fit");
    }

    *out = (xr_manifest_ref_t) { (uint32_t) pos, (uint32_t) text.len };

    return XR_OK;
}


static bool
xr_manifest_value_id_ok(xr_str_t id)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < id.len; i++) {
        c = id.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')
            && (i == 0 || (c != '.' && c != '_' && c != '-')))
        {
            return false;
        }
    }

    return true;
}


xr_rc_t
xr_manifest_value_id(const xr_manifest_parse_t *p, const xr_json_t *v,
    xr_manifest_ref_t *out)
{
    xr_rc_t  rc;

    rc = xr_manifest_value_text(p, v, XR_MANIFEST_ID_MAX, out);

    if (rc == XR_OK
        && !xr_manifest_value_id_ok(xr_manifest_value_ref(p, *out)))
    {
        return xr_manifest_value_fail(p, v, "is no id: [a-z0-9][a-z0-9._-]*");
    }

    return rc;
}


xr_rc_t
xr_manifest_value_known(const xr_manifest_parse_t *p, const xr_json_t *v,
    size_t *variant)
{
    size_t  i;

    for (i = 0; i < p->n; i++) {

        if (xr_json_is(v, p->ids[i])) {
            *variant = i;
            return XR_OK;
        }
    }

    return xr_manifest_value_fail(p, v, "is not the id of a variant");
}
