/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "explain.h"
#include "io.h"
#include "xr_cloudfront.h"
#include "xr_edgeauth.h"
#include "xr_explain.h"
#include "xr_jwt.h"
#include "xr_path.h"
#include "xr_variant.h"

#include <stdio.h>


#define XRW_EXPLAIN_SHORT    200
#define XRW_EXPLAIN_HEADERS  ((size_t) 1024 * 1024)

/* Of a quality that a credential names and nobody knows: as an edge has it. */

#define XRW_EXPLAIN_CEILING  0


json_t *
xrw_explain_short(xr_str_t value)
{
    char    text[XRW_EXPLAIN_SHORT + 48];
    size_t  n;

    if (value.len <= XRW_EXPLAIN_SHORT) {
        return xrw_json_text(value);
    }

    memcpy(text, value.data, XRW_EXPLAIN_SHORT);
    n = (size_t) snprintf(text + XRW_EXPLAIN_SHORT,
                          sizeof(text) - XRW_EXPLAIN_SHORT,
                          "... (%zu bytes)", value.len);

    return xrw_json_text(xr_str_of(text, XRW_EXPLAIN_SHORT + n));
}


void
xrw_explain_text(json_t *object, const char *name, xr_str_t value)
{
    (void) json_object_set_new(object, name, xrw_explain_short(value));
}


void
xrw_explain_uint(json_t *object, const char *name, uint64_t value)
{
    json_int_t  n;

    n = (value > INT64_MAX) ? INT64_MAX : (json_int_t) value;

    (void) json_object_set_new(object, name, json_integer(n));
}


/* Counts a credential; which place it is in is told of the first. */

static void
xrw_explain_carried(xrw_explain_t *e, size_t n, const char *place)
{
    if (n == 0) {
        return;
    }

    if (e->credentials == 0) {
        e->place = place;
    }

    e->credentials += n;
}


static void
xrw_explain_bearer(xrw_explain_t *e, const char *value)
{
    xrw_signed_t  sent;

    static const xr_str_t  scheme = XR_STR("Bearer ");

    if (strlen(value) <= scheme.len
        || !xr_str_eq_nocase(xr_str_of(value, scheme.len), scheme))
    {
        return;
    }

    xrw_signed_read(e->arena, xrw_format(e->arena, "Authorization: %s", value),
                    e->flags->name, &sent);

    if (e->sent.n++ == 0) {
        e->sent.token = sent.token;
    }

    xrw_explain_carried(e, 1, "header");
}


static void
xrw_explain_cookie(xrw_explain_t *e, const char *value)
{
    size_t  n, cookies;

    n = e->sent.n;
    cookies = e->sent.cookies.n;

    xrw_signed_cookies(e->arena, value, e->flags->name, &e->sent);

    xrw_explain_carried(e, e->sent.n - n
                           + (cookies == 0 && e->sent.cookies.n > 0), "cookie");
}


/* Of the host an edge knows the name only, in lower case. */

static void
xrw_explain_line(xrw_explain_t *e, const char *name, xr_str_t value)
{
    char                 *host;
    size_t                i;
    xrw_explain_line_t   *line, **last;

    line = xrw_alloc(e->arena, sizeof(*line));
    line->text = xrw_format(e->arena, "%s: %.*s", name, (int) value.len,
                            (const char *) value.data);

    for (last = &e->lines; *last != NULL; last = &(*last)->next) {
        /* void */
    }

    *last = line;

    if (strcmp(name, "host") != 0) {
        return;
    }

    if (value.len == 0 || value.data[0] != '[') {
        value.len = xr_str_find(value, ':');
    }

    host = xrw_text(e->arena, value);

    for (i = 0; i < value.len; i++) {

        if (host[i] >= 'A' && host[i] <= 'Z') {
            host[i] = (char) (host[i] | 0x20);
        }
    }

    e->host = xr_str_of(host, value.len);
}


/* Lines of Accept-Encoding are one list, of all others the first counts. */

static void
xrw_explain_field(xrw_explain_t *e, xr_str_t name, xr_str_t value)
{
    if (xr_str_eq(name, xr_str("authorization"))) {
        xrw_explain_bearer(e, xrw_text(e->arena, value));

    } else if (xr_str_eq(name, xr_str("cookie"))) {
        xrw_explain_cookie(e, xrw_text(e->arena, value));

    } else if (xr_str_eq(name, xr_str("accept-encoding"))) {

        if (e->accept_encoding.data != NULL) {
            value = xr_str(xrw_format(e->arena, "%.*s, %.*s",
                                      (int) e->accept_encoding.len,
                                      (const char *) e->accept_encoding.data,
                                      (int) value.len,
                                      (const char *) value.data));
        }

        e->accept_encoding = value;

    } else {
        (void) xr_device_input_set(&e->in, name, value);
    }
}


/* "Name: value"; false: it is none. */

