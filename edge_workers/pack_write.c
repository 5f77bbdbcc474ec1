/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>


/* A file in "folder" that is all there, or not there at all. */

static bool
xrw_pack_file(xrw_pack_t *p, int folder, const char *name, xr_str_t data)
{
    int      fd, error;
    bool     ok;
    char    *temporary;
    size_t   done;
    ssize_t  n;

    /* beside it: the sandbox lets no file change its folder */

    temporary = xrw_format(p->arena, ".new-%ld", (long) getpid());
    fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                0644);
    ok = fd != -1;

    for (done = 0; ok && done < data.len; done += (size_t) n) {
        n = write(fd, data.data + done, data.len - done);

        if (n == -1 && errno == EINTR) {
            n = 0;
        }

        ok = n != -1;
    }

    error = errno;

    if (fd != -1 && close(fd) == -1 && ok) {
        ok = false;
        error = errno;
    }

    if (ok && renameat(folder, temporary, folder, name) == -1) {
        ok = false;
        error = errno;
    }

    if (!ok) {
        (void) unlinkat(folder, temporary, 0);
    }

    return ok || xrw_pack_fail(p, "io", "a file cannot be written",
                               xrw_format(p->arena, "%s: %s", name,
                                          strerror(error)));
}


bool
xrw_pack_write(xrw_pack_t *p, int folder, xr_str_t manifest)
{
    size_t                     i;
    const xrw_pack_variant_t  *v;

    for (i = 0; i < p->n; i++) {
        v = &p->variants[i];

        if (!xrw_pack_file(p, folder, v->path, v->data)
            || (v->encoded[XR_ENCODING_BR].len > 0
                && !xrw_pack_file(p, folder,
                                  xrw_format(p->arena, "%s.br", v->path),
                                  v->encoded[XR_ENCODING_BR]))
            || (v->encoded[XR_ENCODING_ZSTD].len > 0
                && !xrw_pack_file(p, folder,
                                  xrw_format(p->arena, "%s.zst", v->path),
                                  v->encoded[XR_ENCODING_ZSTD])))
        {
            return false;
        }
    }

    return xrw_pack_file(p, folder, "manifest.json", manifest);
}
