/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "fuzz.h"

#include "xr_device.h"


/*
 * A request: lines of a letter, which says what the rest of the line is the
 * value of.  A line that begins with anything else is left out.
 */

static const struct {
    char    letter;
    size_t  offset;
} fields[] = {
    { 'q', offsetof(xr_device_input_t, query) },
    { 'h', offsetof(xr_device_input_t, hints) },
    { 'a', offsetof(xr_device_input_t, accept) },
    { 'u', offsetof(xr_device_input_t, user_agent) },
    { 'f', offsetof(xr_device_input_t, form_factors) },
    { 'm', offsetof(xr_device_input_t, model) },
    { 'p', offsetof(xr_device_input_t, platform) },
    { 'b', offsetof(xr_device_input_t, mobile) },
    { 'y', offsetof(xr_device_input_t, device_memory) },
    { 'd', offsetof(xr_device_input_t, dpr) },
    { 'e', offsetof(xr_device_input_t, ect) },
    { 'l', offsetof(xr_device_input_t, downlink) },
    { 'r', offsetof(xr_device_input_t, rtt) },
    { 's', offsetof(xr_device_input_t, save_data) },
    { 'n', offsetof(xr_device_input_t, normalised) },
    { 'M', offsetof(xr_device_input_t, cf_mobile) },
    { 'T', offsetof(xr_device_input_t, cf_tablet) },
    { 'D', offsetof(xr_device_input_t, cf_desktop) },
    { 'V', offsetof(xr_device_input_t, cf_smarttv) },
    { 'A', offsetof(xr_device_input_t, cf_android) },
    { 'I', offsetof(xr_device_input_t, cf_ios) }
};


/* Each value is a copy of its own, as ASan then sees one byte too far. */

static void
fuzz_line(xr_str_t line, xr_device_input_t *in)
{
    size_t     i;
    xr_str_t  *out;

    for (i = 0; i < XR_COUNT(fields); i++) {

        if (line.len == 0 || line.data[0] != (uint8_t) fields[i].letter) {
            continue;
        }

        out = (void *) ((uint8_t *) in + fields[i].offset);
        xr_fuzz_free(*out);
        *out = xr_fuzz_copy(line.data + 1, line.len - 1);
    }
}


static void
fuzz_free(xr_device_input_t *in)
{
    size_t  i;

    for (i = 0; i < XR_COUNT(fields); i++) {
        xr_fuzz_free(*(xr_str_t *) (void *) ((uint8_t *) in
                                             + fields[i].offset));
    }
}


static void
fuzz_token(const xr_device_t *d)
{
    uint8_t            memory[XR_DEVICE_TOKEN], again[XR_DEVICE_TOKEN];
    xr_buf_t           b, c;
    xr_device_t        read;
    xr_device_token_t  t;
    xr_device_input_t  in;

    b = xr_buf(memory, sizeof(memory));
    xr_device_token(d, &b);
    assert(!b.overflow && b.len >= 2);

    assert(xr_device_token_read(xr_str_of(memory, b.len), &t) == XR_OK);
    assert(t.class == d->class && t.tex == d->tex && t.geo == d->geo);
    assert(t.net == d->net && t.save_data == d->save_data);

    /* asked for by its token it is the same again */

    memset(&in, 0, sizeof(in));
    in.query = xr_str_of(memory, b.len);
    xr_device_read(xr_devices_default(), &in, &read);
    assert(read.source == XR_SOURCE_QUERY);

    c = xr_buf(again, sizeof(again));
    xr_device_token(&read, &c);
    assert(xr_str_eq(xr_str_of(memory, b.len), xr_str_of(again, c.len)));
}


static void
fuzz_record(const xr_device_t *d)
{
    xr_device_t  budgets;

    assert(d->class < XR_CLASSES && d->use < XR_USES);
    assert(d->session < XR_SESSIONS && d->source < XR_SOURCES);
    assert((d->tex & ~(uint32_t) XR_TEX_ALL) == 0 && (d->tex & XR_TEX_JPEG));
    assert((d->geo & ~(uint32_t) XR_GEO_ALL) == 0);
    assert(d->dim_max != 0 && (d->dim_max & (d->dim_max - 1)) == 0);
    assert(d->net <= XR_NET_UNKNOWN);

    xr_device_budgets(xr_devices_default(), d->class, &budgets);

    assert(d->dim != 0 && d->dim <= d->dim_max && d->dim <= budgets.dim);
    assert(d->tris != 0 && d->tris <= budgets.tris);
    assert(d->bytes_kib <= budgets.bytes_kib);
    assert(d->gpu_kib <= budgets.gpu_kib);
}


/* What only a tier of ours may say has no effect without its proof. */

static void
fuzz_untrusted(xr_device_input_t in)
{
    uint8_t      first[XR_DEVICE_TOKEN], second[XR_DEVICE_TOKEN];
    xr_buf_t     b, c;
    xr_device_t  d, e;

    in.trusted = false;
    xr_device_read(xr_devices_default(), &in, &d);

    in.normalised = xr_str("h3-b-13-m");
    in.cf_mobile = xr_str("true");
    in.cf_smarttv = xr_str("true");
    xr_device_read(xr_devices_default(), &in, &e);

    b = xr_buf(first, sizeof(first));
    c = xr_buf(second, sizeof(second));
    xr_device_token(&d, &b);
    xr_device_token(&e, &c);

    assert(d.source == e.source);
    assert(xr_str_eq(xr_str_of(first, b.len), xr_str_of(second, c.len)));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xr_str_t           s;
    xr_device_t        d;
    xr_device_input_t  in;

    memset(&in, 0, sizeof(in));

    for (s = xr_str_of(data, size); s.len > 0; /* void */ ) {
        fuzz_line(xr_str_cut(&s, '\n'), &in);
    }

    in.trusted = true;
    xr_device_read(xr_devices_default(), &in, &d);
    fuzz_record(&d);
    fuzz_token(&d);

    fuzz_untrusted(in);
    fuzz_free(&in);

    return 0;
}
