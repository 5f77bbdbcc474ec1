/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "config_read.h"
#include "cli.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define XRW_CONFIG_MAX_SIZE  (16 * 1024 * 1024)


static const char *xrw_config_files(const xrw_config_t *config,
    const json_t *value, void *field);


static const xrw_config_field_t  xrw_config_fields[] = {
    { "origin", offsetof(xrw_tenant_t, origin), xrw_config_text },
    { "endpoint", offsetof(xrw_tenant_t, endpoint), xrw_config_text },
    { "region", offsetof(xrw_tenant_t, region), xrw_config_text },
    { "style", offsetof(xrw_tenant_t, style), xrw_config_text },
    { "credentials", offsetof(xrw_tenant_t, credentials), xrw_config_file },
    { "profile", offsetof(xrw_tenant_t, profile), xrw_config_text },
    { "keys", offsetof(xrw_tenant_t, keys), xrw_config_file },
    { "purge_keys", offsetof(xrw_tenant_t, purge_keys), xrw_config_file },
    { "edges", offsetof(xrw_tenant_t, edges), xrw_config_list },
    { "url", offsetof(xrw_tenant_t, url), xrw_config_text },
    { "redis", offsetof(xrw_tenant_t, redis), xrw_config_text },
    { "redis_auth_file", offsetof(xrw_tenant_t, redis_auth_file),
      xrw_config_file },
    { "tenants", offsetof(xrw_tenant_t, policy.tenants), xrw_config_file },
    { "jwks", offsetof(xrw_tenant_t, policy.jwks), xrw_config_file },
    { "cloudfront_keys", offsetof(xrw_tenant_t, policy.cloudfront_keys),
      xrw_config_files },
    { "hosts", offsetof(xrw_tenant_t, policy.hosts), xrw_config_list },
    { "issuer", offsetof(xrw_tenant_t, policy.issuers), xrw_config_list },
    { "audience", offsetof(xrw_tenant_t, policy.audiences), xrw_config_list },
    { "cloudfront_hosts", offsetof(xrw_tenant_t, policy.cloudfront_hosts),
      xrw_config_list },
    { "cloudfront_sha1", offsetof(xrw_tenant_t, policy.cloudfront_sha1),
      xrw_config_flag },
    { "leeway", offsetof(xrw_tenant_t, policy.leeway), xrw_config_text },
    { "max_lifetime", offsetof(xrw_tenant_t, policy.max_lifetime),
      xrw_config_text },
    { "cloudfront", offsetof(xrw_tenant_t, cloudfront),
      xrw_config_cloudfront },
    { "warm", offsetof(xrw_tenant_t, warm), xrw_config_warm }
};


/* See xrw_config_keep(). */

static const char  *xrw_config_kept_path;
static xr_str_t     xrw_config_kept;


void
xrw_config_keep(const char *path, xr_str_t text)
{
    xrw_config_kept_path = path;
    xrw_config_kept = text;
}


static xr_rc_t
xrw_config_copy(xrw_config_t *config)
{
    uint8_t  *data;

    data = malloc(xrw_config_kept.len + 1);

    if (data == NULL) {
        (void) xrw_error("%s: out of memory", config->path);
        return XR_ERROR;
    }

    memcpy(data, xrw_config_kept.data, xrw_config_kept.len);
    config->text = xr_str_of(data, xrw_config_kept.len);

    return XR_OK;
}


static xr_rc_t
xrw_config_read(xrw_config_t *config)
{
    FILE     *f;
    size_t    n;
    uint8_t  *data;

    if (xrw_config_kept_path != NULL
        && strcmp(xrw_config_kept_path, config->path) == 0)
    {
        return xrw_config_copy(config);
    }

    f = fopen(config->path, "re");

    if (f == NULL) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return XR_NOT_FOUND;
        }

        (void) xrw_error("%s: %s", config->path, strerror(errno));
        return XR_ERROR;
    }

    data = malloc(XRW_CONFIG_MAX_SIZE);
    n = (data != NULL) ? fread(data, 1, XRW_CONFIG_MAX_SIZE, f) : 0;

    if (data == NULL || ferror(f) || n == XRW_CONFIG_MAX_SIZE) {
        (void) xrw_error("%s: %s", config->path,
                         data == NULL ? "out of memory"
                         : ferror(f) ? strerror(errno) : "is too large");
        free(data);
        (void) fclose(f);
        return XR_ERROR;
    }

    (void) fclose(f);

    config->text = xr_str_of(data, n);

    return XR_OK;
}


