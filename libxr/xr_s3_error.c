/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_s3_error.h"


#define XR_S3_ERROR_CODE_MAX  64


static const struct {
    xr_str_t       code;
    xr_s3_error_t  kind;
} xr_s3_error_kinds[] = {
    { XR_STR("SignatureDoesNotMatch"), XR_S3_ERROR_CREDENTIALS },
    { XR_STR("InvalidAccessKeyId"), XR_S3_ERROR_CREDENTIALS },
    { XR_STR("ExpiredToken"), XR_S3_ERROR_CREDENTIALS },
    { XR_STR("InvalidToken"), XR_S3_ERROR_CREDENTIALS },
    { XR_STR("TokenRefreshRequired"), XR_S3_ERROR_CREDENTIALS },
    { XR_STR("AuthorizationHeaderMalformed"), XR_S3_ERROR_CREDENTIALS },
    { XR_STR("RequestTimeTooSkewed"), XR_S3_ERROR_CLOCK },
    { XR_STR("AllAccessDisabled"), XR_S3_ERROR_DISABLED },
    { XR_STR("AccountProblem"), XR_S3_ERROR_DISABLED },
    { XR_STR("NotSignedUp"), XR_S3_ERROR_DISABLED }
};


static bool
xr_s3_error_char(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '.';
}


xr_str_t
xr_s3_error_code(xr_str_t body)
{
    size_t    n;
    xr_str_t  code;

    static const xr_str_t  open = XR_STR("<Code>");

    while (body.len >= open.len) {
        n = xr_str_find(body, '<');
        body = xr_str_of(body.data + n, body.len - n);

        if (xr_str_starts(body, open)) {
            code = xr_str_of(body.data + open.len, 0);

            while (open.len + code.len < body.len
                   && code.len <= XR_S3_ERROR_CODE_MAX
                   && xr_s3_error_char(code.data[code.len]))
            {
                code.len++;
            }

            if (code.len == 0 || code.len > XR_S3_ERROR_CODE_MAX
                || open.len + code.len == body.len
                || code.data[code.len] != '<')
            {
                break;
            }

            return code;
        }

        if (body.len > 0) {
            body = xr_str_of(body.data + 1, body.len - 1);
        }
    }

    return xr_str_of(NULL, 0);
}


xr_s3_error_t
xr_s3_error_kind(xr_str_t code)
{
    size_t  i;

    for (i = 0; i < XR_COUNT(xr_s3_error_kinds); i++) {

        if (xr_str_eq(code, xr_s3_error_kinds[i].code)) {
            return xr_s3_error_kinds[i].kind;
        }
    }

    return XR_S3_ERROR_OTHER;
}
