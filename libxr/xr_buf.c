/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_buf.h"

#include <string.h>


xr_buf_t
xr_buf(void *memory, size_t size)
{
    return (xr_buf_t) { memory, 0, size, false };
}


bool
xr_buf_ok(const xr_buf_t *b)
{
    return !b->overflow;
}


xr_str_t
xr_buf_str(const xr_buf_t *b)
{
    return xr_str_of(b->data, b->len);
}


/* Room for "n" more bytes, or NULL, which then stays NULL. */

static uint8_t *
xr_buf_reserve(xr_buf_t *b, size_t n)
{
    uint8_t  *p;

    if (b->overflow || n > b->size - b->len) {
        b->overflow = true;
        return NULL;
    }

    p = b->data + b->len;
    b->len += n;

    return p;
}


void
xr_buf_put(xr_buf_t *b, xr_str_t s)
{
    uint8_t  *p;

    p = xr_buf_reserve(b, s.len);

    if (p != NULL && s.len > 0) {
        memcpy(p, s.data, s.len);
    }
}


void
xr_buf_putc(xr_buf_t *b, uint8_t c)
{
    xr_buf_put(b, xr_str_of(&c, 1));
}


void
xr_buf_uint(xr_buf_t *b, uint64_t n)
{
    size_t   i;
    uint8_t  digits[20];

    i = sizeof(digits);

    do {
        digits[--i] = (uint8_t) ('0' + n % 10);
        n /= 10;
    } while (n > 0);

    xr_buf_put(b, xr_str_of(digits + i, sizeof(digits) - i));
}


void
xr_buf_hex(xr_buf_t *b, xr_str_t s)
{
    size_t             i;
    uint8_t           *p;
    static const char  digits[] = "0123456789abcdef";

    p = xr_buf_reserve(b, s.len * 2);

    if (p == NULL) {
        return;
    }

    for (i = 0; i < s.len; i++) {
        *p++ = (uint8_t) digits[s.data[i] >> 4];
        *p++ = (uint8_t) digits[s.data[i] & 0x0f];
    }
}


void
xr_buf_base64url(xr_buf_t *b, xr_str_t s)
{
    size_t             i;
    uint8_t           *p;
    uint32_t           bits, pending;
    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789-_";

    p = xr_buf_reserve(b, XR_BASE64_ENCODED(s.len));

    if (p == NULL) {
        return;
    }

    bits = 0;
    pending = 0;

    for (i = 0; i < s.len; i++) {
        bits = (bits << 8 | s.data[i]) & 0x3fff;
        pending += 8;

        while (pending >= 6) {
            pending -= 6;
            *p++ = (uint8_t) digits[(bits >> pending) & 0x3f];
        }
    }

    if (pending > 0) {
        *p = (uint8_t) digits[(bits << (6 - pending)) & 0x3f];
    }
}


void
xr_buf_packed(xr_buf_t *b, xr_str_t s)
{
    uint8_t  *p;

    if (s.len > UINT16_MAX) {
        b->overflow = true;
        return;
    }

    p = xr_buf_reserve(b, XR_STRS_PACKED_SIZE(s.len));

    if (p == NULL) {
        return;
    }

    p[0] = (uint8_t) (s.len & 0xff);
    p[1] = (uint8_t) (s.len >> 8);

    if (s.len > 0) {
        memcpy(p + XR_STRS_PACKED_SIZE(0), s.data, s.len);
    }
}
