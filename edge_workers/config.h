/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_CONFIG_H
#define XRW_CONFIG_H


#include "arena.h"
#include "cli.h"
#include "config_purge.h"


/*
 * What a tenant's clients have to bring, as far as it is not in its key file.
 * NULL and empty: nothing is said.
 */

typedef struct {
    const char  *tenants;           /* file that the edge has it from */
    const char  *jwks;              /* file */
    xrw_list_t   cloudfront_keys;   /* ID=FILE */
    xrw_list_t   hosts;
    xrw_list_t   issuers;
    xrw_list_t   audiences;
    xrw_list_t   cloudfront_hosts;
    bool         cloudfront_sha1;
    const char  *leeway;
    const char  *max_lifetime;
} xrw_policy_t;


/* What the configuration says of a tenant; NULL: nothing. */

typedef struct {
    const char    *origin;
    const char    *endpoint;
    const char    *region;
    const char    *style;
    const char    *credentials;     /* file */
    const char    *profile;
    const char    *keys;            /* file */
    const char    *purge_keys;      /* file */
    xrw_list_t     edges;           /* URLs */
    const char    *url;             /* where clients find the objects */
    const char    *redis;           /* URL: where its jobs are queued */
    const char    *redis_auth_file;
    xrw_policy_t   policy;
    const char    *file;            /* that says all this; NULL: none does */

    xrw_cloudfront_t  cloudfront;
    int64_t           warm;         /* how many of the hottest variants */
} xrw_tenant_t;


/*
 * Looks "tenant" up in the JSON file "path"; names of files in it that are
 * relative are made relative to its folder.  XR_NOT_FOUND: the file is good
 * and has no such tenant, or there is no file; anything else but XR_OK has
 * been reported.
 */
xr_rc_t xrw_config_find(xrw_arena_t *arena, const char *path,
    const char *tenant, xrw_tenant_t *out);


/*
 * From here on the file "path" is taken to have this text, whatever it has: a
 * worker goes by what it has read, not by what has been written since.
 */
void xrw_config_keep(const char *path, xr_str_t text);


#endif /* XRW_CONFIG_H */
