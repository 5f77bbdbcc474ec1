/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "config_read.h"
#include "when.h"
#include "xr_job.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>


#define XRW_CONFIG_DAY   86400
#define XRW_CONFIG_GIB   ((int64_t) 1 << 30)
#define XRW_CONFIG_TIB   ((int64_t) 1 << 40)


static const char *xrw_config_port(const xrw_config_t *config,
    const json_t *value, void *field);
static const char *xrw_config_presets(const xrw_config_t *config,
    const json_t *value, void *field);
static const char *xrw_config_program(const xrw_config_t *config,
    const json_t *value, void *field);


static const xrw_config_field_t  xrw_config_worker_fields[] = {
    { "redis", offsetof(xrw_worker_conf_t, redis), xrw_config_text },
    { "redis_auth_file", offsetof(xrw_worker_conf_t, redis_auth_file),
      xrw_config_file },
    { "pid", offsetof(xrw_worker_conf_t, pid), xrw_config_file },
    { "status", offsetof(xrw_worker_conf_t, status), xrw_config_file },
    { "status_port", offsetof(xrw_worker_conf_t, status_port),
      xrw_config_port },
    { "journal", offsetof(xrw_worker_conf_t, journal), xrw_config_file },
    { "channel", offsetof(xrw_worker_conf_t, channel), xrw_config_text },
    { "dir", offsetof(xrw_worker_conf_t, dir), xrw_config_file },
    { "packer", offsetof(xrw_worker_conf_t, packer), xrw_config_program },
    { "presets", 0, xrw_config_presets },
    { "checksum", offsetof(xrw_worker_conf_t, checksum), xrw_config_flag }
};

static const xrw_config_bound_t  xrw_config_worker_bounds[] = {
    { "timeout", offsetof(xrw_worker_conf_t, timeout), 1, XRW_CONFIG_DAY,
      false },
    { "cpu", offsetof(xrw_worker_conf_t, cpu), 1, XRW_CONFIG_DAY, false },
    { "lease", offsetof(xrw_worker_conf_t, lease), 2, 3600, false },
    { "drain", offsetof(xrw_worker_conf_t, drain), 0, XRW_CONFIG_DAY, false },
    { "backoff", offsetof(xrw_worker_conf_t, backoff), 0, 3600, false },
    { "backoff_max", offsetof(xrw_worker_conf_t, backoff_max), 1,
      XRW_CONFIG_DAY, false },
    { "memory", offsetof(xrw_worker_conf_t, memory), 1 << 24, XRW_CONFIG_TIB,
      true },
    { "file_size", offsetof(xrw_worker_conf_t, file_size), 1 << 16,
      XRW_CONFIG_TIB, true },
    { "multipart", offsetof(xrw_worker_conf_t, multipart), 5 << 20,
      5 * XRW_CONFIG_GIB, true },
    { "source_size", offsetof(xrw_worker_conf_t, source_size), 1 << 10,
      XRW_CONFIG_TIB, true }
};


void
xrw_worker_conf_init(xrw_worker_conf_t *conf)
{
    memset(conf, 0, sizeof(xrw_worker_conf_t));

    conf->channel = "xr:announce";
    conf->dir = "/var/tmp";
    conf->timeout = 600;
    conf->cpu = 1200;
    conf->memory = 4 * XRW_CONFIG_GIB;
    conf->file_size = XRW_CONFIG_GIB;
    conf->source_size = XRW_CONFIG_GIB;
    conf->multipart = 64 << 20;
    conf->lease = 60;
    conf->drain = 60;
    conf->backoff = 2;
    conf->backoff_max = 300;
}


static const char *
xrw_config_port(const xrw_config_t *config, const json_t *value, void *field)
{
    json_int_t  n;

    (void) config;
    n = json_integer_value(value);

    if (!json_is_integer(value) || n < 1 || n > UINT16_MAX) {
        return "has to be a number from 1 to 65535";
    }

    *(int64_t *) field = n;

    return NULL;
}


/* A program that is not there would fail every job. */

static const char *
xrw_config_program(const xrw_config_t *config, const json_t *value,
    void *field)
{
    xrw_list_t  *list;
    const char  *what;

    list = field;
    what = xrw_config_list(config, value, list);

    if (what == NULL && list->items[0][0] != '/') {
        return "has to begin with an absolute path of a program";
    }

    if (what == NULL && access(list->items[0], X_OK) == -1) {
        return "names a program that cannot be run";
    }

    return what;
}


/* {"NAME": ["ARGUMENT", ...]} */

