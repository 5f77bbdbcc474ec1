/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"

#include "xr_check.h"


/*
 * The header of a stored response.  It is the lines that count, in the place
 * of the origin's: it is read again on each hit, and what it does not hold no
 * hit can leak.
 *
 * Files are read while they are renewed, so there is room for the header
 * twice.  A new one is written where nobody looks; then NGINX renews its own
 * header, in whose "valid_msec", of which it makes no use, it says which of
 * the two counts.
 *
 * Disks and people damage files.  What is in a header decides on versions,
 * places and policies, so each has a checksum; that of a body would cost what
 * sendfile() saves.
 */

#define NGX_HTTP_XR_STORED_MAGIC   0x32525872       /* "rXR2" */
#define NGX_HTTP_XR_STORED_BEFORE  0x31525872       /* without a checksum */

/* What a header may grow by when it is renewed. */

#define NGX_HTTP_XR_STORED_SPARE  128

#define NGX_HTTP_XR_STORED_MAX    65535


/* In front of the lines; as it is in memory. */

typedef struct {
    uint32_t  magic;
    uint32_t  size;             /* of one of the two, with this */
    uint32_t  age;              /* when it was received, or renewed */
    uint32_t  lines;
    uint32_t  check;            /* of all that, and of what follows */
} ngx_http_xr_stored_t;


static size_t ngx_http_xr_stored_head(ngx_http_xr_stored_t *rec);
static ngx_uint_t ngx_http_xr_stored_unread(xr_str_t text);
static uint32_t ngx_http_xr_stored_check(size_t header_start,
    size_t body_start, u_char *p, size_t size);
static void ngx_http_xr_stored_seal(size_t header_start, size_t body_start,
    u_char *p, size_t size);
static ngx_int_t ngx_http_xr_stored_find(ngx_http_cache_t *c, u_char *region,
    ngx_http_xr_stored_t *rec, xr_str_t *text);
static ngx_uint_t ngx_http_xr_stored_wanted(ngx_http_upstream_t *u,
    ngx_table_elt_t *h);
static size_t ngx_http_xr_stored_length(ngx_http_upstream_t *u);
static void ngx_http_xr_stored_lines(ngx_http_request_t *r, xr_buf_t *b);
static ngx_uint_t ngx_http_xr_stored_renews(xr_str_t name);
static ngx_uint_t ngx_http_xr_stored_has(ngx_http_upstream_t *u,
    xr_str_t name);
static ngx_uint_t ngx_http_xr_stored_writes(ngx_http_request_t *r);


/*
 * The one that counts.  NGX_DECLINED: lines alone, as earlier versions wrote
 * them.
 */

static ngx_int_t
ngx_http_xr_stored_find(ngx_http_cache_t *c, u_char *region,
    ngx_http_xr_stored_t *rec, xr_str_t *text)
{
    size_t     room, head;
    u_char    *p;
    uint32_t   magic, size;

    room = c->body_start - c->header_start;

    if (room < sizeof(ngx_http_xr_stored_t)) {
        return NGX_ERROR;
    }

    ngx_memcpy(rec, region, sizeof(ngx_http_xr_stored_t));

    if (rec->magic != NGX_HTTP_XR_STORED_MAGIC
        && rec->magic != NGX_HTTP_XR_STORED_BEFORE)
    {
        *text = xr_str_of(region, room);
        return NGX_DECLINED;
    }

    if (rec->size > room || rec->size < sizeof(ngx_http_xr_stored_t)
        || (c->valid_msec != 0
            && (c->valid_msec != rec->size || room != 2 * rec->size)))
    {
        return NGX_ERROR;
    }

    magic = rec->magic;
    size = rec->size;
    p = region + c->valid_msec;

    ngx_memcpy(rec, p, sizeof(ngx_http_xr_stored_t));

    if (rec->magic != magic || rec->size != size) {
        return NGX_ERROR;
    }

    head = ngx_http_xr_stored_head(rec);

    *text = xr_str_of(p + head, size - head);

    do {
        if (magic == NGX_HTTP_XR_STORED_BEFORE
            || rec->check == ngx_http_xr_stored_check(c->header_start,
                                                      c->body_start, p, size))
        {
            return NGX_OK;
        }
    } while (ngx_http_xr_stored_unread(*text));

    return NGX_ERROR;
}


/* Lines that were read before have a NUL in the place of their CR. */

static ngx_uint_t
ngx_http_xr_stored_unread(xr_str_t text)
{
    u_char      *p, *last;
    ngx_uint_t   n;

    n = 0;
    last = (u_char *) text.data + text.len;

    for (p = (u_char *) text.data; p + 1 < last; p++) {

        if (p[0] == '\0' && p[1] == LF) {
            p[0] = CR;
            n++;
        }
    }

    return n;
}


