/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_gltf.h"
#include "xr_le.h"


/*
 * A GLB, or its JSON alone, which is given chunks and some binary data: most
 * changes would end at the lengths of the file otherwise.  What the check lets
 * through is read to its last byte.
 */

#define FUZZ_BIN     512
#define FUZZ_BLOCKS  64

static void    *blocks[FUZZ_BLOCKS];
static size_t   nblocks;


static void *
fuzz_alloc(void *ctx, size_t size)
{
    (void) ctx;

    assert(nblocks < FUZZ_BLOCKS);
    blocks[nblocks] = calloc(1, size);

    return blocks[nblocks++];
}


static void
fuzz_read(const xr_gltf_t *g)
{
    size_t                     i;
    uint32_t                   n, sum;
    const uint8_t             *p;
    const xr_gltf_accessor_t  *a;

    sum = 0;

    for (n = 0; n < g->naccessors; n++) {
        a = &g->accessors[n];

        if (a->view == XR_GLTF_NONE
            || g->views[a->view].mode != XR_GLTF_PLAIN)
        {
            continue;
        }

        p = xr_gltf_values_element(g, a, a->count - 1);

        for (i = 0; i < a->element; i++) {
            sum += p[i];
        }

        assert(a->element >= a->size && a->components <= 16);
    }

    for (n = 0; n < g->nimages; n++) {
        assert(g->images[n].image.width <= XR_GLTF_IMAGE_EDGE);
        assert(xr_fuzz_within(g->images[n].data, g->bin));
    }

    for (n = 0; n < g->nnodes; n++) {
        assert(g->meshes[n] == XR_GLTF_NONE || g->meshes[n] < UINT16_MAX + 1u);
    }

    (void) sum;
}


static void
fuzz_file(const uint8_t *data, size_t size)
{
    bool           plain;
    uint32_t       n;
    xr_mem_t       mem;
    xr_str_t       file;
    xr_gltf_t      g;
    xr_refusal_t   why;

    mem = (xr_mem_t) { fuzz_alloc, NULL };
    file = xr_fuzz_copy(data, size);

    if (xr_gltf_check(file, &mem, &g, &why) == XR_OK) {
        fuzz_read(&g);
        plain = true;

        for (n = 0; n < g.nviews; n++) {
            plain = plain && g.views[n].mode == XR_GLTF_PLAIN;
        }

        if (plain && xr_gltf_values_check(&g, &why) != XR_OK) {
            assert(why.code != NULL && why.what != NULL);
        }

    } else {
        assert(why.code != NULL && why.what != NULL);
    }

    xr_fuzz_free(file);

    while (nblocks > 0) {
        free(blocks[--nblocks]);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i, padded;
    uint8_t  *p;

    fuzz_file(data, size);

    padded = (size + 3) / 4 * 4;
    p = calloc(1, 28 + padded + FUZZ_BIN);
    assert(p != NULL);

    memcpy(p, "glTF", 4);
    xr_le32_put(p + 4, 2);
    xr_le32_put(p + 8, (uint32_t) (28 + padded + FUZZ_BIN));
    xr_le32_put(p + 12, (uint32_t) padded);
    xr_le32_put(p + 16, 0x4e4f534a);
    memset(p + 20, ' ', padded);

    if (size > 0) {
        memcpy(p + 20, data, size);
    }

    xr_le32_put(p + 20 + padded, FUZZ_BIN);
    xr_le32_put(p + 24 + padded, 0x004e4942);

    for (i = 0; i < FUZZ_BIN; i++) {
        p[28 + padded + i] = (uint8_t) (i % 3 + (i > 200 ? i : 0));
    }

    fuzz_file(p, 28 + padded + FUZZ_BIN);
    free(p);

    return 0;
}
