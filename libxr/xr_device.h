/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_DEVICE_H
#define XR_DEVICE_H


#include "xr_buf.h"


/*
 * What is known of the device and the viewer that ask for an asset.  All
 * inputs are claims of the client, or of a tier before us: they choose between
 * public variants of an asset, and must never decide about access, quota or
 * whose bytes are sent.
 */

/*
 * The closed set of classes: the only thing of a device that may enter a
 * cache key.  Headsets, phones and desktops from weak to strong; the AR
 * applications that a page hands over to; X is a client that nothing is
 * known of.
 */

typedef enum {
    XR_CLASS_X = 0,
    XR_CLASS_H0,
    XR_CLASS_H1,
    XR_CLASS_H2,
    XR_CLASS_H3,
    XR_CLASS_P0,
    XR_CLASS_P1,
    XR_CLASS_P2,
    XR_CLASS_P3,
    XR_CLASS_D0,
    XR_CLASS_D1,
    XR_CLASS_D2,
    XR_CLASS_D3,
    XR_CLASS_SV,                        /* Scene Viewer */
    XR_CLASS_QL,                        /* Quick Look */
    XR_CLASSES
} xr_class_t;


/* Who shows the asset. */

typedef enum {
    XR_USE_VIEW = 0,                    /* a viewer in a page */
    XR_USE_AR_SV,
    XR_USE_AR_QL,
    XR_USE_NATIVE,                      /* an application with its own loader */
    XR_USES
} xr_use_t;


typedef enum {
    XR_SESSION_UNKNOWN = 0,
    XR_SESSION_NONE,
    XR_SESSION_AR,
    XR_SESSION_VR,
    XR_SESSIONS
} xr_session_t;


/* The input that decided the class, strongest first but for the default. */

typedef enum {
    XR_SOURCE_DEFAULT = 0,
    XR_SOURCE_QUERY,
    XR_SOURCE_HINTS,                    /* XR-Hints */
    XR_SOURCE_ACCEPT,                   /* the parameter of Accept */
    XR_SOURCE_CLIENT_HINTS,
    XR_SOURCE_CLOUDFRONT,
    XR_SOURCE_USER_AGENT,
    XR_SOURCES
} xr_source_t;


/*
 * Texture families.  BASIS is no family of a GPU: the viewer can transcode
 * KTX2 with Basis inside.  JPEG stands for what every viewer decodes, PNG and
 * JPEG, and is always set.
 */

#define XR_TEX_ASTC      0x0001
#define XR_TEX_ASTCHDR   0x0002
#define XR_TEX_BC        0x0004
#define XR_TEX_ETC2      0x0008
#define XR_TEX_PVRTC     0x0010
#define XR_TEX_BASIS     0x0020
#define XR_TEX_WEBP      0x0040
#define XR_TEX_AVIF      0x0080
#define XR_TEX_JPEG      0x0100

#define XR_TEX_GPU       (XR_TEX_ASTC|XR_TEX_ASTCHDR|XR_TEX_BC|XR_TEX_ETC2     \
                          |XR_TEX_PVRTC)
#define XR_TEX_ALL       0x01ff

/* Geometry codecs that the viewer has decoders for. */

#define XR_GEO_MESHOPT     0x01         /* EXT_meshopt_compression */
#define XR_GEO_KHRMESHOPT  0x02
#define XR_GEO_DRACO       0x04
#define XR_GEO_QUANT       0x08
#define XR_GEO_SPLAT       0x10
#define XR_GEO_ALL         0x1f


/* Quality of the network: 0 is the worst, 3 unrestrained. */

#define XR_NET_MAX      3
#define XR_NET_UNKNOWN  4


/*
 * Everything is set, and in range.  The budgets are those of the class, made
 * smaller where the client asked for that, never larger; neither "net" nor
 * "save_data" has been applied to them or to the class, which is for whoever
 * selects a variant.
 */

typedef struct {
    xr_class_t    class;
    xr_use_t      use;
    xr_session_t  session;
    xr_source_t   source;

    uint32_t      tex;                  /* XR_TEX_* */
    uint32_t      geo;                  /* XR_GEO_* */
    uint32_t      dim_max;              /* largest texture edge that works, a
                                           power of two: what a variant needs
                                           is compared with it */
    uint32_t      mem_gib;              /* 0: unknown */

    uint32_t      dim;                  /* budgets: texture edge in pixels, */
    uint32_t      tris;                 /* triangles, */
    uint32_t      bytes_kib;            /* size of what is transferred, */
    uint32_t      gpu_kib;              /* textures in the GPU's memory */

    unsigned      net;                  /* 0 to XR_NET_MAX, XR_NET_UNKNOWN */
    bool          save_data;

    uint32_t      hz;                   /* 0: unknown */
    uint32_t      dpr;                  /* hundredths; 0: unknown */

    xr_str_t      rule;                 /* the name of the table's rule that
                                           applied, a view into the table;
                                           empty: none did */
} xr_device_t;


/*
 * What a request says, as it came: views, empty where there is no such field.
 * Fields that came several times are joined by ", " or left out.
 */

