/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "keys.h"

#include "xr_keyset.h"


#define K16  "00112233445566778899aabbccddeeff"
#define K20  "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
#define K32  K16 "ffeeddccbbaa99887766554433221100"
#define K64  K32 K32
#define ID8   "abcDEF09"
#define ID64  ID8 ID8 ID8 ID8 ID8 ID8 ID8 ID8


static const struct {
    const char  *text;
    size_t       n;                     /* 0: refused, at "pos" */
    const char  *id;                    /* of the first key */
    size_t       pos;
} cases[] = {
    { K16,                                  1, "", 0 },
    { K16 "\n",                             1, "", 0 },
    { K16 "\r\n",                           1, "", 0 },
    { "  " K16 " \t\n",                     1, "", 0 },
    { "2026-11 " K16 "\n",                  1, "2026-11", 0 },
    { "\t2026-11\t \t" K16 "\t\r\n",        1, "2026-11", 0 },
    { "# comment\n\n  # one\n" K64 "\n#",   1, "", 0 },
    { "a " K16 "\nb " K32 "\n" K64 "\n",    3, "a", 0 },
    { ID64 " " K16,                         1, ID64, 0 },
    { "A.b_c-9 " K20,                       1, "A.b_c-9", 0 },
    { "dead " K20,                          1, "dead", 0 },
    { "k1 FFEEDDCCBBAA99887766554433221100", 1, "k1", 0 },
    { K16 "\n" K20 "\n" K32 "\n" K64,       4, "", 0 },

    /* the key without its last byte, and one with another: two keys */

    { K16 "11\n" K16 "12\n",                2, "", 0 },

    { "",                                   0, NULL, 0 },
    { "\n\r\n \n",                          0, NULL, 5 },
    { "# " K16 "\n",                        0, NULL, 35 },
    { "00112233445566778899aabbccddee",     0, NULL, 0 },
    { K64 "00",                             0, NULL, 0 },
    { K16 "0",                              0, NULL, 0 },
    { K64 "0",                              0, NULL, 0 },
    { "0x" K16,                             0, NULL, 0 },
    { "00112233445566778899aabbccddeefg",   0, NULL, 0 },
    { "id",                                 0, NULL, 0 },
    { "id \n" K16,                          0, NULL, 0 },
    { "i:d " K16,                           0, NULL, 0 },
    { ID64 "x " K16,                        0, NULL, 0 },
    { "\303\274 " K16,                      0, NULL, 0 },
    { "a b " K16,                           0, NULL, 2 },
    { "a " K16 " " K20,                     0, NULL, 2 },
    { "a " K16 " # comment",                0, NULL, 2 },
    { "a=" K16,                             0, NULL, 0 },
    { "\n  a  x",                           0, NULL, 6 },
    { K16 "\n" K16,                         0, NULL, 33 },
    { "a " K16 "\nb 00112233445566778899AABBCCDDEEFF", 0, NULL, 37 },
    { "a " K16 "\na " K20,                  0, NULL, 35 },

    /* HMAC pads with zeros: these are one key */

    { K16 "\n" K16 "0000\n",                0, NULL, 33 }
};


static void
test_parse(void **state)
{
    size_t         i;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_str_t       text;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        xr_test_mem_init(&m, SIZE_MAX);
        memset(&set, 0, sizeof(set));
        err = (xr_err_t) { NULL, 999 };
        text = xr_test_copy(xr_str(cases[i].text));

        rc = xr_keyset_edgeauth(&set, text, &m.mem, &err);

        /* nothing may point into the text */

        memset((void *) (uintptr_t) text.data, 0, text.len);
        xr_test_copy_free(text);

        XR_CHECK_EQ(rc, cases[i].n > 0 ? XR_OK : XR_INVALID, cases[i].text);
        XR_CHECK_EQ(set.n, cases[i].n, cases[i].text);

        if (rc == XR_OK) {
            XR_CHECK_STR(set.keys[0].id, cases[i].id, cases[i].text);
            XR_CHECK_EQ(set.keys[0].kind, XR_KIND_EDGEAUTH, cases[i].text);
            XR_CHECK_EQ(set.keys[0].alg, XR_ALG_NOT_SET, cases[i].text);
            XR_CHECK(set.keys[0].hmac != NULL, cases[i].text);

        } else {
            XR_CHECK(err.what != NULL, cases[i].text);
            XR_CHECK_EQ(err.pos, cases[i].pos, cases[i].text);
        }

        xr_keyset_wipe(&set);
        XR_CHECK_EQ(set.n, 0, cases[i].text);

        xr_test_mem_free(&m);
    }
}


