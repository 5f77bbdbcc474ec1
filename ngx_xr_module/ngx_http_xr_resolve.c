/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_replica.h"


/*
 * An upstream group of one name, whose addresses are looked up again when
 * their time is over.  The keepalive module in front of it finds connections
 * by address, so those to addresses that stay are used on.
 */

#define NGX_HTTP_XR_RESOLVE_MIN      5000       /* milliseconds */
#define NGX_HTTP_XR_RESOLVE_TIMEOUT  30000
#define NGX_HTTP_XR_RESOLVE_ADDRS    64


typedef struct {
    ngx_sockaddr_t               sockaddr;
    socklen_t                    socklen;
    ngx_str_t                    name;
    u_char                       text[NGX_SOCKADDR_STRLEN];
    ngx_ssl_session_t           *session;
} ngx_http_xr_resolve_addr_t;


/* Stays for as long as a request uses it. */

typedef struct {
    ngx_uint_t                   refs;
    ngx_uint_t                   n;
    ngx_http_xr_resolve_addr_t   list[];
} ngx_http_xr_resolve_set_t;


typedef struct {
    ngx_http_upstream_srv_conf_t  *upstream;
    ngx_str_t                    host;
    in_port_t                    port;
    ngx_msec_t                   min;
    ngx_msec_t                   timeout;
    ngx_resolver_t              *resolver;

    ngx_http_xr_resolve_set_t   *set;           /* this worker's */
    ngx_uint_t                   next;
    ngx_uint_t                   failures;
    ngx_event_t                  event;
    ngx_connection_t             dummy;
    ngx_resolver_ctx_t          *query;
} ngx_http_xr_resolve_t;


typedef struct {
    ngx_http_xr_resolve_set_t   *set;
    ngx_http_xr_resolve_addr_t  *current;
    ngx_http_xr_resolve_t       *group;
    uint64_t                     tried;
} ngx_http_xr_resolve_peer_t;


static ngx_int_t ngx_http_xr_resolve_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_xr_resolve_server(ngx_conf_t *cf,
    ngx_http_xr_resolve_t *group, ngx_http_upstream_server_t *server);
static void ngx_http_xr_resolve_cleanup(void *data);
static ngx_http_xr_resolve_set_t *ngx_http_xr_resolve_make(ngx_uint_t n,
    ngx_log_t *log);
static void ngx_http_xr_resolve_add(ngx_http_xr_resolve_set_t *set,
    ngx_http_xr_resolve_t *group, struct sockaddr *sockaddr,
    socklen_t socklen, ngx_log_t *log);
static void ngx_http_xr_resolve_release(void *data);
static void ngx_http_xr_resolve_ask(ngx_event_t *ev);
static void ngx_http_xr_resolve_answer(ngx_resolver_ctx_t *ctx);
static void ngx_http_xr_resolve_take(ngx_http_xr_resolve_t *group,
    ngx_resolver_ctx_t *ctx);
static ngx_http_xr_resolve_addr_t *ngx_http_xr_resolve_find(
    ngx_http_xr_resolve_set_t *set, ngx_http_xr_resolve_addr_t *addr);
