/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_glb.h"
#include "xr_le.h"


#define BIN  100


static size_t
file_make(uint8_t *p, const char *json)
{
    size_t  len;

    len = strlen(json);

    memcpy(p, "glTF", 4);
    xr_le32_put(p + 4, 2);
    xr_le32_put(p + 8, (uint32_t) (28 + len + BIN));
    xr_le32_put(p + 12, (uint32_t) len);
    xr_le32_put(p + 16, 0x4e4f534a);
    memcpy(p + 20, json, len);
    xr_le32_put(p + 20 + len, BIN);
    xr_le32_put(p + 24 + len, 0x004e4942);

    return 28 + len;
}


#define VIEW(at, size)  "{\"buffer\":0,\"byteOffset\":" at ",\"byteLength\":" size "}"


/* "head": bytes of binary data; -1: refused. */

static const struct {
    const char  *json;
    int          head;
} cases[] = {
    { "{}", 0 },
    { "{\"bufferViews\":[" VIEW("0", "40") "," VIEW("40", "60") "],"
      "\"images\":[{\"bufferView\":1}]}", 40 },
    { "{\"bufferViews\":[" VIEW("0", "40") "," VIEW("40", "60") "],"
      "\"images\":[{\"uri\":\"a.png\"}]}", 100 },
    { "{\"bufferViews\":[" VIEW("0", "40") "," VIEW("40", "60") "],"
      "\"images\":[{\"bufferView\":0}]}", -1 },
    { "{\"bufferViews\":[" VIEW("0", "101") "]}", -1 },
    { "{\"bufferViews\":[" VIEW("101", "0") "]}", -1 },
    { "{\"bufferViews\":[" VIEW("-1", "4") "]}", -1 },
    { "{\"bufferViews\":[{\"buffer\":1,\"byteLength\":900,\"extensions\":"
      "{\"EXT_meshopt_compression\":" VIEW("8", "30") "}}]}", 38 },
    { "{\"bufferViews\":[{}]}", -1 },
    { "{\"bufferViews\":[7]}", -1 },
    { "{\"images\":[{\"bufferView\":99999}]}", -1 },
    { "{\"images\":{\"version\":\"2.0\"}}", -1 },
    { "{\"images\":{\"a\":{\"bufferView\":0}}}", -1 },
    { "{\"images\":7}", -1 },
    { "{\"bufferViews\":{\"a\":{\"byteLength\":40}}}", -1 },
    { "{\"bufferViews\":\"a\"}", -1 },
    { "[", -1 }
};


static void
test_heads(void **state)
{
    size_t    i, n, head_at;
    uint8_t   file[1024];
    uint64_t  head;
    xr_glb_t  glb;
    xr_str_t  prefix;

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        head_at = file_make(file, cases[i].json);

        for (n = 0; n < head_at; n++) {
            prefix = xr_test_copy(xr_str_of(file, n));
            XR_CHECK(xr_glb_parse(prefix, head_at + BIN, &glb, NULL) != XR_OK,
                     "short");
            XR_CHECK(xr_glb_need(prefix) > n || n < 4, "more is wanted");
            xr_test_copy_free(prefix);
        }

        prefix = xr_test_copy(xr_str_of(file, head_at));

        XR_CHECK_EQ(xr_glb_parse(prefix, head_at + BIN, &glb, NULL), XR_OK,
                    cases[i].json);
        XR_CHECK(xr_glb_parse(prefix, head_at + BIN + 1, &glb, NULL) != XR_OK,
                 "another length");

        XR_CHECK_EQ(xr_glb_parse(prefix, head_at + BIN, &glb, NULL), XR_OK,
                    cases[i].json);

        if (xr_glb_head(prefix, &glb, &head, NULL) != XR_OK) {
            XR_CHECK_EQ(-1, cases[i].head, cases[i].json);

        } else {
            XR_CHECK_EQ(head - head_at, cases[i].head, cases[i].json);
        }

        xr_test_copy_free(prefix);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_heads)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
