/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_manifest_image.h"

#include <string.h>


/*
 * Whatever is read of an image goes through these two: a reference that leads
 * out of it is nothing.
 */

static xr_str_t
xr_manifest_ref(xr_str_t image, xr_manifest_ref_t ref)
{
    if (ref.pos > image.len || ref.len > image.len - ref.pos) {
        return xr_str_of(NULL, 0);
    }

    return xr_str_of(image.data + ref.pos, ref.len);
}


/* Copies record "i" of those of "size" bytes that begin at "pos". */

static bool
xr_manifest_record(xr_str_t image, size_t pos, size_t i, size_t size,
    void *out)
{
    if (pos > image.len || i >= (image.len - pos) / size) {
        return false;
    }

    memcpy(out, image.data + pos + i * size, size);

    return true;
}


static bool
xr_manifest_index_ok(int16_t i, uint16_t n)
{
    return i >= XR_MANIFEST_NONE && i < (int) n;
}


bool
xr_manifest_open(xr_str_t image, xr_manifest_t *out)
{
    xr_manifest_head_t  head;

    if (image.len > XR_MANIFEST_IMAGE_MAX
        || !xr_manifest_record(image, 0, 0, sizeof(head), &head))
    {
        return false;
    }

    if (head.magic != XR_MANIFEST_MAGIC || head.size != image.len
        || head.variants == 0 || head.variants > XR_MANIFEST_VARIANTS
        || head.arms > XR_MANIFEST_ARMS
        || !xr_manifest_index_ok(head.fallback, head.variants)
        || !xr_manifest_index_ok(head.preset, head.variants))
    {
        return false;
    }

    *out = (xr_manifest_t) {
        .image = image,
        .n = head.variants,
        .fallback = head.fallback,
        .preset = head.preset,
        .id = xr_manifest_ref(image, head.id),
        .rev = xr_manifest_ref(image, head.rev),
        .salt = xr_manifest_ref(image, head.salt),
        .narms = head.arms
    };

    return true;
}


static void
xr_manifest_variant_needs(const xr_manifest_record_t *record,
    xr_manifest_variant_t *out)
{
    out->need_unknown = record->need_unknown != 0;
    out->need_tex = record->need_tex;
    out->need_geo = record->need_geo;
    out->need_dim = record->need_dim;
    out->need_mem = record->need_mem;
    out->need_xr = record->need_xr;
    out->uses = record->uses;
    out->classes = record->classes;
}


/*
 * A variant without a name, or with an absurd one, is damaged.  Lists that do
 * are empty: they are of use to those who know better only.
 */

bool
xr_manifest_variant(const xr_manifest_t *m, size_t i,
    xr_manifest_variant_t *out)
{
    xr_str_t              id, path, type, alts, segments;
    xr_manifest_record_t  record;

    if (i >= m->n || !xr_manifest_record(m->image, sizeof(xr_manifest_head_t),
                                         i, sizeof(record), &record))
    {
        return false;
    }

    id = xr_manifest_ref(m->image, record.id);
    path = xr_manifest_ref(m->image, record.path);
    type = xr_manifest_ref(m->image, record.type);
    alts = xr_manifest_ref(m->image, record.alts);
    segments = xr_manifest_ref(m->image, record.segments);

    if (id.len == 0 || id.len > XR_MANIFEST_ID_MAX || path.len == 0
        || path.len > XR_MANIFEST_PATH_MAX || type.len > XR_MANIFEST_TYPE_MAX
        || alts.len > XR_MANIFEST_ALTS)
    {
        return false;
    }

    *out = (xr_manifest_variant_t) {
        .id = id,
        .path = path,
        .type = type,
        .bytes = record.bytes,
        .tris = record.tris,
        .draws = record.draws,
        .maxdim = record.maxdim,
        .q = record.q,
        .etc1s = record.etc1s != 0,
        .nalts = alts.len,
        .nsegments = segments.len / sizeof(xr_manifest_segment_record_t),
        .alts_pos = record.alts.pos,
        .segments_pos = record.segments.pos
    };

    memcpy(out->encoded, record.encoded, sizeof(out->encoded));
    memcpy(out->sha256, record.sha256, sizeof(out->sha256));
    memcpy(out->gpu, record.gpu, sizeof(out->gpu));

    if (out->nsegments > XR_MANIFEST_SEGMENTS) {
        out->nsegments = XR_MANIFEST_SEGMENTS;
    }

    xr_manifest_variant_needs(&record, out);

    return true;
}