static void
test_nul(void **state)
{
    xr_keyset_t    set;
    xr_test_mem_t  m;

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    memset(&set, 0, sizeof(set));

    assert_int_equal(xr_keyset_edgeauth(&set, xr_str_of(NULL, 0), &m.mem, NULL), XR_INVALID);
    assert_int_equal(xr_keyset_edgeauth(&set, xr_str_of(K16 "\0", 33), &m.mem, NULL), XR_INVALID);
    assert_int_equal(xr_keyset_edgeauth(&set, xr_str_of("a\0b " K16, 36), &m.mem, NULL),
                     XR_INVALID);
    assert_int_equal(m.n, 0);
    assert_int_equal(set.n, 0);
}


/* The keys are what the file says, in its order: RFC 4231, test case 1. */

static void
test_keys(void **state)
{
    uint8_t        mac[XR_HASH_MAX_SIZE], wanted[XR_SHA256_SIZE];
    xr_str_t       in;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    memset(&set, 0, sizeof(set));

    assert_int_equal(xr_keyset_edgeauth(&set, xr_str("b " K32 "\na " K20 "\n"), &m.mem, NULL),
                     XR_OK);

    XR_CHECK_STR(set.keys[0].id, "b", "order");
    XR_CHECK_STR(set.keys[1].id, "a", "order");

    in = xr_str("Hi There");

    assert_int_equal(xr_hmac_sign(set.keys[1].hmac, XR_SHA256, &in, 1, mac), XR_OK);
    assert_int_equal(xr_hex_decode(xr_str("b0344c61d8db38535ca8afceaf0bf12b"
                                          "881dc200c9833da726e9376c2e32cff7"),
                                   wanted, sizeof(wanted)), XR_OK);
    assert_memory_equal(mac, wanted, sizeof(wanted));

    xr_keyset_wipe(&set);
    xr_test_mem_free(&m);
}


static void
test_too_many(void **state)
{
    int            i, n;
    char           text[(XR_KEYSET_MAX + 1) * 40];
    size_t         len;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    (void) state;

    for (n = XR_KEYSET_MAX; n <= XR_KEYSET_MAX + 1; n++) {
        len = 0;

        for (i = 0; i < n; i++) {
            len += (size_t) snprintf(text + len, sizeof(text) - len, "k%d %032x\n", i, i + 1);
        }

        xr_test_mem_init(&m, SIZE_MAX);
        memset(&set, 0, sizeof(set));
        rc = xr_keyset_edgeauth(&set, xr_str_of(text, len), &m.mem, &err);

        if (n == XR_KEYSET_MAX) {
            assert_int_equal(rc, XR_OK);
            assert_int_equal(set.n, n);

            assert_int_equal(xr_keyset_edgeauth_key(&set, xr_str(""), xr_str(K32), &m.mem, &err),
                             XR_INVALID);
            assert_int_equal(err.pos, 0);

        } else {
            assert_int_equal(rc, XR_INVALID);
            assert_int_equal(set.n, 0);
            assert_int_equal(err.pos, strstr(text, "k32") - text);
        }

        assert_string_equal(err.what, "more than 32 keys");

        xr_keyset_wipe(&set);
        xr_test_mem_free(&m);
    }
}


