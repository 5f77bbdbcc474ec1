/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_limit.h"
#include "ngx_http_xr_slice.h"


/*
 * A client that has its answer while slices are on their way to the cache: of
 * one it got the header only, others were read ahead.  NGINX does not look at
 * a connection of HTTP/1 again before all subrequests are over, and it is the
 * request that they live in that has it.  So the two part: the client goes on
 * with a connection of its own, and the request ends with the last slice.
 */

/* Requests of a worker that have parted; others keep their client waiting. */

#define NGX_HTTP_XR_BARE_MAX  64


static ngx_int_t ngx_http_xr_bare_flush(ngx_http_xr_slice_t *s);
static void ngx_http_xr_bare_log(ngx_http_request_t *r);
static ngx_uint_t ngx_http_xr_bare_may_part(ngx_http_request_t *r);
static void ngx_http_xr_bare_part(ngx_http_request_t *r);
static ngx_connection_t *ngx_http_xr_bare_connection(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_bare_address(ngx_connection_t *c,
    ngx_connection_t *old);
static ngx_int_t ngx_http_xr_bare_proxied(ngx_connection_t *c,
    ngx_connection_t *old);
static ngx_int_t ngx_http_xr_bare_text(ngx_connection_t *c, ngx_str_t *text);
static ngx_int_t ngx_http_xr_bare_http(ngx_connection_t *c,
    ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_bare_tls(ngx_connection_t *c,
    ngx_connection_t *old);
static void ngx_http_xr_bare_move(ngx_connection_t *c, ngx_connection_t *old,
    ngx_socket_t nobody);
static void ngx_http_xr_bare_cleanup(void *data);


static ngx_uint_t  ngx_http_xr_bares;


/*
 * The client gets nothing of a slice but its header: it does not wait for the
 * rest, as for one that was asked for in the background.
 */

ngx_int_t
ngx_http_xr_slice_bare_header(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_connection_t               *c;
    ngx_http_postponed_request_t  **p;

    r->header_only = 1;

    c = r->connection;

    if (part->probe || part->slice->part != part || c->data != r
        || r->upstream == NULL || r->upstream->cleanup == NULL)
    {
        return NGX_OK;                  /* it is over at once */
    }

    for (p = &r->parent->postponed; *p; p = &(*p)->next) {

        if ((*p)->request == r) {
            *p = (*p)->next;
            break;
        }
    }

    c->data = r->parent;
    r->background = 1;

    part->probe = 1;
    part->over = 1;

    return ngx_http_post_request(r->main, NULL);
}


/* The client's request is finished. */

void
ngx_http_xr_slice_bare_end(ngx_http_xr_slice_t *s, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = s->request;

    if (r->count == 1) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (rc == NGX_OK && ngx_http_xr_slice_flush_queued(r)) {
        rc = ngx_http_xr_bare_flush(s);

        if (rc == NGX_AGAIN) {
            return;
        }
    }

    ngx_http_finalize_request(r, rc);

    /* a slice counts, so the request is still there */

    if (!r->done || r->discard_body || r->reading_body) {
        return;
    }

    ngx_http_xr_bare_log(r);

#if (NGX_HTTP_V3)

    if (r->connection->quic != NULL) {

        /* the end of a stream is sent when its request is, else */

        (void) ngx_quic_shutdown_stream(r->connection, NGX_WRITE_SHUTDOWN);
        return;
    }

#endif

    if (ngx_http_xr_bare_may_part(r)) {
        ngx_http_xr_bare_part(r);
    }
}


/* NGINX would send the rest without a word to us when that is done. */

static ngx_int_t
ngx_http_xr_bare_flush(ngx_http_xr_slice_t *s)
{
    s->bare = 1;                        /* nothing follows */

    return (ngx_http_xr_slice_flush_wait(s->request) == NGX_OK) ? NGX_AGAIN
                                                                : NGX_ERROR;
}


/*
 * As when a request is freed, which is no business of the client any more:
 * what it took is known, and it may come with the next one.
 */

static void
ngx_http_xr_bare_log(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_array_t                *a;
    ngx_http_handler_pt        *handlers;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    a = &cmcf->phases[NGX_HTTP_LOG_PHASE].handlers;
    handlers = a->elts;

    for (i = 0; i < a->nelts; i++) {
        (void) handlers[i](r);
    }

    r->logged = 1;

    ngx_http_xr_limit_conn_leave(r);
}


static ngx_uint_t
ngx_http_xr_bare_may_part(ngx_http_request_t *r)
{
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

#if (NGX_HTTP_V2)

    if (r->stream != NULL) {
        return 0;                       /* a connection has many of them */
    }

#endif

#if (NGX_HTTP_SSL)

    if (c->ssl != NULL
        && (c->ssl->ocsp != NULL || c->ssl->saved_read_handler != NULL
            || c->ssl->saved_write_handler != NULL))
    {
        return 0;
    }

#endif

    return !c->error && !c->timedout && !c->destroyed && !c->buffered
           && !c->read->eof && !c->read->error && !c->write->error
           && !r->blocked && !r->aio && clcf->post_action.data == NULL
           && ngx_http_xr_bares < NGX_HTTP_XR_BARE_MAX;
}


/*
 * All that belongs to the request, and may point to its connection, keeps it:
 * but for the socket, in whose place there is one without a peer.  The client
 * gets another one that has just answered a request.
 */

static void
ngx_http_xr_bare_part(ngx_http_request_t *r)
{
    ngx_socket_t         nobody;
    ngx_connection_t    *c, *old;
    ngx_pool_cleanup_t  *cln;
    ngx_http_request_t  *answered;

    old = r->connection;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return;
    }

    nobody = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (nobody == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_ALERT, old->log, ngx_socket_errno,
                      ngx_socket_n " failed");
        return;
    }

    c = ngx_http_xr_bare_connection(r);

    if (c == NULL) {
        (void) ngx_close_socket(nobody);
        return;
    }

    answered = c->data;

    cln->handler = ngx_http_xr_bare_cleanup;
    ngx_http_xr_bares++;

    ngx_http_xr_bare_move(c, old, nobody);

    ngx_http_finalize_request(answered, NGX_OK);
}