static size_t
ngx_http_xr_stored_head(ngx_http_xr_stored_t *rec)
{
    return (rec->magic == NGX_HTTP_XR_STORED_MAGIC)
           ? sizeof(ngx_http_xr_stored_t)
           : offsetof(ngx_http_xr_stored_t, check);
}


/* Of one of the two; half of the checksum is enough. */

static uint32_t
ngx_http_xr_stored_check(size_t header_start, size_t body_start, u_char *p,
    size_t size)
{
    uint64_t  check;

    check = (uint64_t) header_start << 32 | body_start;
    check = xr_check(check, xr_str_of(p, offsetof(ngx_http_xr_stored_t,
                                                  check)));
    check = xr_check(check, xr_str_of(p + sizeof(ngx_http_xr_stored_t),
                                      size - sizeof(ngx_http_xr_stored_t)));

    return (uint32_t) check;
}


/* Writes it where it belongs. */

static void
ngx_http_xr_stored_seal(size_t header_start, size_t body_start, u_char *p,
    size_t size)
{
    uint32_t  check;

    check = ngx_http_xr_stored_check(header_start, body_start, p, size);

    ngx_memcpy(p + offsetof(ngx_http_xr_stored_t, check), &check,
               sizeof(check));
}


/* What is about to be read from the cache; the lines are parsed as usual. */

ngx_int_t
ngx_http_xr_stored_open(ngx_http_request_t *r)
{
    xr_str_t               text;
    ngx_int_t              rc;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;
    ngx_http_xr_stored_t   rec;

    u = r->upstream;
    exchange = u->input_filter_ctx;

    rc = ngx_http_xr_stored_find(r->cache, u->buffer.pos, &rec, &text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    exchange->freshness.born = r->cache->date;

    if (rc == NGX_OK) {
        exchange->freshness.born -= rec.age;
        exchange->freshness.lines = rec.lines;

        u->buffer.pos = (u_char *) text.data;
        u->buffer.last = ngx_min(u->buffer.last, u->buffer.pos + text.len);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_xr_stored_wanted(ngx_http_upstream_t *u, ngx_table_elt_t *h)
{
    return h->key.len != 0
           && h != u->headers_in.transfer_encoding
           && h != u->headers_in.connection;
}


/* Of the status line, the others, and the empty one. */

static size_t
ngx_http_xr_stored_length(ngx_http_upstream_t *u)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = sizeof("HTTP/1.1 206 Partial Content" CRLF CRLF) - 1;

    for (part = &u->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            len += h[i].key.len + h[i].value.len + sizeof(": " CRLF) - 1;
        }
    }

    return len;
}


static void
ngx_http_xr_stored_lines(ngx_http_request_t *r, xr_buf_t *b)
{
    ngx_uint_t            i;
    ngx_list_part_t      *part;
    ngx_table_elt_t      *h;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    xr_buf_puts(b, (u->headers_in.status_n == NGX_HTTP_PARTIAL_CONTENT)
                   ? "HTTP/1.1 206 Partial Content" CRLF
                   : "HTTP/1.1 200 OK" CRLF);

    for (part = &u->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_xr_stored_wanted(u, &h[i])) {
                xr_buf_put(b, ngx_http_xr_view(&h[i].key));
                xr_buf_puts(b, ": ");
                xr_buf_put(b, ngx_http_xr_view(&h[i].value));
                xr_buf_puts(b, CRLF);
            }
        }
    }

    ngx_http_xr_purge_stored_put(r, b);

    xr_buf_puts(b, CRLF);
}


/*
 * Puts the header that is to be stored in the place of the origin's, in a
 * buffer with room for both; what came of the body is moved along.
 */

