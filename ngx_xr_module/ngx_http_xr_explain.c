/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_device.h"
#include "ngx_http_xr_explain.h"
#include "ngx_http_xr_limit.h"
#include "ngx_http_xr_slice.h"
#include "ngx_http_xr_variant.h"

#include "xr_json_put.h"
#include "xr_variant.h"


/* Who may ask, and the answer that he gets. */

#define NGX_HTTP_XR_EXPLAIN_FILE    65536
#define NGX_HTTP_XR_EXPLAIN_ANSWER  (256 * 1024)
#define NGX_HTTP_XR_EXPLAIN_LINE    1024


static void ngx_http_xr_explain_wipe(void *data);
static ngx_uint_t ngx_http_xr_explain_decided(ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_explain_text(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_buf_t **out);
static void ngx_http_xr_explain_device(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_buf_t *b);
static void ngx_http_xr_explain_result(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_buf_t *b);
static const char *ngx_http_xr_explain_kind(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static void ngx_http_xr_explain_headers(ngx_http_request_t *r, xr_buf_t *b);
static void ngx_http_xr_explain_timings(ngx_http_xr_explain_t *e,
    xr_buf_t *b);
static ngx_int_t ngx_http_xr_explain_header(ngx_http_request_t *r,
    off_t length);


static ngx_http_output_body_filter_pt  ngx_http_xr_explain_next_body;


/* xr_explain_key file */

char *
ngx_http_xr_explain_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    char                *rv;
    xr_err_t             err;
    xr_rc_t              rc;
    ngx_str_t            path, text, *value;
    xr_keyset_t         *keys;
    ngx_pool_cleanup_t  *cln;
    ngx_http_xr_load_t  *load;

    if (xmcf->explain_keys != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(xr_keyset_t));
    load = ngx_http_xr_load_create(xmcf, cf, &cf->cycle->conf_prefix,
                                   cf->log);

    if (cln == NULL || load == NULL) {
        return NGX_CONF_ERROR;
    }

    keys = cln->data;
    ngx_memzero(keys, sizeof(xr_keyset_t));
    cln->handler = ngx_http_xr_explain_wipe;

    rv = NGX_CONF_ERROR;

    if (ngx_http_xr_load_path(load, ngx_http_xr_view(&value[1]), &path)
        == NGX_OK
        && ngx_http_xr_load_file(load, &path, NGX_HTTP_XR_EXPLAIN_FILE, &text)
           == NGX_OK)
    {
        rc = xr_keyset_purge(keys, ngx_http_xr_view(&text), &xmcf->mem, &err);

        if (rc == XR_OK) {
            xmcf->explain_keys = keys;
            rv = NGX_CONF_OK;

        } else {
            ngx_http_xr_load_error(load, 0, "%V:%uz: %s", &path,
                                   xr_str_line(ngx_http_xr_view(&text),
                                               err.pos),
                                   err.what);
        }

        xr_wipe(text.data, text.len);
    }

    ngx_http_xr_load_destroy(load);

    return rv;
}


static void
ngx_http_xr_explain_wipe(void *data)
{
    xr_keyset_wipe(data);
}


ngx_uint_t
ngx_http_xr_explain_is(const ngx_table_elt_t *h)
{
    static ngx_str_t  name = ngx_string("x-xr-explain");

    return h->key.len == name.len
           && ngx_memcmp(h->lowcase_key, name.data, name.len) == 0;
}


/*
 * What is not signed as it should be is as if it were not there; only the log
 * says so.  The target still is what the client sent.
 */

ngx_int_t
ngx_http_xr_explain_begin(ngx_http_request_t *r, ngx_str_t *value)
{
    const char               *why;
    const xr_key_t           *key;
    xr_explain_request_t      req;
    ngx_http_xr_ctx_t        *ctx;
    ngx_http_xr_explain_t    *e;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->explain_keys == NULL
        || !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        return NGX_OK;
    }

    req.method = ngx_http_xr_view(&r->method_name);
    req.host = ngx_http_xr_view(&r->headers_in.server);
    req.target = ngx_http_xr_view(&r->unparsed_uri);

    key = xr_explain_verify(ngx_http_xr_view(value), &req,
                            xmcf->explain_keys->keys, xmcf->explain_keys->n,
                            ngx_time(), &why);

    if (key == NULL) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "xr: X-XR-Explain is ignored: %s", why);
        return NGX_OK;
    }

    ctx = ngx_http_xr_make_ctx(r);
    e = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_explain_t));

    if (ctx == NULL || e == NULL) {
        return NGX_ERROR;
    }

    e->key_id = ngx_http_xr_ngx(key->id);
    e->began = ngx_http_xr_explain_now();

    ctx->explain = e;

    return NGX_OK;
}


