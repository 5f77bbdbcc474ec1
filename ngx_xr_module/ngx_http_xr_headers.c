/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_encode.h"
#include "ngx_http_xr_explain.h"
#include "ngx_http_xr_limit.h"
#include "ngx_http_xr_slice.h"
#include "ngx_http_xr_variant.h"

#include "xr_mime.h"
#include "xr_variant.h"


static ngx_int_t ngx_http_xr_headers_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_headers_common(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_headers_object(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_headers_age(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_headers_cache_control(ngx_http_request_t *r,
    ngx_str_t *value);


static ngx_http_output_header_filter_pt  ngx_http_xr_next_header_filter;


/*
 * For viewers on other sites: workers with COEP may load the bytes, scripts
 * may time them, and no browser guesses a type.
 */

static ngx_str_t  ngx_http_xr_headers_always[][2] = {
    { ngx_string("Cross-Origin-Resource-Policy"), ngx_string("cross-origin") },
    { ngx_string("Timing-Allow-Origin"), ngx_string("*") },
    { ngx_string("X-Content-Type-Options"), ngx_string("nosniff") },
    { ngx_string("Referrer-Policy"), ngx_string("no-referrer") }
};


static ngx_str_t  ngx_http_xr_headers_cc = ngx_string("Cache-Control");
static ngx_str_t  ngx_http_xr_headers_no_store = ngx_string("no-store");
static ngx_str_t  ngx_http_xr_headers_allow = ngx_string("Allow");
static ngx_str_t  ngx_http_xr_headers_allowed =
    ngx_string("GET, HEAD, OPTIONS");


ngx_int_t
ngx_http_xr_headers_init(ngx_conf_t *cf)
{
    ngx_http_xr_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_xr_headers_filter;

    ngx_http_xr_explain_init();

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_headers_filter(ngx_http_request_t *r)
{
    ngx_http_xr_ctx_t       *ctx;
    ngx_http_xr_loc_conf_t  *xlcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (r != r->main) {
        return ngx_http_xr_next_header_filter(r);
    }

    ctx = ngx_http_xr_get_ctx(r);

    /* an error page of another location is still about what was refused */

    if (ctx == NULL || (!xlcf->enable && ctx->deny == XR_DENY_NONE)) {
        return (ctx == NULL || ctx->explain == NULL)
               ? ngx_http_xr_next_header_filter(r)
               : ngx_http_xr_explain_answer(r, ctx,
                                            ngx_http_xr_next_header_filter);
    }

    /* a filter further on may answer with an error instead, such as 416 */

    if (!ctx->decorated || r->filter_finalize) {
        ctx->decorated = 1;

        if (ngx_http_xr_headers_common(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_xr_headers_object(r, ctx) != NGX_OK
        || ngx_http_xr_limit_rate_watch(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_xr_limit_bytes_length(r, ctx);

    return (ctx->explain == NULL)
           ? ngx_http_xr_next_header_filter(r)
           : ngx_http_xr_explain_answer(r, ctx,
                                        ngx_http_xr_next_header_filter);
}


static ngx_int_t
ngx_http_xr_headers_common(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_uint_t  i;

    for (i = 0; i < 4; i++) {

        if (ngx_http_xr_headers_push(r, &ngx_http_xr_headers_always[i][0],
                                     &ngx_http_xr_headers_always[i][1])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_xr_limit_fields_push(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->tenant != NULL && ngx_http_xr_cors_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return (ngx_http_xr_variant_answer_headers(r, ctx) == NGX_OK)
           ? ngx_http_xr_headers_vary(r, ctx) : NGX_ERROR;
}


/* One line of all that the response was chosen by, whoever did so. */

ngx_int_t
ngx_http_xr_headers_vary(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    size_t      size;
    xr_buf_t    b;
    ngx_str_t   value;
    ngx_uint_t  i;

    static ngx_str_t  vary = ngx_string("Vary");

    static const struct {
        ngx_uint_t  bit;
        ngx_str_t   name;
    } parts[] = {
        { NGX_HTTP_XR_VARY_ORIGIN, ngx_string("Origin") },
        { NGX_HTTP_XR_VARY_ACCEPT_ENCODING, ngx_string("Accept-Encoding") },
        { NGX_HTTP_XR_VARY_DEVICE, ngx_string(XR_VARIANT_VARY) }
    };

    size = 0;

    for (i = 0; i < XR_COUNT(parts); i++) {

        if (ctx->vary == parts[i].bit) {
            value = parts[i].name;
            return ngx_http_xr_headers_push(r, &vary, &value);
        }

        size += parts[i].name.len + 2;
    }

    if (ctx->vary == 0) {
        return NGX_OK;
    }

    b = xr_buf(ngx_pnalloc(r->pool, size), size);

    if (b.data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < XR_COUNT(parts); i++) {

        if (ctx->vary & parts[i].bit) {
            xr_buf_puts(&b, (b.len != 0) ? ", " : "");
            xr_buf_put(&b, ngx_http_xr_view(&parts[i].name));
        }
    }

    value = ngx_http_xr_ngx(xr_buf_str(&b));

    return ngx_http_xr_headers_push(r, &vary, &value);
}


/* What depends on the outcome: type and freshness, or that nobody keeps it. */

static ngx_int_t
ngx_http_xr_headers_object(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_str_t               *own, policy;
    ngx_http_xr_loc_conf_t  *xlcf;

    if (r->headers_out.status >= NGX_HTTP_BAD_REQUEST) {

        ngx_http_clear_last_modified(r);    /* those of an error page */
        ngx_http_clear_etag(r);
        ngx_http_xr_variant_lost(r, ctx);

        /* a failure that is remembered comes without its first reason */

        if (ctx->deny == XR_DENY_NONE
            && (r->cache != NULL || ctx->slice != NULL)
            && r->headers_out.status == NGX_HTTP_NOT_FOUND)
        {
            ctx->deny = XR_DENY_ORIGIN_NOT_FOUND;
        }

        if (r->headers_out.status == NGX_HTTP_NOT_ALLOWED
            && ngx_http_xr_headers_push(r, &ngx_http_xr_headers_allow,
                                        &ngx_http_xr_headers_allowed)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_xr_headers_cache_control(r,
                                             &ngx_http_xr_headers_no_store);
    }

    if (ctx->tenant == NULL
        || (ctx->slice == NULL
            && (r->upstream == NULL
                || r->upstream->output.tag
                   != (ngx_buf_tag_t) &ngx_http_xr_module)))
    {
        return NGX_OK;                  /* a preflight, or another handler's */
    }

    if (!ngx_http_xr_slice_many(ctx)) {
        ngx_http_xr_headers_type(r, ctx);
    }

    if (ngx_http_xr_encoding_headers(r, ctx) != NGX_OK
        || ngx_http_xr_headers_age(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    own = ngx_http_xr_variant_answer_policy(r, ctx);

    if (own != NULL) {
        return ngx_http_xr_headers_cache_control(r, own);
    }

    policy = ngx_http_xr_ngx(ctx->tenant->cache_control);

    if (policy.len != 0) {
        return ngx_http_xr_headers_cache_control(r, &policy);
    }

    if (r->headers_out.cache_control
#if (nginx_version < 1023000)
        .nelts
#endif
        )
    {
        return NGX_OK;                  /* the origin's own */
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    return ngx_http_xr_headers_cache_control(r, &xlcf->cache_control);
}


static ngx_int_t
ngx_http_xr_headers_age(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_slice_t   *s;
    ngx_http_xr_origin_t  *exchange;

    s = ctx->slice;

    if (s != NULL) {
        return ngx_http_xr_freshness_age(r, s->born, s->stored);
    }

    exchange = r->upstream->input_filter_ctx;

    return ngx_http_xr_freshness_age(r, exchange->freshness.born, r->cached);
}


/* The table's type wins: uploads are too often "binary/octet-stream". */

void
ngx_http_xr_headers_type(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_str_t  type;

    type = xr_mime_type(ngx_http_xr_encoding_name(ctx));

    if (type.len == 0) {

        if (r->headers_out.content_type.len != 0) {
            return;
        }

        type = xr_str("application/octet-stream");
    }

    r->headers_out.content_type = ngx_http_xr_ngx(type);
    r->headers_out.content_type_len = type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;
}


/* xr_cache_control: it goes out as it is. */

char *
ngx_http_xr_headers_cache_control_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {

        if (value[1].data[i] < 0x20 || value[1].data[i] >= 0x7f) {
            return "holds a control character or one outside ASCII";
        }
    }

    return ngx_conf_set_str_slot(cf, cmd, conf);
}


/* Sets the one Cache-Control, and removes what would contradict it. */

static ngx_int_t
ngx_http_xr_headers_cache_control(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_table_elt_t   *h;
#if (nginx_version < 1023000)
    ngx_uint_t         i;
    ngx_table_elt_t  **cc;
#endif

    if (r->headers_out.expires != NULL) {
        r->headers_out.expires->hash = 0;
        r->headers_out.expires = NULL;
    }

#if (nginx_version >= 1023000)

    for (h = r->headers_out.cache_control; h; h = h->next) {
        h->hash = 0;
    }

#else

    cc = r->headers_out.cache_control.elts;

    for (i = 0; i < r->headers_out.cache_control.nelts; i++) {
        cc[i]->hash = 0;
    }

#endif

    h = ngx_http_xr_headers_add(r, &ngx_http_xr_headers_cc, value);
    if (h == NULL) {
        return NGX_ERROR;
    }

#if (nginx_version >= 1023000)

    r->headers_out.cache_control = h;

#else

    if (ngx_array_init(&r->headers_out.cache_control, r->pool, 1,
                       sizeof(ngx_table_elt_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cc = ngx_array_push(&r->headers_out.cache_control);
    *cc = h;

#endif

    return NGX_OK;
}


ngx_table_elt_t *
ngx_http_xr_headers_add(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);

    if (h != NULL) {
        ngx_memzero(h, sizeof(ngx_table_elt_t));

        h->hash = 1;
        h->key = *name;
        h->value = *value;
    }

    return h;
}


ngx_int_t
ngx_http_xr_headers_push(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    return ngx_http_xr_headers_add(r, name, value) != NULL ? NGX_OK
                                                           : NGX_ERROR;
}


/* RFC 9110, section 10.2.3: in seconds, rounded up, and not at once. */

ngx_int_t
ngx_http_xr_headers_retry_after(ngx_http_request_t *r, ngx_msec_t ms)
{
    u_char     *p;
    ngx_str_t   value;

    static ngx_str_t  name = ngx_string("Retry-After");

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%M", ngx_max((ms + 999) / 1000, 1)) - p;

    return ngx_http_xr_headers_push(r, &name, &value);
}


/* A request header by its name in lower case; the first, or NULL. */

ngx_table_elt_t *
ngx_http_xr_headers_find(ngx_http_request_t *r, ngx_str_t *lowcase)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == lowcase->len
                && ngx_memcmp(h[i].lowcase_key, lowcase->data, lowcase->len)
                   == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


/* Before a report is made: whether it is asked for as one should. */

ngx_int_t
ngx_http_xr_headers_report(ngx_http_request_t *r)
{
    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    return ngx_http_discard_request_body(r);
}


/* A line of an object, as NGINX has it put into a response, if it does. */

ngx_int_t
ngx_http_xr_headers_copy(ngx_http_request_t *r,
    ngx_http_upstream_header_t *header, ngx_table_elt_t *h)
{
    return (header != NULL) ? header->copy_handler(r, h, header->conf)
                            : ngx_http_xr_headers_push(r, &h->key, &h->value);
}


/* All that is answered. */

ngx_int_t
ngx_http_xr_headers_text(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_buf_t *b)
{
    ngx_int_t    rc;
    ngx_chain_t  out;

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.status = status;
    r->headers_out.content_length_n = b->last - b->pos;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_xr_headers_json(ngx_http_request_t *r, ngx_uint_t status, ngx_buf_t *b)
{
    static ngx_str_t  type = ngx_string("application/json");

    return ngx_http_xr_headers_text(r, status, &type, b);
}
