/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_S3_XML_H
#define XR_S3_XML_H


#include "xr.h"


/*
 * Calls "element" for each element that ends, with its name, that of its
 * parent ("" at the root) and its own text.  XR_INVALID: not well formed, a
 * document type, too deep.
 */
typedef void (*xr_s3_element_pt)(void *ctx, const char *parent,
    const char *name, xr_str_t text);

xr_rc_t xr_s3_xml(xr_str_t text, xr_s3_element_pt element, void *ctx);


#endif /* XR_S3_XML_H */
