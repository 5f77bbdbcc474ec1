/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_MIME_H
#define XR_MIME_H


#include "xr.h"


/*
 * The media type of a path by its extension, ASCII case folded; an empty view
 * for an extension that is not known.  "name.glb.br" and the like, which Unity
 * writes, are not looked through: the encoding is the origin's business.
 */
xr_str_t xr_mime_type(xr_str_t path);


#endif /* XR_MIME_H */
