/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"

#include "xr_forwarded.h"


#define NGX_HTTP_XR_TRUST_LINES  16


static ngx_str_t  ngx_http_xr_trust_cloudfront_country =
    ngx_string("cloudfront-viewer-country");


static ngx_uint_t ngx_http_xr_trust_peer(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_addr_t *peer);
static ngx_uint_t ngx_http_xr_trust_has(ngx_array_t *networks,
    xr_addr_t *address);
static ngx_uint_t ngx_http_xr_trust_proof(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static void ngx_http_xr_trust_read(ngx_http_request_t *r,
    ngx_http_xr_client_t *client);
static void ngx_http_xr_trust_address(ngx_http_request_t *r,
    ngx_http_xr_client_t *client, ngx_uint_t proved);
static void ngx_http_xr_trust_drop(ngx_http_request_t *r,
    ngx_http_xr_main_conf_t *xmcf, ngx_uint_t trusted);
static ngx_uint_t ngx_http_xr_trust_is(ngx_table_elt_t *h, ngx_str_t *name);
static ngx_uint_t ngx_http_xr_trust_is_foreign(ngx_http_request_t *r,
    ngx_table_elt_t *h, ngx_uint_t trusted);
static void ngx_http_xr_trust_sockaddr(ngx_connection_t *c, xr_addr_t *out);
static ngx_int_t ngx_http_xr_trust_lowcase(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *out);


/*
 * Runs in the post-read phase, before the realip module can change the peer's
 * address.  What a tier in front says of the client counts if it has proved
 * itself, by its address, by a secret, or by both if both are configured;
 * from anybody else those headers lose their value.
 */

ngx_int_t
ngx_http_xr_trust_handler(ngx_http_request_t *r)
{
    ngx_uint_t                trusted;
    xr_addr_t                 peer;
    ngx_http_xr_ctx_t        *ctx;
    ngx_http_xr_srv_conf_t   *xscf;
    ngx_http_xr_main_conf_t  *xmcf;

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (!xscf->enable
        || r != r->main
        || (xscf->trusted == NULL && xmcf->proof_header.len == 0))
    {
        return NGX_DECLINED;
    }

    ctx = ngx_http_xr_make_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_http_xr_trust_sockaddr(r->connection, &peer);

    ctx->client.address = peer;
    ctx->client.https = (r->connection->ssl != NULL);
    ctx->known = 1;

    trusted = ngx_http_xr_trust_peer(r, ctx, &peer);

    if (trusted) {
        ctx->client.proved = (xmcf->proof_header.len != 0);
        ngx_http_xr_trust_read(r, &ctx->client);
    }

    ngx_http_xr_trust_drop(r, xmcf, trusted);

    return NGX_DECLINED;
}


/* The client of a request; the peer, or who realip says it is, by default. */

ngx_http_xr_client_t *
ngx_http_xr_trust_client(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    if (!ctx->known) {
        ngx_http_xr_trust_sockaddr(r->connection, &ctx->client.address);
        ctx->client.https = (r->connection->ssl != NULL);
    }

    return &ctx->client;
}


static ngx_uint_t
ngx_http_xr_trust_peer(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    xr_addr_t *peer)
{
    ngx_http_xr_srv_conf_t   *xscf;
    ngx_http_xr_main_conf_t  *xmcf;

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xscf->trusted != NULL
        && !ngx_http_xr_trust_has(xscf->trusted, peer))
    {
        return 0;
    }

    return xmcf->proof_header.len == 0 || ngx_http_xr_trust_proof(r, ctx);
}


static ngx_uint_t
ngx_http_xr_trust_has(ngx_array_t *networks, xr_addr_t *address)
{
    ngx_uint_t      i;
    xr_addr_net_t  *net;

    net = networks->elts;

    for (i = 0; i < networks->nelts; i++) {

        if (xr_addr_net_has(&net[i], address)) {
            return 1;
        }
    }

    return 0;
}


/* The secret must be the only one of its name. */

