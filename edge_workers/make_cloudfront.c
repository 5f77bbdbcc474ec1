/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "make.h"
#include "secret.h"
#include "xr_cloudfront.h"

#include <stdio.h>
#include <string.h>


/* What is signed, and how. */

typedef struct {
    const char  *url;                   /* or NULL: cookies alone */
    const char  *resource;
    bool         custom;
    xr_hash_t    hash;
    const char  *values[XR_CLOUDFRONT_PARAMS];
} xrw_make_signed_t;


/* Which URL: PATH behind the base, or one as it is. */

static int
xrw_make_resource(xrw_make_t *make, xrw_make_signed_t *s)
{
    const xrw_make_flags_t  *f;

    f = make->flags;

    if (make->arg != NULL && xrw_site(xr_str(make->arg)) > 0) {
        s->url = make->arg;

    } else if (make->arg != NULL && make->base != NULL) {
        s->url = xrw_format(make->arena, "%s%s", make->where.site,
                            xrw_sign_path(make->arena, xr_str(make->path)));
    }

    if (s->url == NULL && (make->form != XRW_FORM_COOKIE
                           || f->resource == NULL))
    {
        return xrw_usage(make->cmd, "for which URL? say it, or PATH and "
                         "--base");
    }

    if (s->url != NULL && strpbrk(s->url, "# ") != NULL) {
        return xrw_usage(make->cmd, "a URL has neither \" \" nor \"#\"");
    }

    s->resource = (f->resource != NULL) ? f->resource : s->url;
    s->custom = f->resource != NULL || f->ip != NULL || make->start != 0;

    return XRW_OK;
}


static int
xrw_make_how(xrw_make_t *make, xrw_make_signed_t *s)
{
    const char              *hash;
    const xrw_make_flags_t  *f;

    f = make->flags;
    hash = (f->hash != NULL) ? f->hash : "sha256";

    if (f->cookies) {
        make->form = XRW_FORM_COOKIE;
    }

    if (f->form != NULL && make->form != XRW_FORM_QUERY
        && make->form != XRW_FORM_COOKIE)
    {
        return xrw_usage(make->cmd, "--form %s: CloudFront has query and "
                         "cookie", f->form);
    }

    s->hash = (strcmp(hash, "sha1") == 0) ? XR_SHA1 : XR_SHA256;

    if (s->hash == XR_SHA1 || strcmp(hash, "sha256") == 0) {
        return (f->key_pair_id != NULL) ? XRW_OK
               : xrw_usage(make->cmd, "of which key? say --key-pair-id");
    }

    return xrw_usage(make->cmd, "--hash %s: sha1 or sha256", hash);
}


/* CloudFront wants a network, and one address is one of full length. */

static xr_str_t
xrw_make_network(xrw_make_t *make)
{
    const char  *ip;

    ip = make->flags->ip;

    if (ip == NULL) {
        return (xr_str_t) { NULL, 0 };
    }

    if (strchr(ip, '/') == NULL) {
        ip = xrw_format(make->arena, "%s/%d", ip,
                        strchr(ip, ':') == NULL ? 32 : 128);
    }

    return xr_str(ip);
}


static xr_str_t
xrw_make_policy(xrw_make_t *make, const xrw_make_signed_t *s)
{
    size_t    size;
    xr_buf_t  b;

    /* each byte of the resource may have to be escaped as \u00XX */

    size = strlen(s->resource) * 6 + 512;
    b = xr_buf(xrw_alloc(make->arena, size), size);

    xr_cloudfront_custom(xr_str(s->resource), make->exp, make->start,
                         xrw_make_network(make), &b);

    return xr_buf_str(&b);
}


static const char *
xrw_make_encode(xrw_make_t *make, xr_str_t in)
{
    char      *text;
    size_t     size;
    xr_buf_t   b;

    size = (in.len + 2) / 3 * 4;
    text = xrw_alloc(make->arena, size + 1);
    b = xr_buf(text, size);
    xr_cloudfront_encode(in, &b);

    return text;
}


