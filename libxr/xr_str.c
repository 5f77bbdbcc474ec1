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

        if (a.data[i] != b.data[i]
            && xr_str_lower(a.data[i]) != xr_str_lower(b.data[i]))
        {
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


/* The same byte eight times. */

#define XR_STR_EACH(c)  ((uint64_t) (c) * 0x0101010101010101u)


/*
 * Eight bytes at once.  Taking more off a byte than it holds sets its highest
 * bit: 0x20 from what is below, 1 from the 0 that 0x7f is made.  Bytes that
 * had that bit before do not count, and nothing is borrowed before the first
 * that does.
 */

static bool
xr_str_word_has_control(uint64_t word)
{
    uint64_t  below, deleted;

    below = word - XR_STR_EACH(0x20);
    deleted = (word ^ XR_STR_EACH(0x7f)) - XR_STR_EACH(1);

    return ((below | deleted) & ~word & XR_STR_EACH(0x80)) != 0;
}


bool
xr_str_has_control(xr_str_t s)
{
    size_t    i;
    uint64_t  word;

    for (i = 0; s.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s.data + i, sizeof(word));

        if (xr_str_word_has_control(word)) {
            return true;
        }
    }

    for ( /* void */ ; i < s.len; i++) {

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


xr_rc_t
xr_str_uint(xr_str_t *s, uint64_t *out)
{
    size_t    i;
    uint32_t  digit;
    uint64_t  n;

    n = 0;

    for (i = 0; i < s->len; i++) {
        digit = (uint32_t) s->data[i] - '0';

        if (digit > 9) {
            break;
        }

        if (n >= UINT64_MAX / 10
            && (n > UINT64_MAX / 10 || digit > UINT64_MAX % 10))
        {
            return XR_INVALID;
        }

        n = n * 10 + digit;
    }

    if (i == 0) {
        return XR_INVALID;
    }

    s->data += i;
    s->len -= i;
    *out = n;

    return XR_OK;
}


/* A table, as a processor mispredicts branches on the random digits of MACs. */

static const int8_t  xr_hex_digits[256] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
     0,  1,  2,  3,  4,  5,  6,  7,  8,  9, -1, -1, -1, -1, -1, -1,
    -1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1
};


int
xr_hex_digit(uint8_t c)
{
    return xr_hex_digits[c];
}


xr_rc_t
xr_hex_decode(xr_str_t s, uint8_t *out, size_t size)
{
    int     byte;
    size_t  i;

    if (s.len % 2 != 0) {
        return XR_INVALID;
    }

    if (s.len / 2 > size) {
        return XR_NO_SPACE;
    }

    for (i = 0; i < s.len / 2; i++) {
        byte = xr_hex_digits[s.data[2 * i]] * 16
               | xr_hex_digits[s.data[2 * i + 1]];

        if (byte < 0) {
            return XR_INVALID;
        }

        out[i] = (uint8_t) byte;
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
