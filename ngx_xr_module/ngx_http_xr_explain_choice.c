/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_explain.h"
#include "ngx_http_xr_variant.h"

#include "xr_json_put.h"
#include "xr_variant.h"


/* What is thought of the variants of an object, while its manifest is there. */

#define NGX_HTTP_XR_EXPLAIN_CHOICE  (128 * 1024)
#define NGX_HTTP_XR_EXPLAIN_REASON  1024


static ngx_int_t ngx_http_xr_explain_room(ngx_http_request_t *r,
    ngx_http_xr_explain_t *e);
static void ngx_http_xr_explain_split(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_str_t arm, xr_buf_t *b);


/* Just before the same is decided; again if that object is missing. */

ngx_int_t
ngx_http_xr_explain_choice_note(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_manifest_t *manifest, const xr_device_t *device)
{
    ngx_uint_t              varies;
    xr_select_t             chosen;
    xr_encoding_accept_t    accept;
    xr_manifest_variant_t   variant;
    ngx_http_xr_explain_t  *e;
    ngx_http_xr_variant_t  *v;
    xr_select_verdict_t     verdicts[XR_MANIFEST_VARIANTS];

    e = ctx->explain;
    v = ctx->variant;

    if (ngx_http_xr_explain_room(r, e) != NGX_OK) {
        return NGX_ERROR;
    }

    (void) xr_select_explain(manifest, device, &v->wish, verdicts, &chosen);

    xr_explain_choice_budgets(device, &v->wish, &e->choice);

    if (chosen.arm.len != 0) {
        ngx_http_xr_explain_split(r, ctx, chosen.arm, &e->choice);
    }

    xr_explain_choice_variants(manifest, verdicts, &chosen, &e->choice);
    xr_explain_choice_reason(&chosen, &e->reason);

    if (chosen.variant == XR_MANIFEST_NONE
        || !xr_manifest_variant(manifest, (size_t) chosen.variant, &variant))
    {
        return NGX_OK;
    }

    varies = (!v->part && xr_variant_siblings(&variant));
    ngx_http_xr_encoding_accept(r, &accept);

    xr_explain_choice_encoding(ngx_http_xr_view(&v->object), &variant,
                               varies ? &accept : NULL, &e->choice);

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_explain_room(ngx_http_request_t *r, ngx_http_xr_explain_t *e)
{
    u_char  *p;

    if (e->choice.data != NULL) {
        e->choice.len = 0;
        e->reason.len = 0;

        return NGX_OK;
    }

    p = ngx_palloc(r->pool, NGX_HTTP_XR_EXPLAIN_CHOICE
                            + NGX_HTTP_XR_EXPLAIN_REASON);
    if (p == NULL) {
        return NGX_ERROR;
    }

    e->choice = xr_buf(p, NGX_HTTP_XR_EXPLAIN_CHOICE);
    e->reason = xr_buf(p + NGX_HTTP_XR_EXPLAIN_CHOICE,
                       NGX_HTTP_XR_EXPLAIN_REASON);

    return NGX_OK;
}


/* Which arm it is in, and by whose name. */

static void
ngx_http_xr_explain_split(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_str_t arm, xr_buf_t *b)
{
    ngx_uint_t       known;
    xr_principal_t  *who;

    who = ctx->public ? NULL : ngx_http_xr_auth_who(r, ctx);
    known = (who != NULL && who->subject.len != 0);

    xr_json_put_name(b, "split");
    xr_buf_putc(b, '{');
    xr_json_put_text(b, "arm", arm);
    xr_json_put_text(b, "subject",
                     known ? who->subject
                           : ngx_http_xr_view(&r->connection->addr_text));
    xr_json_put_text(b, "subject_by", xr_str(known ? "credential"
                                                   : "address"));
    xr_buf_putc(b, '}');
}
