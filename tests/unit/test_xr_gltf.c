/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_gltf.h"
#include "xr_le.h"


#define BIN  256


/* A PNG of 16 by 16 pixels, as far as anybody looks. */

static const uint8_t  png[33] = {
    0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R',
    0, 0, 0, 16, 0, 0, 0, 16, 8, 2
};


/*
 * Binary data: three vertices from 0 on, indices 0 1 2 in bytes from 36 on, the image from 40 on,
 * and 0xff from 80 on.
 */

static xr_str_t
file_make(const char *json, uint8_t *p)
{
    size_t  i, len, padded;
    float   vertices[9] = { 0, 0, 0, 1, 0, 0, 0, 1, 0 };

    len = strlen(json);
    padded = (len + 3) / 4 * 4;

    memcpy(p, "glTF", 4);
    xr_le32_put(p + 4, 2);
    xr_le32_put(p + 8, (uint32_t) (28 + padded + BIN));
    xr_le32_put(p + 12, (uint32_t) padded);
    xr_le32_put(p + 16, 0x4e4f534a);
    memset(p + 20, ' ', padded);
    memcpy(p + 20, json, len);
    xr_le32_put(p + 20 + padded, BIN);
    xr_le32_put(p + 24 + padded, 0x004e4942);

    p += 28 + padded;
    memset(p, 0, BIN);
    memcpy(p, vertices, sizeof(vertices));

    for (i = 0; i < 3; i++) {
        p[36 + i] = (uint8_t) i;
    }

    memcpy(p + 40, png, sizeof(png));
    memset(p + 80, 0xff, 40);

    return xr_str_of(p - 28 - padded, 28 + padded + BIN);
}


#define HEAD      "{\"asset\":{\"version\":\"2.0\"},"
#define BUFFERS   "\"buffers\":[{\"byteLength\":256}],"
#define VIEW(at, n)  "{\"buffer\":0,\"byteOffset\":" #at ",\"byteLength\":" #n "}"
#define VIEWS     "\"bufferViews\":[" VIEW(0, 36) "," VIEW(36, 4) "," VIEW(40, 33) ","  \
                  VIEW(80, 40) "],"
#define ACCESSOR(view, type, n, kind)  \
    "{\"bufferView\":" #view ",\"componentType\":" #type ",\"count\":" #n ",\"type\":\"" kind "\"}"
#define ACCESSORS  "\"accessors\":[" ACCESSOR(0, 5126, 3, "VEC3") ","  \
                   ACCESSOR(1, 5121, 3, "SCALAR") "],"
#define MESHES    "\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":0},\"indices\":1}]}]"
#define WITH(more)  HEAD BUFFERS VIEWS ACCESSORS more "}"
#define IN(buffers, views, accessors, more)  HEAD buffers views accessors more "}"


/* "code" NULL: it is good. */

