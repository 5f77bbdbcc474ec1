/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_json_put.h"
#include "xr_json_chars.h"


void
xr_json_put_next(xr_buf_t *b)
{
    uint8_t  last;

    last = (b->len > 0) ? b->data[b->len - 1] : '{';

    if (last != '{' && last != '[') {
        xr_buf_putc(b, ',');
    }
}


void
xr_json_put_name(xr_buf_t *b, const char *name)
{
    xr_json_put_next(b);
    xr_buf_putc(b, '"');
    xr_buf_puts(b, name);
    xr_buf_puts(b, "\":");
}


/* What is in a string, of bytes that do not stand for themselves. */

static size_t
xr_json_put_other(xr_buf_t *b, const uint8_t *p, const uint8_t *end)
{
    size_t   len;

    if (*p == '"' || *p == '\\') {
        xr_buf_putc(b, '\\');
        xr_buf_putc(b, *p);

        return 1;
    }

    if (*p < 0x80) {
        xr_buf_puts(b, "\\u00");
        xr_buf_hex(b, xr_str_of(p, 1));

        return 1;
    }

    len = xr_json_chars_utf8(p, end);

    if (len == 0) {
        xr_buf_puts(b, "\xef\xbf\xbd");
        return 1;
    }

    xr_buf_put(b, xr_str_of(p, len));

    return len;
}


static void
xr_json_put_inside(xr_buf_t *b, xr_str_t s)
{
    const uint8_t  *p, *end, *plain;

    if (s.len == 0) {
        return;
    }

    p = s.data;
    end = p + s.len;

    while (p < end) {
        plain = xr_json_skip_plain(p, end);
        xr_buf_put(b, xr_str_of(p, (size_t) (plain - p)));
        p = plain;

        if (p < end) {
            p += xr_json_put_other(b, p, end);
        }
    }
}


void
xr_json_put_string(xr_buf_t *b, xr_str_t s)
{
    xr_buf_putc(b, '"');
    xr_json_put_inside(b, s);
    xr_buf_putc(b, '"');
}


void
xr_json_put_short(xr_buf_t *b, xr_str_t s)
{
    if (s.len <= XR_JSON_PUT_SHORT) {
        xr_json_put_string(b, s);
        return;
    }

    xr_buf_putc(b, '"');
    xr_json_put_inside(b, xr_str_of(s.data, XR_JSON_PUT_SHORT));
    xr_buf_puts(b, "... (");
    xr_buf_uint(b, s.len);
    xr_buf_puts(b, " bytes)\"");
}


void
xr_json_put_text(xr_buf_t *b, const char *name, xr_str_t s)
{
    xr_json_put_name(b, name);
    xr_json_put_short(b, s);
}


void
xr_json_put_uint(xr_buf_t *b, const char *name, uint64_t n)
{
    xr_json_put_name(b, name);
    xr_buf_uint(b, (n > INT64_MAX) ? INT64_MAX : n);
}


void
xr_json_put_bool(xr_buf_t *b, const char *name, bool is)
{
    xr_json_put_name(b, name);
    xr_buf_puts(b, is ? "true" : "false");
}


void
xr_json_put_some(xr_buf_t *b, const char *name, xr_str_t s)
{
    if (s.len > 0) {
        xr_json_put_text(b, name, s);
    }
}