static const char *
xrw_config_presets(const xrw_config_t *config, const json_t *value,
    void *field)
{
    json_t             *args;
    const char         *name, *what;
    xrw_preset_t       *preset;
    xrw_worker_conf_t  *conf;

    conf = field;
    conf->npresets = 0;

    if (!json_is_object(value) || json_object_size(value) > XRW_LIST_MAX) {
        return "has to be an object of at most 16 presets";
    }

    json_object_foreach((json_t *) (uintptr_t) value, name, args) {
        preset = &conf->presets[conf->npresets++];
        preset->name = xrw_text(config->arena, xr_str(name));
        preset->args.n = 0;

        if (strlen(name) > XR_JOB_PRESET_MAX) {
            return "has a preset with a name that is too long";
        }

        if (json_is_array(args) && json_array_size(args) == 0) {
            continue;
        }

        what = xrw_config_list(config, args, &preset->args);

        if (what != NULL) {
            return "has a preset that is no array of at most 16 strings";
        }
    }

    return NULL;
}


/* "512m", "2g"; or a time, as xrw_duration() reads it */

static bool
xrw_config_amount(const char *text, bool size, int64_t *out)
{
    xr_str_t  s;
    uint64_t  n;

    if (!size) {
        return xrw_duration(text, out);
    }

    s = xr_str(text);

    if (xr_str_uint(&s, &n) != XR_OK || n > (uint64_t) XRW_CONFIG_TIB
        || s.len > 1)
    {
        return false;
    }

    *out = (int64_t) n;

    if (s.len == 0) {
        return true;
    }

    switch (s.data[0]) {

    case 'k':
        *out <<= 10;
        return true;

    case 'm':
        *out <<= 20;
        return *out <= XRW_CONFIG_TIB;

    case 'g':
        *out = (n <= 1024) ? *out << 30 : XRW_CONFIG_TIB + 1;
        return true;

    default:
        return false;
    }
}


const char *
xrw_config_bounded(const xrw_config_bound_t *bound, const json_t *value,
    void *conf)
{
    int64_t      n;
    const char  *text;

    text = json_string_value(value);

    if (text == NULL || !xrw_config_amount(text, bound->size, &n)) {
        return bound->size ? "has to be a size such as \"512m\" or \"2g\""
                           : "has to be a time such as \"90s\" or \"10m\"";
    }

    if (n < bound->min || n > bound->max) {
        return bound->size ? "is a size that is too small or too large"
                           : "is a time that is too short or too long";
    }

    *(int64_t *) (void *) ((char *) conf + bound->offset) = n;

    return NULL;
}


static const char *
xrw_config_worker_set(const xrw_config_t *config, const char *key,
    const json_t *value, xrw_worker_conf_t *conf)
{
    size_t                     i;
    const xrw_config_field_t  *field;

    for (i = 0; i < XR_COUNT(xrw_config_worker_fields); i++) {
        field = &xrw_config_worker_fields[i];

        if (strcmp(field->name, key) == 0) {
            return field->set(config, value, (char *) conf + field->offset);
        }
    }

    for (i = 0; i < XR_COUNT(xrw_config_worker_bounds); i++) {
        if (strcmp(xrw_config_worker_bounds[i].name, key) == 0) {
            return xrw_config_bounded(&xrw_config_worker_bounds[i], value,
                                      conf);
        }
    }

    return "is not an option of workers";
}


xr_rc_t
xrw_config_worker_read(const xrw_config_t *config, json_t *value)
{
    json_t             *member;
    const char         *key, *what, *path[2];
    xrw_worker_conf_t   other, *conf;

    xrw_worker_conf_init(&other);
    conf = (config->worker != NULL) ? config->worker : &other;

    json_object_foreach(value, key, member) {
        what = xrw_config_worker_set(config, key, member, conf);

        if (what != NULL) {
            path[0] = "worker";
            path[1] = key;
            return xrw_config_refuse_at(config, path, 2, what);
        }
    }

    return XR_OK;
}


bool
xrw_config_worker(xrw_arena_t *arena, const char *path,
    xrw_worker_conf_t *out)
{
    xr_rc_t       rc;
    xrw_config_t  config;

    xrw_worker_conf_init(out);

    if (access(path, R_OK) == -1) {
        (void) xrw_error("%s: %s", path, strerror(errno));
        return false;
    }

    config = (xrw_config_t) { .arena = arena, .path = path, .worker = out };

    /* nobody was looked for */

    rc = xrw_config_load(&config);

    return rc == XR_OK || rc == XR_NOT_FOUND;
}
