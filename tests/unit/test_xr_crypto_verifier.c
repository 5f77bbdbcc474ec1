/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "keys.h"

#include <openssl/err.h>


/* One key of each kind; RSA takes a while to make. */

static xr_test_key_t  rsa, rsa3072, p256, p384, p521, ed25519;


/* RFC 7515, A.2, A.3, A.4; RFC 8037, A.4 */

static const struct {
    const char       *what;
    xr_pubkey_kind_t  kind;
    xr_signature_t    scheme;
    xr_hash_t         hash;
    const char       *n;
    const char       *y;                /* or e */
    const char       *in;
    const char       *signature;
} vectors[] = {
    { "RFC 7515 A.2", XR_PUBKEY_RSA, XR_SIGNATURE_RSA_PKCS1, XR_SHA256,
      "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
      "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
      "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
      "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ", "AQAB",
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmN"
      "vbS9pc19yb290Ijp0cnVlfQ",
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
      "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
      "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
      "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw" },
    { "RFC 7515 A.3", XR_PUBKEY_P256, XR_SIGNATURE_ECDSA_RAW, XR_SHA256,
      "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmN"
      "vbS9pc19yb290Ijp0cnVlfQ",
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
    { "RFC 7515 A.4", XR_PUBKEY_P521, XR_SIGNATURE_ECDSA_RAW, XR_SHA512,
      "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
      "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
      "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
      "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8G"
      "aSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn" },
    { "RFC 8037 A.4", XR_PUBKEY_ED25519, XR_SIGNATURE_EDDSA, 0,
      "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "",
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg" }
};


/* What a verifier wants to see of a message: its digest, or itself. */

static xr_str_t
verified(xr_hash_t hash, xr_str_t message, uint8_t digest[XR_HASH_MAX_SIZE])
{
    if (hash == 0) {
        return message;
    }

    assert_int_equal(xr_hash(hash, &message, 1, digest), XR_OK);

    return xr_str_of(digest, xr_hash_size(hash));
}


static void
test_vectors(void **state)
{
    size_t          i, n, m;
    uint8_t         memory[XR_PUBKEY_MAX_SIZE], signature[XR_TEST_SIGNATURE_SIZE];
    uint8_t         digest[XR_HASH_MAX_SIZE];
    xr_str_t        in, sig;
    xr_pubkey_t     key;
    xr_verifier_t  *v;

    (void) state;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        n = xr_test_base64(vectors[i].n, memory, sizeof(memory));
        m = xr_test_base64(vectors[i].y, memory + n, sizeof(memory) - n);

        key.kind = vectors[i].kind;
        key.n = xr_str_of(memory, n);
        key.e = xr_str_of(memory + n, m);

        if (key.kind != XR_PUBKEY_RSA) {
            key.n.len += m;
            key.e.len = 0;
        }

        XR_CHECK_EQ(xr_pubkey_check(&key, NULL), XR_OK, vectors[i].what);

        v = xr_verifier_create(&key, vectors[i].scheme, vectors[i].hash);
        XR_CHECK(v != NULL, vectors[i].what);

        n = xr_test_base64(vectors[i].signature, signature, sizeof(signature));
        sig = xr_str_of(signature, n);
        in = verified(vectors[i].hash, xr_str(vectors[i].in), digest);

        XR_CHECK_EQ(xr_verifier_check(v, in, sig), XR_OK, vectors[i].what);

        signature[n / 2] ^= 1;
        XR_CHECK_EQ(xr_verifier_check(v, in, sig), XR_DENIED, vectors[i].what);

        xr_verifier_free(v);
    }
}


static const struct {
    const char      *what;
    xr_test_key_t   *key;
    xr_signature_t   scheme;
    xr_hash_t        hash;
} pairs[] = {
    { "PKCS1 SHA-1",         &rsa,     XR_SIGNATURE_RSA_PKCS1, XR_SHA1 },
    { "PKCS1 SHA-256",       &rsa,     XR_SIGNATURE_RSA_PKCS1, XR_SHA256 },
    { "PKCS1 SHA-384",       &rsa,     XR_SIGNATURE_RSA_PKCS1, XR_SHA384 },
    { "PKCS1 SHA-512",       &rsa,     XR_SIGNATURE_RSA_PKCS1, XR_SHA512 },
    { "PKCS1 SHA-256, 3072", &rsa3072, XR_SIGNATURE_RSA_PKCS1, XR_SHA256 },
    { "PSS SHA-256",         &rsa,     XR_SIGNATURE_RSA_PSS,   XR_SHA256 },
    { "PSS SHA-384",         &rsa,     XR_SIGNATURE_RSA_PSS,   XR_SHA384 },
    { "PSS SHA-512",         &rsa3072, XR_SIGNATURE_RSA_PSS,   XR_SHA512 },
    { "ES256",               &p256,    XR_SIGNATURE_ECDSA_RAW, XR_SHA256 },
    { "ES384",               &p384,    XR_SIGNATURE_ECDSA_RAW, XR_SHA384 },
    { "ES512",               &p521,    XR_SIGNATURE_ECDSA_RAW, XR_SHA512 },
    { "P-256 SHA-1",         &p256,    XR_SIGNATURE_ECDSA_DER, XR_SHA1 },
    { "P-256 SHA-256",       &p256,    XR_SIGNATURE_ECDSA_DER, XR_SHA256 },
    { "P-521 SHA-512",       &p521,    XR_SIGNATURE_ECDSA_DER, XR_SHA512 },
    { "Ed25519",             &ed25519, XR_SIGNATURE_EDDSA,     0 }
};


/*
 * The same verifier takes good and bad in turn, many times: neither spoils it
 * for what follows.  Numbers that happen to be short are among the many.
 */

static void
test_pairs(void **state)
{
    size_t          i, j, len;
    char            message[16];
    uint8_t         signature[XR_TEST_SIGNATURE_SIZE + 1], digest[XR_HASH_MAX_SIZE];
    uint8_t         other[XR_HASH_MAX_SIZE];
    xr_str_t        in, sig, wrong;
    xr_verifier_t  *v;

    (void) state;

    len = 0;

    for (i = 0; i < XR_COUNT(pairs); i++) {
        v = xr_verifier_create(&pairs[i].key->pub, pairs[i].scheme, pairs[i].hash);
        XR_CHECK(v != NULL, pairs[i].what);

        wrong = verified(pairs[i].hash, xr_str("something else"), other);

        for (j = 0; j < (pairs[i].key->pub.kind == XR_PUBKEY_RSA ? 4 : 60); j++) {
            snprintf(message, sizeof(message), "message %zu", j);

            len = xr_test_key_sign(pairs[i].key, pairs[i].scheme, pairs[i].hash, xr_str(message),
                                   signature);
            sig = xr_str_of(signature, len);
            in = verified(pairs[i].hash, xr_str(message), digest);

            XR_CHECK_EQ(xr_verifier_check(v, in, sig), XR_OK, pairs[i].what);
            XR_CHECK_EQ(xr_verifier_check(v, wrong, sig), XR_DENIED, pairs[i].what);

            /* the length is exact */

            signature[len] = 0;
            XR_CHECK_EQ(xr_verifier_check(v, in, xr_str_of(signature, len + 1)), XR_DENIED,
                        pairs[i].what);
            XR_CHECK_EQ(xr_verifier_check(v, in, xr_str_of(signature, len - 1)), XR_DENIED,
                        pairs[i].what);
            XR_CHECK_EQ(xr_verifier_check(v, in, xr_str_of(NULL, 0)), XR_DENIED, pairs[i].what);

            if (pairs[i].hash != 0) {
                XR_CHECK_EQ(xr_verifier_check(v, xr_str_of(in.data, in.len - 1), sig), XR_DENIED,
                            pairs[i].what);
                XR_CHECK_EQ(xr_verifier_check(v, xr_str_of(NULL, 0), sig), XR_DENIED,
                            pairs[i].what);
            }

            XR_CHECK_EQ(xr_verifier_check(v, in, sig), XR_OK, pairs[i].what);
        }

        memset(signature, 0, sizeof(signature));
        XR_CHECK_EQ(xr_verifier_check(v, wrong, xr_str_of(signature, len)), XR_DENIED,
                    pairs[i].what);

        memset(signature, 0xff, sizeof(signature));
        XR_CHECK_EQ(xr_verifier_check(v, wrong, xr_str_of(signature, len)), XR_DENIED,
                    pairs[i].what);

        xr_verifier_free(v);
    }
}


/* One scheme's signatures are not another's, whatever the key. */

static void
test_crossed(void **state)
{
    size_t          i, j, len;
    xr_rc_t         wanted;
    uint8_t         signature[XR_TEST_SIGNATURE_SIZE], digest[XR_HASH_MAX_SIZE];
    xr_str_t        in;
    xr_verifier_t  *v;

    (void) state;

    for (i = 0; i < XR_COUNT(pairs); i++) {
        len = xr_test_key_sign(pairs[i].key, pairs[i].scheme, pairs[i].hash, xr_str("message"),
                               signature);

        for (j = 0; j < XR_COUNT(pairs); j++) {
            v = xr_verifier_create(&pairs[j].key->pub, pairs[j].scheme, pairs[j].hash);
            XR_CHECK(v != NULL, pairs[j].what);

            in = verified(pairs[j].hash, xr_str("message"), digest);
            wanted = (i == j) ? XR_OK : XR_DENIED;

            XR_CHECK_EQ(xr_verifier_check(v, in, xr_str_of(signature, len)), wanted,
                        pairs[j].what);

            xr_verifier_free(v);
        }
    }
}


/* Salts of other lengths than the digest's are not RFC 7518's PSS. */

static void
test_salt(void **state)
{
    size_t          i, len;
    uint8_t         signature[XR_TEST_SIGNATURE_SIZE], digest[XR_HASH_MAX_SIZE];
    xr_str_t        in;
    EVP_PKEY_CTX   *ctx;
    xr_verifier_t  *v;

    static const struct {
        int      len;
        xr_rc_t  rc;
    } salts[] = {
        { 32, XR_OK }, { 0, XR_DENIED }, { 20, XR_DENIED }, { 31, XR_DENIED }, { 33, XR_DENIED },
        { RSA_PSS_SALTLEN_MAX, XR_DENIED }
    };

    (void) state;

    v = xr_verifier_create(&rsa.pub, XR_SIGNATURE_RSA_PSS, XR_SHA256);
    assert_non_null(v);
    in = verified(XR_SHA256, xr_str("message"), digest);

    for (i = 0; i < XR_COUNT(salts); i++) {
        ctx = EVP_PKEY_CTX_new_from_pkey(NULL, rsa.pair, NULL);
        assert_non_null(ctx);
        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salts[i].len), 1);

        len = sizeof(signature);
        assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, in.data, in.len), 1);
        EVP_PKEY_CTX_free(ctx);

        assert_int_equal(xr_verifier_check(v, in, xr_str_of(signature, len)), salts[i].rc);
    }

    xr_verifier_free(v);
}


