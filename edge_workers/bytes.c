/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "bytes.h"
#include "cli.h"

#include <stdlib.h>


static void
xrw_bytes_room(xrw_bytes_t *b, size_t more)
{
    size_t    size;
    uint8_t  *data;

    if (more <= b->size - b->len) {
        return;
    }

    size = (more < SIZE_MAX / 4 - b->len) ? (b->len + more) * 2 : 0;
    data = (size > 0) ? realloc(b->data, size) : NULL;

    if (data == NULL) {
        exit(xrw_error("out of memory"));
    }

    b->data = data;
    b->size = size;
}


void
xrw_bytes_add(xrw_bytes_t *b, xr_str_t s)
{
    if (s.len == 0) {
        return;
    }

    xrw_bytes_room(b, s.len);
    memcpy(b->data + b->len, s.data, s.len);
    b->len += s.len;
}


void
xrw_bytes_pad(xrw_bytes_t *b, size_t align, uint8_t c)
{
    size_t  n;

    n = (align - b->len % align) % align;

    if (n > 0) {
        xrw_bytes_room(b, n);
        memset(b->data + b->len, c, n);
        b->len += n;
    }
}


void
xrw_bytes_free(xrw_bytes_t *b)
{
    free(b->data);
    *b = (xrw_bytes_t) { NULL, 0, 0 };
}
