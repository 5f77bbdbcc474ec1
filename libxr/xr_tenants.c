/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_tenants_member.h"

#include <string.h>


const xr_str_t  xr_tenants_names[XR_TENANTS_MEMBERS] = {
    [XR_TENANTS_HOSTS] = XR_STR("hosts"),
    [XR_TENANTS_ORIGIN] = XR_STR("origin"),
    [XR_TENANTS_REGION] = XR_STR("region"),
    [XR_TENANTS_ENDPOINT] = XR_STR("endpoint"),
    [XR_TENANTS_STYLE] = XR_STR("style"),
    [XR_TENANTS_LOCATION] = XR_STR("location"),
    [XR_TENANTS_UPSTREAM] = XR_STR("upstream"),
    [XR_TENANTS_REPLICAS] = XR_STR("replicas"),
    [XR_TENANTS_CREDENTIALS] = XR_STR("credentials"),
    [XR_TENANTS_PROFILE] = XR_STR("profile"),
    [XR_TENANTS_KEYS] = XR_STR("keys"),
    [XR_TENANTS_PURGE_KEYS] = XR_STR("purge_keys"),
    [XR_TENANTS_JWKS] = XR_STR("jwks"),
    [XR_TENANTS_ISSUER] = XR_STR("issuer"),
    [XR_TENANTS_AUDIENCE] = XR_STR("audience"),
    [XR_TENANTS_CLOUDFRONT_KEYS] = XR_STR("cloudfront_keys"),
    [XR_TENANTS_CLOUDFRONT_HOSTS] = XR_STR("cloudfront_hosts"),
    [XR_TENANTS_CLOUDFRONT_SHA1] = XR_STR("cloudfront_sha1"),
    [XR_TENANTS_CORS] = XR_STR("cors"),
    [XR_TENANTS_CORS_CREDENTIALS] = XR_STR("cors_credentials"),
    [XR_TENANTS_CORS_MAX_AGE] = XR_STR("cors_max_age"),
    [XR_TENANTS_CACHE_CONTROL] = XR_STR("cache_control"),
    [XR_TENANTS_CACHE_POLICY] = XR_STR("cache_policy"),
    [XR_TENANTS_GEO] = XR_STR("geo"),
    [XR_TENANTS_LEEWAY] = XR_STR("leeway"),
    [XR_TENANTS_MAX_LIFETIME] = XR_STR("max_lifetime"),
    [XR_TENANTS_LIMITS] = XR_STR("limits"),
    [XR_TENANTS_URL] = XR_STR("url"),
    [XR_TENANTS_COMMENT] = XR_STR("comment")
};


static xr_rc_t (*const xr_tenants_set[XR_TENANTS_MEMBERS])(
    xr_tenants_state_t *st, size_t i) = {
    [XR_TENANTS_HOSTS] = xr_tenants_option_list,
    [XR_TENANTS_ORIGIN] = xr_tenants_option_origin,
    [XR_TENANTS_REGION] = xr_tenants_option_of_origin,
    [XR_TENANTS_ENDPOINT] = xr_tenants_option_of_origin,
    [XR_TENANTS_STYLE] = xr_tenants_option_of_origin,
    [XR_TENANTS_LOCATION] = xr_tenants_option_of_origin,
    [XR_TENANTS_UPSTREAM] = xr_tenants_option_of_origin,
    [XR_TENANTS_REPLICAS] = xr_tenants_option_replicas,
    [XR_TENANTS_CREDENTIALS] = xr_tenants_key_credentials,
    [XR_TENANTS_PROFILE] = xr_tenants_key_profile,
    [XR_TENANTS_KEYS] = xr_tenants_key_edgeauth,
    [XR_TENANTS_PURGE_KEYS] = xr_tenants_key_purge,
    [XR_TENANTS_JWKS] = xr_tenants_key_jwks,
    [XR_TENANTS_ISSUER] = xr_tenants_option_names,
    [XR_TENANTS_AUDIENCE] = xr_tenants_option_names,
    [XR_TENANTS_CLOUDFRONT_KEYS] = xr_tenants_key_cloudfront,
    [XR_TENANTS_CLOUDFRONT_HOSTS] = xr_tenants_option_list,
    [XR_TENANTS_CLOUDFRONT_SHA1] = xr_tenants_option_flag,
    [XR_TENANTS_CORS] = xr_tenants_option_cors,
    [XR_TENANTS_CORS_CREDENTIALS] = xr_tenants_option_flag,
    [XR_TENANTS_CORS_MAX_AGE] = xr_tenants_option_time,
    [XR_TENANTS_CACHE_CONTROL] = xr_tenants_option_string,
    [XR_TENANTS_CACHE_POLICY] = xr_tenants_option_words,
    [XR_TENANTS_GEO] = xr_tenants_option_words,
    [XR_TENANTS_LEEWAY] = xr_tenants_option_time,
    [XR_TENANTS_MAX_LIFETIME] = xr_tenants_option_time,
    [XR_TENANTS_LIMITS] = xr_tenants_option_limits,
    [XR_TENANTS_URL] = xr_tenants_option_ignored,
    [XR_TENANTS_COMMENT] = xr_tenants_option_ignored
};


