/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_ASK_H
#define NGX_HTTP_XR_ASK_H


#include "ngx_http_xr.h"


/* A token of this tenant names a key that is not known. */
void ngx_http_xr_ask_keys(ngx_http_request_t *r, xr_str_t tenant);


#endif /* NGX_HTTP_XR_ASK_H */
