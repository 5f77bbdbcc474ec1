/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_explain.h"
#include "xr_json.h"
#include "xr_json_put.h"


#define NOW  1800000000


/* Whatever a query is, what is said of it is JSON, or did not fit. */

static void
fuzz_arguments(xr_str_t in)
{
    size_t      room;
    uint8_t    *memory;
    xr_buf_t    b;
    xr_json_t   value;

    static const xr_json_limits_t  limits = { 8, 256 };

    room = in.len * 12 + 4096;
    memory = malloc(room);
    assert(memory != NULL);

    b = xr_buf(memory, room);
    xr_buf_putc(&b, '{');
    xr_explain_choice_arguments(in, &b);
    xr_json_put_text(&b, "text", in);
    xr_buf_putc(&b, '}');

    assert(!xr_buf_ok(&b)
           || xr_json_check(xr_buf_str(&b), &limits, &value, NULL) == XR_OK);

    free(memory);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                  said[XR_EXPLAIN_VALUE_MAX];
    xr_buf_t              b;
    xr_str_t              in;
    xr_key_t              key;
    xr_hmac_t             hmac;
    const char           *why;
    xr_explain_request_t  req;

    in = xr_fuzz_copy(data, size);

    memset(&key, 0, sizeof(key));
    assert(xr_hmac_init(&hmac, XR_SHA256, xr_str("thirty-two bytes of a key....."))
           == XR_OK);
    key.hmac = &hmac;

    req.method = xr_str("GET");
    req.host = xr_str("edge.example");
    req.target = in;

    /* a value that is good is the one that is made, and good for that only */

    b = xr_buf(said, sizeof(said));
    assert(xr_explain_sign(&key, &req, NOW, &b) == XR_OK);
    assert(xr_explain_verify(xr_buf_str(&b), &req, &key, 1, NOW, &why)
           == &key);

    if (xr_explain_verify(in, &req, &key, 1, NOW, &why) == NULL) {
        assert(why != NULL);

    } else {
        abort();                        /* it would sign itself */
    }

    fuzz_arguments(in);
    xr_fuzz_free(in);

    return 0;
}
