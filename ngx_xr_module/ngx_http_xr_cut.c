/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"


/* Whether an object is cut, and to what. */

#define NGX_HTTP_XR_CUT_ZONE      (1024 * 1024)
#define NGX_HTTP_XR_CUT_RESTARTS  3

/* Larger than that no texture is, and a wish has no effect. */

#define NGX_HTTP_XR_CUT_MAXDIM    (1 << 24)

/* Seconds for which nothing is tried again that failed. */

#define NGX_HTTP_XR_CUT_RETRY     5


static ngx_http_xr_cut_t *ngx_http_xr_cut_get(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_http_xr_cut_kind_t ngx_http_xr_cut_asked(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, uint64_t *maxdim);
static ngx_uint_t ngx_http_xr_cut_param(xr_str_t query, xr_str_t name,
    xr_str_t *value);
static uint64_t ngx_http_xr_cut_number(xr_str_t query);
static ngx_uint_t ngx_http_xr_cut_known(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_xr_cut_t *cut);
static void ngx_http_xr_cut_tag(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_cut_t *cut, u_char *tag);


/* By their numbers; behind "format" those are libxr's own. */

static const char  *ngx_http_xr_cut_words[] = {
    "", "full", "cut", "refused:origin", "refused:ranges",
    "refused:validator", "refused:changes", "refused:levels",
    "refused:format", "refused:volume", "refused:scheme", "refused:order",
    "refused:layout", "refused:json", "refused:length"
};


ngx_int_t
ngx_http_xr_cut_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    static ngx_str_t  name = ngx_string("xr_cuts");

    return ngx_http_xr_memory_add(cf, &name, NGX_HTTP_XR_CUT_ZONE,
                                  &xmcf->cuts);
}


static ngx_http_xr_cut_t *
ngx_http_xr_cut_get(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    if (ctx->cut == NULL) {
        ctx->cut = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_cut_t));
    }

    return ctx->cut;
}


/*
 * The largest edge of a texture that a client's device is good for; a query
 * that asks for another one overrules it.
 */

ngx_int_t
ngx_http_xr_cut_wish(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    uint64_t maxdim)
{
    ngx_http_xr_cut_t  *cut;

    cut = ngx_http_xr_cut_get(r, ctx);
    if (cut == NULL) {
        return NGX_ERROR;
    }

    cut->wish = maxdim;

    return NGX_OK;
}


/* Where a model's head ends, for "part=head", if that is known already. */

ngx_int_t
ngx_http_xr_cut_head(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    uint64_t length)
{
    ngx_http_xr_cut_t  *cut;

    cut = ngx_http_xr_cut_get(r, ctx);
    if (cut == NULL) {
        return NGX_ERROR;
    }

    cut->head = length;

    return NGX_OK;
}


ngx_uint_t
ngx_http_xr_cut_active(ngx_http_xr_ctx_t *ctx)
{
    return ctx->cut != NULL && ctx->cut->active;
}


/*
 * Before an object is served.  NGX_DECLINED: it is known what is, from
 * "ctx->cut"; NGX_DONE: it will be, and is served then.
 */

