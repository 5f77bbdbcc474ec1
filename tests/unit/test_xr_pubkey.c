/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* PKCS #1 by itself is written by a deprecated function only */

#define OPENSSL_SUPPRESS_DEPRECATED

#include "keys.h"


#define BEGIN  "-----BEGIN PUBLIC KEY-----\n"
#define END    "-----END PUBLIC KEY-----\n"

/* RFC 8410, section 10.1: the shortest key there is */

#define ED     "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="


static char  pem[4096];


/* What OpenSSL writes is read, and is the same key. */

static void
check_written(xr_test_key_t *k)
{
    size_t       len;
    uint8_t      memory[XR_PUBKEY_MAX_SIZE];
    xr_str_t     text;
    xr_pubkey_t  key;

    len = xr_test_key_pem(k, pem, sizeof(pem));
    text = xr_test_copy(xr_str_of(pem, len));

    assert_int_equal(xr_pubkey_pem(text, memory, &key, NULL), XR_OK);
    xr_test_copy_free(text);

    assert_int_equal(key.kind, k->pub.kind);
    assert_true(xr_str_eq(key.n, k->pub.n));
    assert_true(xr_str_eq(key.e, k->pub.e));
    assert_ptr_equal(key.n.data, memory);
}


static void
test_written(void **state)
{
    size_t         i;
    xr_test_key_t  k;

    static const struct {
        xr_pubkey_kind_t  kind;
        size_t            bits;
    } kinds[] = {
        { XR_PUBKEY_RSA, 2048 }, { XR_PUBKEY_RSA, 3072 }, { XR_PUBKEY_P256, 0 },
        { XR_PUBKEY_P384, 0 }, { XR_PUBKEY_P521, 0 }, { XR_PUBKEY_ED25519, 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(kinds); i++) {
        xr_test_key_make(&k, kinds[i].kind, kinds[i].bits);
        check_written(&k);
        xr_test_key_free(&k);
    }
}


/* The largest modulus and exponent, which fill the memory. */

static void
test_largest(void **state)
{
    BIO           *bio;
    uint8_t        n[512], memory[XR_PUBKEY_MAX_SIZE];
    EVP_PKEY      *pkey;
    OSSL_PARAM     params[3];
    xr_pubkey_t    key;
    EVP_PKEY_CTX  *ctx;

    (void) state;

    memset(n, 0xff, sizeof(n));
    params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, sizeof(n));
    params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, n, 8);
    params[2] = OSSL_PARAM_construct_end();

    pkey = NULL;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);

    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    pem[BIO_read(bio, pem, sizeof(pem) - 1)] = '\0';

    assert_int_equal(xr_pubkey_pem(xr_str(pem), memory, &key, NULL), XR_OK);
    assert_int_equal(key.n.len, 512);
    assert_int_equal(key.e.len, 8);
    assert_ptr_equal(key.e.data + key.e.len, memory + sizeof(memory));

    BIO_free(bio);
    EVP_PKEY_free(pkey);
}


/* RSA as PKCS #1 has it, and weak. */

static void
test_pkcs1(void **state)
{
    int            n;
    BIO           *bio;
    uint8_t        memory[XR_PUBKEY_MAX_SIZE];
    xr_err_t       err;
    xr_pubkey_t    key;
    xr_test_key_t  k;

    (void) state;

    xr_test_key_make(&k, XR_PUBKEY_RSA, 2048);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_RSAPublicKey(bio, EVP_PKEY_get0_RSA(k.pair)), 1);
    n = BIO_read(bio, pem, sizeof(pem) - 1);
    BIO_free(bio);

    assert_int_equal(xr_pubkey_pem(xr_str_of(pem, (size_t) n), memory, &key, NULL), XR_OK);
    assert_true(xr_str_eq(key.n, k.pub.n));
    assert_true(xr_str_eq(key.e, k.pub.e));
    xr_test_key_free(&k);

    xr_test_key_make(&k, XR_PUBKEY_RSA, 1024);
    (void) xr_test_key_pem(&k, pem, sizeof(pem));
    assert_int_equal(xr_pubkey_pem(xr_str(pem), memory, &key, &err), XR_DENIED);
    assert_string_equal(err.what, "RSA with less than 2048 bits");
    assert_int_equal(err.pos, 26);
    assert_int_equal(xr_pubkey_pem(xr_str(pem), memory, &key, NULL), XR_DENIED);
    xr_test_key_free(&k);
}


