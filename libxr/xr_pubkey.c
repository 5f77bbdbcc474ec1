/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_crypto.h"
#include "xr_der.h"


/*
 * SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7, has few spellings for the
 * keys that are used here, so its AlgorithmIdentifiers are compared whole.
 */

#define XR_PUBKEY_MAX_DER     768
#define XR_PUBKEY_MAX_BASE64  XR_BASE64_ENCODED(XR_PUBKEY_MAX_DER)


static const struct {
    xr_str_t          id;
    xr_pubkey_kind_t  kind;
} xr_pubkey_algorithms[] = {
    { XR_STR("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"),
      XR_PUBKEY_RSA },
    { XR_STR("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
             "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), XR_PUBKEY_P256 },
    { XR_STR("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
             "\x06\x05\x2b\x81\x04\x00\x22"), XR_PUBKEY_P384 },
    { XR_STR("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
             "\x06\x05\x2b\x81\x04\x00\x23"), XR_PUBKEY_P521 },
    { XR_STR("\x30\x05\x06\x03\x2b\x65\x70"), XR_PUBKEY_ED25519 }
};

static const xr_str_t  xr_pubkey_begin = XR_STR("-----BEGIN ");
static const xr_str_t  xr_pubkey_end = XR_STR("-----END ");
static const xr_str_t  xr_pubkey_dashes = XR_STR("-----");

static const xr_str_t  xr_pubkey_spki = XR_STR("PUBLIC KEY");
static const xr_str_t  xr_pubkey_pkcs1 = XR_STR("RSA PUBLIC KEY");


/* What stands between "-----BEGIN X-----" and "-----END X-----". */

typedef struct {
    xr_str_t  label;
    xr_str_t  body;
} xr_pubkey_block_t;


/* Takes "word" off the front of "*s". */

static bool
xr_pubkey_skip(xr_str_t *s, xr_str_t word)
{
    if (!xr_str_starts(*s, word)) {
        return false;
    }

    *s = xr_str_of(s->data + word.len, s->len - word.len);

    return true;
}


static const char *
xr_pubkey_label(xr_str_t label)
{
    if (xr_str_eq(label, xr_pubkey_spki) || xr_str_eq(label, xr_pubkey_pkcs1)) {
        return NULL;
    }

    if (xr_str_ends(label, xr_str("PRIVATE KEY"))) {
        return "a private key where a public one belongs";
    }

    if (xr_str_ends(label, xr_str("CERTIFICATE"))) {
        return "a certificate where a public key belongs";
    }

    return "a PEM block that is neither \"PUBLIC KEY\" nor "
           "\"RSA PUBLIC KEY\"";
}


static xr_rc_t
xr_pubkey_block(xr_str_t text, xr_pubkey_block_t *block, xr_err_t *err)
{
    size_t       n;
    xr_str_t     s;
    const char  *what;

    s = xr_str_trim(text);

    if (!xr_pubkey_skip(&s, xr_pubkey_begin)) {
        return xr_fail(err, XR_INVALID, 0, "not PEM: no \"-----BEGIN\"");
    }

    n = xr_str_find(s, '-');
    block->label = xr_str_of(s.data, n);
    what = xr_pubkey_label(block->label);

    if (what != NULL) {
        return xr_fail(err, XR_INVALID, (size_t) (s.data - text.data), what);
    }

    s = xr_str_of(s.data + n, s.len - n);

    if (!xr_pubkey_skip(&s, xr_pubkey_dashes)) {
        return xr_fail(err, XR_INVALID, (size_t) (s.data - text.data),
                       "the PEM block does not begin as it should");
    }

    n = xr_str_find(s, '-');
    block->body = xr_str_of(s.data, n);
    s = xr_str_of(s.data + n, s.len - n);

    if (!xr_pubkey_skip(&s, xr_pubkey_end)
        || !xr_pubkey_skip(&s, block->label)
        || !xr_pubkey_skip(&s, xr_pubkey_dashes))
    {
        return xr_fail(err, XR_INVALID, (size_t) (s.data - text.data),
                       "the PEM block does not end as it should");
    }

    s = xr_str_trim(s);

    if (s.len > 0) {
        return xr_fail(err, XR_INVALID, (size_t) (s.data - text.data),
                       xr_str_starts(s, xr_pubkey_begin)
                       ? "more than one PEM block"
                       : "text behind the PEM block");
    }

    return XR_OK;
}


/* Base64 with padding and line ends, by way of base64url that has neither. */

static bool
xr_pubkey_base64(xr_str_t body, uint8_t der[XR_PUBKEY_MAX_DER], size_t *len)
{
    size_t   i, n, padding;
    uint8_t  c, text[XR_PUBKEY_MAX_BASE64];

    n = 0;
    padding = 0;

    for (i = 0; i < body.len; i++) {
        c = body.data[i];

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            continue;
        }

        if (c == '=') {
            padding++;
            continue;
        }

        if (padding > 0 || n == sizeof(text) || c == '_') {
            return false;
        }

        text[n++] = (c == '+') ? '-' : (c == '/') ? '_' : c;
    }

    if (padding > 2 || (n + padding) % 4 != 0) {
        return false;
    }

    return xr_base64url_decode(xr_str_of(text, n), der, XR_PUBKEY_MAX_DER, len)
           == XR_OK;
}


/* RSAPublicKey, RFC 8017 section A.1.1 */

static bool
xr_pubkey_rsa(xr_str_t der, xr_pubkey_t *key)
{
    xr_str_t  s;

    key->kind = XR_PUBKEY_RSA;

    return xr_der_next(&der, XR_DER_SEQUENCE, &s) && der.len == 0
           && xr_der_uint(&s, &key->n) && xr_der_uint(&s, &key->e)
           && s.len == 0;
}


static const char *
xr_pubkey_spki_read(xr_str_t der, xr_pubkey_t *key)
{
    size_t    i;
    xr_str_t  s, bits;

    if (!xr_der_next(&der, XR_DER_SEQUENCE, &s) || der.len > 0) {
        return "the PEM block holds no public key";
    }

    for (i = 0; i < XR_COUNT(xr_pubkey_algorithms); i++) {

        if (xr_pubkey_skip(&s, xr_pubkey_algorithms[i].id)) {
            break;
        }
    }

    if (i == XR_COUNT(xr_pubkey_algorithms)) {
        return "a public key that is neither RSA, P-256, P-384, P-521 nor "
               "Ed25519";
    }

    /* a string of whole bytes, thus with no bits unused */

    if (!xr_der_next(&s, XR_DER_BIT_STRING, &bits) || s.len > 0
        || bits.len == 0 || bits.data[0] != 0)
    {
        return "the PEM block holds no public key";
    }

    s = xr_str_of(bits.data + 1, bits.len - 1);
    key->kind = xr_pubkey_algorithms[i].kind;

    if (key->kind == XR_PUBKEY_RSA) {
        return xr_pubkey_rsa(s, key) ? NULL : "a malformed RSA key";
    }

    if (key->kind != XR_PUBKEY_ED25519 && !xr_pubkey_skip(&s, xr_str("\x04"))) {
        return "a point that is compressed or malformed";
    }

    key->n = s;
    key->e = xr_str_of(NULL, 0);

    return NULL;
}


xr_rc_t
xr_pubkey_pem(xr_str_t text, uint8_t memory[XR_PUBKEY_MAX_SIZE],
    xr_pubkey_t *out, xr_err_t *err)
{
    size_t             len, pos;
    xr_rc_t            rc;
    uint8_t            der[XR_PUBKEY_MAX_DER];
    xr_str_t           s;
    const char        *what;
    xr_pubkey_t        key;
    xr_pubkey_block_t  block;

    rc = xr_pubkey_block(text, &block, err);

    if (rc != XR_OK) {
        return rc;
    }

    pos = (size_t) (block.body.data - text.data);

    if (!xr_pubkey_base64(block.body, der, &len)) {
        return xr_fail(err, XR_INVALID, pos,
                       "the PEM block is not base64, or too long");
    }

    s = xr_str_of(der, len);

    if (xr_str_eq(block.label, xr_pubkey_pkcs1)) {
        what = xr_pubkey_rsa(s, &key) ? NULL : "a malformed RSA key";

    } else {
        what = xr_pubkey_spki_read(s, &key);
    }

    if (what == NULL && key.n.len + key.e.len > XR_PUBKEY_MAX_SIZE) {
        what = "the key is too long";
    }

    if (what != NULL) {
        return xr_fail(err, XR_INVALID, pos, what);
    }

    rc = xr_pubkey_check(&key, err);

    if (rc != XR_OK) {
        return xr_fail(err, rc, pos, (err != NULL) ? err->what : NULL);
    }

    memcpy(memory, key.n.data, key.n.len);
    out->kind = key.kind;
    out->n = xr_str_of(memory, key.n.len);
    out->e = xr_str_of(memory + key.n.len, key.e.len);

    if (key.e.len > 0) {
        memcpy(memory + key.n.len, key.e.data, key.e.len);
    }

    return XR_OK;
}