bool
xr_manifest_arm(const xr_manifest_t *m, size_t i, xr_manifest_arm_t *out)
{
    xr_str_t                  name;
    xr_manifest_arm_record_t  record;

    if (i >= m->narms
        || !xr_manifest_record(m->image,
                               sizeof(xr_manifest_head_t)
                               + m->n * sizeof(xr_manifest_record_t),
                               i, sizeof(record), &record))
    {
        return false;
    }

    name = xr_manifest_ref(m->image, record.name);

    if (name.len == 0 || name.len > XR_MANIFEST_ID_MAX
        || record.weight > XR_MANIFEST_WEIGHTS)
    {
        return false;
    }

    *out = (xr_manifest_arm_t) { name, record.weight, record.variants };

    return true;
}


bool
xr_manifest_segment(const xr_manifest_t *m, const xr_manifest_variant_t *v,
    size_t i, xr_manifest_segment_t *out)
{
    xr_str_t                      name;
    xr_manifest_segment_record_t  record;

    if (i >= v->nsegments
        || !xr_manifest_record(m->image, v->segments_pos, i, sizeof(record),
                               &record))
    {
        return false;
    }

    name = xr_manifest_ref(m->image, record.name);

    if (name.len == 0 || name.len > XR_MANIFEST_SEGMENT_NAME_MAX
        || record.offset > v->bytes
        || record.bytes > v->bytes - record.offset)
    {
        return false;
    }

    *out = (xr_manifest_segment_t) { name, record.offset, record.bytes };

    return true;
}


bool
xr_manifest_alt(const xr_manifest_t *m, const xr_manifest_variant_t *v,
    size_t i, size_t *variant)
{
    uint8_t  index;

    if (i >= v->nalts
        || !xr_manifest_record(m->image, v->alts_pos, i, 1, &index)
        || index >= m->n)
    {
        return false;
    }

    *variant = index;

    return true;
}


int
xr_manifest_find(const xr_manifest_t *m, xr_str_t id)
{
    size_t                i;
    xr_manifest_record_t  record;

    if (id.len == 0) {
        return XR_MANIFEST_NONE;
    }

    for (i = 0; i < m->n; i++) {

        if (xr_manifest_record(m->image, sizeof(xr_manifest_head_t), i,
                               sizeof(record), &record)
            && xr_str_eq(xr_manifest_ref(m->image, record.id), id))
        {
            return (int) i;
        }
    }

    return XR_MANIFEST_NONE;
}


static void
xr_manifest_folder(xr_str_t object, xr_buf_t *out)
{
    xr_buf_put(out, object);
    xr_buf_puts(out, ".xr/");
}


void
xr_manifest_name(xr_str_t object, xr_buf_t *out)
{
    xr_manifest_folder(object, out);
    xr_buf_puts(out, "manifest.json");
}


void
xr_manifest_variant_name(xr_str_t object, const xr_manifest_variant_t *v,
    xr_encoding_t encoding, xr_buf_t *out)
{
    xr_manifest_folder(object, out);
    xr_buf_put(out, v->path);
    xr_buf_put(out, xr_encoding_suffix(encoding));
}


unsigned
xr_manifest_variant_encodings(const xr_manifest_variant_t *v)
{
    unsigned       available;
    xr_encoding_t  e;

    available = XR_ENCODING_BIT(XR_ENCODING_IDENTITY);

    for (e = XR_ENCODING_IDENTITY + 1; e < XR_ENCODINGS; e++) {

        if (v->encoded[e] > 0) {
            available |= XR_ENCODING_BIT(e);
        }
    }

    return available;
}
