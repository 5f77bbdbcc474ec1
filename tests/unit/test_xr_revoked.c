/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_revoked.h"


#define NOW   1767225600

#define X64   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X512  X64 X64 X64 X64 X64 X64 X64 X64
#define X1K   X512 X512

#define P8    "%78%78%78%78%78%78%78%78"
#define P64   P8 P8 P8 P8 P8 P8 P8 P8
#define P512  P64 P64 P64 P64 P64 P64 P64 P64
#define P1K   P512 P512


static const uint8_t  key[XR_SIPHASH_KEY_SIZE] = "0123456789abcdef";


/* The hash of an entry as a whole. */

static uint64_t
hash_of(const uint8_t key_of[XR_SIPHASH_KEY_SIZE], xr_str_t tenant,
    xr_revoked_kind_t kind, xr_str_t value)
{
    return xr_revoked_join(xr_revoked_tenant(key_of, tenant),
                           xr_revoked_what(key_of, kind, value));
}


/* An image of exactly its size; freed by the caller. */

static void *
build(const char *text, int64_t now, size_t *used)
{
    void      *image;
    size_t     room;
    xr_str_t   copy;
    xr_err_t   err;

    copy = xr_test_copy(xr_str(text));
    room = xr_revoked_room(copy);
    image = malloc(room);
    assert_non_null(image);

    XR_CHECK_EQ(xr_revoked_build(copy, key, now, image, room, used, &err),
                XR_OK, text);
    assert_true(*used <= room);

    xr_test_copy_free(copy);

    return image;
}


static bool
has(const xr_revoked_t *r, const char *tenant, xr_revoked_kind_t kind,
    xr_str_t value, int64_t now)
{
    return xr_revoked_has(r, hash_of(key, xr_str(tenant), kind, value),
                          now);
}


static void
test_names(void **state)
{
    xr_revoked_kind_t  i, kind;

    (void) state;

    XR_CHECK_STR(xr_revoked_name(XR_REVOKED_SUBJECT), "sub", "subject");
    XR_CHECK_STR(xr_revoked_name(XR_REVOKED_TOKEN), "jti", "token");
    XR_CHECK_STR(xr_revoked_name(XR_REVOKED_KEY), "kid", "key");

    for (i = XR_REVOKED_SUBJECT; i <= XR_REVOKED_KEY; i++) {
        assert_int_equal(xr_revoked_kind(xr_revoked_name(i), &kind), XR_OK);
        assert_int_equal(kind, i);
    }

    assert_int_equal(xr_revoked_kind(xr_str(""), &kind), XR_NOT_FOUND);
    assert_int_equal(xr_revoked_kind(xr_str("SUB"), &kind), XR_NOT_FOUND);
    assert_int_equal(kind, XR_REVOKED_KEY);
}


/* Whatever differs makes another hash; none runs into its neighbour. */

static void
test_hash(void **state)
{
    size_t    i, k;
    uint64_t  hashes[8];
    uint8_t   other[XR_SIPHASH_KEY_SIZE] = "0123456789abcdeg";

    (void) state;

    hashes[0] = hash_of(key, xr_str("a"), XR_REVOKED_KEY,
                                xr_str("bc"));
    hashes[1] = hash_of(key, xr_str("ab"), XR_REVOKED_KEY,
                                xr_str("c"));
    hashes[2] = hash_of(key, xr_str("a"), XR_REVOKED_TOKEN,
                                xr_str("bc"));
    hashes[3] = hash_of(key, xr_str("a"), XR_REVOKED_SUBJECT,
                                xr_str("bc"));
    hashes[4] = hash_of(other, xr_str("a"), XR_REVOKED_KEY,
                                xr_str("bc"));
    hashes[5] = hash_of(key, xr_str("*"), XR_REVOKED_KEY,
                                xr_str("bc"));
    hashes[6] = hash_of(key, xr_str("abc"), XR_REVOKED_KEY,
                                xr_str(""));
    hashes[7] = hash_of(key, xr_str("a"), XR_REVOKED_KEY,
                                xr_str_of("bc\0", 3));

    for (i = 0; i < XR_COUNT(hashes); i++) {
        assert_true(hashes[i] != 0);

        for (k = 0; k < i; k++) {
            assert_true(hashes[i] != hashes[k]);
        }
    }

    assert_true(hashes[0] == hash_of(key, xr_str("a"), XR_REVOKED_KEY,
                                             xr_str("bc")));
}


