/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_devices_image.h"


static const xr_str_t  xr_device_classes[XR_CLASSES] = {
    XR_STR("x"),
    XR_STR("h0"), XR_STR("h1"), XR_STR("h2"), XR_STR("h3"),
    XR_STR("p0"), XR_STR("p1"), XR_STR("p2"), XR_STR("p3"),
    XR_STR("d0"), XR_STR("d1"), XR_STR("d2"), XR_STR("d3"),
    XR_STR("sv"), XR_STR("ql")
};


static const xr_str_t  xr_device_uses[XR_USES] = {
    XR_STR("view"), XR_STR("ar-sv"), XR_STR("ar-ql"), XR_STR("native")
};


static const xr_str_t  xr_device_sessions[XR_SESSIONS] = {
    XR_STR("unknown"), XR_STR("none"), XR_STR("ar"), XR_STR("vr")
};


static const xr_str_t  xr_device_sources[XR_SOURCES] = {
    XR_STR("default"), XR_STR("query"), XR_STR("hints"), XR_STR("accept"),
    XR_STR("client_hints"), XR_STR("cloudfront"), XR_STR("user_agent")
};


/* in the order of their bits */

static const xr_str_t  xr_device_tex[] = {
    XR_STR("astc"), XR_STR("astchdr"), XR_STR("bc"), XR_STR("etc2"),
    XR_STR("pvrtc"), XR_STR("basis"), XR_STR("webp"), XR_STR("avif"),
    XR_STR("jpeg")
};


static const xr_str_t  xr_device_geo[] = {
    XR_STR("meshopt"), XR_STR("khrmeshopt"), XR_STR("draco"), XR_STR("quant"),
    XR_STR("splat")
};


static xr_rc_t
xr_device_index(const xr_str_t *names, size_t n, xr_str_t name, unsigned *out)
{
    unsigned  i;

    for (i = 0; i < n; i++) {

        if (xr_str_eq(names[i], name)) {
            *out = i;
            return XR_OK;
        }
    }

    return XR_NOT_FOUND;
}


static void
xr_device_bits(const xr_str_t *names, size_t n, uint32_t bits, xr_buf_t *b)
{
    size_t  i;
    bool    first;

    first = true;

    for (i = 0; i < n; i++) {

        if (!(bits & (1U << i))) {
            continue;
        }

        if (!first) {
            xr_buf_putc(b, ' ');
        }

        xr_buf_put(b, names[i]);
        first = false;
    }
}


xr_str_t
xr_device_class_name(xr_class_t class)
{
    return xr_device_classes[class];
}


xr_str_t
xr_device_use_name(xr_use_t use)
{
    return xr_device_uses[use];
}


xr_str_t
xr_device_session_name(xr_session_t session)
{
    return xr_device_sessions[session];
}


xr_str_t
xr_device_source_name(xr_source_t source)
{
    return xr_device_sources[source];
}


xr_rc_t
xr_device_class_of(xr_str_t name, xr_class_t *out)
{
    unsigned  i;

    if (xr_device_index(xr_device_classes, XR_CLASSES, name, &i) != XR_OK) {
        return XR_NOT_FOUND;
    }

    *out = (xr_class_t) i;

    return XR_OK;
}


xr_rc_t
xr_device_use_of(xr_str_t name, xr_use_t *out)
{
    unsigned  i;

    if (xr_device_index(xr_device_uses, XR_USES, name, &i) != XR_OK) {
        return XR_NOT_FOUND;
    }

    *out = (xr_use_t) i;

    return XR_OK;
}


/* "unknown" is no word that anybody sends */

xr_rc_t
xr_device_session_of(xr_str_t name, xr_session_t *out)
{
    unsigned  i;

    if (xr_device_index(xr_device_sessions, XR_SESSIONS, name, &i) != XR_OK
        || i == XR_SESSION_UNKNOWN)
    {
        return XR_NOT_FOUND;
    }

    *out = (xr_session_t) i;

    return XR_OK;
}


xr_rc_t
xr_device_tex_of(xr_str_t name, uint32_t *bit)
{
    unsigned  i;

    if (xr_device_index(xr_device_tex, XR_COUNT(xr_device_tex), name, &i)
        != XR_OK)
    {
        return XR_NOT_FOUND;
    }

    *bit = 1U << i;

    return XR_OK;
}


xr_rc_t
xr_device_geo_of(xr_str_t name, uint32_t *bit)
{
    unsigned  i;

    if (xr_device_index(xr_device_geo, XR_COUNT(xr_device_geo), name, &i)
        != XR_OK)
    {
        return XR_NOT_FOUND;
    }

    *bit = 1U << i;

    return XR_OK;
}


void
xr_device_tex_names(uint32_t tex, xr_buf_t *b)
{
    xr_device_bits(xr_device_tex, XR_COUNT(xr_device_tex), tex, b);
}


void
xr_device_geo_names(uint32_t geo, xr_buf_t *b)
{
    xr_device_bits(xr_device_geo, XR_COUNT(xr_device_geo), geo, b);
}


xr_class_t
xr_device_class_lower(xr_class_t class)
{
    switch (class) {

    case XR_CLASS_H1:
    case XR_CLASS_H2:
    case XR_CLASS_H3:
    case XR_CLASS_P1:
    case XR_CLASS_P2:
    case XR_CLASS_P3:
    case XR_CLASS_D1:
    case XR_CLASS_D2:
    case XR_CLASS_D3:
        return (xr_class_t) (class - 1);

    default:
        return class;
    }
}


void
xr_device_budgets(const xr_devices_t *devices, xr_class_t class,
    xr_device_t *out)
{
    const xr_devices_budget_t  *budget;

    budget = &devices->budgets[class];

    out->dim = budget->dim;
    out->tris = budget->tris;
    out->bytes_kib = budget->bytes_kib;
    out->gpu_kib = budget->gpu_kib;
}
