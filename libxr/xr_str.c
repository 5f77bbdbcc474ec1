/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr.h"


xr_rc_t
xr_fail(xr_err_t *err, xr_rc_t rc, size_t pos, const char *what)
{
    if (err != NULL) {
        err->what = what;
        err->pos = pos;
    }

    return rc;
}


static uint8_t
xr_str_lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (uint8_t) (c | 0x20) : c;
}


bool
xr_str_eq_nocase(xr_str_t a, xr_str_t b)
{
    size_t  i;

    if (a.len != b.len) {
        return false;
    }

    for (i = 0; i < a.len; i++) {
        if (xr_str_lower(a.data[i]) != xr_str_lower(b.data[i])) {
            return false;
        }
    }

    return true;
}


bool
xr_str_ends(xr_str_t s, xr_str_t suffix)
{
    return s.len >= suffix.len
           && xr_str_eq(xr_str_of(s.data + s.len - suffix.len, suffix.len),
                        suffix);
}


bool
xr_str_has_control(xr_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] < 0x20 || s.data[i] == 0x7f) {
            return true;
        }
    }

    return false;
}


size_t
xr_str_line(xr_str_t text, size_t pos)
{
    size_t  i, line;

    line = 1;

    for (i = 0; i < pos && i < text.len; i++) {

        if (text.data[i] == '\n') {
            line++;
        }
    }

    return line;
}


static bool
xr_str_is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


xr_str_t
xr_str_trim(xr_str_t s)
{
    while (s.len > 0 && xr_str_is_space(s.data[0])) {
        s.data++;
        s.len--;
    }

    while (s.len > 0 && xr_str_is_space(s.data[s.len - 1])) {
        s.len--;
    }

    return s;
}


xr_rc_t
xr_str_dup(const xr_mem_t *mem, xr_str_t s, xr_str_t *out)
{
    uint8_t  *p;

    p = mem->alloc(mem->ctx, s.len + 1);

    if (p == NULL) {
        return XR_NO_SPACE;
    }

    if (s.len > 0) {
        memcpy(p, s.data, s.len);
    }

    *out = xr_str_of(p, s.len);

    return XR_OK;
}


xr_str_t
xr_str_cut(xr_str_t *s, uint8_t c)
{
    size_t    n;
    xr_str_t  head;

    n = xr_str_find(*s, c);
    head = xr_str_of(s->data, n);

    if (n < s->len) {
        n++;
    }

    if (n > 0) {
        s->data += n;
        s->len -= n;
    }

    return head;
}


xr_rc_t
xr_str_uint(xr_str_t *s, uint64_t *out)
{
    size_t    i;
    uint8_t   c;
    uint64_t  n;

    n = 0;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c < '0' || c > '9') {
            break;
        }

        if (n > (UINT64_MAX - (c - '0')) / 10) {
            return XR_INVALID;
        }

        n = n * 10 + (c - '0');
    }

    if (i == 0) {
        return XR_INVALID;
    }

    s->data += i;
    s->len -= i;
    *out = n;

    return XR_OK;
}


/*
 * A table, as digits of MACs are random: a processor mispredicts branches on
 * them.  Values are one too high, so that what is not listed is 0.
 */

static const uint8_t  xr_hex_digits[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
    ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16
};


int
xr_hex_digit(uint8_t c)
{
    return xr_hex_digits[c] - 1;
}


xr_rc_t
xr_hex_decode(xr_str_t s, uint8_t *out, size_t size)
{
    size_t   i;
    uint8_t  high, low;

    if (s.len % 2 != 0) {
        return XR_INVALID;
    }

    if (s.len / 2 > size) {
        return XR_NO_SPACE;
    }

    for (i = 0; i < s.len; i += 2) {
        high = xr_hex_digits[s.data[i]];
        low = xr_hex_digits[s.data[i + 1]];

        if (high == 0 || low == 0) {
            return XR_INVALID;
        }

        out[i / 2] = (uint8_t) ((high - 1) << 4 | (low - 1));
    }

    return XR_OK;
}


/* Digits of four characters; 64 and more is none. */

static uint32_t
xr_base64url_digit(uint8_t c)
{
    static const uint8_t  digits[128] = {
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64,
        52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
        64,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
        15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63,
        64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
        41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64
    };

    return (c < sizeof(digits)) ? digits[c] : 64;
}


xr_rc_t
xr_base64url_decode(xr_str_t s, uint8_t *out, size_t size, size_t *len)
{
    size_t          i, n, rest;
    uint32_t        a, b, c, d;
    const uint8_t  *p;

    rest = s.len % 4;

    if (rest == 1) {
        return XR_INVALID;
    }

    if (XR_BASE64_DECODED(s.len) > size) {
        return XR_NO_SPACE;
    }

    p = s.data;
    n = 0;

    for (i = 0; i < s.len / 4; i++) {
        a = xr_base64url_digit(p[0]);
        b = xr_base64url_digit(p[1]);
        c = xr_base64url_digit(p[2]);
        d = xr_base64url_digit(p[3]);

        if ((a | b | c | d) >= 64) {
            return XR_INVALID;
        }

        out[n++] = (uint8_t) (a << 2 | b >> 4);
        out[n++] = (uint8_t) (b << 4 | c >> 2);
        out[n++] = (uint8_t) (c << 6 | d);
        p += 4;
    }

    if (rest != 0) {
        a = xr_base64url_digit(p[0]);
        b = xr_base64url_digit(p[1]);
        c = (rest == 3) ? xr_base64url_digit(p[2]) : 0;

        /* what the last digit has beyond whole bytes must be zero */

        if ((a | b | c) >= 64 || ((rest == 3 ? c << 6 : b << 4) & 0xff) != 0) {
            return XR_INVALID;
        }

        out[n++] = (uint8_t) (a << 2 | b >> 4);

        if (rest == 3) {
            out[n++] = (uint8_t) (b << 4 | c >> 2);
        }
    }

    *len = n;

    return XR_OK;
}


bool
xr_strs_next(xr_strs_t *list, xr_str_t *out)
{
    size_t     len;
    xr_str_t  *s;

    s = &list->packed;

    if (s->len < XR_STRS_PACKED_SIZE(0)) {
        return false;
    }

    len = (size_t) s->data[0] | (size_t) s->data[1] << 8;

    if (len > s->len - XR_STRS_PACKED_SIZE(0)) {
        return false;
    }

    *out = xr_str_of(s->data + XR_STRS_PACKED_SIZE(0), len);
    *s = xr_str_of(s->data + XR_STRS_PACKED_SIZE(len),
                   s->len - XR_STRS_PACKED_SIZE(len));

    return true;
}


bool
xr_strs_has(xr_strs_t list, xr_str_t s)
{
    xr_str_t  one;

    while (xr_strs_next(&list, &one)) {

        if (xr_str_eq(one, s)) {
            return true;
        }
    }

    return false;
}
