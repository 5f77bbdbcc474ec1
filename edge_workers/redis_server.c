/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "redis_server.h"
#include "secret.h"
#include "xr_path.h"

#include <stdlib.h>
#include <string.h>


#define XRW_REDIS_PORT    6379
#define XRW_REDIS_DB_MAX  65535


size_t
xrw_redis_options(xrw_redis_flags_t *flags, xrw_option_t *options)
{
    const xrw_option_t  table[XRW_REDIS_OPTIONS] = {

        { "redis", "URL", XRW_OPTION_TEXT, &flags->url,
          "redis://[USER@]HOST[:PORT][/DB], or a socket (XR_REDIS)" },

        { "redis-auth-file", "FILE", XRW_OPTION_TEXT, &flags->auth_file,
          "its password" },

        { "set", "KEY", XRW_OPTION_TEXT, &flags->set,
          "the set (xr:revoked)" },

        { "channel", "NAME", XRW_OPTION_TEXT, &flags->channel,
          "where changes are announced (xr:revoked)" }
    };

    memset(flags, 0, sizeof(*flags));
    flags->set = "xr:revoked";
    flags->channel = "xr:revoked";

    memcpy(options, table, sizeof(table));

    return XRW_REDIS_OPTIONS;
}


/* NULL: it is broken, or cannot be said to Redis. */

static const char *
xrw_redis_decode(xrw_arena_t *arena, xr_str_t s)
{
    void      *p;
    xr_buf_t   b;

    p = xrw_alloc(arena, s.len + 1);
    b = xr_buf(p, s.len);

    if (xr_path_decode(s, &b, NULL) != XR_OK
        || xr_str_has_control(xr_buf_str(&b)))
    {
        return NULL;
    }

    return p;
}


/* "user:password@" at the front of "*rest", up to "end". */

static const char *
xrw_redis_user(xrw_arena_t *arena, xr_str_t *rest, size_t end,
    xrw_redis_server_t *out)
{
    size_t    i;
    xr_str_t  user, password;

    for (i = end; i > 0 && rest->data[i - 1] != '@'; i--) { /* void */ }

    if (i == 0) {
        return NULL;
    }

    password = xr_str_of(rest->data, i - 1);
    user = xr_str_cut(&password, ':');

    *rest = xr_str_of(rest->data + i, rest->len - i);

    if (user.len > 0) {
        out->user = xrw_redis_decode(arena, user);
    }

    if (password.len > 0) {
        out->password = xrw_redis_decode(arena, password);
    }

    if ((user.len > 0 && out->user == NULL)
        || (password.len > 0 && out->password == NULL))
    {
        return "the user or the password is not percent-encoded as it has to";
    }

    return NULL;
}


static const char *
xrw_redis_db(xr_str_t s, unsigned *db)
{
    uint64_t  n;

    n = 0;

    if (s.len > 0
        && (xr_str_uint(&s, &n) != XR_OK || s.len > 0 || n > XRW_REDIS_DB_MAX))
    {
        return "the database is not a number";
    }

    *db = (unsigned) n;

    return NULL;
}


/* "/path?db=n" */

static const char *
xrw_redis_socket(xrw_arena_t *arena, xr_str_t s, xrw_redis_server_t *out)
{
    xr_str_t  path;

    path = xr_str_cut(&s, '?');

    if (path.len == 0 || path.data[0] != '/' || xr_str_has_control(path)) {
        return "the socket is no absolute path";
    }

    out->socket = xrw_text(arena, path);
    out->name = out->socket;

    if (s.len == 0) {
        return NULL;
    }

    if (!xr_str_starts(s, xr_str("db="))) {
        return "behind the \"?\" is not db=NUMBER";
    }

    return xrw_redis_db(xr_str_of(s.data + 3, s.len - 3), &out->db);
}


/* "host:port", "[address]:port" */

