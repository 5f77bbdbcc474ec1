/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_geo_conf.h"
#include "ngx_http_xr_replica.h"
#include "ngx_http_xr_slice.h"


/*
 * A request at the places that have its object.  Each place has an upstream
 * group with a balancer and kept connections of its own; this one in front of
 * them says which is asked, and has the request written for it.
 */


static ngx_int_t ngx_http_xr_replica_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static void ngx_http_xr_replica_order(ngx_http_xr_replicas_t *replicas,
    xr_location_t *locations, xr_location_t edge);
static ngx_int_t ngx_http_xr_replica_begin(ngx_http_xr_replicas_t *replicas);
static ngx_int_t ngx_http_xr_replica_get(ngx_peer_connection_t *pc,
    void *data);
static ngx_int_t ngx_http_xr_replica_peer(ngx_peer_connection_t *pc,
    ngx_http_xr_replicas_t *replicas);
static ngx_uint_t ngx_http_xr_replica_choose(
    ngx_http_xr_replicas_t *replicas);
static ngx_uint_t ngx_http_xr_replica_unasked(
    ngx_http_xr_replicas_t *replicas);
static ngx_uint_t ngx_http_xr_replica_serves(
    ngx_http_xr_replicas_t *replicas);
static void ngx_http_xr_replica_connect(ngx_http_xr_replicas_t *replicas);
static void ngx_http_xr_replica_anew(ngx_http_xr_replicas_t *replicas);
static void ngx_http_xr_replica_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static ngx_uint_t ngx_http_xr_replica_left(ngx_http_xr_replicas_t *replicas,
    ngx_uint_t tries, ngx_uint_t failed);
static ngx_http_xr_main_conf_t *ngx_http_xr_replica_conf(
    ngx_http_xr_replicas_t *replicas);
static ngx_int_t ngx_http_xr_replica_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_xr_replica_save_session(ngx_peer_connection_t *pc,
    void *data);


/* What NGINX takes for the upstream group of all our requests. */

static ngx_http_upstream_srv_conf_t  ngx_http_xr_replica_group = {
    .peer = { .init = ngx_http_xr_replica_init }
};


static ngx_http_xr_main_conf_t *
ngx_http_xr_replica_conf(ngx_http_xr_replicas_t *replicas)
{
    return ngx_http_get_module_main_conf(replicas->request,
                                         ngx_http_xr_module);
}


/*
 * Before the request is written.  The location's settings are shared by all
 * requests, so this one gets a copy; hits never get here.
 */

ngx_int_t
ngx_http_xr_replica_start(ngx_http_request_t *r)
{
    size_t                     i, n;
    xr_site_t                 *tenant;
    ngx_http_xr_origin_t      *exchange;
    xr_location_t              locations[XR_TENANT_REPLICAS + 1];
    xr_tenant_replica_t        others[XR_TENANT_REPLICAS];
    ngx_http_xr_replicas_t    *replicas;
    ngx_http_xr_endpoint_t   **endpoints;
    ngx_http_xr_main_conf_t   *xmcf;
    ngx_http_upstream_conf_t  *conf;

    tenant = ngx_http_xr_get_ctx(r)->tenant;
    n = xr_site_replicas(tenant, others, &locations[0]);

    conf = ngx_palloc(r->pool, sizeof(ngx_http_upstream_conf_t));
    replicas = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_replicas_t)
                                + (n + 1) * sizeof(ngx_http_xr_replica_t));

    if (conf == NULL || replicas == NULL) {
        return NGX_ERROR;
    }

    exchange = r->upstream->input_filter_ctx;
    exchange->replicas = replicas;

    replicas->request = r;
    replicas->n = n + 1;

    xmcf = ngx_http_xr_replica_conf(replicas);
    endpoints = xmcf->endpoints.elts;

    xr_site_origin(tenant, &replicas->list[0].origin, &replicas->credentials);
    replicas->list[0].endpoint = endpoints[tenant->endpoint];

    for (i = 0; i < n; i++) {
        replicas->list[i + 1].origin = others[i].origin;
        replicas->list[i + 1].endpoint = endpoints[others[i].endpoint];
        locations[i + 1] = others[i].location;
    }

    ngx_http_xr_replica_order(replicas, locations, xmcf->geo->edge);

    *conf = *r->upstream->conf;
    conf->upstream = &ngx_http_xr_replica_group;
    conf->ssl = xmcf->tls.ssl;
    conf->ssl_verify = xmcf->tls.verify;
    conf->ssl_session_reuse = xmcf->tls.session_reuse;

    /* NGINX would count those after a pause, too */

    replicas->tries = conf->next_upstream_tries;
    conf->next_upstream_tries = 0;

    ngx_http_xr_retry_begin(replicas, conf);

    if (n > 0 && !(conf->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF)) {

        /* who asks for less is not the one that is asked next */

        conf->next_upstream |= NGX_HTTP_UPSTREAM_FT_HTTP_503;
    }

    ngx_http_xr_freshness_windows(r, conf);

    r->upstream->conf = conf;

    replicas->current = ngx_http_xr_replica_choose(replicas);
    ngx_http_xr_replica_connect(replicas);

    return NGX_OK;
}


