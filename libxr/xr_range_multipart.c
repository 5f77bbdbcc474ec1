/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_range.h"


#define XR_RANGE_BOUNDARY  "\r\n--"
#define XR_RANGE_TYPE      "\r\nContent-Type: "
#define XR_RANGE_CONTENT   "\r\nContent-Range: "
#define XR_RANGE_BLANK     "\r\n\r\n"
#define XR_RANGE_END       "--\r\n"

#define XR_RANGE_SIZE(literal)  (sizeof(literal) - 1)


void
xr_range_multipart_type(xr_buf_t *b, const xr_range_multipart_t *m)
{
    xr_buf_puts(b, "multipart/byteranges; boundary=");
    xr_buf_put(b, m->boundary);
}


/* The empty line before the first boundary is permitted, and usual. */

void
xr_range_multipart_part(xr_buf_t *b, const xr_range_multipart_t *m,
    xr_range_t range)
{
    xr_buf_puts(b, XR_RANGE_BOUNDARY);
    xr_buf_put(b, m->boundary);

    if (m->type.len > 0) {
        xr_buf_puts(b, XR_RANGE_TYPE);
        xr_buf_put(b, m->type);
    }

    xr_buf_puts(b, XR_RANGE_CONTENT);
    xr_range_content(b, range, m->length);
    xr_buf_puts(b, XR_RANGE_BLANK);
}


void
xr_range_multipart_end(xr_buf_t *b, const xr_range_multipart_t *m)
{
    xr_buf_puts(b, XR_RANGE_BOUNDARY);
    xr_buf_put(b, m->boundary);
    xr_buf_puts(b, XR_RANGE_END);
}


static size_t
xr_range_multipart_width(uint64_t n)
{
    size_t  width;

    for (width = 1; n > 9; n /= 10) {
        width++;
    }

    return width;
}


size_t
xr_range_multipart_part_size(const xr_range_multipart_t *m, xr_range_t range)
{
    size_t  size;

    size = XR_RANGE_SIZE(XR_RANGE_BOUNDARY) + m->boundary.len
           + XR_RANGE_SIZE(XR_RANGE_CONTENT)
           + XR_RANGE_SIZE("bytes -/")
           + xr_range_multipart_width(range.first)
           + xr_range_multipart_width(range.last)
           + xr_range_multipart_width(m->length)
           + XR_RANGE_SIZE(XR_RANGE_BLANK);

    if (m->type.len > 0) {
        size += XR_RANGE_SIZE(XR_RANGE_TYPE) + m->type.len;
    }

    return size;
}


size_t
xr_range_multipart_end_size(const xr_range_multipart_t *m)
{
    return XR_RANGE_SIZE(XR_RANGE_BOUNDARY) + m->boundary.len
           + XR_RANGE_SIZE(XR_RANGE_END);
}


uint64_t
xr_range_multipart_length(const xr_range_multipart_t *m,
    const xr_range_t *ranges, size_t n)
{
    size_t    i;
    uint64_t  length;

    length = xr_range_multipart_end_size(m);

    for (i = 0; i < n; i++) {
        length += xr_range_multipart_part_size(m, ranges[i])
                  + xr_range_bytes(ranges[i]);
    }

    return length;
}
