/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_INVALIDATE_H
#define XR_INVALIDATE_H


#include "xr_credentials.h"


/*
 * CloudFront's API 2020-05-31, as far as invalidations go.  One call is one
 * request: whoever calls knows when to repeat it.
 */

#define XR_INVALIDATE_ID  64

typedef struct {
    const char              *endpoint;      /* "https://HOST[:PORT]" */
    const char              *distribution;
    const xr_credentials_t  *credentials;
    long                     timeout;       /* seconds, of a call */
} xr_invalidate_t;


typedef enum {
    XR_INVALIDATE_DONE = 0,
    XR_INVALIDATE_QUOTA,        /* too many are in progress: wait */
    XR_INVALIDATE_THROTTLED,    /* calls come too fast */
    XR_INVALIDATE_AGAIN,        /* it failed, or there was no answer: repeat */
    XR_INVALIDATE_CREDENTIALS,  /* others may be accepted */
    XR_INVALIDATE_REFUSED       /* it never will be carried out */
} xr_invalidate_rc_t;


typedef struct {
    long  status;                           /* 0: there was no answer */
    long  retry_after;                      /* seconds, or 0 */
    char  id[XR_INVALIDATE_ID];             /* of the invalidation */
    bool  completed;
    char  error[320];                       /* one printable line */
} xr_invalidate_answer_t;


/* "body" is as xr_invalidation_end() has left it. */
xr_invalidate_rc_t xr_invalidate_create(const xr_invalidate_t *api,
    xr_str_t body, xr_invalidate_answer_t *out);

/* Whether it is completed. */
xr_invalidate_rc_t xr_invalidate_look(const xr_invalidate_t *api,
    const char *id, xr_invalidate_answer_t *out);

bool xr_invalidate_id_ok(xr_str_t id);


#endif /* XR_INVALIDATE_H */
