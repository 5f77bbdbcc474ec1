/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/*
 * Slices on their way from the origin.  Whoever fetches one tells all workers
 * in which file it comes in, and how far it is: who wants the same slice reads
 * it there, and does not wait until it is complete.
 */

#define NGX_HTTP_XR_FLIGHT_SETS   128
#define NGX_HTTP_XR_FLIGHT_WAYS   4
#define NGX_HTTP_XR_FLIGHT_ZONE   (NGX_HTTP_XR_FLIGHT_SETS                    \
                                   * NGX_HTTP_XR_FLIGHT_WAYS                  \
                                   * sizeof(ngx_http_xr_flight_slot_t))

/* Others are told with the first byte, and then as often for a slice. */

#define NGX_HTTP_XR_FLIGHT_STEPS  4


/* One that this worker fetches. */

struct ngx_http_xr_flight_s {
    ngx_http_request_t            *request;
    ngx_http_xr_flight_slot_t     *slot;
    ngx_event_t                    event;
    off_t                          step;
    off_t                          told;
};


static ngx_int_t ngx_http_xr_flight_zone(ngx_shm_zone_t *zone, void *data);
static void ngx_http_xr_flight_key(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_slice_t *s, uint64_t number, u_char *key);
static ngx_http_xr_flight_slot_t *ngx_http_xr_flight_set(
    ngx_http_xr_flights_t *flights, u_char *key);
static ngx_http_xr_flight_slot_t *ngx_http_xr_flight_take(
    ngx_http_xr_flights_t *flights, u_char *key);
static void ngx_http_xr_flight_free(ngx_http_xr_flights_t *flights,
    ngx_http_xr_flight_slot_t *slot);
static void ngx_http_xr_flight_tell(ngx_event_t *ev);
static void ngx_http_xr_flight_cleanup(void *data);