static void
ngx_http_xr_bare_cleanup(void *data)
{
    ngx_http_xr_bares--;
}


/* NULL: there is no room, and nothing has changed. */

static ngx_connection_t *
ngx_http_xr_bare_connection(ngx_http_request_t *r)
{
    ngx_connection_t  *c, *old;

    old = r->connection;

    c = ngx_get_connection(old->fd, old->log);
    if (c == NULL) {
        return NULL;
    }

    c->pool = ngx_create_pool(old->listening->pool_size, old->listening->logp);

    if (c->pool != NULL
        && ngx_http_xr_bare_address(c, old) == NGX_OK
        && ngx_http_xr_bare_proxied(c, old) == NGX_OK
        && ngx_http_xr_bare_tls(c, old) == NGX_OK
        && ngx_http_xr_bare_http(c, r) == NGX_OK)
    {
        return c;
    }

    if (c->pool != NULL) {
        ngx_destroy_pool(c->pool);
    }

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;

    return NULL;
}


/* Of the peer itself: a request may have had that of somebody behind it. */

static ngx_int_t
ngx_http_xr_bare_address(ngx_connection_t *c, ngx_connection_t *old)
{
    size_t            size;
    socklen_t         len;
    ngx_sockaddr_t    sa;
    ngx_listening_t  *ls;

    ls = old->listening;
    len = sizeof(ngx_sockaddr_t);

    if (getpeername(old->fd, &sa.sockaddr, &len) == -1
        || len > (socklen_t) sizeof(ngx_sockaddr_t))
    {
        return NGX_ERROR;               /* it has gone */
    }

    size = ls->addr_text_max_len;

    c->sockaddr = ngx_palloc(c->pool, len);
    c->local_sockaddr = ngx_palloc(c->pool, old->local_socklen);
    c->addr_text.data = ngx_pnalloc(c->pool, size + 1);

    if (c->sockaddr == NULL || c->local_sockaddr == NULL
        || c->addr_text.data == NULL)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(c->sockaddr, &sa, len);
    c->socklen = len;

    ngx_memcpy(c->local_sockaddr, old->local_sockaddr, old->local_socklen);
    c->local_socklen = old->local_socklen;

    if (ls->addr_ntop) {
        c->addr_text.len = ngx_sock_ntop(c->sockaddr, len, c->addr_text.data,
                                         size, 0);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_bare_proxied(ngx_connection_t *c, ngx_connection_t *old)
{
    ngx_proxy_protocol_t  *pp;

    if (old->proxy_protocol == NULL) {
        return NGX_OK;
    }

    pp = ngx_palloc(c->pool, sizeof(ngx_proxy_protocol_t));
    if (pp == NULL) {
        return NGX_ERROR;
    }

    *pp = *old->proxy_protocol;
    c->proxy_protocol = pp;

#if (nginx_version >= 1023002)

    if (ngx_http_xr_bare_text(c, &pp->tlvs) != NGX_OK) {
        return NGX_ERROR;
    }

#endif

    return (ngx_http_xr_bare_text(c, &pp->src_addr) == NGX_OK)
           ? ngx_http_xr_bare_text(c, &pp->dst_addr) : NGX_ERROR;
}


/* One of its own, in the place of another's. */

static ngx_int_t
ngx_http_xr_bare_text(ngx_connection_t *c, ngx_str_t *text)
{
    if (text->len != 0) {
        text->data = ngx_pstrdup(c->pool, text);
    }

    return (text->len == 0 || text->data != NULL) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_xr_bare_tls(ngx_connection_t *c, ngx_connection_t *old)
{
#if (NGX_HTTP_SSL)

    if (old->ssl == NULL) {
        return NGX_OK;
    }

    c->ssl = ngx_palloc(c->pool, sizeof(ngx_ssl_connection_t));
    if (c->ssl == NULL) {
        return NGX_ERROR;
    }

    *c->ssl = *old->ssl;
    c->ssl->buf = NULL;                 /* it is empty */

#endif

    return NGX_OK;
}


/* With what has come of a next request, and one that is over. */

static ngx_int_t
ngx_http_xr_bare_http(ngx_connection_t *c, ngx_http_request_t *r)
{
    size_t                     size, pipelined;
    ngx_log_t                 *log;
#if (NGX_HTTP_SSL)
    ngx_str_t                 *name;
#endif
    ngx_connection_t          *old;
    ngx_http_log_ctx_t        *ctx;
    ngx_http_request_t        *answered;
    ngx_http_connection_t     *hc;
    ngx_http_core_srv_conf_t  *cscf;

    old = r->connection;

    hc = ngx_palloc(c->pool, sizeof(ngx_http_connection_t));
    log = ngx_palloc(c->pool, sizeof(ngx_log_t));
    ctx = ngx_pcalloc(c->pool, sizeof(ngx_http_log_ctx_t));

    if (hc == NULL || log == NULL || ctx == NULL) {
        return NGX_ERROR;
    }

    *hc = *r->http_connection;
    hc->busy = NULL;
    hc->nbusy = 0;
    hc->free = NULL;

#if (NGX_HTTP_SSL)

    if (hc->ssl_servername != NULL) {
        name = ngx_palloc(c->pool, sizeof(ngx_str_t));
        if (name == NULL) {
            return NGX_ERROR;
        }

        *name = *hc->ssl_servername;
        hc->ssl_servername = name;

        if (ngx_http_xr_bare_text(c, name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

#endif

    cscf = ngx_http_get_module_srv_conf(hc->conf_ctx, ngx_http_core_module);

    pipelined = r->header_in->last - r->header_in->pos;
    size = ngx_max(pipelined, cscf->client_header_buffer_size);

    c->buffer = ngx_create_temp_buf(c->pool, size);
    if (c->buffer == NULL) {
        return NGX_ERROR;
    }

    c->buffer->last = ngx_cpymem(c->buffer->pos, r->header_in->pos, pipelined);

    *log = *old->log;
    log->data = ctx;

    ctx->connection = c;

    c->log = log;
    c->pool->log = log;
    c->read->log = log;
    c->write->log = log;
    c->data = hc;

    c->listening = old->listening;
    c->log_error = old->log_error;
    c->number = old->number;
    c->requests = old->requests - 1;    /* it counts one more */

    answered = ngx_http_create_request(c);
    if (answered == NULL) {
        return NGX_ERROR;
    }

#if (NGX_STAT_STUB)
    (void) ngx_atomic_fetch_add(ngx_stat_requests, -1);
    (void) ngx_atomic_fetch_add(ngx_stat_active, 1);
#endif

    answered->srv_conf = r->srv_conf;
    answered->loc_conf = r->loc_conf;
    answered->keepalive = r->keepalive;
    answered->lingering_close = r->lingering_close;
    answered->logged = 1;

    c->data = answered;

    return NGX_OK;
}


/* The socket, with all that is known of its state. */

static void
ngx_http_xr_bare_move(ngx_connection_t *c, ngx_connection_t *old,
    ngx_socket_t nobody)
{
    c->type = old->type;
    c->recv = old->recv;
    c->send = old->send;
    c->recv_chain = old->recv_chain;
    c->send_chain = old->send_chain;
    c->start_time = old->start_time;
    c->pipeline = old->pipeline;
    c->close = old->close;
    c->sendfile = old->sendfile;
    c->sndlowat = old->sndlowat;
    c->tcp_nodelay = old->tcp_nodelay;
    c->tcp_nopush = old->tcp_nopush;

    c->read->ready = old->read->ready;
    c->write->ready = old->write->ready;
    c->read->available = old->read->available;
    c->read->pending_eof = old->read->pending_eof;

#if (NGX_HTTP_SSL)

    if (c->ssl != NULL) {
        (void) SSL_set_ex_data(c->ssl->connection, ngx_ssl_connection_index,
                               c);
        old->ssl = NULL;
    }

#endif

    if (old->read->posted) {
        ngx_delete_posted_event(old->read);
    }

    if (old->write->posted) {
        ngx_delete_posted_event(old->write);
    }

    if (old->read->active || old->write->active) {

        if (ngx_del_conn) {
            (void) ngx_del_conn(old, 0);

        } else {

            if (old->read->active) {
                (void) ngx_del_event(old->read, NGX_READ_EVENT, 0);
            }

            if (old->write->active) {
                (void) ngx_del_event(old->write, NGX_WRITE_EVENT, 0);
            }
        }
    }

    old->fd = nobody;

    /* nobody is there to be heard of, or to be told anything */

    old->read->ready = 0;
    old->read->eof = 1;
    old->write->ready = 0;
}
