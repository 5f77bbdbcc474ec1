/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_manifest_parse.h"

#include <string.h>


enum {
    XR_MANIFEST_V = 0,
    XR_MANIFEST_OF,
    XR_MANIFEST_REV,
    XR_MANIFEST_LIST,
    XR_MANIFEST_PRESET,
    XR_MANIFEST_FALLBACK,
    XR_MANIFEST_SPLIT,
    XR_MANIFEST_ROOT
};


xr_str_t
xr_manifest_ref(xr_str_t image, xr_manifest_ref_t ref)
{
    if (ref.pos > image.len || ref.len > image.len - ref.pos) {
        return xr_str_of(NULL, 0);
    }

    return xr_str_of(image.data + ref.pos, ref.len);
}


bool
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
    xr_str_t              id, path, type, alts, segments, links;
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
    links = xr_manifest_ref(m->image, record.links);

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
        .nlinks = links.len / sizeof(xr_manifest_link_record_t),
        .alts_pos = record.alts.pos,
        .segments_pos = record.segments.pos,
        .links_pos = record.links.pos
    };

    memcpy(out->encoded, record.encoded, sizeof(out->encoded));
    memcpy(out->sha256, record.sha256, sizeof(out->sha256));
    memcpy(out->gpu, record.gpu, sizeof(out->gpu));

    if (out->nsegments > XR_MANIFEST_SEGMENTS) {
        out->nsegments = XR_MANIFEST_SEGMENTS;
    }

    if (out->nlinks > XR_MANIFEST_LINKS) {
        out->nlinks = XR_MANIFEST_LINKS;
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


bool
xr_manifest_link(const xr_manifest_t *m, const xr_manifest_variant_t *v,
    size_t i, xr_manifest_link_t *out)
{
    xr_str_t                   path, type;
    xr_manifest_link_record_t  record;

    if (i >= v->nlinks
        || !xr_manifest_record(m->image, v->links_pos, i, sizeof(record),
                               &record))
    {
        return false;
    }

    path = xr_manifest_ref(m->image, record.path);
    type = xr_manifest_ref(m->image, record.type);

    if (path.len == 0 || path.len > XR_MANIFEST_PATH_MAX
        || type.len > XR_MANIFEST_TYPE_MAX || xr_str_has_control(type)
        || record.as >= XR_MANIFEST_AS)
    {
        return false;
    }

    *out = (xr_manifest_link_t) { path, type, (xr_manifest_as_t) record.as };

    return true;
}


xr_str_t
xr_manifest_as_name(xr_manifest_as_t as)
{
    static const xr_str_t  names[XR_MANIFEST_AS] = {
        [XR_MANIFEST_AS_FETCH] = XR_STR("fetch"),
        [XR_MANIFEST_AS_FONT] = XR_STR("font"),
        [XR_MANIFEST_AS_IMAGE] = XR_STR("image"),
        [XR_MANIFEST_AS_SCRIPT] = XR_STR("script"),
        [XR_MANIFEST_AS_STYLE] = XR_STR("style"),
        [XR_MANIFEST_AS_TRACK] = XR_STR("track")
    };

    return names[as];
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


static void
xr_manifest_put(const xr_manifest_parse_t *p, size_t pos, const void *record,
    size_t size)
{
    memcpy(p->out->data + pos, record, size);
}


static size_t
xr_manifest_record_pos(size_t i)
{
    return sizeof(xr_manifest_head_t) + i * sizeof(xr_manifest_record_t);
}


/* Zeroes that records are written over once they are known. */

static void
xr_manifest_reserve(const xr_manifest_parse_t *p, size_t size)
{
    memset(p->out->data + p->out->len, 0, size);
    p->out->len += size;
}


static size_t
xr_manifest_count(const xr_json_t *v)
{
    size_t          n;
    xr_json_t       item;
    xr_json_iter_t  it;

    it = xr_json_iter(v);

    for (n = 0; xr_json_next(&it, NULL, &item); n++) {
        /* void */
    }

    return n;
}


static xr_rc_t
xr_manifest_variants(xr_manifest_parse_t *p, const xr_json_t *v)
{
    xr_rc_t               rc;
    xr_json_t             item;
    xr_json_iter_t        it;
    xr_manifest_record_t  record;

    it = xr_json_iter(v);

    while (xr_json_next(&it, NULL, &item)) {
        rc = xr_manifest_variant_parse(p, &item, &record);

        if (rc != XR_OK) {
            return rc;
        }

        xr_manifest_put(p, xr_manifest_record_pos(p->n), &record,
                        sizeof(record));
        p->ids[p->n++] = xr_manifest_value_ref(p, record.id);
    }

    return XR_OK;
}


static xr_rc_t
xr_manifest_alts_of(const xr_manifest_parse_t *p, size_t i,
    const xr_json_t *v)
{
    size_t                n, alt;
    xr_rc_t               rc;
    uint8_t               alts[XR_MANIFEST_ALTS];
    xr_json_t             item;
    xr_json_iter_t        it;
    xr_manifest_record_t  record;

    rc = xr_manifest_value_array(p, v);

    if (rc != XR_OK) {
        return rc;
    }

    n = 0;
    it = xr_json_iter(v);

    while (xr_json_next(&it, NULL, &item)) {

        if (n == XR_MANIFEST_ALTS) {
            return xr_manifest_value_fail(p, &item, "is one of more than 8");
        }

        rc = xr_manifest_value_known(p, &item, &alt);

        if (rc != XR_OK) {
            return rc;
        }

        alts[n++] = (uint8_t) alt;
    }

    memcpy(&record, p->out->data + xr_manifest_record_pos(i), sizeof(record));
    record.alts = (xr_manifest_ref_t) {
        (uint32_t) p->out->len, (uint32_t) n
    };
    xr_buf_put(p->out, xr_str_of(alts, n));
    xr_manifest_put(p, xr_manifest_record_pos(i), &record, sizeof(record));

    return XR_OK;
}


/* All ids are known by now. */

static xr_rc_t
xr_manifest_alts(const xr_manifest_parse_t *p, const xr_json_t *v)
{
    size_t          i;
    xr_rc_t         rc;
    xr_json_t       item, alts;
    xr_json_iter_t  it;

    static const xr_str_t  names[] = { XR_STR("alts") };

    it = xr_json_iter(v);

    for (i = 0; xr_json_next(&it, NULL, &item); i++) {
        rc = xr_manifest_value_object(p, &item, names, 1, &alts);

        if (rc == XR_OK && xr_manifest_given(&alts)) {
            rc = xr_manifest_alts_of(p, i, &alts);
        }

        if (rc != XR_OK) {
            return rc;
        }
    }

    return XR_OK;
}


static xr_rc_t
xr_manifest_root(const xr_manifest_parse_t *p, xr_json_t *values)
{
    xr_rc_t    rc;
    uint64_t   version;
    xr_json_t  root;

    static const xr_str_t          names[XR_MANIFEST_ROOT] = {
        XR_STR("v"), XR_STR("id"), XR_STR("rev"), XR_STR("variants"),
        XR_STR("default"), XR_STR("fallback"), XR_STR("split")
    };
    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    rc = xr_json_check(p->text, &limits, &root, p->err);

    if (rc == XR_OK) {
        rc = xr_manifest_value_object(p, &root, names, XR_MANIFEST_ROOT,
                                      values);
    }

    if (rc != XR_OK) {
        return rc;
    }

    if (!xr_manifest_given(&values[XR_MANIFEST_V])) {
        return xr_manifest_value_fail(p, &root, "has no \"v\"");
    }

    if (!xr_manifest_given(&values[XR_MANIFEST_LIST])) {
        return xr_manifest_value_fail(p, &root, "has no \"variants\"");
    }

    rc = xr_manifest_value_uint(p, &values[XR_MANIFEST_V], 1, &version);

    if (rc != XR_OK || version != 1) {
        return xr_manifest_value_fail(p, &values[XR_MANIFEST_V],
                                      "is not version 1");
    }

    return xr_manifest_value_array(p, &values[XR_MANIFEST_LIST]);
}


static xr_rc_t
xr_manifest_pointer(const xr_manifest_parse_t *p, const xr_json_t *v,
    int16_t *out)
{
    size_t   i;
    xr_rc_t  rc;

    *out = XR_MANIFEST_NONE;

    if (!xr_manifest_given(v)) {
        return XR_OK;
    }

    rc = xr_manifest_value_known(p, v, &i);

    if (rc == XR_OK) {
        *out = (int16_t) i;
    }

    return rc;
}


static xr_rc_t
xr_manifest_head(xr_manifest_parse_t *p, const xr_json_t *values,
    xr_manifest_head_t *head)
{
    xr_rc_t  rc;

    rc = xr_manifest_pointer(p, &values[XR_MANIFEST_PRESET], &head->preset);

    if (rc == XR_OK) {
        rc = xr_manifest_pointer(p, &values[XR_MANIFEST_FALLBACK],
                                 &head->fallback);
    }

    if (rc == XR_OK && xr_manifest_given(&values[XR_MANIFEST_OF])) {
        rc = xr_manifest_value_text(p, &values[XR_MANIFEST_OF],
                                    XR_MANIFEST_NAME_MAX, &head->id);
    }

    if (rc == XR_OK && xr_manifest_given(&values[XR_MANIFEST_REV])) {
        rc = xr_manifest_value_text(p, &values[XR_MANIFEST_REV],
                                    XR_MANIFEST_REV_MAX, &head->rev);
    }

    return rc;
}


xr_rc_t
xr_manifest_compile(xr_str_t json, xr_buf_t *out, xr_err_t *err)
{
    size_t               n;
    xr_rc_t              rc;
    xr_json_t            values[XR_MANIFEST_ROOT];
    xr_manifest_head_t   head;
    xr_manifest_parse_t  p;

    if (json.len > XR_MANIFEST_TEXT_MAX) {
        return xr_fail(err, XR_INVALID, 0, "is larger than 256 KiB");
    }

    if (out->len != 0 || out->size < XR_MANIFEST_IMAGE_MAX) {
        return xr_fail(err, XR_NO_SPACE, 0, "has no room");
    }

    p = (xr_manifest_parse_t) { .text = json, .out = out, .err = err };
    rc = xr_manifest_root(&p, values);

    if (rc != XR_OK) {
        return rc;
    }

    n = xr_manifest_count(&values[XR_MANIFEST_LIST]);

    if (n == 0 || n > XR_MANIFEST_VARIANTS) {
        return xr_manifest_value_fail(&p, &values[XR_MANIFEST_LIST],
                                      "has not 1 to 64 variants");
    }

    memset(&head, 0, sizeof(head));
    head.magic = XR_MANIFEST_MAGIC;
    head.variants = (uint16_t) n;

    xr_manifest_reserve(&p, xr_manifest_record_pos(n));
    xr_manifest_reserve(&p, XR_MANIFEST_ARMS
                            * sizeof(xr_manifest_arm_record_t));

    rc = xr_manifest_variants(&p, &values[XR_MANIFEST_LIST]);

    if (rc == XR_OK) {
        rc = xr_manifest_alts(&p, &values[XR_MANIFEST_LIST]);
    }

    if (rc == XR_OK) {
        rc = xr_manifest_head(&p, values, &head);
    }

    if (rc == XR_OK && xr_manifest_given(&values[XR_MANIFEST_SPLIT])) {
        rc = xr_manifest_split_parse(&p, &values[XR_MANIFEST_SPLIT], &head);
    }

    if (rc != XR_OK) {
        return rc;
    }

    if (!xr_buf_ok(out)) {
        return xr_fail(err, XR_NO_SPACE, 0, "does not fit");
    }

    head.size = (uint32_t) out->len;
    xr_manifest_put(&p, 0, &head, sizeof(head));

    return XR_OK;
}
