/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

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
        memset(&set, 0xee, sizeof(set));
        err = (xr_err_t) { NULL, 999 };
        text = xr_test_copy(xr_str(cases[i].text));

        rc = xr_keyset_parse(text, &m.mem, &set, &err);

        /* nothing may point into the text */

        memset((void *) (uintptr_t) text.data, 0, text.len);
        xr_test_copy_free(text);

        XR_CHECK_EQ(rc, cases[i].n > 0 ? XR_OK : XR_INVALID, cases[i].text);
        XR_CHECK_EQ(set.n, cases[i].n, cases[i].text);

        if (rc == XR_OK) {
            XR_CHECK_STR(set.keys[0].id, cases[i].id, cases[i].text);

        } else {
            XR_CHECK(err.what != NULL, cases[i].text);
            XR_CHECK_EQ(err.pos, cases[i].pos, cases[i].text);
        }

        xr_keyset_free(&set);
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

    assert_int_equal(xr_keyset_parse(xr_str_of(NULL, 0), &m.mem, &set, NULL),
                     XR_INVALID);
    assert_int_equal(xr_keyset_parse(xr_str_of(K16 "\0", 33), &m.mem, &set,
                                     NULL), XR_INVALID);
    assert_int_equal(xr_keyset_parse(xr_str_of("a\0b " K16, 36), &m.mem, &set,
                                     NULL), XR_INVALID);
    assert_int_equal(m.n, 0);
}


/* The keys are what the file says, in its order: RFC 4231, test case 1. */

static void
test_keys(void **state)
{
    uint8_t        mac[XR_SHA256_SIZE], wanted[XR_SHA256_SIZE];
    xr_str_t       in;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);

    assert_int_equal(xr_keyset_parse(xr_str("b " K32 "\na " K20 "\n"), &m.mem,
                                     &set, NULL), XR_OK);

    XR_CHECK_STR(set.keys[0].id, "b", "order");
    XR_CHECK_STR(set.keys[1].id, "a", "order");

    in = xr_str("Hi There");

    assert_int_equal(xr_hmac_sign(set.keys[1].hmac, &in, 1, mac), XR_OK);
    assert_int_equal(xr_hex_decode(xr_str("b0344c61d8db38535ca8afceaf0bf12b"
                                          "881dc200c9833da726e9376c2e32cff7"),
                                   wanted, sizeof(wanted)), XR_OK);
    assert_memory_equal(mac, wanted, sizeof(mac));

    xr_keyset_free(&set);
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
            len += (size_t) snprintf(text + len, sizeof(text) - len,
                                     "k%d %032x\n", i, i + 1);
        }

        xr_test_mem_init(&m, SIZE_MAX);
        rc = xr_keyset_parse(xr_str_of(text, len), &m.mem, &set, &err);

        if (n == XR_KEYSET_MAX) {
            assert_int_equal(rc, XR_OK);
            assert_int_equal(set.n, n);

        } else {
            assert_int_equal(rc, XR_INVALID);
            assert_int_equal(set.n, 0);
            assert_string_equal(err.what, "more than 16 keys");
        }

        xr_keyset_free(&set);
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

    for (i = 0; i <= 3; i++) {
        xr_test_mem_init(&m, i);

        rc = xr_keyset_parse(xr_str("a " K16 "\n" K20 "\nb " K32 "\nc " K64),
                             &m.mem, &set, &err);

        if (i == 3) {
            assert_int_equal(rc, XR_OK);
            assert_int_equal(set.n, 4);

        } else {
            assert_int_equal(rc, XR_NO_SPACE);
            assert_int_equal(set.n, 0);
            assert_string_equal(err.what, "out of memory");
        }

        xr_keyset_free(&set);
        xr_test_mem_free(&m);
    }
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
    } pairs[] = {
        { K16, "a " K16, true },
        { K16, K16 "00", true },
        { K16, K16 "01", false },
        { K32, K20,      false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(pairs); i++) {
        xr_test_mem_init(&m, SIZE_MAX);

        assert_int_equal(xr_keyset_parse(xr_str(pairs[i].a), &m.mem, &a, NULL),
                         XR_OK);
        assert_int_equal(xr_keyset_parse(xr_str(pairs[i].b), &m.mem, &b, NULL),
                         XR_OK);

        same = xr_equal(a.keys[0].digest, b.keys[0].digest, XR_SHA256_SIZE);
        XR_CHECK_EQ(same, pairs[i].same, pairs[i].b);

        xr_keyset_free(&a);
        xr_keyset_free(&b);
        xr_test_mem_free(&m);
    }
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
        cmocka_unit_test(test_digest)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