static void
test_no_memory(void **state)
{
    size_t         i;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    (void) state;

    for (i = 0; i <= 7; i++) {
        xr_test_mem_init(&m, i);
        memset(&set, 0, sizeof(set));

        rc = xr_keyset_edgeauth(&set, xr_str("a " K16 "\n" K20 "\nb " K32 "\nc " K64), &m.mem,
                                &err);

        if (i == 7) {
            assert_int_equal(rc, XR_OK);
            assert_int_equal(set.n, 4);

        } else {
            assert_int_equal(rc, XR_NO_SPACE);
            assert_int_equal(set.n, 0);
            assert_string_equal(err.what, "out of memory");
        }

        xr_keyset_wipe(&set);
        xr_test_mem_free(&m);
    }
}


/* A file is added as a whole or not at all, and secrets do not stay behind. */

static void
test_as_it_was(void **state)
{
    size_t         i, j;
    xr_keyset_t    set, before;
    xr_test_mem_t  m;

    static const uint8_t  zeros[sizeof(xr_hmac_t)];

    static const char  *const bad[] = {
        "", "x", K32 "\nx", K32 "\n" K16, K32 "\na " K20, K32 "\n" K32, K20 "\n" K32 "\n" K16
    };

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    memset(&set, 0, sizeof(set));

    assert_int_equal(xr_keyset_edgeauth(&set, xr_str("a " K16), &m.mem, NULL), XR_OK);
    before = set;

    for (i = 0; i < XR_COUNT(bad); i++) {
        XR_CHECK_EQ(xr_keyset_edgeauth(&set, xr_str(bad[i]), &m.mem, NULL), XR_INVALID, bad[i]);
        assert_memory_equal(&set, &before, sizeof(set));
    }

    assert_int_equal(m.n, 2 + 6);

    for (j = 2; j < m.n; j++) {
        assert_memory_equal(m.blocks[j], zeros, sizeof(zeros));
    }

    assert_int_equal(xr_keyset_edgeauth(&set, xr_str("b " K32), &m.mem, NULL), XR_OK);
    assert_int_equal(set.n, 2);
    assert_memory_equal(&set.keys[0], &before.keys[0], sizeof(xr_key_t));

    xr_keyset_wipe(&set);
    assert_memory_equal(before.keys[0].hmac, zeros, sizeof(zeros));
    assert_int_equal(set.n, 0);

    xr_test_mem_free(&m);
}


static void
test_edgeauth_key(void **state)
{
    size_t         i;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    static const struct {
        const char  *id;
        const char  *hex;
        xr_rc_t      rc;
        size_t       pos;
    } keys[] = {
        { "",      K16,      XR_OK,      0 },
        { "a",     K32,      XR_OK,      0 },
        { ID64,    K64,      XR_OK,      0 },
        { "",      K20,      XR_OK,      0 },
        { "",      K16,      XR_INVALID, 1 },
        { "b",     K16 "00", XR_INVALID, 1 },
        { "a",     K16 "01", XR_INVALID, 0 },
        { ID64 "x", K16 "01", XR_INVALID, 0 },
        { "a b",   K16 "01", XR_INVALID, 0 },
        { "\n",    K16 "01", XR_INVALID, 0 },
        { "",      "",       XR_INVALID, 1 },
        { "",      K16 "0",  XR_INVALID, 1 },
        { "",      K64 "00", XR_INVALID, 1 },
        { "",      " " K16,  XR_INVALID, 1 }
    };

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    memset(&set, 0, sizeof(set));

    for (i = 0; i < XR_COUNT(keys); i++) {
        rc = xr_keyset_edgeauth_key(&set, xr_str(keys[i].id), xr_str(keys[i].hex), &m.mem, &err);
        XR_CHECK_EQ(rc, keys[i].rc, keys[i].hex);

        if (rc == XR_OK) {
            XR_CHECK_STR(set.keys[set.n - 1].id, keys[i].id, keys[i].hex);

        } else {
            XR_CHECK_EQ(err.pos, keys[i].pos, keys[i].hex);
        }
    }

    assert_int_equal(set.n, 4);

    xr_keyset_wipe(&set);
    xr_test_mem_free(&m);
}


