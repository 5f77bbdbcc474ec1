/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_DELIVER_H
#define XRW_DELIVER_H


#include "arena.h"


#define XRW_DELIVER_PATH    "/xr/purge"     /* where orders usually go */
#define XRW_DELIVER_ANSWER  512

/* What an edge said of an order. */

typedef struct {
    long      status;                   /* 0: it said nothing */
    char      answer[XRW_DELIVER_ANSWER];
    size_t    len;
    char      error[256];               /* CURL_ERROR_SIZE */
} xrw_deliver_t;


/* POSTs an order to "url"; false: out->error says why there is no answer. */
bool xrw_deliver(const char *url, const char *order, long timeout,
    xrw_deliver_t *out);

/* The same, and what an edge has to say: NULL, or why that was not said. */
const char *xrw_deliver_order(const char *url, const char *order,
    long timeout, xrw_deliver_t *out, long long *purged,
    long long *generation);

/* "https://edge.example" or a whole URL; NULL: it is none. */
const char *xrw_deliver_url(xrw_arena_t *arena, const char *edge);


#endif /* XRW_DELIVER_H */