/* Whether a string that ends before "pos" names a member. */

static bool
xrw_config_is_name(xr_str_t text, size_t pos)
{
    xr_str_t  rest;

    rest = xr_str_trim(xr_str_of(text.data + pos, text.len - pos));

    return rest.len > 0 && rest.data[0] == ':';
}


/*
 * The line of the member that path[0..n-1] leads to, in a text that jansson
 * has accepted: jansson knows lines only while it parses.
 */

static int
xrw_config_line(xr_str_t text, const char *const *path, size_t n)
{
    int      line;
    size_t   i, depth, matched, start;
    uint8_t  c;

    line = 1;
    depth = 0;
    matched = 0;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (c == '\n') {
            line++;

        } else if (c == '{' || c == '[') {
            depth++;

        } else if (c == '}' || c == ']') {
            depth--;
        }

        if (c != '"') {
            continue;
        }

        start = ++i;

        while (text.data[i] != '"') {
            i += (text.data[i] == '\\') ? 2 : 1;
        }

        if (depth == matched + 1 && xrw_config_is_name(text, i + 1)
            && xr_str_eq(xr_str_of(text.data + start, i - start),
                         xr_str(path[matched]))
            && ++matched == n)
        {
            return line;
        }
    }

    return 1;
}


xr_rc_t
xrw_config_refuse_at(const xrw_config_t *config, const char *const *path,
    size_t n, const char *why)
{
    (void) xrw_error("%s:%d: \"%s\" %s", config->path,
                     xrw_config_line(config->text, path, n), path[n - 1],
                     why);

    return XR_INVALID;
}


/* "tenant" is NULL outside of the tenants, "key" for a tenant as a whole. */

static xr_rc_t
xrw_config_refuse(const xrw_config_t *config, const char *tenant,
    const char *key, const char *why)
{
    size_t       n;
    const char  *path[3];

    n = 0;

    if (tenant != NULL) {
        path[n++] = "tenants";
        path[n++] = tenant;
    }

    if (key != NULL) {
        path[n++] = key;
    }

    return xrw_config_refuse_at(config, path, n, why);
}


const char *
xrw_config_text(const xrw_config_t *config, const json_t *value, void *field)
{
    const char  *text;

    if (!json_is_string(value) || json_string_length(value) == 0) {
        return "has to be a string that is not empty";
    }

    text = xrw_text(config->arena, xr_str(json_string_value(value)));
    *(const char **) field = text;

    return NULL;
}


/* A relative name is relative to the configuration's own directory. */

static const char *
xrw_config_path(const xrw_config_t *config, const char *name)
{
    const char  *slash;

    slash = strrchr(config->path, '/');

    if (name[0] == '/' || slash == NULL) {
        return name;
    }

    return xrw_format(config->arena, "%.*s/%s",
                      (int) (slash - config->path), config->path, name);
}


const char *
xrw_config_file(const xrw_config_t *config, const json_t *value, void *field)
{
    const char  *what, **file;

    file = field;
    what = xrw_config_text(config, value, file);

    if (what == NULL) {
        *file = xrw_config_path(config, *file);
    }

    return what;
}


/* A string is a list of one. */

const char *
xrw_config_list(const xrw_config_t *config, const json_t *value, void *field)
{
    size_t       i, n;
    xrw_list_t  *list;
    const char  *what;

    list = field;
    list->n = 0;

    if (!json_is_array(value)) {
        what = xrw_config_text(config, value, &list->items[0]);
        list->n = (what == NULL) ? 1 : 0;
        return what;
    }

    n = json_array_size(value);

    if (n == 0 || n > XRW_LIST_MAX) {
        return "has to be a string, or an array of 1 to 16 strings";
    }

    for (i = 0; i < n; i++) {
        what = xrw_config_text(config, json_array_get(value, i),
                               &list->items[i]);

        if (what != NULL) {
            return what;
        }
    }

    list->n = n;

    return NULL;
}


/* {"ID": "FILE"} becomes "ID=FILE", as options have it. */

