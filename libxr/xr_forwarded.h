/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_FORWARDED_H
#define XR_FORWARDED_H


#include "xr_addr.h"


/*
 * What proxies in front tell about the client, by headers.  The caller knows
 * that whoever sent the request is such a proxy; from anybody else these
 * headers are worth nothing.
 */

/*
 * Takes the last of the items between commas off "list", without white space
 * around it.  False: there was none; list->data is NULL after the first one.
 */
bool xr_forwarded_last(xr_str_t *list, xr_str_t *item);

/*
 * Reads an address as proxies write it: "192.0.2.1", "192.0.2.1:8080",
 * "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443".
 */
xr_rc_t xr_forwarded_address(xr_str_t item, xr_addr_t *out);

/*
 * Whether an address cannot be that of a client on the Internet: private,
 * shared (RFC 6598), unique local, loopback, link-local, unspecified,
 * multicast or reserved.
 */
bool xr_forwarded_local(const xr_addr_t *addr);

/*
 * The address of the client according to X-Forwarded-For: "lines" are the
 * values of that header in the order they came in, "peer" is who sent the
 * request.  From right to left, addresses in "trusted" networks are passed
 * over and the first other one is the client's.  An item that is no address,
 * or is local and not trusted, ends the walk, as does the beginning of the
 * list; the client is then the hop before, that is the peer at first.
 */
void xr_forwarded_client(const xr_str_t *lines, size_t nlines,
    const xr_addr_net_t *trusted, size_t ntrusted, const xr_addr_t *peer,
    xr_addr_t *client);


/*
 * CloudFront-Viewer-Address: an address, which has no brackets even if it is
 * IPv6, and behind the last colon a port.
 */
xr_rc_t xr_forwarded_viewer(xr_str_t value, xr_addr_t *out);


/*
 * A country as headers tell it: two letters (ISO 3166-1), into capitals.
 * XR_NOT_FOUND: "XX", "ZZ" and "T1" say that it is not known.
 */

#define XR_FORWARDED_COUNTRY_SIZE  2

xr_rc_t xr_forwarded_country(xr_str_t value,
    uint8_t out[XR_FORWARDED_COUNTRY_SIZE]);


#endif /* XR_FORWARDED_H */
