/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_asset.h"


#define NONE  ((size_t) -1)             /* no byte is changed */


/* A file of these bytes, one of them changed, seen from exact copies. */

static xr_rc_t
check(xr_asset_kind_t kind, const uint8_t *bytes, size_t len, uint64_t size,
    size_t at, uint8_t byte, xr_asset_t *out, xr_err_t *err)
{
    xr_rc_t   rc;
    uint8_t   changed[512];
    xr_str_t  head;

    assert_true(len <= sizeof(changed));
    memcpy(changed, bytes, len);

    if (at != NONE) {
        assert_true(at < len);
        changed[at] = byte;
    }

    head = xr_test_copy(xr_str_of(changed, len));
    rc = xr_asset_check(kind, head, size, out, err);
    xr_test_copy_free(head);

    return rc;
}


/* One byte of a good file is changed, or its size; "what" is the reason. */

typedef struct {
    size_t       at;
    uint8_t      byte;
    int          longer;
    const char  *what;
} change_t;


static void
check_changes(xr_asset_kind_t kind, const uint8_t *bytes, size_t len,
    const change_t *changes, size_t n)
{
    size_t      i;
    xr_rc_t     rc;
    xr_err_t    err;
    xr_asset_t  out;

    assert_int_equal(check(kind, bytes, len, len, NONE, 0, &out, &err),
                     XR_OK);

    for (i = 0; i < n; i++) {
        err = (xr_err_t) { "nothing", 0 };
        out = (xr_asset_t) { 7, 7 };

        rc = check(kind, bytes, len,
                   (uint64_t) ((int64_t) len + changes[i].longer),
                   changes[i].at, changes[i].byte, &out, &err);

        XR_CHECK_EQ(rc, XR_INVALID, changes[i].what);
        XR_CHECK_STR(xr_str(err.what), changes[i].what, changes[i].what);
        XR_CHECK_EQ(out.json_pos, 7, changes[i].what);
        XR_CHECK(err.pos <= len, changes[i].what);
    }

    /* whatever is cut off, nothing is read beyond it */

    for (i = 0; i < len; i++) {
        rc = check(kind, bytes, i, i, NONE, 0, &out, &err);
        XR_CHECK(rc == XR_OK || rc == XR_INVALID, "cut off");

        rc = check(kind, bytes, i, len, NONE, 0, &out, &err);
        XR_CHECK(rc == XR_OK || rc == XR_INVALID, "short head");
    }
}


static void
test_kind(void **state)
{
    size_t  i;

    static const struct {
        const char       *path;
        xr_asset_kind_t   kind;
    } cases[] = {
        { "a/b.glb", XR_ASSET_GLB },
        { "B.GLB", XR_ASSET_GLB },
        { "b.gltf", XR_ASSET_GLTF },
        { "b.ktx2", XR_ASSET_KTX2 },
        { "b.UsdZ", XR_ASSET_USDZ },
        { "b.ktx", XR_ASSET_OTHER },
        { "glb", XR_ASSET_OTHER },
        { "b.glb.br", XR_ASSET_OTHER },
        { "", XR_ASSET_OTHER }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        XR_CHECK_EQ(xr_asset_kind(xr_str(cases[i].path)), cases[i].kind,
                    cases[i].path);
    }
}


static void
test_other(void **state)
{
    xr_asset_t  out;

    (void) state;

    assert_int_equal(xr_asset_check(XR_ASSET_OTHER, xr_str("anything"), 8,
                                    &out, NULL), XR_OK);
    assert_int_equal(out.json_size, 0);
}


static const uint8_t  glb[] =
    "glTF" "\2\0\0\0" "\x2c\0\0\0"      /* 44 bytes */
    "\x0c\0\0\0" "JSON" " {\"a\": 1}   "
    "\4\0\0\0" "BIN\0" "\0\0\0";        /* and the literal's own NUL */


static void
test_glb(void **state)
{
    xr_err_t    err;
    xr_asset_t  out;

    static const change_t  changes[] = {
        { 0, 'G', 0, "no GLB magic" },
        { 4, 1, 0, "not version 2 of GLB" },
        { 7, 1, 0, "not version 2 of GLB" },
        { 8, 43, 0, "the length in the GLB header is not the file's" },
        { NONE, 0, 1, "the length in the GLB header is not the file's" },
        { NONE, 0, -1, "the length in the GLB header is not the file's" },
        { 16, 'B', 0, "the first chunk is not JSON" },
        { 12, 0, 0, "the JSON chunk has an impossible length" },
        { 12, 13, 0, "the JSON chunk has an impossible length" },
        { 12, 28, 0, "the JSON chunk has an impossible length" },
        { 15, 0x80, 0, "the JSON chunk has an impossible length" },
        { 12, 20, 0, "less than a chunk follows the JSON chunk" },
        { 21, '[', 0, "the JSON text is not an object" },
        { 20, 0, 0, "the JSON text is not an object" }
    };

    (void) state;

    check_changes(XR_ASSET_GLB, glb, sizeof(glb), changes,
                  XR_COUNT(changes));

    assert_int_equal(check(XR_ASSET_GLB, glb, sizeof(glb), sizeof(glb), NONE,
                           0, &out, &err), XR_OK);
    assert_int_equal(out.json_pos, 20);
    assert_int_equal(out.json_size, 12);

    /* the head alone is enough */

    assert_int_equal(check(XR_ASSET_GLB, glb, 22, sizeof(glb), NONE, 0, &out,
                           &err), XR_OK);
}


