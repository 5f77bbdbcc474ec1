/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "explain.h"
#include "io.h"
#include "links.h"
#include "xr_variant.h"

#include <stdio.h>


#define XRW_EXPLAIN_NAMES  256


int
xrw_explain_manifest(xrw_arena_t *arena, const char *path, xr_manifest_t *out)
{
    xr_buf_t  image;
    xr_err_t  err;
    xr_str_t  text;

    /* a byte more than one has, so that its own reason is told */

    if (!xrw_io_text(arena, path, XR_MANIFEST_TEXT_MAX + 1, &text)) {
        return XRW_FAILED;
    }

    image = xr_buf(xrw_alloc(arena, XR_MANIFEST_IMAGE_MAX),
                   XR_MANIFEST_IMAGE_MAX);

    if (xr_manifest_compile(text, &image, &err) != XR_OK) {
        return xrw_error("%s:%zu: %s", path, xr_str_line(text, err.pos),
                         err.what);
    }

    return xr_manifest_open(xr_buf_str(&image), out)
           ? XRW_OK : xrw_error("%s: it cannot be used", path);
}


static int
xrw_explain_devices(xrw_explain_t *e)
{
    xr_err_t     err;
    xr_mem_t     mem;
    xr_str_t     text, image;
    const char  *path;

    path = e->flags->devices;
    e->devices = xr_devices_default();

    if (path == NULL) {
        return XRW_OK;
    }

    if (!xrw_io_text(e->arena, path, XR_DEVICES_MAX_TEXT + 1, &text)) {
        return XRW_FAILED;
    }

    mem = xrw_mem(e->arena);

    if (xr_devices_compile(text, &mem, &image, &err) != XR_OK) {
        return xrw_error("%s:%zu: %s", path, xr_str_line(text, err.pos),
                         err.what);
    }

    e->devices = xr_devices_open(image);

    return (e->devices != NULL) ? XRW_OK
                                : xrw_error("%s: it cannot be used", path);
}


/* "in" with nothing but what belongs to one input. */

static xr_device_input_t
xrw_explain_alone(const xr_device_input_t *in, xr_source_t source)
{
    xr_device_input_t  out;

    memset(&out, 0, sizeof(out));
    out.trusted = in->trusted;

    switch (source) {

    case XR_SOURCE_QUERY:
        out.query = in->query;
        break;

    case XR_SOURCE_HINTS:
        out.hints = in->hints;
        break;

    case XR_SOURCE_ACCEPT:
        out.accept = in->accept;
        break;

    case XR_SOURCE_USER_AGENT:
        out.user_agent = in->user_agent;
        break;

    case XR_SOURCE_CLOUDFRONT:
        out = *in;
        out.query = out.hints = out.accept = out.user_agent
            = out.form_factors = out.model = out.platform = out.mobile
            = out.device_memory = out.dpr = out.ect = out.downlink
            = out.rtt = out.save_data = xr_str_of(NULL, 0);
        break;

    default: /* XR_SOURCE_CLIENT_HINTS */
        out = *in;
        out.query = out.hints = out.accept = out.user_agent
            = xr_str_of(NULL, 0);
        out.trusted = false;
        break;
    }

    return out;
}


/* What each input would say if it came alone, strongest first. */

static void
xrw_explain_inputs(xrw_explain_t *e)
{
    int                 i;
    char                token[XR_DEVICE_TOKEN];
    json_t             *out, *input;
    xr_buf_t            b;
    xr_device_t         said;
    xr_device_input_t   alone;

    out = json_array();
    (void) json_object_set_new(e->out, "inputs", out);

    if (e->in.query.len > 0) {
        (void) json_array_append_new(e->given[XR_SOURCE_QUERY],
                                     xrw_explain_short(e->in.query));
    }

    for (i = XR_SOURCE_QUERY; i < XR_SOURCES; i++) {
        input = json_object();
        (void) json_array_append_new(out, input);

        xrw_explain_text(input, "input",
                         xr_device_source_name((xr_source_t) i));
        (void) json_object_set(input, "given", e->given[i]);

        if (json_array_size(e->given[i]) == 0) {
            continue;
        }

        alone = xrw_explain_alone(&e->in, (xr_source_t) i);
        xr_device_read(e->devices, &alone, &said);

        b = xr_buf(token, sizeof(token));
        xr_device_token(&said, &b);

        if (said.source != XR_SOURCE_DEFAULT) {
            xrw_explain_text(input, "class",
                             xr_device_class_name(said.class));
        }

        xrw_explain_text(input, "alone", xr_buf_str(&b));

        if (said.rule.len > 0) {
            xrw_explain_text(input, "rule", said.rule);
        }

        (void) json_object_set_new(input, "decides",
                                   json_boolean((int) e->device.source == i));
    }
}


