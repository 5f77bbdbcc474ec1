/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_CUT_H
#define NGX_HTTP_XR_CUT_H


#include "ngx_http_xr.h"
#include "ngx_http_xr_slice.h"

#include "xr_ktx2.h"
#include "xr_range.h"


/*
 * What a client gets in the place of an object: a texture of fewer pixels, or
 * a model up to the end of its geometry.  Either is a prefix of the object,
 * with another header at most, and a representation of its own: it has a
 * length and an entity tag, and is stored as a whole.
 *
 * How to cut is learned from the beginning of the object, which is read as a
 * slice is, and remembered.  The key of what was cut holds a hash of the
 * object's entity tag, so that it is never of another version.
 */

typedef enum {
    NGX_HTTP_XR_CUT_NONE = 0,
    NGX_HTTP_XR_CUT_TEXTURE,
    NGX_HTTP_XR_CUT_HEAD
} ngx_http_xr_cut_kind_t;


struct ngx_http_xr_cut_s {
    ngx_http_xr_cut_kind_t         kind;
    uint64_t                       maxdim;      /* of a texture; 0: none */
    uint64_t                       wish;        /* likewise, by the device */
    uint64_t                       head;        /* as a manifest has it; or 0 */

    ngx_str_t                      object;      /* it is settled for this one */
    ngx_uint_t                     verdict;     /* index of its word */
    ngx_uint_t                     restarts;

    ngx_http_xr_slice_t           *probe;       /* reads the beginning */
    u_char                        *beginning;
    size_t                         size;        /* wanted of it, */
    size_t                         read;        /* and there */
    ngx_uint_t                     status;      /* without a beginning */

    uint64_t                       tag;         /* a hash of the object's */
    ngx_str_t                      etag;        /* entity tag; or empty */
    uint64_t                       source;      /* its length */
    time_t                         expires;     /* of all this */
    uint32_t                       edge;
    uint32_t                       levels;

    uint64_t                       number;      /* a level, or a length: what
                                                   is cut off */
    xr_ktx2_plan_t                 plan;
    ngx_str_t                      start;       /* in the place of the
                                                   object's */
    unsigned                       settled:1;
    unsigned                       active:1;    /* it is cut */
    unsigned                       planned:1;   /* "plan" is filled in */
    unsigned                       refresh:1;   /* not from the cache */
    unsigned                       unknown:1;   /* more has to be known */
};


/* An answer with a prefix of an object, while it is cut. */

struct ngx_http_xr_cut_flow_s {
    xr_range_content_t             content;
    uint64_t                       at;          /* in the object */
    size_t                         piece;       /* the next one */
    unsigned                       placed:1;    /* "content" is filled in */
    unsigned                       begun:1;
};


/* Words of $xr_cut. */

#define NGX_HTTP_XR_CUT_FULL       1
#define NGX_HTTP_XR_CUT_DONE       2
#define NGX_HTTP_XR_CUT_ORIGIN     3            /* from here on: refused */
#define NGX_HTTP_XR_CUT_RANGES     4
#define NGX_HTTP_XR_CUT_VALIDATOR  5
#define NGX_HTTP_XR_CUT_CHANGES    6
#define NGX_HTTP_XR_CUT_LEVELS     7
#define NGX_HTTP_XR_CUT_FORMAT     8            /* and those of libxr */


/* The part of a cut object, not of the beginning that it is learned from. */

static ngx_inline ngx_http_xr_cut_t *
ngx_http_xr_cut_of(ngx_http_xr_slice_part_t *part)
{
    return (part != NULL && !part->slice->probing) ? part->slice->cut : NULL;
}


/* cut */
ngx_int_t ngx_http_xr_cut_init(ngx_conf_t *cf, ngx_http_xr_main_conf_t *xmcf);
ngx_int_t ngx_http_xr_cut_wish(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    uint64_t maxdim);
ngx_int_t ngx_http_xr_cut_head(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    uint64_t length);
ngx_int_t ngx_http_xr_cut_begin(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_cut_active(ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_cut_named(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_cut_restart(ngx_http_xr_slice_t *s);
void ngx_http_xr_cut_settle(ngx_http_xr_ctx_t *ctx, ngx_http_xr_cut_t *cut,
    ngx_uint_t verdict);
ngx_uint_t ngx_http_xr_cut_choose(ngx_http_xr_cut_t *cut);
void ngx_http_xr_cut_remember(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_http_xr_cut_t *cut, ngx_uint_t verdict);
ngx_uint_t ngx_http_xr_cut_word(const char *what);
u_char *ngx_http_xr_cut_key(ngx_http_xr_cut_t *cut, u_char *p);
xr_str_t ngx_http_xr_cut_var(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx);

/* cut_probe */
ngx_int_t ngx_http_xr_cut_probe_begin(ngx_http_request_t *r,
    ngx_http_xr_cut_t *cut, size_t size);
ngx_int_t ngx_http_xr_cut_probe_header(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
ngx_int_t ngx_http_xr_cut_probe_body(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_chain_t *in);

/* cut_origin */
ngx_int_t ngx_http_xr_cut_origin_begin(ngx_http_request_t *r);
void ngx_http_xr_cut_origin_again(ngx_http_request_t *r);
ngx_str_t ngx_http_xr_cut_origin_condition(ngx_http_request_t *r,
    ngx_http_xr_cut_t *cut, ngx_uint_t *unless);
ngx_str_t ngx_http_xr_cut_origin_range(ngx_http_xr_cut_t *cut, u_char *text);
ngx_int_t ngx_http_xr_cut_origin_place(ngx_http_request_t *r, u_char *value,
    size_t len);
ngx_int_t ngx_http_xr_cut_origin_answer(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
void ngx_http_xr_cut_origin_body(ngx_http_request_t *r);
ngx_str_t ngx_http_xr_cut_origin_etag(ngx_http_request_t *r);

/* origin: the object as it is, or what is cut of it */
ngx_int_t ngx_http_xr_origin_serve(ngx_http_request_t *r);

/* response_body: bytes that are one more part of what a buffer holds */
ngx_buf_t *ngx_http_xr_response_body_add(ngx_event_pipe_t *p, ngx_buf_t *buf,
    u_char *start, size_t size);


#endif /* NGX_HTTP_XR_CUT_H */
