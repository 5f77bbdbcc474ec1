/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "keys.h"

#include "xr_keyset.h"


#define KEYS  6

static xr_test_key_t  made[KEYS];       /* P-256, the last one RSA */
static xr_keyset_t    set;
static xr_test_mem_t  memory;


static xr_verifier_t *
get(xr_verifiers_t *v, size_t i)
{
    return xr_verifiers_get(v, &set.keys[i], XR_SIGNATURE_ECDSA_RAW, XR_SHA256);
}


/* Whether this is a verifier of key "i". */

static bool
verifies(xr_verifier_t *v, size_t i)
{
    size_t    len;
    uint8_t   signature[XR_TEST_SIGNATURE_SIZE], digest[XR_SHA256_SIZE];
    xr_str_t  message;

    message = xr_str("message");
    len = xr_test_key_sign(&made[i], XR_SIGNATURE_ECDSA_RAW, XR_SHA256, message, signature);

    assert_int_equal(xr_sha256(message, digest), XR_OK);

    return xr_verifier_check(v, xr_str_of(digest, sizeof(digest)), xr_str_of(signature, len))
           == XR_OK;
}


static void
test_kept(void **state)
{
    size_t           i;
    xr_verifiers_t  *v;
    xr_verifier_t   *first[4];

    (void) state;

    v = xr_verifiers_create(4);
    assert_non_null(v);

    for (i = 0; i < 4; i++) {
        first[i] = get(v, i);
        assert_true(verifies(first[i], i));
        assert_false(verifies(first[i], i + 1 < 4 ? i + 1 : 0));
    }

    for (i = 0; i < 40; i++) {
        assert_ptr_equal(get(v, i * 7 % 4), first[i * 7 % 4]);
    }

    xr_verifiers_free(v);
}


/*
 * The least recently used goes.  Whether a verifier is the same object cannot
 * be told from its address, so each is marked by what it verifies.
 */

static void
test_dropped(void **state)
{
    size_t           i;
    xr_verifiers_t  *v;
    xr_verifier_t   *two, *four;

    (void) state;

    v = xr_verifiers_create(3);
    assert_non_null(v);

    (void) get(v, 0);
    (void) get(v, 1);
    two = get(v, 2);
    (void) get(v, 0);                   /* in the order of use: 1 2 0 */

    four = get(v, 4);                   /* 2 0 4 */
    assert_ptr_equal(get(v, 2), two);   /* 0 4 2 */

    (void) get(v, 3);                   /* 4 2 3 */
    assert_ptr_equal(get(v, 4), four);  /* 2 3 4 */
    assert_ptr_equal(get(v, 2), two);   /* 3 4 2 */

    assert_true(verifies(get(v, 1), 1));
    assert_ptr_equal(get(v, 4), four);
    assert_ptr_equal(get(v, 2), two);

    for (i = 0; i < 200; i++) {
        assert_true(verifies(get(v, i * i % 5), i * i % 5));
    }

    xr_verifiers_free(v);
}


static void
test_one(void **state)
{
    size_t           i, max;
    xr_verifiers_t  *v;

    (void) state;

    for (max = 0; max <= 1; max++) {
        v = xr_verifiers_create(max);
        assert_non_null(v);

        for (i = 0; i < 20; i++) {
            assert_true(verifies(get(v, i / 2 % 5), i / 2 % 5));
        }

        xr_verifiers_free(v);
    }

    xr_verifiers_free(xr_verifiers_create(5));
    xr_verifiers_free(NULL);
    assert_null(xr_verifiers_create(SIZE_MAX));
    assert_null(xr_verifiers_create(SIZE_MAX / 2));
}


/* One key in two schemes, or with two hashes, is two verifiers. */

static void
test_schemes(void **state)
{
    size_t           i, j, len;
    uint8_t          signature[XR_TEST_SIGNATURE_SIZE], digest[XR_HASH_MAX_SIZE];
    xr_str_t         message;
    xr_verifiers_t  *v;
    xr_verifier_t   *got[4];

    static const struct {
        xr_signature_t  scheme;
        xr_hash_t       hash;
    } uses[] = {
        { XR_SIGNATURE_RSA_PKCS1, XR_SHA256 }, { XR_SIGNATURE_RSA_PKCS1, XR_SHA512 },
        { XR_SIGNATURE_RSA_PSS, XR_SHA256 }, { XR_SIGNATURE_RSA_PKCS1, XR_SHA1 }
    };

    (void) state;

    v = xr_verifiers_create(4);
    assert_non_null(v);
    message = xr_str("message");

    for (i = 0; i < 4; i++) {
        got[i] = xr_verifiers_get(v, &set.keys[5], uses[i].scheme, uses[i].hash);
        assert_non_null(got[i]);

        for (j = 0; j < i; j++) {
            assert_ptr_not_equal(got[i], got[j]);
        }
    }

    for (i = 0; i < 4; i++) {
        assert_ptr_equal(xr_verifiers_get(v, &set.keys[5], uses[i].scheme, uses[i].hash), got[i]);

        len = xr_test_key_sign(&made[5], uses[i].scheme, uses[i].hash, message, signature);
        assert_int_equal(xr_hash(uses[i].hash, &message, 1, digest), XR_OK);
        assert_int_equal(xr_verifier_check(got[i], xr_str_of(digest, xr_hash_size(uses[i].hash)),
                                           xr_str_of(signature, len)), XR_OK);
    }

    xr_verifiers_free(v);
}


/* What cannot be made takes no place. */

static void
test_refused(void **state)
{
    size_t           i;
    xr_verifiers_t  *v;
    xr_verifier_t   *first;

    (void) state;

    v = xr_verifiers_create(2);
    assert_non_null(v);

    first = get(v, 0);
    (void) get(v, 1);

    for (i = 0; i < 5; i++) {
        assert_null(xr_verifiers_get(v, &set.keys[5], XR_SIGNATURE_ECDSA_RAW, XR_SHA256));
        assert_null(xr_verifiers_get(v, &set.keys[0], XR_SIGNATURE_RSA_PSS, XR_SHA256));
    }

    assert_ptr_equal(get(v, 0), first);

    xr_verifiers_free(v);
}


static int
make_keys(void **state)
{
    char    pem[1024], id[2];
    size_t  i;

    (void) state;

    xr_test_mem_init(&memory, SIZE_MAX);

    for (i = 0; i < KEYS; i++) {
        xr_test_key_make(&made[i], (i < KEYS - 1) ? XR_PUBKEY_P256 : XR_PUBKEY_RSA, 2048);
        xr_test_key_pem(&made[i], pem, sizeof(pem));
        snprintf(id, sizeof(id), "%zu", i);

        assert_int_equal(xr_keyset_cloudfront(&set, xr_str(id), xr_str(pem), &memory.mem, NULL),
                         XR_OK);
    }

    return 0;
}


static int
free_keys(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < KEYS; i++) {
        xr_test_key_free(&made[i]);
    }

    xr_keyset_wipe(&set);
    xr_test_mem_free(&memory);

    return 0;
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_refused)
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
