/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_IMAGE_H
#define XR_IMAGE_H


#include "xr.h"


/*
 * What an image's header says of it: PNG, JPEG, WebP and KTX2.  No pixel is
 * decoded, so a picture that would not fit into memory costs nothing here.
 */

typedef enum {
    XR_IMAGE_NONE = 0,
    XR_IMAGE_PNG,
    XR_IMAGE_JPEG,
    XR_IMAGE_WEBP,
    XR_IMAGE_KTX2
} xr_image_kind_t;


typedef struct {
    xr_image_kind_t  kind;
    uint32_t         width;
    uint32_t         height;
    bool             alpha;         /* it may have transparent pixels */
} xr_image_t;


/*
 * "image" is the whole file.  XR_INVALID: none of these, or cut off before
 * its dimensions; "err" says so in words.
 */
xr_rc_t xr_image_read(xr_str_t image, xr_image_t *out, xr_err_t *err);

/* "image/png"; empty for XR_IMAGE_NONE. */
xr_str_t xr_image_type(xr_image_kind_t kind);


#endif /* XR_IMAGE_H */
