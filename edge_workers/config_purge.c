/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "config_read.h"
#include "sign.h"
#include "xr_invalidation.h"

#include <string.h>


#define XRW_CONFIG_WARM_MAX  1000


static const xrw_config_field_t  xrw_config_cloudfront_fields[] = {
    { "distribution", offsetof(xrw_cloudfront_t, distribution),
      xrw_config_text },
    { "endpoint", offsetof(xrw_cloudfront_t, endpoint), xrw_config_text },
    { "prefix", offsetof(xrw_cloudfront_t, prefix), xrw_config_text },
    { "credentials", offsetof(xrw_cloudfront_t, credentials),
      xrw_config_file },
    { "profile", offsetof(xrw_cloudfront_t, profile), xrw_config_text },
    { "variants", offsetof(xrw_cloudfront_t, variants), xrw_config_flag }
};

static const xrw_config_bound_t  xrw_config_purge_bounds[] = {
    { "age", offsetof(xrw_purge_conf_t, age), 0, 30 * 86400, false },
    { "quota", offsetof(xrw_purge_conf_t, quota), 1, 3600, false },
    { "wait", offsetof(xrw_purge_conf_t, wait), 0, 3600, false },
    { "timeout", offsetof(xrw_purge_conf_t, timeout), 1, 300, false },
    { "warm_size", offsetof(xrw_purge_conf_t, warm_size), 1 << 10,
      (int64_t) 1 << 40, true }
};

/* These are numbers. */

static const xrw_config_bound_t  xrw_config_purge_numbers[] = {
    { "fold", offsetof(xrw_purge_conf_t, fold), 1, XR_INVALIDATION_FILES,
      false },
    { "warm_parallel", offsetof(xrw_purge_conf_t, warm_parallel), 1, 64,
      false }
};


void
xrw_purge_conf_init(xrw_purge_conf_t *conf)
{
    memset(conf, 0, sizeof(xrw_purge_conf_t));

    conf->age = 86400;
    conf->fold = 50;
    conf->quota = 30;
    conf->timeout = 10;
    conf->warm_parallel = 4;
    conf->warm_size = 256 << 20;
}


/* It goes into a request's path as it is. */

static bool
xrw_config_distribution(const char *id)
{
    size_t  i;

    for (i = 0; id[i] != '\0'; i++) {
        if (!(id[i] >= 'A' && id[i] <= 'Z')
            && !(id[i] >= '0' && id[i] <= '9'))
        {
            return false;
        }
    }

    return i > 0 && i <= 32;
}


const char *
xrw_config_cloudfront(const xrw_config_t *config, const json_t *value,
    void *field)
{
    size_t             i, len;
    json_t            *member;
    const char        *key, *what;
    xrw_cloudfront_t  *out;

    out = field;
    memset(out, 0, sizeof(xrw_cloudfront_t));
    out->endpoint = "https://cloudfront.amazonaws.com";

    if (!json_is_object(value)) {
        return "has to be an object";
    }

    json_object_foreach((json_t *) (uintptr_t) value, key, member) {

        for (i = 0; i < XR_COUNT(xrw_config_cloudfront_fields); i++) {
            if (strcmp(xrw_config_cloudfront_fields[i].name, key) == 0) {
                break;
            }
        }

        if (i == XR_COUNT(xrw_config_cloudfront_fields)) {
            return "has a member that is not known";
        }

        what = xrw_config_cloudfront_fields[i].set(config, member,
                      (char *) out + xrw_config_cloudfront_fields[i].offset);

        if (what != NULL) {
            return xrw_format(config->arena, "has a \"%s\" that %s",
                              xrw_config_cloudfront_fields[i].name, what);
        }
    }

    if (out->distribution == NULL
        || !xrw_config_distribution(out->distribution))
    {
        return "needs a \"distribution\" of A-Z and 0-9";
    }

    len = xrw_site(xr_str(out->endpoint));

    if (len == 0 || out->endpoint[len] != '\0') {
        return "has an \"endpoint\" that is not http:// or https:// and a host";
    }

    /* all of a distribution is only purged where that was said */

    if (out->prefix == NULL) {
        return "needs a \"prefix\": what the tenant's paths begin with";
    }

    what = xr_invalidation_prefix(xr_str(out->prefix));

    return (what == NULL) ? NULL
           : xrw_format(config->arena, "has a \"prefix\" that %s", what);
}


static const char *
xrw_config_number(const json_t *value, int64_t min, int64_t max,
    int64_t *out)
{
    json_int_t  n;

    n = json_integer_value(value);

    if (!json_is_integer(value) || n < min || n > max) {
        return "is no number, or one that is too small or too large";
    }

    *out = n;

    return NULL;
}


const char *
xrw_config_warm(const xrw_config_t *config, const json_t *value, void *field)
{
    (void) config;

    return xrw_config_number(value, 0, XRW_CONFIG_WARM_MAX, field);
}


static const char *
xrw_config_purge_set(const xrw_config_t *config, const char *key,
    const json_t *value, xrw_purge_conf_t *out)
{
    size_t                     i;
    const xrw_config_bound_t  *bound;

    if (strcmp(key, "journal") == 0) {
        return xrw_config_file(config, value, &out->journal);
    }

    for (i = 0; i < XR_COUNT(xrw_config_purge_bounds); i++) {
        bound = &xrw_config_purge_bounds[i];

        if (strcmp(bound->name, key) == 0) {
            return xrw_config_bounded(bound, value, out);
        }
    }

    for (i = 0; i < XR_COUNT(xrw_config_purge_numbers); i++) {
        bound = &xrw_config_purge_numbers[i];

        if (strcmp(bound->name, key) == 0) {
            return xrw_config_number(value, bound->min, bound->max,
                                     (void *) ((char *) out + bound->offset));
        }
    }

    return "is not known";
}


const char *
xrw_config_purge(const xrw_config_t *config, const json_t *value,
    void *field)
{
    json_t      *member;
    const char  *key, *what;

    if (!json_is_object(value)) {
        return "has to be an object";
    }

    json_object_foreach((json_t *) (uintptr_t) value, key, member) {
        what = xrw_config_purge_set(config, key, member, field);

        if (what != NULL) {
            return xrw_format(config->arena, "has a \"%.40s\" that %s", key,
                              what);
        }
    }

    return NULL;
}
