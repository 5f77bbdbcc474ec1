/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_CONFIG_WORKER_H
#define XRW_CONFIG_WORKER_H


#include "arena.h"
#include "cli.h"
#include "config_purge.h"


/* What the configuration says of workers, in its member "worker". */

typedef struct {
    const char  *name;
    xrw_list_t   args;                  /* that the packer gets */
} xrw_preset_t;


typedef struct {
    const char    *text;                /* of the file that was read */

    const char    *redis;               /* URL */
    const char    *redis_auth_file;
    const char    *pid;                 /* files, or NULL */
    const char    *status;
    const char    *journal;
    int64_t        status_port;         /* 0: none */
    const char    *channel;             /* of announcements */

    const char    *dir;                 /* of folders for jobs */
    xrw_list_t     packer;              /* a program and its arguments */
    xrw_preset_t   presets[XRW_LIST_MAX];
    size_t         npresets;

    int64_t        timeout;             /* of the packer, seconds */
    int64_t        cpu;                 /* seconds */
    int64_t        memory;              /* bytes */
    int64_t        file_size;           /* bytes of one that it writes */
    int64_t        source_size;         /* bytes of what it is given */
    int64_t        multipart;           /* larger ones are sent in parts */

    int64_t        lease;               /* seconds */
    int64_t        drain;
    int64_t        backoff;
    int64_t        backoff_max;
    bool           checksum;            /* x-amz-checksum-sha256 is sent */

    xrw_purge_conf_t  purge;
} xrw_worker_conf_t;


/* Fills in what holds unless it is said otherwise. */
void xrw_worker_conf_init(xrw_worker_conf_t *conf);

/*
 * Reads the whole of the file "path", which has to be there; false: what is
 * wrong has been said.
 */
bool xrw_config_worker(xrw_arena_t *arena, const char *path,
    xrw_worker_conf_t *out);


#endif /* XRW_CONFIG_WORKER_H */
