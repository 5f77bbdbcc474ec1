/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_notify.h"
#include "xr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>


void
xrw_notify(const char *text)
{
    int                  fd;
    size_t               len;
    const char          *name;
    struct sockaddr_un   address;

    name = getenv("NOTIFY_SOCKET");
    len = (name != NULL) ? strlen(name) : 0;

    /* "@" begins a name that is in no file system */

    if (len < 2 || len >= sizeof(address.sun_path)
        || (name[0] != '/' && name[0] != '@'))
    {
        return;
    }

    memset(&address, 0, sizeof(address));
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, name, len);

    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }

    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return;
    }

    (void) sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *) &address,
                  (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len));
    (void) close(fd);
}


void
xrw_notify_reloading(void)
{
    char             text[64];
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    (void) snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
                    (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000);
    xrw_notify(text);
}


int64_t
xrw_notify_watchdog(void)
{
    xr_str_t     s;
    uint64_t     usec, pid;
    const char  *text;

    text = getenv("WATCHDOG_PID");

    if (text != NULL) {
        s = xr_str(text);

        if (xr_str_uint(&s, &pid) != XR_OK || pid != (uint64_t) getpid()) {
            return 0;
        }
    }

    text = getenv("WATCHDOG_USEC");
    s = xr_str(text != NULL ? text : "");

    if (xr_str_uint(&s, &usec) != XR_OK || s.len > 0
        || usec > (uint64_t) INT64_MAX)
    {
        return 0;
    }

    /* twice as often as it has to be */

    return (int64_t) (usec / 2000);
}
