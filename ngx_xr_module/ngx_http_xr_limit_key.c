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

/* Beside the kinds of xr_revoked_kind_t, whose hashes are used here, too. */

#define NGX_HTTP_XR_LIMIT_IS_LIMIT  0x10


static void ngx_http_xr_limit_add(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_http_xr_limited_t *l, const xr_limit_t *limit,
    ngx_http_xr_limit_conf_t *conf);
static ngx_uint_t ngx_http_xr_limit_is_exact(ngx_http_xr_main_conf_t *xmcf,
    const xr_limit_t *limit);
static ngx_uint_t ngx_http_xr_limit_concerns(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_limit_t *limit);
static uint64_t ngx_http_xr_limit_subject(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static uint64_t ngx_http_xr_limit_address(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_limit_network(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);


/* Those of the location and those of the tenant; exact ones come last. */

ngx_int_t
ngx_http_xr_limit_key_gather(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_limited_t *l)
{
    size_t                     i, n, own;
    xr_limit_t                *tenant;
    ngx_uint_t                 exact, seen, wanted;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_main_conf_t   *xmcf;
    ngx_http_xr_limit_conf_t  *limits;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

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

    seen = 0;

    for (wanted = 0; wanted <= seen; wanted++) {

        for (i = 0; i < n; i++) {
            exact = ngx_http_xr_limit_is_exact(xmcf, &limits[i].limit);
            seen |= exact;

            if (exact == wanted) {
                ngx_http_xr_limit_add(r, ctx, l, &limits[i].limit, &limits[i]);
            }
        }

        for (i = 0; i < own; i++) {
            exact = ngx_http_xr_limit_is_exact(xmcf, &tenant[i]);
            seen |= exact;

            if (exact == wanted) {
                ngx_http_xr_limit_add(r, ctx, l, &tenant[i], NULL);
            }
        }

        if (wanted == 0) {
            l->nleased = l->n;
        }
    }

    return NGX_OK;
}


/* Without Redis there is nothing that could be. */

static ngx_uint_t
ngx_http_xr_limit_is_exact(ngx_http_xr_main_conf_t *xmcf,
    const xr_limit_t *limit)
{
    return limit->mode == XR_LIMIT_EXACT && xmcf->redis != NULL;
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


/* "conf" is NULL where the limit is the tenant's own. */

static void
ngx_http_xr_limit_add(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_limited_t *l, const xr_limit_t *limit,
    ngx_http_xr_limit_conf_t *conf)
{
    uint64_t                  tag;
    ngx_uint_t                i;
    ngx_http_xr_limit_use_t  *use;
    ngx_http_xr_main_conf_t  *xmcf;

    if (!ngx_http_xr_limit_concerns(r, ctx, limit)) {
        return;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    tag = (conf != NULL) ? conf->tag
                         : ngx_http_xr_limit_key_of(xmcf, limit->name,
                                                    limit->key, limit->unit);
    tag = ngx_http_xr_limit_key_tag(r, ctx, tag, limit->key);

    /* a bucket that has been met already is not paid into twice */

    for (i = 0; i < l->n; i++) {

        if (l->uses[i].tag == tag) {
            return;
        }
    }

    /* most likely it was not used for long: memory is slower than the rest */

    xr_buckets_prefetch(xmcf->limit->buckets, tag);

    use = &l->uses[l->n++];
    ngx_memzero(use, offsetof(ngx_http_xr_limit_use_t, key));

    use->limit = limit;
    use->exact = ngx_http_xr_limit_is_exact(xmcf, limit);
    use->name = (conf != NULL) ? conf->name
                               : ngx_http_xr_limit_name_find(xmcf->limit,
                                                        limit->name);
    use->tag = tag;

    l->bytes |= (limit->unit == XR_LIMIT_BYTES);
}


/* A keyed hash of a limit, made once where that is possible. */

uint64_t
ngx_http_xr_limit_key_of(ngx_http_xr_main_conf_t *xmcf, xr_str_t name,
    xr_limit_key_t key, xr_limit_unit_t unit)
{
    uint64_t  head;

    head = NGX_HTTP_XR_LIMIT_IS_LIMIT | (uint64_t) key << 8
           | (uint64_t) unit << 16;

    return xr_siphash_64(xmcf->secret, head, name);
}


/*
 * Of a limit and of whose it is: nobody can aim at another's bucket, as nobody
 * knows the hash of a limit.
 */

uint64_t
ngx_http_xr_limit_key_tag(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    uint64_t limit, xr_limit_key_t key)
{
    uint64_t  value;

    switch (key) {

    case XR_LIMIT_TENANT:
        value = 0;
        break;

    case XR_LIMIT_SUBJECT:
        value = ngx_http_xr_limit_subject(r, ctx);

        if (value != 0) {
            break;
        }

        /* fall through */

    default: /* XR_LIMIT_ADDRESS */
        value = ngx_http_xr_limit_address(r, ctx);
        break;
    }

    return xr_mix64(limit + ctx->tenant->tag + value);
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

    if (ctx->subject == 0 && ctx->who.subject.len != 0) {
        xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

        ctx->subject = xr_revoked_what(xmcf->secret, XR_REVOKED_SUBJECT,
                                       ctx->who.subject);
    }

    return ctx->subject;
}


/*
 * Of the address a word is all that counts, and words that are mixed never
 * meet.  The key is there as hashes are added to one another.
 */

static uint64_t
ngx_http_xr_limit_address(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    uint64_t                  key, word;
    ngx_http_xr_client_t     *client;
    ngx_http_xr_main_conf_t  *xmcf;

    if (ctx->address == 0) {
        client = ngx_http_xr_trust_client(r, ctx);
        xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

        if (xr_addr_is_v4(&client->address)) {
            ngx_memcpy(&key, xmcf->secret, sizeof(key));
            ngx_memcpy(&word, client->address.bytes + 8, sizeof(word));

        } else {
            ngx_memcpy(&key, xmcf->secret + 8, sizeof(key));
            ngx_memcpy(&word, client->address.bytes, sizeof(word));
        }

        ctx->address = xr_mix64(key ^ word);
    }

    return ctx->address;
}


/* Whoever has an IPv6 address has 2^64 of them. */

static xr_str_t
ngx_http_xr_limit_network(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
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
                ? who->subject : ngx_http_xr_limit_network(r, ctx);

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
