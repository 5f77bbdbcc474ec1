/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_device.h"


typedef struct {
    xr_str_t  name;
    size_t    offset;
} xr_device_header_t;

#define XR_DEVICE_HEADER(name, view)                                          \
    { XR_STR(name), offsetof(xr_device_input_t, view) }


/* By the length of the name. */

static const xr_device_header_t  xr_device_headers[] = {
    XR_DEVICE_HEADER("ect", ect),
    XR_DEVICE_HEADER("rtt", rtt),
    XR_DEVICE_HEADER("dpr", dpr),
    XR_DEVICE_HEADER("accept", accept),
    XR_DEVICE_HEADER("xr-hints", hints),
    XR_DEVICE_HEADER("downlink", downlink),
    XR_DEVICE_HEADER("save-data", save_data),
    XR_DEVICE_HEADER("user-agent", user_agent),
    XR_DEVICE_HEADER("sec-ch-dpr", dpr),
    XR_DEVICE_HEADER("x-xr-class", normalised),
    XR_DEVICE_HEADER("device-memory", device_memory),
    XR_DEVICE_HEADER("sec-ch-ua-model", model),
    XR_DEVICE_HEADER("sec-ch-ua-mobile", mobile),
    XR_DEVICE_HEADER("sec-ch-ua-platform", platform),
    XR_DEVICE_HEADER("sec-ch-device-memory", device_memory),
    XR_DEVICE_HEADER("sec-ch-ua-form-factors", form_factors),
    XR_DEVICE_HEADER("cloudfront-is-ios-viewer", cf_ios),
    XR_DEVICE_HEADER("cloudfront-is-mobile-viewer", cf_mobile),
    XR_DEVICE_HEADER("cloudfront-is-tablet-viewer", cf_tablet),
    XR_DEVICE_HEADER("cloudfront-is-desktop-viewer", cf_desktop),
    XR_DEVICE_HEADER("cloudfront-is-smarttv-viewer", cf_smarttv),
    XR_DEVICE_HEADER("cloudfront-is-android-viewer", cf_android)
};


/* Where the names of a length are in that. */

static const struct {
    uint8_t  first;
    uint8_t  n;
} xr_device_header_lengths[] = {
    [3] = { 0, 3 },
    [6] = { 3, 1 },
    [8] = { 4, 2 },
    [9] = { 6, 1 },
    [10] = { 7, 3 },
    [13] = { 10, 1 },
    [15] = { 11, 1 },
    [16] = { 12, 1 },
    [18] = { 13, 1 },
    [20] = { 14, 1 },
    [22] = { 15, 1 },
    [24] = { 16, 1 },
    [27] = { 17, 2 },
    [28] = { 19, 3 }
};


xr_str_t *
xr_device_input_at(xr_device_input_t *in, xr_str_t name)
{
    size_t                     i, last;
    const xr_device_header_t  *h;

    if (name.len >= XR_COUNT(xr_device_header_lengths)) {
        return NULL;
    }

    i = xr_device_header_lengths[name.len].first;
    last = i + xr_device_header_lengths[name.len].n;

    for ( /* void */ ; i < last; i++) {
        h = &xr_device_headers[i];

        if (name.data[0] == h->name.data[0]
            && memcmp(name.data, h->name.data, name.len) == 0)
        {
            return (xr_str_t *) (void *) ((uint8_t *) in + h->offset);
        }
    }

    return NULL;
}


xr_str_t
xr_device_input_name(size_t i)
{
    return (i < XR_COUNT(xr_device_headers)) ? xr_device_headers[i].name
                                             : xr_str_of(NULL, 0);
}


bool
xr_device_input_set(xr_device_input_t *in, xr_str_t name, xr_str_t value)
{
    xr_str_t  *view;

    view = xr_device_input_at(in, name);

    if (view != NULL && view->len == 0) {
        *view = value;
    }

    return view != NULL;
}
