/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_JSON_H
#define XRW_JSON_H


#include "xr.h"


/*
 * Prints {"key", "size", "etag", name1: value1, name2: value2} on a line of
 * its own; NULL values are left out.  Bytes of a key that are not UTF-8, which
 * JSON cannot hold, become U+FFFD.
 */
void xrw_json_line(xr_str_t key, uint64_t size, const char *etag,
    const char *name1, const char *value1, const char *name2,
    const char *value2);


#endif /* XRW_JSON_H */
