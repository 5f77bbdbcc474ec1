/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "signed.h"
#include "sign.h"
#include "xr_jwt.h"
#include "xr_path.h"

#include <string.h>


static void
xrw_signed_add(xrw_signed_t *out, xr_str_t token)
{
    if (out->n++ == 0) {
        out->token = token;
    }
}


/* Takes "prefix", in any case, and white space off the front. */

static bool
xrw_signed_skip(xr_str_t *s, const char *prefix)
{
    size_t  n;

    n = strlen(prefix);

    if (s->len < n || !xr_str_eq_nocase(xr_str_of(s->data, n), xr_str(prefix)))
    {
        return false;
    }

    *s = xr_str_trim(xr_str_of(s->data + n, s->len - n));

    return true;
}


/* One with a "=" of its own was not escaped as a whole. */

static bool
xrw_signed_decode(xrw_arena_t *arena, xr_str_t value, xr_str_t *out)
{
    xr_buf_t  buf;

    *out = value;

    if (xr_str_find(value, '=') != value.len) {
        return true;
    }

    buf = xr_buf(xrw_alloc(arena, value.len + 1), value.len);

    if (xr_path_decode(value, &buf, NULL) != XR_OK) {
        return false;
    }

    *out = xr_buf_str(&buf);

    return true;
}


static void
xrw_signed_value(xrw_arena_t *arena, xr_str_t value, xrw_signed_t *out)
{
    xr_str_t  token;

    if (!xrw_signed_decode(arena, value, &token)) {
        out->broken = true;
    }

    xrw_signed_add(out, token);
}


/* A segment "~BASE64URL" or "~JWT", without the "~". */