static bool
xrw_explain_header(xrw_explain_t *e, xr_str_t line)
{
    char     *name;
    size_t    i, n;
    xr_str_t  value;

    n = xr_str_find(line, ':');

    if (n == 0 || n == line.len) {
        return false;
    }

    name = xrw_text(e->arena, xr_str_of(line.data, n));

    for (i = 0; i < n; i++) {

        if (name[i] <= ' ' || name[i] == 0x7f) {
            return false;
        }

        if (name[i] >= 'A' && name[i] <= 'Z') {
            name[i] = (char) (name[i] | 0x20);
        }
    }

    value = xr_str_trim(xr_str_of(line.data + n + 1, line.len - n - 1));

    if (memchr(value.data, '\n', value.len) != NULL
        || memchr(value.data, '\0', value.len) != NULL)
    {
        return false;
    }

    xrw_explain_line(e, name, value);
    xrw_explain_field(e, xr_str_of(name, n), value);

    return true;
}


/* A file of headers may begin with the line of the request. */

static int
xrw_explain_headers(const xrw_command_t *cmd, xrw_explain_t *e)
{
    size_t      i, number;
    xr_str_t    text, line;
    xrw_list_t  list;

    list = e->flags->headers;

    for (i = 0; i < list.n; i++) {

        if (!xrw_explain_header(e, xr_str(list.items[i]))) {
            return xrw_usage(cmd, "--header %.60s: not \"Name: value\"",
                             list.items[i]);
        }
    }

    if (e->flags->file == NULL) {
        return XRW_OK;
    }

    if (!xrw_io_text(e->arena, e->flags->file, XRW_EXPLAIN_HEADERS, &text)) {
        return XRW_FAILED;
    }

    if (text.len == XRW_EXPLAIN_HEADERS) {
        return xrw_error("%s: is too large", e->flags->file);
    }

    for (number = 1; text.len > 0; number++) {
        line = xr_str_trim(xr_str_cut(&text, '\n'));

        if (line.len > 0 && !xrw_explain_header(e, line) && number > 1) {
            return xrw_error("%s:%zu: not \"Name: value\"", e->flags->file,
                             number);
        }
    }

    return XRW_OK;
}


/* What the token says of who asks; all of it is believed. */

static const char *
xrw_explain_edgeauth(xrw_explain_t *e, xr_str_t *quality, int64_t *expires)
{
    xr_buf_t          memory;
    xr_err_t          err;
    xr_edgeauth_t     t;
    xr_constraints_t  plain, in_token;

    if (xr_edgeauth_parse(e->sent.token, &t, &err) != XR_OK) {
        return err.what;
    }

    memory = xr_buf(xrw_alloc(e->arena, t.data.len + 1), t.data.len);

    if (xr_edgeauth_constraints(&t, &memory, &plain, &in_token) != XR_OK) {
        return "its data= cannot be honoured";
    }

    e->subject = t.id;
    *quality = in_token.quality;
    *expires = t.exp;

    return NULL;
}


static xr_str_t
xrw_explain_claim(const xr_jwt_t *t, const char *name, xr_buf_t *memory)
{
    xr_str_t  value;

    return (xr_jwt_claim(t, xr_str(name), memory, &value) == XR_OK)
           ? value : xr_str_of(NULL, 0);
}


static const char *
xrw_explain_jwt(xrw_explain_t *e, xr_str_t *quality, int64_t *expires)
{
    size_t    n;
    xr_buf_t  memory;
    xr_err_t  err;
    xr_jwt_t  t;
    uint64_t  exp;
    xr_str_t  text;

    n = e->sent.token.len;

    if (xr_jwt_parse(e->sent.token,
                     xrw_alloc(e->arena, XR_JWT_MEMORY(n) + 1), &t, &err)
        != XR_OK)
    {
        return err.what;
    }

    memory = xr_buf(xrw_alloc(e->arena, 3 * n + 1), 3 * n);

    e->subject = xrw_explain_claim(&t, "sub", &memory);
    *quality = xrw_explain_claim(&t, "xr_quality", &memory);

    text = xrw_explain_claim(&t, "exp", &memory);

    if (xr_str_uint(&text, &exp) == XR_OK && exp <= INT64_MAX) {
        *expires = (int64_t) exp;
    }

    return NULL;
}


/* The part "credential": never what signs it. */

static void
xrw_explain_credential(xrw_explain_t *e)
{
    json_t      *out;
    int64_t      expires;
    xr_str_t     quality;
    const char  *kind, *wrong;

    out = json_object();
    (void) json_object_set_new(e->out, "credential", out);

    if (e->credentials == 0) {
        xrw_explain_text(out, "kind", xr_str("none"));
        return;
    }

    expires = 0;
    quality = xr_str_of(NULL, 0);
    wrong = NULL;

    if (e->sent.n == 0) {
        kind = "cloudfront";

    } else if (xr_jwt_is(e->sent.token)) {
        kind = "jwt";
        wrong = xrw_explain_jwt(e, &quality, &expires);

    } else {
        kind = "edgeauth";
        wrong = xrw_explain_edgeauth(e, &quality, &expires);
    }

    if (e->credentials > 1) {
        wrong = "there is more than one: an edge refuses that";

    } else if (e->sent.broken) {
        wrong = "it cannot be decoded";
    }

    xrw_explain_text(out, "kind", xr_str(kind));
    xrw_explain_text(out, "in", xr_str(e->place));
    (void) json_object_set_new(out, "verified", json_false());

    if (wrong != NULL) {
        xrw_explain_text(out, "wrong", xr_str(wrong));
    }

    if (e->subject.len > 0) {
        xrw_explain_text(out, "subject", e->subject);
    }

    if (expires > 0) {
        xrw_explain_uint(out, "expires", (uint64_t) expires);
    }

    if (quality.len > 0) {
        xrw_explain_text(out, "quality", quality);

        if (xr_select_ceiling(quality, &e->wish.ceiling) != XR_OK) {
            e->wish.ceiling = XRW_EXPLAIN_CEILING;
        }
    }
}


