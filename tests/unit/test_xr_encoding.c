/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_encoding.h"


#define I   XR_ENCODING_BIT(XR_ENCODING_IDENTITY)
#define G   XR_ENCODING_BIT(XR_ENCODING_GZIP)
#define B   XR_ENCODING_BIT(XR_ENCODING_BR)
#define Z   XR_ENCODING_BIT(XR_ENCODING_ZSTD)
#define ALL (I|G|B|Z)


/* RFC 9110, section 12.5.3, with the examples of it, and what is none. */

static void
test_accept(void **state)
{
    size_t                i;
    xr_encoding_accept_t  a;

    static const struct {
        const char  *in;
        uint16_t     identity;
        uint16_t     gzip;
        uint16_t     br;
        uint16_t     zstd;
    } rows[] = {
        { "", 1, 0, 0, 0 },
        { "compress, gzip", 1, 1000, 0, 0 },
        { "*", 1000, 1000, 1000, 1000 },
        { "compress;q=0.5, gzip;q=1.0", 1, 1000, 0, 0 },
        { "gzip;q=1.0, identity; q=0.5, *;q=0", 500, 1000, 0, 0 },
        { "gzip, deflate, br, zstd", 1, 1000, 1000, 1000 },
        { "identity;q=0", 0, 0, 0, 0 },
        { "*;q=0", 0, 0, 0, 0 },
        { "*;q=0, br", 0, 0, 1000, 0 },
        { "*;q=0.2, br;q=0", 200, 200, 0, 200 },
        { "identity;q=0, *;q=0.001", 0, 1, 1, 1 },
        { "x-gzip;q=0.3", 1, 300, 0, 0 },
        { "x-gzip;q=0.3, gzip", 1, 300, 0, 0 },
        { "X-GZIP, BR;Q=0.25, ZsTd", 1, 1000, 250, 1000 },
        { "br, br;q=0", 1, 0, 0, 0 },
        { "br;q=0, br", 1, 0, 0, 0 },
        { "*;q=0.5, *;q=0.4", 400, 400, 400, 400 },
        { " ,\t, br \t;\t q=0.5 ,,", 1, 0, 500, 0 },
        { "br;q=1.000, gzip;q=0.999", 1, 999, 1000, 0 },
        { "br;q=0., gzip;q=1.", 1, 1000, 0, 0 },

        /* malformed: they are as though they were not there */

        { "br;q=1.001", 1, 0, 0, 0 },
        { "br;q=2", 1, 0, 0, 0 },
        { "br;q=0.0001", 1, 0, 0, 0 },
        { "br;q=-0", 1, 0, 0, 0 },
        { "br;q=.5", 1, 0, 0, 0 },
        { "br;q=0,5", 1, 0, 0, 0 },
        { "br;q=", 1, 0, 0, 0 },
        { "br;q", 1, 0, 0, 0 },
        { "br;", 1, 0, 0, 0 },
        { "br;;q=1", 1, 0, 0, 0 },
        { "br;q =1", 1, 0, 0, 0 },
        { "br;q= 1", 1, 0, 0, 0 },
        { "br;q=1;q=0", 1, 0, 0, 0 },
        { "br;level=3", 1, 0, 0, 0 },
        { "br;q=1e0", 1, 0, 0, 0 },
        { "br;q=0x1", 1, 0, 0, 0 },
        { "br zstd", 1, 0, 0, 0 },
        { "br\001", 1, 0, 0, 0 },
        { ";q=1", 1, 0, 0, 0 },
        { "**", 1, 0, 0, 0 },
        { "gzip/1.0, \"br\"", 1, 0, 0, 0 },
        { "identity;q=x, gzip", 1, 1000, 0, 0 },
        { "bro, b, brr, gzi, zst, zstd2", 1, 0, 0, 0 },
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        xr_encoding_accept(xr_str(rows[i].in), &a);

        if (a.q[XR_ENCODING_IDENTITY] != rows[i].identity
            || a.q[XR_ENCODING_GZIP] != rows[i].gzip
            || a.q[XR_ENCODING_BR] != rows[i].br
            || a.q[XR_ENCODING_ZSTD] != rows[i].zstd)
        {
            fail_msg("\"%s\": identity %u, gzip %u, br %u, zstd %u",
                     rows[i].in, a.q[XR_ENCODING_IDENTITY],
                     a.q[XR_ENCODING_GZIP], a.q[XR_ENCODING_BR],
                     a.q[XR_ENCODING_ZSTD]);
        }
    }

    xr_encoding_accept_none(&a);
    assert_int_equal(a.q[XR_ENCODING_IDENTITY], XR_ENCODING_Q);
    assert_int_equal(a.q[XR_ENCODING_GZIP], 0);
    assert_int_equal(a.q[XR_ENCODING_BR], 0);
    assert_int_equal(a.q[XR_ENCODING_ZSTD], 0);
}


