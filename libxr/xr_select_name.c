/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_select.h"


xr_str_t
xr_select_reason_name(xr_select_reason_t reason)
{
    static const xr_str_t  names[XR_SELECT_REASONS] = {
        [XR_SELECT_NONE] = XR_STR("none"),
        [XR_SELECT_UNKNOWN] = XR_STR("unknown"),
        [XR_SELECT_EXPLICIT] = XR_STR("explicit"),
        [XR_SELECT_FIT] = XR_STR("fit"),
        [XR_SELECT_OVER] = XR_STR("over"),
        [XR_SELECT_FALLBACK] = XR_STR("fallback"),
        [XR_SELECT_ALT] = XR_STR("alt")
    };

    return names[reason];
}


xr_str_t
xr_select_dropped_name(size_t i)
{
    static const xr_str_t  names[XR_SELECT_NO_BITS] = {
        XR_STR("tex"), XR_STR("geo"), XR_STR("dim"), XR_STR("mem"),
        XR_STR("xr"), XR_STR("unknown"), XR_STR("use"), XR_STR("ceiling"),
        XR_STR("arm"), XR_STR("missing"), XR_STR("damaged")
    };

    return names[i];
}


xr_str_t
xr_select_over_name(size_t i)
{
    static const xr_str_t  names[XR_SELECT_OVER_BITS] = {
        XR_STR("bytes"), XR_STR("tris"), XR_STR("dim"), XR_STR("gpu"),
        XR_STR("q")
    };

    return names[i];
}


void
xr_select_field(const xr_select_t *s, xr_buf_t *out)
{
    xr_buf_put(out, s->id.len > 0 ? s->id : xr_str("none"));
    xr_buf_puts(out, ";reason=");
    xr_buf_put(out, xr_select_reason_name(s->reason));
    xr_buf_puts(out, ";class=");
    xr_buf_put(out, xr_device_class_name(s->class));

    if (s->arm.len > 0) {
        xr_buf_puts(out, ";arm=");
        xr_buf_put(out, s->arm);
    }
}
