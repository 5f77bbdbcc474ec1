/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_replica.h"


/* What became of a try, and what that says of the place that was asked. */


/*
 * Whether a kept connection was closed by the other side before there was an
 * answer, as it may be at any time.
 */

ngx_uint_t
ngx_http_xr_outcome_closed(ngx_peer_connection_t *pc,
    ngx_http_xr_replicas_t *replicas, ngx_uint_t state)
{
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    c = pc->connection;
    u = replicas->request->upstream;

    return (state & NGX_PEER_FAILED)
           && !replicas->again
           && pc->cached
           && u->state->bytes_received == 0
           && c != NULL
           && !c->read->timedout
           && !c->write->timedout;
}


/* What a try says of its endpoint. */

void
ngx_http_xr_outcome_report(ngx_http_xr_replicas_t *replicas,
    ngx_uint_t failed)
{
    ngx_log_t                *log;
    ngx_uint_t                code;
    ngx_http_upstream_t      *u;
    ngx_http_xr_origin_t     *exchange;
    ngx_http_xr_endpoint_t   *endpoint;
    ngx_http_xr_main_conf_t  *xmcf;

    u = replicas->request->upstream;
    exchange = u->input_filter_ctx;
    endpoint = replicas->list[replicas->current].endpoint;
    xmcf = ngx_http_get_module_main_conf(replicas->request, ngx_http_xr_module);
    log = replicas->request->connection->log;
    code = exchange->status.code;

    if (code >= NGX_HTTP_INTERNAL_SERVER_ERROR
        && code != NGX_HTTP_NOT_IMPLEMENTED)
    {
        failed = 1;

    } else if (xmcf->health.slow != 0
               && u->state != NULL
               && u->state->header_time != (ngx_msec_t) -1
               && u->state->header_time > xmcf->health.slow)
    {
        failed = 1;
    }

    if (failed) {
        ngx_http_xr_health_bad(xmcf, endpoint, log);

    } else if (code != 0) {
        ngx_http_xr_health_good(endpoint, log);

    } else {
        ngx_http_xr_health_unknown(endpoint);
    }
}