static const char *
xrw_config_files(const xrw_config_t *config, const json_t *value, void *field)
{
    json_t      *member;
    xrw_list_t  *list;
    const char  *id, *file, *what;

    list = field;
    list->n = 0;

    if (!json_is_object(value) || json_object_size(value) > XRW_LIST_MAX) {
        return "has to be an object of at most 16 files";
    }

    json_object_foreach((json_t *) (uintptr_t) value, id, member) {
        what = xrw_config_file(config, member, &file);

        if (what != NULL) {
            return what;
        }

        list->items[list->n++] = xrw_format(config->arena, "%s=%s", id, file);
    }

    return NULL;
}


const char *
xrw_config_flag(const xrw_config_t *config, const json_t *value, void *field)
{
    (void) config;

    if (!json_is_boolean(value)) {
        return "has to be true or false";
    }

    *(bool *) field = json_is_true(value);

    return NULL;
}


/* Other tenants' options are looked at, too, but not kept. */

static xr_rc_t
xrw_config_field(xrw_config_t *config, const char *tenant, const char *key,
    const json_t *value)
{
    size_t                     i;
    const char                *what;
    xrw_tenant_t               other, *out;
    const xrw_config_field_t  *field;

    out = (config->tenant != NULL && strcmp(tenant, config->tenant) == 0)
          ? config->out : &other;

    for (i = 0; i < XR_COUNT(xrw_config_fields); i++) {
        field = &xrw_config_fields[i];

        if (strcmp(field->name, key) == 0) {
            what = field->set(config, value, (char *) out + field->offset);

            return (what == NULL) ? XR_OK
                   : xrw_config_refuse(config, tenant, key, what);
        }
    }

    return xrw_config_refuse(config, tenant, key,
                             "is not an option of a tenant");
}


static xr_rc_t
xrw_config_tenants(xrw_config_t *config, json_t *tenants)
{
    json_t      *tenant, *value;
    const char  *name, *key;

    json_object_foreach(tenants, name, tenant) {

        if (!json_is_object(tenant)) {
            return xrw_config_refuse(config, name, NULL,
                                     "has to be an object");
        }

        json_object_foreach(tenant, key, value) {
            if (xrw_config_field(config, name, key, value) != XR_OK) {
                return XR_INVALID;
            }
        }

        if (config->tenant != NULL && strcmp(name, config->tenant) == 0) {
            config->found = true;
        }
    }

    return XR_OK;
}


static xr_rc_t
xrw_config_root(xrw_config_t *config, json_t *root)
{
    json_t      *value;
    const char  *key;

    if (!json_is_object(root)) {
        (void) xrw_error("%s:1: has to be an object", config->path);
        return XR_INVALID;
    }

    json_object_foreach(root, key, value) {

        if (strcmp(key, "tenants") != 0 && strcmp(key, "worker") != 0
            && strcmp(key, "sync") != 0)
        {
            return xrw_config_refuse(config, NULL, key, "is not known; "
                                     "\"tenants\", \"worker\" and \"sync\" "
                                     "are");
        }

        if (!json_is_object(value)) {
            return xrw_config_refuse(config, NULL, key,
                                     "has to be an object");
        }

        if ((key[0] == 't' ? xrw_config_tenants(config, value)
             : key[0] == 'w' ? xrw_config_worker_read(config, value)
                             : xrw_config_sync_read(config, value)) != XR_OK)
        {
            return XR_INVALID;
        }
    }

    return config->found ? XR_OK : XR_NOT_FOUND;
}


xr_rc_t
xrw_config_load(xrw_config_t *config)
{
    json_t        *root;
    xr_rc_t        rc;
    json_error_t   error;

    rc = xrw_config_read(config);

    if (rc != XR_OK) {
        return rc;
    }

    root = json_loadb((const char *) config->text.data, config->text.len,
                      JSON_REJECT_DUPLICATES, &error);

    if (root == NULL) {
        (void) xrw_error("%s:%d: %s", config->path, error.line, error.text);
        rc = XR_INVALID;

    } else {
        rc = xrw_config_root(config, root);
        json_decref(root);
    }

    if (config->worker != NULL) {
        config->worker->text = xrw_text(config->arena, config->text);
    }

    free((void *) (uintptr_t) config->text.data);

    return rc;
}


xr_rc_t
xrw_config_find(xrw_arena_t *arena, const char *path, const char *tenant,
    xrw_tenant_t *out)
{
    xrw_config_t  config;

    config = (xrw_config_t) {
        .arena = arena, .path = path, .tenant = tenant, .out = out
    };

    return xrw_config_load(&config);
}
