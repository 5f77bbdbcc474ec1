/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack.h"
#include "coverage.h"

#include <stdlib.h>
#include <string.h>


static uint64_t
xrw_pack_kilobytes(uint64_t pixels, uint64_t bits)
{
    return (pixels * bits / 8 + 999) / 1000;
}


bool
xrw_pack_fits(const xrw_pack_variant_t *v, xr_class_t class)
{
    uint64_t     gpu;
    xr_device_t  device;

    xr_device_budgets(xr_devices_default(), class, &device);

    gpu = v->pixels * ((v->tex & XR_TEX_BASIS) != 0 ? 8 : 32) / 8;

    return v->data.len <= (uint64_t) device.bytes_kib * 1024
           && v->tris <= device.tris && v->maxdim <= device.dim
           && gpu <= (uint64_t) device.gpu_kib * 1024;
}


static json_t *
xrw_pack_words(uint32_t bits, void (*names)(uint32_t bits, xr_buf_t *b))
{
    uint8_t    memory[256];
    json_t    *list;
    xr_buf_t   b;
    xr_str_t   rest, word;

    b = xr_buf(memory, sizeof(memory));
    names(bits, &b);
    list = json_array();

    for (rest = xr_buf_str(&b); rest.len > 0; ) {
        word = xr_str_cut(&rest, ' ');
        (void) json_array_append_new(list, json_stringn(
                                         (const char *) word.data, word.len));
    }

    return list;
}


static json_t *
xrw_pack_need(const xrw_pack_variant_t *v)
{
    json_t  *need;

    need = json_object();

    if (v->tex != 0) {
        (void) json_object_set_new(need, "tex", xrw_pack_words(
                                       v->tex, xr_device_tex_names));
    }

    if (v->geo != 0) {
        (void) json_object_set_new(need, "geo", xrw_pack_words(
                                       v->geo, xr_device_geo_names));
    }

    if (v->maxdim != 0) {
        (void) json_object_set_new(need, "dim",
                                   json_integer((json_int_t) v->maxdim));
    }

    return need;
}


/* Classes that it is meant for, and within whose budgets it is. */

static json_t *
xrw_pack_for(const xrw_pack_variant_t *v)
{
    json_t      *uses, *classes;
    xr_str_t     name;
    xr_use_t     use;
    xr_class_t   class;

    uses = json_array();
    classes = json_array();

    for (use = XR_USE_VIEW; use < XR_USES; use++) {

        if ((v->uses & XR_MANIFEST_BIT(use)) != 0) {
            name = xr_device_use_name(use);
            (void) json_array_append_new(uses, json_stringn(
                                         (const char *) name.data, name.len));
        }
    }

    for (class = XR_CLASS_X; class < XR_CLASSES; class++) {

        if ((v->classes & XR_MANIFEST_BIT(class)) != 0
            && xrw_pack_fits(v, class))
        {
            name = xr_device_class_name(class);
            (void) json_array_append_new(classes, json_stringn(
                                         (const char *) name.data, name.len));
        }
    }

    return json_pack("{s:o, s:o}", "use", uses, "classes", classes);
}


/* What to send where this one is missing: of its level, then of those below. */

static json_t *
xrw_pack_alts(const xrw_pack_t *p, size_t i)
{
    size_t   k, pass;
    json_t  *alts;

    alts = json_array();

    for (pass = 0; pass < 2; pass++) {

        for (k = 0; k < p->n && json_array_size(alts) < XR_MANIFEST_ALTS; k++)
        {
            if (k != i && (p->variants[k].q + 5 >= p->variants[i].q
                           && p->variants[k].q <= p->variants[i].q + 5)
                          == (pass == 0)
                && (pass == 0 || p->variants[k].q < p->variants[i].q))
            {
                (void) json_array_append_new(alts,
                                             json_string(p->variants[k].id));
            }
        }
    }

    return alts;
}


