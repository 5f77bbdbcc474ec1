/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_devices_image.h"
#include "xr_json.h"


#define XR_DEVICES_NAME  64             /* bytes of a rule's name */
#define XR_DEVICES_CONDS_OF_RULE  32


typedef struct {
    xr_devices_builder_t  b;
    const uint8_t        *text;
    xr_err_t             *err;
    bool                  base;
    unsigned              classes;      /* bits of those that were given */
} xr_devices_compile_t;


/* A rule while its members are read: a condition of each input. */

typedef struct {
    xr_str_t           name;
    xr_devices_rule_t  rule;
    xr_devices_cond_t  conds[XR_DEVICES_CONDS_OF_RULE];
    size_t             nconds;
    bool               has_class;
    bool               has_memory;
    int64_t            mem_min;
    int64_t            mem_max;
    xr_json_t          number;          /* raw.data is NULL: there is none */
    xr_json_t          without;
} xr_devices_draft_t;


typedef xr_rc_t (*xr_devices_member_pt)(xr_devices_compile_t *c,
    const xr_json_t *name, const xr_json_t *value, void *data);


static xr_rc_t
xr_devices_compile_fail(xr_devices_compile_t *c, const xr_json_t *at,
    const char *what)
{
    return xr_fail(c->err, XR_INVALID, (size_t) (at->raw.data - c->text),
                   what);
}


/* "wrong" is NULL where nothing is. */

static xr_rc_t
xr_devices_compile_result(xr_devices_compile_t *c, const xr_json_t *at,
    const char *wrong)
{
    return (wrong == NULL) ? XR_OK : xr_devices_compile_fail(c, at, wrong);
}


/* Names twice in an object are found here, as the objects are many. */

static xr_rc_t
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


static xr_rc_t
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


static xr_rc_t
xr_devices_compile_number(xr_devices_compile_t *c, const xr_json_t *v,
    int64_t min, int64_t max, int64_t *out)
{
    if (xr_json_int(v, out) != XR_OK || *out < min || *out > max) {
        return xr_devices_compile_fail(c, v, "not a number in its range");
    }

    return XR_OK;
}


static xr_rc_t
xr_devices_compile_class(xr_devices_compile_t *c, const xr_json_t *v,
    xr_class_t *out)
{
    return (v->type == XR_JSON_STRING
            && xr_device_class_of(v->raw, out) == XR_OK)
           ? XR_OK : xr_devices_compile_fail(c, v, "not a class");
}


/* [ "astc", "etc2" ] */

static xr_rc_t
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


/* A condition more of the draft, on an input; NULL: it has too many. */

static xr_devices_cond_t *
xr_devices_compile_cond(xr_devices_draft_t *d, xr_devices_input_t input)
{
    size_t              i;
    xr_devices_cond_t  *cond;

    if (d->nconds == XR_DEVICES_CONDS_OF_RULE) {
        return NULL;
    }

    cond = &d->conds[d->nconds++];
    *cond = (xr_devices_cond_t) {
        .input = (uint8_t) input,
        .number = XR_DEVICES_NONE
    };

    for (i = 0; i < XR_DEVICES_WORDS; i++) {
        cond->all[i] = XR_DEVICES_NONE;
        cond->none[i] = XR_DEVICES_NONE;
    }

    return cond;
}


/* Up to four patterns. */

static xr_rc_t
xr_devices_compile_words(xr_devices_compile_t *c, const xr_json_t *list,
    uint16_t out[XR_DEVICES_WORDS])
{
    size_t          i;
    xr_rc_t         rc;
    xr_str_t        s;
    xr_json_t       v;
    const char     *wrong;
    xr_json_iter_t  it;

    it = xr_json_iter(list);

    for (i = 0; xr_json_next(&it, NULL, &v); i++) {

        if (i == XR_DEVICES_WORDS) {
            return xr_devices_compile_fail(c, &v, "more than 4 patterns");
        }

        rc = xr_devices_compile_text(c, &v, XR_DEVICES_PATTERN + 1, &s);
        if (rc != XR_OK) {
            return rc;
        }

        wrong = xr_devices_builder_pattern(&c->b, s, false, false, &out[i]);
        if (wrong != NULL) {
            return xr_devices_compile_fail(c, &v, wrong);
        }
    }

    return (i > 0) ? XR_OK
                   : xr_devices_compile_fail(c, list, "not a list of "
                                             "patterns, or empty");
}


