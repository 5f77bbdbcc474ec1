/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_jwt_uri.h"


/* Normalized path and query; an S3 key of 1024 bytes has 3 * 1024 escaped. */

#define XR_JWT_URI_MAX_SIZE  8192


/* What a URI container holds: RFC 6920's segment form, "sha-256;digest". */

typedef struct {
    xr_hash_t  hash;
    uint8_t    digest[XR_HASH_MAX_SIZE];
} xr_jwt_uri_t;


static bool
xr_jwt_uri_read(xr_str_t text, xr_jwt_uri_t *u)
{
    size_t    i, len;
    xr_str_t  rest;

    static const struct {
        xr_str_t   form;
        xr_hash_t  hash;
    } forms[] = {
        { XR_STR("hash:sha-256;"), XR_SHA256 },
        { XR_STR("hash:sha-384;"), XR_SHA384 },
        { XR_STR("hash:sha-512;"), XR_SHA512 }
    };

    for (i = 0; i < XR_COUNT(forms); i++) {

        if (xr_str_starts(text, forms[i].form)) {
            rest = xr_str_of(text.data + forms[i].form.len,
                             text.len - forms[i].form.len);
            u->hash = forms[i].hash;

            return xr_base64url_decode(rest, u->digest, sizeof(u->digest),
                                       &len) == XR_OK
                   && len == xr_hash_size(u->hash);
        }
    }

    return false;
}


static bool
xr_jwt_uri_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
           || c == '~';
}


/*
 * RFC 3986, sections 6.2.2.1 and 6.2.2.2: escapes in upper case, and none
 * where none is needed.  A "%" that starts no escape is left as it is.
 */

static void
xr_jwt_uri_normalize(xr_str_t s, xr_buf_t *out)
{
    int      high, low;
    size_t   i;
    uint8_t  c;

    static const uint8_t  digits[] = "0123456789ABCDEF";

    for (i = 0; i < s.len; i++) {
        c = s.data[i];
        high = -1;
        low = -1;

        if (c == '%' && s.len - i > 2) {
            high = xr_hex_digit(s.data[i + 1]);
            low = xr_hex_digit(s.data[i + 2]);
        }

        if (high < 0 || low < 0) {
            xr_buf_putc(out, c);
            continue;
        }

        c = (uint8_t) (high * 16 + low);
        i += 2;

        if (xr_jwt_uri_unreserved(c)) {
            xr_buf_putc(out, c);

        } else {
            xr_buf_putc(out, '%');
            xr_buf_putc(out, digits[high]);
            xr_buf_putc(out, digits[low]);
        }
    }
}


/* Whether the digest is that of "host" and "rest" under one of our schemes. */

static bool
xr_jwt_uri_is(const xr_jwt_uri_t *u, xr_str_t host, const xr_str_t rest[3])
{
    size_t    i;
    uint8_t   digest[XR_HASH_MAX_SIZE];
    xr_str_t  parts[5];

    static const xr_str_t  schemes[] = {
        XR_STR("https://"), XR_STR("http://")
    };

    parts[1] = host;
    parts[2] = rest[0];
    parts[3] = rest[1];
    parts[4] = rest[2];

    for (i = 0; i < XR_COUNT(schemes); i++) {
        parts[0] = schemes[i];

        if (xr_hash(u->hash, parts, XR_COUNT(parts), digest) == XR_OK
            && xr_equal(digest, u->digest, xr_hash_size(u->hash)))
        {
            return true;
        }
    }

    return false;
}


/* Whether a tenant's name may stand for a host: "xr.acme.example". */

static bool
xr_jwt_uri_is_host(xr_str_t name)
{
    return xr_str_find(name, '.') != name.len
           && xr_str_find(name, '/') == name.len
           && xr_str_find(name, '?') == name.len;
}


static bool
xr_jwt_uri_at_hosts(const xr_jwt_uri_t *u, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy, const xr_str_t rest[3])
{
    xr_str_t   name;
    xr_strs_t  names;

    if (xr_jwt_uri_is(u, req->host, rest)) {
        return true;
    }

    names = policy->names;

    while (xr_strs_next(&names, &name)) {

        if (xr_jwt_uri_is_host(name) && !xr_str_eq(name, req->host)
            && xr_jwt_uri_is(u, name, rest))
        {
            return true;
        }
    }

    return false;
}


/*
 * RFC 9246, section 2.1.15: the URI without the token, normalized; and as it
 * was sent, which is what signers that do not normalize have hashed.
 */

xr_deny_t
xr_jwt_uri_judge(xr_str_t container, const xr_auth_request_t *req,
    const xr_auth_policy_t *policy)
{
    uint8_t       memory[XR_JWT_URI_MAX_SIZE];
    xr_buf_t      b;
    xr_str_t      sent[3], normal[3];
    xr_jwt_uri_t  u;

    if (!xr_jwt_uri_read(container, &u)) {
        return XR_DENY_TOKEN_CLAIM;
    }

    sent[0] = req->raw_path;
    sent[1] = xr_str((req->query.data != NULL) ? "?" : "");
    sent[2] = req->query;

    if (xr_jwt_uri_at_hosts(&u, req, policy, sent)) {
        return XR_DENY_NONE;
    }

    if (xr_str_find(sent[0], '%') == sent[0].len
        && xr_str_find(sent[2], '%') == sent[2].len)
    {
        return XR_DENY_TOKEN_SCOPE;
    }

    b = xr_buf(memory, sizeof(memory));
    xr_jwt_uri_normalize(sent[0], &b);
    xr_buf_put(&b, sent[1]);
    xr_jwt_uri_normalize(sent[2], &b);

    normal[0] = xr_buf_str(&b);
    normal[1] = xr_str("");
    normal[2] = xr_str("");

    return (xr_buf_ok(&b) && xr_jwt_uri_at_hosts(&u, req, policy, normal))
           ? XR_DENY_NONE : XR_DENY_TOKEN_SCOPE;
}
