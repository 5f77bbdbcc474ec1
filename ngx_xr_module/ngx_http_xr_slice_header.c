/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_cut.h"
#include "ngx_http_xr_encode.h"
#include "ngx_http_xr_slice.h"

#include "xr_precondition.h"


/*
 * The header of a slice tells what the object is.  From the first one the
 * client's header is made: conditions and ranges are judged here, for the
 * object as a whole.
 */

static ngx_int_t ngx_http_xr_slice_header_fail(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_int_t status);
static ngx_int_t ngx_http_xr_slice_header_answer(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
static ngx_uint_t ngx_http_xr_slice_header_serves(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_slice_header_version(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
static ngx_int_t ngx_http_xr_slice_header_length(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t *length);
static void ngx_http_xr_slice_header_remember(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_header_judge(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s);
static xr_precondition_result_t ngx_http_xr_slice_header_conditions(
    ngx_http_request_t *r, ngx_http_xr_slice_t *s, ngx_uint_t *ranged);
static ngx_int_t ngx_http_xr_slice_header_send(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_header_body(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s);
static ngx_int_t ngx_http_xr_slice_header_content_range(
    ngx_http_request_t *r, xr_range_t *range, uint64_t length);
static ngx_int_t ngx_http_xr_slice_header_copy(ngx_http_request_t *from,
    ngx_http_request_t *to);


/* The filter of a subrequest's header; NGX_OK lets its body follow. */

ngx_int_t
ngx_http_xr_slice_header_take(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_int_t             rc;
    ngx_http_xr_slice_t  *s;

    s = part->slice;

    if (s->probing) {
        return ngx_http_xr_cut_probe_header(r, part);
    }

    if (part->probe) {
        part->over = 1;
        r->header_only = 1;

        if (s->part != part) {
            return NGX_OK;              /* nobody waits for it, or not yet */
        }

        if (ngx_http_post_request(r->main, NULL) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (r->headers_out.status == NGX_HTTP_NOT_MODIFIED && part->asked) {
        part->headed = 1;
        s->unmodified = 1;
        s->bare = 1;
        r->header_only = 1;

        return ngx_http_xr_slice_header_send(r, s);
    }

    if (r->headers_out.status != NGX_HTTP_OK
        && r->headers_out.status != NGX_HTTP_PARTIAL_CONTENT)
    {
        return ngx_http_xr_slice_header_fail(r, part,
                                         (ngx_int_t) r->headers_out.status);
    }

    rc = ngx_http_xr_slice_header_version(r, part);

    if (rc == NGX_DECLINED) {
        s->changed = 1;
        r->header_only = 1;

        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    part->headed = 1;

    ngx_http_xr_slice_file_keep(r, part);

    return ngx_http_xr_slice_header_answer(r, part);
}


/*
 * The client has no header before a slice of which it gets something has one:
 * whatever fails until then is an answer, not a broken one.
 */

static ngx_int_t
ngx_http_xr_slice_header_answer(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    ngx_int_t             rc;
    ngx_http_xr_slice_t  *s;

    s = part->slice;

    if (!s->headed) {
        s->cache_status = r->upstream->cache_status;

        rc = ngx_http_xr_slice_header_judge(r, s);

        if (rc > NGX_OK) {
            return ngx_http_xr_slice_header_fail(r, part, rc);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (!s->bare && s->nranges != 0
            && !ngx_http_xr_slice_header_serves(s, part))
        {
            if (part->number == 0) {
                s->root = r;
            }

            r->header_only = 1;
            return NGX_OK;
        }

        if (ngx_http_xr_slice_header_send(r, s) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (s->bare || s->nranges == 0) {
        return ngx_http_xr_slice_bare_header(r, part);
    }

    if (s->result == XR_RANGE_MANY && !s->whole && s->parted == s->i) {
        s->parted++;
        return ngx_http_xr_slice_body_boundary(r, s, 0);
    }

    return NGX_OK;
}


/* Whether the client begins with it, and with what of it. */

static ngx_uint_t
ngx_http_xr_slice_header_serves(ngx_http_xr_slice_t *s,
    ngx_http_xr_slice_part_t *part)
{
    uint64_t  end;

    if (part->probe) {
        return 0;
    }

    if (s->whole) {
        part->first = s->next;
        part->end = (s->version.length == XR_RANGE_UNKNOWN)
                    ? XR_RANGE_UNKNOWN : s->ranges[s->nranges - 1].last + 1;

        return 1;
    }

    end = (part->number + 1) * s->size;

    if (s->next < part->offset || s->next >= end) {
        return 0;
    }

    part->first = s->next;
    part->end = ngx_min(end, s->ranges[0].last + 1);

    return 1;
}


/* An answer without bytes of the object. */

static ngx_int_t
ngx_http_xr_slice_header_fail(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_int_t status)
{
    ngx_table_elt_t      *h;
    ngx_http_xr_slice_t  *s;

    s = part->slice;

    s->status = status;

    /* of what is not stored the origin may have said how long it is */

    h = r->headers_out.content_range;

    if (r->headers_out.status == NGX_HTTP_RANGE_NOT_SATISFIABLE && h != NULL
        && ngx_http_xr_headers_push(s->request, &h->key, &h->value) != NGX_OK)
    {
        s->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_xr_slice_bare_header(r, part);
}


/* NGX_DECLINED: it is of another version than what was there before. */

static ngx_int_t
ngx_http_xr_slice_header_version(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part)
{
    uint64_t              length, tag;
    ngx_str_t             etag;
    ngx_http_xr_slice_t  *s;

    s = part->slice;

    if (ngx_http_xr_slice_header_length(r, part, &length) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_str_null(&etag);

    if (r->headers_out.etag != NULL) {
        etag = r->headers_out.etag->value;
    }

    tag = ngx_http_xr_slice_version_tag(&etag);

    if (r->headers_out.status == NGX_HTTP_OK) {

        /* the root may hold all of what is not sliced */

        if (part->number != 0
            || (s->headed && (s->version.tag != tag
                              || (s->version.length != length
                                  && s->version.length != XR_RANGE_UNKNOWN))))
        {
            return NGX_DECLINED;
        }

        s->whole = 1;

        if (s->headed) {
            return NGX_OK;              /* its length may be known by now */
        }

    } else if (s->known
               && (s->version.tag != tag || s->version.length != length))
    {
        return NGX_DECLINED;
    }

    s->version.tag = tag;
    s->version.length = length;

    s->known = 1;

    if (!ngx_http_xr_slice_version_current(r, part)) {
        return NGX_DECLINED;
    }

    if (s->etag.len == 0 && etag.len != 0) {
        s->etag.data = ngx_pstrdup(s->request->pool, &etag);

        if (s->etag.data == NULL) {
            return NGX_ERROR;
        }

        s->etag.len = etag.len;
    }

    if (part->number == 0) {
        ngx_http_xr_slice_header_remember(r, s);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_slice_header_length(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t *length)
{
    xr_range_content_t  content;

    if (r->headers_out.status == NGX_HTTP_OK) {
        *length = (r->headers_out.content_length_n >= 0)
                  ? (uint64_t) r->headers_out.content_length_n
                  : XR_RANGE_UNKNOWN;

        return NGX_OK;
    }

    if (r->headers_out.content_range == NULL
        || ngx_http_xr_slice_origin_place(
               &r->headers_out.content_range->value, &content)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *length = content.length;
    part->offset = content.range.first;

    return NGX_OK;
}


/* For as long as the root is fresh all workers know the version. */

static void
ngx_http_xr_slice_header_remember(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (s->whole && s->size != 0 && s->refresh) {

        /* nothing is known of it any more: not that it is out of date, too */

        ngx_http_xr_slice_version_put(r, s, NGX_HTTP_XR_VERSION_IS_NONE, 0);
    }

    if (s->whole || r->cache == NULL
        || u->cache_status == NGX_HTTP_CACHE_STALE
        || u->cache_status == NGX_HTTP_CACHE_UPDATING
        || (!r->cached && !u->cacheable))
    {
        return;
    }

    ngx_http_xr_slice_version_put(r, s, NGX_HTTP_XR_VERSION_IS_KNOWN,
                                  r->cache->valid_sec + 1);
}


/* What the client gets: NGX_OK, the status of an error, or NGX_ERROR. */

static ngx_int_t
ngx_http_xr_slice_header_judge(ngx_http_request_t *r, ngx_http_xr_slice_t *s)
{
    uint64_t    length;
    ngx_uint_t  ranged;

    length = s->version.length;
    s->result = XR_RANGE_NONE;

    switch (ngx_http_xr_slice_header_conditions(r, s, &ranged)) {

    case XR_PRECONDITION_FAILED:
        return NGX_HTTP_PRECONDITION_FAILED;

    case XR_PRECONDITION_NOT_MODIFIED:
        s->unmodified = 1;
        s->bare = 1;

        return NGX_OK;

    default: /* XR_PRECONDITION_PASS */
        break;
    }

    if (ranged && s->nspecs != 0 && length != XR_RANGE_UNKNOWN) {
        s->result = xr_range_resolve(s->specs, s->nspecs, length, s->ranges,
                                     &s->nranges);
    }

    if (s->result == XR_RANGE_UNSATISFIABLE) {
        return ngx_http_xr_slice_header_content_range(s->request, NULL, length)
               == NGX_OK ? NGX_HTTP_RANGE_NOT_SATISFIABLE : NGX_ERROR;
    }

    if (s->result == XR_RANGE_NONE) {
        s->nranges = (length != 0);
        s->ranges[0].first = 0;
        s->ranges[0].last = length - 1;
    }

    s->next = (s->nranges != 0) ? s->ranges[0].first : 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_slice_header_send(ngx_http_request_t *r, ngx_http_xr_slice_t *s)
{
    return (ngx_http_xr_slice_header_copy(r, s->request) == NGX_OK)
           ? ngx_http_xr_slice_header_out(s) : NGX_ERROR;
}


/* The client's header, when all is there that is known of the object. */

ngx_int_t
ngx_http_xr_slice_header_out(ngx_http_xr_slice_t *s)
{
    ngx_int_t            rc;
    ngx_http_request_t  *main;

    main = s->request;

    main->disable_not_modified = 1;
    main->allow_ranges = 0;

    if (s->unmodified) {
        main->headers_out.status = NGX_HTTP_NOT_MODIFIED;
        main->headers_out.content_type.len = 0;
        main->headers_out.content_length_n = -1;

        if (main->headers_out.content_encoding != NULL) {
            main->headers_out.content_encoding->hash = 0;
            main->headers_out.content_encoding = NULL;
        }

    } else if (ngx_http_xr_slice_header_body(main, s) != NGX_OK) {
        return NGX_ERROR;
    }

    s->headed = 1;
    rc = ngx_http_send_header(main);

    if (main->header_only) {
        s->bare = 1;
    }

    return (rc == NGX_ERROR || rc > NGX_OK) ? NGX_ERROR : NGX_OK;
}


static xr_precondition_result_t
ngx_http_xr_slice_header_conditions(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s, ngx_uint_t *ranged)
{
    bool                        range;
    xr_precondition_object_t    object;
    xr_precondition_request_t   req;
    xr_precondition_result_t    rc;
    ngx_http_headers_in_t      *in;

    in = &s->request->headers_in;

    req.method = (s->request->method == NGX_HTTP_HEAD)
                 ? XR_PRECONDITION_HEAD : XR_PRECONDITION_GET;
    req.if_match = ngx_http_xr_slice_header_value(r, in->if_match);
    req.if_none_match = ngx_http_xr_slice_header_value(r, in->if_none_match);
    req.if_modified_since = ngx_http_xr_slice_header_value(r,
                                                      in->if_modified_since);
    req.if_unmodified_since = ngx_http_xr_slice_header_value(r,
                                                    in->if_unmodified_since);
    req.if_range = ngx_http_xr_slice_header_value(r, in->if_range);

    object.etag = ngx_http_xr_view(&s->etag);
    object.last_modified = r->headers_out.last_modified_time;
    object.date = ngx_http_xr_slice_origin_date(r);

    rc = xr_precondition_evaluate(&req, &object, ngx_time(), &range);
    *ranged = range;

    return rc;
}


/* Lines of the same name are one list (RFC 9110, section 5.3). */

xr_str_t
ngx_http_xr_slice_header_value(ngx_http_request_t *r, ngx_table_elt_t *h)
{
#if (nginx_version >= 1023000)
    size_t            len;
    u_char           *p, *data;
    ngx_table_elt_t  *line;
#endif

    if (h == NULL) {
        return xr_str_of(NULL, 0);
    }

#if (nginx_version >= 1023000)

    if (h->next != NULL) {
        len = 0;

        for (line = h; line; line = line->next) {
            len += line->value.len + 1;
        }

        data = ngx_pnalloc(r->pool, len);

        if (data != NULL) {
            p = data;

            for (line = h; line; line = line->next) {
                p = ngx_cpymem(p, line->value.data, line->value.len);
                *p++ = ',';
            }

            return xr_str_of(data, len - 1);
        }
    }

#endif

    return ngx_http_xr_view(&h->value);
}


/* What is sent of the object. */

static ngx_int_t
ngx_http_xr_slice_header_body(ngx_http_request_t *r, ngx_http_xr_slice_t *s)
{
    uint64_t  length;

    static ngx_str_t  name = ngx_string("Accept-Ranges");
    static ngx_str_t  value = ngx_string("bytes");

    length = s->version.length;

    if (s->result == XR_RANGE_MANY) {

        if (ngx_http_xr_slice_body_multipart(r, s) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (s->result == XR_RANGE_ONE) {
        r->headers_out.status = NGX_HTTP_PARTIAL_CONTENT;
        r->headers_out.content_length_n = (off_t)
                                          xr_range_bytes(s->ranges[0]);

        if (ngx_http_xr_slice_header_content_range(r, s->ranges, length)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        r->headers_out.status = NGX_HTTP_OK;
        r->headers_out.content_length_n = (length != XR_RANGE_UNKNOWN)
                                          ? (off_t) length : -1;
    }

    return ngx_http_xr_encoding_whole(r, ngx_http_xr_get_ctx(r))
           ? NGX_OK : ngx_http_xr_headers_push(r, &name, &value);
}


/* "range" is NULL where there is none. */

static ngx_int_t
ngx_http_xr_slice_header_content_range(ngx_http_request_t *r,
    xr_range_t *range, uint64_t length)
{
    xr_buf_t          b;
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("Content-Range");

    b = xr_buf(ngx_pnalloc(r->pool, XR_RANGE_CONTENT_SIZE),
               XR_RANGE_CONTENT_SIZE);

    if (b.data == NULL) {
        return NGX_ERROR;
    }

    if (range != NULL) {
        xr_range_content(&b, *range, length);

    } else {
        xr_range_content_unsatisfied(&b, length);
    }

    value = ngx_http_xr_ngx(xr_buf_str(&b));
    h = ngx_http_xr_headers_add(r, &name, &value);

    r->headers_out.content_range = h;

    return (h != NULL) ? NGX_OK : NGX_ERROR;
}


/* What the slice's header says of the object, beside what was there. */

static ngx_int_t
ngx_http_xr_slice_header_copy(ngx_http_request_t *from, ngx_http_request_t *to)
{
    ngx_uint_t              i;
    ngx_list_t              own;
    ngx_list_part_t        *part;
    ngx_table_elt_t        *h;
    ngx_http_headers_out_t *out;

    out = &to->headers_out;
    own = out->headers;

    /* the lines stay where they are: pointers to them do, too */

    *out = from->headers_out;

    if (out->headers.last == &from->headers_out.headers.part) {
        out->headers.last = &out->headers.part;
    }

    if (out->trailers.last == &from->headers_out.trailers.part) {
        out->trailers.last = &out->trailers.part;
    }

    if (out->content_length != NULL) {
        out->content_length->hash = 0;
        out->content_length = NULL;
    }

    if (out->content_range != NULL) {
        out->content_range->hash = 0;
        out->content_range = NULL;
    }

    for (part = &own.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash != 0
                && ngx_http_xr_headers_push(to, &h[i].key, &h[i].value)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}
