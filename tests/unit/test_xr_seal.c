/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_seal.h"


/*
 * The keys and the signature are by OpenSSL's own program and by the Python
 * package "cryptography": Ed25519 has one signature for a message.
 */

static const char  private_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIFe5R1qPiZCBrs6IZO89WBG+vcG98UouZB1l+54K"
    "VOsg\n"
    "-----END PRIVATE KEY-----\n";

static const char  public_pem[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAq9YtyLvx0kmWDOrUwFbKB0CFzln6ikYUxBJa23jrjE0=\n"
    "-----END PUBLIC KEY-----\n";

static const char  other_pem[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAYJZO4RdlgkCK7Wobzwb+hk4imOe0k32rYiH8RLWOrkI=\n"
    "-----END PUBLIC KEY-----\n";

static const char  sealed[] =
    "xr-tenants-signature 1\n"
    "serial 1785000000\n"
    "sha256 ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b"
    "63e9e442356\n"
    "ed25519 xP7woyipWK4ZWdzCPpzNzHOCcZ_HBlg0G5UTABgZDOik_ejpIhPC"
    "ZmTjHdYhwaA1LjzHFje1xrrZ_Qix_d0zDQ\n";


static xr_pubkey_t
public_key(const char *pem, uint8_t memory[XR_PUBKEY_MAX_SIZE])
{
    xr_err_t     err;
    xr_pubkey_t  key;

    assert_int_equal(xr_pubkey_pem(xr_str(pem), memory, &key, &err), XR_OK);

    return key;
}


static void
test_make_and_check(void **state)
{
    char         text[XR_SEAL_MAX_SIZE];
    uint8_t      memory[XR_PUBKEY_MAX_SIZE];
    xr_buf_t     b;
    xr_err_t     err;
    xr_seal_t    seal;
    xr_pubkey_t  key;

    (void) state;

    b = xr_buf(text, sizeof(text));
    assert_int_equal(xr_seal_make(xr_str("{}\n"), 1785000000,
                                  xr_str(private_pem), &b, &err), XR_OK);
    assert_true(xr_str_eq(xr_buf_str(&b), xr_str(sealed)));

    assert_int_equal(xr_seal_parse(xr_str(sealed), &seal, &err), XR_OK);
    assert_int_equal(seal.serial, 1785000000);

    key = public_key(public_pem, memory);
    assert_int_equal(xr_seal_check(&seal, &key), XR_OK);

    seal.signature[63] ^= 1;
    assert_int_equal(xr_seal_check(&seal, &key), XR_DENIED);
    seal.signature[63] ^= 1;
    seal.text.len--;
    assert_int_equal(xr_seal_check(&seal, &key), XR_DENIED);

    key = public_key(other_pem, memory);
    seal.text.len++;
    assert_int_equal(xr_seal_check(&seal, &key), XR_DENIED);

    key.kind = XR_PUBKEY_P256;
    assert_int_equal(xr_seal_check(&seal, &key), XR_INVALID);
}


static void
test_serials(void **state)
{
    char       text[XR_SEAL_MAX_SIZE];
    xr_buf_t   b;
    xr_err_t   err;
    xr_seal_t  seal;

    (void) state;

    b = xr_buf(text, sizeof(text));
    assert_int_equal(xr_seal_make(xr_str(""), 0, xr_str(private_pem), &b,
                                  &err), XR_INVALID);
    assert_int_equal(xr_seal_make(xr_str(""), XR_SEAL_MAX_SERIAL + 1,
                                  xr_str(private_pem), &b, &err), XR_INVALID);
    assert_int_equal(b.len, 0);

    assert_int_equal(xr_seal_make(xr_str(""), XR_SEAL_MAX_SERIAL,
                                  xr_str(private_pem), &b, &err), XR_OK);
    assert_int_equal(xr_seal_parse(xr_buf_str(&b), &seal, &err), XR_OK);
    assert_int_equal(seal.serial, XR_SEAL_MAX_SERIAL);

    b = xr_buf(text, 100);
    assert_int_equal(xr_seal_make(xr_str(""), 1, xr_str(private_pem), &b,
                                  &err), XR_NO_SPACE);
    assert_int_equal(xr_seal_make(xr_str(""), 1, xr_str(public_pem), &b,
                                  &err), XR_INVALID);
}


/* No byte can be left out, changed or added. */

static void
test_one_way_to_write_it(void **state)
{
    char         text[XR_SEAL_MAX_SIZE];
    size_t       i, len;
    uint8_t      memory[XR_PUBKEY_MAX_SIZE];
    xr_rc_t      rc;
    xr_err_t     err;
    xr_seal_t    seal;
    xr_pubkey_t  key;

    (void) state;

    len = strlen(sealed);
    key = public_key(public_pem, memory);

    for (i = 0; i < len; i++) {
        memcpy(text, sealed, len);
        text[i] ^= 1;

        rc = xr_seal_parse(xr_str_of(text, len), &seal, &err);
        assert_true(rc != XR_OK || xr_seal_check(&seal, &key) == XR_DENIED);

        assert_int_equal(xr_seal_parse(xr_str_of(sealed, i), &seal, &err),
                         XR_INVALID);
        assert_true(err.pos <= i);
    }

    memcpy(text, sealed, len);
    text[len] = '\n';
    assert_int_equal(xr_seal_parse(xr_str_of(text, len + 1), &seal, &err),
                     XR_INVALID);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_make_and_check),
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_one_way_to_write_it)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