ngx_int_t
ngx_http_xr_slice_flight_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf)
{
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("xr_slice_flights");

    zone = ngx_shared_memory_add(cf, &name,
                                 NGX_HTTP_XR_FLIGHT_ZONE + 16 * ngx_pagesize,
                                 &ngx_http_xr_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->noreuse = 1;              /* its keys are made with the secret of
                                       this configuration */
    zone->init = ngx_http_xr_flight_zone;
    zone->data = xmcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_flight_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t          *slab;
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = zone->data;
    slab = (ngx_slab_pool_t *) zone->shm.addr;

    xmcf->flights = ngx_slab_calloc(slab, sizeof(ngx_http_xr_flights_t)
                                          + NGX_HTTP_XR_FLIGHT_ZONE);
    if (xmcf->flights == NULL) {
        return NGX_ERROR;
    }

    xmcf->flights->mutex = &slab->mutex;

    return NGX_OK;
}


/* What a worker fetched that has died, and whose place this one takes. */

void
ngx_http_xr_slice_flight_process(ngx_http_xr_main_conf_t *xmcf)
{
    ngx_uint_t              i;
    ngx_http_xr_flights_t  *flights;

    flights = xmcf->flights;

    if (flights == NULL) {
        return;
    }

    ngx_shmtx_lock(flights->mutex);

    for (i = 0;
         i < NGX_HTTP_XR_FLIGHT_SETS * NGX_HTTP_XR_FLIGHT_WAYS;
         i++)
    {
        if (flights->slots[i].id != 0
            && flights->slots[i].worker == ngx_worker)
        {
            ngx_http_xr_flight_free(flights, &flights->slots[i]);
        }
    }

    ngx_shmtx_unlock(flights->mutex);
}


static void
ngx_http_xr_flight_key(ngx_http_xr_main_conf_t *xmcf,
    ngx_http_xr_slice_t *s, uint64_t number, u_char *key)
{
    uint64_t  tag;
    xr_str_t  parts[3];

    tag = (number == 0) ? 0 : s->version.tag;

    parts[0] = xr_str_of(s->object, XR_SIPHASH_SIZE);
    parts[1] = xr_str_of(&number, sizeof(number));
    parts[2] = xr_str_of(&tag, sizeof(tag));

    xr_siphash(xmcf->secret, parts, 3, key);
}


/* The few slots where a key may be. */

static ngx_http_xr_flight_slot_t *
ngx_http_xr_flight_set(ngx_http_xr_flights_t *flights, u_char *key)
{
    uint32_t  n;

    ngx_memcpy(&n, key, sizeof(n));

    return &flights->slots[(n % NGX_HTTP_XR_FLIGHT_SETS)
                           * NGX_HTTP_XR_FLIGHT_WAYS];
}


/*
 * Before a slice that is nowhere in the cache is asked for.  One for which
 * there is no room is fetched, too: others wait until it is complete.
 */

void
ngx_http_xr_slice_flight_begin(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    u_char                     key[NGX_HTTP_XR_WAKE_KEY];
    ngx_http_xr_run_t         *run;
    ngx_pool_cleanup_t        *cln;
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_flight_t      *flight;
    ngx_http_xr_main_conf_t   *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    exchange = r->upstream->input_filter_ctx;
    run = exchange->run;

    if (xmcf->flights == NULL
        || part->slice->size == 0
        || part->request != r
        || part->whole
        || r->cache == NULL
        || !r->upstream->cacheable
        || r->upstream->cache_status != NGX_HTTP_CACHE_MISS)
    {
        return;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_xr_flight_t));
    if (cln == NULL) {
        return;
    }

    flight = cln->data;
    ngx_memzero(flight, sizeof(ngx_http_xr_flight_t));

    if (run != NULL && run->slot != NULL) {

        /* it was promised */

        flight->slot = run->slot;
        flight->slot->begun = ngx_current_msec;
        run->slot = NULL;

    } else {
        ngx_http_xr_flight_key(xmcf, part->slice, part->number, key);

        flight->slot = ngx_http_xr_flight_take(xmcf->flights, key);
    }

    if (flight->slot == NULL) {
        return;
    }

    cln->handler = ngx_http_xr_flight_cleanup;

    flight->request = r;
    flight->step = part->slice->size / NGX_HTTP_XR_FLIGHT_STEPS;

    flight->event.handler = ngx_http_xr_flight_tell;
    flight->event.data = flight;
    flight->event.log = r->connection->log;

    exchange->flight = flight;
}


/* NULL: there is no room, or somebody else fetches it. */

static ngx_http_xr_flight_slot_t *
ngx_http_xr_flight_take(ngx_http_xr_flights_t *flights, u_char *key)
{
    ngx_uint_t                  i;
    ngx_http_xr_flight_slot_t  *set, *slot;

    slot = NULL;
    set = ngx_http_xr_flight_set(flights, key);

    ngx_shmtx_lock(flights->mutex);

    for (i = 0; i < NGX_HTTP_XR_FLIGHT_WAYS; i++) {

        if (set[i].id == 0) {
            slot = &set[i];

        } else if (ngx_memcmp(set[i].key, key, NGX_HTTP_XR_WAKE_KEY) == 0) {
            slot = NULL;
            break;
        }
    }

    if (slot != NULL) {
        ngx_memzero(slot, sizeof(ngx_http_xr_flight_slot_t));
        ngx_memcpy(slot->key, key, NGX_HTTP_XR_WAKE_KEY);

        slot->worker = ngx_worker;
        slot->begun = ngx_current_msec;

        ngx_memory_barrier();
        slot->id = ++flights->last;

        flights->count++;
    }

    ngx_shmtx_unlock(flights->mutex);

    return slot;
}


/* Under the lock. */

static void
ngx_http_xr_flight_free(ngx_http_xr_flights_t *flights,
    ngx_http_xr_flight_slot_t *slot)
{
    slot->id = 0;
    flights->count--;
}


/* The header has come: what will not be stored cannot be followed. */