static void
xrw_signed_segment(xrw_arena_t *arena, xr_str_t segment, xrw_signed_t *out)
{
    size_t    len;
    uint8_t  *token;

    if (xr_jwt_is(segment)) {
        xrw_signed_add(out, segment);
        return;
    }

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


/*
 * Where the token that starts at "start" ends: at a "?" that some viewer has
 * appended, which follows the MAC; one before that is part of a pattern.
 */

static size_t
xrw_signed_end(xr_str_t part, size_t start)
{
    size_t          n;
    xr_str_t        value;
    const uint8_t  *mac;

    static const char  field[] = "~hmac=";

    value = xr_str_of(part.data + start, part.len - start);
    n = xr_str_find(value, '?');

    if (n == value.len || n < xr_str_find(value, '=')) {
        return start + n;
    }

    mac = memmem(value.data, value.len, field, strlen(field));

    if (mac == NULL) {
        return part.len;
    }

    n = (size_t) (mac - value.data);
    value = xr_str_of(mac, value.len - n);

    return start + n + xr_str_find(value, '?');
}


static bool
xrw_signed_named(xr_str_t part, xr_str_t name)
{
    return part.len > name.len && part.data[name.len] == '='
           && xr_str_eq_nocase(xr_str_of(part.data, name.len), name);
}


/* The separators and the case folding are the edge's. */

static void
xrw_signed_tokens(xrw_arena_t *arena, xr_str_t query, xr_str_t name,
    xrw_signed_t *out)
{
    size_t    n;
    xr_str_t  part;

    while (query.len > 0) {
        part = xr_str_of(query.data, xr_str_find(query, '&'));

        if (!xrw_signed_named(part, name)) {
            n = xr_str_find(part, '?');
            (void) xr_str_cut(&query, n < part.len ? '?' : '&');
            continue;
        }

        n = xrw_signed_end(part, name.len + 1);
        xrw_signed_value(arena, xr_str_of(part.data + name.len + 1,
                                          n - name.len - 1), out);

        query = xr_str_of(query.data + n, query.len - n);
        (void) xr_str_cut(&query, query.len > 0 ? query.data[0] : '&');
    }
}


static void
xrw_signed_param(xrw_arena_t *arena, xrw_signed_cloudfront_t *s,
    xr_cloudfront_param_t param, bool exact, xr_str_t value)
{
    xr_str_t  decoded;

    /* these two alone sign nothing */

    if (param != XR_CLOUDFRONT_EXPIRES
        && param != XR_CLOUDFRONT_HASH_ALGORITHM)
    {
        s->n++;
    }

    if (!exact || s->params.values[param].data != NULL) {
        s->repeated = true;
        return;
    }

    if (!xrw_signed_decode(arena, value, &decoded)) {
        decoded = xr_str("");
    }

    s->params.values[param] = decoded;
}


/* CloudFront's parameters, and the query without them and without tokens. */

static void
xrw_signed_query(xrw_arena_t *arena, xr_str_t query, xr_str_t name,
    xrw_signed_t *out)
{
    bool                    exact;
    xr_buf_t                own;
    xr_str_t                part, value, key;
    xr_cloudfront_param_t   param;

    own = xr_buf(xrw_alloc(arena, query.len + 1), query.len);

    while (query.len > 0) {
        part = xr_str_cut(&query, '&');
        value = part;
        key = xr_str_cut(&value, '=');
        param = xr_cloudfront_param(key, &exact);

        if (param != XR_CLOUDFRONT_PARAMS) {
            xrw_signed_param(arena, &out->url, param, exact, value);

        } else if (!xr_str_eq_nocase(key, name)) {

            if (own.len > 0) {
                xr_buf_putc(&own, '&');
            }

            xr_buf_put(&own, part);
        }
    }

    if (own.len > 0) {
        out->query = xr_buf_str(&own);
    }
}


/* "host:port" behind "scheme://" */

static void
xrw_signed_host(xrw_arena_t *arena, xr_str_t site, xrw_signed_t *out)
{
    char   *host;
    size_t  i, n;

    (void) xr_str_cut(&site, '/');
    (void) xr_str_cut(&site, '/');

    n = (site.len > 0 && site.data[0] == '[') ? xr_str_find(site, ']') : 0;

    while (n < site.len && site.data[n] != ':') {
        n++;
    }

    host = xrw_text(arena, xr_str_of(site.data, n));

    for (i = 0; i < n; i++) {

        if (host[i] >= 'A' && host[i] <= 'Z') {
            host[i] = (char) (host[i] | 0x20);
        }
    }

    out->host = xr_str_of(host, n);
}


static void
xrw_signed_target(xrw_arena_t *arena, xr_str_t s, const char *name,
    xrw_signed_t *out)
{
    size_t    n;
    xr_str_t  path;

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

    xrw_signed_tokens(arena, s, xr_str(name), out);
    xrw_signed_query(arena, s, xr_str(name), out);
}


void
xrw_signed_read(xrw_arena_t *arena, const char *arg, const char *name,
    xrw_signed_t *out)
{
    size_t    n;
    xr_str_t  s;

    *out = (xrw_signed_t) { 0 };

    s = xr_str(arg);
    n = xrw_site(s);

    if (n > 0) {
        xrw_signed_host(arena, xr_str_of(s.data, n), out);
        xrw_signed_target(arena, xr_str_of(s.data + n, s.len - n), name, out);

    } else if (s.len > 0 && s.data[0] == '/') {
        xrw_signed_target(arena, s, name, out);

    } else if (s.len > 0 && s.data[0] == '~') {
        xrw_signed_segment(arena, xr_str_of(s.data + 1, s.len - 1), out);

    } else {
        (void) xrw_signed_skip(&s, "Authorization:");
        (void) xrw_signed_skip(&s, "Bearer ");
        xrw_signed_add(out, s);
    }
}


void
xrw_signed_cookies(xrw_arena_t *arena, const char *text, const char *name,
    xrw_signed_t *out)
{
    bool                    exact;
    xr_str_t                rest, value, key;
    xr_cloudfront_param_t   param;

    rest = xr_str(text);

    if (!xrw_signed_skip(&rest, "Cookie:")) {
        (void) xrw_signed_skip(&rest, "Set-Cookie:");
    }

    while (rest.len > 0) {
        value = xr_str_trim(xr_str_cut(&rest, ';'));
        key = xr_str_cut(&value, '=');

        if (xr_str_eq(key, xr_str(name))) {
            xrw_signed_value(arena, value, out);

        } else if (xrw_signed_skip(&key, "CloudFront-")) {
            param = xr_cloudfront_param(key, &exact);

            if (param != XR_CLOUDFRONT_PARAMS) {
                xrw_signed_param(arena, &out->cookies, param, exact, value);
            }
        }
    }
}


const xrw_signed_cloudfront_t *
xrw_signed_params(const xrw_signed_t *s)
{
    if (s->url.n > 0) {
        return &s->url;
    }

    return (s->cookies.n > 0) ? &s->cookies : NULL;
}
