/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_explain.h"
#include "ngx_http_xr_slice.h"

#include "xr_json_put.h"


/*
 * Where the bytes would have come from: how it is stored, slice by slice, and
 * who was asked.  Of a slice the head of its file is read, of at most so many.
 */

#define NGX_HTTP_XR_EXPLAIN_SLICES  64


static void ngx_http_xr_explain_cached(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_buf_t *b);
static void ngx_http_xr_explain_slices(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_file_cache_t *cache, xr_buf_t *b);
static const char *ngx_http_xr_explain_slice(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_file_cache_t *cache, uint64_t number,
    time_t *date);
static ngx_int_t ngx_http_xr_explain_name(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_file_cache_t *cache, uint64_t number,
    ngx_http_cache_t *c, ngx_str_t *name);
static void ngx_http_xr_explain_tries(ngx_http_request_t *r, xr_buf_t *b);
static void ngx_http_xr_explain_time(xr_buf_t *b, const char *name,
    ngx_msec_t ms);


void
ngx_http_xr_explain_cache_put(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    ngx_http_xr_slice_t       *s;
    ngx_http_upstream_conf_t  *conf;
    ngx_http_xr_slice_part_t  *part;

    s = ctx->slice;
    conf = (ctx->conf != NULL && ctx->conf->upstream.cache)
           ? &ctx->conf->upstream : NULL;

    xr_json_put_name(b, "cache");
    xr_buf_putc(b, '{');

    if (conf == NULL) {
        xr_json_put_text(b, "how", xr_str("not stored"));

    } else if (s == NULL && (r->upstream == NULL || r->cache == NULL)) {
        xr_json_put_text(b, "how", xr_str("not asked"));

    } else {
        ngx_http_xr_explain_cached(r, ctx, b);
    }

    xr_buf_putc(b, '}');

    if (conf != NULL && conf->cache_zone != NULL
        && s != NULL && !s->whole && s->known && s->nranges != 0)
    {
        ngx_http_xr_explain_slices(r, ctx, conf->cache_zone->data, b);
    }

    xr_json_put_name(b, "origin");
    xr_buf_putc(b, '[');
    ngx_http_xr_explain_tries(r, b);

    for (part = (s != NULL) ? s->parts : NULL; part; part = part->next) {

        if (part->request != NULL) {
            ngx_http_xr_explain_tries(part->request, b);
        }
    }

    xr_buf_putc(b, ']');
}


static void
ngx_http_xr_explain_cached(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    time_t                 born;
    ngx_uint_t             status;
    ngx_http_xr_slice_t   *s;
    ngx_http_xr_origin_t  *exchange;

    s = ctx->slice;

    if (s != NULL) {
        status = s->cache_status;
        born = s->born;

    } else {
        exchange = r->upstream->input_filter_ctx;
        status = r->upstream->cache_status;
        born = exchange->freshness.born;
    }

    xr_json_put_text(b, "how", xr_str((s != NULL && !s->whole) ? "slices"
                                                               : "whole"));

    xr_json_put_some(b, "cut", ngx_http_xr_cut_var(r, ctx));

    if (status != 0) {
        xr_json_put_text(b, "status",
                         ngx_http_xr_view(&ngx_http_cache_status[status - 1]));
    }

    if (born != 0 && born <= ngx_time()) {
        xr_json_put_uint(b, "age", (uint64_t) (ngx_time() - born));
    }

    if (s == NULL || !s->known) {
        return;
    }

    xr_json_put_some(b, "etag", ngx_http_xr_view(&s->etag));

    if (s->version.length != XR_RANGE_UNKNOWN) {
        xr_json_put_uint(b, "length", s->version.length);
    }

    if (!s->whole) {
        xr_json_put_uint(b, "slice", s->size);
    }
}


/* Those of all ranges that are asked for, the first ones of many. */

