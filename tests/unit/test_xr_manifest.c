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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_compile)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
