/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_conf.h"
#include "ngx_http_xr_replica.h"


/*
 * When everybody that has the object was asked in vain, it is asked for again
 * after a pause, which chance makes longer or shorter: clients of an origin
 * that comes back do not come back at once.
 *
 * NGINX's balancers cannot wait.  In a pause the request has a connection to
 * nobody, of which nothing is known but that it takes time to be ready; as it
 * is closed with the request, so is the pause.  Whoever holds the lock of the
 * cache entry keeps it, and the others wait on.
 */

#define NGX_HTTP_XR_RETRY_TRIES   1
#define NGX_HTTP_XR_RETRY_PAUSE   50            /* milliseconds */
#define NGX_HTTP_XR_RETRY_MAX     1000

#define NGX_HTTP_XR_RETRY_MOST    10            /* tries */
#define NGX_HTTP_XR_RETRY_LONGEST 60000

/* The first pause is at most so many times the least; it doubles then. */

#define NGX_HTTP_XR_RETRY_SPREAD  5

#define NGX_HTTP_XR_RETRY_BROKEN                                              \
    (NGX_HTTP_UPSTREAM_FT_ERROR|NGX_HTTP_UPSTREAM_FT_TIMEOUT                  \
     |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER)


static ngx_int_t ngx_http_xr_retry_param(ngx_http_xr_retry_conf_t *conf,
    ngx_str_t *value);
static ngx_uint_t ngx_http_xr_retry_kind(ngx_http_request_t *r);
static ngx_uint_t ngx_http_xr_retry_stale(ngx_http_request_t *r,
    ngx_uint_t kind);
static ngx_msec_t ngx_http_xr_retry_time(ngx_http_xr_replicas_t *replicas);
static ssize_t ngx_http_xr_retry_over(ngx_connection_t *c, u_char *buf,
    size_t size);


void
ngx_http_xr_retry_create(ngx_http_xr_retry_conf_t *conf)
{
    conf->tries = NGX_HTTP_XR_RETRY_TRIES;
    conf->pause = NGX_HTTP_XR_RETRY_PAUSE;
    conf->max = NGX_HTTP_XR_RETRY_MAX;
}


/* xr_origin_retry [tries=n] [pause=time] [max=time] | off */

char *
ngx_http_xr_retry_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_main_conf_t *xmcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_xr_retry_conf_t  *retry;

    retry = &xmcf->origin_retry;

    if (retry->set) {
        return "is duplicate";
    }

    retry->set = 1;
    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        retry->tries = 0;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_xr_retry_param(retry, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": there are tries= "
                               "(1 to %d), pause= and max= (times above 0 and "
                               "up to a minute), or \"off\"", &value[i],
                               NGX_HTTP_XR_RETRY_MOST);
            return NGX_CONF_ERROR;
        }
    }

    if (retry->max < retry->pause) {
        return "has a \"max=\" below its \"pause=\"";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_xr_retry_param(ngx_http_xr_retry_conf_t *conf, ngx_str_t *value)
{
    ngx_int_t    n;
    ngx_str_t    s;
    ngx_uint_t   i;

    static const ngx_str_t  names[] = {
        ngx_string("tries="), ngx_string("pause="), ngx_string("max=")
    };

    i = ngx_http_xr_conf_param(value, names,
                               sizeof(names) / sizeof(ngx_str_t), &s);

    if (i == sizeof(names) / sizeof(ngx_str_t)) {
        return NGX_ERROR;
    }

    if (i == 0) {
        n = ngx_atoi(s.data, s.len);
        conf->tries = n;

        return (n >= 1 && n <= NGX_HTTP_XR_RETRY_MOST) ? NGX_OK : NGX_ERROR;
    }

    n = ngx_parse_time(&s, 0);

    if (n < 1 || n > NGX_HTTP_XR_RETRY_LONGEST) {
        return NGX_ERROR;
    }

    if (i == 1) {
        conf->pause = n;

    } else {
        conf->max = n;
    }

    return NGX_OK;
}


/* Before the first try. */

void
ngx_http_xr_retry_begin(ngx_http_xr_replicas_t *replicas,
    ngx_http_upstream_conf_t *conf)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(replicas->request,
                                         ngx_http_xr_module);

    replicas->kinds = conf->next_upstream;
    replicas->connect_timeout = conf->connect_timeout;

    if (!(conf->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF)) {
        replicas->retries = xmcf->origin_retry.tries;
    }
}


/*
 * NGINX gives up an answer for another one only if it knows of a try that is
 * left: one is added to those that need no pause.
 */

ngx_uint_t
ngx_http_xr_retry_spare(ngx_http_xr_replicas_t *replicas)
{
    return replicas->retries > 0;
}


/* Whether the last answer was one that asks for less. */

ngx_uint_t
ngx_http_xr_retry_throttled(ngx_http_request_t *r)
{
    return ngx_http_xr_retry_kind(r) == NGX_HTTP_UPSTREAM_FT_HTTP_503;
}