/* Whose arm it is: as a credential says, or else the client's address. */

static void
xrw_explain_subject(xrw_explain_t *e)
{
    if (e->flags->subject != NULL) {
        e->subject = xr_str(e->flags->subject);
        e->subject_by = "--subject";

    } else if (e->subject.len > 0) {
        e->subject_by = "credential";

    } else if (e->flags->ip != NULL) {
        e->subject = xr_str(e->flags->ip);
        e->subject_by = "--ip";

    } else {
        e->subject = xr_str("127.0.0.1");
        e->subject_by = "assumed, say --ip or --subject";
    }
}


/* What the query wants. */

static void
xrw_explain_arguments(xrw_explain_t *e)
{
    size_t    i;
    xr_str_t  value;

    static const xr_str_t  bounds[] = {
        XR_STR("maxq"), XR_STR("maxdim"), XR_STR("maxbytes")
    };

    for (i = 0; i < XR_COUNT(bounds); i++) {
        value = xr_variant_arg(e->sent.query, bounds[i]);

        if (value.data != NULL) {
            (void) xr_select_wish_set(&e->wish, bounds[i], value);
        }
    }

    e->in.query = xr_variant_arg(e->sent.query, xr_str("xr"));
    e->wish.variant = xr_variant_arg(e->sent.query, xr_str("variant"));
    e->part = (xr_variant_arg(e->sent.query, xr_str("part")).data != NULL);
}


/* The part "url". */

static int
xrw_explain_url(const xrw_command_t *cmd, const char *url, xrw_explain_t *e)
{
    bool      by_host;
    json_t   *out;
    xr_buf_t  b, path;
    xr_err_t  err;

    if (e->sent.raw_path.data == NULL) {
        return xrw_usage(cmd, "%.60s: not a URL, and not a path", url);
    }

    if (xr_path_check(e->sent.raw_path, &err) != XR_OK) {
        return xrw_error("an edge answers 400: path: %s", err.what);
    }

    path = xr_buf(xrw_alloc(e->arena, e->sent.raw_path.len + 1),
                  e->sent.raw_path.len);
    (void) xr_path_decode(e->sent.raw_path, &path, NULL);

    e->object = xr_buf_str(&path);
    xr_str_skip(&e->object, 1);

    by_host = (e->flags->path != NULL && strcmp(e->flags->path, "no") == 0);

    if (!by_host) {
        e->tenant = xr_str_cut(&e->object, '/');

    } else if (e->flags->tenant != NULL) {
        e->tenant = xr_str(e->flags->tenant);
    }

    out = json_object();
    (void) json_object_set_new(e->out, "url", out);

    if (e->sent.host.len > 0) {
        xrw_explain_text(out, "host", e->sent.host);
    }

    xrw_explain_text(out, "tenant", e->tenant.len > 0 ? e->tenant
                                                      : xr_str("that of host"));
    xrw_explain_text(out, "tenant_by", xr_str(by_host ? "host" : "path"));
    xrw_explain_text(out, "object", e->object);

    b = xrw_explain_write(e);
    xr_explain_choice_arguments(e->sent.query, &b);
    xrw_explain_take(out, &b);

    xrw_explain_arguments(e);

    return XRW_OK;
}


int
xrw_explain_request(const xrw_command_t *cmd, const char *url,
    xrw_explain_t *e)
{
    int          status;
    xr_str_t     rest;
    const char  *slash;

    xr_select_wish_init(&e->wish);
    xrw_signed_read(e->arena, url, e->flags->name, &e->sent);

    slash = strstr(url, "://");
    rest = xr_str(slash != NULL ? slash + 3 : url);
    rest = xr_str_of(rest.data + xr_str_find(rest, '/'),
                     rest.len - xr_str_find(rest, '/'));

    xrw_explain_carried(e, e->sent.n + (e->sent.url.n > 0),
                        xr_str_starts(rest, xr_str("/~")) ? "path" : "query");

    status = e->flags->live ? XRW_OK : xrw_explain_url(cmd, url, e);

    if (status == XRW_OK) {
        status = xrw_explain_headers(cmd, e);
    }

    if (status == XRW_OK && !e->flags->live) {
        xrw_explain_credential(e);
        xrw_explain_subject(e);
    }

    return status;
}