/*
 * The nearest is asked first, as far as locations are known; places that are
 * as far stay in the order of the configuration.
 */

static void
ngx_http_xr_replica_order(ngx_http_xr_replicas_t *replicas,
    xr_location_t *locations, xr_location_t edge)
{
    uint32_t    distance, distances[XR_TENANT_REPLICAS + 1];
    ngx_uint_t  i, k;

    for (i = 0; i < replicas->n; i++) {

        distance = (replicas->n > 1 && edge.lat != XR_LOCATION_NONE)
                   ? xr_location_distance(locations[i], edge) : 0;

        for (k = i; k > 0 && distances[k - 1] > distance; k--) {
            distances[k] = distances[k - 1];
            replicas->order[k] = replicas->order[k - 1];
        }

        distances[k] = distance;
        replicas->order[k] = (u_char) i;
    }
}


ngx_http_xr_replica_t *
ngx_http_xr_replica_current(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    return &exchange->replicas->list[exchange->replicas->current];
}


/* Whether what comes is from another place than the tenant's origin. */

ngx_uint_t
ngx_http_xr_replica_is_other(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    return exchange->replicas->current != 0;
}


/*
 * A replica says that there is no such object, or not in this version: it may
 * lag behind.  If the origin was not asked, as it has failed before, it is.
 */

ngx_uint_t
ngx_http_xr_replica_doubts(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t    *exchange;
    ngx_http_xr_replicas_t  *replicas;

    exchange = r->upstream->input_filter_ctx;
    replicas = exchange->replicas;

    if (replicas->current == 0 || replicas->list[0].asked) {
        return 0;
    }

    replicas->doubted = replicas->current;
    replicas->chosen = 1;
    replicas->next = 0;

    ngx_http_xr_replica_again(r);

    return 1;
}


/*
 * The answer is no failure, but another request follows it: NGINX is told so
 * by NGX_HTTP_UPSTREAM_INVALID_HEADER.
 */

void
ngx_http_xr_replica_again(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    exchange->replicas->again = 1;
    r->upstream->conf->next_upstream |= NGX_HTTP_UPSTREAM_FT_INVALID_HEADER;
}


/*
 * The nearest that is in service; if none is, the nearest that was not asked.
 */

static ngx_uint_t
ngx_http_xr_replica_choose(ngx_http_xr_replicas_t *replicas)
{
    ngx_uint_t                i, k, first;
    ngx_http_xr_replica_t    *list;
    ngx_http_xr_main_conf_t  *xmcf;

    if (replicas->n == 1) {
        return 0;
    }

    xmcf = ngx_http_xr_replica_conf(replicas);
    list = replicas->list;
    first = replicas->n;

    for (k = 0; k < replicas->n; k++) {
        i = replicas->order[k];

        if (list[i].asked) {
            continue;
        }

        if (ngx_http_xr_health_ok(xmcf, list[i].endpoint)) {
            return i;
        }

        first = (first == replicas->n) ? i : first;
    }

    return (first < replicas->n) ? first : replicas->current;
}


static ngx_uint_t
ngx_http_xr_replica_unasked(ngx_http_xr_replicas_t *replicas)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < replicas->n; i++) {
        n += !replicas->list[i].asked;
    }

    return n;
}


/*
 * Whether one that is in service is left, which a failure of another does not
 * burden: who is asked in vain does not stay in service for long.
 */

static ngx_uint_t
ngx_http_xr_replica_serves(ngx_http_xr_replicas_t *replicas)
{
    ngx_uint_t                i;
    ngx_http_xr_replica_t    *list;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_xr_replica_conf(replicas);
    list = replicas->list;

    for (i = 0; xmcf->health.fails != 0 && i < replicas->n; i++) {

        if (!list[i].asked && list[i].endpoint->health->until == 0) {
            return 1;
        }
    }

    return 0;
}


/* The settings of the request are those of its place. */

