/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_JSON_H
#define XRW_JSON_H


#include "xr.h"

#include <jansson.h>


/*
 * A string.  Bytes that are not UTF-8, which JSON cannot hold, become U+FFFD.
 */
json_t *xrw_json_text(xr_str_t s);

/* Prints "value" on a line of its own, and releases it. */
void xrw_json_print(json_t *value);

/*
 * Prints {"key", "size", "etag", name1: value1, name2: value2} on a line of
 * its own; NULL values are left out.
 */
void xrw_json_line(xr_str_t key, uint64_t size, const char *etag,
    const char *name1, const char *value1, const char *name2,
    const char *value2);


#endif /* XRW_JSON_H */
