/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_keyset.h"


static const struct {
    const char      *name;
    xr_alg_t         alg;
    xr_hash_t        hash;
    xr_signature_t   signature;
    bool             symmetric;
    bool             always;            /* every libjwt has it */
} algs[] = {
    { "HS256", XR_ALG_HS256, XR_SHA256, 0, true, true },
    { "HS384", XR_ALG_HS384, XR_SHA384, 0, true, true },
    { "HS512", XR_ALG_HS512, XR_SHA512, 0, true, true },
    { "RS256", XR_ALG_RS256, XR_SHA256, XR_SIGNATURE_RSA_PKCS1, false, true },
    { "RS384", XR_ALG_RS384, XR_SHA384, XR_SIGNATURE_RSA_PKCS1, false, true },
    { "RS512", XR_ALG_RS512, XR_SHA512, XR_SIGNATURE_RSA_PKCS1, false, true },
    { "PS256", XR_ALG_PS256, XR_SHA256, XR_SIGNATURE_RSA_PSS, false, false },
    { "PS384", XR_ALG_PS384, XR_SHA384, XR_SIGNATURE_RSA_PSS, false, false },
    { "PS512", XR_ALG_PS512, XR_SHA512, XR_SIGNATURE_RSA_PSS, false, false },
    { "ES256", XR_ALG_ES256, XR_SHA256, XR_SIGNATURE_ECDSA_RAW, false, true },
    { "ES384", XR_ALG_ES384, XR_SHA384, XR_SIGNATURE_ECDSA_RAW, false, true },
    { "ES512", XR_ALG_ES512, XR_SHA512, XR_SIGNATURE_ECDSA_RAW, false, true },
    { "EdDSA", XR_ALG_EDDSA, 0, XR_SIGNATURE_EDDSA, false, false }
};


static void
test_algs(void **state)
{
    size_t  i;

    (void) state;

    assert_int_equal(XR_COUNT(algs), XR_ALG_COUNT - 1);

    for (i = 0; i < XR_COUNT(algs); i++) {
        XR_CHECK_EQ(xr_alg_of(xr_str(algs[i].name)), algs[i].alg, algs[i].name);
        XR_CHECK_STR(xr_alg_name(algs[i].alg), algs[i].name, algs[i].name);
        XR_CHECK_EQ(xr_alg_hash(algs[i].alg), algs[i].hash, algs[i].name);
        XR_CHECK_EQ(xr_alg_signature(algs[i].alg), algs[i].signature, algs[i].name);
        XR_CHECK_EQ(xr_alg_symmetric(algs[i].alg), algs[i].symmetric, algs[i].name);

        if (algs[i].always) {
            XR_CHECK(xr_alg_supported(algs[i].alg), algs[i].name);
        }
    }

    /* one came with the others */

    assert_int_equal(xr_alg_supported(XR_ALG_PS384), xr_alg_supported(XR_ALG_PS256));
    assert_int_equal(xr_alg_supported(XR_ALG_PS512), xr_alg_supported(XR_ALG_PS256));
}


static void
test_others(void **state)
{
    size_t  i;

    static const char  *const names[] = {
        "", "none", "None", "NONE", "nOnE", "hs256", "HS25", "HS2566", "HS256 ", " HS256", "ES256K",
        "EDDSA", "Ed25519", "RSA-OAEP", "dir", "A256GCM", "RS1"
    };

    static const xr_alg_t  none[] = { XR_ALG_NOT_SET, XR_ALG_COUNT, (xr_alg_t) 99 };

    (void) state;

    for (i = 0; i < XR_COUNT(names); i++) {
        XR_CHECK_EQ(xr_alg_of(xr_str(names[i])), XR_ALG_NOT_SET, names[i]);
    }

    assert_int_equal(xr_alg_of(xr_str_of("HS256\0", 6)), XR_ALG_NOT_SET);
    assert_int_equal(xr_alg_of(xr_str_of(NULL, 0)), XR_ALG_NOT_SET);

    for (i = 0; i < XR_COUNT(none); i++) {
        XR_CHECK_STR(xr_alg_name(none[i]), "", "none");
        assert_int_equal(xr_alg_hash(none[i]), 0);
        assert_int_equal(xr_alg_signature(none[i]), 0);
        assert_false(xr_alg_symmetric(none[i]));
        assert_false(xr_alg_supported(none[i]));
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_algs),
        cmocka_unit_test(test_others)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
