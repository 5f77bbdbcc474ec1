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


static ngx_http_xr_limit_conf_t *ngx_http_xr_limit_own(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_uint_t ngx_http_xr_limit_add(ngx_http_xr_limited_t *l,
    ngx_http_xr_main_conf_t *xmcf, ngx_http_xr_limit_conf_t *limits, size_t n,
    ngx_uint_t exact);
static ngx_uint_t ngx_http_xr_limit_add_own(ngx_http_xr_limited_t *l,
    ngx_http_xr_main_conf_t *xmcf, ngx_http_xr_limit_conf_t *limits, size_t n,
    ngx_uint_t exact);
static ngx_uint_t ngx_http_xr_limit_concerns(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_limit_t *limit);
static uint64_t ngx_http_xr_limit_value(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_limit_key_t key);
static uint64_t ngx_http_xr_limit_subject(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static uint64_t ngx_http_xr_limit_address(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static xr_str_t ngx_http_xr_limit_network(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);


/*
 * Those of the location and those of the tenant; exact ones come last.  NULL:
 * no memory.
 */

ngx_http_xr_limited_t *
ngx_http_xr_limit_key_gather(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    size_t                     n, nown;
    ngx_uint_t                 exact;
    ngx_http_xr_limited_t     *l;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_main_conf_t   *xmcf;
    ngx_http_xr_limit_conf_t  *limits, *own;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    limits = NULL;
    own = NULL;
    n = 0;
    nown = ctx->tenant->nlimits;

    if (xlcf->limits != NULL) {
        limits = xlcf->limits->elts;
        n = xlcf->limits->nelts;
    }

    if (nown != 0) {
        own = ngx_http_xr_limit_own(r, ctx);

        if (own == NULL) {
            return NULL;
        }
    }

    l = ngx_palloc(r->pool, sizeof(ngx_http_xr_limited_t)
                            + (n + nown) * sizeof(ngx_http_xr_limit_use_t));
    if (l == NULL) {
        return NULL;
    }

    ngx_memzero(l, sizeof(ngx_http_xr_limited_t));

    l->request = r;
    l->ctx = ctx;

    exact = ngx_http_xr_limit_add(l, xmcf, limits, n, 0);

    if (nown != 0) {
        exact |= ngx_http_xr_limit_add_own(l, xmcf, own, nown, 0);
    }

    l->nleased = l->n;

    if (exact) {
        (void) ngx_http_xr_limit_add(l, xmcf, limits, n, 1);
        (void) ngx_http_xr_limit_add_own(l, xmcf, own, nown, 1);
    }

    return l;
}


/* Those of the tenant, as many as it has. */

static ngx_http_xr_limit_conf_t *
ngx_http_xr_limit_own(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    size_t                     i, n;
    xr_limit_t                 limits[XR_TENANT_LIMITS], *limit;
    ngx_http_xr_main_conf_t   *xmcf;
    ngx_http_xr_limit_conf_t  *own;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    n = xr_site_limits(ctx->tenant, limits);

    own = ngx_palloc(r->pool, n * sizeof(ngx_http_xr_limit_conf_t));
    if (own == NULL) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        own[i].limit = limits[i];
        limit = &own[i].limit;

        own[i].counts = ngx_http_xr_limit_name_counts(xmcf->limit,
                                                      limit->name);
        own[i].exact = ngx_http_xr_limit_key_exact(xmcf, limit);
        own[i].tag = ngx_http_xr_limit_key_of(xmcf, limit->name, limit->key,
                                              limit->unit);
    }

    return own;
}


/* Without Redis there is nothing that could be. */

ngx_uint_t
ngx_http_xr_limit_key_exact(ngx_http_xr_main_conf_t *xmcf,
    const xr_limit_t *limit)
{
    return limit->mode == XR_LIMIT_EXACT && xmcf->redis != NULL;
}


static ngx_uint_t
ngx_http_xr_limit_concerns(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    const xr_limit_t *limit)
{
    xr_principal_t  *who;

    who = ngx_http_xr_auth_who(r, ctx);

    return who != NULL && xr_str_eq(who->constraints.rate, limit->rate_class);
}


/* Those of a list that are exact, or are not; says whether any is. */

static ngx_uint_t
ngx_http_xr_limit_add(ngx_http_xr_limited_t *l, ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_limit_conf_t *limits, size_t n, ngx_uint_t exact)
{
    size_t                    i;
    uint64_t                  tag;
    ngx_uint_t                seen;
    const xr_limit_t         *limit;
    ngx_http_xr_limit_use_t  *use;

    use = &l->uses[l->n];
    seen = 0;

    for (i = 0; i < n; i++) {
        limit = &limits[i].limit;
        seen |= limits[i].exact;

        if (limits[i].exact != exact
            || (limit->rate_class.len != 0
                && !ngx_http_xr_limit_concerns(l->request, l->ctx, limit)))
        {
            continue;
        }

        tag = limits[i].tag + l->ctx->tenant->tag
              + ngx_http_xr_limit_value(l->request, l->ctx, limit->key);
        tag = xr_mix64(tag);

        use->limit = limit;
        use->counts = limits[i].counts;
        use->tag = tag;
        use->charged = 0;
        use->left = 0;
        use->ask = NULL;
        use->taken = 0;
        use->exact = (u_char) exact;
        use->degraded = 0;

        /* not used for long, most likely: memory is slower than the rest */

        use->bucket = exact ? NULL
                            : xr_buckets_guess(xmcf->limit->buckets, tag);

        if (limit->unit == XR_LIMIT_BYTES) {
            l->bytes = 1;
        }

        use++;
    }

    l->n = use - l->uses;

    return seen;
}


/* A bucket that the location has met already is not paid into twice. */

static ngx_uint_t
ngx_http_xr_limit_add_own(ngx_http_xr_limited_t *l,
    ngx_http_xr_main_conf_t *xmcf, ngx_http_xr_limit_conf_t *limits, size_t n,
    ngx_uint_t exact)
{
    ngx_uint_t  i, j, last, seen;

    last = l->n;
    seen = ngx_http_xr_limit_add(l, xmcf, limits, n, exact);

    for (i = last; i < l->n; i++) {

        for (j = 0; j < last && l->uses[j].tag != l->uses[i].tag; j++) {
            /* void */
        }

        if (j == last) {
            l->uses[last++] = l->uses[i];
        }
    }

    l->n = last;

    return seen;
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
    return xr_mix64(limit + ctx->tenant->tag
                    + ngx_http_xr_limit_value(r, ctx, key));
}


static uint64_t
ngx_http_xr_limit_value(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_limit_key_t key)
{
    uint64_t  value;

    if (key == XR_LIMIT_TENANT) {
        return 0;
    }

    if (key == XR_LIMIT_SUBJECT) {
        value = ngx_http_xr_limit_subject(r, ctx);

        if (value != 0) {
            return value;
        }
    }

    return ngx_http_xr_limit_address(r, ctx);
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
    const xr_limit_t *limit, u_char key[XR_LIMIT_KEY_SIZE])
{
    u_char          *p;
    xr_str_t         value;
    xr_principal_t  *who;

    value = xr_str_of(NULL, 0);

    if (limit->key != XR_LIMIT_TENANT) {

        who = (limit->key == XR_LIMIT_SUBJECT)
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

    return xr_limit_redis_key(limit, ctx->tenant->name, value, key) == XR_OK
           ? NGX_OK : NGX_ERROR;
}