typedef struct {
    xr_str_t  query;                    /* the value of the argument "xr" */
    xr_str_t  hints;                    /* XR-Hints */
    xr_str_t  accept;
    xr_str_t  user_agent;

    xr_str_t  form_factors;             /* Sec-CH-UA-Form-Factors */
    xr_str_t  model;                    /* Sec-CH-UA-Model */
    xr_str_t  platform;                 /* Sec-CH-UA-Platform */
    xr_str_t  mobile;                   /* Sec-CH-UA-Mobile */
    xr_str_t  device_memory;            /* [Sec-CH-]Device-Memory */
    xr_str_t  dpr;                      /* [Sec-CH-]DPR */
    xr_str_t  ect;
    xr_str_t  downlink;
    xr_str_t  rtt;
    xr_str_t  save_data;

    /* read only if "trusted": the peer is a tier of ours */

    xr_str_t  normalised;               /* a token that the tier made of the
                                           viewer's request: X-XR-Class */
    xr_str_t  cf_mobile;                /* CloudFront-Is-Mobile-Viewer ... */
    xr_str_t  cf_tablet;
    xr_str_t  cf_desktop;
    xr_str_t  cf_smarttv;
    xr_str_t  cf_android;
    xr_str_t  cf_ios;

    bool      trusted;
} xr_device_input_t;

/* The views of an input, which lie one behind the other from its start. */

#define XR_DEVICE_INPUTS                                                      \
    (offsetof(xr_device_input_t, trusted) / sizeof(xr_str_t))


static inline bool
xr_device_input_needs_trust(const xr_device_input_t *in, const xr_str_t *view)
{
    return view >= &in->normalised;
}


/*
 * The view for a header of the request, by its name in lower case; NULL: it
 * says nothing of the device.
 */
xr_str_t *xr_device_input_at(xr_device_input_t *in, xr_str_t name);

/* Those names, from 0 on; empty behind the last. */
xr_str_t xr_device_input_name(size_t i);

/*
 * Sets it; of those that come twice the first counts.  False: there is none.
 */
bool xr_device_input_set(xr_device_input_t *in, xr_str_t name,
    xr_str_t value);


/*
 * The table of devices, compiled: one position-independent block of memory,
 * which xr_devices_t is the start of.
 */

typedef struct xr_devices_s  xr_devices_t;

#define XR_DEVICES_ALIGN     8          /* of the memory of an image */
#define XR_DEVICES_MAX_TEXT  262144     /* bytes of JSON */


/*
 * Compiles a table; "*image" is memory of "mem", whose other blocks were
 * needed on the way only.  XR_INVALID: "err->pos" is an offset into "text".
 */
xr_rc_t xr_devices_compile(xr_str_t text, const xr_mem_t *mem,
    xr_str_t *image, xr_err_t *err);

/* The table in "image", which has to stay; NULL if there is none. */
const xr_devices_t *xr_devices_open(xr_str_t image);

/* The table that is built in: config/devices.json. */
const xr_devices_t *xr_devices_default(void);

size_t xr_devices_size(const xr_devices_t *devices);     /* of the image */
size_t xr_devices_rules(const xr_devices_t *devices);


/* Never fails: what cannot be read counts as absent. */
void xr_device_read(const xr_devices_t *devices, const xr_device_input_t *in,
    xr_device_t *out);

/* Of somebody who says nothing but "token", which the URL has. */
void xr_device_read_url(const xr_devices_t *devices, xr_str_t token,
    xr_device_t *out);


/*
 * The canonical token of a record,
 *
 *     <class>-<textures>-<log2 of dim_max>-<codecs>[-n<net>][s]
 *
 * such as "h2-ae-12-dm-n3": 2 to XR_DEVICE_TOKEN bytes of a to z, 0 to 9 and
 * "-".  Records with equal tokens are equal in what they say of class,
 * textures, codecs, largest edge, network and save-data.
 */

#define XR_DEVICE_TOKEN  24

void xr_device_token(const xr_device_t *device, xr_buf_t *b);


/* What a token says. */

typedef struct {
    xr_class_t  class;
    bool        has_tex;
    bool        has_geo;
    uint32_t    tex;
    uint32_t    geo;
    uint32_t    dim_max;                /* 0: not said */
    unsigned    net;                    /* XR_NET_UNKNOWN: not said */
    bool        save_data;
} xr_device_token_t;

/* XR_INVALID: it is no token, and "out" was not written. */
xr_rc_t xr_device_token_read(xr_str_t s, xr_device_token_t *out);


/* Names, all of them literals: "h2", "ar-sv", "vr", "user_agent". */

xr_str_t xr_device_class_name(xr_class_t class);
xr_str_t xr_device_use_name(xr_use_t use);
xr_str_t xr_device_session_name(xr_session_t session);
xr_str_t xr_device_source_name(xr_source_t source);

/* XR_NOT_FOUND: no such class, use, family or codec. */
xr_rc_t xr_device_class_of(xr_str_t name, xr_class_t *out);
xr_rc_t xr_device_use_of(xr_str_t name, xr_use_t *out);
xr_rc_t xr_device_session_of(xr_str_t name, xr_session_t *out);
xr_rc_t xr_device_tex_of(xr_str_t name, uint32_t *bit);
xr_rc_t xr_device_geo_of(xr_str_t name, uint32_t *bit);

/* The names of the bits that are set, with spaces between them. */
void xr_device_tex_names(uint32_t tex, xr_buf_t *b);
void xr_device_geo_names(uint32_t geo, xr_buf_t *b);


/*
 * The budgets of a class, and the class that is one step weaker (h2: h1; the
 * weakest of its kind is its own), which selection under save-data wants.
 * Only dim, tris, bytes_kib and gpu_kib are written.
 */
void xr_device_budgets(const xr_devices_t *devices, xr_class_t class,
    xr_device_t *out);
xr_class_t xr_device_class_lower(xr_class_t class);


#endif /* XR_DEVICE_H */