static ngx_uint_t
ngx_http_xr_trust_proof(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_uint_t                i, n;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *h, *proof;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    n = 0;
    proof = NULL;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == xmcf->proof_header.len
                && ngx_memcmp(h[i].lowcase_key, xmcf->proof_header.data,
                              h[i].key.len)
                   == 0)
            {
                proof = &h[i];
                n++;
            }
        }
    }

    if (n != 1) {
        return 0;
    }

    ctx->image = ngx_http_xr_live_acquire(&xmcf->live, r->connection->log);

    return xr_table_proves(&ctx->image->u.table,
                           ngx_http_xr_view(&proof->value));
}


/*
 * CloudFront's headers count from who knows the secret: a load balancer that
 * is known by its address passes on whatever a client sends under their names.
 * Its country header counts if the configuration names it.
 */

static void
ngx_http_xr_trust_read(ngx_http_request_t *r, ngx_http_xr_client_t *client)
{
    ngx_str_t                *country;
    ngx_uint_t                proved;
    ngx_table_elt_t          *h;
    ngx_http_xr_srv_conf_t   *xscf;
    ngx_http_xr_main_conf_t  *xmcf;

    static ngx_str_t  cloudfront = ngx_string("cloudfront-forwarded-proto");
    static ngx_str_t  forwarded = ngx_string("x-forwarded-proto");

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    proved = (xmcf->proof_header.len != 0);

    ngx_http_xr_trust_address(r, client, proved);

    country = &xscf->country;

    if (country->len == 0 && proved) {
        country = &ngx_http_xr_trust_cloudfront_country;
    }

    h = (country->len != 0) ? ngx_http_xr_headers_find(r, country) : NULL;

    if (h != NULL) {
        (void) xr_forwarded_country(ngx_http_xr_view(&h->value),
                                    client->country);
    }

    h = proved ? ngx_http_xr_headers_find(r, &cloudfront) : NULL;

    if (h == NULL) {
        h = ngx_http_xr_headers_find(r, &forwarded);
    }

    if (h != NULL) {
        client->https = xr_str_eq_nocase(ngx_http_xr_view(&h->value),
                                         xr_str("https"));
    }
}


/*
 * CloudFront says who its viewer is; others add to a list, of which several
 * lines are one (RFC 9110 section 5.3).
 */

static void
ngx_http_xr_trust_address(ngx_http_request_t *r, ngx_http_xr_client_t *client,
    ngx_uint_t proved)
{
    size_t                   n;
    xr_str_t                 lines[NGX_HTTP_XR_TRUST_LINES];
    xr_addr_t                peer, viewer;
    ngx_uint_t               i;
    ngx_list_part_t         *part;
    ngx_table_elt_t         *h;
    ngx_http_xr_srv_conf_t  *xscf;

    static ngx_str_t  name = ngx_string("x-forwarded-for");
    static ngx_str_t  cloudfront = ngx_string("cloudfront-viewer-address");

    h = proved ? ngx_http_xr_headers_find(r, &cloudfront) : NULL;

    if (h != NULL
        && xr_forwarded_viewer(ngx_http_xr_view(&h->value), &viewer) == XR_OK)
    {
        client->address = viewer;
        return;
    }

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != name.len
                || ngx_memcmp(h[i].lowcase_key, name.data, name.len) != 0)
            {
                continue;
            }

            if (n == NGX_HTTP_XR_TRUST_LINES) {
                return;                 /* no proxy makes so many */
            }

            lines[n++] = ngx_http_xr_view(&h[i].value);
        }
    }

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);
    peer = client->address;

    xr_forwarded_client(lines, n,
                        xscf->trusted != NULL ? xscf->trusted->elts : NULL,
                        xscf->trusted != NULL ? xscf->trusted->nelts : 0,
                        &peer, &client->address);
}


/*
 * What may not be believed is not seen by anything that comes later.  The
 * secret goes in any case.
 */

static void
ngx_http_xr_trust_drop(ngx_http_request_t *r, ngx_http_xr_main_conf_t *xmcf,
    ngx_uint_t trusted)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_xr_trust_is_foreign(r, &h[i], trusted)
                || (xmcf->proof_header.len != 0
                    && ngx_http_xr_trust_is(&h[i], &xmcf->proof_header)))
            {
                h[i].hash = 0;
                h[i].value.len = 0;
            }
        }
    }
}


/* Names are compared with "_" for "-", as some behind us would read them. */

