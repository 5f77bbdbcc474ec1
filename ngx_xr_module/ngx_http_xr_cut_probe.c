/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_degrade.h"

#include "xr_glb.h"


/*
 * The beginning of an object: the first slice of it, of a size of its own.
 * So it is stored, renewed, purged and asked for once like any other; but no
 * byte of it is the client's.
 */

/* Of an entity tag: what is made of it has to fit into a stored header. */

#define NGX_HTTP_XR_CUT_ETAG_MAX  96


static void ngx_http_xr_cut_continue(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_cut_again(ngx_http_request_t *r,
    ngx_http_xr_cut_t *cut, ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part, ngx_uint_t *verdict);
static ngx_int_t ngx_http_xr_cut_judge(ngx_http_request_t *r,
    ngx_http_xr_cut_t *cut, ngx_uint_t *verdict);
static ngx_uint_t ngx_http_xr_cut_texture(ngx_http_request_t *r,
    ngx_http_xr_cut_t *cut);
static ngx_int_t ngx_http_xr_cut_model(ngx_http_request_t *r,
    ngx_http_xr_cut_t *cut, ngx_uint_t *verdict);
static ngx_uint_t ngx_http_xr_cut_refused(ngx_http_request_t *r,
    xr_err_t *err);


ngx_int_t
ngx_http_xr_cut_probe_begin(ngx_http_request_t *r, ngx_http_xr_cut_t *cut,
    size_t size)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_xr_slice_t  *s;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_slice_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    s = cln->data;
    ngx_memzero(s, sizeof(ngx_http_xr_slice_t));

    cln->handler = ngx_http_xr_slice_part_end;

    s->request = r;
    s->size = size;
    s->cut = cut;
    s->probing = 1;
    s->alone = 1;
    s->refresh = cut->refresh;

    if (cut->size < size) {
        cut->beginning = ngx_pnalloc(r->pool, size);
        if (cut->beginning == NULL) {
            return NGX_ERROR;
        }
    }

    cut->probe = s;
    cut->size = size;
    cut->read = 0;
    cut->status = 0;
    cut->expires = 0;
    cut->refresh = 0;

    s->part = ngx_http_xr_slice_part_fetch(s, 0, 0, 0);

    if (s->part == NULL) {
        return NGX_ERROR;
    }

    r->write_event_handler = ngx_http_xr_cut_continue;

    return NGX_OK;
}


/* The filter of its header. */

ngx_int_t
ngx_http_xr_cut_probe_header(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_str_t            etag;
    ngx_http_xr_cut_t   *cut;
    xr_range_content_t   content;

    cut = part->slice->cut;

    if (r->headers_out.status != NGX_HTTP_PARTIAL_CONTENT
        || r->headers_out.content_range == NULL
        || r->headers_out.etag == NULL
        || ngx_http_xr_slice_origin_place(
               &r->headers_out.content_range->value, &content)
           != NGX_OK)
    {
        cut->status = r->headers_out.status;
        r->header_only = 1;

        return NGX_OK;
    }

    etag = r->headers_out.etag->value;

    if (etag.len < 2 || etag.len > NGX_HTTP_XR_CUT_ETAG_MAX
        || etag.data[0] != '"' || etag.data[etag.len - 1] != '"')
    {
        r->header_only = 1;
        return NGX_OK;
    }

    cut->etag.data = ngx_pstrdup(part->slice->request->pool, &etag);
    if (cut->etag.data == NULL) {
        return NGX_ERROR;
    }

    cut->etag.len = etag.len;
    cut->tag = ngx_http_xr_slice_version_tag(&etag);
    cut->source = content.length;

    if (r->cache != NULL
        && r->upstream->cache_status != NGX_HTTP_CACHE_STALE
        && r->upstream->cache_status != NGX_HTTP_CACHE_UPDATING
        && (r->cached || r->upstream->cacheable))
    {
        cut->expires = r->cache->valid_sec + 1;
    }

    part->headed = 1;

    return NGX_OK;
}


/* Of its body: what comes is kept, and nothing is passed on. */

ngx_int_t
ngx_http_xr_cut_probe_body(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_chain_t *in)
{
    size_t              n;
    u_char             *p;
    ngx_buf_t          *b;
    ngx_http_xr_cut_t  *cut;

    cut = part->slice->cut;

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (ngx_buf_special(b)) {
            continue;
        }

        p = cut->beginning + cut->read;
        n = (size_t) ngx_min(ngx_buf_size(b),
                             (off_t) (cut->size - cut->read));

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(p, b->pos, n);

        } else if (n != 0
                   && ngx_read_file(b->file, p, n, b->file_pos) != (ssize_t) n)
        {
            return NGX_ERROR;
        }

        cut->read += n;

        b->pos = b->last;
        b->file_pos = b->file_last;
    }

    return NGX_OK;
}


/* It is there, or will not be. */

static void
ngx_http_xr_cut_continue(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_uint_t                 verdict;
    ngx_http_xr_ctx_t         *ctx;
    ngx_http_xr_cut_t         *cut;
    ngx_http_xr_slice_t       *s;
    ngx_http_xr_slice_part_t  *part;

    ctx = ngx_http_xr_get_ctx(r);
    cut = ctx->cut;
    s = cut->probe;
    part = s->part;

    if (!part->request->done) {
        return;
    }

    if (r->connection->error) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    rc = ngx_http_xr_cut_again(r, cut, s, part, &verdict);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_xr_cut_judge(r, cut, &verdict);
    }

    ngx_http_xr_slice_part_sweep(s);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_xr_cut_remember(r, ctx, cut, verdict);
    ngx_http_xr_cut_settle(ctx, cut, verdict);

    ctx->deny = XR_DENY_NONE;

    ngx_http_finalize_request(r, ngx_http_xr_origin_serve(r));
}