static void
ngx_http_xr_explain_slices(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_file_cache_t *cache, xr_buf_t *b)
{
    time_t                date;
    size_t                i;
    u_char                text[sizeof("-") - 1 + 2 * NGX_INT64_LEN];
    uint64_t              number, last, end, next;
    ngx_uint_t            n;
    const char           *state;
    ngx_http_xr_slice_t  *s;

    s = ctx->slice;
    n = 0;
    next = 0;

    xr_json_put_name(b, "slices");
    xr_buf_putc(b, '[');

    for (i = 0; i < s->nranges; i++) {
        number = ngx_max(s->ranges[i].first / s->size, next);
        last = s->ranges[i].last / s->size;

        for ( /* void */ ; number <= last; number++) {

            if (n++ == NGX_HTTP_XR_EXPLAIN_SLICES) {
                xr_json_put_next(b);
                xr_buf_puts(b, "{\"bytes\":\"more\"}]");
                return;
            }

            next = number + 1;
            end = ngx_min(next * s->size, s->version.length);
            state = ngx_http_xr_explain_slice(r, ctx, cache, number, &date);

            xr_json_put_next(b);
            xr_buf_putc(b, '{');
            xr_json_put_text(b, "bytes",
                             xr_str_of(text, ngx_sprintf(text, "%uL-%uL",
                                                         number * s->size,
                                                         end - 1)
                                             - text));
            xr_json_put_text(b, "state", xr_str(state));

            if (date != 0 && date <= ngx_time()) {
                xr_json_put_uint(b, "age", (uint64_t) (ngx_time() - date));
            }

            xr_buf_putc(b, '}');
        }
    }

    xr_buf_putc(b, ']');
}


/*
 * The first slice tells for how long the version is good, and was asked for
 * just now: what came of that counts.  Those behind it are good as long as it
 * is.
 */

static const char *
ngx_http_xr_explain_slice(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_file_cache_t *cache, uint64_t number, time_t *date)
{
    ssize_t                        n;
    ngx_fd_t                       fd;
    ngx_str_t                      name;
    ngx_http_cache_t               c;
    ngx_http_file_cache_header_t   h;

    *date = 0;

    if (ngx_http_xr_explain_name(r, ctx, cache, number, &c, &name) != NGX_OK) {
        return "unknown";
    }

    fd = ngx_open_file(name.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return "miss";
    }

    n = ngx_read_fd(fd, &h, sizeof(h));

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &name);
    }

    if (n != sizeof(h) || h.version != NGX_HTTP_CACHE_VERSION
        || h.crc32 != c.crc32)
    {
        return "damaged";
    }

    if (number == 0 && ctx->slice->cache_status == NGX_HTTP_CACHE_MISS) {
        return "miss";
    }

    *date = h.date;

    return (number == 0 && h.valid_sec < ngx_time()) ? "expired" : "hit";
}


/* Its file, as NGINX names it. */

static ngx_int_t
ngx_http_xr_explain_name(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_file_cache_t *cache, uint64_t number, ngx_http_cache_t *c,
    ngx_str_t *name)
{
    u_char            *p, text[NGX_HTTP_XR_SLICE_KEY_SIZE];
    ngx_int_t          rc;
    ngx_str_t          part;
    ngx_path_t        *path;
    ngx_http_cache_t  *own;

    ngx_memzero(c, sizeof(ngx_http_cache_t));

    if (ngx_array_init(&c->keys, r->pool, 6, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    part.data = text;
    part.len = ngx_http_xr_slice_part_name(ctx->slice, number, text) - text;

    own = r->cache;
    r->cache = c;

    rc = ngx_http_xr_origin_keys(r, ctx, &part);

    if (rc == NGX_OK) {
        ngx_http_file_cache_create_key(r);
    }

    r->cache = own;

    path = cache->path;
    name->len = path->name.len + 1 + path->len + 2 * NGX_HTTP_CACHE_KEY_LEN;
    name->data = ngx_pnalloc(r->pool, name->len + 1);

    if (rc != NGX_OK || name->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(name->data, path->name.data, path->name.len);

    p = name->data + path->name.len + 1 + path->len;
    *ngx_hex_dump(p, c->key, NGX_HTTP_CACHE_KEY_LEN) = '\0';

    ngx_create_hashed_filename(path, name->data, name->len);

    return NGX_OK;
}


/* Who was asked, and what for that took. */

static void
ngx_http_xr_explain_tries(ngx_http_request_t *r, xr_buf_t *b)
{
    ngx_uint_t                  i;
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL) {
        return;
    }

    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {

        if (state[i].peer == NULL) {
            continue;
        }

        xr_json_put_next(b);
        xr_buf_putc(b, '{');
        xr_json_put_text(b, "address", ngx_http_xr_view(state[i].peer));
        xr_json_put_uint(b, "status", state[i].status);
        ngx_http_xr_explain_time(b, "connect_ms", state[i].connect_time);
        ngx_http_xr_explain_time(b, "header_ms", state[i].header_time);
        xr_buf_putc(b, '}');
    }
}


static void
ngx_http_xr_explain_time(xr_buf_t *b, const char *name, ngx_msec_t ms)
{
    if (ms != (ngx_msec_t) -1) {
        xr_json_put_uint(b, name, ms);
    }
}
