/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "jwks.h"


/* A key alone in its set. */

static const struct {
    const char  *key;
    xr_alg_t     alg;
    const char  *id;
} good[] = {
    { RSA, XR_ALG_RS256, "" },
    { RSA ",\"alg\":\"RS256\",\"kid\":\"a\",\"use\":\"sig\"", XR_ALG_RS256, "a" },
    { RSA ",\"alg\":\"RS384\",\"key_ops\":[\"verify\"]", XR_ALG_RS384, "" },
    { RSA ",\"alg\":\"RS512\",\"key_ops\":[\"sign\",\"verify\"],\"use\":\"sig\"", XR_ALG_RS512,
      "" },
    { EC, XR_ALG_ES256, "" },
    { EC ",\"alg\":\"ES256\"", XR_ALG_ES256, "" },
    { P384, XR_ALG_ES384, "" },
    { P521 ",\"alg\":\"ES512\"", XR_ALG_ES512, "" },
    { HS, XR_ALG_HS256, "" },
    { "\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" K64 "\"", XR_ALG_HS512, "" },
    { "\"kty\":\"oct\",\"alg\":\"HS384\",\"k\":\"" K64 "\"", XR_ALG_HS384, "" },

    /* what is not ours to judge, and other spellings of the same */

    { RSA ",\"x5c\":[\"MII\",\"MII\"],\"x5t\":\"a\",\"x5u\":\"http://a/\",\"ext\":true",
      XR_ALG_RS256, "" },
    { RSA ",\"x\":1,\"k\":{},\"crv\":null", XR_ALG_RS256, "" },
    { "\"\\u006bty\":\"\\u0045C\",\"crv\":\"P\\u002d256\",\"x\":\"\\u0066" "83OJ3D2xF1Bg8vub9t"
      "Le1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"" EC_Y "\",\"alg\":\"ES\\u0032" "56\"",
      XR_ALG_ES256, "" },
    { EC ",\"kid\":\"\\u00fc\\/\\n\"", XR_ALG_ES256, "\303\274/\n" },
    { EC ",\"kid\":\"../../etc/passwd\"", XR_ALG_ES256, "../../etc/passwd" }
};


static void
check_good(size_t i)
{
    char           text[2048];
    xr_test_notes_t        n;
    xr_err_t       err;
    xr_str_t       s;
    xr_keyset_t    set;
    xr_notes_t     notes;
    xr_test_mem_t  m;

    n = (xr_test_notes_t) { 0, 0, NULL };
    notes = (xr_notes_t) { xr_test_note, &n };
    snprintf(text, sizeof(text), "{\"keys\":[{%s}]}", good[i].key);

    xr_test_mem_init(&m, SIZE_MAX);
    memset(&set, 0, sizeof(set));
    s = xr_test_copy(xr_str(text));

    if (xr_keyset_jwks_text(&set, s, &m.mem, &notes, &err) != XR_OK) {
        fail_msg("%s: %s", good[i].key, err.what);
    }

    /* nothing may point into the text */

    memset((void *) (uintptr_t) s.data, 0, s.len);
    xr_test_copy_free(s);

    XR_CHECK_EQ(n.n, 0, good[i].key);
    XR_CHECK_EQ(set.n, 1, good[i].key);
    XR_CHECK_EQ(set.keys[0].kind, XR_KIND_JWT, good[i].key);
    XR_CHECK_EQ(set.keys[0].alg, good[i].alg, good[i].key);
    XR_CHECK_STR(set.keys[0].id, good[i].id, good[i].key);
    XR_CHECK_EQ(set.keys[0].hmac != NULL, xr_alg_symmetric(good[i].alg), good[i].key);

    if (set.keys[0].hmac == NULL) {
        XR_CHECK_EQ(xr_pubkey_check(&set.keys[0].pub, NULL), XR_OK, good[i].key);
    }

    xr_keyset_wipe(&set);
    xr_test_mem_free(&m);
}


static void
test_good(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < XR_COUNT(good); i++) {
        check_good(i);
    }
}


/* Keys that are left out, beside one that is not. */

