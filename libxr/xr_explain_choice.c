/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_explain.h"
#include "xr_json_put.h"
#include "xr_variant.h"


/* What is longer than names of arguments may be a token without one. */

#define XR_EXPLAIN_ARGUMENT  40

/* Names of bits, or of an object and a variant below it. */

#define XR_EXPLAIN_NAMES  256
#define XR_EXPLAIN_NAME   (4096 + XR_MANIFEST_PATH_MAX + 16)


/* What an input is made of: a header, by its one name here. */

typedef struct {
    xr_source_t  source;
    const char  *name;
    size_t       offset;
} xr_explain_given_t;

#define XR_EXPLAIN_GIVEN(source, name, view)                                  \
    { XR_SOURCE_##source, name, offsetof(xr_device_input_t, view) }

static const xr_explain_given_t  xr_explain_given[] = {
    XR_EXPLAIN_GIVEN(QUERY, "", query),
    XR_EXPLAIN_GIVEN(HINTS, "xr-hints: ", hints),
    XR_EXPLAIN_GIVEN(ACCEPT, "accept: ", accept),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "sec-ch-ua-form-factors: ", form_factors),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "sec-ch-ua-model: ", model),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "sec-ch-ua-platform: ", platform),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "sec-ch-ua-mobile: ", mobile),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "sec-ch-device-memory: ", device_memory),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "sec-ch-dpr: ", dpr),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "ect: ", ect),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "downlink: ", downlink),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "rtt: ", rtt),
    XR_EXPLAIN_GIVEN(CLIENT_HINTS, "save-data: ", save_data),
    XR_EXPLAIN_GIVEN(CLOUDFRONT, "x-xr-class: ", normalised),
    XR_EXPLAIN_GIVEN(CLOUDFRONT, "cloudfront-is-mobile-viewer: ", cf_mobile),
    XR_EXPLAIN_GIVEN(CLOUDFRONT, "cloudfront-is-tablet-viewer: ", cf_tablet),
    XR_EXPLAIN_GIVEN(CLOUDFRONT, "cloudfront-is-desktop-viewer: ", cf_desktop),
    XR_EXPLAIN_GIVEN(CLOUDFRONT, "cloudfront-is-smarttv-viewer: ", cf_smarttv),
    XR_EXPLAIN_GIVEN(CLOUDFRONT, "cloudfront-is-android-viewer: ", cf_android),
    XR_EXPLAIN_GIVEN(CLOUDFRONT, "cloudfront-is-ios-viewer: ", cf_ios),
    XR_EXPLAIN_GIVEN(USER_AGENT, "user-agent: ", user_agent)
};


/*
 * Writes "given", and copies it to "alone", which has nothing else; false:
 * nothing was.
 */

static bool
xr_explain_choice_given(const xr_device_input_t *in, xr_source_t source,
    xr_device_input_t *alone, xr_buf_t *b)
{
    bool                       some;
    size_t                     i;
    xr_buf_t                   text;
    xr_str_t                   value;
    uint8_t                    line[XR_JSON_PUT_SHORT * 4];
    const xr_explain_given_t  *g;

    memset(alone, 0, sizeof(*alone));
    alone->trusted = in->trusted && source == XR_SOURCE_CLOUDFRONT;

    some = false;
    xr_json_put_name(b, "given");
    xr_buf_putc(b, '[');

    for (i = 0; i < XR_COUNT(xr_explain_given); i++) {
        g = &xr_explain_given[i];
        memcpy(&value, (const uint8_t *) in + g->offset, sizeof(value));

        if (g->source != source || value.len == 0
            || (source == XR_SOURCE_CLOUDFRONT && !in->trusted))
        {
            continue;
        }

        some = true;
        memcpy((uint8_t *) alone + g->offset, &value, sizeof(value));

        text = xr_buf(line, sizeof(line));
        xr_buf_puts(&text, g->name);
        xr_buf_put(&text, xr_str_of(value.data, value.len < 3
                                    * XR_JSON_PUT_SHORT ? value.len : 3
                                    * XR_JSON_PUT_SHORT));

        xr_json_put_next(b);
        xr_json_put_short(b, xr_buf_str(&text));
    }

    xr_buf_putc(b, ']');

    return some;
}


