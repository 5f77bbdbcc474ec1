/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_CREDENTIALS_H
#define XR_CREDENTIALS_H


#include "xr.h"


/*
 * AWS credentials, read from the text of a shared credentials file (INI):
 *
 *     [default]
 *     aws_access_key_id = ...
 *     aws_secret_access_key = ...
 *     aws_session_token = ...
 */

typedef struct {
    xr_str_t  access_key;
    xr_str_t  secret_key;
    xr_str_t  session_token;        /* empty: long-term credentials */
} xr_credentials_t;


/*
 * Views into "text".  Unknown keys and other profiles are skipped; a missing
 * profile is XR_NOT_FOUND; a broken line, a missing or repeated key of the
 * chosen profile or a control character in a value is XR_INVALID.
 */
xr_rc_t xr_credentials_parse(xr_str_t text, xr_str_t profile,
    xr_credentials_t *out, xr_err_t *err);

/*
 * Whether credentials that stand elsewhere are as those of a file have to be;
 * err->pos is 0 for the access key, 1 for the secret key, 2 for the token.
 */
xr_rc_t xr_credentials_check(const xr_credentials_t *c, xr_err_t *err);


#endif /* XR_CREDENTIALS_H */
