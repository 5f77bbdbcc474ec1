/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_PATH_H
#define XR_PATH_H


#include "xr_buf.h"


/*
 * Request paths.  What was signed, what is looked up and what is served must
 * be the same bytes, so a path that could be read in two ways is refused
 * rather than repaired.
 */

/*
 * Checks that "raw" (RFC 3986 path, starting with "/", no query) has exactly
 * one reading: valid percent-encoding; no empty, "." or ".." segment, encoded
 * or not; no encoded "/" or "\", no raw "\"; no control character or NUL; and
 * no second layer of encoding (a decoded "%" that starts an escape of "/",
 * ".", "\", "%" or a control character); and only UTF-8, as S3 keys are.  A
 * trailing "/" is allowed.
 */
xr_rc_t xr_path_check(xr_str_t raw, xr_err_t *err);

/*
 * The same rules for a path that is decoded already, apart from those about
 * escapes: a "%" stands for itself, and "?", "#" and " " are bytes of a name.
 */
xr_rc_t xr_path_check_decoded(xr_str_t path, xr_err_t *err);

/* Decodes "raw" once.  Does not check; XR_INVALID on broken escapes. */
xr_rc_t xr_path_decode(xr_str_t raw, xr_buf_t *out, xr_err_t *err);

/*
 * Encodes a decoded path as S3 signs it: every byte but A-Z a-z 0-9 - . _ ~
 * and "/" becomes %XX in upper case, once.
 */
void xr_path_encode(xr_str_t path, xr_buf_t *out);

/* As xr_path_encode(), but "/" is encoded too: for query values. */
void xr_path_encode_value(xr_str_t value, xr_buf_t *out);

/*
 * Part of a URL as it was sent, which is encoded already, but for what no URL
 * has, RFC 3986: "<" ends a link.
 */
void xr_path_encode_sent(xr_str_t sent, xr_buf_t *out);


#endif /* XR_PATH_H */
