/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_slice.h"


/* A slice as a subrequest: how it begins, and what is left of it. */

/* Slices that a worker reads ahead at a time, for all its clients. */

#define NGX_HTTP_XR_SLICE_AHEAD  64

/* What a slice from the cache takes; of NGINX's own 4096 it is three. */

#define NGX_HTTP_XR_SLICE_POOL   (8 * 1024)


static ngx_int_t ngx_http_xr_part_subrequest(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part);
static ngx_uint_t ngx_http_xr_part_in_use(ngx_http_xr_slice_part_t *part);
static void ngx_http_xr_part_destroy(ngx_http_xr_slice_part_t *part);
static void ngx_http_xr_part_unlink(ngx_pool_t *pool, ngx_chain_t **links);
#if (NGX_HTTP_V2)
static void ngx_http_xr_part_relink(ngx_pool_t *pool, ngx_pool_t *to,
    ngx_chain_t **links);
#endif
static ngx_uint_t ngx_http_xr_part_owns(ngx_pool_t *pool, void *p);
static ngx_int_t ngx_http_xr_part_key(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part);
static void ngx_http_xr_part_release(ngx_http_request_t *r);
static void ngx_http_xr_part_ahead_end(void *data);
static ngx_int_t ngx_http_xr_part_done(ngx_http_request_t *r, void *data,
    ngx_int_t rc);


static ngx_uint_t  ngx_http_xr_parts_ahead;


/* "probe": what the client gets of it is its header, at most. */

