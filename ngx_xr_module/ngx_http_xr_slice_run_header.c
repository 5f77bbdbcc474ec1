/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/*
 * The header of each slice that comes by another one's answer: what that says,
 * but for its length and place.
 */

static u_char *ngx_http_xr_run_header_line_end(u_char *p, u_char *end);
static ngx_uint_t ngx_http_xr_run_header_framing(u_char *p, u_char *end);


/* Those of the last header in the buffer, without its length and place. */

ngx_int_t
ngx_http_xr_slice_run_header_read(ngx_http_request_t *r, ngx_http_xr_run_t *run)
{
    u_char     *p, *end, *next, *last;
    ngx_buf_t  *b;

    b = &r->upstream->buffer;
    end = b->pos;

    last = ngx_pnalloc(run->leader->pool, end - b->start);
    if (last == NULL) {
        return NGX_ERROR;
    }

    run->lines.data = last;

    /* the first line is the status */

    p = ngx_http_xr_run_header_line_end(b->start + r->cache->header_start, end);

    while (p < end) {
        next = ngx_http_xr_run_header_line_end(p, end);

        if (*p == CR || *p == LF) {

            if (next < end) {

                /* it was that of a 103 or the like */

                last = run->lines.data;
                next = ngx_http_xr_run_header_line_end(next, end);
            }

        } else if (!ngx_http_xr_run_header_framing(p, next)) {
            last = ngx_cpymem(last, p, next - p);
        }

        p = next;
    }

    run->lines.len = last - run->lines.data;

    return NGX_OK;
}


/* Where the next line begins. */

static u_char *
ngx_http_xr_run_header_line_end(u_char *p, u_char *end)
{
    while (p < end && *p++ != LF) { /* void */ }

    return p;
}


static ngx_uint_t
ngx_http_xr_run_header_framing(u_char *p, u_char *end)
{
    ngx_uint_t  i;

    static const ngx_str_t  names[] = {
        ngx_string("Content-Length:"),
        ngx_string("Content-Range:")
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if ((size_t) (end - p) > names[i].len
            && ngx_strncasecmp(p, names[i].data, names[i].len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* Of the slice that is under way, or the next. */

off_t
ngx_http_xr_slice_run_header_length(ngx_http_xr_run_t *run)
{
    uint64_t  first, size;

    size = run->slice->size;
    first = run->number * size;

    return (off_t) (ngx_min(first + size, run->length) - first);
}


/* Its header; 0: there is no room, for at least a byte of its body, too. */

size_t
ngx_http_xr_slice_run_header_write(ngx_http_xr_run_t *run, u_char *p,
    size_t size)
{
    xr_buf_t  b;
    uint64_t  first, length;

    first = run->number * run->slice->size;
    length = (uint64_t) ngx_http_xr_slice_run_header_length(run);

    b = xr_buf(p, size);

    xr_buf_puts(&b, "HTTP/1.1 206 Partial Content" CRLF "Content-Length: ");
    xr_buf_uint(&b, length);
    xr_buf_puts(&b, CRLF "Content-Range: bytes ");
    xr_buf_uint(&b, first);
    xr_buf_putc(&b, '-');
    xr_buf_uint(&b, first + length - 1);
    xr_buf_putc(&b, '/');
    xr_buf_uint(&b, run->length);
    xr_buf_puts(&b, CRLF);
    xr_buf_put(&b, ngx_http_xr_view(&run->lines));
    xr_buf_puts(&b, CRLF);

    return (xr_buf_ok(&b) && b.len < size) ? b.len : 0;
}