void
ngx_http_xr_slice_flight_body(ngx_http_request_t *r)
{
    ngx_http_upstream_t   *u;
    ngx_http_xr_flight_t  *flight;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    exchange = u->input_filter_ctx;
    flight = exchange->flight;

    if (flight == NULL) {
        return;
    }

    /* without a length nobody could tell an end from a cut */

    if (!u->cacheable || u->pipe->length <= 0 || u->headers_in.chunked) {
        ngx_http_xr_slice_flight_end(r);
        return;
    }

    flight->slot->body_start = (off_t) r->cache->body_start;
    flight->slot->length = (off_t) r->cache->body_start + u->pipe->length;
}


/*
 * Something of the body has come, and will be in the file when the event that
 * brought it has been dealt with.
 */

void
ngx_http_xr_slice_flight_more(ngx_http_request_t *r)
{
    ngx_http_xr_flight_t  *flight;
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;
    flight = exchange->flight;

    if (flight != NULL) {
        ngx_post_event(&flight->event, &ngx_posted_events);
    }
}


static void
ngx_http_xr_flight_tell(ngx_event_t *ev)
{
    off_t                       written;
    ngx_temp_file_t            *tf;
    ngx_http_xr_flight_t       *flight;
    ngx_http_xr_main_conf_t    *xmcf;
    ngx_http_xr_flight_slot_t  *slot;

    flight = ev->data;
    slot = flight->slot;
    tf = flight->request->upstream->pipe->temp_file;

    if (tf == NULL || tf->file.fd == NGX_INVALID_FILE
        || tf->file.name.len >= NGX_HTTP_XR_FLIGHT_PATH)
    {
        return;
    }

    written = tf->offset;

    if (written <= slot->body_start) {
        return;
    }

    if (slot->path[0] != '\0' && written < flight->told + flight->step) {

        /* who looks at this from now on sees it */

        slot->written = written;
        ngx_memory_barrier();

        if (slot->mark == 0 || written < (off_t) slot->mark) {
            return;
        }
    }

    flight->told = written;

    xmcf = ngx_http_get_module_main_conf(flight->request, ngx_http_xr_module);

    ngx_shmtx_lock(xmcf->flights->mutex);

    if (slot->path[0] == '\0') {
        ngx_cpystrn(slot->path, tf->file.name.data, tf->file.name.len + 1);
    }

    slot->written = written;

    if (written >= (off_t) slot->mark) {
        slot->mark = 0;                 /* who has one still makes it anew */
    }

    ngx_shmtx_unlock(xmcf->flights->mutex);

    ngx_http_xr_wake_others(xmcf, slot->key);
}


/* The slice is in the cache, or will not be. */

void
ngx_http_xr_slice_flight_end(ngx_http_request_t *r)
{
    u_char                     key[NGX_HTTP_XR_WAKE_KEY];
    ngx_http_xr_flight_t      *flight;
    ngx_http_xr_origin_t      *exchange;
    ngx_http_xr_main_conf_t   *xmcf;

    exchange = r->upstream->input_filter_ctx;
    flight = exchange->flight;

    if (flight == NULL) {
        return;
    }

    exchange->flight = NULL;

    if (flight->event.posted) {
        ngx_delete_posted_event(&flight->event);
    }

    ngx_memcpy(key, flight->slot->key, NGX_HTTP_XR_WAKE_KEY);

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    ngx_shmtx_lock(xmcf->flights->mutex);
    ngx_http_xr_flight_free(xmcf->flights, flight->slot);
    ngx_shmtx_unlock(xmcf->flights->mutex);

    flight->slot = NULL;

    ngx_http_xr_wake_others(xmcf, key);
}


/* However a request ends. */

static void
ngx_http_xr_flight_cleanup(void *data)
{
    ngx_http_xr_flight_t *flight = data;

    if (flight->slot != NULL) {
        ngx_http_xr_slice_flight_end(flight->request);
    }
}


/* A slice of a run; NULL: there is no room, or it is under way. */

