/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_CONFIG_PURGE_H
#define XRW_CONFIG_PURGE_H


#include "cli.h"


/* A tenant's tier in front; "distribution" is NULL where there is none. */

typedef struct {
    const char  *distribution;
    const char  *endpoint;          /* "https://HOST[:PORT]" */
    const char  *prefix;            /* of viewers' paths, encoded */
    const char  *credentials;       /* file; NULL: the tenant's */
    const char  *profile;
    bool         variants;          /* objects with all that begins so */
} xrw_cloudfront_t;


/* What the configuration says of purging, in "worker"'s member "purge". */

typedef struct {
    const char  *journal;           /* file, or NULL */
    int64_t      age;               /* seconds, of an order that waited */
    int64_t      fold;              /* files of a folder */
    int64_t      quota;             /* seconds until the tier is asked again */
    int64_t      wait;              /* seconds for its completion; 0: none */
    int64_t      timeout;           /* seconds, of a request */
    int64_t      warm_parallel;     /* requests */
    int64_t      warm_size;         /* bytes, of a batch and an edge */
} xrw_purge_conf_t;


void xrw_purge_conf_init(xrw_purge_conf_t *conf);


#endif /* XRW_CONFIG_PURGE_H */
