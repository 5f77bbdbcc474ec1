/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_S3_ERROR_H
#define XR_S3_ERROR_H


#include "xr.h"


/* What an error of an S3 server says about us, where it says anything. */

typedef enum {
    XR_S3_ERROR_OTHER = 0,
    XR_S3_ERROR_CREDENTIALS,        /* others may be accepted */
    XR_S3_ERROR_CLOCK,              /* signed at another time than it has */
    XR_S3_ERROR_DISABLED            /* the account or bucket is, for all */
} xr_s3_error_t;


/*
 * The text of the first <Code> of an error document, a view into "body";
 * empty if there is none, if the body ends within it, or if it is not 1 to 64
 * letters, digits and dots.  Nothing else of the document is looked at.
 */
xr_str_t xr_s3_error_code(xr_str_t body);

xr_s3_error_t xr_s3_error_kind(xr_str_t code);


#endif /* XR_S3_ERROR_H */
