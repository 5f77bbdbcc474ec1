/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "config.h"
#include "cli.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define XRW_CONFIG_MAX_SIZE  (16 * 1024 * 1024)


typedef struct {
    const char  *name;
    size_t       offset;
    bool         file;
} xrw_config_field_t;


static const xrw_config_field_t  xrw_config_fields[] = {
    { "origin", offsetof(xrw_tenant_t, origin), false },
    { "endpoint", offsetof(xrw_tenant_t, endpoint), false },
    { "region", offsetof(xrw_tenant_t, region), false },
    { "style", offsetof(xrw_tenant_t, style), false },
    { "credentials", offsetof(xrw_tenant_t, credentials), true },
    { "profile", offsetof(xrw_tenant_t, profile), false },
    { "keys", offsetof(xrw_tenant_t, keys), true },
    { "url", offsetof(xrw_tenant_t, url), false }
};


/* A configuration while it is read. */

typedef struct {
    xrw_arena_t   *arena;
    const char    *path;
    xr_str_t       text;
    const char    *tenant;
    xrw_tenant_t  *out;
    bool           found;
} xrw_config_t;


static xr_rc_t
xrw_config_read(xrw_config_t *config)
{
    FILE     *f;
    size_t    n;
    uint8_t  *data;

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

    (void) xrw_error("%s:%d: \"%s\" %s", config->path,
                     xrw_config_line(config->text, path, n), path[n - 1],
                     why);

    return XR_INVALID;
}


/* A relative name is relative to the configuration's own directory. */

static const char *
xrw_config_file(const xrw_config_t *config, const char *name)
{
    const char  *slash;

    slash = strrchr(config->path, '/');

    if (name[0] == '/' || slash == NULL) {
        return xrw_text(config->arena, xr_str(name));
    }

    return xrw_format(config->arena, "%.*s/%s",
                      (int) (slash - config->path), config->path, name);
}


static xr_rc_t
xrw_config_field(xrw_config_t *config, const char *tenant, const char *key,
    const json_t *value)
{
    size_t                     i;
    const char                *text;
    const xrw_config_field_t  *field;

    for (i = 0; i < XR_COUNT(xrw_config_fields); i++) {
        field = &xrw_config_fields[i];

        if (strcmp(field->name, key) != 0) {
            continue;
        }

        if (!json_is_string(value) || json_string_length(value) == 0) {
            return xrw_config_refuse(config, tenant, key,
                                     "has to be a string that is not empty");
        }

        if (strcmp(tenant, config->tenant) == 0) {
            text = json_string_value(value);
            text = field->file ? xrw_config_file(config, text)
                               : xrw_text(config->arena, xr_str(text));
            memcpy((char *) config->out + field->offset, &text, sizeof(text));
        }

        return XR_OK;
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

        if (strcmp(name, config->tenant) == 0) {
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

        if (strcmp(key, "tenants") != 0) {
            return xrw_config_refuse(config, NULL, key,
                                     "is not known; \"tenants\" is");
        }

        if (!json_is_object(value)) {
            return xrw_config_refuse(config, NULL, key,
                                     "has to be an object");
        }

        if (xrw_config_tenants(config, value) != XR_OK) {
            return XR_INVALID;
        }
    }

    return config->found ? XR_OK : XR_NOT_FOUND;
}


xr_rc_t
xrw_config_find(xrw_arena_t *arena, const char *path, const char *tenant,
    xrw_tenant_t *out)
{
    json_t        *root;
    xr_rc_t        rc;
    json_error_t   error;
    xrw_config_t   config;

    config = (xrw_config_t) { arena, path, { NULL, 0 }, tenant, out, false };

    rc = xrw_config_read(&config);

    if (rc != XR_OK) {
        return rc;
    }

    root = json_loadb((const char *) config.text.data, config.text.len,
                      JSON_REJECT_DUPLICATES, &error);

    if (root == NULL) {
        (void) xrw_error("%s:%d: %s", path, error.line, error.text);
        rc = XR_INVALID;

    } else {
        rc = xrw_config_root(&config, root);
        json_decref(root);
    }

    free((void *) (uintptr_t) config.text.data);

    return rc;
}
