/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_LIVE_H
#define NGX_HTTP_XR_LIVE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "xr_device.h"
#include "xr_revoked.h"
#include "xr_table.h"


/* What is read from files, and read anew when they change. */

/*
 * What the manager process makes and every worker maps: a table of tenants, a
 * list of what is revoked, a map of countries, a table of devices.  One that
 * is in use stays until the last request that began with it has ended.
 */

typedef struct ngx_http_xr_image_s {
    ngx_uint_t                     refs;
    void                          *addr;        /* NULL: not a mapping */
    size_t                         size;
    union {
        xr_table_t                 table;
        xr_revoked_t               revoked;
        xr_geo_t                   geo;
        const xr_devices_t        *devices;
    } u;
} ngx_http_xr_image_t;


/* In shared memory: how workers learn of a new one. */

typedef struct {
    ngx_atomic_t                   generation;
    ngx_atomic_t                   pid[2];      /* who wrote it, in turns */
    ngx_atomic_t                   loads;
    ngx_atomic_t                   failures;
    ngx_atomic_t                   failed;      /* the last one did */
    ngx_atomic_t                   checked;     /* Unix time */
    ngx_atomic_t                   modified;    /* Unix time, of the source */
} ngx_http_xr_live_shared_t;


typedef struct {
    ngx_str_t                      name;        /* of its files */
    ngx_int_t                    (*open)(xr_str_t image,
                                       ngx_http_xr_image_t *out);
    ngx_path_t                    *state;       /* the folder they lie in */
    ngx_http_xr_live_shared_t     *shared;
    ngx_uint_t                     generation;  /* this process's */
    time_t                         retry;       /* not before, after a fault */
    ngx_http_xr_image_t           *current;
    ngx_fd_t                       old;         /* the manager's: the file */
    time_t                         old_until;   /* before; 0: none */
} ngx_http_xr_live_t;


/* A file that was read, as it was then; zeroes: it was not there. */

typedef struct {
    ngx_str_t                      path;
    ino_t                          ino;
    off_t                          size;
    struct timespec                ctime;
} ngx_http_xr_watched_t;


/*
 * What a process reads or writes at once.  Many kernels take no processor
 * away within a call, and one that moved a whole file would hold up a worker.
 */

#define NGX_HTTP_XR_PIECE  (256 * 1024)


/* Each of them once; they are looked at in portions. */

typedef struct {
    ngx_array_t                    list;        /* ngx_http_xr_watched_t */
    ngx_uint_t                     next;
} ngx_http_xr_files_t;


/* The files of the last good reading, and those of one that failed since. */

typedef struct {
    ngx_http_xr_files_t            read;
    ngx_http_xr_files_t            tried;
} ngx_http_xr_watch_t;


/* "xr_devices", and the records that were read by it. */

#define NGX_HTTP_XR_DEVICE_FIELDS  8

typedef struct ngx_http_xr_device_known_s  ngx_http_xr_device_known_t;

typedef struct {
    ngx_str_t                      file;        /* empty: the built-in table */
    ngx_http_xr_live_t             live;
    ngx_http_xr_watch_t            watch;
    ngx_http_xr_device_known_t    *known;       /* in this worker, */
    ngx_uint_t                     generation;  /* of this one's table */
    uint64_t                       fields[NGX_HTTP_XR_DEVICE_FIELDS];
                                                /* bits: hashes of the names
                                                   of what is looked at */
} ngx_http_xr_devices_t;


#endif /* NGX_HTTP_XR_LIVE_H */
