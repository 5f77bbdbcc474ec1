/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "worker_status.h"
#include "cli.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>


#define XRW_STATUS_TIME     5000        /* ms, for a request and its answer */
#define XRW_STATUS_REQUEST  2048        /* bytes */
#define XRW_STATUS_BACKLOG  8
#define XRW_STATUS_EXCESS   4           /* reads before it is closed */


static int
xrw_status_socket(int family, const struct sockaddr *address, socklen_t len)
{
    int  fd, one;

    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd == -1) {
        return -1;
    }

    one = 1;
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));

    if (bind(fd, address, len) == -1 || listen(fd, XRW_STATUS_BACKLOG) == -1)
    {
        one = errno;
        (void) close(fd);
        errno = one;
        return -1;
    }

    return fd;
}


/* Whether it is a socket that a worker has left, which nobody listens to. */

static bool
xrw_status_stale(const struct sockaddr_un *address)
{
    int          fd;
    bool         stale;
    struct stat  st;

    if (lstat(address->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode)) {
        return false;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd == -1) {
        return false;
    }

    stale = connect(fd, (const struct sockaddr *) address,
                    sizeof(struct sockaddr_un)) == -1
            && errno == ECONNREFUSED;
    (void) close(fd);

    return stale;
}


static bool
xrw_status_unix(xrw_status_t *status, const char *path)
{
    mode_t              mask;
    struct sockaddr_un  address;

    memset(&address, 0, sizeof(address));
    address.sun_family = AF_UNIX;

    if (strlen(path) >= sizeof(address.sun_path)) {
        (void) xrw_error("%s: is too long for a socket", path);
        return false;
    }

    memcpy(address.sun_path, path, strlen(path));

    if (xrw_status_stale(&address)) {
        (void) unlink(path);
    }

    mask = umask(0117);
    status->listen[0] = xrw_status_socket(AF_UNIX,
                                          (struct sockaddr *) &address,
                                          sizeof(address));
    (void) umask(mask);

    if (status->listen[0] == -1) {
        (void) xrw_error("%s: %s", path, strerror(errno));
        return false;
    }

    status->path = path;

    return true;
}


static bool
xrw_status_loopback(xrw_status_t *status, unsigned port)
{
    struct sockaddr_in  address;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t) port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    status->listen[1] = xrw_status_socket(AF_INET,
                                          (struct sockaddr *) &address,
                                          sizeof(address));

    if (status->listen[1] == -1) {
        (void) xrw_error("127.0.0.1:%u: %s", port, strerror(errno));
        return false;
    }

    return true;
}


bool
xrw_status_open(xrw_status_t *status, const char *path, unsigned port)
{
    size_t  i;

    status->path = NULL;
    status->listen[0] = -1;
    status->listen[1] = -1;

    for (i = 0; i < XRW_STATUS_CLIENTS; i++) {
        status->clients[i].fd = -1;
    }

    return (path == NULL || xrw_status_unix(status, path))
           && (port == 0 || xrw_status_loopback(status, port));
}


/* With bytes that nobody has read the answer would be lost, too. */

static void
xrw_status_drop(xrw_status_client_t *client)
{
    unsigned  i;

    for (i = 0; i < XRW_STATUS_EXCESS; i++) {
        if (recv(client->fd, client->data, sizeof(client->data), 0) <= 0) {
            break;
        }
    }

    (void) close(client->fd);
    client->fd = -1;
}


void
xrw_status_forget(xrw_status_t *status)
{
    size_t  i;

    for (i = 0; i < XRW_STATUS_LISTEN; i++) {
        if (status->listen[i] != -1) {
            (void) close(status->listen[i]);
            status->listen[i] = -1;
        }
    }

    for (i = 0; i < XRW_STATUS_CLIENTS; i++) {
        if (status->clients[i].fd != -1) {
            xrw_status_drop(&status->clients[i]);
        }
    }
}


void
xrw_status_close(xrw_status_t *status)
{
    if (status->path != NULL) {
        (void) unlink(status->path);
    }

    xrw_status_forget(status);
}


size_t
xrw_status_fds(const xrw_status_t *status, struct pollfd *fds)
{
    size_t                       i, n;
    const xrw_status_client_t   *client;

    n = 0;

    for (i = 0; i < XRW_STATUS_LISTEN; i++) {
        if (status->listen[i] != -1) {
            fds[n++] = (struct pollfd) { status->listen[i], POLLIN, 0 };
        }
    }

    for (i = 0; i < XRW_STATUS_CLIENTS; i++) {
        client = &status->clients[i];

        if (client->fd != -1) {
            fds[n++] = (struct pollfd) { client->fd, client->answering
                                         ? POLLOUT : POLLIN, 0 };
        }
    }

    return n;
}


