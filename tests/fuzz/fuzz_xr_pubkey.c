/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_buf.h"
#include "xr_crypto.h"


/*
 * PEM as it is; after a "#" the DER of a "PUBLIC KEY", after a "%" that of an
 * "RSA PUBLIC KEY", which are put into PEM here.
 */

static void
fuzz_base64(xr_buf_t *b, xr_str_t der)
{
    size_t  i, start;

    start = b->len;
    xr_buf_base64url(b, der);

    for (i = start; i < b->len; i++) {
        b->data[i] = (b->data[i] == '-') ? '+' : (b->data[i] == '_') ? '/' : b->data[i];
    }

    while ((b->len - start) % 4 != 0) {
        xr_buf_putc(b, '=');
    }
}


static xr_str_t
fuzz_pem(const uint8_t *data, size_t size)
{
    char        *memory;
    xr_buf_t     b;
    xr_str_t     in;
    const char  *label;

    if (size == 0 || (data[0] != '#' && data[0] != '%')) {
        return xr_fuzz_copy(data, size);
    }

    memory = malloc(2 * size + 100);
    assert(memory != NULL);

    label = (data[0] == '#') ? "PUBLIC KEY-----\n" : "RSA PUBLIC KEY-----\n";
    b = xr_buf(memory, 2 * size + 100);

    xr_buf_puts(&b, "-----BEGIN ");
    xr_buf_puts(&b, label);
    fuzz_base64(&b, xr_str_of(data + 1, size - 1));
    xr_buf_puts(&b, "\n-----END ");
    xr_buf_puts(&b, label);
    assert(xr_buf_ok(&b));

    in = xr_fuzz_copy(b.data, b.len);
    free(memory);

    return in;
}


/* A key that was read is one that can be used, and verifies no rubbish. */

static void
fuzz_use(const xr_pubkey_t *key)
{
    uint8_t          rubbish[XR_PUBKEY_MAX_SIZE];
    xr_hash_t        hash;
    xr_verifier_t   *v;
    xr_signature_t   scheme;

    assert(xr_pubkey_check(key, NULL) == XR_OK);

    scheme = (key->kind == XR_PUBKEY_RSA) ? XR_SIGNATURE_RSA_PKCS1
             : (key->kind == XR_PUBKEY_ED25519) ? XR_SIGNATURE_EDDSA
             : XR_SIGNATURE_ECDSA_RAW;
    hash = (key->kind == XR_PUBKEY_ED25519) ? 0 : XR_SHA256;

    v = xr_verifier_create(key, scheme, hash);
    assert(v != NULL);

    memset(rubbish, 1, sizeof(rubbish));
    assert(xr_verifier_check(v, xr_str_of(rubbish, XR_SHA256_SIZE), xr_str_of(rubbish, key->n.len))
           == XR_DENIED);

    xr_verifier_free(v);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t     *memory;
    xr_rc_t      rc;
    xr_err_t     err;
    xr_str_t     in;
    xr_pubkey_t  key;

    in = fuzz_pem(data, size);
    memory = malloc(XR_PUBKEY_MAX_SIZE);
    assert(memory != NULL);
    err = (xr_err_t) { NULL, 0 };

    rc = xr_pubkey_pem(in, memory, &key, &err);

    if (rc == XR_OK) {
        assert(key.n.data == memory && key.n.len + key.e.len <= XR_PUBKEY_MAX_SIZE);
        assert(key.e.len == 0 || key.e.data == memory + key.n.len);
        fuzz_use(&key);

    } else {
        assert(rc == XR_INVALID || rc == XR_DENIED);
        assert(err.what != NULL && err.pos <= in.len);
    }

    free(memory);
    xr_fuzz_free(in);

    return 0;
}
