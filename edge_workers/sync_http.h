/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_SYNC_HTTP_H
#define XRW_SYNC_HTTP_H


#include "bytes.h"
#include "cli.h"
#include "xr_freshness.h"

#include <stdatomic.h>


/*
 * A request of HTTP that waits for its answer, and for nothing that was not
 * asked for: only https, certificates verified; plain HTTP to literal
 * addresses that the caller names; bounds for time and size; redirects to
 * hosts that are listed, to which conditions are sent, and no credentials.
 */

#define XRW_HTTP_HEADERS  4
#define XRW_HTTP_TAG      256
#define XRW_HTTP_ERROR    320

typedef struct {
    const char        *method;          /* "GET", "PUT", "POST" */
    const char        *url;
    const char        *headers[XRW_HTTP_HEADERS];   /* NULL: not there */
    const char        *body;            /* of POST; or NULL */
    const char        *login;           /* "USER:PASSWORD", or NULL */
    const char        *ca;              /* or NULL */
    bool               loopback;        /* may be asked without TLS */
    const char *const *plain;           /* and so may these; ends with NULL;
                                           or NULL */
    const xrw_list_t  *redirect;        /* hosts; NULL: none */
    size_t             max;             /* bytes of the answer */
    long               timeout;         /* seconds, for all of it */
    atomic_bool       *stop;            /* ends it */
} xrw_http_request_t;


typedef struct {
    long                     status;
    xrw_bytes_t              body;
    char                     etag[XRW_HTTP_TAG];        /* "": none */
    char                     modified[XRW_HTTP_TAG];
    xr_freshness_response_t  freshness;
    int64_t                  retry_after;               /* seconds; 0: none */
    char                     error[XRW_HTTP_ERROR];
} xrw_http_answer_t;


/*
 * False: there was no whole answer, answer->error says why.  The caller frees
 * the answer in any case.
 */
bool xrw_http(const xrw_http_request_t *request, xrw_http_answer_t *answer);

/* Wipes: an answer may be a secret. */
void xrw_http_free(xrw_http_answer_t *answer);

/*
 * For how many seconds the answer is fresh by what it says, or -1: it does not
 * say.
 */
int64_t xrw_http_fresh(const xrw_http_answer_t *answer);

/* A literal address of this machine; IPv6 in brackets or without. */
bool xrw_http_is_loopback(const char *host);

/* NULL, or why a request to "url" would not be sent. */
const char *xrw_http_refuse(const char *url, bool loopback,
    const char *const *plain);


#endif /* XRW_SYNC_HTTP_H */