static void
test_text(void **state)
{
    size_t       i;
    xr_rc_t      rc;
    uint8_t      memory[XR_PUBKEY_MAX_SIZE];
    xr_err_t     err;
    xr_str_t     text;
    xr_pubkey_t  key;

    static const struct {
        const char  *text;
        const char  *what;              /* NULL: it is read */
        size_t       pos;
    } cases[] = {
        { BEGIN ED "\n" END, NULL, 0 },
        { BEGIN ED "\n-----END PUBLIC KEY-----", NULL, 0 },
        { "\r\n  -----BEGIN PUBLIC KEY-----\r\n" ED "\r\n" END "\r\n \t", NULL, 0 },
        { BEGIN "MCow BQYDK2VwAyEA\n\nGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4\trXAxZuE=" END,
          NULL, 0 },

        { "", "not PEM: no \"-----BEGIN\"", 0 },
        { ED, "not PEM: no \"-----BEGIN\"", 0 },
        { "key:\n" BEGIN ED "\n" END, "not PEM: no \"-----BEGIN\"", 0 },
        { "----BEGIN PUBLIC KEY-----\n" ED "\n" END, "not PEM: no \"-----BEGIN\"", 0 },

        { "-----BEGIN PRIVATE KEY-----\n" ED "\n-----END PRIVATE KEY-----",
          "a private key where a public one belongs", 11 },
        { "-----BEGIN RSA PRIVATE KEY-----", "a private key where a public one belongs", 11 },
        { "-----BEGIN EC PRIVATE KEY-----", "a private key where a public one belongs", 11 },
        { "-----BEGIN ENCRYPTED PRIVATE KEY-----",
          "a private key where a public one belongs", 11 },
        { "-----BEGIN OPENSSH PRIVATE KEY-----",
          "a private key where a public one belongs", 11 },
        { "-----BEGIN CERTIFICATE-----", "a certificate where a public key belongs", 11 },
        { "-----BEGIN TRUSTED CERTIFICATE-----",
          "a certificate where a public key belongs", 11 },
        { "-----BEGIN EC PARAMETERS-----",
          "a PEM block that is neither \"PUBLIC KEY\" nor \"RSA PUBLIC KEY\"", 11 },
        { "-----BEGIN public key-----",
          "a PEM block that is neither \"PUBLIC KEY\" nor \"RSA PUBLIC KEY\"", 11 },

        { "-----BEGIN PUBLIC KEY----\n", "the PEM block does not begin as it should", 21 },
        { BEGIN ED "\n", "the PEM block does not end as it should", 87 },
        { BEGIN ED "\n-----END", "the PEM block does not end as it should", 88 },
        { BEGIN ED "\n-----END RSA PUBLIC KEY-----", "the PEM block does not end as it should",
          97 },
        { BEGIN ED "\n" END BEGIN ED "\n" END, "more than one PEM block", 113 },
        { BEGIN ED "\n" END "-----BEGIN PRIVATE KEY-----", "more than one PEM block", 113 },
        { BEGIN ED "\n" END "x", "text behind the PEM block", 113 },

        { BEGIN END, "the PEM block holds no public key", 26 },
        { BEGIN "Proc-Type: 4,ENCRYPTED\n\n" ED "\n" END,
          "the PEM block does not end as it should", 31 },
        { BEGIN "Comment: x\n" ED "\n" END, "the PEM block is not base64, or too long", 26 },
        { BEGIN "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE\n" END,
          "the PEM block is not base64, or too long", 26 },
        { BEGIN ED "=\n" END, "the PEM block is not base64, or too long", 26 },
        { BEGIN ED "AAAA" END, "the PEM block is not base64, or too long", 26 },
        { BEGIN "====" END, "the PEM block is not base64, or too long", 26 },
        { BEGIN "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZu_=" END,
          "the PEM block is not base64, or too long", 26 },

        { BEGIN "AAAA" END, "the PEM block holds no public key", 26 },

        /* a byte behind, a byte too few, X25519, bits unused, an unknown kind */

        { BEGIN "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuEA" END,
          "the PEM block holds no public key", 26 },
        { BEGIN "MCkwBQYDK2VwAyAAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZg==" END,
          "the length does not go with the curve", 26 },
        { BEGIN "MCowBQYDK2VuAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=" END,
          "a public key that is neither RSA, P-256, P-384, P-521 nor Ed25519", 26 },
        { BEGIN "MCowBQYDK2VwAyEBGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=" END,
          "the PEM block holds no public key", 26 },
        { BEGIN "MAcwBQYDK2Vw" END, "the PEM block holds no public key", 26 },

        /* RSA that is a sequence of nothing, a compressed point */

        { BEGIN "MBQwDQYJKoZIhvcNAQEBBQADAwAwAA==" END, "a malformed RSA key", 26 },
        { "-----BEGIN RSA PUBLIC KEY-----\nMAA=\n-----END RSA PUBLIC KEY-----",
          "a malformed RSA key", 30 },
        { BEGIN "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACaxfR8uEsQkf4vOblY6RA8ncDfYEt"
          "6zOg9KE5RdiYwpY=" END, "a point that is compressed or malformed", 26 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        text = xr_test_copy(xr_str(cases[i].text));
        memset(&key, 0xee, sizeof(key));
        err = (xr_err_t) { NULL, 0 };

        rc = xr_pubkey_pem(text, memory, &key, &err);

        if (cases[i].what == NULL) {
            XR_CHECK_EQ(rc, XR_OK, cases[i].text);
            XR_CHECK_EQ(key.kind, XR_PUBKEY_ED25519, cases[i].text);
            XR_CHECK_EQ(key.n.len, 32, cases[i].text);

        } else {
            XR_CHECK_EQ(rc, XR_INVALID, cases[i].text);
            XR_CHECK_STR(xr_str(err.what), cases[i].what, cases[i].text);
            XR_CHECK_EQ(err.pos, cases[i].pos, cases[i].text);
            XR_CHECK_EQ(key.e.len, 0xeeeeeeeeeeeeeeee, cases[i].text);
        }

        xr_test_copy_free(text);
    }
}


/* More base64 than any key has. */

static void
test_long(void **state)
{
    size_t       n;
    uint8_t      memory[XR_PUBKEY_MAX_SIZE];
    xr_err_t     err;
    xr_pubkey_t  key;

    (void) state;

    for (n = 1000; n < 3000; n += 40) {
        snprintf(pem, sizeof(pem), BEGIN "%0*d" END, (int) n, 0);
        assert_int_equal(xr_pubkey_pem(xr_str(pem), memory, &key, &err), XR_INVALID);
    }
}


/* No bit of what OpenSSL writes can change without being noticed or used. */

static void
test_flipped(void **state)
{
    size_t         i, len;
    uint8_t        memory[XR_PUBKEY_MAX_SIZE];
    xr_pubkey_t    key;
    xr_test_key_t  k;

    (void) state;

    xr_test_key_make(&k, XR_PUBKEY_P256, 0);
    len = xr_test_key_pem(&k, pem, sizeof(pem));

    for (i = 0; i < len * 8; i++) {
        pem[i / 8] = (char) (pem[i / 8] ^ (1 << i % 8));

        if (xr_pubkey_pem(xr_str_of(pem, len), memory, &key, NULL) == XR_OK) {
            assert_true(xr_str_eq(key.n, k.pub.n));
        }

        pem[i / 8] = (char) (pem[i / 8] ^ (1 << i % 8));
    }

    xr_test_key_free(&k);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_pkcs1),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_flipped)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
