/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "credentials_file.h"


static size_t
xr_credentials_file_line(xr_str_t text, size_t pos)
{
    size_t  i, line;

    line = 1;

    for (i = 0; i < pos && i < text.len; i++) {
        if (text.data[i] == '\n') {
            line++;
        }
    }

    return line;
}


xr_rc_t
xr_credentials_file_read(const char *path, const char *profile,
    xr_credentials_file_t *out, xr_err_t *err)
{
    xr_rc_t      rc;
    xr_str_t     text;
    const char  *why;

    *out = (xr_credentials_file_t) { 0 };

    rc = xr_secret_read(path, &out->text, &why);

    if (rc != XR_OK) {
        return xr_fail(err, rc, 0, why);
    }

    text = xr_secret_str(&out->text);
    rc = xr_credentials_parse(text, xr_str(profile), &out->value, err);

    if (rc == XR_NOT_FOUND) {
        (void) xr_fail(err, rc, 0, "no such profile");

    } else if (rc != XR_OK) {
        err->pos = xr_credentials_file_line(text, err->pos);
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
