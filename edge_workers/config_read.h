/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_CONFIG_READ_H
#define XRW_CONFIG_READ_H


#include "config.h"
#include "config_worker.h"
#include "sync_conf.h"

#include <jansson.h>


/* Private to config*.c: a configuration while it is read. */

typedef struct {
    xrw_arena_t         *arena;
    const char          *path;
    xr_str_t             text;
    const char          *tenant;        /* that is looked for; or NULL */
    xrw_tenant_t        *out;
    xrw_worker_conf_t   *worker;        /* or NULL */
    xrw_sync_conf_t     *sync;          /* or NULL */
    bool                 found;
} xrw_config_t;


typedef struct {
    const char   *name;
    size_t        offset;

    /* Sets "*field"; NULL, or what is wrong. */
    const char  *(*set)(const xrw_config_t *config, const json_t *value,
                        void *field);
} xrw_config_field_t;


/* A time or a size, and what it may be. */

typedef struct {
    const char  *name;
    size_t       offset;                /* of an int64_t */
    int64_t      min;
    int64_t      max;
    bool         size;
} xrw_config_bound_t;


const char *xrw_config_text(const xrw_config_t *config, const json_t *value,
    void *field);
const char *xrw_config_file(const xrw_config_t *config, const json_t *value,
    void *field);
const char *xrw_config_list(const xrw_config_t *config, const json_t *value,
    void *field);
const char *xrw_config_flag(const xrw_config_t *config, const json_t *value,
    void *field);

const char *xrw_config_cloudfront(const xrw_config_t *config,
    const json_t *value, void *field);
const char *xrw_config_warm(const xrw_config_t *config, const json_t *value,
    void *field);
const char *xrw_config_purge(const xrw_config_t *config, const json_t *value,
    void *field);

/* Sets what "bound" says of "conf"; NULL, or what is wrong. */
const char *xrw_config_bounded(const xrw_config_bound_t *bound,
    const json_t *value, void *conf);

/* Reads config->path; as xrw_config_find(). */
xr_rc_t xrw_config_load(xrw_config_t *config);

/* Says what is wrong with the member that "path" leads to; XR_INVALID. */
xr_rc_t xrw_config_refuse_at(const xrw_config_t *config,
    const char *const *path, size_t n, const char *why);

/* The member "worker". */
xr_rc_t xrw_config_worker_read(const xrw_config_t *config, json_t *value);

/* The member "sync". */
xr_rc_t xrw_config_sync_read(const xrw_config_t *config, json_t *value);


#endif /* XRW_CONFIG_READ_H */
