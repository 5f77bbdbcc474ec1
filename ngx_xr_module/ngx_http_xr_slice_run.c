/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_replica.h"
#include "ngx_http_xr_slice.h"


/*
 * Servers take their time for each request, so one may be for several slices.
 * The connection is never read beyond the end of the slice that is under way;
 * when that is complete the connection is left to the next slice's subrequest,
 * which sends nothing, and reads a header that is made of the first one's.  So
 * a slice that comes by it is checked, stored and followed as any other.
 *
 * It counts as one exchange of the slice that has asked, whose memory stays
 * until it is over.
 */

/*
 * How long a connection waits for a client to want the next slice; and for one
 * of those, once others have followed, who share what the worker can send.
 */

#define NGX_HTTP_XR_RUN_HOLD   500
#define NGX_HTTP_XR_RUN_CROWD  5000

/* What is read before clients, this one too, are sent what has come. */

#define NGX_HTTP_XR_RUN_TURN  (256 * 1024)


static ssize_t ngx_http_xr_run_recv(ngx_connection_t *c, u_char *buf,
    size_t size);
static ssize_t ngx_http_xr_run_recv_chain(ngx_connection_t *c,
    ngx_chain_t *in, off_t limit);
static void ngx_http_xr_run_park(ngx_http_xr_run_t *run,
    ngx_peer_connection_t *pc);
static void ngx_http_xr_run_promise(ngx_http_xr_run_t *run);
static void ngx_http_xr_run_unpark(ngx_http_xr_run_t *run);
static void ngx_http_xr_run_wake(ngx_http_xr_waiter_t *waiter);
static void ngx_http_xr_run_event(ngx_event_t *ev);
static void ngx_http_xr_run_idle(ngx_event_t *ev);
static void ngx_http_xr_run_close(ngx_connection_t *c);
static void ngx_http_xr_run_cleanup(void *data);


/*
 * The header of an answer that brings more slices than the one it is for is
 * complete, and says of itself what that one's would say; "end" is where the
 * bytes of all end in the object.
 */

