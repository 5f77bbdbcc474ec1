/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_forwarded.h"


#define XR_FORWARDED_PORT_DIGITS  5
#define XR_FORWARDED_PORT_MAX     65535

#define XR_FORWARDED_IPV4(a, b, bits)                                         \
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (a), (b), 0, 0 } },       \
      96 + (bits) }


static const xr_addr_net_t  xr_forwarded_locals[] = {
    XR_FORWARDED_IPV4(0, 0, 8),             /* RFC 1122: "this" network */
    XR_FORWARDED_IPV4(10, 0, 8),            /* RFC 1918 */
    XR_FORWARDED_IPV4(172, 16, 12),
    XR_FORWARDED_IPV4(192, 168, 16),
    XR_FORWARDED_IPV4(100, 64, 10),         /* RFC 6598 */
    XR_FORWARDED_IPV4(127, 0, 8),
    XR_FORWARDED_IPV4(169, 254, 16),        /* RFC 3927 */
    XR_FORWARDED_IPV4(224, 0, 3),           /* RFC 1112: multicast, class E */

    { { { 0 } }, 128 },                     /* RFC 4291: "::", "::1" */
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } }, 128 },
    { { { 0xfc } }, 7 },                    /* RFC 4193 */
    { { { 0xfe, 0x80 } }, 10 },
    { { { 0xff } }, 8 }
};


static bool
xr_forwarded_within(const xr_addr_net_t *nets, size_t n,
    const xr_addr_t *addr)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (xr_addr_net_has(&nets[i], addr)) {
            return true;
        }
    }

    return false;
}


/* The offset of the last "c" in "s", or s.len. */

static size_t
xr_forwarded_find_last(xr_str_t s, uint8_t c)
{
    size_t  i;

    for (i = s.len; i > 0; i--) {

        if (s.data[i - 1] == c) {
            return i - 1;
        }
    }

    return s.len;
}


bool
xr_forwarded_last(xr_str_t *list, xr_str_t *item)
{
    size_t  comma;

    if (list->data == NULL) {
        return false;
    }

    comma = xr_forwarded_find_last(*list, ',');

    if (comma == list->len) {
        *item = xr_str_trim(*list);
        *list = xr_str_of(NULL, 0);

    } else {
        *item = xr_str_trim(xr_str_of(list->data + comma + 1,
                                      list->len - comma - 1));
        list->len = comma;
    }

    return true;
}


static bool
xr_forwarded_port_ok(xr_str_t s)
{
    size_t    len;
    uint64_t  port;

    len = s.len;

    return xr_str_uint(&s, &port) == XR_OK && s.len == 0
           && len <= XR_FORWARDED_PORT_DIGITS && port <= XR_FORWARDED_PORT_MAX;
}


xr_rc_t
xr_forwarded_address(xr_str_t item, xr_addr_t *out)
{
    size_t    n;
    xr_str_t  address, rest;

    address = item;
    rest = xr_str_of(NULL, 0);

    if (item.len > 0 && item.data[0] == '[') {
        n = xr_str_find(item, ']');

        if (n == item.len) {
            return XR_INVALID;
        }

        address = xr_str_of(item.data + 1, n - 1);
        rest = xr_str_of(item.data + n + 1, item.len - n - 1);

        if (xr_str_find(address, ':') == address.len) {
            return XR_INVALID;              /* IPv4 in brackets */
        }

    } else {
        n = xr_str_find(item, ':');

        /* a second colon makes it IPv6, which has no port without brackets */

        if (n < item.len && xr_forwarded_find_last(item, ':') == n) {
            address = xr_str_of(item.data, n);
            rest = xr_str_of(item.data + n, item.len - n);
        }
    }

    if (rest.len > 0
        && (rest.data[0] != ':'
            || !xr_forwarded_port_ok(xr_str_of(rest.data + 1, rest.len - 1))))
    {
        return XR_INVALID;
    }

    return xr_addr_parse(address, out);
}


bool
xr_forwarded_local(const xr_addr_t *addr)
{
    return xr_forwarded_within(xr_forwarded_locals,
                               XR_COUNT(xr_forwarded_locals), addr);
}


/* Moves "hop" on to what "item" says; false: the walk ends here. */

static bool
xr_forwarded_step(xr_str_t item, const xr_addr_net_t *trusted, size_t ntrusted,
    xr_addr_t *hop)
{
    xr_addr_t  addr;

    if (xr_forwarded_address(item, &addr) != XR_OK) {
        return false;
    }

    if (xr_forwarded_within(trusted, ntrusted, &addr)) {
        *hop = addr;
        return true;
    }

    if (!xr_forwarded_local(&addr)) {
        *hop = addr;
    }

    return false;
}


void
xr_forwarded_client(const xr_str_t *lines, size_t nlines,
    const xr_addr_net_t *trusted, size_t ntrusted, const xr_addr_t *peer,
    xr_addr_t *client)
{
    xr_str_t  list, item;

    *client = *peer;

    while (nlines > 0) {
        list = lines[--nlines];

        while (xr_forwarded_last(&list, &item)) {

            if (!xr_forwarded_step(item, trusted, ntrusted, client)) {
                return;
            }
        }
    }
}


xr_rc_t
xr_forwarded_viewer(xr_str_t value, xr_addr_t *out)
{
    size_t  n;

    n = xr_forwarded_find_last(value, ':');

    if (n == value.len
        || !xr_forwarded_port_ok(xr_str_of(value.data + n + 1,
                                           value.len - n - 1)))
    {
        return XR_INVALID;
    }

    return xr_addr_parse(xr_str_of(value.data, n), out);
}


xr_rc_t
xr_forwarded_country(xr_str_t value, uint8_t out[XR_FORWARDED_COUNTRY_SIZE])
{
    size_t    i;
    uint8_t   c, country[XR_FORWARDED_COUNTRY_SIZE];
    xr_str_t  s;

    if (value.len != XR_FORWARDED_COUNTRY_SIZE) {
        return XR_INVALID;
    }

    for (i = 0; i < XR_FORWARDED_COUNTRY_SIZE; i++) {
        c = value.data[i];
        country[i] = (c >= 'a' && c <= 'z') ? (uint8_t) (c & ~0x20) : c;
    }

    s = xr_str_of(country, XR_FORWARDED_COUNTRY_SIZE);

    if (xr_str_eq(s, xr_str("XX")) || xr_str_eq(s, xr_str("ZZ"))
        || xr_str_eq(s, xr_str("T1")))
    {
        return XR_NOT_FOUND;
    }

    for (i = 0; i < XR_FORWARDED_COUNTRY_SIZE; i++) {

        if (country[i] < 'A' || country[i] > 'Z') {
            return XR_INVALID;
        }
    }

    memcpy(out, country, XR_FORWARDED_COUNTRY_SIZE);

    return XR_OK;
}
