/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "config_read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>


#define XRW_CONFIG_DAY   86400
#define XRW_CONFIG_WAKE  10
#define XRW_CONFIG_YEAR  (366 * XRW_CONFIG_DAY)


/* What holds unless it is said otherwise. */

typedef struct {
    const char  *name;
    int64_t      min;
    int64_t      max;
    int64_t      every;
    int64_t      retry;
    int64_t      timeout;
    int64_t      size;
} xrw_config_kind_t;

static const xrw_config_kind_t  xrw_config_kinds[XRW_SYNC_KINDS] = {
    { "jwks", 60, XRW_CONFIG_DAY, 300, 5, 20, 65536 },
    { "tenants", 10, 3600, 60, 5, 60, 64 << 20 },
    { "aws", 60, 3600, 60, 2, 5, 65536 },
    { "geo", 3600, 7 * XRW_CONFIG_DAY, XRW_CONFIG_DAY, 60, 600, 512 << 20 }
};


static const xrw_config_field_t  xrw_config_sync_fields[] = {
    { "kind", offsetof(xrw_source_conf_t, kind_name), xrw_config_text },
    { "file", offsetof(xrw_source_conf_t, file), xrw_config_file },
    { "url", offsetof(xrw_source_conf_t, url), xrw_config_text },
    { "ca", offsetof(xrw_source_conf_t, ca), xrw_config_file },
    { "http", offsetof(xrw_source_conf_t, http), xrw_config_flag },
    { "tenants", offsetof(xrw_source_conf_t, tenants), xrw_config_list },
    { "key", offsetof(xrw_source_conf_t, key), xrw_config_file },
    { "login", offsetof(xrw_source_conf_t, login), xrw_config_file },
    { "sha256", offsetof(xrw_source_conf_t, sha256), xrw_config_text },
    { "redirect", offsetof(xrw_source_conf_t, redirect), xrw_config_list },
    { "profile", offsetof(xrw_source_conf_t, profile), xrw_config_text },
    { "from", offsetof(xrw_source_conf_t, from), xrw_config_text },
    { "sts", offsetof(xrw_source_conf_t, sts), xrw_config_text },
    { "providers", offsetof(xrw_source_conf_t, providers), xrw_config_list },
    { "region", offsetof(xrw_source_conf_t, region), xrw_config_text },
    { "endpoint", offsetof(xrw_source_conf_t, endpoint), xrw_config_text },
    { "style", offsetof(xrw_source_conf_t, style), xrw_config_text },
    { "credentials", offsetof(xrw_source_conf_t, credentials),
      xrw_config_file }
};

static const xrw_config_bound_t  xrw_config_sync_bounds[] = {
    { "min", offsetof(xrw_source_conf_t, min), 1, XRW_CONFIG_YEAR, false },
    { "max", offsetof(xrw_source_conf_t, max), 1, XRW_CONFIG_YEAR, false },
    { "every", offsetof(xrw_source_conf_t, every), 1, XRW_CONFIG_YEAR,
      false },
    { "retry", offsetof(xrw_source_conf_t, retry), 1, XRW_CONFIG_DAY, false },
    { "wake", offsetof(xrw_source_conf_t, wake), 1, XRW_CONFIG_DAY, false },
    { "timeout", offsetof(xrw_source_conf_t, timeout), 1, 3600, false },
    { "size", offsetof(xrw_source_conf_t, size), 1, INT64_C(1) << 30, true }
};


const char *
xrw_sync_kind(xrw_sync_kind_t kind)
{
    return xrw_config_kinds[kind].name;
}


static const char *
xrw_config_sync_set(const xrw_config_t *config, const char *key,
    const json_t *value, xrw_source_conf_t *conf)
{
    size_t                     i;
    const xrw_config_field_t  *field;

    for (i = 0; i < XR_COUNT(xrw_config_sync_fields); i++) {
        field = &xrw_config_sync_fields[i];

        if (strcmp(field->name, key) == 0) {
            return field->set(config, value, (char *) conf + field->offset);
        }
    }

    for (i = 0; i < XR_COUNT(xrw_config_sync_bounds); i++) {
        if (strcmp(xrw_config_sync_bounds[i].name, key) == 0) {
            return xrw_config_bounded(&xrw_config_sync_bounds[i], value,
                                      conf);
        }
    }

    return "is not an option of a source";
}


/* The kind comes first: it says what the rest is unless it is given. */

static bool
xrw_config_sync_kind(const json_t *source, xrw_source_conf_t *conf)
{
    size_t                    i;
    const char               *name;
    const xrw_config_kind_t  *kind;

    name = json_string_value(json_object_get(source, "kind"));

    for (i = 0; name != NULL && i < XRW_SYNC_KINDS; i++) {
        kind = &xrw_config_kinds[i];

        if (strcmp(kind->name, name) == 0) {
            conf->kind = (xrw_sync_kind_t) i;
            conf->min = kind->min;
            conf->max = kind->max;
            conf->every = kind->every;
            conf->retry = kind->retry;
            conf->timeout = kind->timeout;
            conf->size = kind->size;
            conf->wake = (i == XRW_SYNC_JWKS) ? XRW_CONFIG_WAKE : 0;
            return true;
        }
    }

    return false;
}


/* What a source cannot do without, and what has no meaning for it. */

