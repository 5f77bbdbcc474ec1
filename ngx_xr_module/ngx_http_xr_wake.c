/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_wake.h"


/*
 * One of several requests for the same entry of the cache fetches it, and the
 * others wait for it.  NGINX has them look twice a second; here they are told,
 * in this worker directly, in others through an event that each has.
 */

#define NGX_HTTP_XR_WAKE_WORKERS  64


/* In shared memory: how many wait in each worker. */

struct ngx_http_xr_wake_s {
    ngx_atomic_t          waiting[NGX_HTTP_XR_WAKE_WORKERS];
};


static ngx_int_t ngx_http_xr_wake_zone(ngx_shm_zone_t *zone, void *data);
static void ngx_http_xr_wake_close(void *data);
static void ngx_http_xr_wake_handler(ngx_event_t *ev);
static void ngx_http_xr_wake_waiters(u_char *key);
static void ngx_http_xr_wake_cache(ngx_http_xr_waiter_t *waiter);


static ngx_queue_t         ngx_http_xr_wake_queue = {
    &ngx_http_xr_wake_queue, &ngx_http_xr_wake_queue
};

static ngx_connection_t   *ngx_http_xr_wake_connection;
static ngx_atomic_t       *ngx_http_xr_wake_count;


ngx_int_t
ngx_http_xr_wake_conf(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("xr_wake");

    zone = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                 &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->noreuse = 1;                  /* as the events are not, either */
    zone->init = ngx_http_xr_wake_zone;
    zone->data = xmcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_wake_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t          *slab;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = zone->data;
    slab = (ngx_slab_pool_t *) zone->shm.addr;

    xmcf->wake = ngx_slab_calloc(slab, sizeof(ngx_http_xr_wake_t));

    return (xmcf->wake != NULL) ? NGX_OK : NGX_ERROR;
}


/* In the master process, for the workers that it will start. */

ngx_int_t
ngx_http_xr_wake_init(ngx_cycle_t *cycle, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_fd_t            *fd;
    ngx_uint_t           i, n;
    ngx_core_conf_t     *ccf;
    ngx_pool_cleanup_t  *cln;

    if (xmcf->wake == NULL) {
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
ngx_http_xr_wake_process(ngx_cycle_t *cycle, ngx_http_xr_main_conf_t *xmcf)
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
    c->read->channel = 1;               /* it stays open when a worker ends */

    ngx_http_xr_wake_connection = c;
    ngx_http_xr_wake_count = &xmcf->wake->waiting[ngx_worker];
    *ngx_http_xr_wake_count = 0;

    return ngx_add_event(c->read, NGX_READ_EVENT, 0);
}


void
ngx_http_xr_wake_exit(void)
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
        ngx_http_xr_wake_waiters(NULL);
    }
}


/*
 * What they wait for is there, more of it, or will not come from where it was
 * expected.
 */

void
ngx_http_xr_wake_others(ngx_http_xr_main_conf_t *xmcf, u_char *key)
{
    ssize_t      n;
    uint64_t     one;
    ngx_fd_t    *fd;
    ngx_uint_t   i;

    if (xmcf->wake == NULL) {
        return;
    }

    ngx_http_xr_wake_waiters(key);

    one = 1;
    fd = xmcf->wakers.elts;

    for (i = 0; i < xmcf->wakers.nelts; i++) {

        if (i != ngx_worker && xmcf->wake->waiting[i] != 0) {

            /* one that has not read the last word yet need not be told */

            n = write(fd[i], &one, sizeof(one));
            (void) n;
        }
    }
}


/* Has those look that wait for this key, or all. */

static void
ngx_http_xr_wake_waiters(u_char *key)
{
    ngx_queue_t           *q, *next;
    ngx_http_xr_waiter_t  *waiter;

    for (q = ngx_queue_head(&ngx_http_xr_wake_queue);
         q != ngx_queue_sentinel(&ngx_http_xr_wake_queue);
         q = next)
    {
        next = ngx_queue_next(q);

        waiter = ngx_queue_data(q, ngx_http_xr_waiter_t, queue);

        if (key == NULL
            || ngx_memcmp(waiter->key, key, NGX_HTTP_XR_WAKE_KEY) == 0)
        {
            waiter->wake(waiter);
        }
    }
}


/* A request that waits for NGINX's lock of a cache entry is to be told. */

ngx_int_t
ngx_http_xr_wake_wait(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_xr_waiter_t  *waiter;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_waiter_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    waiter = cln->data;
    cln->handler = ngx_http_xr_wake_unlink;

    waiter->key = r->cache->key;
    waiter->wake = ngx_http_xr_wake_cache;
    waiter->request = r;

    ngx_http_xr_wake_link(waiter);

    return NGX_OK;
}


static void
ngx_http_xr_wake_cache(ngx_http_xr_waiter_t *waiter)
{
    ngx_http_cache_t  *c;

    c = waiter->request->cache;

    if (c == NULL || !c->waiting) {
        ngx_http_xr_wake_unlink(waiter);
        return;
    }

    if (c->wait_event.timer_set) {

        /* by its timer, as that is taken back with the request */

        ngx_del_timer(&c->wait_event);
        ngx_add_timer(&c->wait_event, 0);
    }
}


void
ngx_http_xr_wake_link(ngx_http_xr_waiter_t *waiter)
{
    waiter->linked = 1;
    ngx_queue_insert_tail(&ngx_http_xr_wake_queue, &waiter->queue);

    if (ngx_http_xr_wake_count != NULL) {
        (void) ngx_atomic_fetch_add(ngx_http_xr_wake_count, 1);
    }
}


/* "data" is a waiter; one that does not wait any more is left as it is. */

void
ngx_http_xr_wake_unlink(void *data)
{
    ngx_http_xr_waiter_t *waiter = data;

    if (!waiter->linked) {
        return;
    }

    waiter->linked = 0;
    ngx_queue_remove(&waiter->queue);

    if (ngx_http_xr_wake_count != NULL) {
        (void) ngx_atomic_fetch_add(ngx_http_xr_wake_count, -1);
    }
}
