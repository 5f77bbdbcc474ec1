/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_replica.h"


#define NGX_HTTP_XR_KEEPALIVE  32


static ngx_int_t ngx_http_xr_endpoint_name(ngx_pool_t *pool, ngx_str_t *name,
    xr_tenant_replica_t *t);
static ngx_int_t ngx_http_xr_endpoint_copy(ngx_pool_t *pool, ngx_str_t *out,
    xr_str_t s);
static ngx_http_upstream_srv_conf_t *ngx_http_xr_endpoint_named(
    ngx_conf_t *cf, xr_tenant_replica_t *t);
static ngx_http_upstream_srv_conf_t *ngx_http_xr_endpoint_group(
    ngx_conf_t *cf, ngx_http_xr_endpoint_t *e, xr_tenant_replica_t *t);
static ngx_int_t ngx_http_xr_endpoint_servers(ngx_conf_t *cf,
    ngx_http_xr_endpoint_t *e, xr_tenant_replica_t *t,
    ngx_http_upstream_srv_conf_t *uscf);
static ngx_int_t ngx_http_xr_endpoint_check(ngx_conf_t *cf, ngx_url_t *u);
static ngx_int_t ngx_http_xr_endpoint_resolve(ngx_conf_t *cf, ngx_url_t *u,
    ngx_http_upstream_srv_conf_t *uscf, ngx_msec_t min);
static ngx_int_t ngx_http_xr_endpoint_keep(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *uscf, ngx_uint_t n);


extern ngx_module_t  ngx_http_upstream_keepalive_module;


/* The endpoint of a tenant; tenants with the same one share connections. */

ngx_http_xr_endpoint_t *
ngx_http_xr_endpoint_add(ngx_conf_t *cf, xr_tenant_replica_t *t)
{
    ngx_http_xr_endpoint_t    *e, **ep;
    ngx_http_xr_main_conf_t   *xmcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    e = ngx_http_xr_endpoint_find(xmcf, t);
    if (e != NULL) {
        return e;
    }

    e = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_endpoint_t));
    if (e == NULL) {
        return NULL;
    }

    if (ngx_http_xr_endpoint_name(cf->pool, &e->name, t) != NGX_OK
        || ngx_http_xr_endpoint_copy(cf->pool, &e->ssl_name.value,
                                     t->origin.endpoint)
           != NGX_OK)
    {
        return NULL;
    }

    e->tls = t->origin.tls;

    e->upstream = (t->upstream.len != 0) ? ngx_http_xr_endpoint_named(cf, t)
                                         : ngx_http_xr_endpoint_group(cf, e, t);
    if (e->upstream == NULL) {
        return NULL;
    }

    ep = ngx_array_push(&xmcf->endpoints);
    if (ep == NULL) {
        return NULL;
    }

    *ep = e;
    e->number = xmcf->endpoints.nelts - 1;

    return e;
}


/* One that there is already, as all are once the configuration is read. */

ngx_http_xr_endpoint_t *
ngx_http_xr_endpoint_find(ngx_http_xr_main_conf_t *xmcf, xr_tenant_replica_t *t)
{
    ngx_str_t                 name;
    ngx_uint_t                i;
    ngx_pool_t               *pool;
    ngx_http_xr_endpoint_t   *e, **ep;

    pool = ngx_create_pool(NGX_MIN_POOL_SIZE * 4, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    e = NULL;
    ep = xmcf->endpoints.elts;

    if (ngx_http_xr_endpoint_name(pool, &name, t) == NGX_OK) {

        for (i = 0; e == NULL && i < xmcf->endpoints.nelts; i++) {

            if (ep[i]->name.len == name.len
                && ngx_memcmp(ep[i]->name.data, name.data, name.len) == 0)
            {
                e = ep[i];
            }
        }
    }

    ngx_destroy_pool(pool);

    return e;
}


/* "https://host:port via upstream": no upstream block has such a name. */

static ngx_int_t
ngx_http_xr_endpoint_name(ngx_pool_t *pool, ngx_str_t *name,
    xr_tenant_replica_t *t)
{
    u_char     *p;
    ngx_str_t   host, upstream;

    host = ngx_http_xr_ngx(t->origin.endpoint);
    upstream = ngx_http_xr_ngx(t->upstream);

    p = ngx_pnalloc(pool, sizeof("https://: via ") + NGX_INT_T_LEN
                          + host.len + upstream.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    name->data = p;

    p = ngx_sprintf(p, "%s://%V:%ui", t->origin.tls ? "https" : "http",
                    &host, (ngx_uint_t) t->origin.port);

    if (upstream.len != 0) {
        p = ngx_sprintf(p, " via %V", &upstream);
    }

    name->len = p - name->data;

    return NGX_OK;
}


/* What is said of a tenant lasts no longer than it takes to read it. */

static ngx_int_t
ngx_http_xr_endpoint_copy(ngx_pool_t *pool, ngx_str_t *out, xr_str_t s)
{
    ngx_str_t  str;

    str = ngx_http_xr_ngx(s);

    out->len = s.len;
    out->data = ngx_pstrdup(pool, &str);

    return (out->data != NULL) ? NGX_OK : NGX_ERROR;
}


/*
 * xr_endpoint url; an endpoint that tenants may have that are not there yet.
 */

char *
ngx_http_xr_endpoint_declare(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    xr_err_t              err;
    ngx_str_t            *value;
    xr_tenant_replica_t   t;

    value = cf->args->elts;

    ngx_memzero(&t, sizeof(xr_tenant_replica_t));

    if (xr_origin_parse(ngx_http_xr_view(&value[1]), xr_str_of(NULL, 0),
                        xr_str_of(NULL, 0), xr_str_of(NULL, 0), &xmcf->mem,
                        &t.origin, &err)
        != XR_OK
        || t.origin.kind == XR_ORIGIN_S3
        || t.origin.base.len != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid endpoint \"%V\": it is http:// or "
                           "https://, a host and perhaps a port", &value[1]);
        return NGX_CONF_ERROR;
    }

    return (ngx_http_xr_endpoint_add(cf, &t) != NULL) ? NGX_CONF_OK
                                                      : NGX_CONF_ERROR;
}


/* The operator's own "upstream" block, which may come later in the file. */

static ngx_http_upstream_srv_conf_t *
ngx_http_xr_endpoint_named(ngx_conf_t *cf, xr_tenant_replica_t *t)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    if (ngx_http_xr_endpoint_copy(cf->pool, &u.url, t->upstream) != NGX_OK) {
        return NULL;
    }

    u.no_resolve = 1;

    return ngx_http_upstream_add(cf, &u, 0);
}


