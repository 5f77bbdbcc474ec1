/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_TENANTS_MEMBER_H
#define XR_TENANTS_MEMBER_H


#include "xr_tenants.h"


/* How members of a tenant are read; for the xr_tenants*.c files only. */

enum {
    XR_TENANTS_HOSTS = 0,
    XR_TENANTS_ORIGIN,
    XR_TENANTS_REGION,
    XR_TENANTS_ENDPOINT,
    XR_TENANTS_STYLE,
    XR_TENANTS_LOCATION,
    XR_TENANTS_UPSTREAM,
    XR_TENANTS_REPLICAS,
    XR_TENANTS_CREDENTIALS,
    XR_TENANTS_PROFILE,
    XR_TENANTS_KEYS,
    XR_TENANTS_PURGE_KEYS,
    XR_TENANTS_JWKS,
    XR_TENANTS_ISSUER,
    XR_TENANTS_AUDIENCE,
    XR_TENANTS_CLOUDFRONT_KEYS,
    XR_TENANTS_CLOUDFRONT_HOSTS,
    XR_TENANTS_CLOUDFRONT_SHA1,
    XR_TENANTS_CORS,
    XR_TENANTS_CORS_CREDENTIALS,
    XR_TENANTS_CORS_MAX_AGE,
    XR_TENANTS_CACHE_CONTROL,
    XR_TENANTS_CACHE_POLICY,
    XR_TENANTS_GEO,
    XR_TENANTS_LEEWAY,
    XR_TENANTS_MAX_LIFETIME,
    XR_TENANTS_LIMITS,
    XR_TENANTS_URL,
    XR_TENANTS_COMMENT,
    XR_TENANTS_MEMBERS
};

extern const xr_str_t  xr_tenants_names[XR_TENANTS_MEMBERS];


typedef struct {
    xr_str_t                    text;
    xr_tenant_t                *t;
    const xr_tenants_reader_t  *reader;
    xr_err_t                   *err;

    /* of the tenant that is being read; those without data are absent */
    xr_json_t                   values[XR_TENANTS_MEMBERS];
} xr_tenants_state_t;


static inline bool
xr_tenants_given(const xr_json_t *v)
{
    return v->raw.data != NULL;
}


/* Where a value or a member's name stands in the text. */
size_t xr_tenants_value_pos(const xr_tenants_state_t *st, const xr_json_t *v);

/* Fails at "v"; returns "rc". */
xr_rc_t xr_tenants_value_fail(const xr_tenants_state_t *st, const xr_json_t *v,
    xr_rc_t rc, const char *what);

/* The "n" members of an object, each at most once and no others. */
xr_rc_t xr_tenants_value_object(const xr_tenants_state_t *st,
    const xr_json_t *object, const xr_str_t *names, size_t n,
    xr_json_t *values);

/* Refuses what is no array, and one that could mean "none" or "any". */
xr_rc_t xr_tenants_value_array(const xr_tenants_state_t *st,
    const xr_json_t *v);

/* Refuses what is no string. */
xr_rc_t xr_tenants_value_string(const xr_tenants_state_t *st,
    const xr_json_t *v);

/* The text of a string, which may span several lines. */
xr_rc_t xr_tenants_value_lines(const xr_tenants_state_t *st, const xr_json_t *v,
    xr_str_t *out);

/* One without control characters: NUL would cut the name of a file short. */
xr_rc_t xr_tenants_value_text(const xr_tenants_state_t *st, const xr_json_t *v,
    xr_str_t *out);


/* An option as xr_tenant_option() takes it, and where its arguments stand. */

#define XR_TENANTS_ARGS  (XR_TENANT_ORIGINS + 2)

typedef struct {
    size_t    n;
    xr_str_t  args[XR_TENANTS_ARGS];
    size_t    pos[XR_TENANTS_ARGS];
} xr_tenants_option_t;


void xr_tenants_option_begin(const xr_tenants_state_t *st,
    xr_tenants_option_t *o, xr_str_t name, const xr_json_t *v);
void xr_tenants_option_add(const xr_tenants_state_t *st, xr_tenants_option_t *o,
    const xr_json_t *v, xr_str_t arg);
xr_rc_t xr_tenants_option_apply(const xr_tenants_state_t *st,
    const xr_tenants_option_t *o);

/*
 * The string that member "i" is, with an argument "name=value" for each of
 * the members behind it up to "last".
 */
xr_rc_t xr_tenants_option_named(const xr_tenants_state_t *st, size_t i,
    size_t last);


/* Setters of the members; "i" is the one that is set. */

xr_rc_t xr_tenants_option_string(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_list(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_names(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_flag(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_time(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_ignored(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_origin(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_replicas(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_of_origin(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_cors(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_words(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_option_limits(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_key_credentials(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_key_profile(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_key_edgeauth(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_key_purge(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_key_jwks(xr_tenants_state_t *st, size_t i);
xr_rc_t xr_tenants_key_cloudfront(xr_tenants_state_t *st, size_t i);


#endif /* XR_TENANTS_MEMBER_H */
