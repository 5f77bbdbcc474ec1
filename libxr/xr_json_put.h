/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_JSON_PUT_H
#define XR_JSON_PUT_H


#include "xr_buf.h"


/*
 * Writes JSON.  Commas are put where they belong: what was written last tells
 * whether something stands before.
 */

/* Before an element of an array, or a member of an object by its name. */
void xr_json_put_next(xr_buf_t *b);
void xr_json_put_name(xr_buf_t *b, const char *name);

/*
 * A string.  Bytes that are not UTF-8, which JSON cannot hold, become U+FFFD.
 * A short one is cut where it is too long, and says so.
 */
#define XR_JSON_PUT_SHORT  200

void xr_json_put_string(xr_buf_t *b, xr_str_t s);
void xr_json_put_short(xr_buf_t *b, xr_str_t s);

/* Members. */
void xr_json_put_text(xr_buf_t *b, const char *name, xr_str_t s);
void xr_json_put_uint(xr_buf_t *b, const char *name, uint64_t n);
void xr_json_put_bool(xr_buf_t *b, const char *name, bool is);

/* As the first, but where the text is empty there is no such member. */
void xr_json_put_some(xr_buf_t *b, const char *name, xr_str_t s);


#endif /* XR_JSON_PUT_H */
