/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_DEVICE_SAID_H
#define XR_DEVICE_SAID_H


#include "xr_device.h"


/*
 * What the inputs of a request say, each by itself.  How much of an input is
 * looked at is bounded: a record takes a microsecond, whatever is sent.
 */

#define XR_DEVICE_HINTS_MAX   256       /* longer ones count as absent, */
#define XR_DEVICE_HINTS_KEYS  20        /* as do those of more members */
#define XR_DEVICE_ACCEPT_MAX  256
#define XR_DEVICE_FIELD_MAX   128       /* a client hint */

#define XR_DEVICE_DIM_MAX     32768
#define XR_DEVICE_MEM_MAX     1024
#define XR_DEVICE_HZ_MAX      1000


/* XR-Hints; zero and empty: not said, but for "net". */

typedef struct {
    bool          has_class;
    bool          has_tex;
    bool          has_geo;
    bool          save_data;
    xr_class_t    class;
    xr_session_t  session;
    uint32_t      tex;
    uint32_t      geo;
    uint32_t      dim_max;              /* a power of two */
    uint32_t      mem_gib;
    uint32_t      tris;
    uint32_t      hz;
    unsigned      net;
    xr_str_t      gpu;                  /* the renderer's name */
    xr_str_t      profile;              /* of WebXR input */
} xr_device_hints_t;

/* XR_INVALID, with nothing said: the field is too long, or no dictionary. */
xr_rc_t xr_device_hints_read(xr_str_t s, xr_device_hints_t *out);


/* The parameter "xr" of a media range; XR_NOT_FOUND. */
xr_rc_t xr_device_accept_read(xr_str_t s, xr_device_token_t *out);


/* Client hints. */

typedef enum {
    XR_DEVICE_MOBILE_UNKNOWN = 0,
    XR_DEVICE_MOBILE_NO,
    XR_DEVICE_MOBILE_YES
} xr_device_mobile_t;

typedef struct {
    bool                xr;             /* "XR" is among the form factors */
    xr_device_mobile_t  mobile;
    xr_str_t            model;          /* without quotes; empty: not said */
    xr_str_t            platform;
    bool                has_memory;
    uint32_t            mem_gib;        /* rounded down, so it may be 0 */
    uint32_t            dpr;
    unsigned            net;
    bool                slow;           /* its round trip is all that is known,
                                           and long */
    bool                save_data;
} xr_device_client_t;

void xr_device_client_read(const xr_device_input_t *in,
    xr_device_client_t *out);

/* CloudFront's headers that are "true", XR_DEVICES_CF_*. */
unsigned xr_device_client_cloudfront(const xr_device_input_t *in);


#endif /* XR_DEVICE_SAID_H */
