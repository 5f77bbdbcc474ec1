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


#endif /* XR_ADDR_H */
