/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_addr.h"

#include <string.h>


/* Unlike 16, which is what "::" after all groups would give. */

#define XR_ADDR_NO_GAP  SIZE_MAX


/* What an IPv6 address spells out, and where in it "::" stands. */

typedef struct {
    uint8_t  bytes[16];
    size_t   len;
    size_t   gap;
} xr_addr_groups_t;


/* Takes a number off "*s"; a leading zero could be read as octal. */

static xr_rc_t
xr_addr_number(xr_str_t *s, uint64_t max, uint64_t *n)
{
    xr_str_t  rest;

    rest = *s;

    if (xr_str_uint(&rest, n) != XR_OK || *n > max
        || s->len - rest.len != (*n > 99 ? 3U : *n > 9 ? 2U : 1U))
    {
        return XR_INVALID;
    }

    *s = rest;

    return XR_OK;
}


static xr_rc_t
xr_addr_ipv4(xr_str_t s, uint8_t out[4])
{
    size_t    i;
    uint64_t  n;

    for (i = 0; i < 4; i++) {

        if (i > 0) {

            if (s.len == 0 || s.data[0] != '.') {
                return XR_INVALID;
            }

            s.data++;
            s.len--;
        }

        if (xr_addr_number(&s, 255, &n) != XR_OK) {
            return XR_INVALID;
        }

        out[i] = (uint8_t) n;
    }

    return (s.len == 0) ? XR_OK : XR_INVALID;
}


/* Takes one group of one to four hexadecimal digits off "*s". */

static xr_rc_t
xr_addr_group(xr_str_t *s, uint8_t out[2])
{
    int       digit;
    size_t    i;
    uint32_t  n;

    n = 0;

    for (i = 0; i < s->len; i++) {
        digit = xr_hex_digit(s->data[i]);

        if (digit < 0) {
            break;
        }

        if (i == 4) {
            return XR_INVALID;
        }

        n = n << 4 | (uint32_t) digit;
    }

    if (i == 0) {
        return XR_INVALID;
    }

    s->data += i;
    s->len -= i;

    out[0] = (uint8_t) (n >> 8);
    out[1] = (uint8_t) n;

    return XR_OK;
}


/* Takes what stands at the front of "*s", with the ":" or "::" after it. */

static xr_rc_t
xr_addr_item(xr_addr_groups_t *g, xr_str_t *s)
{
    xr_str_t  rest;

    rest = *s;

    if (g->len == sizeof(g->bytes)
        || xr_addr_group(&rest, g->bytes + g->len) != XR_OK)
    {
        return XR_INVALID;
    }

    if (rest.len > 0 && rest.data[0] == '.') {

        if (g->len > sizeof(g->bytes) - 4
            || xr_addr_ipv4(*s, g->bytes + g->len) != XR_OK)
        {
            return XR_INVALID;
        }

        g->len += 4;
        *s = xr_str_of(NULL, 0);

        return XR_OK;
    }

    g->len += 2;

    if (rest.len == 0) {
        *s = rest;
        return XR_OK;
    }

    if (rest.data[0] != ':' || rest.len == 1) {
        return XR_INVALID;
    }

    *s = xr_str_of(rest.data + 1, rest.len - 1);

    if (s->data[0] == ':') {

        if (g->gap != XR_ADDR_NO_GAP) {
            return XR_INVALID;
        }

        g->gap = g->len;
        *s = xr_str_of(s->data + 1, s->len - 1);
    }

    return XR_OK;
}


/*
 * RFC 4291, section 2.2: groups between ":", "::" once for one or more groups
 * of zeros, and dotted IPv4 in place of the last two groups.
 */

static xr_rc_t
xr_addr_ipv6(xr_str_t s, uint8_t out[16])
{
    size_t            tail;
    xr_addr_groups_t  g;

    g.len = 0;
    g.gap = XR_ADDR_NO_GAP;

    if (s.len >= 2 && s.data[0] == ':' && s.data[1] == ':') {
        g.gap = 0;
        s = xr_str_of(s.data + 2, s.len - 2);
    }

    while (s.len > 0) {

        if (xr_addr_item(&g, &s) != XR_OK) {
            return XR_INVALID;
        }
    }

    /* "::" stands for at least one group, and is needed if any is missing */

    if ((g.gap == XR_ADDR_NO_GAP) != (g.len == sizeof(g.bytes))) {
        return XR_INVALID;
    }

    tail = (g.gap < g.len) ? g.len - g.gap : 0;

    memset(out, 0, sizeof(g.bytes));
    memcpy(out, g.bytes, g.len - tail);
    memcpy(out + sizeof(g.bytes) - tail, g.bytes + g.len - tail, tail);

    return XR_OK;
}


xr_rc_t
xr_addr_parse(xr_str_t s, xr_addr_t *out)
{
    xr_rc_t    rc;
    xr_addr_t  a;

    if (xr_str_find(s, ':') < s.len) {
        rc = xr_addr_ipv6(s, a.bytes);

    } else {
        memset(&a, 0, sizeof(a));

        a.bytes[10] = 0xff;
        a.bytes[11] = 0xff;

        rc = xr_addr_ipv4(s, a.bytes + 12);
    }

    if (rc == XR_OK) {
        *out = a;
    }

    return rc;
}


bool
xr_addr_eq(const xr_addr_t *a, const xr_addr_t *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}


/* Clears what is behind the first "bits". */

static xr_addr_t
xr_addr_mask(xr_addr_t a, size_t bits)
{
    size_t  i;

    i = bits / 8;

    if (bits % 8 != 0) {
        a.bytes[i] = (uint8_t) (a.bytes[i] & 0xff00 >> bits % 8);
        i++;
    }

    memset(a.bytes + i, 0, sizeof(a.bytes) - i);

    return a;
}


xr_rc_t
xr_addr_net_parse(xr_str_t s, xr_addr_net_t *out)
{
    size_t         width;
    uint64_t       n;
    xr_str_t       address, prefix;
    xr_addr_t      masked;
    xr_addr_net_t  net;

    prefix = s;
    address = xr_str_cut(&prefix, '/');

    if (xr_addr_parse(address, &net.addr) != XR_OK) {
        return XR_INVALID;
    }

    width = (xr_str_find(address, ':') < address.len) ? 128 : 32;
    n = width;

    if (address.len < s.len
        && (xr_addr_number(&prefix, width, &n) != XR_OK || prefix.len > 0))
    {
        return XR_INVALID;
    }

    net.bits = (uint8_t) (128 - width + n);
    masked = xr_addr_mask(net.addr, net.bits);

    if (!xr_addr_eq(&masked, &net.addr)) {
        return XR_INVALID;
    }

    *out = net;

    return XR_OK;
}


bool
xr_addr_net_has(const xr_addr_net_t *net, const xr_addr_t *addr)
{
    xr_addr_t  masked;

    masked = xr_addr_mask(*addr, net->bits);

    return xr_addr_eq(&masked, &net->addr);
}


bool
xr_addr_is_v4(const xr_addr_t *a)
{
    static const uint8_t  mapped[12] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
    };

    return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}
