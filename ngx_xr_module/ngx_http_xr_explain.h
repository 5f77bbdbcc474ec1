/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_EXPLAIN_H
#define NGX_HTTP_XR_EXPLAIN_H


#include "ngx_http_xr.h"

#include "xr_explain.h"


/*
 * A request with a signed X-XR-Explain goes its way as any other does, but for
 * its body: in place of the answer the client gets what was decided, as JSON.
 */

#define NGX_HTTP_XR_EXPLAIN_STEPS  16


/* Of such a request. */

struct ngx_http_xr_explain_s {
    ngx_str_t                      key_id;      /* of who signed it */
    uint64_t                       began;       /* microseconds */
    uint64_t                       entered[NGX_HTTP_XR_EXPLAIN_STEPS + 1];
    xr_buf_t                       choice;      /* members: of a variant, */
    xr_buf_t                       reason;      /* and of "answer" */
    unsigned                       answered:1;
};


/* explain */
char *ngx_http_xr_explain_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_uint_t ngx_http_xr_explain_is(const ngx_table_elt_t *h);
ngx_int_t ngx_http_xr_explain_begin(ngx_http_request_t *r, ngx_str_t *value);
uint64_t ngx_http_xr_explain_now(void);
void ngx_http_xr_explain_enter(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_uint_t last);
void ngx_http_xr_explain_init(void);
ngx_int_t ngx_http_xr_explain_answer(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_output_header_filter_pt next);
xr_str_t ngx_http_xr_explain_var(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* explain_choice */
ngx_int_t ngx_http_xr_explain_choice_note(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_manifest_t *manifest,
    const xr_device_t *device);

/* explain_who: members of the answer, as those below */
void ngx_http_xr_explain_who_put(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_buf_t *b);

/* explain_limit */
void ngx_http_xr_explain_limit_put(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_buf_t *b);

/* explain_cache */
void ngx_http_xr_explain_cache_put(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_buf_t *b);


#endif /* NGX_HTTP_XR_EXPLAIN_H */
