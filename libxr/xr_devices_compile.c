/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_devices_compile.h"


xr_rc_t
xr_devices_compile_fail(xr_devices_compile_t *c, const xr_json_t *at,
    const char *what)
{
    return xr_fail(c->err, XR_INVALID, (size_t) (at->raw.data - c->text),
                   what);
}


/* "wrong" is NULL where nothing is. */

xr_rc_t
xr_devices_compile_result(xr_devices_compile_t *c, const xr_json_t *at,
    const char *wrong)
{
    return (wrong == NULL) ? XR_OK : xr_devices_compile_fail(c, at, wrong);
}


/* Names twice in an object are found here, as the objects are many. */

xr_rc_t
xr_devices_compile_object(xr_devices_compile_t *c, const xr_json_t *object,
    xr_devices_member_pt member, void *data)
{
    xr_rc_t         rc;
    xr_json_t       name, value, other, unused;
    xr_json_iter_t  it, before;

    if (object->type != XR_JSON_OBJECT) {
        return xr_devices_compile_fail(c, object, "not an object");
    }

    it = xr_json_iter(object);

    while (xr_json_next(&it, &name, &value)) {

        before = xr_json_iter(object);

        while (xr_json_next(&before, &other, &unused)
               && other.raw.data != name.raw.data)
        {
            if (xr_str_eq(other.raw, name.raw)) {
                return xr_devices_compile_fail(c, &name, "is twice in here");
            }
        }

        rc = member(c, &name, &value, data);
        if (rc != XR_OK) {
            return rc;
        }
    }

    return XR_OK;
}


xr_rc_t
xr_devices_compile_text(xr_devices_compile_t *c, const xr_json_t *v,
    size_t max, xr_str_t *out)
{
    if (v->type != XR_JSON_STRING || v->escaped || v->raw.len == 0
        || v->raw.len > max)
    {
        return xr_devices_compile_fail(c, v, "not a string, empty, too long, "
                                       "or with a backslash in it");
    }

    *out = v->raw;

    return XR_OK;
}


xr_rc_t
xr_devices_compile_number(xr_devices_compile_t *c, const xr_json_t *v,
    int64_t min, int64_t max, int64_t *out)
{
    if (xr_json_int(v, out) != XR_OK || *out < min || *out > max) {
        return xr_devices_compile_fail(c, v, "not a number in its range");
    }

    return XR_OK;
}


xr_rc_t
xr_devices_compile_class(xr_devices_compile_t *c, const xr_json_t *v,
    xr_class_t *out)
{
    return (v->type == XR_JSON_STRING
            && xr_device_class_of(v->raw, out) == XR_OK)
           ? XR_OK : xr_devices_compile_fail(c, v, "not a class");
}


/* [ "astc", "etc2" ] */

xr_rc_t
xr_devices_compile_bits(xr_devices_compile_t *c, const xr_json_t *list,
    xr_rc_t (*bit_of)(xr_str_t name, uint32_t *bit), uint32_t *out)
{
    uint32_t        bit;
    xr_json_t       v;
    xr_json_iter_t  it;

    if (list->type != XR_JSON_ARRAY) {
        return xr_devices_compile_fail(c, list, "not a list");
    }

    *out = 0;
    it = xr_json_iter(list);

    while (xr_json_next(&it, NULL, &v)) {

        if (v.type != XR_JSON_STRING || bit_of(v.raw, &bit) != XR_OK) {
            return xr_devices_compile_fail(c, &v, "no such family or codec");
        }

        *out |= bit;
    }

    return XR_OK;
}


static xr_rc_t
xr_devices_compile_assume(xr_devices_compile_t *c, const xr_json_t *name,
    const xr_json_t *value, void *data)
{
    (void) data;

    if (xr_json_is(name, xr_str("tex"))) {
        return xr_devices_compile_bits(c, value, xr_device_tex_of, &c->b.tex);
    }

    if (xr_json_is(name, xr_str("geo"))) {
        return xr_devices_compile_bits(c, value, xr_device_geo_of, &c->b.geo);
    }

    return xr_devices_compile_fail(c, name, "it is tex or geo");
}


static xr_rc_t
xr_devices_compile_budget(xr_devices_compile_t *c, const xr_json_t *name,
    const xr_json_t *value, void *data)
{
    xr_devices_budget_t *budget = data;

    xr_rc_t     rc;
    int64_t     n;
    size_t      i;
    xr_class_t  class;

    const struct {
        xr_str_t   name;
        uint32_t  *out;
        int64_t    max;
    } numbers[] = {
        { XR_STR("tris"), &budget->tris, UINT32_MAX },
        { XR_STR("dim"), &budget->dim, 32768 },
        { XR_STR("gpu_kib"), &budget->gpu_kib, UINT32_MAX },
        { XR_STR("bytes_kib"), &budget->bytes_kib, UINT32_MAX }
    };

    if (xr_json_is(name, xr_str("vr"))) {
        rc = xr_devices_compile_class(c, value, &class);

        if (rc == XR_OK) {
            budget->vr = class;
        }

        return rc;
    }

    for (i = 0; i < XR_COUNT(numbers); i++) {

        if (xr_json_is(name, numbers[i].name)) {
            rc = xr_devices_compile_number(c, value, 1, numbers[i].max, &n);

            if (rc == XR_OK) {
                *numbers[i].out = (uint32_t) n;
            }

            return rc;
        }
    }

    return xr_devices_compile_fail(c, name, "it is tris, dim, gpu_kib, "
                                   "bytes_kib or vr");
}


