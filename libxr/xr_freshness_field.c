/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_freshness.h"
#include "xr_sf.h"


static const xr_str_t  xr_freshness_directives[XR_FRESHNESS_DIRECTIVES] = {
    [XR_FRESHNESS_MAX_AGE] = XR_STR("max-age"),
    [XR_FRESHNESS_S_MAXAGE] = XR_STR("s-maxage"),
    [XR_FRESHNESS_STALE_WHILE_REVALIDATE] = XR_STR("stale-while-revalidate"),
    [XR_FRESHNESS_STALE_IF_ERROR] = XR_STR("stale-if-error"),
    [XR_FRESHNESS_NO_STORE] = XR_STR("no-store"),
    [XR_FRESHNESS_NO_CACHE] = XR_STR("no-cache"),
    [XR_FRESHNESS_PRIVATE] = XR_STR("private"),
    [XR_FRESHNESS_MUST_REVALIDATE] = XR_STR("must-revalidate"),
    [XR_FRESHNESS_PROXY_REVALIDATE] = XR_STR("proxy-revalidate"),
    [XR_FRESHNESS_PUBLIC] = XR_STR("public"),
    [XR_FRESHNESS_IMMUTABLE] = XR_STR("immutable")
};


bool
xr_freshness_field_has(const xr_freshness_field_t *f, uint32_t directive)
{
    return (f->has & (1u << directive)) != 0;
}


/* The directive of a name, or XR_FRESHNESS_DIRECTIVES. */

static uint32_t
xr_freshness_directive(xr_str_t name)
{
    uint32_t  i;

    for (i = 0; i < XR_FRESHNESS_DIRECTIVES; i++) {

        if (xr_str_eq_nocase(name, xr_freshness_directives[i])) {
            break;
        }
    }

    return i;
}


static bool
xr_freshness_separator(uint8_t c)
{
    return c == ',' || c == ';' || c == ' ' || c == '\t';
}


/* The offset of what ends a name or a value that is not quoted. */

static size_t
xr_freshness_word_end(xr_str_t s, uint8_t also)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {

        if (xr_freshness_separator(s.data[i]) || s.data[i] == '"'
            || s.data[i] == also)
        {
            break;
        }
    }

    return i;
}


/* The offset of the quote that ends a string behind its first, or s.len. */

static size_t
xr_freshness_quote_end(xr_str_t s)
{
    size_t  i;

    for (i = 1; i < s.len && s.data[i] != '"'; i++) {

        if (s.data[i] == '\\' && i + 1 < s.len) {
            i++;
        }
    }

    return i;
}


/*
 * Takes a directive, which begins at once, off "*s".  False if there is a
 * quote that cannot be made sense of.
 */

static bool
xr_freshness_word(xr_str_t *s, xr_str_t *name, xr_str_t *value)
{
    size_t    n;
    xr_str_t  rest;

    n = xr_freshness_word_end(*s, '=');

    *name = xr_str_of(s->data, n);
    *value = xr_str_of(s->data + n, 0);
    rest = xr_str_of(s->data + n, s->len - n);

    if (rest.len > 0 && rest.data[0] == '=') {
        rest = xr_str_of(rest.data + 1, rest.len - 1);

        if (rest.len > 0 && rest.data[0] == '"') {
            n = xr_freshness_quote_end(rest);

            if (n == rest.len) {
                return false;
            }

            *value = xr_str_of(rest.data + 1, n - 1);
            n++;

        } else {
            n = xr_freshness_word_end(rest, '"');
            *value = xr_str_of(rest.data, n);
        }

        rest = xr_str_of(rest.data + n, rest.len - n);
    }

    *s = rest;

    return rest.len == 0 || xr_freshness_separator(rest.data[0]);
}


static void
xr_freshness_enter(xr_freshness_field_t *f, xr_str_t name, xr_str_t value)
{
    int64_t   seconds;
    uint32_t  i;

    i = xr_freshness_directive(name);

    if (i == XR_FRESHNESS_DIRECTIVES) {
        return;
    }

    if (i < XR_FRESHNESS_SECONDS) {

        if (xr_freshness_seconds(value, &seconds) != XR_OK) {
            seconds = 0;
        }

        if (!xr_freshness_field_has(f, i) || seconds < f->seconds[i]) {
            f->seconds[i] = seconds;
        }
    }

    f->has |= 1u << i;
}


void
xr_freshness_field_cache_control(xr_freshness_field_t *f, xr_str_t line)
{
    xr_str_t  name, value;

    while (line.len > 0) {

        if (xr_freshness_separator(line.data[0])) {
            line = xr_str_of(line.data + 1, line.len - 1);
            continue;
        }

        if (!xr_freshness_word(&line, &name, &value)) {
            f->unreadable = true;
            return;
        }

        xr_freshness_enter(f, name, value);
    }
}


/* Keys are in lower case already: the reader refuses others. */

static void
xr_freshness_enter_member(xr_freshness_field_t *f, const xr_sf_member_t *m)
{
    bool      right;
    int64_t   n;
    uint32_t  i;

    i = xr_freshness_directive(m->key);

    if (i == XR_FRESHNESS_DIRECTIVES) {
        return;
    }

    n = m->value.number;

    if (i < XR_FRESHNESS_SECONDS) {
        right = m->value.type == XR_SF_INTEGER;
        n = (right && n > 0) ? n : 0;
        f->seconds[i] = (n < XR_FRESHNESS_MAX) ? n : XR_FRESHNESS_MAX;

    } else {
        right = m->value.type != XR_SF_BOOLEAN || n != 0;
    }

    f->has |= 1u << i;
    f->wrong = right ? f->wrong & ~(1u << i) : f->wrong | 1u << i;
}


void
xr_freshness_field_targeted(xr_freshness_field_t *f, xr_str_t line)
{
    xr_rc_t         rc;
    xr_sf_member_t  m;

    rc = xr_sf_next(&line, &m);

    if (rc != XR_OK) {

        /* an empty line among others leaves a comma without a member */

        f->unreadable = true;
        return;
    }

    while (rc == XR_OK) {
        f->members = true;
        xr_freshness_enter_member(f, &m);
        rc = xr_sf_next(&line, &m);
    }

    if (rc != XR_NOT_FOUND) {
        f->unreadable = true;
    }
}