static void
ngx_http_xr_replica_connect(ngx_http_xr_replicas_t *replicas)
{
    ngx_http_upstream_t     *u;
    ngx_http_xr_endpoint_t  *endpoint;

    u = replicas->request->upstream;
    endpoint = replicas->list[replicas->current].endpoint;

    u->conf->ssl_name = &endpoint->ssl_name;
    u->ssl = endpoint->tls;

    if (endpoint->tls) {
        ngx_str_set(&u->schema, "https://");

    } else {
        ngx_str_set(&u->schema, "http://");
    }
}


static ngx_int_t
ngx_http_xr_replica_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_uint_t               tries;
    ngx_http_xr_origin_t    *exchange;
    ngx_http_xr_replicas_t  *replicas;

    exchange = r->upstream->input_filter_ctx;
    replicas = exchange->replicas;

    if (ngx_http_xr_replica_begin(replicas) != NGX_OK) {
        return NGX_ERROR;
    }

    tries = replicas->list[replicas->current].tries + replicas->n - 1;

    if (replicas->tries != 0) {
        tries = ngx_min(tries, replicas->tries);
    }

    r->upstream->peer.tries = tries + ngx_http_xr_retry_spare(replicas);

    return NGX_OK;
}


/* Has the group of a place prepare its balancer, which takes our place. */

static ngx_int_t
ngx_http_xr_replica_begin(ngx_http_xr_replicas_t *replicas)
{
    ngx_int_t                      rc;
    ngx_uint_t                     tries;
    ngx_http_request_t            *r;
    ngx_http_xr_replica_t         *replica;
    ngx_peer_connection_t         *pc;
    ngx_http_upstream_srv_conf_t  *us;

    r = replicas->request;
    pc = &r->upstream->peer;
    replica = &replicas->list[replicas->current];
    us = replica->endpoint->upstream;
    tries = pc->tries;

    pc->data = NULL;

    rc = us->peer.init(r, us);

    replica->data = pc->data;
    replica->get = pc->get;
    replica->free = pc->free;
    replica->tries = pc->tries;

    pc->data = replicas;
    pc->get = ngx_http_xr_replica_get;
    pc->free = ngx_http_xr_replica_free;
    pc->tries = tries;

    replica->set_session = pc->set_session;
    replica->save_session = pc->save_session;

    pc->set_session = ngx_http_xr_replica_set_session;
    pc->save_session = ngx_http_xr_replica_save_session;

    return rc;
}


