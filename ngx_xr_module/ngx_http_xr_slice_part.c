/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"


/* A slice as a subrequest: how it begins, and what is left of it. */

/* Slices that a worker reads ahead at a time, for all its clients. */

#define NGX_HTTP_XR_SLICE_AHEAD  64


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
    ngx_uint_t                   flags;
    ngx_http_request_t          *r, *sr;
    ngx_http_post_subrequest_t  *ps;
    ngx_http_xr_slice_part_t    *part;

    r = s->request;

    part = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_slice_part_t));
    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));

    if (part == NULL || ps == NULL) {
        return NULL;
    }

    part->slice = s;
    part->number = number;
    part->offset = number * s->size;
    part->whole = s->whole;
    part->refresh = s->refresh && number == 0;
    part->probe = probe;
    part->ahead = ahead;

    if (s->size != 0 && ngx_http_xr_part_key(s, part) != NGX_OK) {
        return NULL;
    }

    ps->handler = ngx_http_xr_part_done;
    ps->data = part;

    flags = NGX_HTTP_SUBREQUEST_CLONE;

    if (probe) {
        flags |= NGX_HTTP_SUBREQUEST_BACKGROUND;
    }

    if (ngx_http_subrequest(r, &r->uri, &r->args, &sr, ps, flags) != NGX_OK) {
        return NULL;
    }

    sr->method = NGX_HTTP_GET;
    sr->method_name = ngx_http_core_get_method;

    part->request = sr;

    part->next = s->parts;
    s->parts = part;

    return part;
}


/* The client has all that was passed on of slices that are over. */

void
ngx_http_xr_slice_part_sweep(ngx_http_xr_slice_t *s)
{
    ngx_http_xr_slice_part_t  *part, **next;

    next = &s->parts;

    while (*next != NULL) {
        part = *next;

        if (part->request->done) {
            *next = part->next;
            ngx_http_xr_part_release(part->request);

        } else {
            next = &part->next;
        }
    }
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

        /* nor is the entry in use any more, and may make room for another */

        ngx_http_file_cache_free(r->cache, NULL);
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
    uint64_t                   last;
    ngx_pool_cleanup_t        *cln;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_slice_part_t  *part;

    xlcf = ngx_http_get_module_loc_conf(s->request, ngx_http_xr_module);

    last = ngx_min(number + xlcf->prefetch, s->ranges[s->i].last / s->size);

    for (s->ahead = ngx_max(s->ahead, number + 1);
         s->ahead <= last
         && ngx_http_xr_parts_ahead < NGX_HTTP_XR_SLICE_AHEAD;
         s->ahead++)
    {
        cln = ngx_pool_cleanup_add(s->request->pool, 0);

        if (cln == NULL) {
            return;
        }

        part = ngx_http_xr_slice_part_fetch(s, s->ahead, 1, 1);

        if (part == NULL) {
            return;
        }

        cln->handler = ngx_http_xr_part_ahead_end;
        cln->data = part;

        ngx_http_xr_parts_ahead++;
    }
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

    p = ngx_pnalloc(s->request->pool, NGX_HTTP_XR_SLICE_KEY_SIZE);

    if (p == NULL) {
        return NGX_ERROR;
    }

    part->key.data = p;
    part->key.len = ngx_sprintf(p, "@%uL:%uL:%uxL\n", s->size, part->number,
                                (part->number == 0) ? 0 : s->version.tag)
                    - p;

    return NGX_OK;
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

    ngx_http_xr_part_ahead_end(part);

    if (part->probe && part == part->slice->part) {
        part->over = 1;

        if (ngx_http_post_request(r->main, NULL) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
