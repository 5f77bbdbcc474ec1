/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_path.h"


/*
 * One walk over a path.  Segments are judged by their decoded bytes, escapes
 * by the two bytes that were decoded before.
 */

typedef struct {
    size_t   segment;                   /* decoded length so far */
    size_t   dots;                      /* how many of it are "." */
    uint8_t  before[2];                 /* the last decoded bytes */
} xr_path_walk_t;


static bool
xr_path_is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}


/* Reads one byte, decoding it; returns how many bytes it took, 0 if broken. */

static size_t
xr_path_byte(const uint8_t *p, const uint8_t *last, uint8_t *out)
{
    int  high, low;

    if (*p != '%') {
        *out = *p;
        return 1;
    }

    if (last - p < 3) {
        return 0;
    }

    high = xr_hex_digit(p[1]);
    low = xr_hex_digit(p[2]);

    if (high < 0 || low < 0) {
        return 0;
    }

    *out = (uint8_t) (high << 4 | low);

    return 3;
}


/* Whether "c" ends what a second decoding would turn into another path. */

static bool
xr_path_is_double(const xr_path_walk_t *w, uint8_t c)
{
    int      high, low;
    uint8_t  byte;

    if (w->before[0] != '%') {
        return false;
    }

    high = xr_hex_digit(w->before[1]);
    low = xr_hex_digit(c);

    if (high < 0 || low < 0) {
        return false;
    }

    byte = (uint8_t) (high << 4 | low);

    return byte == '/' || byte == '.' || byte == '\\' || byte == '%'
           || xr_path_is_control(byte);
}


static const char *
xr_path_check_byte(xr_path_walk_t *w, uint8_t c, bool escaped)
{
    if (escaped) {

        if (c == '/' || c == '\\') {
            return "an encoded \"/\" or \"\\\"";
        }

    } else if (c == ' ' || c == '\\' || c == '?' || c == '#') {
        return "a byte that has to be encoded in a path";
    }

    if (xr_path_is_control(c)) {
        return "a control character";
    }

    if (xr_path_is_double(w, c)) {
        return "a second layer of percent-encoding";
    }

    w->before[0] = w->before[1];
    w->before[1] = c;

    w->segment++;
    w->dots += (c == '.');

    return NULL;
}


static const char *
xr_path_check_segment(const xr_path_walk_t *w)
{
    if (w->segment == 0) {
        return "an empty segment";
    }

    if (w->segment <= 2 && w->dots == w->segment) {
        return "a \".\" or \"..\" segment";
    }

    return NULL;
}


xr_rc_t
xr_path_check(xr_str_t raw, xr_err_t *err)
{
    size_t           n;
    uint8_t          c;
    const char      *what;
    const uint8_t   *p, *last;
    xr_path_walk_t   w;

    if (raw.len == 0 || raw.data[0] != '/') {
        return xr_fail(err, XR_INVALID, 0, "does not start with \"/\"");
    }

    w = (xr_path_walk_t) { 0, 0, { 0, 0 } };
    last = raw.data + raw.len;

    for (p = raw.data + 1; p < last; p += n) {

        n = xr_path_byte(p, last, &c);

        if (n == 0) {
            what = "a \"%\" without two hexadecimal digits";

        } else if (*p == '/') {
            what = xr_path_check_segment(&w);
            w = (xr_path_walk_t) { 0, 0, { 0, 0 } };

        } else {
            what = xr_path_check_byte(&w, c, n == 3);
        }

        if (what != NULL) {
            return xr_fail(err, XR_INVALID, (size_t) (p - raw.data), what);
        }
    }

    what = xr_path_check_segment(&w);

    if (what != NULL && w.segment != 0) {
        return xr_fail(err, XR_INVALID, raw.len, what);
    }

    return XR_OK;
}


xr_rc_t
xr_path_decode(xr_str_t raw, xr_buf_t *out, xr_err_t *err)
{
    size_t    n;
    uint8_t   c;
    xr_str_t  rest;

    rest = raw;

    while (rest.len > 0) {

        n = xr_str_find(rest, '%');

        xr_buf_put(out, xr_str_of(rest.data, n));
        rest = xr_str_of(rest.data + n, rest.len - n);

        if (rest.len == 0) {
            break;
        }

        n = xr_path_byte(rest.data, rest.data + rest.len, &c);

        if (n == 0) {
            return xr_fail(err, XR_INVALID, raw.len - rest.len,
                           "a \"%\" without two hexadecimal digits");
        }

        xr_buf_putc(out, c);
        rest = xr_str_of(rest.data + n, rest.len - n);
    }

    if (!xr_buf_ok(out)) {
        return xr_fail(err, XR_NO_SPACE, 0, "the path is too long");
    }

    return XR_OK;
}


static bool
xr_path_is_unreserved(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
           || c == '~';
}


static void
xr_path_encode_but(xr_str_t s, uint8_t kept, xr_buf_t *out)
{
    size_t             i;
    uint8_t            c, escape[3];
    static const char  digits[] = "0123456789ABCDEF";

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (xr_path_is_unreserved(c) || c == kept) {
            xr_buf_putc(out, c);
            continue;
        }

        escape[0] = '%';
        escape[1] = (uint8_t) digits[c >> 4];
        escape[2] = (uint8_t) digits[c & 0x0f];

        xr_buf_put(out, xr_str_of(escape, sizeof(escape)));
    }
}


void
xr_path_encode(xr_str_t path, xr_buf_t *out)
{
    xr_path_encode_but(path, '/', out);
}


void
xr_path_encode_value(xr_str_t value, xr_buf_t *out)
{
    /* "~" is kept anyway, so nothing else is */

    xr_path_encode_but(value, '~', out);
}