void
xr_explain_choice_inputs(const xr_devices_t *devices,
    const xr_device_input_t *in, const xr_device_t *device, xr_buf_t *b)
{
    int                i;
    uint8_t            token[XR_DEVICE_TOKEN];
    xr_buf_t           text;
    xr_device_t        said;
    xr_device_input_t  alone;

    xr_json_put_name(b, "inputs");
    xr_buf_putc(b, '[');

    for (i = XR_SOURCE_QUERY; i < XR_SOURCES; i++) {
        xr_json_put_next(b);
        xr_buf_putc(b, '{');
        xr_json_put_text(b, "input", xr_device_source_name((xr_source_t) i));

        if (!xr_explain_choice_given(in, (xr_source_t) i, &alone, b)) {
            xr_buf_putc(b, '}');
            continue;
        }

        xr_device_read(devices, &alone, &said);

        text = xr_buf(token, sizeof(token));
        xr_device_token(&said, &text);

        if (said.source != XR_SOURCE_DEFAULT) {
            xr_json_put_text(b, "class", xr_device_class_name(said.class));
        }

        xr_json_put_text(b, "alone", xr_buf_str(&text));
        xr_json_put_some(b, "rule", said.rule);
        xr_json_put_bool(b, "decides", (int) device->source == i);
        xr_buf_putc(b, '}');
    }

    xr_buf_putc(b, ']');
}


void
xr_explain_choice_device(const xr_device_t *d, xr_buf_t *b)
{
    uint8_t   names[XR_EXPLAIN_NAMES];
    xr_buf_t  text;

    xr_json_put_name(b, "device");
    xr_buf_putc(b, '{');

    xr_json_put_text(b, "class", xr_device_class_name(d->class));
    xr_json_put_text(b, "source", xr_device_source_name(d->source));
    xr_json_put_some(b, "rule", d->rule);

    text = xr_buf(names, sizeof(names));
    xr_device_token(d, &text);
    xr_json_put_text(b, "token", xr_buf_str(&text));

    xr_json_put_text(b, "use", xr_device_use_name(d->use));
    xr_json_put_text(b, "session", xr_device_session_name(d->session));

    text = xr_buf(names, sizeof(names));
    xr_device_tex_names(d->tex, &text);
    xr_json_put_text(b, "textures", xr_buf_str(&text));

    text = xr_buf(names, sizeof(names));
    xr_device_geo_names(d->geo, &text);
    xr_json_put_text(b, "geometry", xr_buf_str(&text));

    xr_json_put_uint(b, "max_dim", d->dim_max);
    xr_json_put_uint(b, "memory_gib", d->mem_gib);
    xr_json_put_uint(b, "dim", d->dim);
    xr_json_put_uint(b, "tris", d->tris);
    xr_json_put_uint(b, "bytes", (uint64_t) d->bytes_kib * 1024);
    xr_json_put_uint(b, "gpu_bytes", (uint64_t) d->gpu_kib * 1024);

    if (d->net <= XR_NET_MAX) {
        xr_json_put_uint(b, "net", d->net);
    }

    xr_json_put_bool(b, "save_data", d->save_data);
    xr_buf_putc(b, '}');
}


void
xr_explain_choice_budgets(const xr_device_t *d, const xr_select_wish_t *wish,
    xr_buf_t *b)
{
    xr_select_budgets_t  budgets;

    budgets = xr_select_budgets(d, wish);

    xr_json_put_name(b, "budgets");
    xr_buf_putc(b, '{');

    xr_json_put_text(b, "class", xr_device_class_name(budgets.class));
    xr_json_put_uint(b, "net", budgets.net);
    xr_json_put_uint(b, "bytes", budgets.bytes);
    xr_json_put_uint(b, "tris", budgets.tris);
    xr_json_put_uint(b, "dim", budgets.dim);
    xr_json_put_uint(b, "gpu_bytes", budgets.gpu);

    if (budgets.q != XR_SELECT_ANY) {
        xr_json_put_uint(b, "q", budgets.q);
    }

    if (wish->ceiling != XR_SELECT_ANY) {
        xr_json_put_uint(b, "ceiling", wish->ceiling);
    }

    xr_buf_putc(b, '}');
}


static void
xr_explain_choice_bits(const char *member, uint32_t bits, size_t n,
    xr_str_t (*name)(size_t i), xr_buf_t *b)
{
    size_t  i;

    xr_json_put_name(b, member);
    xr_buf_putc(b, '[');

    for (i = 0; i < n; i++) {

        if ((bits >> i & 1) != 0) {
            xr_json_put_next(b);
            xr_json_put_string(b, name(i));
        }
    }

    xr_buf_putc(b, ']');
}


void
xr_explain_choice_variants(const xr_manifest_t *m,
    const xr_select_verdict_t *verdicts, const xr_select_t *chosen,
    xr_buf_t *b)
{
    size_t                      i;
    const xr_select_verdict_t  *v;

    xr_json_put_name(b, "variants");
    xr_buf_putc(b, '[');

    for (i = 0; i < m->n; i++) {
        v = &verdicts[i];

        xr_json_put_next(b);
        xr_buf_putc(b, '{');
        xr_json_put_text(b, "id", v->id);
        xr_json_put_uint(b, "q", v->q);
        xr_json_put_uint(b, "bytes", v->bytes);
        xr_json_put_uint(b, "gpu_bytes", (uint64_t) v->gpu * 1000);
        xr_json_put_bool(b, "preferred", v->preferred);
        xr_explain_choice_bits("dropped", v->dropped, XR_SELECT_NO_BITS,
                               xr_select_dropped_name, b);
        xr_explain_choice_bits("over", v->over, XR_SELECT_OVER_BITS,
                               xr_select_over_name, b);
        xr_json_put_bool(b, "chosen", chosen->variant == (int) i);
        xr_buf_putc(b, '}');
    }

    xr_buf_putc(b, ']');
}