static xr_rc_t
xr_devices_compile_classes(xr_devices_compile_t *c, const xr_json_t *name,
    const xr_json_t *value, void *data)
{
    xr_rc_t               rc;
    xr_class_t            class;
    xr_devices_budget_t  *b;

    (void) data;

    rc = xr_devices_compile_class(c, name, &class);
    if (rc != XR_OK) {
        return rc;
    }

    b = &c->b.budgets[class];

    rc = xr_devices_compile_object(c, value, xr_devices_compile_budget, b);
    if (rc != XR_OK) {
        return rc;
    }

    if (b->tris == 0 || b->dim == 0 || b->gpu_kib == 0 || b->bytes_kib == 0) {
        return xr_devices_compile_fail(c, value, "a class has tris, dim, "
                                       "gpu_kib and bytes_kib");
    }

    c->classes |= 1U << class;

    return XR_OK;
}


static xr_rc_t
xr_devices_compile_rules(xr_devices_compile_t *c, const xr_json_t *list)
{
    xr_rc_t         rc;
    xr_json_t       v;
    xr_json_iter_t  it;

    if (list->type != XR_JSON_ARRAY) {
        return xr_devices_compile_fail(c, list, "not a list");
    }

    rc = XR_OK;
    it = xr_json_iter(list);

    while (rc == XR_OK && xr_json_next(&it, NULL, &v)) {
        rc = xr_devices_rule_compile(c, &v);
    }

    return rc;
}


static xr_rc_t
xr_devices_compile_top(xr_devices_compile_t *c, const xr_json_t *name,
    const xr_json_t *value, void *data)
{
    int64_t  n;

    (void) data;

    if (xr_json_is(name, xr_str("version"))) {
        return xr_devices_compile_number(c, value, 1, 1, &n);
    }

    if (xr_json_is(name, xr_str("base"))) {
        return xr_json_is(value, xr_str("default"))
               ? XR_OK : xr_devices_compile_fail(c, value, "it is default");
    }

    if (xr_json_is(name, xr_str("assume"))) {
        return xr_devices_compile_object(c, value, xr_devices_compile_assume,
                                         NULL);
    }

    if (xr_json_is(name, xr_str("classes"))) {
        return xr_devices_compile_object(c, value, xr_devices_compile_classes,
                                         NULL);
    }

    if (xr_json_is(name, xr_str("rules"))) {
        return xr_devices_compile_rules(c, value);
    }

    return xr_devices_compile_fail(c, name, "it is version, base, assume, "
                                   "classes or rules");
}


xr_rc_t
xr_devices_compile(xr_str_t text, const xr_mem_t *mem, xr_str_t *image,
    xr_err_t *err)
{
    size_t                i;
    xr_rc_t               rc;
    xr_json_t             root, unused;
    const char           *wrong;
    const xr_devices_t   *base;
    xr_devices_compile_t  c;

    static const xr_json_limits_t  limits = { .depth = 6, .members = 0 };

    if (text.len > XR_DEVICES_MAX_TEXT) {
        return xr_fail(err, XR_INVALID, 0, "more than 262144 bytes");
    }

    rc = xr_json_check(text, &limits, &root, err);
    if (rc != XR_OK) {
        return rc;
    }

    c = (xr_devices_compile_t) { .text = text.data, .err = err };

    if (xr_devices_builder_init(&c.b, mem) != XR_OK) {
        return xr_fail(err, XR_NO_SPACE, 0, "out of memory");
    }

    c.base = (root.type == XR_JSON_OBJECT
              && xr_json_get(&root, xr_str("base"), &unused) == XR_OK);

    for (i = 0; i < XR_CLASSES; i++) {
        c.b.budgets[i].vr = (uint32_t) i;
    }

    if (c.base) {
        base = xr_devices_default();
        memcpy(c.b.budgets, base->budgets, sizeof(c.b.budgets));
        c.b.tex = base->tex;
        c.b.geo = base->geo;
    }

    rc = xr_devices_compile_object(&c, &root, xr_devices_compile_top, NULL);
    if (rc != XR_OK) {
        return rc;
    }

    if (!c.base && c.classes != (1U << XR_CLASSES) - 1) {
        return xr_fail(err, XR_INVALID, 0, "a table without a base has "
                       "budgets of all classes");
    }

    wrong = c.base ? xr_devices_builder_base(&c.b, xr_devices_default())
                   : NULL;

    return (wrong != NULL) ? xr_fail(err, XR_INVALID, 0, wrong)
                           : xr_devices_builder_finish(&c.b, image, err);
}
