/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "jwks.h"


/* Refused as a whole: "^" is where. */

static const struct {
    const char  *text;
    const char  *what;
} refused[] = {
    { "^[]", "not a JWK set: no object" },
    { "^7", "not a JWK set: no object" },
    { "^{}", "not a JWK set: no array \"keys\"" },
    { "^{\"keys\":{}}", "not a JWK set: no array \"keys\"" },
    { "^{\"keys\":\"\"}", "not a JWK set: no array \"keys\"" },
    { "^{\"Keys\":[{" RSA "}]}", "not a JWK set: no array \"keys\"" },
    { "^{" RSA "}", "not a JWK set: no array \"keys\"" },
    { "{\"keys\":^[]}", "a JWK set without a key that can be used" },
    { "{\"keys\":^[{}]}", "a JWK set without a key that can be used" },
    { "{\"keys\":^[{" RSA ",\"use\":\"enc\"}]}", "a JWK set without a key that can be used" },
    { SET("{" RSA "},^7"), "a key that is not an object" },
    { SET("^null,{" RSA "}"), "a key that is not an object" },
    { SET("\"^" RSA_N "\""), "a key that is not an object" },

    { SET("{" RSA ",\"^d\":\"AA\"}"), "a private key where public ones belong" },
    { SET("{" RSA ",\"^p\":1}"), "a private key where public ones belong" },
    { SET("{" RSA ",\"^q\":\"\"}"), "a private key where public ones belong" },
    { SET("{" RSA ",\"^dp\":\"\"}"), "a private key where public ones belong" },
    { SET("{" RSA ",\"^dq\":\"\"}"), "a private key where public ones belong" },
    { SET("{" RSA ",\"^qi\":\"\"}"), "a private key where public ones belong" },
    { SET("{" RSA ",\"^oth\":[]}"), "a private key where public ones belong" },
    { SET("{" RSA ",\"^\\u0064\":\"AA\"}"), "a private key where public ones belong" },
    { SET("{" EC "},{" P384 ",\"^d\":\"AA\"}"), "a private key where public ones belong" },
    { SET("{" EC "},{" ED ",\"^d\":\"AA\"}"), "a private key where public ones belong" },

    /* also in a key that would be left out */

    { SET("{" EC "},{\"use\":\"enc\"," RSA ",\"^d\":\"AA\"}"),
      "a private key where public ones belong" },
    { SET("{" EC "},{\"kty\":\"AKP\",\"^priv\":\"AA\"}"),
      "a private key where public ones belong" },

    { SET("{" RSA ",\"^n\":\"" RSA_N "\"}"), "a member stands twice" },
    { SET("{" RSA ",\"^\\u0065\":\"AQAB\",\"kid\":\"a\"}"), "a member stands twice" },
    { SET("{" EC ",\"a\":1,\"^a\":2}"), "a member stands twice" },
    { SET("{" EC ",\"\\u0061\":1,\"^\\u0061\":2}"), "a member stands twice" },
    { "{\"keys\":[{" EC "}],\"^keys\":[{" EC "}]}", "a member stands twice" },
    { "{\"keys\":[{" EC "}],\"a\":1,\"^\\u0061\":1}", "a member stands twice" },

    { SET("{" EC ",\"kid\":\"a\"},{" EC2 ",\"kid\":\"^a\"}"), "the key id stands twice" },
    { SET("{" EC ",\"kid\":\"a\"},{" EC2 ",\"kid\":\"^\\u0061\"}"), "the key id stands twice" },
    { SET("{" RSA ",\"kid\":\"a\"},^{" RSA ",\"kid\":\"b\"}"), "the key stands twice" },
    { SET("{" RSA ",\"alg\":\"RS256\"},^{" RSA ",\"alg\":\"RS512\"}"), "the key stands twice" },
    { SET("{" HS "},^{" HS "}"), "the key stands twice" },
    { SET("{" HS "},^{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "AAAA\"}"),
      "the key stands twice" },

    { SET("{" EC ",\"a\":[^[]]}"), "deeper than a JWK set is" },
    { SET("{" EC ",\"a\":{\"b\":^{}}}"), "deeper than a JWK set is" },
    { "{\"a\":[[[^[]]]],\"keys\":[{" EC "}]}", "deeper than a JWK set is" }
};


static void
check_refused(size_t i, bool within)
{
    size_t         pos;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_str_t       s;
    xr_keyset_t    set, before;
    xr_test_mem_t  m;

    s = xr_test_marked(refused[i].text, &pos);
    xr_test_mem_init(&m, SIZE_MAX);
    memset(&set, 0, sizeof(set));

    assert_int_equal(xr_keyset_edgeauth_key(&set, xr_str("a"),
                                            xr_str("00112233445566778899aabbccddeeff"), &m.mem,
                                            NULL), XR_OK);
    before = set;

    rc = within ? xr_test_within(&set, s, &m.mem, NULL, &err)
                : xr_keyset_jwks_text(&set, s, &m.mem, NULL, &err);

    XR_CHECK_EQ(rc, XR_INVALID, refused[i].text);
    XR_CHECK_EQ(memcmp(&set, &before, sizeof(set)), 0, refused[i].text);

    /* too deep a text is not even JSON to begin with */

    if (within || strcmp(refused[i].what, "deeper than a JWK set is") != 0) {
        XR_CHECK_STR(xr_str(err.what), refused[i].what, refused[i].text);
        XR_CHECK_EQ(err.pos, pos, refused[i].text);
    }

    xr_keyset_wipe(&set);
    xr_test_mem_free(&m);
    xr_test_copy_free(s);
}


