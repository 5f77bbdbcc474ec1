/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_device.h"


bool
xr_device_input_set(xr_device_input_t *in, xr_str_t name, xr_str_t value)
{
    size_t     i;
    xr_str_t  *out;

    static const struct {
        xr_str_t  name;
        size_t    offset;
    } fields[] = {
        { XR_STR("xr-hints"), offsetof(xr_device_input_t, hints) },
        { XR_STR("accept"), offsetof(xr_device_input_t, accept) },
        { XR_STR("user-agent"), offsetof(xr_device_input_t, user_agent) },
        { XR_STR("sec-ch-ua-form-factors"),
          offsetof(xr_device_input_t, form_factors) },
        { XR_STR("sec-ch-ua-model"), offsetof(xr_device_input_t, model) },
        { XR_STR("sec-ch-ua-platform"),
          offsetof(xr_device_input_t, platform) },
        { XR_STR("sec-ch-ua-mobile"), offsetof(xr_device_input_t, mobile) },
        { XR_STR("sec-ch-device-memory"),
          offsetof(xr_device_input_t, device_memory) },
        { XR_STR("device-memory"),
          offsetof(xr_device_input_t, device_memory) },
        { XR_STR("sec-ch-dpr"), offsetof(xr_device_input_t, dpr) },
        { XR_STR("dpr"), offsetof(xr_device_input_t, dpr) },
        { XR_STR("ect"), offsetof(xr_device_input_t, ect) },
        { XR_STR("downlink"), offsetof(xr_device_input_t, downlink) },
        { XR_STR("rtt"), offsetof(xr_device_input_t, rtt) },
        { XR_STR("save-data"), offsetof(xr_device_input_t, save_data) },
        { XR_STR("x-xr-class"), offsetof(xr_device_input_t, normalised) },
        { XR_STR("cloudfront-is-mobile-viewer"),
          offsetof(xr_device_input_t, cf_mobile) },
        { XR_STR("cloudfront-is-tablet-viewer"),
          offsetof(xr_device_input_t, cf_tablet) },
        { XR_STR("cloudfront-is-desktop-viewer"),
          offsetof(xr_device_input_t, cf_desktop) },
        { XR_STR("cloudfront-is-smarttv-viewer"),
          offsetof(xr_device_input_t, cf_smarttv) },
        { XR_STR("cloudfront-is-android-viewer"),
          offsetof(xr_device_input_t, cf_android) },
        { XR_STR("cloudfront-is-ios-viewer"),
          offsetof(xr_device_input_t, cf_ios) }
    };

    for (i = 0; i < XR_COUNT(fields); i++) {

        if (!xr_str_eq(name, fields[i].name)) {
            continue;
        }

        out = (xr_str_t *) ((uint8_t *) in + fields[i].offset);

        if (out->len == 0) {
            *out = value;
        }

        return true;
    }

    return false;
}