/*
 * Other spellings of a good signature in DER, made of one in which r and s
 * have 32 bytes each: 30 44 02 20 r 02 20 s.
 */

static const struct {
    const char  *what;
    size_t       at;                    /* a byte put in here, ... */
    uint8_t      byte;
    uint8_t      sequence;              /* ... these lengths growing by it */
    uint8_t      integer;
    size_t       flip;                  /* and a byte changed */
    uint8_t      mask;
} spellings[] = {
    { "length of the sequence in two bytes", 1,  0x81, 0, 0, 0, 0 },
    { "length of r in two bytes",            3,  0x81, 1, 0, 0, 0 },
    { "a zero too many before r",            4,  0,    1, 1, 0, 0 },
    { "a byte behind s",                     70, 0,    1, 0, 0, 0 },
    { "a byte behind the sequence",          70, 0,    0, 0, 0, 0 },
    { "r is negative",                       70, 0,    0, 0, 4, 0x80 },
    { "indefinite length",                   70, 0,    0, 0, 1, 0x44 ^ 0x80 },
    { "a set",                               70, 0,    0, 0, 0, 0x30 ^ 0x31 }
};


static void
test_der(void **state)
{
    size_t          i, len;
    uint8_t         good[XR_TEST_SIGNATURE_SIZE], bad[XR_TEST_SIGNATURE_SIZE];
    uint8_t         digest[XR_HASH_MAX_SIZE];
    xr_str_t        in;
    xr_verifier_t  *v;

    (void) state;

    v = xr_verifier_create(&p256.pub, XR_SIGNATURE_ECDSA_DER, XR_SHA256);
    assert_non_null(v);
    in = verified(XR_SHA256, xr_str("message"), digest);

    do {
        len = xr_test_key_sign(&p256, XR_SIGNATURE_ECDSA_DER, XR_SHA256, xr_str("message"), good);
    } while (len != 70 || good[3] != 32);

    assert_int_equal(xr_verifier_check(v, in, xr_str_of(good, 70)), XR_OK);

    for (i = 0; i < XR_COUNT(spellings); i++) {
        memcpy(bad, good, spellings[i].at);
        bad[spellings[i].at] = spellings[i].byte;
        memcpy(bad + spellings[i].at + 1, good + spellings[i].at, 70 - spellings[i].at);

        bad[1] = (uint8_t) (bad[1] + spellings[i].sequence);
        bad[3] = (uint8_t) (bad[3] + spellings[i].integer);
        bad[spellings[i].flip] ^= spellings[i].mask;

        len = (spellings[i].mask != 0) ? 70 : 71;
        XR_CHECK_EQ(xr_verifier_check(v, in, xr_str_of(bad, len)), XR_DENIED, spellings[i].what);
    }

    for (i = 0; i < 70; i++) {
        assert_int_equal(xr_verifier_check(v, in, xr_str_of(good, i)), XR_DENIED);
    }

    xr_verifier_free(v);
}


