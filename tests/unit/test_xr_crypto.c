/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_buf.h"
#include "xr_crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>


static void
check_digest(const uint8_t *digest, const char *wanted, const char *what)
{
    char      memory[2 * XR_HASH_MAX_SIZE];
    xr_buf_t  b;

    b = xr_buf(memory, sizeof(memory));

    xr_buf_hex(&b, xr_str_of(digest, strlen(wanted) / 2));

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


/* FIPS 180-4, in one part and in several. */

static void
test_hash(void **state)
{
    size_t    i, n;
    uint8_t   digest[XR_HASH_MAX_SIZE];
    xr_str_t  in, parts[3];

    static const struct {
        xr_hash_t    hash;
        const char  *in;
        const char  *digest;
    } cases[] = {
        { XR_SHA1, "",
          "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
        { XR_SHA1, "abc",
          "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { XR_SHA256, "",
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { XR_SHA256, "abc",
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { XR_SHA384, "",
          "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
          "274edebfe76f65fbd51ad2f14898b95b" },
        { XR_SHA384, "abc",
          "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
          "8086072ba1e7cc2358baeca134c825a7" },
        { XR_SHA512, "",
          "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
          "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" },
        { XR_SHA512, "abc",
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
          "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        in = xr_str(cases[i].in);

        XR_CHECK_EQ(xr_hash_size(cases[i].hash), strlen(cases[i].digest) / 2, cases[i].digest);

        for (n = 0; n <= in.len; n++) {
            parts[0] = xr_str_of(in.data, n);
            parts[1] = xr_str_of(NULL, 0);
            parts[2] = xr_str_of(in.data + n, in.len - n);

            XR_CHECK_EQ(xr_hash(cases[i].hash, parts, 3, digest), XR_OK, cases[i].digest);
            check_digest(digest, cases[i].digest, cases[i].in);
        }
    }

    assert_int_equal(xr_hash(XR_SHA512, NULL, 0, digest), XR_OK);
    check_digest(digest, cases[6].digest, "no parts");

    assert_int_equal(xr_hash_size(0), 0);
    assert_int_equal(xr_hash_size((xr_hash_t) 9), 0);
    assert_int_equal(xr_hash(0, NULL, 0, digest), XR_ERROR);
    assert_int_equal(xr_hash((xr_hash_t) 9, NULL, 0, digest), XR_ERROR);
}


static void
test_md5(void **state)
{
    uint8_t  digest[XR_MD5_SIZE];

    (void) state;

    assert_int_equal(xr_md5(xr_str("abc"), digest), XR_OK);
    check_digest(digest, "900150983cd24fb0d6963f7d28e17f72", "RFC 1321");
}


/* RFC 4231, section 4.  Test case 5 truncates, which is of no use here. */

static const xr_hash_t  hashes[] = { XR_SHA256, XR_SHA384, XR_SHA512 };

static const struct {
    const char  *key;                   /* hexadecimal, or "" */
    uint8_t      fill;                  /* else: this byte ... */
    size_t       len;                   /* ... so many times */
    const char  *in;
    uint8_t      in_fill;
    const char  *macs[XR_COUNT(hashes)];
} vectors[] = {
    { "", 0x0b, 20,
      "Hi There", 0,
      { "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
        "faea9ea9076ede7f4af152e8b2fa9cb6",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
        "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" } },
    { "4a656665", 0, 0,
      "what do ya want for nothing?", 0,
      { "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
        "8e2240ca5e69e2c78b3239ecfab21649",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" } },
    { "", 0xaa, 20,
      "", 0xdd,
      { "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b"
        "2a5ab39dc13814b94e3ab6e101a34f27",
        "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
        "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb" } },
    { "0102030405060708090a0b0c0d0e0f10111213141516171819", 0, 0,
      "", 0xcd,
      { "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e"
        "6801dd23c4a7d679ccf8a386c674cffb",
        "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
        "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd" } },
    { "", 0xaa, 131,
      "Test Using Larger Than Block-Size Key - Hash Key First", 0,
      { "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
        "0c2ef6ab4030fe8296248df163f44952",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
        "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" } },
    { "", 0xaa, 131,
      "This is a test using a larger than block-size key and a larger than "
      "block-size data. The key needs to be hashed before being used by the "
      "HMAC algorithm.", 0,
      { "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5"
        "a678cc31e799176d3860e6110c46523e",
        "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
        "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58" } }
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
        XR_CHECK_EQ(xr_hmac_sha256(vector_key(i, key), vector_in(i, in), mac), XR_OK, "RFC 4231");
        check_digest(mac, vectors[i].macs[0], "RFC 4231");
    }
}


/*
 * The same key signs again and again, whole messages and parts alike, also
 * after it was moved elsewhere byte by byte.
 */

static void
check_hmac(size_t i, size_t h)
{
    size_t       n;
    uint8_t      key[131], memory[50], mac[XR_HASH_MAX_SIZE];
    xr_str_t     in, parts[3];
    xr_hmac_t    hmac, moved;
    const char  *wanted;

    wanted = vectors[i].macs[h];
    in = vector_in(i, memory);

    assert_int_equal(xr_hmac_init(&hmac, hashes[h], vector_key(i, key)), XR_OK);
    memset(key, 0, sizeof(key));

    memcpy(&moved, &hmac, sizeof(moved));
    memset(&hmac, 0, sizeof(hmac));

    for (n = 0; n <= in.len; n++) {
        parts[0] = xr_str_of(in.data, n);
        parts[1] = xr_str_of(NULL, 0);
        parts[2] = xr_str_of(in.data + n, in.len - n);

        assert_int_equal(xr_hmac_sign(&moved, hashes[h], parts, 3, mac), XR_OK);
        check_digest(mac, wanted, "parts");

        assert_int_equal(xr_hmac_sign(&moved, hashes[h], &in, 1, mac), XR_OK);
        check_digest(mac, wanted, "whole");
    }
}


static void
test_hmac_sign(void **state)
{
    size_t  i, h;

    (void) state;

    for (i = 0; i < XR_COUNT(vectors); i++) {

        for (h = 0; h < XR_COUNT(hashes); h++) {
            check_hmac(i, h);
        }
    }
}


/* Keys and messages of every length around the block sizes, as OpenSSL has it. */

static void
test_hmac_lengths(void **state)
{
    size_t         h, n;
    uint8_t        bytes[300], mac[XR_HASH_MAX_SIZE], wanted[XR_HASH_MAX_SIZE];
    xr_str_t       in;
    xr_hmac_t      hmac;
    const EVP_MD  *md;

    (void) state;

    memset(bytes, 0x5a, sizeof(bytes));

    for (h = 0; h < XR_COUNT(hashes); h++) {
        md = (h == 0) ? EVP_sha256() : (h == 1) ? EVP_sha384() : EVP_sha512();

        for (n = 0; n <= sizeof(bytes); n++) {
            in = xr_str_of(bytes, n);

            assert_int_equal(xr_hmac_init(&hmac, hashes[h], in), XR_OK);
            assert_int_equal(xr_hmac_sign(&hmac, hashes[h], &in, 1, mac), XR_OK);

            assert_non_null(HMAC(md, bytes, (int) n, bytes, n, wanted, NULL));
            assert_memory_equal(mac, wanted, xr_hash_size(hashes[h]));
        }
    }

    assert_int_equal(xr_hmac_init(&hmac, XR_SHA256, xr_str_of(NULL, 0)), XR_OK);
    assert_int_equal(xr_hmac_sign(&hmac, XR_SHA256, NULL, 0, mac), XR_OK);
    check_digest(mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
                 "nothing at all");
}


static void
test_hmac_refused(void **state)
{
    uint8_t    mac[XR_HASH_MAX_SIZE];
    xr_hmac_t  hmac;

    (void) state;

    assert_int_equal(xr_hmac_init(&hmac, XR_SHA1, xr_str("key")), XR_ERROR);
    assert_int_equal(xr_hmac_init(&hmac, 0, xr_str("key")), XR_ERROR);
    assert_int_equal(xr_hmac_init(&hmac, (xr_hash_t) 9, xr_str("key")), XR_ERROR);

    assert_int_equal(xr_hmac_init(&hmac, XR_SHA256, xr_str("key")), XR_OK);
    assert_int_equal(xr_hmac_sign(&hmac, XR_SHA1, NULL, 0, mac), XR_ERROR);
    assert_int_equal(xr_hmac_sign(&hmac, 0, NULL, 0, mac), XR_ERROR);
}


static void
test_random(void **state)
{
    size_t   i, j;
    uint8_t  drawn[16][32];

    (void) state;

    for (i = 0; i < XR_COUNT(drawn); i++) {
        assert_int_equal(xr_random(drawn[i], sizeof(drawn[i])), XR_OK);

        for (j = 0; j < i; j++) {
            assert_memory_not_equal(drawn[i], drawn[j], sizeof(drawn[i]));
        }
    }

    assert_int_equal(xr_random(drawn[0], 0), XR_OK);
    assert_int_equal(xr_random(drawn[0], SIZE_MAX), XR_ERROR);
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
            assert_false(xr_equal(a, b, i + 1));
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
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_md5),
        cmocka_unit_test(test_hmac_sha256),
        cmocka_unit_test(test_hmac_sign),
        cmocka_unit_test(test_hmac_lengths),
        cmocka_unit_test(test_hmac_refused),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_wipe)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
