/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_LOCATION_H
#define XR_LOCATION_H


#include "xr_buf.h"


/*
 * A place on Earth, to find out which of several is near: "50.1,8.7" (degrees
 * of latitude and longitude), or the name of an AWS region.  Held in hundredths
 * of a degree, about a kilometre.
 */

#define XR_LOCATION_NONE  INT16_MIN

typedef struct {
    int16_t  lat;                   /* XR_LOCATION_NONE: not known */
    int16_t  lon;
} xr_location_t;

#define XR_LOCATION_UNKNOWN  ((xr_location_t) { XR_LOCATION_NONE, 0 })


xr_rc_t xr_location_parse(xr_str_t s, xr_location_t *out);

/* XR_NOT_FOUND: no region of that name is known; "out" is unknown then. */
xr_rc_t xr_location_region(xr_str_t region, xr_location_t *out);

/* "50.10,8.70"; it takes at most so many bytes. */
#define XR_LOCATION_SIZE  16
void xr_location_text(xr_location_t l, xr_buf_t *out);

/* In kilometres, along the surface; of what is not known farther than any. */
#define XR_LOCATION_FAR  100000
uint32_t xr_location_distance(xr_location_t a, xr_location_t b);


#endif /* XR_LOCATION_H */