uint64_t
ngx_http_xr_explain_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


/*
 * A step begins, or after "last" what serves the object: that is not to send
 * bytes, as if it had been asked for a header.
 */

void
ngx_http_xr_explain_enter(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_uint_t last)
{
    ngx_http_xr_explain_t  *e;

    e = ctx->explain;

    if (ctx->step == 0) {
        ngx_memzero(e->entered, sizeof(e->entered));
    }

    if (ctx->step < NGX_HTTP_XR_EXPLAIN_STEPS && e->entered[ctx->step] == 0) {
        e->entered[ctx->step] = ngx_http_xr_explain_now();
    }

    if (ctx->step == last) {
        r->header_only = 1;
    }
}


void
ngx_http_xr_explain_init(void)
{
    ngx_http_xr_explain_next_body = ngx_http_top_body_filter;
}


/*
 * In place of the header of an answer, whoever made it, the explanation is
 * sent; what calls this is told that there is nothing more to send.
 */

ngx_int_t
ngx_http_xr_explain_answer(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_output_header_filter_pt next)
{
    ngx_int_t               rc;
    ngx_buf_t              *b;
    ngx_chain_t             out;
    ngx_http_xr_explain_t  *e;

    e = ctx->explain;

    if (!ngx_http_xr_explain_decided(ctx)) {
        return next(r);
    }

    r->header_only = 1;

    if (e->answered) {
        return NGX_OK;
    }

    e->answered = 1;

    if (ngx_http_xr_explain_text(r, ctx, &b) != NGX_OK) {
        return NGX_ERROR;
    }

    /* it costs its tenant and its subject nothing */

    if (ctx->limited != NULL && !ctx->limited->settled) {
        ngx_http_xr_limit_give_back(ctx->limited);
        ctx->limited->settled = 1;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "xr: explained, key \"%V\", status %ui", &e->key_id,
                  r->headers_out.status);

    if (ngx_http_xr_explain_header(r, b->last - b->pos) != NGX_OK) {
        return NGX_ERROR;
    }

    r->header_only = (r->method == NGX_HTTP_HEAD);

    rc = next(r);

    if (rc == NGX_OK && !r->header_only) {
        out.buf = b;
        out.next = NULL;

        rc = ngx_http_xr_explain_next_body(r, &out);
    }

    r->header_only = 1;

    return (rc == NGX_AGAIN) ? NGX_OK : rc;
}


/* What another location of the server answers is nothing of ours. */

static ngx_uint_t
ngx_http_xr_explain_decided(ngx_http_xr_ctx_t *ctx)
{
    return ctx->conf != NULL || ctx->deny != XR_DENY_NONE;
}


