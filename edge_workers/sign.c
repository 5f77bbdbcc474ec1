/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "sign.h"
#include "xr_path.h"

#include <string.h>


/* The length of "https://host:port" at the front, or 0. */

static size_t
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
 * some viewers append one blindly; "+" may be read as a space.
 */

static bool
xrw_query_safe(const char *token)
{
    size_t  i;

    static const char  safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~!$'()*,;=:@/%";

    for (i = 0; token[i] != '\0'; i++) {
        if (strchr(safe, token[i]) == NULL) {
            return false;
        }
    }

    return true;
}


/* The edge decodes a value as a whole when it has no "=". */

static const char *
xrw_query_value(xrw_arena_t *arena, const char *token)
{
    char      *value;
    size_t     size;
    xr_buf_t   buf;

    if (xrw_query_safe(token)) {
        return token;
    }

    size = strlen(token) * 3;
    value = xrw_alloc(arena, size + 1);
    buf = xr_buf(value, size);
    xr_path_encode_value(xr_str(token), &buf);

    return value;
}


char *
xrw_sign_url(xrw_arena_t *arena, const char *site, xr_str_t path,
    const char *token, xrw_form_t form, const char *name)
{
    char      *encoded, *segment;
    size_t     len;
    xr_buf_t   buf;

    if (path.len > 0 && path.data[0] == '/') {
        path = xr_str_of(path.data + 1, path.len - 1);
    }

    encoded = xrw_alloc(arena, path.len * 3 + 1);
    buf = xr_buf(encoded, path.len * 3);
    xr_path_encode(path, &buf);

    if (form == XRW_FORM_QUERY) {
        return xrw_format(arena, "%s/%s?%s=%s", site, encoded, name,
                          xrw_query_value(arena, token));
    }

    len = XR_BASE64_ENCODED(strlen(token));
    segment = xrw_alloc(arena, len + 1);
    buf = xr_buf(segment, len);
    xr_buf_base64url(&buf, xr_str(token));

    return xrw_format(arena, "%s/~%s/%s", site, segment, encoded);
}


static void
xrw_signed_add(xrw_signed_t *out, xr_str_t token)
{
    if (out->n++ == 0) {
        out->token = token;
    }
}


/* A segment "~BASE64URL", without the "~". */

static void
xrw_signed_segment(xrw_arena_t *arena, xr_str_t segment, xrw_signed_t *out)
{
    size_t    len;
    uint8_t  *token;

    token = xrw_alloc(arena, XR_BASE64_DECODED(segment.len) + 1);

    if (xr_base64url_decode(segment, token, XR_BASE64_DECODED(segment.len),
                            &len)
        != XR_OK)
    {
        out->broken = true;
        len = 0;
    }

    xrw_signed_add(out, xr_str_of(token, len));
}


/* The separators and the case folding are the edge's. */

static void
xrw_signed_query(xrw_arena_t *arena, xr_str_t query, xr_str_t name,
    xrw_signed_t *out)
{
    uint8_t   *token;
    xr_str_t   part, pair, key;
    xr_buf_t   buf;

    while (query.len > 0) {
        part = xr_str_cut(&query, '&');

        while (part.len > 0) {
            pair = xr_str_cut(&part, '?');
            key = xr_str_cut(&pair, '=');

            if (!xr_str_eq_nocase(key, name)) {
                continue;
            }

            if (xr_str_find(pair, '=') == pair.len) {
                token = xrw_alloc(arena, pair.len + 1);
                buf = xr_buf(token, pair.len);

                if (xr_path_decode(pair, &buf, NULL) == XR_OK) {
                    pair = xr_buf_str(&buf);
                }
            }

            xrw_signed_add(out, pair);
        }
    }
}


void
xrw_signed_read(xrw_arena_t *arena, const char *arg, const char *name,
    xrw_signed_t *out)
{
    size_t    n;
    xr_str_t  s, path;

    *out = (xrw_signed_t) { 0 };

    s = xr_str(arg);
    n = xrw_site(s);
    s = xr_str_of(s.data + n, s.len - n);

    if (n == 0 && s.len > 0 && s.data[0] == '~') {
        xrw_signed_segment(arena, xr_str_of(s.data + 1, s.len - 1), out);
        return;
    }

    if (n == 0 && (s.len == 0 || s.data[0] != '/')) {
        xrw_signed_add(out, s);
        return;
    }

    s = xr_str_cut(&s, '#');
    path = xr_str_cut(&s, '?');

    if (path.len == 0) {
        path = xr_str("/");
    }

    if (xr_str_starts(path, xr_str("/~"))) {
        n = xr_str_find(xr_str_of(path.data + 1, path.len - 1), '/');
        xrw_signed_segment(arena, xr_str_of(path.data + 2, n - 1), out);
        path = xr_str_of(path.data + 1 + n, path.len - 1 - n);
    }

    out->raw_path = path.len > 0 ? path : xr_str("/");
    xrw_signed_query(arena, s, xr_str(name), out);
}
