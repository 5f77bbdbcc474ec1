/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_device.h"


/* A table of devices, and requests that are read by it. */

#define FUZZ_BLOCKS  64


typedef struct {
    void    *blocks[FUZZ_BLOCKS];
    size_t   n;
} fuzz_mem_t;


static const char  *agents[] = {
    "Mozilla/5.0 (X11; Linux x86_64; Quest 3) AppleWebKit/537.36 (KHTML, like "
    "Gecko) OculusBrowser/31.4.0.6.51.566757996 Chrome/120.0.6099.283 VR "
    "Safari/537.36",
    "Mozilla/5.0 (Android 12; Mobile VR; rv:121.0) Gecko/121.0 Wolvic/1.6.1",
    "Adreno (TM) 650", "a", "a b", "+++", ""
};


static void *
fuzz_alloc(void *ctx, size_t size)
{
    fuzz_mem_t  *m = ctx;

    assert(m->n < FUZZ_BLOCKS);

    return m->blocks[m->n++] = malloc(size);
}


static void
fuzz_read(const xr_devices_t *devices, xr_str_t s)
{
    xr_device_t        d;
    xr_device_input_t  in;

    memset(&in, 0, sizeof(in));
    in.user_agent = s;
    in.model = s;
    in.platform = xr_str("\"Android\"");
    in.device_memory = xr_str("4");
    in.trusted = true;
    in.cf_mobile = xr_str("true");

    xr_device_read(devices, &in, &d);

    assert(d.class < XR_CLASSES && d.use < XR_USES);
    assert(d.session < XR_SESSIONS && d.source < XR_SOURCES);
    assert((d.tex & ~(uint32_t) XR_TEX_ALL) == 0 && (d.tex & XR_TEX_JPEG));
    assert((d.geo & ~(uint32_t) XR_GEO_ALL) == 0);
    assert(d.dim != 0 && d.dim <= d.dim_max);
    assert(xr_fuzz_within(d.rule, xr_str_of(devices,
                                            xr_devices_size(devices))));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t               i;
    xr_err_t             err;
    xr_str_t             text, image, copy;
    fuzz_mem_t           m;
    const xr_mem_t       mem = { fuzz_alloc, &m };
    const xr_devices_t  *devices;

    m.n = 0;
    text = xr_fuzz_copy(data, size);

    if (xr_devices_compile(text, &mem, &image, &err) == XR_OK) {

        /* without what it was made in, and wherever it lies */

        copy = xr_fuzz_copy(image.data, image.len);

        for (i = 0; i < m.n; i++) {
            free(m.blocks[i]);
        }

        m.n = 0;

        devices = xr_devices_open(copy);
        assert(devices != NULL && xr_devices_size(devices) == copy.len);

        for (i = 0; i < XR_COUNT(agents); i++) {
            fuzz_read(devices, xr_str(agents[i]));
        }

        fuzz_read(devices, text);
        xr_fuzz_free(copy);

        assert(xr_devices_open(xr_str_of(data, size)) == NULL);

    } else {
        assert(err.what != NULL && err.pos <= size);
    }

    for (i = 0; i < m.n; i++) {
        free(m.blocks[i]);
    }

    xr_fuzz_free(text);

    return 0;
}