void
xr_explain_choice_reason(const xr_select_t *chosen, xr_buf_t *b)
{
    static const xr_str_t  why[XR_SELECT_REASONS] = {
        [XR_SELECT_NONE] = XR_STR("none is left, and no fallback that the "
                                  "device can decode"),
        [XR_SELECT_UNKNOWN] = XR_STR("variant= names none for this use and "
                                     "credential"),
        [XR_SELECT_EXPLICIT] = XR_STR("variant= names it"),
        [XR_SELECT_FIT] = XR_STR("within all budgets; then preferred, most q, "
                                 "fewest bytes, first id"),
        [XR_SELECT_OVER] = XR_STR("none is within all budgets; fewest broken, "
                                  "fewest bytes, first id"),
        [XR_SELECT_FALLBACK] = XR_STR("all others were dropped"),
        [XR_SELECT_ALT] = XR_STR("the chosen one is missing; an alternative")
    };

    if (chosen->variant != XR_MANIFEST_NONE) {
        xr_json_put_text(b, "variant", chosen->id);
    }

    xr_json_put_text(b, "reason", xr_select_reason_name(chosen->reason));
    xr_json_put_text(b, "why", why[chosen->reason]);
}


void
xr_explain_choice_encoding(xr_str_t object, const xr_manifest_variant_t *v,
    const xr_encoding_accept_t *accept, xr_buf_t *b)
{
    size_t         i;
    uint8_t        memory[XR_EXPLAIN_NAME];
    xr_buf_t       name;
    xr_encoding_t  coding;

    static const char *const  codings[XR_ENCODINGS] = {
        "identity", "gzip", "br", "zstd"
    };

    xr_json_put_name(b, "encoding");
    xr_buf_putc(b, '{');
    xr_json_put_name(b, "siblings");
    xr_buf_putc(b, '{');

    for (i = XR_ENCODING_IDENTITY + 1; i < XR_ENCODINGS; i++) {

        if (v->encoded[i] != 0) {
            xr_json_put_uint(b, codings[i], v->encoded[i]);
        }
    }

    xr_buf_putc(b, '}');

    coding = XR_ENCODING_IDENTITY;

    if (accept != NULL) {
        coding = xr_encoding_choose(accept, xr_manifest_variant_encodings(v),
                                    v->encoded);

        if (coding == XR_ENCODING_NONE) {
            coding = XR_ENCODING_IDENTITY;
        }
    }

    xr_json_put_text(b, "coding", xr_encoding_name(coding));
    xr_json_put_uint(b, "bytes", coding == XR_ENCODING_IDENTITY
                                 ? v->bytes : v->encoded[coding]);

    name = xr_buf(memory, sizeof(memory));
    xr_manifest_variant_name(object, v, coding, &name);
    xr_json_put_text(b, "object", xr_buf_str(&name));
    xr_buf_putc(b, '}');
}


void
xr_explain_choice_arguments(xr_str_t query, xr_buf_t *b)
{
    size_t            i;
    xr_str_t          rest, arg, name, value;
    xr_select_wish_t  wish;

    static const char *const  own[] = {
        "xr", "variant", "maxq", "maxdim", "maxbytes", "part", "xr_manifest"
    };

    xr_select_wish_init(&wish);
    xr_json_put_name(b, "arguments");
    xr_buf_putc(b, '{');

    for (i = 0; i < XR_COUNT(own); i++) {
        name = xr_str(own[i]);
        value = xr_variant_arg(query, name);

        if (value.data != NULL
            && (!xr_str_starts(name, xr_str("max"))
                || xr_select_wish_set(&wish, name, value)))
        {
            xr_json_put_text(b, own[i], value);
        }
    }

    xr_buf_putc(b, '}');
    xr_json_put_name(b, "ignored");
    xr_buf_putc(b, '[');

    rest = query;

    while (rest.len > 0) {
        arg = xr_str_cut(&rest, '&');
        name = xr_str_cut(&arg, '=');

        for (i = 0; i < XR_COUNT(own); i++) {

            if (xr_str_eq(name, xr_str(own[i]))) {
                break;
            }
        }

        if (name.len > 0
            && (i == XR_COUNT(own)
                || (xr_str_starts(name, xr_str("max"))
                    && !xr_select_wish_set(&wish, name, arg))))
        {
            xr_json_put_next(b);
            xr_json_put_short(b, (name.len <= XR_EXPLAIN_ARGUMENT)
                                 ? name : xr_str("..."));
        }
    }

    xr_buf_putc(b, ']');
}