static ngx_int_t ngx_http_xr_resolve_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_xr_resolve_get_peer(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_xr_resolve_free_peer(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);
static ngx_int_t ngx_http_xr_resolve_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_xr_resolve_save_session(ngx_peer_connection_t *pc,
    void *data);


/*
 * xr_resolve [min=time]; in "http" for the endpoints of tenants, in an
 * "upstream" block for its server.
 */

char *
ngx_http_xr_resolve_set_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_int_t                      min;
    ngx_str_t                     *value, s;
    ngx_http_upstream_srv_conf_t  *us;

    min = NGX_HTTP_XR_RESOLVE_MIN;
    value = cf->args->elts;

    if (cf->args->nelts == 2) {
        s = value[1];

        if (s.len > 4 && ngx_strncmp(s.data, "min=", 4) == 0) {
            s.data += 4;
            s.len -= 4;
            min = ngx_parse_time(&s, 0);

        } else {
            min = NGX_ERROR;
        }

        if (min < 100 || min > 86400000) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": there is min=, a "
                               "time from 100ms to a day", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if (cf->cmd_type == NGX_HTTP_UPS_CONF) {
        us = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

        if (us->peer.init_upstream != NULL) {
            return "must come before other directives that balance, once";
        }

        return (ngx_http_xr_resolve_group(cf, us, min) == NGX_OK)
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (xmcf->resolve != 0) {
        return "is duplicate";
    }

    if (xmcf->endpoints.nelts != 0) {
        return "must come before the first \"xr_tenant\"";
    }

    xmcf->resolve = min;

    return NGX_CONF_OK;
}


/* Has the addresses of a group looked up, not more often than "min". */

ngx_int_t
ngx_http_xr_resolve_group(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us,
    ngx_msec_t min)
{
    ngx_http_xr_resolve_t    **gp, *group;
    ngx_http_xr_main_conf_t   *xmcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);

    group = ngx_pcalloc(cf->pool, sizeof(ngx_http_xr_resolve_t));
    if (group == NULL) {
        return NGX_ERROR;
    }

    if (xmcf->resolves.elts == NULL
        && ngx_array_init(&xmcf->resolves, cf->pool, 4,
                          sizeof(ngx_http_xr_resolve_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    gp = ngx_array_push(&xmcf->resolves);
    if (gp == NULL) {
        return NGX_ERROR;
    }

    *gp = group;

    group->upstream = us;
    group->min = min;

    us->peer.init_upstream = ngx_http_xr_resolve_upstream;
    us->flags = NGX_HTTP_UPSTREAM_CREATE;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_resolve_upstream(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us)
{
    ngx_uint_t                   i;
    ngx_pool_cleanup_t          *cln;
    ngx_http_xr_resolve_t      **gp, *group;
    ngx_http_xr_main_conf_t     *xmcf;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_upstream_server_t  *server;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_xr_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    gp = xmcf->resolves.elts;
    group = NULL;

    for (i = 0; i < xmcf->resolves.nelts; i++) {

        if (gp[i]->upstream == us) {
            group = gp[i];
        }
    }

    server = (us->servers != NULL) ? us->servers->elts : NULL;

    if (group == NULL || server == NULL || us->servers->nelts != 1
        || server->backup || server->down || server->weight != 1
        || server->max_conns != 0)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"xr_resolve\" is for one server and none of its "
                      "parameters in upstream \"%V\" in %s:%ui",
                      &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

    if (clcf->resolver == NULL || clcf->resolver->connections.nelts == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"xr_resolve\" needs a \"resolver\" in \"http\", for "
                      "upstream \"%V\" in %s:%ui",
                      &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

    /* the resolver's own is there already, and runs after it */

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_xr_resolve_cleanup;
    cln->data = group;

    group->resolver = clcf->resolver;
    group->timeout = (clcf->resolver_timeout == NGX_CONF_UNSET_MSEC)
                     ? NGX_HTTP_XR_RESOLVE_TIMEOUT : clcf->resolver_timeout;

    us->peer.init = ngx_http_xr_resolve_init_peer;
    us->peer.data = group;

    return ngx_http_xr_resolve_server(cf, group, server);
}


/* The addresses that it begins with, perhaps none. */

static ngx_int_t
ngx_http_xr_resolve_server(ngx_conf_t *cf, ngx_http_xr_resolve_t *group,
    ngx_http_upstream_server_t *server)
{
    ngx_url_t   u;
    ngx_uint_t  i;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = server->name;
    u.default_port = 80;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs != 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"xr_resolve\" is for a server with a host name, not "
                      "for \"%V\" in %s:%ui", &server->name,
                      group->upstream->file_name, group->upstream->line);
        return NGX_ERROR;
    }

    group->host = u.host;
    group->port = u.port;

    group->set = ngx_http_xr_resolve_make(server->naddrs, cf->log);
    if (group->set == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < server->naddrs; i++) {
        ngx_http_xr_resolve_add(group->set, group, server->addrs[i].sockaddr,
                                server->addrs[i].socklen, cf->log);
    }

    return NGX_OK;
}


static void
ngx_http_xr_resolve_cleanup(void *data)
{
    ngx_http_xr_resolve_t *group = data;

    if (group->query != NULL) {
        ngx_resolve_name_done(group->query);
        group->query = NULL;
    }

    if (group->event.timer_set) {
        ngx_del_timer(&group->event);
    }

    if (group->set != NULL) {
        ngx_http_xr_resolve_release(group->set);
        group->set = NULL;
    }
}


static ngx_http_xr_resolve_set_t *
ngx_http_xr_resolve_make(ngx_uint_t n, ngx_log_t *log)
{
    ngx_http_xr_resolve_set_t  *set;

    n = ngx_min(n, NGX_HTTP_XR_RESOLVE_ADDRS);

    set = ngx_calloc(sizeof(ngx_http_xr_resolve_set_t)
                     + n * sizeof(ngx_http_xr_resolve_addr_t), log);

    if (set != NULL) {
        set->refs = 1;
    }

    return set;
}


/* Whoever answers for a name cannot lead us to where clouds keep secrets. */

static void
ngx_http_xr_resolve_add(ngx_http_xr_resolve_set_t *set,
    ngx_http_xr_resolve_t *group, struct sockaddr *sockaddr,
    socklen_t socklen, ngx_log_t *log)
{
    ngx_http_xr_resolve_addr_t  *addr;

    if (set->n == NGX_HTTP_XR_RESOLVE_ADDRS) {
        return;
    }

    addr = &set->list[set->n];

    ngx_memcpy(&addr->sockaddr, sockaddr, socklen);
    ngx_inet_set_port(&addr->sockaddr.sockaddr, group->port);

    addr->socklen = socklen;
    addr->name.data = addr->text;
    addr->name.len = ngx_sock_ntop(&addr->sockaddr.sockaddr, socklen,
                                   addr->text, NGX_SOCKADDR_STRLEN, 1);

    if (ngx_http_xr_endpoint_link_local(&addr->sockaddr.sockaddr)) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "xr: \"%V\" resolves to the link-local address %V, "
                      "which is not used", &group->host, &addr->name);
        return;
    }

    set->n++;
}


static void
ngx_http_xr_resolve_release(void *data)
{
    ngx_http_xr_resolve_set_t *set = data;

    ngx_uint_t  i;

    if (--set->refs > 0) {
        return;
    }

    for (i = 0; i < set->n; i++) {

        if (set->list[i].session != NULL) {
            ngx_ssl_free_session(set->list[i].session);
        }
    }


    ngx_free(set);
}


/* In a worker: the first look-up is made at once. */

void
ngx_http_xr_resolve_process(ngx_http_xr_main_conf_t *xmcf)
{
    ngx_uint_t               i;
    ngx_http_xr_resolve_t  **gp;

    gp = xmcf->resolves.elts;

    for (i = 0; i < xmcf->resolves.nelts; i++) {
        gp[i]->dummy.fd = (ngx_socket_t) -1;
        gp[i]->event.data = &gp[i]->dummy;
        gp[i]->event.handler = ngx_http_xr_resolve_ask;
        gp[i]->event.log = ngx_cycle->log;
        gp[i]->event.cancelable = 1;
        gp[i]->dummy.data = gp[i];

        ngx_add_timer(&gp[i]->event, 1);
    }
}


static void
ngx_http_xr_resolve_ask(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_resolver_ctx_t     *ctx;
    ngx_http_xr_resolve_t  *group;

    c = ev->data;
    group = c->data;

    if (ngx_exiting || group->query != NULL) {
        return;
    }

    ctx = ngx_resolve_start(group->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_add_timer(ev, group->min);
        return;
    }

    ctx->name = group->host;
    ctx->handler = ngx_http_xr_resolve_answer;
    ctx->data = group;
    ctx->timeout = group->timeout;
    ctx->cancelable = 1;

    group->query = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        group->query = NULL;
        ngx_add_timer(ev, group->min);
    }
}


static void
ngx_http_xr_resolve_answer(ngx_resolver_ctx_t *ctx)
{
    time_t                  valid;
    ngx_msec_t              ms;
    ngx_http_xr_resolve_t  *group;

    group = ctx->data;
    ms = group->min;

    if (ctx->state != NGX_OK) {
        group->failures++;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "xr: \"%V\" could not be resolved (%i: %s), %ui times "
                      "in a row, its %ui addresses stay", &group->host,
                      ctx->state, ngx_resolver_strerror(ctx->state),
                      group->failures, group->set->n);

    } else {
        group->failures = 0;

        /* the resolver itself keeps an answer to the end of this second */

        valid = ctx->valid - ngx_time() + 1;
        ms = ngx_max(ms, (ngx_msec_t) ngx_max(valid, 0) * 1000);

        ngx_http_xr_resolve_take(group, ctx);
    }

    group->query = NULL;
    ngx_resolve_name_done(ctx);

    ngx_add_timer(&group->event, ms);
}


