/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_replica.h"
#include "ngx_http_xr_slice.h"


/*
 * How many slices one request to the origin is for: as many as its client is
 * sure to want of those that are neither stored nor on their way.
 */

static uint64_t ngx_http_xr_reach_wanted(ngx_http_xr_slice_t *s,
    uint64_t number);
static uint64_t ngx_http_xr_reach_spec(ngx_http_xr_slice_t *s,
    uint64_t number);
static uint64_t ngx_http_xr_reach_missing(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t last);
static ngx_uint_t ngx_http_xr_reach_stored(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s, uint64_t number);
static ngx_http_file_cache_node_t *ngx_http_xr_reach_node(
    ngx_http_file_cache_t *cache, u_char *key);
static ngx_int_t ngx_http_xr_reach_set(ngx_http_request_t *r,
    ngx_table_elt_t *h, const char *format, uint64_t first, uint64_t last,
    uint64_t length);


/* The last slice that the request for a slice is to ask for. */

uint64_t
ngx_http_xr_slice_reach_last(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    uint64_t                 last, most;
    ngx_http_upstream_t     *u;
    ngx_http_xr_slice_t     *s;
    ngx_http_xr_loc_conf_t  *xlcf;

    s = part->slice;
    u = r->upstream;
    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);

    part->reach = part->number;

    /* a slice that is not longer than a buffer might be read beyond its end */

    if (s->size == 0
        || s->size < u->conf->buffer_size
        || xlcf->slice_run / s->size < 2
        || s->single || s->run != NULL
        || part->request != r || part != s->part
        || part->probe || part->refresh || part->uncached || part->whole
        || r->cache == NULL || !u->cacheable
        || u->cache_status != NGX_HTTP_CACHE_MISS)
    {
        return part->number;
    }

    most = part->number + xlcf->slice_run / s->size - 1;
    last = ngx_min(ngx_http_xr_reach_wanted(s, part->number), most);

    part->reach = (part->number != 0)
                  ? ngx_http_xr_reach_missing(r, part, last) : last;

    return part->reach;
}


/* The last one that the client gets something of. */

static uint64_t
ngx_http_xr_reach_wanted(ngx_http_xr_slice_t *s, uint64_t number)
{
    uint64_t                last;
    ngx_http_headers_in_t  *in;

    if (s->headed) {
        return s->ranges[s->i].last / s->size;
    }

    in = &s->request->headers_in;

    if (s->bare || s->request->method == NGX_HTTP_HEAD
        || in->if_match != NULL
        || in->if_none_match != NULL
        || in->if_modified_since != NULL
        || in->if_unmodified_since != NULL
        || in->if_range != NULL)
    {
        return number;              /* the answer may have no body */
    }

    last = ngx_http_xr_reach_spec(s, number);

    if (s->known) {
        last = ngx_min(last, (s->version.length - 1) / s->size);
    }

    return ngx_max(last, number);
}


static uint64_t
ngx_http_xr_reach_spec(ngx_http_xr_slice_t *s, uint64_t number)
{
    if (s->nspecs == 0) {
        return UINT64_MAX;
    }

    if (s->nspecs > 1) {
        return number;
    }

    return s->specs[0].suffix ? UINT64_MAX : s->specs[0].last / s->size;
}


/* Up to the first that need not be asked for. */

static uint64_t
ngx_http_xr_reach_missing(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t last)
{
    uint64_t  number;

    for (number = part->number + 1; number <= last; number++) {

        if (ngx_http_xr_reach_stored(r, part->slice, number)
            || ngx_http_xr_slice_flight_under_way(r, part->slice, number))
        {
            break;
        }
    }

    return number - 1;
}


static ngx_uint_t
ngx_http_xr_reach_stored(ngx_http_request_t *r, ngx_http_xr_slice_t *s,
    uint64_t number)
{
    u_char                       key[NGX_HTTP_CACHE_KEY_LEN];
    ngx_md5_t                    md5;
    ngx_str_t                   *keys;
    ngx_uint_t                   i, stored;
    ngx_http_cache_t            *c;
    ngx_http_file_cache_t       *cache;
    ngx_http_file_cache_node_t  *fcn;
    u_char                       text[NGX_HTTP_XR_SLICE_KEY_SIZE];
    ngx_str_t                    slice;

    c = r->cache;
    cache = c->file_cache;
    keys = c->keys.elts;

    slice.data = text;
    slice.len = ngx_http_xr_slice_part_name(s, number, text) - text;

    ngx_md5_init(&md5);

    for (i = 0; i < c->keys.nelts; i++) {

        /* before tenant and object stands the slice */

        if (i + 3 == c->keys.nelts) {
            ngx_md5_update(&md5, slice.data, slice.len);

        } else {
            ngx_md5_update(&md5, keys[i].data, keys[i].len);
        }
    }

    ngx_md5_final(key, &md5);

    ngx_shmtx_lock(&cache->shpool->mutex);

    fcn = ngx_http_xr_reach_node(cache, key);
    stored = (fcn != NULL && (fcn->exists || fcn->updating));

    ngx_shmtx_unlock(&cache->shpool->mutex);

    return stored;
}


