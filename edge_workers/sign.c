/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sign.h"
#include "xr_jwt.h"
#include "xr_path.h"

#include <string.h>


size_t
xrw_site(xr_str_t url)
{
    size_t    len;
    xr_str_t  rest;

    if (xr_str_starts(url, xr_str("https://"))) {
        len = strlen("https://");

    } else if (xr_str_starts(url, xr_str("http://"))) {
        len = strlen("http://");

    } else {
        return 0;
    }

    rest = xr_str_of(url.data + len, url.len - len);

    while (rest.len > 0 && strchr("/?#", rest.data[0]) == NULL) {
        rest.data++;
        rest.len--;
    }

    return (rest.len == url.len - len) ? 0 : url.len - rest.len;
}


xr_rc_t
xrw_base_parse(xrw_arena_t *arena, const char *url, xrw_base_t *out,
    const char **why)
{
    char      *path;
    size_t     n;
    xr_str_t   s;
    xr_err_t   err;
    xr_buf_t   buf;

    s = xr_str(url);
    n = xrw_site(s);

    if (n == 0) {
        *why = "has to begin with https:// or http:// and a host";
        return XR_INVALID;
    }

    out->site = xrw_text(arena, xr_str_of(s.data, n));
    s = xr_str_of(s.data + n, s.len - n);

    if (s.len > 0 && s.data[s.len - 1] == '/') {
        s.len--;
    }

    path = xrw_alloc(arena, s.len + 1);
    buf = xr_buf(path, s.len);

    if (xr_str_find(s, '?') < s.len || xr_str_find(s, '#') < s.len
        || (s.len > 0 && xr_path_check(s, &err) != XR_OK)
        || xr_path_decode(s, &buf, &err) != XR_OK)
    {
        *why = "has to end with a plain path, or the host";
        return XR_INVALID;
    }

    out->path = path;

    return XR_OK;
}


char *
xrw_base_path(xrw_arena_t *arena, const xrw_base_t *base, xr_str_t key)
{
    if (key.len > 0 && key.data[0] == '/') {
        key = xr_str_of(key.data + 1, key.len - 1);
    }

    return xrw_format(arena, "%s/%.*s", base->path, (int) key.len,
                      (const char *) key.data);
}


char *
xrw_token(xrw_arena_t *arena, const xr_edgeauth_spec_t *spec,
    const xr_key_t *key, xr_err_t *err)
{
    char      *token;
    xr_buf_t   buf;

    token = xrw_alloc(arena, XR_EDGEAUTH_MAX_SIZE + 1);
    buf = xr_buf(token, XR_EDGEAUTH_MAX_SIZE);

    return (xr_edgeauth_make(spec, key, &buf, err) == XR_OK) ? token : NULL;
}


/*
 * RFC 3986, section 3.4, but for what ends a value: "&" by custom, "?" since
 * some viewers append one blindly; "+" may be read as a space.  In cookies it
 * is RFC 6265, section 4.1.1.
 */

static const char  xrw_sign_in_query[] = "-._~!$'()*,;=:@/%";
static const char  xrw_sign_in_cookie[] = "-._~!$'()*=:@/%&+?#[]^`{|}<>";


static bool
xrw_sign_safe(const char *token, const char *others)
{
    size_t  i;
    char    c;

    for (i = 0; token[i] != '\0'; i++) {
        c = token[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && strchr(others, c) == NULL)
        {
            return false;
        }
    }

    return true;
}


/* The edge decodes a value as a whole when it has no "=". */

static const char *
xrw_sign_value(xrw_arena_t *arena, const char *token, const char *others)
{
    char      *value;
    size_t     size;
    xr_buf_t   buf;

    if (xrw_sign_safe(token, others)) {
        return token;
    }

    size = strlen(token) * 3;
    value = xrw_alloc(arena, size + 1);
    buf = xr_buf(value, size);
    xr_path_encode_value(xr_str(token), &buf);

    return value;
}


char *
xrw_sign_path(xrw_arena_t *arena, xr_str_t path)
{
    char      *encoded;
    xr_buf_t   buf;

    encoded = xrw_alloc(arena, path.len * 3 + 1);
    buf = xr_buf(encoded, path.len * 3);
    xr_path_encode(path, &buf);

    return encoded;
}


/* "/~TOKEN": a JWT is base64url already. */

static const char *
xrw_sign_segment(xrw_arena_t *arena, const char *token)
{
    char      *segment;
    size_t     len;
    xr_buf_t   buf;

    if (xr_jwt_is(xr_str(token))) {
        return token;
    }

    len = XR_BASE64_ENCODED(strlen(token));
    segment = xrw_alloc(arena, len + 1);
    buf = xr_buf(segment, len);
    xr_buf_base64url(&buf, xr_str(token));

    return segment;
}


char *
xrw_sign_url(xrw_arena_t *arena, const char *site, xr_str_t path,
    const char *token, xrw_form_t form, const char *name)
{
    const char  *encoded;

    if (path.len > 0 && path.data[0] == '/') {
        path = xr_str_of(path.data + 1, path.len - 1);
    }

    encoded = xrw_sign_path(arena, path);

    if (form == XRW_FORM_QUERY) {
        return xrw_format(arena, "%s/%s?%s=%s", site, encoded, name,
                          xrw_sign_value(arena, token, xrw_sign_in_query));
    }

    return xrw_format(arena, "%s/~%s/%s", site,
                      xrw_sign_segment(arena, token), encoded);
}


char *
xrw_sign_cookie(xrw_arena_t *arena, const char *name, const char *value,
    xr_str_t path)
{
    /* browsers send it with what is below the last "/" */

    while (path.len > 0 && path.data[path.len - 1] != '/') {
        path.len--;
    }

    return xrw_format(arena, "Set-Cookie: %s=%s; Path=%.*s; Secure; HttpOnly; "
                      "SameSite=None; Partitioned", name,
                      xrw_sign_value(arena, value, xrw_sign_in_cookie),
                      path.len > 0 ? (int) path.len : 1,
                      path.len > 0 ? (const char *) path.data : "/");
}