/*
 * A group as "upstream NAME { server HOST:PORT; keepalive N; }" makes it:
 * NGINX keeps connections in explicit groups only.
 */

static ngx_http_upstream_srv_conf_t *
ngx_http_xr_endpoint_group(ngx_conf_t *cf, ngx_http_xr_endpoint_t *e,
    xr_tenant_replica_t *t)
{
    ngx_url_t                      u;
    ngx_http_xr_main_conf_t       *xmcf;
    ngx_http_upstream_srv_conf_t  *uscf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.host = e->name;
    u.no_resolve = 1;
    u.no_port = 1;

    uscf = ngx_http_upstream_add(cf, &u, NGX_HTTP_UPSTREAM_CREATE
                                         |NGX_HTTP_UPSTREAM_WEIGHT
                                         |NGX_HTTP_UPSTREAM_MAX_CONNS
                                         |NGX_HTTP_UPSTREAM_MAX_FAILS
                                         |NGX_HTTP_UPSTREAM_FAIL_TIMEOUT
                                         |NGX_HTTP_UPSTREAM_DOWN
                                         |NGX_HTTP_UPSTREAM_BACKUP);
    if (uscf == NULL) {
        return NULL;
    }

    if (ngx_http_xr_endpoint_servers(cf, e, t, uscf) != NGX_OK) {
        return NULL;
    }

    if (xmcf->keepalive == NGX_CONF_UNSET) {
        xmcf->keepalive = NGX_HTTP_XR_KEEPALIVE;
    }

    if (xmcf->keepalive != 0
        && ngx_http_xr_endpoint_keep(cf, uscf, (ngx_uint_t) xmcf->keepalive)
           != NGX_OK)
    {
        return NULL;
    }

    return uscf;
}


/* No address is ever taken out of use, as there is no other to turn to. */

