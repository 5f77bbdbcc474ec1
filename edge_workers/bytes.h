/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_BYTES_H
#define XRW_BYTES_H


#include "xr.h"


/* Bytes that grow.  Out of memory ends the program, as with an arena. */

typedef struct {
    uint8_t  *data;
    size_t    len;
    size_t    size;
} xrw_bytes_t;


void xrw_bytes_add(xrw_bytes_t *b, xr_str_t s);

/* Adds bytes of value "c" up to a multiple of "align". */
void xrw_bytes_pad(xrw_bytes_t *b, size_t align, uint8_t c);

void xrw_bytes_free(xrw_bytes_t *b);


static inline xr_str_t
xrw_bytes_str(const xrw_bytes_t *b)
{
    return xr_str_of(b->data, b->len);
}


#endif /* XRW_BYTES_H */
