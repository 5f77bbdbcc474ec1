/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenants_member.h"

#include <string.h>


/* Members that map to one option of a tenant. */


void
xr_tenants_option_begin(const xr_tenants_state_t *st, xr_tenants_option_t *o,
    xr_str_t name, const xr_json_t *v)
{
    o->args[0] = name;
    o->pos[0] = xr_tenants_value_pos(st, v);
    o->n = 1;
}


void
xr_tenants_option_add(const xr_tenants_state_t *st, xr_tenants_option_t *o,
    const xr_json_t *v, xr_str_t arg)
{
    o->args[o->n] = arg;
    o->pos[o->n] = xr_tenants_value_pos(st, v);
    o->n++;
}


xr_rc_t
xr_tenants_option_apply(const xr_tenants_state_t *st,
    const xr_tenants_option_t *o)
{
    xr_rc_t   rc;
    xr_err_t  err;

    rc = xr_tenant_option(st->t, o->args, o->n, &st->reader->mem, &err);

    return (rc == XR_OK) ? rc : xr_fail(st->err, rc, o->pos[err.pos],
                                        err.what);
}


/* An option with one argument, a string. */

static xr_rc_t
xr_tenants_option_set(const xr_tenants_state_t *st, xr_str_t name,
    const xr_json_t *v)
{
    xr_rc_t              rc;
    xr_str_t             text;
    xr_tenants_option_t  o;

    rc = xr_tenants_value_text(st, v, &text);

    if (rc != XR_OK) {
        return rc;
    }

    xr_tenants_option_begin(st, &o, name, v);
    xr_tenants_option_add(st, &o, v, text);

    return xr_tenants_option_apply(st, &o);
}


xr_rc_t
xr_tenants_option_string(xr_tenants_state_t *st, size_t i)
{
    return xr_tenants_option_set(st, xr_tenants_names[i], &st->values[i]);
}


/* An option that is set once for each element of an array. */

static xr_rc_t
xr_tenants_option_each(const xr_tenants_state_t *st, size_t i,
    xr_rc_t (*set)(const xr_tenants_state_t *st, const xr_json_t *v))
{
    xr_rc_t         rc;
    xr_json_t       value;
    xr_json_iter_t  it;

    rc = xr_tenants_value_array(st, &st->values[i]);

    it = xr_json_iter(&st->values[i]);

    while (rc == XR_OK && xr_json_next(&it, NULL, &value)) {
        rc = set(st, &value);
    }

    return rc;
}


/* An option that adds to a list, once for each element. */

xr_rc_t
xr_tenants_option_list(xr_tenants_state_t *st, size_t i)
{
    xr_rc_t         rc;
    xr_str_t        name;
    xr_json_t       value;
    xr_json_iter_t  it;

    name = (i == XR_TENANTS_HOSTS) ? xr_str("host") : xr_tenants_names[i];
    rc = xr_tenants_value_array(st, &st->values[i]);

    it = xr_json_iter(&st->values[i]);

    while (rc == XR_OK && xr_json_next(&it, NULL, &value)) {
        rc = xr_tenants_option_set(st, name, &value);
    }

    return rc;
}


xr_rc_t
xr_tenants_option_names(xr_tenants_state_t *st, size_t i)
{
    return (st->values[i].type == XR_JSON_STRING)
           ? xr_tenants_option_string(st, i) : xr_tenants_option_list(st, i);
}


xr_rc_t
xr_tenants_option_flag(xr_tenants_state_t *st, size_t i)
{
    const xr_json_t      *v;
    xr_tenants_option_t   o;

    v = &st->values[i];

    if (v->type != XR_JSON_TRUE && v->type != XR_JSON_FALSE) {
        return xr_tenants_value_fail(st, v, XR_INVALID,
                                     "is neither true nor false");
    }

    xr_tenants_option_begin(st, &o, xr_tenants_names[i], v);
    xr_tenants_option_add(st, &o, v,
                          xr_str(v->type == XR_JSON_TRUE ? "on" : "off"));

    return xr_tenants_option_apply(st, &o);
}


/* "30s", or a number of seconds */

xr_rc_t
xr_tenants_option_time(xr_tenants_state_t *st, size_t i)
{
    const xr_json_t      *v;
    xr_tenants_option_t   o;

    v = &st->values[i];

    if (v->type != XR_JSON_NUMBER) {
        return xr_tenants_option_string(st, i);
    }

    xr_tenants_option_begin(st, &o, xr_tenants_names[i], v);
    xr_tenants_option_add(st, &o, v, v->raw);

    return xr_tenants_option_apply(st, &o);
}


xr_rc_t
xr_tenants_option_ignored(xr_tenants_state_t *st, size_t i)
{
    return xr_tenants_value_string(st, &st->values[i]);
}


/* Adds the argument "name=value". */

static xr_rc_t
xr_tenants_option_pair(const xr_tenants_state_t *st, xr_tenants_option_t *o,
    xr_str_t name, const xr_json_t *v)
{
    void      *p;
    size_t     size;
    xr_rc_t    rc;
    xr_buf_t   b;
    xr_str_t   text;

    rc = xr_tenants_value_text(st, v, &text);

    if (rc != XR_OK) {
        return rc;
    }

    size = name.len + 1 + text.len;
    p = st->reader->mem.alloc(st->reader->mem.ctx, size);

    if (p == NULL) {
        return xr_tenants_value_fail(st, v, XR_NO_SPACE,
                                     "out of memory");
    }

    b = xr_buf(p, size);
    xr_buf_put(&b, name);
    xr_buf_putc(&b, '=');
    xr_buf_put(&b, text);

    xr_tenants_option_add(st, o, v, xr_buf_str(&b));

    return XR_OK;
}


