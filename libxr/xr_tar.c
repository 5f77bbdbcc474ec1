/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tar.h"


/* A header: POSIX.1-1988, section 10.1.1 */

#define XR_TAR_BLOCK     512
#define XR_TAR_NAME      100
#define XR_TAR_SIZE      124
#define XR_TAR_SUM       148
#define XR_TAR_TYPE      156
#define XR_TAR_MAGIC     257
#define XR_TAR_NUMBER    12
#define XR_TAR_SUM_SIZE  8


/* Octal, with spaces or zeros around it. */

static bool
xr_tar_number(const uint8_t *p, size_t len, uint64_t *out)
{
    size_t    i;
    uint64_t  n;

    for (i = 0; i < len && p[i] == ' '; i++) {
        /* void */
    }

    n = 0;

    for ( /* void */ ; i < len && p[i] >= '0' && p[i] <= '7'; i++) {
        n = n * 8 + (uint64_t) (p[i] - '0');
    }

    for (*out = n; i < len; i++) {

        if (p[i] != ' ' && p[i] != '\0') {
            return false;
        }
    }

    return true;
}


/* The sum of the bytes, those of the sum itself being spaces. */

static bool
xr_tar_sum(const uint8_t *header)
{
    size_t    i;
    uint64_t  sum, stated;

    sum = 0;

    for (i = 0; i < XR_TAR_BLOCK; i++) {
        sum += (i >= XR_TAR_SUM && i < XR_TAR_SUM + XR_TAR_SUM_SIZE)
               ? ' ' : header[i];
    }

    return xr_tar_number(header + XR_TAR_SUM, XR_TAR_SUM_SIZE, &stated)
           && stated == sum;
}


static bool
xr_tar_end(const uint8_t *header)
{
    size_t  i;

    for (i = 0; i < XR_TAR_BLOCK && header[i] == 0; i++) {
        /* void */
    }

    return i == XR_TAR_BLOCK;
}


bool
xr_tar_is(xr_str_t bytes)
{
    return bytes.len >= XR_TAR_BLOCK
           && memcmp(bytes.data + XR_TAR_MAGIC, "ustar", 5) == 0
           && xr_tar_sum(bytes.data);
}


xr_rc_t
xr_tar_find(xr_str_t archive, xr_str_t suffix, xr_str_t *out, xr_err_t *err)
{
    bool            found;
    size_t          pos;
    uint64_t        size, room;
    xr_str_t        name;
    const uint8_t  *header;

    found = false;

    for (pos = 0; pos < archive.len; pos += (size_t) room) {

        if (archive.len - pos < XR_TAR_BLOCK) {
            return xr_fail(err, XR_INVALID, pos, "a header that is cut off");
        }

        header = archive.data + pos;

        if (xr_tar_end(header)) {
            break;
        }

        if (!xr_tar_sum(header)
            || !xr_tar_number(header + XR_TAR_SIZE, XR_TAR_NUMBER, &size))
        {
            return xr_fail(err, XR_INVALID, pos, "a header that is damaged");
        }

        pos += XR_TAR_BLOCK;

        if (size > archive.len - pos) {
            return xr_fail(err, XR_INVALID, pos, "a file that is cut off");
        }

        room = (size + XR_TAR_BLOCK - 1) / XR_TAR_BLOCK * XR_TAR_BLOCK;
        room = (room < archive.len - pos) ? room : archive.len - pos;

        name = xr_str_of(header, XR_TAR_NAME);
        name.len = xr_str_find(name, '\0');

        if ((header[XR_TAR_TYPE] != '0' && header[XR_TAR_TYPE] != '\0')
            || !xr_str_ends(name, suffix))
        {
            continue;
        }

        if (found) {
            return xr_fail(err, XR_INVALID, pos, "there are two such files");
        }

        found = true;
        *out = xr_str_of(archive.data + pos, (size_t) size);
    }

    return found ? XR_OK
           : xr_fail(err, XR_NOT_FOUND, archive.len, "there is no such file");
}
