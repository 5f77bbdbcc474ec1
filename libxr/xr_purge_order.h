/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_PURGE_ORDER_H
#define XR_PURGE_ORDER_H


#include "xr_jwt.h"
#include "xr_purge.h"


/*
 * An order to purge: a JWT whose claims say what.
 *
 *     {"iss": TENANT, "iat": ..., "exp": ..., "jti": ...,
 *      "objects": [NAME, ...], "prefixes": ["DIR/", ...], "tags": [TAG, ...],
 *      "all": true, "soft": true}
 */

#define XR_PURGE_ORDER_LIFE   300       /* seconds, at most */
#define XR_PURGE_ORDER_ITEMS  128
#define XR_PURGE_ORDER_NAME   1024      /* bytes of an object's name */
#define XR_PURGE_ORDER_ID     128       /* bytes of a jti */

/* Records that an order makes: of an object also its variants' folder. */

#define XR_PURGE_ORDER_RECORDS  (2 * XR_PURGE_ORDER_ITEMS)

typedef struct {
    xr_purge_scope_t  scope;
    xr_str_t          value;            /* without a "/" in front */
} xr_purge_item_t;

typedef struct {
    xr_str_t         id;
    int64_t          expires;
    bool             soft;
    size_t           counts[XR_PURGE_SCOPES];
    size_t           n;
    xr_purge_item_t  items[XR_PURGE_ORDER_ITEMS];
} xr_purge_order_t;


/* Bytes of memory that reading an order of "n" bytes takes at most. */
#define XR_PURGE_ORDER_MEMORY(n)  (2 * (n))

/*
 * Whose order it is, before anything of it is believed: the signature has to
 * be that tenant's.  Empty: it does not say.
 */
xr_str_t xr_purge_order_issuer(const xr_jwt_t *t, xr_buf_t *memory);

/* Checks the signature with the tenant's keys for purging, of that kind. */
xr_deny_t xr_purge_order_signature(const xr_jwt_t *t, xr_key_t *keys,
    size_t nkeys, xr_str_t *key_id);

/*
 * Reads what is known to be signed.  XR_DENY_NONE, or "why" is a literal.
 * XR_DENY_TOKEN_CLAIM: it says what makes no order.
 */
xr_deny_t xr_purge_order_read(const xr_jwt_t *t, int64_t now, int64_t leeway,
    xr_buf_t *memory, xr_purge_order_t *out, const char **why);

/* The records of an order; returns how many. */
size_t xr_purge_order_records(const xr_purge_order_t *order,
    const xr_purge_t *p, uint64_t generation, uint64_t tenant,
    xr_purge_record_t records[XR_PURGE_ORDER_RECORDS]);


/*
 * Whether it can be in an order; a "/" in front is taken off.  NULL, or what
 * is wrong with it.
 */
const char *xr_purge_order_item(xr_purge_scope_t scope, xr_str_t *value);


#endif /* XR_PURGE_ORDER_H */