/* A string with others beside it, from member "i" to member "last". */

xr_rc_t
xr_tenants_option_named(const xr_tenants_state_t *st, size_t i, size_t last)
{
    xr_rc_t              rc;
    xr_str_t             text;
    xr_tenants_option_t  o;

    rc = xr_tenants_value_text(st, &st->values[i], &text);

    if (rc != XR_OK) {
        return rc;
    }

    xr_tenants_option_begin(st, &o, xr_tenants_names[i], &st->values[i]);
    xr_tenants_option_add(st, &o, &st->values[i], text);

    while (rc == XR_OK && i++ < last) {

        if (xr_tenants_given(&st->values[i])) {
            rc = xr_tenants_option_pair(st, &o, xr_tenants_names[i],
                                        &st->values[i]);
        }
    }

    return (rc == XR_OK) ? xr_tenants_option_apply(st, &o) : rc;
}


xr_rc_t
xr_tenants_option_origin(xr_tenants_state_t *st, size_t i)
{
    return xr_tenants_option_named(st, i, XR_TENANTS_UPSTREAM);
}


/* "s3://..." or {"origin": "s3://...", "region": ..., ...} */

static xr_rc_t
xr_tenants_option_replica(const xr_tenants_state_t *st, const xr_json_t *v)
{
    size_t               i;
    xr_rc_t              rc;
    xr_str_t             text;
    xr_json_t            values[XR_TENANTS_UPSTREAM - XR_TENANTS_ORIGIN + 1];
    const xr_str_t      *names;
    xr_tenants_option_t  o;

    names = &xr_tenants_names[XR_TENANTS_ORIGIN];
    text = xr_str_of(NULL, 0);

    memset(values, 0, sizeof(values));
    values[0] = *v;
    rc = XR_OK;

    if (v->type != XR_JSON_STRING) {
        rc = xr_tenants_value_object(st, v, names, XR_COUNT(values), values);

        if (rc == XR_OK && !xr_tenants_given(&values[0])) {
            rc = xr_tenants_value_fail(st, v, XR_INVALID,
                                       "has no \"origin\"");
        }
    }

    if (rc == XR_OK) {
        rc = xr_tenants_value_text(st, &values[0], &text);
    }

    if (rc != XR_OK) {
        return rc;
    }

    xr_tenants_option_begin(st, &o, xr_str("replica"), v);
    xr_tenants_option_add(st, &o, &values[0], text);

    for (i = 1; rc == XR_OK && i < XR_COUNT(values); i++) {

        if (xr_tenants_given(&values[i])) {
            rc = xr_tenants_option_pair(st, &o, names[i], &values[i]);
        }
    }

    return (rc == XR_OK) ? xr_tenants_option_apply(st, &o) : rc;
}


xr_rc_t
xr_tenants_option_replicas(xr_tenants_state_t *st, size_t i)
{
    return xr_tenants_option_each(st, i, xr_tenants_option_replica);
}


xr_rc_t
xr_tenants_option_of_origin(xr_tenants_state_t *st, size_t i)
{
    if (!xr_tenants_given(&st->values[XR_TENANTS_ORIGIN])) {
        return xr_tenants_value_fail(st, &st->values[i], XR_INVALID,
                                     "stands without an \"origin\"");
    }

    return XR_OK;                   /* was read with it */
}


/* All web origins are one option. */

xr_rc_t
xr_tenants_option_cors(xr_tenants_state_t *st, size_t i)
{
    xr_rc_t              rc;
    xr_str_t             text;
    xr_json_t            value;
    xr_json_iter_t       it;
    xr_tenants_option_t  o;

    if (st->values[i].type == XR_JSON_STRING) {
        return xr_tenants_option_string(st, i);
    }

    rc = xr_tenants_value_array(st, &st->values[i]);

    xr_tenants_option_begin(st, &o, xr_tenants_names[i], &st->values[i]);

    it = xr_json_iter(&st->values[i]);

    /* there is room for one too many, which the option refuses */

    while (rc == XR_OK && o.n < XR_TENANTS_ARGS
           && xr_json_next(&it, NULL, &value))
    {
        rc = xr_tenants_value_text(st, &value, &text);

        if (rc == XR_OK) {
            xr_tenants_option_add(st, &o, &value, text);
        }
    }

    return (rc == XR_OK) ? xr_tenants_option_apply(st, &o) : rc;
}


/* "key=subject rate=20r/s": parameters in one string, between spaces. */

static xr_rc_t
xr_tenants_option_split(const xr_tenants_state_t *st, xr_str_t name,
    const xr_json_t *v)
{
    xr_rc_t              rc;
    xr_str_t             text, word;
    xr_tenants_option_t  o;

    rc = xr_tenants_value_text(st, v, &text);

    if (rc != XR_OK) {
        return rc;
    }

    xr_tenants_option_begin(st, &o, name, v);

    /* there is room for more than there are parameters */

    while (text.len > 0 && o.n < XR_TENANTS_ARGS) {
        word = xr_str_cut(&text, ' ');

        if (word.len > 0) {
            xr_tenants_option_add(st, &o, v, word);
        }
    }

    return xr_tenants_option_apply(st, &o);
}


xr_rc_t
xr_tenants_option_words(xr_tenants_state_t *st, size_t i)
{
    return xr_tenants_option_split(st, xr_tenants_names[i], &st->values[i]);
}


static xr_rc_t
xr_tenants_option_limit(const xr_tenants_state_t *st, const xr_json_t *v)
{
    return xr_tenants_option_split(st, xr_str("limit"), v);
}


xr_rc_t
xr_tenants_option_limits(xr_tenants_state_t *st, size_t i)
{
    return xr_tenants_option_each(st, i, xr_tenants_option_limit);
}