static ngx_int_t
ngx_http_xr_explain_text(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_buf_t **out)
{
    xr_buf_t                b;
    ngx_buf_t              *buf;
    ngx_http_xr_explain_t  *e;

    e = ctx->explain;

    buf = ngx_create_temp_buf(r->pool, NGX_HTTP_XR_EXPLAIN_ANSWER);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    b = xr_buf(buf->pos, NGX_HTTP_XR_EXPLAIN_ANSWER);

    xr_buf_putc(&b, '{');
    xr_json_put_name(&b, "explain");
    xr_buf_putc(&b, '{');
    xr_json_put_uint(&b, "version", 1);
    xr_json_put_some(&b, "key", ngx_http_xr_view(&e->key_id));
    xr_json_put_uint(&b, "time", (uint64_t) ngx_time());
    xr_buf_putc(&b, '}');

    ngx_http_xr_explain_who_put(r, ctx, &b);
    ngx_http_xr_explain_limit_put(r, ctx, &b);
    ngx_http_xr_explain_device(r, ctx, &b);

    if (e->choice.len != 0) {
        xr_json_put_next(&b);
        xr_buf_put(&b, xr_buf_str(&e->choice));
    }

    ngx_http_xr_explain_result(r, ctx, &b);
    ngx_http_xr_explain_cache_put(r, ctx, &b);
    ngx_http_xr_explain_headers(r, &b);
    ngx_http_xr_explain_timings(e, &b);
    xr_buf_puts(&b, "}\n");

    if (!xr_buf_ok(&b)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: an explanation is too long");
        return NGX_ERROR;
    }

    buf->last = buf->pos + b.len;
    buf->last_buf = 1;
    buf->last_in_chain = 1;

    *out = buf;

    return NGX_OK;
}


static void
ngx_http_xr_explain_device(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    const xr_device_t  *device;
    xr_device_input_t   in;

    device = ngx_http_xr_device_get(r, ctx);

    if (device == NULL) {
        return;
    }

    ngx_http_xr_device_input(r, ctx, &in);

    xr_explain_choice_inputs((ctx->devices != NULL) ? ctx->devices->u.devices
                                                    : xr_devices_default(),
                             &in, device, b);
    xr_explain_choice_device(device, b);
}


static void
ngx_http_xr_explain_result(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    xr_encoding_t           e;
    ngx_http_xr_explain_t  *explain;

    explain = ctx->explain;

    xr_json_put_name(b, "answer");
    xr_buf_putc(b, '{');
    xr_json_put_uint(b, "status", r->headers_out.status);
    xr_json_put_text(b, "is", xr_str(ngx_http_xr_explain_kind(r, ctx)));

    if (explain->reason.len != 0) {
        xr_json_put_next(b);
        xr_buf_put(b, xr_buf_str(&explain->reason));
    }

    xr_json_put_some(b, "denied", xr_deny_name(ctx->deny));
    xr_buf_putc(b, '}');

    if (explain->choice.len != 0) {
        return;                         /* it has the encoding, too */
    }

    e = (ctx->compress != XR_ENCODING_IDENTITY) ? ctx->compress
                                                : ctx->encoding;

    xr_json_put_name(b, "encoding");
    xr_buf_putc(b, '{');
    xr_json_put_text(b, "coding", xr_encoding_name(e));

    if (e != XR_ENCODING_IDENTITY) {
        xr_json_put_text(b, "by", xr_str((ctx->compress == e) ? "edge"
                                                              : "origin"));
    }

    xr_buf_putc(b, '}');
}


/* What is answered, in the words of "xr explain". */

static const char *
ngx_http_xr_explain_kind(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_variant_t  *v;

    v = ctx->variant;

    if (v != NULL && v->state == NGX_HTTP_XR_VARIANT_UNFIT) {
        return "nothing";
    }

    if (r->headers_out.status >= NGX_HTTP_BAD_REQUEST) {
        return "refused";
    }

    if (v != NULL && v->state == NGX_HTTP_XR_VARIANT_CHOSEN) {
        return "variant";
    }

    if (v != NULL && v->state == NGX_HTTP_XR_VARIANT_MANIFEST) {
        return "the manifest";
    }

    if (v != NULL) {
        return "the object, which has no manifest";
    }

    if (ctx->immutable) {
        return "a variant, by its own name";
    }

    return xr_variant_wanted(ngx_http_xr_view(&ctx->object))
           ? "the object" : "the object, of a type that has no variants";
}


/*
 * Of what the client would have got these: others may hold what is meant for
 * him alone.  The lines of a name are one.
 */

