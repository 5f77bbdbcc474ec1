/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_forwarded.h"


#define FUZZ_LINES    8
#define FUZZ_TRUSTED  3


static xr_addr_t
fuzz_addr(const char *s)
{
    xr_addr_t  a;

    assert(xr_addr_parse(xr_str(s), &a) == XR_OK);

    return a;
}


static bool
fuzz_trusted(const xr_addr_net_t *nets, const xr_addr_t *addr)
{
    size_t  i;

    for (i = 0; i < FUZZ_TRUSTED; i++) {

        if (xr_addr_net_has(&nets[i], addr)) {
            return true;
        }
    }

    return false;
}


/* Items and commas are the list, and nothing but white space is lost. */

static void
fuzz_last(xr_str_t in)
{
    size_t    i, n, commas;
    xr_str_t  list, item;

    commas = 0;

    for (i = 0; i < in.len; i++) {
        commas += (in.data[i] == ',');
    }

    list = in;

    for (n = 0; xr_forwarded_last(&list, &item); n++) {
        assert(xr_fuzz_within(item, in) && xr_fuzz_within(list, in));
        assert(xr_str_find(item, ',') == item.len);
        assert(xr_str_eq(item, xr_str_trim(item)));
    }

    assert(n == commas + 1 && list.data == NULL);
}


/* The peer, or the trusted hop, or the first that is neither local nor so. */

static void
fuzz_client(const xr_str_t *lines, size_t n)
{
    bool           found;
    size_t         i;
    xr_str_t       list, item;
    xr_addr_t      peer, client, a;
    xr_addr_net_t  nets[FUZZ_TRUSTED];

    assert(xr_addr_net_parse(xr_str("203.0.113.0/24"), &nets[0]) == XR_OK);
    assert(xr_addr_net_parse(xr_str("10.1.0.0/16"), &nets[1]) == XR_OK);
    assert(xr_addr_net_parse(xr_str("2001:db8:1::/48"), &nets[2]) == XR_OK);

    peer = fuzz_addr("198.51.100.1");

    xr_forwarded_client(lines, n, nets, FUZZ_TRUSTED, &peer, &client);

    if (xr_addr_eq(&client, &peer)) {
        return;
    }

    assert(fuzz_trusted(nets, &client) || !xr_forwarded_local(&client));

    /* all that is to the right of it is trusted */

    found = false;

    for (i = n; i > 0 && !found; i--) {
        list = lines[i - 1];

        while (!found && xr_forwarded_last(&list, &item)) {
            assert(xr_forwarded_address(item, &a) == XR_OK);
            found = xr_addr_eq(&a, &client);
            assert(found || fuzz_trusted(nets, &a));
        }
    }

    assert(found);
}


static void
fuzz_single(xr_str_t in)
{
    size_t     n;
    uint8_t    country[XR_FORWARDED_COUNTRY_SIZE];
    xr_addr_t  a, b;

    if (xr_addr_parse(in, &a) == XR_OK) {
        assert(xr_forwarded_address(in, &b) == XR_OK && xr_addr_eq(&a, &b));
    }

    if (xr_forwarded_viewer(in, &a) == XR_OK) {

        for (n = in.len; in.data[n - 1] != ':'; n--) {
            assert(in.data[n - 1] >= '0' && in.data[n - 1] <= '9');
        }

        assert(n < in.len && in.len - n <= 5);
        assert(xr_addr_parse(xr_str_of(in.data, n - 1), &b) == XR_OK);
        assert(xr_addr_eq(&a, &b));
    }

    if (xr_forwarded_country(in, country) == XR_OK) {
        assert(xr_str_eq_nocase(in, xr_str_of(country, sizeof(country))));
        assert(country[0] >= 'A' && country[0] <= 'Z');
        assert(country[1] >= 'A' && country[1] <= 'Z');
    }
}


/* Lines of a header. */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    n;
    xr_str_t  in, line, lines[FUZZ_LINES];

    in = xr_str_of(data, size);

    for (n = 0; n < FUZZ_LINES && in.len > 0; n++) {
        line = xr_str_cut(&in, '\n');
        lines[n] = xr_fuzz_copy(line.len > 0 ? line.data : (uint8_t *) "",
                                line.len);

        if (line.len > 0) {
            fuzz_last(lines[n]);
        }

        fuzz_single(lines[n]);
    }

    fuzz_client(lines, n);

    while (n > 0) {
        xr_fuzz_free(lines[--n]);
    }

    return 0;
}
