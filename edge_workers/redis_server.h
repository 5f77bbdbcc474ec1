/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XRW_REDIS_SERVER_H
#define XRW_REDIS_SERVER_H


#include "arena.h"
#include "cli.h"


/* The options by which a command learns where Redis is, and what is there. */

typedef struct {
    const char  *url;
    const char  *auth_file;
    const char  *set;
    const char  *channel;
} xrw_redis_flags_t;

#define XRW_REDIS_OPTIONS  4

/* Writes the entries of the option table; returns their number. */
size_t xrw_redis_options(xrw_redis_flags_t *flags, xrw_option_t *options);


typedef struct {
    const char  *name;              /* to print: no password in it */
    const char  *host;
    uint16_t     port;
    const char  *socket;            /* a path; NULL: it is host and port */
    unsigned     db;
    const char  *user;              /* NULL: Redis's default user */
    const char  *password;          /* NULL: none is sent */
} xrw_redis_server_t;


/*
 * Reads "redis://[user[:password]@]host[:port][/db]", and
 * "unix://[user[:password]@]/path[?db=n]" or a path for a socket.  XR_INVALID:
 * "*why" says what is wrong with "url".
 */
xr_rc_t xrw_redis_url(xrw_arena_t *arena, const char *url,
    xrw_redis_server_t *out, const char **why);

/* The server that the options mean.  XRW_OK, or what to exit with. */
int xrw_redis_server(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_redis_flags_t *flags, xrw_redis_server_t *out);


#endif /* XRW_REDIS_SERVER_H */