/* HMAC cannot tell a key from the same one with zeros after it. */

static void
test_digest(void **state)
{
    size_t         i;
    bool           same;
    xr_keyset_t    a, b;
    xr_test_mem_t  m;

    static const struct {
        const char  *a;
        const char  *b;
        bool         same;
    } two[] = {
        { K16, "a " K16, true },
        { K16, K16 "00", true },
        { K16, K16 "01", false },
        { K32, K20,      false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(two); i++) {
        xr_test_mem_init(&m, SIZE_MAX);
        memset(&a, 0, sizeof(a));
        memset(&b, 0, sizeof(b));

        assert_int_equal(xr_keyset_edgeauth(&a, xr_str(two[i].a), &m.mem, NULL), XR_OK);
        assert_int_equal(xr_keyset_edgeauth(&b, xr_str(two[i].b), &m.mem, NULL), XR_OK);

        same = xr_equal(a.keys[0].digest, b.keys[0].digest, XR_SHA256_SIZE);
        XR_CHECK_EQ(same, two[i].same, two[i].b);

        xr_keyset_wipe(&a);
        xr_keyset_wipe(&b);
        xr_test_mem_free(&m);
    }
}


/* PEM of keys of all kinds, made once. */

static char  rsa[1024], p256[1024], p384[1024], weak[1024];


static int
make_pem(void **state)
{
    size_t         i;
    xr_test_key_t  k;

    static const struct {
        char              *pem;
        xr_pubkey_kind_t   kind;
        size_t             bits;
    } kinds[] = {
        { rsa, XR_PUBKEY_RSA, 2048 }, { weak, XR_PUBKEY_RSA, 1024 }, { p256, XR_PUBKEY_P256, 0 },
        { p384, XR_PUBKEY_P384, 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(kinds); i++) {
        xr_test_key_make(&k, kinds[i].kind, kinds[i].bits);
        xr_test_key_pem(&k, kinds[i].pem, sizeof(rsa));
        xr_test_key_free(&k);
    }

    return 0;
}


static void
test_cloudfront(void **state)
{
    size_t         i;
    uint8_t        memory[XR_PUBKEY_MAX_SIZE];
    xr_rc_t        rc;
    xr_err_t       err;
    xr_keyset_t    set;
    xr_pubkey_t    pub;
    xr_test_mem_t  m;

    static const struct {
        const char  *id;
        const char  *pem;
        xr_rc_t      rc;
        const char  *what;
        size_t       pos;
    } keys[] = {
        { "K2JCJMDEHXQW5F", rsa, XR_OK, NULL, 0 },
        { ID64, p256, XR_OK, NULL, 0 },
        { "", p256, XR_INVALID, "the key pair id is not 1 to 64 of A-Z a-z 0-9", 0 },
        { "a-b", p256, XR_INVALID, "the key pair id is not 1 to 64 of A-Z a-z 0-9", 0 },
        { ID64 "x", p256, XR_INVALID, "the key pair id is not 1 to 64 of A-Z a-z 0-9", 0 },
        { "X", p384, XR_INVALID, "CloudFront has RSA and P-256 keys only", 0 },
        { "X", weak, XR_DENIED, "RSA with less than 2048 bits", 26 },
        { "X", "", XR_INVALID, "not PEM: no \"-----BEGIN\"", 0 },
        { "X", rsa, XR_INVALID, "the key stands twice", 0 },
        { ID64, p256, XR_INVALID, "the key id stands twice", 0 }
    };

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    memset(&set, 0, sizeof(set));

    for (i = 0; i < XR_COUNT(keys); i++) {
        rc = xr_keyset_cloudfront(&set, xr_str(keys[i].id), xr_str(keys[i].pem), &m.mem, &err);
        XR_CHECK_EQ(rc, keys[i].rc, keys[i].id);

        if (rc != XR_OK) {
            XR_CHECK_STR(xr_str(err.what), keys[i].what, keys[i].id);
            XR_CHECK_EQ(err.pos, keys[i].pos, keys[i].id);
        }
    }

    assert_int_equal(set.n, 2);

    for (i = 0; i < 2; i++) {
        assert_int_equal(xr_pubkey_pem(xr_str(keys[i].pem), memory, &pub, NULL), XR_OK);
        assert_int_equal(set.keys[i].kind, XR_KIND_CLOUDFRONT);
        assert_int_equal(set.keys[i].alg, XR_ALG_NOT_SET);
        assert_null(set.keys[i].hmac);
        assert_int_equal(set.keys[i].pub.kind, pub.kind);
        assert_true(xr_str_eq(set.keys[i].pub.n, pub.n));
        assert_true(xr_str_eq(set.keys[i].pub.e, pub.e));
    }

    xr_keyset_wipe(&set);
    xr_test_mem_free(&m);
}


static void
test_cloudfront_no_memory(void **state)
{
    size_t         i;
    xr_err_t       err;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    (void) state;

    memset(&set, 0, sizeof(set));

    for (i = 0; i <= 3; i++) {
        xr_test_mem_init(&m, i);

        assert_int_equal(xr_keyset_cloudfront(&set, xr_str("A"), xr_str(rsa), &m.mem, &err),
                         (i < 3) ? XR_NO_SPACE : XR_OK);
        assert_int_equal(set.n, (i < 3) ? 0 : 1);

        xr_test_mem_free(&m);
    }
}


/* Ids are a kind's own; a key has one kind. */

static void
test_kinds(void **state)
{
    xr_err_t       err;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    (void) state;

    XR_CHECK_STR(xr_kind_name(XR_KIND_EDGEAUTH), "edgeauth", "name");
    XR_CHECK_STR(xr_kind_name(XR_KIND_JWT), "jwt", "name");
    XR_CHECK_STR(xr_kind_name(XR_KIND_CLOUDFRONT), "cloudfront", "name");
    XR_CHECK_STR(xr_kind_name(0), "", "name");
    XR_CHECK_STR(xr_kind_name(3), "", "name");

    xr_test_mem_init(&m, SIZE_MAX);
    memset(&set, 0, sizeof(set));

    assert_int_equal(xr_keyset_edgeauth_key(&set, xr_str("A"), xr_str(K32), &m.mem, &err), XR_OK);
    assert_int_equal(xr_keyset_cloudfront(&set, xr_str("A"), xr_str(p256), &m.mem, &err), XR_OK);

    assert_int_equal(xr_keyset_jwks_text(&set, xr_str(
        "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"A\","
        "\"k\":\"ABEiM0RVZneImaq7zN3u___u3cy7qpmId2ZVRDMiEQA\"}]}"), &m.mem, NULL, &err),
        XR_INVALID);
    assert_string_equal(err.what, "the key stands twice");
    assert_int_equal(err.pos, 9);

    assert_int_equal(xr_keyset_jwks_text(&set, xr_str(
        "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"A\","
        "\"k\":\"ABEiM0RVZneImaq7zN3u___u3cy7qpmId2ZVRDMiEQE\"}]}"), &m.mem, NULL, &err),
        XR_OK);

    assert_int_equal(set.n, 3);

    xr_keyset_wipe(&set);
    xr_test_mem_free(&m);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_as_it_was),
        cmocka_unit_test(test_edgeauth_key),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_cloudfront),
        cmocka_unit_test(test_cloudfront_no_memory),
        cmocka_unit_test(test_kinds)
    };

    return cmocka_run_group_tests(tests, make_pem, NULL);
}
