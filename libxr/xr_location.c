/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_location.h"

#include <math.h>


#define XR_LOCATION_RADIUS  6371.0      /* of the Earth, in kilometres */
#define XR_LOCATION_DEGREE  (3.14159265358979323846 / 180.0)


/* The cities that AWS names its regions after. */

static const struct {
    xr_str_t       name;
    xr_location_t  at;
} xr_location_regions[] = {
    { XR_STR("af-south-1"), { -3392, 1842 } },
    { XR_STR("ap-east-1"), { 2232, 11417 } },
    { XR_STR("ap-east-2"), { 2503, 12157 } },
    { XR_STR("ap-northeast-1"), { 3568, 13969 } },
    { XR_STR("ap-northeast-2"), { 3757, 12698 } },
    { XR_STR("ap-northeast-3"), { 3469, 13550 } },
    { XR_STR("ap-south-1"), { 1908, 7288 } },
    { XR_STR("ap-south-2"), { 1739, 7849 } },
    { XR_STR("ap-southeast-1"), { 135, 10382 } },
    { XR_STR("ap-southeast-2"), { -3387, 15121 } },
    { XR_STR("ap-southeast-3"), { -621, 10685 } },
    { XR_STR("ap-southeast-4"), { -3781, 14496 } },
    { XR_STR("ap-southeast-5"), { 314, 10169 } },
    { XR_STR("ap-southeast-7"), { 1376, 10050 } },
    { XR_STR("ca-central-1"), { 4550, -7357 } },
    { XR_STR("ca-west-1"), { 5105, -11407 } },
    { XR_STR("cn-north-1"), { 3990, 11641 } },
    { XR_STR("cn-northwest-1"), { 3751, 10519 } },
    { XR_STR("eu-central-1"), { 5011, 868 } },
    { XR_STR("eu-central-2"), { 4738, 854 } },
    { XR_STR("eu-north-1"), { 5933, 1807 } },
    { XR_STR("eu-south-1"), { 4546, 919 } },
    { XR_STR("eu-south-2"), { 4165, -88 } },
    { XR_STR("eu-west-1"), { 5335, -626 } },
    { XR_STR("eu-west-2"), { 5151, -13 } },
    { XR_STR("eu-west-3"), { 4886, 235 } },
    { XR_STR("il-central-1"), { 3209, 3478 } },
    { XR_STR("me-central-1"), { 2445, 5438 } },
    { XR_STR("me-south-1"), { 2623, 5059 } },
    { XR_STR("mx-central-1"), { 2059, -10039 } },
    { XR_STR("sa-east-1"), { -2355, -4663 } },
    { XR_STR("us-east-1"), { 3904, -7749 } },
    { XR_STR("us-east-2"), { 3996, -8300 } },
    { XR_STR("us-gov-east-1"), { 3996, -8300 } },
    { XR_STR("us-gov-west-1"), { 4584, -11970 } },
    { XR_STR("us-west-1"), { 3735, -12196 } },
    { XR_STR("us-west-2"), { 4584, -11970 } }
};


/* Degrees with up to two decimals that count, at most "max" either way. */

static xr_rc_t
xr_location_degrees(xr_str_t s, int max, int16_t *out)
{
    int       sign, hundredths;
    size_t    i;
    uint64_t  n;

    sign = 1;

    if (s.len > 0 && s.data[0] == '-') {
        sign = -1;
        xr_str_skip(&s, 1);
    }

    if (xr_str_uint(&s, &n) != XR_OK || n > (uint64_t) max) {
        return XR_INVALID;
    }

    hundredths = (int) n * 100;

    if (s.len == 1 || (s.len > 0 && s.data[0] != '.')) {
        return XR_INVALID;
    }

    for (i = 1; i < s.len; i++) {

        if (s.data[i] < '0' || s.data[i] > '9') {
            return XR_INVALID;
        }

        if (i <= 2) {
            hundredths += (s.data[i] - '0') * (i == 1 ? 10 : 1);
        }
    }

    if (hundredths > max * 100) {
        return XR_INVALID;
    }

    *out = (int16_t) (sign * hundredths);

    return XR_OK;
}


xr_rc_t
xr_location_region(xr_str_t region, xr_location_t *out)
{
    size_t  i;

    for (i = 0; i < XR_COUNT(xr_location_regions); i++) {

        if (xr_str_eq(region, xr_location_regions[i].name)) {
            *out = xr_location_regions[i].at;
            return XR_OK;
        }
    }

    *out = XR_LOCATION_UNKNOWN;

    return XR_NOT_FOUND;
}


xr_rc_t
xr_location_parse(xr_str_t s, xr_location_t *out)
{
    xr_str_t       lat;
    xr_location_t  l;

    if (xr_location_region(s, &l) == XR_OK) {
        *out = l;
        return XR_OK;
    }

    lat = xr_str_cut(&s, ',');

    if (xr_location_degrees(lat, 90, &l.lat) != XR_OK
        || xr_location_degrees(s, 180, &l.lon) != XR_OK)
    {
        return XR_INVALID;
    }

    *out = l;

    return XR_OK;
}


static void
xr_location_number(int n, xr_buf_t *out)
{
    unsigned  abs;

    abs = (unsigned) (n < 0 ? -n : n);

    if (n < 0) {
        xr_buf_putc(out, '-');
    }

    xr_buf_uint(out, abs / 100);
    xr_buf_putc(out, '.');
    xr_buf_putc(out, (uint8_t) ('0' + abs / 10 % 10));
    xr_buf_putc(out, (uint8_t) ('0' + abs % 10));
}


void
xr_location_text(xr_location_t l, xr_buf_t *out)
{
    xr_location_number(l.lat, out);
    xr_buf_putc(out, ',');
    xr_location_number(l.lon, out);
}


/* The haversine formula. */

uint32_t
xr_location_distance(xr_location_t a, xr_location_t b)
{
    double  lat, lon, h;

    if (a.lat == XR_LOCATION_NONE || b.lat == XR_LOCATION_NONE) {
        return XR_LOCATION_FAR;
    }

    lat = sin((a.lat - b.lat) / 200.0 * XR_LOCATION_DEGREE);
    lon = sin((a.lon - b.lon) / 200.0 * XR_LOCATION_DEGREE);

    h = lat * lat
        + cos(a.lat / 100.0 * XR_LOCATION_DEGREE)
          * cos(b.lat / 100.0 * XR_LOCATION_DEGREE) * lon * lon;

    return (uint32_t) (2.0 * XR_LOCATION_RADIUS
                       * asin(sqrt(h < 1.0 ? h : 1.0)));
}
