/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "make.h"
#include "secret.h"

#include <string.h>


static const xr_alg_t  xrw_make_algs[] = {
    [XR_PUBKEY_RSA] = XR_ALG_RS256,
    [XR_PUBKEY_P256] = XR_ALG_ES256,
    [XR_PUBKEY_P384] = XR_ALG_ES384,
    [XR_PUBKEY_P521] = XR_ALG_ES512,
    [XR_PUBKEY_ED25519] = XR_ALG_EDDSA
};


/* A key without an algorithm takes the one that was asked for, or "alg". */

static int
xrw_make_key_alg(const xrw_make_t *make, xr_alg_t alg, bool fits,
    xrw_make_key_t *out)
{
    if (out->alg == XR_ALG_NOT_SET) {
        out->alg = alg;

    } else if (!fits) {
        return xrw_error("--alg %s does not go with the key",
                         make->flags->alg);
    }

    if (!xr_alg_supported(out->alg)) {
        return xrw_error("the libjwt of this machine does not know %s",
                         xrw_text(make->arena, xr_alg_name(out->alg)));
    }

    return XRW_OK;
}


static int
xrw_make_key_pem(xrw_make_t *make, xrw_make_key_t *out)
{
    bool              fits;
    xr_alg_t          alg;
    xr_err_t          err;
    xr_pubkey_kind_t  kind;

    if (xr_crypto_sign_kind(out->material, &kind, &err) != XR_OK) {
        return xrw_error("%s: %s", make->flags->key.file, err.what);
    }

    alg = xrw_make_algs[kind];

    fits = out->alg == alg
           || (kind == XR_PUBKEY_RSA
               && (xr_alg_signature(out->alg) == XR_SIGNATURE_RSA_PKCS1
                   || xr_alg_signature(out->alg) == XR_SIGNATURE_RSA_PSS));

    return xrw_make_key_alg(make, alg, fits, out);
}


/* RFC 7518, section 3.2: a secret is at least as long as its digest. */

static int
xrw_make_key_secret(xrw_make_t *make, xr_str_t secret, xrw_make_key_t *out)
{
    int     status;
    size_t  size;

    status = xrw_make_key_alg(make, XR_ALG_HS256, xr_alg_symmetric(out->alg),
                              out);

    if (status != XRW_OK) {
        return status;
    }

    size = xr_hash_size(xr_alg_hash(out->alg));

    if (secret.len < size || secret.len > XR_KEY_MAX_SIZE) {
        return xrw_error("the secret has %zu bytes: %s takes %zu to %d",
                         secret.len,
                         xrw_text(make->arena, xr_alg_name(out->alg)), size,
                         XR_KEY_MAX_SIZE);
    }

    out->material = secret;

    return XRW_OK;
}


static int
xrw_make_key_hex(xrw_make_t *make, const char *what, xr_str_t hex,
    xrw_make_key_t *out)
{
    uint8_t  *secret;

    hex = xr_str_trim(hex);
    secret = xrw_alloc(make->arena, hex.len / 2 + 1);

    if (hex.len == 0
        || xr_hex_decode(hex, secret, hex.len / 2) != XR_OK)
    {
        return xrw_error("%s: neither a private key in PEM, a JWK set nor a "
                         "secret in hexadecimal", what);
    }

    return xrw_make_key_secret(make, xr_str_of(secret, hex.len / 2), out);
}


/* "wanted" is NULL: any string. */

static bool
xrw_make_key_is(const xr_json_t *jwk, const char *member, const char *wanted)
{
    xr_json_t  value;

    return xr_json_get(jwk, xr_str(member), &value) == XR_OK
           && value.type == XR_JSON_STRING
           && (wanted == NULL || xr_json_is(&value, xr_str(wanted)));
}


static bool
xrw_make_key_wanted(const xrw_make_flags_t *f, const xr_json_t *jwk)
{
    return xrw_make_key_is(jwk, "kty", "oct")
           && xrw_make_key_is(jwk, "k", NULL)
           && xrw_make_key_is(jwk, "alg", f->alg)
           && (f->kid == NULL || xrw_make_key_is(jwk, "kid", f->kid));
}


