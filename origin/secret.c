/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "secret.h"
#include "xr_crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* A reason not to read "fd", or NULL. */

static const char *
xr_secret_refuse(int fd)
{
    struct stat  st;

    if (fstat(fd, &st) == -1) {
        return strerror(errno);
    }

    if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)) {
        return "is not a file";
    }

    if ((st.st_mode & S_IRWXO) != 0) {
        return "is open to every user of this machine; chmod o= it";
    }

    return NULL;
}


static xr_rc_t
xr_secret_fill(int fd, xr_secret_t *out, const char **why)
{
    ssize_t  n;

    for ( ;; ) {
        n = read(fd, out->data + out->len, XR_SECRET_MAX_SIZE + 1 - out->len);

        if (n == 0) {
            return XR_OK;
        }

        if (n < 0) {
            *why = strerror(errno);
            return XR_ERROR;
        }

        out->len += (size_t) n;

        if (out->len > XR_SECRET_MAX_SIZE) {
            *why = "is too large for a file of secrets";
            return XR_INVALID;
        }
    }
}


xr_rc_t
xr_secret_read(const char *path, xr_secret_t *out, const char **why)
{
    int      fd;
    xr_rc_t  rc;

    *out = (xr_secret_t) { NULL, 0 };

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd == -1) {
        *why = strerror(errno);
        return (errno == ENOENT) ? XR_NOT_FOUND : XR_ERROR;
    }

    *why = xr_secret_refuse(fd);

    if (*why != NULL) {
        close(fd);
        return XR_DENIED;
    }

    out->data = malloc(XR_SECRET_MAX_SIZE + 1);

    if (out->data == NULL) {
        *why = "out of memory";
        close(fd);
        return XR_NO_SPACE;
    }

    rc = xr_secret_fill(fd, out, why);

    if (rc != XR_OK) {
        xr_secret_free(out);
    }

    close(fd);

    return rc;
}


xr_str_t
xr_secret_str(const xr_secret_t *secret)
{
    return xr_str_of(secret->data, secret->len);
}


void
xr_secret_free(xr_secret_t *secret)
{
    if (secret->data != NULL) {
        xr_wipe(secret->data, secret->len);
        free(secret->data);
    }

    *secret = (xr_secret_t) { NULL, 0 };
}