static const struct {
    const char  *json;
    const char  *code;
} cases[] = {
    { HEAD "\"nodes\":[]}", NULL },
    { WITH(MESHES), NULL },
    { WITH(MESHES ",\"nodes\":[{\"mesh\":0,\"children\":[1]},{}],\"scenes\":[{\"nodes\":[0]}],"
      "\"scene\":0"),
      NULL },
    { WITH("\"images\":[{\"bufferView\":2,\"mimeType\":\"image/png\"}],\"textures\":[{\"source\":"
      "0}],"
           "\"materials\":[{\"normalTexture\":{\"index\":0}}]"), NULL },

    { "{", "gltf.json" },
    { "[]", "gltf.json" },
    { "{\"asset\":{\"version\":\"1.0\"}}", "gltf.version" },
    { "{\"asset\":{\"version\":\"2.1\",\"minVersion\":\"2.1\"}}", "gltf.version" },
    { "{}", "gltf.version" },
    { HEAD "\"extensionsRequired\":[\"KHR_draco_mesh_compression\"]}", "gltf.extension" },
    { HEAD "\"extensionsRequired\":[\"KHR_mesh_quantization\"]}", NULL },
    { HEAD "\"extensionsRequired\":[7]}", "gltf.extension" },
    { HEAD "\"nodes\":{}}", "gltf.json" },

    { HEAD "\"buffers\":[{\"byteLength\":256,\"uri\":\"a.bin\"}]}", "gltf.external" },
    { HEAD "\"buffers\":[{\"byteLength\":256,\"uri\":\"data:,\"}]}", "gltf.external" },
    { HEAD "\"buffers\":[{\"byteLength\":256},{\"byteLength\":8}]}", "gltf.external" },
    { HEAD "\"buffers\":[{\"byteLength\":257}]}", "gltf.buffer" },
    { HEAD "\"buffers\":[{}]}", "gltf.buffer" },
    { HEAD "\"buffers\":[{\"byteLength\":-1}]}", "gltf.buffer" },
    { HEAD "\"buffers\":[{\"byteLength\":1.5}]}", "gltf.buffer" },

    { IN(BUFFERS, "\"bufferViews\":[" VIEW(0, 257) "],", "", "\"nodes\":[]"), "gltf.view" },
    { IN(BUFFERS, "\"bufferViews\":[" VIEW(256, 1) "],", "", "\"nodes\":[]"), "gltf.view" },
    { IN(BUFFERS, "\"bufferViews\":[" VIEW(4294967295, 4294967295) "],", "", "\"nodes\":[]"),
      "gltf.view" },
    { IN("", "\"bufferViews\":[" VIEW(0, 4) "],", "", "\"nodes\":[]"), "gltf.view" },
    { IN(BUFFERS, "\"bufferViews\":[{\"buffer\":1,\"byteLength\":4}],", "", "\"nodes\":[]"),
      "gltf.view" },
    { IN(BUFFERS, "\"bufferViews\":[{\"buffer\":0,\"byteLength\":4,\"byteStride\":3}],", "",
         "\"nodes\":[]"), "gltf.view" },
    { IN(BUFFERS, "\"bufferViews\":[{\"buffer\":0,\"byteLength\":4000000000,\"extensions\":"
         "{\"EXT_meshopt_compression\":{\"buffer\":0,\"byteLength\":9,\"byteStride\":4,\"count\":"
         "1000000000,"
         "\"mode\":\"ATTRIBUTES\"}}}],", "", "\"nodes\":[]"), "gltf.limit" },
    { IN(BUFFERS, "\"bufferViews\":[{\"buffer\":0,\"byteLength\":8,\"extensions\":"
         "{\"EXT_meshopt_compression\":{\"buffer\":0,\"byteLength\":9,\"byteStride\":4,\"count\":3,"
         "\"mode\":\"ATTRIBUTES\"}}}],", "", "\"nodes\":[]"), "gltf.meshopt" },
    { IN(BUFFERS, "\"bufferViews\":[{\"buffer\":0,\"byteLength\":12,\"extensions\":"
         "{\"EXT_meshopt_compression\":{\"buffer\":0,\"byteLength\":9,\"byteStride\":12,"
         "\"count\":1,"
         "\"mode\":\"ATTRIBUTES\",\"filter\":\"OCTAHEDRAL\"}}}],", "", "\"nodes\":[]"),
         "gltf.meshopt" },

    { IN(BUFFERS, VIEWS, "\"accessors\":[" ACCESSOR(0, 5126, 4, "VEC3") "],", MESHES),
      "gltf.accessor" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[" ACCESSOR(0, 5126, 4294967295, "VEC3") "],", MESHES),
      "gltf.limit" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[" ACCESSOR(0, 5126, 0, "VEC3") "],", MESHES),
      "gltf.accessor" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[" ACCESSOR(4, 5126, 1, "VEC3") "],", MESHES),
      "gltf.accessor" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[" ACCESSOR(0, 5124, 1, "VEC3") "],", MESHES),
      "gltf.accessor" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[" ACCESSOR(0, 5126, 1, "VEC9") "],", MESHES),
      "gltf.accessor" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[{\"componentType\":5126,\"count\":100000000,\"type\":"
         "\"MAT4\"}],",
         MESHES), "gltf.limit" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[{\"componentType\":5126,\"count\":3,\"type\":\"VEC3\","
         "\"sparse\":{"
         "\"count\":4,\"indices\":{\"bufferView\":1,\"componentType\":5121},\"values\":{"
         "\"bufferView\":0}}}],",
         "\"nodes\":[]"), "gltf.sparse" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[{\"componentType\":5126,\"count\":3,\"type\":\"VEC3\","
         "\"sparse\":{"
         "\"count\":3,\"indices\":{\"bufferView\":1,\"componentType\":5121},\"values\":{"
         "\"bufferView\":0}}}],",
         "\"nodes\":[]"), NULL },
    { IN(BUFFERS, VIEWS, "\"accessors\":[{\"componentType\":5126,\"count\":3,\"type\":\"VEC3\","
         "\"sparse\":{"
         "\"count\":3,\"indices\":{\"bufferView\":3,\"componentType\":5121},\"values\":{"
         "\"bufferView\":0}}}],",
         "\"nodes\":[]"), "gltf.sparse" },

    { WITH("\"meshes\":[{}]"), "gltf.primitive" },
    { WITH("\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":2}}]}]"), "gltf.primitive" },
    { WITH("\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":0},\"mode\":7}]}]"),
      "gltf.primitive" },
    { WITH("\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":0},\"indices\":0}]}]"),
      "gltf.indices" },
    { WITH("\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":0},\"material\":0}]}]"),
      "gltf.primitive" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[" ACCESSOR(0, 5126, 3, "VEC3") ","
         ACCESSOR(0, 5126, 2, "VEC3") "],",
         "\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":0,\"NORMAL\":1}}]}]"),
      "gltf.primitive" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[" ACCESSOR(0, 5126, 3, "VEC3") ","
         ACCESSOR(3, 5121, 3, "SCALAR") "],", MESHES), "gltf.indices" },
    { IN(BUFFERS, VIEWS, "\"accessors\":[" ACCESSOR(3, 5126, 3, "VEC3") "],", "\"nodes\":[]"),
      "gltf.value" },

    { WITH("\"nodes\":[{\"children\":[0]}]"), "gltf.tree" },
    { WITH("\"nodes\":[{\"children\":[1]},{\"children\":[2]},{\"children\":[0]}]"), "gltf.tree" },
    { WITH("\"nodes\":[{\"children\":[2]},{\"children\":[2]},{}]"), "gltf.tree" },
    { WITH("\"nodes\":[{\"children\":[1]}]"), "gltf.reference" },
    { WITH("\"nodes\":[{\"mesh\":0}]"), "gltf.reference" },
    { WITH("\"nodes\":[{}],\"scenes\":[{\"nodes\":[1]}]"), "gltf.reference" },
    { WITH("\"scene\":0"), "gltf.reference" },
    { WITH("\"textures\":[{\"source\":0}]"), "gltf.reference" },
    { WITH("\"materials\":[{\"extensions\":{\"KHR_materials_x\":{\"anyTexture\":{\"index\":0}}}}]"),
      "gltf.reference" },
    { WITH("\"nodes\":[{}],\"skins\":[{\"joints\":[0],\"inverseBindMatrices\":0}]"),
      "gltf.reference" },
    { WITH("\"animations\":[{\"samplers\":[{\"input\":0,\"output\":9}],\"channels\":[]}]"),
      "gltf.reference" },
    { WITH("\"animations\":[{\"samplers\":[],\"channels\":[{\"sampler\":0,\"target\":{}}]}]"),
      "gltf.reference" },

    { WITH("\"images\":[{\"uri\":\"https://a/b.png\"}]"), "gltf.external" },
    { WITH("\"images\":[{\"bufferView\":0}]"), "gltf.image" },
    { WITH("\"images\":[{\"bufferView\":9}]"), "gltf.image" },
    { WITH("\"images\":[{}]"), "gltf.image" }
};