ngx_http_xr_slice_part_t *
ngx_http_xr_slice_part_fetch(ngx_http_xr_slice_t *s, uint64_t number,
    ngx_uint_t probe, ngx_uint_t ahead)
{
    ngx_pool_t                *pool;
    ngx_http_xr_slice_part_t  *part;

    pool = ngx_create_pool(NGX_HTTP_XR_SLICE_POOL, s->request->connection->log);
    if (pool == NULL) {
        return NULL;
    }

    part = ngx_pcalloc(pool, sizeof(ngx_http_xr_slice_part_t));
    if (part == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    part->pool = pool;
    part->slice = s;
    part->version = s->version;
    part->number = number;
    part->reach = number;
    part->offset = number * s->size;
    part->whole = s->whole;
    part->refresh = s->refresh && number == 0;
    part->probe = probe;
    part->ahead = ahead;
    part->kept = !s->headed;

    part->next = s->parts;
    s->parts = part;

    if ((s->size != 0 || s->cut != NULL)
        && ngx_http_xr_part_key(s, part) != NGX_OK)
    {
        return NULL;
    }

    return (ngx_http_xr_part_subrequest(s, part) == NGX_OK) ? part : NULL;
}


/*
 * NGINX makes a subrequest of its parent's memory, where it would stay for as
 * long as the client's request takes: thousands of slices would be too much.
 * Variables that it evaluates are not the client's, either, for that reason.
 */

static ngx_int_t
ngx_http_xr_part_subrequest(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part)
{
    size_t                       size;
    ngx_int_t                    rc;
    ngx_uint_t                   flags;
    ngx_pool_t                  *pool;
    ngx_http_request_t          *r, *sr;
    ngx_http_post_subrequest_t  *ps;
    ngx_http_variable_value_t   *variables;
    ngx_http_core_main_conf_t   *cmcf;

    r = s->request;
    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    size = cmcf->variables.nelts * sizeof(ngx_http_variable_value_t);

    ps = ngx_palloc(part->pool, sizeof(ngx_http_post_subrequest_t));
    variables = ngx_palloc(part->pool, size);

    if (ps == NULL || variables == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(variables, r->variables, size);

    ps->handler = ngx_http_xr_part_done;
    ps->data = part;

    flags = NGX_HTTP_SUBREQUEST_CLONE;

    if (part->probe) {
        flags |= NGX_HTTP_SUBREQUEST_BACKGROUND;
    }

    pool = r->pool;
    r->pool = part->pool;

    rc = ngx_http_subrequest(r, &r->uri, &r->args, &sr, ps, flags);

    r->pool = pool;

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    sr->variables = variables;
    sr->method = NGX_HTTP_GET;
    sr->method_name = ngx_http_core_get_method;

    part->request = sr;

    return NGX_OK;
}


/* The client has all that was passed on of slices that are over. */

void
ngx_http_xr_slice_part_sweep(ngx_http_xr_slice_t *s)
{
    ngx_http_xr_slice_part_t  *part, **next;

    next = &s->parts;

    while (*next != NULL) {
        part = *next;

        if (part->request == NULL || !part->request->done) {
            next = &part->next;

        } else if (ngx_http_xr_part_in_use(part)) {
            ngx_http_xr_part_release(part->request);
            next = &part->next;

        } else {
            *next = part->next;
            ngx_http_xr_part_destroy(part);
        }
    }
}


/* With the client's request go all that are left. */

void
ngx_http_xr_slice_part_end(void *data)
{
    ngx_http_xr_slice_t *s = data;

    ngx_http_xr_slice_part_t  *part;

    while (s->parts != NULL) {
        part = s->parts;
        s->parts = part->next;

        ngx_destroy_pool(part->pool);
    }
}


/*
 * The client's header points into the slice that it was made from; a slice
 * that is renewed in the background has a subrequest of its own.
 */

static ngx_uint_t
ngx_http_xr_part_in_use(ngx_http_xr_slice_part_t *part)
{
    ngx_http_request_t         *r;
    ngx_http_xr_run_t          *run;
    ngx_http_posted_request_t  *pr;

    r = part->request;

    run = part->slice->run;

    if (part->kept || part == part->slice->part
        || (run != NULL && run->leader == part)
        || (r->cache != NULL && r->cache->background))
    {
        return 1;
    }

#if (NGX_HTTP_V2)

    /* a filter that makes something else of the bytes has lists of its own */

    if (r->stream != NULL
        && (r->stream->queued || r->main->headers_out.content_length_n == -1))
    {
        return 1;
    }

#endif

    for (pr = r->main->posted_requests; pr; pr = pr->next) {

        if (pr->request == r) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_xr_part_destroy(ngx_http_xr_slice_part_t *part)
{
    ngx_http_request_t        *r;
    ngx_http_xr_slice_part_t  *other;

    r = part->slice->request;

    ngx_http_set_log_request(r->connection->log, r);

    /* a link of a chain goes where it is free, whoever it came from */

    ngx_http_xr_part_unlink(part->pool, &r->pool->chain);

    for (other = part->slice->parts; other; other = other->next) {
        ngx_http_xr_part_unlink(part->pool, &other->pool->chain);
    }

#if (NGX_HTTP_V2)

    if (r->stream != NULL) {
        ngx_http_xr_part_relink(part->pool, r->pool, &r->stream->free_bufs);
        ngx_http_xr_part_relink(part->pool, r->pool,
                                &r->stream->free_frame_headers);
    }

#endif

    ngx_destroy_pool(part->pool);
}


/* Takes links of a pool out of a list. */

static void
ngx_http_xr_part_unlink(ngx_pool_t *pool, ngx_chain_t **links)
{
    while (*links != NULL) {

        if (ngx_http_xr_part_owns(pool, *links)) {
            *links = (*links)->next;

        } else {
            links = &(*links)->next;
        }
    }
}


#if (NGX_HTTP_V2)

/* Puts others in their place, as the buffers are of use. */

static void
ngx_http_xr_part_relink(ngx_pool_t *pool, ngx_pool_t *to, ngx_chain_t **links)
{
    ngx_chain_t  *cl;

    while (*links != NULL) {

        if (ngx_http_xr_part_owns(pool, *links)) {
            cl = ngx_alloc_chain_link(to);

            if (cl == NULL) {
                *links = (*links)->next;
                continue;
            }

            *cl = **links;
            *links = cl;
        }

        links = &(*links)->next;
    }
}

#endif


static ngx_uint_t
ngx_http_xr_part_owns(ngx_pool_t *pool, void *p)
{
    ngx_pool_t        *block;
    ngx_pool_large_t  *large;

    for (block = pool; block; block = block->d.next) {

        if ((u_char *) p >= (u_char *) block && (u_char *) p < block->d.end) {
            return 1;
        }
    }

    for (large = pool->large; large; large = large->next) {

        if (large->alloc == p) {
            return 1;
        }
    }

    return 0;
}


/*
 * What takes most of the memory, and the files, would stay until the request
 * ends, as slices live in its pool: HTTP/2 keeps there what it sends of them.
 */

static void
ngx_http_xr_part_release(ngx_http_request_t *r)
{
    ngx_fd_t          fd;
    ngx_chain_t      *cl;
    ngx_event_pipe_t *p;

    if (r->cache != NULL) {

        if (r->cache->file.fd != NGX_INVALID_FILE) {
            ngx_pool_run_cleanup_file(r->pool, r->cache->file.fd);
        }

        /*
         * Nor is the entry in use any more, and may make room for another;
         * but that it is being renewed in the background others are to see.
         */

        if (!r->cache->background) {
            ngx_http_file_cache_free(r->cache, NULL);
        }
    }

    p = (r->upstream != NULL) ? r->upstream->pipe : NULL;

    if (p == NULL) {
        return;
    }

    if (p->temp_file != NULL && p->temp_file->file.fd != NGX_INVALID_FILE) {
        fd = p->temp_file->file.fd;
        p->temp_file->file.fd = NGX_INVALID_FILE;

        ngx_pool_run_cleanup_file(r->pool, fd);
    }

    for (cl = p->free_raw_bufs; cl; cl = cl->next) {
        (void) ngx_pfree(r->pool, cl->buf->start);
    }

    p->free_raw_bufs = NULL;
}


/*
 * A client that has taken a slice will want the next ones of its range: they
 * are fetched while it takes this one.  One that stalls does not get here.
 */

void
ngx_http_xr_slice_part_ahead(ngx_http_xr_slice_t *s, uint64_t number)
{
    uint64_t                 last;
    ngx_http_xr_loc_conf_t  *xlcf;

    if (s->run != NULL) {
        return;                         /* they are on their way */
    }

    xlcf = ngx_http_get_module_loc_conf(s->request, ngx_http_xr_module);

    last = ngx_min(number + xlcf->prefetch, s->ranges[s->i].last / s->size);

    for (s->ahead = ngx_max(s->ahead, number + 1);
         s->ahead <= last
         && ngx_http_xr_parts_ahead < NGX_HTTP_XR_SLICE_AHEAD;
         s->ahead++)
    {
        if (ngx_http_xr_slice_part_early(s, s->ahead) != NGX_OK) {
            return;
        }
    }
}


/* One that the client is not sent yet. */

ngx_int_t
ngx_http_xr_slice_part_early(ngx_http_xr_slice_t *s, uint64_t number)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_xr_slice_part_t  *part;

    part = ngx_http_xr_slice_part_fetch(s, number, 1, 1);

    if (part == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(part->pool, 0);

    if (cln == NULL) {
        part->ahead = 0;
        return NGX_ERROR;
    }

    cln->handler = ngx_http_xr_part_ahead_end;
    cln->data = part;

    ngx_http_xr_parts_ahead++;

    return NGX_OK;
}


/* Counts once, when it is fetched or the request is gone. */

static void
ngx_http_xr_part_ahead_end(void *data)
{
    ngx_http_xr_slice_part_t *part = data;

    if (part->ahead) {
        part->ahead = 0;
        ngx_http_xr_parts_ahead--;
    }
}


/* How a slice's key in the cache begins; tenant and object follow. */

static ngx_int_t
ngx_http_xr_part_key(ngx_http_xr_slice_t *s, ngx_http_xr_slice_part_t *part)
{
    u_char  *p;

    p = ngx_pnalloc(part->pool, NGX_HTTP_XR_SLICE_KEY_SIZE);

    if (p == NULL) {
        return NGX_ERROR;
    }

    part->key.data = p;

    if (ngx_http_xr_cut_of(part) != NULL) {
        part->key.len = ngx_http_xr_cut_key(s->cut, p) - p;
        return NGX_OK;
    }

    part->key.len = ngx_http_xr_slice_part_name(s, part->number, p) - p;

    return NGX_OK;
}


u_char *
ngx_http_xr_slice_part_name(ngx_http_xr_slice_t *s, uint64_t number,
    u_char *p)
{
    return ngx_sprintf(p, "@%uL:%uL:%uxL\n", s->size, number,
                       (number == 0) ? 0 : s->version.tag);
}


/*
 * The part that a request fetches, or the one that it updates in the
 * background.
 */

ngx_http_xr_slice_part_t *
ngx_http_xr_slice_part_of(ngx_http_request_t *r)
{
    for ( /* void */ ; r != r->main; r = r->parent) {

        if (r->post_subrequest != NULL
            && r->post_subrequest->handler == ngx_http_xr_part_done)
        {
            return r->post_subrequest->data;
        }
    }

    return NULL;
}


/* It may be called more than once, and fails for the client's request only. */

static ngx_int_t
ngx_http_xr_part_done(ngx_http_request_t *r, void *data, ngx_int_t rc)
{
    ngx_http_xr_slice_part_t *part = data;

    if (rc != NGX_OK && rc != NGX_AGAIN && part->rc == NGX_OK) {
        part->rc = rc;
    }

    if (part->ahead && ngx_http_xr_slice_run_brings(part)) {

        /* it has come by another way */

        ngx_http_xr_slice_run_end(part->slice->run);
    }

    ngx_http_xr_part_ahead_end(part);

    if (part->probe && part == part->slice->part) {
        part->over = 1;

        if (ngx_http_post_request(r->main, NULL) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
