/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_ADDR_H
#define XR_ADDR_H


#include "xr.h"


/*
 * An address in one form: IPv4 is held as IPv4-mapped IPv6 (RFC 4291, section
 * 2.5.5.2), so "192.0.2.1" and "::ffff:192.0.2.1" are equal.
 */

typedef struct {
    uint8_t  bytes[16];
} xr_addr_t;


/* Reads the whole of "s": dotted IPv4 or RFC 4291 IPv6, no zone, no port. */
xr_rc_t xr_addr_parse(xr_str_t s, xr_addr_t *out);

bool xr_addr_eq(const xr_addr_t *a, const xr_addr_t *b);

/* Whether it is an IPv4 address: its last 4 bytes are. */
bool xr_addr_is_v4(const xr_addr_t *a);


/* A network in CIDR notation; a single address is one of full length. */

typedef struct {
    xr_addr_t  addr;                    /* bits behind the prefix are zero */
    uint8_t    bits;                    /* of the 128; IPv4: 96 and more */
} xr_addr_net_t;

/* "192.0.2.0/24", "2001:db8::/32", or an address; stray bits are refused. */
xr_rc_t xr_addr_net_parse(xr_str_t s, xr_addr_net_t *out);

bool xr_addr_net_has(const xr_addr_net_t *net, const xr_addr_t *addr);


#endif /* XR_ADDR_H */
