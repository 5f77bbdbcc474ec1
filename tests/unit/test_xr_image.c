/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_image.h"


#define PNG(width, type)  \
    "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0" width "\0\0\0\x08\x08" type "\0\0\0\0\0\0\0"
#define BYTES(literal)  { (const uint8_t *) (literal), sizeof(literal) - 1 }
#define RIFF(chunk)  "RIFF\0\0\0\0WEBP" chunk


/* "width" 0: refused. */

static const struct {
    xr_str_t         image;
    xr_image_kind_t  kind;
    uint32_t         width;
    uint32_t         height;
    bool             alpha;
} cases[] = {
    { BYTES(PNG("\x10\0", "\2")), XR_IMAGE_PNG, 4096, 8, false },
    { BYTES(PNG("\x10\0", "\6")), XR_IMAGE_PNG, 4096, 8, true },
    { BYTES(PNG("\0\x10", "\3") "\0\0\0\1tRNSx1234"), XR_IMAGE_PNG, 16, 8, true },
    { BYTES(PNG("\0\x10", "\3") "\0\0\0\1PLTEx1234\0\0\0\0IDAT1234\0\0\0\1tRNSx1234"),
      XR_IMAGE_PNG, 16, 8,
      false },
    { BYTES(PNG("\0\x10", "\3") "\xff\xff\xff\xfftEXtx1234"), XR_IMAGE_PNG, 16, 8, false },
    { BYTES(PNG("\0\0", "\2")), XR_IMAGE_NONE, 0, 0, false },
    { BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"), XR_IMAGE_NONE, 0, 0, false },

    { BYTES("\xff\xd8\xff\xe0\0\4JF\xff\xc0\0\x0b\x08\0\x10\0\x20\1\1\x11\0"), XR_IMAGE_JPEG, 32,
      16, false },
    { BYTES("\xff\xd8\xff\xff\xff\xc2\0\x0b\x08\0\x10\0\x20\1\1\x11\0"), XR_IMAGE_JPEG, 32, 16,
      false },
    { BYTES("\xff\xd8\xff\xe0\xff\xffJF\xff\xc0\0\x0b\x08\0\x10\0\x20"), XR_IMAGE_NONE, 0, 0,
      false },
    { BYTES("\xff\xd8\xff\xe0\0\1JFxx"), XR_IMAGE_NONE, 0, 0, false },
    { BYTES("\xff\xd8\xff\xc0\0\5\x08\0\x10"), XR_IMAGE_NONE, 0, 0, false },
    { BYTES("\xff\xd8\xff\xda\0\x0b\x08\0\x10\0\x20\1\1\x11\0"), XR_IMAGE_NONE, 0, 0, false },
    { BYTES("\xff\xd8\xff"), XR_IMAGE_NONE, 0, 0, false },

    { BYTES(RIFF("VP8X\x0a\0\0\0\x10\0\0\0\x1f\0\0\x0f\0\0")), XR_IMAGE_WEBP, 32, 16, true },
    { BYTES(RIFF("VP8L\x0a\0\0\0\x2f\x1f\xc0\3\0     ")), XR_IMAGE_WEBP, 32, 16, false },
    { BYTES(RIFF("VP8 \x0a\0\0\0\0\0\0\x9d\1\x2a\x20\0\x10\0")), XR_IMAGE_WEBP, 32, 16, false },
    { BYTES(RIFF("JUNK\x0a\0\0\0\0\0\0\x9d\1\x2a\x20\0\x10\0")), XR_IMAGE_NONE, 0, 0, false },
    { BYTES(RIFF("VP8X")), XR_IMAGE_NONE, 0, 0, false },

    { BYTES("\xabKTX 20\xbb\r\n\x1a\n"), XR_IMAGE_NONE, 0, 0, false },
    { BYTES("GIF89a"), XR_IMAGE_NONE, 0, 0, false },
    { BYTES(""), XR_IMAGE_NONE, 0, 0, false }
};


static void
test_images(void **state)
{
    char        what[32];
    size_t      i, n;
    xr_rc_t     rc;
    xr_err_t    err;
    xr_str_t    image;
    xr_image_t  out;

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        (void) snprintf(what, sizeof(what), "case %zu", i);

        for (n = 0; n <= cases[i].image.len; n++) {
            image = xr_test_copy(xr_str_of(cases[i].image.data, n));
            rc = xr_image_read(image, &out, &err);
            xr_test_copy_free(image);

            XR_CHECK(rc == XR_OK || (err.what != NULL && err.pos <= n + 16), what);
        }

        if (cases[i].width == 0) {
            XR_CHECK_EQ(rc, XR_INVALID, what);
            continue;
        }

        XR_CHECK_EQ(rc, XR_OK, what);
        XR_CHECK_EQ(out.kind, cases[i].kind, what);
        XR_CHECK_EQ(out.width, cases[i].width, what);
        XR_CHECK_EQ(out.height, cases[i].height, what);
        XR_CHECK_EQ(out.alpha, cases[i].alpha, what);
    }
}


static void
test_types(void **state)
{
    (void) state;

    XR_CHECK_STR(xr_image_type(XR_IMAGE_NONE), "", "type");
    XR_CHECK_STR(xr_image_type(XR_IMAGE_WEBP), "image/webp", "type");
    XR_CHECK_STR(xr_image_type(XR_IMAGE_KTX2), "image/ktx2", "type");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_types)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