static const char *
xrw_redis_host(xrw_arena_t *arena, xr_str_t s, xrw_redis_server_t *out)
{
    uint64_t  port;
    xr_str_t  host;

    if (s.len > 0 && s.data[0] == '[') {

        if (xr_str_find(s, ']') == s.len) {
            return "behind the \"[\" is no \"]\"";
        }

        s = xr_str_of(s.data + 1, s.len - 1);
        host = xr_str_cut(&s, ']');

        if (s.len > 0 && s.data[0] != ':') {
            return "behind the \"]\" is no port";
        }

        (void) xr_str_cut(&s, ':');

    } else {
        host = xr_str_cut(&s, ':');
    }

    if (host.len == 0 || xr_str_has_control(host)) {
        return "there is no host";
    }

    port = XRW_REDIS_PORT;

    if (s.len > 0
        && (xr_str_uint(&s, &port) != XR_OK || s.len > 0 || port == 0
            || port > UINT16_MAX))
    {
        return "the port is not a number from 1 to 65535";
    }

    out->host = xrw_text(arena, host);
    out->port = (uint16_t) port;
    out->name = xrw_format(arena, "%s:%u", out->host, (unsigned) out->port);

    return NULL;
}


xr_rc_t
xrw_redis_url(xrw_arena_t *arena, const char *url, xrw_redis_server_t *out,
    const char **why)
{
    bool      unix_socket;
    xr_str_t  s, scheme;

    *out = (xrw_redis_server_t) { 0 };
    s = xr_str(url);

    if (url[0] == '/') {
        *why = xrw_redis_socket(arena, s, out);
        return (*why == NULL) ? XR_OK : XR_INVALID;
    }

    scheme = xr_str_cut(&s, ':');
    unix_socket = xr_str_eq(scheme, xr_str("unix"));

    if ((!unix_socket && !xr_str_eq(scheme, xr_str("redis")))
        || !xr_str_starts(s, xr_str("//")))
    {
        *why = "neither redis://HOST nor unix://PATH; for TLS use a tunnel";
        return XR_INVALID;
    }

    s = xr_str_of(s.data + 2, s.len - 2);
    *why = xrw_redis_user(arena, &s, xr_str_find(s, '/'), out);

    if (*why == NULL && unix_socket) {
        *why = xrw_redis_socket(arena, s, out);

    } else if (*why == NULL) {
        *why = xrw_redis_host(arena, xr_str_cut(&s, '/'), out);

        if (*why == NULL) {
            *why = xrw_redis_db(s, &out->db);
        }
    }

    return (*why == NULL) ? XR_OK : XR_INVALID;
}


static int
xrw_redis_auth(xrw_arena_t *arena, const char *file, xrw_redis_server_t *out)
{
    int           status;
    xr_str_t      password;
    const char   *why;
    xr_secret_t   text;

    if (xr_secret_read(file, &text, &why) != XR_OK) {
        return xrw_error("%s: %s", file, why);
    }

    status = XRW_OK;
    password = xr_str_trim(xr_secret_str(&text));

    if (password.len == 0 || xr_str_has_control(password)) {
        status = xrw_error("%s: is not one line with a password", file);

    } else {
        out->password = xrw_text(arena, password);
    }

    xr_secret_free(&text);

    return status;
}


int
xrw_redis_server(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_redis_flags_t *flags, xrw_redis_server_t *out)
{
    const char  *url, *why;

    url = (flags->url != NULL) ? flags->url : getenv("XR_REDIS");

    if (url == NULL || url[0] == '\0') {
        return xrw_usage(cmd, "where is Redis? say --redis");
    }

    /* the URL may have a password in it, so it is not repeated */

    if (xrw_redis_url(arena, url, out, &why) != XR_OK) {
        return xrw_usage(cmd, "--redis: %s", why);
    }

    if (flags->auth_file != NULL) {
        return xrw_redis_auth(arena, flags->auth_file, out);
    }

    if (out->user != NULL && out->password == NULL) {
        return xrw_usage(cmd, "a user and no password: say --redis-auth-file");
    }

    return XRW_OK;
}
