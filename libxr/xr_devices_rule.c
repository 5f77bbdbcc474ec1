/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_devices_compile.h"


#define XR_DEVICES_NAME           64    /* bytes of a rule's name */
#define XR_DEVICES_CONDS_OF_RULE  32


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


/* A condition more of the draft, on an input; NULL: it has too many. */

static xr_devices_cond_t *
xr_devices_rule_cond(xr_devices_draft_t *d, xr_devices_input_t input)
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
xr_devices_rule_words(xr_devices_compile_t *c, const xr_json_t *list,
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
xr_devices_rule_exact(xr_devices_compile_t *c, const xr_json_t *list,
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

        cond = xr_devices_rule_cond(d, input);
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
xr_devices_rule_client(xr_devices_compile_t *c, const xr_json_t *name,
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
xr_devices_rule_cloudfront(xr_devices_compile_t *c, const xr_json_t *list,
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
xr_devices_rule_input(xr_devices_compile_t *c, xr_devices_input_t input,
    const xr_json_t *value, xr_devices_draft_t *d)
{
    xr_devices_cond_t  *cond;

    if (input == XR_DEVICES_MODEL || input == XR_DEVICES_PROFILE) {
        return xr_devices_rule_exact(c, value, input, d);
    }

    cond = xr_devices_rule_cond(d, input);
    if (cond == NULL) {
        return xr_devices_compile_fail(c, value, "too many conditions");
    }

    switch (input) {

    case XR_DEVICES_CLIENT:
        return xr_devices_compile_object(c, value, xr_devices_rule_client,
                                         cond);

    case XR_DEVICES_CLOUDFRONT:
        return xr_devices_rule_cloudfront(c, value, cond);

    default:
        return xr_devices_rule_words(c, value, cond->all);
    }
}


/* [ least, most ] */

static xr_rc_t
xr_devices_rule_range(xr_devices_compile_t *c, const xr_json_t *list,
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
xr_devices_rule_facts(xr_devices_compile_t *c, const xr_json_t *name,
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
xr_devices_rule_member(xr_devices_compile_t *c, const xr_json_t *name,
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
            return xr_devices_rule_input(c, (xr_devices_input_t) i, value,
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

        return xr_devices_rule_range(c, value, 1024, &d->mem_min,
                                        &d->mem_max);
    }

    return xr_devices_rule_facts(c, name, value, d);
}


/* { "after": "Adreno", "is": [ 650, 660 ] } */

static xr_rc_t
xr_devices_rule_after(xr_devices_compile_t *c, const xr_json_t *number,
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

    from = 0;
    to = 0;

    rc = xr_devices_compile_text(c, &after, XR_DEVICES_PATTERN, &s);

    if (rc == XR_OK) {
        rc = xr_devices_rule_range(c, &is, 999999, &from, &to);
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
xr_devices_rule_complete(xr_devices_compile_t *c, xr_devices_draft_t *d,
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
        rc = xr_devices_rule_words(c, &d->without, cond->none);
        if (rc != XR_OK) {
            return rc;
        }
    }

    return (words && d->number.raw.data != NULL)
           ? xr_devices_rule_after(c, &d->number, cond) : XR_OK;
}


xr_rc_t
xr_devices_rule_compile(xr_devices_compile_t *c, const xr_json_t *v)
{
    size_t              i;
    xr_rc_t             rc;
    const char         *wrong;
    xr_devices_draft_t  d;

    memset(&d, 0, sizeof(d));

    rc = xr_devices_compile_object(c, v, xr_devices_rule_member, &d);
    if (rc != XR_OK) {
        return rc;
    }

    if (d.name.len == 0 || !d.has_class || d.nconds == 0) {
        return xr_devices_compile_fail(c, v, "a rule has a name, a class and "
                                       "a condition");
    }

    wrong = xr_devices_builder_rule(&c->b, d.name, &d.rule);

    for (i = 0; i < d.nconds && wrong == NULL; i++) {

        rc = xr_devices_rule_complete(c, &d, &d.conds[i]);
        if (rc != XR_OK) {
            return rc;
        }

        wrong = xr_devices_builder_cond(&c->b, &d.conds[i]);
    }

    return xr_devices_compile_result(c, v, wrong);
}