/*
 * NGX_AGAIN: it is read once more; NGX_OK: there is none, and "verdict" says
 * why; NGX_DECLINED: it is there.
 */

static ngx_int_t
ngx_http_xr_cut_again(ngx_http_request_t *r, ngx_http_xr_cut_t *cut,
    ngx_http_xr_slice_t *s, ngx_http_xr_slice_part_t *part,
    ngx_uint_t *verdict)
{
    if (ngx_http_xr_degrade_part(part)) {
        s->part = ngx_http_xr_slice_part_fetch(s, 0, 0, 0);

        if (s->part == NULL) {
            return NGX_ERROR;
        }

        s->part->uncached = 1;
        cut->read = 0;

        return NGX_AGAIN;
    }

    if (s->changed && s->purged) {
        *verdict = NGX_HTTP_XR_CUT_CHANGES;

        if (cut->restarts++ >= 3) {
            return NGX_OK;
        }

        return (ngx_http_xr_cut_probe_begin(r, cut, s->size) == NGX_OK)
               ? NGX_AGAIN : NGX_ERROR;
    }

    if (s->changed) {
        *verdict = NGX_HTTP_XR_CUT_VALIDATOR;
        return NGX_OK;
    }

    if (!part->headed) {
        *verdict = (cut->status == NGX_HTTP_OK) ? NGX_HTTP_XR_CUT_RANGES
                   : (cut->status == 0) ? NGX_HTTP_XR_CUT_VALIDATOR
                   : NGX_HTTP_XR_CUT_ORIGIN;

        return NGX_OK;
    }

    /* an origin that breaks off is asked for the object as it is */

    if (cut->read < ngx_min(cut->size, cut->source)) {
        *verdict = NGX_HTTP_XR_CUT_ORIGIN;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* NGX_OK, NGX_AGAIN: more of it is being read, or NGX_ERROR. */

static ngx_int_t
ngx_http_xr_cut_judge(ngx_http_request_t *r, ngx_http_xr_cut_t *cut,
    ngx_uint_t *verdict)
{
    cut->edge = 0;
    cut->levels = 0;
    cut->number = 0;
    cut->planned = 1;

    if (cut->kind == NGX_HTTP_XR_CUT_HEAD) {
        return ngx_http_xr_cut_model(r, cut, verdict);
    }

    *verdict = ngx_http_xr_cut_texture(r, cut);

    return (*verdict != 0) ? NGX_OK : NGX_ERROR;
}


/* 0: there is no memory. */

static ngx_uint_t
ngx_http_xr_cut_texture(ngx_http_request_t *r, ngx_http_xr_cut_t *cut)
{
    xr_err_t    err;
    xr_buf_t    b;
    xr_str_t    prefix;
    xr_ktx2_t   k;
    ngx_uint_t  verdict;

    prefix = xr_str_of(cut->beginning, cut->read);

    if (xr_ktx2_parse(prefix, cut->source, &k, &err) != XR_OK) {
        return ngx_http_xr_cut_refused(r, &err);
    }

    cut->edge = k.edge;
    cut->levels = k.levels;

    verdict = ngx_http_xr_cut_choose(cut);

    if (verdict != NGX_HTTP_XR_CUT_DONE) {
        return verdict;
    }

    xr_ktx2_plan(&k, (uint32_t) cut->number, &cut->plan);

    b = xr_buf(ngx_pnalloc(r->pool, cut->plan.head), cut->plan.head);

    if (b.data == NULL) {
        return 0;
    }

    xr_ktx2_head(&k, &cut->plan, prefix, &b);
    cut->start = ngx_http_xr_ngx(xr_buf_str(&b));

    return verdict;
}


static ngx_int_t
ngx_http_xr_cut_model(ngx_http_request_t *r, ngx_http_xr_cut_t *cut,
    ngx_uint_t *verdict)
{
    size_t    size;
    uint64_t  need;
    xr_glb_t  glb;
    xr_err_t  err;
    xr_str_t  prefix;

    prefix = xr_str_of(cut->beginning, cut->read);

    if (cut->head != 0) {
        cut->number = cut->head;

    } else {
        need = ngx_min(xr_glb_need(prefix), cut->source);

        if (need > cut->read && xr_str_starts(prefix, xr_str("glTF"))) {

            for (size = 2 * cut->size; size < need; size *= 2) { /* void */ }

            return (ngx_http_xr_cut_probe_begin(r, cut, size) == NGX_OK)
                   ? NGX_AGAIN : NGX_ERROR;
        }

        if (xr_glb_parse(prefix, cut->source, &glb, &err) != XR_OK
            || xr_glb_head(prefix, &glb, &cut->number, &err) != XR_OK)
        {
            *verdict = ngx_http_xr_cut_refused(r, &err);
            return NGX_OK;
        }
    }

    if (cut->number > cut->source) {
        *verdict = ngx_http_xr_cut_word("length");
        return NGX_OK;
    }

    ngx_memzero(&cut->plan, sizeof(xr_ktx2_plan_t));

    cut->plan.prefix = cut->number;
    cut->plan.length = cut->number;
    cut->plan.pieces[0].length = cut->number;
    cut->plan.n = 1;
    cut->start.len = 0;

    *verdict = ngx_http_xr_cut_choose(cut);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_xr_cut_refused(ngx_http_request_t *r, xr_err_t *err)
{
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "xr: object cannot be cut: %s at offset %uz",
                  err->what, err->pos);

    return ngx_http_xr_cut_word(err->what);
}