static const char *
xrw_config_sync_whole(const xrw_source_conf_t *conf)
{
    bool  s3;

    s3 = conf->url != NULL && strncmp(conf->url, "s3://", 5) == 0;

    if (conf->file == NULL) {
        return "has no \"file\"";
    }

    if ((conf->url == NULL) != (conf->kind == XRW_SYNC_AWS)) {
        return conf->url == NULL ? "has no \"url\""
                                 : "is of a kind that has no \"url\"";
    }

    if (s3 && conf->kind == XRW_SYNC_JWKS) {
        return "has keys that are not fetched by https";
    }

    if (s3 && conf->ca != NULL) {
        return "is of S3, whose servers the system's \"ca\" vouches for";
    }

    if (conf->kind == XRW_SYNC_TENANTS && strpbrk(conf->url, "?#") != NULL) {
        return "has a \"url\" to which \".sig\" cannot be added";
    }

    if (s3 != (conf->credentials != NULL)) {
        return s3 ? "is of S3 and has no \"credentials\""
                  : "has \"credentials\" and is not of S3";
    }

    if ((conf->key != NULL) != (conf->kind == XRW_SYNC_TENANTS)) {
        return conf->key == NULL ? "has no \"key\" to check signatures with"
                                 : "is of a kind that has no \"key\"";
    }

    if (conf->kind != XRW_SYNC_JWKS
        && (conf->tenants.n > 0 || conf->wake > 0))
    {
        return "is of a kind that has no \"tenants\" and \"wake\"";
    }

    if (conf->kind != XRW_SYNC_GEO
        && (conf->login != NULL || conf->sha256 != NULL
            || conf->redirect.n > 0))
    {
        return "is of a kind that has no \"login\", \"sha256\" and "
               "\"redirect\"";
    }

    if (conf->kind != XRW_SYNC_AWS
        && (conf->providers.n > 0 || conf->sts != NULL || conf->from != NULL))
    {
        return "is of a kind that has no \"providers\", \"sts\" and \"from\"";
    }

    if (xrw_sync_aws_unknown(&conf->providers) != NULL) {
        return "has \"providers\" other than environment, web_identity, "
               "profile, container and imds";
    }

    if (conf->min > conf->max) {
        return "has a \"min\" that is longer than \"max\"";
    }

    return NULL;
}


/* Names are what metrics are told apart by. */

static bool
xrw_config_sync_name(const char *name)
{
    size_t  n;

    n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789._-");

    return n > 0 && n <= 64 && name[n] == '\0';
}


static xr_rc_t
xrw_config_sync_source(const xrw_config_t *config, const char *name,
    json_t *source, xrw_source_conf_t *conf)
{
    json_t      *value;
    const char  *key, *what, *path[3];

    path[0] = "sync";
    path[1] = name;

    if (!xrw_config_sync_name(name)) {
        return xrw_config_refuse_at(config, path, 2, "is no name of 1 to 64 "
                                    "letters, digits, \".\", \"_\", \"-\"");
    }

    if (!xrw_config_sync_kind(source, conf)) {
        return xrw_config_refuse_at(config, path, 2, "has no \"kind\" of "
                                    "jwks, tenants, aws and geo");
    }

    conf->name = xrw_text(config->arena, xr_str(name));

    json_object_foreach(source, key, value) {
        what = xrw_config_sync_set(config, key, value, conf);

        if (what != NULL) {
            path[2] = key;
            return xrw_config_refuse_at(config, path, 3, what);
        }
    }

    what = xrw_config_sync_whole(conf);

    return (what == NULL) ? XR_OK
                          : xrw_config_refuse_at(config, path, 2, what);
}


/* Two sources of one file would take turns. */

static xr_rc_t
xrw_config_sync_files(const xrw_config_t *config, const xrw_sync_conf_t *conf)
{
    size_t       i, j;
    const char  *path[2];

    for (i = 1; i < conf->n; i++) {

        for (j = 0; j < i; j++) {

            if (strcmp(conf->items[i].file, conf->items[j].file) == 0) {
                path[0] = "sync";
                path[1] = conf->items[i].name;
                return xrw_config_refuse_at(config, path, 2,
                                            "has the \"file\" of another one");
            }
        }
    }

    return XR_OK;
}


xr_rc_t
xrw_config_sync_read(const xrw_config_t *config, json_t *value)
{
    json_t           *source;
    const char       *name, *path[1];
    xrw_sync_conf_t   other, *conf;

    conf = (config->sync != NULL) ? config->sync : &other;
    path[0] = "sync";

    if (json_object_size(value) > XRW_SYNC_MAX) {
        return xrw_config_refuse_at(config, path, 1,
                                    "has more than 64 sources");
    }

    conf->n = 0;
    conf->items = xrw_alloc(config->arena, (json_object_size(value) + 1)
                                           * sizeof(xrw_source_conf_t));

    json_object_foreach(value, name, source) {

        if (xrw_config_sync_source(config, name, source,
                                   &conf->items[conf->n++])
            != XR_OK)
        {
            return XR_INVALID;
        }
    }

    return xrw_config_sync_files(config, conf);
}


bool
xrw_config_sync(xrw_arena_t *arena, const char *path, xrw_sync_conf_t *out)
{
    xr_rc_t       rc;
    xrw_config_t  config;

    *out = (xrw_sync_conf_t) { NULL, 0 };

    if (access(path, R_OK) == -1) {
        (void) xrw_error("%s: %s", path, strerror(errno));
        return false;
    }

    config = (xrw_config_t) { .arena = arena, .path = path, .sync = out };
    rc = xrw_config_load(&config);

    if (rc == XR_NOT_FOUND && out->n == 0) {
        (void) xrw_error("%s:1: there is no \"sync\"", path);
        return false;
    }

    /* no tenant was looked for */

    return rc == XR_NOT_FOUND;
}