/* r or s that is 0, or the order of the group or more. */

static void
test_ranges(void **state)
{
    size_t          i, len;
    uint8_t         good[XR_TEST_SIGNATURE_SIZE], bad[64], order[32], digest[XR_HASH_MAX_SIZE];
    xr_str_t        in;
    xr_verifier_t  *v;

    (void) state;

    assert_int_equal(xr_hex_decode(xr_str("ffffffff00000000ffffffffffffffff"
                                          "bce6faada7179e84f3b9cac2fc632551"), order, 32), XR_OK);

    v = xr_verifier_create(&p256.pub, XR_SIGNATURE_ECDSA_RAW, XR_SHA256);
    assert_non_null(v);
    in = verified(XR_SHA256, xr_str("message"), digest);

    len = xr_test_key_sign(&p256, XR_SIGNATURE_ECDSA_RAW, XR_SHA256, xr_str("message"), good);
    assert_int_equal(len, 64);
    assert_int_equal(xr_verifier_check(v, in, xr_str_of(good, 64)), XR_OK);

    for (i = 0; i < 2; i++) {
        memcpy(bad, good, 64);
        memset(bad + 32 * i, 0, 32);
        assert_int_equal(xr_verifier_check(v, in, xr_str_of(bad, 64)), XR_DENIED);

        memcpy(bad + 32 * i, order, 32);
        assert_int_equal(xr_verifier_check(v, in, xr_str_of(bad, 64)), XR_DENIED);

        memset(bad + 32 * i, 0xff, 32);
        assert_int_equal(xr_verifier_check(v, in, xr_str_of(bad, 64)), XR_DENIED);
    }

    xr_verifier_free(v);
}


