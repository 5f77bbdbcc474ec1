/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_buf.h"
#include "xr_crypto.h"


static void
check_digest(const uint8_t digest[XR_SHA256_SIZE], const char *wanted,
    const char *what)
{
    char      memory[2 * XR_SHA256_SIZE];
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));

    xr_buf_hex(&b, xr_str_of(digest, XR_SHA256_SIZE));

    XR_CHECK_STR(xr_buf_str(&b), wanted, what);
}


/* FIPS 180-4, and the test vectors that NIST publishes with it. */

static void
test_sha256(void **state)
{
    size_t    i;
    uint8_t   digest[XR_SHA256_SIZE];
    uint8_t  *million;

    static const struct {
        const char  *in;
        const char  *digest;
    } cases[] = {
        { "",
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc",
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
          "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_sha256(xr_str(cases[i].in), digest), XR_OK,
                    cases[i].in);
        check_digest(digest, cases[i].digest, cases[i].in);
    }

    assert_int_equal(xr_sha256(xr_str_of(NULL, 0), digest), XR_OK);
    check_digest(digest, cases[0].digest, "no data");

    million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);

    assert_int_equal(xr_sha256(xr_str_of(million, 1000000), digest), XR_OK);
    check_digest(digest, "cdc76e5c9914fb9281a1c7e284d73e67"
                         "f1809a48a497200e046d39ccc7112cd0", "a million \"a\"");

    free(million);
}


/* RFC 4231, section 4.  Test case 5 truncates, which is of no use here. */

static const struct {
    const char  *key;                   /* hexadecimal, or "" */
    uint8_t      fill;                  /* else: this byte ... */
    size_t       len;                   /* ... so many times */
    const char  *in;
    uint8_t      in_fill;
    const char  *mac;
} vectors[] = {
    { "", 0x0b, 20, "Hi There", 0,
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "4a656665", 0, 0, "what do ya want for nothing?", 0,
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { "", 0xaa, 20, "", 0xdd,
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
    { "0102030405060708090a0b0c0d0e0f10111213141516171819", 0, 0, "", 0xcd,
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
    { "", 0xaa, 131,
      "Test Using Larger Than Block-Size Key - Hash Key First", 0,
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
    { "", 0xaa, 131,
      "This is a test using a larger than block-size key and a larger than "
      "block-size data. The key needs to be hashed before being used by the "
      "HMAC algorithm.", 0,
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" }
};


static xr_str_t
vector_key(size_t i, uint8_t memory[131])
{
    xr_str_t  hex;

    hex = xr_str(vectors[i].key);

    if (hex.len == 0) {
        memset(memory, vectors[i].fill, vectors[i].len);
        return xr_str_of(memory, vectors[i].len);
    }

    assert_int_equal(xr_hex_decode(hex, memory, 131), XR_OK);

    return xr_str_of(memory, hex.len / 2);
}


static xr_str_t
vector_in(size_t i, uint8_t memory[50])
{
    if (vectors[i].in_fill == 0) {
        return xr_str(vectors[i].in);
    }

    memset(memory, vectors[i].in_fill, 50);

    return xr_str_of(memory, 50);
}


static void
test_hmac_sha256(void **state)
{
    size_t   i;
    uint8_t  key[131], in[50], mac[XR_SHA256_SIZE];

    (void) state;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        XR_CHECK_EQ(xr_hmac_sha256(vector_key(i, key), vector_in(i, in), mac),
                    XR_OK, vectors[i].mac);
        check_digest(mac, vectors[i].mac, "RFC 4231");
    }
}


/* The same key signs again and again, whole messages and parts alike. */

static void
test_hmac_sign(void **state)
{
    size_t      i, j, n;
    uint8_t     key[131], memory[50], mac[XR_SHA256_SIZE];
    xr_str_t    in, parts[3];
    xr_hmac_t  *hmac;

    (void) state;

    for (i = 0; i < XR_COUNT(vectors); i++) {
        hmac = xr_hmac_create(vector_key(i, key));
        assert_non_null(hmac);

        memset(key, 0, sizeof(key));

        in = vector_in(i, memory);

        for (j = 0; j < 3; j++) {
            XR_CHECK_EQ(xr_hmac_sign(hmac, &in, 1, mac), XR_OK,
                        vectors[i].mac);
            check_digest(mac, vectors[i].mac, "whole");
        }

        for (n = 0; n <= in.len; n++) {
            parts[0] = xr_str_of(in.data, n);
            parts[1] = xr_str_of(NULL, 0);
            parts[2] = xr_str_of(in.data + n, in.len - n);

            XR_CHECK_EQ(xr_hmac_sign(hmac, parts, 3, mac), XR_OK,
                        vectors[i].mac);
            check_digest(mac, vectors[i].mac, "parts");
        }

        xr_hmac_free(hmac);
    }
}


/* Keys of every length around the block size, against the one-shot call. */

static void
test_hmac_lengths(void **state)
{
    size_t      n;
    uint8_t     key[80], one[XR_SHA256_SIZE], two[XR_SHA256_SIZE];
    xr_str_t    in;
    xr_hmac_t  *hmac;

    (void) state;

    in = xr_str("message");

    for (n = 0; n <= sizeof(key); n++) {
        memset(key, 0x5a, n);

        hmac = xr_hmac_create(xr_str_of(key, n));
        assert_non_null(hmac);

        assert_int_equal(xr_hmac_sign(hmac, &in, 1, one), XR_OK);
        assert_int_equal(xr_hmac_sha256(xr_str_of(key, n), in, two), XR_OK);
        assert_memory_equal(one, two, sizeof(one));

        xr_hmac_free(hmac);
    }

    hmac = xr_hmac_create(xr_str_of(NULL, 0));
    assert_non_null(hmac);

    assert_int_equal(xr_hmac_sign(hmac, NULL, 0, one), XR_OK);
    check_digest(one, "b613679a0814d9ec772f95d778c35fc5"
                      "ff1697c493715653c6c712144292c5ad", "nothing at all");

    xr_hmac_free(hmac);
    xr_hmac_free(NULL);
}


static void
test_equal(void **state)
{
    size_t   i, bit;
    uint8_t  a[XR_SHA256_SIZE], b[XR_SHA256_SIZE];

    (void) state;

    memset(a, 0x3c, sizeof(a));
    memset(b, 0x3c, sizeof(b));

    assert_true(xr_equal(a, b, sizeof(a)));
    assert_true(xr_equal(a, b, 0));

    for (i = 0; i < sizeof(a); i++) {

        for (bit = 0; bit < 8; bit++) {
            b[i] ^= (uint8_t) (1U << bit);
            assert_false(xr_equal(a, b, sizeof(a)));
            assert_true(xr_equal(a, b, i));
            b[i] ^= (uint8_t) (1U << bit);
        }
    }
}


static void
test_wipe(void **state)
{
    uint8_t               secret[33];
    static const uint8_t  zeros[32];

    (void) state;

    memset(secret, 0x77, sizeof(secret));

    xr_wipe(secret, 32);
    xr_wipe(NULL, 0);

    assert_memory_equal(secret, zeros, 32);
    assert_int_equal(secret[32], 0x77);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac_sha256),
        cmocka_unit_test(test_hmac_sign),
        cmocka_unit_test(test_hmac_lengths),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_wipe)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
