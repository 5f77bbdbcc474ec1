/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_PURGE_H
#define NGX_HTTP_XR_PURGE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "xr_memory.h"
#include "xr_purge.h"


/*
 * Purging: the table of what was purged lies in shared memory, which stays
 * over a reload, and in a journal, which stays over a restart as the cache
 * does.
 */

#define NGX_HTTP_XR_PURGE_KEY_SIZE  (sizeof("#\n") - 1 + 16)


/* In front of the table; what is not a counter is guarded by the mutex. */

typedef struct {
    ngx_atomic_t                   orders;
    ngx_atomic_t                   refused;
    ngx_atomic_t                   journal;     /* goes up with each new file */
    ngx_atomic_t                   written;     /* bytes that it has */
    ngx_atomic_t                   compacted;   /* of these when it was new */
} ngx_http_xr_purge_shared_t;


typedef struct {
    ngx_uint_t                     enable;      /* "xr_purge on" somewhere */
    size_t                         size;        /* of the zone */
    ngx_str_t                      path;        /* of the journal */
    ngx_core_conf_t               *core;        /* who is to have it */
    ngx_shm_zone_t                *zone;
    ngx_http_xr_purge_shared_t    *shared;
    xr_purge_t                    *table;       /* NULL: nothing is purged */
    xr_memory_t                   *orders;      /* that were carried out */
    ngx_fd_t                       fd;          /* the journal, of this */
    ngx_atomic_uint_t              journal;     /* process, and which it is */
} ngx_http_xr_purge_t;


/* What is known of a client's request. */

typedef struct {
    uint64_t                       some;        /* see xr_purge_some() */
    uint64_t                       generation;  /* of its object */
    ngx_str_t                      key;         /* that, in cache keys; or
                                                   empty */
} ngx_http_xr_purge_ctx_t;


/* What is known of an exchange with the origin. */

typedef struct {
    uint64_t                       last;        /* generation, when it began */
    ngx_str_t                      tags;        /* of its answer, */
    size_t                         ntags;
    ngx_str_t                      stored;      /* or of a stored one */
} ngx_http_xr_purge_answer_t;


/* Counters, by the numbers that their variables have. */

#define NGX_HTTP_XR_PURGE_COUNT_ORDERS   0
#define NGX_HTTP_XR_PURGE_COUNT_REFUSED  1
#define NGX_HTTP_XR_PURGE_COUNT_FOLDED   2


struct ngx_http_xr_main_conf_s;
struct ngx_http_xr_slice_part_s;


/* purge */
char *ngx_http_xr_purge_enable(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_xr_purge_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_xr_purge_init(ngx_conf_t *cf);
ngx_int_t ngx_http_xr_purge_begin(ngx_http_request_t *r);
ngx_int_t ngx_http_xr_purge_record(ngx_http_xr_purge_t *purge,
    xr_purge_record_t *records, size_t n, ngx_log_t *log);
ngx_int_t ngx_http_xr_purge_var_generation(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
ngx_int_t ngx_http_xr_purge_var_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

/* purge_stored */
void ngx_http_xr_purge_stored_since(ngx_http_request_t *r,
    ngx_http_xr_purge_answer_t *answer);
ngx_int_t ngx_http_xr_purge_stored_header(ngx_http_request_t *r,
    ngx_uint_t tags, u_char *value, size_t len);
size_t ngx_http_xr_purge_stored_size(ngx_http_request_t *r);
void ngx_http_xr_purge_stored_put(ngx_http_request_t *r, xr_buf_t *b);
ngx_int_t ngx_http_xr_purge_stored_judge(ngx_http_request_t *r,
    struct ngx_http_xr_slice_part_s *part);

/* purge_journal */
ngx_int_t ngx_http_xr_purge_journal_open(ngx_http_xr_purge_t *purge,
    ngx_log_t *log);
ngx_int_t ngx_http_xr_purge_journal_append(ngx_http_xr_purge_t *purge,
    xr_purge_record_t *records, size_t n, ngx_log_t *log);
void ngx_http_xr_purge_journal_manage(ngx_http_xr_purge_t *purge,
    ngx_log_t *log);

/* purge_order */
ngx_int_t ngx_http_xr_purge_order_handler(ngx_http_request_t *r);
const char *ngx_http_xr_purge_order_announced(
    struct ngx_http_xr_main_conf_s *xmcf, xr_str_t token, ngx_log_t *log);


#endif /* NGX_HTTP_XR_PURGE_H */
