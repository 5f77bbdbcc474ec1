/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/*
 * What is told of the limit that is nearest to its end: to clients in RateLimit
 * and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers), and to logs.
 */

#define NGX_HTTP_XR_FIELDS_SIZE  (XR_LIMIT_NAME_MAX + 80)


static ngx_str_t  ngx_http_xr_fields_policy = ngx_string("RateLimit-Policy");
static ngx_str_t  ngx_http_xr_fields_state = ngx_string("RateLimit");


static ngx_http_xr_limit_use_t *ngx_http_xr_limit_fields_tightest(
    ngx_http_xr_ctx_t *ctx);


/* With an answer that was refused, and with others where that is wanted. */

ngx_int_t
ngx_http_xr_limit_fields_push(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_buf_t                  policy, state;
    ngx_str_t                 value;
    ngx_http_xr_loc_conf_t   *xlcf;
    ngx_http_xr_limit_use_t  *tightest;
    u_char                   *p;

    if (ctx->limited == NULL) {
        return NGX_OK;
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    if (ctx->limited->outcome != NGX_HTTP_XR_LIMIT_REJECTED
        && !xlcf->limit_headers)
    {
        return NGX_OK;
    }

    tightest = ngx_http_xr_limit_fields_tightest(ctx);
    if (tightest == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, 2 * NGX_HTTP_XR_FIELDS_SIZE);
    if (p == NULL) {
        return NGX_ERROR;
    }

    policy = xr_buf(p, NGX_HTTP_XR_FIELDS_SIZE);
    state = xr_buf(p + NGX_HTTP_XR_FIELDS_SIZE, NGX_HTTP_XR_FIELDS_SIZE);

    xr_limit_policy_field(tightest->limit, &policy);
    xr_limit_state_field(tightest->limit, tightest->left, &state);

    value = ngx_http_xr_ngx(xr_buf_str(&policy));

    if (ngx_http_xr_headers_push(r, &ngx_http_xr_fields_policy, &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    value = ngx_http_xr_ngx(xr_buf_str(&state));

    return ngx_http_xr_headers_push(r, &ngx_http_xr_fields_state, &value);
}


/* The one that refused, or else has the smallest part left; NULL: none. */

static ngx_http_xr_limit_use_t *
ngx_http_xr_limit_fields_tightest(ngx_http_xr_ctx_t *ctx)
{
    ngx_uint_t                i;
    ngx_http_xr_limited_t    *l;
    ngx_http_xr_limit_use_t  *use, *tightest;

    l = ctx->limited;

    if (l == NULL || !l->done) {
        return NULL;
    }

    if (l->outcome == NGX_HTTP_XR_LIMIT_REJECTED) {
        return l->refuser;
    }

    tightest = NULL;

    for (i = 0; i < l->n; i++) {
        use = &l->uses[i];

        if (tightest == NULL
            || (double) use->left * (double) tightest->limit->burst
               < (double) tightest->left * (double) use->limit->burst)
        {
            tightest = use;
        }
    }

    return tightest;
}


/* $xr_limit_status, as $limit_req_status has it. */

xr_str_t
ngx_http_xr_limit_fields_status(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    static const xr_str_t  names[] = {
        [NGX_HTTP_XR_LIMIT_PASSED] = XR_STR("PASSED"),
        [NGX_HTTP_XR_LIMIT_DELAYED] = XR_STR("DELAYED"),
        [NGX_HTTP_XR_LIMIT_REJECTED] = XR_STR("REJECTED"),
        [NGX_HTTP_XR_LIMIT_DRY_RUN] = XR_STR("REJECTED_DRY_RUN"),
        [NGX_HTTP_XR_LIMIT_DEGRADED] = XR_STR("DEGRADED")
    };

    return (ctx->limited != NULL && ctx->limited->done)
           ? names[ctx->limited->outcome] : xr_str_of(NULL, 0);
}


/* $xr_limit_name: the one that is nearest to its end, or refused. */

xr_str_t
ngx_http_xr_limit_fields_name(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_limit_use_t  *tightest;

    tightest = ngx_http_xr_limit_fields_tightest(ctx);

    return (tightest != NULL) ? tightest->limit->name : xr_str_of(NULL, 0);
}


/* $xr_limit_near: "1" where less than a fifth is left of one. */

xr_str_t
ngx_http_xr_limit_fields_near(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    return (ctx->limited != NULL && ctx->limited->near) ? xr_str("1")
                                                        : xr_str_of(NULL, 0);
}
