/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_select.h"
#include "xr_variant.h"


/*
 * A manifest, and then its image with some bytes changed: the first bytes of
 * the text say which.  An image that is the input itself is read, too.
 */

static uint8_t  memory[XR_MANIFEST_IMAGE_MAX];


static void
fuzz_variant(const xr_manifest_t *m, const xr_manifest_variant_t *v)
{
    size_t                 i, alt;
    uint8_t                list[XR_VARIANT_LINKS_MAX];
    xr_buf_t               b;
    xr_manifest_link_t     link;
    xr_manifest_segment_t  segment;

    assert(xr_fuzz_within(v->id, m->image) && v->id.len > 0);
    assert(xr_fuzz_within(v->path, m->image) && v->path.len > 0);
    assert(xr_fuzz_within(v->type, m->image));

    for (i = 0; i < v->nsegments; i++) {

        if (xr_manifest_segment(m, v, i, &segment)) {
            assert(xr_fuzz_within(segment.name, m->image));
            assert(segment.offset + segment.bytes <= v->bytes);
        }
    }

    b = xr_buf(list, sizeof(list));

    for (i = 0; i < v->nlinks; i++) {

        if (xr_manifest_link(m, v, i, &link)) {
            assert(xr_fuzz_within(link.path, m->image));
            assert(xr_fuzz_within(link.type, m->image));
            (void) xr_variant_link(link.path, &link, link.path, i % 2, &b);
        }
    }

    assert(xr_buf_ok(&b) && !xr_str_has_control(xr_buf_str(&b)));

    for (i = 0; xr_manifest_alt(m, v, i, &alt); i++) {
        assert(alt < m->n && i < XR_MANIFEST_ALTS);
    }
}


static void
fuzz_image(xr_str_t image)
{
    size_t                 i;
    uint8_t                field[XR_SELECT_FIELD_MAX];
    xr_buf_t               b;
    xr_device_t            d;
    xr_select_t            s;
    xr_manifest_t          m;
    xr_select_wish_t       wish;
    xr_manifest_variant_t  v;

    if (!xr_manifest_open(image, &m)) {
        return;
    }

    for (i = 0; i < m.n; i++) {

        if (xr_manifest_variant(&m, i, &v)) {
            fuzz_variant(&m, &v);
        }
    }

    memset(&d, 0, sizeof(d));
    xr_device_budgets(xr_devices_default(), XR_CLASS_H2, &d);
    d.class = XR_CLASS_H2;
    d.tex = image.data[image.len - 1];
    d.geo = image.data[image.len / 2];
    d.dim_max = 4096;
    d.net = XR_NET_UNKNOWN;

    xr_select_wish_init(&wish);
    wish.seed = image.len;
    wish.missing = image.data[image.len / 3];

    assert((xr_select(&m, &d, &wish, &s) == XR_OK) == (s.variant >= 0));
    assert(s.variant < (int) m.n);
    assert(xr_fuzz_within(s.id, image) && xr_fuzz_within(s.arm, image));

    b = xr_buf(field, sizeof(field));
    xr_select_field(&s, &b);
    assert(xr_buf_ok(&b));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i, pos;
    xr_buf_t  b;
    xr_err_t  err;
    xr_str_t  text, image;

    text = xr_fuzz_copy(data, size);
    fuzz_image(text);

    b = xr_buf(memory, sizeof(memory));

    if (xr_manifest_compile(text, &b, &err) != XR_OK) {
        assert(err.what != NULL && err.pos <= size);
        xr_fuzz_free(text);

        return 0;
    }

    image = xr_fuzz_copy(b.data, b.len);
    fuzz_image(image);
    xr_fuzz_free(image);

    for (i = 0; i + 2 < size && i < 96; i += 3) {
        pos = (size_t) (data[size - 1 - i] << 8 | data[i]) % b.len;
        b.data[pos] = (uint8_t) (b.data[pos] + data[i + 1]);

        image = xr_fuzz_copy(b.data, b.len);
        fuzz_image(image);
        xr_fuzz_free(image);
    }

    xr_fuzz_free(text);

    return 0;
}
