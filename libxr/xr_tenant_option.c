/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenant.h"
#include "xr_tenant_origin.h"
#include "xr_web.h"

#include <string.h>


/* The options of a tenant: "xr_tenant" blocks, and members of tenants files. */

#define XR_TENANT_LEEWAY_MAX    60          /* seconds */
#define XR_TENANT_MAX_AGE_MAX   (7 * 86400)
#define XR_TENANT_NAME_SIZE     1024        /* of an issuer, a header */


typedef xr_rc_t (*xr_tenant_option_pt)(xr_tenant_t *t, const xr_str_t *args,
    size_t n, const xr_mem_t *mem, xr_err_t *err);


typedef struct {
    xr_str_t              name;
    size_t                min;              /* arguments after the name */
    size_t                max;
    xr_tenant_option_pt   set;
} xr_tenant_option_t;


static xr_rc_t
xr_tenant_set_host(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t  i;

    for (i = 1; i < n; i++) {

        if (!xr_web_host_ok(args[i])) {
            return xr_fail(err, XR_INVALID, i, "not a host name in lower case "
                           "without a port");
        }

        if (t->nhosts == XR_TENANT_HOSTS) {
            return xr_fail(err, XR_INVALID, i, "more than 32 host names");
        }

        if (xr_str_dup(mem, args[i], &t->hosts[t->nhosts]) != XR_OK) {
            return xr_fail(err, XR_NO_SPACE, i, "out of memory");
        }

        t->nhosts++;
    }

    return XR_OK;
}


/* "arg" is the argument that names the file. */

static xr_rc_t
xr_tenant_add_file(xr_tenant_t *t, xr_tenant_file_kind_t kind, xr_str_t path,
    xr_str_t id, const xr_mem_t *mem, size_t arg, xr_err_t *err)
{
    xr_tenant_file_t  *file;

    if (path.len == 0) {
        return xr_fail(err, XR_INVALID, arg, "is empty");
    }

    if (t->nfiles == XR_TENANT_FILES) {
        return xr_fail(err, XR_INVALID, arg, "is one file too many");
    }

    file = &t->files[t->nfiles];
    file->kind = kind;

    if (xr_str_dup(mem, path, &file->path) != XR_OK
        || xr_str_dup(mem, id, &file->id) != XR_OK)
    {
        return xr_fail(err, XR_NO_SPACE, arg, "out of memory");
    }

    t->nfiles++;

    return XR_OK;
}


static bool
xr_tenant_has_file(const xr_tenant_t *t, xr_tenant_file_kind_t kind)
{
    size_t  i;

    for (i = 0; i < t->nfiles; i++) {

        if (t->files[i].kind == kind) {
            return true;
        }
    }

    return false;
}


static xr_rc_t
xr_tenant_set_credentials(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_str_t               profile;
    static const xr_str_t  prefix = XR_STR("profile=");

    if (xr_tenant_has_file(t, XR_TENANT_FILE_CREDENTIALS)) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    profile = xr_str("default");

    if (n == 3) {

        if (!xr_str_starts(args[2], prefix) || args[2].len == prefix.len) {
            return xr_fail(err, XR_INVALID, 2, "is not profile=NAME");
        }

        profile = xr_str_of(args[2].data + prefix.len,
                            args[2].len - prefix.len);
    }

    return xr_tenant_add_file(t, XR_TENANT_FILE_CREDENTIALS, args[1], profile,
                              mem, 1, err);
}


static xr_rc_t
xr_tenant_set_keys(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    (void) n;

    if (t->has_keys) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    t->has_keys = true;

    if (xr_str_eq(args[1], xr_str("none"))) {
        t->keys_none = true;
        return XR_OK;
    }

    return xr_tenant_add_file(t, XR_TENANT_FILE_KEYS, args[1],
                              xr_str_of(NULL, 0), mem, 1, err);
}


/* jwks FILE, purge_keys FILE */

static xr_rc_t
xr_tenant_set_key_file(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_tenant_file_kind_t  kind;

    (void) n;

    kind = xr_str_eq(args[0], xr_str("jwks")) ? XR_TENANT_FILE_JWKS
                                              : XR_TENANT_FILE_PURGE;

    if (xr_tenant_has_file(t, kind)) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    return xr_tenant_add_file(t, kind, args[1], xr_str_of(NULL, 0), mem, 1,
                              err);
}


/* cloudfront_key ID FILE, once for each key of the trusted group */

static xr_rc_t
xr_tenant_set_cloudfront_key(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    (void) n;

    return xr_tenant_add_file(t, XR_TENANT_FILE_CLOUDFRONT, args[2], args[1],
                              mem, 2, err);
}