static void
test_choose(void **state)
{
    size_t                i;
    xr_encoding_t         e;
    xr_encoding_accept_t  a;

    static const struct {
        const char     *in;
        unsigned        available;
        uint64_t        sizes[XR_ENCODINGS];    /* identity, gzip, br, zstd */
        xr_encoding_t   e;
    } rows[] = {
        { "gzip, br, zstd", ALL, { 0, 0, 0, 0 }, XR_ENCODING_BR },
        { "gzip, br, zstd", I|G|Z, { 0, 0, 0, 0 }, XR_ENCODING_ZSTD },
        { "gzip, br, zstd", I|G, { 0, 0, 0, 0 }, XR_ENCODING_GZIP },
        { "gzip, br, zstd", I, { 0, 0, 0, 0 }, XR_ENCODING_IDENTITY },
        { "gzip, br, zstd", ALL, { 9, 5, 4, 3 }, XR_ENCODING_ZSTD },
        { "gzip, br, zstd", ALL, { 9, 3, 4, 5 }, XR_ENCODING_GZIP },
        { "gzip, br, zstd", ALL, { 9, 3, 0, 5 }, XR_ENCODING_BR },
        { "gzip, br, zstd", ALL, { 9, 0, 4, 0 }, XR_ENCODING_BR },
        { "gzip, br, zstd", ALL, { 9, 4, 4, 4 }, XR_ENCODING_BR },
        { "gzip, br;q=0.9", ALL, { 9, 5, 1, 1 }, XR_ENCODING_GZIP },
        { "gzip;q=0.001", ALL, { 5, 4, 0, 0 }, XR_ENCODING_GZIP },
        { "gzip;q=0.001", ALL, { 4, 5, 0, 0 }, XR_ENCODING_IDENTITY },
        { "*", ALL, { 2, 3, 4, 5 }, XR_ENCODING_IDENTITY },
        { "", ALL, { 9, 1, 1, 1 }, XR_ENCODING_IDENTITY },
        { "identity;q=0", ALL, { 9, 1, 1, 1 }, XR_ENCODING_NONE },
        { "identity;q=0, zstd", I|G|B, { 0, 0, 0, 0 }, XR_ENCODING_NONE },
        { "identity;q=0, zstd", Z, { 0, 0, 0, 0 }, XR_ENCODING_ZSTD },
        { "br", G|Z, { 0, 0, 0, 0 }, XR_ENCODING_NONE },
        { "br", 0, { 0, 0, 0, 0 }, XR_ENCODING_NONE },
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        xr_encoding_accept(xr_str(rows[i].in), &a);
        e = xr_encoding_choose(&a, rows[i].available, rows[i].sizes);

        if (e != rows[i].e) {
            fail_msg("row %zu, \"%s\": %d", i, rows[i].in, (int) e);
        }
    }

    xr_encoding_accept(xr_str("*"), &a);
    assert_int_equal(xr_encoding_choose(&a, ALL, NULL), XR_ENCODING_BR);
}


static void
test_names(void **state)
{
    size_t         i;
    xr_str_t       inner, name;
    xr_encoding_t  e;

    static const struct {
        const char     *path;
        xr_encoding_t   e;
        const char     *inner;
    } rows[] = {
        { "a.wasm.br", XR_ENCODING_BR, "a.wasm" },
        { "a.json.zst", XR_ENCODING_ZSTD, "a.json" },
        { "b/a.data.gz", XR_ENCODING_GZIP, "b/a.data" },
        { "a.br.gz", XR_ENCODING_GZIP, "a.br" },
        { "a.BR", XR_ENCODING_IDENTITY, "a.BR" },
        { "a.brr", XR_ENCODING_IDENTITY, "a.brr" },
        { ".br", XR_ENCODING_IDENTITY, ".br" },
        { "b/.br", XR_ENCODING_IDENTITY, "b/.br" },
        { "br", XR_ENCODING_IDENTITY, "br" },
        { "", XR_ENCODING_IDENTITY, "" },
    };

    (void) state;

    for (i = 0; i < XR_COUNT(rows); i++) {
        assert_int_equal(xr_encoding_of_path(xr_str(rows[i].path), &inner),
                         rows[i].e);
        assert_true(xr_str_eq(inner, xr_str(rows[i].inner)));
    }

    for (e = 0; e < XR_ENCODINGS; e++) {
        name = xr_encoding_name(e);

        assert_true(name.len > 0);
        assert_int_equal(xr_encoding_of(name), e);
        assert_true((xr_encoding_suffix(e).len == 0)
                    == (e == XR_ENCODING_IDENTITY));
    }

    assert_int_equal(xr_encoding_of(xr_str("deflate")), XR_ENCODING_NONE);
    assert_int_equal(xr_encoding_of(xr_str("")), XR_ENCODING_NONE);
    assert_int_equal(xr_encoding_name(XR_ENCODING_NONE).len, 0);
    assert_int_equal(xr_encoding_suffix(XR_ENCODING_NONE).len, 0);
}


static void
test_gains(void **state)
{
    size_t  i;

    static const char  *const yes[] = {
        "application/json", "model/gltf+json", "image/svg+xml", "text/plain",
        "application/wasm", "model/obj", "application/octet-stream"
    };

    static const char  *const no[] = {
        "model/gltf-binary", "image/ktx2", "image/jpeg", "video/mp4",
        "audio/ogg", "application/zip", "model/vnd.usdz+zip", "font/woff2"
    };

    (void) state;

    for (i = 0; i < XR_COUNT(yes); i++) {
        assert_true(xr_encoding_gains(xr_str(yes[i])));
    }

    for (i = 0; i < XR_COUNT(no); i++) {
        assert_false(xr_encoding_gains(xr_str(no[i])));
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_gains)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
