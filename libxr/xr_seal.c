/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_seal.h"


static const xr_str_t  xr_seal_head = XR_STR("xr-tenants-signature 1\n");


/* A line "NAME VALUE" is taken off "*s". */

static bool
xr_seal_line(xr_str_t *s, const char *name, xr_str_t *value)
{
    xr_str_t  word;

    if (xr_str_find(*s, '\n') == s->len) {
        return false;
    }

    *value = xr_str_cut(s, '\n');
    word = xr_str_cut(value, ' ');

    return xr_str_eq(word, xr_str(name));
}


static bool
xr_seal_serial(xr_str_t value, uint64_t *out)
{
    return value.len > 0 && value.data[0] != '0'
           && xr_str_uint(&value, out) == XR_OK && value.len == 0
           && *out <= XR_SEAL_MAX_SERIAL;
}


static bool
xr_seal_digest(xr_str_t value, uint8_t out[XR_SHA256_SIZE])
{
    size_t  i;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] >= 'A' && value.data[i] <= 'F') {
            return false;
        }
    }

    return value.len == 2 * XR_SHA256_SIZE
           && xr_hex_decode(value, out, XR_SHA256_SIZE) == XR_OK;
}


xr_rc_t
xr_seal_parse(xr_str_t text, xr_seal_t *out, xr_err_t *err)
{
    size_t     len;
    xr_str_t   s, value;
    xr_seal_t  seal;

    if (text.len > XR_SEAL_MAX_SIZE || !xr_str_starts(text, xr_seal_head)) {
        return xr_fail(err, XR_INVALID, 0, "it is no signature of a tenants "
                       "file, or of another version");
    }

    s = text;
    xr_str_skip(&s, xr_seal_head.len);

    if (!xr_seal_line(&s, "serial", &value)
        || !xr_seal_serial(value, &seal.serial))
    {
        return xr_fail(err, XR_INVALID, xr_seal_head.len,
                       "the line is no \"serial\" from 1 to 2^53");
    }

    len = text.len - s.len;

    if (!xr_seal_line(&s, "sha256", &value)
        || !xr_seal_digest(value, seal.sha256))
    {
        return xr_fail(err, XR_INVALID, len, "the line is no \"sha256\" in "
                       "hexadecimal of lower case");
    }

    len = text.len - s.len;
    seal.text = xr_str_of(text.data, len);

    if (!xr_seal_line(&s, "ed25519", &value) || s.len > 0
        || value.len != XR_BASE64_ENCODED(XR_SEAL_SIGNATURE_SIZE)
        || xr_base64url_decode(value, seal.signature, sizeof(seal.signature),
                               &len) != XR_OK)
    {
        return xr_fail(err, XR_INVALID, seal.text.len,
                       "the last line is no \"ed25519\" in base64url");
    }

    *out = seal;

    return XR_OK;
}


xr_rc_t
xr_seal_check(const xr_seal_t *seal, const xr_pubkey_t *key)
{
    xr_rc_t         rc;
    xr_verifier_t  *v;

    if (key->kind != XR_PUBKEY_ED25519) {
        return XR_INVALID;
    }

    v = xr_verifier_create(key, XR_SIGNATURE_EDDSA, 0);

    if (v == NULL) {
        return XR_NO_SPACE;
    }

    rc = xr_verifier_check(v, seal->text, xr_str_of(seal->signature,
                                                    sizeof(seal->signature)));
    xr_verifier_free(v);

    return rc;
}


xr_rc_t
xr_seal_make(xr_str_t file, uint64_t serial, xr_str_t pem, xr_buf_t *out,
    xr_err_t *err)
{
    xr_rc_t    rc;
    uint8_t    digest[XR_SHA256_SIZE], signature[XR_SEAL_SIGNATURE_SIZE];
    uint8_t    memory[XR_SEAL_MAX_SIZE];
    xr_buf_t   b;

    if (serial == 0 || serial > XR_SEAL_MAX_SERIAL) {
        return xr_fail(err, XR_INVALID, 0, "the serial is not from 1 to 2^53");
    }

    if (xr_sha256(file, digest) != XR_OK) {
        return xr_fail(err, XR_ERROR, 0, "the digest cannot be made");
    }

    b = xr_buf(memory, sizeof(memory));
    xr_buf_put(&b, xr_seal_head);
    xr_buf_puts(&b, "serial ");
    xr_buf_uint(&b, serial);
    xr_buf_puts(&b, "\nsha256 ");
    xr_buf_hex(&b, xr_str_of(digest, sizeof(digest)));
    xr_buf_putc(&b, '\n');

    rc = xr_crypto_sign_message(pem, xr_buf_str(&b), signature, err);

    if (rc != XR_OK) {
        return rc;
    }

    xr_buf_puts(&b, "ed25519 ");
    xr_buf_base64url(&b, xr_str_of(signature, sizeof(signature)));
    xr_buf_putc(&b, '\n');

    xr_buf_put(out, xr_buf_str(&b));

    return (xr_buf_ok(&b) && xr_buf_ok(out)) ? XR_OK
           : xr_fail(err, XR_NO_SPACE, 0, "there is no room for it");
}
