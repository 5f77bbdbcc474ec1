/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "explain.h"
#include "io.h"
#include "links.h"
#include "xr_explain.h"
#include "xr_variant.h"


/* All that libxr writes at once. */

#define XRW_EXPLAIN_JSON  ((size_t) 256 * 1024)


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


xr_buf_t
xrw_explain_write(xrw_explain_t *e)
{
    xr_buf_t  b;

    b = xr_buf(xrw_alloc(e->arena, XRW_EXPLAIN_JSON), XRW_EXPLAIN_JSON);
    xr_buf_putc(&b, '{');

    return b;
}


void
xrw_explain_take(json_t *out, xr_buf_t *b)
{
    json_t  *members;

    xr_buf_putc(b, '}');

    members = json_loadb((const char *) b->data, b->len, 0, NULL);

    (void) json_object_update(out, members);
    json_decref(members);
}


/* The sibling that is sent, and the name of what is asked of the origin. */

static void
xrw_explain_encoding(xrw_explain_t *e, const xr_manifest_variant_t *v,
    bool *varies)
{
    xr_buf_t              b;
    xr_encoding_accept_t  accept;

    *varies = (!e->part && xr_variant_siblings(v));

    if (e->accept_encoding.data == NULL) {
        xr_encoding_accept_none(&accept);

    } else {
        xr_encoding_accept(e->accept_encoding, &accept);
    }

    b = xrw_explain_write(e);
    xr_explain_choice_encoding(e->object, v, *varies ? &accept : NULL, &b);
    xrw_explain_take(e->out, &b);
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
                  && e->device.source != XR_SOURCE_QUERY)
              || (v != NULL
                  && xr_select_swayed(&e->manifest, e->devices, e->in.query,
                                      &e->device, &e->wish, chosen->variant,
                                      xr_variant_has_levels(v->path)));

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
    xr_buf_t                b;
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

    b = xrw_explain_write(e);
    xr_explain_choice_variants(&e->manifest, verdicts, &chosen, &b);
    xrw_explain_take(e->out, &b);

    out = json_object();
    (void) json_object_set_new(e->out, "answer", out);
    xrw_explain_uint(out, "status", found ? 200 : 404);
    xrw_explain_text(out, "is", xr_str(found ? "variant" : "nothing"));

    b = xrw_explain_write(e);
    xr_explain_choice_reason(&chosen, &b);
    xrw_explain_take(out, &b);

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
    xr_buf_t     b;
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

    plain = xrw_explain_plain(e);

    b = xrw_explain_write(e);
    xr_explain_choice_inputs(e->devices, &e->in, &e->device, &b);
    xr_explain_choice_device(&e->device, &b);

    if (plain == NULL) {
        xr_explain_choice_budgets(&e->device, &e->wish, &b);
    }

    xrw_explain_take(e->out, &b);

    if (plain == NULL) {
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
