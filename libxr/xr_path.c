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
    uint8_t  more;                      /* of a UTF-8 sequence, still due */
    uint8_t  low;                       /* bounds of the next one */
    uint8_t  high;
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


/* How UTF-8 sequences begin: RFC 3629, section 4. */

static const struct {
    uint8_t  first;
    uint8_t  last;
    uint8_t  more;
    uint8_t  low;
    uint8_t  high;
} xr_path_utf8_leads[] = {
    { 0xc2, 0xdf, 1, 0x80, 0xbf },
    { 0xe0, 0xe0, 2, 0xa0, 0xbf },
    { 0xe1, 0xec, 2, 0x80, 0xbf },
    { 0xed, 0xed, 2, 0x80, 0x9f },
    { 0xee, 0xef, 2, 0x80, 0xbf },
    { 0xf0, 0xf0, 3, 0x90, 0xbf },
    { 0xf1, 0xf3, 3, 0x80, 0xbf },
    { 0xf4, 0xf4, 3, 0x80, 0x8f }
};


static bool
xr_path_is_utf8(xr_path_walk_t *w, uint8_t c)
{
    size_t  i;

    if (w->more > 0) {

        if (c < w->low || c > w->high) {
            return false;
        }

        w->more--;
        w->low = 0x80;
        w->high = 0xbf;

        return true;
    }

    for (i = 0; c >= 0x80 && i < XR_COUNT(xr_path_utf8_leads); i++) {

        if (c >= xr_path_utf8_leads[i].first
            && c <= xr_path_utf8_leads[i].last)
        {
            w->more = xr_path_utf8_leads[i].more;
            w->low = xr_path_utf8_leads[i].low;
            w->high = xr_path_utf8_leads[i].high;

            return true;
        }
    }

    return c < 0x80;
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

    if (!xr_path_is_utf8(w, c)) {
        return "a byte that is not UTF-8";
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

    if (w->more > 0) {
        return "a UTF-8 sequence that is cut short";
    }

    return NULL;
}


/* Most of a path: bytes that mean nothing but themselves. */

static const bool  xr_path_plain_bytes[256] = {
    ['-'] = true, ['_'] = true, ['~'] = true,
    ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true,
    ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true,
    ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true, ['e'] = true,
    ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true,
    ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true,
    ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true,
    ['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true,
    ['z'] = true,
    ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,
    ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true,
    ['K'] = true, ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true,
    ['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true, ['T'] = true,
    ['U'] = true, ['V'] = true, ['W'] = true, ['X'] = true, ['Y'] = true,
    ['Z'] = true
};


/*
 * How many come next, unless they could complete what was begun.  A "." that
 * is not the first makes no segment of dots.
 */

static size_t
xr_path_plain(const xr_path_walk_t *w, const uint8_t *p, const uint8_t *last)
{
    const uint8_t  *start;

    if (w->before[0] == '%' || w->before[1] == '%' || w->more > 0) {
        return 0;
    }

    start = p;

    while (p < last
           && (xr_path_plain_bytes[*p] || (*p == '.' && p != start)))
    {
        p++;
    }

    return (size_t) (p - start);
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

    w = (xr_path_walk_t) { .segment = 0 };
    last = raw.data + raw.len;

    for (p = raw.data + 1; p < last; p += n) {

        n = xr_path_plain(&w, p, last);

        if (n != 0) {
            w.segment += n;
            continue;
        }

        n = xr_path_byte(p, last, &c);

        if (n == 0) {
            what = "a \"%\" without two hexadecimal digits";

        } else if (*p == '/') {
            what = xr_path_check_segment(&w);
            w = (xr_path_walk_t) { .segment = 0 };

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
xr_path_check_decoded(xr_str_t path, xr_err_t *err)
{
    size_t          i;
    uint8_t         c;
    const char     *what;
    xr_path_walk_t  w;

    if (path.len == 0 || path.data[0] != '/') {
        return xr_fail(err, XR_INVALID, 0, "does not start with \"/\"");
    }

    w = (xr_path_walk_t) { .segment = 0 };

    for (i = 1; i < path.len; i++) {
        c = path.data[i];

        if (c == '/') {
            what = xr_path_check_segment(&w);
            w = (xr_path_walk_t) { .segment = 0 };

        } else if (xr_path_is_control(c) || c == '\\') {
            what = "a control character or \"\\\"";

        } else {
            what = xr_path_is_utf8(&w, c) ? NULL : "a byte that is not UTF-8";
            w.segment++;
            w.dots += (c == '.');
        }

        if (what != NULL) {
            return xr_fail(err, XR_INVALID, i, what);
        }
    }

    what = (w.segment == 0) ? NULL : xr_path_check_segment(&w);

    return (what == NULL) ? XR_OK : xr_fail(err, XR_INVALID, path.len, what);
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


/* What stands for itself: 1 anywhere, 2 in a path, 4 in what was a URL. */

static const uint8_t  xr_path_kept[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 4, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 1, 1, 2,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 4, 0, 4, 0, 4,
    4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0
};


static void
xr_path_encode_but(xr_str_t s, uint8_t plain, xr_buf_t *out)
{
    uint8_t            c, escape[3];
    const uint8_t     *p, *first, *last;
    static const char  digits[] = "0123456789ABCDEF";

    if (s.len == 0) {
        return;                         /* which may be nowhere */
    }

    last = s.data + s.len;

    for (p = s.data; p != last; p++) {

        for (first = p; p != last && (xr_path_kept[*p] & plain); p++) {
            /* void */
        }

        xr_buf_put(out, xr_str_of(first, (size_t) (p - first)));

        if (p == last) {
            return;
        }

        c = *p;
        escape[0] = '%';
        escape[1] = (uint8_t) digits[c >> 4];
        escape[2] = (uint8_t) digits[c & 0x0f];

        xr_buf_put(out, xr_str_of(escape, sizeof(escape)));
    }
}


void
xr_path_encode(xr_str_t path, xr_buf_t *out)
{
    xr_path_encode_but(path, 1|2, out);
}


void
xr_path_encode_value(xr_str_t value, xr_buf_t *out)
{
    xr_path_encode_but(value, 1, out);
}


void
xr_path_encode_sent(xr_str_t sent, xr_buf_t *out)
{
    xr_path_encode_but(sent, 1|2|4, out);
}
