/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TENANT_H
#define XR_TENANT_H


#include "xr_auth.h"
#include "xr_credentials.h"
#include "xr_freshness.h"
#include "xr_geo_policy.h"
#include "xr_keyset.h"
#include "xr_limit.h"
#include "xr_location.h"
#include "xr_origin.h"


/*
 * A tenant as it is being read: whose objects they are, where they lie, who
 * may have them.  It is built option by option and finished once; the table
 * of tenants (xr_table.h) keeps a compact copy of what is needed to serve.
 */

#define XR_TENANT_NAME_MAX  63
#define XR_TENANT_HOSTS     32          /* host names of one tenant */
#define XR_TENANT_ORIGINS   32          /* CORS origins of one tenant */
#define XR_TENANT_NAMES     8           /* issuers, audiences, CDN hosts */
#define XR_TENANT_FILES     20
#define XR_TENANT_LIMITS    8
#define XR_TENANT_REPLICAS  4           /* besides the origin */


typedef enum {
    XR_CORS_ANY = 0,                    /* Access-Control-Allow-Origin: * */
    XR_CORS_LIST,                       /* echoed when listed */
    XR_CORS_OFF
} xr_cors_mode_t;


/* A file that an option names, which the caller reads. */

typedef enum {
    XR_TENANT_FILE_CREDENTIALS = 0,
    XR_TENANT_FILE_KEYS,                /* EdgeAuth */
    XR_TENANT_FILE_JWKS,
    XR_TENANT_FILE_CLOUDFRONT,
    XR_TENANT_FILE_PURGE                /* keys for orders to purge */
} xr_tenant_file_kind_t;

typedef struct {
    xr_tenant_file_kind_t  kind;
    xr_str_t               path;
    xr_str_t               id;          /* profile, or Key-Pair-Id */
} xr_tenant_file_t;


typedef struct {
    size_t    n;
    xr_str_t  list[XR_TENANT_NAMES];
} xr_tenant_names_t;


/* Another place that has the same objects. */

typedef struct {
    xr_origin_t        origin;
    xr_str_t           upstream;        /* where to connect instead; or empty */
    uint32_t           endpoint;        /* the caller's number for it */
    xr_location_t      location;
} xr_tenant_replica_t;


typedef struct {
    xr_str_t           name;
    xr_str_t           hosts[XR_TENANT_HOSTS];
    size_t             nhosts;

    bool               has_origin;
    xr_origin_t        origin;
    xr_str_t           upstream;        /* where to connect instead; or empty */
    uint32_t           endpoint;        /* the caller's number for it */
    xr_location_t      location;
    xr_credentials_t   credentials;

    xr_tenant_replica_t  replicas[XR_TENANT_REPLICAS];
    size_t             nreplicas;

    xr_tenant_file_t   files[XR_TENANT_FILES];
    size_t             nfiles;

    bool               has_keys;        /* "keys" was given */
    bool               keys_none;       /* "keys none": public objects only */
    xr_keyset_t        keys;

    xr_tenant_names_t  issuers;
    xr_tenant_names_t  audiences;
    xr_tenant_names_t  cloudfront_hosts;
    bool               has_cloudfront_sha1;
    bool               cloudfront_sha1;

    bool               has_cors;
    xr_cors_mode_t     cors;
    xr_str_t           cors_origins[XR_TENANT_ORIGINS];
    size_t             ncors_origins;
    bool               has_cors_credentials;
    bool               cors_credentials;
    int64_t            cors_max_age;    /* seconds; -1: not given */

    xr_str_t           cache_control;   /* what clients are told; or empty */
    bool               has_cache_policy;
    xr_freshness_policy_t  cache_policy;
    bool               has_geo;
    xr_geo_policy_t    geo;
    int64_t            leeway;          /* seconds; -1: not given */
    int64_t            max_lifetime;    /* seconds; 0: not given */

    xr_limit_t         limits[XR_TENANT_LIMITS];
    size_t             nlimits;         /* no two have the same name */
} xr_tenant_t;


#define XR_TENANT_LEEWAY        30      /* seconds, where none is given */
#define XR_TENANT_MAX_LIFETIME  (10 * 365 * 86400)  /* likewise, and at most */
#define XR_TENANT_CORS_MAX_AGE  86400


/* Whether "name" is [a-z0-9] and then up to 62 of [a-z0-9-]. */
bool xr_tenant_name_ok(xr_str_t name);

/* A tenant without options; XR_INVALID on a bad name. */
xr_rc_t xr_tenant_init(xr_tenant_t *t, xr_str_t name, const xr_mem_t *mem,
    xr_err_t *err);

/*
 * Applies one option: args[0] is its name, the others its arguments, all of
 * them copied into "mem".  Files are only named here: the caller reads each
 * of t->files and hands its text to xr_tenant_file().  On failure err->pos is
 * the index of the argument at fault.
 */
xr_rc_t xr_tenant_option(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err);

/*
 * The text of t->files[i]; err->pos is an offset into it.  "notes" is told of
 * keys that are left out, and may be NULL.
 */
xr_rc_t xr_tenant_file(xr_tenant_t *t, size_t i, xr_str_t text,
    const xr_mem_t *mem, const xr_notes_t *notes, xr_err_t *err);

/* Credentials that stand in the place of a file. */
xr_rc_t xr_tenant_credentials(xr_tenant_t *t, const xr_credentials_t *c,
    const xr_mem_t *mem, xr_err_t *err);

/* Checks that nothing is missing or contradictory. */
xr_rc_t xr_tenant_finish(const xr_tenant_t *t, xr_err_t *err);

/* Spans as options have them: "30", "30s", "5m", "2h", "7d", "4w". */
xr_rc_t xr_tenant_time_seconds(xr_str_t s, uint64_t max, int64_t *out);

/* Wipes the secrets. */
void xr_tenant_wipe(xr_tenant_t *t);


#endif /* XR_TENANT_H */
