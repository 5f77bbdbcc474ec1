/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_der.h"


/* The length at the front of "s": 0x7f, 0x81 0x80, 0x82 0x01 0x00, ... */

static bool
xr_der_length(xr_str_t *s, size_t *len)
{
    size_t  i, n, value;

    if (s->len == 0) {
        return false;
    }

    value = s->data[0];
    n = 0;

    if (value >= 0x80) {
        n = value - 0x80;

        if (n < 1 || n > 2 || s->len < 1 + n) {
            return false;
        }

        for (i = 1, value = 0; i <= n; i++) {
            value = value << 8 | s->data[i];
        }

        if (value < 0x80 || (n == 2 && value < 0x100)) {
            return false;
        }
    }

    *s = xr_str_of(s->data + 1 + n, s->len - 1 - n);
    *len = value;

    return true;
}


bool
xr_der_next(xr_str_t *s, uint8_t tag, xr_str_t *out)
{
    size_t    len;
    xr_str_t  rest;

    if (s->len == 0 || s->data[0] != tag) {
        return false;
    }

    rest = xr_str_of(s->data + 1, s->len - 1);

    if (!xr_der_length(&rest, &len) || len > rest.len) {
        return false;
    }

    *out = xr_str_of(rest.data, len);
    *s = xr_str_of(rest.data + len, rest.len - len);

    return true;
}


bool
xr_der_uint(xr_str_t *s, xr_str_t *out)
{
    xr_str_t  rest, n;

    rest = *s;

    if (!xr_der_next(&rest, XR_DER_INTEGER, &n)
        || n.len == 0 || n.data[0] >= 0x80)
    {
        return false;
    }

    if (n.data[0] == 0) {

        /* a zero in front is there to tell from a negative number only */

        if (n.len > 1 && n.data[1] < 0x80) {
            return false;
        }

        n = xr_str_of(n.data + 1, n.len - 1);
    }

    *s = rest;
    *out = n;

    return true;
}
