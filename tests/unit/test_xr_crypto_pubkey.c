/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "keys.h"


/* Numbers of any length, of which only the ends matter. */

static void
test_rsa(void **state)
{
    size_t       i;
    uint8_t      n[600];
    xr_err_t     err;
    xr_pubkey_t  key;

    static const struct {
        size_t       len;               /* of the modulus, in bytes */
        uint8_t      first;
        uint8_t      last;
        xr_str_t     e;
        xr_rc_t      rc;
        const char  *what;
    } cases[] = {
        { 256, 0x80, 1, XR_STR("\x01\x00\x01"), XR_OK, NULL },
        { 257, 0x01, 1, XR_STR("\x01\x00\x01"), XR_OK, NULL },
        { 512, 0xff, 1, XR_STR("\x01\x00\x01"), XR_OK, NULL },
        { 256, 0xc1, 1, XR_STR("\xff\xff\xff\xff\xff\xff\xff\xff"), XR_OK, NULL },
        { 256, 0xc1, 1, XR_STR("\x01\x00\x03"), XR_OK, NULL },

        { 256, 0x7f, 1, XR_STR("\x01\x00\x01"), XR_DENIED, "RSA with less than 2048 bits" },
        { 255, 0xff, 1, XR_STR("\x01\x00\x01"), XR_DENIED, "RSA with less than 2048 bits" },
        { 128, 0xff, 1, XR_STR("\x01\x00\x01"), XR_DENIED, "RSA with less than 2048 bits" },
        { 1,   0x0f, 0x0f, XR_STR("\x03"), XR_DENIED, "RSA with less than 2048 bits" },
        { 256, 0xc1, 1, XR_STR("\x01"), XR_DENIED, "RSA with an exponent below 65537" },
        { 256, 0xc1, 1, XR_STR("\x03"), XR_DENIED, "RSA with an exponent below 65537" },
        { 256, 0xc1, 1, XR_STR("\xff\xff"), XR_DENIED, "RSA with an exponent below 65537" },

        { 513, 0x01, 1, XR_STR("\x01\x00\x01"), XR_INVALID, "RSA with more than 4096 bits" },
        { 600, 0xff, 1, XR_STR("\x01\x00\x01"), XR_INVALID, "RSA with more than 4096 bits" },
        { 256, 0xc1, 2, XR_STR("\x01\x00\x01"), XR_INVALID, "RSA with a number that is even" },
        { 256, 0xc1, 1, XR_STR("\x01\x00\x02"), XR_INVALID, "RSA with a number that is even" },
        { 256, 0xc1, 1, XR_STR("\x01\x00\x00\x00\x00\x00\x00\x00\x01"), XR_INVALID,
          "RSA with an exponent of more than 8 bytes" },
        { 257, 0x00, 1, XR_STR("\x01\x00\x01"), XR_INVALID,
          "a number that is empty or has zeros in front" },
        { 256, 0xc1, 1, XR_STR("\x00\x01\x00\x01"), XR_INVALID,
          "a number that is empty or has zeros in front" },
        { 256, 0xc1, 1, XR_STR(""), XR_INVALID, "a number that is empty or has zeros in front" },
        { 0,   0, 0, XR_STR("\x01\x00\x01"), XR_INVALID,
          "a number that is empty or has zeros in front" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        memset(n, 0xa5, sizeof(n));
        n[0] = cases[i].first;

        if (cases[i].len > 1) {
            n[cases[i].len - 1] = cases[i].last;
        }

        key.kind = XR_PUBKEY_RSA;
        key.n = xr_test_copy(xr_str_of(n, cases[i].len));
        key.e = cases[i].e;
        err = (xr_err_t) { NULL, 99 };

        assert_int_equal(xr_pubkey_check(&key, &err), cases[i].rc);

        if (cases[i].rc != XR_OK) {
            assert_string_equal(err.what, cases[i].what);
            assert_int_equal(err.pos, 0);
        }

        assert_int_equal(xr_pubkey_check(&key, NULL), cases[i].rc);
        xr_test_copy_free(key.n);
    }
}


/* Points that OpenSSL makes are on their curve, their neighbours are not. */

static void
test_points(void **state)
{
    size_t         i, j, k, size;
    uint8_t        bad[XR_PUBKEY_MAX_SIZE];
    xr_err_t       err;
    xr_pubkey_t    key;
    xr_test_key_t  made;

    static const xr_pubkey_kind_t  kinds[] = { XR_PUBKEY_P256, XR_PUBKEY_P384, XR_PUBKEY_P521 };

    (void) state;

    for (i = 0; i < XR_COUNT(kinds); i++) {

        for (j = 0; j < 20; j++) {
            xr_test_key_make(&made, kinds[i], 0);
            size = made.pub.n.len / 2;

            assert_int_equal(xr_pubkey_check(&made.pub, NULL), XR_OK);

            for (k = 0; k < 2 * size; k += 7) {
                memcpy(bad, made.memory, 2 * size);
                bad[k] ^= 1;
                key = made.pub;
                key.n.data = bad;

                assert_int_equal(xr_pubkey_check(&key, &err), XR_INVALID);
                assert_string_equal(err.what, "the point is not on the curve");
            }

            key = made.pub;
            key.n.len--;
            assert_int_equal(xr_pubkey_check(&key, &err), XR_INVALID);
            assert_string_equal(err.what, "the length does not go with the curve");

            key = made.pub;
            key.e = xr_str("\1");
            assert_int_equal(xr_pubkey_check(&key, NULL), XR_INVALID);

            key = made.pub;
            key.kind = kinds[(i + 1) % XR_COUNT(kinds)];
            assert_int_equal(xr_pubkey_check(&key, NULL), XR_INVALID);

            xr_test_key_free(&made);
        }

    }
}


/* Zeros, and coordinates beyond the prime. */

static void
test_nowhere(void **state)
{
    size_t       i;
    uint8_t      bytes[132];
    xr_err_t     err;
    xr_pubkey_t  key;

    static const struct {
        xr_pubkey_kind_t  kind;
        size_t            len;
    } kinds[] = { { XR_PUBKEY_P256, 64 }, { XR_PUBKEY_P384, 96 }, { XR_PUBKEY_P521, 132 } };

    (void) state;

    key.e = xr_str_of(NULL, 0);

    for (i = 0; i < XR_COUNT(kinds); i++) {
        key.kind = kinds[i].kind;
        key.n = xr_str_of(bytes, kinds[i].len);

        memset(bytes, 0, sizeof(bytes));
        assert_int_equal(xr_pubkey_check(&key, NULL), XR_INVALID);

        memset(bytes, 0xff, sizeof(bytes));
        assert_int_equal(xr_pubkey_check(&key, NULL), XR_INVALID);
    }

    key.kind = (xr_pubkey_kind_t) 9;
    assert_int_equal(xr_pubkey_check(&key, &err), XR_INVALID);
    assert_string_equal(err.what, "not a kind of key");
}


/*
 * x = 0 has a point on P-256, y being a root of b; x = p is the same one
 * spelled otherwise.
 */

static void
test_spelling(void **state)
{
    uint8_t      xy[64];
    xr_pubkey_t  key;

    (void) state;

    key.kind = XR_PUBKEY_P256;
    key.n = xr_str_of(xy, sizeof(xy));
    key.e = xr_str_of(NULL, 0);

    memset(xy, 0, sizeof(xy));
    assert_int_equal(xr_hex_decode(xr_str("66485c780e2f83d72433bd5d84a06bb6"
                                          "541c2af31dae871728bf856a174f93f4"), xy + 32, 32),
                     XR_OK);
    assert_int_equal(xr_pubkey_check(&key, NULL), XR_OK);

    assert_int_equal(xr_hex_decode(xr_str("ffffffff000000010000000000000000"
                                          "00000000ffffffffffffffffffffffff"), xy, 32), XR_OK);
    assert_int_equal(xr_pubkey_check(&key, NULL), XR_INVALID);
}


static void
test_ed25519(void **state)
{
    size_t         i;
    uint8_t        bytes[32];
    xr_err_t       err;
    xr_pubkey_t    key;
    xr_test_key_t  made;

    /* little-endian, as they are sent */

    static const struct {
        const char  *hex;
        xr_rc_t      rc;
    } cases[] = {
        /* RFC 8032, section 7.1 */

        { "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", XR_OK },
        { "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", XR_OK },
        { "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", XR_OK },

        /* small order, with either sign */

        { "0000000000000000000000000000000000000000000000000000000000000000", XR_DENIED },
        { "0000000000000000000000000000000000000000000000000000000000000080", XR_DENIED },
        { "0100000000000000000000000000000000000000000000000000000000000000", XR_DENIED },
        { "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", XR_DENIED },
        { "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", XR_DENIED },
        { "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", XR_DENIED },
        { "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", XR_DENIED },

        /* beyond the prime, and on no curve */

        { "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", XR_INVALID },
        { "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", XR_INVALID },
        { "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", XR_INVALID },
        { "0200000000000000000000000000000000000000000000000000000000000000", XR_INVALID }
    };

    (void) state;

    key.kind = XR_PUBKEY_ED25519;
    key.n = xr_str_of(bytes, sizeof(bytes));
    key.e = xr_str_of(NULL, 0);

    for (i = 0; i < XR_COUNT(cases); i++) {
        assert_int_equal(xr_hex_decode(xr_str(cases[i].hex), bytes, sizeof(bytes)), XR_OK);
        XR_CHECK_EQ(xr_pubkey_check(&key, &err), cases[i].rc, cases[i].hex);
    }

    for (i = 0; i < 50; i++) {
        xr_test_key_make(&made, XR_PUBKEY_ED25519, 0);
        assert_int_equal(xr_pubkey_check(&made.pub, NULL), XR_OK);
        xr_test_key_free(&made);
    }

    key.n.len = 31;
    assert_int_equal(xr_pubkey_check(&key, NULL), XR_INVALID);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rsa),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_nowhere),
        cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_ed25519)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