ngx_int_t
ngx_http_xr_cut_begin(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    uint64_t                 maxdim;
    ngx_http_xr_cut_t       *cut;
    ngx_http_xr_loc_conf_t  *xlcf;
    ngx_http_xr_cut_kind_t   kind;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (r != r->main || (!xlcf->cut && ctx->cut == NULL)) {
        return NGX_DECLINED;
    }

    cut = ctx->cut;
    maxdim = 0;

    if (cut != NULL && cut->settled && xlcf->cut
        && xr_str_eq(ngx_http_xr_view(&cut->object),
                     ngx_http_xr_view(&ctx->object)))
    {
        return NGX_DECLINED;
    }

    kind = (xlcf->cut && (r->args.len != 0 || cut != NULL))
           ? ngx_http_xr_cut_asked(r, ctx, &maxdim) : NGX_HTTP_XR_CUT_NONE;

    if (kind == NGX_HTTP_XR_CUT_NONE) {

        if (cut != NULL) {
            ngx_http_xr_cut_settle(ctx, cut, 0);
        }

        return NGX_DECLINED;
    }

    cut = ngx_http_xr_cut_get(r, ctx);
    if (cut == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cut->kind = kind;
    cut->maxdim = maxdim;

    if (ngx_http_xr_cut_known(r, ctx, cut)) {
        return NGX_DECLINED;
    }

    if (ngx_http_xr_cut_probe_begin(r, cut, XR_KTX2_PREFIX_MAX) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;

    return NGX_DONE;
}


/* By the object's name: all that can be asked of it. */

static ngx_http_xr_cut_kind_t
ngx_http_xr_cut_asked(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    uint64_t *maxdim)
{
    xr_str_t  name, value;

    static const xr_str_t  texture = XR_STR(".ktx2");
    static const xr_str_t  model = XR_STR(".glb");

    name = ngx_http_xr_view(&ctx->object);
    *maxdim = 0;

    if (xr_str_ends(name, texture)) {
        *maxdim = ngx_http_xr_cut_number(ngx_http_xr_view(&r->args));

        if (*maxdim == 0 && ctx->cut != NULL) {
            *maxdim = ctx->cut->wish;
        }

        return (*maxdim != 0) ? NGX_HTTP_XR_CUT_TEXTURE : NGX_HTTP_XR_CUT_NONE;
    }

    if (xr_str_ends(name, model)
        && ngx_http_xr_cut_param(ngx_http_xr_view(&r->args), xr_str("part"),
                                 &value)
        && xr_str_eq(value, xr_str("head")))
    {
        return NGX_HTTP_XR_CUT_HEAD;
    }

    return NGX_HTTP_XR_CUT_NONE;
}


/* What stands twice does not count. */

static ngx_uint_t
ngx_http_xr_cut_param(xr_str_t query, xr_str_t name, xr_str_t *value)
{
    xr_str_t    part, key;
    ngx_uint_t  n;

    for (n = 0; query.len != 0; /* void */) {
        part = xr_str_cut(&query, '&');
        key = xr_str_cut(&part, '=');

        if (xr_str_eq(key, name)) {
            *value = part;
            n++;
        }
    }

    return n == 1;
}


/* 0: there is none, or it is malformed. */

static uint64_t
ngx_http_xr_cut_number(xr_str_t query)
{
    uint64_t  n;
    xr_str_t  value;

    return ngx_http_xr_cut_param(query, xr_str("maxdim"), &value)
           && xr_str_uint(&value, &n) == XR_OK && value.len == 0
           && n <= NGX_HTTP_XR_CUT_MAXDIM
           ? n : 0;
}


/* Whether the query has an edge that counts, whoever asks. */

ngx_uint_t
ngx_http_xr_cut_named(ngx_http_request_t *r)
{
    return ngx_http_xr_cut_number(ngx_http_xr_view(&r->args)) != 0;
}


/* Of an object whose edge and levels are known: a number and a word. */

ngx_uint_t
ngx_http_xr_cut_choose(ngx_http_xr_cut_t *cut)
{
    uint32_t  level;

    if (cut->kind == NGX_HTTP_XR_CUT_HEAD) {
        return (cut->number == cut->source) ? NGX_HTTP_XR_CUT_FULL
                                            : NGX_HTTP_XR_CUT_DONE;
    }

    if (xr_ktx2_level(cut->edge, cut->levels, cut->maxdim, &level) != XR_OK) {
        return NGX_HTTP_XR_CUT_LEVELS;
    }

    cut->number = level;

    return (level == 0) ? NGX_HTTP_XR_CUT_FULL : NGX_HTTP_XR_CUT_DONE;
}


void
ngx_http_xr_cut_settle(ngx_http_xr_ctx_t *ctx, ngx_http_xr_cut_t *cut,
    ngx_uint_t verdict)
{
    cut->object = ctx->object;
    cut->verdict = verdict;
    cut->settled = 1;
    cut->active = (verdict == NGX_HTTP_XR_CUT_DONE);
}


/* Whether it is remembered; who passes the cache by does not ask. */

static ngx_uint_t
ngx_http_xr_cut_known(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_cut_t *cut)
{
    u_char                    tag[XR_SIPHASH_SIZE];
    ngx_uint_t                verdict;
    xr_memory_value_t         value;
    ngx_http_xr_loc_conf_t   *xlcf;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (xlcf->upstream.cache_bypass != NULL) {
        return 0;
    }

    ngx_http_xr_cut_tag(r, ctx, cut, tag);

    if (xr_memory_get(xmcf->cuts, tag, ngx_time(), &value) != XR_OK) {
        return 0;
    }

    verdict = value.key_id & 0xff;

    if (verdict == NGX_HTTP_XR_CUT_DONE) {

        /* what is stored is all there is: it has to be renewed by its tag */

        if (!xlcf->upstream.cache || !xlcf->upstream.cache_revalidate) {
            return 0;
        }

        cut->tag = value.subject;
        cut->number = value.token_id;
        cut->source = 0;
        cut->edge = (uint32_t) (value.key_id >> 32);
        cut->levels = value.key_id >> 8 & 0xff;

        verdict = ngx_http_xr_cut_choose(cut);
    }

    ngx_http_xr_cut_settle(ctx, cut, verdict);

    return 1;
}


/* Of a texture one entry serves for all sizes. */

void
ngx_http_xr_cut_remember(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_cut_t *cut, ngx_uint_t verdict)
{
    u_char                    tag[XR_SIPHASH_SIZE];
    xr_memory_value_t         value;
    ngx_http_xr_main_conf_t  *xmcf;

    value.expires = cut->expires;

    if (cut->kind == NGX_HTTP_XR_CUT_TEXTURE
        && (verdict == NGX_HTTP_XR_CUT_FULL
            || verdict == NGX_HTTP_XR_CUT_LEVELS))
    {
        verdict = NGX_HTTP_XR_CUT_DONE;
    }

    if (verdict >= NGX_HTTP_XR_CUT_ORIGIN) {
        value.expires = ngx_max(value.expires,
                                ngx_time() + NGX_HTTP_XR_CUT_RETRY);
    }

    value.subject = cut->tag;
    value.token_id = cut->number;
    value.key_id = (uint64_t) cut->edge << 32 | (uint64_t) cut->levels << 8
                   | verdict;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    ngx_http_xr_cut_tag(r, ctx, cut, tag);

    xr_memory_put(xmcf->cuts, tag, ngx_time(), &value);
}


static void
ngx_http_xr_cut_tag(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_cut_t *cut, u_char *tag)
{
    u_char                    kind;
    xr_str_t                  parts[6];
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    kind = (u_char) cut->kind;

    parts[0] = xr_str_of(&kind, 1);
    parts[1] = xr_str_of(&cut->head, sizeof(cut->head));
    parts[2] = ctx->tenant->cache_prefix;
    parts[3] = ngx_http_xr_view(&ctx->object);

    /* what it was before a purge is not known any more */

    parts[4] = ngx_http_xr_view(&ctx->purge.key);
    parts[5] = xr_str_of(&ctx->purge.some, sizeof(ctx->purge.some));

    xr_siphash(xmcf->secret, parts, 6, tag);
}


/*
 * What came is not what was to be cut: all is learned again, and where that
 * does not help the object is served as it is.
 */

ngx_int_t
ngx_http_xr_cut_restart(ngx_http_xr_slice_t *s)
{
    ngx_http_xr_cut_t   *cut;
    ngx_http_xr_ctx_t   *ctx;
    ngx_http_request_t  *r;

    r = s->request;
    cut = s->cut;
    ctx = ngx_http_xr_get_ctx(r);

    if (s->headed) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: object has changed while it was sent");
        return NGX_ERROR;
    }

    cut->refresh = !cut->unknown && !s->purged;
    cut->settled = 0;
    cut->active = 0;
    cut->planned = 0;
    cut->unknown = 0;
    cut->etag.len = 0;

    ctx->slice = NULL;
    ctx->deny = XR_DENY_NONE;

    if (cut->restarts++ < NGX_HTTP_XR_CUT_RESTARTS) {
        return (ngx_http_xr_cut_probe_begin(r, cut, XR_KTX2_PREFIX_MAX)
                == NGX_OK)
               ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_xr_cut_settle(ctx, cut, NGX_HTTP_XR_CUT_CHANGES);

    return ngx_http_xr_origin_serve(r);
}


/* Of what libxr said; what is not listed is a file that is damaged. */

ngx_uint_t
ngx_http_xr_cut_word(const char *what)
{
    ngx_uint_t  i;

    for (i = NGX_HTTP_XR_CUT_FORMAT;
         i < sizeof(ngx_http_xr_cut_words) / sizeof(char *);
         i++)
    {
        if (ngx_strcmp(ngx_http_xr_cut_words[i] + sizeof("refused:") - 1, what)
            == 0)
        {
            return i;
        }
    }

    return NGX_HTTP_XR_CUT_FORMAT;
}


/* How its key in the cache begins; tenant and object follow. */

u_char *
ngx_http_xr_cut_key(ngx_http_xr_cut_t *cut, u_char *p)
{
    return ngx_sprintf(p, "@%c%uL:%uxL\n",
                       (cut->kind == NGX_HTTP_XR_CUT_TEXTURE) ? 'k' : 'h',
                       cut->number, cut->tag);
}


xr_str_t
ngx_http_xr_cut_var(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return (ctx->cut != NULL) ? xr_str(ngx_http_xr_cut_words[ctx->cut->verdict])
                              : xr_str_of(NULL, 0);
}
