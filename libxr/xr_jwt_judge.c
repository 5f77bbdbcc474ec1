/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_jwt.h"
#include "xr_jwt_uri.h"


#define XR_JWT_MAX_TEXT       256       /* bytes of sub and of jti */
#define XR_JWT_MAX_PATHS      16
#define XR_JWT_MAX_AUDIENCES  64


typedef enum {
    XR_JWT_ISS = 0,
    XR_JWT_SUB,
    XR_JWT_AUD,
    XR_JWT_EXP,
    XR_JWT_NBF,
    XR_JWT_IAT,
    XR_JWT_JTI,
    XR_JWT_CDNIV,
    XR_JWT_CDNICRIT,
    XR_JWT_CDNIIP,
    XR_JWT_CDNIUC,
    XR_JWT_CDNIETS,
    XR_JWT_CDNISTT,
    XR_JWT_CDNISTD,

    XR_JWT_PATH,                /* from here on: what cdnicrit may name */
    XR_JWT_ORIGIN,
    XR_JWT_COUNTRY,
    XR_JWT_QUALITY,
    XR_JWT_RATE,

    XR_JWT_CLAIMS
} xr_jwt_id_t;


static const xr_str_t  xr_jwt_prefix = XR_STR("xr_");

static const xr_str_t  xr_jwt_names[XR_JWT_CLAIMS] = {
    XR_STR("iss"), XR_STR("sub"), XR_STR("aud"), XR_STR("exp"), XR_STR("nbf"),
    XR_STR("iat"), XR_STR("jti"), XR_STR("cdniv"), XR_STR("cdnicrit"),
    XR_STR("cdniip"), XR_STR("cdniuc"), XR_STR("cdniets"), XR_STR("cdnistt"),
    XR_STR("cdnistd"), XR_STR("path"), XR_STR("xr_origin"),
    XR_STR("xr_country"), XR_STR("xr_quality"), XR_STR("xr_rate")
};


/* A token on its way through the judges; "values" of "seen" ones are set. */

typedef struct {
    const xr_auth_request_t  *req;
    const xr_auth_policy_t   *policy;
    xr_buf_t                 *memory;
    xr_principal_t            who;
    uint32_t                  seen;
    xr_json_t                 values[XR_JWT_CLAIMS];
} xr_jwt_claims_t;


static void
xr_jwt_collect(const xr_json_t *claims, xr_jwt_claims_t *c)
{
    size_t          i;
    xr_json_t       name, value;
    xr_json_iter_t  it;

    it = xr_json_iter(claims);

    while (xr_json_next(&it, &name, &value)) {

        for (i = 0; i < XR_JWT_CLAIMS; i++) {

            if (name.escaped ? xr_json_is(&name, xr_jwt_names[i])
                             : xr_str_eq(name.raw, xr_jwt_names[i]))
            {
                c->values[i] = value;
                c->seen |= 1U << i;
                break;
            }
        }
    }
}


static bool
xr_jwt_has(const xr_jwt_claims_t *c, size_t id)
{
    return (c->seen & 1U << id) != 0;
}


/*
 * These read a claim that may be absent, and then set nothing; false: it is
 * not what it must be.
 */

static bool
xr_jwt_text(xr_jwt_claims_t *c, size_t id, xr_str_t *out)
{
    return !xr_jwt_has(c, id)
           || (xr_json_text(&c->values[id], c->memory, out) == XR_OK
               && !xr_str_has_control(*out));
}


/* 0 says "not stated" in the tokens of some issuers, too. */

static bool
xr_jwt_uint(const xr_jwt_claims_t *c, size_t id, int64_t *out)
{
    return !xr_jwt_has(c, id)
           || (xr_json_int(&c->values[id], out) == XR_OK && *out >= 0);
}


static bool
xr_jwt_number(const xr_jwt_claims_t *c, size_t id, const char *wanted)
{
    return c->values[id].type == XR_JSON_NUMBER
           && xr_str_eq(c->values[id].raw, xr_str(wanted));
}


/*
 * RFC 9246, section 2.1.9: what the issuer insists on is there, and is not
 * one of the RFC's own claims, which need no such mention.
 */

static bool
xr_jwt_critical_ok(const xr_jwt_claims_t *c, xr_str_t list)
{
    size_t    i, n;
    xr_str_t  name;

    for ( ;; ) {
        n = xr_str_find(list, ',');
        name = xr_str_of(list.data, n);

        for (i = XR_JWT_PATH; i < XR_JWT_CLAIMS; i++) {

            if (xr_str_eq(name, xr_jwt_names[i])) {
                break;
            }
        }

        if (i == XR_JWT_CLAIMS || !xr_jwt_has(c, i)) {
            return false;
        }

        if (n == list.len) {
            return true;
        }

        list = xr_str_of(list.data + n + 1, list.len - n - 1);
    }
}


/* A token that wants to be renewed would not be: refused, not half-served. */