static const struct {
    const char  *key;
    const char  *what;
} left_out[] = {
    { RSA ",\"use\":\"^enc\"", "\"use\" is not \"sig\"" },
    { RSA ",\"use\":^1", "\"use\" is not \"sig\"" },
    { RSA ",\"key_ops\":^[\"sign\"]", "\"key_ops\" is without \"verify\"" },
    { RSA ",\"key_ops\":^[]", "\"key_ops\" is without \"verify\"" },
    { RSA ",\"key_ops\":^[\"VERIFY\",1,null]", "\"key_ops\" is without \"verify\"" },
    { RSA ",\"key_ops\":\"^verify\"", "\"key_ops\" is not an array" },
    { RSA ",\"use\":\"sig\",\"key_ops\":^[\"encrypt\"]", "\"key_ops\" is without \"verify\"" },

    { "\"n\":\"" RSA_N "\",\"e\":\"AQAB\"", "no \"kty\"" },
    { "", "no \"kty\"" },
    { "\"kty\":\"^rsa\"", "a \"kty\" that is not known" },
    { "\"kty\":^null", "a \"kty\" that is not known" },
    { "\"kty\":\"^AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AAAA\"", "a \"kty\" that is not known" },
    { "\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"", "no \"crv\"" },
    { "\"kty\":\"EC\",\"crv\":\"^secp256k1\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"",
      "a \"crv\" that is not known" },
    { "\"kty\":\"EC\",\"crv\":\"^Ed25519\",\"x\":\"" ED_X "\"", "a \"crv\" that is not known" },
    { "\"kty\":\"OKP\",\"crv\":\"^X25519\",\"x\":\"" ED_X "\"", "a \"crv\" that is not known" },
    { "\"kty\":\"OKP\",\"crv\":\"^Ed448\",\"x\":\"" ED_X "\"", "a \"crv\" that is not known" },

    { RSA ",\"alg\":\"^none\"", "an \"alg\" that is not known" },
    { RSA ",\"alg\":\"^rs256\"", "an \"alg\" that is not known" },
    { RSA ",\"alg\":\"^RSA-OAEP\"", "an \"alg\" that is not known" },
    { RSA ",\"alg\":^256", "an \"alg\" that is not known" },
    { RSA ",\"alg\":\"^ES256\"", "an \"alg\" that does not go with \"kty\"" },
    { RSA ",\"alg\":\"^HS256\",\"k\":\"" K32 "\"", "an \"alg\" that does not go with \"kty\"" },
    { RSA ",\"alg\":\"^EdDSA\"", "an \"alg\" that does not go with \"kty\"" },
    { EC ",\"alg\":\"^ES384\"", "an \"alg\" that does not go with \"kty\"" },
    { EC ",\"alg\":\"^RS256\"", "an \"alg\" that does not go with \"kty\"" },
    { EC ",\"alg\":\"^EdDSA\"", "an \"alg\" that does not go with \"kty\"" },
    { ED ",\"alg\":\"^ES256\"", "an \"alg\" that does not go with \"kty\"" },
    { "\"kty\":\"oct\",\"alg\":\"^RS256\",\"k\":\"" K32 "\"",
      "an \"alg\" that does not go with \"kty\"" },

    { "\"kty\":\"oct\",\"k\":\"" K32 "\"", "a symmetric key that names no \"alg\"" },
    { "\"kty\":\"oct\",\"alg\":\"HS256\"", "a number is missing" },
    { "\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"^\"",
      "a key that is shorter than its algorithm's digest" },
    { "\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"^ABEiM0RVZneImaq7zN3u___u3cy7qpmId2ZVRDMiEQ\"",
      "a key that is shorter than its algorithm's digest" },
    { "\"kty\":\"oct\",\"alg\":\"HS384\",\"k\":\"^" K32 "\"",
      "a key that is shorter than its algorithm's digest" },
    { "\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"^" K32 "\"",
      "a key that is shorter than its algorithm's digest" },
    { "\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"^" RSA1024_N "AAAA\"",
      "a number that is too long" },
    { "\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"^" K32 "=\"", "a number that is not base64url" },

    { RSA ",\"kid\":^7", "a \"kid\" that is not a string of 1 to 256 bytes" },
    { RSA ",\"kid\":\"^\"", "a \"kid\" that is not a string of 1 to 256 bytes" },
    { RSA ",\"kid\":\"^" RSA_N "\"", "a \"kid\" that is not a string of 1 to 256 bytes" },
    { RSA ",\"kid\":\"^\\u006f" RSA_N "\"", "a \"kid\" that is not a string of 1 to 256 bytes" },

    { "\"kty\":\"RSA\",\"e\":\"AQAB\"", "a number is missing" },
    { "\"kty\":\"RSA\",\"n\":\"" RSA_N "\"", "a number is missing" },
    { "\"kty\":\"RSA\",\"n\":^1,\"e\":\"AQAB\"", "a number that is not base64url" },
    { "\"kty\":\"RSA\",\"n\":\"^" RSA_N "+\",\"e\":\"AQAB\"", "a number that is not base64url" },
    { "\"kty\":\"RSA\",\"n\":\"^" RSA_N RSA_N RSA_N "\",\"e\":\"AQAB\"",
      "a number that is too long" },
    { "\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"", "a number that is empty or has zeros in front" },
    { "\"kty\":\"RSA\",\"n\":\"AKH4\",\"e\":\"AQAB\"",
      "a number that is empty or has zeros in front" },
    { "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AAEAAQ\"",
      "a number that is empty or has zeros in front" },
    { "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"Aw\"", "RSA with an exponent below 65537" },
    { "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"", "RSA with an exponent below 65537" },
    { "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAC\"", "RSA with a number that is even" },
    { "\"kty\":\"RSA\",\"n\":\"" RSA1024_N "\",\"e\":\"AQAB\"", "RSA with less than 2048 bits" },

    { "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"", "a number is missing" },
    { "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC2_Y "\"",
      "the point is not on the curve" },
    { "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"^AAAA\"",
      "a coordinate that is too short" },
    { "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"^\",\"y\":\"" EC_Y "\"",
      "a coordinate that is too short" },
    { "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"^" P384_X "\",\"y\":\"" P384_Y "\"",
      "a number that is too long" },
    { "\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"^" EC_X "\",\"y\":\"" EC_Y "\"",
      "a coordinate that is too short" }
};


static void
check_left_out(size_t i, bool within)
{
    char           text[4096];
    size_t         pos;
    xr_rc_t        rc;
    xr_test_notes_t        n;
    xr_err_t       err;
    xr_str_t       s;
    xr_keyset_t    set;
    xr_notes_t     notes;
    xr_test_mem_t  m;

    snprintf(text, sizeof(text), SET("{" HS "}, {%s}, {" P384 "}"), left_out[i].key);
    s = xr_test_marked(text, &pos);
    pos = (pos == SIZE_MAX) ? strlen("{\"keys\":[{" HS "}, ") : pos;

    n = (xr_test_notes_t) { 0, 0, NULL };
    notes = (xr_notes_t) { xr_test_note, &n };
    xr_test_mem_init(&m, SIZE_MAX);
    memset(&set, 0, sizeof(set));

    rc = within ? xr_test_within(&set, s, &m.mem, &notes, &err)
                : xr_keyset_jwks_text(&set, s, &m.mem, &notes, &err);

    XR_CHECK_EQ(rc, XR_OK, left_out[i].key);
    XR_CHECK_EQ(set.n, 2, left_out[i].key);
    XR_CHECK_EQ(set.keys[1].alg, XR_ALG_ES384, left_out[i].key);
    XR_CHECK_EQ(n.n, 1, left_out[i].key);
    XR_CHECK_STR(xr_str(n.what), left_out[i].what, left_out[i].key);
    XR_CHECK_EQ(n.pos - (within ? 30 : 0), pos, left_out[i].key);

    xr_keyset_wipe(&set);
    xr_test_mem_free(&m);
    xr_test_copy_free(s);
}


static void
test_left_out(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < XR_COUNT(left_out); i++) {
        check_left_out(i, false);
        check_left_out(i, true);
    }
}


/* What libjwt does not have is left out and said; what it has is taken. */

static void
test_libjwt(void **state)
{
    size_t         i;
    xr_rc_t        rc;
    xr_test_notes_t        n;
    xr_err_t       err;
    xr_keyset_t    set;
    xr_notes_t     notes;
    xr_test_mem_t  m;

    static const struct {
        xr_alg_t     alg;
        const char  *text;
    } sets[] = {
        { XR_ALG_PS256, SET("{" RSA ",\"alg\":\"PS256\"},{" HS "}") },
        { XR_ALG_PS384, SET("{" RSA ",\"alg\":\"PS384\"},{" HS "}") },
        { XR_ALG_PS512, SET("{" RSA ",\"alg\":\"PS512\"},{" HS "}") },
        { XR_ALG_EDDSA, SET("{" ED "},{" HS "}") },
        { XR_ALG_EDDSA, SET("{" ED ",\"alg\":\"EdDSA\"},{" HS "}") }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(sets); i++) {
        n = (xr_test_notes_t) { 0, 0, NULL };
        notes = (xr_notes_t) { xr_test_note, &n };
        xr_test_mem_init(&m, SIZE_MAX);
        memset(&set, 0, sizeof(set));

        rc = xr_keyset_jwks_text(&set, xr_str(sets[i].text), &m.mem, &notes, &err);
        XR_CHECK_EQ(rc, XR_OK, sets[i].text);

        if (xr_alg_supported(sets[i].alg)) {
            XR_CHECK_EQ(set.n, 2, sets[i].text);
            XR_CHECK_EQ(set.keys[0].alg, sets[i].alg, sets[i].text);
            XR_CHECK_EQ(n.n, 0, sets[i].text);

        } else {
            XR_CHECK_EQ(set.n, 1, sets[i].text);
            XR_CHECK_EQ(n.n, 1, sets[i].text);
            XR_CHECK_STR(xr_str(n.what), "an algorithm that the installed libjwt does not have",
                         sets[i].text);
        }

        xr_keyset_wipe(&set);
        xr_test_mem_free(&m);
    }
}


static bool
same_digest(const xr_keyset_t *a, const xr_keyset_t *b)
{
    return memcmp(a->keys[0].digest, b->keys[0].digest, XR_SHA256_SIZE) == 0;
}


/* One key is one key, whatever it is for and whoever has it. */

static void
test_digest(void **state)
{
    size_t         i, j;
    xr_keyset_t    sets[6];
    xr_test_mem_t  m;

    static const char  *const sames[] = {
        SET("{" RSA ",\"alg\":\"RS256\",\"kid\":\"a\"}"), SET("{" RSA ",\"alg\":\"RS512\"}")
    };

    static const char  *const others[] = {
        SET("{" EC "}"), SET("{" EC2 "}"), SET("{" HS "}"),
        SET("{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" K64 "\"}")
    };

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    memset(sets, 0, sizeof(sets));

    for (i = 0; i < 2; i++) {
        assert_int_equal(xr_keyset_jwks_text(&sets[i], xr_str(sames[i]), &m.mem, NULL, NULL),
                         XR_OK);
    }

    assert_true(same_digest(&sets[0], &sets[1]));

    for (i = 0; i < 4; i++) {
        assert_int_equal(xr_keyset_jwks_text(&sets[i + 2], xr_str(others[i]), &m.mem, NULL, NULL),
                         XR_OK);
    }

    for (i = 1; i < 6; i++) {

        for (j = 1; j < i; j++) {
            assert_false(same_digest(&sets[i], &sets[j]));
        }
    }

    xr_test_mem_free(&m);
}


/* The same point for CloudFront and in a JWK set. */

static void
test_digest_kinds(void **state)
{
    char           pem[1024], text[1024];
    xr_buf_t       b;
    xr_keyset_t    sets[2];
    xr_test_key_t  k;
    xr_test_mem_t  m;

    (void) state;

    xr_test_mem_init(&m, SIZE_MAX);
    memset(sets, 0, sizeof(sets));

    xr_test_key_make(&k, XR_PUBKEY_P256, 0);
    xr_test_key_pem(&k, pem, sizeof(pem));

    b = xr_buf(text, sizeof(text));
    xr_buf_puts(&b, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"");
    xr_buf_base64url(&b, xr_str_of(k.pub.n.data, 32));
    xr_buf_puts(&b, "\",\"y\":\"");
    xr_buf_base64url(&b, xr_str_of(k.pub.n.data + 32, 32));
    xr_buf_puts(&b, "\"}]}");

    assert_int_equal(xr_keyset_cloudfront(&sets[0], xr_str("K"), xr_str(pem), &m.mem, NULL), XR_OK);
    assert_int_equal(xr_keyset_jwks_text(&sets[1], xr_buf_str(&b), &m.mem, NULL, NULL), XR_OK);
    assert_true(same_digest(&sets[0], &sets[1]));

    /* a tenant has a key for one purpose only */

    assert_int_equal(xr_keyset_jwks_text(&sets[0], xr_buf_str(&b), &m.mem, NULL, NULL),
                     XR_INVALID);
    assert_int_equal(sets[0].n, 1);

    xr_test_key_free(&k);
    xr_test_mem_free(&m);
}


/*
 * A secret longer than a block of SHA-256 is its hash to HMAC; a shorter one
 * is itself with zeros.  Twice the same to HMAC is twice the same key.
 */

static void
test_secrets(void **state)
{
    char           text[1024];
    size_t         i, j;
    bool           same_mac;
    uint8_t        hashed[XR_SHA256_SIZE], secret[100], macs[8][XR_HASH_MAX_SIZE];
    xr_buf_t       b;
    xr_str_t       message;
    xr_keyset_t    sets[8];
    xr_test_mem_t  m;

    struct {
        xr_alg_t  alg;
        xr_str_t  k;
    } secrets[] = {
        { XR_ALG_HS256, { secret, 100 } }, { XR_ALG_HS256, { hashed, 32 } },
        { XR_ALG_HS256, { secret, 64 } },  { XR_ALG_HS256, { secret, 63 } },
        { XR_ALG_HS256, { secret, 62 } },  { XR_ALG_HS512, { secret, 100 } },
        { XR_ALG_HS512, { secret, 98 } },  { XR_ALG_HS384, { secret, 99 } }
    };

    (void) state;

    memset(secret, 0x5a, sizeof(secret));
    secret[63] = 0;
    secret[98] = 0;
    secret[99] = 0;
    assert_int_equal(xr_sha256(xr_str_of(secret, 100), hashed), XR_OK);

    xr_test_mem_init(&m, SIZE_MAX);
    memset(sets, 0, sizeof(sets));
    message = xr_str("message");

    for (i = 0; i < XR_COUNT(secrets); i++) {
        b = xr_buf(text, sizeof(text));
        xr_buf_puts(&b, "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"");
        xr_buf_put(&b, xr_alg_name(secrets[i].alg));
        xr_buf_puts(&b, "\",\"k\":\"");
        xr_buf_base64url(&b, secrets[i].k);
        xr_buf_puts(&b, "\"}]}");

        assert_int_equal(xr_keyset_jwks_text(&sets[i], xr_buf_str(&b), &m.mem, NULL, NULL), XR_OK);
        assert_int_equal(xr_hmac_sign(sets[i].keys[0].hmac, xr_alg_hash(secrets[i].alg), &message,
                                      1, macs[i]), XR_OK);

        for (j = 0; j < i; j++) {
            same_mac = secrets[i].alg == secrets[j].alg
                       && memcmp(macs[i], macs[j], xr_hash_size(xr_alg_hash(secrets[i].alg))) == 0;

            assert_true(!same_mac || same_digest(&sets[i], &sets[j]));
        }
    }

    assert_true(same_digest(&sets[0], &sets[1]));
    assert_true(same_digest(&sets[2], &sets[3]));
    assert_false(same_digest(&sets[3], &sets[4]));
    assert_true(same_digest(&sets[5], &sets[6]));
    assert_false(same_digest(&sets[0], &sets[5]));

    xr_test_mem_free(&m);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_libjwt),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_digest_kinds),
        cmocka_unit_test(test_secrets)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
