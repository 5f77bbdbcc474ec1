/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_device.h"
#include "xr_variant.h"


#define HASH  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"


static void
test_wanted(void **state)
{
    size_t  i;

    static const struct {
        const char  *name;
        bool         wanted;
    } cases[] = {
        { "a.glb", true }, { "a/b.GLTF", true }, { "a.ktx2", true },
        { "a.Splat", true }, { ".splat", false }, { "a.html", false },
        { "", false }, { "glb", false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        assert_int_equal(xr_variant_wanted(xr_str(cases[i].name)),
                         cases[i].wanted);
    }
}


static void
test_immutable(void **state)
{
    (void) state;

    assert_true(xr_variant_immutable(xr_str("a.glb.xr/" HASH ".glb")));
    assert_true(xr_variant_immutable(xr_str("d/a.glb.xr/" HASH)));
    assert_true(xr_variant_immutable(xr_str("a.xr/" HASH ".glb.br")));

    assert_false(xr_variant_immutable(xr_str(".xr/" HASH)));
    assert_false(xr_variant_immutable(xr_str("a.xr/" HASH "0")));
    assert_false(xr_variant_immutable(xr_str("a.xr/x" HASH)));
    assert_false(xr_variant_immutable(xr_str("a/" HASH)));
    assert_false(xr_variant_immutable(xr_str("a.xr/")));
    assert_false(xr_variant_immutable(xr_str("")));
}


static void
test_parts(void **state)
{
    xr_str_t  object, path;

    (void) state;

    xr_variant_parts(xr_str("d/a.glb.xr/" HASH ".glb"), &object, &path);

    XR_CHECK_STR(object, "d/a.glb", "object");
    XR_CHECK_STR(path, HASH ".glb", "path");
}


static void
assert_arg(const char *query, const char *name, const char *value)
{
    xr_str_t  found;

    found = xr_variant_arg(xr_str(query), xr_str(name));

    if (value == NULL) {
        assert_null(found.data);

    } else {
        assert_non_null(found.data);
        assert_true(xr_str_eq(found, xr_str(value)));
    }
}


static void
test_arg(void **state)
{
    (void) state;

    assert_arg("xr=h2&maxq=1", "xr", "h2");
    assert_arg("a=1&xr=h2&xr=p0", "xr", "h2");
    assert_arg("xr&xr=h2", "xr", "");
    assert_arg("xr=", "xr", "");
    assert_arg("xra=1&&maxxr=2", "xr", NULL);
    assert_arg("", "xr", NULL);
    assert_arg("part", "part", "");
}


static void
test_args(void **state)
{
    xr_str_t  values[3];

    static const xr_str_t  names[] = {
        XR_STR("a"), XR_STR("ab"), XR_STR("part")
    };

    (void) state;

    xr_variant_args(xr_str("ab=2&&=x&a=1&abc=3&a=9&part"), names, 3, values);
    assert_true(xr_str_eq(values[0], xr_str("1")));
    assert_true(xr_str_eq(values[1], xr_str("2")));
    assert_non_null(values[2].data);
    assert_int_equal(values[2].len, 0);

    xr_variant_args(xr_str("a=1=2&=ab"), names, 3, values);
    assert_true(xr_str_eq(values[0], xr_str("1=2")));
    assert_null(values[1].data);
    assert_null(values[2].data);
}


static void
test_has_levels(void **state)
{
    (void) state;

    assert_true(xr_variant_has_levels(xr_str("a.ktx2")));
    assert_true(xr_variant_has_levels(xr_str("d/a.b.KTX2")));
    assert_false(xr_variant_has_levels(xr_str("a.ktx")));
    assert_false(xr_variant_has_levels(xr_str(".ktx2")));
    assert_false(xr_variant_has_levels(xr_str("d/.ktx2")));
    assert_false(xr_variant_has_levels(xr_str("ktx2")));
    assert_false(xr_variant_has_levels(xr_str("")));
}


static void
test_location(void **state)
{
    size_t    i;
    char      memory[64];
    xr_buf_t  b;

    static const char *const  cases[][2] = {
        { "/acme/m/1.glb", "1.glb.xr/a/b.glb" },
        { "/1%20a.glb", "1%20a.glb.xr/a/b.glb" },
        { "/a:b.glb", "./a:b.glb.xr/a/b.glb" },
        { "/a>\"\x7f,b.glb", "a%3E%22%7F,b.glb.xr/a/b.glb" },
        { "/", ".xr/a/b.glb" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        b = xr_buf(memory, sizeof(memory));
        xr_variant_location(xr_str(cases[i][0]), xr_str("a/b.glb"), &b);

        assert_true(xr_buf_ok(&b));
        assert_true(b.len <= XR_VARIANT_LOCATION(strlen(cases[i][0]), 7));
        assert_true(xr_str_eq(xr_buf_str(&b), xr_str(cases[i][1])));
    }
}


static void
test_link(void **state)
{
    size_t              i;
    char                memory[160];
    xr_buf_t            b;
    xr_manifest_link_t  link;

    static const struct {
        const char  *target;
        const char  *type;
        const char  *query;
        bool         cookies;
        const char  *out;
    } cases[] = {
        { "/acme/1.glb", "", "", false,
          "<1.glb.xr/v/a.bin>; rel=preload; as=fetch; crossorigin" },
        { "/acme/1.glb", "image/ktx2", "", true,
          "<1.glb.xr/v/a.bin>; rel=preload; as=fetch; type=\"image/ktx2\"; "
          "crossorigin=use-credentials" },
        { "/1>,<2.glb", "", "?t=a%2Fb&s=>\r", false,
          "<1%3E,%3C2.glb.xr/v/a.bin?t=a%2Fb&s=%3E%0D>; rel=preload; "
          "as=fetch; crossorigin" },
        { "/1.glb", "a/b\";c=\"d", "", false,
          "<1.glb.xr/v/a.bin>; rel=preload; as=fetch; crossorigin" }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        b = xr_buf(memory, sizeof(memory));
        link = (xr_manifest_link_t) {
            xr_str("v/a.bin"), xr_str(cases[i].type), XR_MANIFEST_AS_FETCH
        };

        assert_true(xr_variant_link(xr_str(cases[i].target), &link,
                                    xr_str(cases[i].query), cases[i].cookies,
                                    &b));
        XR_CHECK_STR(xr_buf_str(&b), cases[i].out, cases[i].target);
    }
}


/* What does not fit leaves what is there as it was. */

static void
test_links(void **state)
{
    char                memory[130];
    size_t              len;
    xr_buf_t            b;
    xr_manifest_link_t  link;

    (void) state;

    b = xr_buf(memory, sizeof(memory));
    link = (xr_manifest_link_t) {
        xr_str("a.png"), xr_str(""), XR_MANIFEST_AS_IMAGE
    };

    assert_true(xr_variant_link(xr_str("/1.glb"), &link, xr_str(""), false,
                                &b));
    assert_true(xr_variant_link(xr_str("/1.glb"), &link, xr_str(""), false,
                                &b));
    len = b.len;
    assert_false(xr_variant_link(xr_str("/1.glb"), &link, xr_str(""), false,
                                 &b));

    assert_true(xr_buf_ok(&b));
    assert_int_equal(b.len, len);
    XR_CHECK_STR(xr_buf_str(&b),
                 "<1.glb.xr/a.png>; rel=preload; as=image; crossorigin, "
                 "<1.glb.xr/a.png>; rel=preload; as=image; crossorigin",
                 "two links");
}


static void
test_input(void **state)
{
    xr_device_input_t  in;

    (void) state;

    memset(&in, 0, sizeof(in));

    assert_true(xr_device_input_set(&in, xr_str("dpr"), xr_str("2")));
    assert_true(xr_device_input_set(&in, xr_str("sec-ch-dpr"), xr_str("3")));
    assert_true(xr_str_eq(in.dpr, xr_str("2")));

    assert_false(xr_device_input_set(&in, xr_str("DPR"), xr_str("4")));
    assert_false(xr_device_input_set(&in, xr_str("cookie"), xr_str("a")));
    assert_false(xr_device_input_set(&in, xr_str(""), xr_str("a")));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_wanted),
        cmocka_unit_test(test_immutable),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_arg),
        cmocka_unit_test(test_args),
        cmocka_unit_test(test_has_levels),
        cmocka_unit_test(test_location),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_input)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
