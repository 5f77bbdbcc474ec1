/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "target.h"
#include "when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define XRW_TARGET_TRIES    5
#define XRW_TARGET_TIMEOUT  60          /* seconds */


size_t
xrw_target_options(xrw_target_flags_t *flags, xrw_option_t *options)
{
    const xrw_option_t  table[XRW_TARGET_OPTIONS] = {

        { "tenant", "NAME", XRW_OPTION_TEXT, &flags->name,
          "whose objects" },

        { "config", "FILE", XRW_OPTION_TEXT, &flags->config,
          "the tenants' origins (XR_CONFIG)" },

        { "origin", "URL", XRW_OPTION_TEXT, &flags->tenant.origin,
          "s3://BUCKET[/PREFIX] (XR_ORIGIN)" },

        { "endpoint", "URL", XRW_OPTION_TEXT, &flags->tenant.endpoint,
          "of the S3 server (XR_ENDPOINT)" },

        { "region", "NAME", XRW_OPTION_TEXT, &flags->tenant.region,
          "of the bucket (XR_REGION)" },

        { "style", "path|virtual", XRW_OPTION_TEXT, &flags->tenant.style,
          "how requests name the bucket (XR_STYLE)" },

        { "credentials", "FILE", XRW_OPTION_TEXT, &flags->tenant.credentials,
          "shared credentials file" },

        { "profile", "NAME", XRW_OPTION_TEXT, &flags->tenant.profile,
          "its section (default)" },

        { "timeout", "TIME", XRW_OPTION_TEXT, &flags->timeout,
          "how long an origin may stall (60s)" }
    };

    memset(flags, 0, sizeof(*flags));
    memcpy(options, table, sizeof(table));

    return XRW_TARGET_OPTIONS;
}


/* An unset and an empty variable are the same. */

static const char *
xrw_target_env(const char *name)
{
    const char  *value;

    value = getenv(name);

    return (value != NULL && value[0] != '\0') ? value : NULL;
}


/* The first configuration that knows the tenant, and what to say if none. */

static int
xrw_target_config(xrw_arena_t *arena, const xrw_target_flags_t *flags,
    xrw_tenant_t *out, bool *found, const char **files)
{
    size_t       i, n;
    xr_rc_t      rc;
    const char  *home, *paths[2];

    n = 0;
    paths[n] = flags->config;

    if (paths[n] == NULL) {
        paths[n] = xrw_target_env("XR_CONFIG");
    }

    if (paths[n] != NULL) {
        *files = paths[n++];

        /* a file that was named has to be there */

        if (access(*files, F_OK) == -1) {
            return xrw_error("%s: %s", *files, strerror(errno));
        }

    } else {
        paths[n++] = "/etc/ngx_xr/xr.json";
        home = xrw_target_env("HOME");

        if (home != NULL) {
            paths[n++] = xrw_format(arena, "%s/.config/ngx_xr/xr.json", home);
        }

        *files = "/etc/ngx_xr/xr.json or ~/.config/ngx_xr/xr.json";
    }

    for (i = 0; i < n; i++) {
        rc = xrw_config_find(arena, paths[i], flags->name, out);

        if (rc != XR_NOT_FOUND) {
            *found = (rc == XR_OK);
            out->file = paths[i];
            return (rc == XR_OK) ? XRW_OK : XRW_FAILED;
        }
    }

    return XRW_OK;
}


static void
xrw_target_fill(const char **field, const char *value)
{
    if (*field == NULL) {
        *field = value;
    }
}


int
xrw_target_tenant(xrw_arena_t *arena, const xrw_target_flags_t *flags,
    xrw_tenant_t *out)
{
    int           status;
    bool          found;
    const char   *files;
    xrw_tenant_t  config;

    *out = flags->tenant;
    config = (xrw_tenant_t) { 0 };
    found = false;
    files = NULL;

    if (flags->name != NULL) {
        status = xrw_target_config(arena, flags, &config, &found, &files);

        if (status != XRW_OK) {
            return status;
        }
    }

    xrw_target_fill(&out->origin, config.origin);
    xrw_target_fill(&out->endpoint, config.endpoint);
    xrw_target_fill(&out->region, config.region);
    xrw_target_fill(&out->style, config.style);
    xrw_target_fill(&out->keys, config.keys);
    xrw_target_fill(&out->url, config.url);
    xrw_target_fill(&out->purge_keys, config.purge_keys);
    xrw_target_fill(&out->redis, config.redis);
    xrw_target_fill(&out->redis_auth_file, config.redis_auth_file);
    out->file = config.file;
    out->edges = config.edges;
    out->policy = config.policy;

    /* a profile belongs to its file, and both go before the environment */

    if (out->credentials == NULL && config.credentials != NULL) {
        xrw_target_fill(&out->credentials, config.credentials);
        xrw_target_fill(&out->profile, config.profile);
    }

    xrw_target_fill(&out->origin, xrw_target_env("XR_ORIGIN"));
    xrw_target_fill(&out->endpoint, xrw_target_env("XR_ENDPOINT"));
    xrw_target_fill(&out->region, xrw_target_env("XR_REGION"));
    xrw_target_fill(&out->style, xrw_target_env("XR_STYLE"));

    if (flags->name != NULL && !found && out->origin == NULL) {
        return xrw_error("no tenant \"%s\" in %s", flags->name, files);
    }

    return XRW_OK;
}