/* Other addresses take the place of those before. */

static void
ngx_http_xr_resolve_take(ngx_http_xr_resolve_t *group,
    ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t                   i, same;
    ngx_http_xr_resolve_set_t   *set;
    ngx_http_xr_resolve_addr_t  *old;

    set = ngx_http_xr_resolve_make(ctx->naddrs, ngx_cycle->log);
    if (set == NULL) {
        return;
    }

    for (i = 0; i < ctx->naddrs; i++) {
        ngx_http_xr_resolve_add(set, group, ctx->addrs[i].sockaddr,
                                ctx->addrs[i].socklen, ngx_cycle->log);
    }

    same = 0;

    for (i = 0; i < set->n; i++) {
        old = ngx_http_xr_resolve_find(group->set, &set->list[i]);
        same += (old != NULL);
    }

    if (set->n == 0 || (same == set->n && set->n == group->set->n)) {
        ngx_http_xr_resolve_release(set);
        return;
    }

    for (i = 0; i < set->n; i++) {
        old = ngx_http_xr_resolve_find(group->set, &set->list[i]);

        if (old != NULL) {
            set->list[i].session = old->session;
            old->session = NULL;
        }
    }


    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "xr: \"%V\" has %ui addresses now, %ui of them as before",
                  &group->host, set->n, same);

    ngx_http_xr_resolve_release(group->set);
    group->set = set;
}