/* One line, and what it revokes at NOW. */

static void
test_lines(void **state)
{
    void         *image;
    size_t        i, used;
    xr_revoked_t  r;

    static const struct {
        const char         *line;
        size_t              n;
        const char         *tenant;
        xr_revoked_kind_t   kind;
        xr_str_t            value;
    } cases[] = {
        { "", 0, "acme", XR_REVOKED_KEY, XR_STR("") },
        { "\n", 0, "acme", XR_REVOKED_KEY, XR_STR("") },
        { " \t\r\n\r\n", 0, "acme", XR_REVOKED_KEY, XR_STR("") },
        { "# acme kid x", 0, "acme", XR_REVOKED_KEY, XR_STR("x") },
        { "  #acme kid x\n#", 0, "acme", XR_REVOKED_KEY, XR_STR("x") },
        { "acme kid x until=1767225600", 0, "acme", XR_REVOKED_KEY,
          XR_STR("x") },
        { "acme kid x until=1", 0, "acme", XR_REVOKED_KEY, XR_STR("x") },

        { "acme sub alice@example.com", 1, "acme", XR_REVOKED_SUBJECT,
          XR_STR("alice@example.com") },
        { "acme jti 5d0c", 1, "acme", XR_REVOKED_TOKEN, XR_STR("5d0c") },
        { "acme kid 2026-10\n", 1, "acme", XR_REVOKED_KEY,
          XR_STR("2026-10") },
        { "* kid x", 1, "*", XR_REVOKED_KEY, XR_STR("x") },
        { " \tacme \t kid\t\tx  \r\n", 1, "acme", XR_REVOKED_KEY,
          XR_STR("x") },
        { "\n\n#\nacme kid x\n\n", 1, "acme", XR_REVOKED_KEY, XR_STR("x") },
        { "acme kid x until=1767225601", 1, "acme", XR_REVOKED_KEY,
          XR_STR("x") },
        { "acme kid x   until=9223372036854775807", 1, "acme",
          XR_REVOKED_KEY, XR_STR("x") },

        { "acme sub a%20b%25%09", 1, "acme", XR_REVOKED_SUBJECT,
          XR_STR("a b%\t") },
        { "acme sub %c3%A9", 1, "acme", XR_REVOKED_SUBJECT,
          XR_STR("\xc3\xa9") },
        { "acme sub \xc3\xa9", 1, "acme", XR_REVOKED_SUBJECT,
          XR_STR("\xc3\xa9") },
        { "acme sub %00", 1, "acme", XR_REVOKED_SUBJECT, XR_STR("\0") },
        { "acme sub %2541", 1, "acme", XR_REVOKED_SUBJECT, XR_STR("%41") },
        { "acme sub *", 1, "acme", XR_REVOKED_SUBJECT, XR_STR("*") },
        { "acme sub #", 1, "acme", XR_REVOKED_SUBJECT, XR_STR("#") },
        { "acme sub sub", 1, "acme", XR_REVOKED_SUBJECT, XR_STR("sub") },
        { "acme sub until=5", 1, "acme", XR_REVOKED_SUBJECT,
          XR_STR("until=5") },
        { "acme sub " X1K, 1, "acme", XR_REVOKED_SUBJECT, XR_STR(X1K) },
        { "acme sub " P1K, 1, "acme", XR_REVOKED_SUBJECT, XR_STR(X1K) }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        image = build(cases[i].line, NOW, &used);

        assert_int_equal(xr_revoked_open(xr_str_of(image, used), &r), XR_OK);
        XR_CHECK_EQ(r.n, cases[i].n, cases[i].line);
        XR_CHECK_EQ(has(&r, cases[i].tenant, cases[i].kind, cases[i].value,
                        NOW), cases[i].n, cases[i].line);
        XR_CHECK(!has(&r, "acme-2", cases[i].kind, cases[i].value, NOW),
                 cases[i].line);

        free(image);
    }
}


