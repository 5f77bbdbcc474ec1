/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SYNC_CONF_H
#define XRW_SYNC_CONF_H


#include "arena.h"
#include "cli.h"


/* What the configuration says of files that are kept, in its member "sync". */

typedef enum {
    XRW_SYNC_JWKS = 0,
    XRW_SYNC_TENANTS,
    XRW_SYNC_AWS,
    XRW_SYNC_GEO,
    XRW_SYNC_KINDS
} xrw_sync_kind_t;

#define XRW_SYNC_MAX  64                /* sources */


/* One of them: where it comes from, and which file it becomes. */

typedef struct {
    const char       *name;             /* [A-Za-z0-9._-]{1,64} */
    const char       *kind_name;
    xrw_sync_kind_t   kind;

    const char       *file;
    const char       *url;              /* NULL: "aws" */
    const char       *ca;               /* file; NULL: those of the system */
    bool              http;             /* plain, to a loopback address */

    int64_t           min;              /* seconds between two looks */
    int64_t           max;
    int64_t           every;            /* where the answer does not say */
    int64_t           retry;            /* after the first failure */
    int64_t           timeout;
    int64_t           size;             /* bytes */

    xrw_list_t        tenants;          /* jwks: whose; none: "name" */
    int64_t           wake;             /* jwks: seconds between two looks
                                           that NGINX asks for */

    const char       *key;              /* tenants: file of a public key */

    const char       *login;            /* geo: file, "ACCOUNT:LICENSE" */
    const char       *sha256;           /* geo: URL; or NULL */
    xrw_list_t        redirect;         /* geo: hosts */

    const char       *profile;          /* aws: in the file; S3: to read by */
    const char       *from;             /* aws: profile that is read */
    const char       *sts;              /* aws: URL; or NULL */
    xrw_list_t        providers;        /* aws: in their order */

    const char       *region;           /* of an s3:// URL */
    const char       *endpoint;
    const char       *style;
    const char       *credentials;      /* file */
} xrw_source_conf_t;


typedef struct {
    xrw_source_conf_t  *items;
    size_t              n;
} xrw_sync_conf_t;


/* The kinds' names. */
const char *xrw_sync_kind(xrw_sync_kind_t kind);

/* The first of a list that is no provider of credentials, or NULL. */
const char *xrw_sync_aws_unknown(const xrw_list_t *providers);

/*
 * Reads the whole of the file "path", which has to be there; false: what is
 * wrong has been said.
 */
bool xrw_config_sync(xrw_arena_t *arena, const char *path,
    xrw_sync_conf_t *out);


#endif /* XRW_SYNC_CONF_H */
