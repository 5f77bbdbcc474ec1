/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_le.h"
#include "xr_usdz.h"


#define FILE_MAX  8192


typedef struct {
    const char  *name;
    size_t       size;
    const char  *data;
} entry_t;


static size_t
header(uint8_t *p, uint32_t sign, const entry_t *e, size_t at)
{
    size_t   fixed, extra;
    uint8_t  *field;

    fixed = (sign == 0x04034b50) ? 30 : 46;
    extra = 0;
    field = (fixed == 46) ? p + 2 : p;

    memset(p, 0, fixed);
    xr_le32_put(p, sign);
    xr_le32_put(field + 18, (uint32_t) e->size);
    xr_le32_put(field + 22, (uint32_t) e->size);
    field[26] = (uint8_t) strlen(e->name);

    if (fixed == 30) {
        extra = (64 - (at + fixed + strlen(e->name)) % 64) % 64;
        field[28] = (uint8_t) extra;

    } else {
        xr_le32_put(p + 42, (uint32_t) at);
    }

    memcpy(p + fixed, e->name, strlen(e->name));
    memset(p + fixed + strlen(e->name), 0, extra);

    return fixed + strlen(e->name) + extra;
}


static size_t
archive(uint8_t *p, const entry_t *entries, size_t n)
{
    size_t  i, len, at[8], directory;

    len = 0;

    for (i = 0; i < n; i++) {
        at[i] = len;
        len += header(p + len, 0x04034b50, &entries[i], len);
        memset(p + len, 0, entries[i].size);
        memcpy(p + len, entries[i].data, strlen(entries[i].data));
        len += entries[i].size;
    }

    directory = len;

    for (i = 0; i < n; i++) {
        len += header(p + len, 0x02014b50, &entries[i], at[i]);
    }

    memset(p + len, 0, 22);
    xr_le32_put(p + len, 0x06054b50);
    p[len + 8] = (uint8_t) n;
    p[len + 10] = (uint8_t) n;
    xr_le32_put(p + len + 12, (uint32_t) (len - directory));
    xr_le32_put(p + len + 16, (uint32_t) directory);

    return len + 22;
}


static const struct {
    const char  *what;
    entry_t      entries[3];
    const char  *code;              /* NULL: it is good */
} cases[] = {
    { "good", { { "a.usda", 64, "#usda 1.0" }, { "t/b.usdc", 32, "PXR-USDC" } }, NULL },
    { "type", { { "a.usda", 64, "" }, { "b.exe", 32, "" } }, "usdz.type" },
    { "no type", { { "a.usda", 64, "" }, { "b", 32, "" } }, "usdz.type" },
    { "up", { { "a.usda", 64, "" }, { "../b.png", 32, "" } }, "usdz.name" },
    { "root", { { "a.usda", 64, "" }, { "/b.png", 32, "" } }, "usdz.name" },
    { "drive", { { "a.usda", 64, "" }, { "c:b.png", 32, "" } }, "usdz.name" },
    { "control", { { "a.usda", 64, "" }, { "b\n.png", 32, "" } }, "usdz.name" },
    { "twice", { { "a.usda", 64, "" }, { "a.usda", 32, "" } }, "usdz.name" },
    { "image", { { "a.usda", 64, "" }, { "b.png", 32, "no image" } }, "usdz.image" },
    { "first", { { "b.png", 64, "" }, { "a.usda", 32, "" } }, "usdz.header" }
};


static void
test_cases(void **state)
{
    size_t        i, n;
    xr_rc_t       rc;
    uint8_t       memory[FILE_MAX];
    xr_str_t      file;
    xr_usdz_t     usdz;
    xr_refusal_t  why;

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {

        for (n = 0; n < 3 && cases[i].entries[n].name != NULL; n++) {
            /* void */
        }

        file = xr_test_copy(xr_str_of(memory, archive(memory, cases[i].entries, n)));
        rc = xr_usdz_check(file, &usdz, &why);

        if (cases[i].code == NULL) {
            XR_CHECK_EQ(rc, XR_OK, cases[i].what);
            XR_CHECK_EQ(usdz.entries, n, cases[i].what);

        } else {
            XR_CHECK(rc != XR_OK, cases[i].what);
            XR_CHECK_STR(xr_str(why.code), cases[i].code, cases[i].what);
        }

        xr_test_copy_free(file);
    }
}


/* A byte is another one, or the end is missing. */

static void
test_damage(void **state)
{
    size_t        i, n, len;
    uint8_t       memory[FILE_MAX], *byte;
    xr_str_t      file;
    xr_usdz_t     usdz;
    xr_refusal_t  why;

    (void) state;

    len = archive(memory, cases[0].entries, 2);

    for (n = 0; n < len; n++) {
        file = xr_test_copy(xr_str_of(memory, n));
        XR_CHECK(xr_usdz_check(file, &usdz, &why) != XR_OK, "cut");
        xr_test_copy_free(file);
    }

    file = xr_test_copy(xr_str_of(memory, len));

    for (n = 0; n < len; n++) {
        byte = (uint8_t *) (uintptr_t) file.data + n;

        for (i = 1; i < 256; i += 3) {
            *byte = (uint8_t) (memory[n] + i);
            (void) xr_usdz_check(file, &usdz, &why);
        }

        *byte = memory[n];
    }

    xr_test_copy_free(file);
}


static void
test_lies(void **state)
{
    size_t        i, len, directory;
    uint8_t       memory[FILE_MAX];
    xr_usdz_t     usdz;
    xr_refusal_t  why;

    static const struct {
        size_t       central;       /* offset in the second entry of the directory */
        uint8_t      value;
        const char  *code;
    } lies[] = {
        { 10, 8, "usdz.compressed" },
        { 8, 1, "usdz.compressed" },
        { 24, 200, "usdz.compressed" },
        { 42, 0, "usdz.overlap" },
        { 45, 0x7f, "usdz.overlap" },
        { 42, 129, "usdz.entry" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(lies); i++) {
        len = archive(memory, cases[0].entries, 2);
        directory = xr_le32(memory + len - 22 + 16) + 46 + strlen("a.usda");
        memory[directory + lies[i].central] = lies[i].value;

        XR_CHECK(xr_usdz_check(xr_str_of(memory, len), &usdz, &why) != XR_OK, lies[i].code);
        XR_CHECK_STR(xr_str(why.code), lies[i].code, lies[i].code);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_lies)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
