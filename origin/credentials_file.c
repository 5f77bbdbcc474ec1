/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "credentials_file.h"


xr_rc_t
xr_credentials_file_read(const char *path, const char *profile,
    xr_credentials_file_t *out, xr_err_t *err)
{
    xr_rc_t      rc;
    const char  *why;

    *out = (xr_credentials_file_t) { 0 };

    rc = xr_secret_read(path, &out->text, &why);

    if (rc != XR_OK) {
        return xr_fail(err, rc, 0, why);
    }

    rc = xr_credentials_parse(xr_secret_str(&out->text), xr_str(profile),
                              &out->value, err);

    if (rc == XR_NOT_FOUND) {
        (void) xr_fail(err, rc, 0, "no such profile");

    } else if (rc != XR_OK) {
        err->pos = xr_str_line(xr_secret_str(&out->text), err->pos);
    }

    if (rc != XR_OK) {
        xr_credentials_file_free(out);
    }

    return rc;
}


void
xr_credentials_file_free(xr_credentials_file_t *file)
{
    xr_secret_free(&file->text);
    file->value = (xr_credentials_t) { 0 };
}
