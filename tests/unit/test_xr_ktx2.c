/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_ktx2.h"
#include "xr_le.h"


#define FILE_LENGTH  2000
#define LEVELS       4


/* 64 x 32 pixels, four levels of 600, 200, 60 and 20 bytes. */

static void
file_make(uint8_t *p, uint32_t scheme)
{
    uint32_t  i, at, global;

    static const uint32_t  lengths[LEVELS] = { 600, 200, 60, 20 };
    static const uint8_t   identifier[12] = {
        0xab, 'K', 'T', 'X', ' ', '2', '0', 0xbb, '\r', '\n', 0x1a, '\n'
    };

    memset(p, 0, FILE_LENGTH);
    memcpy(p, identifier, sizeof(identifier));

    xr_le32_put(p + 20, 64);
    xr_le32_put(p + 24, 32);
    xr_le32_put(p + 36, 1);
    xr_le32_put(p + 40, LEVELS);
    xr_le32_put(p + 44, scheme);

    at = 80 + LEVELS * 24;

    xr_le32_put(p + 48, at);
    xr_le32_put(p + 52, 44);
    p[at + 20] = 12;                    /* bytes of a texel block */

    xr_le32_put(p + 56, at + 44);
    xr_le32_put(p + 60, 8);

    at += 52;

    if (scheme == 1) {
        global = (at + 7) / 8 * 8;
        xr_le64_put(p + 64, global);
        xr_le64_put(p + 72, 20 + LEVELS * 20 + 40);
        xr_le32_put(p + global + 4, 40);
        at = global + 20 + LEVELS * 20 + 40;
    }

    for (i = LEVELS; i-- > 0; /* void */) {
        at = (scheme == 0) ? (at + 11) / 12 * 12 : at;
        xr_le64_put(p + 80 + i * 24, at);
        xr_le64_put(p + 80 + i * 24 + 8, lengths[i]);
        xr_le64_put(p + 80 + i * 24 + 16, lengths[i]);
        at += lengths[i];
    }
}


static void
test_parse(void **state)
{
    uint32_t   scheme;
    uint8_t    file[FILE_LENGTH];
    xr_ktx2_t  k;
    xr_err_t   err;

    (void) state;

    for (scheme = 0; scheme <= 3; scheme++) {
        file_make(file, scheme);

        XR_CHECK_EQ(xr_ktx2_parse(xr_str_of(file, 1024), FILE_LENGTH, &k,
                                  &err), XR_OK, "a good file");
        XR_CHECK_EQ(k.edge, 64, "edge");
        XR_CHECK_EQ(k.levels, LEVELS, "levels");
        XR_CHECK_EQ(k.align, scheme == 0 ? 12 : 1, "align");
        XR_CHECK_EQ(k.level[0].length, 600, "level");
    }
}


/* A change of one number, and the word for it. */

static const struct {
    uint32_t     scheme;
    size_t       at;
    uint64_t     value;
    size_t       size;
    xr_rc_t      rc;
    const char  *word;
} changes[] = {
    { 2,   0, 1,                 4, XR_INVALID, "identifier" },
    { 2,  20, 0,                 4, XR_INVALID, "size" },
    { 2,  20, UINT32_MAX,        4, XR_INVALID, "size" },
    { 2,  28, 2,                 4, XR_DENIED,  "volume" },
    { 2,  36, 6,                 4, XR_INVALID, "faces" },
    { 2,  36, 0,                 4, XR_INVALID, "faces" },
    { 2,  40, 8,                 4, XR_INVALID, "levels" },
    { 2,  40, UINT32_MAX,        4, XR_INVALID, "levels" },
    { 2,  44, 4,                 4, XR_DENIED,  "scheme" },
    { 2,  48, 80,                4, XR_INVALID, "format" },
    { 2,  52, UINT32_MAX,        4, XR_INVALID, "format" },
    { 2,  56, 4,                 4, XR_INVALID, "values" },
    { 2,  60, UINT32_MAX,        4, XR_INVALID, "values" },
    { 2,  72, 8,                 8, XR_INVALID, "global" },
    { 1,  72, 8,                 8, XR_INVALID, "images" },
    { 1,  72, UINT64_MAX,        8, XR_INVALID, "global" },
    { 1,  64, UINT64_MAX - 40,   8, XR_INVALID, "global" },
    { 1,  32, UINT32_MAX,        4, XR_INVALID, "images" },
    { 1, 236, 41,                4, XR_INVALID, "codebooks" },
    { 0, 196, 0,                 4, XR_INVALID, "block" },
    { 2,  80, 100,               8, XR_DENIED,  "order" },
    { 2,  80, UINT64_MAX,        8, XR_INVALID, "level" },
    { 2,  88, UINT64_MAX,        8, XR_INVALID, "level" },
    { 2,  88, 0,                 8, XR_INVALID, "level" },
    { 0,  96, 5,                 8, XR_INVALID, "length" },
    { 0,  80, 601,               8, XR_INVALID, "padding" }
};


