/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_TARGET_H
#define XRW_TARGET_H


#include "cli.h"
#include "config.h"
#include "credentials_file.h"
#include "s3.h"


/* The options by which a command learns which tenant it works for. */

typedef struct {
    const char    *name;            /* of the tenant */
    const char    *config;
    const char    *timeout;
    xrw_tenant_t   tenant;
    bool           checksum;        /* see xr_s3_options_t */
    uint64_t       part_size;
} xrw_target_flags_t;

#define XRW_TARGET_OPTIONS  9

/* Writes the entries of the option table; returns their number. */
size_t xrw_target_options(xrw_target_flags_t *flags, xrw_option_t *options);


/* A tenant's origin, open. */

typedef struct {
    xrw_tenant_t            tenant;
    xr_origin_t             origin;
    xr_credentials_t        credentials;
    xr_credentials_file_t   file;
    const char             *path;           /* of "file"; NULL: none */
    const char             *profile;
    xr_s3_t                *s3;
} xrw_target_t;


/*
 * What is known of a tenant: options, then the configuration, then the
 * environment.  XRW_OK, or what to exit with.
 */
int xrw_target_tenant(xrw_arena_t *arena, const xrw_target_flags_t *flags,
    xrw_tenant_t *out);

/* As above, with credentials and a client.  Closed in any case. */
int xrw_target_open(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_target_flags_t *flags, xrw_target_t *out);

void xrw_target_close(xrw_target_t *target);


#endif /* XRW_TARGET_H */
