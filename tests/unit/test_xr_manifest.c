/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_manifest.h"


#define SHA  "9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f"
#define ONE  "\"id\":\"a\",\"bytes\":100,\"sha256\":\"" SHA "\""
#define OF(members)  "{\"v\":1,\"variants\":[{" members "}]}"
#define PATH(path)   OF(ONE ",\"path\":\"" path "\"")
#define MORE(more)   OF(ONE ",\"path\":\"a.glb\"," more)
#define AND(more)    "{\"v\":1,\"variants\":[{" ONE ",\"path\":\"a\"}]," more "}"

#define LINK(path)   MORE("\"links\":[{\"path\":\"" path "\"}]")
#define TWICE(text)  text text

static uint8_t  memory[XR_MANIFEST_IMAGE_MAX];


static const struct {
    const char  *json;
    const char  *what;              /* NULL: it is right */
} cases[] = {
    { PATH("v/a.glb"), NULL },
    { PATH("/a"), "is not relative" },
    { PATH("../a"), "has an empty segment, or \".\" or \"..\"" },
    { PATH("v/\\u002e\\u002e/a"), "has an empty segment, or \".\" or \"..\"" },
    { PATH("v/./a"), "has an empty segment, or \".\" or \"..\"" },
    { PATH("v//a"), "has an empty segment, or \".\" or \"..\"" },
    { PATH("v/"), "ends with \"/\"" },
    { PATH("%2e%2e/a"),
      "holds a character that is not of A-Z a-z 0-9 - . _ ~ /" },
    { PATH("https:a"),
      "holds a character that is not of A-Z a-z 0-9 - . _ ~ /" },
    { PATH("v\\\\a"),
      "holds a character that is not of A-Z a-z 0-9 - . _ ~ /" },
    { PATH("v\\u0000a"), "holds a control character" },
    { PATH("manifest.json"), "is the manifest itself" },
    { PATH("b.xr/a"), "leads to variants of a variant" },
    { PATH(""), "is empty" },
    { OF("\"path\":\"a\""), "has no \"id\"" },
    { MORE("\"later\":{\"a\":1.5}"), NULL },
    { MORE("\"q\":101"), "is too large" },
    { MORE("\"q\":1.0"), "is not an unsigned integer" },
    { MORE("\"q\":-1"), "is not an unsigned integer" },
    { MORE("\"q\":1,\"q\":1"), "is duplicate" },
    { MORE("\"tris\":4294967296"), "is too large" },
    { MORE("\"alts\":[\"b\"]"), "is not the id of a variant" },
    { MORE("\"enc\":{\"br\":100}"), "is not less than \"bytes\"" },
    { MORE("\"seg\":[[\"a\",0,101]]"), "is too large" },
    { MORE("\"seg\":[[\"a\",0,9],[\"b\",8,1]]"),
      "overlaps the segment before" },
    { MORE("\"type\":\"text\""), "is no media type" },
    { MORE("\"links\":{}"), "is not an array" },
    { MORE("\"links\":[]"), NULL },
    { MORE("\"links\":[1]"), "is not an object" },
    { MORE("\"links\":[{\"as\":\"fetch\"}]"), "has no \"path\"" },
    { LINK("/a.bin"), "is not relative" },
    { LINK("../a.bin"), "has an empty segment, or \".\" or \"..\"" },
    { LINK("b.xr/a.bin"), "leads to variants of a variant" },
    { LINK("https://a/b"),
      "holds a character that is not of A-Z a-z 0-9 - . _ ~ /" },
    { LINK("a>;b"),
      "holds a character that is not of A-Z a-z 0-9 - . _ ~ /" },
    { LINK("a.bin\",\"as\":\"document"),
      "is not one of fetch, font, image, script, style, track" },
    { LINK("a.bin\",\"type\":\"a/b;c=\\\"d"), "is no media type" },
    { LINK("a.bin\",\"later\":\"x"), NULL },
    { MORE("\"links\":[" TWICE(TWICE(TWICE("{\"path\":\"a\"},")))
      "{\"path\":\"a\"}]"), "is one of more than 8" },
    { AND("\"fallback\":\"b\""), "is not the id of a variant" },
    { AND("\"split\":{\"salt\":\"s\",\"arms\":[]}"),
      "has not weights of 1 to 10000 in all" },
    { "{\"v\":2,\"variants\":[]}", "is not version 1" },
    { "{\"v\":1,\"variants\":[]}", "has not 1 to 64 variants" },
    { "{\"v\":1,\"variants\":[{" ONE ",\"path\":\"a\"},{" ONE
      ",\"path\":\"b\"}]}", "is the id of another variant, too" }
};


