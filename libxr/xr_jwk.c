/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_jwk.h"

#include <string.h>


/* the text of the longest number, the modulus of RSA */

#define XR_JWK_MAX_TEXT  XR_BASE64_ENCODED(XR_RSA_MAX_BITS / 8)


static const xr_str_t  xr_jwk_names[XR_JWK_FIELDS] = {
    XR_STR("kty"), XR_STR("use"), XR_STR("key_ops"), XR_STR("alg"),
    XR_STR("kid"), XR_STR("crv"), XR_STR("x"), XR_STR("y"), XR_STR("n"),
    XR_STR("e"), XR_STR("k")
};

/* RFC 7518, sections 6.2.2 and 6.3.2; "priv" is what newer types have */

static const xr_str_t  xr_jwk_secrets[] = {
    XR_STR("d"), XR_STR("p"), XR_STR("q"), XR_STR("dp"), XR_STR("dq"),
    XR_STR("qi"), XR_STR("oth"), XR_STR("priv")
};


/* The types that there are, and the algorithm of a key that names none. */

struct xr_jwk_type_s {
    const char        *kty;
    const char        *crv;             /* NULL: the type has no curves */
    xr_pubkey_kind_t   kind;            /* 0: symmetric */
    xr_alg_t           alg;             /* not set: must be named */
    size_t             size;            /* of a coordinate */
};


static const xr_jwk_type_t  xr_jwk_types[] = {
    { "RSA", NULL,      XR_PUBKEY_RSA,     XR_ALG_RS256,   0 },
    { "EC",  "P-256",   XR_PUBKEY_P256,    XR_ALG_ES256,   32 },
    { "EC",  "P-384",   XR_PUBKEY_P384,    XR_ALG_ES384,   48 },
    { "EC",  "P-521",   XR_PUBKEY_P521,    XR_ALG_ES512,   66 },
    { "OKP", "Ed25519", XR_PUBKEY_ED25519, XR_ALG_EDDSA,   32 },
    { "oct", NULL,      0,                 XR_ALG_NOT_SET, 0 }
};


xr_jwk_field_t
xr_jwk_field(const xr_json_t *name)
{
    size_t  i;

    for (i = 0; i < XR_JWK_FIELDS; i++) {

        if (xr_json_is(name, xr_jwk_names[i])) {
            break;
        }
    }

    return (xr_jwk_field_t) i;
}


bool
xr_jwk_private(const xr_json_t *name)
{
    size_t  i;

    for (i = 0; i < XR_COUNT(xr_jwk_secrets); i++) {

        if (xr_json_is(name, xr_jwk_secrets[i])) {
            return true;
        }
    }

    return false;
}


/*
 * Makes "field" what a reason is about, or the key if that is not there.  What
 * follows returns a reason to leave the key out, or NULL.
 */

static bool
xr_jwk_has(xr_jwk_t *k, xr_jwk_field_t field)
{
    if (k->fields[field].raw.data == NULL) {
        k->at = k->self;
        return false;
    }

    k->at = k->fields[field];

    return true;
}


static const char *
xr_jwk_use(xr_jwk_t *k)
{
    xr_json_t       op;
    xr_json_iter_t  it;

    if (xr_jwk_has(k, XR_JWK_USE) && !xr_json_is(&k->at, xr_str("sig"))) {
        return "\"use\" is not \"sig\"";
    }

    if (!xr_jwk_has(k, XR_JWK_KEY_OPS)) {
        return NULL;
    }

    if (k->at.type != XR_JSON_ARRAY) {
        return "\"key_ops\" is not an array";
    }

    it = xr_json_iter(&k->at);

    while (xr_json_next(&it, NULL, &op)) {

        if (xr_json_is(&op, xr_str("verify"))) {
            return NULL;
        }
    }

    return "\"key_ops\" is without \"verify\"";
}


static const char *
xr_jwk_type(xr_jwk_t *k)
{
    size_t                 i;
    bool                   known;
    const xr_jwk_type_t  *t;

    if (!xr_jwk_has(k, XR_JWK_KTY)) {
        return "no \"kty\"";
    }

    known = false;

    for (i = 0; i < XR_COUNT(xr_jwk_types); i++) {
        t = &xr_jwk_types[i];

        if (!xr_json_is(&k->fields[XR_JWK_KTY], xr_str(t->kty))) {
            continue;
        }

        known = true;

        if (t->crv == NULL
            || xr_json_is(&k->fields[XR_JWK_CRV], xr_str(t->crv)))
        {
            k->type = t;
            return NULL;
        }
    }

    if (!known) {
        return "a \"kty\" that is not known";
    }

    if (!xr_jwk_has(k, XR_JWK_CRV)) {
        return "no \"crv\"";
    }

    return "a \"crv\" that is not known";
}


static bool
xr_jwk_goes_with(const xr_jwk_type_t *type, xr_alg_t alg)
{
    xr_signature_t  signature;

    if (type->kind == 0) {
        return xr_alg_symmetric(alg);
    }

    if (type->kind != XR_PUBKEY_RSA) {
        return alg == type->alg;
    }

    signature = xr_alg_signature(alg);

    return signature == XR_SIGNATURE_RSA_PKCS1
           || signature == XR_SIGNATURE_RSA_PSS;
}