static void
ngx_http_xr_explain_headers(ngx_http_request_t *r, xr_buf_t *b)
{
    size_t            i;
    xr_buf_t          value;
    ngx_uint_t        j;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;
    u_char            line[NGX_HTTP_XR_EXPLAIN_LINE];

    static const char *const  names[] = {
        "XR-Variant", "Content-Location", "Vary", "Cache-Control", "Accept-CH",
        "Critical-CH", "ETag", "Age", "Content-Encoding", "Content-Range",
        "X-File-Size", "Allow", "Retry-After", "RateLimit", "RateLimit-Policy"
    };

    xr_json_put_name(b, "headers");
    xr_buf_putc(b, '{');

    for (i = 0; i < XR_COUNT(names); i++) {
        value = xr_buf(line, sizeof(line));

        for (part = &r->headers_out.headers.part; part; part = part->next) {
            h = part->elts;

            for (j = 0; j < part->nelts; j++) {

                if (h[j].hash != 0
                    && xr_str_eq_nocase(ngx_http_xr_view(&h[j].key),
                                        xr_str(names[i])))
                {
                    xr_buf_puts(&value, (value.len != 0) ? ", " : "");
                    xr_buf_put(&value, ngx_http_xr_view(&h[j].value));
                }
            }
        }

        if (value.len != 0) {
            xr_json_put_name(b, names[i]);
            xr_json_put_string(b, xr_buf_str(&value));
        }
    }

    xr_json_put_some(b, "Content-Type",
                     ngx_http_xr_view(&r->headers_out.content_type));

    if (r->headers_out.content_length_n >= 0) {
        xr_json_put_uint(b, "Content-Length",
                         (uint64_t) r->headers_out.content_length_n);
    }

    xr_buf_putc(b, '}');
}


/* In microseconds; a step that waited was entered once. */

static void
ngx_http_xr_explain_timings(ngx_http_xr_explain_t *e, xr_buf_t *b)
{
    uint64_t     now, end;
    ngx_uint_t   i;
    const char  *name;

    now = ngx_http_xr_explain_now();

    xr_json_put_name(b, "timings");
    xr_buf_putc(b, '{');
    xr_json_put_uint(b, "before_us", ((e->entered[0] != 0) ? e->entered[0]
                                                           : now) - e->began);

    for (i = 0; i < NGX_HTTP_XR_EXPLAIN_STEPS && e->entered[i] != 0; i++) {
        end = (e->entered[i + 1] != 0) ? e->entered[i + 1] : now;
        name = ngx_http_xr_gate_name(i);

        xr_json_put_uint(b, (name != NULL) ? name : "content_us",
                         end - e->entered[i]);
    }

    xr_json_put_uint(b, "total_us", now - e->began);
    xr_buf_putc(b, '}');
}


/* The header of what is sent instead; nothing of the other one is left. */

static ngx_int_t
ngx_http_xr_explain_header(ngx_http_request_t *r, off_t length)
{
    static ngx_str_t  type = ngx_string("application/json");
    static ngx_str_t  cc = ngx_string("Cache-Control");
    static ngx_str_t  store = ngx_string("no-store");
    static ngx_str_t  options = ngx_string("X-Content-Type-Options");
    static ngx_str_t  nosniff = ngx_string("nosniff");

    ngx_http_clean_header(r);

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;
    r->headers_out.content_length_n = length;
    r->allow_ranges = 0;
    r->expect_trailers = 0;

    return (ngx_http_xr_headers_push(r, &cc, &store) == NGX_OK)
           ? ngx_http_xr_headers_push(r, &options, &nosniff) : NGX_ERROR;
}


/* $xr_explain: whose key it was that asked; "yes" where that has no id. */

xr_str_t
ngx_http_xr_explain_var(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    if (ctx->explain == NULL) {
        return xr_str_of(NULL, 0);
    }

    return (ctx->explain->key_id.len != 0)
           ? ngx_http_xr_view(&ctx->explain->key_id) : xr_str("yes");
}
