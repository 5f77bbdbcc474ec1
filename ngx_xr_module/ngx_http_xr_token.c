/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"
#include "ngx_http_xr_explain.h"


#define NGX_HTTP_XR_TOKEN_MASK  '*'

/* No token in base64url is as short: its MAC alone takes 86 characters. */

#define NGX_HTTP_XR_TOKEN_MIN   64


static ngx_int_t ngx_http_xr_token_path(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_token_query(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_uint_t ngx_http_xr_token_is_named(xr_str_t part, ngx_str_t *name);
static size_t ngx_http_xr_token_end(xr_str_t part, size_t start);
static ngx_int_t ngx_http_xr_token_decode(ngx_http_request_t *r,
    ngx_http_xr_carried_t *carried, ngx_str_t *value);
static void ngx_http_xr_token_mask_fragment(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_token_drop_headers(ngx_http_request_t *r);
static ngx_int_t ngx_http_xr_token_class(ngx_http_request_t *r,
    const ngx_table_elt_t *h);


/*
 * Runs in the server rewrite phase, before a location is chosen: takes the
 * token off the request, so that neither location, cache key, origin nor log
 * ever sees it.
 */

ngx_int_t
ngx_http_xr_token_handler(ngx_http_request_t *r)
{
    ngx_http_xr_srv_conf_t  *xscf;

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);

    if (!xscf->enable || r != r->main || r->internal) {
        return NGX_DECLINED;
    }

    if (ngx_http_xr_token_drop_headers(r) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_xr_token_mask_fragment(r);

    if (r->args.len != 0
        && (ngx_http_xr_token_query(r, &xscf->token_name) != NGX_OK
            || ngx_http_xr_credential_url(r) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_http_xr_token_path(r);
}


/*
 * "/~<base64url(token)>/path": the segment is removed from the URI.  What is
 * too short for a token is a name that happens to start with "~".
 */

static ngx_int_t
ngx_http_xr_token_path(ngx_http_request_t *r)
{
    size_t                  skip, decoded;
    xr_str_t                target, segment;
    ngx_str_t               value;
    ngx_http_xr_ctx_t      *ctx;
    ngx_http_xr_carried_t  *carried;

    static const xr_str_t  tilde = XR_STR("/~");
    static const xr_str_t  upper = XR_STR("/%7E");
    static const xr_str_t  lower = XR_STR("/%7e");

    target = ngx_http_xr_view(&r->unparsed_uri);
    target.len = xr_str_find(target, '?');

    if (xr_str_starts(target, tilde)) {
        skip = tilde.len;

    } else if (xr_str_starts(target, upper) || xr_str_starts(target, lower)) {
        skip = upper.len;               /* as some libraries write "~" */

    } else {
        return NGX_DECLINED;
    }

    segment = xr_str_of(target.data + skip, target.len - skip);
    segment.len = xr_str_find(segment, '/');

    if (segment.len < NGX_HTTP_XR_TOKEN_MIN) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_xr_make_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    value = ngx_http_xr_ngx(segment);
    decoded = tilde.len + segment.len;

    if (skip + segment.len == target.len
        || r->uri.len <= decoded
        || ngx_memcmp(r->uri.data, tilde.data, tilde.len) != 0
        || ngx_memcmp(r->uri.data + tilde.len, segment.data, segment.len) != 0
        || r->uri.data[decoded] != '/')
    {
        /* nothing follows, or NGINX reads it otherwise: not to be served */

        ngx_http_xr_token_mask(r, &value);

        return ngx_http_xr_deny(r, ctx, XR_DENY_PATH, NGX_HTTP_BAD_REQUEST);
    }

    carried = &ctx->credential.carried[NGX_HTTP_XR_PATH];

    if (ngx_http_xr_token_decode(r, carried, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    carried->n = 1;

    ctx->target.data += skip + segment.len;
    ctx->target.len -= skip + segment.len;

    ngx_http_xr_token_mask(r, &value);

    r->uri.data += decoded;
    r->uri.len -= decoded;
    r->valid_unparsed_uri = 0;              /* proxy_pass sends r->uri */

    ngx_http_set_exten(r);

    return NGX_DECLINED;
}


/*
 * Every parameter of the token's name counts, in any case, so that a second
 * one is noticed.  Some viewers append "?v=..." to whatever URL they have: a
 * "?" begins a parameter too, and ends a token that it follows.
 */

static ngx_int_t
ngx_http_xr_token_query(ngx_http_request_t *r, ngx_str_t *name)
{
    size_t                  skip;
    xr_str_t                rest, part;
    ngx_str_t               value;
    ngx_http_xr_ctx_t      *ctx;
    ngx_http_xr_carried_t  *carried;

    rest = ngx_http_xr_view(&r->args);

    while (rest.len > 0) {

        part = xr_str_of(rest.data, xr_str_find(rest, '&'));

        if (!ngx_http_xr_token_is_named(part, name)) {
            (void) xr_str_cut(&rest, xr_str_find(part, '?') < part.len ? '?'
                                                                       : '&');
            continue;
        }

        part.len = ngx_http_xr_token_end(part, name->len + 1);

        skip = ngx_min(part.len + 1, rest.len);
        rest = xr_str_of(rest.data + skip, rest.len - skip);

        value.data = (u_char *) part.data + name->len + 1;
        value.len = part.len - name->len - 1;

        ctx = ngx_http_xr_make_ctx(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        carried = &ctx->credential.carried[NGX_HTTP_XR_QUERY];

        if (carried->n++ == 0
            && ngx_http_xr_credential_decode(r, carried, &value) != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_http_xr_token_mask(r, &value);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_xr_token_is_named(xr_str_t part, ngx_str_t *name)
{
    return part.len > name->len
           && part.data[name->len] == '='
           && xr_str_eq_nocase(xr_str_of(part.data, name->len),
                               ngx_http_xr_view(name));
}


/*
 * Where the token that starts at "start" ends: at a "?" after its MAC, which
 * is its last field.  One before that is a wildcard of its paths; a token
 * that was escaped as a whole has no "=" and no "?" of its own.
 */

static size_t
ngx_http_xr_token_end(xr_str_t part, size_t start)
{
    size_t    n;
    u_char   *p;
    xr_str_t  value;

    static u_char  mac[] = "~hmac=";

    value = xr_str_of(part.data + start, part.len - start);
    n = xr_str_find(value, '?');

    if (n == value.len || n < xr_str_find(value, '=')) {
        return start + n;
    }

    p = ngx_strnstr((u_char *) value.data, (char *) mac, value.len);

    if (p == NULL) {
        return part.len;
    }

    n = p - value.data;

    return start + n + xr_str_find(xr_str_of(p, value.len - n), '?');
}


/* A JWT is base64url already, and may stand in the path as it is. */

static ngx_int_t
ngx_http_xr_token_decode(ngx_http_request_t *r,
    ngx_http_xr_carried_t *carried, ngx_str_t *value)
{
    size_t   size;
    u_char  *p;

    if (ngx_http_xr_credential_is_jwt(value)) {
        return ngx_http_xr_credential_decode(r, carried, value);
    }

    size = XR_BASE64_DECODED(value->len);

    p = ngx_pnalloc(r->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    carried->token.data = p;

    if (xr_base64url_decode(ngx_http_xr_view(value), p, size,
                            &carried->token.len)
        != XR_OK)
    {
        carried->malformed = 1;
    }

    return NGX_OK;
}


/*
 * Overwrites a token wherever the request line is kept, as $request,
 * $request_uri, $args and each line of the error log show it.  HTTP/2 and
 * HTTP/3 make the request line anew, with the same target after the method.
 * The URI holds a copy of its own if NGINX had to decode it.
 */

void
ngx_http_xr_token_mask(ngx_http_request_t *r, ngx_str_t *value)
{
    u_char  *line, *last, *target;

    target = r->unparsed_uri.data;
    line = r->request_line.data;
    last = line + r->request_line.len;

    if (target < line || target >= last) {
        line += r->method_name.len + 1 + (value->data - target);

        if (last - line >= (ssize_t) value->len
            && ngx_memcmp(line, value->data, value->len) == 0)
        {
            ngx_memset(line, NGX_HTTP_XR_TOKEN_MASK, value->len);
        }
    }

    line = r->uri.data + 2;

    if (r->uri.len >= value->len + 2
        && ngx_memcmp(line, value->data, value->len) == 0)
    {
        ngx_memset(line, NGX_HTTP_XR_TOKEN_MASK, value->len);
    }

    ngx_memset(value->data, NGX_HTTP_XR_TOKEN_MASK, value->len);
}


/* No client sends one, so nothing looks for a token there: it is masked. */

static void
ngx_http_xr_token_mask_fragment(ngx_http_request_t *r)
{
    size_t     n;
    ngx_str_t  fragment;

    n = xr_str_find(ngx_http_xr_view(&r->unparsed_uri), '#');

    if (n != r->unparsed_uri.len) {
        fragment.data = r->unparsed_uri.data + n + 1;
        fragment.len = r->unparsed_uri.len - n - 1;

        if (fragment.len != 0) {
            ngx_http_xr_token_mask(r, &fragment);
        }
    }
}


/*
 * The URI for logs.  Requests that NGINX refuses before the server rewrite
 * phase still have their token in it, and in $request.
 */

xr_str_t
ngx_http_xr_token_uri(ngx_http_request_t *r)
{
    xr_str_t  uri, rest, segment;

    uri = ngx_http_xr_view(&r->uri);
    rest = uri;

    if (uri.len < 2 || uri.data[0] != '/' || uri.data[1] != '~') {
        return uri;
    }

    (void) xr_str_cut(&rest, '/');
    segment = xr_str_cut(&rest, '/');

    if (segment.len < NGX_HTTP_XR_TOKEN_MIN) {
        return uri;
    }

    if (segment.len + 1 == uri.len) {
        return xr_str_of(uri.data, 1);          /* nothing but a token */
    }

    return xr_str_of(rest.data - 1, rest.len + 1);
}


/*
 * X-XR-* request headers are ours alone: from outside they lose their value
 * and are not seen by variables, in every spelling of "-" and "_".
 */

static ngx_int_t
ngx_http_xr_token_drop_headers(ngx_http_request_t *r)
{
    ngx_str_t         explain;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    explain.len = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len > 4
                && h[i].lowcase_key[0] == 'x'
                && (h[i].lowcase_key[1] == '-' || h[i].lowcase_key[1] == '_')
                && h[i].lowcase_key[2] == 'x'
                && h[i].lowcase_key[3] == 'r'
                && (h[i].lowcase_key[4] == '-' || h[i].lowcase_key[4] == '_'))
            {
                if (ngx_http_xr_token_class(r, &h[i]) != NGX_OK) {
                    return NGX_ERROR;
                }

                if (explain.len == 0 && ngx_http_xr_explain_is(&h[i])) {
                    explain = h[i].value;
                }

                h[i].hash = 0;
                h[i].value.len = 0;
            }
        }
    }

    return (explain.len == 0) ? NGX_OK
                              : ngx_http_xr_explain_begin(r, &explain);
}


/*
 * A tier of ours sends X-XR-Class.  Whether this is one is not known yet, so
 * that the value is kept for the device record, where nothing else sees it.
 */

static ngx_int_t
ngx_http_xr_token_class(ngx_http_request_t *r, const ngx_table_elt_t *h)
{
    ngx_http_xr_ctx_t        *ctx;
    ngx_http_xr_main_conf_t  *xmcf;

    static ngx_str_t  name = ngx_string("x-xr-class");

    xmcf = ngx_http_get_module_main_conf(r, ngx_http_xr_module);

    if (xmcf->proof_header.len == 0
        || h->key.len != name.len
        || ngx_memcmp(h->lowcase_key, name.data, name.len) != 0)
    {
        return NGX_OK;
    }

    ctx = ngx_http_xr_make_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->said_class.len == 0) {
        ctx->said_class = h->value;
    }

    return NGX_OK;
}


char *
ngx_http_xr_token_name(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_xr_srv_conf_t *xscf = conf;

    u_char      c;
    ngx_str_t  *value;
    ngx_uint_t  i;

    if (xscf->token_name.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        c = value[1].data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '_' || c == '-'))
        {
            break;
        }
    }

    if (i == 0 || i != value[1].len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid token name \"%V\": it is one or more of "
                           "A-Z a-z 0-9 - _", &value[1]);
        return NGX_CONF_ERROR;
    }

    xscf->token_name = value[1];

    return NGX_CONF_OK;
}
