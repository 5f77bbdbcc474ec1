/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_EXPLAIN_H
#define XR_EXPLAIN_H


#include "xr_buf.h"
#include "xr_keyset.h"
#include "xr_select.h"


/*
 * A request to be explained instead of answered: an operator's key signs it,
 * in the header X-XR-Explain,
 *
 *     1.<seconds since 1970>.<HMAC-SHA256 in base64url>
 *
 * over "xr-explain-1", the time, method, host and target, with a line feed
 * between them.  It says nothing but what the request says, so that a copy of
 * it can do no more than ask the same once more while it is good.
 */

#define XR_EXPLAIN_LIFE      60         /* seconds, to both sides */
#define XR_EXPLAIN_VALUE_MAX                                                  \
    (sizeof("1..") - 1 + 20 + XR_BASE64_ENCODED(XR_SHA256_SIZE))

typedef struct {
    xr_str_t  method;
    xr_str_t  host;                     /* lower case, no port */
    xr_str_t  target;                   /* raw: path and query as sent */
} xr_explain_request_t;


/* Writes the value of the header; XR_ERROR: the library failed. */
xr_rc_t xr_explain_sign(const xr_key_t *key, const xr_explain_request_t *req,
    int64_t now, xr_buf_t *out);

/*
 * The key that signed it, one of "keys" with an HMAC, or NULL: "*why" is a
 * literal then.
 */
const xr_key_t *xr_explain_verify(xr_str_t value,
    const xr_explain_request_t *req, const xr_key_t *keys, size_t nkeys,
    int64_t now, const char **why);


/*
 * What an edge and "xr explain" say of a choice: members of the one object,
 * docs/formats.md has them.
 */

/* "inputs": what each would say if it came alone, strongest first. */
void xr_explain_choice_inputs(const xr_devices_t *devices,
    const xr_device_input_t *in, const xr_device_t *device, xr_buf_t *b);

/* "device", "budgets" */
void xr_explain_choice_device(const xr_device_t *d, xr_buf_t *b);
void xr_explain_choice_budgets(const xr_device_t *d,
    const xr_select_wish_t *wish, xr_buf_t *b);

/* "variants", as xr_select_explain() has judged them */
void xr_explain_choice_variants(const xr_manifest_t *m,
    const xr_select_verdict_t *verdicts, const xr_select_t *chosen,
    xr_buf_t *b);

/* Members of "answer": the variant if there is one, the reason, and why. */
void xr_explain_choice_reason(const xr_select_t *chosen, xr_buf_t *b);

/*
 * "encoding": the sibling that is sent, and the name of what is asked of the
 * origin for it.  "accept" is NULL where the client has no say.
 */
void xr_explain_choice_encoding(xr_str_t object,
    const xr_manifest_variant_t *v, const xr_encoding_accept_t *accept,
    xr_buf_t *b);

/*
 * "arguments", those of ours with their values, and the names of others, whose
 * values may be secret: "ignored".
 */
void xr_explain_choice_arguments(xr_str_t query, xr_buf_t *b);


#endif /* XR_EXPLAIN_H */