/*
 * A try has failed, and no other can follow at once.  Whether one follows
 * after a pause: not where what is stored can be sent instead.
 */

ngx_uint_t
ngx_http_xr_retry_wanted(ngx_http_xr_replicas_t *replicas)
{
    ngx_msec_t            ms, limit;
    ngx_uint_t            kind;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = replicas->request;
    u = r->upstream;
    kind = ngx_http_xr_retry_kind(r);

    if (replicas->retries == 0
        || !(replicas->kinds & kind)
        || r->connection->error
        || ngx_http_xr_retry_stale(r, kind))
    {
        return 0;
    }

    ms = ngx_http_xr_retry_time(replicas);
    limit = u->conf->next_upstream_timeout;

    if (limit != 0 && ngx_current_msec - u->peer.start_time + ms >= limit) {
        return 0;
    }

    replicas->pause = ms;

    return 1;
}


/* What NGINX calls it; not known precisely where there was no answer. */

static ngx_uint_t
ngx_http_xr_retry_kind(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    switch (exchange->status.code) {

    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return NGX_HTTP_UPSTREAM_FT_HTTP_503;

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return NGX_HTTP_UPSTREAM_FT_HTTP_504;

    default:
        return (exchange->status.code >= NGX_HTTP_INTERNAL_SERVER_ERROR)
               ? NGX_HTTP_UPSTREAM_FT_HTTP_502 : NGX_HTTP_XR_RETRY_BROKEN;
    }
}


static ngx_uint_t
ngx_http_xr_retry_stale(ngx_http_request_t *r, ngx_uint_t kind)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    return r->cache != NULL
           && u->cache_status == NGX_HTTP_CACHE_EXPIRED
           && ((u->conf->cache_use_stale & kind) || r->cache->stale_error);
}


static ngx_msec_t
ngx_http_xr_retry_time(ngx_http_xr_replicas_t *replicas)
{
    ngx_msec_t                 longest;
    ngx_uint_t                 n;
    ngx_http_xr_main_conf_t   *xmcf;
    ngx_http_xr_retry_conf_t  *conf;

    xmcf = ngx_http_get_module_main_conf(replicas->request,
                                         ngx_http_xr_module);
    conf = &xmcf->origin_retry;

    n = conf->tries - replicas->retries;
    longest = ngx_min((conf->pause * NGX_HTTP_XR_RETRY_SPREAD) << n,
                      conf->max);

    return conf->pause
           + (ngx_msec_t) ngx_random() % (longest - conf->pause + 1);
}


/* In place of a connection: NGX_AGAIN, as if one were on its way. */

ngx_int_t
ngx_http_xr_retry_pause(ngx_peer_connection_t *pc,
    ngx_http_xr_replicas_t *replicas)
{
    ngx_socket_t               s;
    ngx_connection_t          *c;
    ngx_http_upstream_conf_t  *conf;

    s = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (s == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_ALERT, pc->log, ngx_socket_errno,
                      ngx_socket_n " failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(s, pc->log);

    if (c == NULL) {
        (void) ngx_close_socket(s);
        return NGX_ERROR;
    }

    c->read->log = pc->log;
    c->write->log = pc->log;
    c->recv = ngx_http_xr_retry_over;
    c->read->delayed = 1;               /* its timer is no timeout */

    ngx_add_timer(c->read, replicas->pause);

    ngx_log_error(NGX_LOG_INFO, pc->log, 0,
                  "xr: asking again in %M ms", replicas->pause);

    conf = replicas->request->upstream->conf;
    replicas->next_upstream = conf->next_upstream;
    conf->connect_timeout = replicas->pause + replicas->connect_timeout;
    conf->next_upstream |= NGX_HTTP_UPSTREAM_FT_ERROR;

    replicas->pause = 0;
    replicas->paused = 1;
    replicas->retries--;

    pc->connection = c;
    pc->sockaddr = NULL;                /* there is no peer to be freed */
    pc->cached = 0;

    return NGX_AGAIN;
}


/* NGINX reads from it when it is over, and takes another one. */

static ssize_t
ngx_http_xr_retry_over(ngx_connection_t *c, u_char *buf, size_t size)
{
    return NGX_ERROR;
}


/* The next try begins; in logs the pause was none. */

void
ngx_http_xr_retry_resume(ngx_peer_connection_t *pc,
    ngx_http_xr_replicas_t *replicas)
{
    ngx_array_t                *states;
    ngx_http_request_t         *r;
    ngx_http_upstream_t        *u;
    ngx_http_upstream_state_t  *last;

    r = replicas->request;
    u = r->upstream;

    replicas->paused = 0;

    u->conf->connect_timeout = replicas->connect_timeout;
    u->conf->next_upstream = replicas->next_upstream;

    states = r->upstream_states;
    last = (ngx_http_upstream_state_t *) states->elts + states->nelts - 1;

    last[-1] = last[0];
    states->nelts--;
    u->state = &last[-1];

    pc->tries = 1 + ngx_http_xr_retry_spare(replicas);
}
