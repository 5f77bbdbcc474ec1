/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_SELECT_H
#define XR_SELECT_H


#include "xr_device.h"
#include "xr_manifest.h"


/*
 * Which variant suits a device: integers only, and the same answer for the
 * same input on every machine.  docs/formats.md has the rule.
 */

#define XR_SELECT_ANY  UINT32_MAX

/* What a request wants, and what its credential lets it have. */

typedef struct {
    xr_str_t  variant;              /* variant=; data NULL: was not given */
    uint32_t  maxq;                 /* maxq= ...: narrow the budgets of the */
    uint32_t  maxdim;               /* device, and bind no more than they; */
    uint64_t  maxbytes;             /* _ANY, UINT64_MAX: was not given */

    uint32_t  ceiling;              /* of quality, from the credential: what
                                       is above does not exist for it */
    uint64_t  seed;                 /* who asks, by xr_select_seed() */
    uint64_t  missing;              /* a bit for each variant whose object the
                                       origin is known not to have */
    const xr_devices_t  *devices;   /* of which the budgets are; NULL: the
                                       table that is built in */
} xr_select_wish_t;


typedef enum {
    XR_SELECT_NONE = 0,             /* nothing that the device can take */
    XR_SELECT_UNKNOWN,              /* no such variant, for this client */
    XR_SELECT_EXPLICIT,             /* what variant= names */
    XR_SELECT_FIT,                  /* the best within all budgets */
    XR_SELECT_OVER,                 /* nothing is, so the nearest */
    XR_SELECT_FALLBACK,             /* the manifest's "fallback" */
    XR_SELECT_ALT,                  /* an alternative of one that is missing */
    XR_SELECT_REASONS
} xr_select_reason_t;


typedef struct {
    int                  variant;   /* XR_MANIFEST_NONE: answer with 404 */
    xr_select_reason_t   reason;
    xr_class_t           class;     /* of the device; one lower when it saves
                                       data */
    xr_str_t             id;        /* of the variant, in the image */
    xr_str_t             arm;       /* in the image; empty: no split */
} xr_select_t;


/* Why a variant was dropped: bits. */

#define XR_SELECT_NO_TEX      0x0001u   /* a texture family is needed */
#define XR_SELECT_NO_GEO      0x0002u   /* a geometry codec is */
#define XR_SELECT_NO_DIM      0x0004u   /* larger textures are */
#define XR_SELECT_NO_MEM      0x0008u
#define XR_SELECT_NO_XR       0x0010u
#define XR_SELECT_NO_UNKNOWN  0x0020u   /* something unheard of is */
#define XR_SELECT_NO_USE      0x0040u   /* it is for another use */
#define XR_SELECT_NO_CEILING  0x0080u   /* the credential does not let it */
#define XR_SELECT_NO_ARM      0x0100u   /* another arm has it */
#define XR_SELECT_NO_OBJECT   0x0200u   /* it is known to be missing */
#define XR_SELECT_NO_RECORD   0x0400u   /* the image is damaged there */
#define XR_SELECT_NO_BITS     11

/* Which budgets one breaks: bits. */

#define XR_SELECT_OVER_BYTES  0x01u
#define XR_SELECT_OVER_TRIS   0x02u
#define XR_SELECT_OVER_DIM    0x04u
#define XR_SELECT_OVER_GPU    0x08u
#define XR_SELECT_OVER_Q      0x10u     /* maxq= */
#define XR_SELECT_OVER_BITS   5

typedef struct {
    uint32_t  dropped;              /* 0: the device can take it */
    uint32_t  over;                 /* 0: it is within all budgets */
    uint32_t  gpu;                  /* what it costs, kilobytes of 1000 */
    bool      preferred;            /* its "classes" name the device's */
    uint32_t  q;
    uint64_t  bytes;
    xr_str_t  id;                   /* in the image */
} xr_select_verdict_t;


/* What a device is held to, once network, save-data and wish are applied. */

typedef struct {
    xr_class_t  class;
    uint64_t    bytes;
    uint64_t    gpu;                /* bytes */
    uint32_t    tris;
    uint32_t    dim;
    uint32_t    q;
    unsigned    net;                /* what it counts as, 0 to XR_NET_MAX */
} xr_select_budgets_t;

xr_select_budgets_t xr_select_budgets(const xr_device_t *d,
    const xr_select_wish_t *wish);


/* A wish for nothing in particular. */
void xr_select_wish_init(xr_select_wish_t *wish);

/*
 * Reads one of maxq=, maxdim= and maxbytes=, a decimal number.  False: it is
 * none of these or no number, and is to be treated as absent.
 */
bool xr_select_wish_set(xr_select_wish_t *wish, xr_str_t name, xr_str_t value);

/*
 * The ceiling that the constraint quality:NAME sets: "0" to "100", "low",
 * "medium" or "high".  XR_INVALID: none of these.
 */
xr_rc_t xr_select_ceiling(xr_str_t name, uint32_t *ceiling);

/*
 * Who asks, in a number that is the same on all machines and for ever:
 * "subject" is that of the credential, or else the address as text.
 */
uint64_t xr_select_seed(xr_str_t tenant, xr_str_t object, xr_str_t subject);

/* The arm that "seed" is in; XR_MANIFEST_NONE: there is no split. */
int xr_select_arm(const xr_manifest_t *m, uint64_t seed);


/* Whether it is in the place of another one, whose object is missing. */
bool xr_select_instead(const xr_manifest_t *m, const xr_device_t *d,
    const xr_select_wish_t *wish, const xr_select_t *chosen);

/*
 * Whether headers had a say in the choice of variant "index" where the URL
 * names a class, in "token": a cache that keys on URLs must not keep it for
 * those who do not send them.  "edge": it is cut to what the device can use.
 */
bool xr_select_swayed(const xr_manifest_t *m, const xr_devices_t *devices,
    xr_str_t token, const xr_device_t *d, const xr_select_wish_t *wish,
    int index, bool edge);

/* XR_NOT_FOUND: none; "out" says why, and is written in any case. */
xr_rc_t xr_select(const xr_manifest_t *m, const xr_device_t *d,
    const xr_select_wish_t *wish, xr_select_t *out);

/* The same, and what was thought of each of the variants. */
xr_rc_t xr_select_explain(const xr_manifest_t *m, const xr_device_t *d,
    const xr_select_wish_t *wish,
    xr_select_verdict_t verdicts[XR_MANIFEST_VARIANTS], xr_select_t *out);


/* "fit", "over" */
xr_str_t xr_select_reason_name(xr_select_reason_t reason);

/* The words for bit "i" of "dropped" and "over": "tex", "bytes". */
xr_str_t xr_select_dropped_name(size_t i);
xr_str_t xr_select_over_name(size_t i);

/* XR-Variant: "<id>;reason=<reason>;class=<class>[;arm=<arm>]". */
#define XR_SELECT_FIELD_MAX                                                   \
    (2 * XR_MANIFEST_ID_MAX                                                   \
     + sizeof(";reason=explicit;class=xxxxxxxx;arm=") - 1)

void xr_select_field(const xr_select_t *s, xr_buf_t *out);


#endif /* XR_SELECT_H */
