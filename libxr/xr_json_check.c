/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_json_chars.h"


typedef struct {
    const uint8_t  *start;
    const uint8_t  *end;
    xr_err_t       *err;
    size_t          max_depth;
    size_t          max_members;

    size_t          depth;
    uint32_t        objects;        /* a bit per level, the inmost is lowest */
    size_t          members;        /* seen so far */

    /* Names of the objects that are open; a level's begin at its "first". */

    size_t          n;
    size_t          first[XR_JSON_MAX_DEPTH];
    xr_json_t       names[XR_JSON_MAX_MEMBERS];
    uint64_t        hashes[XR_JSON_MAX_MEMBERS];
} xr_json_reader_t;


static const uint8_t *
xr_json_check_fail(const xr_json_reader_t *r, const uint8_t *p,
    const char *what)
{
    (void) xr_fail(r->err, XR_INVALID, (size_t) (p - r->start), what);

    return NULL;
}


/*
 * The check.  Its functions take where to read on, and return what is behind
 * the part they are named after; NULL once something was wrong.
 */

static const uint8_t *
xr_json_check_escape(const xr_json_reader_t *r, const uint8_t *p)
{
    int32_t  high, low;

    if (r->end - p < 2) {
        return xr_json_check_fail(r, p, "a string does not end");
    }

    if (xr_json_escapes[p[1]] != 0) {
        return p + 2;
    }

    high = (p[1] == 'u') ? xr_json_chars_unit(p + 2, r->end) : -1;

    if (high == -1) {
        return xr_json_check_fail(r, p, "not an escape sequence");
    }

    if (high < 0xd800 || high > 0xdfff) {
        return p + 6;
    }

    low = -1;

    if (high < 0xdc00 && r->end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        low = xr_json_chars_unit(p + 8, r->end);
    }

    if (low < 0xdc00 || low > 0xdfff) {
        return xr_json_check_fail(r, p, "half a surrogate pair");
    }

    return p + 12;
}


static const uint8_t *
xr_json_check_utf8(const xr_json_reader_t *r, const uint8_t *p)
{
    size_t  len;

    len = xr_json_chars_utf8(p, r->end);

    return (len != 0) ? p + len : xr_json_check_fail(r, p, "not UTF-8");
}


/* "p" is behind the quote that opens the string. */

static const uint8_t *
xr_json_check_string(const xr_json_reader_t *r, const uint8_t *p,
    xr_json_t *v)
{
    v->type = XR_JSON_STRING;
    v->escaped = false;
    v->raw.data = p;

    while (p != NULL) {
        p = xr_json_skip_plain(p, r->end);

        if (p == r->end) {
            return xr_json_check_fail(r, p, "a string does not end");
        }

        if (*p == '"') {
            v->raw.len = (size_t) (p - v->raw.data);
            return p + 1;
        }

        if (*p == '\\') {
            v->escaped = true;
            p = xr_json_check_escape(r, p);

        } else if (*p < 0x20) {
            return xr_json_check_fail(r, p, "a control character in a string");

        } else {
            p = xr_json_check_utf8(r, p);
        }
    }

    return NULL;
}


static const uint8_t *
xr_json_check_digits(const xr_json_reader_t *r, const uint8_t *p)
{
    if (p == r->end || (xr_json_bytes[*p] & XR_JSON_DIGIT) == 0) {
        return xr_json_check_fail(r, p, "a digit is missing");
    }

    do {
        p++;
    } while (p < r->end && (xr_json_bytes[*p] & XR_JSON_DIGIT) != 0);

    return p;
}


static const uint8_t *
xr_json_check_number(const xr_json_reader_t *r, const uint8_t *p,
    xr_json_t *v)
{
    const uint8_t  *start;

    start = p;

    if (*p == '-') {
        p++;
    }

    /* a leading zero is a number of its own */

    p = (p < r->end && *p == '0') ? p + 1 : xr_json_check_digits(r, p);

    if (p != NULL && p < r->end && *p == '.') {
        p = xr_json_check_digits(r, p + 1);
    }

    if (p != NULL && p < r->end && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < r->end && (*p == '+' || *p == '-')) {
            p++;
        }

        p = xr_json_check_digits(r, p);
    }

    if (p != NULL) {
        v->type = XR_JSON_NUMBER;
        v->escaped = false;
        v->raw = xr_str_of(start, (size_t) (p - start));
    }

    return p;
}


static const uint8_t *
xr_json_check_word(const xr_json_reader_t *r, const uint8_t *p, xr_json_t *v)
{
    xr_str_t  rest, word;

    static const xr_str_t  words[] = {
        [XR_JSON_NULL] = XR_STR("null"),
        [XR_JSON_FALSE] = XR_STR("false"),
        [XR_JSON_TRUE] = XR_STR("true")
    };

    rest = xr_str_of(p, (size_t) (r->end - p));

    v->type = (*p == 't') ? XR_JSON_TRUE
              : (*p == 'f') ? XR_JSON_FALSE : XR_JSON_NULL;
    v->escaped = false;

    word = words[v->type];

    if (!xr_str_starts(rest, word)) {
        return xr_json_check_fail(r, p, "not a JSON value");
    }

    v->raw = xr_str_of(p, word.len);

    return p + word.len;
}


