/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_slice.h"

#include "xr_http_date.h"
#include "xr_precondition.h"


/*
 * A slice at its origin.  Servers ignore If-Range, so every answer is compared
 * with what was asked for, and with the version that the other slices are of.
 */

#define NGX_HTTP_XR_GONE         410


static ngx_uint_t ngx_http_xr_slice_origin_whole(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_slice_origin_partial(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_slice_origin_changed(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_uint_t whole);
static ngx_int_t ngx_http_xr_slice_origin_content(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t *length);
static ngx_uint_t ngx_http_xr_slice_origin_strong(ngx_str_t *etag);
static ngx_str_t ngx_http_xr_slice_origin_find(ngx_http_upstream_t *u,
    const char *name);


/* Settings by which the cache is written but not read. */

void
ngx_http_xr_slice_origin_bypass(ngx_http_upstream_conf_t *conf)
{
    static ngx_http_complex_value_t  always = {
        ngx_string("1"), NULL, NULL, NULL, { 0 }
    };

    static ngx_array_t  predicates = {
        &always, 1, sizeof(ngx_http_complex_value_t), 1, NULL
    };

    conf->cache_bypass = &predicates;
}


/* The Range of a slice, of which the origin says where it ends; or none. */

ngx_str_t
ngx_http_xr_slice_origin_range(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, u_char *text)
{
    uint64_t   first, size;
    ngx_str_t  range;

    range.data = text;
    range.len = 0;

    if (!ngx_http_xr_slice_origin_whole(r, part)) {
        size = part->slice->size;
        first = part->number * size;

        range.len = ngx_sprintf(text, "bytes=%uL-%uL", first,
                                (ngx_http_xr_slice_reach_last(r, part) + 1)
                                * size - 1)
                    - text;
    }

    return range;
}


/*
 * Whether what comes is for this client only: an object that is not sliced and
 * will not be stored.
 */

ngx_uint_t
ngx_http_xr_slice_origin_asks(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    part->asked = part->slice->size == 0
                  && (r->cache == NULL || !r->upstream->cacheable)
                  && r->upstream->cache_status != NGX_HTTP_CACHE_EXPIRED;

    return part->asked;
}


/* In the background it is known by now what the root is. */

static ngx_uint_t
ngx_http_xr_slice_origin_whole(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    return part->whole || (part->request != r && part->slice->whole);
}


/*
 * The header of an answer is complete.  NGX_OK: it goes its usual way;
 * NGX_ERROR: it is of no use, and the client's request knows why;
 * NGX_HTTP_UPSTREAM_INVALID_HEADER.
 */

ngx_int_t
ngx_http_xr_slice_origin_answer(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_int_t  rc;

    if (part->slice->cut != NULL) {
        rc = ngx_http_xr_cut_origin_answer(r, part);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    switch (r->upstream->headers_in.status_n) {

    case NGX_HTTP_PARTIAL_CONTENT:
        return ngx_http_xr_slice_origin_whole(r, part)
               ? NGX_OK : ngx_http_xr_slice_origin_partial(r, part);

    case NGX_HTTP_OK:
        return (part->number == 0)
               ? NGX_OK : ngx_http_xr_slice_origin_changed(r, part, 0);

    case NGX_HTTP_RANGE_NOT_SATISFIABLE:
        if (part->number == 0) {

            /* an empty object has no first byte */

            return ngx_http_xr_slice_origin_whole(r, part)
                   ? NGX_OK : ngx_http_xr_slice_origin_changed(r, part, 1);
        }

        return ngx_http_xr_slice_origin_changed(r, part, 0);

    case NGX_HTTP_PRECONDITION_FAILED:
    case NGX_HTTP_NOT_FOUND:
    case NGX_HTTP_XR_GONE:
        return (part->number == 0)
               ? NGX_OK : ngx_http_xr_slice_origin_changed(r, part, 0);

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_xr_slice_origin_partial(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    uint64_t   end, tag, length;
    ngx_int_t  rc;
    ngx_str_t  etag;

    rc = ngx_http_xr_slice_reach_trim(r, part, &length, &end);

    if (rc != NGX_OK && rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_xr_slice_origin_content(r, part, &length) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xr: origin sent another range than was asked for");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    etag = ngx_http_xr_slice_origin_find(r->upstream, "ETag");

    if (!ngx_http_xr_slice_origin_strong(&etag)) {

        /* nothing would tell the slices of two versions apart */

        return ngx_http_xr_slice_origin_changed(r, part, part->number == 0);
    }

    tag = ngx_http_xr_slice_version_tag(&etag);

    if (part->number != 0
        && (part->version.length != length || part->version.tag != tag))
    {
        return ngx_http_xr_slice_origin_changed(r, part, 0);
    }

    return (rc == NGX_OK)
           ? ngx_http_xr_slice_run_begin(r, part, length, end, tag) : NGX_OK;
}


/* "whole": it has to be asked for without a range. */

static ngx_int_t
ngx_http_xr_slice_origin_changed(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_uint_t whole)
{
    if (part->request == r && part == part->slice->part) {
        part->slice->changed = 1;
        part->slice->whole = whole;

    } else if (part->request != r && !part->slice->probing) {

        /* in the background: whoever comes next takes care of it */

        ngx_http_xr_slice_version_put(r, part->slice,
                                      NGX_HTTP_XR_VERSION_IS_DIRTY, 0);
    }

    return NGX_ERROR;
}


/* What is stored is compared, too: a file may be another's. */

ngx_int_t
ngx_http_xr_slice_origin_stored(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    uint64_t  length;

    if (r->upstream->headers_in.status_n != NGX_HTTP_PARTIAL_CONTENT) {
        return (part->number == 0) ? NGX_OK : NGX_ERROR;
    }

    return ngx_http_xr_slice_origin_content(r, part, &length);
}


/* Whether it is the slice; the length of the object is learned by that. */

static ngx_int_t
ngx_http_xr_slice_origin_content(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t *length)
{
    uint64_t              first, last;
    ngx_str_t             value;
    xr_range_content_t    content;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    value = ngx_http_xr_slice_origin_find(u, "Content-Range");

    if (ngx_http_xr_slice_origin_place(&value, &content) != NGX_OK) {
        return NGX_ERROR;
    }

    first = part->number * part->slice->size;
    last = ngx_min(first + part->slice->size, content.length) - 1;

    if (content.range.first != first || content.range.last != last
        || (u->headers_in.content_length_n != -1
            && (uint64_t) u->headers_in.content_length_n != last - first + 1))
    {
        return NGX_ERROR;
    }

    *length = content.length;

    return NGX_OK;
}


/* A Content-Range that says which bytes of how many these are. */

ngx_int_t
ngx_http_xr_slice_origin_place(ngx_str_t *value, xr_range_content_t *content)
{
    return xr_range_content_parse(ngx_http_xr_view(value), content) == XR_OK
           && !content->unsatisfied && content->length != XR_RANGE_UNKNOWN
           ? NGX_OK : NGX_ERROR;
}


/* A Range that is written as servers expect it; they differ on more. */

ngx_uint_t
ngx_http_xr_slice_origin_plain(ngx_str_t *range)
{
    size_t           i;
    xr_str_t         s;
    xr_range_spec_t  spec;

    s = ngx_http_xr_view(range);

    if (!xr_str_starts(s, xr_str("bytes="))) {
        return 0;
    }

    for (i = 0; i < s.len; i++) {

        if (s.data[i] == ' ' || s.data[i] == '\t' || s.data[i] == ',') {
            return 0;
        }
    }

    if (xr_range_parse(s, &spec, 1) != 1) {
        return 0;
    }

    /* a number that is none there any more */

    if (spec.first > XR_RANGE_LENGTH_MAX
        || (spec.last == UINT64_MAX && !spec.suffix
            && s.data[s.len - 1] != '-'))
    {
        return 0;
    }

    return !(spec.suffix && spec.first == 0);
}


/* When the origin sent it; what is stored whole says when it was stored. */

time_t
ngx_http_xr_slice_origin_date(ngx_http_request_t *r)
{
    int64_t    date;
    ngx_str_t  value;

    value = ngx_http_xr_slice_origin_find(r->upstream, "Date");

    if (value.len != 0
        && xr_http_date(ngx_http_xr_view(&value), ngx_time(), &date) == XR_OK)
    {
        return (time_t) date;
    }

    return (r->cached && r->cache->date != 0) ? r->cache->date : ngx_time();
}


static ngx_uint_t
ngx_http_xr_slice_origin_strong(ngx_str_t *etag)
{
    xr_precondition_etag_t  parsed;

    return xr_precondition_etag(ngx_http_xr_view(etag), &parsed) == XR_OK
           && !parsed.weak;
}


static ngx_str_t
ngx_http_xr_slice_origin_find(ngx_http_upstream_t *u, const char *name)
{
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    ngx_str_null(&value);
    h = ngx_http_xr_slice_origin_line(u, name);

    return (h != NULL) ? h->value : value;
}


/* The last of that name. */

ngx_table_elt_t *
ngx_http_xr_slice_origin_line(ngx_http_upstream_t *u, const char *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *found;

    found = NULL;

    for (part = &u->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (xr_str_eq(ngx_http_xr_view(&h[i].key), xr_str(name))) {
                found = &h[i];
            }
        }
    }

    return found;
}