static void
test_gltf(void **state)
{
    size_t      i;
    xr_rc_t     rc;
    xr_str_t    head;
    xr_asset_t  out;

    static const struct {
        const char  *text;
        xr_rc_t      rc;
    } cases[] = {
        { "{}", XR_OK },
        { " \r\n\t{", XR_OK },
        { "", XR_INVALID },
        { "   ", XR_INVALID },
        { "[]", XR_INVALID },
        { "\xef\xbb\xbf{}", XR_INVALID },   /* no byte order mark */
        { "glTF", XR_INVALID }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        head = xr_test_copy(xr_str(cases[i].text));
        rc = xr_asset_check(XR_ASSET_GLTF, head, head.len, &out, NULL);
        xr_test_copy_free(head);

        XR_CHECK_EQ(rc, cases[i].rc, cases[i].text);

        if (rc == XR_OK) {
            XR_CHECK_EQ(out.json_pos, 0, cases[i].text);
            XR_CHECK_EQ(out.json_size, strlen(cases[i].text), cases[i].text);
        }
    }
}


/* 4 x 4, two levels; 128 index end, 128..172 descriptor, 172..188, 188..252 */

#define U32(n)  n, 0, 0, 0
#define U64(n)  n, 0, 0, 0, 0, 0, 0, 0

static const uint8_t  ktx2[252] = {
    0xab, 'K', 'T', 'X', ' ', '2', '0', 0xbb, '\r', '\n', 0x1a, '\n',
    U32(37), U32(1), U32(4), U32(4), U32(0), U32(0), U32(1), U32(2), U32(0),
    U32(128), U32(44), U32(0), U32(0), U64(0), U64(0),
    U64(188), U64(64), U64(64),
    U64(172), U64(16), U64(16)
};


static void
test_ktx2(void **state)
{
    uint8_t     one[sizeof(ktx2)];
    xr_err_t    err;
    xr_asset_t  out;

    static const change_t  changes[] = {
        { 0, 0xaa, 0, "no KTX2 identifier" },
        { 5, '1', 0, "no KTX2 identifier" },
        { 20, 0, 0, "a texture of no width" },
        { 36, 2, 0, "neither 1 nor 6 faces" },
        { 40, 33, 0, "too many mip levels" },
        { 43, 0x80, 0, "too many mip levels" },
        { 40, 32, 0, "the level index is cut off" },
        { 48, 127, 0, "the data format descriptor is outside of the file" },
        { 52, 0, 0, "the data format descriptor is outside of the file" },
        { 55, 0xff, 0, "the data format descriptor is outside of the file" },
        { 60, 1, 0, "the key/value data is outside of the file" },
        { 72, 1, 0, "the supercompression data is outside of the file" },
        { 80, 189, 0, "a mip level is outside of the file" },
        { 87, 0xff, 0, "a mip level is outside of the file" },
        { 95, 0xff, 0, "a mip level is outside of the file" },
        { 104, 100, 0, "a mip level is outside of the file" },
        { 112, 0, 0, "a mip level is outside of the file" },
        { NONE, 0, -1, "a mip level is outside of the file" }
    };

    (void) state;

    check_changes(XR_ASSET_KTX2, ktx2, sizeof(ktx2), changes,
                  XR_COUNT(changes));

    /* no level at all means that one is there */

    memcpy(one, ktx2, sizeof(one));
    one[40] = 0;
    assert_int_equal(check(XR_ASSET_KTX2, one, sizeof(one), sizeof(one),
                           NONE, 0, &out, &err), XR_OK);

    one[36] = 6;
    assert_int_equal(check(XR_ASSET_KTX2, one, 128, sizeof(one), NONE, 0,
                           &out, &err), XR_OK);
}


/* 30 bytes of header, 6 of name, 28 of padding, 5 of data */

static const uint8_t  usdz[] =
    "PK\3\4" "\x0a\0" "\0\0" "\0\0" "\0\0\0\0" "\0\0\0\0"
    "\5\0\0\0" "\5\0\0\0" "\6\0" "\x1c\0" "m.usdc"
    "\x86\x19\x18\0" "\0\0\0\0\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0\0\0\0\0"
    "PXR-";


static void
test_usdz(void **state)
{
    uint8_t     other[sizeof(usdz)];
    xr_err_t    err;
    xr_asset_t  out;

    static const change_t  changes[] = {
        { 0, 'p', 0, "no ZIP entry at the beginning" },
        { 2, 5, 0, "no ZIP entry at the beginning" },
        { 6, 1, 0, "the first entry is encrypted" },
        { 8, 8, 0, "the first entry is compressed" },
        { 27, 1, 0, "the first entry's name is cut off" },
        { 26, 4, 0, "the first entry is not a USD file" },
        { 35, 'x', 0, "the first entry is not a USD file" },
        { 28, 27, 0, "the first entry's data is not aligned to 64 bytes" },
        { 18, 6, 0, "the first entry is cut off" },
        { NONE, 0, -1, "the first entry is cut off" }
    };

    (void) state;

    assert_int_equal(sizeof(usdz), 69);

    check_changes(XR_ASSET_USDZ, usdz, sizeof(usdz), changes,
                  XR_COUNT(changes));

    memcpy(other, usdz, sizeof(other));
    memcpy(other + 30, "m.USDA", 6);
    assert_int_equal(check(XR_ASSET_USDZ, other, sizeof(other),
                           sizeof(other), NONE, 0, &out, &err), XR_OK);

    memcpy(other + 30, "mm.usd", 6);
    assert_int_equal(check(XR_ASSET_USDZ, other, sizeof(other),
                           sizeof(other), NONE, 0, &out, &err), XR_OK);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_kind),
        cmocka_unit_test(test_other),
        cmocka_unit_test(test_glb),
        cmocka_unit_test(test_gltf),
        cmocka_unit_test(test_ktx2),
        cmocka_unit_test(test_usdz)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