static xr_rc_t
check(xr_str_t file, xr_refusal_t *why)
{
    xr_rc_t        rc;
    xr_gltf_t      g;
    xr_test_mem_t  mem;

    xr_test_mem_init(&mem, SIZE_MAX);
    rc = xr_gltf_check(file, &mem.mem, &g, why);

    if (rc == XR_OK) {
        rc = xr_gltf_values_check(&g, why);
    }

    xr_test_mem_free(&mem);

    return rc;
}


static void
test_cases(void **state)
{
    size_t        i;
    xr_rc_t       rc;
    uint8_t       memory[4096];
    xr_str_t      file;
    xr_refusal_t  why;

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        file = xr_test_copy(file_make(cases[i].json, memory));
        rc = check(file, &why);

        if (cases[i].code == NULL) {
            XR_CHECK_EQ(rc, XR_OK, cases[i].json);

        } else {
            XR_CHECK(rc != XR_OK, cases[i].json);
            XR_CHECK_STR(xr_str(why.code), cases[i].code, cases[i].json);
            XR_CHECK(why.what != NULL, cases[i].json);
        }

        xr_test_copy_free(file);
    }
}


/* Cut anywhere, and with any byte changed: it is refused, or it is good. */

static void
test_damage(void **state)
{
    size_t        i, n;
    uint8_t       memory[4096], *byte;
    xr_str_t      file, part;
    xr_refusal_t  why;

    (void) state;

    file = file_make(WITH(MESHES), memory);

    for (n = 0; n < file.len; n++) {
        part = xr_test_copy(xr_str_of(file.data, n));
        XR_CHECK(check(part, &why) != XR_OK, "cut");
        xr_test_copy_free(part);
    }

    for (n = 0; n < file.len; n++) {
        part = xr_test_copy(file);
        byte = (uint8_t *) (uintptr_t) part.data + n;

        for (i = 1; i < 256; i += 7) {
            *byte = (uint8_t) (file.data[n] + i);
            (void) check(part, &why);
        }

        xr_test_copy_free(part);
    }
}