int64_t
xrw_status_due(const xrw_status_t *status)
{
    size_t   i;
    int64_t  due;

    due = INT64_MAX;

    for (i = 0; i < XRW_STATUS_CLIENTS; i++) {
        if (status->clients[i].fd != -1 && status->clients[i].until < due) {
            due = status->clients[i].until;
        }
    }

    return due;
}


static void
xrw_status_say(xrw_status_client_t *client, const char *line, xr_str_t body,
    bool head)
{
    int  n;

    n = snprintf(client->data, sizeof(client->data),
                 "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Cache-Control: no-store\r\nContent-Length: %zu\r\n"
                 "Connection: close\r\n\r\n%.*s", line, body.len,
                 head ? 0 : (int) body.len, (const char *) body.data);

    client->len = (n > 0 && (size_t) n < sizeof(client->data)) ? (size_t) n
                                                              : 0;
    client->sent = 0;
    client->answering = true;
}


static void
xrw_status_answer(xrw_status_t *status, xrw_status_client_t *client)
{
    bool         head;
    char         text[XRW_STATUS_SIZE - 1024];
    xr_buf_t     buf;
    xr_str_t     line, method, path;
    const char  *why;

    line = xr_str_of(client->data, client->len);
    line = xr_str_cut(&line, '\r');
    method = xr_str_cut(&line, ' ');
    path = xr_str_cut(&line, ' ');
    head = xr_str_eq(method, xr_str("HEAD"));

    buf = xr_buf(text, sizeof(text));

    if (!head && !xr_str_eq(method, xr_str("GET"))) {
        xrw_status_say(client, "405 Method Not Allowed", xr_str(""), head);

    } else if (xr_str_eq(path, xr_str("/healthz"))) {
        why = status->health(status->ctx);
        xr_buf_puts(&buf, why == NULL ? "ok" : why);
        xr_buf_putc(&buf, '\n');
        xrw_status_say(client, why == NULL ? "200 OK"
                       : "503 Service Unavailable", xr_buf_str(&buf), head);

    } else if (xr_str_eq(path, xr_str("/metrics"))) {
        status->metrics(status->ctx, &buf);
        xrw_status_say(client, "200 OK", xr_buf_str(&buf), head);

    } else {
        xrw_status_say(client, "404 Not Found", xr_str(""), head);
    }
}


/* What comes behind the request's head is read by nobody. */

static bool
xrw_status_read(xrw_status_t *status, xrw_status_client_t *client)
{
    ssize_t  n;

    n = recv(client->fd, client->data + client->len,
             XRW_STATUS_REQUEST - client->len, 0);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }

    if (n <= 0) {
        return false;
    }

    client->len += (size_t) n;

    if (memmem(client->data, client->len, "\r\n\r\n", 4) != NULL) {
        xrw_status_answer(status, client);

    } else if (client->len == XRW_STATUS_REQUEST) {
        xrw_status_say(client, "431 Request Header Fields Too Large",
                       xr_str(""), true);
    }

    return true;
}


static bool
xrw_status_write(xrw_status_client_t *client)
{
    ssize_t  n;

    n = send(client->fd, client->data + client->sent,
             client->len - client->sent, MSG_NOSIGNAL);

    if (n == -1) {
        return errno == EAGAIN || errno == EINTR;
    }

    client->sent += (size_t) n;

    return client->sent < client->len;
}


/* Whoever comes while all places are taken is told by a closed connection. */

static void
xrw_status_accept(xrw_status_t *status, int listener, int64_t now)
{
    int                   fd;
    size_t                i;
    xrw_status_client_t  *client;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK))
           != -1)
    {
        for (i = 0; i < XRW_STATUS_CLIENTS && status->clients[i].fd != -1; i++)
        {
            /* void */
        }

        if (i == XRW_STATUS_CLIENTS) {
            (void) close(fd);
            continue;
        }

        client = &status->clients[i];
        client->fd = fd;
        client->until = now + XRW_STATUS_TIME;
        client->len = 0;
        client->answering = false;
    }
}


void
xrw_status_run(xrw_status_t *status, int64_t now)
{
    bool                  ok;
    size_t                i;
    xrw_status_client_t  *client;

    for (i = 0; i < XRW_STATUS_LISTEN; i++) {
        if (status->listen[i] != -1) {
            xrw_status_accept(status, status->listen[i], now);
        }
    }

    for (i = 0; i < XRW_STATUS_CLIENTS; i++) {
        client = &status->clients[i];

        if (client->fd == -1) {
            continue;
        }

        ok = now < client->until
             && (client->answering || xrw_status_read(status, client))
             && (!client->answering || xrw_status_write(client));

        if (!ok) {
            xrw_status_drop(client);
        }
    }
}
