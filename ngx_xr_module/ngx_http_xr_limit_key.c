/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"


/*
 * Which limits a request has to pass, and whose buckets they are.  What
 * counts is what was verified: the tenant, the credential's subject, the
 * address as the tier in front that proved itself has it.
 */

#define NGX_HTTP_XR_LIMIT_PARTS  4


static void ngx_http_xr_limit_add(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_xr_limited_t *l, const xr_limit_t *limit,
    ngx_http_xr_limit_name_t *name, ngx_uint_t exact);
static ngx_uint_t ngx_http_xr_limit_concerns(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_limit_t *limit);
static uint64_t ngx_http_xr_limit_subject(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_limit_address(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);


/* Those of the location and those of the tenant; exact ones come last. */

ngx_int_t
ngx_http_xr_limit_key_gather(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_limited_t *l)
{
    size_t                     i, n, own;
    xr_limit_t                *tenant;
    ngx_uint_t                 exact;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_limit_conf_t  *limits;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    limits = (xlcf->limits != NULL) ? xlcf->limits->elts : NULL;
    n = (xlcf->limits != NULL) ? xlcf->limits->nelts : 0;
    own = ctx->tenant->nlimits;
    tenant = NULL;

    if (own != 0) {
        tenant = ngx_palloc(r->pool, XR_TENANT_LIMITS * sizeof(xr_limit_t));
        if (tenant == NULL) {
            return NGX_ERROR;
        }

        own = xr_site_limits(ctx->tenant, tenant);
    }

    l->uses = ngx_palloc(r->pool, (n + own) * sizeof(ngx_http_xr_limit_use_t));
    if (l->uses == NULL) {
        return NGX_ERROR;
    }

    /* without Redis there is nothing that could be exact */

    for (exact = 0; exact <= 1; exact++) {

        for (i = 0; i < n; i++) {
            ngx_http_xr_limit_add(r, ctx, l, &limits[i].limit, limits[i].name,
                                  exact);
        }

        for (i = 0; i < own; i++) {
            ngx_http_xr_limit_add(r, ctx, l, &tenant[i], NULL, exact);
        }

        if (exact == 0) {
            l->nleased = l->n;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_xr_limit_concerns(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_limit_t *limit)
{
    xr_principal_t  *who;

    if (limit->rate_class.len == 0) {
        return 1;
    }

    who = ngx_http_xr_auth_who(r, ctx);

    return who != NULL && xr_str_eq(who->constraints.rate, limit->rate_class);
}


static void
ngx_http_xr_limit_add(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_limited_t *l, const xr_limit_t *limit,
    ngx_http_xr_limit_name_t *name, ngx_uint_t exact)
{
    uint64_t                  tag;
    ngx_uint_t                i;
    ngx_http_xr_limit_use_t  *use;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if ((limit->mode == XR_LIMIT_EXACT && xmcf->redis != NULL) != exact
        || !ngx_http_xr_limit_concerns(r, ctx, limit))
    {
        return;
    }

    tag = ngx_http_xr_limit_key_tag(r, ctx, limit->name, limit->key);

    /* a bucket that has been met already is not paid into twice */

    for (i = 0; i < l->n; i++) {

        if (l->uses[i].tag == tag) {
            return;
        }
    }

    use = &l->uses[l->n++];
    ngx_memzero(use, offsetof(ngx_http_xr_limit_use_t, key));

    use->limit = limit;
    use->exact = exact;
    use->name = (name != NULL) ? name
                               : ngx_http_xr_limit_name_find(xmcf->limit,
                                                        limit->name);
    use->tag = tag;
}


/* A keyed hash of a name and of whose it is: nobody can aim at another's. */

uint64_t
ngx_http_xr_limit_key_tag(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_str_t name, xr_limit_key_t key)
{
    u_char                    digest[XR_SIPHASH_SIZE];
    uint8_t                   head[3];
    uint64_t                  subject, tag;
    xr_str_t                  parts[NGX_HTTP_XR_LIMIT_PARTS];
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    subject = (key == XR_LIMIT_SUBJECT) ? ngx_http_xr_limit_subject(r, ctx) : 0;

    /* the kind of value and the lengths, so that nothing can shift */

    head[0] = (uint8_t) (key == XR_LIMIT_TENANT ? 0 : subject != 0 ? 1 : 2);
    head[1] = (uint8_t) name.len;
    head[2] = (uint8_t) ctx->tenant->name.len;

    parts[0] = xr_str_of(head, sizeof(head));
    parts[1] = name;
    parts[2] = ctx->tenant->name;
    parts[3] = (key == XR_LIMIT_TENANT) ? xr_str_of(NULL, 0)
               : (subject != 0) ? xr_str_of(&subject, sizeof(subject))
                                : ngx_http_xr_limit_address(r, ctx);

    xr_siphash(xmcf->secret, parts, NGX_HTTP_XR_LIMIT_PARTS, digest);
    ngx_memcpy(&tag, digest, sizeof(tag));

    return tag;
}


/*
 * A hash of the subject, which is known of a credential that is remembered,
 * too; 0: there is none.
 */

static uint64_t
ngx_http_xr_limit_subject(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_main_conf_t  *xmcf;

    if (!ctx->granted) {
        return 0;
    }

    if (ctx->remembered) {
        return ctx->value.subject;
    }

    if (ctx->who.subject.len == 0) {
        return 0;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    return xr_revoked_what(xmcf->secret, XR_REVOKED_SUBJECT, ctx->who.subject);
}


/* Whoever has an IPv6 address has 2^64 of them. */

static xr_str_t
ngx_http_xr_limit_address(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_client_t  *client;

    client = ngx_http_xr_trust_client(r, ctx);

    return xr_str_of(client->address.bytes,
                     xr_addr_is_v4(&client->address) ? 16 : 8);
}


/* The same for all edges: of what the credential says, not of our hashes. */

ngx_int_t
ngx_http_xr_limit_key_redis(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_limit_use_t *use)
{
    u_char          *p;
    xr_str_t         value;
    xr_principal_t  *who;

    value = xr_str_of(NULL, 0);

    if (use->limit->key != XR_LIMIT_TENANT) {

        who = (use->limit->key == XR_LIMIT_SUBJECT)
              ? ngx_http_xr_auth_who(r, ctx) : NULL;

        value = (who != NULL && who->subject.len != 0)
                ? who->subject : ngx_http_xr_limit_address(r, ctx);

        p = ngx_pnalloc(r->pool, value.len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        p[0] = (who != NULL && who->subject.len != 0) ? 's' : 'a';
        ngx_memcpy(p + 1, value.data, value.len);

        value = xr_str_of(p, value.len + 1);
    }

    return xr_limit_redis_key(use->limit, ctx->tenant->name, value, use->key)
           == XR_OK ? NGX_OK : NGX_ERROR;
}