static ngx_http_xr_resolve_addr_t *
ngx_http_xr_resolve_find(ngx_http_xr_resolve_set_t *set,
    ngx_http_xr_resolve_addr_t *addr)
{
    ngx_uint_t  i;

    for (i = 0; i < set->n; i++) {

        if (ngx_cmp_sockaddr(&set->list[i].sockaddr.sockaddr,
                             set->list[i].socklen,
                             &addr->sockaddr.sockaddr, addr->socklen, 1)
            == NGX_OK)
        {
            return &set->list[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_xr_resolve_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_pool_cleanup_t          *cln;
    ngx_peer_connection_t       *pc;
    ngx_http_xr_resolve_peer_t  *peer;

    peer = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_resolve_peer_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (peer == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    /* names of addresses are asked for when the request is logged */

    peer->group = us->peer.data;
    peer->set = peer->group->set;
    peer->set->refs++;

    cln->handler = ngx_http_xr_resolve_release;
    cln->data = peer->set;

    pc = &r->upstream->peer;

    pc->data = peer;
    pc->get = ngx_http_xr_resolve_get_peer;
    pc->free = ngx_http_xr_resolve_free_peer;
    pc->tries = ngx_max(peer->set->n, 1);

    pc->set_session = ngx_http_xr_resolve_set_session;
    pc->save_session = ngx_http_xr_resolve_save_session;

    return NGX_OK;
}


/* In turns; all of them before one is asked again. */

static ngx_int_t
ngx_http_xr_resolve_get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_xr_resolve_peer_t *peer = data;

    ngx_uint_t                  i, n, index;
    ngx_http_xr_resolve_set_t  *set;

    set = peer->set;
    n = set->n;

    pc->cached = 0;
    pc->connection = NULL;

    if (n == 0) {
        pc->name = &peer->group->host;
        return NGX_BUSY;
    }

    index = 0;

    for (i = 0; i < n; i++) {
        index = peer->group->next++ % n;

        if (!(peer->tried & ((uint64_t) 1 << index))) {
            break;
        }
    }

    if (i == n) {
        peer->tried = 0;
    }

    peer->tried |= (uint64_t) 1 << index;
    peer->current = &set->list[index];

    pc->sockaddr = &peer->current->sockaddr.sockaddr;
    pc->socklen = peer->current->socklen;
    pc->name = &peer->current->name;

    return NGX_OK;
}


static void
ngx_http_xr_resolve_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    if (pc->tries) {
        pc->tries--;
    }
}


static ngx_int_t
ngx_http_xr_resolve_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_xr_resolve_peer_t *peer = data;

    return ngx_ssl_set_session(pc->connection, peer->current->session);
}


static void
ngx_http_xr_resolve_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_xr_resolve_peer_t *peer = data;

    ngx_ssl_session_t  *session;

    session = ngx_ssl_get_session(pc->connection);

    if (session == NULL) {
        return;
    }

    if (peer->current->session != NULL) {
        ngx_ssl_free_session(peer->current->session);
    }

    peer->current->session = session;
}