static void
xrw_explain_record(xrw_explain_t *e)
{
    char                names[XRW_EXPLAIN_NAMES];
    json_t             *out;
    xr_buf_t            b;
    const xr_device_t  *d;

    d = &e->device;
    out = json_object();
    (void) json_object_set_new(e->out, "device", out);

    xrw_explain_text(out, "class", xr_device_class_name(d->class));
    xrw_explain_text(out, "source", xr_device_source_name(d->source));

    if (d->rule.len > 0) {
        xrw_explain_text(out, "rule", d->rule);
    }

    b = xr_buf(names, sizeof(names));
    xr_device_token(d, &b);
    xrw_explain_text(out, "token", xr_buf_str(&b));

    xrw_explain_text(out, "use", xr_device_use_name(d->use));
    xrw_explain_text(out, "session", xr_device_session_name(d->session));

    b = xr_buf(names, sizeof(names));
    xr_device_tex_names(d->tex, &b);
    xrw_explain_text(out, "textures", xr_buf_str(&b));

    b = xr_buf(names, sizeof(names));
    xr_device_geo_names(d->geo, &b);
    xrw_explain_text(out, "geometry", xr_buf_str(&b));

    xrw_explain_uint(out, "max_dim", d->dim_max);
    xrw_explain_uint(out, "memory_gib", d->mem_gib);
    xrw_explain_uint(out, "dim", d->dim);
    xrw_explain_uint(out, "tris", d->tris);
    xrw_explain_uint(out, "bytes", (uint64_t) d->bytes_kib * 1024);
    xrw_explain_uint(out, "gpu_bytes", (uint64_t) d->gpu_kib * 1024);

    if (d->net <= XR_NET_MAX) {
        xrw_explain_uint(out, "net", d->net);
    }

    (void) json_object_set_new(out, "save_data", json_boolean(d->save_data));
}


static void
xrw_explain_budgets(xrw_explain_t *e)
{
    json_t               *out;
    xr_select_budgets_t   b;

    b = xr_select_budgets(&e->device, &e->wish);

    out = json_object();
    (void) json_object_set_new(e->out, "budgets", out);

    xrw_explain_text(out, "class", xr_device_class_name(b.class));
    xrw_explain_uint(out, "net", b.net);
    xrw_explain_uint(out, "bytes", b.bytes);
    xrw_explain_uint(out, "tris", b.tris);
    xrw_explain_uint(out, "dim", b.dim);
    xrw_explain_uint(out, "gpu_bytes", b.gpu);

    if (b.q != XR_SELECT_ANY) {
        xrw_explain_uint(out, "q", b.q);
    }

    if (e->wish.ceiling != XR_SELECT_ANY) {
        xrw_explain_uint(out, "ceiling", e->wish.ceiling);
    }
}


static json_t *
xrw_explain_bits(uint32_t bits, size_t n, xr_str_t (*name)(size_t i))
{
    size_t   i;
    json_t  *out;

    out = json_array();

    for (i = 0; i < n; i++) {

        if ((bits >> i & 1) != 0) {
            (void) json_array_append_new(out, xrw_json_text(name(i)));
        }
    }

    return out;
}


static void
xrw_explain_verdicts(xrw_explain_t *e, const xr_select_verdict_t *verdicts,
    const xr_select_t *chosen)
{
    size_t                      i;
    json_t                     *out, *line;
    const xr_select_verdict_t  *v;

    out = json_array();
    (void) json_object_set_new(e->out, "variants", out);

    for (i = 0; i < e->manifest.n; i++) {
        v = &verdicts[i];

        line = json_object();
        (void) json_array_append_new(out, line);

        xrw_explain_text(line, "id", v->id);
        xrw_explain_uint(line, "q", v->q);
        xrw_explain_uint(line, "bytes", v->bytes);
        xrw_explain_uint(line, "gpu_bytes", (uint64_t) v->gpu * 1000);
        (void) json_object_set_new(line, "preferred",
                                   json_boolean(v->preferred));
        (void) json_object_set_new(line, "dropped",
                                   xrw_explain_bits(v->dropped,
                                                    XR_SELECT_NO_BITS,
                                                    xr_select_dropped_name));
        (void) json_object_set_new(line, "over",
                                   xrw_explain_bits(v->over,
                                                    XR_SELECT_OVER_BITS,
                                                    xr_select_over_name));
        (void) json_object_set_new(line, "chosen",
                                   json_boolean(chosen->variant == (int) i));
    }
}