ngx_http_xr_flight_slot_t *
ngx_http_xr_slice_flight_promise(ngx_http_xr_run_t *run, uint64_t number)
{
    ngx_http_xr_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(run->slice->request,
                                         ngx_http_xr_module);

    if (xmcf->flights == NULL || run->slice->version.tag != run->tag) {
        return NULL;
    }

    ngx_http_xr_flight_key(xmcf, run->slice, number, run->key);

    return ngx_http_xr_flight_take(xmcf->flights, run->key);
}


/* Whether others wanted what a request fetches. */

ngx_uint_t
ngx_http_xr_slice_flight_shared(ngx_http_request_t *r)
{
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;

    return exchange->flight != NULL && exchange->flight->slot->wanted;
}


ngx_uint_t
ngx_http_xr_slice_flight_wanted(ngx_http_xr_flight_slot_t *slot)
{
    return slot->wanted;
}


/* It will not come by the run. */

void
ngx_http_xr_slice_flight_renounce(ngx_http_request_t *r,
    ngx_http_xr_flight_slot_t *slot)
{
    u_char                    key[NGX_HTTP_XR_WAKE_KEY];
    ngx_http_xr_main_conf_t  *xmcf;

    ngx_memcpy(key, slot->key, NGX_HTTP_XR_WAKE_KEY);

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    ngx_shmtx_lock(xmcf->flights->mutex);
    ngx_http_xr_flight_free(xmcf->flights, slot);
    ngx_shmtx_unlock(xmcf->flights->mutex);

    ngx_http_xr_wake_others(xmcf, key);
}


/* Whether somebody fetches it, as far as can be told without a lock. */

ngx_uint_t
ngx_http_xr_slice_flight_under_way(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s, uint64_t number)
{
    u_char                      key[NGX_HTTP_XR_WAKE_KEY];
    ngx_uint_t                  i;
    ngx_http_xr_flights_t      *flights;
    ngx_http_xr_main_conf_t    *xmcf;
    ngx_http_xr_flight_slot_t  *set;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    flights = xmcf->flights;

    if (flights == NULL || flights->count == 0) {
        return 0;
    }

    ngx_http_xr_flight_key(xmcf, s, number, key);

    set = ngx_http_xr_flight_set(flights, key);

    for (i = 0; i < NGX_HTTP_XR_FLIGHT_WAYS; i++) {

        if (set[i].id != 0
            && ngx_memcmp(set[i].key, key, NGX_HTTP_XR_WAKE_KEY) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Whether somebody fetches the slice, for no longer than "age": then "view"
 * is of it.
 */

ngx_uint_t
ngx_http_xr_slice_flight_find(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_msec_t age,
    ngx_http_xr_flight_view_t *view)
{
    ngx_uint_t                  i, wake;
    ngx_http_xr_flights_t      *flights;
    ngx_http_xr_main_conf_t    *xmcf;
    ngx_http_xr_flight_slot_t  *set;

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);
    flights = xmcf->flights;

    if (flights == NULL || flights->count == 0) {
        return 0;
    }

    ngx_http_xr_flight_key(xmcf, part->slice, part->number, view->key);

    set = ngx_http_xr_flight_set(flights, view->key);
    view->id = 0;
    wake = 0;

    ngx_shmtx_lock(flights->mutex);

    for (i = 0; i < NGX_HTTP_XR_FLIGHT_WAYS; i++) {

        if (set[i].id != 0
            && ngx_memcmp(set[i].key, view->key, NGX_HTTP_XR_WAKE_KEY) == 0
            && ngx_current_msec - set[i].begun < age)
        {
            view->slot = &set[i];
            view->id = set[i].id;

            wake = !set[i].wanted;
            set[i].wanted = 1;
        }
    }

    ngx_shmtx_unlock(flights->mutex);

    if (wake) {

        /* who has promised it may wait for that */

        ngx_http_xr_wake_others(xmcf, view->key);
    }

    return view->id != 0;
}