static const char *
xr_jwk_alg(xr_jwk_t *k)
{
    size_t  i;

    k->alg = k->type->alg;

    if (xr_jwk_has(k, XR_JWK_ALG)) {
        k->alg = XR_ALG_NOT_SET;

        for (i = XR_ALG_NOT_SET + 1; i < XR_ALG_COUNT; i++) {

            if (xr_json_is(&k->at, xr_alg_name((xr_alg_t) i))) {
                k->alg = (xr_alg_t) i;
            }
        }

        if (k->alg == XR_ALG_NOT_SET) {
            return "an \"alg\" that is not known";
        }

    } else if (k->alg == XR_ALG_NOT_SET) {
        return "a symmetric key that names no \"alg\"";
    }

    if (!xr_jwk_goes_with(k->type, k->alg)) {
        return "an \"alg\" that does not go with \"kty\"";
    }

    if (!xr_alg_supported(k->alg)) {
        return "an algorithm that the installed libjwt does not have";
    }

    return NULL;
}


static const char *
xr_jwk_kid(xr_jwk_t *k)
{
    xr_rc_t   rc;
    xr_buf_t  b;

    if (!xr_jwk_has(k, XR_JWK_KID)) {
        return NULL;
    }

    b = xr_buf(k->id_memory, sizeof(k->id_memory));
    rc = xr_json_text(&k->at, &b, &k->id);

    if (rc != XR_OK || k->id.len == 0 || k->id.len > XR_KEY_ID_MAX_SIZE) {
        return "a \"kid\" that is not a string of 1 to 256 bytes";
    }

    return NULL;
}


/* Appends a number of at most "max" bytes to the memory. */

static const char *
xr_jwk_number(xr_jwk_t *k, xr_jwk_field_t field, size_t max, xr_str_t *out)
{
    size_t    len;
    xr_rc_t   rc;
    uint8_t   memory[XR_JWK_MAX_TEXT];
    xr_buf_t  b;
    xr_str_t  text;

    if (!xr_jwk_has(k, field)) {
        return "a number is missing";
    }

    len = 0;
    b = xr_buf(memory, sizeof(memory));
    rc = xr_json_text(&k->at, &b, &text);

    if (rc == XR_OK) {
        rc = xr_base64url_decode(text, k->memory + k->len, max, &len);
    }

    xr_wipe(memory, b.len);

    if (rc == XR_NO_SPACE) {
        return "a number that is too long";
    }

    if (rc != XR_OK) {
        return "a number that is not base64url";
    }

    *out = xr_str_of(k->memory + k->len, len);
    k->len += len;

    return NULL;
}


static const char *
xr_jwk_rsa(xr_jwk_t *k)
{
    const char  *what;

    what = xr_jwk_number(k, XR_JWK_N, XR_RSA_MAX_BITS / 8, &k->pub.n);

    if (what == NULL) {
        what = xr_jwk_number(k, XR_JWK_E, XR_PUBKEY_MAX_SIZE - k->len,
                             &k->pub.e);
    }

    return what;
}


static const char *
xr_jwk_point(xr_jwk_t *k)
{
    size_t       n;
    xr_str_t     part;
    const char  *what;

    n = (k->type->kind == XR_PUBKEY_ED25519) ? 1 : 2;

    do {
        what = xr_jwk_number(k, (k->len == 0) ? XR_JWK_X : XR_JWK_Y,
                             k->type->size, &part);

        if (what == NULL && part.len != k->type->size) {
            what = "a coordinate that is too short";
        }

    } while (what == NULL && --n > 0);

    k->pub.n = xr_str_of(k->memory, k->len);

    return what;
}


static const char *
xr_jwk_secret(xr_jwk_t *k)
{
    const char  *what;

    what = xr_jwk_number(k, XR_JWK_K, XR_KEY_MAX_SIZE, &k->secret);

    if (what == NULL && k->secret.len < xr_hash_size(xr_alg_hash(k->alg))) {
        what = "a key that is shorter than its algorithm's digest";
    }

    return what;
}


static const char *
xr_jwk_material(xr_jwk_t *k)
{
    k->pub.kind = k->type->kind;

    if (k->pub.kind == 0) {
        return xr_jwk_secret(k);
    }

    return (k->pub.kind == XR_PUBKEY_RSA) ? xr_jwk_rsa(k) : xr_jwk_point(k);
}


xr_rc_t
xr_jwk_read(xr_jwk_t *k)
{
    size_t    i;
    xr_rc_t   rc;
    xr_err_t  err;

    static const char  *(*const steps[])(xr_jwk_t *k) = {
        xr_jwk_use, xr_jwk_type, xr_jwk_alg, xr_jwk_kid, xr_jwk_material
    };

    for (i = 0; i < XR_COUNT(steps); i++) {
        k->what = steps[i](k);

        if (k->what != NULL) {
            return XR_DENIED;
        }
    }

    if (k->pub.kind == 0) {
        return XR_OK;
    }

    rc = xr_pubkey_check(&k->pub, &err);

    if (rc != XR_OK) {
        k->what = err.what;
        k->at = k->self;
    }

    return (rc == XR_INVALID) ? XR_DENIED : rc;
}
