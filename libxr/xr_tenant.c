/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenant.h"
#include "xr_addr.h"

#include <string.h>


#define XR_TENANT_LEEWAY_MAX    60          /* seconds */
#define XR_TENANT_LIFETIME_MAX  (10 * 365 * 86400)


typedef xr_rc_t (*xr_tenant_option_pt)(xr_tenant_t *t, const xr_str_t *args,
    size_t n, const xr_mem_t *mem, xr_err_t *err);


typedef struct {
    xr_str_t              name;
    size_t                min;              /* arguments after the name */
    size_t                max;
    xr_tenant_option_pt   set;
} xr_tenant_option_t;


bool
xr_tenant_name_ok(xr_str_t name)
{
    size_t   i;
    uint8_t  c;

    if (name.len == 0 || name.len > XR_TENANT_NAME_MAX || name.data[0] == '-') {
        return false;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }

    return true;
}


xr_rc_t
xr_tenant_init(xr_tenant_t *t, xr_str_t name, const xr_mem_t *mem,
    xr_err_t *err)
{
    memset(t, 0, sizeof(xr_tenant_t));

    if (!xr_tenant_name_ok(name)) {
        return xr_fail(err, XR_INVALID, 0,
                       "a tenant's name is 1 to 63 of a-z, 0-9 and \"-\", "
                       "and does not start with \"-\"");
    }

    t->limits.leeway = 30;

    if (xr_str_dup(mem, name, &t->name) != XR_OK) {
        return xr_fail(err, XR_NO_SPACE, 0, "out of memory");
    }

    return XR_OK;
}


/* A host name in lower case without a port, as requests are looked up. */

static bool
xr_tenant_host_ok(xr_str_t host)
{
    size_t   i;
    uint8_t  c, last;

    last = '.';

    for (i = 0; i < host.len; i++) {
        c = host.data[i];

        if (c == '.') {
            if (last == '.') {
                return false;
            }

        } else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                     || c == '-' || c == '_'))
        {
            return false;
        }

        last = c;
    }

    return host.len > 0 && host.len <= 253 && last != '.';
}