static ngx_int_t
ngx_http_xr_replica_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_xr_replicas_t *replicas = data;

    ngx_int_t               rc;
    ngx_uint_t              next;
    ngx_http_upstream_t    *u;
    ngx_http_xr_origin_t   *exchange;

    u = replicas->request->upstream;
    exchange = u->input_filter_ctx;

    if (exchange->run != NULL) {
        ngx_http_xr_slice_run_join(replicas->request, pc);
        return NGX_DONE;
    }

    if (exchange->next_upstream != 0) {
        u->conf->next_upstream = exchange->next_upstream;
        exchange->next_upstream = 0;
    }

    if (replicas->pause != 0) {
        return ngx_http_xr_retry_pause(pc, replicas);
    }

    if (replicas->paused) {
        ngx_http_xr_retry_resume(pc, replicas);
        ngx_http_xr_replica_anew(replicas);
    }

    do {

        if (replicas->begun) {
            next = replicas->chosen ? replicas->next
                                    : ngx_http_xr_replica_choose(replicas);

            if (next != replicas->current) {
                replicas->current = next;
                replicas->rewrite = 1;
                ngx_http_xr_replica_connect(replicas);
            }
        }

        if (replicas->rewrite) {

            /* of the request before, nothing but its conditions counts */

            u->cacheable = exchange->cacheable;

            if (ngx_http_xr_origin_rewrite(replicas->request) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (!replicas->begun) {
            replicas->begun = 1;

            ngx_http_xr_health_request(
                               replicas->list[replicas->current].endpoint);
        }

        replicas->chosen = 0;
        replicas->again = 0;
        replicas->rewrite = 0;
        replicas->list[replicas->current].asked = 1;

        ngx_memzero(&exchange->status, sizeof(ngx_http_status_t));
        exchange->date = 0;

        rc = ngx_http_xr_replica_peer(pc, replicas);

        if (rc != NGX_BUSY) {
            return rc;
        }

        ngx_http_xr_outcome_report(replicas, 1);

    } while (ngx_http_xr_replica_unasked(replicas) > 0);

    return NGX_BUSY;
}


/* When all were asked in vain, all may be asked again. */

static void
ngx_http_xr_replica_anew(ngx_http_xr_replicas_t *replicas)
{
    ngx_uint_t  i;

    if (ngx_http_xr_replica_unasked(replicas) > 0) {
        return;
    }

    for (i = 0; i < replicas->n; i++) {
        replicas->list[i].asked = 0;
    }
}


/* A connection of the current place; one that has run out begins anew. */

static ngx_int_t
ngx_http_xr_replica_peer(ngx_peer_connection_t *pc,
    ngx_http_xr_replicas_t *replicas)
{
    ngx_int_t               rc;
    ngx_uint_t              used;
    ngx_http_xr_replica_t  *replica;

    replica = &replicas->list[replicas->current];
    used = (replica->get != NULL);

    if (!used && ngx_http_xr_replica_begin(replicas) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = replica->get(pc, replica->data);

    if (rc == NGX_BUSY && used) {

        if (ngx_http_xr_replica_begin(replicas) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = replica->get(pc, replica->data);
    }

    return rc;
}


static void
ngx_http_xr_replica_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_xr_replicas_t *replicas = data;

    ngx_uint_t               tries, spare, closed, failed;
    ngx_http_xr_replica_t   *replica;

    replica = &replicas->list[replicas->current];
    closed = ngx_http_xr_outcome_closed(pc, replicas, state);

    if (ngx_http_xr_slice_run_leave(replicas->request, pc, state)) {

        /* if there is another try, it is a request of its own */

        replicas->rewrite = 1;
        pc->tries -= (closed && pc->tries > 0);

        if (!replicas->list[replicas->current].asked) {
            return;
        }

        ngx_http_xr_outcome_report(replicas, 0);

        return;
    }

    failed = (state & NGX_PEER_FAILED) && !closed && !replicas->again;
    tries = pc->tries;
    spare = ngx_min(tries, ngx_http_xr_retry_spare(replicas));

    replica->free(pc, replica->data, failed ? state : 0);

    if (replicas->again) {
        pc->tries = ngx_max(tries, 1);

    } else if (closed) {

        /* NGINX itself adds one for it */

        pc->tries = tries - (tries > 0);
        replicas->chosen = 1;
        replicas->next = replicas->current;

    } else if (replicas->doubted && replicas->current == 0 && failed) {

        /* who has doubted has no one left to ask: what it says counts */

        pc->tries = 1;
        replicas->chosen = 1;
        replicas->next = replicas->doubted;
        replicas->doubted = 0;

    } else {
        pc->tries = ngx_http_xr_replica_left(replicas, tries - spare, failed);

        if (pc->tries > 0) {
            pc->tries += spare;

        } else if (failed && spare && ngx_http_xr_retry_wanted(replicas)) {
            pc->tries = 1;
        }
    }

    if (closed) {
        return;
    }

    if (failed && pc->tries > 0
        && (replicas->pause != 0 || !ngx_http_xr_replica_serves(replicas))
        && !ngx_http_xr_health_may_retry(ngx_http_xr_replica_conf(replicas),
                                         replica->endpoint))
    {
        pc->tries = 0;
        replicas->pause = 0;

        ngx_log_error(NGX_LOG_WARN, pc->log, 0,
                      "xr: no further try, endpoint \"%V\" has used up its "
                      "share", &replica->endpoint->name);
    }

    ngx_http_xr_outcome_report(replicas, failed);
}


/* What a try has taken, when others have used it, too. */

void
ngx_http_xr_replica_give_back(ngx_http_request_t *r)
{
    ngx_http_xr_replica_t  *replica;
    ngx_peer_connection_t  *pc;

    pc = &r->upstream->peer;
    replica = ngx_http_xr_replica_current(r);

    replica->free(pc, replica->data, 0);
}


/* Tries that may follow at once. */

static ngx_uint_t
ngx_http_xr_replica_left(ngx_http_xr_replicas_t *replicas, ngx_uint_t tries,
    ngx_uint_t failed)
{
    tries -= (tries > 0);

    if (replicas->n > 1) {
        return ngx_min(tries, ngx_http_xr_replica_unasked(replicas));
    }

    /* who asks for less is given time */

    return (failed && ngx_http_xr_retry_throttled(replicas->request))
           ? 0 : tries;
}


static ngx_int_t
ngx_http_xr_replica_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_xr_replicas_t *replicas = data;

    ngx_http_xr_replica_t  *replica;

    replica = &replicas->list[replicas->current];

    return replica->set_session(pc, replica->data);
}


static void
ngx_http_xr_replica_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_xr_replicas_t *replicas = data;

    ngx_http_xr_replica_t  *replica;

    replica = &replicas->list[replicas->current];

    replica->save_session(pc, replica->data);
}