static xr_rc_t
xr_tenants_members(xr_tenants_state_t *st, const xr_json_t *object)
{
    size_t   i;
    xr_rc_t  rc;

    rc = xr_tenants_value_object(st, object, xr_tenants_names,
                                 XR_TENANTS_MEMBERS, st->values);

    for (i = 0; rc == XR_OK && i < XR_TENANTS_MEMBERS; i++) {

        if (xr_tenants_given(&st->values[i])) {
            rc = xr_tenants_set[i](st, i);
        }
    }

    return rc;
}


static xr_rc_t
xr_tenants_tenant(xr_tenants_state_t *st, const xr_json_t *name,
    const xr_json_t *object)
{
    xr_rc_t                     rc;
    xr_err_t                    err;
    xr_str_t                    text;
    const xr_tenants_reader_t  *reader;

    reader = st->reader;
    err = (xr_err_t) { NULL, 0 };

    rc = xr_tenants_value_text(st, name, &text);

    if (rc != XR_OK) {
        return rc;
    }

    rc = xr_tenant_init(st->t, text, &reader->mem, &err);

    if (rc != XR_OK) {
        return xr_tenants_value_fail(st, name, rc, err.what);
    }

    rc = xr_tenants_members(st, object);

    if (rc == XR_OK) {
        rc = reader->tenant(reader->ctx, st->t, &err);

        if (rc != XR_OK) {
            rc = xr_tenants_value_fail(st, name, rc, err.what);
        }
    }

    xr_tenant_wipe(st->t);

    return rc;
}


/* The object that holds the tenants, which is the second member at most. */

static xr_rc_t
xr_tenants_root(const xr_tenants_state_t *st, xr_json_t *tenants)
{
    xr_rc_t    rc;
    xr_json_t  root, values[2];

    static const xr_str_t          names[] = {
        XR_STR("tenants"), XR_STR("comment")
    };
    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    rc = xr_json_check(st->text, &limits, &root, st->err);

    if (rc == XR_OK) {
        rc = xr_tenants_value_object(st, &root, names, XR_COUNT(names), values);
    }

    if (rc != XR_OK) {
        return rc;
    }

    if (!xr_tenants_given(&values[0])) {
        return xr_tenants_value_fail(st, &root, XR_INVALID,
                                     "has no \"tenants\"");
    }

    if (values[0].type != XR_JSON_OBJECT) {
        return xr_tenants_value_fail(st, &values[0], XR_INVALID,
                                     "is not an object");
    }

    *tenants = values[0];

    return xr_tenants_given(&values[1])
           ? xr_tenants_value_string(st, &values[1]) : XR_OK;
}


xr_rc_t
xr_tenants_read(xr_str_t text, xr_tenant_t *t,
    const xr_tenants_reader_t *reader, xr_err_t *err)
{
    xr_rc_t             rc;
    xr_json_t           tenants, name, value;
    xr_json_iter_t      it;
    xr_tenants_state_t  st;

    if (text.len > XR_TENANTS_MAX_SIZE) {
        return xr_fail(err, XR_INVALID, 0, "is larger than 1 GiB");
    }

    st.text = text;
    st.t = t;
    st.reader = reader;
    st.err = err;

    rc = xr_tenants_root(&st, &tenants);

    if (rc == XR_OK) {
        it = xr_json_iter(&tenants);

        while (rc == XR_OK && xr_json_next(&it, &name, &value)) {
            rc = xr_tenants_tenant(&st, &name, &value);
            reader->reset(reader->ctx);
        }
    }

    return rc;
}