/* As NGINX looks for it. */

static ngx_http_file_cache_node_t *
ngx_http_xr_reach_node(ngx_http_file_cache_t *cache, u_char *key)
{
    ngx_int_t                    rc;
    ngx_rbtree_key_t             node_key;
    ngx_rbtree_node_t           *node, *sentinel;
    ngx_http_file_cache_node_t  *fcn;

    ngx_memcpy(&node_key, key, sizeof(ngx_rbtree_key_t));

    node = cache->sh->rbtree.root;
    sentinel = cache->sh->rbtree.sentinel;

    while (node != sentinel) {

        if (node_key != node->key) {
            node = (node_key < node->key) ? node->left : node->right;
            continue;
        }

        fcn = (ngx_http_file_cache_node_t *) node;

        rc = ngx_memcmp(&key[sizeof(ngx_rbtree_key_t)], fcn->key,
                        NGX_HTTP_CACHE_KEY_LEN - sizeof(ngx_rbtree_key_t));

        if (rc == 0) {
            return fcn;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


/*
 * The header of an answer that brings several slices is made that of the one
 * whose subrequest has asked; "end" is where its bytes end.  NGX_DECLINED: it
 * brings no more than that one; NGX_HTTP_UPSTREAM_INVALID_HEADER: it is of no
 * use, and a request for the slice alone follows.
 */

ngx_int_t
ngx_http_xr_slice_reach_trim(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t *length, uint64_t *end)
{
    uint64_t               first, size, one;
    ngx_table_elt_t       *place;
    xr_range_content_t     content;
    ngx_http_upstream_t   *u;
    ngx_http_xr_origin_t  *exchange;

    if (part->reach == part->number) {
        return NGX_DECLINED;
    }

    u = r->upstream;
    exchange = u->input_filter_ctx;
    size = part->slice->size;
    first = part->number * size;

    place = ngx_http_xr_slice_origin_line(u, "Content-Range");

    if (place == NULL
        || ngx_http_xr_slice_origin_place(&place->value, &content) != NGX_OK
        || content.range.first != first
        || content.range.last >= (part->reach + 1) * size
        || content.range.last + 1 < ngx_min(first + size, content.length)
        || u->headers_in.content_length_n == -1
        || (uint64_t) u->headers_in.content_length_n
           != content.range.last + 1 - first)
    {
        part->slice->single = 1;

        exchange->replicas->rewrite = 1;
        exchange->replicas->chosen = 1;
        exchange->replicas->next = exchange->replicas->current;

        ngx_http_xr_replica_again(r);

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    *length = content.length;
    *end = content.range.last + 1;

    part->reach = (*end == content.length) ? (*end - 1) / size
                                           : *end / size - 1;

    if (part->reach == part->number && *end <= first + size) {
        return NGX_DECLINED;
    }

    one = ngx_min(first + size, content.length) - first;

    u->headers_in.content_length_n = (off_t) one;

    return (ngx_http_xr_reach_set(r, place, "bytes %uL-%uL/%uL", first,
                                  first + one - 1, content.length)
            == NGX_OK
            && ngx_http_xr_reach_set(r, u->headers_in.content_length, "%uL",
                                     one, 0, 0)
               == NGX_OK)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_xr_reach_set(ngx_http_request_t *r, ngx_table_elt_t *h,
    const char *format, uint64_t first, uint64_t last, uint64_t length)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, XR_RANGE_CONTENT_SIZE + sizeof("bytes "));
    if (p == NULL) {
        return NGX_ERROR;
    }

    h->value.data = p;
    h->value.len = ngx_sprintf(p, format, first, last, length) - p;
    h->value.data[h->value.len] = '\0';

    return NGX_OK;
}
