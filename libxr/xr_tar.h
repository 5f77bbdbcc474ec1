/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TAR_H
#define XR_TAR_H


#include "xr.h"


/*
 * The one file of a tar archive (POSIX ustar, GNU) whose name ends with
 * "suffix".  Links, folders and extensions are skipped; nothing is written
 * anywhere, so that names lead nowhere.  "out" is a view.  XR_NOT_FOUND: there
 * is no such file; XR_INVALID: there are two, or it is no archive.
 */
xr_rc_t xr_tar_find(xr_str_t archive, xr_str_t suffix, xr_str_t *out,
    xr_err_t *err);

/* Whether it begins as one does. */
bool xr_tar_is(xr_str_t bytes);


#endif /* XR_TAR_H */
