/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_addr.h"

#include <arpa/inet.h>


/*
 * A network is an address, or one and a prefix: it has itself, and whatever
 * differs behind the prefix, but nothing that differs within it.
 */

static void
fuzz_net(xr_str_t in, xr_rc_t address)
{
    size_t         i;
    xr_rc_t        rc;
    xr_addr_t      a;
    xr_addr_net_t  net;

    rc = xr_addr_net_parse(in, &net);

    if (xr_str_find(in, '/') == in.len) {
        assert(rc == address);
    }

    if (rc != XR_OK) {
        return;
    }

    assert(net.bits <= 128);
    assert(xr_str_find(in, ':') < in.len || net.bits >= 96);
    assert(xr_addr_net_has(&net, &net.addr));

    for (i = 0; i < 128; i++) {
        a = net.addr;
        a.bytes[i / 8] ^= (uint8_t) (0x80 >> i % 8);

        assert(xr_addr_net_has(&net, &a) == (i >= net.bits));
        assert(i < net.bits || (a.bytes[i / 8] & 0x80 >> i % 8) != 0);
    }

    assert(xr_addr_parse(xr_str_of(in.data, xr_str_find(in, '/')), &a)
           == XR_OK);
    assert(xr_addr_eq(&a, &net.addr));
}


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

    fuzz_net(in, rc);

    xr_fuzz_free(in);

    return 0;
}