static ngx_uint_t
ngx_http_xr_trust_is(ngx_table_elt_t *h, ngx_str_t *name)
{
    size_t  i;
    u_char  c;

    if (h->key.len < name->len) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = (h->lowcase_key[i] == '_') ? '-' : h->lowcase_key[i];

        if (c != name->data[i]) {
            return 0;
        }
    }

    /* a name that ends with "-" is what others begin with */

    return h->key.len == name->len || name->data[name->len - 1] == '-';
}


/* Whether a header says of the client what who sent it may not say. */

static ngx_uint_t
ngx_http_xr_trust_is_foreign(ngx_http_request_t *r, ngx_table_elt_t *h,
    ngx_uint_t trusted)
{
    ngx_uint_t                i;
    ngx_http_xr_srv_conf_t   *xscf;
    ngx_http_xr_main_conf_t  *xmcf;

    static ngx_str_t  proxies[] = {
        ngx_string("x-forwarded-"),
        ngx_string("forwarded"),
        ngx_string("x-real-ip")
    };

    static ngx_str_t  cloudfront[] = {
        ngx_string("cloudfront-viewer-"),
        ngx_string("cloudfront-forwarded-")
    };

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);
    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xscf->country.len != 0 && ngx_http_xr_trust_is(h, &xscf->country)) {
        return !trusted;
    }

    for (i = 0; !trusted && i < 3; i++) {

        if (ngx_http_xr_trust_is(h, &proxies[i])) {
            return 1;
        }
    }

    for (i = 0; (!trusted || xmcf->proof_header.len == 0) && i < 2; i++) {

        if (ngx_http_xr_trust_is(h, &cloudfront[i])) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_xr_trust_sockaddr(ngx_connection_t *c, xr_addr_t *out)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    ngx_memzero(out, sizeof(xr_addr_t));

    switch (c->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) c->sockaddr;
        ngx_memcpy(out->bytes, sin6->sin6_addr.s6_addr, 16);
        break;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) c->sockaddr;
        out->bytes[10] = 0xff;
        out->bytes[11] = 0xff;
        ngx_memcpy(out->bytes + 12, &sin->sin_addr.s_addr, 4);
        break;
    }
}


/* xr_trusted_proxy address | network ...; lines of one level add up. */

char *
ngx_http_xr_trust_proxy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_srv_conf_t *xscf = conf;

    ngx_str_t                *value;
    ngx_uint_t                i;
    xr_addr_net_t            *net;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);
    xmcf->trust = 1;

    if (xscf->trusted == NGX_CONF_UNSET_PTR) {

        xscf->trusted = ngx_array_create(cf->pool, 4, sizeof(xr_addr_net_t));
        if (xscf->trusted == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        net = ngx_array_push(xscf->trusted);
        if (net == NULL) {
            return NGX_CONF_ERROR;
        }

        if (xr_addr_net_parse(ngx_http_xr_view(&value[i]), net) != XR_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid network \"%V\": it is an address, or "
                               "one in CIDR notation without bits behind its "
                               "prefix", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* xr_trusted_secret header file; */

char *
ngx_http_xr_trust_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_str_t  *value;

    if (xmcf->proof_header.data != NULL) {
        return "is duplicate";
    }

    xmcf->trust = 1;

    value = cf->args->elts;

    if (ngx_http_xr_trust_lowcase(cf, &value[1], &xmcf->proof_header)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    xmcf->proof_file = value[2];

    if (ngx_conf_full_name(cf->cycle, &xmcf->proof_file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* xr_trusted_country header; */

char *
ngx_http_xr_trust_country(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_srv_conf_t *xscf = conf;

    ngx_str_t  *value;

    if (xscf->country.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    return (ngx_http_xr_trust_lowcase(cf, &value[1], &xscf->country) == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* The name of a header as NGINX compares it. */

static ngx_int_t
ngx_http_xr_trust_lowcase(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *out)
{
    u_char      c;
    ngx_uint_t  i;

    out->len = name->len;
    out->data = ngx_pnalloc(cf->pool, name->len + 1);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < name->len; i++) {
        c = ngx_tolower(name->data[i]);
        out->data[i] = c;

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            break;
        }
    }

    if (i == 0 || i != name->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid header name \"%V\": it is one or more of "
                           "A-Z a-z 0-9 -", name);
        return NGX_ERROR;
    }

    return NGX_OK;
}