static ngx_int_t
ngx_http_xr_endpoint_servers(ngx_conf_t *cf, ngx_http_xr_endpoint_t *e,
    xr_tenant_replica_t *t, ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_int_t                    rc;
    ngx_url_t                    u;
    ngx_http_xr_main_conf_t     *xmcf;
    ngx_http_upstream_server_t  *us;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = e->ssl_name.value;
    u.default_port = (in_port_t) t->origin.port;

    u.no_resolve = (xmcf->resolve != 0);

    rc = ngx_parse_url(cf->pool, &u);

    if (rc == NGX_OK && u.no_resolve && u.naddrs == 0) {
        return ngx_http_xr_endpoint_resolve(cf, &u, uscf, xmcf->resolve);
    }

    if (rc != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in origin endpoint \"%V\"",
                           u.err ? u.err : "error", &u.url);
        return NGX_ERROR;
    }

    if (ngx_http_xr_endpoint_check(cf, &u) != NGX_OK) {
        return NGX_ERROR;
    }

    uscf->servers = ngx_array_create(cf->pool, 1,
                                     sizeof(ngx_http_upstream_server_t));
    if (uscf->servers == NULL) {
        return NGX_ERROR;
    }

    us = ngx_array_push(uscf->servers);
    if (us == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(us, sizeof(ngx_http_upstream_server_t));

    us->name = e->name;
    us->addrs = u.addrs;
    us->naddrs = u.naddrs;
    us->weight = 1;
    us->fail_timeout = 10;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_endpoint_check(ngx_conf_t *cf, ngx_url_t *u)
{
    ngx_uint_t  i;

    for (i = 0; i < u->naddrs; i++) {

        if (ngx_http_xr_endpoint_link_local(u->addrs[i].sockaddr)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "origin endpoint \"%V\" is the link-local "
                               "address %V, where clouds keep credentials",
                               &u->url, &u->addrs[i].name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * A name whose addresses are looked up again and again: that there are none
 * yet is no reason not to start.
 */

static ngx_int_t
ngx_http_xr_endpoint_resolve(ngx_conf_t *cf, ngx_url_t *u,
    ngx_http_upstream_srv_conf_t *uscf, ngx_msec_t min)
{
    u_char                      *p;
    ngx_http_upstream_server_t  *us;

    u->no_resolve = 0;

    if (ngx_parse_url(cf->pool, u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "%s in origin endpoint \"%V\" for now",
                           u->err ? u->err : "error", &u->url);
        u->naddrs = 0;
    }

    if (ngx_http_xr_endpoint_check(cf, u) != NGX_OK) {
        return NGX_ERROR;
    }

    uscf->servers = ngx_array_create(cf->pool, 1,
                                     sizeof(ngx_http_upstream_server_t));
    if (uscf->servers == NULL) {
        return NGX_ERROR;
    }

    us = ngx_array_push(uscf->servers);
    p = ngx_pnalloc(cf->pool, u->url.len + sizeof(":65535") - 1);

    if (us == NULL || p == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(us, sizeof(ngx_http_upstream_server_t));

    us->name.data = p;
    us->name.len = ngx_sprintf(p, "%V:%ui", &u->url,
                               (ngx_uint_t) u->default_port) - p;
    us->addrs = u->addrs;
    us->naddrs = u->naddrs;
    us->weight = 1;

    return ngx_http_xr_resolve_group(cf, uscf, min);
}


/* 169.254.0.0/16, fe80::/10, and the address of EC2's metadata in IPv6. */

ngx_uint_t
ngx_http_xr_endpoint_link_local(struct sockaddr *sockaddr)
{
    u_char                *p;
    struct sockaddr_in    *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6   *sin6;

    static const u_char  metadata[16] = {
        0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54
    };
#endif

    switch (sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sockaddr;
        p = sin6->sin6_addr.s6_addr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            return p[12] == 169 && p[13] == 254;
        }

        return (p[0] == 0xfe && (p[1] & 0xc0) == 0x80)
               || ngx_memcmp(p, metadata, 16) == 0;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sockaddr;
        p = (u_char *) &sin->sin_addr.s_addr;

        return p[0] == 169 && p[1] == 254;
    }

    return 0;
}


/* Runs the "keepalive" directive of NGINX's own module inside the group. */

static ngx_int_t
ngx_http_xr_endpoint_keep(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *uscf,
    ngx_uint_t n)
{
    void                 *conf;
    ngx_str_t            *value;
    ngx_conf_t            save;
    ngx_array_t           args;
    ngx_command_t        *cmd;
    ngx_http_module_t    *module;
    ngx_http_conf_ctx_t   ctx;

    static ngx_str_t  name = ngx_string("keepalive");

    module = ngx_http_upstream_keepalive_module.ctx;
    cmd = ngx_http_upstream_keepalive_module.commands;

    while (cmd->name.len != name.len
           || ngx_strncmp(cmd->name.data, name.data, name.len) != 0)
    {
        cmd++;
    }

    conf = module->create_srv_conf(cf);

    uscf->srv_conf = ngx_pcalloc(cf->pool,
                                 sizeof(void *) * ngx_http_max_module);

    if (conf == NULL || uscf->srv_conf == NULL
        || ngx_array_init(&args, cf->pool, 2, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    uscf->srv_conf[ngx_http_upstream_module.ctx_index] = uscf;
    uscf->srv_conf[ngx_http_upstream_keepalive_module.ctx_index] = conf;

    value = ngx_array_push_n(&args, 2);

    value[0] = name;
    value[1].data = ngx_pnalloc(cf->pool, NGX_INT_T_LEN);
    if (value[1].data == NULL) {
        return NGX_ERROR;
    }

    value[1].len = ngx_sprintf(value[1].data, "%ui", n) - value[1].data;

    ctx = *(ngx_http_conf_ctx_t *) cf->ctx;
    ctx.srv_conf = uscf->srv_conf;

    save = *cf;
    cf->ctx = &ctx;
    cf->args = &args;

    if (cmd->set(cf, cmd, conf) != NGX_CONF_OK) {
        *cf = save;
        return NGX_ERROR;
    }

    *cf = save;

    return NGX_OK;
}


/* xr_origin_keepalive: read before the groups, which are made as it says. */

char *
ngx_http_xr_endpoint_keepalive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    if (xmcf->endpoints.nelts != 0) {
        return "must come before the first \"xr_tenant\"";
    }

    return ngx_conf_set_num_slot(cf, cmd, conf);
}
