/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_json.h"


/* Every character of a text becomes an escape at most. */

#define FUZZ_GROWTH  6


typedef struct {
    xr_str_t  text;
    size_t    members;
    size_t    depth;                    /* the deepest seen */
    bool      twice;
    bool      escape;                   /* all of ASCII, as it is written */
    xr_buf_t  out;
} fuzz_walk_t;


static void fuzz_value(fuzz_walk_t *w, const xr_json_t *v, size_t depth);


/* The C library reads the same number, but for what it rounds. */

static void
fuzz_number(xr_str_t raw)
{
    char         text[512];
    int64_t      n;
    xr_rc_t      rc;
    xr_json_t    v;
    long double  wanted;

    if (raw.len >= sizeof(text)) {
        return;
    }

    memcpy(text, raw.data, raw.len);
    text[raw.len] = '\0';
    wanted = strtold(text, NULL);

    v = (xr_json_t) { XR_JSON_NUMBER, false, raw };
    rc = xr_json_int(&v, &n);

    if (rc == XR_OK) {
        assert(n >= -((int64_t) 1 << 53) && n <= (int64_t) 1 << 53);
        wanted -= (long double) n;
        assert(wanted > -2 && wanted < 2);

    } else {
        assert(wanted >= 0x1p53L || wanted <= -0x1p53L);
    }
}


/* Writes a string; what is in it is one of its own spellings. */

static void
fuzz_string(fuzz_walk_t *w, const xr_json_t *v)
{
    size_t     i;
    uint8_t    c, *memory;
    xr_buf_t   b;
    xr_str_t   s;

    memory = malloc(v->raw.len + 1);
    assert(memory != NULL);

    /* unescaped, a string is never longer */

    b = xr_buf(memory, v->raw.len);

    assert(xr_json_text(v, &b, &s) == XR_OK);
    assert(v->escaped || s.data == v->raw.data);
    assert(v->escaped == (xr_str_find(v->raw, '\\') < v->raw.len));
    assert(v->escaped == (s.len < v->raw.len));
    assert(xr_json_is(v, s));
    assert(s.len == 0 || !xr_json_is(v, xr_str_of(s.data, s.len - 1)));

    xr_buf_putc(&w->out, '"');

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c < 0x80 && (w->escape || c < 0x20 || c == '"' || c == '\\')) {
            xr_buf_puts(&w->out, "\\u00");
            xr_buf_hex(&w->out, xr_str_of(&c, 1));

        } else {
            xr_buf_putc(&w->out, c);
        }
    }

    xr_buf_putc(&w->out, '"');

    free(memory);
}


/* The first member that reads like "name" is what a look-up finds. */

static void
fuzz_member(fuzz_walk_t *w, const xr_json_t *object, const xr_json_t *name,
    const xr_json_t *value)
{
    uint8_t    *memory;
    xr_buf_t    b;
    xr_str_t    s;
    xr_json_t   found;

    memory = malloc(name->raw.len + 1);
    assert(memory != NULL);

    b = xr_buf(memory, name->raw.len);

    assert(xr_json_text(name, &b, &s) == XR_OK);
    assert(xr_json_get(object, s, &found) == XR_OK);
    assert(found.raw.data <= value->raw.data);

    w->members++;

    if (found.raw.data != value->raw.data) {
        w->twice = true;

    } else {
        assert(found.type == value->type && found.escaped == value->escaped);
        assert(found.raw.len == value->raw.len);
    }

    free(memory);
}


static void
fuzz_elements(fuzz_walk_t *w, const xr_json_t *v, size_t depth)
{
    bool            first;
    xr_json_t       name, value;
    xr_json_iter_t  it;

    it = xr_json_iter(v);

    for (first = true; xr_json_next(&it, &name, &value); first = false) {

        if (!first) {
            xr_buf_putc(&w->out, ',');
        }

        if (it.object) {
            assert(xr_fuzz_within(name.raw, v->raw));
            assert(name.type == XR_JSON_STRING);

            fuzz_string(w, &name);
            fuzz_member(w, v, &name, &value);
            xr_buf_putc(&w->out, ':');
        }

        assert(xr_fuzz_within(value.raw, v->raw));
        fuzz_value(w, &value, depth);
    }
}