static void
test_memory(void **state)
{
    size_t         n;
    xr_rc_t        rc;
    uint8_t        memory[4096];
    xr_gltf_t      g;
    xr_refusal_t   why;
    xr_test_mem_t  mem;

    (void) state;

    for (n = 0, rc = XR_NO_SPACE; rc != XR_OK; n++) {
        xr_test_mem_init(&mem, n);
        rc = xr_gltf_check(file_make(WITH(MESHES), memory), &mem.mem, &g, &why);
        XR_CHECK(rc == XR_OK || rc == XR_NO_SPACE, "memory");
        XR_CHECK(n < 16, "memory");
        xr_test_mem_free(&mem);
    }
}


static void
test_values(void **state)
{
    uint8_t        memory[4096];
    xr_gltf_t      g;
    xr_refusal_t   why;
    xr_test_mem_t  mem;

    (void) state;

    xr_test_mem_init(&mem, SIZE_MAX);
    XR_CHECK_EQ(xr_gltf_check(file_make(WITH(MESHES), memory), &mem.mem, &g, &why), XR_OK,
                "values");

    XR_CHECK_EQ(g.naccessors, 2, "values");
    XR_CHECK_EQ(g.nprimitives, 1, "values");
    XR_CHECK_EQ(g.primitives[0].vertices, 3, "values");
    XR_CHECK_EQ(g.primitives[0].mode, 4, "values");
    XR_CHECK_EQ(g.accessors[0].stride, 12, "values");
    XR_CHECK_EQ(*xr_gltf_values_element(&g, &g.accessors[1], 2), 2, "values");

    xr_test_mem_free(&mem);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_values)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
