/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_device_said.h"
#include "xr_devices_image.h"


#define XR_DEVICE_CLIENT_RTT  (300 * 1000)     /* thousandths of a ms */


/* A decimal number as thousandths, what is behind them being dropped. */

static xr_rc_t
xr_device_client_decimal(xr_str_t s, uint32_t *out)
{
    size_t    i;
    uint64_t  whole, part;

    s = xr_str_trim(s);

    if (s.len > 16
        || xr_str_uint(&s, &whole) != XR_OK
        || whole > UINT32_MAX / 1000 - 1)
    {
        return XR_INVALID;
    }

    part = 0;

    if (s.len > 1 && s.data[0] == '.') {
        xr_str_skip(&s, 1);

        for (i = 0; i < 3; i++) {
            part *= 10;

            if (i < s.len && s.data[i] >= '0' && s.data[i] <= '9') {
                part += (uint64_t) (s.data[i] - '0');
            }
        }

        while (s.len > 0 && s.data[0] >= '0' && s.data[0] <= '9') {
            xr_str_skip(&s, 1);
        }
    }

    if (s.len != 0) {
        return XR_INVALID;
    }

    *out = (uint32_t) (whole * 1000 + part);

    return XR_OK;
}


/* What is between the quotes; an escape is in no name that we know. */

static xr_str_t
xr_device_client_string(xr_str_t s)
{
    s = xr_str_trim(s);

    if (s.len < 2
        || s.len > XR_DEVICE_FIELD_MAX
        || s.data[0] != '"'
        || s.data[s.len - 1] != '"')
    {
        return xr_str_of(NULL, 0);
    }

    return xr_str_of(s.data + 1, s.len - 2);
}


static bool
xr_device_client_has_xr(xr_str_t s)
{
    static const xr_str_t  xr = XR_STR("XR");

    if (s.len > XR_DEVICE_FIELD_MAX) {
        return false;
    }

    while (s.len > 0) {

        if (xr_str_eq(xr_device_client_string(xr_str_cut(&s, ',')), xr)) {
            return true;
        }
    }

    return false;
}


static xr_device_mobile_t
xr_device_client_mobile(xr_str_t s)
{
    static const xr_str_t  yes = XR_STR("?1"), no = XR_STR("?0");

    s = xr_str_trim(s);

    return xr_str_eq(s, yes) ? XR_DEVICE_MOBILE_YES
           : xr_str_eq(s, no) ? XR_DEVICE_MOBILE_NO : XR_DEVICE_MOBILE_UNKNOWN;
}


static unsigned
xr_device_client_ect(xr_str_t s)
{
    size_t  i;

    static const struct {
        xr_str_t  name;
        unsigned  net;
    } types[] = {
        { XR_STR("slow-2g"), 0 },
        { XR_STR("2g"), 0 },
        { XR_STR("3g"), 1 },
        { XR_STR("4g"), 3 }
    };

    for (i = 0; i < XR_COUNT(types); i++) {

        if (xr_str_eq(xr_str_trim(s), types[i].name)) {
            return types[i].net;
        }
    }

    return XR_NET_UNKNOWN;
}


/*
 * The worst of what the three say: a browser gives "4g" to whatever is fast,
 * and caps its downlink at 10 Mbit/s.
 */

static unsigned
xr_device_client_net(const xr_device_input_t *in)
{
    unsigned  net, down;
    uint32_t  n;

    net = xr_device_client_ect(in->ect);

    if (xr_device_client_decimal(in->downlink, &n) == XR_OK) {
        down = (n < 1500) ? 1 : (n < 5000) ? 2 : XR_NET_MAX;
        net = (down < net) ? down : net;
    }

    if (xr_device_client_decimal(in->rtt, &n) == XR_OK
        && n > XR_DEVICE_CLIENT_RTT)
    {
        net = (net == XR_NET_UNKNOWN) ? XR_NET_MAX - 1
              : (net > 0) ? net - 1 : 0;
    }

    return net;
}


/* All that is known of the network is that answers take long. */

static bool
xr_device_client_slow(const xr_device_input_t *in)
{
    uint32_t  n;

    return xr_device_client_ect(in->ect) == XR_NET_UNKNOWN
           && xr_device_client_decimal(in->downlink, &n) != XR_OK
           && xr_device_client_decimal(in->rtt, &n) == XR_OK
           && n > XR_DEVICE_CLIENT_RTT;
}


void
xr_device_client_read(const xr_device_input_t *in, xr_device_client_t *out)
{
    uint32_t  n;

    static const xr_str_t  on = XR_STR("on");

    *out = (xr_device_client_t) {
        .xr = xr_device_client_has_xr(in->form_factors),
        .mobile = xr_device_client_mobile(in->mobile),
        .model = xr_device_client_string(in->model),
        .platform = xr_device_client_string(in->platform),
        .net = xr_device_client_net(in),
        .slow = xr_device_client_slow(in),
        .save_data = xr_str_eq_nocase(xr_str_trim(in->save_data), on)
    };

    if (xr_device_client_decimal(in->device_memory, &n) == XR_OK
        && n != 0 && n / 1000 <= XR_DEVICE_MEM_MAX)
    {
        out->has_memory = true;
        out->mem_gib = n / 1000;
    }

    if (xr_device_client_decimal(in->dpr, &n) == XR_OK && n <= 100 * 1000) {
        out->dpr = n / 10;
    }
}


unsigned
xr_device_client_cloudfront(const xr_device_input_t *in)
{
    size_t          i;
    unsigned        flags;
    const xr_str_t  fields[] = {
        in->cf_mobile, in->cf_tablet, in->cf_desktop, in->cf_smarttv,
        in->cf_android, in->cf_ios
    };

    static const xr_str_t  yes = XR_STR("true");

    flags = 0;

    for (i = 0; i < XR_COUNT(fields); i++) {

        if (xr_str_eq(fields[i], yes)) {
            flags |= (uint32_t) XR_DEVICES_CF_MOBILE << i;
        }
    }

    return flags;
}