static bool
xr_jwt_renewal_ok(const xr_jwt_claims_t *c)
{
    int64_t  ignored;

    if (!xr_jwt_has(c, XR_JWT_CDNISTT)) {
        return !xr_jwt_has(c, XR_JWT_CDNIETS) && !xr_jwt_has(c, XR_JWT_CDNISTD);
    }

    return xr_jwt_number(c, XR_JWT_CDNISTT, "0")
           && xr_jwt_uint(c, XR_JWT_CDNIETS, &ignored)
           && xr_jwt_uint(c, XR_JWT_CDNISTD, &ignored);
}


static xr_deny_t
xr_jwt_judge_version(xr_jwt_claims_t *c)
{
    xr_str_t  list;

    if (xr_jwt_has(c, XR_JWT_CDNIV) && !xr_jwt_number(c, XR_JWT_CDNIV, "1")) {
        return XR_DENY_TOKEN_CLAIM;
    }

    list = xr_str_of(NULL, 0);

    if (!xr_jwt_text(c, XR_JWT_CDNICRIT, &list)
        || (xr_jwt_has(c, XR_JWT_CDNICRIT) && !xr_jwt_critical_ok(c, list)))
    {
        return XR_DENY_TOKEN_CLAIM;
    }

    return xr_jwt_renewal_ok(c) ? XR_DENY_NONE : XR_DENY_TOKEN_CLAIM;
}


static xr_deny_t
xr_jwt_judge_names(xr_jwt_claims_t *c)
{
    if (!xr_jwt_text(c, XR_JWT_SUB, &c->who.subject)
        || !xr_jwt_text(c, XR_JWT_JTI, &c->who.token_id)
        || c->who.subject.len > XR_JWT_MAX_TEXT
        || c->who.token_id.len > XR_JWT_MAX_TEXT)
    {
        return XR_DENY_TOKEN_CLAIM;
    }

    return XR_DENY_NONE;
}


static xr_deny_t
xr_jwt_judge_issuer(xr_jwt_claims_t *c)
{
    xr_str_t  iss;

    iss = xr_str_of(NULL, 0);

    if (!xr_jwt_text(c, XR_JWT_ISS, &iss)) {
        return XR_DENY_TOKEN_CLAIM;
    }

    if (c->policy->issuers.packed.len > 0
        && (!xr_jwt_has(c, XR_JWT_ISS)
            || !xr_strs_has(c->policy->issuers, iss)))
    {
        return XR_DENY_TOKEN_ISSUER;
    }

    return XR_DENY_NONE;
}


/* Whether one of "wanted" is what the string "v" reads. */

static bool
xr_jwt_is_one_of(const xr_json_t *v, xr_strs_t wanted)
{
    xr_str_t  s;

    while (xr_strs_next(&wanted, &s)) {

        if (xr_json_is(v, s)) {
            return true;
        }
    }

    return false;
}


static xr_deny_t
xr_jwt_judge_audience(xr_jwt_claims_t *c)
{
    size_t           n;
    xr_deny_t        deny;
    xr_strs_t        wanted;
    xr_json_t        v;
    xr_json_iter_t   it;
    const xr_json_t *aud;

    wanted = c->policy->audiences;

    if (!xr_jwt_has(c, XR_JWT_AUD)) {
        return (wanted.packed.len == 0) ? XR_DENY_NONE
                                        : XR_DENY_TOKEN_AUDIENCE;
    }

    if (wanted.packed.len == 0) {
        wanted = c->policy->names;
    }

    aud = &c->values[XR_JWT_AUD];

    if (aud->type == XR_JSON_STRING) {
        return xr_jwt_is_one_of(aud, wanted) ? XR_DENY_NONE
                                             : XR_DENY_TOKEN_AUDIENCE;
    }

    if (aud->type != XR_JSON_ARRAY) {
        return XR_DENY_TOKEN_CLAIM;
    }

    deny = XR_DENY_TOKEN_AUDIENCE;
    it = xr_json_iter(aud);

    for (n = 0; xr_json_next(&it, NULL, &v); n++) {

        if (v.type != XR_JSON_STRING || n == XR_JWT_MAX_AUDIENCES) {
            return XR_DENY_TOKEN_CLAIM;
        }

        if (deny != XR_DENY_NONE && xr_jwt_is_one_of(&v, wanted)) {
            deny = XR_DENY_NONE;
        }
    }

    return deny;
}


static xr_deny_t
xr_jwt_judge_times(xr_jwt_claims_t *c)
{
    int64_t  issued;

    issued = 0;

    if (!xr_jwt_uint(c, XR_JWT_EXP, &c->who.expires)
        || c->who.expires == 0
        || !xr_jwt_uint(c, XR_JWT_NBF, &c->who.not_before)
        || !xr_jwt_uint(c, XR_JWT_IAT, &issued))
    {
        return XR_DENY_TOKEN_CLAIM;
    }

    return xr_auth_times(c->who.not_before, issued, c->who.expires, c->req,
                         c->policy);
}


/* RFC 9246, section 2.1.10; one that is encrypted is not an address. */