static xr_rc_t
xr_tenant_add_names(xr_tenant_names_t *names, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t  i;

    for (i = 1; i < n; i++) {

        if (args[i].len == 0 || args[i].len > XR_TENANT_NAME_SIZE) {
            return xr_fail(err, XR_INVALID, i, "is empty or longer than 1024 "
                           "bytes");
        }

        if (names->n == XR_TENANT_NAMES) {
            return xr_fail(err, XR_INVALID, i, "is one more than 8");
        }

        if (xr_str_dup(mem, args[i], &names->list[names->n]) != XR_OK) {
            return xr_fail(err, XR_NO_SPACE, i, "out of memory");
        }

        names->n++;
    }

    return XR_OK;
}


static xr_rc_t
xr_tenant_set_names(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    return xr_tenant_add_names(xr_str_eq(args[0], xr_str("issuer"))
                               ? &t->issuers : &t->audiences, args, n, mem,
                               err);
}


static xr_rc_t
xr_tenant_set_cloudfront_hosts(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t  i;

    for (i = 1; i < n; i++) {

        if (!xr_web_host_ok(args[i])) {
            return xr_fail(err, XR_INVALID, i, "not a host name in lower case "
                           "without a port");
        }
    }

    return xr_tenant_add_names(&t->cloudfront_hosts, args, n, mem, err);
}


static xr_rc_t
xr_tenant_flag(const xr_str_t *args, bool *given, bool *out, xr_err_t *err)
{
    if (*given) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    *given = true;
    *out = xr_str_eq(args[1], xr_str("on"));

    if (!*out && !xr_str_eq(args[1], xr_str("off"))) {
        return xr_fail(err, XR_INVALID, 1, "is neither \"on\" nor \"off\"");
    }

    return XR_OK;
}


static xr_rc_t
xr_tenant_set_cloudfront_sha1(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    (void) n;
    (void) mem;

    return xr_tenant_flag(args, &t->has_cloudfront_sha1, &t->cloudfront_sha1,
                          err);
}


static xr_rc_t
xr_tenant_set_cors(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t     i;
    xr_str_t  *origin;

    if (t->has_cors) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    t->has_cors = true;

    if (n == 2 && xr_str_eq(args[1], xr_str("*"))) {
        t->cors = XR_CORS_ANY;
        return XR_OK;
    }

    if (n == 2 && xr_str_eq(args[1], xr_str("off"))) {
        t->cors = XR_CORS_OFF;
        return XR_OK;
    }

    t->cors = XR_CORS_LIST;

    for (i = 1; i < n; i++) {

        if (!xr_web_origin_ok(args[i])) {
            return xr_fail(err, XR_INVALID, i, "is not \"*\", \"off\" or a "
                           "web origin as browsers send it, in lower case, "
                           "without a path or the default port");
        }

        if (t->ncors_origins == XR_TENANT_ORIGINS) {
            return xr_fail(err, XR_INVALID, i, "more than 32 web origins");
        }

        origin = &t->cors_origins[t->ncors_origins];

        if (xr_str_dup(mem, args[i], origin) != XR_OK) {
            return xr_fail(err, XR_NO_SPACE, i, "out of memory");
        }

        t->ncors_origins++;
    }

    return XR_OK;
}


static xr_rc_t
xr_tenant_set_cors_credentials(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    (void) n;
    (void) mem;

    return xr_tenant_flag(args, &t->has_cors_credentials, &t->cors_credentials,
                          err);
}


static xr_rc_t
xr_tenant_set_cache_control(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t  i;

    (void) n;

    if (t->cache_control.len != 0) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    for (i = 0; i < args[1].len; i++) {

        if (args[1].data[i] < 0x20 || args[1].data[i] >= 0x7f) {
            return xr_fail(err, XR_INVALID, 1, "holds a control character or "
                           "one outside ASCII");
        }
    }

    if (args[1].len == 0 || args[1].len > XR_TENANT_NAME_SIZE) {
        return xr_fail(err, XR_INVALID, 1, "is empty or longer than 1024 "
                       "bytes");
    }

    if (xr_str_dup(mem, args[1], &t->cache_control) != XR_OK) {
        return xr_fail(err, XR_NO_SPACE, 1, "out of memory");
    }

    return XR_OK;
}


static xr_rc_t
xr_tenant_set_cache_policy(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t   rc;
    xr_err_t  why;

    (void) mem;

    if (t->has_cache_policy) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    t->has_cache_policy = true;

    rc = xr_freshness_policy_parse(args + 1, n - 1, &t->cache_policy, &why);

    return (rc == XR_OK) ? rc : xr_fail(err, rc, why.pos + 1, why.what);
}


static xr_rc_t
xr_tenant_set_geo(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t   rc;
    xr_err_t  why;

    (void) mem;

    if (t->has_geo) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    rc = xr_geo_policy_parse(args + 1, n - 1, &t->geo, &why);
    t->has_geo = (rc == XR_OK);

    return (rc == XR_OK) ? rc : xr_fail(err, rc, why.pos + 1, why.what);
}


/* Sets a time once; "unset" is what it is until then. */

