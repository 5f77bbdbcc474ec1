/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_addr.h"

#include <arpa/inet.h>


/* The C library reads the same addresses, and reads them alike. */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char       text[256];
    bool       valid;
    xr_rc_t    rc;
    uint8_t    bytes[16];
    xr_str_t   in;
    xr_addr_t  a;

    in = xr_fuzz_copy(data, size);
    rc = xr_addr_parse(in, &a);

    if (size < sizeof(text) && xr_str_find(in, '\0') == size) {
        memcpy(text, data, size);
        text[size] = '\0';

        memset(bytes, 0, 10);
        memset(bytes + 10, 0xff, 2);

        valid = inet_pton(AF_INET, text, bytes + 12) == 1
                || inet_pton(AF_INET6, text, bytes) == 1;

        assert((rc == XR_OK) == valid);
        assert(!valid || memcmp(a.bytes, bytes, 16) == 0);

    } else {
        assert(rc == XR_INVALID);
    }

    if (rc == XR_OK) {
        assert(xr_addr_eq(&a, &a));
        assert(inet_ntop(AF_INET6, a.bytes, text, sizeof(text)) != NULL);
        memcpy(bytes, a.bytes, 16);
        assert(xr_addr_parse(xr_str(text), &a) == XR_OK);
        assert(memcmp(a.bytes, bytes, 16) == 0);
    }

    xr_fuzz_free(in);

    return 0;
}
