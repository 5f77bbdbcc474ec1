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


/* Makes room; realloc() would leave a copy behind. */

static bool
xr_secret_grow(xr_secret_t *out, size_t *room, size_t max)
{
    size_t    size;
    uint8_t  *data;

    size = (*room == 0) ? XR_SECRET_MAX_SIZE + 1 : 2 * *room;

    if (size > max + 1) {
        size = max + 1;
    }

    data = malloc(size);

    if (data == NULL) {
        return false;
    }

    if (out->data != NULL) {
        memcpy(data, out->data, out->len);
        xr_wipe(out->data, out->len);
        free(out->data);
    }

    out->data = data;
    *room = size;

    return true;
}


static xr_rc_t
xr_secret_fill(int fd, size_t max, xr_secret_t *out, const char **why)
{
    size_t   room;
    ssize_t  n;

    for (room = 0; out->len <= max; out->len += (size_t) n) {

        if (out->len == room && !xr_secret_grow(out, &room, max)) {
            *why = "out of memory";
            return XR_NO_SPACE;
        }

        n = read(fd, out->data + out->len, room - out->len);

        if (n == 0) {
            return XR_OK;
        }

        if (n < 0) {
            *why = strerror(errno);
            return XR_ERROR;
        }
    }

    *why = "is too large for a file of secrets";

    return XR_INVALID;
}


xr_rc_t
xr_secret_read_max(const char *path, size_t max, xr_secret_t *out,
    const char **why)
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

    rc = (*why == NULL) ? xr_secret_fill(fd, max, out, why) : XR_DENIED;

    if (rc != XR_OK) {
        xr_secret_free(out);
    }

    close(fd);

    return rc;
}


xr_rc_t
xr_secret_read(const char *path, xr_secret_t *out, const char **why)
{
    return xr_secret_read_max(path, XR_SECRET_MAX_SIZE, out, why);
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
