/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "coverage.h"

#include <stdio.h>
#include <string.h>


static void
xrw_coverage_device(xr_class_t class, xr_device_t *device)
{
    memset(device, 0, sizeof(*device));
    xr_device_budgets(xr_devices_default(), class, device);

    device->class = class;
    device->dim_max = device->dim;
    device->net = XR_NET_MAX;
    device->tex = XR_TEX_JPEG;

    if (class == XR_CLASS_SV) {
        device->use = XR_USE_AR_SV;

    } else if (class == XR_CLASS_QL) {
        device->use = XR_USE_AR_QL;

    } else {
        device->tex |= XR_TEX_WEBP | XR_TEX_BASIS | XR_TEX_ASTC | XR_TEX_ETC2
                       | XR_TEX_BC;
        device->geo = XR_GEO_MESHOPT | XR_GEO_QUANT;
    }
}


xr_rc_t
xrw_coverage(const xr_manifest_t *m, xr_class_t class, xr_select_t *out)
{
    xr_device_t       device;
    xr_select_wish_t  wish;

    xrw_coverage_device(class, &device);
    xr_select_wish_init(&wish);

    return xr_select(m, &device, &wish, out);
}


json_t *
xrw_coverage_json(const xr_manifest_t *m)
{
    char          class_name[16];
    json_t       *list;
    xr_str_t      name, reason;
    xr_class_t    class;
    xr_select_t   s;

    list = json_object();

    for (class = XR_CLASS_X; class < XR_CLASSES; class++) {
        (void) xrw_coverage(m, class, &s);
        name = xr_device_class_name(class);
        reason = xr_select_reason_name(s.reason);
        (void) snprintf(class_name, sizeof(class_name), "%.*s",
                        (int) name.len, (const char *) name.data);

        (void) json_object_set_new(list, class_name, json_pack(
            "{s:s%, s:s%}",
            "variant", s.id.len > 0 ? (const char *) s.id.data : "", s.id.len,
            "reason", (const char *) reason.data, reason.len));
    }

    return list;
}


void
xrw_coverage_text(const xr_manifest_t *m, xr_str_t id,
    char text[XRW_COVERAGE_TEXT])
{
    xr_buf_t     buf;
    xr_class_t   class;
    xr_select_t  s;

    buf = xr_buf(text, XRW_COVERAGE_TEXT - 1);

    for (class = XR_CLASS_X; class < XR_CLASSES; class++) {

        if (xrw_coverage(m, class, &s) != XR_OK || !xr_str_eq(s.id, id)) {
            continue;
        }

        if (xr_buf_str(&buf).len > 0) {
            xr_buf_putc(&buf, ' ');
        }

        xr_buf_put(&buf, xr_device_class_name(class));
    }

    text[xr_buf_str(&buf).len] = '\0';
}