static void
test_compile(void **state)
{
    size_t                 i;
    xr_rc_t                rc;
    xr_buf_t               b;
    xr_err_t               err;
    xr_manifest_t          m;
    xr_manifest_variant_t  v;

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        b = xr_buf(memory, sizeof(memory));
        err.what = "";

        rc = xr_manifest_compile(xr_str(cases[i].json), &b, &err);

        if (cases[i].what != NULL) {
            XR_CHECK_EQ(rc, XR_INVALID, cases[i].json);
            XR_CHECK_STR(xr_str(err.what), cases[i].what, cases[i].json);
            continue;
        }

        XR_CHECK_EQ(rc, XR_OK, cases[i].json);
        XR_CHECK(xr_manifest_open(xr_buf_str(&b), &m), cases[i].json);
        XR_CHECK(xr_manifest_variant(&m, 0, &v), cases[i].json);
        XR_CHECK_STR(v.type, "model/gltf-binary", cases[i].json);
    }
}


static void
test_links(void **state)
{
    xr_buf_t               b;
    xr_err_t               err;
    xr_manifest_t          m;
    xr_manifest_link_t     link;
    xr_manifest_variant_t  v;

    static const char  json[] =
        MORE("\"links\":[{\"path\":\"v/b.bin\"},{\"type\":\"image/x-own\","
             "\"as\":\"image\",\"path\":\"c.ktx2\"}]");

    (void) state;

    b = xr_buf(memory, sizeof(memory));
    assert_int_equal(xr_manifest_compile(xr_str(json), &b, &err), XR_OK);
    assert_true(xr_manifest_open(xr_buf_str(&b), &m));
    assert_true(xr_manifest_variant(&m, 0, &v));
    assert_int_equal(v.nlinks, 2);

    assert_true(xr_manifest_link(&m, &v, 0, &link));
    XR_CHECK_STR(link.path, "v/b.bin", json);
    XR_CHECK_STR(link.type, "application/gltf-buffer", json);
    assert_int_equal(link.as, XR_MANIFEST_AS_FETCH);

    assert_true(xr_manifest_link(&m, &v, 1, &link));
    XR_CHECK_STR(link.path, "c.ktx2", json);
    XR_CHECK_STR(link.type, "image/x-own", json);
    XR_CHECK_STR(xr_manifest_as_name(link.as), "image", json);

    assert_false(xr_manifest_link(&m, &v, 2, &link));
}


/* As many of the longest as there may be have room. */

static void
test_full(void **state)
{
    size_t            n, k;
    char              path[XR_MANIFEST_PATH_MAX + 1];
    xr_buf_t          b, text;
    xr_err_t          err;
    xr_manifest_t     m;

    static char  json[XR_MANIFEST_TEXT_MAX];

    (void) state;

    memset(path, 'a', XR_MANIFEST_PATH_MAX);
    path[XR_MANIFEST_PATH_MAX] = '\0';

    text = xr_buf(json, sizeof(json));
    xr_buf_puts(&text, "{\"v\":1,\"variants\":[");

    for (n = 0; n < XR_MANIFEST_VARIANTS; n++) {
        xr_buf_puts(&text, (n == 0) ? "{\"id\":\"a" : ",{\"id\":\"a");
        xr_buf_uint(&text, n);
        xr_buf_puts(&text, "\",\"bytes\":1,\"sha256\":\"" SHA
                           "\",\"path\":\"a\",\"links\":[");

        for (k = 0; k < XR_MANIFEST_LINKS; k++) {
            xr_buf_puts(&text, (k == 0) ? "{\"path\":\"" : ",{\"path\":\"");
            xr_buf_puts(&text, path);
            xr_buf_puts(&text, "\",\"type\":\"");
            xr_buf_put(&text, xr_str_of(path, XR_MANIFEST_TYPE_MAX - 2));
            xr_buf_puts(&text, "/b\"}");
        }

        xr_buf_puts(&text, "]}");
    }

    xr_buf_puts(&text, "]}");
    assert_true(xr_buf_ok(&text));

    b = xr_buf(memory, sizeof(memory));
    assert_int_equal(xr_manifest_compile(xr_buf_str(&text), &b, &err), XR_OK);
    assert_true(xr_manifest_open(xr_buf_str(&b), &m));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_compile),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_full)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