static const uint8_t *
xr_json_check_scalar(const xr_json_reader_t *r, const uint8_t *p,
    xr_json_t *v)
{
    if (p == r->end) {
        return xr_json_check_fail(r, p, "a value is missing");
    }

    if (*p == '"') {
        return xr_json_check_string(r, p + 1, v);
    }

    if (*p == '-' || (xr_json_bytes[*p] & XR_JSON_DIGIT) != 0) {
        return xr_json_check_number(r, p, v);
    }

    return xr_json_check_word(r, p, v);
}


/*
 * Counts a member, and compares it with the others of its object: by hashes,
 * as a token of nothing but long, escaped, almost equal names costs much.
 */

static const uint8_t *
xr_json_check_member(xr_json_reader_t *r, const uint8_t *p,
    const xr_json_t *name)
{
    size_t    i;
    uint64_t  hash;

    if (r->members == r->max_members) {
        return xr_json_check_fail(r, p, "too many members");
    }

    hash = xr_json_chars_hash(name);

    for (i = r->first[r->depth - 1]; i < r->n; i++) {

        if (r->hashes[i] == hash
            && xr_json_chars_same(&r->names[i], name))
        {
            return xr_json_check_fail(r, p, "a member occurs twice");
        }
    }

    r->members++;
    r->names[r->n] = *name;
    r->hashes[r->n++] = hash;

    return p;
}


/* A name, and the colon behind it. */

static const uint8_t *
xr_json_check_name(xr_json_reader_t *r, const uint8_t *p)
{
    xr_json_t       name;
    const uint8_t  *start;

    p = xr_json_skip_space(p, r->end);

    if (p == r->end || *p != '"') {
        return xr_json_check_fail(r, p, "a member name is missing");
    }

    start = p;
    p = xr_json_check_string(r, p + 1, &name);

    if (p == NULL
        || (r->max_members > 0
            && xr_json_check_member(r, start, &name) == NULL))
    {
        return NULL;
    }

    p = xr_json_skip_space(p, r->end);

    if (p == r->end || *p != ':') {
        return xr_json_check_fail(r, p, "a colon is missing");
    }

    return p + 1;
}


/*
 * What follows a value: the ends of the arrays and objects it is the last of,
 * then a comma, with the name of the next member.
 */

static const uint8_t *
xr_json_check_next(xr_json_reader_t *r, const uint8_t *p)
{
    bool  object;

    while (r->depth > 0) {
        p = xr_json_skip_space(p, r->end);
        object = (r->objects & 1) != 0;

        if (p < r->end && *p == ',') {
            return object ? xr_json_check_name(r, p + 1) : p + 1;
        }

        if (p == r->end || *p != (object ? '}' : ']')) {
            return xr_json_check_fail(r, p, object ? "neither , nor }"
                                                   : "neither , nor ]");
        }

        p++;

        r->depth--;
        r->n = r->first[r->depth];
        r->objects >>= 1;
    }

    return p;
}


/* "p" is at the bracket. */

static const uint8_t *
xr_json_check_open(xr_json_reader_t *r, const uint8_t *p)
{
    bool  object;

    if (r->depth == r->max_depth) {
        return xr_json_check_fail(r, p, "nested too deeply");
    }

    object = *p == '{';

    r->first[r->depth++] = r->n;
    r->objects = r->objects << 1 | object;

    p = xr_json_skip_space(p + 1, r->end);

    if (p < r->end && *p == (object ? '}' : ']')) {
        return xr_json_check_next(r, p);
    }

    return object ? xr_json_check_name(r, p) : p;
}


/* Sets "v" when the value is neither an array nor an object. */

static const uint8_t *
xr_json_check_value(xr_json_reader_t *r, const uint8_t *p, xr_json_t *v)
{
    do {
        p = xr_json_skip_space(p, r->end);

        if (p < r->end && (*p == '{' || *p == '[')) {
            p = xr_json_check_open(r, p);
            continue;
        }

        p = xr_json_check_scalar(r, p, v);

        if (p != NULL) {
            p = xr_json_check_next(r, p);
        }

    } while (p != NULL && r->depth > 0);

    return p;
}


static size_t
xr_json_check_min(size_t a, size_t b)
{
    return (a < b) ? a : b;
}


xr_rc_t
xr_json_check(xr_str_t text, const xr_json_limits_t *limits, xr_json_t *root,
    xr_err_t *err)
{
    xr_json_t         v;
    const uint8_t    *p, *start;
    xr_json_reader_t  r;

    if (text.len == 0) {
        return xr_fail(err, XR_INVALID, 0, "a value is missing");
    }

    r.start = text.data;
    r.end = text.data + text.len;
    r.err = err;
    r.max_depth = xr_json_check_min(limits->depth, XR_JSON_MAX_DEPTH);
    r.max_members = xr_json_check_min(limits->members, XR_JSON_MAX_MEMBERS);
    r.depth = 0;
    r.objects = 0;
    r.members = 0;
    r.n = 0;

    start = xr_json_skip_space(r.start, r.end);
    p = xr_json_check_value(&r, start, &v);

    if (p == NULL) {
        return XR_INVALID;
    }

    if (*start == '{' || *start == '[') {
        v.type = (*start == '{') ? XR_JSON_OBJECT : XR_JSON_ARRAY;
        v.escaped = false;
        v.raw = xr_str_of(start, (size_t) (p - start));
    }

    p = xr_json_skip_space(p, r.end);

    if (p != r.end) {
        return xr_fail(err, XR_INVALID, (size_t) (p - r.start),
                       "something behind the value");
    }

    *root = v;

    return XR_OK;
}
