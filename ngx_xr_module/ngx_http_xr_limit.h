/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_LIMIT_H
#define NGX_HTTP_XR_LIMIT_H


#include "ngx_http_xr.h"
#include "ngx_http_xr_redis.h"

#include "xr_bucket.h"
#include "xr_streams.h"


/*
 * Token buckets.  Requests spend what this edge has leased from Redis, see
 * xr_bucket.h; what must be exact asks Redis for each request.
 */

#define NGX_HTTP_XR_LIMIT_MAX      24       /* that can apply to a request */
#define NGX_HTTP_XR_LIMIT_NAMES    256      /* that are counted apart */
#define NGX_HTTP_XR_LIMIT_WORKERS  16


typedef enum {
    NGX_HTTP_XR_LIMIT_PASSED = 0,
    NGX_HTTP_XR_LIMIT_DELAYED,
    NGX_HTTP_XR_LIMIT_REJECTED,
    NGX_HTTP_XR_LIMIT_DRY_RUN,              /* would have been rejected */
    NGX_HTTP_XR_LIMIT_DEGRADED,             /* decided without Redis */
    NGX_HTTP_XR_LIMIT_NEAR,                 /* passed, four fifths are used */
    NGX_HTTP_XR_LIMIT_OUTCOMES
} ngx_http_xr_limit_outcome_t;


#define NGX_HTTP_XR_LIMIT_CAP      65534    /* streams at a time */
#define NGX_HTTP_XR_LIMIT_AFTER    10000    /* milliseconds, see _rate.c */

/* How far a name has got its slot. */

#define NGX_HTTP_XR_LIMIT_FREE     0
#define NGX_HTTP_XR_LIMIT_NAMING   1
#define NGX_HTTP_XR_LIMIT_NAMED    2


/* What became of requests, by the name of a limit; each worker has a line. */

typedef struct {
    ngx_atomic_t                     n[8];
} ngx_http_xr_limit_counts_t;

typedef struct {
    ngx_atomic_t                     state;
    u_char                           name[XR_LIMIT_NAME_MAX + 1];
    size_t                           len;
    ngx_http_xr_limit_counts_t       counts[NGX_HTTP_XR_LIMIT_WORKERS];
} ngx_http_xr_limit_name_t;


/* In shared memory. */

struct ngx_http_xr_limit_shared_s {
    ngx_http_xr_limit_name_t         names[NGX_HTTP_XR_LIMIT_NAMES];
    ngx_http_xr_redis_stats_t        redis[NGX_HTTP_XR_LIMIT_WORKERS];
    xr_buckets_t                    *buckets;
    xr_streams_t                    *streams;
};


/* "xr_limit" */

typedef struct {
    ngx_http_xr_limit_counts_t      *counts;    /* of this process, or NULL */
    uint64_t                         tag;       /* see _key.c */
    ngx_uint_t                       exact;     /* decided by Redis */
    xr_limit_t                       limit;
} ngx_http_xr_limit_conf_t;


/* "xr_limit_conn": a cap of responses at a time. */

typedef struct {
    xr_limit_key_t                   key;
    ngx_uint_t                       max;
} ngx_http_xr_limit_cap_t;


/* What an exact limit asks Redis for, and is told. */

typedef struct {
    int64_t                          want;
    int64_t                          granted;
    int64_t                          wait;      /* microseconds */
    u_char                           key[XR_LIMIT_KEY_SIZE];
} ngx_http_xr_limit_ask_t;


/* One limit on its way through a request, in a cache line. */

typedef struct {
    const xr_limit_t                *limit;
    ngx_http_xr_limit_counts_t      *counts;    /* NULL: not counted */
    xr_bucket_t                     *bucket;    /* NULL: not looked up yet; it
                                                   is a guess until taken */
    uint64_t                         tag;
    int64_t                          charged;   /* millionths */
    int64_t                          left;      /* of the bucket, as known */
    ngx_http_xr_limit_ask_t         *ask;       /* if exact, once needed */
    u_char                           taken;
    u_char                           exact;     /* decided by Redis */
    u_char                           degraded;
} ngx_http_xr_limit_use_t;


/* A bucket in a call of the script, see xr_limit.h, and in its answer. */

typedef struct {
    const u_char                    *key;       /* of XR_LIMIT_KEY_SIZE */
    int64_t                          rate;
    int64_t                          burst;
    int64_t                          want;
    int64_t                          due;
} ngx_http_xr_limit_part_t;

typedef struct {
    int64_t                          granted;
    int64_t                          balance;
    int64_t                          wait;      /* microseconds */
} ngx_http_xr_limit_answer_t;


/* How far the call to Redis is. */

#define NGX_HTTP_XR_EXACT_NONE      0
#define NGX_HTTP_XR_EXACT_ASKED     1
#define NGX_HTTP_XR_EXACT_ANSWERED  2
#define NGX_HTTP_XR_EXACT_FAILED    3


/* What a request needs that has to wait, as few have. */

typedef struct {
    ngx_event_t                      timer;
    ngx_msec_t                       began;
    ngx_http_xr_redis_call_t        *call;      /* to Redis, in flight */
} ngx_http_xr_limit_pause_t;


struct ngx_http_xr_limited_s {
    ngx_http_request_t              *request;
    ngx_http_xr_ctx_t               *ctx;
    ngx_uint_t                       n;
    ngx_uint_t                       nleased;   /* of them: they come first */
    ngx_http_xr_limit_pause_t       *pause;     /* NULL: never waited */
    ngx_http_xr_limit_use_t         *refuser;
    ngx_msec_t                       retry;     /* milliseconds, if refused */
    ngx_http_xr_limit_outcome_t      outcome;