static xr_str_t
xrw_explain_why(xr_select_reason_t reason)
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

    return why[reason];
}


/* The sibling that is sent, and the name of what is asked of the origin. */

static void
xrw_explain_encoding(xrw_explain_t *e, const xr_manifest_variant_t *v,
    bool *varies)
{
    size_t                i, size;
    json_t               *out, *siblings;
    xr_buf_t              name;
    xr_encoding_t         coding;
    xr_encoding_accept_t  accept;

    out = json_object();
    siblings = json_object();
    (void) json_object_set_new(e->out, "encoding", out);
    (void) json_object_set_new(out, "siblings", siblings);

    for (i = XR_ENCODING_IDENTITY + 1; i < XR_ENCODINGS; i++) {

        if (v->encoded[i] != 0) {
            xrw_explain_uint(siblings,
                             xrw_text(e->arena,
                                      xr_encoding_name((xr_encoding_t) i)),
                             v->encoded[i]);
        }
    }

    coding = XR_ENCODING_IDENTITY;
    *varies = (!e->part && xr_variant_siblings(v));

    if (*varies) {

        if (e->accept_encoding.data == NULL) {
            xr_encoding_accept_none(&accept);

        } else {
            xr_encoding_accept(e->accept_encoding, &accept);
        }

        coding = xr_encoding_choose(&accept, xr_manifest_variant_encodings(v),
                                    v->encoded);

        if (coding == XR_ENCODING_NONE) {
            coding = XR_ENCODING_IDENTITY;
        }
    }

    xrw_explain_text(out, "coding", xr_encoding_name(coding));
    xrw_explain_uint(out, "bytes", coding == XR_ENCODING_IDENTITY
                                   ? v->bytes : v->encoded[coding]);

    size = e->object.len + sizeof(".xr/.zst") + XR_MANIFEST_PATH_MAX;
    name = xr_buf(xrw_alloc(e->arena, size), size);

    xr_manifest_variant_name(e->object, v, coding, &name);
    xrw_explain_text(out, "object", xr_buf_str(&name));
}


/* What an edge would send, as far as its configuration has no say in it. */

static void
xrw_explain_answer(xrw_explain_t *e, const xr_select_t *chosen,
    const xr_manifest_variant_t *v, bool encoded)
{
    bool      private;
    size_t    size;
    json_t   *out;
    xr_buf_t  b;
    xr_str_t  vary;

    out = json_object();
    (void) json_object_set_new(e->out, "headers", out);

    vary = xr_str(e->wish.variant.data != NULL
                  ? (encoded ? "Accept-Encoding" : "")
                  : encoded ? "Accept-Encoding, " XR_VARIANT_VARY
                            : XR_VARIANT_VARY);

    if (v != NULL) {
        size = XR_SELECT_FIELD_MAX
               + XR_VARIANT_LOCATION(e->sent.raw_path.len, v->path.len);

        b = xr_buf(xrw_alloc(e->arena, size), size);
        xr_select_field(chosen, &b);
        xrw_explain_text(out, "XR-Variant", xr_buf_str(&b));

        b = xr_buf(xrw_alloc(e->arena, size), size);
        xr_variant_location(e->sent.raw_path, v->path, &b);
        (void) json_object_set_new(out, "Content-Location",
                                   xrw_json_text(xr_buf_str(&b)));
    }

    if (vary.len > 0) {
        (void) json_object_set_new(out, "Vary", xrw_json_text(vary));
    }

    private = e->manifest.narms != 0
              || (e->wish.variant.data == NULL
                  && e->device.source != XR_SOURCE_QUERY);

    if (v == NULL) {
        xrw_explain_text(out, "Cache-Control", xr_str("no-store"));

    } else if (xr_select_instead(&e->manifest, &e->device, &e->wish, chosen)) {
        xrw_explain_text(out, "Cache-Control", xr_str(XR_VARIANT_INSTEAD));

    } else if (private) {
        xrw_explain_text(out, "Cache-Control", xr_str(XR_VARIANT_PRIVATE));
    }

    if (v != NULL) {
        (void) json_object_set_new(out, "Link", xrw_links(e, v, private));
    }

    xrw_explain_text(out, "Accept-CH", xr_str(XR_VARIANT_ACCEPT_CH));
    xrw_explain_text(out, "Critical-CH", xr_str(XR_VARIANT_CRITICAL_CH));
}


