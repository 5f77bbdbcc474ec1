/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "ngx_http_xr.h"


#define NGX_HTTP_XR_CREDENTIAL_MASK  '*'


static ngx_int_t ngx_http_xr_credential_signed(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_credential_headers(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_credential_header(ngx_http_request_t *r,
    ngx_http_xr_credential_t *c, ngx_str_t *value);
static ngx_int_t ngx_http_xr_credential_cookies(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, ngx_str_t *value);
static xr_str_t ngx_http_xr_credential_raw_query(ngx_http_request_t *r);
static ngx_uint_t ngx_http_xr_credential_marks(xr_str_t query);
static ngx_int_t ngx_http_xr_credential_copy_query(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_str_t query);
static ngx_int_t ngx_http_xr_credential_params(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_credential_query(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx);
static ngx_int_t ngx_http_xr_credential_param(ngx_http_request_t *r,
    ngx_http_xr_signed_t **where, xr_str_t name, xr_str_t value);
static void ngx_http_xr_credential_mask(xr_str_t value);


/*
 * In the server rewrite phase, before a rewrite can copy it: a query that
 * CloudFront signed is copied, and its signature and policy masked in the
 * request.  One parameter alone may be anybody's.
 */

ngx_int_t
ngx_http_xr_credential_url(ngx_http_request_t *r)
{
    xr_str_t            query;
    ngx_http_xr_ctx_t  *ctx;

    query = ngx_http_xr_credential_raw_query(r);

    if (xr_str_find(query, '&') == query.len
        || ngx_http_xr_credential_marks(query) < 2)
    {
        return NGX_OK;
    }

    ctx = ngx_http_xr_make_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_xr_credential_copy_query(r, ctx, query);
}


/*
 * The first step of the gate, and of each refusal before it: credentials in
 * headers are copied, and masked in the request, whatever becomes of it.
 * Only a location with "xr on" does so: "Authorization" and cookies may be
 * meant for others of the server.
 */

ngx_int_t
ngx_http_xr_credential_step(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    if (ctx->credential.read || r != r->main) {
        return NGX_OK;
    }

    ctx->credential.read = 1;

    return ngx_http_xr_credential_headers(r, ctx);
}


/* What of all that was sent is a credential to this tenant, here. */

ngx_int_t
ngx_http_xr_credential_collect(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_xr_carried_t     *carried;
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_credential_t  *c;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);
    c = &ctx->credential;

    c->n = 0;
    c->malformed = 0;
    c->signed_by = NULL;

    for (i = 0; i < NGX_HTTP_XR_CARRIERS; i++) {
        carried = &c->carried[i];

        if (carried->n == 0 || !(xlcf->token_from & NGX_HTTP_XR_IN(i))) {
            continue;
        }

        c->n += carried->n;
        c->token = carried->token;
        c->malformed = carried->malformed;
        c->kind = ngx_http_xr_credential_is_jwt(&c->token) ? XR_KIND_JWT
                                                           : XR_KIND_EDGEAUTH;
    }

    if ((ctx->tenant->kinds & XR_KIND_CLOUDFRONT)
        && ngx_http_xr_credential_signed(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* an EdgeAuth token says nothing about a query */

    return (c->n == 1 && c->kind != XR_KIND_EDGEAUTH)
           ? ngx_http_xr_credential_query(r, ctx) : NGX_OK;
}


/*
 * Which of the two a token means to be: one has fields with a "=", the other
 * parts with a "." between them.  Whether it is one is seen when it is parsed.
 */

ngx_uint_t
ngx_http_xr_credential_is_jwt(ngx_str_t *token)
{
    xr_str_t  view;

    view = ngx_http_xr_view(token);

    return xr_str_find(view, '=') == view.len
           && xr_str_find(view, '.') != view.len;
}


/* As at CloudFront a signed URL wins over cookies, which may linger. */

static ngx_int_t
ngx_http_xr_credential_signed(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_http_xr_loc_conf_t    *xlcf;
    ngx_http_xr_credential_t  *c;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_http_xr_module);
    c = &ctx->credential;

    if (!c->url_read && r == r->main) {
        c->url_read = 1;

        if (ngx_http_xr_credential_params(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (c->url != NULL
        && c->url->n != 0
        && (xlcf->token_from & NGX_HTTP_XR_IN_QUERY))
    {
        c->signed_by = &c->url->params;
        c->n += 1 + c->url->repeated;

    } else if (c->cookies != NULL
               && c->cookies->n != 0
               && (xlcf->token_from & NGX_HTTP_XR_IN_COOKIE))
    {
        c->signed_by = &c->cookies->params;
        c->n += 1 + c->cookies->repeated;
    }

    if (c->signed_by != NULL) {
        c->kind = XR_KIND_CLOUDFRONT;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_xr_credential_headers(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    ngx_uint_t        i, cookies;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  authorization = ngx_string("authorization");
    static ngx_str_t  cookie = ngx_string("cookie");

#if (nginx_version >= 1023000)
    cookies = (r->headers_in.cookie != NULL);
#else
    cookies = (r->headers_in.cookies.nelts != 0);
#endif

    if (r->headers_in.authorization == NULL && !cookies) {
        return NGX_OK;
    }

    /* all lines of these names, as NGINX knows of the first one only */

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == authorization.len
                && ngx_memcmp(h[i].lowcase_key, authorization.data,
                              authorization.len)
                   == 0)
            {
                if (ngx_http_xr_credential_header(r, &ctx->credential,
                                                  &h[i].value)
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }

            } else if (h[i].key.len == cookie.len
                       && ngx_memcmp(h[i].lowcase_key, cookie.data,
                                     cookie.len)
                          == 0)
            {
                if (ngx_http_xr_credential_cookies(r, ctx, &h[i].value)
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }
            }
        }
    }

    return NGX_OK;
}


/* "Bearer" and a token, RFC 6750 section 2.1; other schemes are not ours. */

static ngx_int_t
ngx_http_xr_credential_header(ngx_http_request_t *r,
    ngx_http_xr_credential_t *c, ngx_str_t *value)
{
    ngx_str_t               token;
    ngx_http_xr_carried_t  *carried;

    static const xr_str_t  bearer = XR_STR("Bearer ");

    if (value->len < bearer.len
        || !xr_str_eq_nocase(xr_str_of(value->data, bearer.len), bearer))
    {
        return NGX_OK;
    }

    token = ngx_http_xr_ngx(xr_str_trim(xr_str_of(value->data + bearer.len,
                                                  value->len - bearer.len)));

    carried = &c->carried[NGX_HTTP_XR_HEADER];

    if (carried->n++ == 0) {
        carried->token.len = token.len;
        carried->token.data = ngx_pstrdup(r->pool, &token);

        if (carried->token.data == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_http_xr_credential_mask(ngx_http_xr_view(&token));

    return NGX_OK;
}


/* "name=value; name=value", RFC 6265 section 4.2.1. */

static ngx_int_t
ngx_http_xr_credential_cookies(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx,
    ngx_str_t *value)
{
    xr_str_t                 rest, part, name;
    ngx_str_t                token;
    ngx_http_xr_carried_t   *carried;
    ngx_http_xr_srv_conf_t  *xscf;

    static const xr_str_t  prefix = XR_STR("CloudFront-");

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);
    rest = ngx_http_xr_view(value);

    while (rest.len > 0) {

        part = xr_str_trim(xr_str_cut(&rest, ';'));
        name = xr_str_cut(&part, '=');

        if (xr_str_eq(name, ngx_http_xr_view(&xscf->token_name))) {

            carried = &ctx->credential.carried[NGX_HTTP_XR_COOKIE];
            token = ngx_http_xr_ngx(part);

            if (carried->n++ == 0
                && ngx_http_xr_credential_decode(r, carried, &token)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }

            ngx_http_xr_credential_mask(part);

        } else if (name.len > prefix.len
                   && xr_str_eq_nocase(xr_str_of(name.data, prefix.len),
                                       prefix))
        {
            name = xr_str_of(name.data + prefix.len, name.len - prefix.len);

            if (ngx_http_xr_credential_param(r, &ctx->credential.cookies,
                                             name, part)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            ngx_http_xr_credential_mask(part);
        }
    }

    return NGX_OK;
}


/* What is behind the first "?" of the target. */

static xr_str_t
ngx_http_xr_credential_raw_query(ngx_http_request_t *r)
{
    xr_str_t  query;

    query = ngx_http_xr_view(&r->unparsed_uri);
    (void) xr_str_cut(&query, '?');

    return query;
}


/* How many of a query's parameters are what CloudFront's signers add. */

static ngx_uint_t
ngx_http_xr_credential_marks(xr_str_t query)
{
    bool                    exact;
    xr_str_t                part;
    ngx_uint_t              n;
    xr_cloudfront_param_t   param;

    n = 0;

    while (query.len > 0) {
        part = xr_str_cut(&query, '&');
        param = xr_cloudfront_param(xr_str_cut(&part, '='), &exact);

        if (param == XR_CLOUDFRONT_SIGNATURE || param == XR_CLOUDFRONT_POLICY
            || param == XR_CLOUDFRONT_KEY_PAIR_ID)
        {
            n++;
        }
    }

    return n;
}


/* Time and id of a key may be seen, and tell whose request it was. */

static ngx_int_t
ngx_http_xr_credential_copy_query(ngx_http_request_t *r,
    ngx_http_xr_ctx_t *ctx, xr_str_t query)
{
    bool                    exact;
    u_char                 *p;
    xr_str_t                value;
    ngx_str_t               mask;
    xr_cloudfront_param_t   param;

    p = ngx_pnalloc(r->pool, query.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, query.data, query.len);
    ctx->credential.raw_query = xr_str_of(p, query.len);

    while (query.len > 0) {
        value = xr_str_cut(&query, '&');
        param = xr_cloudfront_param(xr_str_cut(&value, '='), &exact);

        if ((param == XR_CLOUDFRONT_SIGNATURE || param == XR_CLOUDFRONT_POLICY)
            && value.len != 0)
        {
            mask = ngx_http_xr_ngx(value);
            ngx_http_xr_token_mask(r, &mask);
        }
    }

    return NGX_OK;
}


/* CloudFront's parameters in the query, of a tenant that has keys for them. */

static ngx_int_t
ngx_http_xr_credential_params(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    xr_str_t                   rest, name, value;
    ngx_http_xr_credential_t  *c;

    c = &ctx->credential;
    rest = ngx_http_xr_credential_raw_query(r);

    if (c->raw_query.len == 0
        && ngx_http_xr_credential_marks(rest) != 0
        && ngx_http_xr_credential_copy_query(r, ctx, rest) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rest = c->raw_query;

    while (rest.len > 0) {
        value = xr_str_cut(&rest, '&');
        name = xr_str_cut(&value, '=');

        if (ngx_http_xr_credential_param(r, &c->url, name, value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * The application's own query, which signatures cover: what was sent, without
 * a token and without what is reserved for a tenant that has CloudFront keys.
 */

static ngx_int_t
ngx_http_xr_credential_query(ngx_http_request_t *r, ngx_http_xr_ctx_t *ctx)
{
    bool                       exact;
    u_char                    *p;
    xr_str_t                   raw, rest, part, name;
    ngx_http_xr_srv_conf_t    *xscf;
    ngx_http_xr_credential_t  *c;

    xscf = ngx_http_get_module_srv_conf(r, ngx_http_xr_module);
    c = &ctx->credential;

    raw = (c->raw_query.len != 0) ? c->raw_query
                                  : ngx_http_xr_credential_raw_query(r);
    c->query = xr_str_of(NULL, 0);
    p = NULL;

    for (rest = raw; rest.len > 0; ) {

        part = xr_str_cut(&rest, '&');
        name = part;
        name.len = xr_str_find(part, '=');

        if (xr_str_eq_nocase(name, ngx_http_xr_view(&xscf->token_name))
            || ((ctx->tenant->kinds & XR_KIND_CLOUDFRONT)
                && xr_cloudfront_param(name, &exact) != XR_CLOUDFRONT_PARAMS))
        {
            continue;
        }

        if (p == NULL) {
            p = ngx_pnalloc(r->pool, raw.len);
            if (p == NULL) {
                return NGX_ERROR;
            }

            c->query.data = p;

        } else {
            *p++ = '&';
        }

        p = ngx_cpymem(p, part.data, part.len);
        c->query.len = p - c->query.data;
    }

    return NGX_OK;
}


/*
 * A parameter of either; one that stands twice, or in another case, is not
 * chosen from.  "Expires" alone signs nothing and may be anybody's.
 */

static ngx_int_t
ngx_http_xr_credential_param(ngx_http_request_t *r,
    ngx_http_xr_signed_t **where, xr_str_t name, xr_str_t value)
{
    bool                    exact;
    ngx_str_t               encoded;
    ngx_http_xr_signed_t   *s;
    xr_cloudfront_param_t   param;
    ngx_http_xr_carried_t   decoded;

    param = xr_cloudfront_param(name, &exact);

    if (param == XR_CLOUDFRONT_PARAMS) {
        return NGX_OK;
    }

    if (*where == NULL) {
        *where = ngx_pcalloc(r->pool, sizeof(ngx_http_xr_signed_t));
        if (*where == NULL) {
            return NGX_ERROR;
        }
    }

    s = *where;

    if (param != XR_CLOUDFRONT_EXPIRES
        && param != XR_CLOUDFRONT_HASH_ALGORITHM)
    {
        s->n++;
    }

    if (!exact || s->params.values[param].data != NULL) {
        s->repeated = 1;
        return NGX_OK;
    }

    ngx_memzero(&decoded, sizeof(ngx_http_xr_carried_t));
    encoded = ngx_http_xr_ngx(value);

    if (ngx_http_xr_credential_decode(r, &decoded, &encoded) != NGX_OK) {
        return NGX_ERROR;
    }

    /* what cannot be decoded is as empty, which no parameter may be */

    s->params.values[param] = xr_str_of(decoded.token.data,
                                        decoded.malformed ? 0
                                                          : decoded.token.len);

    return NGX_OK;
}


/*
 * Copies a value.  URL libraries escape a whole token, "=" included; a token
 * as signers write it has a "=" of its own, or nothing to escape.  So a value
 * without one is decoded once, and a value with one is not.
 */

ngx_int_t
ngx_http_xr_credential_decode(ngx_http_request_t *r,
    ngx_http_xr_carried_t *carried, ngx_str_t *value)
{
    u_char    *p;
    xr_buf_t   b;
    xr_str_t   view;

    p = ngx_pnalloc(r->pool, value->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    view = ngx_http_xr_view(value);
    carried->token.data = p;

    if (xr_str_find(view, '=') != view.len) {
        ngx_memcpy(p, value->data, value->len);
        carried->token.len = value->len;

        return NGX_OK;
    }

    b = xr_buf(p, value->len);

    if (xr_path_decode(view, &b, NULL) != XR_OK) {
        carried->malformed = 1;
        return NGX_OK;
    }

    carried->token.len = b.len;

    return NGX_OK;
}


/* Header values are the request's own memory. */

static void
ngx_http_xr_credential_mask(xr_str_t value)
{
    ngx_memset((u_char *) value.data, NGX_HTTP_XR_CREDENTIAL_MASK, value.len);
}
