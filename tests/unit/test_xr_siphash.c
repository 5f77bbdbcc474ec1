/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>


/*
 * The vectors that the authors of SipHash publish: the key is 00 01 .. 0f, the
 * message of "len" bytes 00 01 02 ...
 */

static const struct {
    size_t       len;
    const char  *hash;
} vectors[] = {
    { 0,  "a3817f04ba25a8e66df67214c7550293" },
    { 1,  "da87c1d86b99af44347659119b22fc45" },
    { 2,  "8177228da4a45dc7fca38bdef60affe4" },
    { 3,  "9c70b60c5267a94e5f33b6b02985ed51" },
    { 4,  "f88164c12d9c8faf7d0f6e7c7bcd5579" },
    { 5,  "1368875980776f8854527a07690e9627" },
    { 6,  "14eeca338b208613485ea0308fd7a15e" },
    { 7,  "a1f1ebbed8dbc153c0b84aa61ff08239" },
    { 8,  "3b62a9ba6258f5610f83e264f31497b4" },
    { 9,  "264499060ad9baabc47f8b02bb6d71ed" },
    { 15, "5493e99933b0a8117e08ec0f97cfc3d9" },
    { 16, "6ee2a4ca67b054bbfd3315bf85230577" },
    { 17, "473d06e8738db89854c066c47ae47740" },
    { 31, "2939b0183223fafc1723de4f52c43d35" },
    { 32, "7c3956ca5eeafc3e363e9d556546eb68" },
    { 62, "5853542321f567a005d547a4f04759bd" },
    { 63, "5150d1772f50834a503e069a973fbd7c" }
};


static void
count_up(uint8_t *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        p[i] = (uint8_t) i;
    }
}


static void
test_vectors(void **state)
{
    size_t    i;
    uint8_t   key[XR_SIPHASH_KEY_SIZE], message[64], hash[XR_SIPHASH_SIZE];
    uint8_t   wanted[XR_SIPHASH_SIZE];
    xr_str_t  in;

    (void) state;

    count_up(key, sizeof(key));
    count_up(message, sizeof(message));

    for (i = 0; i < XR_COUNT(vectors); i++) {
        in = xr_str_of(message, vectors[i].len);
        assert_int_equal(xr_hex_decode(xr_str(vectors[i].hash), wanted, sizeof(wanted)), XR_OK);

        xr_siphash(key, &in, 1, hash);
        assert_memory_equal(hash, wanted, sizeof(hash));
    }
}


static void
openssl_siphash(const uint8_t *key, xr_str_t in, uint8_t *out)
{
    size_t       len, size;
    EVP_MAC      *mac;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *ctx;

    size = XR_SIPHASH_SIZE;
    params[0] = OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size);
    params[1] = OSSL_PARAM_construct_end();

    mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    assert_non_null(mac);
    ctx = EVP_MAC_CTX_new(mac);
    assert_non_null(ctx);

    assert_int_equal(EVP_MAC_init(ctx, key, XR_SIPHASH_KEY_SIZE, params), 1);
    assert_int_equal(EVP_MAC_update(ctx, in.data, in.len), 1);
    assert_int_equal(EVP_MAC_final(ctx, out, &len, XR_SIPHASH_SIZE), 1);
    assert_int_equal(len, XR_SIPHASH_SIZE);

    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}


/* Beyond a length of 255, which the last word does not hold. */

static void
test_lengths(void **state)
{
    size_t    n;
    uint8_t   key[XR_SIPHASH_KEY_SIZE], message[600], hash[XR_SIPHASH_SIZE];
    uint8_t   wanted[XR_SIPHASH_SIZE];
    xr_str_t  in;

    (void) state;

    memset(key, 0xa7, sizeof(key));
    count_up(message, sizeof(message));

    for (n = 0; n <= sizeof(message); n++) {
        in = xr_test_copy(xr_str_of(message, n));

        xr_siphash(key, &in, 1, hash);
        openssl_siphash(key, in, wanted);
        assert_memory_equal(hash, wanted, sizeof(hash));

        xr_test_copy_free(in);
    }
}


/* Parts are their concatenation, wherever it is cut. */

static void
test_parts(void **state)
{
    size_t    i, j;
    uint8_t   key[XR_SIPHASH_KEY_SIZE], message[40], hash[XR_SIPHASH_SIZE];
    uint8_t   wanted[XR_SIPHASH_SIZE];
    xr_str_t  parts[4];

    (void) state;

    count_up(key, sizeof(key));
    count_up(message, sizeof(message));

    parts[0] = xr_str_of(message, sizeof(message));
    xr_siphash(key, parts, 1, wanted);

    for (i = 0; i <= sizeof(message); i++) {

        for (j = i; j <= sizeof(message); j++) {
            parts[0] = xr_test_copy(xr_str_of(message, i));
            parts[1] = xr_test_copy(xr_str_of(message + i, j - i));
            parts[2] = xr_str_of(NULL, 0);
            parts[3] = xr_test_copy(xr_str_of(message + j, sizeof(message) - j));

            xr_siphash(key, parts, 4, hash);
            assert_memory_equal(hash, wanted, sizeof(hash));

            xr_test_copy_free(parts[0]);
            xr_test_copy_free(parts[1]);
            xr_test_copy_free(parts[3]);
        }
    }

    parts[0] = xr_str_of(NULL, 0);
    xr_siphash(key, parts, 0, hash);
    xr_siphash(key, parts, 1, wanted);
    assert_memory_equal(hash, wanted, sizeof(hash));
}


/* A word and a value are what the two are as parts. */

static void
test_64_bits(void **state)
{
    size_t    i, n;
    uint8_t   key[XR_SIPHASH_KEY_SIZE], word[8], message[40], hash[XR_SIPHASH_SIZE];
    uint64_t  first;
    xr_str_t  parts[2];

    (void) state;

    count_up(key, sizeof(key));
    count_up(word, sizeof(word));
    count_up(message, sizeof(message));

    for (n = 0; n <= sizeof(message); n++) {
        parts[0] = xr_str_of(word, sizeof(word));
        parts[1] = xr_str_of(message, n);

        xr_siphash(key, parts, 2, hash);

        first = 0;

        for (i = 0; i < 8; i++) {
            first |= (uint64_t) hash[i] << 8 * i;
        }

        assert_int_equal(xr_siphash_64(key, 0x0706050403020100, parts[1]), first);
    }
}


static void
test_mix(void **state)
{
    size_t    i;
    uint64_t  changed;

    (void) state;

    assert_int_not_equal(xr_mix64(1), xr_mix64(2));

    /* one bit of the number changes about half of those of the result */

    for (i = 0; i < 64; i++) {
        changed = xr_mix64(0x0123456789abcdef) ^ xr_mix64(0x0123456789abcdef ^ (uint64_t) 1 << i);
        assert_in_range(__builtin_popcountll(changed), 16, 48);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_64_bits),
        cmocka_unit_test(test_mix)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