static void
test_refused(void **state)
{
    size_t    i, used;
    uint64_t  image[64];
    xr_str_t  copy;
    xr_err_t  err;

    static const struct {
        const char  *text;
        size_t       pos;
    } cases[] = {
        { "Acme kid x", 0 },
        { "  -acme kid x", 2 },
        { "ac_me kid x", 0 },
        { "** kid x", 0 },
        { X64 " kid x", 0 },
        { "\xef\xbb\xbf" "acme kid x", 0 },
        { "acme kid x\nacme", 15 },
        { "acme key x", 5 },
        { "acme KID x", 5 },
        { "acme ki x", 5 },
        { "acme kid", 8 },
        { "#\nacme kid \nacme kid y\n", 10 },
        { "acme kid %", 9 },
        { "acme kid x%4", 9 },
        { "acme kid %gg", 9 },
        { "acme kid a\x01", 9 },
        { "acme kid a\x7f", 9 },
        { "acme kid a\x0b" "b", 9 },
        { "acme sub " X1K "x", 9 },
        { "acme sub " P1K "x", 9 },
        { "acme kid x y", 11 },
        { "acme kid x until", 11 },
        { "acme kid x until=", 11 },
        { "acme kid x until=0", 11 },
        { "acme kid x until=-1", 11 },
        { "acme kid x until=1.5", 11 },
        { "acme kid x until=9223372036854775808", 11 },
        { "acme kid x until=99999999999999999999", 11 },
        { "acme kid x UNTIL=5", 11 },
        { "acme kid x until=5 until=6", 19 },
        { "acme kid x until=5 # why", 19 },

        /* as does what would be left out otherwise */

        { "acme kid %zz until=5", 9 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(xr_str(cases[i].text));
        err.what = NULL;

        XR_CHECK_EQ(xr_revoked_build(copy, key, NOW, image, sizeof(image),
                                     &used, &err), XR_INVALID, cases[i].text);
        XR_CHECK(err.what != NULL, cases[i].text);
        XR_CHECK_EQ(err.pos, cases[i].pos, cases[i].text);

        xr_test_copy_free(copy);
    }

    assert_int_equal(xr_revoked_build(xr_str_of("acme kid a\0b", 12), key, NOW,
                                      image, sizeof(image), &used, NULL),
                     XR_INVALID);
}


/* What is written reads as it was, in one spelling. */

static void
test_put(void **state)
{
    size_t             i;
    char               room[XR_REVOKED_LINE_MAX];
    uint8_t            memory[XR_REVOKED_VALUE_MAX];
    uint8_t            value[XR_REVOKED_VALUE_MAX];
    xr_buf_t           b;
    xr_err_t           err;
    xr_revoked_line_t  line;

    static const struct {
        const char  *text;
        const char  *wanted;
    } cases[] = {
        { "acme sub alice@example.com", "acme sub alice@example.com" },
        { "*\tjti   a%20b%25%0a%7F", "* jti a%20b%25%0a%7f" },
        { "acme kid x  until=5", "acme kid x until=5" },
        { "acme kid %78 until=0009", "acme kid x until=9" },
        { "acme sub k\xc3\xa4se", "acme sub k\xc3\xa4se" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_revoked_parse(xr_str(cases[i].text), memory, &line,
                                     &err),
                    XR_OK, cases[i].text);

        b = xr_buf(room, sizeof(room));
        xr_revoked_put(&line, &b);

        XR_CHECK(xr_buf_ok(&b), cases[i].text);
        XR_CHECK_STR(xr_buf_str(&b), cases[i].wanted, cases[i].text);
    }

    /* the longest there is fits */

    memset(value, '%', sizeof(value));

    line = (xr_revoked_line_t) {
        xr_str_of(X64, 63),
        XR_REVOKED_SUBJECT, xr_str_of(value, sizeof(value)), INT64_MAX
    };

    b = xr_buf(room, sizeof(room));
    xr_revoked_put(&line, &b);

    assert_true(xr_buf_ok(&b));
    assert_int_equal(xr_revoked_parse(xr_buf_str(&b), memory, &line, &err),
                     XR_OK);
    assert_true(xr_str_eq(line.value, xr_str_of(value, sizeof(value))));
    assert_int_equal(line.until, INT64_MAX);
}


static void
test_until(void **state)
{
    void         *image;
    size_t        i, used;
    xr_revoked_t  r;

    static const struct {
        const char  *text;
        int64_t      until;             /* 0: for good */
    } cases[] = {
        { "a kid x until=1767225700", NOW + 100 },
        { "a kid x until=1767225700\na kid x until=1767225650", NOW + 100 },
        { "a kid x until=1767225650\na kid x until=1767225700", NOW + 100 },
        { "a kid x until=1767225700\na kid x until=5", NOW + 100 },
        { "a kid x until=1767225700\na kid x", 0 },
        { "a kid x\na kid x until=1767225700", 0 },
        { "a kid x", 0 }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        image = build(cases[i].text, NOW, &used);
        assert_int_equal(xr_revoked_open(xr_str_of(image, used), &r), XR_OK);

        XR_CHECK_EQ(r.n, 1, cases[i].text);
        XR_CHECK(has(&r, "a", XR_REVOKED_KEY, xr_str("x"), NOW + 99),
                 cases[i].text);
        XR_CHECK_EQ(has(&r, "a", XR_REVOKED_KEY, xr_str("x"), NOW + 100),
                    cases[i].until == 0, cases[i].text);
        XR_CHECK_EQ(has(&r, "a", XR_REVOKED_KEY, xr_str("x"), INT64_MAX),
                    cases[i].until == 0, cases[i].text);

        free(image);
    }
}


static void
test_open(void **state)
{
    void         *image;
    size_t        i, used;
    uint64_t     *words;
    xr_str_t      copy;
    xr_revoked_t  r;

    (void) state;

    image = build("a kid x\na kid y\nb kid z\n", NOW, &used);
    words = image;

    for (i = 0; i < used; i++) {
        copy = xr_test_copy(xr_str_of(image, i));
        assert_int_equal(xr_revoked_open(copy, &r), XR_INVALID);
        xr_test_copy_free(copy);
    }

    /* the magic, the number of slots, the number of entries */

    for (i = 0; i < 3; i++) {
        words[i] ^= 16;
        assert_int_equal(xr_revoked_open(xr_str_of(image, used), &r),
                         XR_INVALID);
        words[i] ^= 16;
    }

    assert_int_equal(xr_revoked_open(xr_str_of((uint8_t *) image + 4,
                                               used - 4), &r), XR_INVALID);

    /* without a free slot, a search comes to an end too */

    assert_int_equal(xr_revoked_open(xr_str_of(image, used), &r), XR_OK);
    memset(words + 4, 0xff, used - 32);
    assert_false(has(&r, "a", XR_REVOKED_KEY, xr_str("none"), NOW));

    free(image);

    memset(&r, 0, sizeof(r));
    assert_false(has(&r, "a", XR_REVOKED_KEY, xr_str("x"), NOW));
}


static void
test_no_space(void **state)
{
    size_t     i, room, used;
    uint64_t  *image;
    xr_str_t   text;
    xr_err_t   err;

    (void) state;

    text = xr_str("a kid x\na kid y\n");
    room = xr_revoked_room(text);

    for (i = 0; i < room; i += 8) {
        image = malloc(i > 0 ? i : 1);
        assert_non_null(image);
        assert_int_equal(xr_revoked_build(text, key, NOW, image, i, &used,
                                          &err), XR_NO_SPACE);
        free(image);
    }
}


#define MANY  100000

static void
test_many(void **state)
{
    char         *text, name[32], tenant[8];
    void         *image;
    size_t        i, len, used;
    xr_revoked_t  r;

    (void) state;

    text = malloc(MANY * 32);
    assert_non_null(text);
    len = 0;

    for (i = 0; i < MANY; i++) {
        len += (size_t) snprintf(text + len, MANY * 32 - len,
                                 "t%zu jti id-%zu\n", i % 100, i);
    }

    image = build(text, NOW, &used);
    assert_int_equal(xr_revoked_open(xr_str_of(image, used), &r), XR_OK);

    assert_int_equal(r.n, MANY);
    assert_true(r.mask + 1 >= 2 * (size_t) MANY);

    for (i = 0; i < MANY; i++) {
        snprintf(tenant, sizeof(tenant), "t%zu", i % 100);
        snprintf(name, sizeof(name), "id-%zu", i);
        assert_true(has(&r, tenant, XR_REVOKED_TOKEN, xr_str(name), NOW));

        snprintf(name, sizeof(name), "id-%zu", i + 1);
        assert_false(has(&r, tenant, XR_REVOKED_TOKEN, xr_str(name), NOW));
    }

    free(image);
    free(text);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_until),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_many)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
