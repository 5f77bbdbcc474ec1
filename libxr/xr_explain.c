/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_explain.h"


/* "time" is in decimal digits. */

static xr_rc_t
xr_explain_mac(const xr_key_t *key, const xr_explain_request_t *req,
    xr_str_t time, uint8_t mac[XR_HASH_MAX_SIZE])
{
    xr_str_t  parts[] = {
        XR_STR("xr-explain-1\n"), time,
        XR_STR("\n"), req->method,
        XR_STR("\n"), req->host,
        XR_STR("\n"), req->target
    };

    return xr_hmac_sign(key->hmac, XR_SHA256, parts, XR_COUNT(parts), mac);
}


xr_rc_t
xr_explain_sign(const xr_key_t *key, const xr_explain_request_t *req,
    int64_t now, xr_buf_t *out)
{
    uint8_t   mac[XR_HASH_MAX_SIZE];
    uint8_t   digits[20];
    xr_buf_t  time;

    time = xr_buf(digits, sizeof(digits));
    xr_buf_uint(&time, (now > 0) ? (uint64_t) now : 0);

    if (xr_explain_mac(key, req, xr_buf_str(&time), mac) != XR_OK) {
        return XR_ERROR;
    }

    xr_buf_puts(out, "1.");
    xr_buf_put(out, xr_buf_str(&time));
    xr_buf_putc(out, '.');
    xr_buf_base64url(out, xr_str_of(mac, XR_SHA256_SIZE));

    return xr_buf_ok(out) ? XR_OK : XR_NO_SPACE;
}


/* All keys are tried, so that the time it takes does not tell which. */

const xr_key_t *
xr_explain_verify(xr_str_t value, const xr_explain_request_t *req,
    const xr_key_t *keys, size_t nkeys, int64_t now, const char **why)
{
    size_t           i, len;
    uint8_t          said[XR_SHA256_SIZE];
    uint8_t          mac[XR_HASH_MAX_SIZE];
    int64_t          age;
    uint64_t         signed_at;
    xr_str_t         version, time, rest;
    const xr_key_t  *found;

    *why = "it is none";

    version = xr_str_cut(&value, '.');
    time = xr_str_cut(&value, '.');
    rest = time;

    if (!xr_str_eq(version, xr_str("1"))
        || xr_str_uint(&rest, &signed_at) != XR_OK || rest.len != 0
        || signed_at > INT64_MAX / 2
        || xr_base64url_decode(value, said, sizeof(said), &len) != XR_OK
        || len != sizeof(said))
    {
        return NULL;
    }

    age = now - (int64_t) signed_at;

    if (age > XR_EXPLAIN_LIFE || age < -XR_EXPLAIN_LIFE) {
        *why = "its time is over, or has not come";
        return NULL;
    }

    *why = "no key signed it for this request";
    found = NULL;

    for (i = 0; i < nkeys; i++) {

        if (keys[i].hmac != NULL
            && xr_explain_mac(&keys[i], req, time, mac) == XR_OK
            && xr_equal(mac, said, sizeof(said)))
        {
            found = &keys[i];
        }
    }

    return found;
}