ngx_int_t
ngx_http_xr_stored_write(ngx_http_request_t *r)
{
    size_t                 size, room, length, body, total;
    u_char                *p;
    xr_buf_t               b;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;
    ngx_http_xr_stored_t   rec;

    u = r->upstream;
    exchange = u->input_filter_ctx;

    /*
     * NGINX reads no header that is longer than "xr_origin_buffer_size", and
     * where a body begins is a number of 16 bits in a file.
     */

    room = ngx_min(u->conf->buffer_size, NGX_HTTP_XR_STORED_MAX)
           - r->cache->header_start;
    size = sizeof(ngx_http_xr_stored_t) + ngx_http_xr_stored_length(u)
           + ngx_http_xr_purge_stored_size(r);
    length = 2 * (size + NGX_HTTP_XR_STORED_SPARE);

    if (length <= room) {
        size += NGX_HTTP_XR_STORED_SPARE;

    } else {
        length = size;
    }

    if (length > room) {
        u->cacheable = 0;
        return NGX_OK;
    }

    body = u->buffer.last - u->buffer.pos;
    total = ngx_max(r->cache->header_start + length + body,
                    u->conf->buffer_size);

    p = ngx_palloc(r->pool, total);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(p, r->cache->header_start + length);
    ngx_memcpy(p + r->cache->header_start + length, u->buffer.pos, body);

    rec.magic = NGX_HTTP_XR_STORED_MAGIC;
    rec.size = size;
    rec.age = (uint32_t) (ngx_time() - exchange->freshness.born);
    rec.lines = exchange->freshness.lines;
    rec.check = 0;

    b = xr_buf(p + r->cache->header_start, size);

    xr_buf_put(&b, xr_str_of(&rec, sizeof(ngx_http_xr_stored_t)));
    ngx_http_xr_stored_lines(r, &b);

    ngx_http_xr_stored_seal(r->cache->header_start,
                            r->cache->header_start + length,
                            p + r->cache->header_start, size);

    (void) ngx_pfree(r->pool, u->buffer.start);

    u->buffer.start = p;
    u->buffer.pos = p + r->cache->header_start + length;
    u->buffer.last = u->buffer.pos + body;
    u->buffer.end = p + total;

    r->cache->valid_msec = 0;

    return NGX_OK;
}


/* The next line of a stored header; the status line has no name. */

ngx_uint_t
ngx_http_xr_stored_line(xr_str_t *text, xr_str_t *name, xr_str_t *value)
{
    xr_str_t  line;

    line = xr_str_cut(text, '\n');

    if (line.len <= 1) {
        return 0;
    }

    *value = xr_str_of(line.data, line.len - 1);
    *name = xr_str_cut(value, ':');
    *value = xr_str_trim(*value);

    return 1;
}


/*
 * Headers that a 304 renews.  Of the others some say how the stored bytes are
 * to be read, and the rest is what the two have in common.
 */

static ngx_uint_t
ngx_http_xr_stored_renews(xr_str_t name)
{
    ngx_uint_t  i;

    static const xr_str_t  names[] = {
        XR_STR("Cache-Control"),
        XR_STR("CDN-Cache-Control"),
        XR_STR("Expires"),
        XR_STR("Content-Language"),
        XR_STR("Content-Disposition")
    };

    for (i = 0; i < XR_COUNT(names); i++) {

        if (xr_str_eq(name, names[i])) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_xr_stored_has(ngx_http_upstream_t *u, xr_str_t name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &u->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (xr_str_eq(name, ngx_http_xr_view(&h[i].key))) {
                return 1;
            }
        }
    }

    return 0;
}


/* The stored lines, with those of a 304 in the place of theirs. */

ngx_int_t
ngx_http_xr_stored_merge(ngx_http_request_t *r, xr_str_t *text)
{
    size_t                 size;
    xr_buf_t               b;
    xr_str_t               old, line, name, value;
    ngx_uint_t             i;
    ngx_list_part_t       *part;
    ngx_table_elt_t       *h;
    ngx_http_cache_t      *c;
    ngx_http_upstream_t   *u;
    ngx_http_xr_stored_t   rec;

    c = r->cache;
    u = r->upstream;

    if (ngx_http_xr_stored_find(c, c->buf->pos + c->header_start, &rec, &old)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    size = old.len + ngx_http_xr_stored_length(u);
    b = xr_buf(ngx_pnalloc(r->pool, size), size);

    if (b.data == NULL) {
        return NGX_ERROR;
    }

    line = old;

    while (ngx_http_xr_stored_line(&old, &name, &value)) {

        if (!(ngx_http_xr_stored_renews(name)
              && ngx_http_xr_stored_has(u, name)))
        {
            xr_buf_put(&b, xr_str_of(line.data,
                                     (size_t) (old.data - line.data)));
        }

        line = old;
    }

    for (part = &u->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_xr_stored_renews(ngx_http_xr_view(&h[i].key))) {
                xr_buf_put(&b, ngx_http_xr_view(&h[i].key));
                xr_buf_puts(&b, ": ");
                xr_buf_put(&b, ngx_http_xr_view(&h[i].value));
                xr_buf_puts(&b, CRLF);
            }
        }
    }

    xr_buf_puts(&b, CRLF);

    *text = xr_buf_str(&b);

    return xr_buf_ok(&b) ? NGX_OK : NGX_ERROR;
}