    unsigned                         reply:2;   /* of the call */
    unsigned                         delayed:1;
    unsigned                         near:1;    /* little is left of one */
    unsigned                         dry_run:1; /* one would have rejected it */
    unsigned                         done:1;    /* decided, once for all */
    unsigned                         settled:1;
    unsigned                         bytes:1;   /* one is in bytes */

    ngx_http_xr_limit_use_t          uses[];
};


/*
 * Living processes of NGINX have different slots, also those of two
 * configurations: a line that is nobody else's needs no atomic operation.  The
 * last one is for all that there is no other for.
 */

#define NGX_HTTP_XR_LIMIT_SHARED  (NGX_HTTP_XR_LIMIT_WORKERS - 1)


static ngx_inline void
ngx_http_xr_limit_count(ngx_http_xr_limit_use_t *use,
    ngx_http_xr_limit_outcome_t outcome)
{
    if (use->counts == NULL) {
        return;
    }

    if ((ngx_uint_t) ngx_process_slot < NGX_HTTP_XR_LIMIT_SHARED) {
        use->counts->n[outcome] += 1;

    } else {
        (void) ngx_atomic_fetch_add(&use->counts->n[outcome], 1);
    }
}


/* limit */
void ngx_http_xr_limit_log(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, const char *what);
void ngx_http_xr_limit_charge(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t amount);
void ngx_http_xr_limit_give_back(ngx_http_xr_limited_t *l);
ngx_int_t ngx_http_xr_limit_degrade(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t cost);
ngx_int_t ngx_http_xr_limit_wait(ngx_http_xr_limited_t *l, ngx_msec_t ms);
ngx_int_t ngx_http_xr_limit_suspend(ngx_http_xr_limited_t *l);
ngx_int_t ngx_http_xr_limit_sleep(ngx_http_xr_limited_t *l);
void ngx_http_xr_limit_resume(ngx_http_xr_limited_t *l);

/* limit_conf */
char *ngx_http_xr_limit_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_limit_conf_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_limit_conf_conn(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_limit_conf_min_rate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_xr_limit_conf_create(ngx_http_xr_loc_conf_t *conf);
char *ngx_http_xr_limit_conf_merge(ngx_conf_t *cf,
    ngx_http_xr_loc_conf_t *prev, ngx_http_xr_loc_conf_t *conf);

/* limit_fields */
xr_str_t ngx_http_xr_limit_fields_status(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_limit_fields_name(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
xr_str_t ngx_http_xr_limit_fields_near(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* limit_name */
void ngx_http_xr_limit_name_init(ngx_http_xr_main_conf_t *xmcf);
ngx_http_xr_limit_counts_t *ngx_http_xr_limit_name_counts(
    ngx_http_xr_limit_shared_t *shared, xr_str_t name);

/* limit_key */
ngx_http_xr_limited_t *ngx_http_xr_limit_key_gather(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
ngx_uint_t ngx_http_xr_limit_key_exact(ngx_http_xr_main_conf_t *xmcf,
    const xr_limit_t *limit);
uint64_t ngx_http_xr_limit_key_of(ngx_http_xr_main_conf_t *xmcf, xr_str_t name,
    xr_limit_key_t key, xr_limit_unit_t unit);
uint64_t ngx_http_xr_limit_key_tag(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, uint64_t limit, xr_limit_key_t key);
ngx_int_t ngx_http_xr_limit_key_redis(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, const xr_limit_t *limit,
    u_char key[XR_LIMIT_KEY_SIZE]);

/* limit_lease */
ngx_int_t ngx_http_xr_limit_lease_bucket(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use);
ngx_int_t ngx_http_xr_limit_lease_take(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t cost);
ngx_int_t ngx_http_xr_limit_lease_spend(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t cost, xr_bucket_result_t *res);

void ngx_http_xr_limit_lease_init(ngx_http_xr_main_conf_t *xmcf,
    ngx_log_t *log);

/* limit_exact */
ngx_int_t ngx_http_xr_limit_exact_run(ngx_http_xr_limited_t *l);
void ngx_http_xr_limit_exact_charge(ngx_http_xr_limited_t *l,
    ngx_http_xr_limit_use_t *use, int64_t amount);

/* limit_bytes */
int64_t ngx_http_xr_limit_bytes_reserve(ngx_http_request_t *r,
    const xr_limit_t *limit);
void ngx_http_xr_limit_bytes_length(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* limit_conn */
void ngx_http_xr_limit_conn_init(ngx_http_xr_main_conf_t *xmcf);
void ngx_http_xr_limit_conn_leave(ngx_http_request_t *r);

/* limit_fields */
ngx_int_t ngx_http_xr_limit_fields_push(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);

/* limit_rate */
ngx_int_t ngx_http_xr_limit_rate_watch(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
void ngx_http_xr_limit_rate_init(ngx_log_t *log);

/* limit_script */
ngx_http_xr_redis_call_t *ngx_http_xr_limit_script_call(
    ngx_http_xr_redis_t *redis, const char *mode,
    ngx_http_xr_limit_part_t *parts, ngx_uint_t n, ngx_msec_t deadline,
    ngx_http_xr_redis_pt handler, void *data);
ngx_int_t ngx_http_xr_limit_script_answer(redisReply *reply,
    ngx_http_xr_limit_answer_t *answers, ngx_uint_t n);


#endif /* NGX_HTTP_XR_LIMIT_H */
