/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_BUF_H
#define XR_BUF_H


#include "xr.h"


/*
 * A bounded writer over the caller's memory.  Overflow is sticky: once a
 * write did not fit, nothing more is written and xr_buf_ok() is false, so a
 * chain of writes needs one check at its end.
 */

typedef struct {
    uint8_t  *data;
    size_t    len;
    size_t    size;
    bool      overflow;
} xr_buf_t;


xr_buf_t xr_buf(void *memory, size_t size);
bool xr_buf_ok(const xr_buf_t *b);
xr_str_t xr_buf_str(const xr_buf_t *b);         /* a view of what is written */

void xr_buf_put(xr_buf_t *b, xr_str_t s);
void xr_buf_putc(xr_buf_t *b, uint8_t c);
void xr_buf_uint(xr_buf_t *b, uint64_t n);      /* decimal */
void xr_buf_hex(xr_buf_t *b, xr_str_t s);       /* lower case */
void xr_buf_packed(xr_buf_t *b, xr_str_t s);    /* one more of an xr_strs_t;
                                                   at most 65535 bytes */
void xr_buf_base64url(xr_buf_t *b, xr_str_t s);     /* no padding */


static inline void
xr_buf_puts(xr_buf_t *b, const char *s)
{
    xr_buf_put(b, xr_str(s));
}


#endif /* XR_BUF_H */