/* Models and profiles: each is a condition of its own. */

static xr_rc_t
xr_devices_compile_exact(xr_devices_compile_t *c, const xr_json_t *list,
    xr_devices_input_t input, xr_devices_draft_t *d)
{
    xr_rc_t             rc;
    xr_str_t            s;
    xr_json_t           v;
    const char         *wrong;
    xr_json_iter_t      it;
    xr_devices_cond_t  *cond;

    if (list->type != XR_JSON_ARRAY) {
        return xr_devices_compile_fail(c, list, "not a list");
    }

    it = xr_json_iter(list);

    while (xr_json_next(&it, NULL, &v)) {

        rc = xr_devices_compile_text(c, &v, XR_DEVICES_PATTERN, &s);
        if (rc != XR_OK) {
            return rc;
        }

        cond = xr_devices_compile_cond(d, input);
        if (cond == NULL) {
            return xr_devices_compile_fail(c, &v, "too many conditions");
        }

        wrong = xr_devices_builder_pattern(&c->b, s, true, false,
                                           &cond->all[0]);
        if (wrong != NULL) {
            return xr_devices_compile_fail(c, &v, wrong);
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_devices_compile_client(xr_devices_compile_t *c, const xr_json_t *name,
    const xr_json_t *value, void *data)
{
    xr_devices_cond_t *cond = data;

    xr_rc_t   rc;
    xr_str_t  s;

    if (xr_json_is(name, xr_str("platform"))) {
        rc = xr_devices_compile_text(c, value, XR_DEVICES_PATTERN, &s);

        return (rc != XR_OK) ? rc
               : xr_devices_compile_result(c, value,
                     xr_devices_builder_pattern(&c->b, s, true, false,
                                                &cond->all[0]));
    }

    if (xr_json_is(name, xr_str("xr")) && value->type == XR_JSON_TRUE) {
        cond->flags |= XR_DEVICES_CH_XR;
        return XR_OK;
    }

    if (xr_json_is(name, xr_str("mobile"))
        && (value->type == XR_JSON_TRUE || value->type == XR_JSON_FALSE))
    {
        cond->flags |= (value->type == XR_JSON_TRUE) ? XR_DEVICES_CH_MOBILE
                                                     : XR_DEVICES_CH_FIXED;
        return XR_OK;
    }

    return xr_devices_compile_fail(c, name, "it is platform (a string), xr "
                                   "(true) or mobile (true or false)");
}


static xr_rc_t
xr_devices_compile_cloudfront(xr_devices_compile_t *c, const xr_json_t *list,
    xr_devices_cond_t *cond)
{
    size_t          i;
    xr_json_t       v;
    xr_json_iter_t  it;

    static const xr_str_t  names[] = {
        XR_STR("mobile"), XR_STR("tablet"), XR_STR("desktop"),
        XR_STR("smarttv"), XR_STR("android"), XR_STR("ios")
    };

    it = xr_json_iter(list);

    while (xr_json_next(&it, NULL, &v)) {

        for (i = 0; i < XR_COUNT(names) && !xr_json_is(&v, names[i]); i++) {
            /* void */
        }

        if (i == XR_COUNT(names)) {
            return xr_devices_compile_fail(c, &v, "it is mobile, tablet, "
                                         "desktop, smarttv, android or ios");
        }

        cond->flags |= (uint8_t) (XR_DEVICES_CF_MOBILE << i);
    }

    return (cond->flags != 0)
           ? XR_OK : xr_devices_compile_fail(c, list, "not a list, or empty");
}


/* What a rule is about. */

static xr_rc_t
xr_devices_compile_input(xr_devices_compile_t *c, xr_devices_input_t input,
    const xr_json_t *value, xr_devices_draft_t *d)
{
    xr_devices_cond_t  *cond;

    if (input == XR_DEVICES_MODEL || input == XR_DEVICES_PROFILE) {
        return xr_devices_compile_exact(c, value, input, d);
    }

    cond = xr_devices_compile_cond(d, input);
    if (cond == NULL) {
        return xr_devices_compile_fail(c, value, "too many conditions");
    }

    switch (input) {

    case XR_DEVICES_CLIENT:
        return xr_devices_compile_object(c, value, xr_devices_compile_client,
                                         cond);

    case XR_DEVICES_CLOUDFRONT:
        return xr_devices_compile_cloudfront(c, value, cond);

    default:
        return xr_devices_compile_words(c, value, cond->all);
    }
}


/* [ least, most ] */

static xr_rc_t
xr_devices_compile_range(xr_devices_compile_t *c, const xr_json_t *list,
    int64_t max, int64_t *from, int64_t *to)
{
    xr_json_t       a, b, more;
    xr_json_iter_t  it;

    it = xr_json_iter(list);

    if (list->type != XR_JSON_ARRAY
        || !xr_json_next(&it, NULL, &a)
        || !xr_json_next(&it, NULL, &b)
        || xr_json_next(&it, NULL, &more)
        || xr_json_int(&a, from) != XR_OK
        || xr_json_int(&b, to) != XR_OK
        || *from < 0 || *from > *to || *to > max)
    {
        return xr_devices_compile_fail(c, list, "not two numbers, the least "
                                       "and the most");
    }

    return XR_OK;
}


static xr_rc_t
xr_devices_compile_facts(xr_devices_compile_t *c, const xr_json_t *name,
    const xr_json_t *value, xr_devices_draft_t *d)
{
    xr_rc_t       rc;
    int64_t       n;
    xr_use_t      use;
    xr_class_t    class;
    xr_session_t  session;

    if (xr_json_is(name, xr_str("class"))) {
        rc = xr_devices_compile_class(c, value, &class);

        d->has_class = (rc == XR_OK);
        d->rule.class = d->has_class ? (uint8_t) class : 0;

        return rc;
    }

    if (xr_json_is(name, xr_str("tex"))) {
        return xr_devices_compile_bits(c, value, xr_device_tex_of,
                                       &d->rule.tex);
    }

    if (xr_json_is(name, xr_str("mem"))) {
        rc = xr_devices_compile_number(c, value, 1, 1024, &n);

        d->rule.mem_gib = (rc == XR_OK) ? (uint16_t) n : 0;

        return rc;
    }

    if (xr_json_is(name, xr_str("use"))
        && value->type == XR_JSON_STRING
        && xr_device_use_of(value->raw, &use) == XR_OK)
    {
        d->rule.use = (uint8_t) use;
        return XR_OK;
    }

    if (xr_json_is(name, xr_str("session"))
        && value->type == XR_JSON_STRING
        && xr_device_session_of(value->raw, &session) == XR_OK)
    {
        d->rule.session = (uint8_t) session;
        return XR_OK;
    }

    if (xr_json_is(name, xr_str("generic"))
        && (value->type == XR_JSON_TRUE || value->type == XR_JSON_FALSE))
    {
        d->rule.generic = (value->type == XR_JSON_TRUE);
        return XR_OK;
    }

    return xr_devices_compile_fail(c, name, "no member of a rule, or not of "
                                   "its type");
}


static xr_rc_t
xr_devices_compile_member(xr_devices_compile_t *c, const xr_json_t *name,
    const xr_json_t *value, void *data)
{
    xr_devices_draft_t *d = data;

    size_t  i;

    static const xr_str_t  inputs[XR_DEVICES_INPUTS] = {
        XR_STR("ua"), XR_STR("gpu"), XR_STR("model"), XR_STR("profile"),
        XR_STR("client"), XR_STR("cloudfront")
    };

    for (i = 0; i < XR_DEVICES_INPUTS; i++) {

        if (xr_json_is(name, inputs[i])) {
            return xr_devices_compile_input(c, (xr_devices_input_t) i, value,
                                            d);
        }
    }

    if (xr_json_is(name, xr_str("name"))) {
        return xr_devices_compile_text(c, value, XR_DEVICES_NAME, &d->name);
    }

    if (xr_json_is(name, xr_str("not"))) {
        d->without = *value;
        return XR_OK;
    }

    if (xr_json_is(name, xr_str("number"))) {
        d->number = *value;
        return XR_OK;
    }

    if (xr_json_is(name, xr_str("memory"))) {
        d->has_memory = true;

        return xr_devices_compile_range(c, value, 1024, &d->mem_min,
                                        &d->mem_max);
    }

    return xr_devices_compile_facts(c, name, value, d);
}


/* { "after": "Adreno", "is": [ 650, 660 ] } */

static xr_rc_t
xr_devices_compile_after(xr_devices_compile_t *c, const xr_json_t *number,
    xr_devices_cond_t *cond)
{
    xr_rc_t      rc;
    int64_t      from, to;
    xr_str_t     s;
    xr_json_t    after, is;

    if (xr_json_get(number, xr_str("after"), &after) != XR_OK
        || xr_json_get(number, xr_str("is"), &is) != XR_OK)
    {
        return xr_devices_compile_fail(c, number, "a number has after and is");
    }

    rc = xr_devices_compile_text(c, &after, XR_DEVICES_PATTERN, &s);

    if (rc == XR_OK) {
        rc = xr_devices_compile_range(c, &is, 999999, &from, &to);
    }

    if (rc != XR_OK) {
        return rc;
    }

    cond->min = (uint32_t) from;
    cond->max = (uint32_t) to;

    return xr_devices_compile_result(c, &after,
               xr_devices_builder_pattern(&c->b, s, false, true,
                                          &cond->number));
}


/* What is said once of a rule is put into its conditions. */

static xr_rc_t
xr_devices_compile_complete(xr_devices_compile_t *c, xr_devices_draft_t *d,
    xr_devices_cond_t *cond)
{
    bool     words;
    xr_rc_t  rc;

    words = (cond->input == XR_DEVICES_UA || cond->input == XR_DEVICES_GPU);

    if (d->has_memory) {
        cond->has_memory = 1;
        cond->mem_min = (uint16_t) d->mem_min;
        cond->mem_max = (uint16_t) d->mem_max;
    }

    if (words && d->without.raw.data != NULL) {
        rc = xr_devices_compile_words(c, &d->without, cond->none);
        if (rc != XR_OK) {
            return rc;
        }
    }

    return (words && d->number.raw.data != NULL)
           ? xr_devices_compile_after(c, &d->number, cond) : XR_OK;
}


static xr_rc_t
xr_devices_compile_rule(xr_devices_compile_t *c, const xr_json_t *v)
{
    size_t              i;
    xr_rc_t             rc;
    const char         *wrong;
    xr_devices_draft_t  d;

    memset(&d, 0, sizeof(d));

    rc = xr_devices_compile_object(c, v, xr_devices_compile_member, &d);
    if (rc != XR_OK) {
        return rc;
    }

    if (d.name.len == 0 || !d.has_class || d.nconds == 0) {
        return xr_devices_compile_fail(c, v, "a rule has a name, a class and "
                                       "a condition");
    }

    wrong = xr_devices_builder_rule(&c->b, d.name, &d.rule);

    for (i = 0; i < d.nconds && wrong == NULL; i++) {

        rc = xr_devices_compile_complete(c, &d, &d.conds[i]);
        if (rc != XR_OK) {
            return rc;
        }

        wrong = xr_devices_builder_cond(&c->b, &d.conds[i]);
    }

    return xr_devices_compile_result(c, v, wrong);
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
        rc = xr_devices_compile_rule(c, &v);
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