static void
test_refused(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < XR_COUNT(refused); i++) {
        check_refused(i, false);
        check_refused(i, true);
    }
}


/* 31 of them, which makes 32 with "keys" */

#define MEMBERS \
    "\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"0\":1," \
    "\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1," \
    "\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1,\"r\":1,\"s\":1,\"t\":1," \
    "\"u\":1"


static void
fill(xr_buf_t *b, const char *item, size_t n)
{
    size_t  i;

    xr_buf_puts(b, "{\"keys\":[{" EC "}");

    for (i = 0; i < n; i++) {
        xr_buf_puts(b, item);
    }
}


static void
test_sizes(void **state)
{
    size_t         i;
    uint8_t       *memory;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_buf_t       b;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    static const struct {
        const char  *item;
        size_t       n;
        const char  *end;
        size_t       pad;               /* spaces until it is so long */
        const char  *what;
    } cases[] = {
        { ",{}", 127, "]}", 0, NULL },
        { ",{}", 128, "]}", 0, "a JWK set of more than 128 keys" },
        { "", 0, "]}", 65534, NULL },
        { "", 0, "]}", 65535, "a JWK set larger than 64 KiB" },
        { "", 0, "]}", 100000, "a JWK set larger than 64 KiB" },
        { "", 0, ",{\"a\":1", 0, NULL },
        { "", 0, "],\"" RSA_N RSA_N "\":1}", 0, NULL },
        { "", 0, "],\"\\u0061" RSA_N "\":1}", 0, "a name longer than 256 bytes" },
        { "", 0, "]," MEMBERS "}", 0, NULL },
        { "", 0, "]," MEMBERS ",\"v\":1}", 0, "more than 32 members" }
    };

    (void) state;

    memory = malloc(200000);
    assert_non_null(memory);

    for (i = 0; i < XR_COUNT(cases); i++) {
        b = xr_buf(memory, 200000);
        fill(&b, cases[i].item, cases[i].n);

        while (b.len < cases[i].pad) {
            xr_buf_putc(&b, ' ');
        }

        xr_buf_puts(&b, cases[i].end);

        if (strchr(cases[i].end, '}') == NULL) {
            xr_buf_puts(&b, ",\"b\":[]}]}");
        }

        xr_test_mem_init(&m, SIZE_MAX);
        memset(&set, 0, sizeof(set));

        rc = xr_keyset_jwks_text(&set, xr_buf_str(&b), &m.mem, NULL, &err);

        if (cases[i].what == NULL) {
            XR_CHECK_EQ(rc, XR_OK, cases[i].end);
            XR_CHECK_EQ(set.n, 1, cases[i].end);

        } else {
            XR_CHECK_EQ(rc, XR_INVALID, cases[i].end);
            XR_CHECK_STR(xr_str(err.what), cases[i].what, cases[i].end);
            XR_CHECK_EQ(set.n, 0, cases[i].end);
        }

        xr_keyset_wipe(&set);
        xr_test_mem_free(&m);
    }

    free(memory);
}


/* As many keys as a tenant may have, and one more. */

static void
test_too_many(void **state)
{
    int            i, n;
    char           text[8192];
    size_t         len;
    xr_rc_t        rc;
    xr_err_t       err;
    xr_keyset_t    set;
    xr_test_mem_t  m;

    (void) state;

    for (n = XR_KEYSET_MAX; n <= XR_KEYSET_MAX + 1; n++) {
        len = (size_t) snprintf(text, sizeof(text), "{\"keys\":[");

        for (i = 0; i < n; i++) {
            len += (size_t) snprintf(text + len, sizeof(text) - len,
                                     "%s{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"k%d\","
                                     "\"k\":\"%04d%s\"}", i > 0 ? "," : "", i, i, &K32[4]);
        }

        snprintf(text + len, sizeof(text) - len, "]}");
        xr_test_mem_init(&m, SIZE_MAX);
        memset(&set, 0, sizeof(set));

        rc = xr_keyset_jwks_text(&set, xr_str(text), &m.mem, NULL, &err);

        if (n == XR_KEYSET_MAX) {
            assert_int_equal(rc, XR_OK);
            assert_int_equal(set.n, n);

        } else {
            assert_int_equal(rc, XR_INVALID);
            assert_int_equal(set.n, 0);
            assert_string_equal(err.what, "more than 32 keys");
            assert_int_equal(err.pos, strstr(text, "k32") - text);
        }

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

    /* an id and n and e, an id and a point, a point, an id and a secret */

    static const size_t  wanted = 8;

    (void) state;

    for (i = 0; i <= wanted; i++) {
        xr_test_mem_init(&m, i);
        memset(&set, 0, sizeof(set));

        rc = xr_keyset_jwks_text(&set, xr_str(SET("{" RSA ",\"kid\":\"a\"},{" EC ",\"kid\":\"b\"},"
                                                  "{" P521 "},{" HS ",\"kid\":\"c\"}")),
                                 &m.mem, NULL, &err);

        if (i == wanted) {
            assert_int_equal(rc, XR_OK);
            assert_int_equal(set.n, 4);
            assert_int_equal(m.n, wanted);

        } else {
            assert_int_equal(rc, XR_NO_SPACE);
            assert_int_equal(set.n, 0);
            assert_string_equal(err.what, "out of memory");
        }

        xr_keyset_wipe(&set);
        xr_test_mem_free(&m);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_no_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
