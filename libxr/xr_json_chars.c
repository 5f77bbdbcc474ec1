/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_json_chars.h"


const uint8_t  xr_json_bytes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    3, 2, 8, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 10, 0, 10, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 10, 2, 10, 2, 2
};

const uint8_t  xr_json_escapes[256] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f',
    ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
};


int32_t
xr_json_chars_unit(const uint8_t *p, const uint8_t *end)
{
    int      digit;
    size_t   i;
    int32_t  n;

    if (end - p < 4) {
        return -1;
    }

    n = 0;

    for (i = 0; i < 4; i++) {
        digit = xr_hex_digit(p[i]);

        if (digit < 0) {
            return -1;
        }

        n = n * 16 + digit;
    }

    return n;
}


/* RFC 3629: the shortest form, no surrogates, nothing above U+10FFFF. */

size_t
xr_json_chars_utf8(const uint8_t *p, const uint8_t *end)
{
    size_t   i, len;
    uint8_t  low, high;

    len = (*p < 0xc2) ? 0 : (*p < 0xe0) ? 2 : (*p < 0xf0) ? 3
          : (*p < 0xf5) ? 4 : 0;

    if ((size_t) (end - p) < len) {
        return 0;
    }

    /* the second byte tells what is too long, a surrogate or too high */

    low = (*p == 0xe0) ? 0xa0 : (*p == 0xf0) ? 0x90 : 0x80;
    high = (*p == 0xed) ? 0x9f : (*p == 0xf4) ? 0x8f : 0xbf;

    for (i = 1; i < len; i++) {

        if (p[i] < low || p[i] > high) {
            return 0;
        }

        low = 0x80;
        high = 0xbf;
    }

    return len;
}


/* Writes a code point as UTF-8. */

static size_t
xr_json_chars_encode(uint32_t code, uint8_t out[4])
{
    size_t   i, len;
    uint8_t  mark;

    len = (code < 0x80) ? 1 : (code < 0x800) ? 2 : (code < 0x10000) ? 3 : 4;
    mark = (len == 1) ? 0 : (len == 2) ? 0xc0 : (len == 3) ? 0xe0 : 0xf0;

    for (i = len - 1; i > 0; i--) {
        out[i] = (uint8_t) (0x80 | (code & 0x3f));
        code >>= 6;
    }

    out[0] = (uint8_t) (mark | code);

    return len;
}


int
xr_json_chars_next(xr_json_chars_t *c)
{
    size_t          size;
    uint32_t        code, low;
    const uint8_t  *p, *end;

    if (c->pos < c->len) {
        return c->bytes[c->pos++];
    }

    if (c->rest.len == 0) {
        return -1;
    }

    p = c->rest.data;
    end = p + c->rest.len;

    c->len = 1;
    c->pos = 1;
    c->bytes[0] = *p;
    size = 1;

    if (*p == '\\' && p[1] != 'u') {
        c->bytes[0] = xr_json_escapes[p[1]];
        size = 2;

    } else if (*p == '\\') {
        code = (uint32_t) xr_json_chars_unit(p + 2, end);
        size = 6;

        if (code >= 0xd800 && code <= 0xdfff) {
            low = (uint32_t) xr_json_chars_unit(p + 8, end);
            code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
            size = 12;
        }

        c->len = xr_json_chars_encode(code, c->bytes);
    }

    c->rest = xr_str_of(p + size, c->rest.len - size);

    return c->bytes[0];
}


uint64_t
xr_json_chars_hash(const xr_json_t *v)
{
    int              c;
    uint64_t         hash;
    xr_json_chars_t  chars;

    chars = (xr_json_chars_t) { .rest = v->raw };
    hash = UINT64_C(0xcbf29ce484222325);

    while ((c = xr_json_chars_next(&chars)) != -1) {
        hash = (hash ^ (uint64_t) c) * UINT64_C(0x100000001b3);
    }

    return hash;
}


bool
xr_json_chars_same(const xr_json_t *a, const xr_json_t *b)
{
    int              c;
    xr_json_chars_t  x, y;

    if (!a->escaped && !b->escaped) {
        return xr_str_eq(a->raw, b->raw);
    }

    x = (xr_json_chars_t) { .rest = a->raw };
    y = (xr_json_chars_t) { .rest = b->raw };

    do {
        c = xr_json_chars_next(&x);

        if (c != xr_json_chars_next(&y)) {
            return false;
        }
    } while (c != -1);

    return true;
}