ngx_int_t
ngx_http_xr_slice_run_begin(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t length, uint64_t end,
    uint64_t tag)
{
    ngx_connection_t      *c;
    ngx_http_xr_run_t     *run;
    ngx_pool_cleanup_t    *cln;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    c = u->peer.connection;
    exchange = u->input_filter_ctx;

    cln = ngx_pool_cleanup_add(part->pool, sizeof(ngx_http_xr_run_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    run = cln->data;
    ngx_memzero(run, sizeof(ngx_http_xr_run_t));

    run->slice = part->slice;
    run->leader = part;
    run->part = part;
    run->tag = tag;
    run->length = length;
    run->purge = exchange->purge.last;
    run->hold = NGX_HTTP_XR_RUN_HOLD;
    run->number = part->number;
    run->last = part->reach;
    run->exact = (end == ngx_min((run->last + 1) * run->slice->size, length));
    run->keepalive = !u->headers_in.connection_close;

    if (ngx_http_xr_slice_run_header_read(r, run) != NGX_OK) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_xr_run_cleanup;
    cln->data = run;

    run->sockaddr = u->peer.sockaddr;
    run->socklen = u->peer.socklen;
    run->left = ngx_http_xr_slice_run_header_length(run)
                - (u->buffer.last - u->buffer.pos);

    run->event.handler = ngx_http_xr_run_event;
    run->event.data = run;
    run->event.log = ngx_cycle->log;

    run->recv = c->recv;
    run->recv_chain = c->recv_chain;
    c->recv_chain = ngx_http_xr_run_recv_chain;

    exchange->run = run;
    part->slice->run = run;

    return NGX_OK;
}


static ngx_http_xr_run_t *
ngx_http_xr_run_of(ngx_connection_t *c)
{
    ngx_http_request_t    *r;
    ngx_http_xr_origin_t  *exchange;

    r = c->data;
    exchange = r->upstream->input_filter_ctx;

    return exchange->run;
}


/*
 * The header comes with the first byte: until then nothing is known of the
 * slice, and it can be asked for alone.
 */

static ssize_t
ngx_http_xr_run_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t              len;
    ssize_t             n;
    ngx_http_xr_run_t  *run;

    run = ngx_http_xr_run_of(c);
    len = ngx_http_xr_slice_run_header_write(run, buf, size);

    if (len == 0) {
        return NGX_ERROR;
    }

    n = run->recv(c, buf + len, ngx_min(size - len, (size_t) run->left));

    if (n <= 0) {
        return n;
    }

    c->recv = run->recv;
    run->left -= n;

    return len + n;
}


static ssize_t
ngx_http_xr_run_recv_chain(ngx_connection_t *c, ngx_chain_t *in, off_t limit)
{
    ssize_t             n;
    ngx_http_xr_run_t  *run;

    run = ngx_http_xr_run_of(c);

    if (run->left == 0 || c->read->posted) {
        return NGX_AGAIN;
    }

    n = run->recv_chain(c, in, (limit != 0) ? ngx_min(limit, run->left)
                                            : run->left);

    if (n > 0) {
        run->left -= n;
        run->turn += n;

        if (run->left == 0) {
            ngx_http_xr_run_promise(run);

        } else if (run->turn >= NGX_HTTP_XR_RUN_TURN) {
            run->turn = 0;
            ngx_post_event(c->read, &ngx_posted_next_events);
        }
    }

    return n;
}


/* Whether a slice that the origin would be asked for comes without that. */

ngx_uint_t
ngx_http_xr_slice_run_take(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_http_xr_run_t     *run;
    ngx_http_xr_origin_t  *exchange;

    run = part->slice->run;
    exchange = r->upstream->input_filter_ctx;

    if (!ngx_http_xr_slice_run_brings(part)
        || part->request != r
        || part->whole
        || part->version.tag != run->tag
        || part->version.length != run->length
        || r->cache == NULL
        || !r->upstream->cacheable
        || r->upstream->cache_status != NGX_HTTP_CACHE_MISS)
    {
        return 0;
    }

    exchange->run = run;
    exchange->ranged = 1;
    exchange->purge.last = run->purge;
    exchange->next_upstream = r->upstream->conf->next_upstream;

    /* that a connection was closed concerns the slices before this one */

    r->upstream->conf->next_upstream |= NGX_HTTP_UPSTREAM_FT_ERROR;

    run->part = part;

    return 1;
}


/* Whether the slice is the next that comes by a connection which waits. */

ngx_uint_t
ngx_http_xr_slice_run_brings(ngx_http_xr_slice_part_t *part)
{
    ngx_http_xr_run_t  *run;

    run = part->slice->run;

    return run != NULL && run->connection != NULL
           && run->number == part->number;
}


void
ngx_http_xr_slice_run_join(ngx_http_request_t *r, ngx_peer_connection_t *pc)
{
    ngx_connection_t      *c;
    ngx_http_xr_run_t     *run;
    ngx_http_xr_origin_t  *exchange;

    exchange = r->upstream->input_filter_ctx;
    run = exchange->run;

    c = run->connection;

    ngx_http_xr_run_unpark(run);

    pc->connection = c;
    pc->sockaddr = run->sockaddr;
    pc->socklen = run->socklen;
    pc->name = &ngx_http_xr_replica_current(run->leader->request)
                    ->endpoint->name;
    pc->cached = 1;

    run->left = ngx_http_xr_slice_run_header_length(run);

    c->requests--;                      /* NGINX counts one for each that uses
                                           it */
    c->recv = ngx_http_xr_run_recv;
    c->recv_chain = ngx_http_xr_run_recv_chain;
    c->read->ready = 1;                 /* it has not been read to the end */
}


/*
 * A request gives its connection back.  1: it was not its own to give back, or
 * more slices come by it; "pc" has none then, or one to be closed.
 */

ngx_uint_t
ngx_http_xr_slice_run_leave(ngx_http_request_t *r, ngx_peer_connection_t *pc,
    ngx_uint_t state)
{
    ngx_uint_t             done, joined;
    ngx_connection_t      *c;
    ngx_http_xr_run_t     *run;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    u = r->upstream;
    exchange = u->input_filter_ctx;
    run = exchange->run;

    if (run == NULL) {
        return 0;
    }

    exchange->run = NULL;

    c = pc->connection;
    c->recv = run->recv;
    c->recv_chain = run->recv_chain;

    joined = (run->part != run->leader);
    done = state == 0 && run->left == 0 && u->pipe->length == 0
           && !c->read->error && !c->read->timedout;

    if (done && run->number < run->last) {
        ngx_http_xr_run_park(run, pc);
        return 1;
    }

    ngx_http_xr_run_unpark(run);

    run->part = NULL;
    run->keepalive = run->keepalive && done && run->exact;

    if (joined) {

        if (run->keepalive) {
            run->connection = c;
            pc->connection = NULL;
        }

        ngx_http_xr_slice_run_end(run);

        return 1;
    }

    u->keepalive = run->keepalive;

    run->over = 1;
    run->slice->run = NULL;

    return 0;
}


/* Nobody reads it until the next slice is wanted, by whoever it is. */

static void
ngx_http_xr_run_park(ngx_http_xr_run_t *run, ngx_peer_connection_t *pc)
{
    ngx_connection_t  *c;

    c = pc->connection;
    pc->connection = NULL;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->read->delayed = 0;

    c->data = run;
    c->read->handler = ngx_http_xr_run_idle;
    c->write->handler = ngx_http_xr_run_idle;

    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->pool->log = c->log;

    run->connection = c;
    run->part = NULL;
    run->number++;

    ngx_add_timer(&run->event, run->hold);

    if (run->slot != NULL) {
        ngx_http_xr_run_wake(&run->waiter);
    }
}


/*
 * Others do not ask for the next slice as long as it may come; if one of them
 * wants it before this client does, it is read for them.  It is promised
 * before anybody has the last byte of the one that is under way: who follows
 * that wants the next one at once.
 */

static void
ngx_http_xr_run_promise(ngx_http_xr_run_t *run)
{
    if (run->number == run->last
        || !run->part->request->upstream->cacheable)
    {
        return;
    }

    if (ngx_http_xr_slice_flight_shared(run->part->request)) {
        run->hold = NGX_HTTP_XR_RUN_CROWD;
    }

    run->slot = ngx_http_xr_slice_flight_promise(run, run->number + 1);

    if (run->slot == NULL) {
        return;
    }

    run->waiter.key = run->key;
    run->waiter.wake = ngx_http_xr_run_wake;
    run->waiter.request = run->slice->request;

    ngx_http_xr_wake_link(&run->waiter);
}


/* The slot is left to the slice. */

static void
ngx_http_xr_run_unpark(ngx_http_xr_run_t *run)
{
    run->connection = NULL;

    ngx_http_xr_wake_unlink(&run->waiter);

    if (run->event.timer_set) {
        ngx_del_timer(&run->event);
    }

    if (run->event.posted) {
        ngx_delete_posted_event(&run->event);
    }

    if (run->slot != NULL) {
        ngx_http_xr_slice_flight_renounce(run->slice->request, run->slot);
        run->slot = NULL;
    }
}


static void
ngx_http_xr_run_wake(ngx_http_xr_waiter_t *waiter)
{
    ngx_http_xr_run_t  *run;

    run = (ngx_http_xr_run_t *) ((u_char *) waiter
                                 - offsetof(ngx_http_xr_run_t, waiter));

    if (run->connection != NULL
        && ngx_http_xr_slice_flight_wanted(run->slot))
    {
        ngx_post_event(&run->event, &ngx_posted_events);
    }
}


static void
ngx_http_xr_run_event(ngx_event_t *ev)
{
    ngx_uint_t            wanted;
    ngx_connection_t     *c;
    ngx_http_xr_run_t    *run;
    ngx_http_xr_slice_t  *s;

    run = ev->data;
    s = run->slice;
    c = s->request->connection;

    wanted = (s->part != NULL && s->part->number == run->number);

    if (ev->timedout && wanted) {

        /* it waits for another request, which fetches it, too */

        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_XR_RUN_HOLD);

        return;
    }

    if (ev->timedout
        && !(run->slot != NULL && ngx_http_xr_slice_flight_wanted(run->slot)))
    {
        ev->timedout = 0;

        /* a client that takes its time is no slower by more requests */

        s->single = 1;
        ngx_http_xr_slice_run_end(run);

        return;
    }

    ev->timedout = 0;

    if (wanted) {
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_http_set_log_request(c->log, s->request);

    if (ngx_http_xr_slice_part_early(s, run->number) != NGX_OK) {
        ngx_http_xr_slice_run_end(run);
    }

    ngx_http_run_posted_requests(c);
}


/* What comes meanwhile stays with the system. */

static void
ngx_http_xr_run_idle(ngx_event_t *ev)
{
    if ((ngx_event_flags & NGX_USE_LEVEL_EVENT) && ev->active
        && ngx_del_event(ev, ev->write ? NGX_WRITE_EVENT : NGX_READ_EVENT, 0)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ALERT, ev->log, 0,
                      "xr: cannot leave a connection alone");
    }
}