static void
test_refused(void **state)
{
    size_t       i;
    uint8_t      point[64];
    xr_pubkey_t  key;

    static const struct {
        xr_test_key_t   *key;
        xr_signature_t   scheme;
        xr_hash_t        hash;
    } cases[] = {
        { &rsa,     XR_SIGNATURE_RSA_PKCS1, 0 },
        { &rsa,     XR_SIGNATURE_RSA_PKCS1, (xr_hash_t) 9 },
        { &rsa,     XR_SIGNATURE_RSA_PSS,   XR_SHA1 },
        { &rsa,     XR_SIGNATURE_ECDSA_RAW, XR_SHA256 },
        { &rsa,     XR_SIGNATURE_ECDSA_DER, XR_SHA256 },
        { &rsa,     XR_SIGNATURE_EDDSA,     0 },
        { &rsa,     (xr_signature_t) 0,     XR_SHA256 },
        { &rsa,     (xr_signature_t) 9,     XR_SHA256 },
        { &p256,    XR_SIGNATURE_RSA_PKCS1, XR_SHA256 },
        { &p256,    XR_SIGNATURE_RSA_PSS,   XR_SHA256 },
        { &p256,    XR_SIGNATURE_ECDSA_RAW, XR_SHA1 },
        { &p256,    XR_SIGNATURE_ECDSA_RAW, 0 },
        { &p256,    XR_SIGNATURE_EDDSA,     0 },
        { &ed25519, XR_SIGNATURE_EDDSA,     XR_SHA256 },
        { &ed25519, XR_SIGNATURE_ECDSA_RAW, XR_SHA256 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        assert_null(xr_verifier_create(&cases[i].key->pub, cases[i].scheme, cases[i].hash));
    }

    /* a point that nobody checked, and lengths that do not fit */

    memset(point, 0x11, sizeof(point));
    key = p256.pub;
    key.n.data = point;
    assert_null(xr_verifier_create(&key, XR_SIGNATURE_ECDSA_RAW, XR_SHA256));

    key = p256.pub;
    key.n.len = 63;
    assert_null(xr_verifier_create(&key, XR_SIGNATURE_ECDSA_RAW, XR_SHA256));

    key = rsa.pub;
    key.n.len = XR_PUBKEY_MAX_SIZE + 1;
    assert_null(xr_verifier_create(&key, XR_SIGNATURE_RSA_PKCS1, XR_SHA256));

    key = ed25519.pub;
    key.n.len = 31;
    assert_null(xr_verifier_create(&key, XR_SIGNATURE_EDDSA, 0));

    xr_verifier_free(NULL);
}


/* What failed here is not left for TLS to stumble over. */

static void
test_error_queue(void **state)
{
    size_t          i, n;
    uint8_t         signature[XR_TEST_SIGNATURE_SIZE], digest[XR_HASH_MAX_SIZE];
    xr_str_t        in;
    xr_verifier_t  *v;

    (void) state;

    memset(signature, 1, sizeof(signature));

    for (i = 0; i < XR_COUNT(pairs); i++) {
        ERR_clear_error();

        v = xr_verifier_create(&pairs[i].key->pub, pairs[i].scheme, pairs[i].hash);
        assert_non_null(v);
        n = (pairs[i].key->pub.kind == XR_PUBKEY_RSA) ? pairs[i].key->pub.n.len : 64;
        in = verified(pairs[i].hash, xr_str("message"), digest);

        XR_CHECK_EQ(xr_verifier_check(v, in, xr_str_of(signature, n)), XR_DENIED, pairs[i].what);
        XR_CHECK_EQ(ERR_peek_error(), 0, pairs[i].what);

        /* what was there before stays */

        ERR_raise(ERR_LIB_USER, 77);
        XR_CHECK_EQ(xr_verifier_check(v, in, xr_str_of(signature, n)), XR_DENIED, pairs[i].what);
        XR_CHECK_EQ(ERR_GET_REASON(ERR_get_error()), 77, pairs[i].what);
        XR_CHECK_EQ(ERR_get_error(), 0, pairs[i].what);

        xr_verifier_free(v);
    }
}


static int
make_keys(void **state)
{
    (void) state;

    xr_test_key_make(&rsa, XR_PUBKEY_RSA, 2048);
    xr_test_key_make(&rsa3072, XR_PUBKEY_RSA, 3072);
    xr_test_key_make(&p256, XR_PUBKEY_P256, 0);
    xr_test_key_make(&p384, XR_PUBKEY_P384, 0);
    xr_test_key_make(&p521, XR_PUBKEY_P521, 0);
    xr_test_key_make(&ed25519, XR_PUBKEY_ED25519, 0);

    return 0;
}


static int
free_keys(void **state)
{
    (void) state;

    xr_test_key_free(&rsa);
    xr_test_key_free(&rsa3072);
    xr_test_key_free(&p256);
    xr_test_key_free(&p384);
    xr_test_key_free(&p521);
    xr_test_key_free(&ed25519);

    return 0;
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_crossed),
        cmocka_unit_test(test_salt),
        cmocka_unit_test(test_der),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_error_queue)
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
