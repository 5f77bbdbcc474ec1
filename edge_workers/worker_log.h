/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_WORKER_LOG_H
#define XRW_WORKER_LOG_H


#include <jansson.h>


/*
 * The log of a worker: one JSON object per line on standard error, each
 * written at once.  From xrw_log_open() on xrw_error() writes such lines, too.
 */

typedef enum {
    XRW_LOG_INFO = 0,
    XRW_LOG_WARN,
    XRW_LOG_ERROR
} xrw_log_level_t;


/* "worker" is its kind, "name" which one of them; both have to stay. */
void xrw_log_open(const char *worker, const char *name);

/* The last thing that xrw_error() was told; "" if there was none. */
const char *xrw_log_last(void);

/* "format" and what follows are an object's members, as for json_pack(). */
void xrw_log(xrw_log_level_t level, const char *event, const char *format,
    ...);


#endif /* XRW_WORKER_LOG_H */