static void
fuzz_value(fuzz_walk_t *w, const xr_json_t *v, size_t depth)
{
    assert(xr_fuzz_within(v->raw, w->text));

    switch (v->type) {

    case XR_JSON_STRING:
        fuzz_string(w, v);
        return;

    case XR_JSON_NUMBER:
        fuzz_number(v->raw);
        xr_buf_put(&w->out, v->raw);
        return;

    case XR_JSON_NULL:
        assert(xr_str_eq(v->raw, xr_str("null")));
        xr_buf_put(&w->out, v->raw);
        return;

    case XR_JSON_FALSE:
    case XR_JSON_TRUE:
        assert(xr_str_eq(v->raw, v->type == XR_JSON_TRUE ? xr_str("true")
                                                         : xr_str("false")));
        xr_buf_put(&w->out, v->raw);
        return;

    case XR_JSON_ARRAY:
    case XR_JSON_OBJECT:
        break;
    }

    depth++;
    w->depth = (depth > w->depth) ? depth : w->depth;

    assert(v->raw.len >= 2);
    assert(v->raw.data[v->raw.len - 1] == v->raw.data[0] + 2);

    xr_buf_putc(&w->out, v->raw.data[0]);
    fuzz_elements(w, v, depth);
    xr_buf_putc(&w->out, (uint8_t) (v->raw.data[0] + 2));
}


static fuzz_walk_t
fuzz_walk(xr_str_t text, const xr_json_t *root, bool escape)
{
    uint8_t      *memory;
    fuzz_walk_t   w;

    memory = malloc(FUZZ_GROWTH * text.len);
    assert(memory != NULL);

    w = (fuzz_walk_t) { .text = text, .escape = escape };
    w.out = xr_buf(memory, FUZZ_GROWTH * text.len);

    fuzz_value(&w, root, 0);
    assert(xr_buf_ok(&w.out));

    return w;
}


/*
 * The text, written anew from what was read, is a text that reads the same,
 * whether its strings are escaped where they must be or all over.
 */

static void
fuzz_rewrite(const fuzz_walk_t *plain, const fuzz_walk_t *escaped)
{
    xr_str_t          copy;
    xr_json_t         root;
    fuzz_walk_t       again;
    xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    copy = xr_fuzz_copy(escaped->out.data, escaped->out.len);

    assert(xr_json_check(copy, &limits, &root, NULL) == XR_OK);

    again = fuzz_walk(copy, &root, false);

    assert(xr_str_eq(xr_buf_str(&again.out), xr_buf_str(&plain->out)));
    assert(again.members == plain->members && again.depth == plain->depth);
    assert(again.twice == plain->twice);

    free(again.out.data);
    xr_fuzz_free(copy);
}


/* The limits refuse what exceeds them, and nothing else. */

static void
fuzz_limits(xr_str_t in, const fuzz_walk_t *w, size_t depth, size_t members)
{
    xr_rc_t           rc;
    xr_err_t          err;
    xr_json_t         root;
    xr_json_limits_t  limits;

    limits.depth = depth;
    limits.members = members;

    rc = xr_json_check(in, &limits, &root, &err);

    assert((rc == XR_OK)
           == (w->depth <= depth && w->members <= members && !w->twice));
    assert(rc == XR_OK || err.pos < in.len);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_rc_t           rc;
    xr_str_t          in;
    xr_err_t          err;
    xr_json_t         root;
    fuzz_walk_t       plain, escaped;
    xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    in = xr_fuzz_copy(data, size);
    rc = xr_json_check(in, &limits, &root, &err);

    if (rc != XR_OK) {
        assert(rc == XR_INVALID && err.what != NULL && err.pos <= size);

        limits.members = XR_JSON_MAX_MEMBERS;
        assert(xr_json_check(in, &limits, &root, NULL) == XR_INVALID);

        xr_fuzz_free(in);
        return 0;
    }

    plain = fuzz_walk(in, &root, false);
    escaped = fuzz_walk(in, &root, true);

    assert(plain.depth <= XR_JSON_MAX_DEPTH);

    fuzz_rewrite(&plain, &escaped);
    fuzz_limits(in, &plain, XR_JSON_MAX_DEPTH, XR_JSON_MAX_MEMBERS);
    fuzz_limits(in, &plain, 2, 3);

    free(plain.out.data);
    free(escaped.out.data);
    xr_fuzz_free(in);

    return 0;
}
