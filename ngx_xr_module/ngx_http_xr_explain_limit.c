/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_explain.h"
#include "ngx_http_xr_limit.h"

#include "xr_json_put.h"


/* The limits of a request, in the order in which they are taken. */

static void ngx_http_xr_explain_limit(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, xr_buf_t *b);
static const char *ngx_http_xr_explain_limit_state(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use);
static uint64_t ngx_http_xr_explain_amount(const xr_limit_t *limit,
    int64_t millionths);


static const char *const  ngx_http_xr_explain_limit_keys[] = {
    [XR_LIMIT_TENANT] = "tenant",
    [XR_LIMIT_SUBJECT] = "subject",
    [XR_LIMIT_ADDRESS] = "address"
};


void
ngx_http_xr_explain_limit_put(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b)
{
    ngx_uint_t                i;
    ngx_http_xr_limited_t    *l;
    ngx_http_xr_loc_conf_t   *xlcf;
    ngx_http_xr_limit_cap_t  *caps;

    l = ctx->limited;
    xlcf = ctx->conf;

    xr_json_put_name(b, "limits");
    xr_buf_putc(b, '[');

    for (i = 0; l != NULL && i < l->n; i++) {
        ngx_http_xr_explain_limit(l, &l->uses[i], b);
    }

    xr_buf_putc(b, ']');

    if (l != NULL && l->done) {
        xr_json_put_name(b, "limited");
        xr_buf_putc(b, '{');
        xr_json_put_text(b, "outcome", ngx_http_xr_limit_fields_status(r, ctx));
        xr_json_put_some(b, "nearest", ngx_http_xr_limit_fields_name(r, ctx));
        xr_json_put_bool(b, "delayed", l->delayed);
        xr_json_put_uint(b, "waited_ms",
                         (l->pause != NULL)
                         ? ngx_current_msec - l->pause->began : 0);
        xr_buf_putc(b, '}');
    }

    if (xlcf == NULL || xlcf->caps == NULL) {
        return;
    }

    xr_json_put_name(b, "streams");
    xr_buf_putc(b, '[');
    caps = xlcf->caps->elts;

    for (i = 0; i < xlcf->caps->nelts; i++) {
        xr_json_put_next(b);
        xr_buf_putc(b, '{');
        xr_json_put_text(b, "key",
                         xr_str(ngx_http_xr_explain_limit_keys[caps[i].key]));
        xr_json_put_uint(b, "max", caps[i].max);
        xr_buf_putc(b, '}');
    }

    xr_buf_putc(b, ']');
}


static void
ngx_http_xr_explain_limit(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, xr_buf_t *b)
{
    xr_buf_t           text;
    const xr_limit_t  *limit;
    u_char             rule[XR_LIMIT_TEXT_MAX];

    limit = use->limit;

    xr_json_put_next(b);
    xr_buf_putc(b, '{');
    xr_json_put_text(b, "name", limit->name);
    xr_json_put_text(b, "state",
                     xr_str(ngx_http_xr_explain_limit_state(l, use)));
    xr_json_put_text(b, "key",
                     xr_str(ngx_http_xr_explain_limit_keys[limit->key]));
    xr_json_put_text(b, "mode", xr_str(use->exact ? "exact" : "leased"));
    xr_json_put_bool(b, "degraded", use->degraded);
    xr_json_put_text(b, "unit", xr_str((limit->unit == XR_LIMIT_BYTES)
                                       ? "bytes" : "requests"));
    xr_json_put_uint(b, "burst",
                     ngx_http_xr_explain_amount(limit, limit->burst));

    if (use->taken || use == l->refuser) {
        xr_json_put_uint(b, "left",
                         ngx_http_xr_explain_amount(limit, use->left));
        xr_json_put_uint(b, "took",
                         ngx_http_xr_explain_amount(limit, use->charged));
    }

    if (use == l->refuser && l->outcome == NGX_HTTP_XR_LIMIT_REJECTED) {
        xr_json_put_uint(b, "retry_ms", l->retry);
    }

    text = xr_buf(rule, sizeof(rule));
    xr_limit_text(limit, &text);
    xr_json_put_text(b, "rule", xr_buf_str(&text));
    xr_buf_putc(b, '}');
}


/* What it refused got no token of it. */

static const char *
ngx_http_xr_explain_limit_state(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use)
{
    if (l->done && l->outcome == NGX_HTTP_XR_LIMIT_REJECTED) {
        return (use == l->refuser) ? "rejected"
               : use->taken ? "passed" : "not asked";
    }

    if (!use->taken) {
        return "not asked";
    }

    return (l->dry_run && use->charged == 0 && !use->degraded)
           ? "would reject" : "passed";
}


/* In requests, or in bytes; what is overdrawn is none. */

static uint64_t
ngx_http_xr_explain_amount(const xr_limit_t *limit, int64_t millionths)
{
    if (millionths <= 0) {
        return 0;
    }

    return (uint64_t) millionths / ((limit->unit == XR_LIMIT_BYTES)
                                    ? XR_LIMIT_BYTE : XR_LIMIT_TOKEN);
}