/*
 * Renews what is stored, in memory for this response and in the file for
 * others: the latter by who was the first to find it stale, so that no two
 * write.  Lines for which there is no room stay as they are.
 */

void
ngx_http_xr_stored_save(ngx_http_request_t *r, xr_str_t text)
{
    size_t                         at;
    u_char                        *p, *region;
    xr_str_t                       old;
    ngx_http_cache_t              *c;
    ngx_http_xr_origin_t          *exchange;
    ngx_http_xr_stored_t           rec;
    ngx_http_file_cache_header_t   h;

    c = r->cache;
    exchange = r->upstream->input_filter_ctx;
    region = c->buf->pos + c->header_start;

    if (ngx_http_xr_stored_find(c, region, &rec, &old) != NGX_OK) {
        return;
    }

    if (text.len <= old.len) {
        rec.lines = exchange->freshness.lines;

    } else {
        text = old;
    }

    at = ngx_time() - exchange->freshness.born;

    if (rec.age == at && ngx_memcmp(text.data, old.data, text.len) == 0) {
        return;
    }

    rec.age = (uint32_t) at;

    p = ngx_pcalloc(r->pool, rec.size);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(ngx_cpymem(p, &rec, ngx_http_xr_stored_head(&rec)), text.data,
               text.len);

    if (rec.magic == NGX_HTTP_XR_STORED_MAGIC) {
        ngx_http_xr_stored_seal(c->header_start, c->body_start, p, rec.size);
    }

    at = c->valid_msec;

    if (c->body_start - c->header_start == 2 * rec.size) {

        if (!ngx_http_xr_stored_writes(r)) {

            /* what the first one has written meanwhile is to stay */

            if (ngx_http_xr_stored_file(r, (u_char *) &h, sizeof(h), 0, 0)
                == NGX_OK
                && (h.valid_msec == 0 || h.valid_msec == rec.size))
            {
                at = h.valid_msec;
            }

        } else if (ngx_http_xr_stored_file(r, p, rec.size, c->header_start
                                           + ((at == 0) ? rec.size : 0), 1)
                   == NGX_OK)
        {
            at = (at == 0) ? rec.size : 0;
        }

        c->valid_msec = at;
    }

    ngx_memcpy(region + at, p, rec.size);
}


/* Writes over what lies "at" a place in the lines that were read. */

ngx_int_t
ngx_http_xr_stored_patch(ngx_http_request_t *r, u_char *at, u_char *data,
    size_t len)
{
    u_char                *p;
    xr_str_t               text;
    ngx_http_cache_t      *c;
    ngx_http_xr_stored_t   rec;

    c = r->cache;

    if (ngx_http_xr_stored_find(c, c->buf->pos + c->header_start, &rec, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(at, data, len);

    if (rec.magic != NGX_HTTP_XR_STORED_MAGIC) {
        return ngx_http_xr_stored_file(r, at, len, at - c->buf->pos, 1);
    }

    p = (u_char *) text.data - ngx_http_xr_stored_head(&rec);

    ngx_http_xr_stored_seal(c->header_start, c->body_start, p, rec.size);

    return ngx_http_xr_stored_file(r, p, rec.size, p - c->buf->pos, 1);
}


/* In the background it may be the parent who was the first. */

static ngx_uint_t
ngx_http_xr_stored_writes(ngx_http_request_t *r)
{
    ngx_http_cache_t  *c;

    if (r->cache->updating) {
        return 1;
    }

    c = r->background ? r->parent->cache : NULL;

    return c != NULL && c->updating && c->node == r->cache->node;
}


/* Reads or writes the file that was read, if it is the same still. */

ngx_int_t
ngx_http_xr_stored_file(ngx_http_request_t *r, u_char *p, size_t size,
    size_t offset, ngx_uint_t write)
{
    ssize_t           n;
    ngx_int_t         rc;
    ngx_file_t        file;
    ngx_file_info_t   fi;
    ngx_http_cache_t  *c;

    c = r->cache;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = c->file.name;
    file.log = r->connection->log;
    file.fd = ngx_open_file(file.name.data, NGX_FILE_RDWR, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        return NGX_ERROR;               /* it may have been deleted */
    }

    rc = NGX_ERROR;

    if (ngx_fd_info(file.fd, &fi) != NGX_FILE_ERROR
        && c->uniq == ngx_file_uniq(&fi)
        && c->length == ngx_file_size(&fi))
    {
        n = write ? ngx_write_file(&file, p, size, offset)
                  : ngx_read_file(&file, p, size, offset);

        rc = (n == (ssize_t) size) ? NGX_OK : NGX_ERROR;
    }

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &file.name);
    }

    return rc;
}
