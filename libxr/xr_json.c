/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_json_chars.h"


/* Every number of a JavaScript writer is exact up to here. */

#define XR_JSON_MAX_INT       ((int64_t) 1 << 53)
#define XR_JSON_MAX_EXPONENT  ((int64_t) 1 << 53)


/*
 * The walk.  Its text has been checked, so it looks at as little of it as
 * finds the ends of values.
 */

static const uint8_t *
xr_json_skip_string(const uint8_t *p, const uint8_t *end, bool *escaped)
{
    *escaped = false;

    p = xr_json_skip_plain(p, end);

    while (p < end && *p != '"') {

        if (*p == '\\') {
            *escaped = true;
            p++;
        }

        p = xr_json_skip_plain(p + 1, end);
    }

    return p + 1;
}


static const uint8_t *
xr_json_skip_nested(const uint8_t *p, const uint8_t *end)
{
    bool    escaped;
    size_t  depth;

    depth = 0;

    do {

        while (p < end && (xr_json_bytes[*p] & XR_JSON_NEST) == 0) {
            p++;
        }

        switch (*p++) {

        case '"':
            p = xr_json_skip_string(p, end, &escaped);
            break;

        case '{':
        case '[':
            depth++;
            break;

        default:
            depth--;
        }

    } while (depth > 0);

    return p;
}


/* Takes a separator and the space around it. */

static const uint8_t *
xr_json_skip_to_value(const uint8_t *p, const uint8_t *end, uint8_t separator)
{
    p = xr_json_skip_space(p, end);

    if (p < end && *p == separator) {
        p = xr_json_skip_space(p + 1, end);
    }

    return p;
}


static const uint8_t *
xr_json_read_string(const uint8_t *p, const uint8_t *end, xr_json_t *v)
{
    const uint8_t  *start;

    start = p + 1;
    p = xr_json_skip_string(start, end, &v->escaped);

    v->type = XR_JSON_STRING;
    v->raw = xr_str_of(start, (size_t) (p - start - 1));

    return p;
}


static const uint8_t *
xr_json_read_value(const uint8_t *p, const uint8_t *end, xr_json_t *v)
{
    const uint8_t  *start;

    start = p;

    switch (*p) {

    case '"':
        return xr_json_read_string(p, end, v);

    case '{':
        v->type = XR_JSON_OBJECT;
        p = xr_json_skip_nested(p, end);
        break;

    case '[':
        v->type = XR_JSON_ARRAY;
        p = xr_json_skip_nested(p, end);
        break;

    default:
        v->type = (*p == 'n') ? XR_JSON_NULL
                  : (*p == 'f') ? XR_JSON_FALSE
                  : (*p == 't') ? XR_JSON_TRUE : XR_JSON_NUMBER;

        while (p < end && *p != ','
               && (xr_json_bytes[*p] & XR_JSON_SPACE) == 0)
        {
            p++;
        }
    }

    v->escaped = false;
    v->raw = xr_str_of(start, (size_t) (p - start));

    return p;
}


xr_json_iter_t
xr_json_iter(const xr_json_t *v)
{
    xr_json_iter_t  it;

    it.pos = v->raw.data;
    it.end = v->raw.data;
    it.object = v->type == XR_JSON_OBJECT;

    if (it.object || v->type == XR_JSON_ARRAY) {
        it.pos += 1;
        it.end += v->raw.len - 1;
    }

    return it;
}


bool
xr_json_next(xr_json_iter_t *it, xr_json_t *name, xr_json_t *value)
{
    xr_json_t       unread;
    const uint8_t  *p;

    p = xr_json_skip_to_value(it->pos, it->end, ',');

    if (p == it->end) {
        return false;
    }

    if (it->object) {
        p = xr_json_read_string(p, it->end, (name != NULL) ? name : &unread);
        p = xr_json_skip_to_value(p, it->end, ':');
    }

    it->pos = xr_json_read_value(p, it->end, value);

    return true;
}


bool
xr_json_is(const xr_json_t *v, xr_str_t s)
{
    size_t           i;
    xr_json_chars_t  chars;

    if (v->type != XR_JSON_STRING) {
        return false;
    }

    if (!v->escaped) {
        return xr_str_eq(v->raw, s);
    }

    chars = (xr_json_chars_t) { .rest = v->raw };

    for (i = 0; i < s.len; i++) {

        if (xr_json_chars_next(&chars) != s.data[i]) {
            return false;
        }
    }

    return xr_json_chars_next(&chars) == -1;
}


xr_rc_t
xr_json_get(const xr_json_t *object, xr_str_t name, xr_json_t *out)
{
    xr_json_t       member, value;
    xr_json_iter_t  it;

    it = xr_json_iter(object);

    while (it.object && xr_json_next(&it, &member, &value)) {

        if (xr_json_is(&member, name)) {
            *out = value;
            return XR_OK;
        }
    }

    return XR_NOT_FOUND;
}


xr_rc_t
xr_json_text(const xr_json_t *v, xr_buf_t *b, xr_str_t *out)
{
    int              c;
    size_t           start;
    xr_json_chars_t  chars;

    if (v->type != XR_JSON_STRING) {
        return XR_INVALID;
    }

    if (!v->escaped) {
        *out = v->raw;
        return XR_OK;
    }

    start = b->len;
    chars = (xr_json_chars_t) { .rest = v->raw };

    while ((c = xr_json_chars_next(&chars)) != -1) {
        xr_buf_putc(b, (uint8_t) c);
    }

    if (!xr_buf_ok(b)) {
        return XR_NO_SPACE;
    }

    *out = xr_str_of(b->data + start, b->len - start);

    return XR_OK;
}


/* Reads an exponent; beyond the maximum it makes no difference any more. */

static int64_t
xr_json_exponent(const uint8_t *p, const uint8_t *end)
{
    bool     negative;
    int64_t  n;

    negative = *p == '-';

    if (*p == '-' || *p == '+') {
        p++;
    }

    for (n = 0; p < end && n < XR_JSON_MAX_EXPONENT; p++) {
        n = n * 10 + (*p - '0');
    }

    return negative ? -n : n;
}


xr_rc_t
xr_json_int(const xr_json_t *v, int64_t *out)
{
    bool            negative;
    int64_t         n, digits;
    const uint8_t  *p, *end, *mark;

    if (v->type != XR_JSON_NUMBER) {
        return XR_INVALID;
    }

    p = v->raw.data;
    end = p + v->raw.len;

    negative = *p == '-';
    p += negative;

    /* how many digits are in front of the point once it has been moved */

    for (mark = p; mark < end && *mark >= '0' && *mark <= '9'; mark++) {
        /* void */
    }

    digits = mark - p;

    for ( /* void */ ; mark < end; mark++) {

        if (*mark == 'e' || *mark == 'E') {
            digits += xr_json_exponent(mark + 1, end);
            end = mark;
        }
    }

    n = 0;

    while (digits > 0 && (p < end || n > 0)) {

        if (p < end && *p == '.') {
            p++;
            continue;
        }

        n = n * 10 + (p < end ? *p++ - '0' : 0);
        digits--;

        if (n > XR_JSON_MAX_INT) {
            return XR_INVALID;
        }
    }

    *out = negative ? -n : n;

    return XR_OK;
}
