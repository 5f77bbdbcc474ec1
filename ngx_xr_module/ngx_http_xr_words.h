/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef NGX_HTTP_XR_WORDS_H
#define NGX_HTTP_XR_WORDS_H


#include "ngx_http_xr.h"


/* What the words and numbers of directives may be, for the table of these. */

static ngx_conf_bitmask_t  ngx_http_xr_auth_masks[] = {
    { ngx_string("any"), NGX_HTTP_XR_AUTH_ANY },
    { ngx_string("edgeauth"), NGX_HTTP_XR_AUTH_EDGEAUTH },
    { ngx_string("jwt"), NGX_HTTP_XR_AUTH_JWT },
    { ngx_string("cloudfront"), NGX_HTTP_XR_AUTH_CLOUDFRONT },
    { ngx_string("public"), NGX_HTTP_XR_AUTH_PUBLIC },
    { ngx_string("off"), NGX_HTTP_XR_AUTH_OFF },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_xr_token_masks[] = {
    { ngx_string("query"), NGX_HTTP_XR_IN_QUERY },
    { ngx_string("path"), NGX_HTTP_XR_IN_PATH },
    { ngx_string("header"), NGX_HTTP_XR_IN_HEADER },
    { ngx_string("cookie"), NGX_HTTP_XR_IN_COOKIE },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_xr_from_masks[] = {
    { ngx_string("host"), NGX_HTTP_XR_FROM_HOST },
    { ngx_string("path"), NGX_HTTP_XR_FROM_PATH },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_xr_ssl_masks[] = {
    { ngx_string("TLSv1.2"), NGX_SSL_TLSv1_2 },
    { ngx_string("TLSv1.3"), NGX_SSL_TLSv1_3 },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_xr_limit_status_bounds = {
    ngx_conf_check_num_bounds, 400, 599
};


static ngx_conf_enum_t  ngx_http_xr_limit_log_levels[] = {
    { ngx_string("info"), NGX_LOG_INFO },
    { ngx_string("notice"), NGX_LOG_NOTICE },
    { ngx_string("warn"), NGX_LOG_WARN },
    { ngx_string("error"), NGX_LOG_ERR },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_xr_geo_statuses[] = {
    { ngx_string("403"), NGX_HTTP_FORBIDDEN },
    { ngx_string("451"), 451 },
    { ngx_null_string, 0 }
};


#endif /* NGX_HTTP_XR_WORDS_H */