static xr_rc_t
xr_tenant_set_host(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t  i;

    for (i = 1; i < n; i++) {

        if (!xr_tenant_host_ok(args[i])) {
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


typedef struct {
    xr_str_t  region;
    xr_str_t  endpoint;
    xr_str_t  style;
    xr_str_t  upstream;
} xr_tenant_origin_args_t;


static xr_rc_t
xr_tenant_origin_arg(xr_tenant_origin_args_t *a, xr_str_t arg)
{
    size_t     i;
    xr_str_t   name, value;
    xr_str_t  *out;

    static const xr_str_t  names[] = {
        XR_STR("region"), XR_STR("endpoint"), XR_STR("style"),
        XR_STR("upstream")
    };

    xr_str_t  *values[XR_COUNT(names)] = {
        &a->region, &a->endpoint, &a->style, &a->upstream
    };

    value = arg;
    name = xr_str_cut(&value, '=');

    for (i = 0; i < XR_COUNT(names); i++) {

        if (xr_str_eq(name, names[i])) {
            out = values[i];

            if (value.len == 0 || out->len != 0) {
                return XR_INVALID;
            }

            *out = value;

            return XR_OK;
        }
    }

    return XR_INVALID;
}


/* What xr_origin_parse() says about an option starts with "name=". */

static size_t
xr_tenant_origin_fault(const xr_str_t *args, size_t n, const char *what)
{
    size_t    i;
    xr_str_t  arg, name;

    for (i = 2; i < n; i++) {
        arg = args[i];
        name = xr_str_cut(&arg, '=');

        if (xr_str_starts(xr_str(what), xr_str_of(name.data, name.len + 1))) {
            return i;
        }
    }

    return 1;
}


static xr_rc_t
xr_tenant_set_origin(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    size_t                   i;
    xr_rc_t                  rc;
    xr_err_t                 why;
    xr_tenant_origin_args_t  a;

    memset(&a, 0, sizeof(a));

    if (t->has_origin) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    for (i = 2; i < n; i++) {

        if (xr_tenant_origin_arg(&a, args[i]) != XR_OK) {
            return xr_fail(err, XR_INVALID, i, "is none of region=, "
                           "endpoint=, style= and upstream=, each once");
        }
    }

    rc = xr_origin_parse(args[1], a.region, a.endpoint, a.style, mem,
                         &t->origin, &why);

    if (rc != XR_OK) {
        return xr_fail(err, rc, xr_tenant_origin_fault(args, n, why.what),
                       why.what);
    }

    if (a.upstream.len != 0
        && xr_str_dup(mem, a.upstream, &t->upstream) != XR_OK)
    {
        return xr_fail(err, XR_NO_SPACE, 1, "out of memory");
    }

    t->has_origin = true;

    return XR_OK;
}


static xr_rc_t
xr_tenant_set_credentials(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    xr_str_t               profile;
    static const xr_str_t  prefix = XR_STR("profile=");

    if (t->credentials_file.len != 0) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    if (args[1].len == 0) {
        return xr_fail(err, XR_INVALID, 1, "is empty");
    }

    profile = xr_str("default");

    if (n == 3) {

        if (!xr_str_starts(args[2], prefix) || args[2].len == prefix.len) {
            return xr_fail(err, XR_INVALID, 2, "is not profile=NAME");
        }

        profile = xr_str_of(args[2].data + prefix.len,
                            args[2].len - prefix.len);
    }

    if (xr_str_dup(mem, args[1], &t->credentials_file) != XR_OK
        || xr_str_dup(mem, profile, &t->profile) != XR_OK)
    {
        return xr_fail(err, XR_NO_SPACE, 1, "out of memory");
    }

    return XR_OK;
}


static xr_rc_t
xr_tenant_set_keys(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    (void) n;

    if (t->keys_file.len != 0 || t->keys_none) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    if (args[1].len == 0) {
        return xr_fail(err, XR_INVALID, 1, "is empty");
    }

    if (xr_str_eq(args[1], xr_str("none"))) {
        t->keys_none = true;
        return XR_OK;
    }

    if (xr_str_dup(mem, args[1], &t->keys_file) != XR_OK) {
        return xr_fail(err, XR_NO_SPACE, 1, "out of memory");
    }

    return XR_OK;
}


static bool
xr_tenant_web_host_ok(xr_str_t host)
{
    xr_addr_t  addr;

    if (host.len < 2 || host.data[0] != '[') {
        return xr_tenant_host_ok(host);
    }

    return host.data[host.len - 1] == ']'
           && xr_str_find(host, ':') < host.len
           && xr_addr_parse(xr_str_of(host.data + 1, host.len - 2), &addr)
              == XR_OK;
}


/* ":port" or nothing; "standard" is the port that browsers leave out. */

static bool
xr_tenant_web_port_ok(xr_str_t s, uint64_t standard)
{
    uint64_t  port;

    if (s.len == 0) {
        return true;
    }

    s = xr_str_of(s.data + 1, s.len - 1);

    return s.len > 0 && s.data[0] != '0' && xr_str_uint(&s, &port) == XR_OK
           && s.len == 0 && port <= UINT16_MAX && port != standard;
}


/*
 * A web origin as browsers send it, RFC 6454 section 6.2: any other spelling
 * would never match.
 */

static bool
xr_tenant_web_origin_ok(xr_str_t origin)
{
    size_t    n;
    uint64_t  standard;
    xr_str_t  host, port;

    static const xr_str_t  http = XR_STR("http://");
    static const xr_str_t  https = XR_STR("https://");

    if (xr_str_starts(origin, https)) {
        n = https.len;
        standard = 443;

    } else if (xr_str_starts(origin, http)) {
        n = http.len;
        standard = 80;

    } else {
        return false;
    }

    host = xr_str_of(origin.data + n, origin.len - n);

    n = (host.len > 0 && host.data[0] == '[') ? xr_str_find(host, ']') : 0;
    port = xr_str_of(host.data + n, host.len - n);
    n += xr_str_find(port, ':');
    port = xr_str_of(host.data + n, host.len - n);

    return xr_tenant_web_host_ok(xr_str_of(host.data, n))
           && xr_tenant_web_port_ok(port, standard);
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

        if (!xr_tenant_web_origin_ok(args[i])) {
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

    if (args[1].len == 0) {
        return xr_fail(err, XR_INVALID, 1, "is empty");
    }

    if (xr_str_dup(mem, args[1], &t->cache_control) != XR_OK) {
        return xr_fail(err, XR_NO_SPACE, 1, "out of memory");
    }

    return XR_OK;
}


/* "30", "30s", "5m", "2h", "7d", "4w" */

static xr_rc_t
xr_tenant_seconds(xr_str_t s, uint64_t max, int64_t *out)
{
    size_t    i;
    uint64_t  n, unit;

    static const struct {
        char      suffix;
        uint32_t  seconds;
    } units[] = {
        { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
        { 'w', 7 * 86400 }
    };

    if (xr_str_uint(&s, &n) != XR_OK || s.len > 1) {
        return XR_INVALID;
    }

    unit = (s.len == 0) ? 1 : 0;

    for (i = 0; s.len == 1 && i < XR_COUNT(units); i++) {

        if (s.data[0] == units[i].suffix) {
            unit = units[i].seconds;
        }
    }

    if (unit == 0 || n > max / unit) {
        return XR_INVALID;
    }

    *out = (int64_t) (n * unit);

    return XR_OK;
}


static xr_rc_t
xr_tenant_set_leeway(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    (void) n;
    (void) mem;

    if (t->has_leeway) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    if (xr_tenant_seconds(args[1], XR_TENANT_LEEWAY_MAX, &t->limits.leeway)
        != XR_OK)
    {
        return xr_fail(err, XR_INVALID, 1, "is not a time of at most 60s");
    }

    t->has_leeway = true;

    return XR_OK;
}


static xr_rc_t
xr_tenant_set_max_lifetime(xr_tenant_t *t, const xr_str_t *args, size_t n,
    const xr_mem_t *mem, xr_err_t *err)
{
    (void) n;
    (void) mem;

    if (t->limits.max_lifetime != 0) {
        return xr_fail(err, XR_INVALID, 0, "is duplicate");
    }

    if (xr_tenant_seconds(args[1], XR_TENANT_LIFETIME_MAX,
                          &t->limits.max_lifetime)
        != XR_OK
        || t->limits.max_lifetime == 0)
    {
        return xr_fail(err, XR_INVALID, 1, "is not a time above 0 and up to "
                       "3650d");
    }

    return XR_OK;
}


static const xr_tenant_option_t  xr_tenant_options[] = {
    { XR_STR("host"), 1, SIZE_MAX, xr_tenant_set_host },
    { XR_STR("origin"), 1, 5, xr_tenant_set_origin },
    { XR_STR("credentials"), 1, 2, xr_tenant_set_credentials },
    { XR_STR("keys"), 1, 1, xr_tenant_set_keys },
    { XR_STR("cors"), 1, SIZE_MAX, xr_tenant_set_cors },
    { XR_STR("cache_control"), 1, 1, xr_tenant_set_cache_control },
    { XR_STR("leeway"), 1, 1, xr_tenant_set_leeway },
    { XR_STR("max_lifetime"), 1, 1, xr_tenant_set_max_lifetime }
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


xr_rc_t
xr_tenant_credentials(xr_tenant_t *t, xr_str_t text, const xr_mem_t *mem,
    xr_err_t *err)
{
    xr_rc_t           rc;
    xr_credentials_t  c;

    rc = xr_credentials_parse(text, t->profile, &c, err);

    if (rc != XR_OK) {
        return rc;
    }

    if (xr_str_dup(mem, c.access_key, &t->credentials.access_key) != XR_OK
        || xr_str_dup(mem, c.secret_key, &t->credentials.secret_key) != XR_OK
        || xr_str_dup(mem, c.session_token, &t->credentials.session_token)
           != XR_OK)
    {
        return xr_fail(err, XR_NO_SPACE, 0, "out of memory");
    }

    return XR_OK;
}


xr_rc_t
xr_tenant_keys(xr_tenant_t *t, xr_str_t text, const xr_mem_t *mem,
    xr_err_t *err)
{
    xr_keyset_free(&t->keys);

    return xr_keyset_parse(text, mem, &t->keys, err);
}


xr_rc_t
xr_tenant_finish(const xr_tenant_t *t, xr_err_t *err)
{
    if (!t->has_origin) {
        return xr_fail(err, XR_INVALID, 0, "has no \"origin\"");
    }

    if (t->origin.kind == XR_ORIGIN_S3 && t->credentials.secret_key.len == 0) {
        return xr_fail(err, XR_INVALID, 0, "has an s3 origin but no "
                       "\"credentials\": nothing is ever sent unsigned");
    }

    if (t->origin.kind != XR_ORIGIN_S3 && t->credentials_file.len != 0) {
        return xr_fail(err, XR_INVALID, 0, "has \"credentials\" that only an "
                       "s3 origin can use");
    }

    if (t->keys.n == 0 && !t->keys_none) {
        return xr_fail(err, XR_INVALID, 0, "has no \"keys\"; say \"keys none\" "
                       "if all its objects are public");
    }

    return XR_OK;
}


void
xr_tenant_free(xr_tenant_t *t)
{
    xr_keyset_free(&t->keys);

    /* the copies are ours, whatever the views' type says */

    xr_wipe((void *) (uintptr_t) t->credentials.secret_key.data,
            t->credentials.secret_key.len);
    xr_wipe((void *) (uintptr_t) t->credentials.session_token.data,
            t->credentials.session_token.len);
}


bool
xr_tenant_cors_allows(const xr_tenant_t *t, xr_str_t origin)
{
    size_t  i;

    for (i = 0; i < t->ncors_origins; i++) {

        if (xr_str_eq(t->cors_origins[i], origin)) {
            return true;
        }
    }

    return t->cors == XR_CORS_ANY;
}