static void
xrw_explain_chosen(xrw_explain_t *e)
{
    bool                    encoded, found;
    json_t                 *out;
    xr_select_t             chosen;
    xr_select_verdict_t     verdicts[XR_MANIFEST_VARIANTS];
    xr_manifest_variant_t   v;

    if (e->manifest.narms != 0) {
        e->wish.seed = xr_select_seed(e->tenant, e->object, e->subject);
    }

    found = xr_select_explain(&e->manifest, &e->device, &e->wish, verdicts,
                              &chosen)
            == XR_OK
            && xr_manifest_variant(&e->manifest, (size_t) chosen.variant, &v);

    if (chosen.arm.len > 0) {
        out = json_object();
        (void) json_object_set_new(e->out, "split", out);
        xrw_explain_text(out, "arm", chosen.arm);
        xrw_explain_text(out, "subject", e->subject);
        xrw_explain_text(out, "subject_by", xr_str(e->subject_by));
    }

    xrw_explain_verdicts(e, verdicts, &chosen);

    out = json_object();
    (void) json_object_set_new(e->out, "answer", out);
    xrw_explain_uint(out, "status", found ? 200 : 404);
    xrw_explain_text(out, "is", xr_str(found ? "variant" : "nothing"));

    if (found) {
        xrw_explain_text(out, "variant", chosen.id);
    }

    xrw_explain_text(out, "reason", xr_select_reason_name(chosen.reason));
    xrw_explain_text(out, "why", xrw_explain_why(chosen.reason));

    encoded = false;

    if (found) {
        xrw_explain_encoding(e, &v, &encoded);
    }

    xrw_explain_answer(e, &chosen, found ? &v : NULL, encoded);
}


static int
xrw_explain_missing(const xrw_command_t *cmd, xrw_explain_t *e)
{
    int          index;
    size_t       i;
    const char  *id;

    for (i = 0; i < e->flags->missing.n; i++) {
        id = e->flags->missing.items[i];
        index = xr_manifest_find(&e->manifest, xr_str(id));

        if (index == XR_MANIFEST_NONE) {
            return xrw_usage(cmd, "--missing %s: the manifest has no such "
                             "variant", id);
        }

        e->wish.missing |= UINT64_C(1) << index;
    }

    return XRW_OK;
}


/* What is sent as it is, or NULL: it depends on the device. */

static const char *
xrw_explain_plain(const xrw_explain_t *e)
{
    if (xr_variant_immutable(e->object)) {
        return "a variant, by its own name";
    }

    if (!xr_variant_wanted(e->object)) {
        return "the object, of a type that has no variants";
    }

    return (xr_variant_arg(e->sent.query, xr_str("xr_manifest")).data != NULL)
           ? "the manifest" : NULL;
}


int
xrw_explain_choice(const xrw_command_t *cmd, xrw_explain_t *e)
{
    int          status;
    json_t      *out;
    const char  *plain;

    status = xrw_explain_devices(e);

    if (status == XRW_OK) {
        status = xrw_explain_manifest(e->arena, e->flags->manifest,
                                      &e->manifest);
    }

    if (status == XRW_OK) {
        status = xrw_explain_missing(cmd, e);
    }

    if (status != XRW_OK) {
        return status;
    }

    e->in.trusted = e->flags->trusted;
    e->wish.devices = e->devices;
    xr_device_read(e->devices, &e->in, &e->device);

    xrw_explain_inputs(e);
    xrw_explain_record(e);

    plain = xrw_explain_plain(e);

    if (plain == NULL) {
        xrw_explain_budgets(e);
        xrw_explain_chosen(e);
        return XRW_OK;
    }

    out = json_object();
    (void) json_object_set_new(e->out, "answer", out);
    xrw_explain_uint(out, "status", 200);
    xrw_explain_text(out, "is", xr_str(plain));

    if (xr_variant_immutable(e->object)) {
        out = json_object();
        (void) json_object_set_new(e->out, "headers", out);
        xrw_explain_text(out, "Cache-Control", xr_str(XR_VARIANT_IMMUTABLE));
    }

    return XRW_OK;
}
