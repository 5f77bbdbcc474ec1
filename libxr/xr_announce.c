/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_announce.h"
#include "xr_json.h"


#define XR_ANNOUNCE_DEPTH    4
#define XR_ANNOUNCE_MEMBERS  16


const char *
xr_announce_read(xr_str_t text, xr_buf_t *memory, xr_announce_t *out)
{
    xr_err_t   err;
    xr_json_t  root, version, tenant, object, order;

    static const xr_json_limits_t  limits = { XR_ANNOUNCE_DEPTH,
                                              XR_ANNOUNCE_MEMBERS };

    memset(out, 0, sizeof(xr_announce_t));

    if (text.len > XR_ANNOUNCE_ORDER_MAX) {
        return "it is too long";
    }

    if (xr_json_check(text, &limits, &root, &err) != XR_OK) {
        return err.what;
    }

    if (root.type != XR_JSON_OBJECT
        || xr_json_get(&root, xr_str("v"), &version) != XR_OK
        || version.type != XR_JSON_NUMBER
        || !xr_str_eq(version.raw, xr_str("1")))
    {
        return "it is not of version 1";
    }

    if (xr_json_get(&root, xr_str("order"), &order) == XR_OK) {
        return (xr_json_text(&order, memory, &out->order) == XR_OK
                && out->order.len > 0)
               ? NULL : "\"order\" is no text";
    }

    if (text.len > XR_ANNOUNCE_MAX) {
        return "it is too long";
    }

    if (xr_json_get(&root, xr_str("tenant"), &tenant) != XR_OK
        || xr_json_text(&tenant, memory, &out->tenant) != XR_OK)
    {
        return "\"tenant\" is no text";
    }

    if (xr_json_get(&root, xr_str("object"), &object) != XR_OK
        || xr_json_text(&object, memory, &out->object) != XR_OK)
    {
        return "\"object\" is no text";
    }

    return xr_purge_order_item(XR_PURGE_OBJECT, &out->object);
}
