/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_CREDENTIALS_FILE_H
#define XR_CREDENTIALS_FILE_H


#include "secret.h"
#include "xr_credentials.h"


/* Credentials and the text of the file that they are views of. */

typedef struct {
    xr_credentials_t  value;
    xr_secret_t       text;
} xr_credentials_file_t;


/*
 * Reads "profile" of a shared credentials file.  On failure "err" says why,
 * with the line in err->pos, or 0 where no line is to blame.
 */
xr_rc_t xr_credentials_file_read(const char *path, const char *profile,
    xr_credentials_file_t *out, xr_err_t *err);

/* Wipes. */
void xr_credentials_file_free(xr_credentials_file_t *file);


#endif /* XR_CREDENTIALS_FILE_H */