/* The client goes on with a slice: is that the one that comes next? */

void
ngx_http_xr_slice_run_at(ngx_http_xr_slice_t *s, uint64_t number)
{
    if (s->run != NULL && s->run->connection != NULL
        && s->run->number < number)
    {
        ngx_http_xr_slice_run_end(s->run);
    }
}


/*
 * The exchange is over, for its leader's balancer, too; a connection that is
 * still here is kept, or closed if there is more to read.
 */

void
ngx_http_xr_slice_run_end(ngx_http_xr_run_t *run)
{
    ngx_connection_t       *c;
    ngx_http_upstream_t    *u;
    ngx_peer_connection_t  *pc;

    c = run->connection;
    u = run->leader->request->upstream;
    pc = &u->peer;

    run->over = 1;
    run->slice->run = NULL;

    ngx_http_xr_run_unpark(run);

    pc->connection = c;
    pc->sockaddr = run->sockaddr;
    pc->socklen = run->socklen;

    u->keepalive = (c != NULL && run->keepalive && run->number == run->last);

    ngx_http_xr_replica_give_back(run->leader->request);

    if (pc->connection != NULL) {
        ngx_http_xr_run_close(pc->connection);
    }

    pc->connection = NULL;
    pc->sockaddr = NULL;
}


static void
ngx_http_xr_run_close(ngx_connection_t *c)
{
#if (NGX_HTTP_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }

#endif

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}


static void
ngx_http_xr_run_cleanup(void *data)
{
    ngx_http_xr_run_t *run = data;

    if (!run->over) {
        ngx_http_xr_slice_run_end(run);
    }
}
