/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_web.h"
#include "xr_addr.h"


static bool
xr_web_host_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}


bool
xr_web_host_ok(xr_str_t host)
{
    size_t   i;
    uint8_t  c, last;

    last = '.';

    for (i = 0; i < host.len; i++) {
        c = host.data[i];

        if (c == '.') {
            if (last == '.') {
                return false;
            }

        } else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                     || c == '-' || c == '_'))
        {
            return false;
        }

        last = c;
    }

    return host.len > 0 && host.len <= 253 && last != '.';
}


static bool
xr_web_authority_host_ok(xr_str_t host)
{
    xr_addr_t  addr;

    if (host.len < 2 || host.data[0] != '[') {
        return xr_web_host_ok(host);
    }

    return host.data[host.len - 1] == ']'
           && xr_str_find(host, ':') < host.len
           && xr_addr_parse(xr_str_of(host.data + 1, host.len - 2), &addr)
              == XR_OK;
}


/* ":port" or nothing; "standard" is the port that browsers leave out. */

static bool
xr_web_port_ok(xr_str_t s, uint64_t standard)
{
    uint64_t  port;

    if (s.len == 0) {
        return true;
    }

    s = xr_str_of(s.data + 1, s.len - 1);

    return s.len > 0 && s.data[0] != '0' && xr_str_uint(&s, &port) == XR_OK
           && s.len == 0 && port <= UINT16_MAX && port != standard;
}


bool
xr_web_origin_ok(xr_str_t origin)
{
    size_t    n;
    uint64_t  standard;
    xr_str_t  host, port;

    static const xr_str_t  http = XR_STR("http://");
    static const xr_str_t  https = XR_STR("https://");

    if (xr_str_starts(origin, https)) {
        n = https.len;
        standard = 443;

    } else if (xr_str_starts(origin, http)) {
        n = http.len;
        standard = 80;

    } else {
        return false;
    }

    host = xr_str_of(origin.data + n, origin.len - n);

    n = (host.len > 0 && host.data[0] == '[') ? xr_str_find(host, ']') : 0;
    port = xr_str_of(host.data + n, host.len - n);
    n += xr_str_find(port, ':');
    port = xr_str_of(host.data + n, host.len - n);

    return xr_web_authority_host_ok(xr_str_of(host.data, n))
           && xr_web_port_ok(port, standard);
}


xr_str_t
xr_web_url_host(xr_str_t url)
{
    size_t    i, n;
    xr_str_t  rest;

    static const xr_str_t  http = XR_STR("http://");
    static const xr_str_t  https = XR_STR("https://");

    if (xr_str_starts(url, https)) {
        n = https.len;

    } else if (xr_str_starts(url, http)) {
        n = http.len;

    } else {
        return xr_str_of(NULL, 0);
    }

    rest = xr_str_of(url.data + n, url.len - n);

    for (n = 0; n < rest.len && xr_web_host_char(rest.data[n]); n++) {
        /* void */
    }

    if (n < rest.len && xr_str_find(xr_str("/?#:"), rest.data[n]) == 4) {
        return xr_str_of(NULL, 0);
    }

    /* behind a ":" there could be a password, and then the real host */

    for (i = n; i < rest.len && rest.data[i] != '/'; i++) {

        if (rest.data[i] == '@' || rest.data[i] == '\\') {
            return xr_str_of(NULL, 0);
        }
    }

    return xr_str_of(rest.data, n);
}
