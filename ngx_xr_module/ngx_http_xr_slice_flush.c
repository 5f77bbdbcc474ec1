/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/* What was passed on, until the client has it. */


static ngx_int_t ngx_http_xr_flush_send(ngx_http_request_t *r);
static ngx_uint_t ngx_http_xr_flush_under_way(ngx_http_request_t *r);


/* "postpone_output" keeps back a little that counts as buffered nowhere. */

ngx_uint_t
ngx_http_xr_slice_flush_queued(ngx_http_request_t *r)
{
    return r->buffered || r->connection->buffered || r->out != NULL;
}


/*
 * A slice is over when all of it was passed on, which is not yet with the
 * client: until it is, nothing more is opened or asked for.
 */

void
ngx_http_xr_slice_flush_run(ngx_http_request_t *r)
{
    ngx_event_t       *wev;
    ngx_connection_t  *c;

    c = r->connection;
    wev = c->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!wev->delayed && !r->aio
        && ngx_http_xr_flush_send(r) == NGX_ERROR)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (!ngx_http_xr_slice_flush_queued(r)) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        r->write_event_handler = ngx_http_xr_slice_continue;
        ngx_http_xr_slice_continue(r);

        return;
    }

    if (ngx_http_xr_slice_flush_wait(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/*
 * What is held back needs a flush, which takes memory; what is on its way does
 * not, however often a client takes a few bytes of it.
 */

static ngx_int_t
ngx_http_xr_flush_send(ngx_http_request_t *r)
{
    ngx_uint_t  again;

    if (ngx_http_xr_flush_under_way(r)) {

        /* TLS takes what there is first, and flushes when there is nothing */

        do {
            again = (r->out != NULL);

            if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
                return NGX_ERROR;
            }

        } while (again && r->out == NULL && ngx_http_xr_flush_under_way(r));

        if (ngx_http_xr_flush_under_way(r)
            || !ngx_http_xr_slice_flush_queued(r))
        {
            return NGX_OK;
        }
    }

    return ngx_http_send_special(r, NGX_HTTP_FLUSH);
}


static ngx_uint_t
ngx_http_xr_flush_under_way(ngx_http_request_t *r)
{
    return r->buffered || (r->connection->buffered & ~NGX_HTTP_GZIP_BUFFERED);
}


/* Until the client takes more. */

ngx_int_t
ngx_http_xr_slice_flush_wait(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->write_event_handler = ngx_http_xr_slice_flush_run;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    return ngx_handle_write_event(wev, clcf->send_lowat);
}
