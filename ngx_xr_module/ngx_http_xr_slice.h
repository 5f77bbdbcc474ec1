/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_SLICE_H
#define NGX_HTTP_XR_SLICE_H


#include "ngx_http_xr.h"
#include "ngx_http_xr_wake.h"

#include "xr_range.h"


/*
 * A client's request for an object that is stored in slices.  The request
 * itself asks nobody: each slice that it needs is a subrequest, one after the
 * other, and is a cache entry of its own.
 *
 * The first slice, the root, has no version in its key.  It tells which
 * version of the object there is, and for how long that is so; the keys of
 * all others hold a hash of its entity tag.  So the slices of two versions
 * cannot be mixed, and what is behind the root never has to be asked again.
 */

#define NGX_HTTP_XR_SLICE_KEY_SIZE    (sizeof("@::\n") - 1 + 3 * 20)
#define NGX_HTTP_XR_SLICE_RANGE_SIZE  (sizeof("bytes=-") - 1 + 2 * 20)


/* An object's version, as all workers know it. */

typedef struct {
    uint64_t                       tag;         /* a hash of its ETag */
    uint64_t                       length;
} ngx_http_xr_version_t;

typedef enum {
    NGX_HTTP_XR_VERSION_IS_NONE = 0,
    NGX_HTTP_XR_VERSION_IS_KNOWN,
    NGX_HTTP_XR_VERSION_IS_DIRTY                /* the root is out of date */
} ngx_http_xr_version_state_t;


/* One subrequest: a slice, of which the client gets a part or nothing. */

typedef struct ngx_http_xr_slice_part_s  ngx_http_xr_slice_part_t;
typedef struct ngx_http_xr_follow_s      ngx_http_xr_follow_t;
typedef struct ngx_http_xr_slice_file_s  ngx_http_xr_slice_file_t;
typedef struct ngx_http_xr_slice_held_s  ngx_http_xr_slice_held_t;

struct ngx_http_xr_slice_part_s {
    ngx_http_xr_slice_part_t      *next;        /* of s->parts */
    ngx_http_xr_slice_t           *slice;
    ngx_http_request_t            *request;     /* NULL: there is none */
    ngx_pool_t                    *pool;        /* that it lies in, too */
    uint64_t                       number;      /* of the slice */
    uint64_t                       offset;      /* in the object: of what the
                                                   next byte of a body is, */
    uint64_t                       first;       /* and what is passed on, */
    uint64_t                       end;         /* which ends before this */
    uint64_t                       reach;       /* the last slice that its
                                                   request asks for */
    ngx_str_t                      key;         /* before tenant and object */
    ngx_http_xr_version_t          version;     /* that is in the key */
    ngx_int_t                      rc;
    ngx_http_xr_follow_t          *follow;      /* it comes by another one */
    unsigned                       whole:1;     /* no range is asked for */
    unsigned                       asked:1;     /* as the client asks */
    unsigned                       refresh:1;   /* not from the cache */
    unsigned                       probe:1;     /* for its header only */
    unsigned                       ahead:1;     /* for later */
    unsigned                       kept:1;      /* as long as the client's */
    unsigned                       uncached:1;  /* the cache has failed it */
    unsigned                       headed:1;    /* its header was good */
    unsigned                       over:1;      /* of a probe: is known */
};


struct ngx_http_xr_slice_s {
    ngx_http_request_t            *request;     /* the client's */
    uint64_t                       size;        /* of a slice */
    u_char                         object[XR_SIPHASH_SIZE];

    ngx_http_xr_version_t          version;
    time_t                         expires;     /* of what is known of it */
    ngx_str_t                      etag;        /* empty: not seen yet */
    time_t                         born;        /* the root: when Age was 0, */
    uint32_t                       lines;       /* and what it says of
                                                   freshness, hashed */
    ngx_http_request_t            *root;        /* its header, if what is sent
                                                   is of another slice */

    xr_range_spec_t               *specs;       /* Range, as it was sent */
    size_t                         nspecs;
    xr_range_t                    *ranges;      /* what is to be sent */
    size_t                         nranges;
    size_t                         i;           /* the one that is sent */
    uint64_t                       next;        /* the next byte of it */
    uint64_t                       ahead;       /* the next slice to read
                                                   ahead */
    xr_range_multipart_t           multipart;