static xr_rc_t
xr_tenant_time(const xr_str_t *args, int64_t unset, uint64_t max,
    const char *what, int64_t *out, xr_err_t *err)
{
    if (*out != unset) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    if (xr_tenant_time_seconds(args[1], max, out) != XR_OK) {
        return xr_fail(err, XR_INVALID, 1, what);
    }

    return XR_OK;
}


static xr_rc_t
xr_tenant_set_leeway(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    (void) n;
    (void) mem;

    return xr_tenant_time(args, -1, XR_TENANT_LEEWAY_MAX,
                          "is not a time of at most 60s", &t->leeway, err);
}


static xr_rc_t
xr_tenant_set_max_lifetime(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_rc_t      rc;
    const char  *what;

    (void) n;
    (void) mem;

    what = "is not a time above 0 and up to 3650d";

    rc = xr_tenant_time(args, 0, XR_TENANT_MAX_LIFETIME, what,
                        &t->max_lifetime, err);

    return (rc == XR_OK && t->max_lifetime == 0)
           ? xr_fail(err, XR_INVALID, 1, what) : rc;
}


static xr_rc_t
xr_tenant_set_cors_max_age(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    (void) n;
    (void) mem;

    return xr_tenant_time(args, -1, XR_TENANT_MAX_AGE_MAX,
                          "is not a time of at most 7d", &t->cors_max_age,
                          err);
}


/* limit PARAMETER ..., once for each limit */

static xr_rc_t
xr_tenant_set_limit(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t      i;
    xr_rc_t     rc;
    xr_err_t    why;
    xr_limit_t  l;

    if (t->nlimits == XR_TENANT_LIMITS) {
        return xr_fail(err, XR_INVALID, 0, "is one more than 8");
    }

    rc = xr_limit_parse(args + 1, n - 1, mem, &l, &why);

    if (rc != XR_OK) {
        return xr_fail(err, rc, why.pos + 1, why.what);
    }

    /* they would be one bucket, which both would charge */

    for (i = 0; i < t->nlimits; i++) {

        if (xr_str_eq(t->limits[i].name, l.name)) {
            return xr_fail(err, XR_INVALID, 0, "has the name of another one; "
                           "unless given, it is made of key, rate, burst and "
                           "class");
        }
    }

    t->limits[t->nlimits++] = l;

    return XR_OK;
}


static const xr_tenant_option_t  xr_tenant_options[] = {
    { XR_STR("host"), 1, SIZE_MAX, xr_tenant_set_host },
    { XR_STR("origin"), 1, 6, xr_tenant_origin_set },
    { XR_STR("replica"), 1, 6, xr_tenant_origin_replica },
    { XR_STR("credentials"), 1, 2, xr_tenant_set_credentials },
    { XR_STR("keys"), 1, 1, xr_tenant_set_keys },
    { XR_STR("purge_keys"), 1, 1, xr_tenant_set_key_file },
    { XR_STR("jwks"), 1, 1, xr_tenant_set_key_file },
    { XR_STR("issuer"), 1, SIZE_MAX, xr_tenant_set_names },
    { XR_STR("audience"), 1, SIZE_MAX, xr_tenant_set_names },
    { XR_STR("cloudfront_key"), 2, 2, xr_tenant_set_cloudfront_key },
    { XR_STR("cloudfront_hosts"), 1, SIZE_MAX, xr_tenant_set_cloudfront_hosts },
    { XR_STR("cloudfront_sha1"), 1, 1, xr_tenant_set_cloudfront_sha1 },
    { XR_STR("cors"), 1, SIZE_MAX, xr_tenant_set_cors },
    { XR_STR("cors_credentials"), 1, 1, xr_tenant_set_cors_credentials },
    { XR_STR("cors_max_age"), 1, 1, xr_tenant_set_cors_max_age },
    { XR_STR("cache_control"), 1, 1, xr_tenant_set_cache_control },
    { XR_STR("cache_policy"), 1, SIZE_MAX, xr_tenant_set_cache_policy },
    { XR_STR("geo"), 1, SIZE_MAX, xr_tenant_set_geo },
    { XR_STR("leeway"), 1, 1, xr_tenant_set_leeway },
    { XR_STR("max_lifetime"), 1, 1, xr_tenant_set_max_lifetime },
    { XR_STR("limit"), 1, SIZE_MAX, xr_tenant_set_limit }
};


xr_rc_t
xr_tenant_option(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t                     i;
    const xr_tenant_option_t  *o;

    for (i = 0; i < XR_COUNT(xr_tenant_options); i++) {
        o = &xr_tenant_options[i];

        if (!xr_str_eq(args[0], o->name)) {
            continue;
        }

        if (n - 1 < o->min || n - 1 > o->max) {
            return xr_fail(err, XR_INVALID, 0,
                           "has the wrong number of arguments");
        }

        return o->set(t, args, n, mem, err);
    }

    return xr_fail(err, XR_INVALID, 0, "is not an option of a tenant");
}