static xr_deny_t
xr_jwt_judge_address(xr_jwt_claims_t *c)
{
    xr_str_t       text;
    xr_addr_net_t  net;

    if (!xr_jwt_has(c, XR_JWT_CDNIIP)) {
        return XR_DENY_NONE;
    }

    if (!xr_jwt_text(c, XR_JWT_CDNIIP, &text)
        || xr_addr_net_parse(text, &net) != XR_OK)
    {
        return XR_DENY_TOKEN_CLAIM;
    }

    return xr_addr_net_has(&net, c->req->address) ? XR_DENY_NONE
                                                  : XR_DENY_TOKEN_ADDRESS;
}


static xr_deny_t
xr_jwt_judge_uri(xr_jwt_claims_t *c)
{
    xr_str_t  text;

    if (!xr_jwt_has(c, XR_JWT_CDNIUC)) {
        return XR_DENY_NONE;
    }

    if (!xr_jwt_text(c, XR_JWT_CDNIUC, &text)) {
        return XR_DENY_TOKEN_CLAIM;
    }

    return xr_jwt_uri_judge(text, c->req, c->policy);
}


static xr_deny_t
xr_jwt_judge_pattern(xr_jwt_claims_t *c, const xr_json_t *v)
{
    xr_str_t  pattern;

    if (xr_json_text(v, c->memory, &pattern) != XR_OK || pattern.len == 0) {
        return XR_DENY_TOKEN_CLAIM;
    }

    return xr_auth_covers(pattern, c->req) ? XR_DENY_NONE
                                           : XR_DENY_TOKEN_SCOPE;
}


/* All patterns are looked at, so that a bad one is not passed by chance. */

static xr_deny_t
xr_jwt_judge_path(xr_jwt_claims_t *c)
{
    size_t           n;
    xr_json_t        v;
    xr_deny_t        deny, one;
    xr_json_iter_t   it;
    const xr_json_t *path;

    if (!xr_jwt_has(c, XR_JWT_PATH)) {
        return XR_DENY_NONE;
    }

    path = &c->values[XR_JWT_PATH];

    if (path->type != XR_JSON_ARRAY) {
        return xr_jwt_judge_pattern(c, path);
    }

    deny = XR_DENY_TOKEN_SCOPE;
    it = xr_json_iter(path);

    for (n = 0; xr_json_next(&it, NULL, &v); n++) {
        one = xr_jwt_judge_pattern(c, &v);

        if (one == XR_DENY_TOKEN_CLAIM || n == XR_JWT_MAX_PATHS) {
            return XR_DENY_TOKEN_CLAIM;
        }

        if (one == XR_DENY_NONE) {
            deny = XR_DENY_NONE;
        }
    }

    return deny;
}


/* An empty one is refused: it would read as if nothing were narrowed. */

static xr_deny_t
xr_jwt_judge_constraints(xr_jwt_claims_t *c)
{
    size_t     i, id;
    xr_str_t   name, *values[4];

    values[0] = &c->who.constraints.origin;
    values[1] = &c->who.constraints.country;
    values[2] = &c->who.constraints.quality;
    values[3] = &c->who.constraints.rate;

    for (i = 0; i < XR_COUNT(values); i++) {
        id = XR_JWT_ORIGIN + i;

        if (!xr_jwt_has(c, id)) {
            continue;
        }

        name = xr_str_of(xr_jwt_names[id].data + xr_jwt_prefix.len,
                         xr_jwt_names[id].len - xr_jwt_prefix.len);

        if (!xr_jwt_text(c, id, values[i])
            || values[i]->len == 0
            || !xr_constraints_value_ok(name, *values[i]))
        {
            return XR_DENY_TOKEN_CLAIM;
        }
    }

    return xr_constraints_judge(&c->who.constraints, c->req);
}


xr_deny_t
xr_jwt_judge(const xr_jwt_t *t, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy, xr_buf_t *memory, xr_principal_t *who)
{
    size_t           i;
    xr_str_t         key_id;
    xr_deny_t        deny;
    xr_jwt_claims_t  c;

    static xr_deny_t (*const  judges[])(xr_jwt_claims_t *c) = {
        xr_jwt_judge_version,
        xr_jwt_judge_names,
        xr_jwt_judge_issuer,
        xr_jwt_judge_audience,
        xr_jwt_judge_times,
        xr_jwt_judge_address,
        xr_jwt_judge_uri,
        xr_jwt_judge_path,
        xr_jwt_judge_constraints
    };

    c.req = req;
    c.policy = policy;
    c.memory = memory;
    c.seen = 0;

    memset(&c.who, 0, sizeof(c.who));

    xr_jwt_collect(&t->claims, &c);

    for (i = 0; i < XR_COUNT(judges); i++) {
        deny = judges[i](&c);

        if (deny != XR_DENY_NONE) {
            return deny;
        }
    }

    key_id = who->key_id;
    *who = c.who;
    who->kind = XR_KIND_JWT;
    who->key_id = key_id;

    return XR_DENY_NONE;
}
