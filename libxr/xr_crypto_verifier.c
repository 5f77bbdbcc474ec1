/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_crypto.h"
#include "xr_buf.h"
#include "xr_der.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>


#define XR_VERIFIER_MAX_NUMBER  66      /* bytes of r and of s: P-521 */

/* a sequence of two integers, each with a zero in front at most */

#define XR_VERIFIER_MAX_DER  (3 + 2 * (2 + 1 + XR_VERIFIER_MAX_NUMBER))


struct xr_verifier_s {
    xr_signature_t  scheme;
    xr_hash_t       hash;
    size_t          size;               /* RSA, EdDSA: of a signature; ECDSA:
                                           of r and of s */
    EVP_PKEY       *key;
    EVP_PKEY_CTX   *ctx;                /* ready for digests; EdDSA: NULL */
    EVP_MD_CTX     *md;                 /* EdDSA only */
};


static const EVP_MD *
xr_verifier_md(xr_hash_t hash)
{
    switch (hash) {

    case XR_SHA1:
        return EVP_sha1();

    case XR_SHA256:
        return EVP_sha256();

    case XR_SHA384:
        return EVP_sha384();

    case XR_SHA512:
        return EVP_sha512();

    default:
        return NULL;
    }
}


/* SHA-1 is CloudFront's, which knows neither PSS nor r and s side by side. */

static bool
xr_verifier_goes_with(const xr_pubkey_t *key, xr_signature_t scheme,
    xr_hash_t hash)
{
    bool  ecdsa;

    ecdsa = key->kind == XR_PUBKEY_P256 || key->kind == XR_PUBKEY_P384
            || key->kind == XR_PUBKEY_P521;

    if (scheme == XR_SIGNATURE_EDDSA) {
        return key->kind == XR_PUBKEY_ED25519 && hash == 0;
    }

    if (xr_hash_size(hash) == 0) {
        return false;
    }

    switch (scheme) {

    case XR_SIGNATURE_RSA_PKCS1:
        return key->kind == XR_PUBKEY_RSA;

    case XR_SIGNATURE_RSA_PSS:
        return key->kind == XR_PUBKEY_RSA && hash != XR_SHA1;

    case XR_SIGNATURE_ECDSA_RAW:
        return ecdsa && hash != XR_SHA1;

    case XR_SIGNATURE_ECDSA_DER:
        return ecdsa;

    default:
        return false;
    }
}


static EVP_PKEY *
xr_verifier_make(const char *type, OSSL_PARAM params[])
{
    EVP_PKEY      *key;
    EVP_PKEY_CTX  *ctx;

    key = NULL;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (ctx != NULL
        && EVP_PKEY_fromdata_init(ctx) == 1
        && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        key = NULL;
    }

    EVP_PKEY_CTX_free(ctx);

    return key;
}


/* OSSL_PARAM has integers as the machine has them. */

static bool
xr_verifier_native(xr_str_t in, uint8_t *out)
{
    bool     ok;
    BIGNUM  *n;

    n = BN_bin2bn(in.data, (int) in.len, NULL);
    ok = n != NULL && BN_bn2nativepad(n, out, (int) in.len) == (int) in.len;
    BN_free(n);

    return ok;
}


static EVP_PKEY *
xr_verifier_rsa(const xr_pubkey_t *key)
{
    uint8_t     n[XR_PUBKEY_MAX_SIZE], e[XR_PUBKEY_MAX_SIZE];
    OSSL_PARAM  params[3];

    if (key->n.len > sizeof(n) || key->e.len > sizeof(e)
        || !xr_verifier_native(key->n, n) || !xr_verifier_native(key->e, e))
    {
        return NULL;
    }

    params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, key->n.len);
    params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e, key->e.len);
    params[2] = OSSL_PARAM_construct_end();

    return xr_verifier_make("RSA", params);
}


static EVP_PKEY *
xr_verifier_ec(const xr_pubkey_t *key)
{
    uint8_t      point[1 + 2 * XR_VERIFIER_MAX_NUMBER];
    const char  *curve;
    OSSL_PARAM   params[3];

    curve = (key->kind == XR_PUBKEY_P256) ? "P-256"
            : (key->kind == XR_PUBKEY_P384) ? "P-384" : "P-521";

    if (key->n.len > sizeof(point) - 1) {
        return NULL;
    }

    point[0] = 0x04;                    /* not compressed: X, then Y */
    memcpy(point + 1, key->n.data, key->n.len);

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 (char *) (uintptr_t) curve, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  point, key->n.len + 1);
    params[2] = OSSL_PARAM_construct_end();

    return xr_verifier_make("EC", params);
}


static bool
xr_verifier_key(xr_verifier_t *v, const xr_pubkey_t *key)
{
    switch (key->kind) {

    case XR_PUBKEY_RSA:
        v->key = xr_verifier_rsa(key);
        v->size = key->n.len;
        break;

    case XR_PUBKEY_ED25519:
        v->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                             key->n.data, key->n.len);
        v->size = 2 * key->n.len;
        break;

    default:
        v->key = xr_verifier_ec(key);
        v->size = key->n.len / 2;
        break;
    }

    return v->key != NULL;
}