    ngx_http_xr_cut_t             *cut;         /* or NULL: as it is */
    ngx_http_xr_slice_held_t      *held;        /* an open file of a slice */
    ngx_http_xr_slice_part_t      *part;        /* under way for the client */
    ngx_http_xr_slice_part_t      *parts;       /* that hold something */
    ngx_http_xr_run_t             *run;         /* what slices come by; or
                                                   NULL */
    ngx_uint_t                     restarts;
    uint64_t                       followed;    /* the last slice, */
    ngx_uint_t                     follows;     /* and how often in vain */
    size_t                         parted;      /* of several: begun so far */
    ngx_int_t                      status;      /* an answer without bytes */
    ngx_uint_t                     cache_status;

    xr_range_result_t              result;

    unsigned                       known:1;     /* the version is */
    unsigned                       stored:1;    /* the root was */
    unsigned                       outdated:1;  /* a slice: its header */
    unsigned                       refresh:1;   /* the root is out of date */
    unsigned                       whole:1;     /* it cannot be sliced */
    unsigned                       changed:1;   /* a part is of another one */
    unsigned                       purged:1;    /* or all of it was purged */
    unsigned                       headed:1;    /* the client has a header */
    unsigned                       begun:1;     /* and bytes */
    unsigned                       unmodified:1;    /* 304 */
    unsigned                       bare:1;      /* a header is all it gets */
    unsigned                       alone:1;     /* it follows nobody */
    unsigned                       probing:1;   /* to know how to cut */
    unsigned                       single:1;    /* it asks for one at a time */
};


/* A slice that some worker is fetching, as others see it. */

#define NGX_HTTP_XR_FLIGHT_PATH  256

typedef struct ngx_http_xr_flight_slot_s  ngx_http_xr_flight_slot_t;

struct ngx_http_xr_flight_slot_s {
    ngx_atomic_t                   id;          /* 0: it is free */
    u_char                         key[NGX_HTTP_XR_WAKE_KEY];
    ngx_uint_t                     worker;
    ngx_uint_t                     wanted;      /* by others */
    ngx_msec_t                     begun;
    ngx_uint_t                     followers;
    ngx_atomic_t                   written;     /* to the file, so far */
    ngx_atomic_t                   mark;        /* somebody wants no more than
                                                   up to there; 0: nobody */
    off_t                          body_start;  /* in it */
    off_t                          length;      /* of it, in the end */
    u_char                         path[NGX_HTTP_XR_FLIGHT_PATH];
                                                /* empty: there is no file */
};


/* Who finds nothing under way, as is usual, takes no lock. */

struct ngx_http_xr_flights_s {
    ngx_shmtx_t                   *mutex;
    ngx_atomic_t                   count;
    ngx_atomic_uint_t              last;        /* id */
    ngx_http_xr_flight_slot_t      slots[1];
};


typedef struct {
    ngx_http_xr_flight_slot_t     *slot;
    ngx_atomic_uint_t              id;
    u_char                         key[NGX_HTTP_XR_WAKE_KEY];
    off_t                          written;     /* to the file, so far */
    off_t                          body_start;  /* in it */
    off_t                          length;      /* of it, in the end */
    u_char                         path[NGX_HTTP_XR_FLIGHT_PATH];
                                                /* empty: there is no file */
} ngx_http_xr_flight_view_t;


/*
 * Slices that come one after the other by one answer of the origin.  Each is
 * a subrequest and an entry as any other: a connection is handed from one to
 * the next, which sees the header that it would have got if it had asked.
 */

struct ngx_http_xr_run_s {
    ngx_http_xr_slice_t           *slice;
    ngx_http_xr_slice_part_t      *leader;      /* that has asked */
    ngx_http_xr_slice_part_t      *part;        /* that reads; or NULL */
    ngx_connection_t              *connection;  /* if nobody reads */
    struct sockaddr               *sockaddr;
    socklen_t                      socklen;
    ngx_recv_pt                    recv;        /* the connection's own */
    ngx_recv_chain_pt              recv_chain;
    ngx_str_t                      lines;       /* of the header */
    uint64_t                       tag;         /* of the version */
    uint64_t                       length;      /* of the object */
    uint64_t                       purge;       /* the last when it was asked */
    uint64_t                       number;      /* under way, or the next */
    uint64_t                       last;        /* that comes by it */
    off_t                          left;        /* to read of the one that is
                                                   under way */
    off_t                          turn;        /* read since others had
                                                   theirs */
    ngx_event_t                    event;
    ngx_msec_t                     hold;        /* until it is closed */
    ngx_http_xr_waiter_t           waiter;
    u_char                         key[NGX_HTTP_XR_WAKE_KEY];
    ngx_http_xr_flight_slot_t     *slot;        /* of the next one; or NULL */
    unsigned                       exact:1;     /* nothing follows the last */
    unsigned                       keepalive:1; /* it may be kept then */
    unsigned                       over:1;
};


