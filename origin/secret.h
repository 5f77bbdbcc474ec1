/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_SECRET_H
#define XR_SECRET_H


#include "xr.h"


#define XR_SECRET_MAX_SIZE  ((size_t) 65536)


/* The text of a file with secrets in it.  Zeroed is empty. */

typedef struct {
    uint8_t  *data;
    size_t    len;
} xr_secret_t;


/*
 * Reads a whole file or pipe.  Refuses anything that others than its owner
 * and group can read or write, and more than XR_SECRET_MAX_SIZE bytes.  On
 * failure "*why" is a reason to print behind the name of the file.
 */
xr_rc_t xr_secret_read(const char *path, xr_secret_t *out, const char **why);

/* As above, up to "max" bytes. */
xr_rc_t xr_secret_read_max(const char *path, size_t max, xr_secret_t *out,
    const char **why);

xr_str_t xr_secret_str(const xr_secret_t *secret);

/* Wipes. */
void xr_secret_free(xr_secret_t *secret);


#endif /* XR_SECRET_H */