static int
xrw_target_origin(xrw_arena_t *arena, xrw_target_t *target)
{
    xr_err_t             err;
    xr_mem_t             mem;
    const xrw_tenant_t  *t;

    t = &target->tenant;
    mem = xrw_mem(arena);

    if (xr_origin_parse(xr_str(t->origin),
                        xr_str(t->region != NULL ? t->region : ""),
                        xr_str(t->endpoint != NULL ? t->endpoint : ""),
                        xr_str(t->style != NULL ? t->style : ""),
                        &mem, &target->origin, &err)
        != XR_OK)
    {
        return xrw_error("origin \"%s\": %s", t->origin, err.what);
    }

    if (target->origin.kind != XR_ORIGIN_S3) {
        return xrw_error("origin \"%s\": only an s3:// origin can be changed "
                         "and listed", t->origin);
    }

    return XRW_OK;
}


/* The three variables that AWS's own tools read. */

static bool
xrw_target_credentials_env(xr_credentials_t *out)
{
    const char  *access, *secret, *session;

    access = xrw_target_env("AWS_ACCESS_KEY_ID");
    secret = xrw_target_env("AWS_SECRET_ACCESS_KEY");
    session = xrw_target_env("AWS_SESSION_TOKEN");

    if (access == NULL || secret == NULL) {
        return false;
    }

    out->access_key = xr_str(access);
    out->secret_key = xr_str(secret);
    out->session_token = xr_str(session != NULL ? session : "");

    return true;
}


static int
xrw_target_credentials(xrw_arena_t *arena, xrw_target_t *target)
{
    xr_err_t     err;
    const char  *path, *profile, *home;

    path = target->tenant.credentials;
    profile = target->tenant.profile;

    if (path == NULL && profile == NULL
        && xrw_target_credentials_env(&target->credentials))
    {
        return XRW_OK;
    }

    xrw_target_fill(&path, xrw_target_env("AWS_SHARED_CREDENTIALS_FILE"));
    home = xrw_target_env("HOME");

    if (path == NULL && home != NULL) {
        path = xrw_format(arena, "%s/.aws/credentials", home);
    }

    if (path == NULL) {
        return xrw_error("no credentials: say --credentials");
    }

    /* a variable for one's own file does not select in a tenant's */

    if (target->tenant.credentials == NULL) {
        xrw_target_fill(&profile, xrw_target_env("AWS_PROFILE"));
    }

    xrw_target_fill(&profile, "default");

    if (xr_credentials_file_read(path, profile, &target->file, &err)
        == XR_OK)
    {
        target->credentials = target->file.value;
        target->path = path;
        target->profile = profile;
        return XRW_OK;
    }

    if (err.pos > 0) {
        return xrw_error("%s:%zu: %s", path, err.pos, err.what);
    }

    return xrw_error("%s, profile \"%s\": %s", path, profile, err.what);
}


/* Whoever keeps the file fresh may have replaced it since it was read. */

static bool
xrw_target_renew(void *ctx)
{
    xrw_target_t *target = ctx;

    xr_err_t               err;
    xr_credentials_file_t  file;

    if (target->path == NULL
        || xr_credentials_file_read(target->path, target->profile, &file, &err)
           != XR_OK)
    {
        return false;
    }

    if (xr_str_eq(file.value.access_key, target->file.value.access_key)
        && xr_str_eq(file.value.secret_key, target->file.value.secret_key)
        && xr_str_eq(file.value.session_token,
                     target->file.value.session_token))
    {
        xr_credentials_file_free(&file);
        return false;
    }

    xr_credentials_file_free(&target->file);
    target->file = file;
    target->credentials = file.value;

    return true;
}


/* Any wait ends when the person has had enough. */

static bool
xrw_target_go_on(void *ctx, uint64_t sent)
{
    (void) ctx;
    (void) sent;

    return xrw_stop == 0;
}


int
xrw_target_open(xrw_arena_t *arena, const xrw_command_t *cmd,
    const xrw_target_flags_t *flags, xrw_target_t *out)
{
    int              status;
    int64_t          timeout;
    xr_s3_options_t  options;

    *out = (xrw_target_t) { 0 };
    timeout = XRW_TARGET_TIMEOUT;

    if (flags->timeout != NULL
        && (!xrw_duration(flags->timeout, &timeout) || timeout < 1
            || timeout > 86400))
    {
        return xrw_usage(cmd, "--timeout %s: not a time such as 60s",
                         flags->timeout);
    }

    status = xrw_target_tenant(arena, flags, &out->tenant);

    if (status == XRW_OK && out->tenant.origin == NULL) {
        return xrw_usage(cmd, "no origin: say --tenant or --origin");
    }

    if (status == XRW_OK) {
        status = xrw_target_origin(arena, out);
    }

    if (status == XRW_OK) {
        status = xrw_target_credentials(arena, out);
    }

    if (status != XRW_OK) {
        return status;
    }

    options = (xr_s3_options_t) {
        .origin = &out->origin,
        .credentials = &out->credentials,
        .tries = XRW_TARGET_TRIES,
        .timeout = (long) timeout,
        .progress = xrw_target_go_on,
        .renew = xrw_target_renew,
        .renew_ctx = out,
        .checksum = flags->checksum,
        .part_size = flags->part_size
    };

    out->s3 = xr_s3_create(&options);

    return (out->s3 != NULL) ? XRW_OK : xrw_error("out of memory");
}


void
xrw_target_close(xrw_target_t *target)
{
    xr_s3_free(target->s3);
    xr_credentials_file_free(&target->file);
}