/* The text of a member, or an empty one. */

static xr_str_t
xrw_make_key_text(xrw_make_t *make, const xr_json_t *jwk, const char *member)
{
    xr_buf_t   b;
    xr_str_t   text;
    xr_json_t  value;

    if (xr_json_get(jwk, xr_str(member), &value) != XR_OK) {
        return xr_str("");
    }

    b = xr_buf(xrw_alloc(make->arena, value.raw.len + 1), value.raw.len);

    return (xr_json_text(&value, &b, &text) == XR_OK) ? text : xr_str("");
}


static int
xrw_make_key_jwk(xrw_make_t *make, const xr_json_t *jwk, xrw_make_key_t *out)
{
    size_t     len;
    uint8_t   *secret;
    xr_str_t   k, kid;

    k = xrw_make_key_text(make, jwk, "k");
    kid = xrw_make_key_text(make, jwk, "kid");

    out->alg = xr_alg_of(xrw_make_key_text(make, jwk, "alg"));
    secret = xrw_alloc(make->arena, XR_BASE64_DECODED(k.len) + 1);

    if (out->alg == XR_ALG_NOT_SET
        || xr_base64url_decode(k, secret, XR_BASE64_DECODED(k.len), &len)
           != XR_OK)
    {
        return xrw_error("%s: its key of type oct is malformed",
                         make->flags->key.file);
    }

    if (kid.len > 0) {
        out->kid = xrw_text(make->arena, kid);
    }

    return xrw_make_key_secret(make, xr_str_of(secret, len), out);
}


/* The first symmetric key of a set that is what --alg and --kid say. */

static int
xrw_make_key_jwks(xrw_make_t *make, xrw_make_key_t *out)
{
    xr_err_t         err;
    xr_json_t        root, keys, jwk;
    const char      *path;
    xr_json_iter_t   it;

    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    path = make->flags->key.file;

    if (xr_json_check(out->material, &limits, &root, &err) != XR_OK) {
        return xrw_error("%s:%zu: %s", path,
                         xr_str_line(out->material, err.pos), err.what);
    }

    if (xr_json_get(&root, xr_str("keys"), &keys) == XR_OK) {
        it = xr_json_iter(&keys);

        while (xr_json_next(&it, NULL, &jwk)) {

            if (xrw_make_key_wanted(make->flags, &jwk)) {
                return xrw_make_key_jwk(make, &jwk, out);
            }
        }
    }

    return xrw_error("%s: it has no such key of type oct", path);
}


static int
xrw_make_key_file(xrw_make_t *make, const char *path, xrw_make_key_t *out)
{
    const char   *why;
    xr_secret_t   text;

    if (xr_secret_read(path, &text, &why) != XR_OK) {
        return xrw_error("%s: %s", path, why);
    }

    out->material = xr_str_of(xrw_text(make->arena, xr_secret_str(&text)),
                              text.len);
    xr_secret_free(&text);

    if (xr_str_starts(xr_str_trim(out->material), xr_str("{"))) {
        return xrw_make_key_jwks(make, out);
    }

    if (memmem(out->material.data, out->material.len, "-----BEGIN", 10)
        != NULL)
    {
        return xrw_make_key_pem(make, out);
    }

    return xrw_make_key_hex(make, path, out->material, out);
}


int
xrw_make_jwt_key(xrw_make_t *make, xrw_make_key_t *out)
{
    const xrw_make_flags_t  *f;

    f = make->flags;
    *out = (xrw_make_key_t) { XR_ALG_NOT_SET, f->kid, { NULL, 0 } };

    if (f->alg != NULL) {
        out->alg = xr_alg_of(xr_str(f->alg));

        if (out->alg == XR_ALG_NOT_SET) {
            return xrw_usage(make->cmd, "--alg %s: not an algorithm such as "
                             "RS256", f->alg);
        }
    }

    if (f->key.hex != NULL) {
        return xrw_make_key_hex(make, "--key-hex", xr_str(f->key.hex), out);
    }

    if (f->key.file != NULL) {
        return xrw_make_key_file(make, f->key.file, out);
    }

    return xrw_usage(make->cmd, "no key: say --key or --key-hex");
}