static int
xrw_make_signature(xrw_make_t *make, xr_str_t policy, xrw_make_signed_t *s)
{
    size_t             len;
    xr_rc_t            rc;
    uint8_t            signature[XR_CRYPTO_SIGN_MAX_SIZE];
    xr_err_t           err;
    const char        *path, *why;
    xr_secret_t        pem;
    xr_pubkey_kind_t   kind;

    path = make->flags->key.file;

    if (path == NULL) {
        return xrw_usage(make->cmd, "no key: say --key");
    }

    if (xr_secret_read(path, &pem, &why) != XR_OK) {
        return xrw_error("%s: %s", path, why);
    }

    rc = xr_crypto_sign_kind(xr_secret_str(&pem), &kind, &err);

    if (rc == XR_OK && kind != XR_PUBKEY_RSA && kind != XR_PUBKEY_P256) {
        rc = xr_fail(&err, XR_INVALID, 0,
                     "CloudFront has RSA and P-256 keys only");
    }

    if (rc == XR_OK) {
        rc = xr_crypto_sign(xr_secret_str(&pem), s->hash, policy, signature,
                            &len, &err);
    }

    xr_secret_free(&pem);

    if (rc != XR_OK) {
        return xrw_error("%s: %s", path, err.what);
    }

    s->values[XR_CLOUDFRONT_SIGNATURE] =
        xrw_make_encode(make, xr_str_of(signature, len));

    return XRW_OK;
}


/* What is written is read again: nothing leaves that no edge would read. */

static int
xrw_make_check(xrw_make_t *make, const xrw_make_signed_t *s)
{
    void                    *memory;
    size_t                   i;
    xr_err_t                 err;
    xr_cloudfront_t          c;
    xr_cloudfront_params_t   params;

    memset(&params, 0, sizeof(params));

    for (i = 0; i < XR_CLOUDFRONT_PARAMS; i++) {

        if (s->values[i] != NULL) {
            params.values[i] = xr_str(s->values[i]);
        }
    }

    i = XR_CLOUDFRONT_MEMORY(params.values[XR_CLOUDFRONT_POLICY].len);
    memory = xrw_alloc(make->arena, i + 1);

    return (xr_cloudfront_parse(&params, memory, &c, &err) == XR_OK)
           ? XRW_OK : xrw_error("no edge would take it: %s", err.what);
}


/* Where the cookies go: the folder that no wildcard reaches into. */

static xr_str_t
xrw_make_folder(const char *resource)
{
    const char  *path;

    path = strstr(resource, "://");
    path = strchr((path != NULL) ? path + 3 : resource, '/');

    return (path == NULL) ? xr_str("/")
                          : xr_str_of(path, strcspn(path, "*?#"));
}


static void
xrw_make_out(xrw_make_t *make, const xrw_make_signed_t *s)
{
    char         separator;
    size_t       i;
    xr_str_t     folder;
    const char  *name;

    /* the order of the parameters is that of AWS's own signers */

    static const xr_cloudfront_param_t  order[] = {
        XR_CLOUDFRONT_EXPIRES, XR_CLOUDFRONT_POLICY, XR_CLOUDFRONT_SIGNATURE,
        XR_CLOUDFRONT_KEY_PAIR_ID, XR_CLOUDFRONT_HASH_ALGORITHM
    };

    folder = xrw_make_folder(s->resource);
    separator = '?';

    if (make->form != XRW_FORM_COOKIE) {
        separator = (strchr(s->url, '?') == NULL) ? '?' : '&';
        printf("%s", s->url);
    }

    for (i = 0; i < XR_COUNT(order); i++) {

        if (s->values[order[i]] == NULL) {
            continue;
        }

        name = xrw_text(make->arena, xr_cloudfront_name(order[i]));

        if (make->form == XRW_FORM_COOKIE) {
            name = xrw_format(make->arena, "CloudFront-%s", name);
            printf("%s\n", xrw_sign_cookie(make->arena, name,
                                           s->values[order[i]], folder));

        } else {
            printf("%c%s=%s", separator, name, s->values[order[i]]);
            separator = '&';
        }
    }

    if (make->form != XRW_FORM_COOKIE) {
        (void) putchar('\n');
    }
}


int
xrw_make_cloudfront(xrw_make_t *make)
{
    int                 status;
    xr_str_t            policy;
    xrw_make_signed_t   s;

    memset(&s, 0, sizeof(s));

    status = xrw_make_how(make, &s);

    if (status == XRW_OK) {
        status = xrw_make_resource(make, &s);
    }

    if (status != XRW_OK) {
        return status;
    }

    policy = xrw_make_policy(make, &s);

    if (s.custom) {
        s.values[XR_CLOUDFRONT_POLICY] = xrw_make_encode(make, policy);

    } else {
        s.values[XR_CLOUDFRONT_EXPIRES] =
            xrw_format(make->arena, "%lld", (long long) make->exp);
    }

    s.values[XR_CLOUDFRONT_KEY_PAIR_ID] = make->flags->key_pair_id;

    if (s.hash == XR_SHA256) {
        s.values[XR_CLOUDFRONT_HASH_ALGORITHM] = "SHA256";
    }

    status = xrw_make_signature(make, policy, &s);

    if (status == XRW_OK) {
        status = xrw_make_check(make, &s);
    }

    if (status == XRW_OK) {
        xrw_make_out(make, &s);
    }

    return status;
}