static bool
xr_verifier_set_up(xr_verifier_t *v)
{
    const EVP_MD  *md;

    if (v->scheme == XR_SIGNATURE_EDDSA) {
        v->md = EVP_MD_CTX_new();
        return v->md != NULL;
    }

    md = xr_verifier_md(v->hash);
    v->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, v->key, NULL);

    if (v->ctx == NULL
        || EVP_PKEY_verify_init(v->ctx) != 1
        || EVP_PKEY_CTX_set_signature_md(v->ctx, md) != 1)
    {
        return false;
    }

    switch (v->scheme) {

    case XR_SIGNATURE_RSA_PKCS1:
        return EVP_PKEY_CTX_set_rsa_padding(v->ctx, RSA_PKCS1_PADDING) == 1;

    case XR_SIGNATURE_RSA_PSS:
        return EVP_PKEY_CTX_set_rsa_padding(v->ctx, RSA_PKCS1_PSS_PADDING) == 1
               && EVP_PKEY_CTX_set_rsa_mgf1_md(v->ctx, md) == 1
               && EVP_PKEY_CTX_set_rsa_pss_saltlen(v->ctx,
                                                   RSA_PSS_SALTLEN_DIGEST) == 1;

    default: /* ECDSA */
        return true;
    }
}


/*
 * Errors of OpenSSL are dropped where they arise: whoever looks into its queue
 * next, as NGINX does for TLS, must not take them for its own.
 */

xr_verifier_t *
xr_verifier_create(const xr_pubkey_t *key, xr_signature_t scheme,
    xr_hash_t hash)
{
    xr_verifier_t  *v;

    if (!xr_verifier_goes_with(key, scheme, hash)) {
        return NULL;
    }

    ERR_set_mark();

    v = OPENSSL_zalloc(sizeof(xr_verifier_t));

    if (v != NULL) {
        v->scheme = scheme;
        v->hash = hash;

        if (!xr_verifier_key(v, key) || !xr_verifier_set_up(v)) {
            xr_verifier_free(v);
            v = NULL;
        }
    }

    ERR_pop_to_mark();

    return v;
}


void
xr_verifier_free(xr_verifier_t *v)
{
    if (v == NULL) {
        return;
    }

    EVP_MD_CTX_free(v->md);
    EVP_PKEY_CTX_free(v->ctx);
    EVP_PKEY_free(v->key);
    OPENSSL_free(v);
}


/* A number of fixed length as an INTEGER of DER; false: it is 0. */

static bool
xr_verifier_integer(xr_str_t n, xr_buf_t *out)
{
    size_t  pad;

    while (n.len > 0 && n.data[0] == 0) {
        n = xr_str_of(n.data + 1, n.len - 1);
    }

    if (n.len == 0) {
        return false;
    }

    pad = (n.data[0] >= 0x80) ? 1 : 0;

    xr_buf_putc(out, XR_DER_INTEGER);
    xr_buf_putc(out, (uint8_t) (pad + n.len));

    if (pad > 0) {
        xr_buf_putc(out, 0);
    }

    xr_buf_put(out, n);

    return true;
}


/* r and s side by side, as OpenSSL wants them, which reads DER only. */

static bool
xr_verifier_from_raw(const xr_verifier_t *v, xr_str_t signature, xr_buf_t *out)
{
    uint8_t   memory[XR_VERIFIER_MAX_DER];
    xr_buf_t  numbers;

    if (signature.len != 2 * v->size) {
        return false;
    }

    numbers = xr_buf(memory, sizeof(memory));

    if (!xr_verifier_integer(xr_str_of(signature.data, v->size), &numbers)
        || !xr_verifier_integer(xr_str_of(signature.data + v->size, v->size),
                                &numbers))
    {
        return false;
    }

    xr_buf_putc(out, XR_DER_SEQUENCE);

    if (numbers.len >= 0x80) {
        xr_buf_putc(out, 0x81);
    }

    xr_buf_putc(out, (uint8_t) numbers.len);
    xr_buf_put(out, xr_buf_str(&numbers));

    return xr_buf_ok(&numbers) && xr_buf_ok(out);
}


static bool
xr_verifier_is_der(const xr_verifier_t *v, xr_str_t signature)
{
    xr_str_t  s, n, m;

    return xr_der_next(&signature, XR_DER_SEQUENCE, &s) && signature.len == 0
           && xr_der_uint(&s, &n) && xr_der_uint(&s, &m) && s.len == 0
           && n.len > 0 && n.len <= v->size && m.len > 0 && m.len <= v->size;
}


static bool
xr_verifier_digest(const xr_verifier_t *v, xr_str_t in, xr_str_t signature)
{
    return in.len == xr_hash_size(v->hash)
           && EVP_PKEY_verify(v->ctx, signature.data, signature.len, in.data,
                              in.len) == 1;
}


static bool
xr_verifier_run(const xr_verifier_t *v, xr_str_t in, xr_str_t signature)
{
    uint8_t   der[XR_VERIFIER_MAX_DER];
    xr_buf_t  b;

    switch (v->scheme) {

    case XR_SIGNATURE_EDDSA:
        return signature.len == v->size
               && EVP_DigestVerifyInit(v->md, NULL, NULL, NULL, v->key) == 1
               && EVP_DigestVerify(v->md, signature.data, signature.len,
                                   in.data, in.len) == 1;

    case XR_SIGNATURE_ECDSA_RAW:
        b = xr_buf(der, sizeof(der));

        return xr_verifier_from_raw(v, signature, &b)
               && xr_verifier_digest(v, in, xr_buf_str(&b));

    case XR_SIGNATURE_ECDSA_DER:
        return xr_verifier_is_der(v, signature)
               && xr_verifier_digest(v, in, signature);

    default: /* RSA */
        return signature.len == v->size
               && xr_verifier_digest(v, in, signature);
    }
}


xr_rc_t
xr_verifier_check(xr_verifier_t *v, xr_str_t in, xr_str_t signature)
{
    bool  ok;

    ERR_set_mark();

    ok = xr_verifier_run(v, in, signature);

    ERR_pop_to_mark();

    return ok ? XR_OK : XR_DENIED;
}