/* slice */
ngx_int_t ngx_http_xr_slice_init(ngx_conf_t *cf);
ngx_uint_t ngx_http_xr_slice_wanted(ngx_http_request_t *r,
    ngx_http_xr_loc_conf_t *xlcf);
ngx_int_t ngx_http_xr_slice_handler(ngx_http_request_t *r);
void ngx_http_xr_slice_continue(ngx_http_request_t *r);
ngx_uint_t ngx_http_xr_slice_many(ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_slice_cache_status(ngx_http_xr_ctx_t *ctx);

/* slice_bare */
ngx_int_t ngx_http_xr_slice_bare_header(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
void ngx_http_xr_slice_bare_end(ngx_http_xr_slice_t *s, ngx_int_t rc);

/* slice_run */
ngx_int_t ngx_http_xr_slice_run_begin(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t length, uint64_t end,
    uint64_t tag);
ngx_uint_t ngx_http_xr_slice_run_take(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
void ngx_http_xr_slice_run_join(ngx_http_request_t *r,
    ngx_peer_connection_t *pc);
ngx_uint_t ngx_http_xr_slice_run_leave(ngx_http_request_t *r,
    ngx_peer_connection_t *pc, ngx_uint_t state);
ngx_uint_t ngx_http_xr_slice_run_brings(ngx_http_xr_slice_part_t *part);
void ngx_http_xr_slice_run_at(ngx_http_xr_slice_t *s, uint64_t number);
void ngx_http_xr_slice_run_end(ngx_http_xr_run_t *run);

/* slice_run_header */
ngx_int_t ngx_http_xr_slice_run_header_read(ngx_http_request_t *r,
    ngx_http_xr_run_t *run);
off_t ngx_http_xr_slice_run_header_length(ngx_http_xr_run_t *run);
size_t ngx_http_xr_slice_run_header_write(ngx_http_xr_run_t *run, u_char *p,
    size_t size);

/* slice_reach */
uint64_t ngx_http_xr_slice_reach_last(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
ngx_int_t ngx_http_xr_slice_reach_trim(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, uint64_t *length, uint64_t *end);

/* slice_part */
ngx_http_xr_slice_part_t *ngx_http_xr_slice_part_of(ngx_http_request_t *r);
ngx_http_xr_slice_part_t *ngx_http_xr_slice_part_fetch(
    ngx_http_xr_slice_t *s, uint64_t number, ngx_uint_t probe,
    ngx_uint_t ahead);
u_char *ngx_http_xr_slice_part_name(ngx_http_xr_slice_t *s, uint64_t number,
    u_char *p);
ngx_int_t ngx_http_xr_slice_part_early(ngx_http_xr_slice_t *s,
    uint64_t number);
void ngx_http_xr_slice_part_ahead(ngx_http_xr_slice_t *s, uint64_t number);
void ngx_http_xr_slice_part_sweep(ngx_http_xr_slice_t *s);
void ngx_http_xr_slice_part_end(void *data);

/* slice_conf */
char *ngx_http_xr_slice_conf_size(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_slice_conf_run(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_slice_conf_merge(ngx_conf_t *cf,
    ngx_http_xr_loc_conf_t *prev, ngx_http_xr_loc_conf_t *conf);

/* slice_file */
char *ngx_http_xr_slice_file_conf(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_xr_slice_file_process(ngx_http_xr_main_conf_t *xmcf,
    ngx_log_t *log);
void ngx_http_xr_slice_file_keep(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
ngx_int_t ngx_http_xr_slice_file_header(ngx_http_xr_slice_t *s,
    uint64_t number);
ngx_int_t ngx_http_xr_slice_file_send(ngx_http_xr_slice_t *s, uint64_t end,
    ngx_uint_t last);

/* slice_flush */
ngx_uint_t ngx_http_xr_slice_flush_queued(ngx_http_request_t *r);
void ngx_http_xr_slice_flush_run(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_slice_flush_wait(ngx_http_request_t *r);

/* slice_flight */
ngx_int_t ngx_http_xr_slice_flight_init(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_slice_flight_process(ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_slice_flight_begin(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
void ngx_http_xr_slice_flight_body(ngx_http_request_t *r);
void ngx_http_xr_slice_flight_more(ngx_http_request_t *r);
void ngx_http_xr_slice_flight_end(ngx_http_request_t *r);
ngx_http_xr_flight_slot_t *ngx_http_xr_slice_flight_promise(
    ngx_http_xr_run_t *run, uint64_t number);
ngx_uint_t ngx_http_xr_slice_flight_shared(ngx_http_request_t *r);
ngx_uint_t ngx_http_xr_slice_flight_wanted(ngx_http_xr_flight_slot_t *slot);
void ngx_http_xr_slice_flight_renounce(ngx_http_request_t *r,
    ngx_http_xr_flight_slot_t *slot);
ngx_uint_t ngx_http_xr_slice_flight_under_way(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s, uint64_t number);
ngx_uint_t ngx_http_xr_slice_flight_find(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, ngx_msec_t age,
    ngx_http_xr_flight_view_t *view);

/* slice_view */
ngx_int_t ngx_http_xr_slice_view_join(ngx_http_request_t *r,
    ngx_http_xr_flight_view_t *view, ngx_uint_t max);
void ngx_http_xr_slice_view_leave(ngx_http_request_t *r,
    ngx_http_xr_flight_view_t *view);
ngx_uint_t ngx_http_xr_slice_view_look(ngx_http_request_t *r,
    ngx_http_xr_flight_view_t *view);
ngx_uint_t ngx_http_xr_slice_view_mark(ngx_http_request_t *r,
    ngx_http_xr_flight_view_t *view, off_t place);

/* slice_follow */
ngx_int_t ngx_http_xr_slice_follow_begin(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);

/* slice_version */
ngx_int_t ngx_http_xr_slice_version_init(ngx_conf_t *cf,
    ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_slice_version_object(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s);
uint64_t ngx_http_xr_slice_version_tag(ngx_str_t *etag);
uint32_t ngx_http_xr_slice_version_lines(uint32_t hash);
ngx_uint_t ngx_http_xr_slice_version_current(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
ngx_http_xr_version_state_t ngx_http_xr_slice_version_get(
    ngx_http_request_t *r, ngx_http_xr_slice_t *s);
void ngx_http_xr_slice_version_put(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s, ngx_http_xr_version_state_t state, time_t expires);

/* slice_origin */
ngx_int_t ngx_http_xr_slice_origin_place(ngx_str_t *value,
    xr_range_content_t *content);
ngx_uint_t ngx_http_xr_slice_origin_plain(ngx_str_t *range);
time_t ngx_http_xr_slice_origin_date(ngx_http_request_t *r);
void ngx_http_xr_slice_origin_bypass(ngx_http_upstream_conf_t *conf);
ngx_table_elt_t *ngx_http_xr_slice_origin_line(ngx_http_upstream_t *u,
    const char *name);
ngx_str_t ngx_http_xr_slice_origin_range(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part, u_char *text);
ngx_uint_t ngx_http_xr_slice_origin_asks(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
ngx_int_t ngx_http_xr_slice_origin_answer(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);
ngx_int_t ngx_http_xr_slice_origin_stored(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);

/* slice_body */
ngx_int_t ngx_http_xr_slice_body_init(ngx_conf_t *cf);
ngx_int_t ngx_http_xr_slice_body_multipart(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s);
ngx_int_t ngx_http_xr_slice_body_boundary(ngx_http_request_t *r,
    ngx_http_xr_slice_t *s, ngx_uint_t last);

/* slice_header */
xr_str_t ngx_http_xr_slice_header_value(ngx_http_request_t *r,
    ngx_table_elt_t *h);
ngx_int_t ngx_http_xr_slice_header_out(ngx_http_xr_slice_t *s);
ngx_int_t ngx_http_xr_slice_header_take(ngx_http_request_t *r,
    ngx_http_xr_slice_part_t *part);


#endif /* NGX_HTTP_XR_SLICE_H */
