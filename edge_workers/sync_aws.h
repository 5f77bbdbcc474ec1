/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SYNC_AWS_H
#define XRW_SYNC_AWS_H


#include "sync_source.h"


/* Private to sync_aws*.c: where credentials come from. */

typedef struct {
    xr_str_t  access;               /* in s->arena, or of the environment */
    xr_str_t  secret;
    xr_str_t  token;                /* empty: long-term credentials */
    int64_t   expires;              /* Unix time; 0: never */
} xrw_aws_t;


/* XR_NOT_FOUND: this is not where this machine has them. */

xr_rc_t xrw_sync_aws_environment(xrw_source_t *s, xrw_aws_t *out);
xr_rc_t xrw_sync_aws_profile(xrw_source_t *s, xrw_aws_t *out);
xr_rc_t xrw_sync_aws_web_identity(xrw_source_t *s, xrw_aws_t *out);
xr_rc_t xrw_sync_aws_container(xrw_source_t *s, xrw_aws_t *out);
xr_rc_t xrw_sync_aws_imds(xrw_source_t *s, xrw_aws_t *out);


/* NULL where it is not set, or empty. */
const char *xrw_sync_aws_env(const char *name);

/* XR_ERROR, and why the look failed. */
xr_rc_t xrw_sync_aws_fail(xrw_source_t *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A file with a token in it, which may be open to others; NULL. */
const char *xrw_sync_aws_token(xrw_source_t *s, const char *path);

/*
 * What IMDS and containers answer with.  "code": it has to say that it is a
 * success.
 */
xr_rc_t xrw_sync_aws_json(xrw_source_t *s, xr_str_t text, bool code,
    xrw_aws_t *out);

/* "2026-01-02T03:04:05Z"; 0: it is none. */
int64_t xrw_sync_aws_when(xrw_source_t *s, xr_str_t text);


#endif /* XRW_SYNC_AWS_H */
