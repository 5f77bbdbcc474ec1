/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/*
 * One of several requests for the same slice fetches it, and the others wait
 * for the file.  NGINX has them look twice a second; here they are told, in
 * this worker directly, in others through an event that each of them has.
 */

static void ngx_http_xr_wake_close(void *data);
static void ngx_http_xr_wake_handler(ngx_event_t *ev);
static void ngx_http_xr_wake_parts(u_char *key);
static void ngx_http_xr_wake_unlink(void *data);


static ngx_queue_t         ngx_http_xr_wake_queue = {
    &ngx_http_xr_wake_queue, &ngx_http_xr_wake_queue
};

static ngx_connection_t   *ngx_http_xr_wake_connection;
static ngx_atomic_t       *ngx_http_xr_wake_count;
static ngx_uint_t          ngx_http_xr_wake_ahead;


/* In the master process, for the workers that it will start. */

ngx_int_t
ngx_http_xr_slice_wake_init(ngx_cycle_t *cycle, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_fd_t            *fd;
    ngx_uint_t           i, n;
    ngx_core_conf_t     *ccf;
    ngx_pool_cleanup_t  *cln;

    if (!xmcf->slices) {
        return NGX_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    n = ngx_min((ngx_uint_t) ngx_max(ccf->worker_processes, 1),
                NGX_HTTP_XR_WAKE_WORKERS);

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL
        || ngx_array_init(&xmcf->wakers, cycle->pool, n, sizeof(ngx_fd_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_xr_wake_close;
    cln->data = &xmcf->wakers;

    for (i = 0; i < n; i++) {
        fd = ngx_array_push(&xmcf->wakers);
        *fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (*fd == -1) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                          "eventfd() failed");
            xmcf->wakers.nelts--;

            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_xr_wake_close(void *data)
{
    ngx_array_t *wakers = data;

    ngx_fd_t    *fd;
    ngx_uint_t   i;

    fd = wakers->elts;

    for (i = 0; i < wakers->nelts; i++) {
        (void) close(fd[i]);
    }
}


/* In a worker. */

ngx_int_t
ngx_http_xr_slice_wake_process(ngx_cycle_t *cycle,
    ngx_http_xr_main_conf_t *xmcf)
{
    ngx_fd_t          *fd;
    ngx_connection_t  *c;

    if (ngx_worker >= xmcf->wakers.nelts) {
        return NGX_OK;
    }

    fd = xmcf->wakers.elts;

    c = ngx_get_connection(fd[ngx_worker], cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->read->handler = ngx_http_xr_wake_handler;
    c->read->log = cycle->log;
    c->read->channel = 1;

    ngx_http_xr_wake_connection = c;
    ngx_http_xr_wake_count = &xmcf->wake->parts[ngx_worker];
    *ngx_http_xr_wake_count = 0;

    return ngx_add_event(c->read, NGX_READ_EVENT, 0);
}


void
ngx_http_xr_slice_wake_exit(void)
{
    if (ngx_http_xr_wake_connection != NULL) {

        /* the descriptor is the cycle's */

        ngx_http_xr_wake_connection->fd = (ngx_socket_t) -1;
        ngx_http_xr_wake_connection = NULL;
    }
}


static void
ngx_http_xr_wake_handler(ngx_event_t *ev)
{
    uint64_t           n;
    ngx_connection_t  *c;

    c = ev->data;

    if (read(c->fd, &n, sizeof(n)) == sizeof(n)) {
        ngx_http_xr_wake_parts(NULL);
    }
}


/* A slice is there, or will not come from where it was expected. */

void
ngx_http_xr_slice_wake_others(ngx_http_request_t *r)
{
    ssize_t                   n;
    uint64_t                  one;
    ngx_fd_t                 *fd;
    ngx_uint_t                i;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (r->cache == NULL || xmcf->wake == NULL) {
        return;
    }

    ngx_http_xr_wake_parts(r->cache->key);

    one = 1;
    fd = xmcf->wakers.elts;

    for (i = 0; i < xmcf->wakers.nelts; i++) {

        if (i != ngx_worker && xmcf->wake->parts[i] != 0) {

            /* one that has not read the last word yet need not be told */

            n = write(fd[i], &one, sizeof(one));
            (void) n;
        }
    }
}


/* Has those look that wait for this key, or all that wait. */

static void
ngx_http_xr_wake_parts(u_char *key)
{
    ngx_queue_t               *q;
    ngx_http_cache_t          *c;
    ngx_http_xr_slice_part_t  *part;

    for (q = ngx_queue_head(&ngx_http_xr_wake_queue);
         q != ngx_queue_sentinel(&ngx_http_xr_wake_queue);
         q = ngx_queue_next(q))
    {
        part = ngx_queue_data(q, ngx_http_xr_slice_part_t, queue);
        c = part->request->cache;

        if (c == NULL || !c->waiting || !c->wait_event.timer_set
            || (key != NULL
                && ngx_memcmp(c->key, key, NGX_HTTP_CACHE_KEY_LEN) != 0))
        {
            continue;
        }

        /* by its timer, as that is taken back with the request */

        ngx_del_timer(&c->wait_event);
        ngx_add_timer(&c->wait_event, 0);
    }
}


/* Slices that are read ahead of their clients in this worker. */

ngx_uint_t
ngx_http_xr_slice_wake_ahead(void)
{
    return ngx_http_xr_wake_ahead;
}


/* What may have to wait, until it is over. */

ngx_int_t
ngx_http_xr_slice_wake_link(ngx_http_xr_slice_part_t *part)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(part->request->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_xr_wake_unlink;
    cln->data = part;

    ngx_queue_insert_tail(&ngx_http_xr_wake_queue, &part->queue);
    part->linked = 1;
    ngx_http_xr_wake_ahead += part->ahead;

    if (ngx_http_xr_wake_count != NULL) {
        (void) ngx_atomic_fetch_add(ngx_http_xr_wake_count, 1);
    }

    return NGX_OK;
}


void
ngx_http_xr_slice_wake_unlink(ngx_http_xr_slice_part_t *part)
{
    if (part->linked) {
        part->linked = 0;
        ngx_queue_remove(&part->queue);
        ngx_http_xr_wake_ahead -= part->ahead;

        if (ngx_http_xr_wake_count != NULL) {
            (void) ngx_atomic_fetch_add(ngx_http_xr_wake_count, -1);
        }
    }
}


static void
ngx_http_xr_wake_unlink(void *data)
{
    ngx_http_xr_slice_wake_unlink(data);
}
