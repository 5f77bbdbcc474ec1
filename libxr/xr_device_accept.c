/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_device_said.h"


/* The end of what is before the next "," or ";" that is not quoted. */

static size_t
xr_device_accept_end(xr_str_t s)
{
    size_t  i;
    bool    quoted;

    quoted = false;

    for (i = 0; i < s.len; i++) {

        if (quoted && s.data[i] == '\\') {
            i++;

        } else if (s.data[i] == '"') {
            quoted = !quoted;

        } else if (!quoted && (s.data[i] == ',' || s.data[i] == ';')) {
            return i;
        }
    }

    return s.len;
}


/* Whether it may have the parameter: most have none, which is soon seen. */

static bool
xr_device_accept_may(xr_str_t s)
{
    size_t    n;
    xr_str_t  param;

    for ( ;; ) {

        n = xr_str_find(s, ';');

        if (n == s.len) {
            return false;
        }

        xr_str_skip(&s, n + 1);

        param = s;
        xr_str_skip_space(&param);

        if (param.len > 2 && (param.data[0] | 0x20) == 'x'
            && (param.data[1] | 0x20) == 'r')
        {
            return true;
        }
    }
}


/* RFC 9110, section 12.5.1; names of parameters have no case. */

xr_rc_t
xr_device_accept_read(xr_str_t s, xr_device_token_t *out)
{
    bool      param;
    size_t    n;
    xr_str_t  part, name;

    static const xr_str_t  xr = XR_STR("xr");

    if (s.len > XR_DEVICE_ACCEPT_MAX) {
        s.len = XR_DEVICE_ACCEPT_MAX;
    }

    if (!xr_device_accept_may(s)) {
        return XR_NOT_FOUND;
    }

    param = false;

    while (s.len > 0) {

        n = xr_device_accept_end(s);
        part = xr_str_of(s.data, n);
        name = xr_str_trim(xr_str_cut(&part, '='));

        if (param
            && xr_str_eq_nocase(name, xr)
            && xr_device_token_read(xr_str_trim(part), out) == XR_OK)
        {
            return XR_OK;
        }

        if (n == s.len) {
            break;
        }

        param = (s.data[n] == ';');
        xr_str_skip(&s, n + 1);
    }

    return XR_NOT_FOUND;
}