static void
test_changes(void **state)
{
    size_t     i;
    uint8_t    file[FILE_LENGTH];
    xr_ktx2_t  k;
    xr_err_t   err;

    (void) state;

    for (i = 0; i < XR_COUNT(changes); i++) {
        file_make(file, changes[i].scheme);

        if (changes[i].size == 8) {
            xr_le64_put(file + changes[i].at, changes[i].value);

        } else {
            xr_le32_put(file + changes[i].at, (uint32_t) changes[i].value);
        }

        err.what = "none";

        XR_CHECK_EQ(xr_ktx2_parse(xr_str_of(file, 1024), FILE_LENGTH, &k,
                                  &err),
                    changes[i].rc, changes[i].word);
        XR_CHECK_STR(xr_str(err.what), changes[i].word, changes[i].word);
    }
}


/* Of each shorter beginning it is told how much more is wanted. */

static void
test_need(void **state)
{
    size_t     n;
    uint8_t    file[FILE_LENGTH];
    xr_str_t   prefix;
    xr_ktx2_t  k;

    (void) state;

    file_make(file, 2);

    for (n = 0; n < XR_KTX2_PREFIX_MAX; n++) {
        prefix = xr_test_copy(xr_str_of(file, n));

        if (n >= xr_ktx2_need(prefix)) {
            XR_CHECK_EQ(xr_ktx2_parse(prefix, FILE_LENGTH, &k, NULL), XR_OK,
                        "enough");
        }

        XR_CHECK(xr_ktx2_need(prefix) <= XR_KTX2_PREFIX_MAX, "bounded");
        xr_test_copy_free(prefix);
    }
}


static void
test_level(void **state)
{
    uint32_t  level;

    (void) state;

    XR_CHECK_EQ(xr_ktx2_level(1000, 10, 1000, &level), XR_OK, "as it is");
    XR_CHECK_EQ(level, 0, "as it is");
    XR_CHECK_EQ(xr_ktx2_level(1000, 10, 999, &level), XR_OK, "smaller");
    XR_CHECK_EQ(level, 1, "smaller");
    XR_CHECK_EQ(xr_ktx2_level(1000, 10, 1, &level), XR_OK, "smallest");
    XR_CHECK_EQ(level, 9, "smallest");
    XR_CHECK_EQ(xr_ktx2_level(1000, 3, 249, &level), XR_NOT_FOUND, "none");
}


static void
test_plan(void **state)
{
    uint32_t        scheme, first;
    uint8_t         file[FILE_LENGTH], memory[XR_KTX2_HEAD_SIZE];
    xr_buf_t        b;
    uint64_t        at;
    xr_ktx2_t       k;
    xr_ktx2_plan_t  plan;

    (void) state;

    for (scheme = 0; scheme <= 2; scheme++) {
        file_make(file, scheme);

        XR_CHECK_EQ(xr_ktx2_parse(xr_str_of(file, 1024), FILE_LENGTH, &k,
                                  NULL), XR_OK, "a good file");

        for (first = 1; first < LEVELS; first++) {
            xr_ktx2_plan(&k, first, &plan);

            b = xr_buf(memory, (size_t) plan.head);
            xr_ktx2_head(&k, &plan, xr_str_of(file, 1024), &b);

            XR_CHECK(xr_buf_ok(&b) && b.len == plan.head, "head");
            XR_CHECK_EQ(xr_le32(memory + 20), 64 >> first, "width");
            XR_CHECK_EQ(xr_le32(memory + 24), 32 >> first, "height");
            XR_CHECK_EQ(xr_le32(memory + 40), LEVELS - first, "levels");
            XR_CHECK_EQ(xr_le32(memory + 48), plan.head, "format");

            at = xr_le64(memory + 80);
            XR_CHECK_EQ(at % k.align, 0, "alignment");
            XR_CHECK_EQ(at + k.level[first].length, plan.length, "the end");
            XR_CHECK_EQ(k.level[first].offset + k.level[first].length,
                        plan.prefix, "prefix");
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_need),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_plan)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
