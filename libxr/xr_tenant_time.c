/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenant.h"


xr_rc_t
xr_tenant_time_seconds(xr_str_t s, uint64_t max, int64_t *out)
{
    size_t    i;
    uint64_t  n, unit;

    static const struct {
        char      suffix;
        uint32_t  seconds;
    } units[] = {
        { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
        { 'w', 7 * 86400 }
    };

    if (xr_str_uint(&s, &n) != XR_OK || s.len > 1) {
        return XR_INVALID;
    }

    unit = (s.len == 0) ? 1 : 0;

    for (i = 0; s.len == 1 && i < XR_COUNT(units); i++) {

        if (s.data[0] == units[i].suffix) {
            unit = units[i].seconds;
        }
    }

    if (unit == 0 || n > max / unit) {
        return XR_INVALID;
    }

    *out = (int64_t) (n * unit);

    return XR_OK;
}
