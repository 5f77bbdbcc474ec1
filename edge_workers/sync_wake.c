/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sync_wake.h"
#include "xr_tenant.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>


#define XRW_SYNC_WAKE_BATCH  256        /* datagrams at once */


/* Who may reach it is a matter of its folder; it only asks for a look. */

bool
xrw_sync_wake_open(const char *path, int *fd)
{
    struct stat         st;
    struct sockaddr_un  addr;

    *fd = -1;
    memset(&addr, 0, sizeof(addr));
    addr.sun_family = AF_UNIX;

    if (strlen(path) >= sizeof(addr.sun_path)) {
        (void) xrw_error("%s: is too long for the path of a socket", path);
        return false;
    }

    memcpy(addr.sun_path, path, strlen(path));

    /* what a former one left; anything else is somebody's */

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        (void) unlink(path);
    }

    *fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (*fd == -1
        || bind(*fd, (struct sockaddr *) &addr, sizeof(addr)) == -1
        || chmod(path, 0666) == -1)
    {
        (void) xrw_error("%s: %s", path, strerror(errno));
        xrw_sync_wake_close(NULL, *fd);
        *fd = -1;
        return false;
    }

    return true;
}


void
xrw_sync_wake_close(const char *path, int fd)
{
    if (fd != -1) {
        (void) close(fd);

        if (path != NULL) {
            (void) unlink(path);
        }
    }
}


void
xrw_sync_wake_read(int fd, xrw_sync_set_t *set)
{
    int      i;
    char     name[XR_TENANT_NAME_MAX + 1];
    ssize_t  n;

    for (i = 0; i < XRW_SYNC_WAKE_BATCH; i++) {
        n = recv(fd, name, sizeof(name), MSG_DONTWAIT);

        if (n == -1) {
            break;
        }

        if (set != NULL && n > 0 && (size_t) n <= XR_TENANT_NAME_MAX) {
            xrw_sync_set_wake(set, xr_str_of(name, (size_t) n));
        }
    }
}