static json_t *
xrw_pack_entry(const xrw_pack_t *p, size_t i)
{
    json_t                    *v, *enc;
    const xrw_pack_variant_t  *from;

    from = &p->variants[i];
    enc = json_object();

    if (from->encoded[XR_ENCODING_BR].len > 0) {
        (void) json_object_set_new(enc, "br", json_integer((json_int_t)
                                   from->encoded[XR_ENCODING_BR].len));
    }

    if (from->encoded[XR_ENCODING_ZSTD].len > 0) {
        (void) json_object_set_new(enc, "zstd", json_integer((json_int_t)
                                   from->encoded[XR_ENCODING_ZSTD].len));
    }

    v = json_pack("{s:s, s:s, s:s, s:I, s:s%, s:I, s:I, s:I, s:I}",
                  "id", from->id, "path", from->path, "type", from->type,
                  "bytes", (json_int_t) from->data.len,
                  "sha256", from->path, (size_t) 2 * XR_SHA256_SIZE,
                  "q", (json_int_t) from->q, "tris", (json_int_t) from->tris,
                  "draws", (json_int_t) from->draws,
                  "maxdim", (json_int_t) from->maxdim);

    (void) json_object_set_new(v, "gpu", json_pack(
        "{s:I, s:I, s:I}",
        "rgba8", (json_int_t) xrw_pack_kilobytes(from->pixels, 32),
        "bpp8", (json_int_t) xrw_pack_kilobytes(from->pixels, 8),
        "bpp4", (json_int_t) xrw_pack_kilobytes(from->pixels, 4)));

    if (from->etc1s) {
        (void) json_object_set_new(v, "etc1s", json_true());
    }

    (void) json_object_set_new(v, "need", xrw_pack_need(from));
    (void) json_object_set_new(v, "for", xrw_pack_for(from));

    if (json_object_size(enc) > 0) {
        (void) json_object_set(v, "enc", enc);
    }

    json_decref(enc);

    if (from->seg != NULL) {
        (void) json_object_set(v, "seg", from->seg);
    }

    (void) json_object_set_new(v, "alts", xrw_pack_alts(p, i));

    return v;
}


/* The one for clients that nothing is known of: it needs least. */

static const char *
xrw_pack_fallback(const xrw_pack_t *p)
{
    size_t  i, best;

    best = p->n;

    for (i = 0; i < p->n; i++) {

        if (p->variants[i].tex != 0 || p->variants[i].geo != 0) {
            continue;
        }

        if (best == p->n
            || (!xrw_pack_fits(&p->variants[best], XR_CLASS_X)
                && p->variants[i].data.len < p->variants[best].data.len))
        {
            best = i;
        }
    }

    return (best < p->n) ? p->variants[best].id : NULL;
}


bool
xrw_pack_manifest(xrw_pack_t *p, xr_str_t *out)
{
    char        *text;
    size_t       i;
    json_t      *root, *list;
    xr_buf_t     image;
    xr_err_t     err;
    const char  *fallback;

    list = json_array();

    for (i = 0; i < p->n; i++) {
        (void) json_array_append_new(list, xrw_pack_entry(p, i));
    }

    fallback = xrw_pack_fallback(p);

    root = json_pack("{s:i, s:s, s:s, s:s, s:s*, s:s*, s:o}", "v", 1,
                     "id", p->name, "rev", p->rev, "preset", p->preset->name,
                     "default", fallback, "fallback", fallback,
                     "variants", list);

    if (json_array_size(p->warnings) > 0) {
        (void) json_object_set(root, "warnings", p->warnings);
    }

    text = json_dumps(root, JSON_COMPACT);
    json_decref(root);

    if (text == NULL) {
        return xrw_pack_fail(p, "memory", "there is no memory for it", NULL);
    }

    *out = xr_str(xrw_format(p->arena, "%s\n", text));
    free(text);

    /* what an edge would not take must not be published */

    image = xr_buf(xrw_alloc(p->arena, XR_MANIFEST_IMAGE_MAX),
                   XR_MANIFEST_IMAGE_MAX);

    return xr_manifest_compile(*out, &image, &err) == XR_OK
           || xrw_pack_fail(p, "manifest", "its manifest is not valid",
                            err.what);
}


json_t *
xrw_pack_coverage(xrw_pack_t *p, xr_str_t manifest)
{
    xr_buf_t       image;
    xr_manifest_t  m;

    image = xr_buf(xrw_alloc(p->arena, XR_MANIFEST_IMAGE_MAX),
                   XR_MANIFEST_IMAGE_MAX);

    return (xr_manifest_compile(manifest, &image, NULL) == XR_OK
            && xr_manifest_open(xr_buf_str(&image), &m))
           ? xrw_coverage_json(&m) : json_object();
}
